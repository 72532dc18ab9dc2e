//! What is asked of a cut, what a cut is, and why there is none.

use super::SpanId;
use crate::Lsn;

/// What a record costs to keep, for example its bytes.
pub type Weight = u64;

/// How many spans may be open at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenSpans {
    /// None.
    Pin,
    /// Up to `max`, whose opening records are then carried into the checkpoint.
    Carry {
        /// The most there may be.
        max: u32,
    },
}

impl OpenSpans {
    /// Whether so many may be open.
    pub(crate) fn allows(self, open: usize) -> bool {
        match self {
            Self::Pin => open == 0,
            Self::Carry { max } => u32::try_from(open).is_ok_and(|open| open <= max),
        }
    }
}

/// What is asked of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CutRequest {
    /// The first record there is.
    pub from: Lsn,
    /// The end of what is looked at: the position behind the last record.
    pub to: Lsn,
    /// What the records that stay have to weigh at least.
    pub keep: Weight,
    /// How many spans may be open.
    pub open: OpenSpans,
}

/// A safe cut: records before it may go once the carried ones have been copied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The first record that stays.
    pub at: Lsn,
    /// The spans open there, in the order in which they began. It is all of them, and each began before `at`.
    pub carried: Vec<CarriedSpan>,
    /// What the records from `at` to the request's end weigh.
    pub kept: Weight,
}

/// A span that is open at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarriedSpan {
    /// Its opening record, which has to be copied.
    pub since: Lsn,
    /// Its name.
    pub span: SpanId,
}

/// Why there is no cut, or why a log's spans make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// The range is not within the log.
    #[error("the range {from}..{to} is not within the log, which holds {begin}..{end}")]
    BadRange {
        /// Where the range starts.
        from: Lsn,
        /// Where it ends.
        to: Lsn,
        /// The log's first record.
        begin: Lsn,
        /// The position behind its last.
        end: Lsn,
    },
    /// Everything has to stay.
    #[error("nothing can be dropped: what has to stay begins at {from}, the first record there is")]
    NothingToDrop {
        /// The first record there is.
        from: Lsn,
    },
    /// At every cut that leaves enough, more spans are open than may be.
    #[error("every cut is blocked by open spans; at the last one {span} is open since record {since}: wait, or carry")]
    Pinned {
        /// The span that has been open longest at the last of those cuts.
        span: SpanId,
        /// Its opening record.
        since: Lsn,
    },
    /// A span ends that never began.
    #[error("record {lsn} ends {span}, which never began")]
    DanglingClose {
        /// The record.
        lsn: Lsn,
        /// The span.
        span: SpanId,
    },
    /// A span ends for the second time.
    #[error("record {lsn} ends {span} for the second time")]
    DoubleClose {
        /// The record.
        lsn: Lsn,
        /// The span.
        span: SpanId,
    },
    /// Two spans have one name.
    #[error("record {lsn} begins {span}, a name that was given before")]
    DuplicateSpan {
        /// The record.
        lsn: Lsn,
        /// The span.
        span: SpanId,
    },
    /// The records weigh more than a number can say.
    #[error("the records up to {lsn} weigh more than {}", u64::MAX)]
    WeightOverflow {
        /// The record at which it became too much.
        lsn: Lsn,
    },
    /// The record is of a kind that this version does not know, so nobody can say which spans it begins or ends.
    #[error("record {lsn} is of kind {kind}, which this version does not know; it cannot be skipped")]
    UnknownRecord {
        /// The record.
        lsn: Lsn,
        /// Its kind.
        kind: u16,
    },
    /// The record is of a known kind but cannot be read.
    #[error("record {lsn} of kind {kind} cannot be read")]
    BadRecord {
        /// The record.
        lsn: Lsn,
        /// Its kind.
        kind: u16,
    },
    /// Records are not handed in one after the other.
    #[error("record {found} came where record {expected} was to come")]
    OutOfOrder {
        /// The one that was to come.
        expected: Lsn,
        /// The one that came.
        found: Lsn,
    },
}
