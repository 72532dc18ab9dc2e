//! Runners: other implementations as processes, asked in JSON. `docs/bridge.md` says how one is plugged in.

mod error;
mod heap;
mod lean;
mod machine;
mod process;
mod program;

pub use error::{RunnerError, RunnerErrorKind};
pub use heap::HeapParityRunner;
pub use lean::LeanRunner;
pub use machine::ProtocolMachineRunner;
pub use process::RunnerProcess;
pub use program::{RunnerKind, RunnerOptions, RunnerProgram};

/// A question as text in one line.
fn question(program: &RunnerProgram, document: &impl serde::Serialize) -> Result<String, RunnerError> {
    serde_json::to_string(document).map_err(|error| RunnerError {
        program: program.path.display().to_string(),
        kind: RunnerErrorKind::Start(format!("the question cannot be written: {error}")),
    })
}
