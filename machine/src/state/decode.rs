//! A session as its canonical bytes say it: for proofs, for auditors, and on the way back into a machine.
//!
//! Reading is strict: exactly the bytes that the encoder writes, and memory in proportion to them.

use crate::auth::Ledger;
use crate::auth::bytes::decode_ledger;
use crate::outcome::EffectOutcome;
use crate::ownership::{SessionOwnership, decode_ownership};
use crate::state::encode as code;
use crate::state::growth::decode_growth;
use crate::tape::{decode_outcome, decode_value};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use motet_types::{CoroutineId, EdgeId, Event, LabelId, Pc, Reader, Reg, RoleId, SessionId, StateId, Tick, Value};

/// Where a coroutine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It runs, or may.
    Runs,
    /// Its effect was answered, and it has not run since.
    Answered(EffectOutcome),
    /// The host deferred its send; it asks again.
    Deferred,
    /// It waits for a message.
    AwaitsMessage,
    /// The message that it waited for has come.
    HasMessage,
    /// It waits for room.
    AwaitsRoom,
    /// There is the room that it waited for.
    HasRoom,
    /// It waits for the host's answer.
    AwaitsAnswer,
    /// It has ended.
    Halted,
    /// It waits for a link to be whole.
    AwaitsLink,
    /// Its site crashed, and it with it.
    Crashed,
    /// It was cancelled.
    Cancelled,
}

impl Standing {
    /// Whether it can go on.
    pub const fn is_ready(&self) -> bool {
        !self.has_ended()
            && !matches!(self, Self::AwaitsMessage | Self::AwaitsRoom | Self::AwaitsAnswer | Self::AwaitsLink)
    }

    /// Whether it does not go on.
    pub const fn has_ended(&self) -> bool {
        matches!(self, Self::Halted | Self::Crashed | Self::Cancelled)
    }
}

/// One coroutine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoroutineState {
    /// Its next instruction.
    pub pc: Pc,
    /// How many effects it has asked for.
    pub counter: u32,
    /// The state of its role's type.
    pub state: StateId,
    /// Where it stands.
    pub standing: Standing,
    /// Its registers.
    pub registers: Vec<Value>,
}

/// A message in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The low half of its number among the messages sent on the edge, counted from 0.
    pub sequence: u32,
    /// Its label.
    pub label: LabelId,
    /// Its payload.
    pub value: Value,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeState {
    /// How many messages were ever sent on it.
    pub sent: u64,
    /// The messages in flight, the next one first.
    pub messages: Vec<InFlight>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// The session.
    pub id: SessionId,
    /// The coroutine whose turn it is.
    pub current: CoroutineId,
    /// Whether the host has ever deferred a send.
    pub deferred: bool,
    /// The coroutines; number `n` is role `n`'s.
    pub coroutines: Vec<CoroutineState>,
    /// The edges, in the image's order.
    pub edges: Vec<EdgeState>,
    /// What its island has besides it; none when no instruction ever opened a session.
    pub growth: Option<GrowthState>,
    /// What its island keeps of its messages; none when they are not looked at, or none was ever sent.
    pub ledger: Option<Box<Ledger>>,
    /// What its coroutines have used of their credits, by their numbers; those that have used nothing are not there.
    pub credits: Vec<(CoroutineId, u64)>,
    /// By which ticks the effects have to be answered that its coroutines wait for, by their numbers; none where the
    /// configuration has no budget.
    pub deadlines: Vec<(CoroutineId, Tick)>,
    /// What it may take back.
    pub speculation: Option<SpeculationState>,
    /// Who owns it; none when nobody ever has.
    pub ownership: Option<Box<SessionOwnership>>,
}

/// What an island has besides its main session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthState {
    /// How many sessions its instructions have opened.
    pub opened: u32,
    /// How many coroutines they have started.
    pub spawned: u16,
    /// How many endpoints have changed hands.
    pub delegated: u32,
    /// Roles of the main session whose endpoint is not their own coroutine's, and whose it is.
    pub moved: Vec<(RoleId, CoroutineId)>,
    /// Receipts of endpoints that changed hands in a speculation that is open.
    pub receipts: Vec<ReceiptState>,
    /// The coroutines that were started and have not ended, by their numbers.
    pub children: Vec<ChildState>,
    /// The sessions that were opened and have not ended, by their numbers.
    pub guests: Vec<GuestState>,
    /// What the coroutines know, by coroutine, session and role.
    pub knowledge: Vec<KnowledgeState>,
}

/// What a coroutine knows of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeState {
    /// Who knows it.
    pub coroutine: CoroutineId,
    /// The number of the endpoint's session in the island; 0 is the main one.
    pub guest: u32,
    /// Whose endpoint.
    pub role: RoleId,
    /// The facts, in ascending order; never none.
    pub facts: Vec<String>,
}

/// A coroutine that an instruction started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildState {
    /// Its number.
    pub number: CoroutineId,
    /// The role whose code it runs.
    pub role: RoleId,
    /// Where it stands; its `state` is no type's.
    pub coroutine: CoroutineState,
}

