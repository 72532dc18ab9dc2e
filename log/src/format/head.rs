//! The head: where the log begins, and what was agreed when it last was cut.

use super::Digest;
use super::fields::{put, take, u32_at, u64_at};

const FIXED: usize = 56;

/// The payload of a head slot. Where the log begins as a position is in the slot's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) block: u32,
    /// Bytes of a segment.
    pub(crate) segment: u32,
    /// The number of the first segment.
    pub(crate) first_segment: u64,
    /// The number of the first group in it.
    pub(crate) first_group: u64,
    /// The digest of the group before that one.
    pub(crate) previous: Digest,
    /// What the caller of the last cut handed in.
    pub(crate) certificate: Vec<u8>,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        put(&mut bytes, 0, &self.block.to_le_bytes());
        put(&mut bytes, 4, &self.segment.to_le_bytes());
        put(&mut bytes, 8, &self.first_segment.to_le_bytes());
        put(&mut bytes, 16, &self.first_group.to_le_bytes());
        put(&mut bytes, 24, &self.previous);
        bytes.extend_from_slice(&self.certificate);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Head> {
        Some(Head {
            certificate: bytes.get(FIXED..)?.to_vec(),
            block: u32_at(bytes, 0),
            segment: u32_at(bytes, 4),
            first_segment: u64_at(bytes, 8),
            first_group: u64_at(bytes, 16),
            previous: take(bytes, 24),
        })
    }
}
