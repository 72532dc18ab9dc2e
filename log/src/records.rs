//! Reading records back.

use crate::format::{Read, Unreadable, records};
use crate::segments::Segment;
use crate::storage::Buffer;
use crate::walk::load;
use crate::{Corrupt, Damage, Log, LogError, Lsn, Record};
use std::collections::VecDeque;

/// The records of a log from one position to another, in order, each checked again when it is read. Ends after the
/// first error.
pub struct Records {
    log: Log,
    next: Lsn,
    end: Lsn,
    /// The segment that `buffer` holds, and how far it has been read.
    segment: Option<(Segment, usize)>,
    buffer: Buffer,
    /// Records of the group that was read last.
    ready: VecDeque<Record>,
}

impl Log {
    /// The records from `from` on that are durable now.
    ///
    /// # Errors
    /// [`LogError::Dropped`] if the log begins later.
    pub fn read(&self, from: Lsn) -> Result<Records, LogError> {
        let first = self.first();
        if from < first {
            return Err(LogError::Dropped { lsn: from, first });
        }
        Ok(Records::new(self.clone(), from, self.durable()))
    }
}

impl Records {
    pub(crate) fn new(log: Log, next: Lsn, end: Lsn) -> Records {
        Records { log, next, end, segment: None, buffer: Buffer::default(), ready: VecDeque::new() }
    }

    /// The position of the record that comes next.
    pub fn position(&self) -> Lsn {
        self.next
    }

    /// How many are still to come.
    pub fn remaining(&self) -> u64 {
        self.end.get().saturating_sub(self.next.get())
    }

    /// Loads the segment that holds the next record.
    fn load(&mut self) -> Result<(), LogError> {
        let segment = {
            let segments = self.log.shared.segments.lock();
            segments.live.iter().rev().find(|segment| segment.first <= self.next).cloned()
        };
        let Some(segment) = segment else {
            return Err(LogError::Dropped { lsn: self.next, first: self.log.first() });
        };
        if self.segment.as_ref().is_some_and(|(known, _)| known.number == segment.number) {
            // All of it was read, and the record was not there.
            let offset = self.buffer.len() as u64;
            return Err(self.corrupt(segment.number, offset, Damage::Missing));
        }
        let failed = |source| LogError::Io { file: segment.name.to_string(), source };
        load(&*segment.file, &mut self.buffer, &self.log.shared.shape).map_err(failed)?;
        self.segment = Some((segment, 0));
        Ok(())
    }

    fn corrupt(&self, segment: u64, offset: u64, damage: Damage) -> LogError {
        let first = self.log.first();
        if self.next < first {
            // It was cut while it was being read.
            return LogError::Dropped { lsn: self.next, first };
        }
        Corrupt { segment, offset, lsn: self.next, damage, evidence: String::from("it was durable") }.into()
    }

    /// Reads groups until there is one with the next record.
    fn fill(&mut self) -> Result<(), LogError> {
        let block = self.log.shared.shape.block;
        while self.ready.is_empty() {
            let Some((segment, at)) = &mut self.segment else {
                self.load()?;
                continue;
            };
            let (number, offset) = (segment.number, *at as u64);
            let rest = self.buffer.bytes().get(*at..).unwrap_or_default();
            let group = match Read::at(rest, block) {
                Read::Nothing => {
                    self.load()?;
                    continue;
                }
                Read::Group(group) => group,
                Read::Bad(Unreadable::Damage(damage)) => return Err(self.corrupt(number, offset, damage)),
                Read::Bad(Unreadable::Version(_)) => {
                    return Err(self.corrupt(number, offset, Damage::Field("version")));
                }
            };
            let header = &group.header;
            if (header.log, header.segment, header.offset) != (self.log.shared.shape.id, number, offset) {
                let damage = Damage::OtherPlace { segment: header.segment, offset: header.offset };
                return Err(self.corrupt(number, offset, damage));
            }
            *at += group.padded;
            if header.end() <= self.next {
                continue;
            }
            if header.first > self.next {
                return Err(self.corrupt(number, offset, Damage::Chain("first record")));
            }
            let (from, end) = (self.next, self.end);
            let wanted = records(group.body, header.first).filter_map(Result::ok);
            let wanted = wanted.filter(|record| record.lsn() >= from && record.lsn() < end);
            self.ready.extend(wanted.map(|record| record.to_owned()));
        }
        Ok(())
    }
}

impl Iterator for Records {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if let Err(error) = self.fill() {
            self.end = self.next;
            return Some(Err(error));
        }
        let record = self.ready.pop_front()?;
        self.next = record.lsn.next();
        Some(Ok(record))
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Records({} to {})", self.next, self.end)
    }
}
