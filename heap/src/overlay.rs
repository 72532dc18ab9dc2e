//! What one session does to the heap between two commits.
//!
//! The base heap is shared and immutable while a wave runs; each session writes into its own overlay and sees base and
//! overlay as one heap. At commit the overlays are folded in. Ids made in an overlay are final, and those of sessions
//! with different paths differ, so overlays that touch different resources fold in any order to the same heap.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use crate::error::HeapError;
use crate::heap::{AT_ONCE, Heap, Held};
use crate::id::{IdSource, ResourceId};
use crate::planted::planted;
use crate::resource::Resource;
use crate::stored::StoredResource;

/// What became of one id. Everything an overlay says about an id is one of these; no entry means: as in the base.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// Allocated here and still live.
    Allocated(Held),
    /// Allocated and consumed here.
    Passed,
    /// Allocated and removed here.
    Dropped,
    /// Live in the base, consumed here.
    Consumed,
    /// Live in the base, removed here.
    Removed,
}

/// A session's view: its changes over a base heap.
///
/// Every method that needs the base takes it as an argument; it has to be the same one until the next [`Heap::fold`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    ids: IdSource,
    changes: BTreeMap<ResourceId, Change>,
}

impl Overlay {
    /// An overlay whose ids come from `ids`.
    pub fn new(ids: IdSource) -> Overlay {
        Overlay { ids, changes: BTreeMap::new() }
    }

    /// Where its ids come from.
    pub fn ids(&self) -> &IdSource {
        &self.ids
    }

    /// Whether there is nothing to fold.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Allocates a resource; the id is final.
    ///
    /// It is fresh as long as no other source has the same path. Should one have, [`Heap::fold`] refuses this overlay:
    /// checked there, many at a time, it costs next to nothing.
    pub fn alloc(&mut self, resource: &Resource) -> Result<ResourceId, HeapError> {
        let held = Held::new(&resource.encode()?);
        let id = self.ids.next(&held.contents)?;
        match self.changes.entry(id) {
            Entry::Occupied(_) => Err(HeapError::AlreadyExists(id)),
            Entry::Vacant(entry) => {
                entry.insert(Change::Allocated(held));
                Ok(id)
            }
        }
    }

    /// Allocates a resource as number `counter` of its path, for a session that counts by itself; the id is final. One
    /// that is there already, or ever was, here or in the base, is refused.
    ///
    /// Whoever counts by themselves does so for the whole path: [`Overlay::alloc`] knows nothing of these numbers.
    pub fn alloc_as(&mut self, base: &Heap, counter: u64, resource: &Resource) -> Result<ResourceId, HeapError> {
        let held = Held::new(&resource.encode()?);
        let id = self.ids.at(counter, &held.contents);
        base.fresh(&id)?;
        match self.changes.entry(id) {
            Entry::Occupied(_) => Err(HeapError::AlreadyExists(id)),
            Entry::Vacant(entry) => {
                entry.insert(Change::Allocated(held));
                Ok(id)
            }
        }
    }

