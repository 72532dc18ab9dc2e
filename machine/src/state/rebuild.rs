//! From a session's canonical bytes back to a session.
//!
//! [`rebuild`] refuses what no session of the image can look like: with what it makes, no step can go wrong. Whether
//! the registers' contents are what the code was verified with is [`examine`]'s question; it needs the image's types
//! and is for bytes from outside.

use crate::edge::slot;
use crate::edge::{BufferConfig, BufferMode, Message};
use crate::effect::EffectCoordinate;
use crate::ext::{Ext, TAG_ENDPOINT, store};
use crate::image::CodeImage;
use crate::layout::{
    CORO_GATE, CORO_PC, CORO_TAGS, EDGE_HEADER, EDGE_SENT, EDGE_WORDS, HEAD_ID, HEAD_READY, HEAD_STATUS, INLINE_SLOTS,
};
use crate::op::Op;
use crate::outbox::{Ask, Wanted};
use crate::outcome::EffectOutcome;
use crate::session::{Gate, Session, Status};
use crate::speculation::{Level, Speculation};
use crate::state::decode::{CoroutineState, SessionState, SpeculationState, Standing, StateError, StatePlace};
use crate::verify::Typing;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{Action, CoroutineId, EdgeId, EffectRow, LayerId, Planted, Reg, RoleId, SessionId, Value, planted};

fn ensure(ok: bool, place: StatePlace, what: &'static str) -> Result<(), StateError> {
    if ok { Ok(()) } else { Err(StateError { place, what }) }
}

/// The instruction that a coroutine is at.
fn op(image: &CodeImage, role: usize, coroutine: &CoroutineState) -> Option<Op> {
    let part = &image.parts.roles[role];
    let inside = (part.code_start..part.code_end).contains(&coroutine.pc.0);
    image.ops.get(coroutine.pc.index()).copied().filter(|op| inside && !matches!(op, Op::Unreachable))
}

/// An effect that may block, as its instruction asks for it.
#[derive(Clone, Copy)]
enum Deferred {
    /// A host operation, with the register of its argument.
    Effect(EffectRow, u16),
    Guard(LayerId),
}

impl Deferred {
    const fn gate(self) -> Gate {
        match self {
            Deferred::Effect(..) => Gate::Answer,
            Deferred::Guard(layer) => Gate::Guard(layer),
        }
    }
}

/// The effect that the instruction asks for, when it is one that may block.
fn deferred(image: &CodeImage, op: Op) -> Option<Deferred> {
    match op {
        Op::Invoke { effect, arg, .. } if image.parts.effects[effect.index()].may_block => {
            Some(Deferred::Effect(effect, arg))
        }
        Op::Acquire { layer, .. } => Some(Deferred::Guard(layer)),
        _ => None,
    }
}

/// The gate that a coroutine stands at.
fn gate(state: &SessionState, image: &CodeImage, role: usize, op: Op, holds: usize) -> Result<Gate, StateError> {
    let place = StatePlace::Coroutine(CoroutineId(role as u16));
    let coroutine = &state.coroutines[role];
    let queued = |edge: EdgeId| state.edges[edge.index()].messages.len();
    let (gate, ok, what) = match (&coroutine.standing, op) {
        (Standing::Runs, _) => (Gate::Open, true, ""),
        (Standing::Answered(outcome), op) => {
            let answer = !matches!(outcome, EffectOutcome::Blocked | EffectOutcome::Pending);
            let asked = deferred(image, op).is_some() && coroutine.counter > 0;
            (Gate::Open, answer && asked, "it has an answer but has asked nothing, or the answer is none")
        }
        (Standing::Deferred, op) => {
            let sends = matches!(op, Op::Send(_)) && state.deferred;
            (Gate::NextBurst, sends, "its send is deferred, but it sends nothing or nothing was ever deferred")
        }
        (Standing::AwaitsMessage | Standing::HasMessage, Op::Receive(crate::op::Comm { edge, .. }))
        | (Standing::AwaitsMessage | Standing::HasMessage, Op::Choose { edge, .. }) => {
            let there = queued(edge) > 0;
            let ok = there == coroutine.standing.is_ready() || planted(Planted::RestoreTrustsStanding);
            (Gate::Message(edge), ok, "it waits for a message that is there, or was woken by one that is not")
        }
        (Standing::AwaitsRoom | Standing::HasRoom, Op::Send(comm)) => {
            let room = queued(comm.edge) < holds;
            let ok = room == coroutine.standing.is_ready() || planted(Planted::RestoreTrustsStanding);
            (Gate::Room(comm.edge), ok, "it waits for room that is there, or was woken by room that is not")
        }
        (Standing::AwaitsAnswer, op) => {
            let asked = deferred(image, op).filter(|_| coroutine.counter > 0);
            (
                asked.map_or(Gate::Answer, Deferred::gate),
                asked.is_some(),
                "it waits for an answer but has asked nothing",
            )
        }
        (Standing::Halted, Op::Halt { .. }) => (Gate::Halted, true, ""),
        _ => (Gate::Open, false, "it waits for something else than its instruction needs"),
    };
    ensure(ok, place, what).map(|()| gate)
}

