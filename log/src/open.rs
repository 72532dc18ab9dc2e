//! Opening a log: recovery.
//!
//! Six stages, in this order: heads, checkpoints, chain, evidence, order, handle. Until the evidence has been heard
//! nothing is changed. Putting in order only zeroes what no acknowledged record is in, so a crash in the middle of it
//! leaves what the next opening can do again. Nothing is handed out before all that was read is durable: it may be
//! there only because a killed process left it to the operating system.

use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::compact::HeadSlots;
use crate::format::{Head, SlotHeader, SlotKind};
use crate::log::{End, Queue, Shape, Shared};
use crate::planted::planted;
use crate::records::Records;
use crate::segments::{self, Segment, Segments, Spare};
use crate::slots::{self, Found};
use crate::storage::{self, ALIGNMENT, Buffer, Storage};
use crate::walk::{self, Candidate, Place, Walk};
use crate::{Cleared, Corrupt, Damage, Log, LogId, Lsn, OpenError, Options, Remains, Report, SlotState, Tail};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is there when a log has been opened.
#[derive(Debug)]
pub struct Recovered {
    /// The newest whole checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// The records that it does not cover, in order; all records if there is none.
    pub records: Records,
    /// What was found and what was done about it.
    pub report: Report,
}

fn failed(file: &str) -> impl Fn(io::Error) -> OpenError {
    move |source| OpenError::Io { file: file.to_owned(), source }
}

/// A name that nobody else has: entropy of the operating system, by the standard library's only door to it.
fn random_id() -> LogId {
    let mut id = [0; 16];
    for half in id.as_chunks_mut::<8>().0 {
        *half = std::hash::RandomState::new().build_hasher().finish().to_le_bytes();
    }
    LogId(id)
}

impl Log {
    /// Opens the log that `storage` holds, or makes one if it holds none. This is recovery: call it after every end,
    /// clean or not.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] with the address if acknowledged records cannot be read, and other refusals; all of them
    /// leave the log as it is. [`OpenError::Io`] if the disk fails; the call may be repeated.
    pub fn open(storage: Arc<dyn Storage>, options: &Options) -> Result<(Log, Recovered), OpenError> {
        options.check()?;
        let names = storage.list().map_err(failed("the log's folder"))?;
        let heads = heads(&*storage, &names)?;
        let (head, created) = match heads.newest() {
            Some((header, head)) => (Some((header, head)), false),
            None => {
                refuse_leftovers(&*storage, &names, &heads.found)?;
                (None, true)
            }
        };
        let states = |found: &[Found; 2]| found.each_ref().map(|found| found.state.clone());
        let head_states = states(&heads.found);
        let (slots, names) = match head {
            Some((header, head)) => (HeadSlots::found(header, head, heads.found, &*storage)?, names),
            None => {
                let id = options.id.unwrap_or_else(random_id);
                let made = HeadSlots::create(&*storage, &names, id, options).map_err(failed("head.0"))?;
                (made, storage.list().map_err(failed("the log's folder"))?)
            }
        };
        let shape = slots.shape(options)?;
        let found = checkpoints(&*storage, &names, shape.id, &slots)?;
        let checkpoint_states = states(&found);
        let mut opening = Opening { storage, shape, slots, cleared: Vec::new() };
        let candidates = opening.candidates(&names)?;
        let walk = walk::walk(&candidates, opening.slots.place(), &opening.shape)?;
        let leftovers = opening.evidence(&walk, &candidates, &found)?;
        let spares = opening.order(&walk, &candidates, leftovers, &found)?;
        let end = walk.end.lsn;
        let tail = match walk.stop.clone() {
            Some((segment, offset, damage)) if !planted("open-hides-the-tear") => {
                Tail::Torn { segment, offset, damage }
            }
            _ => Tail::Clean,
        };
        let report = Report {
            id: opening.shape.id,
            created,
            first: opening.slots.first,
            end,
            segments: walk.live.len(),
            tail,
            heads: head_states,
            checkpoints: checkpoint_states,
            cleared: std::mem::take(&mut opening.cleared),
        };
        let checkpoints = Checkpoints::new(found, opening.slots.first);
        let checkpoint = checkpoints.newest();
        let next_file = names.iter().filter_map(|name| segments::file_number(name)).map(|n| n + 1).max().unwrap_or(0);
        let log = opening.handle(walk, spares, checkpoints, next_file);
        let from = checkpoint.as_ref().map_or(report.first, |checkpoint| checkpoint.lsn);
        let records = Records::new(log.clone(), from, end);
        Ok((log, Recovered { checkpoint, records, report }))
    }
}

