//! What a run writes into its log: inputs, and what recovery must know besides them. Everything else is computed again.
//!
//! ```text
//! kind  1 run       u32 version | configuration | trace mode | schedule
//!       2 image     u32 its number | the image's bytes
//!       3 handler   its identity | a byte for each kind of effect, whether it is wanted
//!       4 inputs    u64 waves committed when they were written | u32 pieces | a tape, as `read_inputs` reads it
//!       5 piece     part of a tape that is too long for one record: that many of them stand directly before the rest
//!       6 asked     u64 how many, each an effect that the host is about to be asked: coordinate | its id
//!       7 digest    u64 waves committed | the state root there
//!       8 agreement an entry of the agreement vocabulary, as JSON
//!       9 abandoned as 6: effects whose session has ended, or which have timed out, so that nobody waits for their answer
//!      10 note      bytes of the embedder's own
//!      11 outcome   what an effect that gave evidence came to, as JSON
//!      12 contract  what an operation has to agree, as JSON
//! ```

use crate::record::{decode_schedule, encode_schedule};
use crate::schedule::Schedule;
use crate::tape::{Input, decode_coordinate, encode_coordinate, read_inputs};
use motet_log::Record;
use motet_machine::{Boundary, EffectCoordinate, EffectId, ProtocolMachineConfig, TraceMode};
use motet_semantic::{AgreementWalEntry, DeclaredAgreement, EvidenceOutcomeCacheEntry};
use motet_types::{Digest, Digester, EffectKind, EffectKinds, Reader};

/// The version of these records.
pub const JOURNAL_VERSION: u32 = 11;

pub(crate) const RUN: u16 = 1;
pub(crate) const IMAGE: u16 = 2;
pub(crate) const HANDLER: u16 = 3;
pub(crate) const INPUTS: u16 = 4;
pub(crate) const PIECE: u16 = 5;
pub(crate) const ASKED: u16 = 6;
pub(crate) const DIGEST: u16 = 7;
pub(crate) const AGREEMENT: u16 = 8;
pub(crate) const ABANDONED: u16 = 9;
pub(crate) const NOTE: u16 = 10;
pub(crate) const OUTCOME: u16 = 11;
pub(crate) const CONTRACT: u16 = 12;

/// An effect whose asking was written down before the host was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Where it is asked for.
    pub at: EffectCoordinate,
    /// Its id, which the host may use to do it only once.
    pub id: EffectId,
}

/// A record that is carried from checkpoint to checkpoint as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) kind: u16,
    pub(crate) bytes: Vec<u8>,
}

/// A record, read.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Run {
        config: ProtocolMachineConfig,
        schedule: Schedule,
    },
    Image {
        number: u32,
        bytes: Vec<u8>,
    },
    Handler {
        identity: String,
        wants: EffectKinds,
    },
    Inputs {
        waves: u64,
        inputs: Vec<(u64, Input)>,
    },
    Asked(Vec<Intent>),
    Abandoned(Vec<Intent>),
    Digest(Boundary),
    /// Bytes of the embedder's own.
    Note(Vec<u8>),
    Agreement(AgreementWalEntry),
    Outcome(EvidenceOutcomeCacheEntry),
    Contract(DeclaredAgreement),
}

/// A record that this version cannot read, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A kind that this version does not know. It is refused, never skipped.
    #[error("record {lsn} is of kind {kind}, which this version does not know")]
    UnknownRecord {
        /// Its position.
        lsn: motet_log::Lsn,
        /// Its kind.
        kind: u16,
    },
    /// Another version.
    #[error("the run in this log was written by version {found}; this build reads version {JOURNAL_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// Bytes that are no such record, though the log vouches for them.
    #[error("record {lsn} does not hold what a record of kind {kind} holds")]
    Content {
        /// Its position.
        lsn: motet_log::Lsn,
        /// Its kind.
        kind: u16,
    },
}

pub(crate) fn encode_run(config: &ProtocolMachineConfig, schedule: &Schedule) -> Vec<u8> {
    let mut into = Vec::new();
    into.u32(JOURNAL_VERSION);
    config.encode(&mut into);
    let (mode, kept) = match config.trace {
        TraceMode::Disabled => (0, 0),
        TraceMode::Capped(events) => (1, events),
        TraceMode::Full => (2, 0),
    };
    into.u8(mode);
    into.size(kept);
    encode_schedule(&mut into, schedule);
    into
}

pub(crate) fn decode_run(from: &mut Reader<'_>) -> Option<(ProtocolMachineConfig, Schedule)> {
    let mut config = ProtocolMachineConfig::decode(from)?;
    config.record = true;
    config.trace = match (from.u8()?, usize::try_from(from.u64()?).ok()?) {
        (0, 0) => TraceMode::Disabled,
        (1, events) => TraceMode::Capped(events),
        (2, 0) => TraceMode::Full,
        _ => return None,
    };
    Some((config, decode_schedule(from)?))
}

