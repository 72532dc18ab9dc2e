//! Following the chain of groups from where the log begins to where it ends.

use crate::format::{Digest, Group, GroupHeader, Read, Unreadable, VERSION};
use crate::log::Shape;
use crate::planted::planted;
use crate::segments::Segment;
use crate::storage::{self, Buffer, File};
use crate::{Corrupt, Damage, Lsn, OpenError};
use std::io;
use std::sync::Arc;

/// A segment file as it was found.
pub(crate) struct Candidate {
    pub(crate) name: Arc<str>,
    pub(crate) file: Arc<dyn File>,
    pub(crate) length: u64,
    /// The segment that its first group says it is.
    pub(crate) number: Option<u64>,
}

/// A place in the log, and what must stand there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) group: u64,
    pub(crate) lsn: Lsn,
    pub(crate) previous: Digest,
}

impl Place {
    /// Whether a sound group is the one that must stand here.
    pub(crate) fn expects(&self, found: &GroupHeader, shape: &Shape) -> Result<(), Damage> {
        if !planted("group-ignores-place") {
            if found.log != shape.id {
                return Err(Damage::OtherLog);
            }
            if (found.segment, found.offset) != (self.segment, self.offset) {
                return Err(Damage::OtherPlace { segment: found.segment, offset: found.offset });
            }
        }
        if planted("walk-ignores-chain") {
            return Ok(());
        }
        if found.group != self.group {
            return Err(Damage::Chain("number"));
        }
        if found.previous != self.previous {
            return Err(Damage::Chain("digest of the group before"));
        }
        if found.first != self.lsn {
            return Err(Damage::Chain("first record"));
        }
        Ok(())
    }
}

/// Where the chain ends, and why.
pub(crate) struct Walk {
    pub(crate) live: Vec<Segment>,
    /// Where the next group goes.
    pub(crate) end: Place,
    /// Where something else than nothing stands behind the last group: segment, offset, what is wrong.
    pub(crate) stop: Option<(u64, u64, Damage)>,
    /// The last live segment, as it is on the disk.
    pub(crate) buffer: Buffer,
}

/// Reads a segment into `buffer`: as many whole blocks as its file has, zeros where the last one is cut. So memory
/// follows what is there and not what a head promises.
pub(crate) fn load(file: &dyn File, buffer: &mut Buffer, shape: &Shape) -> io::Result<()> {
    let length = usize::try_from(file.len()?).unwrap_or(usize::MAX).min(shape.segment);
    buffer.resize(length.next_multiple_of(shape.block));
    let got = storage::read(file, 0, buffer.bytes_mut())?;
    buffer.bytes_mut().get_mut(got..).unwrap_or_default().fill(0);
    Ok(())
}

fn failed(file: &str, source: io::Error) -> OpenError {
    OpenError::Io { file: file.to_owned(), source }
}

fn version(file: &str, found: u16) -> OpenError {
    OpenError::UnknownVersion { file: file.to_owned(), found, known: VERSION }
}

/// Looks at a segment file's first block.
pub(crate) fn candidate(name: &str, file: Arc<dyn File>, shape: &Shape) -> Result<Candidate, OpenError> {
    let failed = |source| failed(name, source);
    let length = file.len().map_err(failed)?;
    let mut block = Buffer::zeroed(shape.block);
    let got = storage::read(&*file, 0, block.bytes_mut()).map_err(failed)?;
    let number = match GroupHeader::read(block.bytes().get(..got).unwrap_or_default()) {
        Ok(header) if header.log == shape.id || planted("group-ignores-place") => Some(header.segment),
        Err(Unreadable::Version(found)) => return Err(version(name, found)),
        Ok(header) => {
            // No crash does that: somebody has put it there, and may want it back.
            let evidence = format!("{name} begins with a sound header");
            let (segment, offset, damage) = (header.segment, 0, Damage::OtherLog);
            return Err(Corrupt { segment, offset, lsn: header.first, damage, evidence }.into());
        }
        Err(Unreadable::Damage(_)) => None,
    };
    Ok(Candidate { name: Arc::from(name), file, length, number })
}

