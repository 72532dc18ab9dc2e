//! An open log.

use crate::checkpoint::Checkpoints;
use crate::compact::HeadSlots;
use crate::format::{Digest, GROUP_HEADER, RECORD_HEADER};
use crate::segments::Segments;
use crate::storage::{Buffer, File, Storage};
use crate::{LogError, LogId, Lsn};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// An open log. Clones are the same log; every call may come from any thread.
///
/// - open: [`Log::open`]
/// - write: [`append`](Log::append) (no I/O), then [`sync`](Log::sync) or [`flush`](Log::flush); [`close`](Log::close)
/// - observe: [`durable`](Log::durable), [`end`](Log::end), [`first`](Log::first), [`id`](Log::id)
/// - read: [`read`](Log::read)
/// - checkpoint: [`checkpoint`](Log::checkpoint)
/// - cut: [`drop_before`](Log::drop_before), [`certificate`](Log::certificate)
///
/// The log has no thread and no timer. Who wants something durable writes: the first one to wait leads, writes and
/// syncs everything that was appended until then as one group, and those who came meanwhile are the next group.
#[derive(Clone)]
pub struct Log {
    pub(crate) shared: Arc<Shared>,
}

/// What does not change while the log is open.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) id: LogId,
    pub(crate) block: usize,
    pub(crate) segment: usize,
    pub(crate) group: usize,
    pub(crate) waiting: usize,
    pub(crate) spares: usize,
}

impl Shape {
    /// The most bytes of one record: it must fit into a segment together with both headers.
    pub(crate) fn most(&self) -> usize {
        self.segment - GROUP_HEADER - RECORD_HEADER
    }
}

pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) shape: Shape,
    /// Records below it are durable. Written by leaders only, before `queue` says so.
    pub(crate) durable: AtomicU64,
    /// Groups below it are durable.
    pub(crate) groups: AtomicU64,
    pub(crate) queue: Mutex<Queue>,
    /// Told whenever a leader is done.
    pub(crate) done: Condvar,
    pub(crate) segments: Mutex<Segments>,
    pub(crate) checkpoints: Mutex<Checkpoints>,
    pub(crate) head: Mutex<HeadSlots>,
}

/// What was appended and not written.
pub(crate) struct Queue {
    /// Groups in the making, oldest first. Appends go to the last one.
    pub(crate) groups: VecDeque<Waiting>,
    /// Bytes in them.
    pub(crate) bytes: usize,
    /// Buffers to use again.
    pub(crate) buffers: Vec<Buffer>,
    /// The position of the next append.
    pub(crate) next: Lsn,
    /// The log's end on the disk. Whoever takes it leads; while it is gone, others wait.
    pub(crate) tail: Option<End>,
    pub(crate) failed: Option<Failure>,
}

/// A group in the making: records behind room for the header.
pub(crate) struct Waiting {
    pub(crate) buffer: Buffer,
    pub(crate) first: Lsn,
    pub(crate) count: u32,
}

/// Where the next group goes.
#[derive(Clone)]
pub(crate) struct End {
    /// The segment's number, and its file; no file before the first group of a log.
    pub(crate) segment: u64,
    pub(crate) file: Option<Arc<dyn File>>,
    /// Bytes from the segment's beginning.
    pub(crate) offset: u64,
    /// The next group's number.
    pub(crate) group: u64,
    /// The digest of the last group.
    pub(crate) previous: Digest,
}

/// Why the log acknowledges nothing any more.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) during: String,
    pub(crate) source: Arc<io::Error>,
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> LogError {
        LogError::Poisoned { during: failure.during, source: failure.source }
    }
}

impl Log {
    /// The log's name.
    pub fn id(&self) -> LogId {
        self.shared.shape.id
    }

    /// The first record that is in the log.
    pub fn first(&self) -> Lsn {
        self.shared.head.lock().first
    }

    /// The most bytes of one record.
    pub fn most(&self) -> usize {
        self.shared.shape.most()
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("shape", &self.shared.shape).field("durable", &self.durable()).finish()
    }
}
