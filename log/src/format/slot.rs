//! Slots: files that hold one payload each, in pairs of which one is always whole.

use super::fields::{header_checksum, put, sound, take, u64_at};
use super::{Digest, Unreadable, VERSION};
use crate::storage::is_zero;
use crate::{LogId, Lsn};

/// The payload begins there; the bytes between header and payload are zero.
pub(crate) const SLOT_HEADER: usize = 512;
/// A slot's file has whole units, the last one filled up with zeros.
pub(crate) const SLOT_UNIT: usize = 4096;
const LENGTH: usize = 96;
const DIGEST: usize = 64;

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    Head,
    Checkpoint,
}

impl SlotKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            SlotKind::Head => b"MOTETHED",
            SlotKind::Checkpoint => b"MOTETCKP",
        }
    }

    /// The file of slot 0 or 1.
    pub(crate) fn file(self, slot: usize) -> &'static str {
        match (self, slot) {
            (SlotKind::Head, 0) => "head.0",
            (SlotKind::Head, _) => "head.1",
            (SlotKind::Checkpoint, 0) => "checkpoint.0",
            (SlotKind::Checkpoint, _) => "checkpoint.1",
        }
    }
}

/// What stands before a slot's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotHeader {
    pub(crate) log: LogId,
    /// The larger one is the newer.
    pub(crate) sequence: u64,
    /// A checkpoint covers the records below; a head says that the log begins there.
    pub(crate) lsn: Lsn,
    /// All groups below this number were synced when the slot was written.
    pub(crate) synced: u64,
    /// Bytes of the payload.
    pub(crate) length: u64,
    /// BLAKE3 of the payload.
    pub(crate) digest: Digest,
}

impl SlotHeader {
    pub(crate) fn encode(&self, kind: SlotKind) -> [u8; SLOT_HEADER] {
        let mut bytes = [0; SLOT_HEADER];
        put(&mut bytes, 0, kind.magic());
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 10, &(LENGTH as u16).to_le_bytes());
        put(&mut bytes, 16, &self.log.0);
        put(&mut bytes, 32, &self.sequence.to_le_bytes());
        put(&mut bytes, 40, &self.lsn.get().to_le_bytes());
        put(&mut bytes, 48, &self.synced.to_le_bytes());
        put(&mut bytes, 56, &self.length.to_le_bytes());
        put(&mut bytes, DIGEST, &self.digest);
        let checksum = header_checksum(bytes.get(..LENGTH).unwrap_or_default());
        put(&mut bytes, 12, &checksum.to_le_bytes());
        bytes
    }

    /// Reads a header whose checksum is right. The payload is not looked at.
    pub(crate) fn read(bytes: &[u8], kind: SlotKind) -> Result<SlotHeader, Unreadable> {
        let header = sound(bytes, kind.magic(), LENGTH)?;
        if bytes.get(LENGTH..SLOT_HEADER).is_none_or(|rest| !is_zero(rest)) {
            return Err(crate::Damage::NotZero.into());
        }
        Ok(SlotHeader {
            log: LogId(take(header, 16)),
            sequence: u64_at(header, 32),
            lsn: Lsn::new(u64_at(header, 40)),
            synced: u64_at(header, 48),
            length: u64_at(header, 56),
            digest: take(header, DIGEST),
        })
    }

    /// The file's length; `None` if there is no such length.
    pub(crate) fn file_length(&self) -> Option<u64> {
        self.length.checked_add(SLOT_HEADER as u64)?.checked_next_multiple_of(SLOT_UNIT as u64)
    }
}
