//! What the audit of authority says: owners, transfers, and reads that rest on witnesses.

use super::audit::Note;
use super::key::ReadKey;
use super::retire::Ended;
use super::{Live, LiveViolation};
use crate::objects::{
    AuthoritativeReadKind, AuthoritativeReadLifecycle, AuthorityArtifact, AuthorityAuditRecord, OwnershipCapability,
    RELEASED,
};
use crate::planted::planted;
use crate::rules::{Artifact, ArtifactEvent, ArtifactPhase, AuthorityArtifactKind, AuthorityAuditEvent};
use alloc::boxed::Box;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// A read that rests on a witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Read {
    pub(super) owner: Option<String>,
    pub(super) rule: Artifact,
    pub(super) predicate: Option<String>,
    pub(super) generation: Option<u64>,
    pub(super) reason: Option<String>,
    /// Its number among what has ended.
    pub(super) closed: Option<u64>,
}

impl Read {
    /// Where it stands: a witness that lost its force without being used proves nothing any more.
    pub(super) const fn lifecycle(&self) -> AuthoritativeReadLifecycle {
        match self.rule.phase {
            ArtifactPhase::Absent | ArtifactPhase::Issued => AuthoritativeReadLifecycle::Issued,
            ArtifactPhase::Consumed => AuthoritativeReadLifecycle::Consumed,
            _ => AuthoritativeReadLifecycle::Rejected,
        }
    }
}

/// The rule's event for what the audit says.
const fn event(event: AuthorityAuditEvent) -> ArtifactEvent {
    match event {
        AuthorityAuditEvent::Issued => ArtifactEvent::Issue {},
        AuthorityAuditEvent::Consumed => ArtifactEvent::Consume {},
        AuthorityAuditEvent::Invalidated => ArtifactEvent::Invalidate {},
        AuthorityAuditEvent::Committed => ArtifactEvent::Commit {},
        AuthorityAuditEvent::RolledBack => ArtifactEvent::RollBack {},
        AuthorityAuditEvent::Rejected => ArtifactEvent::Reject {},
        AuthorityAuditEvent::Expired => ArtifactEvent::Expire {},
    }
}

impl Live {
    /// Something happened to an artifact of authority.
    pub(super) fn authority(
        &mut self,
        session: Option<u64>,
        record: &AuthorityAuditRecord,
        transports: bool,
    ) -> Result<(), LiveViolation> {
        self.notes.push(Note::Authority(Box::new(record.clone())));
        let refused = record.event == AuthorityAuditEvent::Rejected;
        match (&record.artifact, session) {
            (AuthorityArtifact::OwnershipCapability(capability), Some(session)) if !refused => {
                self.capability(session, capability, record)
            }
            (AuthorityArtifact::OwnershipReceipt(receipt), Some(session)) if !refused => match record.event {
                AuthorityAuditEvent::Issued => self.stage(session, receipt),
                AuthorityAuditEvent::Committed => self.revoke(session, transports),
                _ => self.roll_back(session, record.reason.as_deref()),
            },
            (
                AuthorityArtifact::Readiness(_) | AuthorityArtifact::Cancellation(_) | AuthorityArtifact::Timeout(_),
                _,
            ) => self.witness(session, record),
            _ => Ok(()),
        }
    }