/// Follows the chain from `start`.
pub(crate) fn walk(candidates: &[Candidate], start: Place, shape: &Shape) -> Result<Walk, OpenError> {
    let (mut next, mut current) = (Buffer::default(), Buffer::default());
    let mut walk = Walk { live: Vec::new(), end: start.clone(), stop: None, buffer: Buffer::default() };
    let mut at = start;
    'segments: loop {
        let mut refused = None;
        let mut chosen = None;
        for candidate in candidates.iter().filter(|candidate| candidate.number == Some(at.segment)) {
            load(&*candidate.file, &mut next, shape).map_err(|source| failed(&candidate.name, source))?;
            match Read::at(next.bytes(), shape.block) {
                Read::Nothing => {}
                Read::Group(group) => match at.expects(&group.header, shape) {
                    Ok(()) => {
                        chosen = Some(candidate);
                        break;
                    }
                    Err(damage) => refused = Some(damage),
                },
                Read::Bad(Unreadable::Version(found)) => return Err(version(&candidate.name, found)),
                Read::Bad(Unreadable::Damage(damage)) => refused = Some(damage),
            }
        }
        let Some(chosen) = chosen else {
            walk.stop = refused.map(|damage| (at.segment, 0, damage));
            break;
        };
        std::mem::swap(&mut next, &mut current);
        walk.live.push(Segment {
            number: at.segment,
            first: at.lsn,
            group: at.group,
            previous: at.previous,
            name: chosen.name.clone(),
            file: chosen.file.clone(),
        });
        while let Some(rest) = current.bytes().get(at.offset as usize..).filter(|rest| !rest.is_empty()) {
            let damage = match Read::at(rest, shape.block) {
                Read::Nothing => break,
                Read::Bad(Unreadable::Version(found)) => return Err(version(&chosen.name, found)),
                Read::Bad(Unreadable::Damage(damage)) => damage,
                Read::Group(group) => match at.expects(&group.header, shape) {
                    Ok(()) => {
                        at.offset += group.padded as u64;
                        at.group += 1;
                        at.lsn = group.header.end();
                        at.previous = group.header.digest;
                        continue;
                    }
                    Err(damage) => damage,
                },
            };
            if planted("walk-ignores-tail") {
                break;
            }
            // A tail is cut only if the disk says the same thing twice.
            load(&*chosen.file, &mut next, shape).map_err(|source| failed(&chosen.name, source))?;
            if next.bytes() != current.bytes() {
                let source = io::Error::other("two reads gave different bytes; nothing was changed, try again");
                return Err(failed(&chosen.name, source));
            }
            walk.stop = Some((at.segment, at.offset, damage));
            walk.end = at;
            break 'segments;
        }
        walk.end = at.clone();
        at.segment += 1;
        at.offset = 0;
    }
    walk.buffer = current;
    Ok(walk)
}

/// Looks behind the group that the chain ends before. A group is written when the one before it is durable, so behind one that
/// is torn there are zeros: anything else went astray. `rest` goes from that group's place, `offset`, to the end of the
/// segment; `group` is its number.
pub(crate) fn behind(name: &str, rest: &[u8], offset: usize, group: u64, shape: &Shape) -> Option<String> {
    let header = GroupHeader::read(rest).ok()?;
    let torn = header.log == shape.id && header.group == group && header.offset == offset as u64;
    let padded = header.size().next_multiple_of(shape.block);
    let at = rest.get(padded..).filter(|_| torn)?.iter().position(|&byte| byte != 0)?;
    let place = offset + padded + at;
    Some(format!("behind group {group}, which was the last, {name} is not zero at byte {place}"))
}

/// Looks for a group that could only be written after group `end` was durable: such a group says that what is missing was
/// acknowledged, and is rotten rather than torn. And for the header of a group that the chain does not have, in a place
/// where it does not belong: no torn write puts it there. `bytes` begin at a block, `offset` bytes into a segment.
pub(crate) fn evidence(name: &str, bytes: &[u8], offset: usize, end: u64, shape: &Shape) -> Option<String> {
    (0..bytes.len()).step_by(shape.block).find_map(|at| {
        let rest = bytes.get(at..)?;
        let place = offset + at;
        // It need not stand where it belongs: a write that went astray says as much.
        let header = GroupHeader::read(rest).ok().filter(|header| header.log == shape.id)?;
        let group = header.group;
        if header.synced > end && Group::read(rest, shape.block).is_ok() {
            return Some(format!("group {group} in {name} at byte {place} was written after group {end} was durable"));
        }
        (group >= end && header.offset != place as u64)
            .then(|| format!("the header of group {group} went astray to byte {place} of {name}"))
    })
}
