//! Positions in the log.

use std::fmt;

/// The position of a record: records are numbered 0, 1, 2, … in the order of their append, without gaps.
///
/// As a bound it is exclusive: "durable below `n`" speaks of the records before record `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// The first record of a log.
    pub const ZERO: Lsn = Lsn(0);

    /// The position with this number.
    pub const fn new(number: u64) -> Lsn {
        Lsn(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position `records` further on; the last possible position if there is none.
    pub const fn plus(self, records: u64) -> Lsn {
        Lsn(self.0.saturating_add(records))
    }

    /// The position behind this one.
    pub const fn next(self) -> Lsn {
        self.plus(1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
