//! Proofs under a runtime's state root.

use crate::rounds::Runtime;
use motet_heap::ResourceId;
use motet_machine::{ProveError, ResourceProof, SessionProof};
use motet_types::SessionId;

impl<E> Runtime<E> {
    /// Proves a session's state under the root that [`Runtime::settle_root`] answers now.
    pub fn prove_session(&mut self, session: SessionId) -> Result<SessionProof, ProveError> {
        self.machine.prove_session(session)
    }

    /// Proves what the heap has of some ids under the root that [`Runtime::settle_root`] answers now.
    pub fn prove_resources(&mut self, resources: &[ResourceId], nullifiers: &[ResourceId]) -> ResourceProof {
        self.machine.prove_resources(resources, nullifiers)
    }
}
