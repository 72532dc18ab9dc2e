//! Reading a run's record, and saying exactly where it is damaged.

use crate::failure::{Failure, Outcome};
use crate::input;
use motet_runtime::{RecordError, RunRecord};
use motet_types::SessionId;
use std::path::Path;

/// Reads and checks a record.
pub(crate) fn load(path: &Path) -> Outcome<RunRecord> {
    let bytes = input::read_record(path)?;
    RunRecord::from_bytes(&bytes).map_err(|error| refuse(path, &error))
}

/// A record whose events are of a session that it does not open.
pub(crate) fn unopened(session: SessionId) -> Failure {
    Failure::refused("bad_record", format!("the trace has events of {session}, which it never opens"))
}

fn refuse(path: &Path, error: &RecordError) -> Failure {
    let failure = |code: &str| {
        Failure::refused(code, format!("{}: {error}", path.display())).field("file", path.display().to_string())
    };
    match error {
        RecordError::Magic => failure("not_a_trace").help("`motet run --trace FILE` writes traces"),
        RecordError::Version { found } => failure("wrong_version").field("version", *found),
        RecordError::Damaged { offset, frame } => failure("damaged").field("frame", *frame).field("offset", *offset),
        RecordError::CutShort { offset, frame } => failure("cut_short").field("frame", *frame).field("offset", *offset),
        RecordError::Content { offset, frame } => failure("bad_frame").field("frame", *frame).field("offset", *offset),
        RecordError::Image { offset, .. } => failure("image_refused").field("frame", "image").field("offset", *offset),
    }
}
