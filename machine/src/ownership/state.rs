//! The ownership of one session: what is in force, and what an operation makes of it.

use super::artifacts::{Auditor, NOTHING};
use super::audit::AuditTrail;
use super::operation::{OwnershipOperation, OwnershipOutcome};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditEvent, AuthorityAuditRecord, Ownership, OwnershipCapability, OwnershipError,
    OwnershipEvent, OwnershipPhase, OwnershipReceipt, OwnershipScope, OwnershipTerminalReason, RELEASED,
    ReadinessWitness, TimeoutWitness,
};
use motet_types::{EdgeId, Planted, SessionId, Tick, ValType, planted};

/// The number of an owner that is neither the owner nor the heir. No session's owner ever has it.
const STRANGER: u64 = 3;

/// When and where an operation happens, and how far it reaches.
#[derive(Clone, Copy, Debug)]
pub struct OwnershipMoment<'a> {
    /// The session.
    pub session: SessionId,
    /// The machine's tick.
    pub tick: Tick,
    /// What a mutation needs to be covered; otherwise nothing.
    pub reach: &'a OwnershipScope,
}

/// What the session's owners told the host to use, by name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostBindings {
    /// The handler of edges that have none of their own.
    pub default_handler: Option<String>,
    /// Handlers by edge.
    pub handlers: BTreeMap<EdgeId, String>,
    /// Traces by edge.
    pub traces: BTreeMap<EdgeId, Vec<ValType>>,
}

/// The ownership of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOwnership {
    /// The table's state. Its owners are positions in `names`, plus one.
    pub(crate) rule: Ownership,
    /// The owner's name and the heir's, at the places that the table's numbers say.
    pub(crate) names: [String; 2],
    /// What was claimed.
    pub(crate) scope: OwnershipScope,
    /// Scopes of the capabilities in force: all of one owner and one generation.
    pub(crate) capabilities: BTreeSet<OwnershipScope>,
    /// The transfer that has begun.
    pub(crate) receipt: Option<Box<OwnershipReceipt>>,
    /// Readiness witnesses in force, by id.
    pub(crate) readiness: BTreeMap<u64, ReadinessWitness>,
    /// The next witness's id, and the first of this generation.
    pub(crate) next_witness: u64,
    pub(crate) first_witness: u64,
    /// Timeout witnesses in force, by id, and the low half of the next one's id; the high half is the session's number.
    pub(crate) timeouts: BTreeMap<u64, TimeoutWitness>,
    pub(crate) next_timeout: u64,
    pub(crate) bindings: HostBindings,
    pub(crate) audit: AuditTrail,
}

impl Default for SessionOwnership {
    fn default() -> Self {
        Self {
            rule: Ownership::NEW,
            names: Default::default(),
            scope: OwnershipScope::Session,
            capabilities: BTreeSet::new(),
            receipt: None,
            readiness: BTreeMap::new(),
            next_witness: 1,
            first_witness: 1,
            timeouts: BTreeMap::new(),
            next_timeout: 1,
            bindings: HostBindings::default(),
            audit: AuditTrail::EMPTY,
        }
    }
}

impl SessionOwnership {
    /// Takes an operation: executes the table's row for it, changes what is in force, and appends what happened to the
    /// artifacts to `audit`, one record for each thing that happened to each.
    ///
    /// # Errors
    /// The table's refusal. Everything is then as it was, except that an artifact that was shown is on record as
    /// rejected, and that timeouts whose time was over have expired.
    pub fn apply(
        &mut self,
        moment: &OwnershipMoment<'_>,
        operation: &OwnershipOperation,
        audit: &mut Vec<AuthorityAuditRecord>,
    ) -> Result<OwnershipOutcome, OwnershipError> {
        let mut trail = self.audit;
        let mut auditor = Auditor { tick: moment.tick, trail: &mut trail, out: audit };
        self.expire(&mut auditor, |witness| witness.until_tick <= moment.tick.0);
        let taken = self.take(moment, operation, &mut auditor);
        self.forget_names();
        if let (Err(refusal), Some(shown)) = (&taken, operation.shown())
            && !planted(Planted::OwnershipHidesRejected)
        {
            auditor.say(shown, AuthorityAuditEvent::Rejected, Some(&refusal.to_string()));
        }
        self.audit = trail;
        taken
    }

