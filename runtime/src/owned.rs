//! A session with an owner: the handle by which a host acts as the owner, on any runtime.
//!
//! A handle holds a capability and nothing else. What it may still do is the machine's to say: a handle whose owner
//! has handed the session over is refused like any other stale capability.

use crate::durable::{Durable, DurableError};
use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::Input;
use motet_machine::{
    ClosedSessionSummary, CodeImage, ConsumptionArtifact, ImageId, OutputCheck, OwnershipOperation, OwnershipOutcome,
    OwnershipRefusal, ProtocolMachine, SemanticsError, SessionHostMutation, Tamper,
};
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditRecord, CancellationWitness, DelegationReceipt, OwnershipCapability,
    OwnershipError, OwnershipReceipt, OwnershipScope, PendingEffectTreatment, ProtocolMachineSemanticObjects,
    ReadinessWitness, SemanticAuditRecord,
};
use motet_types::{EdgeId, Planted, SessionId, planted};
use std::sync::Arc;

/// What operations on ownership go through: a runtime, a durable one, or a bare machine, which records nothing.
pub trait OwnershipDoor {
    /// Why it refuses.
    type Refusal;

    /// Takes an operation between turns; see [`ProtocolMachine::own`]. It is an input of the run, also when the rules
    /// refuse it.
    fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, Self::Refusal>;
}

impl OwnershipDoor for ProtocolMachine {
    type Refusal = OwnershipRefusal;

    fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, OwnershipRefusal> {
        ProtocolMachine::own(self, session, &operation)
    }
}

impl<E> OwnershipDoor for Runtime<E> {
    type Refusal = RuntimeError;

    fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, RuntimeError> {
        Runtime::own(self, session, operation)
    }
}

impl<E> OwnershipDoor for Durable<E> {
    type Refusal = DurableError;

    fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, DurableError> {
        Durable::own(self, session, operation)
    }
}

impl<E> Runtime<E> {
    /// Takes an operation on a session's ownership, between turns; see [`ProtocolMachine::own`]. It is an input of the
    /// run, also when the rules refuse it: what was shown is then on record as rejected.
    pub fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, RuntimeError> {
        self.sound()?;
        let taken = self.machine.own(session, &operation);
        let refused = taken.as_ref().err();
        if refused.is_none_or(|refusal| refusal.is_input() && !planted(Planted::TapeForgetsRefusals)) {
            let refused = refused.and_then(OwnershipRefusal::rule);
            self.record(|| Input::Own { session, operation, refused });
        }
        let outcome = taken?;
        if outcome.ended.is_some() {
            self.planner.forget(session);
        }
        outcome.invalidated.iter().for_each(|at| self.nobody_waits(*at));
        let step = self.machine.planner_step();
        outcome.woken.into_iter().for_each(|pick| self.planner.ready(pick, step));
        Ok(outcome)
    }

    /// Gives an operation on ownership again: it must come out as it did.
    pub(crate) fn own_again(
        &mut self,
        session: SessionId,
        operation: OwnershipOperation,
        recorded: Option<OwnershipError>,
    ) -> Result<(), RuntimeError> {
        let found = match self.own(session, operation) {
            Ok(_) => None,
            Err(RuntimeError::Ownership(OwnershipRefusal::Contract { error, .. })) => Some(error),
            Err(other) => return Err(other),
        };
        if found != recorded && !planted(Planted::ReplayTrustsRefusals) {
            return Err(RuntimeError::OwnershipDiffers { session, recorded, found });
        }
        Ok(())
    }

    /// Takes the audit of ownership so far out; see [`ProtocolMachine::drain_audit`].
    pub fn drain_audit(&mut self) -> Vec<AuthorityAuditRecord> {
        self.machine.drain_audit()
    }

    /// Takes the receipts of endpoints that changed hands; see [`ProtocolMachine::drain_delegations`].
    pub fn drain_delegations(&mut self) -> Vec<DelegationReceipt> {
        self.machine.drain_delegations()
    }

    /// Takes the summaries of sessions that have ended; see [`ProtocolMachine::drain_summaries`].
    pub fn drain_summaries(&mut self) -> (Vec<ClosedSessionSummary>, u64) {
        self.machine.drain_summaries()
    }

    /// Takes what was kept of received messages; see [`ProtocolMachine::drain_consumptions`].
    pub fn drain_consumptions(&mut self) -> (Vec<ConsumptionArtifact>, u64) {
        self.machine.drain_consumptions()
    }