/// An endpoint that changed hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptState {
    /// As the how-manieth of its island, from 1.
    pub number: u32,
    /// The number of the endpoint's session in the island; 0 is the main one.
    pub guest: u32,
    /// Whose endpoint.
    pub role: RoleId,
    /// Who gave.
    pub from: CoroutineId,
    /// Who took.
    pub to: CoroutineId,
    /// Whether its progress token went along.
    pub token: bool,
    /// The facts about it that went along, in ascending order.
    pub facts: Vec<String>,
}

/// A session that an instruction opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestState {
    /// As the how-manieth of its island it was opened, from 1; see [`SessionId::guest`].
    pub number: u32,
    /// The row of its plan in the main session's image.
    pub plan: u16,
    /// Whether it is closing: what is in flight can be received, and nothing sent.
    pub draining: bool,
    /// Its roles, in its image's order.
    pub roles: Vec<RoleState>,
    /// Its edges, in its image's order.
    pub edges: Vec<EdgeState>,
}

/// One role of a session that an instruction opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleState {
    /// The state of its type.
    pub state: StateId,
    /// The coroutine that owns its endpoint.
    pub owner: CoroutineId,
}

/// The open speculations of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeculationState {
    /// Whose they are.
    pub coroutine: CoroutineId,
    /// The events that are withheld.
    pub withheld: Vec<Event>,
    /// The speculations, the outermost first.
    pub levels: Vec<LevelState>,
}

/// One speculation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelState {
    /// The number that it carries.
    pub ghost: u32,
    /// How many events were withheld when it began.
    pub events: u32,
    /// The answers that have been used since.
    pub spent: Vec<(CoroutineId, EffectOutcome)>,
    /// The session as it was.
    pub session: SessionState,
}

/// Where in a session's bytes something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePlace {
    /// At this byte of its encoding.
    Byte(usize),
    /// In what belongs to the session as a whole.
    Session,
    /// In a coroutine.
    Coroutine(CoroutineId),
    /// In a register of a coroutine.
    Register(CoroutineId, Reg),
    /// On an edge.
    Edge(EdgeId),
    /// In a message in flight, by its place in the queue.
    Message(EdgeId, usize),
    /// In the session that instructions of the island opened as the so-manieth.
    Guest(u32),
    /// In what a coroutine knows.
    Knowledge(CoroutineId),
}

impl fmt::Display for StatePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatePlace::Byte(at) => write!(f, "byte {at}"),
            StatePlace::Session => write!(f, "the session"),
            StatePlace::Coroutine(id) => write!(f, "{id}"),
            StatePlace::Register(id, register) => write!(f, "{register} of {id}"),
            StatePlace::Edge(edge) => write!(f, "{edge}"),
            StatePlace::Message(edge, at) => write!(f, "message {at} on {edge}"),
            StatePlace::Knowledge(id) => write!(f, "what {id} knows"),
            StatePlace::Guest(number) => write!(f, "the session opened as number {number}"),
        }
    }
}

/// Bytes that are no session, or none of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct StateError {
    /// Where.
    pub place: StatePlace,
    /// What is wrong there.
    pub what: &'static str,
}

impl SessionState {
    /// Reads the canonical bytes of one session, all of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader::new(bytes);
        let state = read(&mut from);
        let place = StatePlace::Byte(from.offset());
        match state {
            Some(_) if from.remaining() > 0 => Err(StateError { place, what: "there is more than a session" }),
            Some(state) => Ok(state),
            None => Err(StateError { place, what: "it is cut short here, or the last field has no such value" }),
        }
    }

    /// All coroutines in order of their numbers, those that were started behind those of the roles, each with the role
    /// whose code it runs.
    pub fn all(&self) -> impl Iterator<Item = (CoroutineId, RoleId, &CoroutineState)> {
        let mains = (0u16..).zip(&self.coroutines).map(|(at, coroutine)| (CoroutineId(at), RoleId(at), coroutine));
        let children = self.growth.iter().flat_map(|growth| &growth.children);
        mains.chain(children.map(|child| (child.number, child.role, &child.coroutine)))
    }

    /// Which coroutine owns the endpoint of a role.
    pub fn owner(&self, role: RoleId) -> CoroutineId {
        let moved = self.growth.iter().flat_map(|growth| &growth.moved).find(|(of, _)| *of == role);
        moved.map_or(CoroutineId(role.0), |(_, owner)| *owner)
    }

    /// How many facts a coroutine knows.
    pub fn facts(&self, coroutine: CoroutineId) -> usize {
        let known = self.growth.iter().flat_map(|growth| &growth.knowledge);
        known.filter(|known| known.coroutine == coroutine).map(|known| known.facts.len()).sum()
    }

    /// How many messages are in flight.
    pub fn in_flight(&self) -> usize {
        self.edges.iter().map(|edge| edge.messages.len()).sum()
    }
}

