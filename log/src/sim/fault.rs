//! What can go wrong with one call.

use std::io;
use std::time::Duration;

/// A fault of one I/O call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call does nothing and fails.
    Error(io::ErrorKind),
    /// The call, if it is a write, does its first half and fails.
    HalfThenError(io::ErrorKind),
    /// The call, if it is a read or a write, does less than asked: this many bytes at most.
    Short(usize),
    /// A sync fails. Every second pending sector went to the disk; the others are gone, also for readers.
    SyncLoses,
    /// A sync fails. Nothing went to the disk, but readers go on seeing it, and no later sync will write it.
    SyncPretends,
    /// A sync does nothing and says that all is well. No software can make up for that; it must be noticed.
    SyncLies,
    /// A read has one bit wrong, this time only.
    ReadFlips,
    /// The call takes this long.
    Delay(Duration),
}
