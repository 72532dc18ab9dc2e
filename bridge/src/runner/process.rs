//! A runner's process: one question in, one answer out.

use super::error::{RunnerError, RunnerErrorKind};
use super::program::RunnerProgram;
use crate::document::{self, DocumentError};
use crate::lean_error::RefusalReply;
use crate::piped::{Broken, Piped};
use crate::value_json::shortened;
use motet_semantic::{LEAN_BRIDGE_SCHEMA_VERSION, ensure_supported_schema_version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::io;
use std::process::Command;
use std::time::Duration;

/// How long a process whose pipes are closed may take to end before it is made to.
const GRACE: Duration = Duration::from_millis(500);

/// A running runner. It, and everything that it started, ends with this value.
///
/// Either it is asked line by line ([`RunnerProcess::ask`]) and goes on, or once ([`RunnerProcess::finish`]). After an
/// error of the process it is of no use any more.
#[derive(Debug)]
pub struct RunnerProcess {
    program: RunnerProgram,
    pipes: Piped,
}

impl RunnerProcess {
    /// Starts the program.
    ///
    /// # Errors
    /// [`RunnerErrorKind::Missing`] and [`RunnerErrorKind::Start`].
    pub fn start<A: AsRef<OsStr>>(program: &RunnerProgram, arguments: &[A]) -> Result<Self, RunnerError> {
        let mut command = Command::new(&program.path);
        command.args(arguments);
        match Piped::start(command, true) {
            Ok(pipes) => Ok(Self { program: program.clone(), pipes }),
            Err(error) => Err(RunnerError {
                program: program.path.display().to_string(),
                kind: match error.kind() {
                    io::ErrorKind::NotFound => {
                        RunnerErrorKind::Missing { looked: vec![program.path.clone()], build: program.build }
                    }
                    _ => RunnerErrorKind::Start(error.to_string()),
                },
            }),
        }
    }

    /// Asks one line and waits for the one line back. The question must not have a line break.
    ///
    /// # Errors
    /// What [`RunnerErrorKind`] says of the process: died, silent, flooded, more than a line, not UTF-8.
    pub fn ask(&mut self, question: &str) -> Result<String, RunnerError> {
        let options = self.program.options;
        let line = format!("{question}\n");
        match self.pipes.line(line.as_bytes(), options.deadline, options.max_output) {
            Ok(line) => self.text(line),
            Err(broken) => Err(self.broken(broken)),
        }
    }

    /// Writes the question, closes the process's input, and waits until it has answered and ended.
    ///
    /// # Errors
    /// As [`RunnerProcess::ask`]; a status that is not success is one as well.
    pub fn finish(mut self, question: &str) -> Result<String, RunnerError> {
        let answer = self.whole(question)?;
        // Who ends in peace without a word has not answered.
        if answer.trim_ascii().is_empty() { Err(self.broken(Broken::Ended(None))) } else { self.text(answer) }
    }

    /// Closes the process's input and waits until it has ended: for programs that answer elsewhere.
    ///
    /// # Errors
    /// As [`RunnerProcess::finish`], but for having said nothing.
    pub fn run(mut self) -> Result<(), RunnerError> {
        self.whole("").map(drop)
    }

    fn whole(&mut self, question: &str) -> Result<Vec<u8>, RunnerError> {
        let options = self.program.options;
        let text = if question.is_empty() { String::new() } else { format!("{question}\n") };
        let answer = match self.pipes.whole(text.as_bytes(), options.deadline, options.max_output) {
            Ok(answer) => answer,
            Err(broken) => return Err(self.broken(broken)),
        };
        match self.pipes.end() {
            Some(status) if status.success() => Ok(answer),
            status => {
                let how = status.map_or_else(|| "it cannot be waited for".into(), |status| status.to_string());
                let stderr = self.pipes.stderr();
                Err(self.failed(RunnerErrorKind::Died { how, stderr }))
            }
        }
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, RunnerError> {
        String::from_utf8(bytes)
            .map_err(|bad| self.failed(RunnerErrorKind::NotUtf8 { offset: bad.utf8_error().valid_up_to() }))
    }

    fn failed(&self, kind: RunnerErrorKind) -> RunnerError {
        RunnerError { program: self.program.path.display().to_string(), kind }
    }

    /// What went wrong; the process is ended.
    fn broken(&mut self, broken: Broken) -> RunnerError {
        let options = self.program.options;
        let kind = match broken {
            Broken::Ended(error) => {
                // A process whose pipes are closed is about to end; its status says more than the pipe does.
                self.pipes.close_input();
                let by_itself = self.pipes.ends_within(GRACE);
                let status = self.pipes.end().filter(|_| by_itself);
                let how = match (status, error) {
                    (Some(status), _) => status.to_string(),
                    (None, Some(error)) => format!("its pipe failed: {error}"),
                    (None, None) => "it closed its output".into(),
                };
                RunnerErrorKind::Died { how, stderr: self.pipes.stderr() }
            }
            Broken::Silent => RunnerErrorKind::Silent { deadline: options.deadline, stderr: self.pipes.stderr() },
            Broken::Flood => RunnerErrorKind::Flood { limit: options.max_output },
            Broken::Extra(bytes) => {
                RunnerErrorKind::Extra { extra: shortened(String::from_utf8_lossy(&bytes).trim_end()) }
            }
        };
        self.pipes.end();
        self.failed(kind)
    }
}

/// Reads an answer of the version, where it has one. A refusal is an error of its own.
pub(crate) fn read_answer<T: DeserializeOwned + Serialize>(
    program: &RunnerProgram,
    text: &str,
    version: Option<&'static str>,
) -> Result<T, RunnerError> {
    let failed = |kind| RunnerError { program: program.path.display().to_string(), kind };
    let refused = |error| failed(RunnerErrorKind::Document { answer: shortened(text.trim()), error });
    let found = document::unique(text).map_err(refused)?;
    if let Some(version) = version {
        let refusal = found.get("error").is_some();
        let version = if refusal { LEAN_BRIDGE_SCHEMA_VERSION } else { version };
        ensure_supported_schema_version(&found, version).map_err(|error| refused(DocumentError::Schema(error)))?;
        if refusal {
            let reply: RefusalReply = document::typed(&found).map_err(refused)?;
            return Err(failed(RunnerErrorKind::Refused(reply.error)));
        }
    }
    document::typed(&found).map_err(refused)
}