    /// Takes the checks of outputs; see [`ProtocolMachine::drain_output_checks`].
    pub fn drain_output_checks(&mut self) -> (Vec<OutputCheck>, u64) {
        self.machine.drain_output_checks()
    }

    /// Everything that the run knows of ownership, effects, truth and progress; see
    /// [`ProtocolMachine::semantic_objects`]. Effects name the handler that serves the run, or nobody before its first
    /// turn.
    ///
    /// # Errors
    /// The configuration keeps no semantic objects.
    pub fn semantic_objects(&self) -> Result<ProtocolMachineSemanticObjects, SemanticsError> {
        self.machine.semantic_objects(self.handler().unwrap_or_default())
    }

    /// Takes the semantic audit so far out; see [`ProtocolMachine::drain_semantic_audit`].
    ///
    /// # Errors
    /// The configuration keeps no semantic objects.
    pub fn drain_semantic_audit(&mut self) -> Result<(Vec<SemanticAuditRecord>, u64), SemanticsError> {
        self.machine.drain_semantic_audit()
    }

    /// Spoils a message in flight; see `Tamper`.
    #[doc(hidden)]
    pub fn tamper(&mut self, session: SessionId, edge: EdgeId, how: Tamper) -> bool {
        self.machine.tamper(session, edge, how)
    }

    /// Loads an image, opens a session of it, and claims all of the session for an owner.
    pub fn load_choreography_owned(
        &mut self,
        image: impl Into<Arc<CodeImage>>,
        owner_id: &str,
    ) -> Result<OwnedSession, RuntimeError> {
        let image = self.load(image)?;
        self.open_owned(image, owner_id)
    }

    /// Opens a session and claims all of it for an owner.
    pub fn open_owned(&mut self, image: ImageId, owner_id: &str) -> Result<OwnedSession, RuntimeError> {
        let session = self.open(image)?;
        OwnedSession::claim(self, session, owner_id, OwnershipScope::Session)
    }
}

impl<E> Durable<E> {
    /// Loads an image, opens a session of it, and claims all of the session for an owner.
    pub fn load_choreography_owned(
        &mut self,
        image: impl Into<Arc<CodeImage>>,
        owner_id: &str,
    ) -> Result<OwnedSession, DurableError> {
        let image = self.load(image)?;
        self.open_owned(image, owner_id)
    }

    /// Opens a session and claims all of it for an owner.
    pub fn open_owned(&mut self, image: ImageId, owner_id: &str) -> Result<OwnedSession, DurableError> {
        let session = self.open(image)?;
        OwnedSession::claim(self, session, owner_id, OwnershipScope::Session)
    }
}

/// A session, as its owner has it.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedSession {
    capability: OwnershipCapability,
}

/// The operations issue what their table says: anything else is a bug of the machine.
macro_rules! issued {
    ($outcome:expr, $kind:ident) => {
        match $outcome.issued {
            Some(AuthorityArtifact::$kind(issued)) => issued,
            other => unreachable!("the operation issues {}, not {other:?}", stringify!($kind)),
        }
    };
}

impl OwnedSession {
    /// Claims a session that nobody owns.
    pub fn claim<D: OwnershipDoor>(
        door: &mut D,
        session: SessionId,
        owner_id: &str,
        scope: OwnershipScope,
    ) -> Result<Self, D::Refusal> {
        let outcome = door.own(session, OwnershipOperation::Claim { owner_id: owner_id.into(), scope })?;
        Ok(Self { capability: issued!(outcome, OwnershipCapability) })
    }

    /// The owner's handle again, from a capability that was kept: after a recovery, say. Whether the capability is
    /// still in force is the machine's to say.
    pub const fn from_capability(capability: OwnershipCapability) -> Self {
        Self { capability }
    }

    /// The session.
    pub const fn session(&self) -> SessionId {
        SessionId(self.capability.session_id)
    }

    /// The capability, to be kept or shown.
    pub const fn capability(&self) -> &OwnershipCapability {
        &self.capability
    }

    fn shown(&self) -> OwnershipCapability {
        self.capability.clone()
    }

    /// Changes something about the session that the host is told.
    pub fn apply_host_mutation<D: OwnershipDoor>(
        &self,
        door: &mut D,
        mutation: SessionHostMutation,
    ) -> Result<(), D::Refusal> {
        let operation = OwnershipOperation::Mutate { capability: self.shown(), mutation };
        door.own(self.session(), operation).map(drop)
    }

