//! What a host in another process can do wrong.

use crate::effect_json::OutcomeError;
use crate::host_process::MAX_HOST_LINE;
use std::time::Duration;

/// A host that failed, while it was asked what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host `{command}` {kind}{}", asked.as_ref().map(|asked| format!(", when asked for {asked}")).unwrap_or_default())]
pub struct HostError {
    /// The command.
    pub command: String,
    /// What it did.
    pub kind: HostErrorKind,
    /// The request that was open, in words; none when it failed to start.
    pub asked: Option<String>,
}

/// How a host failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostErrorKind {
    /// It could not be started.
    #[error("could not be started: {0}")]
    Start(String),
    /// It ended, or closed its output, without having answered.
    #[error("ended without an answer ({how})")]
    Died {
        /// How, as the system says it.
        how: String,
    },
    /// It did not answer in time.
    #[error("did not answer within {} ms", deadline.as_millis())]
    Silent {
        /// The time it had.
        deadline: Duration,
    },
    /// It wrote a line that does not end.
    #[error("wrote a line of more than {MAX_HOST_LINE} bytes")]
    Flood,
    /// It wrote more than one line for one request.
    #[error("wrote more than one line: `{extra}`")]
    Extra {
        /// The beginning of what stands behind the first line.
        extra: String,
    },
    /// It wrote something that is no outcome.
    #[error("answered `{line}`: {error}")]
    Garbage {
        /// What it wrote, shortened.
        line: String,
        /// Why that is no outcome.
        error: Box<OutcomeError>,
    },
    /// It wrote bytes that are no text.
    #[error("wrote a line that is not UTF-8, from byte {offset} on")]
    NotUtf8 {
        /// The first bad byte.
        offset: usize,
    },
}

impl HostError {
    /// A stable name for tools.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            HostErrorKind::Start(_) => "host_start",
            HostErrorKind::Died { .. } => "host_died",
            HostErrorKind::Silent { .. } => "host_silent",
            HostErrorKind::Flood => "host_flood",
            HostErrorKind::Extra { .. } | HostErrorKind::Garbage { .. } | HostErrorKind::NotUtf8 { .. } => {
                "host_garbage"
            }
        }
    }
}
