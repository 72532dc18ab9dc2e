//! The machine: images, sessions, the heap, the trace; certify, commit, answer.
//!
//! Calls come in this order: [`ProtocolMachine::load`] an image and [`ProtocolMachine::open`] sessions of it; then, as
//! long as something is ready: plan (elsewhere), [`ProtocolMachine::certify`], run, [`ProtocolMachine::commit`], and
//! [`ProtocolMachine::answer`] what the commit reported as asked.

use crate::config::{ConfigError, ProtocolMachineConfig};
use crate::edge::BufferMode;
use crate::effect::{Asked, EffectCoordinate, EffectHandler, EffectRequest, EffectRequestBody, Registers};
use crate::frame::BurstContext;
use crate::image::CodeImage;
use crate::outbox::{Ask, FaultReport, Outbox};
use crate::outcome::EffectOutcome;
use crate::session::{Gate, Session};
use crate::trace::{BurstEnd, MAX_FUEL, Trace, TraceEvent};
use crate::wave::{CertifiedWave, FinishedWave, Island, IslandId, Refusal, WaveCertificate, WaveChunk, WavePlan};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use motet_types::{CoroutineId, Digest, EffectKinds, Event, EventKind, Planted, SessionId, Terminal, Tick, planted};

/// A loaded image's place in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub u32);

/// Why an image cannot be loaded or a session opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No such image.
    #[error("there is no image {}", .0.0)]
    NoImage(ImageId),
    /// The image's roles use more registers than the configuration allows.
    #[error("the image needs {needed} registers; the configuration allows {limit}")]
    Registers {
        /// What it needs.
        needed: u16,
        /// What is allowed.
        limit: u16,
    },
    /// As many sessions are alive as may be.
    #[error("{limit} sessions are open, and no more are allowed")]
    TooManySessions {
        /// The limit.
        limit: u32,
    },
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Nobody waits for it: it was never asked, has been answered, or its session has ended.
    #[error("no effect {0} is waiting for an answer")]
    NotPending(EffectCoordinate),
    /// `Blocked` and `Pending` are no answers.
    #[error("effect {0} can only be answered by success or failure")]
    NotAnAnswer(EffectCoordinate),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    Ready,
    Waiting,
    Out,
}

#[derive(Debug)]
struct Slot {
    session: Session,
    place: Place,
}

/// Counters of a machine: part of its state root, so equal in equal runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Sessions opened.
    pub opened: u64,
    /// Sessions that ended well.
    pub closed: u64,
    /// Sessions that a fault ended.
    pub faulted: u64,
    /// Instructions executed, failed attempts to send or receive included.
    pub steps: u64,
    /// Messages received.
    pub messages: u64,
    /// Messages that a policy or the host dropped, or a newer one overwrote.
    pub dropped: u64,
    /// Waves committed.
    pub waves: u64,
    /// Bursts executed.
    pub bursts: u64,
}

/// What a commit made known.
#[derive(Debug, Default)]
pub struct CommitReport {
    /// Islands that are ready now, in commit order.
    pub ready: Vec<IslandId>,
    /// Effects that may be asked now.
    pub asks: Vec<Ask>,
    /// Faults, in commit order.
    pub faults: Vec<FaultReport>,
    /// Recorded answers, in commit order; see [`RecordedEffect`](crate::RecordedEffect).
    pub inputs: Vec<u8>,
    /// Steps that the wave took.
    pub steps: u64,
}

/// The protocol machine.
#[derive(Debug)]
pub struct ProtocolMachine {
    config: ProtocolMachineConfig,
    images: Arc<Vec<Arc<CodeImage>>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slot by session id, from the oldest session alive; `GONE` for ended ones.
    index: VecDeque<u32>,
    index_base: u64,
    pub(crate) tally: Tally,
    pub(crate) tick: Tick,
    planner_step: u64,
    trace: Trace,
    pending: BTreeMap<EffectCoordinate, Ask>,
    /// Chunks' buffers, for reuse.
    pool: Vec<WaveChunk>,
}

const GONE: u32 = u32::MAX;

