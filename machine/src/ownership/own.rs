//! The one door: an operation on a session's ownership, taken by the machine between turns.

use super::operation::{OwnershipOperation, OwnershipOutcome};
use super::state::{OwnershipMoment, SessionOwnership};
use crate::effect::EffectCoordinate;
use crate::image::CodeImage;
use crate::machine::{Place, ProtocolMachine};
use crate::outbox::{Ask, Outbox};
use crate::session::Session;
use crate::trace::BurstEnd;
use crate::wave::Pick;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditRecord, OwnershipError, OwnershipScope, OwnershipTerminalReason,
};
use motet_types::{CoroutineId, EdgeId, Event, EventKind, LabelId, Planted, RoleId, SessionId, Terminal, planted};

/// The longest operation, as [`OwnershipOperation::encode`] writes it.
pub const MAX_OPERATION_BYTES: usize = 64 * 1024;

/// Why an operation on a session's ownership was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnershipRefusal {
    /// The rules of ownership refuse it. An artifact that was shown is on record as rejected, so this is an input of
    /// the run too; all the others leave no trace.
    #[error("{session}: {error}")]
    Contract {
        /// The session.
        session: SessionId,
        /// Which rule.
        error: OwnershipError,
    },
    /// Sessions are owned while every island is at home.
    #[error("{out} waves are out; ownership changes between turns")]
    WavesOut {
        /// How many.
        out: u64,
    },
    /// The session is with whoever keeps it.
    #[error("{0} is parked; resume it first")]
    Parked(SessionId),
    /// A scope or a site names a role that the session does not have.
    #[error("{session} has no role `{role}`")]
    NoRole {
        /// The session.
        session: SessionId,
        /// The name.
        role: String,
    },
    /// A mutation names an edge that the session does not have.
    #[error("{session} has no {edge}")]
    NoEdge {
        /// The session.
        session: SessionId,
        /// The edge.
        edge: EdgeId,
    },
    /// The operation is longer than any may be.
    #[error("the operation takes {bytes} bytes; at most {MAX_OPERATION_BYTES} are taken")]
    TooLong {
        /// How many.
        bytes: usize,
    },
}

impl OwnershipRefusal {
    /// Whether the refusal itself belongs to the run: the rules made it, of a session that there is or was.
    pub const fn is_input(&self) -> bool {
        matches!(self, Self::Contract { error, .. } if !matches!(error, OwnershipError::SessionNotFound))
    }

    /// The rule that refused, if a rule did.
    pub const fn rule(&self) -> Option<OwnershipError> {
        match self {
            Self::Contract { error, .. } => Some(*error),
            _ => None,
        }
    }
}

/// What an operation needs to be covered by the capability that is shown: of a mutation, what it changes.
fn reach(
    session: SessionId,
    image: &CodeImage,
    operation: &OwnershipOperation,
) -> Result<OwnershipScope, OwnershipRefusal> {
    let known = |role: &String| match image.role(role) {
        Some(_) => Ok(()),
        None => Err(OwnershipRefusal::NoRole { session, role: role.clone() }),
    };
    match operation {
        OwnershipOperation::Claim { scope: OwnershipScope::Fragments(roles), .. }
        | OwnershipOperation::Attenuate { scope: OwnershipScope::Fragments(roles), .. } => {
            roles.iter().try_for_each(known)?;
        }
        OwnershipOperation::IssueTimeout { site, .. } => known(site)?,
        OwnershipOperation::Mutate { mutation, .. } => {
            let Some(edge) = mutation.edge() else { return Ok(OwnershipScope::Session) };
            let ends = image.edge(edge).ok_or(OwnershipRefusal::NoEdge { session, edge })?;
            let names = [ends.sender, ends.receiver].map(|role| String::from(image.role_name(RoleId(role))));
            return Ok(OwnershipScope::Fragments(BTreeSet::from(names)));
        }
        _ => {}
    }
    Ok(OwnershipScope::Session)
}

