//! Appending and group commit.
//!
//! `Queue::tail` is the right to write. A thread that waits for its record takes it, writes the oldest waiting group
//! with one positioned write, makes it durable with one sync, puts it back and wakes the others. Meanwhile appends
//! gather in the next group. At no time is there more than one group that is written and not synced; so a group that
//! is there says of all groups before it that they were durable.

use crate::format::{GROUP_HEADER, GroupHeader, record_checksum, record_header, seal};
use crate::log::{End, Failure, Queue, Shared, Waiting};
use crate::planted::planted;
use crate::segments::{self, Segment};
use crate::storage::{self, Buffer};
use crate::{Log, LogError, Lsn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Buffers that are kept to be used again, and up to which size.
const KEPT: usize = 4;
const KEPT_BYTES: usize = 4 << 20;

/// How writing a group failed.
enum Failed {
    /// There was no segment to write to. The group is as it was.
    Segment(io::Error),
    /// Whether the group is on the disk, and how much of it, is unknown.
    Group(Failure),
}

impl Log {
    /// Adds a record and returns its position. No I/O, unless more than [`Options::waiting`](crate::Options::waiting)
    /// bytes wait: then it first writes some of them, so that memory stays bounded when the disk stalls.
    ///
    /// # Errors
    /// [`LogError::TooLarge`]; and [`LogError::Poisoned`] once a write has failed.
    pub fn append(&self, kind: u16, bytes: &[u8]) -> Result<Lsn, LogError> {
        let shape = &self.shared.shape;
        if bytes.len() > shape.most() {
            return Err(LogError::TooLarge { length: bytes.len(), most: shape.most() });
        }
        let checksum = record_checksum(kind, bytes);
        let mut queue = self.shared.queue.lock();
        while queue.bytes > shape.waiting {
            let oldest = queue.groups.front().map_or(queue.next, |group| group.first);
            drop(queue);
            self.sync(oldest)?;
            queue = self.shared.queue.lock();
        }
        if let Some(failure) = &queue.failed {
            return Err(failure.clone().into());
        }
        let lsn = queue.next;
        let header = record_header(kind, bytes.len(), checksum, lsn);
        let size = header.len() + bytes.len();
        let limit = shape.group.min(shape.segment);
        if queue.groups.back().is_none_or(|group| group.buffer.len() + size > limit) {
            let mut buffer = queue.buffers.pop().unwrap_or_default();
            buffer.resize(GROUP_HEADER);
            queue.groups.push_back(Waiting { buffer, first: lsn, count: 0 });
        }
        if let Some(group) = queue.groups.back_mut() {
            group.buffer.extend(&header);
            group.buffer.extend(bytes);
            group.count += 1;
        }
        queue.bytes += size;
        queue.next = lsn.next();
        Ok(lsn)
    }

    /// Records below this are durable. Never goes back, and does no I/O.
    pub fn durable(&self) -> Lsn {
        Lsn::new(self.shared.durable.load(Ordering::Acquire))
    }

    /// The position of the next append.
    pub fn end(&self) -> Lsn {
        self.shared.queue.lock().next
    }

    /// Waits until record `lsn` is durable, writing if nobody else does. Returns what is durable then.
    ///
    /// # Errors
    /// [`LogError::NotAppended`]; [`LogError::NoSegment`], after which the records still wait and `sync` may be tried
    /// again; [`LogError::Poisoned`], after which nothing more is acknowledged by this handle or its clones.
    pub fn sync(&self, lsn: Lsn) -> Result<Lsn, LogError> {
        let shared = &*self.shared;
        loop {
            let durable = self.durable();
            if durable > lsn {
                return Ok(durable);
            }
            let mut queue = shared.queue.lock();
            if self.durable() > lsn {
                continue;
            }
            if let Some(failure) = &queue.failed {
                return Err(failure.clone().into());
            }
            if lsn >= queue.next {
                return Err(LogError::NotAppended { lsn, next: queue.next });
            }
            match queue.tail.take() {
                None => shared.done.wait(&mut queue),
                Some(tail) => {
                    let group = queue.groups.pop_front();
                    drop(queue);
                    shared.lead(tail, group)?;
                }
            }
        }
    }

    /// Makes everything durable that was appended until now.
    ///
    /// # Errors
    /// As [`Log::sync`].
    pub fn flush(&self) -> Result<Lsn, LogError> {
        let next = self.end();
        match next.get().checked_sub(1) {
            Some(last) if self.durable() < next => self.sync(Lsn::new(last)),
            _ => Ok(self.durable()),
        }
    }

    /// Ends the log cleanly: makes everything durable, and says so by a group without records. A log that was closed
    /// can tell a torn last group from a rotten one; after a crash the last group is the one that it cannot.
    ///
    /// # Errors
    /// As [`Log::sync`].
    pub fn close(self) -> Result<(), LogError> {
        self.flush()?;
        let shared = &*self.shared;
        let mut queue = shared.queue.lock();
        loop {
            if let Some(failure) = &queue.failed {
                return Err(failure.clone().into());
            }
            match queue.tail.take() {
                None => shared.done.wait(&mut queue),
                // A log that has no group needs no mark.
                Some(tail) if tail.file.is_none() => {
                    queue.tail = Some(tail);
                    return Ok(());
                }
                Some(tail) => {
                    let group = queue.groups.pop_front().unwrap_or_else(|| {
                        let mut buffer = queue.buffers.pop().unwrap_or_default();
                        buffer.resize(GROUP_HEADER);
                        Waiting { buffer, first: queue.next, count: 0 }
                    });
                    let ends = group.count == 0;
                    drop(queue);
                    shared.lead(tail, Some(group))?;
                    if ends {
                        return Ok(());
                    }
                    queue = shared.queue.lock();
                }
            }
        }
    }
}

/// Gives the right to write back, whatever happens to the one who had it.
struct Leading<'a> {
    shared: &'a Shared,
    tail: Option<End>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.tail = self.tail.take();
        if queue.tail.is_none() && queue.failed.is_none() {
            // The leader has panicked: what it left on the disk is unknown.
            let source = Arc::new(io::Error::other("the writing thread has panicked"));
            queue.failed = Some(Failure { during: String::from("writing a group"), source });
        }
        drop(queue);
        self.shared.done.notify_all();
    }
}

