//! The trace: chunks of events in commit order, chained by BLAKE3.
//!
//! A chunk that is large by itself is hashed by whoever ran it; small ones gather until there are
//! [`ARENA_BYTES`] of them. Where the boundaries fall depends on the chunks alone, so on the schedule alone.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use motet_types::{Digest, Event, EventKind, Planted, Reader, SessionId, TEXT_BYTES, Terminal, Tick, planted};
use serde::{Deserialize, Serialize};

/// How many bytes of events are hashed at a time, at least. BLAKE3 is slow on less.
pub(crate) const ARENA_BYTES: usize = 16 * 1024;

/// How much of the trace is kept. The digest always covers all of it, unless the trace is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceMode {
    /// No events are made: free.
    Disabled,
    /// The digest, and the last arenas that together hold at least this many events.
    Capped(usize),
    /// The digest and every event, until drained.
    #[default]
    Full,
}

/// The trace of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    mode: TraceMode,
    chain: Digest,
    pending: Vec<u8>,
    /// What has been hashed and is kept.
    kept: VecDeque<Vec<u8>>,
    kept_bytes: usize,
}

impl Trace {
    pub(crate) fn new(mode: TraceMode) -> Self {
        let chain = Digest(*blake3::hash(b"motet.trace.1").as_bytes());
        Self { mode, chain, pending: Vec::new(), kept: VecDeque::new(), kept_bytes: 0 }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.mode != TraceMode::Disabled
    }

    /// Adds a chunk's events. `digest` is theirs when they are an arena by themselves.
    pub(crate) fn add(&mut self, events: &[u8], digest: Option<Digest>) {
        match digest {
            Some(digest) => {
                self.flush();
                self.link(digest, events.to_vec());
            }
            None => {
                self.pending.extend_from_slice(events);
                if self.pending.len() >= ARENA_BYTES {
                    self.flush();
                }
            }
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let arena = core::mem::take(&mut self.pending);
            self.link(arena_digest(&arena), arena);
        }
    }

    fn link(&mut self, digest: Digest, arena: Vec<u8>) {
        self.chain = chain(self.chain, digest);
        match self.mode {
            TraceMode::Disabled => {}
            TraceMode::Full => {
                self.kept_bytes += arena.len();
                self.kept.push_back(arena);
            }
            TraceMode::Capped(events) => {
                self.kept_bytes += arena.len();
                self.kept.push_back(arena);
                while let Some(oldest) = self.kept.front()
                    && self.kept_bytes - oldest.len() >= events.saturating_mul(8)
                {
                    self.kept_bytes -= oldest.len();
                    self.kept.pop_front();
                }
            }
        }
    }

    /// What another trace needs to go on from here: the chain, and the events that it does not cover yet.
    pub(crate) fn resume_point(&self) -> (Digest, Vec<u8>) {
        (self.chain, self.pending.clone())
    }

    /// Goes on from where another trace stood.
    pub(crate) fn resume_from(&mut self, chain: Digest, events: &[u8]) {
        self.chain = chain;
        self.pending = events.to_vec();
    }

    /// The digest of everything so far.
    pub(crate) fn digest(&self) -> Option<Digest> {
        if !self.is_on() {
            return None;
        }
        Some(if self.pending.is_empty() { self.chain } else { chain(self.chain, arena_digest(&self.pending)) })
    }

    /// Bytes that it holds.
    pub(crate) fn retained(&self) -> usize {
        let arenas = self.kept.capacity() * size_of::<Vec<u8>>() + self.kept.iter().map(Vec::capacity).sum::<usize>();
        self.pending.capacity() + arenas
    }

    /// What is kept, oldest first.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.kept_bytes + self.pending.len());
        self.kept.iter().for_each(|arena| all.extend_from_slice(arena));
        all.extend_from_slice(&self.pending);
        all
    }

    /// Takes what is kept of the arenas that are full; the rest stays for later.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.kept_bytes);
        self.kept.drain(..).for_each(|arena| all.extend_from_slice(&arena));
        self.kept_bytes = 0;
        all
    }
}

