//! The record of a run as a file: configuration, images, inputs, events, and how it ended. It is what `motet run
//! --trace` writes and `motet replay` reads.
//!
//! ```text
//! "MOTETTRC" | u32 version | u32 zero, then frames:
//!   u8 kind | 3 zero bytes | u32 payload length | payload | 32 bytes BLAKE3
//! ```
//!
//! A frame's digest covers the digest before it, so a frame that was changed, left out, added or moved is found and
//! named by its offset. Frames: header (1), image (2), inputs (3), events (4), end (5).

use crate::rounds::Runtime;
use crate::schedule::{PriorityPolicy, Schedule, SchedulerPolicy};
use crate::status::RunStatus;
use crate::tape::{Input, Tape, read_inputs};
use motet_machine::{CodeImage, ProtocolMachineConfig, Tally, VerifyError};
use motet_types::{Digest, Digester, EffectKind, EffectKinds, Planted, Reader, SessionId, planted};
use std::io::{self, Write};
use std::sync::Arc;

/// What every record starts with.
pub const RECORD_MAGIC: [u8; 8] = *b"MOTETTRC";
/// The version this build writes and reads.
pub const RECORD_VERSION: u32 = 13;

const HEADER: u8 = 1;
const IMAGE: u8 = 2;
const INPUTS: u8 = 3;
const EVENTS: u8 = 4;
const END: u8 = 5;
const START: usize = 16;

/// How a recorded run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordEnd {
    /// Where it stood.
    pub status: RunStatus,
    /// Its counters.
    pub tally: Tally,
    /// The digest of its trace.
    pub trace_digest: Digest,
    /// Its state root.
    pub state_root: Digest,
}

/// A run as its record tells it.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// The machine's configuration, except for what is kept and recorded.
    pub config: ProtocolMachineConfig,
    /// The schedule.
    pub schedule: Schedule,
    /// The identity of the handler.
    pub handler: String,
    /// The kinds of effects that the handler wanted.
    pub wants: EffectKinds,
    /// The images, by id.
    pub images: Vec<Arc<CodeImage>>,
    /// The inputs, each with its planner step.
    pub inputs: Vec<(u64, Input)>,
    /// The events, as [`TraceReader`](motet_machine::TraceReader) reads them.
    pub events: Vec<u8>,
    /// How it ended; none when the recording stopped before the run did.
    pub end: Option<RecordEnd>,
}

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a record at all.
    #[error("not a Motet trace: the file does not start with \"MOTETTRC\"")]
    Magic,
    /// Another format version.
    #[error("trace format version {found}; this build reads version {RECORD_VERSION}")]
    Version {
        /// The version the file names.
        found: u32,
    },
    /// A frame that is not what was written.
    #[error("the trace is damaged at byte {offset}: the {frame} frame there does not match its digest")]
    Damaged {
        /// Where the frame starts.
        offset: usize,
        /// Which kind of frame it says it is.
        frame: &'static str,
    },
    /// The file ends inside a frame.
    #[error("the trace is cut short: the {frame} frame at byte {offset} is not all there")]
    CutShort {
        /// Where the frame starts.
        offset: usize,
        /// Which kind of frame it says it is.
        frame: &'static str,
    },
    /// A frame whose digest is right but whose content is not.
    #[error("the {frame} frame at byte {offset} does not hold what it should")]
    Content {
        /// Where the frame starts.
        offset: usize,
        /// Which kind of frame it is.
        frame: &'static str,
    },
    /// An image in the record that does not verify.
    #[error("the image in the frame at byte {offset} was refused: {error}")]
    Image {
        /// Where the frame starts.
        offset: usize,
        /// Why.
        error: VerifyError,
    },
}

const fn frame_name(kind: u8) -> &'static str {
    match kind {
        HEADER => "header",
        IMAGE => "image",
        INPUTS => "inputs",
        EVENTS => "events",
        END => "end",
        _ => "unknown",
    }
}

fn frame_digest(before: &Digest, kind: u8, payload: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.bytes(&before.0);
    hasher.u8(kind);
    hasher.size(payload.len());
    hasher.bytes(payload);
    Digest(*hasher.finalize().as_bytes())
}

/// Writes a record, frame by frame, while the run goes on.
#[derive(Debug)]
pub struct RecordWriter<W> {
    out: W,
    chain: Digest,
    images: usize,
}

