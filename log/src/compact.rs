//! Cutting the log at its beginning.
//!
//! The head says where the log begins. It stands in two slots that are equal except while it changes: first one is
//! written and synced, then the other, and only then are the dropped segments zeroed. So one slot may rot at any time.

use crate::format::{Head, SlotHeader, SlotKind};
use crate::log::Shape;
use crate::planted::planted;
use crate::segments::{self, Segment};
use crate::slots::{Found, SlotWriter};
use crate::storage::{File, Storage};
use crate::walk::Place;
use crate::{Log, LogError, LogId, Lsn, OpenError, Options};
use std::io;
use std::sync::Arc;

/// The head in force, and its two slots.
pub(crate) struct HeadSlots {
    pub(crate) head: Head,
    /// Where the log begins.
    pub(crate) first: Lsn,
    id: LogId,
    sequence: u64,
    files: [Arc<dyn File>; 2],
    /// Which slots hold the head in force.
    good: [bool; 2],
    /// Segments that the head in force no longer knows, and that are not zeroed yet.
    retired: Vec<Segment>,
}

/// What a cut has dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Where the log begins now.
    pub first: Lsn,
    /// How many segments are gone.
    pub segments: usize,
}

impl HeadSlots {
    /// Whether the head describes a log that there can be.
    pub(crate) fn possible(head: &Head) -> bool {
        Options { block: head.block, segment: head.segment, ..Options::default() }.check().is_ok()
    }

    /// The head as it was found, in at least one slot.
    pub(crate) fn found(
        header: SlotHeader,
        head: Head,
        found: [Found; 2],
        storage: &dyn Storage,
    ) -> Result<HeadSlots, OpenError> {
        let good = found.each_ref().map(|found| found.header.as_ref() == Some(&header));
        let [zero, one] = found.map(|found| found.file);
        let make = |file: Option<Arc<dyn File>>, slot| match file {
            Some(file) => Ok(file),
            None => open_or_create(storage, &storage.list()?, slot),
        };
        let failed = |source| OpenError::Io { file: String::from("the head"), source };
        let files = [make(zero, 0).map_err(failed)?, make(one, 1).map_err(failed)?];
        let (first, id, sequence) = (header.lsn, header.log, header.sequence);
        Ok(HeadSlots { head, first, id, sequence, files, good, retired: Vec::new() })
    }

    /// Makes a log: its head, and the files of all slots.
    pub(crate) fn create(
        storage: &dyn Storage,
        names: &[String],
        id: LogId,
        options: &Options,
    ) -> io::Result<HeadSlots> {
        let head = Head {
            block: options.block,
            segment: options.segment,
            first_segment: 0,
            first_group: 0,
            previous: [0; 32],
            certificate: Vec::new(),
        };
        let files = [open_or_create(storage, names, 0)?, open_or_create(storage, names, 1)?];
        for slot in 0..2 {
            let name = SlotKind::Checkpoint.file(slot);
            if !names.iter().any(|other| other == name) {
                storage.create(name)?;
            }
        }
        let (good, retired) = ([false; 2], Vec::new());
        let mut slots = HeadSlots { head, first: Lsn::ZERO, id, sequence: 1, files, good, retired };
        slots.write(0)?;
        slots.write(1)?;
        storage.sync()?;
        Ok(slots)
    }

    /// Writes the head in force to a slot.
    fn write(&mut self, slot: usize) -> io::Result<()> {
        let (Some(file), Some(good)) = (self.files.get(slot), self.good.get_mut(slot)) else { return Ok(()) };
        *good = false;
        let synced = self.head.first_group;
        let (log, sequence, lsn) = (self.id, self.sequence, self.first);
        let header = SlotHeader { log, sequence, lsn, synced, length: 0, digest: [0; 32] };
        let mut writer = SlotWriter::new(file.clone());
        writer.write(&self.head.encode())?;
        writer.finish(SlotKind::Head, header, true)?;
        *good = true;
        Ok(())
    }

    /// Makes both slots equal, and durable. Returns the slot that had to be written.
    pub(crate) fn settle(&mut self) -> io::Result<Option<usize>> {
        let stale = self.good.iter().position(|good| !good);
        for (file, good) in self.files.iter().zip(self.good) {
            if good {
                file.sync()?;
            }
        }
        if let Some(slot) = stale {
            self.write(slot)?;
        }
        Ok(stale)
    }

    pub(crate) fn shape(&self, options: &Options) -> Result<Shape, OpenError> {
        if let Some(asked) = options.id.filter(|&asked| asked != self.id) {
            let why = format!("this is the log {:02x?}, not the log {:02x?}", self.id.0, asked.0);
            return Err(OpenError::Options(why));
        }
        Ok(Shape {
            id: self.id,
            block: self.head.block as usize,
            segment: self.head.segment as usize,
            group: options.group as usize,
            waiting: options.waiting,
            spares: options.spares,
        })
    }