/// Makes a value a tagged word of the session. Only a coroutine's own endpoint is one.
fn word(
    ext: &mut Option<Box<Ext>>,
    value: Value,
    id: SessionId,
    own: Option<RoleId>,
    place: StatePlace,
) -> Result<(u8, u64), StateError> {
    fn mentions_endpoint(value: &Value) -> bool {
        match value {
            Value::Endpoint { .. } => true,
            Value::Prod(pair) => mentions_endpoint(&pair.0) || mentions_endpoint(&pair.1),
            _ => false,
        }
    }
    match value {
        Value::Endpoint { session, role } => {
            ensure(session == id && Some(role) == own, place, "it holds an endpoint that is not its own")?;
            Ok((TAG_ENDPOINT, u64::from(role.0)))
        }
        value => {
            ensure(!mentions_endpoint(&value), place, "it holds an endpoint inside a pair")?;
            Ok(store(ext, value))
        }
    }
}

/// A session and the effects that it waits to have answered.
pub(crate) fn rebuild(
    mut state: SessionState,
    image: &CodeImage,
    image_id: u32,
    buffer: &BufferConfig,
) -> Result<(Session, Vec<Ask>), StateError> {
    let speculation = state.speculation.take();
    let (mut session, asks) = rebuild_plain(state, image, image_id, buffer)?;
    if let Some(state) = speculation {
        let speculation = rebuild_speculation(state, session.id(), image, buffer)?;
        session.ext.get_or_insert_default().speculation = Some(Box::new(speculation));
    }
    Ok((session, asks))
}

/// The speculations of a session. That their coroutine is where they are open is [`examine`]'s question.
fn rebuild_speculation(
    state: SpeculationState,
    id: SessionId,
    image: &CodeImage,
    buffer: &BufferConfig,
) -> Result<Speculation, StateError> {
    let (place, roles) = (StatePlace::Session, image.parts.roles.len());
    ensure(state.coroutine.index() < roles, place, "the speculating coroutine does not exist")?;
    ensure(!state.levels.is_empty(), place, "it speculates without a speculation")?;
    let mut withheld = Vec::with_capacity(8 * state.withheld.len());
    state.withheld.iter().for_each(|event| withheld.extend_from_slice(&event.pack().to_le_bytes()));
    let mut levels: Vec<Level> = Vec::with_capacity(state.levels.len());
    for level in state.levels {
        let events = 8 * level.events as usize;
        let before = levels.last().map_or(0, |level| level.events);
        ensure(
            (before..=withheld.len()).contains(&events),
            place,
            "a speculation withholds other events than there are",
        )?;
        let known = level.spent.iter().all(|(coroutine, _)| coroutine.index() < roles);
        ensure(known, place, "an answer was used by a coroutine that does not exist")?;
        ensure(level.session.id == id, place, "a speculation keeps another session")?;
        let (session, _) = rebuild_plain(level.session, image, 0, buffer)?;
        let ext = session.ext.unwrap_or_default();
        levels.push(Level {
            ghost: level.ghost,
            words: session.words,
            owned: ext.owned,
            overflow: ext.overflow,
            spent: level.spent,
            events,
        });
    }
    Ok(Speculation { coroutine: state.coroutine.0, levels, withheld })
}

