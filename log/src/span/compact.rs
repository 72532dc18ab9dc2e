//! Cutting a log: the checkpoint that stands for what goes, and then the cut itself.

use super::certificate::{CertificateError, CutCertificate, stretch_of};
use super::head::CutHead;
use super::request::Cut;
use super::stretch::{Digest, Stretch, record_digest};
use crate::planted::planted;
use crate::{CheckpointWriter, Dropped, Log, LogError, Lsn, Record};

/// Why a log was not cut. It is as it was, or cut already, as the kind says.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The log refused, or its disk failed. What was in force before still is, unless the log says otherwise.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The records are not those that the cut speaks of. Nothing was changed.
    #[error("the log does not fit the cut: {0}")]
    Certificate(#[from] CertificateError),
    /// The cut is before the last one, or behind the log's end. Nothing was changed.
    #[error("a cut at record {cut}, when the log was last cut at {last} and ends at {end}")]
    BadCut {
        /// The cut.
        cut: Lsn,
        /// The last cut.
        last: Lsn,
        /// The log's end.
        end: Lsn,
    },
}

/// Cuts a log, so that a crash at any instant leaves the old log or the new one.
///
/// `last` is what the last cut left ([`CutHead::decode`] reads it from the newest checkpoint), or nothing for a log that
/// was never cut. `state` commits to the machine before the record at the cut, and `payload` writes that machine; what
/// carries the open spans is written before it. In this order:
///
/// 1. everything appended is made durable, and the records since the last cut are read;
/// 2. the checkpoint is written and synced: certificate, carried spans with their opening records, payload;
/// 3. the log drops the segments that nothing needs any more: neither checkpoint, so records between the two cuts stay
///    until the next one, and the older checkpoint remains of use.
///
/// Appends go on meanwhile. Time is that of the records since the last cut.
///
/// # Errors
/// [`CompactError`]. An error of the third step leaves the new checkpoint in force; the next cut drops what this one
/// did not.
pub fn compact(
    log: &Log,
    last: Option<&CutHead>,
    cut: &Cut,
    state: Digest,
    payload: impl FnOnce(&mut CheckpointWriter) -> Result<(), LogError>,
) -> Result<(CutHead, Dropped), CompactError> {
    log.flush()?;
    let head = head(log, last, cut, state)?;
    let at = if planted("compact-checkpoints-ahead") { head.certificate.end } else { cut.at };
    let mut writer = log.checkpoint(at)?;
    writer.write(&head.encode())?;
    payload(&mut writer)?;
    writer.finish()?;
    let certificate = head.certificate.encode();
    let dropped = match log.drop_before(cut.at, &certificate) {
        Err(LogError::Needed { needed, .. }) => log.drop_before(needed, &certificate),
        dropped => dropped,
    };
    Ok((head, dropped?))
}

/// What the cut leaves.
fn head(log: &Log, last: Option<&CutHead>, cut: &Cut, state: Digest) -> Result<CutHead, CompactError> {
    let end = log.durable();
    let mut dropped = last.map_or(Stretch::new(Lsn::ZERO), |last| last.dropped.clone());
    let from = dropped.to();
    if cut.at < from || cut.at > end {
        return Err(CompactError::BadCut { cut: cut.at, last: from, end });
    }
    // Spans that were open at the last cut were carried there, and so were their records.
    let since = |lsn: Lsn| cut.carried.binary_search_by(|one| one.since.cmp(&lsn)).is_ok();
    let before = last.map_or(&[][..], |last| last.opening.as_slice());
    let mut opening: Vec<Record> = match planted("compact-forgets-carried-before") {
        true => Vec::new(),
        false => before.iter().filter(|record| since(record.lsn)).cloned().collect(),
    };
    let mut kept = Stretch::new(cut.at);
    for record in log.read(from)?.take_while(|record| record.as_ref().map_or(true, |record| record.lsn < end)) {
        let record = record?;
        let part = if record.lsn < cut.at { &mut dropped } else { &mut kept };
        part.push(record.lsn, record_digest(&record)).map_err(CertificateError::from)?;
        if record.lsn < cut.at && since(record.lsn) {
            opening.push(record);
        }
    }
    if planted("compact-forgets-history") {
        dropped = stretch_of(dropped.to(), &[]).map_err(CertificateError::from)?;
    }
    let certificate = CutCertificate::new(cut, &dropped, &kept, &opening, state)?;
    Ok(CutHead { certificate, dropped, carried: cut.carried.clone(), opening })
}
