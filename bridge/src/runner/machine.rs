//! A machine in another process.

use super::error::RunnerError;
use super::process::{RunnerProcess, read_answer};
use super::program::{RunnerKind, RunnerOptions, RunnerProgram};
use crate::invariants::ProtocolBundle;
use crate::operation::{
    CapabilityModel, NoPayload, Operation, OperationEnvelope, ProjectPayload, ProjectReply, ReconfigurationTransition,
    SimRunInput, SimRunOutput, SimTracePayload, ValidateTracePayload, ValidationReply,
};
use crate::run_document::{ProtocolMachineRunInput, ProtocolMachineRunOutput};
use motet_semantic::LEAN_BRIDGE_SCHEMA_VERSION;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A program that runs protocols: ours, extracted from `reference/`, or any that speaks the same JSON.
///
/// Each question starts a process, which gets one document, sees the end of its input, answers with one document and
/// ends. [`ProtocolMachineRunner::kept`] keeps one process for all questions, one line each: for programs that go on, and
/// callers with many questions. A process that failed is ended, and the next question starts another.
#[derive(Debug)]
pub struct ProtocolMachineRunner {
    program: RunnerProgram,
    keep: bool,
    process: Option<RunnerProcess>,
}

impl ProtocolMachineRunner {
    /// The runner that is found: see [`RunnerKind::find`].
    ///
    /// # Errors
    /// It is not there, or the environment's deadline is none.
    pub fn find() -> Result<Self, RunnerError> {
        Ok(Self::new(RunnerKind::MACHINE.find()?))
    }

    /// The runner at a path.
    ///
    /// # Errors
    /// As [`ProtocolMachineRunner::find`].
    pub fn at(path: &Path) -> Result<Self, RunnerError> {
        Ok(Self::new(RunnerKind::MACHINE.at(path)?))
    }

    /// The runner that is this program.
    pub const fn new(program: RunnerProgram) -> Self {
        Self { program, keep: false, process: None }
    }

    /// Keeps one process for all questions.
    #[must_use]
    pub const fn kept(mut self) -> Self {
        self.keep = true;
        self
    }

    /// With other limits than the environment's.
    #[must_use]
    pub const fn with_options(mut self, options: RunnerOptions) -> Self {
        self.program.options = options;
        self
    }

    /// Asks any document and answers the text that comes back. Whether it is one of the bridge's is not looked at.
    ///
    /// # Errors
    /// What the process does wrong.
    pub fn ask(&mut self, question: &impl Serialize) -> Result<String, RunnerError> {
        let text = super::question(&self.program, question)?;
        if !self.keep {
            return RunnerProcess::start::<&str>(&self.program, &[])?.finish(&text);
        }
        let mut process = match self.process.take() {
            Some(process) => process,
            None => RunnerProcess::start::<&str>(&self.program, &[])?,
        };
        // One that failed is dropped, which ends it.
        let answer = process.ask(&text)?;
        self.process = Some(process);
        Ok(answer)
    }

    fn answer<T: DeserializeOwned + Serialize>(&mut self, question: &impl Serialize) -> Result<T, RunnerError> {
        let text = self.ask(question)?;
        read_answer(&self.program, &text, Some(LEAN_BRIDGE_SCHEMA_VERSION))
    }

    fn operate<T: DeserializeOwned + Serialize>(
        &mut self,
        operation: Operation,
        payload: impl Serialize,
    ) -> Result<T, RunnerError> {
        self.answer(&OperationEnvelope::new(operation, payload))
    }

    /// Runs protocols.
    ///
    /// # Errors
    /// What the process does wrong; [`Refused`](super::RunnerErrorKind::Refused) where it does not take the input. So in
    /// all questions below.
    pub fn run(&mut self, input: &ProtocolMachineRunInput) -> Result<ProtocolMachineRunOutput, RunnerError> {
        self.answer(input)
    }

    /// Projects a global type.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn project(&mut self, payload: &ProjectPayload) -> Result<ProjectReply, RunnerError> {
        self.operate(Operation::Project, payload)
    }

    /// Whether a trace is one of the protocols'.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn validate_trace(&mut self, payload: &ValidateTracePayload) -> Result<ValidationReply, RunnerError> {
        self.operate(Operation::ValidateTrace, payload)
    }

    /// Runs a scenario of the simulator.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn run_reference_simulation(&mut self, input: &SimRunInput) -> Result<SimRunOutput, RunnerError> {
        self.operate(Operation::RunSimulation, input)
    }

    /// Whether a trace is one of the scenario's.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn validate_simulation_trace(&mut self, payload: &SimTracePayload) -> Result<ValidationReply, RunnerError> {
        self.operate(Operation::ValidateSimulationTrace, payload)
    }

    /// Whether a bundle's claims hold.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn verify_invariants(&mut self, bundle: &ProtocolBundle) -> Result<ValidationReply, RunnerError> {
        self.operate(Operation::VerifyProtocolBundle, bundle)
    }

    /// Whether a change of members is allowed.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn validate_reconfiguration_transition(
        &mut self,
        transition: &ReconfigurationTransition,
    ) -> Result<ValidationReply, RunnerError> {
        self.operate(Operation::ValidateReconfigurationTransition, transition)
    }

    /// What the runner knows of finalization paths and upgrades.
    ///
    /// # Errors
    /// See [`ProtocolMachineRunner::run`].
    pub fn inspect_capability_model(&mut self) -> Result<CapabilityModel, RunnerError> {
        self.operate(Operation::InspectCapabilityModel, NoPayload {})
    }
}