fn rebuild_plain(
    state: SessionState,
    image: &CodeImage,
    image_id: u32,
    buffer: &BufferConfig,
) -> Result<(Session, Vec<Ask>), StateError> {
    let (layout, parts) = (&image.layout, &image.parts);
    let (id, roles) = (state.id, parts.roles.len());
    let session = StatePlace::Session;
    ensure(state.coroutines.len() == roles, session, "the image has another number of roles")?;
    ensure(state.edges.len() == parts.edges.len(), session, "the image has another number of edges")?;
    ensure(state.current.index() < roles, session, "the current coroutine does not exist")?;
    let live = state.coroutines.iter().filter(|coroutine| coroutine.standing != Standing::Halted).count();
    ensure(live > 0, session, "every coroutine has ended, but the session has not")?;
    let owned = state.ownership.as_ref().is_none_or(|ownership| ownership.fits(id, image));
    ensure(owned, session, "its ownership names roles or edges that its image does not have, or another session")?;
    let holds = usize::from(buffer.holds());
    for (at, edge) in state.edges.iter().enumerate() {
        let place = StatePlace::Edge(EdgeId(at as u16));
        ensure(edge.messages.len() <= holds, place, "it holds more messages than an edge may")?;
        ensure(edge.messages.len() as u64 <= edge.sent, place, "it holds more messages than were sent")?;
    }
    let mut words = vec![0u64; layout.total].into_boxed_slice();
    let (mut ext, mut asks) = (None, Vec::new());
    words[HEAD_ID] = id.0;
    words[HEAD_STATUS] = Status::new(state.current.0, live as u16, state.deferred).0;
    for role in 0..roles {
        let place = StatePlace::Coroutine(CoroutineId(role as u16));
        let coroutine = &state.coroutines[role];
        let op = op(image, role, coroutine);
        let op = op.ok_or(StateError { place, what: "it is outside its code, or where no path leads" })?;
        let own = parts.states.get(coroutine.state.index()).is_some_and(|row| usize::from(row.role) == role);
        ensure(own, place, "its type is in a state that is not its own")?;
        let gate = gate(&state, image, role, op, holds)?;
        let offsets = layout.places[role];
        ensure(coroutine.registers.len() == usize::from(offsets.registers), place, "it has other registers")?;
        if coroutine.standing == Standing::AwaitsAnswer
            && let Some(deferred) = deferred(image, op)
        {
            let coordinate =
                EffectCoordinate { session: id, coroutine: CoroutineId(role as u16), counter: coroutine.counter - 1 };
            let wanted = match deferred {
                Deferred::Effect(effect, arg) => {
                    Wanted::Answer { effect, argument: coroutine.registers[usize::from(arg)].clone() }
                }
                Deferred::Guard(layer) => Wanted::Guard(layer),
            };
            asks.push(Ask { coordinate, role: RoleId(role as u16), wanted });
        }
        if coroutine.standing.is_ready() {
            words[HEAD_READY + role / 64] |= 1 << (role % 64);
        }
        let waits = u64::from(role as u16 + 1);
        match (gate, coroutine.standing.is_ready()) {
            (Gate::Message(edge), false) => words[layout.edges_at + edge.index() * EDGE_WORDS] |= waits << 32,
            (Gate::Room(edge), false) => words[layout.edges_at + edge.index() * EDGE_WORDS] |= waits << 48,
            _ => {}
        }
        words[layout.roles_at + role] = u64::from(coroutine.state.0) | (role as u64) << 32;
        let at = layout.coros_at + offsets.start as usize;
        words[at + CORO_PC] = u64::from(coroutine.pc.0) | u64::from(coroutine.counter) << 32;
        words[at + CORO_GATE] = gate.pack();
    }
    for (role, coroutine) in state.coroutines.into_iter().enumerate() {
        let id = CoroutineId(role as u16);
        let offsets = layout.places[role];
        let tags_at = layout.coros_at + offsets.start as usize + CORO_TAGS;
        let registers_at = tags_at + offsets.tag_words as usize;
        for (register, value) in coroutine.registers.into_iter().enumerate() {
            let place = StatePlace::Register(id, Reg(register as u16));
            let (tag, word) = word(&mut ext, value, state.id, Some(RoleId(role as u16)), place)?;
            words[tags_at + register / 8] |= u64::from(tag) << (register % 8 * 8);
            words[registers_at + register] = word;
        }
        if let Standing::Answered(outcome) = coroutine.standing {
            ext.get_or_insert_default().answers.push((id, outcome));
        }
    }
    for (at, edge) in state.edges.into_iter().enumerate() {
        let edge_id = EdgeId(at as u16);
        let first = layout.edges_at + at * EDGE_WORDS;
        words[first + EDGE_HEADER] |= (edge.messages.len() as u64) << 16;
        words[first + EDGE_SENT] = edge.sent;
        for (queued, message) in edge.messages.into_iter().enumerate() {
            let place = StatePlace::Message(edge_id, queued);
            let (tag, word) = word(&mut ext, message.value, id, None, place)?;
            let meta = Message { label: message.label, tag, word }.meta(u64::from(message.sequence));
            if queued < INLINE_SLOTS {
                words[first + slot(0, queued)] = meta;
                words[first + slot(0, queued) + 1] = word;
            } else {
                ext.get_or_insert_default().overflow(edge_id).push_back((meta, word));
            }
        }
    }
    let mut session = Session { words, ext, image: image_id };
    state.ownership.into_iter().for_each(|ownership| session.put_ownership(ownership));
    Ok((session, asks))
}

