//! The heap of the default scheme: live resources and nullifiers, each an authenticated map.

use alloc::vec::Vec;

use crate::digest::{Digest, Domain, NULLIFIER_BUCKET, NULLIFIER_NODE, RESOURCE_BUCKET, RESOURCE_NODE, hash_root};
use crate::error::HeapError;
use crate::id::{IdSource, ResourceId};
use crate::planted::planted;
use crate::resource::{Resource, ResourceKind, stored_kind};
use crate::snapshot::Snapshot;
use crate::stored::StoredResource;
use crate::tree::{Stored, Tree};
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
        let held = Held::new(&resource.encode()?);
        let id = ids.next(&held.contents)?;
        self.insert(id, held)?;
        Ok(id)
    }

    /// Allocates all of them or none. The ids of a refused request stay used.
    pub fn alloc_many(&mut self, ids: &mut IdSource, resources: &[Resource]) -> Result<Vec<ResourceId>, HeapError> {
        let mut made = Vec::with_capacity(resources.len());
        let mut encoded = Vec::with_capacity(64);
        for resource in resources {
            resource.encode_into(&mut encoded)?;
            let held = Held::new(&encoded);
            made.push((ids.next(&held.contents)?, held));
        }
        let keys: Vec<Digest> = made.iter().map(|(id, _)| id.0).collect();
        for (made, keys) in made.chunks(AT_ONCE).zip(keys.chunks(AT_ONCE)) {
            self.live.warm(keys, false);
            self.spent.warm(keys, false);
            made.iter().try_for_each(|(id, _)| self.fresh(id))?;
        }
        let mut made = made.into_iter();
        for keys in keys.chunks(AT_ONCE) {
            self.live.warm(keys, true);
            for (id, held) in made.by_ref().take(keys.len()) {
                self.live.insert(&id.0, held);
            }
        }
        Ok(keys.into_iter().map(ResourceId).collect())
    }

    /// Refuses an id that is live or was ever consumed.
    fn fresh(&self, id: &ResourceId) -> Result<(), HeapError> {
        if self.is_consumed(id) && !planted("alloc-over-spent") {
            return Err(HeapError::AlreadyConsumed(*id));
        }
        if self.is_live(id) {
            return Err(HeapError::AlreadyExists(*id));
        }
        Ok(())
    }

    /// Prepares for changing many ids at once, so that their cache misses overlap. `spending` says whether the
    /// nullifiers of all of them are about to be written, or only looked for.
    pub(crate) fn warm(&self, keys: &[Digest], spending: bool) {
        self.live.warm(keys, true);
        self.spent.warm(keys, spending);
    }

    /// Refuses an id that is live or was ever consumed.
    pub(crate) fn insert(&mut self, id: ResourceId, held: Held) -> Result<(), HeapError> {
        if self.is_consumed(&id) && !planted("alloc-over-spent") {
            return Err(HeapError::AlreadyConsumed(id));
        }
        if !self.live.insert(&id.0, held) {
            return Err(HeapError::AlreadyExists(id));
        }
        Ok(())
    }

    /// Consumes a live resource: its contents leave the heap and come back in stored form, its nullifier stays for
    /// good.
    pub fn consume(&mut self, id: &ResourceId) -> Result<StoredResource, HeapError> {
        let Some(held) = self.live.remove(&id.0) else {
            return Err(self.missing(id));
        };
        self.nullify(id);
        Ok(held.stored)
    }

    /// Consumes all of them or none; an id that stands twice is refused.
    pub fn consume_many(&mut self, ids: &[ResourceId]) -> Result<Vec<StoredResource>, HeapError> {
        if !planted("consume-many-partial") {
            let mut sorted = ids.to_vec();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
                return Err(HeapError::Duplicate(twice[0]));
            }
            for ids in ids.chunks(AT_ONCE) {
                let keys: Vec<Digest> = ids.iter().map(|id| id.0).collect();
                self.live.warm(&keys, false);
                if let Some(id) = ids.iter().find(|id| !self.is_live(id)) {
                    return Err(self.missing(id));
                }
            }
        }
        let mut consumed = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let keys: Vec<Digest> = ids.iter().map(|id| id.0).collect();
            self.warm(&keys, true);
            for id in ids {
                consumed.push(self.consume(id)?);
            }
        }
        Ok(consumed)
    }

    /// Takes a live resource out without consuming it: it is given up, not used. Afterwards its id is neither live nor
    /// consumed. A consumed resource has nothing left to remove, and its nullifier is never forgotten.
    pub fn remove(&mut self, id: &ResourceId) -> Result<StoredResource, HeapError> {
        self.live.remove(&id.0).map(|held| held.stored).ok_or_else(|| self.missing(id))
    }

    /// Marks an id as consumed.
    pub(crate) fn nullify(&mut self, id: &ResourceId) {
        if !planted("consume-skips-nullifier") {
            self.spent.insert(&id.0, Nullifier);
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

impl core::fmt::Debug for Heap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Heap").field("live", &self.live_count()).field("consumed", &self.consumed_count()).finish()
    }
}