impl ProtocolMachine {
    /// Takes an operation on a session's ownership, between turns. What happens to artifacts goes to the audit
    /// ([`ProtocolMachine::drain_audit`]). A session whose owner died, or whose transfer could not be committed, faults; one whose
    /// transfer was abandoned is cancelled; both end here.
    ///
    /// # Errors
    /// The rule that refuses it, or what about it makes no sense for this session.
    pub fn own(
        &mut self,
        session: SessionId,
        operation: &OwnershipOperation,
    ) -> Result<OwnershipOutcome, OwnershipRefusal> {
        if self.out > 0 {
            return Err(OwnershipRefusal::WavesOut { out: self.out });
        }
        if self.is_parked(session) {
            return Err(OwnershipRefusal::Parked(session));
        }
        let refuse = |error| OwnershipRefusal::Contract { session, error };
        let ended = session.0 < self.tally.opened;
        let gone = if ended { OwnershipError::Terminal } else { OwnershipError::SessionNotFound };
        let image = Arc::clone(self.live(session).ok_or(refuse(gone))?.1);
        let at = self.slot_of(session).ok_or(refuse(gone))?;
        let reach = reach(session, &image, operation)?;
        let mut bytes = Vec::new();
        operation.encode(&mut bytes);
        if bytes.len() > MAX_OPERATION_BYTES {
            return Err(OwnershipRefusal::TooLong { bytes: bytes.len() });
        }
        if !planted(Planted::OwnershipCopiesLate) {
            self.copy_first(at);
        }
        let slot = &mut self.slots[at as usize];
        if !planted(Planted::OwnershipRootForgets) {
            self.digests.changed(slot, at);
        }
        let mut ownership = slot.session.take_ownership().unwrap_or_default();
        let moment = OwnershipMoment { session, tick: self.tick, reach: &reach };
        let told = self.audit.len();
        let taken = ownership.apply(&moment, operation, &mut self.audit);
        slot.session.put_ownership(ownership);
        if self.semantics.is_some() {
            let transports = operation.invalidates().is_none() || planted(Planted::SemanticsTransportAll);
            self.audit_happened(told, Some(session), transports);
        }
        let mut outcome = taken.map_err(refuse)?;
        if let Some(scope) = operation.invalidates() {
            (outcome.invalidated, outcome.woken) = self.invalidate_pending(session, &image, scope);
        }
        if let Some(reason) = outcome.ended {
            self.end_owned(at, session, reason, outcome.issued.as_ref());
        }
        if let Some(AuthorityArtifact::Timeout(witness)) = &outcome.issued {
            let site = image.role(&witness.site).map_or(CoroutineId(0), |role| CoroutineId(role.0));
            let event = numbered(EventKind::TimeoutIssued, witness.witness_id);
            self.tell(session, &[Event { coroutine: site, ..event }], None);
        }
        Ok(outcome)
    }

    /// Fails everything that waits in a scope of a session, in order, as what it was asked under is gone.
    fn invalidate_pending(
        &mut self,
        session: SessionId,
        image: &CodeImage,
        scope: &OwnershipScope,
    ) -> (Vec<EffectCoordinate>, Option<Pick>) {
        let within = |ask: &&Ask| match scope {
            OwnershipScope::Session => true,
            OwnershipScope::Fragments(_) if planted(Planted::InvalidatesBeyondScope) => true,
            OwnershipScope::Fragments(roles) => roles.contains(image.role_name(ask.role)),
        };
        let affected: Vec<EffectCoordinate> = self.asks_of(session).filter(within).map(|ask| ask.coordinate).collect();
        let why = "the session was handed over, and what was pending did not go along";
        let woken = self.invalidate(&affected, why).pop();
        (affected, woken)
    }

    /// Events between turns, as a burst that takes no step.
    pub(crate) fn tell(&mut self, session: SessionId, events: &[Event], ended: Option<Terminal>) {
        if !self.trace.is_on() {
            return;
        }
        let mut out = Outbox::default();
        out.begin_chunk(1, None, self.tick);
        let burst = out.begin_burst(session);
        events.iter().for_each(|event| out.event(*event));
        let ready = self.slot_of(session).is_some_and(|at| self.slots[at as usize].place == Place::Ready);
        let goes_on = if ready { BurstEnd::Ready } else { BurstEnd::Waiting };
        out.end_burst(burst, 0, ended.map_or(goes_on, BurstEnd::Ended));
        self.trace.add(&out.events, None);
    }

