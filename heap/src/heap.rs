//! The heap of the default scheme: live resources and nullifiers, each an authenticated map.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::digest::{
    CONTENTS, Digest, Domain, NULLIFIER_BUCKET, NULLIFIER_NODE, RESOURCE_BUCKET, RESOURCE_NODE, hash_root,
};
use crate::error::HeapError;
use crate::filter::Filter;
use crate::id::{IdSource, ResourceId};
use crate::pending::{Batch, Now, Pending};
use crate::planted::planted;
use crate::resource::{Resource, ResourceKind, stored_kind};
use crate::snapshot::Snapshot;
use crate::stored::StoredResource;
use crate::tree::{Change, Leaf, Stored, Tree, hash_one};
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
        Held { contents: hash_one(&CONTENTS, stored), stored: stored.into() }
    }

    /// The leaf of a key, or of one that goes, as its bucket is hashed.
    pub(crate) fn cell(key: &Digest, contents: &Digest) -> [u8; 64] {
        let mut cell = [0; 64];
        cell[..32].copy_from_slice(key);
        cell[32..].copy_from_slice(contents);
        cell
    }

    pub(crate) fn leaf(self, key: &Digest) -> Leaf<Held> {
        Leaf { cell: Held::cell(key, &self.contents), rest: self.stored }
    }
}

impl Stored for Held {
    const BUCKET: Domain = RESOURCE_BUCKET;
    const NODE: Domain = RESOURCE_NODE;
    type Cell = [u8; 64];
    type Rest = StoredResource;

    #[inline]
    fn touch(stored: &StoredResource) -> usize {
        stored.len()
    }

    fn apart(stored: &StoredResource) -> usize {
        stored.apart()
    }
}

/// A nullifier has no contents: that it is there is all it says.
#[derive(Clone, Copy)]
pub(crate) struct Nullifier;

impl Stored for Nullifier {
    const BUCKET: Domain = NULLIFIER_BUCKET;
    const NODE: Domain = NULLIFIER_NODE;
    type Cell = [u8; 32];
    type Rest = ();

    #[inline]
    fn touch((): &()) -> usize {
        0
    }