impl ProtocolMachine {
    /// A machine without images or sessions.
    pub fn new(config: ProtocolMachineConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            trace: Trace::new(config.trace),
            config,
            images: Arc::default(),
            slots: Vec::new(),
            free: Vec::new(),
            index: VecDeque::new(),
            index_base: 0,
            tally: Tally::default(),
            tick: Tick(0),
            planner_step: 0,
            pending: BTreeMap::new(),
            pool: Vec::new(),
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &ProtocolMachineConfig {
        &self.config
    }

    /// Adds an image; the same image twice is one image.
    pub fn load(&mut self, image: Arc<CodeImage>) -> Result<ImageId, OpenError> {
        let needed = image.parts().roles.iter().map(|role| role.registers).max().unwrap_or(0);
        if needed > self.config.max_registers {
            return Err(OpenError::Registers { needed, limit: self.config.max_registers });
        }
        let known = self.images.iter().position(|known| known.digest() == image.digest());
        let at = known.unwrap_or_else(|| {
            Arc::make_mut(&mut self.images).push(image);
            self.images.len() - 1
        });
        Ok(ImageId(at as u32))
    }

    /// A loaded image.
    pub fn image(&self, id: ImageId) -> Option<&Arc<CodeImage>> {
        self.images.get(id.0 as usize)
    }

    /// All loaded images.
    pub fn images(&self) -> &[Arc<CodeImage>] {
        &self.images
    }

    /// Opens a session. It is ready at once.
    pub fn open(&mut self, image_id: ImageId) -> Result<(SessionId, IslandId), OpenError> {
        let image = self.images.get(image_id.0 as usize).ok_or(OpenError::NoImage(image_id))?;
        let limit = self.config.max_sessions;
        if self.live_sessions() >= limit as usize {
            return Err(OpenError::TooManySessions { limit });
        }
        let id = SessionId(self.tally.opened);
        let slot = Slot { session: Session::open(id, image, image_id.0), place: Place::Ready };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.tally.opened += 1;
        self.index.push_back(at);
        if self.trace.is_on() {
            let mut out = Outbox::default();
            out.begin_chunk(1, false, self.tick);
            let burst = out.begin_burst(id);
            out.event(Event::plain(EventKind::Opened, CoroutineId(0), 0));
            out.end_burst(burst, 0, BurstEnd::Ready);
            self.trace.add(&out.events, None);
        }
        Ok((id, IslandId(at)))
    }

    /// How many sessions are alive.
    pub fn live_sessions(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many effects wait for an answer.
    pub fn pending_effects(&self) -> impl Iterator<Item = &Ask> {
        self.pending.values()
    }

    /// Whether that effect waits for an answer.
    pub fn is_pending(&self, at: &EffectCoordinate) -> bool {
        self.pending.contains_key(at)
    }

    /// The step that the next plan must be made for.
    pub const fn planner_step(&self) -> u64 {
        self.planner_step
    }

    /// The counters.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The tick.
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    /// Checks a plan and moves its islands out. This is the only place where a session leaves the machine.
    ///
    /// It is independent of the planner: it looks at the machine alone. A refused plan changes nothing.
    pub fn certify(&mut self, plan: &WavePlan, wants: EffectKinds) -> Result<CertifiedWave, Refusal> {
        if plan.planner_step != self.planner_step {
            return Err(Refusal::Stale { planned: plan.planner_step, current: self.planner_step });
        }
        if plan.picks.is_empty() || !(1..=MAX_FUEL).contains(&plan.fuel) || plan.chunk == 0 {
            return Err(Refusal::Empty);
        }
        for (at, pick) in plan.picks.iter().enumerate() {
            let refusal = match self.slots.get_mut(pick.0 as usize) {
                None => Refusal::Unknown(*pick),
                Some(slot) if slot.place == Place::Ready => {
                    // Marked as it is checked, so a second pick of the same island is not ready any more.
                    slot.place = Place::Out;
                    continue;
                }
                Some(_) => Refusal::NotReady(*pick),
            };
            for pick in &plan.picks[..at] {
                self.slots[pick.0 as usize].place = Place::Ready;
            }
            return Err(refusal);
        }
        let context = BurstContext {
            policy: self.config.buffer.policy,
            capacity: self.config.buffer.holds(),
            latest: self.config.buffer.mode == BufferMode::LatestValue,
            max_payload: self.config.max_payload_bytes,
            wants,
            run: self.config.run_id,
            tick: self.tick,
            fuel: plan.fuel,
            trace: self.trace.is_on(),
            record: self.config.record,
        };
        let wave = self.tally.waves;
        let mut chunks = Vec::with_capacity(plan.picks.len().div_ceil(plan.chunk as usize));
        for (index, picks) in plan.picks.chunks(plan.chunk as usize).enumerate() {
            let mut chunk = self.pool.pop().unwrap_or_else(|| WaveChunk {
                wave,
                index,
                islands: Vec::new(),
                reports: Vec::new(),
                outbox: Outbox::default(),
                digest: None,
                images: Arc::clone(&self.images),
                context,
            });
            (chunk.wave, chunk.index, chunk.context) = (wave, index, context);
            if !Arc::ptr_eq(&chunk.images, &self.images) {
                chunk.images = Arc::clone(&self.images);
            }
            for pick in picks {
                let session = mem::take(&mut self.slots[pick.0 as usize].session);
                chunk.islands.push(Island { slot: pick.0, session });
            }
            chunks.push(chunk);
        }
        let certificate = WaveCertificate { wave, planner_step: plan.planner_step, picks: plan.picks.len() };
        Ok(CertifiedWave { certificate, chunks })
    }

    /// Takes a finished wave back, in pick order.
    ///
    /// # Panics
    /// When the wave is another machine's: only a bug in an executor can mix them up, and going on would mix up
    /// sessions.
    pub fn commit(&mut self, wave: FinishedWave) -> CommitReport {
        assert_eq!(wave.certificate.planner_step, self.planner_step, "a wave is committed to the machine it came from");
        let mut report = CommitReport::default();
        for chunk in wave.chunks {
            let mut chunk = chunk.0;
            if chunk.context.trace {
                self.trace.add(&chunk.outbox.events, chunk.digest);
            }
            for (island, burst) in chunk.islands.drain(..).zip(chunk.reports.drain(..)) {
                self.tally.bursts += 1;
                self.tally.steps += u64::from(burst.steps);
                self.tally.messages += u64::from(burst.received);
                report.steps += u64::from(burst.steps);
                let slot = &mut self.slots[island.slot as usize];
                match burst.end {
                    BurstEnd::Ready => {
                        *slot = Slot { session: island.session, place: Place::Ready };
                        report.ready.push(IslandId(island.slot));
                    }
                    BurstEnd::Waiting => *slot = Slot { session: island.session, place: Place::Waiting },
                    BurstEnd::Ended(terminal) => {
                        slot.place = Place::Free;
                        self.free.push(island.slot);
                        self.end(island.session.id(), terminal);
                    }
                }
            }
            report.asks.append(&mut chunk.outbox.asks);
            report.faults.append(&mut chunk.outbox.faults);
            report.inputs.append(&mut chunk.outbox.inputs);
            self.tally.dropped += chunk.outbox.dropped;
            chunk.outbox.clear();
            chunk.digest = None;
            self.pool.push(chunk);
        }
        for ask in &report.asks {
            if self.slot_of(ask.coordinate.session).is_some() {
                self.pending.insert(ask.coordinate, ask.clone());
            }
        }
        self.tally.waves += 1;
        self.planner_step += 1;
        self.tick.0 += 1;
        report
    }

    fn end(&mut self, session: SessionId, terminal: Terminal) {
        match terminal {
            Terminal::Faulted if !planted(Planted::CommitFaultUncounted) => self.tally.faulted += 1,
            _ => self.tally.closed += 1,
        }
        if let Some(at) = session.0.checked_sub(self.index_base) {
            self.index[at as usize] = GONE;
        }
        while self.index.front() == Some(&GONE) {
            self.index.pop_front();
            self.index_base += 1;
        }
        let first = EffectCoordinate { session, coroutine: CoroutineId(0), counter: 0 };
        while let Some((at, _)) = self.pending.range(first..).next()
            && at.session == session
        {
            let at = *at;
            self.pending.remove(&at);
        }
    }

    fn slot_of(&self, session: SessionId) -> Option<u32> {
        let at = session.0.checked_sub(self.index_base)?;
        self.index.get(usize::try_from(at).ok()?).copied().filter(|slot| *slot != GONE)
    }

    fn live(&self, session: SessionId) -> Option<(&Session, &Arc<CodeImage>)> {
        let session = &self.slots[self.slot_of(session)? as usize].session;
        Some((session, self.images.get(session.image as usize)?))
    }

    /// Asks the host about an effect that may block. The caller acts on the outcome: an answer goes to
    /// [`ProtocolMachine::answer`].
    pub fn ask<H: EffectHandler + ?Sized>(&self, ask: &Ask, host: &H) -> Option<EffectOutcome> {
        let (_, image) = self.live(ask.coordinate.session)?;
        Some(host.handle_effect(EffectRequest(&Asked {
            coordinate: ask.coordinate,
            role: ask.role,
            tick: self.tick,
            body: EffectRequestBody::InvokeStep { effect: ask.effect, argument: (&ask.argument).into() },
            state: Registers { session: ask.coordinate.session, tags: &[], words: &[], ext: None },
            image,
            run: &self.config.run_id,
        })))
    }

    /// Takes the answer to a pending effect and opens its gate; the island is then ready. Answers the island if it
    /// was not ready before, so that it is planned once. Must not be called while a wave runs.
    pub fn answer(&mut self, at: EffectCoordinate, outcome: EffectOutcome) -> Result<Option<IslandId>, AnswerError> {
        if matches!(outcome, EffectOutcome::Blocked | EffectOutcome::Pending) {
            return Err(AnswerError::NotAnAnswer(at));
        }
        let slot = self.slot_of(at.session).ok_or(AnswerError::NotPending(at))?;
        let slot_at = slot as usize;
        if self.slots[slot_at].place == Place::Out || self.pending.remove(&at).is_none() {
            return Err(AnswerError::NotPending(at));
        }
        let image = Arc::clone(&self.images[self.slots[slot_at].session.image as usize]);
        let slot_state = &mut self.slots[slot_at];
        slot_state.session.answer(&image.layout, at.coroutine, outcome);
        let before = mem::replace(&mut slot_state.place, Place::Ready);
        Ok((before != Place::Ready).then_some(IslandId(slot)))
    }

    /// Whether an island is ready: for planners, and for those who doubt them.
    pub fn is_ready(&self, island: IslandId) -> bool {
        self.slots.get(island.0 as usize).is_some_and(|slot| slot.place == Place::Ready)
    }

    /// Messages in flight on an island's edges.
    pub fn in_flight(&self, island: IslandId) -> usize {
        let Some(slot) = self.slots.get(island.0 as usize) else { return 0 };
        match self.images.get(slot.session.image as usize) {
            Some(image) if !slot.session.words.is_empty() => slot.session.in_flight(&image.layout),
            _ => 0,
        }
    }

    /// The session of an island.
    pub fn session_of(&self, island: IslandId) -> Option<SessionId> {
        let slot = self.slots.get(island.0 as usize)?;
        (slot.place != Place::Free && !slot.session.words.is_empty()).then(|| slot.session.id())
    }

    /// What a coroutine of a live session waits for.
    pub fn gate(&self, session: SessionId, coroutine: CoroutineId) -> Option<Gate> {
        let (session, image) = self.live(session)?;
        (coroutine.index() < image.role_count()).then(|| session.gate(&image.layout, coroutine))
    }

    /// The image that a live session runs.
    pub fn image_of(&self, session: SessionId) -> Option<&Arc<CodeImage>> {
        self.live(session).map(|(_, image)| image)
    }

    /// Live sessions, in order of their ids.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.index
            .iter()
            .enumerate()
            .filter(|(_, slot)| **slot != GONE)
            .map(|(at, _)| SessionId(self.index_base + at as u64))
    }

    pub(crate) fn live_states(&self) -> impl Iterator<Item = (&Session, &CodeImage)> {
        self.sessions().filter_map(|id| self.live(id)).map(|(session, image)| (session, &**image))
    }

    /// The digest of the whole trace so far; none when the trace is off.
    pub fn trace_digest(&self) -> Option<Digest> {
        self.trace.digest()
    }

    /// The part of the trace that is kept, as [`TraceReader`](crate::TraceReader) reads it.
    pub fn trace_bytes(&self) -> Vec<u8> {
        self.trace.bytes()
    }

    /// The events that are kept.
    pub fn events(&self) -> Vec<TraceEvent> {
        let bytes = self.trace.bytes();
        crate::trace::TraceReader::new(&bytes).filter_map(Result::ok).collect()
    }

    /// Takes the finished part of the trace out, for writing elsewhere. The digest is not affected.
    pub fn drain_trace(&mut self) -> Vec<u8> {
        self.trace.drain()
    }

    /// Bytes that a live session takes, its slot included.
    pub fn session_bytes(&self, session: SessionId) -> Option<usize> {
        Some(self.live(session)?.0.bytes() + size_of::<Slot>() + size_of::<u32>())
    }
}
