//! Leaves of the two trees, and the commitment over their roots.

use super::bytes::{commitment_preimage, nullifier_leaf_preimage, resource_leaf_preimage};
use super::id::ResourceId;
use crate::resource::TooLarge;

/// Both roots and the allocation counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeapCommitment {
    /// Root over the active resources in id order.
    pub resource_root: [u8; 32],
    /// Root over the nullified ids in id order.
    pub nullifier_root: [u8; 32],
    /// Allocations so far.
    pub counter: u64,
}

impl HeapCommitment {
    /// The commitment's hash.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&commitment_preimage(&self.resource_root, &self.nullifier_root, self.counter)).as_bytes()
    }
}

/// The resource tree's leaf for an active resource. Only the id's digest enters, not its counter.
pub fn resource_leaf(id: &ResourceId, encoded: &[u8]) -> Result<[u8; 32], TooLarge> {
    Ok(*blake3::hash(&resource_leaf_preimage(&id.digest, encoded)?).as_bytes())
}

/// The nullifier tree's leaf for a consumed id. Only the id's digest enters, not its counter.
pub fn nullifier_leaf(id: &ResourceId) -> [u8; 32] {
    *blake3::hash(&nullifier_leaf_preimage(&id.digest)).as_bytes()
}