pub(crate) fn arena_digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

fn chain(before: Digest, arena: Digest) -> Digest {
    let mut both = [0u8; 64];
    both[..32].copy_from_slice(&before.0);
    if !planted(Planted::TraceChainSkipsArena) {
        both[32..].copy_from_slice(&arena.0);
    }
    Digest(*blake3::hash(&both).as_bytes())
}

/// An event with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// The machine's tick.
    pub tick: Tick,
    /// The session.
    pub session: SessionId,
    /// The event.
    pub event: Event,
}

/// Bytes that are not a trace, and where they stop being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the trace is not well formed at byte {offset}: {what}")]
pub struct TraceError {
    /// The offset.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// The most steps a burst may take: its record keeps the count in 30 bits.
pub(crate) const MAX_FUEL: u32 = (1 << 30) - 1;

/// The most waves that may be out: chunk headers keep the number.
pub(crate) const MAX_LAG: u64 = (1 << 16) - 1;

/// How a burst ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BurstEnd {
    /// The fuel was gone, or a deferred send wants another burst: something is ready.
    Ready,
    /// Every coroutine waits.
    Waiting,
    /// The session has ended.
    Ended(Terminal),
}

impl BurstEnd {
    /// The code in a burst's record: 0 waiting, 1 ready, 2 closed, 3 ended otherwise.
    pub(crate) const fn code(self) -> u64 {
        match self {
            BurstEnd::Waiting => 0,
            BurstEnd::Ready => 1,
            BurstEnd::Ended(Terminal::Closed) => 2,
            BurstEnd::Ended(_) => 3,
        }
    }

    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            0 => BurstEnd::Waiting,
            1 => BurstEnd::Ready,
            2 => BurstEnd::Ended(Terminal::Closed),
            _ => BurstEnd::Ended(Terminal::Faulted),
        }
    }
}

/// One burst as the trace has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstRecord {
    /// The machine's tick.
    pub tick: Tick,
    /// How many waves were out when its wave was certified; none for what the host did between waves.
    pub lag: Option<u64>,
    /// Whether it is the first of its chunk.
    pub first: bool,
    /// The session.
    pub session: SessionId,
    /// How many events it has.
    pub events: u32,
    /// How many steps it took.
    pub steps: u32,
    /// How it ended. Every end that is not `Closed` reads as `Faulted`: the events say more.
    pub end: BurstEnd,
}

/// Reads a trace burst by burst, and each burst's events.
#[derive(Clone, Debug)]
pub struct BurstReader<'a> {
    reader: Reader<'a>,
    tick: Tick,
    lag: Option<u64>,
    first: bool,
    bursts: u32,
}

impl<'a> BurstReader<'a> {
    /// Reads from the start of a trace.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes), tick: Tick(0), lag: None, first: false, bursts: 0 }
    }

    fn at(&self, what: &'static str) -> TraceError {
        TraceError { offset: self.reader.offset(), what }
    }

    /// The next burst; none at the end of the trace. Its events must be read before the next call.
    pub fn burst(&mut self) -> Result<Option<BurstRecord>, TraceError> {
        while self.bursts == 0 {
            if self.reader.remaining() == 0 {
                return Ok(None);
            }
            let cut = self.at("a chunk's header is cut short");
            self.bursts = self.reader.u32().ok_or(cut)?;
            self.lag = match u64::from(self.reader.u32().ok_or(cut)?) {
                kind if kind > MAX_LAG + 1 => {
                    return Err(TraceError { what: "there is no such kind of chunk", ..cut });
                }
                kind => kind.checked_sub(1),
            };
            self.tick = Tick(self.reader.u64().ok_or(cut)?);
            self.first = true;
        }
        let cut = self.at("a burst's header is cut short");
        let session = SessionId(self.reader.u64().ok_or(cut)?);
        let events = self.reader.u32().ok_or(cut)?;
        let steps = self.reader.u32().ok_or(cut)?;
        self.bursts -= 1;
        let first = core::mem::take(&mut self.first);
        let (steps, end) = (steps & ((1 << 30) - 1), BurstEnd::from_code(steps >> 30));
        Ok(Some(BurstRecord { tick: self.tick, lag: self.lag, first, session, events, steps, end }))
    }

    /// The next event of the burst that was read last.
    pub fn event(&mut self) -> Result<Event, TraceError> {
        let cut = self.at("an event is cut short");
        let word = self.reader.u64().ok_or(cut)?;
        Event::unpack(word).ok_or(TraceError { what: "there is no such kind of event", ..cut })
    }
}