struct Heads {
    found: [Found; 2],
    heads: [Option<Head>; 2],
}

impl Heads {
    fn newest(&self) -> Option<(SlotHeader, Head)> {
        let slot = slots::newest(&self.found)?;
        Some((self.found.get(slot)?.header.clone()?, self.heads.get(slot)?.clone()?))
    }
}

fn heads(storage: &dyn Storage, names: &[String]) -> Result<Heads, OpenError> {
    let look = |slot| slots::look(storage, names, SlotKind::Head, slot, None);
    let mut heads = Heads { found: [look(0)?, look(1)?], heads: [None, None] };
    for (slot, (found, head)) in heads.found.iter_mut().zip(&mut heads.heads).enumerate() {
        let name = SlotKind::Head.file(slot);
        if let (Some(header), Some(file)) = (&found.header, &found.file) {
            let bytes = slots::read_payload(&**file, header).map_err(failed(name))?.unwrap_or_default();
            *head = Head::decode(&bytes).filter(HeadSlots::possible);
            if head.is_none() {
                let why = String::from("what it says cannot be");
                found.state = SlotState::Bad { file: name.to_owned(), why };
                found.header = None;
            }
        }
    }
    Ok(heads)
}

/// Without a head there must be nothing that one would have to speak for: then making the log was interrupted.
fn refuse_leftovers(storage: &dyn Storage, names: &[String], heads: &[Found; 2]) -> Result<(), OpenError> {
    let [first, second] = heads.each_ref().map(|found| found.state.to_string());
    let mut piece = Buffer::zeroed(storage::PIECE);
    for name in names.iter().filter(|name| segments::file_number(name).is_some() || name.starts_with("checkpoint.")) {
        let file = storage.open(name).map_err(failed(name))?;
        let mut at = 0;
        loop {
            let got = storage::read(&*file, at, piece.bytes_mut()).map_err(failed(name))?;
            if !storage::is_zero(piece.bytes().get(..got).unwrap_or_default()) {
                return Err(OpenError::HeadLost { first, second });
            }
            if got < piece.len() {
                break;
            }
            at += got as u64;
        }
    }
    Ok(())
}

/// Looks at the checkpoints. A log that has been cut needs one.
fn checkpoints(storage: &dyn Storage, names: &[String], log: LogId, head: &HeadSlots) -> Result<[Found; 2], OpenError> {
    let look = |slot| slots::look(storage, names, SlotKind::Checkpoint, slot, Some(log));
    let mut found = [look(0)?, look(1)?];
    // Each checkpoint has a number of its own: one that stands in both slots was written to the wrong place.
    let [zero, one] = &mut found;
    if let (Some(first), Some(second)) = (&zero.header, &one.header)
        && first.sequence == second.sequence
    {
        let file = SlotKind::Checkpoint.file(0).to_owned();
        zero.state = SlotState::Bad { file, why: String::from("the other slot's checkpoint stands in it") };
        zero.header = None;
    }
    let covered = found.iter().filter_map(|found| found.header.as_ref()).map(|header| header.lsn).max();
    if head.first > Lsn::ZERO && covered.is_none_or(|covered| covered < head.first) {
        let [zero, one] = found.each_ref().map(|found| found.state.to_string());
        return Err(OpenError::CheckpointLost { first: head.first, zero, one });
    }
    Ok(found)
}

