//! Proofs of resources: that a state root, which somebody trusts, covers a heap that has them, or has consumed them, or has
//! not.
//!
//! [`ResourceProof::verify`] needs the root and nothing else: no machine and no heap.

use crate::machine::ProtocolMachine;
use crate::proof::ProofError;
use crate::root::Counters;
use alloc::vec::Vec;
use motet_heap::ResourceId;
use motet_heap::verify::{Membership, membership};
use motet_types::{Digest, Digester, Planted, Reader, planted};

/// The version of a proof's bytes.
const VERSION: u8 = 2;

/// What a machine's heap says about some ids, and the heap's way up to the state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceProof {
    counters: Counters,
    /// The top of the sessions' tree.
    sessions: Digest,
    heap: Digest,
    shown: Vec<u8>,
}

impl ResourceProof {
    /// Checks the proof against a state root; answers what it shows. Ids that it does not cover are errors there, never
    /// absences.
    pub fn verify(&self, root: Digest) -> Result<Membership<'_>, ProofError> {
        let found = self.counters.root(&self.sessions.0, &self.heap.0);
        if found != root && !planted(Planted::ProofAnyState) {
            return Err(ProofError::Root(found));
        }
        Ok(membership(&self.heap.0, &self.shown)?)
    }

    /// The proof as bytes: version, counters, the top of the sessions' tree, the heap's root, and the heap's own proof.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut into = Vec::with_capacity(self.shown.len() + 160);
        into.u8(VERSION);
        self.counters.encode(&mut into);
        into.bytes(&self.sessions.0);
        into.bytes(&self.heap.0);
        into.bytes(&self.shown);
        into
    }

    /// Reads what [`ResourceProof::to_bytes`] wrote. The heap's own proof is read when it is verified.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        read(bytes).ok_or(ProofError::Malformed)
    }
}

fn read(bytes: &[u8]) -> Option<ResourceProof> {
    let mut from = Reader::new(bytes);
    if from.u8()? != VERSION {
        return None;
    }
    let counters = Counters::decode(&mut from)?;
    let sessions = Digest(from.take(32)?.try_into().ok()?);
    let heap = Digest(from.take(32)?.try_into().ok()?);
    let shown = from.take(from.remaining())?.to_vec();
    Some(ResourceProof { counters, sessions, heap, shown })
}

impl ProtocolMachine {
    /// Proves, under the root that [`ProtocolMachine::settle_root`] answers now, what the heap has of `resources` and
    /// which of `nullifiers` were consumed. Call it between waves.
    pub fn prove_resources(&mut self, resources: &[ResourceId], nullifiers: &[ResourceId]) -> ResourceProof {
        self.settle_root();
        let snapshot = self.heap.snapshot();
        let sessions = self.digests.tree.as_ref().map(|tree| Digest(tree.top())).unwrap_or_default();
        ResourceProof {
            counters: self.counters(),
            sessions,
            heap: Digest(snapshot.root()),
            shown: snapshot.prove(resources, nullifiers),
        }
    }
}
