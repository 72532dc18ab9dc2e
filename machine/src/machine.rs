//! The machine: images, sessions, the trace. Certifying, committing and answering stand in files of their own.
//!
//! Calls come in this order: [`ProtocolMachine::load`] an image and [`ProtocolMachine::open`] sessions of it; then, as
//! long as something is ready: plan (elsewhere), [`ProtocolMachine::certify`], run, [`ProtocolMachine::commit`], and
//! [`ProtocolMachine::answer`] what the commit reported as asked.

use crate::artifacts::Artifacts;
use crate::auth::identity::ConsumptionArtifact;
use crate::certify::Spare;
use crate::condition::OutputCheck;
use crate::config::{ConfigError, ProtocolMachineConfig};
use crate::deadlines::Deadlines;
use crate::effect::EffectCoordinate;
use crate::image::CodeImage;
use crate::images::Images;
use crate::op::Op;
use crate::outbox::{Ask, Outbox};
use crate::park::Parked;
use crate::root::Digests;
use crate::semantics::Semantics;
use crate::session::{Gate, Session};
use crate::snapshot::Copying;
use crate::summary::ClosedSessionSummary;
use crate::topology::Topology;
use crate::trace::{BurstEnd, Trace, TraceEvent};
use crate::wave::{Boundary, IslandId, Pick};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_heap::Heap;
use motet_semantic::{AuthorityAuditRecord, DelegationReceipt};
use motet_types::{CoroutineId, Digest, Event, EventKind, Planted, RoleId, SessionId, Sparse, Tick, planted};

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
    /// The image speculates and the configuration does not allow it.
    #[error("the image speculates; the configuration's `speculation_depth` is 0")]
    Speculates,
    /// The image opens sessions and the configuration does not allow it.
    #[error("the image opens sessions; the configuration's `max_guest_sessions` is 0")]
    OpensSessions,
    /// The image opens sessions of another that is not loaded.
    #[error("the image opens sessions of the image {digest}, which must be loaded first")]
    PlannedImage {
        /// The other image's content digest.
        digest: Digest,
    },
    /// The image opens sessions of another that has another number of roles.
    #[error("the image opens sessions of the image {digest} with {expected} roles; it has {found}")]
    PlannedRoles {
        /// The other image's content digest.
        digest: Digest,
        /// How many roles the plan says.
        expected: u16,
        /// How many there are.
        found: usize,
    },
    /// A role of the image sends messages, which are to be signed, and there is no key for it.
    #[error("the messages of {role} are to be signed, and there is no key for it")]
    NoKey {
        /// The role.
        role: RoleId,
    },
    /// The machine has numbered as many sessions as it can.
    #[error("{limit} sessions have been opened, and no more can be numbered")]
    Exhausted {
        /// How many.
        limit: u64,
    },
    /// Images are loaded and sessions opened while every island is at home.
    #[error("{out} waves are out; images are loaded and sessions opened between turns")]
    WavesOut {
        /// How many.
        out: u64,
    },
    /// A role's site has crashed: nobody would play it.
    #[error("the site of {role} has crashed, so that nobody would play that role")]
    Crashed {
        /// The role.
        role: RoleId,
    },
    /// As many sessions are alive as may be.
    #[error("{limit} sessions are open, and no more are allowed")]
    TooManySessions {
        /// The limit.
        limit: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Free,
    Ready,
    Waiting,
    Out,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) session: Session,
    pub(crate) place: Place,
    /// Which lane ran it last: an observable, part of nothing else.
    pub(crate) lane: u8,
    /// Whether the session has changed since the last state root; see [`Digests`].
    pub(crate) changed: bool,
}

/// Counters of a machine: equal in equal runs. The state root has all but waves and bursts, which are the schedule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Sessions opened.
    pub opened: u64,
    /// Sessions that ended well.
    pub closed: u64,
    /// Sessions that a fault ended.
    pub faulted: u64,
    /// Sessions that were cancelled.
    pub cancelled: u64,
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

/// Which lane ran which burst: an observable of one run, equal between no two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSelection {
    /// The wave's tick.
    pub tick: Tick,
    /// The wave.
    pub wave: u64,
    /// The coroutine that the burst began with.
    pub coro_id: CoroutineId,
    /// The session.
    pub session: SessionId,
    /// The worker; 0 leads.
    pub lane: u8,
}

