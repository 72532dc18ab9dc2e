//! What has ended, in the order in which it did: how much of it is kept, and all of it as bytes.

use super::Live;
use super::key::ObjectKey;
use crate::planted::planted;
use alloc::vec::Vec;

/// Bytes that are no live objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no live objects: {0}")]
pub struct LiveBytesError(&'static str);

impl Live {
    /// Something has ended; answers its number among what has.
    pub(super) fn close(&mut self, object: ObjectKey) -> u64 {
        let number = self.next_closed;
        self.next_closed += 1;
        self.closed.insert(number, object);
        number
    }

    /// Lets the oldest of what has ended go, until no more is kept than may be.
    pub(super) fn trim(&mut self) {
        while self.between == 0 && self.closed.len() > self.keep as usize {
            let oldest = match planted("live-retires-newest") {
                true => self.closed.pop_last(),
                false => self.closed.pop_first(),
            };
            match oldest {
                Some((_, object)) => self.remove(&object),
                None => return,
            }
        }
    }

    fn remove(&mut self, object: &ObjectKey) {
        match object {
            ObjectKey::Effect(key) => {
                self.effects.remove(key);
            }
            ObjectKey::Handoff(key) => {
                self.handoffs.remove(key);
            }
            ObjectKey::Output(key) => {
                self.outputs.remove(key);
            }
            ObjectKey::Read(key) => {
                self.reads.remove(key);
            }
            ObjectKey::Region(session) => {
                self.sessions.remove(session);
            }
        }
    }

    /// Handoffs of a session's ownership that have ended belong to an era that is over once somebody claims the session
    /// anew, who may be the one who was revoked then.
    pub(super) fn end_era(&mut self, session: u64) {
        let key = |number| super::HandoffKey { session, endpoint: false, number };
        let over = self.handoffs.range(key(0)..=key(u64::MAX));
        let over: Vec<(super::HandoffKey, Option<u64>)> = over.map(|(key, one)| (*key, one.closed)).collect();
        for (key, closed) in over {
            if let Some(number) = closed.filter(|_| !planted("live-keeps-old-eras")) {
                self.closed.remove(&number);
                self.handoffs.remove(&key);
            }
        }
    }

    /// All of it as bytes: equal for equal objects.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Every key and value has a form, and memory takes all that is written.
        let written = ciborium::into_writer(self, &mut bytes);
        debug_assert!(written.is_ok(), "live objects can be written: {written:?}");
        bytes
    }

    /// What [`Live::to_bytes`] wrote, with another number of ended objects to keep if need be.
    ///
    /// # Errors
    /// Bytes that it did not write, as far as that shows: the tables' invariants hold of every object, and what is open or
    /// has ended is in the list of such objects.
    pub fn from_bytes(bytes: &[u8], keep: u32) -> Result<Self, LiveBytesError> {
        let mut rest = bytes;
        let read: Result<Self, _> = ciborium::from_reader(&mut rest);
        let mut live = read.map_err(|_| LiveBytesError("they cannot be read"))?;
        if !rest.is_empty() {
            return Err(LiveBytesError("there is more than they say"));
        }
        live.keep = keep;
        live.sound()?;
        live.count_due();
        live.trim();
        Ok(live)
    }

    fn sound(&self) -> Result<(), LiveBytesError> {
        for (key, effect) in &self.effects {
            let broken = effect.life.broken_invariant().or(effect.progress.broken_invariant());
            if broken.or(effect.path.broken_invariant()).is_some() {
                return Err(LiveBytesError("an effect breaks the rules"));
            }
            let ended = effect.progress.state.is_terminal();
            if self.open.contains(key) == ended || effect.closed.is_some() != ended {
                return Err(LiveBytesError("an effect is neither open nor ended, or both"));
            }
        }
        let known = self.open.iter().all(|key| self.effects.contains_key(key));
        let listed = self.closed.iter().all(|(number, object)| self.number_of(object) == Some(*number));
        let session = |session: u64| self.sessions.contains_key(&session);
        let placed = self.open.iter().all(|key| session(key.session));
        let next = self.closed.last_key_value().is_none_or(|(last, _)| *last < self.next_closed);
        if known && listed && placed && next {
            return Ok(());
        }
        Err(LiveBytesError("what is open or has ended is not what the lists say"))
    }

    /// The number among what has ended of an object that has.
    fn number_of(&self, object: &ObjectKey) -> Option<u64> {
        match object {
            ObjectKey::Effect(key) => self.effects.get(key)?.closed,
            ObjectKey::Handoff(key) => self.handoffs.get(key)?.closed,
            ObjectKey::Output(key) => Some(self.outputs.get(key)?.closed),
            ObjectKey::Read(key) => self.reads.get(key)?.closed,
            ObjectKey::Region(session) => self.session(*session)?.closed,
        }
    }
}