/// Whether events of this kind are about a text.
const fn is_about_text(kind: EventKind) -> bool {
    matches!(kind, EventKind::Tagged | EventKind::Checked | EventKind::OutputConditionChecked)
}

/// Reads a trace's events, in order.
#[derive(Clone, Debug)]
pub struct TraceReader<'a> {
    bursts: BurstReader<'a>,
    /// How many bursts have been begun.
    begun: u64,
    tick: Tick,
    session: SessionId,
    events: u32,
    /// What the event that was read last is about, while its words come in as bytes.
    text: Vec<u8>,
    failed: bool,
}

impl<'a> TraceReader<'a> {
    /// Reads from the start of a trace.
    pub const fn new(bytes: &'a [u8]) -> Self {
        let (bursts, tick, session) = (BurstReader::new(bytes), Tick(0), SessionId(0));
        Self { bursts, begun: 0, tick, session, events: 0, text: Vec::new(), failed: false }
    }

    /// How many bursts have been begun, those without events included; the event that was read last is of the last of
    /// them.
    pub const fn bursts(&self) -> u64 {
        self.begun
    }

    /// The text that the event which was read last is about: a `Tagged`'s fact, a `Checked`'s target, what an
    /// `OutputConditionChecked` says (see [`read_output_check`](crate::read_output_check)). Empty for others.
    pub fn text(&self) -> &str {
        core::str::from_utf8(&self.text).unwrap_or_default()
    }

    fn read(&mut self) -> Result<Option<TraceEvent>, TraceError> {
        while self.events == 0 {
            let Some(burst) = self.bursts.burst()? else { return Ok(None) };
            self.begun += 1;
            (self.tick, self.session, self.events) = (burst.tick, burst.session, burst.events);
        }
        self.events -= 1;
        let mut event = self.bursts.event()?;
        self.text.clear();
        while event.kind == EventKind::Text {
            let lost = TraceError { what: "no event follows that is about this text", ..self.bursts.at("") };
            let whole = self.text.len().is_multiple_of(TEXT_BYTES);
            self.text.extend(event.spelt().filter(|_| whole).ok_or(lost)?);
            self.events = self.events.checked_sub(1).ok_or(lost)?;
            event = self.bursts.event()?;
        }
        let (session, event) = self.announced(event)?;
        let about = is_about_text(event.kind) || self.text.is_empty();
        if event.kind == EventKind::Text || !about || core::str::from_utf8(&self.text).is_err() {
            return Err(self.bursts.at("a text stands before this that it is not about, or that is none"));
        }
        Ok(Some(TraceEvent { tick: self.tick, session, event }))
    }

    /// The event behind the word that says whose it is, if this is one, and its session.
    fn announced(&mut self, event: Event) -> Result<(SessionId, Event), TraceError> {
        if event.kind != EventKind::Guest {
            return Ok((self.session, event));
        }
        let lost = TraceError { what: "no event follows that is of a session opened inside", ..self.bursts.at("") };
        self.events = self.events.checked_sub(1).ok_or(lost)?;
        let (session, event) = (self.session.guest(event.ghost()), self.bursts.event()?);
        if event.kind == EventKind::Guest || session == self.session {
            return Err(lost);
        }
        Ok((session, event))
    }
}

impl Iterator for TraceReader<'_> {
    type Item = Result<TraceEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let event = self.read();
        self.failed = event.is_err();
        event.transpose()
    }
}