impl<W: Write> RecordWriter<W> {
    /// Starts a record. The runtime's configuration must have `record` on and a trace that is kept.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&RECORD_MAGIC)?;
        out.write_all(&RECORD_VERSION.to_le_bytes())?;
        out.write_all(&[0; 4])?;
        Ok(Self { out, chain: Digest::default(), images: 0 })
    }

    /// Writes the header. Call it when the host is known: after the first turn, or before it with the host's wants.
    pub fn header<E>(&mut self, runtime: &Runtime<E>, handler: &str, wants: EffectKinds) -> io::Result<()> {
        let mut payload = Vec::new();
        runtime.machine().config().encode(&mut payload);
        encode_schedule(&mut payload, runtime.schedule());
        payload.str(handler);
        EffectKind::ALL.into_iter().for_each(|kind| payload.u8(u8::from(wants.contains(kind))));
        self.frame(HEADER, &payload)
    }

    /// Writes what the runtime has recorded since the last call.
    pub fn write<E>(&mut self, runtime: &mut Runtime<E>) -> io::Result<()> {
        let events = runtime.drain_trace();
        self.rest(runtime, &events)
    }

    fn rest<E>(&mut self, runtime: &mut Runtime<E>, events: &[u8]) -> io::Result<()> {
        let inputs = runtime.tape_mut().map(Tape::drain).unwrap_or_default();
        self.append(runtime, &inputs, events)
    }

    /// Writes images that the record lacks, inputs, and events.
    pub(crate) fn append<E>(&mut self, runtime: &Runtime<E>, inputs: &[u8], events: &[u8]) -> io::Result<()> {
        let Some(tape) = runtime.tape() else { return Ok(()) };
        let images: Vec<Arc<CodeImage>> = tape.images()[self.images..].to_vec();
        for image in images {
            self.frame(IMAGE, &image.parts().to_bytes())?;
            self.images += 1;
        }
        if !inputs.is_empty() {
            self.frame(INPUTS, inputs)?;
        }
        for part in events.chunks(1 << 28) {
            self.frame(EVENTS, part)?;
        }
        Ok(())
    }

    /// Writes the rest and the end, and answers what was written to.
    pub fn finish<E>(mut self, runtime: &mut Runtime<E>) -> io::Result<W> {
        let drained = runtime.drain_trace();
        self.rest(runtime, &drained)?;
        let tail = runtime.machine().trace_bytes();
        self.rest(runtime, &tail)?;
        let mut payload = Vec::new();
        payload.u8(runtime.status() as u8);
        encode_tally(&mut payload, runtime.machine().tally());
        payload.extend_from_slice(&runtime.trace_digest().unwrap_or_default().0);
        payload.extend_from_slice(&runtime.state_root().0);
        self.frame(END, &payload)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let len = u32::try_from(payload.len()).map_err(|_| io::Error::other("a frame of more than 4 GiB"))?;
        self.chain = frame_digest(&self.chain, kind, payload);
        self.out.write_all(&[kind, 0, 0, 0])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(payload)?;
        self.out.write_all(&self.chain.0)
    }
}

impl RunRecord {
    /// The record of a run as it stands between two turns, with its end. The configuration must have `record` on, and
    /// neither trace nor tape may have been drained; none where nothing is recorded.
    pub fn of<E>(runtime: &Runtime<E>) -> Option<Self> {
        let tape = runtime.tape()?;
        let end = RecordEnd {
            status: runtime.status(),
            tally: *runtime.machine().tally(),
            trace_digest: runtime.trace_digest().unwrap_or_default(),
            state_root: runtime.state_root(),
        };
        Some(Self {
            config: runtime.machine().config().clone(),
            schedule: runtime.schedule().clone(),
            handler: runtime.handler().unwrap_or_default().into(),
            wants: runtime.wants(),
            images: tape.images().to_vec(),
            inputs: read_inputs(tape.bytes()).ok()?,
            events: runtime.machine().trace_bytes(),
            end: Some(end),
        })
    }

    /// Reads a record, checking every frame and verifying every image.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.get(..8) != Some(&RECORD_MAGIC[..]) {
            return Err(RecordError::Magic);
        }
        let mut reader = Reader::new(bytes);
        let cut = RecordError::CutShort { offset: 8, frame: "first" };
        let version = reader.take(8).and_then(|_| reader.u32()).ok_or(cut.clone())?;
        if version != RECORD_VERSION {
            return Err(RecordError::Version { found: version });
        }
        if reader.u32().ok_or(cut)? != 0 {
            return Err(RecordError::Damaged { offset: 12, frame: "first" });
        }
        let mut record = Self {
            config: ProtocolMachineConfig::default(),
            schedule: Schedule::default(),
            handler: String::new(),
            wants: EffectKinds::NONE,
            images: Vec::new(),
            inputs: Vec::new(),
            events: Vec::new(),
            end: None,
        };
        let mut chain = Digest::default();
        let mut seen_header = false;
        while reader.remaining() > 0 {
            let offset = reader.offset();
            let kind = reader.u8().unwrap_or_default();
            let frame = frame_name(kind);
            let cut = || RecordError::CutShort { offset, frame };
            let zero = reader.take(3).ok_or_else(cut)?;
            let len = reader.u32().ok_or_else(cut)?;
            let payload = reader.take(len as usize).ok_or_else(cut)?;
            let digest = reader.take(32).ok_or_else(cut)?;
            chain = frame_digest(&chain, kind, payload);
            let sound = zero == [0; 3] && digest == chain.0 && record.end.is_none();
            if !sound && !planted(Planted::RecordUnchecked) {
                return Err(RecordError::Damaged { offset, frame });
            }
            let content = || RecordError::Content { offset, frame };
            match kind {
                HEADER if !seen_header => {
                    seen_header = true;
                    record.header(payload).ok_or_else(content)?;
                }
                _ if !seen_header => return Err(content()),
                IMAGE => {
                    let image = CodeImage::load(payload).map_err(|error| RecordError::Image { offset, error })?;
                    record.images.push(Arc::new(image));
                }
                INPUTS => record.inputs.extend(read_inputs(payload).map_err(|_| content())?),
                EVENTS => record.events.extend_from_slice(payload),
                END => record.end = Some(decode_end(payload).ok_or_else(content)?),
                _ => return Err(content()),
            }
        }
        if !seen_header {
            return Err(RecordError::CutShort { offset: START, frame: "header" });
        }
        Ok(record)
    }

    fn header(&mut self, payload: &[u8]) -> Option<()> {
        let mut from = Reader::new(payload);
        self.config = ProtocolMachineConfig::decode(&mut from)?;
        self.schedule = decode_schedule(&mut from)?;
        self.handler = from.str()?.into();
        for kind in EffectKind::ALL {
            match from.u8()? {
                0 => {}
                1 => self.wants = self.wants.with(kind),
                _ => return None,
            }
        }
        (from.remaining() == 0).then_some(())
    }
}