    /// Ends a session whose ownership has ended.
    fn end_owned(
        &mut self,
        at: u32,
        session: SessionId,
        reason: OwnershipTerminalReason,
        issued: Option<&AuthorityArtifact>,
    ) {
        let terminal = match reason {
            OwnershipTerminalReason::TransferAbandoned => Terminal::Cancelled,
            OwnershipTerminalReason::OwnerDied | OwnershipTerminalReason::TransferCommitFailed => Terminal::Faulted,
        };
        let mut events = Vec::new();
        if let Some(AuthorityArtifact::Cancellation(witness)) = issued {
            let kinds = [EventKind::CancellationRequested, EventKind::Cancelled];
            events.extend(kinds.map(|kind| numbered(kind, witness.witness_id)));
            if planted(Planted::OwnershipCancelsBackwards) {
                events.reverse();
            }
        }
        self.slots[at as usize].session.tell_ends(terminal, &mut events);
        events.iter_mut().next_back().into_iter().for_each(|last| last.label = LabelId(reason as u16 + 1));
        self.tell(session, &events, Some(terminal));
        if planted(Planted::OwnershipEndsNothing) {
            return;
        }
        let slot = &mut self.slots[at as usize];
        let ended = core::mem::take(&mut slot.session);
        slot.place = Place::Free;
        self.free.push(at);
        self.end(&ended, terminal);
    }

    /// The ownership of a live session that was ever owned, or for which a timeout was issued.
    pub fn ownership(&self, session: SessionId) -> Option<&SessionOwnership> {
        self.live(session)?.0.ext.as_ref()?.ownership.as_deref()
    }

    /// Audit records that were not drained, oldest first.
    pub fn audit(&self) -> &[AuthorityAuditRecord] {
        &self.audit
    }

    /// Takes the audit so far out. It is what the machine has told, like its trace: a machine that is restored begins
    /// with none, and goes on with the chain of each session.
    pub fn drain_audit(&mut self) -> Vec<AuthorityAuditRecord> {
        mem::take(&mut self.audit)
    }

    /// A session has ended by itself; what its owner holds loses its force.
    #[cold]
    pub(crate) fn ended_while_owned(&mut self, session: SessionId, mut ownership: Box<SessionOwnership>) {
        if !planted(Planted::OwnershipEndsSilently) {
            let told = self.audit.len();
            ownership.session_ended(session, self.tick, &mut self.audit);
            if self.semantics.is_some() {
                self.audit_happened(told, Some(session), true);
            }
        }
    }
}

/// An event about a witness: its id, as far as 32 bits go, in `edge` (low) and `label` (high).
pub(crate) fn numbered(kind: EventKind, witness: u64) -> Event {
    let plain = Event::plain(kind, CoroutineId(0), 0);
    Event { edge: EdgeId(witness as u16), label: LabelId((witness >> 16) as u16), ..plain }
}

impl Session {
    pub(crate) fn take_ownership(&mut self) -> Option<Box<SessionOwnership>> {
        self.ext.as_mut().and_then(|ext| ext.ownership.take())
    }

    /// Keeps what there is to keep: a session that nobody has ever owned keeps nothing.
    pub(crate) fn put_ownership(&mut self, ownership: Box<SessionOwnership>) {
        if *ownership != SessionOwnership::default() {
            self.ext.get_or_insert_default().ownership = Some(ownership);
        }
    }
}

impl SessionOwnership {
    /// Whether this can be the ownership of a session of the image.
    pub(crate) fn fits(&self, session: SessionId, image: &CodeImage) -> bool {
        let named = |scope: &OwnershipScope| match scope {
            OwnershipScope::Session => true,
            OwnershipScope::Fragments(roles) => roles.iter().all(|role| image.role(role).is_some()),
        };
        let edges = self.bindings.handlers.keys().chain(self.bindings.traces.keys());
        planted(Planted::OwnershipRestoresAnything)
            || named(&self.scope)
                && self.capabilities.iter().all(named)
                && self.receipt.as_ref().is_none_or(|receipt| receipt.session_id == session.0)
                && self.readiness.values().all(|witness| witness.session_id == session.0)
                && self.timeouts.values().all(|witness| {
                    witness.witness_id >> 32 == session.0 & u64::from(u32::MAX) && image.role(&witness.site).is_some()
                })
                && edges.copied().all(|edge| image.edge(edge).is_some())
    }
}