    /// Says that the owner found a predicate to hold. The witness is used once.
    pub fn issue_readiness<D: OwnershipDoor>(
        &self,
        door: &mut D,
        predicate_ref: &str,
    ) -> Result<ReadinessWitness, D::Refusal> {
        let predicate_ref = predicate_ref.into();
        let operation = OwnershipOperation::IssueReadiness { capability: self.shown(), predicate_ref };
        Ok(issued!(door.own(self.session(), operation)?, Readiness))
    }

    /// Uses a readiness witness.
    pub fn consume_readiness<D: OwnershipDoor>(
        &self,
        door: &mut D,
        witness: &ReadinessWitness,
    ) -> Result<(), D::Refusal> {
        let (capability, witness) = (self.shown(), witness.clone());
        door.own(self.session(), OwnershipOperation::ConsumeReadiness { capability, witness }).map(drop)
    }

    /// A second handle, of a narrower scope. This one stays as it is.
    pub fn attenuate<D: OwnershipDoor>(&self, door: &mut D, scope: OwnershipScope) -> Result<Self, D::Refusal> {
        let operation = OwnershipOperation::Attenuate { capability: self.shown(), scope };
        Ok(Self { capability: issued!(door.own(self.session(), operation)?, OwnershipCapability) })
    }

    /// Begins to hand the session over. Until the transfer is committed or rolled back, the owner can do nothing else
    /// with it.
    pub fn begin_transfer<D: OwnershipDoor>(
        &self,
        door: &mut D,
        to_owner_id: &str,
    ) -> Result<OwnershipReceipt, D::Refusal> {
        let operation = OwnershipOperation::BeginTransfer { capability: self.shown(), to_owner_id: to_owner_id.into() };
        Ok(issued!(door.own(self.session(), operation)?, OwnershipReceipt))
    }

    /// Commits a transfer; answers the new owner's handle. This one, and every other of its generation, is stale.
    pub fn commit_transfer<D: OwnershipDoor>(door: &mut D, receipt: &OwnershipReceipt) -> Result<Self, D::Refusal> {
        Self::commit_transfer_with(door, receipt, PendingEffectTreatment::PreservePending)
    }

    /// The same, and says what becomes of what is pending in the transfer's scope. What does not go along fails as
    /// `StaleAuthority` for whoever waits for it, and nobody waits for the answer any more.
    pub fn commit_transfer_with<D: OwnershipDoor>(
        door: &mut D,
        receipt: &OwnershipReceipt,
        pending: PendingEffectTreatment,
    ) -> Result<Self, D::Refusal> {
        let operation = OwnershipOperation::CommitTransfer { receipt: receipt.clone(), pending };
        let outcome = door.own(SessionId(receipt.session_id), operation)?;
        Ok(Self { capability: issued!(outcome, OwnershipCapability) })
    }

    /// Undoes a transfer that has begun.
    pub fn roll_back_transfer<D: OwnershipDoor>(
        &self,
        door: &mut D,
        receipt: &OwnershipReceipt,
    ) -> Result<(), D::Refusal> {
        door.own(self.session(), OwnershipOperation::RollBackTransfer { receipt: receipt.clone() }).map(drop)
    }

    /// Gives the session up. It goes on, and anybody may claim it.
    pub fn release<D: OwnershipDoor>(&self, door: &mut D) -> Result<(), D::Refusal> {
        door.own(self.session(), OwnershipOperation::Release { capability: self.shown() }).map(drop)
    }

    /// Says that the handle's owner died: the session faults.
    pub fn mark_owner_died<D: OwnershipDoor>(&self, door: &mut D) -> Result<(), D::Refusal> {
        let owner_id = self.capability.owner_id.clone();
        door.own(self.session(), OwnershipOperation::OwnerDied { owner_id }).map(drop)
    }

    /// Says that a transfer will never be committed: the session is cancelled.
    pub fn cancel_abandoned_transfer<D: OwnershipDoor>(
        door: &mut D,
        receipt: &OwnershipReceipt,
        reason: &str,
    ) -> Result<CancellationWitness, D::Refusal> {
        let operation = OwnershipOperation::AbandonTransfer { receipt: receipt.clone(), reason: reason.into() };
        Ok(issued!(door.own(SessionId(receipt.session_id), operation)?, Cancellation))
    }

    /// Says that a transfer could not be committed: the session faults.
    pub fn fault_failed_commit<D: OwnershipDoor>(
        door: &mut D,
        receipt: &OwnershipReceipt,
        reason: &str,
    ) -> Result<(), D::Refusal> {
        let operation = OwnershipOperation::FailCommit { receipt: receipt.clone(), reason: reason.into() };
        door.own(SessionId(receipt.session_id), operation).map(drop)
    }
}
