//! From a session's canonical bytes back to a session.
//!
//! [`rebuild`] refuses what no session of the image can look like: with what it makes, no step can go wrong. Whether
//! the registers' contents are what the code was verified with is [`examine`]'s question; it needs the image's types
//! and is for bytes from outside.

use crate::auth::bytes::settle_ledger;
use crate::credits::Credits;
use crate::edge::BufferConfig;
use crate::effect::EffectCoordinate;
use crate::ext::{Ext, TAG_ENDPOINT, store};
use crate::growth::Child;
use crate::guest::endpoint_word;
use crate::image::CodeImage;
use crate::images::Images;
use crate::layout::{CORO_GATE, CORO_PC, CORO_TAGS, EDGE_HEADER, EDGE_WORDS, HEAD_ID, HEAD_READY, HEAD_STATUS};
use crate::op::Op;
use crate::outbox::{Ask, Wanted};
use crate::session::{Gate, Session, Status};
use crate::speculation::{Level, Speculation};
use crate::state::decode::{CoroutineState, SessionState, SpeculationState, Standing, StateError, StatePlace};
use crate::state::examine::{examine_credits, examine_deadlines};
use crate::state::gate::{Deferred, deferred, gate};
use crate::state::growth::{rebuild_edge, rebuild_growth};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{CoroutineId, EdgeId, Reg, RoleId, SessionId, Value};

pub(crate) fn ensure(ok: bool, place: StatePlace, what: &'static str) -> Result<(), StateError> {
    if ok { Ok(()) } else { Err(StateError { place, what }) }
}

/// The instruction that a coroutine is at.
fn op(image: &CodeImage, role: usize, coroutine: &CoroutineState) -> Option<Op> {
    let part = &image.parts.roles[role];
    let inside = (part.code_start..part.code_end).contains(&coroutine.pc.0);
    image.ops.get(coroutine.pc.index()).copied().filter(|op| inside && !matches!(op, Op::Unreachable))
}

/// Where a session belongs: its image, and that image's place among the machine's.
#[derive(Clone, Copy)]
pub(crate) struct Home<'a> {
    pub(crate) image: &'a CodeImage,
    pub(crate) image_id: u32,
    pub(crate) images: &'a Images,
    pub(crate) buffer: &'a BufferConfig,
}

/// Makes a value a tagged word of the session. Endpoints are a coroutine's own, or, where the island has opened others,
/// any of the island's.
pub(super) fn word(
    ext: &mut Option<Box<Ext>>,
    value: Value,
    id: SessionId,
    own: Option<RoleId>,
    opened: Option<u32>,
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
            let known = own.is_some() && opened.is_some_and(|opened| session.number() <= opened);
            let ok = session == id && Some(role) == own || session.host() == id && known;
            ensure(ok, place, "it holds an endpoint that is not its own")?;
            Ok((TAG_ENDPOINT, endpoint_word(session.number(), role)))
        }
        value => {
            ensure(!mentions_endpoint(&value), place, "it holds an endpoint inside a pair")?;
            Ok(store(ext, value))
        }
    }
}

/// A session and the effects that it waits to have answered.
pub(crate) fn rebuild(mut state: SessionState, home: &Home<'_>) -> Result<(Session, Vec<Ask>), StateError> {
    let speculation = state.speculation.take();
    let spawned = state.growth.as_ref().map_or(0, |growth| growth.spawned);
    let (mut session, asks) = rebuild_plain(state, home, speculation.is_some())?;
    if let Some(state) = speculation {
        let speculation = rebuild_speculation(state, session.id(), spawned, home)?;
        session.ext.get_or_insert_default().speculation = Some(Box::new(speculation));
    }
    Ok((session, asks))
}

/// The speculations of a session. That their coroutine is where they are open is [`examine`]'s question.
fn rebuild_speculation(
    state: SpeculationState,
    id: SessionId,
    spawned: u16,
    home: &Home<'_>,
) -> Result<Speculation, StateError> {
    let (place, roles) = (StatePlace::Session, home.image.parts.roles.len() + usize::from(spawned));
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
        // What was withheld as consumed when the outermost began was nothing.
        let (session, _) = rebuild_plain(level.session, home, !levels.is_empty())?;
        let ext = session.ext.unwrap_or_default();
        levels.push(Level {
            ghost: level.ghost,
            words: session.words,
            owned: ext.owned,
            overflow: ext.overflow,
            growth: ext.growth,
            ledger: ext.ledger,
            spent: level.spent,
            events,
        });
    }
    Ok(Speculation { coroutine: state.coroutine.0, levels, withheld })
}