/// The protocol machine.
#[derive(Debug)]
pub struct ProtocolMachine {
    pub(crate) config: ProtocolMachineConfig,
    pub(crate) images: Arc<Images>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) free: Vec<u32>,
    /// Slot by session id; `PARKED` for those that are parked, `GONE` for ended ones.
    pub(crate) index: Sparse<u32>,
    pub(crate) parked: BTreeMap<u64, Parked>,
    pub(crate) digests: Digests,
    /// Guards' evidence, and whatever else sessions have made.
    pub(crate) heap: Heap,
    /// The snapshot that is being made.
    pub(crate) copying: Option<Box<Copying>>,
    pub(crate) tally: Tally,
    pub(crate) tick: Tick,
    /// How many waves are out.
    pub(crate) out: u64,
    pub(crate) boundary: Boundary,
    pub(crate) trace: Trace,
    pub(crate) pending: BTreeMap<EffectCoordinate, Ask>,
    /// By when those have to be answered.
    pub(crate) deadlines: Deadlines,
    pub(crate) spare: Spare,
    /// Audit records that nobody has taken yet.
    pub(crate) audit: Vec<AuthorityAuditRecord>,
    /// Receipts of endpoints that changed hands, which nobody has taken yet.
    pub(crate) delegations: Vec<DelegationReceipt>,
    /// What was received, as far as that is kept, which nobody has taken yet.
    pub(crate) consumptions: Artifacts<ConsumptionArtifact>,
    /// What remains of sessions that have ended, which nobody has taken yet.
    pub(crate) summaries: Artifacts<ClosedSessionSummary>,
    /// Checks of outputs, as far as they are kept, which nobody has taken yet.
    pub(crate) checks: Artifacts<OutputCheck>,
    /// What has happened to sites and links.
    pub(crate) topology: Topology,
    /// Live semantic objects, where the configuration keeps them.
    pub(crate) semantics: Option<Box<Semantics>>,
}

pub(crate) const GONE: u32 = u32::MAX;
pub(crate) const PARKED: u32 = u32::MAX - 1;