    fn take(
        &mut self,
        moment: &OwnershipMoment<'_>,
        operation: &OwnershipOperation,
        audit: &mut Auditor<'_>,
    ) -> Result<OwnershipOutcome, OwnershipError> {
        let event = self.event(moment, operation);
        let after = match &event {
            Some(event) => self.rule.apply(*event)?,
            None => self.rule,
        };
        match operation {
            OwnershipOperation::Claim { owner_id, scope } => {
                (self.rule, self.scope) = (after, scope.clone());
                self.names = [owner_id.clone(), String::new()];
                Ok(self.new_owner(moment.session, audit))
            }
            OwnershipOperation::Release { .. } => {
                self.withdraw(moment.session, RELEASED, audit);
                self.rule = after;
                Ok(NOTHING)
            }
            OwnershipOperation::BeginTransfer { to_owner_id, .. } => {
                let receipt = self.stage(moment.session, &after, to_owner_id);
                (self.rule, self.receipt) = (after, Some(Box::new(receipt.clone())));
                Ok(audit.issued(AuthorityArtifact::OwnershipReceipt(receipt)))
            }
            OwnershipOperation::CommitTransfer { .. } => {
                self.settle(AuthorityAuditEvent::Committed, None, audit);
                self.withdraw(moment.session, "transferred", audit);
                self.rule = after;
                Ok(self.new_owner(moment.session, audit))
            }
            OwnershipOperation::RollBackTransfer { .. } => {
                self.settle(AuthorityAuditEvent::RolledBack, None, audit);
                self.rule = after;
                Ok(NOTHING)
            }
            OwnershipOperation::Attenuate { scope, .. } => self.attenuate(moment.session, scope, audit),
            OwnershipOperation::Mutate { mutation, .. } => {
                self.mutate(mutation);
                Ok(NOTHING)
            }
            OwnershipOperation::IssueReadiness { capability, predicate_ref } => {
                self.ready(moment.session, &capability.scope, predicate_ref, audit)
            }
            OwnershipOperation::ConsumeReadiness { witness, .. } => self.consume(witness, audit),
            OwnershipOperation::OwnerDied { .. } => {
                Ok(self.end(moment.session, after, OwnershipTerminalReason::OwnerDied, None, audit))
            }
            OwnershipOperation::FailCommit { reason, .. } => {
                let ended = OwnershipTerminalReason::TransferCommitFailed;
                Ok(self.end(moment.session, after, ended, Some(reason), audit))
            }
            OwnershipOperation::AbandonTransfer { reason, .. } => {
                Ok(self.end(moment.session, after, OwnershipTerminalReason::TransferAbandoned, Some(reason), audit))
            }
            OwnershipOperation::IssueTimeout { site, duration } => {
                self.time_out(moment.session, moment.tick, site, *duration, audit)
            }
            OwnershipOperation::ExpireTimeouts => Ok(NOTHING),
        }
    }

    /// The table's event for an operation; none for timeouts, which the table does not speak of.
    fn event(&self, moment: &OwnershipMoment<'_>, operation: &OwnershipOperation) -> Option<OwnershipEvent> {
        let whole = |capability: &OwnershipCapability| {
            self.in_force(capability) && (capability.scope == self.scope || planted(Planted::OwnershipNarrowMoves))
        };
        Some(match operation {
            OwnershipOperation::Claim { owner_id, .. } => OwnershipEvent::Claim { owner: self.heir(owner_id, 0) },
            OwnershipOperation::Release { capability } => {
                let (owner, generation) = self.shown(moment.session, capability);
                OwnershipEvent::Release { owner, generation, whole: whole(capability) }
            }
            OwnershipOperation::BeginTransfer { capability, to_owner_id } => {
                let (owner, generation) = self.shown(moment.session, capability);
                let heir = self.heir(to_owner_id, self.rule.owner);
                OwnershipEvent::BeginTransfer { owner, generation, heir, whole: whole(capability) }
            }
            OwnershipOperation::CommitTransfer { receipt, .. } => {
                OwnershipEvent::CommitTransfer { receipt: self.claim_id(receipt) }
            }
            OwnershipOperation::RollBackTransfer { receipt } => {
                OwnershipEvent::RollBackTransfer { receipt: self.claim_id(receipt) }
            }
            OwnershipOperation::AbandonTransfer { receipt, .. } => {
                OwnershipEvent::AbandonTransfer { receipt: self.claim_id(receipt) }
            }
            OwnershipOperation::FailCommit { receipt, .. } => {
                OwnershipEvent::FailCommit { receipt: self.claim_id(receipt) }
            }
            OwnershipOperation::Attenuate { capability, scope } => {
                let (owner, generation) = self.shown(moment.session, capability);
                let within = self.covers(capability, scope) || planted(Planted::OwnershipWidens);
                OwnershipEvent::Attenuate { owner, generation, within }
            }
            OwnershipOperation::Mutate { capability, .. } => {
                let within = self.covers(capability, moment.reach) || planted(Planted::OwnershipReachesFurther);
                self.exercise(moment.session, capability, within)
            }
            OwnershipOperation::IssueReadiness { capability, .. } => {
                self.exercise(moment.session, capability, self.in_force(capability))
            }
            OwnershipOperation::ConsumeReadiness { capability, witness } => {
                self.exercise(moment.session, capability, self.covers(capability, &witness.scope))
            }
            OwnershipOperation::OwnerDied { owner_id } => OwnershipEvent::OwnerDied { owner: self.number(owner_id) },
            OwnershipOperation::IssueTimeout { .. } | OwnershipOperation::ExpireTimeouts => return None,
        })
    }

