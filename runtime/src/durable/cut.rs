//! Cutting a log that nobody is writing: the state at the cut is rebuilt, and stands for what goes.

use super::DurableOptions;
use super::RecoverError;
use super::checkpoint::{encode_head, write};
use super::recover::Rebuild;
use motet_log::span::{CompactError, CutError, CutHead};
use motet_log::{Dropped, Log, LogError, OpenError, Recovered, Storage};
use motet_machine::SnapshotRefusal;
use std::sync::Arc;

/// Why a log was not cut. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CutLogError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no safe cut, or nothing to drop.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// The state at the cut cannot be rebuilt.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The state at the cut cannot be copied.
    #[error(transparent)]
    Snapshot(#[from] SnapshotRefusal),
    /// The cut failed; what was in force still is, unless the log says otherwise.
    #[error(transparent)]
    Compact(#[from] CompactError),
}

/// Cuts the log of a run that is not going on. Records of at least `keep` bytes stay, the newest; every effect that is
/// open at the cut is carried. The cut depends on the log alone.
pub fn cut_log(
    storage: Arc<dyn Storage>,
    options: &DurableOptions,
    keep: u64,
) -> Result<(CutHead, Dropped), CutLogError> {
    let (log, recovered) = Log::open(storage, &options.log)?;
    let Recovered { checkpoint, records, report } = recovered;
    let begin = || Rebuild::begin(report.first, checkpoint.as_ref(), options);
    let mut all = begin()?;
    for record in records {
        all.record(&record?)?;
    }
    let cut = all.spans.select(keep, options.open)?;
    let mut rebuild = begin()?;
    let from = checkpoint.as_ref().map_or(report.first, |checkpoint| checkpoint.lsn);
    for record in log.read(from)? {
        let record = record?;
        if record.lsn >= cut.at {
            break;
        }
        rebuild.record(&record)?;
    }
    let last = rebuild.last.take();
    let (mut runtime, kept) = rebuild.finish()?;
    let snapshot = runtime.snapshot()?;
    Ok(write(&log, last.as_ref(), &cut, &encode_head(&runtime, &kept), &snapshot)?)
}