pub(crate) fn encode_handler(identity: &str, wants: EffectKinds) -> Vec<u8> {
    let mut into = Vec::new();
    into.str(identity);
    EffectKind::ALL.into_iter().for_each(|kind| into.u8(u8::from(wants.contains(kind))));
    into
}

fn decode_handler(from: &mut Reader<'_>) -> Option<Entry> {
    let identity = from.str()?.to_owned();
    let mut wants = EffectKinds::NONE;
    for kind in EffectKind::ALL {
        match from.u8()? {
            0 => {}
            1 => wants = wants.with(kind),
            _ => return None,
        }
    }
    Some(Entry::Handler { identity, wants })
}

/// What an effect takes in a record of asked ones: coordinate and id.
const INTENT: usize = 8 + 2 + 4 + 32;

/// How many effects a record of so many bytes holds, and at least one.
pub(crate) const fn asked_within(bytes: usize) -> usize {
    let many = bytes.saturating_sub(8) / INTENT;
    if many == 0 { 1 } else { many }
}

pub(crate) fn encode_asked(intents: &[Intent]) -> Vec<u8> {
    let mut into = Vec::new();
    into.size(intents.len());
    for Intent { at, id } in intents {
        encode_coordinate(&mut into, at);
        into.extend_from_slice(&id.0.0);
    }
    into
}

pub(crate) fn decode_asked(from: &mut Reader<'_>) -> Option<Vec<Intent>> {
    let mut intents = Vec::new();
    for _ in 0..from.u64()? {
        let at = decode_coordinate(from)?;
        intents.push(Intent { at, id: EffectId(Digest(from.take(32)?.try_into().ok()?)) });
    }
    Some(intents)
}

pub(crate) fn encode_digest(boundary: &Boundary) -> Vec<u8> {
    let mut into = Vec::new();
    into.u64(boundary.wave);
    into.extend_from_slice(&boundary.state.0);
    into
}

/// Joins the pieces of long tapes and reads one record after another.
#[derive(Debug, Default)]
pub(crate) struct EntryReader {
    pieces: Vec<Vec<u8>>,
}

impl EntryReader {
    /// Reads a record; none when it is only a piece of what follows.
    pub(crate) fn read(&mut self, record: &Record) -> Result<Option<Entry>, EntryError> {
        let Record { lsn, kind, bytes } = record;
        let content = EntryError::Content { lsn: *lsn, kind: *kind };
        let mut from = Reader::new(bytes);
        let entry = match *kind {
            RUN => {
                match from.u32() {
                    Some(JOURNAL_VERSION) => {}
                    Some(found) => return Err(EntryError::Version { found }),
                    None => return Err(content),
                }
                decode_run(&mut from).map(|(config, schedule)| Entry::Run { config, schedule })
            }
            IMAGE => from.u32().and_then(|number| {
                let bytes = from.take(from.remaining())?.to_vec();
                Some(Entry::Image { number, bytes })
            }),
            HANDLER => decode_handler(&mut from),
            PIECE => {
                self.pieces.push(bytes.clone());
                return Ok(None);
            }
            INPUTS => from.u64().and_then(|waves| {
                // Pieces before the last so many were left by a run that ended before it had written the rest.
                let first = self.pieces.len().checked_sub(from.u32()? as usize)?;
                let mut tape = self.pieces[first..].concat();
                tape.extend_from_slice(from.take(from.remaining())?);
                Some(Entry::Inputs { waves, inputs: read_inputs(&tape).ok()? })
            }),
            ASKED => decode_asked(&mut from).map(Entry::Asked),
            ABANDONED => decode_asked(&mut from).map(Entry::Abandoned),
            DIGEST => from.u64().and_then(|wave| {
                Some(Entry::Digest(Boundary { wave, state: Digest(from.take(32)?.try_into().ok()?) }))
            }),
            NOTE => from.take(from.remaining()).map(|bytes| Entry::Note(bytes.to_vec())),
            AGREEMENT => from
                .take(from.remaining())
                .and_then(|bytes| AgreementWalEntry::from_json(bytes).ok())
                .map(Entry::Agreement),
            OUTCOME => from
                .take(from.remaining())
                .and_then(|bytes| EvidenceOutcomeCacheEntry::from_json(bytes).ok())
                .map(Entry::Outcome),
            CONTRACT => from
                .take(from.remaining())
                .and_then(|bytes| DeclaredAgreement::from_json(bytes).ok())
                .map(Entry::Contract),
            kind => return Err(EntryError::UnknownRecord { lsn: *lsn, kind }),
        };
        self.pieces.clear();
        entry.filter(|_| from.remaining() == 0).map(Some).ok_or(content)
    }
}