fn rebuild_plain(
    mut state: SessionState,
    home: &Home<'_>,
    speculates: bool,
) -> Result<(Session, Vec<Ask>), StateError> {
    let Home { image, image_id, images, buffer } = *home;
    let (layout, parts) = (&image.layout, &image.parts);
    let (id, roles) = (state.id, parts.roles.len());
    let session = StatePlace::Session;
    ensure(state.coroutines.len() == roles, session, "the image has another number of roles")?;
    ensure(state.edges.len() == parts.edges.len(), session, "the image has another number of edges")?;
    let spawned = state.growth.as_ref().map_or(0, |growth| usize::from(growth.spawned));
    ensure(state.current.index() < roles + spawned, session, "the current coroutine does not exist")?;
    ensure(roles + spawned < usize::from(u16::MAX), session, "it has started more coroutines than can be")?;
    let live = state.all().filter(|(_, _, coroutine)| !coroutine.standing.has_ended()).count();
    ensure(live > 0, session, "every coroutine has ended, but the session has not")?;
    let owned = state.ownership.as_ref().is_none_or(|ownership| ownership.fits(id, image));
    ensure(owned, session, "its ownership names roles or edges that its image does not have, or another session")?;
    examine_credits(&state, images, roles + spawned, speculates)?;
    examine_deadlines(&state)?;
    let holds = usize::from(buffer.holds());
    for (at, edge) in state.edges.iter().enumerate() {
        let place = StatePlace::Edge(EdgeId(at as u16));
        ensure(edge.messages.len() <= holds, place, "it holds more messages than an edge may")?;
        ensure(edge.messages.len() as u64 <= edge.sent, place, "it holds more messages than were sent")?;
    }
    settle_ledger(&mut state, &images.watch, speculates)?;
    let mut words = vec![0u64; layout.total].into_boxed_slice();
    let (mut ext, mut asks) = (None, Vec::new());
    let mut waiting: Vec<(u32, EdgeId, u64)> = Vec::new();
    words[HEAD_ID] = id.0;
    words[HEAD_STATUS] = Status::new(state.current.0, live as u16, state.deferred).0;
    let (near, mut far) = (layout.roles_at - HEAD_READY, Vec::new());
    far.resize((roles + spawned).div_ceil(64).saturating_sub(near) * usize::from(spawned > 0), 0);
    let mut positions = Vec::with_capacity(roles);
    let mut before = None;
    for (number, role, coroutine) in state.all() {
        let place = StatePlace::Coroutine(number);
        let role_at = role.index();
        let started = number.index() >= roles;
        let numbered = before < Some(number) && number.index() < roles + spawned && role_at < roles;
        ensure(numbered, place, "it stands out of order, or was never started")?;
        before = Some(number);
        ensure(!started || coroutine.standing != Standing::Halted, place, "it has ended, and is still there")?;
        let op = op(image, role_at, coroutine);
        let op = op.ok_or(StateError { place, what: "it is outside its code, or where no path leads" })?;
        let own = parts.states.get(coroutine.state.index()).is_some_and(|row| usize::from(row.role) == role_at);
        ensure(own || started, place, "its type is in a state that is not its own")?;
        let gate = gate(&state, home, number, coroutine, op)?;
        let offsets = layout.places[role_at];
        ensure(coroutine.registers.len() == usize::from(offsets.registers), place, "it has other registers")?;
        if coroutine.standing == Standing::AwaitsAnswer
            && let Some(deferred) = deferred(image, op)
        {
            let coordinate = EffectCoordinate { session: id, coroutine: number, counter: coroutine.counter - 1 };
            let wanted = match deferred {
                Deferred::Effect(effect, arg) => {
                    Wanted::Answer { effect, argument: coroutine.registers[usize::from(arg)].clone() }
                }
                Deferred::Guard(layer) => Wanted::Guard(layer),
            };
            asks.push(Ask { coordinate, role, wanted });
        }
        if coroutine.standing.is_ready() {
            let word = number.index() / 64;
            let bits = if word < near { &mut words[HEAD_READY + word] } else { &mut far[word - near] };
            *bits |= 1 << (number.0 % 64);
        }
        let waits = u64::from(number.0 + 1);
        match (gate, coroutine.standing.is_ready()) {
            (Gate::Message(edge), false) => words[layout.edges_at + edge.index() * EDGE_WORDS] |= waits << 32,
            (Gate::Room(edge), false) => words[layout.edges_at + edge.index() * EDGE_WORDS] |= waits << 48,
            (Gate::GuestMessage(number, edge), false) => waiting.push((number, edge, waits << 32)),
            (Gate::GuestRoom(number, edge), false) => waiting.push((number, edge, waits << 48)),
            _ => {}
        }
        if !started {
            let owner = state.owner(role);
            ensure(owner.index() < roles + spawned, place, "a coroutine that does not exist owns its endpoint")?;
            words[layout.roles_at + role_at] = u64::from(coroutine.state.0) | u64::from(owner.0) << 32;
        }
        positions.push([u64::from(coroutine.pc.0) | u64::from(coroutine.counter) << 32, gate.pack()]);
    }
    let opened = state.growth.as_ref().map(|growth| growth.opened);
    let living = state.all().filter(|(_, _, coroutine)| opened.is_some() && !coroutine.standing.has_ended());
    let living = living.map(|(number, _, _)| number).collect();
    let mut children = Vec::new();
    if let Some(mut growth) = state.growth.take() {
        children = core::mem::take(&mut growth.children);
        let mut growth = rebuild_growth(growth, images, image_id, id, buffer, &living, &mut ext)?;
        for (number, edge, waits) in waiting {
            if let Some(at) = growth.place(number) {
                growth.guests[at].edges[edge.index()][EDGE_HEADER] |= waits;
            }
        }
        growth.far = far;
        ext.get_or_insert_default().growth = Some(Box::new(growth));
    }
    let mains = (0u16..).zip(state.coroutines).map(|(at, coroutine)| (CoroutineId(at), RoleId(at), coroutine));
    let children = children.into_iter().map(|child| (child.number, child.role, child.coroutine));
    for ((number, role, coroutine), position) in mains.chain(children).zip(positions) {
        let place = layout.places[role.index()];
        let mut own = vec![0; place.words()].into_boxed_slice();
        [own[CORO_PC], own[CORO_GATE]] = position;
        let (tags, registers) = own[CORO_TAGS..].split_at_mut(usize::from(place.tag_words));
        for (register, value) in coroutine.registers.into_iter().enumerate() {
            let place = StatePlace::Register(number, Reg(register as u16));
            let (tag, word) = word(&mut ext, value, id, Some(role), opened, place)?;
            tags[register / 8] |= u64::from(tag) << (register % 8 * 8);
            registers[register] = word;
        }
        if let Standing::Answered(outcome) = coroutine.standing {
            ext.get_or_insert_default().answers.push((number, outcome));
        }
        if number.index() < roles {
            words[layout.coros_at + place.start as usize..][..own.len()].copy_from_slice(&own);
        } else if let Some(growth) = ext.as_mut().and_then(|ext| ext.growth.as_mut()) {
            growth.children.push(Child { number: number.0, role: role.0, words: own });
        }
    }
    for (at, edge) in state.edges.into_iter().enumerate() {
        let edge_id = EdgeId(at as u16);
        let words = &mut words[layout.edges_at + at * EDGE_WORDS..][..EDGE_WORDS];
        let spilled = rebuild_edge(words, edge, &mut ext, id, |queued| StatePlace::Message(edge_id, queued))?;
        if !spilled.is_empty() {
            *ext.get_or_insert_default().overflow(edge_id) = spilled;
        }
    }
    if !state.credits.is_empty() {
        ext.get_or_insert_default().credits = Some(Box::new(Credits(state.credits)));
    }
    if let Some(ledger) = state.ledger {
        ext.get_or_insert_default().ledger = Some(ledger);
    }
    let mut session = Session { words, ext, image: image_id };
    state.ownership.into_iter().for_each(|ownership| session.put_ownership(ownership));
    Ok((session, asks))
}
