//! The heap of the published model: a map of resources, a set of nullified ids, one global allocation counter.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::encode_resource;
use super::commitment::{HeapCommitment, nullifier_leaf, resource_leaf};
use super::id::ResourceId;
use super::tree::{MerkleProof, MerkleTree};
use crate::error::HeapError;
use crate::planted::planted;
use crate::resource::{ChannelState, Message, Resource, TooLarge};

type Result<T> = core::result::Result<T, HeapError<ResourceId>>;

/// A version-1 heap. Cloning it is the functional style of the published interface; every method here is in place.
///
/// A consumed resource keeps its contents (and counts in [`Heap::size`]) until it is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    resources: BTreeMap<ResourceId, Resource>,
    nullifiers: BTreeSet<ResourceId>,
    counter: u64,
}

impl Heap {
    /// An empty heap, counter 0.
    pub fn new() -> Heap {
        Heap::default()
    }

    /// Allocates a resource and gives its id.
    pub fn alloc(&mut self, resource: Resource) -> Result<ResourceId> {
        let next = self.counter.checked_add(1).ok_or(HeapError::CounterExhausted)?;
        let id = ResourceId::derive(&encode_resource(&resource)?, self.counter)?;
        if self.resources.contains_key(&id) {
            return Err(HeapError::AlreadyExists(id));
        }
        if !planted("v1-counter-stands-still") {
            self.counter = next;
        }
        self.resources.insert(id, resource);
        Ok(id)
    }

    /// Allocates all of them or none.
    pub fn alloc_many(&mut self, resources: impl IntoIterator<Item = Resource>) -> Result<Vec<ResourceId>> {
        let start = self.counter;
        let mut ids = Vec::new();
        for resource in resources {
            match self.alloc(resource) {
                Ok(id) => ids.push(id),
                Err(error) => {
                    ids.iter().for_each(|id| drop(self.resources.remove(id)));
                    self.counter = start;
                    return Err(error);
                }
            }
        }
        Ok(ids)
    }

    /// Allocates a channel with an empty queue.
    pub fn alloc_channel(&mut self, sender: &str, receiver: &str) -> Result<ResourceId> {
        let channel = ChannelState { sender: sender.into(), receiver: receiver.into(), queue: Vec::new() };
        self.alloc(Resource::Channel(channel))
    }

    /// Allocates a message.
    pub fn alloc_message(&mut self, message: Message) -> Result<ResourceId> {
        self.alloc(Resource::Message(message))
    }

    /// Allocates one role's standing in a session.
    pub fn alloc_session(&mut self, role: &str, type_hash: u64) -> Result<ResourceId> {
        self.alloc(Resource::Session { role: String::from(role), type_hash })
    }

    /// An active resource.
    pub fn read(&self, id: &ResourceId) -> Result<&Resource> {
        if self.nullifiers.contains(id) {
            return Err(HeapError::AlreadyConsumed(*id));
        }
        self.resources.get(id).ok_or(HeapError::NotFound(*id))
    }

    /// Consumes an active resource: its nullifier is set, its contents are retained and given.
    pub fn consume(&mut self, id: &ResourceId) -> Result<&Resource> {
        self.read(id)?;
        self.nullifiers.insert(*id);
        self.resources.get(id).ok_or(HeapError::NotFound(*id))
    }

    /// Consumes all of them or none; an id that stands twice is refused.
    pub fn consume_many(&mut self, ids: &[ResourceId]) -> Result<()> {
        let mut seen = BTreeSet::new();
        for id in ids {
            if !seen.insert(id) && !planted("v1-consumes-duplicates") {
                return Err(HeapError::Duplicate(*id));
            }
            self.read(id)?;
        }
        self.nullifiers.extend(ids);
        Ok(())
    }

    /// Forgets a resource's contents, consumed or not. A nullifier stays: the id of a consumed resource never becomes
    /// consumable again, and a second removal answers `AlreadyConsumed`.
    pub fn remove(&mut self, id: &ResourceId) -> Result<Resource> {
        let removed = self.resources.remove(id);
        if planted("v1-remove-forgets-nullifier") {
            self.nullifiers.remove(id);
        }
        match removed {
            Some(resource) => Ok(resource),
            None if self.nullifiers.contains(id) => Err(HeapError::AlreadyConsumed(*id)),
            None => Err(HeapError::NotFound(*id)),
        }
    }

    /// Active resources in id order.
    pub fn active_resources(&self) -> impl Iterator<Item = (&ResourceId, &Resource)> {
        self.resources.iter().filter(|(id, _)| !self.nullifiers.contains(id))
    }

    /// Nullified ids in id order.
    pub fn consumed_ids(&self) -> impl Iterator<Item = &ResourceId> {
        self.nullifiers.iter()
    }

    /// Whether the resource is there and not consumed.
    pub fn is_active(&self, id: &ResourceId) -> bool {
        self.resources.contains_key(id) && !self.nullifiers.contains(id)
    }

    /// Whether the id is nullified.
    pub fn is_consumed(&self, id: &ResourceId) -> bool {
        self.nullifiers.contains(id)
    }

    /// Whether contents are retained for the id, consumed or not.
    pub fn contains(&self, id: &ResourceId) -> bool {
        self.resources.contains_key(id)
    }

    /// Retained entries, consumed ones included.
    pub fn size(&self) -> usize {
        self.resources.len()
    }

    /// Nullified ids.
    pub fn nullified_count(&self) -> usize {
        self.nullifiers.len()
    }

    /// Allocations so far.
    pub fn alloc_counter(&self) -> u64 {
        self.counter
    }

    /// The tree over active resources.
    pub fn resource_tree(&self) -> core::result::Result<MerkleTree, TooLarge> {
        let leaves = self.active_resources().map(|(id, resource)| resource_leaf(id, &encode_resource(resource)?));
        Ok(MerkleTree::new(leaves.collect::<core::result::Result<_, _>>()?))
    }

    /// The tree over nullified ids.
    pub fn nullifier_tree(&self) -> MerkleTree {
        MerkleTree::new(self.nullifiers.iter().map(nullifier_leaf).collect())
    }

    /// The commitment, from scratch.
    pub fn commitment(&self) -> core::result::Result<HeapCommitment, TooLarge> {
        Ok(HeapCommitment {
            resource_root: self.resource_tree()?.root(),
            nullifier_root: self.nullifier_tree().root(),
            counter: self.counter,
        })
    }

    /// The proof of the `index`-th active resource in id order; `None` if there are not that many.
    pub fn prove(&self, index: usize) -> core::result::Result<Option<MerkleProof>, TooLarge> {
        Ok(self.resource_tree()?.prove(index))
    }
}
