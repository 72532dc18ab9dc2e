//! The heap of the default scheme: live resources and nullifiers, each an authenticated map.

use alloc::vec::Vec;

use crate::digest::{Digest, Domain, NULLIFIER_BUCKET, NULLIFIER_NODE, RESOURCE_BUCKET, RESOURCE_NODE, hash_root};
use crate::error::HeapError;
use crate::id::{IdSource, ResourceId};
use crate::planted::planted;
use crate::resource::{Resource, ResourceKind, stored_kind};
use crate::snapshot::Snapshot;
use crate::stored::StoredResource;
use crate::tree::{Leaf, Stored, Tree};
use crate::verify::contents_digest;

/// Changes whose places are fetched together: enough for their cache misses to overlap, few enough for what was fetched
/// to be there still when it is used.
pub(crate) const AT_ONCE: usize = 128;

/// A live resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The digest of the stored form.
    pub(crate) contents: Digest,
    pub(crate) stored: StoredResource,
}

impl Held {
    pub(crate) fn new(stored: &[u8]) -> Held {
        Held { contents: contents_digest(stored), stored: stored.into() }
    }
}

impl Stored for Held {
    const BUCKET: Domain = RESOURCE_BUCKET;
    const NODE: Domain = RESOURCE_NODE;
    const CELL: usize = 64;

    fn write_cell(&self, key: &Digest, out: &mut [u8]) {
        out[..32].copy_from_slice(key);
        out[32..].copy_from_slice(&self.contents);
    }
}

/// A nullifier has no contents: that it is there is all it says.
#[derive(Clone, Copy)]
pub(crate) struct Nullifier;

impl Stored for Nullifier {
    const BUCKET: Domain = NULLIFIER_BUCKET;
    const NODE: Domain = NULLIFIER_NODE;
    const CELL: usize = 32;

    fn write_cell(&self, key: &Digest, out: &mut [u8]) {
        out.copy_from_slice(key);
    }
}

/// What a heap's root is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commitment {
    /// Root of the tree of live resources.
    pub resources: [u8; 32],
    /// How many there are.
    pub live: u64,
    /// Root of the tree of nullifiers.
    pub nullifiers: [u8; 32],
    /// How many there are.
    pub spent: u64,
}

impl Commitment {
    /// The heap's root.
    pub fn root(&self) -> [u8; 32] {
        let counted = !planted("root-ignores-count");
        let (live, spent) = if counted { (self.live, self.spent) } else { (0, 0) };
        hash_root(&self.resources, live, &self.nullifiers, spent)
    }
}

/// Linear resources and the record of what was consumed.
///
/// Methods come in four families.
/// - *Look*: [`read`](Heap::read), [`stored`](Heap::stored), [`is_live`](Heap::is_live),
///   [`is_consumed`](Heap::is_consumed), [`iter`](Heap::iter), [`consumed`](Heap::consumed), the counts.
/// - *Change*: [`alloc`](Heap::alloc), [`alloc_many`](Heap::alloc_many), [`consume`](Heap::consume),
///   [`consume_many`](Heap::consume_many), [`remove`](Heap::remove). A refused change has changed nothing.
/// - *Fold*: [`fold`](Heap::fold) takes in what a session did in its [`crate::Overlay`].
/// - *Commit*: [`commit`](Heap::commit) hashes what changed since the last time, once for the whole batch;
///   [`snapshot`](Heap::snapshot) also keeps that state, to read and prove from.
///
/// A clone is O(1) and shares everything until one side changes. Equal contents have equal roots, whatever led there.
#[derive(Clone)]
pub struct Heap {
    live: Tree<Held>,
    spent: Tree<Nullifier>,
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

impl Heap {
    /// An empty heap.
    pub fn new() -> Heap {
        Heap { live: Tree::new(), spent: Tree::new() }
    }

    pub(crate) fn from_trees(live: Tree<Held>, spent: Tree<Nullifier>) -> Heap {
        Heap { live, spent }
    }

    /// A live resource.
    pub fn read(&self, id: &ResourceId) -> Result<Resource, HeapError> {
        let stored = self.stored(id)?;
        Ok(Resource::decode(stored).expect("the heap stores only what it encoded or has decoded"))
    }

    /// A live resource, which has to be of this kind.
    pub fn read_kind(&self, id: &ResourceId, expected: ResourceKind) -> Result<Resource, HeapError> {
        let found = self.read(id)?;
        match found.kind() {
            kind if kind == expected => Ok(found),
            kind => Err(HeapError::TypeMismatch { id: *id, expected, found: kind }),
        }
    }

