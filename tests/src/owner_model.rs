//! Ownership again, literally: what the specification says of claims, capabilities, transfers and witnesses, written
//! down without the table and without the machine's code. The explorer holds the machine against it.

use motet_machine::{OwnershipOperation as Op, SessionHostMutation, SessionOwnership};
use motet_semantic::{
    AuthorityArtifact as Artifact, AuthorityAuditEvent as Audit, CancellationWitness, OwnershipCapability,
    OwnershipError as Refusal, OwnershipReceipt, OwnershipScope as Scope, OwnershipTerminalReason as Ended,
    ReadinessWitness, TimeoutWitness,
};
use motet_types::{EdgeId, ValType};
use std::collections::{BTreeMap, BTreeSet};

/// What an operation does: what it issues, how the session ends, and what is written down, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What comes back.
    pub result: Result<(Option<Artifact>, Option<Ended>), Refusal>,
    /// The audit.
    pub audit: Vec<(Artifact, Audit)>,
}

/// What mutations have bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The handler of all edges that have none of their own.
    pub default: Option<String>,
    /// Handlers by edge.
    pub handlers: BTreeMap<EdgeId, String>,
    /// Traces by edge.
    pub traces: BTreeMap<EdgeId, Vec<ValType>>,
}

/// Who owns the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner.
    pub id: String,
    /// What was claimed.
    pub all: Scope,
    /// The scopes of every capability that was given out and not withdrawn.
    pub scopes: Vec<Scope>,
}

/// The ownership of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The session.
    pub session: u64,
    /// Whether it has ended.
    pub ended: bool,
    /// The owner.
    pub owner: Option<Owner>,
    /// Of the capabilities in force, or of the next.
    pub generation: u64,
    /// The transfer that has begun.
    pub staged: Option<OwnershipReceipt>,
    /// Witnesses that were issued and neither used nor withdrawn.
    pub ready: Vec<ReadinessWitness>,
    /// Ids of witnesses that this owner has used.
    pub used: BTreeSet<u64>,
    /// Timeouts that run.
    pub timeouts: Vec<TimeoutWitness>,
    /// The next claim's, witness's and timeout's ids.
    pub next: [u64; 3],
    /// What mutations have bound.
    pub bound: Bound,
}

impl Model {
    /// That of a session which nobody has ever owned.
    pub fn of(session: u64) -> Self {
        Self {
            session,
            ended: false,
            owner: None,
            generation: 0,
            staged: None,
            ready: Vec::new(),
            used: BTreeSet::new(),
            timeouts: Vec::new(),
            next: [1; 3],
            bound: Bound::default(),
        }
    }
}

/// Whether whoever has the outer scope has the inner one. The whole session is more than all of its roles.
fn lies_in(inner: &Scope, outer: &Scope) -> bool {
    match (inner, outer) {
        (_, Scope::Session) => true,
        (Scope::Session, Scope::Fragments(_)) => false,
        (Scope::Fragments(inner), Scope::Fragments(outer)) => inner.iter().all(|role| outer.contains(role)),
    }
}

impl Model {
    /// What an operation does now, at this tick; `reach` is what a mutation touches.
    pub fn take(&mut self, tick: u64, reach: &Scope, operation: &Op) -> Said {
        let mut audit = Vec::new();
        let over = |timeout: &TimeoutWitness| tick >= timeout.until_tick;
        audit.extend(
            self.timeouts.iter().filter(|one| over(one)).map(|one| (Artifact::Timeout(one.clone()), Audit::Expired)),
        );
        self.timeouts.retain(|one| !over(one));
        let mut after = self.clone();
        let mut said = audit.clone();
        match after.act(tick, reach, operation, &mut said) {
            Ok(done) => {
                *self = after;
                Said { result: Ok(done), audit: said }
            }
            Err(refusal) => {
                audit.extend(operation.shown().map(|shown| (shown, Audit::Rejected)));
                Said { result: Err(refusal), audit }
            }
        }
    }

    /// The session ends by itself.
    pub fn session_ended(&mut self, audit: &mut Vec<(Artifact, Audit)>) {
        self.end(audit);
    }

    /// The owner, if this capability is one of those given to it and not withdrawn.
    fn by(&self, shown: &OwnershipCapability) -> Result<&Owner, Refusal> {
        let owner = self.owner.as_ref().ok_or(Refusal::Unclaimed)?;
        let same =
            shown.session_id == self.session && shown.owner_id == owner.id && shown.generation == self.generation;
        if same { Ok(owner) } else { Err(Refusal::StaleCapability) }
    }

