//! What a runner can do wrong.

use crate::document::DocumentError;
use crate::lean_error::LeanStructuredError;
use std::path::PathBuf;
use std::time::Duration;

/// A runner that gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the runner `{program}` {kind}")]
pub struct RunnerError {
    /// The program.
    pub program: String,
    /// What it did.
    pub kind: RunnerErrorKind,
}

/// How a runner failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunnerErrorKind {
    /// There is no such program.
    #[error("is not there; looked for {}; {build}", listed(looked))]
    Missing {
        /// Where it was looked for, in order.
        looked: Vec<PathBuf>,
        /// How it is had.
        build: &'static str,
    },
    /// An environment variable that governs it holds something that it may not hold.
    #[error("is not asked: {variable} is {found:?}; it must be {needed}")]
    Setting {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        needed: &'static str,
    },
    /// It could not be started.
    #[error("could not be started: {0}")]
    Start(String),
    /// A file for it could not be written, or one of its own could not be read.
    #[error("exchanges files: {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// It ended, or closed its output, without a whole answer, or with a status that is not success.
    #[error("ended without an answer ({how}){}", said(stderr))]
    Died {
        /// Its status or signal, as the system says it.
        how: String,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// It did not answer in time, and was ended.
    #[error("did not answer within {} ms{}", deadline.as_millis(), said(stderr))]
    Silent {
        /// The time it had.
        deadline: Duration,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// It wrote too much, and was ended.
    #[error("wrote more than {limit} bytes")]
    Flood {
        /// What it may write.
        limit: usize,
    },
    /// It wrote more than one line for one question.
    #[error("wrote more than one line: `{extra}`")]
    Extra {
        /// The beginning of what stands behind the first line.
        extra: String,
    },
    /// It wrote bytes that are no text.
    #[error("wrote something that is not UTF-8, from byte {offset} on")]
    NotUtf8 {
        /// The first bad byte.
        offset: usize,
    },
    /// It wrote something that is not the document that was asked for.
    #[error("answered `{answer}`: {error}")]
    Document {
        /// The beginning of what it wrote.
        answer: String,
        /// What is wrong with it.
        error: DocumentError,
    },
    /// It refused the question.
    #[error("refused: {0}")]
    Refused(LeanStructuredError),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}

impl RunnerError {
    /// A stable name for tools.
    pub const fn code(&self) -> &'static str {
        match &self.kind {
            RunnerErrorKind::Missing { .. } => "runner_missing",
            RunnerErrorKind::Setting { .. } => "runner_setting",
            RunnerErrorKind::Start(_) => "runner_start",
            RunnerErrorKind::File { .. } => "runner_file",
            RunnerErrorKind::Died { .. } => "runner_died",
            RunnerErrorKind::Silent { .. } => "runner_silent",
            RunnerErrorKind::Flood { .. } => "runner_flood",
            RunnerErrorKind::Extra { .. } | RunnerErrorKind::NotUtf8 { .. } => "runner_garbage",
            RunnerErrorKind::Document { error: DocumentError::Schema(_), .. } => "runner_schema",
            RunnerErrorKind::Document { .. } => "runner_garbage",
            RunnerErrorKind::Refused(_) => "runner_refused",
        }
    }
}