    fn apart((): &()) -> usize {
        0
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
pub struct Heap {
    live: Tree<Held>,
    spent: Tree<Nullifier>,
    /// What the trees do not know yet. Shared with clones; whoever then wants to say more changes its trees first.
    pending: Arc<Pending>,
    /// Holds every id in the trees. A clone has none until it has allocated enough to earn one.
    filter: Option<Box<Filter>>,
    /// Ids looked for in the trees for want of a filter.
    unfiltered: u64,
}

impl Clone for Heap {
    fn clone(&self) -> Heap {
        Heap { pending: self.pending.clone(), ..Heap::from_trees(self.live.clone(), self.spent.clone()) }
    }
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

impl Heap {
    /// An empty heap.
    pub fn new() -> Heap {
        Heap { filter: Some(Box::new(Filter::with_room(0))), ..Heap::from_trees(Tree::new(), Tree::new()) }
    }

    /// Bytes that the heap has asked the allocator for, those that it shares with clones and snapshots included. Looks at
    /// every resource.
    pub fn retained_bytes(&self) -> usize {
        let filter = self.filter.as_ref().map_or(0, |filter| filter.bytes());
        self.live.bytes() + self.spent.bytes() + self.pending.bytes() + filter
    }

    pub(crate) fn from_trees(live: Tree<Held>, spent: Tree<Nullifier>) -> Heap {
        Heap { live, spent, pending: Arc::default(), filter: None, unfiltered: 0 }
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
        self.held(id).map(|stored| &**stored)
    }

    pub(crate) fn held(&self, id: &ResourceId) -> Result<&StoredResource, HeapError> {
        match self.pending.get(&id.0) {
            Now::AsBefore => self.live.get(&id.0).map(|leaf| leaf.rest).ok_or_else(|| self.missing(id)),
            Now::Begun(held) => Ok(&held.stored),
            Now::Passed | Now::Consumed => Err(HeapError::AlreadyConsumed(*id)),
            Now::Removed => Err(HeapError::NotFound(*id)),
        }
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
        match self.pending.get(&id.0) {
            Now::AsBefore => self.live.get(&id.0).is_some(),
            now => matches!(now, Now::Begun(_)),
        }
    }

    /// Whether the resource was consumed.
    pub fn is_consumed(&self, id: &ResourceId) -> bool {
        match self.pending.get(&id.0) {
            Now::AsBefore => self.spent.get(&id.0).is_some(),
            now => matches!(now, Now::Passed | Now::Consumed),
        }
    }

    /// How many resources are live.
    pub fn live_count(&self) -> u64 {
        self.pending.live(self.live.len())
    }

    /// How many were consumed.
    pub fn consumed_count(&self) -> u64 {
        self.pending.spent(self.spent.len())
    }

    /// Allocates a resource under the next id of `ids`.
    pub fn alloc(&mut self, ids: &mut IdSource, resource: &Resource) -> Result<ResourceId, HeapError> {
        let mut encoded = Vec::with_capacity(64);
        self.alloc_through(&mut encoded, ids, resource)
    }

    /// Allocates a resource; `encoded` is for its stored form, and what was in it is lost.
    fn alloc_through(
        &mut self,
        encoded: &mut Vec<u8>,
        ids: &mut IdSource,
        resource: &Resource,
    ) -> Result<ResourceId, HeapError> {
        resource.encode_into(encoded)?;
        let held = Held::new(encoded);
        let id = ids.next(&held.contents)?;
        if self.filter.is_none() {
            self.unfiltered += 1;
        }
        self.fresh(&id)?;
        self.begin(&id, held);
        Ok(id)
    }

    /// Allocates all of them or none. The ids of a refused request stay used.
    pub fn alloc_many(&mut self, ids: &mut IdSource, resources: &[Resource]) -> Result<Vec<ResourceId>, HeapError> {
        let mut made = Vec::with_capacity(resources.len());
        let mut encoded = Vec::with_capacity(64);
        for resource in resources {
            match self.alloc_through(&mut encoded, ids, resource) {
                Ok(id) => made.push(id),
                Err(error) => {
                    made.iter().try_for_each(|id| self.remove(id).map(drop))?;
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    /// Refuses an id that is live or was ever consumed.
    pub(crate) fn fresh(&self, id: &ResourceId) -> Result<(), HeapError> {
        match self.pending.get(&id.0) {
            Now::AsBefore => {
                if self.filter.as_ref().is_some_and(|filter| !filter.may_hold(&id.0)) {
                    return Ok(());
                }
                if self.spent.get(&id.0).is_some() && !planted("alloc-over-spent") {
                    return Err(HeapError::AlreadyConsumed(*id));
                }
                if self.live.get(&id.0).is_some() {
                    return Err(HeapError::AlreadyExists(*id));
                }
                Ok(())
            }
            Now::Begun(_) => Err(HeapError::AlreadyExists(*id)),
            Now::Passed | Now::Consumed if planted("alloc-over-spent") => Ok(()),
            Now::Passed | Now::Consumed => Err(HeapError::AlreadyConsumed(*id)),
            Now::Removed => Ok(()),
        }
    }

    /// Fetches the places of some ids, so that their cache misses overlap.
    pub(crate) fn warm(&self, ids: &[ResourceId]) {
        self.live.warm(ids.iter().map(|id| &id.0));
        self.spent.warm(ids.iter().map(|id| &id.0));
    }

    /// Where changes wait.
    fn pending(&mut self) -> &mut Pending {
        if Arc::strong_count(&self.pending) > 1 {
            self.apply();
        }
        // Nobody else has it any more.
        Arc::make_mut(&mut self.pending)
    }

    /// A fresh id becomes live.
    pub(crate) fn begin(&mut self, id: &ResourceId, held: Held) {
        let pending = self.pending();
        if let Now::Removed = pending.put(&id.0, Now::Begun(held)) {
            // It is in the tree still, and an id says what is under it.
            pending.put(&id.0, Now::AsBefore);
        }
    }

    /// A live resource stops being live.
    pub(crate) fn end(&mut self, id: &ResourceId, consumed: bool) -> Result<StoredResource, HeapError> {
        let stored = match self.pending.get(&id.0) {
            Now::Begun(_) => None,
            Now::AsBefore => Some(self.live.get(&id.0).ok_or_else(|| self.missing(id))?.rest.clone()),
            _ => Some(self.held(id)?.clone()),
        };
        let pending = self.pending();
        let Some(stored) = stored else {
            // It is in the tree, if `pending` has just made room.
            return match pending.put(&id.0, if consumed { Now::Passed } else { Now::AsBefore }) {
                Now::Begun(held) => Ok(held.stored),
                was => {
                    pending.put(&id.0, was);
                    self.end(id, consumed)
                }
            };
        };
        pending.put(&id.0, if consumed { Now::Consumed } else { Now::Removed });
        Ok(stored)
    }

    /// Marks a key as consumed that is neither live nor was before.
    pub(crate) fn pass(&mut self, id: &ResourceId) {
        self.pending().put(&id.0, Now::Passed);
    }

    /// Consumes a live resource: its contents leave the heap and come back in stored form, its nullifier stays for
    /// good.
    pub fn consume(&mut self, id: &ResourceId) -> Result<StoredResource, HeapError> {
        self.end(id, !planted("consume-skips-nullifier"))
    }

    /// Consumes all of them or none; an id that stands twice is refused.
    pub fn consume_many(&mut self, ids: &[ResourceId]) -> Result<Vec<StoredResource>, HeapError> {
        if planted("consume-many-partial") {
            return ids.iter().map(|id| self.consume(id)).collect();
        }
        if Arc::strong_count(&self.pending) > 1 {
            self.apply();
        }
        let mut ended: Vec<StoredResource> = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            self.live.warm(some.iter().map(|id| &id.0));
            for id in some {
                match self.consume(id) {
                    Ok(stored) => ended.push(stored),
                    Err(error) => return Err(self.refuse(ids, ended, error)),
                }
            }
        }
        Ok(ended)
    }

    /// Takes back that the first of `ids` were consumed, whose stored forms are given; then says why all are refused, if
    /// the next is for `error`.
    fn refuse(&mut self, ids: &[ResourceId], ended: Vec<StoredResource>, error: HeapError) -> HeapError {
        for (id, stored) in ids.iter().zip(ended) {
            let pending = self.pending();
            if let Now::Passed = pending.put(&id.0, Now::AsBefore) {
                pending.put(&id.0, Now::Begun(Held { contents: contents_digest(&stored), stored }));
            }
        }
        let mut sorted: Vec<&ResourceId> = ids.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|two| two[0] == two[1]) {
            Some(twice) => HeapError::Duplicate(*twice[0]),
            None => error,
        }
    }

    /// Takes a live resource out without consuming it: it is given up, not used. Afterwards its id is neither live nor
    /// consumed. A consumed resource has nothing left to remove, and its nullifier is never forgotten.
    pub fn remove(&mut self, id: &ResourceId) -> Result<StoredResource, HeapError> {
        self.end(id, false)
    }

    /// Brings the trees up to date with what waits.
    fn apply(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = core::mem::take(&mut self.pending);
        let mut batch = match Arc::get_mut(&mut pending) {
            Some(alone) => alone.drain(),
            None => (*pending).clone().drain(),
        };
        if Arc::get_mut(&mut pending).is_some() {
            // Its table is there for the next batch.
            self.pending = pending;
        }
        self.filter(&batch);
        self.live.apply(&mut batch.live);
        self.spent.apply(&mut batch.spent);
    }

    /// Keeps the filter's promise for what the trees are about to take in.
    fn filter(&mut self, batch: &Batch) {
        let there = self.live.len() + self.spent.len();
        let more = batch.live.len() + batch.spent.len();
        let wanted = self.filter.is_some() || self.unfiltered > there / 64;
        if !self.filter.as_ref().is_some_and(|filter| filter.has_room(more)) {
            self.filter = wanted.then(|| {
                let mut filter = Filter::with_room(2 * (there as usize + more));
                self.live.iter().for_each(|leaf| filter.add(leaf.key()));
                self.spent.iter().for_each(|leaf| filter.add(leaf.key()));
                Box::new(filter)
            });
        }
        if let Some(filter) = &mut self.filter {
            let begun = batch.live.iter().filter(|change| change.rest.is_some()).map(Change::key);
            begun.chain(batch.spent.iter().map(Change::key)).for_each(|key| filter.add(key));
        }
    }

    /// Hashes what changed since the last commit, and nothing else.
    pub fn commit(&mut self) -> Commitment {
        self.apply();
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
            (Some(resources), Some(nullifiers)) if self.pending.is_empty() => Commitment {
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
        let live = self.iter().map(|(id, stored)| Held::new(stored).leaf(&id.0));
        let spent = self.consumed().map(|id| Leaf { cell: id.0, rest: () });
        Heap::from_trees(Tree::of(live.collect()), Tree::of(spent.collect())).commit()
    }

    /// Whether it holds nothing and never did.
    pub fn is_untouched(&self) -> bool {
        self.live_count() == 0 && self.consumed_count() == 0
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

    pub(crate) fn waiting(&self) -> &Pending {
        &self.pending
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
