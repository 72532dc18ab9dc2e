//! The artifacts of a session's ownership: how each is issued, used and withdrawn, and what the audit says of it.

use super::audit::AuditTrail;
use super::operation::{OwnershipOutcome, SessionHostMutation};
use super::state::SessionOwnership;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditEvent, AuthorityAuditRecord, CancellationWitness, Ownership, OwnershipCapability,
    OwnershipError, OwnershipReceipt, OwnershipScope, OwnershipTerminalReason, ReadinessWitness, TimeoutWitness,
};
use motet_types::{Planted, SessionId, Tick, planted};

/// Most witnesses of a kind in force at once, and most scopes that capabilities are given.
const MAX_IN_FORCE: usize = u16::MAX as usize;

/// Writes audit records and adds them to the session's trail.
pub(super) struct Auditor<'a> {
    pub(super) tick: Tick,
    pub(super) trail: &'a mut AuditTrail,
    pub(super) out: &'a mut Vec<AuthorityAuditRecord>,
}

impl Auditor<'_> {
    pub(super) fn say(&mut self, artifact: AuthorityArtifact, event: AuthorityAuditEvent, reason: Option<&str>) {
        let record = AuthorityAuditRecord { tick: self.tick.0, artifact, event, reason: reason.map(String::from) };
        self.trail.add(&record);
        self.out.push(record);
    }

    pub(super) fn issued(&mut self, artifact: AuthorityArtifact) -> OwnershipOutcome {
        self.say(artifact.clone(), AuthorityAuditEvent::Issued, None);
        OwnershipOutcome { issued: Some(artifact), ..NOTHING }
    }
}

/// An operation that issues nothing and ends nothing.
pub(super) const NOTHING: OwnershipOutcome =
    OwnershipOutcome { issued: None, ended: None, invalidated: Vec::new(), woken: None };

impl SessionOwnership {
    /// The new owner gets its capability; what was issued before is none of its own.
    pub(super) fn new_owner(&mut self, session: SessionId, audit: &mut Auditor<'_>) -> OwnershipOutcome {
        self.capabilities.insert(self.scope.clone());
        self.first_witness = self.next_witness;
        audit.issued(AuthorityArtifact::OwnershipCapability(self.capability(session, &self.scope)))
    }

    /// Writes the heir's name where the table's number says, and the receipt.
    pub(super) fn stage(&mut self, session: SessionId, after: &Ownership, to_owner_id: &str) -> OwnershipReceipt {
        if let Some(place) = after.heir.checked_sub(1).and_then(|at| self.names.get_mut(at as usize)) {
            *place = to_owner_id.into();
        }
        OwnershipReceipt {
            session_id: session.0,
            claim_id: after.receipt,
            from_owner_id: self.name(after.owner).into(),
            from_generation: after.generation,
            to_owner_id: to_owner_id.into(),
            to_generation: after.generation.saturating_add(1),
            scope: self.scope.clone(),
        }
    }

    /// The staged transfer's receipt ends.
    pub(super) fn settle(&mut self, event: AuthorityAuditEvent, reason: Option<&str>, audit: &mut Auditor<'_>) {
        if let Some(receipt) = self.receipt.take() {
            audit.say(AuthorityArtifact::OwnershipReceipt(*receipt), event, reason);
        }
    }

    /// Everything that the owner holds loses its force. Called before the table's state is changed.
    pub(super) fn withdraw(&mut self, session: SessionId, reason: &str, audit: &mut Auditor<'_>) {
        let event = AuthorityAuditEvent::Invalidated;
        if !planted(Planted::OwnershipKeepsCapabilities) {
            for scope in mem::take(&mut self.capabilities) {
                let capability = AuthorityArtifact::OwnershipCapability(self.capability(session, &scope));
                audit.say(capability, event, Some(reason));
            }
        }
        if !planted(Planted::OwnershipKeepsWitnesses) {
            for witness in mem::take(&mut self.readiness).into_values() {
                audit.say(AuthorityArtifact::Readiness(witness), event, Some(reason));
            }
        }
    }

    pub(super) fn attenuate(
        &mut self,
        session: SessionId,
        scope: &OwnershipScope,
        audit: &mut Auditor<'_>,
    ) -> Result<OwnershipOutcome, OwnershipError> {
        let narrower = AuthorityArtifact::OwnershipCapability(self.capability(session, scope));
        if self.capabilities.contains(scope) && !planted(Planted::OwnershipIssuesTwice) {
            return Ok(OwnershipOutcome { issued: Some(narrower), ..NOTHING });
        }
        if self.capabilities.len() >= MAX_IN_FORCE {
            return Err(OwnershipError::Exhausted);
        }
        self.capabilities.insert(scope.clone());
        Ok(audit.issued(narrower))
    }

    pub(super) fn mutate(&mut self, mutation: &SessionHostMutation) {
        match mutation {
            SessionHostMutation::SetDefaultHandler { handler } => {
                self.bindings.default_handler = Some(handler.clone());
            }
            SessionHostMutation::UpdateEdgeHandler { edge, handler } => {
                self.bindings.handlers.insert(*edge, handler.clone());
            }
            SessionHostMutation::UpdateTrace { edge, trace } => {
                self.bindings.traces.insert(*edge, trace.clone());
            }
        }
    }