struct Opening {
    storage: Arc<dyn Storage>,
    shape: Shape,
    slots: HeadSlots,
    cleared: Vec<Cleared>,
}

/// A file that no live segment is in, and its first byte that is not zero.
struct Leftover<'a> {
    candidate: &'a Candidate,
    not_zero: Option<u64>,
}

impl Opening {
    fn candidates(&self, names: &[String]) -> Result<Vec<Candidate>, OpenError> {
        let mut names: Vec<&String> = names.iter().filter(|name| segments::file_number(name).is_some()).collect();
        names.sort();
        let open = |name: &&String| {
            let file = self.storage.open(name).map_err(failed(name))?;
            walk::candidate(name, file, &self.shape)
        };
        names.iter().map(open).collect()
    }

    /// Refuses if something says that the log once went further than the chain does. Returns the files without a live
    /// segment.
    fn evidence<'a>(
        &self,
        walk: &Walk,
        candidates: &'a [Candidate],
        checkpoints: &[Found; 2],
    ) -> Result<Vec<Leftover<'a>>, OpenError> {
        let end = &walk.end;
        let mut found = None;
        if let (Some(last), Some(rest)) = (walk.live.last(), walk.buffer.bytes().get(end.offset as usize..)) {
            found = walk::evidence(&last.name, rest, end.offset as usize, end.group, &self.shape)
                .or_else(|| walk::behind(&last.name, rest, end.offset as usize, end.group, &self.shape));
        }
        let mut leftovers = Vec::new();
        let mut buffer = Buffer::default();
        for candidate in candidates {
            if walk.live.iter().any(|segment| segment.name == candidate.name) {
                continue;
            }
            walk::load(&*candidate.file, &mut buffer, &self.shape).map_err(failed(&candidate.name))?;
            let zero = storage::is_zero(buffer.bytes());
            let place = || buffer.bytes().iter().position(|&byte| byte != 0).map(|at| at as u64);
            let not_zero = if zero { None } else { place() };
            if not_zero.is_some() && found.is_none() {
                found = walk::evidence(&candidate.name, buffer.bytes(), 0, end.group, &self.shape)
                    .or_else(|| walk::behind(&candidate.name, buffer.bytes(), 0, end.group, &self.shape));
            }
            leftovers.push(Leftover { candidate, not_zero });
        }
        for (slot, checkpoint) in checkpoints.iter().enumerate() {
            if let Some(header) = checkpoint.header.as_ref().filter(|h| h.synced > end.group || h.lsn > end.lsn) {
                let name = SlotKind::Checkpoint.file(slot);
                found.get_or_insert(format!("{name} covers the records below {}", header.lsn));
            }
        }
        match found {
            Some(evidence) if !planted("open-calls-rot-a-tear") => {
                let missing = (end.segment, end.offset, Damage::Missing);
                let (segment, offset, damage) = walk.stop.clone().unwrap_or(missing);
                Err(Corrupt { segment, offset, lsn: end.lsn, damage, evidence }.into())
            }
            _ => Ok(leftovers),
        }
    }

    /// Zeroes what a torn write has left, sorts the leftovers, and makes everything durable that was read.
    fn order(
        &mut self,
        walk: &Walk,
        candidates: &[Candidate],
        leftovers: Vec<Leftover<'_>>,
        checkpoints: &[Found; 2],
    ) -> Result<Vec<Spare>, OpenError> {
        let size = self.shape.segment as u64;
        for segment in &walk.live {
            let last = walk.live.last().is_some_and(|last| last.number == segment.number);
            let used = if last { walk.end.offset } else { size };
            let short = candidates.iter().find(|candidate| candidate.name == segment.name && candidate.length < size);
            if let Some(candidate) = short {
                self.clear(&segment.name, candidate.length, Remains::Short);
                self.lengthen(segment, candidate.length, used).map_err(failed(&segment.name))?;
            } else if last && walk.stop.is_some() && !planted("open-skips-scrub") {
                storage::zero(&*segment.file, used, size).map_err(failed(&segment.name))?;
            }
            if last && !planted("open-skips-sync") {
                segment.file.sync().map_err(failed(&segment.name))?;
            }
        }
        for found in checkpoints {
            if let (Some(_), Some(file), false) = (&found.header, &found.file, planted("open-skips-sync")) {
                file.sync().map_err(failed("a checkpoint"))?;
            }
        }
        if let Some(slot) = self.slots.settle().map_err(failed("the head"))? {
            self.clear(SlotKind::Head.file(slot), 0, Remains::HeadCopy);
        }
        let mut spares = Vec::new();
        for Leftover { candidate, not_zero } in leftovers {
            let dropped = candidate.number.is_some_and(|number| number < self.slots.head.first_segment);
            let what = match not_zero {
                Some(at) if dropped => Some((at, Remains::Dropped)),
                Some(at) => Some((at, Remains::NotZero)),
                None if candidate.length < size => Some((candidate.length, Remains::Short)),
                None => None,
            };
            if let Some((at, what)) = what {
                self.clear(&candidate.name, at, what);
            }
            let (name, file) = (candidate.name.clone(), candidate.file.clone());
            if spares.len() < self.shape.spares && candidate.length >= size {
                spares.push(match what {
                    Some(_) => segments::clean(name, file, size).map_err(failed(&candidate.name))?,
                    None => {
                        // Its zeros may be nothing but a promise to a process that was killed.
                        file.sync().map_err(failed(&name))?;
                        Spare { name, file }
                    }
                });
            } else {
                self.storage.remove(&name).map_err(failed(&name))?;
            }
        }
        self.storage.sync().map_err(failed("the log's folder"))?;
        Ok(spares)
    }

    /// Gives a segment the length it should have. What is there is written again as it is; behind `used` come zeros.
    fn lengthen(&self, segment: &Segment, length: u64, used: u64) -> io::Result<()> {
        let mut buffer = Buffer::default();
        walk::load(&*segment.file, &mut buffer, &self.shape)?;
        buffer.resize(self.shape.segment);
        buffer.bytes_mut().get_mut(used as usize..).unwrap_or_default().fill(0);
        let from = length.min(used) as usize / ALIGNMENT * ALIGNMENT;
        storage::write(&*segment.file, from as u64, buffer.bytes().get(from..).unwrap_or_default())?;
        segment.file.sync()
    }

    fn clear(&mut self, file: &str, offset: u64, what: Remains) {
        self.cleared.push(Cleared { file: file.to_owned(), offset, what });
    }

    /// The open log.
    fn handle(self, walk: Walk, spares: Vec<Spare>, checkpoints: Checkpoints, next_file: u64) -> Log {
        let Place { segment, offset, group, lsn, previous } = walk.end;
        let next = if planted("open-reuses-position") { Lsn::new(lsn.get().saturating_sub(1)) } else { lsn };
        let file = walk.live.last().map(|last| last.file.clone());
        let queue = Queue {
            groups: VecDeque::new(),
            bytes: 0,
            buffers: Vec::new(),
            next,
            tail: Some(End { segment, file, offset, group, previous }),
            failed: None,
        };
        let shared = Shared {
            storage: self.storage,
            shape: self.shape,
            durable: AtomicU64::new(next.get()),
            groups: AtomicU64::new(group),
            queue: Mutex::new(queue),
            done: Condvar::new(),
            segments: Mutex::new(Segments { live: walk.live.into(), spares, next_file }),
            checkpoints: Mutex::new(checkpoints),
            head: Mutex::new(self.slots),
        };
        Log { shared: Arc::new(shared) }
    }
}
