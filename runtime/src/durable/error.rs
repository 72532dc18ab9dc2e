//! Why a durable run could not do what it was asked, and why a log cannot be recovered.

use super::{CheckpointError, EntryError};
use crate::profile::ProfileDifference;
use crate::snapshot::ResumeError;
use crate::status::RuntimeError;
use motet_log::span::BadHead;
use motet_log::{LogError, OpenError};
use motet_machine::{KeysError, VerifyError};
use motet_semantic::{ArtifactBytesError, RecoverError as AgreementError, WalError};
use motet_types::Digest;

/// Why a durable runtime could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The log refused, or failed. After a failed sync it acknowledges nothing any more.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A new run cannot be written into a log that has one.
    #[error("there is a run in this log already, of {records} records; recover it, or choose another place")]
    NotEmpty {
        /// How many records.
        records: u64,
    },
    /// The run could not be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A checkpoint could not be made.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A cut could not be made.
    #[error(transparent)]
    Cut(#[from] motet_log::span::CutError),
    /// An agreement record that may not stand where it would. Nothing was written.
    #[error(transparent)]
    Agreement(#[from] WalError),
    /// An agreement record that cannot be written.
    #[error(transparent)]
    Artifact(ArtifactBytesError),
    /// There is no record beside this log.
    #[error("this run keeps no inputs for a record: it was recovered, or begun without `DurableOptions::record`")]
    NoRecord,
    /// The record beside the log cannot be written.
    #[error("the record beside the log: {0}")]
    Record(#[from] std::io::Error),
}

/// Why a run cannot be recovered. The log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no run in the log.
    #[error("there is no run in this log")]
    Empty,
    /// A record that this version cannot read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An image that does not verify.
    #[error("image {number} in the log is refused: {error}")]
    Image {
        /// Its number.
        number: u32,
        /// Why.
        error: VerifyError,
    },
    /// The keys that were given are not those of the run.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The checkpoint is refused.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The checkpoint's payload is not one.
    #[error("the checkpoint does not hold what a checkpoint of a run holds")]
    Checkpoint,
    /// What the last cut left is refused.
    #[error(transparent)]
    Cut(#[from] BadHead),
    /// The runtime refused an input that it took when it was recorded.
    #[error("the input of step {step} cannot be given again: {error}")]
    Input {
        /// The planner step.
        step: u64,
        /// Why.
        error: RuntimeError,
    },
    /// The runtime refused its configuration, or lost a wave.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The same turns did something else than before.
    #[error("the run cannot be taken again: {0}")]
    Diverged(Box<ProfileDifference>),
    /// A state that was digested is another one now.
    #[error("after wave {wave} the state was {expected}; taken again, it is {found}")]
    State {
        /// Waves committed.
        wave: u64,
        /// The digest in the log.
        expected: Digest,
        /// The digest now.
        found: Digest,
    },
    /// The steps asked for are before everything that the log still holds.
    #[error("step {until} is no longer in the log, which was cut; the earliest that can be shown is {first}")]
    Dropped {
        /// The step asked for.
        until: u64,
        /// The first that can be shown.
        first: u64,
    },
    /// The log names more waves than the same inputs make.
    #[error("the log goes to wave {expected}; with its inputs the run stops after wave {found}")]
    Short {
        /// The last wave that the log names.
        expected: u64,
        /// Where the run stopped.
        found: u64,
    },
    /// An agreement record in a checkpoint that this version cannot read.
    #[error(transparent)]
    Artifact(#[from] ArtifactBytesError),
    /// The agreement records in the log contradict each other or their rules.
    #[error("agreements: {0}")]
    Agreement(#[from] AgreementError),
    /// The position index of the log's open effects is refused.
    #[error(transparent)]
    Spans(#[from] motet_log::span::CutError),
}