    pub(super) fn ready(
        &mut self,
        session: SessionId,
        scope: &OwnershipScope,
        predicate_ref: &str,
        audit: &mut Auditor<'_>,
    ) -> Result<OwnershipOutcome, OwnershipError> {
        let (witness_id, next) = (self.next_witness, self.next_witness.checked_add(1));
        let next = next.filter(|_| self.readiness.len() < MAX_IN_FORCE).ok_or(OwnershipError::Exhausted)?;
        let OwnershipCapability { session_id, owner_id, generation, scope } = self.capability(session, scope);
        let predicate_ref = predicate_ref.into();
        let witness = ReadinessWitness { witness_id, session_id, owner_id, generation, scope, predicate_ref };
        self.next_witness = next;
        self.readiness.insert(witness_id, witness.clone());
        Ok(audit.issued(AuthorityArtifact::Readiness(witness)))
    }

    pub(super) fn consume(
        &mut self,
        witness: &ReadinessWitness,
        audit: &mut Auditor<'_>,
    ) -> Result<OwnershipOutcome, OwnershipError> {
        let id = witness.witness_id;
        match self.readiness.get(&id) {
            Some(issued) if issued == witness || planted(Planted::OwnershipAnyWitness) => {
                if !planted(Planted::OwnershipWitnessTwice) {
                    self.readiness.remove(&id);
                }
                audit.say(AuthorityArtifact::Readiness(witness.clone()), AuthorityAuditEvent::Consumed, None);
                Ok(NOTHING)
            }
            Some(_) => Err(OwnershipError::InvalidWitness),
            // In one generation a witness ends only by being used.
            None if (self.first_witness..self.next_witness).contains(&id) => Err(OwnershipError::WitnessConsumed),
            None => Err(OwnershipError::InvalidWitness),
        }
    }

    pub(super) fn time_out(
        &mut self,
        session: SessionId,
        now: Tick,
        site: &str,
        duration: u64,
        audit: &mut Auditor<'_>,
    ) -> Result<OwnershipOutcome, OwnershipError> {
        if self.is_terminal() {
            return Err(OwnershipError::Terminal);
        }
        // The witness names no session, so its id does: its high half.
        let (witness_id, next) = (session.0 << 32 | self.next_timeout, self.next_timeout + 1);
        let next = Some(next).filter(|next| *next <= u64::from(u32::MAX) && self.timeouts.len() < MAX_IN_FORCE);
        let next = next.ok_or(OwnershipError::Exhausted)?;
        let (issued_at_tick, until_tick) = (now.0, now.0.saturating_add(duration));
        let witness = TimeoutWitness { witness_id, site: site.into(), issued_at_tick, until_tick };
        self.next_timeout = next;
        self.timeouts.insert(witness_id, witness.clone());
        Ok(audit.issued(AuthorityArtifact::Timeout(witness)))
    }

    pub(super) fn expire(&mut self, audit: &mut Auditor<'_>, over: impl Fn(&TimeoutWitness) -> bool) {
        if self.timeouts.is_empty() || planted(Planted::OwnershipTimeoutsStay) {
            return;
        }
        let (gone, stay) = mem::take(&mut self.timeouts).into_iter().partition(|(_, witness)| over(witness));
        self.timeouts = stay;
        let gone: BTreeMap<u64, TimeoutWitness> = gone;
        for witness in gone.into_values() {
            audit.say(AuthorityArtifact::Timeout(witness), AuthorityAuditEvent::Expired, None);
        }
    }

    /// The session's ownership ends, and with it the session.
    pub(super) fn end(
        &mut self,
        session: SessionId,
        after: Ownership,
        ended: OwnershipTerminalReason,
        why: Option<&str>,
        audit: &mut Auditor<'_>,
    ) -> OwnershipOutcome {
        let mut issued = None;
        if ended == OwnershipTerminalReason::TransferAbandoned {
            let witness = AuthorityArtifact::Cancellation(CancellationWitness {
                witness_id: self.next_witness,
                session_id: session.0,
                owner_id: self.name(self.rule.owner).into(),
                generation: self.rule.generation,
                scope: self.scope.clone(),
                reason: why.unwrap_or_default().into(),
            });
            self.next_witness = self.next_witness.saturating_add(1);
            audit.say(witness.clone(), AuthorityAuditEvent::Issued, why);
            audit.say(witness.clone(), AuthorityAuditEvent::Consumed, why);
            issued = Some(witness);
        }
        self.close(session, ended.name(), why, audit);
        if !planted(Planted::OwnershipOutlivesItsEnd) {
            self.rule = after;
        }
        OwnershipOutcome { issued, ended: Some(ended), ..NOTHING }
    }

    pub(super) fn close(&mut self, session: SessionId, reason: &str, why: Option<&str>, audit: &mut Auditor<'_>) {
        self.settle(AuthorityAuditEvent::RolledBack, why.or(Some(reason)), audit);
        self.withdraw(session, reason, audit);
        self.expire(audit, |_| true);
    }

    /// The session has ended by itself: what is in force loses its force with it.
    pub(crate) fn session_ended(&mut self, session: SessionId, tick: Tick, out: &mut Vec<AuthorityAuditRecord>) {
        let mut trail = self.audit;
        self.close(session, "session_ended", None, &mut Auditor { tick, trail: &mut trail, out });
        self.audit = trail;
    }
}
