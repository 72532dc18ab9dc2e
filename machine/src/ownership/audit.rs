//! The audit of a session's artifacts, as a count and a chain: the records themselves are handed to the host.

use alloc::vec::Vec;
use motet_semantic::AuthorityAuditRecord;
use motet_types::{Digest, Digester};

/// How many audit records a session has made, and the chain over all of them. It is part of the session's state, so the
/// state root vouches for the records that the host was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditTrail {
    /// How many records.
    pub records: u64,
    /// BLAKE3 over the chain before and the last record; at first, of nothing.
    pub chain: Digest,
}

impl AuditTrail {
    /// Before the first record.
    pub const EMPTY: Self = Self { records: 0, chain: Digest([0; 32]) };

    /// Adds a record.
    pub fn add(&mut self, record: &AuthorityAuditRecord) {
        let mut bytes = Vec::with_capacity(128);
        bytes.bytes(&self.chain.0);
        super::bytes::audit_record(&mut bytes, record);
        self.chain = Digest(*blake3::hash(&bytes).as_bytes());
        self.records += 1;
    }
}