    /// A live resource's stored form, see [`Resource::encode`].
    pub fn stored(&self, id: &ResourceId) -> Result<&[u8], HeapError> {
        self.held(id).map(|held| &*held.stored)
    }

    pub(crate) fn held(&self, id: &ResourceId) -> Result<&Held, HeapError> {
        self.live.get(&id.0).ok_or_else(|| self.missing(id))
    }

    /// A live resource's kind.
    pub fn kind(&self, id: &ResourceId) -> Result<ResourceKind, HeapError> {
        stored_kind(self.stored(id)?).map_err(|_| HeapError::NotFound(*id))
    }

    /// Why `id` is not live.
    fn missing(&self, id: &ResourceId) -> HeapError {
        if self.is_consumed(id) { HeapError::AlreadyConsumed(*id) } else { HeapError::NotFound(*id) }
    }

    /// Whether the resource is there, unconsumed.
    pub fn is_live(&self, id: &ResourceId) -> bool {
        self.live.get(&id.0).is_some()
    }

    /// Whether the resource was consumed.
    pub fn is_consumed(&self, id: &ResourceId) -> bool {
        self.spent.get(&id.0).is_some()
    }

    /// Live resources in id order, in stored form.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceId, &[u8])> {
        self.live.iter().map(|(key, held)| (ResourceId(*key), &*held.stored))
    }

    /// Consumed ids in id order.
    pub fn consumed(&self) -> impl Iterator<Item = ResourceId> {
        self.spent.iter().map(|(key, _)| ResourceId(*key))
    }

    /// How many resources are live.
    pub fn live_count(&self) -> u64 {
        self.live.len()
    }

    /// How many were consumed.
    pub fn consumed_count(&self) -> u64 {
        self.spent.len()
    }

    /// Allocates a resource under the next id of `ids`.
    pub fn alloc(&mut self, ids: &mut IdSource, resource: &Resource) -> Result<ResourceId, HeapError> {
        let value = Held::new(&resource.encode()?);
        let id = ids.next(&value.contents)?;
        self.fresh(&id)?;
        self.live.insert(Vec::from([Leaf { key: id.0, value }]));
        Ok(id)
    }