impl Shared {
    /// Writes one group, having taken the right to. Without a group there is nothing to do.
    fn lead(&self, mut tail: End, group: Option<Waiting>) -> Result<(), LogError> {
        let mut leading = Leading { shared: self, tail: None };
        let Some(mut group) = group else {
            leading.tail = Some(tail);
            return Ok(());
        };
        let size = group.buffer.len();
        let result = self.write_group(&mut tail, &mut group);
        let mut queue = self.queue.lock();
        match result {
            Ok(()) => {
                queue.bytes = queue.bytes.saturating_sub(size - GROUP_HEADER);
                self.keep(&mut queue, group.buffer);
                drop(queue);
                leading.tail = Some(tail);
                Ok(())
            }
            Err(Failed::Segment(source)) => {
                queue.groups.push_front(group);
                drop(queue);
                leading.tail = Some(tail);
                Err(LogError::NoSegment { source })
            }
            Err(Failed::Group(failure)) => {
                queue.failed = Some(failure.clone());
                drop(queue);
                leading.tail = Some(tail);
                Err(failure.into())
            }
        }
    }

    fn keep(&self, queue: &mut Queue, mut buffer: Buffer) {
        if queue.buffers.len() < KEPT && buffer.len() <= KEPT_BYTES {
            buffer.resize(0);
            queue.buffers.push(buffer);
        }
    }

    /// The write and the sync. Only the holder of the tail comes here.
    fn write_group(&self, tail: &mut End, group: &mut Waiting) -> Result<(), Failed> {
        let padded = group.buffer.len().next_multiple_of(self.shape.block);
        if tail.file.is_none() || tail.offset + padded as u64 > self.shape.segment as u64 {
            self.roll(tail, group.first).map_err(Failed::Segment)?;
        }
        let Some(file) = &tail.file else {
            return Err(Failed::Segment(io::Error::other("there is no segment")));
        };
        let header = GroupHeader {
            log: self.shape.id,
            segment: tail.segment,
            offset: tail.offset,
            group: tail.group,
            synced: if planted("commit-mark-stands-still") { 0 } else { tail.group },
            first: group.first,
            count: group.count,
            length: 0,
            previous: tail.previous,
            digest: [0; 32],
        };
        let end = header.end();
        let digest = seal(&mut group.buffer, header, self.shape.block);
        if planted("commit-acknowledges-early") {
            self.durable.store(end.get(), Ordering::Release);
        }
        let failed = |what: &str, source| {
            let during = format!("{what} segment {} at byte {}", tail.segment, tail.offset);
            Failed::Group(Failure { during, source: Arc::new(source) })
        };
        storage::write(&**file, tail.offset, group.buffer.bytes()).map_err(|error| failed("writing", error))?;
        if !planted("commit-skips-sync") {
            let mut synced = file.sync();
            if synced.is_err() && planted("commit-trusts-second-sync") {
                synced = file.sync();
            }
            synced.map_err(|error| failed("syncing", error))?;
        }
        tail.offset += group.buffer.len() as u64;
        tail.group += 1;
        tail.previous = digest;
        self.groups.store(tail.group, Ordering::Release);
        // The queue's lock is taken after this store, so whoever waits sees it when woken.
        self.durable.store(end.get(), Ordering::Release);
        Ok(())
    }

    /// Goes on in the next segment: a spare one, or a new file. The tail changes only if there is one.
    fn roll(&self, tail: &mut End, first: Lsn) -> io::Result<()> {
        let (spare, name) = {
            let mut segments = self.segments.lock();
            match segments.spares.pop() {
                Some(spare) => (Some(spare), Arc::default()),
                None => (None, segments.name()),
            }
        };
        // Made without the lock: readers and cuts do not wait for it.
        let spare = match spare {
            Some(spare) => spare,
            None => segments::make(&*self.storage, name, self.shape.segment as u64)?,
        };
        let number = if tail.file.is_some() { tail.segment + 1 } else { tail.segment };
        let segment = Segment {
            number,
            first,
            group: tail.group,
            previous: tail.previous,
            name: spare.name,
            file: spare.file.clone(),
        };
        self.segments.lock().live.push_back(segment);
        tail.segment = number;
        tail.file = Some(spare.file);
        tail.offset = 0;
        Ok(())
    }
}
