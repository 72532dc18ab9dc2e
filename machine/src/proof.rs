//! Proofs of a session's state: that a root, which somebody trusts, has this session in exactly this state.
//!
//! [`SessionProof::verify`] needs the root and nothing else: no machine and no image. It answers the session's state,
//! so whoever doubts that a message was in flight finds it there or not.

use crate::machine::ProtocolMachine;
use crate::root::Counters;
use crate::state::decode::{SessionState, StateError};
use crate::state::encode::{encode_session, leaf};
use crate::state::tree::{ARITY, ancestor, height, node};
use alloc::vec::Vec;
use motet_types::{Digest, Digester, Planted, Reader, SessionId, planted};

/// The version of a proof's bytes.
const VERSION: u8 = 5;

/// A session's state and its way up to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionProof {
    counters: Counters,
    heap: Digest,
    image: Digest,
    state: Vec<u8>,
    path: Vec<[[u8; 32]; ARITY - 1]>,
}

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// There is no such session, or it has ended, or it is out in a wave.
    #[error("{0} is not alive, or is in a wave")]
    NotHere(SessionId),
    /// Its state is with whoever keeps the parked session.
    #[error("{0} is parked; resume it first")]
    Parked(SessionId),
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are no proof.
    #[error("the bytes are no proof of a session's state")]
    Malformed,
    /// The state is none.
    #[error("the proof's state is no session's: {0}")]
    State(#[from] StateError),
    /// The proof is of another session.
    #[error("the proof is of {0}")]
    Session(SessionId),
    /// The heap's part does not show what it is to show.
    #[error("the heap's part of the proof: {0}")]
    Heap(#[from] motet_heap::verify::VerifyError),
    /// The proof leads to another root.
    #[error("the proof leads to the root {0}")]
    Root(Digest),
}

impl SessionProof {
    /// Checks that the session had this state under `root`; answers the digest of its image and the state.
    pub fn verify(&self, root: Digest, session: SessionId) -> Result<(Digest, SessionState), ProofError> {
        let state = SessionState::decode(&self.state)?;
        if state.id != session && !planted(Planted::ProofAnyPlace) {
            return Err(ProofError::Session(state.id));
        }
        // The height follows from how many sessions were opened, which the root covers: a path of another length
        // would pass a node for a leaf.
        if session.0 >= self.counters.opened || self.path.len() != height(self.counters.opened) {
            return Err(ProofError::Malformed);
        }
        let mut digest = leaf(&self.image, &self.state).0;
        for (level, others) in self.path.iter().enumerate() {
            let own = ancestor(session.0, level) as usize % ARITY;
            let mut others = others.iter().copied();
            let below = core::array::from_fn(|at| match at == own {
                true => digest,
                false => others.next().unwrap_or_default(),
            });
            digest = node(&below);
        }
        match self.counters.root(&digest, &self.heap.0) {
            found if found == root => Ok((self.image, state)),
            found => Err(ProofError::Root(found)),
        }
    }

    /// The proof as bytes: version, counters, the heap's root, image, state behind its length, and the path.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut into = Vec::with_capacity(self.state.len() + self.path.len() * 96 + 160);
        into.u8(VERSION);
        self.counters.encode(&mut into);
        into.bytes(&self.heap.0);
        into.bytes(&self.image.0);
        into.size(self.state.len());
        into.bytes(&self.state);
        self.path.iter().flatten().for_each(|digest| into.bytes(digest));
        into
    }

    /// Reads what [`SessionProof::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        read(bytes).ok_or(ProofError::Malformed)
    }
}

fn read(bytes: &[u8]) -> Option<SessionProof> {
    let mut from = Reader::new(bytes);
    if from.u8()? != VERSION {
        return None;
    }
    let counters = Counters::decode(&mut from)?;
    let heap = Digest(from.take(32)?.try_into().ok()?);
    let image = Digest(from.take(32)?.try_into().ok()?);
    let len = usize::try_from(from.u64()?).ok()?;
    let state = from.take(len)?.to_vec();
    let mut path = Vec::new();
    for _ in 0..height(counters.opened) {
        let mut others = [[0; 32]; ARITY - 1];
        for other in &mut others {
            *other = from.take(32)?.try_into().ok()?;
        }
        path.push(others);
    }
    (from.remaining() == 0).then_some(SessionProof { counters, heap, image, state, path })
}

impl ProtocolMachine {
    /// Proves a live session's state under the root that [`ProtocolMachine::settle_root`] answers now. Call it between
    /// waves.
    pub fn prove_session(&mut self, session: SessionId) -> Result<SessionProof, ProveError> {
        if self.is_parked(session) {
            return Err(ProveError::Parked(session));
        }
        self.settle_root();
        let (state, image) = self.live(session).ok_or(ProveError::NotHere(session))?;
        let mut bytes = Vec::new();
        encode_session(&mut bytes, state, image, &self.deadlines);
        let (counters, image) = (self.counters(), image.digest());
        let path = self.digests.tree.as_ref().map(|tree| tree.path(session.0)).unwrap_or_default();
        let heap = Digest(self.heap.commitment().root());
        Ok(SessionProof { counters, heap, image, state: bytes, path })
    }
}