pub(crate) fn encode_schedule(into: &mut Vec<u8>, schedule: &Schedule) {
    let (policy, seed, map) = match &schedule.policy {
        SchedulerPolicy::Cooperative => (0, 0, None),
        SchedulerPolicy::RoundRobin => (1, 0, None),
        SchedulerPolicy::ProgressAware => (2, 0, None),
        SchedulerPolicy::Priority(PriorityPolicy::FixedMap(map)) => (3, 0, Some(map)),
        SchedulerPolicy::Priority(PriorityPolicy::Aging(map)) => (4, 0, Some(map)),
        SchedulerPolicy::Priority(PriorityPolicy::TokenWeighted) => (5, 0, None),
        SchedulerPolicy::Random { seed } => (6, *seed, None),
    };
    into.u8(policy);
    into.u64(seed);
    into.size(map.map_or(0, |map| map.len()));
    for (session, priority) in map.into_iter().flatten() {
        into.u64(session.0);
        into.u32(*priority);
    }
    into.u32(schedule.wave);
    into.u32(schedule.fuel);
    into.u32(schedule.chunk);
    into.u32(schedule.window);
    into.u32(schedule.turn);
}

pub(crate) fn decode_schedule(from: &mut Reader<'_>) -> Option<Schedule> {
    let policy = from.u8()?;
    let seed = from.u64()?;
    let mut map = std::collections::BTreeMap::new();
    for _ in 0..from.u64()? {
        map.insert(SessionId(from.u64()?), from.u32()?);
    }
    let policy = match policy {
        0 => SchedulerPolicy::Cooperative,
        1 => SchedulerPolicy::RoundRobin,
        2 => SchedulerPolicy::ProgressAware,
        3 => SchedulerPolicy::Priority(PriorityPolicy::FixedMap(map)),
        4 => SchedulerPolicy::Priority(PriorityPolicy::Aging(map)),
        5 => SchedulerPolicy::Priority(PriorityPolicy::TokenWeighted),
        6 => SchedulerPolicy::Random { seed },
        _ => return None,
    };
    let (wave, fuel, chunk) = (from.u32()?, from.u32()?, from.u32()?);
    let schedule = Schedule { policy, wave, fuel, chunk, window: from.u32()?, turn: from.u32()? };
    // What no runtime would have run with has not been run.
    schedule.validate().is_ok().then_some(schedule)
}

fn encode_tally(into: &mut Vec<u8>, tally: &Tally) {
    let Tally { opened, closed, faulted, cancelled, steps, messages, dropped, waves, bursts } = *tally;
    [opened, closed, faulted, cancelled, steps, messages, dropped, waves, bursts]
        .into_iter()
        .for_each(|count| into.u64(count));
}

fn decode_end(payload: &[u8]) -> Option<RecordEnd> {
    let mut from = Reader::new(payload);
    let status = [RunStatus::Completed, RunStatus::Faulted, RunStatus::MaxSteps, RunStatus::Waiting, RunStatus::Stuck];
    let status = *status.get(usize::from(from.u8()?))?;
    let tally = Tally {
        opened: from.u64()?,
        closed: from.u64()?,
        faulted: from.u64()?,
        cancelled: from.u64()?,
        steps: from.u64()?,
        messages: from.u64()?,
        dropped: from.u64()?,
        waves: from.u64()?,
        bursts: from.u64()?,
    };
    let trace_digest = Digest(from.take(32)?.try_into().ok()?);
    let state_root = Digest(from.take(32)?.try_into().ok()?);
    (from.remaining() == 0).then_some(RecordEnd { status, tally, trace_digest, state_root })
}