fn read(from: &mut Reader<'_>) -> Option<SessionState> {
    let known = code::SPECULATES | code::OWNED | code::GROWN | code::WATCHED | code::CHARGED | code::AWAITED;
    let more = from.u8()?.checked_sub(code::VERSION).filter(|more| more & !known == 0)?;
    let mut session = plain(from)?;
    if more & code::GROWN != 0 {
        session.growth = Some(decode_growth(from)?);
    }
    if more & code::WATCHED != 0 {
        session.ledger = Some(Box::new(decode_ledger(from)?));
    }
    if more & code::CHARGED != 0 {
        session.credits = list(from, |from| Some((CoroutineId(from.u16()?), from.u64()?)))?;
        if session.credits.is_empty() {
            return None;
        }
    }
    if more & code::AWAITED != 0 {
        session.deadlines = list(from, |from| Some((CoroutineId(from.u16()?), Tick(from.u64()?))))?;
        if session.deadlines.is_empty() {
            return None;
        }
    }
    if more & code::SPECULATES != 0 {
        session.speculation = Some(speculation(from)?);
    }
    if more & code::OWNED != 0 {
        session.ownership = Some(Box::new(decode_ownership(from)?));
    }
    Some(session)
}

fn speculation(from: &mut Reader<'_>) -> Option<SpeculationState> {
    let coroutine = CoroutineId(from.u16()?);
    let events = from.u32()? as usize;
    let mut withheld = Vec::with_capacity(events.min(from.remaining() / 8));
    for _ in 0..events {
        withheld.push(Event::unpack(from.u64()?)?);
    }
    let levels = list(from, |from| {
        let (ghost, events) = (from.u32()?, from.u32()?);
        let spent = list(from, |from| Some((CoroutineId(from.u16()?), decode_outcome(from)?)))?;
        let more = from.u8()?.checked_sub(code::VERSION).filter(|more| more & !(code::GROWN | code::WATCHED) == 0)?;
        let mut session = plain(from)?;
        if more & code::GROWN != 0 {
            session.growth = Some(decode_growth(from)?);
        }
        if more & code::WATCHED != 0 {
            session.ledger = Some(Box::new(decode_ledger(from)?));
        }
        Some(LevelState { ghost, events, spent, session })
    })?;
    Some(SpeculationState { coroutine, withheld, levels })
}

fn plain(from: &mut Reader<'_>) -> Option<SessionState> {
    let id = SessionId(from.u64()?);
    let current = CoroutineId(from.u16()?);
    let deferred = flag(from.u8()?)?;
    let coroutines = list(from, coroutine)?;
    let edges = list(from, edge)?;
    Some(SessionState {
        id,
        current,
        deferred,
        coroutines,
        edges,
        growth: None,
        ledger: None,
        credits: Vec::new(),
        deadlines: Vec::new(),
        speculation: None,
        ownership: None,
    })
}

pub(super) fn edge(from: &mut Reader<'_>) -> Option<EdgeState> {
    let sent = from.u64()?;
    Some(EdgeState { sent, messages: list(from, message)? })
}

pub(super) fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// As many as a `u16` says. Every item has at least one byte, so what remains bounds the memory.
pub(crate) fn list<T>(from: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::from(from.u16()?);
    let mut items = Vec::with_capacity(count.min(from.remaining()));
    for _ in 0..count {
        items.push(item(from)?);
    }
    Some(items)
}

fn coroutine(from: &mut Reader<'_>) -> Option<CoroutineState> {
    let (pc, counter, state) = (Pc(from.u32()?), from.u32()?, StateId(from.u32()?));
    coroutine_behind(from, pc, counter, state)
}

/// What stands behind a coroutine's position.
pub(super) fn coroutine_behind(from: &mut Reader<'_>, pc: Pc, counter: u32, state: StateId) -> Option<CoroutineState> {
    let standing = match from.u8()? {
        code::RUNS => Standing::Runs,
        code::ANSWERED => Standing::Answered(decode_outcome(from)?),
        code::DEFERRED => Standing::Deferred,
        code::AWAITS_MESSAGE => Standing::AwaitsMessage,
        code::HAS_MESSAGE => Standing::HasMessage,
        code::AWAITS_ROOM => Standing::AwaitsRoom,
        code::HAS_ROOM => Standing::HasRoom,
        code::AWAITS_ANSWER => Standing::AwaitsAnswer,
        code::HALTED => Standing::Halted,
        code::AWAITS_LINK => Standing::AwaitsLink,
        code::CRASHED => Standing::Crashed,
        code::CANCELLED => Standing::Cancelled,
        _ => return None,
    };
    Some(CoroutineState { pc, counter, state, standing, registers: list(from, |from| decode_value(from, 0))? })
}

fn message(from: &mut Reader<'_>) -> Option<InFlight> {
    let (sequence, label) = (from.u32()?, LabelId(from.u16()?));
    Some(InFlight { sequence, label, value: decode_value(from, 0)? })
}
