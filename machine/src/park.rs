//! Parking: a session that waits for its host leaves the machine as bytes, and comes back when there is an answer.
//!
//! What remains is its leaf in the state tree, and the effects that it waits for. Only a session that waits can be
//! parked, so that parking changes no schedule, no event and no root.

use crate::machine::{PARKED, Place, ProtocolMachine};
use crate::state::decode::{SessionState, StateError};
use crate::state::encode::{encode_session, leaf};
use crate::state::rebuild::{Home, rebuild};
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_types::{Digest, Planted, SessionId, planted};

/// What a machine keeps of a parked session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    /// Its leaf in the state tree: the digest of its bytes.
    pub(crate) leaf: Digest,
    pub(crate) image: u32,
}

/// Why a session is not parked, or not resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParkError {
    /// There is no such session, or it has ended.
    #[error("{0} is not alive")]
    NotAlive(SessionId),
    /// The session is out in a wave.
    #[error("{0} is in a wave; park it when the wave has been committed")]
    InFlight(SessionId),
    /// The session has something to do: parking it would change the schedule.
    #[error("{0} is ready to run; only a session that waits can be parked")]
    Ready(SessionId),
    /// A coroutine of the session waits for a link, which may be whole again at any turn.
    #[error("{0} waits for a link; only a session that waits for its host or for its own messages can be parked")]
    Link(SessionId),
    /// The host has not taken on an effect of the session yet.
    #[error("{0} waits for an effect that the host has not taken on yet")]
    Unasked(SessionId),
    /// The session is parked already.
    #[error("{0} is parked already")]
    Already(SessionId),
    /// The session is not parked.
    #[error("{0} is not parked")]
    NotParked(SessionId),
    /// The bytes are not those that the session was parked as.
    #[error("the bytes are not those of {0} when it was parked")]
    Changed(SessionId),
    /// The bytes are no parked session.
    #[error("the bytes are no parked session: {0}")]
    Malformed(#[from] StateError),
    /// The effects that the session waits for are not those that the machine kept, or have other deadlines.
    #[error("{0} waits for other effects than the machine knows of")]
    Effects(SessionId),
}

impl ProtocolMachine {
    /// Takes a waiting session out of memory. Its bytes are the caller's to keep: the machine has nothing but their
    /// digest, and nothing can be done with the session before [`ProtocolMachine::resume`].
    ///
    /// Events, state root and the schedule are the same as if it had stayed.
    pub fn park(&mut self, session: SessionId) -> Result<Vec<u8>, ParkError> {
        let at = match self.index.get(session.0) {
            PARKED => return Err(ParkError::Already(session)),
            _ => self.slot_of(session).ok_or(ParkError::NotAlive(session))?,
        };
        match self.slots[at as usize].place {
            Place::Out => return Err(ParkError::InFlight(session)),
            Place::Ready => return Err(ParkError::Ready(session)),
            Place::Free | Place::Waiting => {}
        }
        let slot = &self.slots[at as usize];
        if slot.session.waits_for_links(&self.images[slot.session.image as usize]) {
            return Err(ParkError::Link(session));
        }
        self.copy_first(at);
        let slot = &mut self.slots[at as usize];
        let image = &self.images[slot.session.image as usize];
        let mut bytes = Vec::with_capacity(256);
        encode_session(&mut bytes, &slot.session, image, &self.deadlines);
        let parked = Parked { leaf: leaf(&image.digest(), &bytes), image: slot.session.image };
        (slot.session, slot.place) = (Default::default(), Place::Free);
        self.digests.known(session.0, parked.leaf);
        self.free.push(at);
        self.index.set(session.0, PARKED);
        self.parked.insert(session.0, parked);
        Ok(bytes)
    }

    /// Takes a parked session back. The bytes must be the ones that [`ProtocolMachine::park`] answered; they are held
    /// against the digest that the machine has kept.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<SessionId, ParkError> {
        let state = SessionState::decode(bytes)?;
        let id = state.id;
        let parked = *self.parked.get(&id.0).ok_or(ParkError::NotParked(id))?;
        let image = Arc::clone(&self.images[parked.image as usize]);
        if leaf(&image.digest(), bytes) != parked.leaf && !planted(Planted::ParkTrustsBytes) {
            return Err(ParkError::Changed(id));
        }
        let buffer = &self.config.buffer;
        let home = Home { image: &image, image_id: parked.image, images: &self.images, buffer };
        let same_deadlines = state.deadlines.iter().copied().eq(self.deadlines.of(id));
        let (session, asks) = rebuild(state, &home)?;
        if !same_deadlines || asks.iter().ne(self.asks_of(id)) {
            return Err(ParkError::Effects(id));
        }
        self.copy_first_parked(id);
        let at = self.settle(session, Place::Waiting);
        self.index.set(id.0, at);
        self.parked.remove(&id.0);
        Ok(id)
    }

    /// Whether a session is parked.
    pub fn is_parked(&self, session: SessionId) -> bool {
        self.index.get(session.0) == PARKED
    }

    /// How many sessions are parked.
    pub fn parked_sessions(&self) -> usize {
        self.parked.len()
    }
}
