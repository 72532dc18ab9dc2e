//! Who owns sessions, in the model: an operation comes in between turns, and what becomes of it is the literal rules' to
//! say (`owner_model`). Here is what they know nothing of: which sessions there are, what is told, and how a run goes on.

use super::island::Last;
use crate::owner_model::{Model as Rules, Said};
use motet_machine::{Ask, EffectOutcome, OwnershipOperation as Op, SessionHostMutation, SessionOwnership};
use motet_semantic::{
    AuthorityArtifact as Artifact, AuthorityAuditEvent, OwnershipError as Refusal, OwnershipScope,
    OwnershipTerminalReason as Ended, PendingEffectTreatment,
};
use motet_types::{CoroutineId, EdgeId, EffectFailureKind, Event, EventKind, LabelId, SessionId, Terminal};
use std::collections::BTreeMap;

/// The owners of all sessions, and what has become of artifacts since that was last asked.
#[derive(Debug, Default)]
pub(super) struct Owning {
    rules: BTreeMap<SessionId, Rules>,
    audit: Vec<(Artifact, AuthorityAuditEvent)>,
}

/// What comes of an operation: what is issued, or the rule that refuses.
pub(super) type Came = Result<(Option<Artifact>, Option<Ended>), Refusal>;

impl Owning {
    /// A session has ended by itself.
    pub(super) fn ended(&mut self, session: SessionId) {
        let Some(mut rules) = self.rules.remove(&session) else { return };
        rules.session_ended(&mut self.audit);
    }
}

fn about(kind: EventKind, coroutine: u16, witness: u64) -> Event {
    Event::message(kind, CoroutineId(coroutine), EdgeId(witness as u16), LabelId((witness >> 16) as u16))
}

impl super::Model {
    /// An operation on a session's ownership comes in.
    pub fn own(&mut self, session: SessionId, operation: &Op) -> Came {
        let Some(island) = self.islands.get(&session) else {
            return Err(if session.0 < self.opened { Refusal::Terminal } else { Refusal::SessionNotFound });
        };
        let parts = &self.world.codes[island.main().code].parts;
        let reach = match operation {
            Op::Mutate { mutation: SessionHostMutation::SetDefaultHandler { .. }, .. } => OwnershipScope::Session,
            Op::Mutate {
                mutation:
                    SessionHostMutation::UpdateEdgeHandler { edge, .. } | SessionHostMutation::UpdateTrace { edge, .. },
                ..
            } => {
                let ends = &parts.edges[edge.index()];
                let names = [ends.sender, ends.receiver].map(|role| parts.roles[usize::from(role)].name.clone());
                OwnershipScope::Fragments(names.into())
            }
            _ => OwnershipScope::Session,
        };
        let site = |name: &str| parts.roles.iter().position(|role| role.name == name).map_or(0, |at| at as u16);
        let timed_out = match operation {
            Op::IssueTimeout { site: name, .. } => site(name),
            _ => 0,
        };
        let tick = self.tick();
        let rules = self.owning.rules.entry(session).or_insert_with(|| Rules::of(session.0));
        let Said { result, mut audit } = rules.take(tick, &reach, operation);
        self.owning.audit.append(&mut audit);
        let (issued, ended) = result?;
        if let Op::CommitTransfer { receipt, pending: PendingEffectTreatment::InvalidateBlocked } = operation
            && receipt.from_owner_id != receipt.to_owner_id
        {
            let taken = |ask: &&Ask| match &receipt.scope {
                OwnershipScope::Session => true,
                OwnershipScope::Fragments(roles) => roles.contains(&parts.roles[ask.role.index()].name),
            };
            let waits = self.pending.values().filter(|ask| ask.coordinate.session == session);
            let lost: Vec<_> = waits.filter(taken).map(|ask| ask.coordinate).collect();
            for at in lost {
                self.asked.remove(&at);
                let why = "the session was handed over, and what was pending did not go along";
                self.answer(at, EffectOutcome::failure(EffectFailureKind::StaleAuthority, why));
            }
        }
        if let Some(Artifact::Timeout(witness)) = &issued {
            self.events.push((session, about(EventKind::TimeoutIssued, timed_out, witness.witness_id)));
        }
        if let Some(reason) = ended {
            self.owning.rules.remove(&session);
            self.end_owned(session, reason, issued.as_ref());
        }
        Ok((issued, ended))
    }

    fn end_owned(&mut self, session: SessionId, reason: Ended, issued: Option<&Artifact>) {
        if let Some(Artifact::Cancellation(witness)) = issued {
            let kinds = [EventKind::CancellationRequested, EventKind::Cancelled];
            self.events.extend(kinds.map(|kind| (session, about(kind, 0, witness.witness_id))));
        }
        let terminal = match reason {
            Ended::TransferAbandoned => Terminal::Cancelled,
            Ended::OwnerDied | Ended::TransferCommitFailed => Terminal::Faulted,
        };
        let Some(mut island) = self.islands.remove(&session) else { return };
        let last = Last::Failed(terminal);
        island.finish(&mut self.world, last);
        self.keep_events(session);
        // The end of the session itself says why.
        if let Some((_, event)) = self.events.last_mut() {
            event.label = LabelId(1 + reason as u16);
        }
        self.queue.retain(|queued| *queued != session);
        self.ended(session, last);
    }

    /// What has become of artifacts since the last call.
    pub fn audit(&mut self) -> Vec<(Artifact, AuthorityAuditEvent)> {
        std::mem::take(&mut self.owning.audit)
    }

    /// Whether somebody owns a session.
    pub fn is_owned(&self, session: SessionId) -> bool {
        self.owning.rules.get(&session).is_some_and(|rules| rules.owner.is_some())
    }

    /// Holds what the machine keeps of a session's ownership against the rules.
    pub fn owns(&self, session: SessionId, shipped: Option<&SessionOwnership>) -> Result<(), String> {
        let nobody = (Rules::of(session.0), SessionOwnership::default());
        let rules = self.owning.rules.get(&session).unwrap_or(&nobody.0);
        rules.differs(shipped.unwrap_or(&nobody.1)).map_or(Ok(()), |what| Err(format!("another {what}")))
    }
}