    /// A capability makes an owner where there is none, or where the staged transfer gives it the session. Any other is
    /// narrower, and changes nothing about who owns what.
    fn capability(
        &mut self,
        session: u64,
        capability: &OwnershipCapability,
        record: &AuthorityAuditRecord,
    ) -> Result<(), LiveViolation> {
        match record.event {
            AuthorityAuditEvent::Issued => {
                if self.activate(session, capability.generation)? {
                    return Ok(());
                }
                let owner = self.session_mut(session)?.owner.clone();
                match owner {
                    None => {
                        self.end_era(session);
                        let found = self.session_mut(session)?;
                        found.owner = Some(capability.owner_id.clone());
                        found.scope = capability.scope.clone();
                        found.generation = capability.generation;
                        Ok(())
                    }
                    Some(owner) if owner == capability.owner_id => {
                        self.session_mut(session)?.generation = capability.generation;
                        Ok(())
                    }
                    Some(owner) => Err(LiveViolation::TwoOwners { session, owner }),
                }
            }
            AuthorityAuditEvent::Invalidated if record.reason.as_deref() == Some(RELEASED) => {
                if !planted("live-owner-survives-release") {
                    self.session_mut(session)?.owner = None;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A witness was issued, used, withdrawn, shown in vain, or its time is over.
    fn witness(&mut self, session: Option<u64>, record: &AuthorityAuditRecord) -> Result<(), LiveViolation> {
        let refused = record.event == AuthorityAuditEvent::Rejected;
        let (kind, witness, read) = read_of(&record.artifact);
        let key = ReadKey { session, kind, witness, refused };
        if let Some(session) = session {
            self.session_mut(session)?;
        }
        if refused && self.reads.contains_key(&key) {
            return Ok(());
        }
        let before = self.reads.get(&key).cloned().unwrap_or(read);
        let event = match planted("live-witness-used-twice") && before.rule.phase == ArtifactPhase::Consumed {
            true => ArtifactEvent::Reject {},
            false => event(record.event),
        };
        let rule = before.rule.apply(event).map_err(|error| LiveViolation::Witness { witness, error })?;
        self.tell(record);
        let mut after = Read { rule, ..before };
        if rule.phase != ArtifactPhase::Issued {
            after.reason = record.reason.clone().or_else(|| match record.event {
                AuthorityAuditEvent::Expired => Some("expired".into()),
                _ => after.reason,
            });
            after.closed = Some(self.ended.push(Ended::Read(Box::new(key))));
        }
        self.reads.insert(key, after);
        Ok(())
    }

    /// What the audit says apart of witnesses that end sessions or time.
    fn tell(&mut self, record: &AuthorityAuditRecord) {
        match (&record.artifact, record.event) {
            (AuthorityArtifact::Timeout(witness), AuthorityAuditEvent::Issued) => {
                self.notes.push(Note::TimeoutIssued(Box::new(witness.clone())));
            }
            (AuthorityArtifact::Cancellation(witness), AuthorityAuditEvent::Issued) => {
                self.notes.push(Note::CancellationRequested(Box::new(witness.clone())));
            }
            (AuthorityArtifact::Cancellation(witness), AuthorityAuditEvent::Consumed) => {
                self.notes.push(Note::Cancelled(Box::new(witness.clone())));
            }
            _ => {}
        }
    }
}

/// What a witness is, and the read that rests on it before anything has happened to it.
fn read_of(artifact: &AuthorityArtifact) -> (AuthoritativeReadKind, u64, Read) {
    let read = |kind, owner: Option<&String>, predicate: Option<&String>, generation, reason: Option<&String>| Read {
        owner: owner.cloned(),
        rule: Artifact::new(kind),
        predicate: predicate.cloned(),
        generation,
        reason: reason.cloned(),
        closed: None,
    };
    match artifact {
        AuthorityArtifact::Readiness(one) => {
            let generation = Some(one.generation);
            let kind = AuthorityArtifactKind::Readiness;
            let read = read(kind, Some(&one.owner_id), Some(&one.predicate_ref), generation, None);
            (AuthoritativeReadKind::Readiness, one.witness_id, read)
        }
        AuthorityArtifact::Cancellation(one) => {
            let generation = Some(one.generation);
            let kind = AuthorityArtifactKind::Cancellation;
            let read = read(kind, Some(&one.owner_id), None, generation, Some(&one.reason));
            (AuthoritativeReadKind::Cancellation, one.witness_id, read)
        }
        AuthorityArtifact::Timeout(one) => {
            let read = read(AuthorityArtifactKind::Timeout, None, Some(&one.site), None, None);
            (AuthoritativeReadKind::Timeout, one.witness_id, read)
        }
        AuthorityArtifact::OwnershipCapability(_) | AuthorityArtifact::OwnershipReceipt(_) => {
            (AuthoritativeReadKind::Readiness, 0, read(AuthorityArtifactKind::Readiness, None, None, None, None))
        }
    }
}