impl ProtocolMachine {
    /// A machine without images or sessions.
    pub fn new(config: ProtocolMachineConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            trace: Trace::new(config.trace),
            images: Arc::new(Images::new(
                config.knowledge_rules(),
                config.watch_rules(),
                config.credit_rules(),
                config.output_condition_policy.clone(),
            )),
            semantics: config.semantic_objects.map(|keep| Box::new(Semantics::new(keep))),
            config,
            slots: Vec::new(),
            free: Vec::new(),
            index: Sparse::new(GONE),
            parked: BTreeMap::new(),
            digests: Digests::default(),
            heap: Heap::new(),
            copying: None,
            tally: Tally::default(),
            tick: Tick(0),
            out: 0,
            boundary: Boundary::default(),
            pending: BTreeMap::new(),
            deadlines: Deadlines::default(),
            spare: Spare::default(),
            audit: Vec::new(),
            delegations: Vec::new(),
            consumptions: Artifacts::default(),
            summaries: Artifacts::default(),
            checks: Artifacts::default(),
            topology: Topology::default(),
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &ProtocolMachineConfig {
        &self.config
    }

    /// Adds an image; the same image twice is one image. The images that its plans name must be there.
    pub fn load(&mut self, image: Arc<CodeImage>) -> Result<ImageId, OpenError> {
        self.all_home()?;
        let needed = image.parts().roles.iter().map(|role| role.registers).max().unwrap_or(0);
        if needed > self.config.max_registers {
            return Err(OpenError::Registers { needed, limit: self.config.max_registers });
        }
        if self.config.speculation_depth == 0 && image.ops.iter().any(|op| matches!(op, Op::Fork { .. })) {
            return Err(OpenError::Speculates);
        }
        if self.config.max_guest_sessions == 0 && !image.parts().plans.is_empty() {
            return Err(OpenError::OpensSessions);
        }
        let known = self.images.iter().position(|known| known.digest() == image.digest());
        let at = match known {
            Some(at) => at,
            None => {
                let plans = self.images.link(&image)?;
                let keys = self.config.authentication.table(&image)?;
                let at = Arc::make_mut(&mut self.images).add(image, plans, keys);
                self.work_out_links();
                at
            }
        };
        Ok(ImageId(at as u32))
    }

    fn all_home(&self) -> Result<(), OpenError> {
        if self.out > 0 { Err(OpenError::WavesOut { out: self.out }) } else { Ok(()) }
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
    pub fn open(&mut self, image_id: ImageId) -> Result<Pick, OpenError> {
        self.all_home()?;
        let image = self.images.get(image_id.0 as usize).ok_or(OpenError::NoImage(image_id))?;
        let limit = self.config.max_sessions;
        if self.live_sessions() >= limit as usize {
            return Err(OpenError::TooManySessions { limit });
        }
        let id = SessionId(self.tally.opened);
        if id.0 >= SessionId::LIMIT {
            return Err(OpenError::Exhausted { limit: SessionId::LIMIT });
        }
        let crashed = self.images.network.at(image_id.0).and_then(|links| links.first_crashed(image));
        if let Some(role) = crashed.filter(|_| !planted(Planted::TopologyOpensCrashed)) {
            return Err(OpenError::Crashed { role });
        }
        let session = Session::open(id, image, image_id.0);
        let at = self.settle(session, Place::Ready);
        self.digests.changed(&mut self.slots[at as usize], at);
        self.tally.opened += 1;
        self.index.set(id.0, at);
        if self.semantics.is_some() {
            self.open_happened(id);
        }
        if self.trace.is_on() {
            let mut out = Outbox::default();
            out.begin_chunk(1, None, self.tick);
            let burst = out.begin_burst(id);
            out.event(Event::plain(EventKind::Opened, CoroutineId(0), 0));
            out.end_burst(burst, 0, BurstEnd::Ready);
            self.trace.add(&out.events, None);
        }
        Ok(Pick { island: IslandId(at), footprint: id })
    }

    /// Puts a session into a free slot.
    pub(crate) fn settle(&mut self, session: Session, place: Place) -> u32 {
        match self.free.pop() {
            Some(at) => {
                let slot = &mut self.slots[at as usize];
                (slot.session, slot.place, slot.lane) = (session, place, 0);
                at
            }
            None => {
                self.slots.push(Slot { session, place, lane: 0, changed: false });
                self.slots.len() as u32 - 1
            }
        }
    }

    /// How many sessions are alive, those that are parked included.
    pub fn live_sessions(&self) -> usize {
        self.slots.len() - self.free.len() + self.parked.len()
    }

    /// How many effects wait for an answer.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The effects that wait for an answer.
    pub fn pending_effects(&self) -> impl Iterator<Item = &Ask> {
        self.pending.values()
    }

    /// The effects that a session waits to have answered.
    pub fn asks_of(&self, session: SessionId) -> impl Iterator<Item = &Ask> {
        let at = |coroutine, counter| EffectCoordinate { session, coroutine: CoroutineId(coroutine), counter };
        self.pending.range(at(0, 0)..=at(u16::MAX, u32::MAX)).map(|(_, ask)| ask)
    }

    /// Whether that effect waits for an answer.
    pub fn is_pending(&self, at: &EffectCoordinate) -> bool {
        self.pending.contains_key(at)
    }

    /// The step that the next plan must be made for: how many waves have been committed.
    pub const fn planner_step(&self) -> u64 {
        self.tally.waves
    }

    /// The number of the next wave: how many have been certified.
    pub const fn next_wave(&self) -> u64 {
        self.tally.waves + self.out
    }

    /// How many waves are certified and not committed.
    pub const fn waves_out(&self) -> u64 {
        self.out
    }

    /// The last state digest that was taken.
    pub const fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// The counters.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The tick: one for every wave that was committed, and those that passed by the host's clock.
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    pub(crate) fn slot_of(&self, session: SessionId) -> Option<u32> {
        Some(self.index.get(session.0)).filter(|slot| *slot < PARKED)
    }

    pub(crate) fn live(&self, session: SessionId) -> Option<(&Session, &Arc<CodeImage>)> {
        let slot = &self.slots[self.slot_of(session)? as usize];
        // A session that is out, or was lost with its wave, is not here to be looked at.
        let session = (slot.place != Place::Out).then_some(&slot.session)?;
        Some((session, self.images.get(session.image as usize)?))
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
        session.gate(&image.layout, coroutine)
    }

    /// The image that a live session runs, one that an instruction opened included.
    pub fn image_of(&self, session: SessionId) -> Option<&Arc<CodeImage>> {
        let (host, image) = self.live(session.host())?;
        match session.number() {
            0 => Some(image),
            number => self.images.get(host.growth()?.guest(number)?.image as usize),
        }
    }

    /// Live sessions, in order of their ids, those that are parked included.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.index.iter().map(|(id, _)| SessionId(id))
    }

    /// The heap: resources that sessions have made, and what was consumed. It has what committed waves did.
    pub const fn heap(&self) -> &Heap {
        &self.heap
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