    fn staged(&self, shown: &OwnershipReceipt) -> Result<OwnershipReceipt, Refusal> {
        match &self.staged {
            None => Err(Refusal::TransferNotPending),
            Some(staged) if staged != shown => Err(Refusal::ReceiptMismatch),
            Some(staged) => Ok(staged.clone()),
        }
    }

    fn at_rest(&self) -> Result<(), Refusal> {
        if self.staged.is_some() { Err(Refusal::TransferPending) } else { Ok(()) }
    }

    fn give(&mut self, id: &str, all: Scope) -> Artifact {
        self.owner = Some(Owner { id: id.into(), all: all.clone(), scopes: vec![all.clone()] });
        self.used.clear();
        self.capability(id, all)
    }

    fn capability(&self, id: &str, scope: Scope) -> Artifact {
        let generation = self.generation;
        let capability = OwnershipCapability { session_id: self.session, owner_id: id.into(), generation, scope };
        Artifact::OwnershipCapability(capability)
    }

    /// The owner loses everything, and the generation goes on.
    fn strip(&mut self, audit: &mut Vec<(Artifact, Audit)>) {
        let Some(owner) = self.owner.take() else { return };
        let mut scopes = owner.scopes;
        scopes.sort();
        audit.extend(scopes.into_iter().map(|scope| (self.capability(&owner.id, scope), Audit::Invalidated)));
        audit.extend(self.ready.drain(..).map(|one| (Artifact::Readiness(one), Audit::Invalidated)));
        self.generation += 1;
    }

    /// Nothing is in force any more.
    fn end(&mut self, audit: &mut Vec<(Artifact, Audit)>) {
        let staged = self.staged.take();
        audit.extend(staged.map(|receipt| (Artifact::OwnershipReceipt(receipt), Audit::RolledBack)));
        self.strip(audit);
        audit.extend(self.timeouts.drain(..).map(|one| (Artifact::Timeout(one), Audit::Expired)));
        self.ended = true;
    }

