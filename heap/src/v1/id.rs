//! Ids of the published format: a digest and the global allocation counter it was made with.

use core::fmt;

use super::bytes::id_preimage;
use crate::hex::Hex;
use crate::resource::TooLarge;

/// A resource's id, ordered by digest bytes and then by counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Hash of the id preimage.
    pub digest: [u8; 32],
    /// The allocation counter at allocation.
    pub counter: u64,
}

impl ResourceId {
    /// The id of a resource, given its encoding and the counter it is allocated at.
    pub fn derive(encoded: &[u8], counter: u64) -> Result<ResourceId, TooLarge> {
        let digest = *blake3::hash(&id_preimage(encoded, counter)?).as_bytes();
        Ok(ResourceId { digest, counter })
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", Hex(&self.digest), self.counter)
    }
}