    /// Where the chain of groups begins.
    pub(crate) fn place(&self) -> Place {
        Place {
            segment: self.head.first_segment,
            offset: 0,
            group: self.head.first_group,
            lsn: self.first,
            previous: self.head.previous,
        }
    }
}

fn open_or_create(storage: &dyn Storage, names: &[String], slot: usize) -> io::Result<Arc<dyn File>> {
    let name = SlotKind::Head.file(slot);
    if names.iter().any(|other| other == name) { storage.open(name) } else { storage.create(name) }
}

impl Log {
    /// Drops whole segments that hold nothing but records before `lsn`, and keeps `certificate` with the record of
    /// it. The last segment always stays. If no segment can go, nothing changes and `certificate` is not kept.
    ///
    /// Appends and syncs go on meanwhile. The room is zeroed and used again, up to
    /// [`Options::spares`](crate::Options::spares) segments; the rest is given back.
    ///
    /// # Errors
    /// [`LogError::Needed`] unless both checkpoints cover what would be dropped, so that either can be recovered from;
    /// [`LogError::Slot`] if the head could not be written; [`LogError::Io`] if the room could not be cleaned (the
    /// segments are dropped all the same).
    pub fn drop_before(&self, lsn: Lsn, certificate: &[u8]) -> Result<Dropped, LogError> {
        let shared = &*self.shared;
        if let Some(failure) = &shared.queue.lock().failed {
            return Err(failure.clone().into());
        }
        let mut slots = shared.head.lock();
        let needed = shared.checkpoints.lock().needed();
        if lsn > needed {
            return Err(LogError::Needed { lsn, needed });
        }
        let (count, kept) = {
            let segments = shared.segments.lock();
            let count = segments.live.iter().skip(1).take_while(|segment| segment.first <= lsn).count();
            (count, segments.live.get(count).cloned())
        };
        let Some(kept) = kept.filter(|_| count > 0) else {
            return Ok(Dropped { first: slots.first, segments: 0 });
        };
        if planted("drop-zeroes-before-head") {
            for segment in shared.segments.lock().live.iter().take(count) {
                segments::clean(segment.name.clone(), segment.file.clone(), shared.shape.segment as u64)
                    .map_err(|source| LogError::Io { file: segment.name.to_string(), source })?;
            }
        }
        let slot = usize::from(slots.good == [true, false]);
        let failed =
            |slot, source| LogError::Slot { file: SlotKind::Head.file(slot).to_owned(), source: Arc::new(source) };
        let (head, first) = (slots.head.clone(), slots.first);
        slots.sequence += 1;
        slots.first = kept.first;
        slots.head.first_segment = kept.number;
        slots.head.first_group = kept.group;
        slots.head.previous = kept.previous;
        slots.head.certificate = certificate.to_vec();
        if let Err(source) = slots.write(slot) {
            // The other slot still holds the head that was in force, and is not touched before this one is whole.
            slots.head = head;
            slots.first = first;
            return Err(failed(slot, source));
        }
        // From here on the cut is in force, whatever becomes of the rest.
        if let Some(good) = slots.good.get_mut(1 - slot) {
            *good = false;
        }
        let dropped: Vec<Segment> = shared.segments.lock().live.drain(..count).collect();
        slots.retired.extend(dropped);
        if !planted("head-skips-mirror") {
            slots.write(1 - slot).map_err(|source| failed(1 - slot, source))?;
        }
        for segment in std::mem::take(&mut slots.retired) {
            let name = segment.name.to_string();
            self.retire(segment).map_err(|source| LogError::Io { file: name, source })?;
        }
        Ok(Dropped { first: kept.first, segments: count })
    }

    /// Makes a dropped segment a spare one, or gives its room back. If that fails, the next opening does it.
    fn retire(&self, segment: Segment) -> io::Result<()> {
        let shared = &*self.shared;
        if shared.segments.lock().spares.len() >= shared.shape.spares {
            return shared.storage.remove(&segment.name);
        }
        let spare = segments::clean(segment.name, segment.file, shared.shape.segment as u64)?;
        shared.segments.lock().spares.push(spare);
        Ok(())
    }

    /// Makes spare segments until there are [`Options::spares`](crate::Options::spares) of them, so that later
    /// commits need not. For idle moments; nobody waits for it.
    ///
    /// # Errors
    /// [`LogError::NoSegment`].
    pub fn prepare(&self) -> Result<(), LogError> {
        let shared = &*self.shared;
        loop {
            let name = {
                let mut segments = shared.segments.lock();
                if segments.spares.len() >= shared.shape.spares {
                    return Ok(());
                }
                segments.name()
            };
            let spare = segments::make(&*shared.storage, name, shared.shape.segment as u64)
                .map_err(|source| LogError::NoSegment { source })?;
            shared.segments.lock().spares.push(spare);
        }
    }

    /// What was handed in with the last cut; empty before the first.
    pub fn certificate(&self) -> Vec<u8> {
        self.shared.head.lock().head.certificate.clone()
    }
}
