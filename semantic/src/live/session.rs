//! Sessions: who owns them, and what became of them. Their regions are made when somebody exports.

use super::audit::Note;
use super::handoff::Staged;
use super::key::ObjectKey;
use super::{Live, LiveViolation};
use crate::objects::OwnershipScope;
use crate::planted::planted;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A session that something has happened to.
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
    /// Whether it has ended: its number among what has.
    pub(super) closed: Option<u64>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            owner: None,
            scope: OwnershipScope::Session,
            generation: 0,
            staged: None,
            guests: Vec::new(),
            closed: None,
        }
    }
}

impl Live {
    /// A session was opened.
    pub(super) fn opened(&mut self, session: u64) -> Result<(), LiveViolation> {
        match self.sessions.insert(session, None) {
            None => Ok(()),
            Some(before) => {
                self.sessions.insert(session, before);
                Err(LiveViolation::SessionTwice(session))
            }
        }
    }

    /// A session that is alive and that something happens to now.
    pub(super) fn session_mut(&mut self, session: u64) -> Result<&mut Session, LiveViolation> {
        let found = self.sessions.get_mut(&session).ok_or(LiveViolation::NoSession(session))?;
        let found = found.get_or_insert_default();
        if found.closed.is_some() { Err(LiveViolation::NoSession(session)) } else { Ok(found) }
    }

    /// What is kept of a session, if anything has happened to it.
    pub(super) fn session(&self, session: u64) -> Option<&Session> {
        self.sessions.get(&session)?.as_deref()
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
        if self.sessions.get(&session).is_none_or(|found| found.as_ref().is_some_and(|one| one.closed.is_some())) {
            return Err(LiveViolation::NoSession(session));
        }
        for effect in self.open_of(session) {
            if !planted("live-forgets-to-cancel") {
                self.cancelled(effect)?;
            }
        }
        let touched = self.sessions.get_mut(&session).and_then(Option::as_mut);
        let guests = touched.map(|found| core::mem::take(&mut found.guests)).unwrap_or_default();
        for ended in guests.into_iter().chain([session]) {
            self.close_session(ended);
        }
        self.notes.push(Note::SessionTerminal { session, terminal });
        Ok(())
    }

    /// A session to which nothing happened leaves nothing behind.
    fn close_session(&mut self, session: u64) {
        if self.session(session).is_none() {
            self.sessions.remove(&session);
            return;
        }
        let number = self.close(ObjectKey::Region(session));
        if let Some(found) = self.sessions.get_mut(&session).and_then(Option::as_mut) {
            found.closed = Some(number);
        }
    }
}
