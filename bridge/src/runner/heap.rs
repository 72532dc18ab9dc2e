//! A heap in another process.

use super::error::RunnerError;
use super::process::{RunnerProcess, read_answer};
use super::program::{RunnerKind, RunnerOptions, RunnerProgram};
use super::question;
use crate::heap_document::{HeapAccount, HeapParityOutput, HeapQuestion};
use crate::schema::HEAP_PARITY_SCHEMA_VERSION;
use std::path::Path;

/// A program that keeps the published heap.
///
/// With a fixture's path as its argument it gives an account of the fixture ([`HeapParityRunner::fixture`]). Without one it
/// takes lists of operations, one line each, and goes on ([`HeapParityRunner::replay`]): that is how the one in
/// `reference/` is asked.
#[derive(Debug)]
pub struct HeapParityRunner {
    program: RunnerProgram,
    process: Option<RunnerProcess>,
}

impl HeapParityRunner {
    /// The runner that is found: see [`RunnerKind::find`].
    ///
    /// # Errors
    /// It is not there, or the environment's deadline is none.
    pub fn find() -> Result<Self, RunnerError> {
        Ok(Self::new(RunnerKind::HEAP.find()?))
    }

    /// The runner at a path.
    ///
    /// # Errors
    /// As [`HeapParityRunner::find`].
    pub fn at(path: &Path) -> Result<Self, RunnerError> {
        Ok(Self::new(RunnerKind::HEAP.at(path)?))
    }

    /// The runner that is this program.
    pub const fn new(program: RunnerProgram) -> Self {
        Self { program, process: None }
    }

    /// With other limits than the environment's.
    #[must_use]
    pub const fn with_options(mut self, options: RunnerOptions) -> Self {
        self.program.options = options;
        self
    }

    /// The account of a fixture.
    ///
    /// # Errors
    /// What the process does wrong, and its refusal.
    pub fn fixture(&self, fixture: &Path) -> Result<HeapParityOutput, RunnerError> {
        let text = RunnerProcess::start(&self.program, &[fixture])?.finish("")?;
        read_answer(&self.program, &text, Some(HEAP_PARITY_SCHEMA_VERSION))
    }

    /// Carries out operations on an empty heap.
    ///
    /// # Errors
    /// What the process does wrong, and its refusal.
    pub fn replay(&mut self, operations: &HeapQuestion) -> Result<HeapAccount, RunnerError> {
        let text = question(&self.program, operations)?;
        let mut process = match self.process.take() {
            Some(process) => process,
            None => RunnerProcess::start::<&str>(&self.program, &[])?,
        };
        // One that failed is dropped, which ends it.
        let answer = process.ask(&text)?;
        self.process = Some(process);
        read_answer(&self.program, &answer, Some(HEAP_PARITY_SCHEMA_VERSION))
    }
}
