//! Logs on disk: how a command opens one, and what it says when that does not go well.

use crate::failure::{Failure, Outcome};
use crate::keys;
use motet_runtime::log::{Corrupt, Files, OpenError, Storage};
use motet_runtime::{CutLogError, DurableError, DurableOptions, RecoverError};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// The folder as storage; it is made when `create` is set.
pub(crate) fn storage(folder: &Path, create: bool) -> Outcome<Arc<dyn Storage>> {
    let shown = folder.display();
    if !create && !folder.is_dir() {
        return Err(Failure::refused("no_such_log", format!("{shown} is not a folder")));
    }
    if create {
        std::fs::create_dir_all(folder).map_err(|error| Failure::unwritable(&format!("{shown}"), &error))?;
    }
    let files = Files::open(folder).map_err(|error| {
        Failure::refused("cannot_open_log", format!("{shown} cannot be opened: {error}"))
            .help("another process may have it open")
    })?;
    Ok(Arc::new(files))
}

/// How often checkpoints are made: what `run` and `recover` ask for alike.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Checkpoints {
    /// Make a checkpoint, and cut the log there, whenever so many records have been written; 0 makes none for their sake
    /// [default: 10000]
    #[arg(long, value_name = "N")]
    checkpoint_records: Option<u64>,
    /// The same whenever so many steps have been taken, which recovery would have to take again [default: 100000000]
    #[arg(long, value_name = "N")]
    checkpoint_steps: Option<u64>,
}

impl Checkpoints {
    /// Refuses to be asked for where nothing is logged.
    pub(crate) fn need(self, log: Option<&Path>) -> Outcome<()> {
        match (log, self.checkpoint_records.or(self.checkpoint_steps)) {
            (None, Some(_)) => Err(Failure::usage("no_log", "checkpoints belong to a log, and this run keeps none")
                .help("name its folder: --wal DIR")),
            _ => Ok(()),
        }
    }

    pub(crate) fn options(self) -> DurableOptions {
        DurableOptions {
            checkpoint_records: self.checkpoint_records.unwrap_or(10_000),
            checkpoint_steps: self.checkpoint_steps.unwrap_or(100_000_000),
            ..DurableOptions::default()
        }
    }
}

/// The address of damage, for tools.
fn place(corrupt: &Corrupt) -> Json {
    json!({"segment": corrupt.segment, "offset": corrupt.offset, "record": corrupt.lsn.get()})
}

pub(crate) fn open_failure(error: &OpenError) -> Failure {
    match error {
        OpenError::Corrupt(corrupt) => Failure::refused("corrupt_log", error.to_string()).field("at", place(corrupt)),
        _ => Failure::refused("cannot_open_log", error.to_string()),
    }
}

pub(crate) fn recover_failure(error: &RecoverError) -> Failure {
    match error {
        RecoverError::Open(error) => open_failure(error),
        RecoverError::Empty => Failure::refused("no_run", error.to_string()).help("`motet run --wal DIR` begins one"),
        RecoverError::Diverged(at) => Failure::failed("diverged", error.to_string())
            .field("session", at.session.0)
            .field("role", at.role.as_deref())
            .field("expected", at.expected.as_str())
            .field("found", at.found.as_str()),
        RecoverError::State { wave, expected, found } => Failure::failed("diverged", error.to_string())
            .field("wave", *wave)
            .field("expected", expected.to_string())
            .field("found", found.to_string()),
        RecoverError::Keys(error) => keys::failure(error),
        RecoverError::Dropped { first, .. } => Failure::refused("dropped", error.to_string()).field("first", *first),
        _ => Failure::refused("bad_log", error.to_string()),
    }
}

pub(crate) fn durable_failure(error: &DurableError) -> Failure {
    match error {
        DurableError::NotEmpty { records } => Failure::refused("wal_not_empty", error.to_string())
            .field("records", *records)
            .help("`motet recover DIR` goes on with it"),
        DurableError::Open(error) => open_failure(error),
        DurableError::Recover(error) => recover_failure(error),
        DurableError::Runtime(error) => crate::run::runtime_failure(error),
        DurableError::Record(error) => Failure::unwritable("the trace", error),
        _ => Failure::failed("log", error.to_string()),
    }
}

pub(crate) fn cut_failure(error: &CutLogError) -> Failure {
    use motet_runtime::log::span::CutError;
    match error {
        CutLogError::Open(error) => open_failure(error),
        CutLogError::Recover(error) => recover_failure(error),
        CutLogError::Cut(CutError::NothingToDrop { .. }) => Failure::refused("nothing_to_drop", error.to_string()),
        CutLogError::Cut(CutError::Pinned { span, since }) => Failure::refused("pinned", error.to_string())
            .field("span", span.to_string())
            .field("since", since.get())
            .help("wait until it has ended, or allow it to be carried with --carry"),
        CutLogError::Cut(_) => Failure::refused("bad_log", error.to_string()),
        _ => Failure::failed("log", error.to_string()),
    }
}