    /// Allocates all of them or none. The ids of a refused request stay used.
    pub fn alloc_many(&mut self, resources: &[Resource]) -> Result<Vec<ResourceId>, HeapError> {
        let mut made = Vec::with_capacity(resources.len());
        for resource in resources {
            match self.alloc(resource) {
                Ok(id) => made.push(id),
                Err(error) => {
                    made.iter().for_each(|id| drop(self.changes.remove(id)));
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    /// A live resource's stored form.
    pub fn stored<'a>(&'a self, base: &'a Heap, id: &ResourceId) -> Result<&'a [u8], HeapError> {
        self.held(base, id).map(|stored| &**stored)
    }

    fn held<'a>(&'a self, base: &'a Heap, id: &ResourceId) -> Result<&'a StoredResource, HeapError> {
        match self.changes.get(id) {
            None => base.held(id),
            Some(Change::Allocated(held)) => Ok(&held.stored),
            Some(Change::Consumed | Change::Passed) if planted("overlay-ignores-base") => base.held(id),
            Some(Change::Consumed | Change::Passed) => Err(HeapError::AlreadyConsumed(*id)),
            Some(Change::Removed | Change::Dropped) => Err(HeapError::NotFound(*id)),
        }
    }

    /// A live resource.
    pub fn read(&self, base: &Heap, id: &ResourceId) -> Result<Resource, HeapError> {
        Ok(Resource::decode(self.stored(base, id)?).expect("the heap stores only what it encoded or has decoded"))
    }

    /// Whether the resource is consumed, here or in the base.
    pub fn is_consumed(&self, base: &Heap, id: &ResourceId) -> bool {
        matches!(self.changes.get(id), Some(Change::Consumed | Change::Passed)) || base.is_consumed(id)
    }

    /// Consumes a live resource.
    pub fn consume(&mut self, base: &Heap, id: &ResourceId) -> Result<StoredResource, HeapError> {
        self.end(base, id, Change::Passed, Change::Consumed)
    }

    /// Consumes all of them or none; an id that stands twice is refused.
    pub fn consume_many(&mut self, base: &Heap, ids: &[ResourceId]) -> Result<Vec<StoredResource>, HeapError> {
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
            return Err(HeapError::Duplicate(twice[0]));
        }
        for id in ids {
            self.stored(base, id)?;
        }
        ids.iter().map(|id| self.consume(base, id)).collect()
    }

    /// Takes a live resource out without consuming it, as [`Heap::remove`].
    pub fn remove(&mut self, base: &Heap, id: &ResourceId) -> Result<StoredResource, HeapError> {
        self.end(base, id, Change::Dropped, Change::Removed)
    }

    /// A live resource stops being live: `here` if it was allocated in this overlay, otherwise `there`.
    fn end(&mut self, base: &Heap, id: &ResourceId, here: Change, there: Change) -> Result<StoredResource, HeapError> {
        let stored = self.held(base, id)?.clone();
        let fresh = matches!(self.changes.get(id), Some(Change::Allocated(_)));
        self.changes.insert(*id, if fresh { here } else { there });
        Ok(stored)
    }
}

impl Heap {
    /// Folds many overlays, in order: what [`Heap::fold`] says of each. Faster than one by one, because the heap fetches
    /// and changes everything that some of them touch at once.
    pub fn fold_all(&mut self, overlays: &mut [&mut Overlay]) -> Vec<Result<(), HeapError>> {
        let mut folded = Vec::with_capacity(overlays.len());
        let mut rest = overlays;
        while !rest.is_empty() {
            // As many overlays as fill a batch; then those are folded before what was fetched is gone again.
            let mut changes = 0;
            let full = rest.iter().position(|overlay| {
                changes += overlay.changes.len();
                changes >= AT_ONCE
            });
            let (some, others) = rest.split_at_mut(full.map_or(rest.len(), |last| last + 1));
            if self.fold_together(some).is_ok() {
                folded.extend(some.iter().map(|_| Ok(())));
            } else {
                folded.extend(some.iter_mut().map(|overlay| self.fold(overlay)));
            }
            rest = others;
        }
        folded
    }

    /// Takes in what an overlay says and empties it. If the heap has moved on underneath, so that a change no longer
    /// holds, nothing is changed on either side: the error names the first id in id order that is in conflict.
    pub fn fold(&mut self, overlay: &mut Overlay) -> Result<(), HeapError> {
        self.fold_together(&mut [overlay])
    }

    /// Folds all of these overlays if none is in conflict with the heap or with another, otherwise none.
    fn fold_together(&mut self, overlays: &mut [&mut Overlay]) -> Result<(), HeapError> {
        let mut changes: Vec<(ResourceId, &Change)> = Vec::new();
        for overlay in overlays.iter() {
            changes.extend(overlay.changes.iter().map(|(id, change)| (*id, change)));
        }
        changes.sort_unstable_by_key(|(id, _)| *id);
        if let Some(twice) = changes.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(HeapError::Duplicate(twice[0].0));
        }
        let ids: Vec<ResourceId> = changes.iter().map(|(id, _)| *id).collect();
        self.warm(&ids);
        for (id, change) in changes {
            match change {
                _ if planted("fold-skips-conflict") => {}
                Change::Consumed | Change::Removed => drop(self.stored(&id)?),
                Change::Allocated(_) | Change::Passed | Change::Dropped if self.is_live(&id) => {
                    return Err(HeapError::AlreadyExists(id));
                }
                Change::Allocated(_) | Change::Passed | Change::Dropped if self.is_consumed(&id) => {
                    return Err(HeapError::AlreadyConsumed(id));
                }
                Change::Allocated(_) | Change::Passed | Change::Dropped => {}
            }
        }
        for (id, change) in overlays.iter_mut().flat_map(|overlay| core::mem::take(&mut overlay.changes)) {
            match change {
                Change::Allocated(held) => self.begin(&id, held),
                Change::Passed if planted("overlay-drops-nullifier") => {}
                Change::Passed => self.pass(&id),
                Change::Consumed | Change::Removed => {
                    self.end(&id, change == Change::Consumed)?;
                }
                Change::Dropped => {}
            }
        }
        Ok(())
    }
}
