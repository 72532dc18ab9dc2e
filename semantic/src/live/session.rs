//! Sessions: who owns them, and what became of them. Their regions are made when somebody exports.

use super::audit::Note;
use super::handoff::Staged;
use super::retire::Ended;
use super::store::NONE;
use super::{Live, LiveViolation};
use crate::objects::OwnershipScope;
use crate::planted::planted;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// What is known of every session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The first of its effects that wait.
    pub(super) first: u32,
    /// Whether anything but its opening has happened to it: then it leaves a region behind.
    pub(super) touched: bool,
    /// Whether it has ended.
    pub(super) ended: bool,
}

/// What is known of a session whose ownership something has happened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Its owner; of one that has ended, the last one.
    pub(super) owner: Option<String>,
    /// What is owned.
    pub(super) scope: OwnershipScope,
    /// The owner's generation.
    pub(super) generation: u64,
    /// The transfer of ownership that has begun.
    pub(super) staged: Option<Box<Staged>>,
    /// Sessions that instructions of its island opened and that something has happened to.
    pub(super) guests: Vec<u64>,
}

impl Default for Session {
    fn default() -> Self {
        Self { owner: None, scope: OwnershipScope::Session, generation: 0, staged: None, guests: Vec::new() }
    }
}

/// Numbers of sessions, which the machine gives out one after the other, spread over a table.
#[derive(Clone, Copy, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

/// Every session that has not retired.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    entries: HashMap<u64, Entry, BuildHasherDefault<Spread>>,
    /// Those whose ownership something has happened to.
    pub(super) owned: BTreeMap<u64, Session>,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in order.
    pub(super) fn sorted(&self) -> Vec<(u64, Entry)> {
        let mut all: Vec<(u64, Entry)> = self.entries.iter().map(|(session, entry)| (*session, *entry)).collect();
        all.sort_unstable_by_key(|(session, _)| *session);
        all
    }

    pub(super) fn get(&self, session: u64) -> Option<&Entry> {
        self.entries.get(&session)
    }

    pub(super) fn get_mut(&mut self, session: u64) -> Option<&mut Entry> {
        self.entries.get_mut(&session)
    }

    /// A session that has not ended.
    pub(super) fn alive(&mut self, session: u64) -> Result<&mut Entry, LiveViolation> {
        self.entries.get_mut(&session).filter(|entry| !entry.ended).ok_or(LiveViolation::NoSession(session))
    }

    /// The first of a session's effects that wait.
    pub(super) fn first(&self, session: u64) -> u32 {
        self.entries.get(&session).map_or(NONE, |entry| entry.first)
    }

    /// Puts a session in; answers whether there was none of that number.
    pub(super) fn insert(&mut self, session: u64, touched: bool, ended: bool) -> bool {
        self.entries.try_insert(session, Entry { first: NONE, touched, ended }).is_ok()
    }

    pub(super) fn remove(&mut self, session: u64) {
        self.entries.remove(&session);
        if !self.owned.is_empty() {
            self.owned.remove(&session);
        }
    }
}

impl Live {
    /// A session was opened.
    pub(super) fn opened(&mut self, session: u64) -> Result<(), LiveViolation> {
        if self.sessions.insert(session, false, false) { Ok(()) } else { Err(LiveViolation::SessionTwice(session)) }
    }

    /// A session that is alive and to whose ownership something happens now.
    pub(super) fn session_mut(&mut self, session: u64) -> Result<&mut Session, LiveViolation> {
        self.sessions.alive(session)?.touched = true;
        Ok(self.sessions.owned.entry(session).or_default())
    }

    /// What is kept of a session's ownership, if anything has happened to it.
    pub(super) fn session(&self, session: u64) -> Option<&Session> {
        self.sessions.owned.get(&session)
    }

    /// Who owns a role of a session.
    pub(super) fn owner_of(&self, session: u64, role: &str) -> Option<&str> {
        let found = self.session(session)?;
        let covered = match &found.scope {
            OwnershipScope::Session => true,
            OwnershipScope::Fragments(roles) => roles.contains(role) || planted("live-owner-of-everything"),
        };
        found.owner.as_deref().filter(|_| covered)
    }

    /// A session ended: nobody waits for its effects any more, and its region is history.
    pub(super) fn ended(&mut self, session: u64, terminal: &'static str) -> Result<(), LiveViolation> {
        let Entry { first, touched, .. } = *self.sessions.alive(session)?;
        if first != NONE {
            for effect in self.open_of(session) {
                if !planted("live-forgets-to-cancel") {
                    self.cancelled(effect)?;
                }
            }
        }
        // One to which nothing happened leaves nothing behind.
        if touched {
            let owned = self.sessions.owned.get_mut(&session);
            let guests = owned.map(|found| core::mem::take(&mut found.guests)).unwrap_or_default();
            for ended in guests.into_iter().chain([session]) {
                if let Some(entry) = self.sessions.get_mut(ended) {
                    entry.ended = true;
                }
                self.ended.push(Ended::Region(ended));
            }
        } else {
            self.sessions.remove(session);
        }
        self.notes.push(Note::SessionTerminal { session, terminal });
        Ok(())
    }
}
