//! Groups of records: what one write carries.

use super::fields::{header_checksum, put, sound, take, u16_at, u32_at, u64_at};
use super::{Digest, Unreadable, VERSION};
use crate::planted::planted;
use crate::storage::{Buffer, is_zero};
use crate::{Damage, LogId, Lsn, Record};

/// Bytes of a group's header.
pub(crate) const GROUP_HEADER: usize = 144;
/// Bytes of a record's header.
pub(crate) const RECORD_HEADER: usize = 12;
const MAGIC: &[u8; 8] = b"MOTETLOG";
const DIGEST: usize = 112;

/// What stands before the records of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    /// Bytes from the segment's beginning.
    pub(crate) offset: u64,
    /// Its number: groups are numbered without gaps, over all segments.
    pub(crate) group: u64,
    /// The durable high-water mark: all groups below this number were synced when this one was written.
    pub(crate) synced: u64,
    /// The first record.
    pub(crate) first: Lsn,
    /// How many records.
    pub(crate) count: u32,
    /// Bytes of the records.
    pub(crate) length: u32,
    /// The digest of the group before; zeros before the first.
    pub(crate) previous: Digest,
    /// BLAKE3 of header (checksum and digest as zeros) and records.
    pub(crate) digest: Digest,
}

impl GroupHeader {
    fn encode(&self) -> [u8; GROUP_HEADER] {
        let mut bytes = [0; GROUP_HEADER];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 10, &(GROUP_HEADER as u16).to_le_bytes());
        put(&mut bytes, 16, &self.log.0);
        put(&mut bytes, 32, &self.segment.to_le_bytes());
        put(&mut bytes, 40, &self.offset.to_le_bytes());
        put(&mut bytes, 48, &self.group.to_le_bytes());
        put(&mut bytes, 56, &self.synced.to_le_bytes());
        put(&mut bytes, 64, &self.first.get().to_le_bytes());
        put(&mut bytes, 72, &self.count.to_le_bytes());
        put(&mut bytes, 76, &self.length.to_le_bytes());
        put(&mut bytes, 80, &self.previous);
        bytes
    }

    /// Reads a header whose checksum is right. What it says is not compared with anything.
    pub(crate) fn read(bytes: &[u8]) -> Result<GroupHeader, Unreadable> {
        let header = sound(bytes, MAGIC, GROUP_HEADER)?;
        Ok(GroupHeader {
            log: LogId(take(header, 16)),
            segment: u64_at(header, 32),
            offset: u64_at(header, 40),
            group: u64_at(header, 48),
            synced: u64_at(header, 56),
            first: Lsn::new(u64_at(header, 64)),
            count: u32_at(header, 72),
            length: u32_at(header, 76),
            previous: take(header, 80),
            digest: take(header, DIGEST),
        })
    }

    /// Bytes of header and records.
    pub(crate) fn size(&self) -> usize {
        GROUP_HEADER.saturating_add(self.length as usize)
    }

    /// The position behind its last record.
    pub(crate) fn end(&self) -> Lsn {
        self.first.plus(u64::from(self.count))
    }
}

/// The checksum of a record before its position is known: over length, kind and bytes. [`record_header`] ends it.
pub(crate) fn record_checksum(kind: u16, bytes: &[u8]) -> u32 {
    let mut head = [0; 8];
    put(&mut head, 0, &(bytes.len() as u32).to_le_bytes());
    put(&mut head, 4, &kind.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&head), bytes)
}

/// What stands before a record's bytes. `checksum` is what [`record_checksum`] said; the position goes in as well.
pub(crate) fn record_header(kind: u16, length: usize, checksum: u32, lsn: Lsn) -> [u8; RECORD_HEADER] {
    let mut bytes = [0; RECORD_HEADER];
    put(&mut bytes, 0, &(length as u32).to_le_bytes());
    put(&mut bytes, 4, &kind.to_le_bytes());
    put(&mut bytes, 8, &crc32c::crc32c_append(checksum, &lsn.get().to_le_bytes()).to_le_bytes());
    bytes
}