    /// Allocates all of them or none. The ids of a refused request stay used.
    pub fn alloc_many(&mut self, ids: &mut IdSource, resources: &[Resource]) -> Result<Vec<ResourceId>, HeapError> {
        let mut made = Vec::with_capacity(resources.len());
        let mut values = Vec::with_capacity(resources.len());
        let mut encoded = Vec::with_capacity(64);
        for resource in resources {
            resource.encode_into(&mut encoded)?;
            let value = Held::new(&encoded);
            made.push(ids.next(&value.contents)?);
            values.push(Some(value));
        }
        let order = key_order(&made);
        let sorted: Vec<ResourceId> = order.iter().map(|at| made[*at]).collect();
        if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
            return Err(HeapError::AlreadyExists(twice[0]));
        }
        for some in sorted.chunks(AT_ONCE) {
            self.warm(some);
            if some.iter().any(|id| self.fresh(id).is_err()) {
                // The one that comes first in the request, not in the order of ids.
                made.iter().try_for_each(|id| self.fresh(id))?;
            }
        }
        let leaf = |at: usize| values[at].take().map(|value| Leaf { key: made[at].0, value });
        self.live.insert(order.into_iter().filter_map(leaf).collect());
        Ok(made)
    }

    /// Refuses an id that is live or was ever consumed.
    pub(crate) fn fresh(&self, id: &ResourceId) -> Result<(), HeapError> {
        if self.is_consumed(id) && !planted("alloc-over-spent") {
            return Err(HeapError::AlreadyConsumed(*id));
        }
        if self.is_live(id) {
            return Err(HeapError::AlreadyExists(*id));
        }
        Ok(())
    }

    /// Fetches the places of some ids, so that their cache misses overlap.
    pub(crate) fn warm(&self, ids: &[ResourceId]) {
        self.live.warm(ids.iter().map(|id| &id.0));
        self.spent.warm(ids.iter().map(|id| &id.0));
    }

    /// Adds leaves, in key order, whose keys are fresh and differ.
    pub(crate) fn insert_many(&mut self, leaves: Vec<Leaf<Held>>) {
        self.live.insert(leaves);
    }

    /// Consumes a live resource: its contents leave the heap and come back in stored form, its nullifier stays for
    /// good.
    pub fn consume(&mut self, id: &ResourceId) -> Result<StoredResource, HeapError> {
        let stored = self.remove(id)?;
        self.nullify(&[id.0]);
        Ok(stored)
    }

    /// Consumes all of them or none; an id that stands twice is refused.
    pub fn consume_many(&mut self, ids: &[ResourceId]) -> Result<Vec<StoredResource>, HeapError> {
        if planted("consume-many-partial") {
            return ids.iter().map(|id| self.consume(id)).collect();
        }
        let order = key_order(ids);
        let keys: Vec<Digest> = order.iter().map(|at| ids[*at].0).collect();
        if let Some(twice) = keys.windows(2).find(|two| two[0] == two[1]) {
            return Err(HeapError::Duplicate(ResourceId(twice[0])));
        }
        for some in keys.chunks(AT_ONCE) {
            self.live.warm(some.iter());
            if some.iter().any(|key| self.live.get(key).is_none()) {
                // The one that comes first in the request, not in the order of ids.
                ids.iter().try_for_each(|id| self.held(id).map(drop))?;
            }
        }
        let mut taken: Vec<_> = order.into_iter().zip(self.live.remove(&keys)).collect();
        self.nullify(&keys);
        // Back into the order of the request.
        taken.sort_unstable_by_key(|(at, _)| *at);
        Ok(taken.into_iter().map(|(_, held)| held.stored).collect())
    }

    /// Takes a live resource out without consuming it: it is given up, not used. Afterwards its id is neither live nor
    /// consumed. A consumed resource has nothing left to remove, and its nullifier is never forgotten.
    pub fn remove(&mut self, id: &ResourceId) -> Result<StoredResource, HeapError> {
        self.held(id)?;
        self.live.remove(&[id.0]).pop().map(|held| held.stored).ok_or_else(|| self.missing(id))
    }

    /// Takes out live resources; their keys are in order.
    pub(crate) fn remove_many(&mut self, keys: &[Digest]) {
        self.live.remove(keys);
    }

    /// Marks keys, in order and none of them consumed yet, as consumed.
    pub(crate) fn nullify(&mut self, keys: &[Digest]) {
        if !planted("consume-skips-nullifier") {
            for keys in keys.chunks(AT_ONCE) {
                self.spent.warm(keys.iter());
                self.spent.insert(keys.iter().map(|key| Leaf { key: *key, value: Nullifier }).collect());
            }
        }
    }

    /// Hashes what changed since the last commit, and nothing else.
    pub fn commit(&mut self) -> Commitment {
        Commitment {
            resources: self.live.settle(),
            live: self.live.len(),
            nullifiers: self.spent.settle(),
            spent: self.spent.len(),
        }
    }

    /// What a commit would answer, without one: at hand when nothing has changed since the last.
    pub fn commitment(&self) -> Commitment {
        match (self.live.settled_root(), self.spent.settled_root()) {
            (Some(resources), Some(nullifiers)) => Commitment {
                resources: *resources,
                live: self.live.len(),
                nullifiers: *nullifiers,
                spent: self.spent.len(),
            },
            _ => self.clone().commit(),
        }
    }

    /// The commitment, computed from the contents alone, with no digest that the heap keeps: what
    /// [`Heap::commit`] must answer too.
    pub fn recomputed(&self) -> Commitment {
        let live = self.live.iter().map(|(key, held)| Leaf { key: *key, value: Held::new(&held.stored) });
        let spent = self.spent.iter().map(|(key, _)| Leaf { key: *key, value: Nullifier });
        let (mut again, live, spent) = (Heap::new(), live.collect(), spent.collect());
        again.live.insert(live);
        again.spent.insert(spent);
        again.commit()
    }

    /// Whether it holds nothing and never did.
    pub fn is_untouched(&self) -> bool {
        self.live.len() == 0 && self.spent.len() == 0
    }

    /// Commits and gives the root.
    pub fn root(&mut self) -> [u8; 32] {
        self.commit().root()
    }

    /// Commits and keeps the state: O(1) beyond the commit.
    pub fn snapshot(&mut self) -> Snapshot {
        let commitment = self.commit();
        Snapshot::new(self.clone(), commitment)
    }

    pub(crate) fn live(&self) -> &Tree<Held> {
        &self.live
    }

    pub(crate) fn spent(&self) -> &Tree<Nullifier> {
        &self.spent
    }
}

/// The places of some ids, in key order.
fn key_order(ids: &[ResourceId]) -> Vec<usize> {
    let start = |id: &ResourceId| id.0.first_chunk().map_or(0, |start| u64::from_be_bytes(*start));
    // Hashes hardly ever agree in 64 bits, and comparing those costs a tenth of comparing all.
    let mut order: Vec<(u64, usize)> = ids.iter().map(start).zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| ids[a.1].cmp(&ids[b.1])));
    order.into_iter().map(|(_, at)| at).collect()
}

impl core::fmt::Debug for Heap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Heap").field("live", &self.live_count()).field("consumed", &self.consumed_count()).finish()
    }
}