    fn exercise(&self, session: SessionId, capability: &OwnershipCapability, within: bool) -> OwnershipEvent {
        let (owner, generation) = self.shown(session, capability);
        OwnershipEvent::Exercise { owner, generation, within }
    }

    /// The table's number of an owner: its place, or that of nobody whom the session knows.
    fn number(&self, owner_id: &str) -> u64 {
        let known = |number: u64| number != 0 && self.name(number) == owner_id;
        match self.rule.owner {
            owner if known(owner) || owner != 0 && planted(Planted::OwnershipAnyOwner) => owner,
            _ if owner_id.is_empty() => 0,
            _ => STRANGER,
        }
    }

    /// The number that an heir of `owner` gets: the owner's own, or the place that is free.
    fn heir(&self, owner_id: &str, owner: u64) -> u64 {
        match self.number(owner_id) {
            0 => 0,
            number if number == owner => owner,
            _ if owner == 1 => 2,
            _ => 1,
        }
    }

    /// Names that no number of the table stands for are forgotten, so that equal ownership has equal bytes.
    fn forget_names(&mut self) {
        let Ownership { owner, heir, .. } = self.rule;
        for (number, name) in (1..).zip(&mut self.names) {
            if number != owner && number != heir {
                name.clear();
            }
        }
    }

    pub(super) fn name(&self, number: u64) -> &str {
        number.checked_sub(1).and_then(|at| self.names.get(at as usize)).map_or("", String::as_str)
    }

    /// The owner and the generation that a capability shows. One of another session shows nobody whom this one knows.
    fn shown(&self, session: SessionId, capability: &OwnershipCapability) -> (u64, u64) {
        let ours = capability.session_id == session.0 || planted(Planted::OwnershipAnySession);
        let owner = if ours { self.number(&capability.owner_id) } else { STRANGER };
        let stale = planted(Planted::OwnershipAnyGeneration);
        (owner, if stale { self.rule.generation } else { capability.generation })
    }

    /// Whether a capability of this scope was given to the owner. Together with the owner and the generation, which the
    /// table compares, it says that the capability is one that was issued and not one that somebody has made up.
    fn in_force(&self, capability: &OwnershipCapability) -> bool {
        self.capabilities.contains(&capability.scope) || planted(Planted::OwnershipAnyScope)
    }

    fn covers(&self, capability: &OwnershipCapability, scope: &OwnershipScope) -> bool {
        self.in_force(capability) && capability.scope.contains(scope)
    }

    /// The claim id that a receipt shows; that of no claim unless it is the one that was given out, word by word.
    fn claim_id(&self, receipt: &OwnershipReceipt) -> u64 {
        let staged = self.receipt.as_deref() == Some(receipt);
        if staged || planted(Planted::OwnershipAnyReceipt) { receipt.claim_id } else { 0 }
    }

    pub(super) fn capability(&self, session: SessionId, scope: &OwnershipScope) -> OwnershipCapability {
        let (owner_id, generation) = (self.name(self.rule.owner).into(), self.rule.generation);
        OwnershipCapability { session_id: session.0, owner_id, generation, scope: scope.clone() }
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self.rule.phase, OwnershipPhase::Faulted | OwnershipPhase::Cancelled)
    }

    /// The table's state: where ownership stands, its generation and its claim ids.
    pub const fn rule(&self) -> &Ownership {
        &self.rule
    }

    /// The owner; none when nobody owns the session.
    pub fn owner(&self) -> Option<&str> {
        Some(self.name(self.rule.owner)).filter(|_| self.rule.owner != 0)
    }

    /// The transfer that has begun, if one has.
    pub fn receipt(&self) -> Option<&OwnershipReceipt> {
        self.receipt.as_deref()
    }

    /// The scopes of the capabilities in force; all are the owner's, in the generation in force.
    pub fn capabilities(&self) -> impl Iterator<Item = &OwnershipScope> {
        self.capabilities.iter()
    }

    /// Readiness witnesses in force.
    pub fn readiness(&self) -> impl Iterator<Item = &ReadinessWitness> {
        self.readiness.values()
    }

    /// Timeout witnesses in force.
    pub fn timeouts(&self) -> impl Iterator<Item = &TimeoutWitness> {
        self.timeouts.values()
    }

    /// What the owners told the host to use.
    pub const fn bindings(&self) -> &HostBindings {
        &self.bindings
    }

    /// The audit so far, as a count and a chain.
    pub const fn audit(&self) -> &AuditTrail {
        &self.audit
    }

    /// The canonical bytes, as the session's have them. The audit's chain is in them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut into = Vec::new();
        super::bytes::encode_ownership(&mut into, self);
        into
    }

    /// Bytes that it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.to_bytes().len()
    }
}
