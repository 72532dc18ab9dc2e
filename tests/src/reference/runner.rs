//! The reference machine as a process that answers one JSON line with one.

use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long one answer may take. A run of the lane takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(120);
/// Names the machine's runner; without it the one that `cargo xtask prove` has built is taken. The heap's runner stands
/// beside it.
const VARIABLE: &str = "MOTET_REFERENCE";

/// Why the reference did not answer.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// There is none.
    #[error("{path}: {error}; `cargo xtask prove` builds the reference runner, or {VARIABLE} names one")]
    Missing {
        /// Where it was looked for.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// It ended, or closed its output.
    #[error("the reference runner ended before it answered: {0}")]
    Ended(String),
    /// It took too long.
    #[error("the reference runner did not answer within {} s", DEADLINE.as_secs())]
    Silent,
    /// It wrote something else than JSON.
    #[error("the reference runner wrote no JSON: {0}")]
    Garbage(String),
}

/// A running reference machine. It ends with this value.
#[derive(Debug)]
pub struct Runner {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<std::io::Result<String>>,
}

fn path() -> PathBuf {
    std::env::var_os(VARIABLE).map_or_else(
        || {
            let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from);
            target.join("reference/protocol_machine_runner")
        },
        PathBuf::from,
    )
}

impl Runner {
    /// Starts the machine's runner.
    pub fn start() -> Result<Self, RunnerError> {
        Self::start_at(&path())
    }

    /// Starts the heap's runner.
    pub fn start_heap() -> Result<Self, RunnerError> {
        Self::start_at(&path().with_file_name("heap_parity_runner"))
    }

    fn start_at(path: &Path) -> Result<Self, RunnerError> {
        let missing = |error| RunnerError::Missing { path: path.display().to_string(), error };
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(missing)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, input, lines })
    }

    /// Asks for one answer.
    pub fn ask(&mut self, request: &Json) -> Result<Json, RunnerError> {
        let ended = |error: std::io::Error| RunnerError::Ended(error.to_string());
        let input = self.input.as_mut().ok_or_else(|| RunnerError::Ended("it has no input".into()))?;
        writeln!(input, "{request}").and_then(|()| input.flush()).map_err(ended)?;
        let line = match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line.map_err(ended)?,
            Err(RecvTimeoutError::Timeout) => return Err(RunnerError::Silent),
            Err(RecvTimeoutError::Disconnected) => return Err(RunnerError::Ended("it closed its output".into())),
        };
        serde_json::from_str(&line).map_err(|error| RunnerError::Garbage(error.to_string()))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It ends when its input does; a runner that hangs must not outlive the test.
        drop(self.input.take());
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