    fn act(
        &mut self,
        tick: u64,
        reach: &Scope,
        operation: &Op,
        audit: &mut Vec<(Artifact, Audit)>,
    ) -> Result<(Option<Artifact>, Option<Ended>), Refusal> {
        if matches!(operation, Op::ExpireTimeouts) {
            return Ok((None, None));
        }
        if self.ended {
            return Err(Refusal::Terminal);
        }
        let may = |holds: bool| if holds { Ok(()) } else { Err(Refusal::ScopeViolation) };
        let issued = match operation {
            Op::Claim { owner_id, scope } => {
                if self.owner.is_some() {
                    return Err(Refusal::AlreadyClaimed);
                }
                if owner_id.is_empty() {
                    return Err(Refusal::InvalidWitness);
                }
                self.next[0] += 1;
                Some(self.give(owner_id, scope.clone()))
            }
            Op::Release { capability } => {
                let owner = self.by(capability)?.clone();
                self.at_rest()?;
                may(capability.scope == owner.all)?;
                self.strip(audit);
                None
            }
            Op::BeginTransfer { capability, to_owner_id } => {
                let owner = self.by(capability)?.clone();
                self.at_rest()?;
                if to_owner_id.is_empty() {
                    return Err(Refusal::InvalidWitness);
                }
                may(capability.scope == owner.all)?;
                let receipt = OwnershipReceipt {
                    session_id: self.session,
                    claim_id: self.next[0],
                    from_owner_id: owner.id,
                    from_generation: self.generation,
                    to_owner_id: to_owner_id.clone(),
                    to_generation: self.generation + 1,
                    scope: owner.all,
                };
                self.next[0] += 1;
                self.staged = Some(receipt.clone());
                Some(Artifact::OwnershipReceipt(receipt))
            }
            Op::CommitTransfer { receipt, .. } => {
                let receipt = self.staged(receipt)?;
                self.staged = None;
                audit.push((Artifact::OwnershipReceipt(receipt.clone()), Audit::Committed));
                self.strip(audit);
                Some(self.give(&receipt.to_owner_id, receipt.scope))
            }
            Op::RollBackTransfer { receipt } => {
                audit.push((Artifact::OwnershipReceipt(self.staged(receipt)?), Audit::RolledBack));
                self.staged = None;
                None
            }
            Op::Attenuate { capability, scope } => {
                let owner = self.by(capability)?;
                may(owner.scopes.contains(&capability.scope) && lies_in(scope, &capability.scope))?;
                let narrower = self.capability(&owner.id, scope.clone());
                if owner.scopes.contains(scope) {
                    // It is in force already: nothing is given out.
                    return Ok((Some(narrower), None));
                }
                self.owner.iter_mut().for_each(|owner| owner.scopes.push(scope.clone()));
                Some(narrower)
            }
            Op::Mutate { capability, mutation } => {
                let owner = self.by(capability)?;
                self.at_rest()?;
                may(owner.scopes.contains(&capability.scope) && lies_in(reach, &capability.scope))?;
                let Bound { default, handlers, traces } = &mut self.bound;
                match mutation.clone() {
                    SessionHostMutation::SetDefaultHandler { handler } => *default = Some(handler),
                    SessionHostMutation::UpdateEdgeHandler { edge, handler } => drop(handlers.insert(edge, handler)),
                    SessionHostMutation::UpdateTrace { edge, trace } => drop(traces.insert(edge, trace)),
                }
                None
            }
            Op::IssueReadiness { capability, predicate_ref } => {
                let owner = self.by(capability)?;
                self.at_rest()?;
                may(owner.scopes.contains(&capability.scope))?;
                let witness = ReadinessWitness {
                    witness_id: self.next[1],
                    session_id: self.session,
                    owner_id: owner.id.clone(),
                    generation: self.generation,
                    scope: capability.scope.clone(),
                    predicate_ref: predicate_ref.clone(),
                };
                self.next[1] += 1;
                self.ready.push(witness.clone());
                Some(Artifact::Readiness(witness))
            }
            Op::ConsumeReadiness { capability, witness } => {
                let owner = self.by(capability)?;
                self.at_rest()?;
                may(owner.scopes.contains(&capability.scope) && lies_in(&witness.scope, &capability.scope))?;
                if self.used.contains(&witness.witness_id) {
                    return Err(Refusal::WitnessConsumed);
                }
                let at = self.ready.iter().position(|one| one == witness).ok_or(Refusal::InvalidWitness)?;
                audit.push((Artifact::Readiness(self.ready.remove(at)), Audit::Consumed));
                self.used.insert(witness.witness_id);
                None
            }
            Op::OwnerDied { owner_id } => {
                let owner = self.owner.as_ref().ok_or(Refusal::Unclaimed)?;
                if owner.id != *owner_id {
                    return Err(Refusal::StaleCapability);
                }
                self.end(audit);
                return Ok((None, Some(Ended::OwnerDied)));
            }
            Op::FailCommit { receipt, .. } => {
                self.staged(receipt)?;
                self.end(audit);
                return Ok((None, Some(Ended::TransferCommitFailed)));
            }
            Op::AbandonTransfer { receipt, reason } => {
                let receipt = self.staged(receipt)?;
                let witness = Artifact::Cancellation(CancellationWitness {
                    witness_id: self.next[1],
                    session_id: self.session,
                    owner_id: receipt.from_owner_id,
                    generation: receipt.from_generation,
                    scope: receipt.scope,
                    reason: reason.clone(),
                });
                self.next[1] += 1;
                audit.extend([(witness.clone(), Audit::Issued), (witness.clone(), Audit::Consumed)]);
                self.end(audit);
                return Ok((Some(witness), Some(Ended::TransferAbandoned)));
            }
            Op::IssueTimeout { site, duration } => {
                let (witness_id, issued_at_tick, until_tick) =
                    (self.session << 32 | self.next[2], tick, tick + duration);
                let witness = TimeoutWitness { witness_id, site: site.clone(), issued_at_tick, until_tick };
                self.next[2] += 1;
                self.timeouts.push(witness.clone());
                Some(Artifact::Timeout(witness))
            }
            Op::ExpireTimeouts => None,
        };
        audit.extend(issued.clone().map(|artifact| (artifact, Audit::Issued)));
        Ok((issued, None))
    }

    /// Where the machine's state is not what the model says; none when it is.
    pub fn differs(&self, shipped: &SessionOwnership) -> Option<&'static str> {
        let mut scopes: Vec<&Scope> = self.owner.iter().flat_map(|owner| &owner.scopes).collect();
        scopes.sort();
        let same = [
            ("owner", self.owner.as_ref().map(|owner| owner.id.as_str()) == shipped.owner()),
            ("generation", self.generation == shipped.rule().generation),
            ("transfer", self.staged.as_ref() == shipped.receipt()),
            ("set of capabilities", scopes.into_iter().eq(shipped.capabilities())),
            ("set of readiness witnesses", self.ready.iter().eq(shipped.readiness())),
            ("set of timeouts", self.timeouts.iter().eq(shipped.timeouts())),
            ("default handler", self.bound.default == shipped.bindings().default_handler),
            ("set of handlers", self.bound.handlers == shipped.bindings().handlers),
            ("set of traces", self.bound.traces == shipped.bindings().traces),
            ("next claim", self.next[0] == shipped.rule().next_claim),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
    }
}
