//! Sessions: who owns them, and what became of them. Their regions are made when somebody exports.

use super::audit::Note;
use super::effect::Effect;
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
use motet_types::Sparse;
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
    /// Whether there is such a session at all.
    there: bool,
}

/// No session.
const NOBODY: Entry = Entry { first: NONE, touched: false, ended: false, there: false };

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

/// Every session that has not retired. Their numbers are given out one after the other.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    entries: Sparse<Entry>,
    len: usize,
    /// Those whose ownership something has happened to.
    pub(super) owned: BTreeMap<u64, Session>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { entries: Sparse::new(NOBODY), len: 0, owned: BTreeMap::new() }
    }
}

impl Sessions {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the table, without what is kept of ownership.
    pub(super) fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Entry)> {
        self.entries.iter()
    }

    pub(super) fn get(&self, session: u64) -> Option<Entry> {
        Some(self.entries.get(session)).filter(|entry| entry.there)
    }

    pub(super) fn get_mut(&mut self, session: u64) -> Option<&mut Entry> {
        self.entries.row_mut(session)
    }

    /// A session that has not ended.
    pub(super) fn alive(&mut self, session: u64) -> Result<&mut Entry, LiveViolation> {
        self.get_mut(session).filter(|entry| !entry.ended).ok_or(LiveViolation::NoSession(session))
    }

    /// The first of a session's effects that wait.
    pub(super) fn first(&self, session: u64) -> u32 {
        self.entries.get(session).first
    }

    /// Puts a session in; answers whether there was none of that number.
    pub(super) fn insert(&mut self, session: u64, touched: bool, ended: bool) -> bool {
        let before = self.entries.replace(session, Entry { first: NONE, touched, ended, there: true });
        if before.there {
            self.entries.set(session, before);
            return false;
        }
        self.len += 1;
        true
    }

    pub(super) fn remove(&mut self, session: u64) {
        self.len -= usize::from(self.entries.replace(session, NOBODY).there);
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

    /// Who owns what an effect's role may do.
    pub(super) fn owner_of_effect(&self, effect: &Effect) -> Option<&str> {
        let found = self.session(effect.key.session)?;
        let role = self.role_of(effect);
        let covered = match &found.scope {
            OwnershipScope::Session => true,
            OwnershipScope::Fragments(roles) => roles.contains(role) || planted("live-owner-of-everything"),
        };
        found.owner.as_deref().filter(|_| covered)
    }

    /// The name of the role that asked an effect.
    pub(super) fn role_of(&self, effect: &Effect) -> &str {
        self.roles.get(&(effect.image, effect.role)).map_or("", |name| name)
    }

    /// A session ended: nobody waits for its effects any more, and its region is history.
    pub(super) fn ended(&mut self, session: u64, terminal: &'static str) -> Result<(), LiveViolation> {
        if self.sessions.alive(session)?.first != NONE {
            for effect in self.open_of(session) {
                if !planted("live-forgets-to-cancel") {
                    self.cancelled(effect)?;
                }
            }
        }
        let entry = self.sessions.alive(session)?;
        entry.ended = true;
        if entry.touched {
            if let Some(owned) = self.sessions.owned.get_mut(&session) {
                let guests = core::mem::take(&mut owned.guests);
                guests.into_iter().for_each(|guest| self.close_guest(guest));
            }
            self.ended.push(Ended::Region(session));
        } else {
            // One to which nothing happened leaves nothing behind.
            self.sessions.remove(session);
        }
        self.notes.push(Note::SessionTerminal { session, terminal });
        Ok(())
    }

    /// One that instructions opened ends with its island.
    fn close_guest(&mut self, guest: u64) {
        if let Some(entry) = self.sessions.get_mut(guest) {
            entry.ended = true;
            self.ended.push(Ended::Region(guest));
        }
    }
}
