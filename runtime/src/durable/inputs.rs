//! What is handed to a durable run besides sessions and answers, and what is taken out of it.

use super::{Durable, DurableError};
use crate::staged::{RuntimeUpgradeError, RuntimeUpgradeExecution, RuntimeUpgradeRequest};
use crate::upgrade::StagedUpgrade;
use motet_machine::{
    ClosedSessionSummary, ConsumptionArtifact, ImageId, OwnershipOperation, OwnershipOutcome, TopologyOutcome,
    TopologyPerturbation, UpgradeOptions,
};
use motet_semantic::{AuthorityAuditRecord, DelegationReceipt};
use motet_types::{SessionId, Tick};

impl<E> Durable<E> {
    /// Takes an operation on a session's ownership, as [`Runtime::own`](crate::Runtime::own). It is acknowledged by the next
    /// [`Durable::sync`]: what was issued before is not to be shown outside.
    pub fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, DurableError> {
        Ok(self.runtime.own(session, operation)?)
    }

    /// Takes what has happened to sites and links, as [`Runtime::perturb`](crate::Runtime::perturb). It is acknowledged by
    /// the next [`Durable::sync`].
    pub fn perturb(&mut self, perturbations: &[TopologyPerturbation]) -> Result<TopologyOutcome, DurableError> {
        Ok(self.runtime.perturb(perturbations)?)
    }

    /// Lets time pass by the host's clock, as [`Runtime::advance`](crate::Runtime::advance). It is acknowledged by the next
    /// [`Durable::sync`].
    pub fn advance(&mut self, ticks: u64) -> Result<Tick, DurableError> {
        Ok(self.runtime.advance(ticks)?)
    }

    /// Lets time pass to the earliest deadline, as [`Runtime::advance_to_deadline`](crate::Runtime::advance_to_deadline).
    pub fn advance_to_deadline(&mut self) -> Result<bool, DurableError> {
        Ok(self.runtime.advance_to_deadline()?)
    }

    /// What would become of every live session, as [`Runtime::stage_upgrade`](crate::Runtime::stage_upgrade).
    ///
    /// # Errors
    /// No such image.
    pub fn stage_upgrade(&self, to: ImageId, options: UpgradeOptions) -> Result<StagedUpgrade, DurableError> {
        Ok(self.runtime.stage_upgrade(to, options)?)
    }

    /// Moves sessions to a loaded image, as [`Runtime::upgrade`](crate::Runtime::upgrade). It is one input of the log, so a
    /// crash leaves all of them moved or none; it is acknowledged by the next [`Durable::sync`].
    ///
    /// # Errors
    /// [`UpgradeRefusal`](motet_machine::UpgradeRefusal), with the first session that cannot move.
    pub fn upgrade(
        &mut self,
        to: ImageId,
        options: UpgradeOptions,
        sessions: &[SessionId],
    ) -> Result<u64, DurableError> {
        Ok(self.runtime.upgrade(to, options, sessions)?)
    }

    /// Stages an upgrade, as [`Runtime::begin_upgrade`](crate::Runtime::begin_upgrade).
    ///
    /// # Errors
    /// As [`Runtime::begin_upgrade`](crate::Runtime::begin_upgrade).
    pub fn begin_upgrade(
        &self,
        request: RuntimeUpgradeRequest,
    ) -> Result<RuntimeUpgradeExecution, RuntimeUpgradeError> {
        self.runtime.begin_upgrade(request)
    }

    /// Admits what was staged, as [`Runtime::admit_staged`](crate::Runtime::admit_staged).
    ///
    /// # Errors
    /// As [`Runtime::admit_staged`](crate::Runtime::admit_staged).
    pub fn admit_staged(&self, execution: &mut RuntimeUpgradeExecution) -> Result<(), RuntimeUpgradeError> {
        self.runtime.admit_staged(execution)
    }

    /// Cuts the run over, as [`Runtime::cut_over`](crate::Runtime::cut_over). All of it is one entry of the log; it is
    /// acknowledged by the next [`Durable::sync`]. An upgrade that a crash finds before that was never begun.
    ///
    /// # Errors
    /// As [`Runtime::cut_over`](crate::Runtime::cut_over).
    pub fn cut_over(&mut self, execution: &mut RuntimeUpgradeExecution) -> Result<u64, RuntimeUpgradeError> {
        self.runtime.cut_over(execution)
    }

    /// Takes the audit of ownership so far out. What it tells is durable first.
    pub fn drain_audit(&mut self) -> Result<Vec<AuthorityAuditRecord>, DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_audit())
    }

    /// Takes the receipts of endpoints that changed hands so far out. What they tell is durable first.
    pub fn drain_delegations(&mut self) -> Result<Vec<DelegationReceipt>, DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_delegations())
    }

    /// Takes what was kept of received messages. What it tells is durable first.
    pub fn drain_consumptions(&mut self) -> Result<(Vec<ConsumptionArtifact>, u64), DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_consumptions())
    }

    /// Takes the summaries of sessions that have ended. What they tell is durable first.
    pub fn drain_summaries(&mut self) -> Result<(Vec<ClosedSessionSummary>, u64), DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_summaries())
    }

    /// Takes the finished part of the trace out. What it tells is durable first.
    pub fn drain_trace(&mut self) -> Result<Vec<u8>, DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_trace())
    }
}
