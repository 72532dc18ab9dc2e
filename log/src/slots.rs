//! Pairs of slots: one is written while the other is in force.

use crate::format::{SLOT_HEADER, SLOT_UNIT, SlotHeader, SlotKind, Unreadable, VERSION};
use crate::planted::planted;
use crate::report::SlotState;
use crate::storage::{self, Buffer, File, PIECE, Storage};
use crate::{LogId, OpenError};
use std::io;
use std::sync::Arc;

/// What was found in a slot.
pub(crate) struct Found {
    pub(crate) state: SlotState,
    /// The header, if header and payload are sound.
    pub(crate) header: Option<SlotHeader>,
    pub(crate) file: Option<Arc<dyn File>>,
}

/// Shows the payload of a slot to `each`, in pieces, and says whether it is what the header says.
fn payload(file: &dyn File, header: &SlotHeader, mut each: impl FnMut(&[u8])) -> io::Result<Result<(), &'static str>> {
    if header.file_length() != Some(file.len()?) {
        return Ok(Err("the file's length is wrong"));
    }
    let mut hasher = blake3::Hasher::new();
    let end = SLOT_HEADER as u64 + header.length;
    let whole = end.next_multiple_of(SLOT_UNIT as u64);
    let mut piece = Buffer::zeroed(usize::try_from(whole).unwrap_or(PIECE).min(PIECE));
    let (mut at, mut clean) = (0u64, true);
    while at < whole {
        let got = storage::read(file, at, piece.bytes_mut())?;
        if got == 0 {
            return Ok(Err("the file ends too early"));
        }
        let bytes = piece.bytes().get(..got).unwrap_or_default();
        let skip = (SLOT_HEADER as u64).saturating_sub(at).min(got as u64) as usize;
        let most = end.saturating_sub(at).min(got as u64) as usize;
        let wanted = bytes.get(skip..most).unwrap_or_default();
        hasher.update(wanted);
        each(wanted);
        clean &= storage::is_zero(bytes.get(most.max(skip)..).unwrap_or_default());
        at += got as u64;
    }
    if *hasher.finalize().as_bytes() != header.digest && !planted("slot-ignores-digest") {
        return Ok(Err("the payload's digest is wrong"));
    }
    Ok(if clean { Ok(()) } else { Err("the bytes behind the payload are not zero") })
}

/// Looks at one slot. With `log`, a slot of another log is not sound.
pub(crate) fn look(
    storage: &dyn Storage,
    names: &[String],
    kind: SlotKind,
    slot: usize,
    log: Option<LogId>,
) -> Result<Found, OpenError> {
    let name = kind.file(slot);
    let failed = |source| OpenError::Io { file: name.to_owned(), source };
    if !names.iter().any(|other| other == name) {
        return Ok(Found { state: SlotState::Absent, header: None, file: None });
    }
    let file = storage.open(name).map_err(failed)?;
    let mut first = Buffer::zeroed(SLOT_UNIT);
    let got = storage::read(&*file, 0, first.bytes_mut()).map_err(failed)?;
    let bytes = first.bytes().get(..got).unwrap_or_default();
    let bad = |why: &str| SlotState::Bad { file: name.to_owned(), why: why.to_owned() };
    let (state, header) = if got == 0 {
        (SlotState::Absent, None)
    } else {
        match SlotHeader::read(bytes, kind) {
            Err(Unreadable::Version(found)) => {
                return Err(OpenError::UnknownVersion { file: name.to_owned(), found, known: VERSION });
            }
            Err(Unreadable::Damage(damage)) => (bad(&damage.to_string()), None),
            Ok(header) if log.is_some_and(|log| log != header.log) => (bad("it belongs to another log"), None),
            Ok(header) => match payload(&*file, &header, |_| {}).map_err(failed)? {
                Ok(()) => (SlotState::Sound { sequence: header.sequence, lsn: header.lsn }, Some(header)),
                Err(why) => (bad(why), None),
            },
        }
    };
    Ok(Found { state, header, file: Some(file) })
}

/// The payload of a slot that was sound when it was looked at.
pub(crate) fn read_payload(file: &dyn File, header: &SlotHeader) -> io::Result<Result<Vec<u8>, &'static str>> {
    let mut bytes = Vec::new();
    Ok(payload(file, header, |piece| bytes.extend_from_slice(piece))?.map(|()| bytes))
}

/// Of two slots, the newer sound one.
pub(crate) fn newest(found: &[Found; 2]) -> Option<usize> {
    let sequence = |slot: usize| found.get(slot).and_then(|found| found.header.as_ref()).map(|header| header.sequence);
    (0..2).filter(|&slot| sequence(slot).is_some()).max_by_key(|&slot| sequence(slot))
}

/// Writes one slot in pieces. The header goes last, and one sync makes everything durable: until then the digest
/// tells that the slot is not whole.
pub(crate) struct SlotWriter {
    file: Arc<dyn File>,
    /// The first unit, kept back because the header is known only at the end.
    first: Buffer,
    piece: Buffer,
    /// Where `piece` goes.
    at: u64,
    length: u64,
    hasher: blake3::Hasher,
}

impl SlotWriter {
    pub(crate) fn new(file: Arc<dyn File>) -> SlotWriter {
        let (first, piece) = (Buffer::zeroed(SLOT_HEADER), Buffer::default());
        SlotWriter { file, first, piece, at: SLOT_UNIT as u64, length: 0, hasher: blake3::Hasher::new() }
    }

    /// Adds bytes to the payload.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        let (front, mut rest) = bytes.split_at(bytes.len().min(SLOT_UNIT - self.first.len()));
        self.first.extend(front);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE - self.piece.len()));
            self.piece.extend(now);
            rest = later;
            if self.piece.len() == PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.piece.resize(self.piece.len().next_multiple_of(SLOT_UNIT));
        storage::write(&*self.file, self.at, self.piece.bytes())?;
        self.at += self.piece.len() as u64;
        self.piece.resize(0);
        Ok(())
    }

    /// Ends the slot and makes it durable. Length and digest of the header are filled in here.
    pub(crate) fn finish(mut self, kind: SlotKind, mut header: SlotHeader, sync: bool) -> io::Result<SlotHeader> {
        self.flush()?;
        header.length = self.length;
        header.digest = *self.hasher.finalize().as_bytes();
        self.first.resize(SLOT_UNIT);
        if let Some(place) = self.first.bytes_mut().get_mut(..SLOT_HEADER) {
            place.copy_from_slice(&header.encode(kind));
        }
        storage::write(&*self.file, 0, self.first.bytes())?;
        if self.file.len()? != self.at {
            self.file.set_len(self.at)?;
        }
        if sync {
            self.file.sync()?;
        }
        Ok(header)
    }
}
