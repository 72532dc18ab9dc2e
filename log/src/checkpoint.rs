//! The checkpoint store: two slots, one in force while the other is written.

use crate::format::{SlotHeader, SlotKind};
use crate::planted::planted;
use crate::slots::{Found, SlotWriter, newest, read_payload};
use crate::storage::File;
use crate::{Log, LogError, Lsn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The state of both slots.
pub(crate) struct Checkpoints {
    slots: [Slot; 2],
    /// The newest one: its slot.
    newest: Option<usize>,
    /// Records from here on are needed to recover from either slot.
    needed: Lsn,
    /// Whether one is being written.
    busy: bool,
}

#[derive(Default)]
struct Slot {
    header: Option<SlotHeader>,
    file: Option<Arc<dyn File>>,
}

impl Checkpoints {
    /// The slots as they were found. `first` is where the log begins.
    pub(crate) fn new(found: [Found; 2], first: Lsn) -> Checkpoints {
        let mut newest = newest(&found);
        if planted("checkpoint-takes-older") {
            newest = newest.map(|slot| if found.iter().all(|found| found.header.is_some()) { 1 - slot } else { slot });
        }
        let slots = found.map(|Found { header, file, .. }| Slot { header, file });
        let mut checkpoints = Checkpoints { slots, newest, needed: first, busy: false };
        checkpoints.count();
        checkpoints
    }

    /// With two whole checkpoints, recovery needs the log from the older one on. With fewer, it needs what it needed.
    fn count(&mut self) {
        let lsn = |slot: &Slot| slot.header.as_ref().map(|header| header.lsn);
        if let [Some(zero), Some(one)] = self.slots.each_ref().map(lsn) {
            self.needed = if planted("drop-ignores-older-checkpoint") { zero.max(one) } else { zero.min(one) };
        }
    }

    /// The first record that recovery may need.
    pub(crate) fn needed(&self) -> Lsn {
        self.needed
    }

    /// The newest whole checkpoint.
    pub(crate) fn newest(&self) -> Option<Checkpoint> {
        let slot = self.newest?;
        let Slot { header: Some(header), file: Some(file) } = self.slots.get(slot)? else { return None };
        let name = SlotKind::Checkpoint.file(slot);
        let (lsn, sequence, length) = (header.lsn, header.sequence, header.length);
        Some(Checkpoint { lsn, sequence, length, name, header: header.clone(), file: file.clone() })
    }
}

/// A whole checkpoint.
#[derive(Clone)]
pub struct Checkpoint {
    /// It covers the records below this.
    pub lsn: Lsn,
    /// Its number: 1 for a log's first checkpoint, and so on.
    pub sequence: u64,
    /// Bytes of its payload.
    pub length: u64,
    name: &'static str,
    header: SlotHeader,
    file: Arc<dyn File>,
}

impl Checkpoint {
    /// Reads the payload, and checks it again. It is in force until the checkpoint after the next one is begun.
    ///
    /// # Errors
    /// [`LogError::Io`], and [`LogError::CheckpointDamaged`] if it is not what it was when the log was opened.
    pub fn read(&self) -> Result<Vec<u8>, LogError> {
        let file = self.name.to_owned();
        match read_payload(&*self.file, &self.header) {
            Err(source) => Err(LogError::Io { file, source }),
            Ok(Err(why)) => Err(LogError::CheckpointDamaged { file, why: why.to_owned() }),
            Ok(Ok(bytes)) => Ok(bytes),
        }
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checkpoint({} in {}, {} bytes, below {})", self.sequence, self.name, self.length, self.lsn)
    }
}

/// A checkpoint in the making. Dropping it leaves the one before in force.
pub struct CheckpointWriter {
    log: Log,
    writer: Option<SlotWriter>,
    slot: usize,
    lsn: Lsn,
}

impl Log {
    /// Begins a checkpoint that covers the records below `lsn`. Its payload is written in pieces, whenever the caller
    /// likes; appends, syncs and reads go on meanwhile. It is in force when [`CheckpointWriter::finish`] returns.
    ///
    /// # Errors
    /// [`LogError::CheckpointBusy`], [`LogError::CheckpointOld`], [`LogError::NotAppended`], [`LogError::Slot`].
    pub fn checkpoint(&self, lsn: Lsn) -> Result<CheckpointWriter, LogError> {
        let next = self.end();
        if lsn > next {
            return Err(LogError::NotAppended { lsn, next });
        }
        let shared = &self.shared;
        let mut checkpoints = shared.checkpoints.lock();
        if checkpoints.busy {
            return Err(LogError::CheckpointBusy);
        }
        if let Some(newest) = checkpoints.newest().map(|newest| newest.lsn).filter(|&newest| newest > lsn) {
            return Err(LogError::CheckpointOld { lsn, newest });
        }
        let slot = match checkpoints.newest {
            Some(newest) if planted("slot-overwrites-live") => newest,
            Some(newest) => 1 - newest,
            None => 0,
        };
        let name = SlotKind::Checkpoint.file(slot);
        let failed = |source| LogError::Slot { file: name.to_owned(), source: Arc::new(source) };
        let place = checkpoints.slots.get_mut(slot).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        // From here on the slot is not whole.
        place.header = None;
        let file = match &place.file {
            Some(file) => file.clone(),
            None => {
                let file = shared.storage.create(name).map_err(failed)?;
                place.file.insert(file).clone()
            }
        };
        checkpoints.busy = true;
        Ok(CheckpointWriter { log: self.clone(), writer: Some(SlotWriter::new(file)), slot, lsn })
    }
}

impl CheckpointWriter {
    /// Adds bytes to the payload.
    ///
    /// # Errors
    /// [`LogError::Slot`], after which this checkpoint can only be dropped.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let Some(writer) = &mut self.writer else { return Err(self.failed(io::ErrorKind::BrokenPipe.into())) };
        if let Err(source) = writer.write(bytes) {
            self.writer = None;
            return Err(self.failed(source));
        }
        Ok(())
    }

    /// Makes the checkpoint durable, and the log up to it before that. Returns the checkpoint, which is in force.
    ///
    /// # Errors
    /// As [`Log::sync`]; [`LogError::Slot`].
    pub fn finish(mut self) -> Result<Checkpoint, LogError> {
        let log = self.log.clone();
        if let Some(last) = self.lsn.get().checked_sub(1).filter(|_| !planted("checkpoint-runs-ahead")) {
            log.sync(Lsn::new(last))?;
        }
        let Some(writer) = self.writer.take() else { return Err(self.failed(io::ErrorKind::BrokenPipe.into())) };
        let sequence = log.shared.checkpoints.lock().newest().map_or(0, |newest| newest.sequence) + 1;
        let synced = log.shared.groups.load(Ordering::Acquire);
        let id = log.id();
        let header = SlotHeader { log: id, sequence, lsn: self.lsn, synced, length: 0, digest: [0; 32] };
        let written = writer.finish(SlotKind::Checkpoint, header, !planted("checkpoint-skips-sync"));
        let header = written.map_err(|source| self.failed(source))?;
        // The file itself may be new.
        log.shared.storage.sync().map_err(|source| self.failed(source))?;
        let mut checkpoints = log.shared.checkpoints.lock();
        if let Some(place) = checkpoints.slots.get_mut(self.slot) {
            place.header = Some(header);
        }
        checkpoints.newest = Some(self.slot);
        checkpoints.count();
        checkpoints.newest().ok_or_else(|| self.failed(io::ErrorKind::NotFound.into()))
    }

    fn failed(&self, source: io::Error) -> LogError {
        LogError::Slot { file: SlotKind::Checkpoint.file(self.slot).to_owned(), source: Arc::new(source) }
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        self.log.shared.checkpoints.lock().busy = false;
    }
}