/// Holds a session against what verification knows of its image: the state of every role's type, the contents of
/// every register, and the label and payload of every message in flight. It has been, or will be, [`rebuild`] too.
pub(crate) fn examine(
    state: &SessionState,
    image: &CodeImage,
    typing: &Typing,
    buffer: &BufferConfig,
) -> Result<(), StateError> {
    let levels = state.speculation.as_ref().map_or(&[][..], |speculation| &speculation.levels);
    let speculating = state.speculation.as_ref().map(|speculation| speculation.coroutine);
    let place = StatePlace::Session;
    let unlike = "the speculations are not those that its code was verified with";
    let sessions = levels.iter().map(|level| &level.session).chain([state]);
    for (depth, session) in sessions.enumerate() {
        examine_plain(session, image, typing, buffer)?;
        for (at, coroutine) in session.coroutines.iter().enumerate() {
            let open = typing.forks(coroutine.pc);
            let own = speculating == Some(CoroutineId(at as u16));
            // What a level keeps stands behind its `Fork`, so inside it; the session itself is inside them all.
            let expected = if own { levels.len().min(depth + 1) } else { 0 };
            ensure(open.len() == expected, place, unlike)?;
            for (fork, level) in open.iter().zip(levels) {
                let kept = level.session.coroutines.get(at).map(|coroutine| coroutine.pc.0);
                let behind = match image.ops.get(*fork as usize) {
                    Some(Op::Fork { pc, .. }) => Some(*pc),
                    _ => None,
                };
                ensure(kept.is_some() && kept == behind, place, unlike)?;
            }
        }
    }
    Ok(())
}

fn examine_plain(
    state: &SessionState,
    image: &CodeImage,
    typing: &Typing,
    buffer: &BufferConfig,
) -> Result<(), StateError> {
    let parts = &image.parts;
    for (at, coroutine) in state.coroutines.iter().enumerate() {
        let id = CoroutineId(at as u16);
        let place = StatePlace::Coroutine(id);
        let verified = typing.state(coroutine.pc) == Some(coroutine.state.0);
        ensure(verified, place, "its instruction was verified in another state of its type")?;
        for (register, value) in coroutine.registers.iter().enumerate() {
            let fits = typing.admits(image, RoleId(at as u16), coroutine.pc, register, value)
                || planted(Planted::RestoreTrustsRegisters);
            ensure(
                fits,
                StatePlace::Register(id, Reg(register as u16)),
                "it holds what its code was not verified with",
            )?;
        }
    }
    for (at, (edge, ends)) in state.edges.iter().zip(&parts.edges).enumerate() {
        let id = EdgeId(at as u16);
        let first = edge.sent.wrapping_sub(edge.messages.len() as u64);
        for (queued, message) in edge.messages.iter().enumerate() {
            let place = StatePlace::Message(id, queued);
            ensure(typing.is_sent(id, message.label), place, "its label is never sent on this edge")?;
            let sort = image.label_sort(message.label);
            ensure(message.value.has_sort(&image.sorts, sort), place, "its payload is not of its label's sort")?;
            let numbered = message.sequence == first.wrapping_add(queued as u64) as u32;
            ensure(numbered || buffer.mode != BufferMode::Fifo, place, "its number is not the one it was sent with")?;
        }
        let receiver = state.coroutines.get(usize::from(ends.receiver));
        let receives = receiver.and_then(|receiver| parts.states.get(receiver.state.index()));
        if let (Some(next), Some(receives)) = (edge.messages.first(), receives)
            && receives.action == Action::Recv(id.0)
        {
            let expected = receives.branches.iter().any(|branch| branch.label == next.label.0);
            ensure(expected, StatePlace::Message(id, 0), "its receiver can not receive it")?;
        }
    }
    Ok(())
}
