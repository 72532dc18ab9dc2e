//! What can be wrong, whose fault it is, and what to do about it.

use crate::Lsn;
use std::io;
use std::sync::Arc;
use thiserror::Error;

/// Why bytes are not the group that should stand there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// The bytes do not begin like a group.
    #[error("no group begins there")]
    NoGroup,
    /// The header's checksum is wrong.
    #[error("the header's checksum is wrong")]
    Header,
    /// The header says something that cannot be.
    #[error("the header's {0} cannot be")]
    Field(&'static str),
    /// The digest over header and records is wrong.
    #[error("the group's digest is wrong")]
    Digest,
    /// The checksum or the length of a record is wrong.
    #[error("record {0} is damaged")]
    Record(Lsn),
    /// Bytes that should be zero are not.
    #[error("the bytes behind the last group are not zero")]
    NotZero,
    /// The group belongs to another log.
    #[error("the group belongs to another log")]
    OtherLog,
    /// The group was written for another place.
    #[error("the group belongs to segment {segment}, offset {offset}")]
    OtherPlace {
        /// Its segment.
        segment: u64,
        /// Its offset in the segment, in bytes.
        offset: u64,
    },
    /// The group does not follow the one before it.
    #[error("the group does not follow the one before it: its {0} differs")]
    Chain(&'static str),
    /// There is nothing where a group should be.
    #[error("nothing is there")]
    Missing,
}

/// Damage in the middle of the log: not the trace of a crash. The log is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the log is damaged in segment {segment} at byte {offset} (record {lsn}): {damage}, although {evidence}; restore \
     it from a copy, nothing was changed"
)]
pub struct Corrupt {
    /// The segment, as the log numbers them.
    pub segment: u64,
    /// Bytes from the segment's beginning.
    pub offset: u64,
    /// The first record that cannot be read.
    pub lsn: Lsn,
    /// What is wrong there.
    pub damage: Damage,
    /// How it is known that something else was there, durably.
    pub evidence: String,
}

/// Why a log cannot be opened. Nothing on the disk was changed, unless it says otherwise.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The disk failed. Opening may be tried again.
    #[error("{file}: {source}")]
    Io {
        /// The file, or the folder.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The log is damaged, and not at its end.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The file was written by a version that this one does not know.
    #[error("{file} has version {found}; this program reads version {known}: use a newer one")]
    UnknownVersion {
        /// The file.
        file: String,
        /// Its version.
        found: u16,
        /// The only version that is known here.
        known: u16,
    },
    /// Neither head can be read, and there is data that belongs to one.
    #[error("neither head of the log can be read ({first}; {second}): restore one of them from a copy")]
    HeadLost {
        /// What is wrong with the first.
        first: String,
        /// What is wrong with the second.
        second: String,
    },
    /// The log begins behind its first record, and no checkpoint covers what is missing.
    #[error("the log begins at record {first}, and no checkpoint covers what was before ({zero}; {one})")]
    CheckpointLost {
        /// Where the log begins.
        first: Lsn,
        /// What is wrong with slot 0.
        zero: String,
        /// What is wrong with slot 1.
        one: String,
    },
    /// The options contradict each other or the log that is there.
    #[error("{0}")]
    Options(String),
}

/// Why a call on an open log is refused or has failed.
#[derive(Debug, Error)]
pub enum LogError {
    /// The record is larger than a segment can hold.
    #[error("a record of {length} bytes; {most} are the most: cut it, or make the log with larger segments")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
        /// The most bytes of a record.
        most: usize,
    },
    /// A write or a sync has failed. What is durable beyond the acknowledged records is unknown, so this handle
    /// acknowledges nothing any more: open the log again.
    #[error("the log has failed ({during}: {source}) and acknowledges nothing any more; open it again")]
    Poisoned {
        /// What was being done.
        during: String,
        /// What the disk said.
        source: Arc<io::Error>,
    },
    /// A new segment could not be made. Nothing is lost: the records are waiting, and the next sync tries again.
    #[error("no room for a new segment: {source}; free some, or drop what a checkpoint covers, and sync again")]
    NoSegment {
        /// What the disk said.
        source: io::Error,
    },
    /// There is no such record yet.
    #[error("record {lsn} was not appended; {next} will be the next one")]
    NotAppended {
        /// The record.
        lsn: Lsn,
        /// The position of the next append.
        next: Lsn,
    },
    /// The record is no longer in the log.
    #[error("record {lsn} was dropped; the log begins at {first}")]
    Dropped {
        /// The record.
        lsn: Lsn,
        /// The first record that is there.
        first: Lsn,
    },
    /// What was durable cannot be read any more.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Reading has failed. It may be tried again.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// There is a checkpoint being written; only one can be.
    #[error("another checkpoint is being written")]
    CheckpointBusy,
    /// The checkpoint would be older than the newest one.
    #[error("a checkpoint below record {lsn}, when there is one below {newest}")]
    CheckpointOld {
        /// What it would cover.
        lsn: Lsn,
        /// What the newest one covers.
        newest: Lsn,
    },
    /// A checkpoint, or the head, could not be written. The one before it is still in force.
    #[error("{file} could not be written ({source}); what was in force before still is")]
    Slot {
        /// The slot.
        file: String,
        /// What the disk said.
        source: Arc<io::Error>,
    },
    /// The checkpoint cannot be read back.
    #[error("{file} cannot be read: {why}")]
    CheckpointDamaged {
        /// The slot.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Recovery needs some of the records that would be dropped.
    #[error(
        "records from {needed} on are needed by the older of the two checkpoints; asked to drop those before {lsn}"
    )]
    Needed {
        /// What should have been dropped.
        lsn: Lsn,
        /// The first record that must stay.
        needed: Lsn,
    },
}