/// Makes a group of a buffer in which the records stand behind room for the header: writes the header, and fills up
/// with zeros to whole blocks. Returns the group's digest.
pub(crate) fn seal(buffer: &mut Buffer, mut header: GroupHeader, block: usize) -> Digest {
    header.length = (buffer.len() - GROUP_HEADER) as u32;
    let bytes = buffer.bytes_mut();
    put(bytes, 0, &header.encode());
    let digest = *blake3::hash(bytes).as_bytes();
    put(bytes, DIGEST, &digest);
    let checksum = header_checksum(bytes.get(..GROUP_HEADER).unwrap_or_default());
    put(bytes, 12, &checksum.to_le_bytes());
    buffer.resize(buffer.len().next_multiple_of(block));
    digest
}

/// A group that is sound in itself.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) header: GroupHeader,
    pub(crate) body: &'a [u8],
    /// Bytes that it takes with its padding.
    pub(crate) padded: usize,
}

/// What stands at a block's beginning.
pub(crate) enum Read<'a> {
    /// Nothing but zeros, from there to the end of `bytes`.
    Nothing,
    /// A group.
    Group(Group<'a>),
    /// Something else.
    Bad(Unreadable),
}

impl<'a> Read<'a> {
    /// Reads what begins with `bytes`, which go to the end of the segment.
    pub(crate) fn at(bytes: &'a [u8], block: usize) -> Read<'a> {
        if is_zero(bytes) {
            return Read::Nothing;
        }
        match Group::read(bytes, block) {
            Ok(group) => Read::Group(group),
            Err(why) => Read::Bad(why),
        }
    }
}

impl<'a> Group<'a> {
    /// Reads and checks a group: checksum, digest, frames, checksums of the records, padding.
    pub(crate) fn read(bytes: &'a [u8], block: usize) -> Result<Group<'a>, Unreadable> {
        let header = GroupHeader::read(bytes)?;
        let size = header.size();
        let padded = size.next_multiple_of(block);
        let body = bytes.get(GROUP_HEADER..size).ok_or(Damage::Field("record length"))?;
        let padding = bytes.get(size..padded).ok_or(Damage::Field("record length"))?;
        let mut bare = take::<GROUP_HEADER>(bytes, 0);
        put(&mut bare, 12, &[0; 4]);
        put(&mut bare, DIGEST, &[0; 32]);
        let digest = blake3::Hasher::new().update(&bare).update(body).finalize();
        if *digest.as_bytes() != header.digest && !planted("group-ignores-digest") {
            return Err(Damage::Digest.into());
        }
        if !is_zero(padding) {
            return Err(Damage::NotZero.into());
        }
        let group = Group { header, body, padded };
        let mut count = 0u64;
        for record in records(body, group.header.first) {
            record?;
            count += 1;
        }
        if count != u64::from(group.header.count) {
            return Err(Damage::Field("count").into());
        }
        Ok(group)
    }
}

/// The records of a group's body, each checked.
pub(crate) fn records(body: &[u8], first: Lsn) -> impl Iterator<Item = Result<RecordAt<'_>, Damage>> {
    let (mut rest, mut lsn) = (body, first);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = RecordAt::read(rest, lsn);
        rest = match &found {
            Ok(record) => rest.get(RECORD_HEADER + record.bytes.len()..).unwrap_or_default(),
            Err(_) => &[],
        };
        lsn = lsn.next();
        Some(found)
    })
}

/// A record where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordAt<'a> {
    lsn: Lsn,
    kind: u16,
    bytes: &'a [u8],
}

impl<'a> RecordAt<'a> {
    fn read(rest: &'a [u8], lsn: Lsn) -> Result<RecordAt<'a>, Damage> {
        let length = u32_at(rest, 0) as usize;
        let kind = u16_at(rest, 4);
        let body = rest.get(RECORD_HEADER..).and_then(|rest| rest.get(..length)).ok_or(Damage::Record(lsn))?;
        let checksum = record_checksum(kind, body);
        let right = record_header(kind, length, checksum, lsn);
        if rest.get(..RECORD_HEADER) != Some(&right) && !planted("group-ignores-record-crc") {
            return Err(Damage::Record(lsn));
        }
        Ok(RecordAt { lsn, kind, bytes: body })
    }

    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    pub(crate) fn to_owned(self) -> Record {
        Record { lsn: self.lsn, kind: self.kind, bytes: self.bytes.to_vec() }
    }
}
