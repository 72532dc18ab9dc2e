//! The canonical bytes of what an island has besides its main session, and the way back.
//!
//! ```text
//! growth     u32 sessions ever opened | u16 coroutines ever started | u32 endpoints that ever changed hands
//!            u16 roles of the main session whose endpoint is not their own coroutine's, each: u16 role | u16 owner
//!            u16 receipts not handed out, each: u32 number | u32 session | u16 role | u16 from | u16 to
//!                                  u8 whether a progress token went along | facts that went along
//!            u16 started coroutines, by their numbers, each: u16 number | u16 role | as a coroutine in a session, without
//!                                  a type state
//!            u16 sessions, by their numbers, each: u32 number | u16 plan | u8 is closing
//!                                  u16 roles, each: u32 type state | u16 owning coroutine
//!                                  u16 edges, each as in a session
//!            u16 endpoints of which a coroutine knows something, by coroutine, session and role, each:
//!                                  u16 coroutine | u32 session | u16 role | facts
//! facts      u16 of them, in ascending order, each a text
//! ```
//!
//! A plan is a row of the main session's image, which names the other image by its digest.

use crate::edge::{BufferConfig, BufferMode, Message, slot};
use crate::ext::Ext;
use crate::growth::{Child, Delegation, Growth, Guest};
use crate::image::CodeImage;
use crate::images::Images;
use crate::knowledge::{About, Facts};
use crate::layout::{CORO_PC, EDGE_HEADER, EDGE_SENT, EDGE_WORDS, HEAD_ID, HEAD_READY, INLINE_SLOTS};
use crate::session::is_ready;
use crate::state::decode::{
    ChildState, EdgeState, GrowthState, GuestState, KnowledgeState, ReceiptState, RoleState, SessionState, StateError,
    StatePlace, coroutine_behind, edge, flag, list,
};
use crate::state::encode::{encode_coroutine, encode_edge};
use crate::state::rebuild::{Home, ensure, word};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{Action, CoroutineId, Digester, EdgeId, Pc, Planted, Reader, RoleId, SessionId, StateId, planted};

/// The roles of the main session whose endpoint another coroutine owns.
fn moved(words: &[u64], image: &CodeImage) -> Vec<(u16, u16)> {
    let cells = (0u16..).zip(&words[image.layout.roles_at..image.layout.coros_at]);
    cells.map(|(role, cell)| (role, (cell >> 32) as u16)).filter(|(role, owner)| role != owner).collect()
}

/// Appends what an island has besides its main session, whose words and image these are.
pub(super) fn encode_growth(
    into: &mut impl Digester,
    growth: &Growth,
    words: &[u64],
    ext: Option<&Ext>,
    image: &CodeImage,
) {
    let (id, layout) = (SessionId(words[HEAD_ID]), &image.layout);
    into.u32(growth.opened);
    into.u16(growth.spawned);
    into.u32(growth.delegated);
    let moved = moved(words, image);
    into.u16(moved.len() as u16);
    for (role, owner) in moved {
        into.u16(role);
        into.u16(owner);
    }
    into.u16(growth.receipts.len() as u16);
    for receipt in &growth.receipts {
        into.u32(receipt.number);
        into.u32(receipt.guest);
        [receipt.role, receipt.from, receipt.to].into_iter().for_each(|number| into.u16(number));
        into.u8(u8::from(receipt.token));
        encode_facts(into, &receipt.facts);
    }
    let children: &[Child] = if planted(Planted::SpawnedUncounted) { &[] } else { &growth.children };
    into.u16(children.len() as u16);
    for child in children {
        into.u16(child.number);
        into.u16(child.role);
        into.u64(child.words[CORO_PC]);
        let ready = is_ready(&words[HEAD_READY..layout.roles_at], &growth.far, child.number);
        let place = layout.places[usize::from(child.role)];
        encode_coroutine(into, &child.words, place, usize::from(child.number), ready, ext, id);
    }
    let guests: &[Guest] = if planted(Planted::GuestUncounted) { &[] } else { &growth.guests };
    into.u16(guests.len() as u16);
    for guest in guests {
        into.u32(guest.number);
        into.u16(guest.plan);
        into.u8(u8::from(guest.draining));
        into.u16(guest.roles.len() as u16);
        for cell in &guest.roles {
            into.u32(*cell as u32);
            into.u16((cell >> 32) as u16);
        }
        into.u16(guest.edges.len() as u16);
        for (at, edge) in guest.edges.iter().enumerate() {
            encode_edge(into, edge, at, &guest.overflow, ext, id);
        }
    }
    let known = growth.knowledge.iter();
    let known = known.take(if planted(Planted::KnowledgeUncounted) { 0 } else { usize::MAX });
    into.u16(known.len() as u16);
    for (about, facts) in known {
        into.u16(about.coroutine);
        into.u32(about.number);
        into.u16(about.role.0);
        encode_facts(into, facts);
    }
}

fn encode_facts(into: &mut impl Digester, facts: &Facts) {
    into.u16(facts.len() as u16);
    facts.iter().for_each(|fact| into.str(fact));
}

fn decode_facts(from: &mut Reader<'_>) -> Option<Vec<String>> {
    list(from, |from| from.str().map(String::from))
}

/// Reads what [`encode_growth`] wrote.
pub(super) fn decode_growth(from: &mut Reader<'_>) -> Option<GrowthState> {
    let (opened, spawned, delegated) = (from.u32()?, from.u16()?, from.u32()?);
    let moved = list(from, |from| Some((RoleId(from.u16()?), CoroutineId(from.u16()?))))?;
    let receipts = list(from, |from| {
        let (number, guest, role) = (from.u32()?, from.u32()?, RoleId(from.u16()?));
        let (giver, taker) = (CoroutineId(from.u16()?), CoroutineId(from.u16()?));
        let (token, facts) = (flag(from.u8()?)?, decode_facts(from)?);
        Some(ReceiptState { number, guest, role, from: giver, to: taker, token, facts })
    })?;
    let children = list(from, |from| {
        let (number, role) = (CoroutineId(from.u16()?), RoleId(from.u16()?));
        let (pc, counter) = (Pc(from.u32()?), from.u32()?);
        let coroutine = coroutine_behind(from, pc, counter, StateId(0))?;
        Some(ChildState { number, role, coroutine })
    })?;
    let guests = list(from, |from| {
        let (number, plan, draining) = (from.u32()?, from.u16()?, flag(from.u8()?)?);
        let roles =
            list(from, |from| Some(RoleState { state: StateId(from.u32()?), owner: CoroutineId(from.u16()?) }))?;
        Some(GuestState { number, plan, draining, roles, edges: list(from, edge)? })
    })?;
    let knowledge = list(from, |from| {
        let (coroutine, guest, role) = (CoroutineId(from.u16()?), from.u32()?, RoleId(from.u16()?));
        Some(KnowledgeState { coroutine, guest, role, facts: decode_facts(from)? })
    })?;
    Some(GrowthState { opened, spawned, delegated, moved, receipts, children, guests, knowledge })
}

/// The words of one edge, without those who wait, and what has spilled.
pub(super) fn rebuild_edge(
    words: &mut [u64],
    edge: EdgeState,
    ext: &mut Option<Box<Ext>>,
    id: SessionId,
    place: impl Fn(usize) -> StatePlace,
) -> Result<VecDeque<(u64, u64)>, StateError> {
    let mut spilled = VecDeque::new();
    words[EDGE_HEADER] |= (edge.messages.len() as u64) << 16;
    words[EDGE_SENT] = edge.sent;
    for (queued, message) in edge.messages.into_iter().enumerate() {
        let (tag, word) = word(ext, message.value, id, None, None, place(queued))?;
        let meta = Message { label: message.label, tag, word }.meta(u64::from(message.sequence));
        if queued < INLINE_SLOTS {
            words[slot(0, queued)] = meta;
            words[slot(0, queued) + 1] = word;
        } else {
            spilled.push_back((meta, word));
        }
    }
    Ok(spilled)
}

/// The image of a guest.
fn image_of<'a>(images: &'a Images, image_id: u32, guest: &GuestState) -> Option<(u32, &'a CodeImage)> {
    let at = images.plan_of(image_id, guest.plan)?.image;
    Some((at, images.get(at as usize)?))
}

fn rebuild_facts(facts: Vec<String>, place: StatePlace) -> Result<Facts, StateError> {
    ensure(facts.is_sorted_by(|a, b| a < b), place, "its facts stand out of order, or one stands twice")?;
    Ok(facts.into_iter().map(String::into_boxed_str).collect())
}

/// What a state of a grown session comes to; none of the coroutines waits on an edge yet. `living` are those that have not
/// ended.
pub(super) fn rebuild_growth(
    state: GrowthState,
    images: &Images,
    image_id: u32,
    id: SessionId,
    buffer: &BufferConfig,
    living: &BTreeSet<CoroutineId>,
    ext: &mut Option<Box<Ext>>,
) -> Result<Growth, StateError> {
    let GrowthState { opened, spawned, delegated, .. } = state;
    let mut growth = Growth { opened, spawned, delegated, ..Growth::default() };
    let roles_of = |number: u32| match number {
        0 => Some((image_id, images.get(image_id as usize)?.role_count())),
        _ => {
            let guest = state.guests.iter().find(|guest| guest.number == number)?;
            image_of(images, image_id, guest).map(|(at, image)| (at, image.role_count()))
        }
    };
    for receipt in state.receipts {
        // A receipt that is still kept may be of a session that has ended since.
        let (image, roles) = roles_of(receipt.guest).unwrap_or((image_id, usize::MAX));
        ensure(receipt.role.index() < roles, StatePlace::Session, "a receipt is of a role that does not exist")?;
        let (number, guest, role) = (receipt.number, receipt.guest, receipt.role.0);
        let (from, to, token) = (receipt.from.0, receipt.to.0, receipt.token);
        let facts = rebuild_facts(receipt.facts, StatePlace::Session)?;
        growth.receipts.push(Delegation { number, guest, image, role, from, to, token, facts });
    }
    for known in state.knowledge {
        let place = StatePlace::Knowledge(known.coroutine);
        let about = About { coroutine: known.coroutine.0, number: known.guest, role: known.role };
        let trusted = planted(Planted::RestoreTrustsKnowledge);
        let alive = living.contains(&known.coroutine) || trusted;
        ensure(alive, place, "there is no such coroutine, or it has ended")?;
        let roles = roles_of(about.number).map_or(0, |(_, roles)| roles);
        ensure(about.role.index() < roles || trusted, place, "it is of an endpoint that does not exist")?;
        let ordered = growth.knowledge.iter().next_back().is_none_or(|(last, _)| *last < about);
        ensure(ordered && !known.facts.is_empty(), place, "it stands out of order, or is nothing")?;
        growth.knowledge.learn(about, rebuild_facts(known.facts, place)?);
    }
    let rules = &images.knowledge;
    let within = growth.knowledge.count() <= rules.max_facts
        && growth.knowledge.iter().flat_map(|(_, facts)| facts).all(|fact| fact.len() <= rules.max_fact_bytes);
    ensure(within, StatePlace::Session, "more is known than the configuration allows")?;
    ensure(state.opened <= SessionId::MAX_GUESTS, StatePlace::Session, "it has opened more sessions than can be")?;
    let mut before = 0;
    for guest in state.guests {
        let place = StatePlace::Guest(guest.number);
        let (number, plan, draining) = (guest.number, guest.plan, guest.draining);
        ensure(number > before && number <= state.opened, place, "it stands out of order, or was never opened")?;
        before = number;
        let found = image_of(images, image_id, &guest);
        let (image_at, image) = found.ok_or(StateError { place, what: "its image has no such plan" })?;
        let parts = &image.parts;
        ensure(guest.roles.len() == parts.roles.len(), place, "its image has another number of roles")?;
        ensure(guest.edges.len() == parts.edges.len(), place, "its image has another number of edges")?;
        let mut roles = Vec::with_capacity(guest.roles.len());
        for (role, cell) in guest.roles.iter().enumerate() {
            let own = parts.states.get(cell.state.index()).is_some_and(|row| usize::from(row.role) == role);
            ensure(own || planted(Planted::RestoreTrustsGuests), place, "a type is in a state that is not its own")?;
            roles.push(u64::from(cell.state.0) | u64::from(cell.owner.0) << 32);
        }
        let mut edges = vec![[0; EDGE_WORDS]; guest.edges.len()].into_boxed_slice();
        let (mut overflow, holds) = (Vec::new(), usize::from(buffer.holds()));
        for ((at, edge), words) in guest.edges.into_iter().enumerate().zip(&mut edges) {
            ensure(edge.messages.len() <= holds, place, "an edge holds more messages than it may")?;
            ensure(edge.messages.len() as u64 <= edge.sent, place, "an edge holds more messages than were sent")?;
            let spilled = rebuild_edge(words, edge, ext, id, |_| place)?;
            if !spilled.is_empty() {
                overflow.push((EdgeId(at as u16), spilled));
            }
        }
        growth.guests.push(Guest { number, plan, image: image_at, draining, roles: roles.into(), edges, overflow });
    }
    Ok(growth)
}

/// Where a role stands: what its type allows, who owns it, whether its session is closing, and how many messages each
/// of its session's edges has.
pub(super) struct Stand<'a> {
    pub(super) action: Action,
    pub(super) owner: CoroutineId,
    pub(super) draining: bool,
    pub(super) edges: &'a [EdgeState],
}

/// Where the role of an endpoint stands in a session that is being read.
pub(super) fn stand<'a>(
    state: &'a SessionState,
    images: &Images,
    image_id: u32,
    session: SessionId,
    role: RoleId,
) -> Option<Stand<'a>> {
    if session.host() != state.id {
        return None;
    }
    let (image, cell, draining, edges) = match session.number() {
        0 => {
            let at = state.coroutines.get(role.index())?.state;
            let cell = RoleState { state: at, owner: state.owner(role) };
            (&**images.get(image_id as usize)?, cell, false, &state.edges)
        }
        number => {
            let guest = state.growth.as_ref()?.guests.iter().find(|guest| guest.number == number)?;
            (image_of(images, image_id, guest)?.1, *guest.roles.get(role.index())?, guest.draining, &guest.edges)
        }
    };
    let action = image.parts.states.get(cell.state.index())?.action;
    Some(Stand { action, owner: cell.owner, draining, edges })
}

/// Holds what is in flight on an image's edges against what its types allow.
pub(super) fn examine_edges(
    image: &CodeImage,
    edges: &[EdgeState],
    state_of: impl Fn(u16) -> Option<StateId>,
    is_sent: impl Fn(EdgeId, motet_types::LabelId) -> bool,
    home: &Home<'_>,
    place: impl Fn(EdgeId, usize) -> StatePlace,
) -> Result<(), StateError> {
    let parts = &image.parts;
    for (at, (edge, ends)) in edges.iter().zip(&parts.edges).enumerate() {
        let id = EdgeId(at as u16);
        let first = edge.sent.wrapping_sub(edge.messages.len() as u64);
        for (queued, message) in edge.messages.iter().enumerate() {
            let place = place(id, queued);
            ensure(is_sent(id, message.label), place, "its label is never sent on this edge")?;
            let sort = image.label_sort(message.label);
            // A link that was corrupted may have changed it.
            let fits = message.value.has_sort(&image.sorts, sort) || home.images.network.tampered;
            ensure(fits, place, "its payload is not of its label's sort")?;
            let numbered = message.sequence == first.wrapping_add(queued as u64) as u32;
            ensure(
                numbered || home.buffer.mode != BufferMode::Fifo,
                place,
                "its number is not the one it was sent with",
            )?;
        }
        let receives = state_of(ends.receiver).and_then(|state| parts.states.get(state.index()));
        if let (Some(next), Some(receives)) = (edge.messages.first(), receives)
            && receives.action == Action::Recv(id.0)
        {
            let expected = receives.branches.iter().any(|branch| branch.label == next.label.0);
            ensure(expected, place(id, 0), "its receiver can not receive it")?;
        }
    }
    Ok(())
}

/// Holds guests against their images, and owners against the coroutines that there are.
pub(super) fn examine_growth(state: &SessionState, home: &Home<'_>) -> Result<(), StateError> {
    let (images, image_id) = (home.images, home.image_id);
    for guest in state.growth.iter().flat_map(|growth| &growth.guests) {
        let place = StatePlace::Guest(guest.number);
        let (_, image) = image_of(images, image_id, guest).ok_or(StateError { place, what: "it has no image" })?;
        let started = state.growth.as_ref().map_or(0, |growth| usize::from(growth.spawned));
        let owned = guest.roles.iter().all(|cell| cell.owner.index() < state.coroutines.len() + started);
        ensure(owned, place, "a coroutine that does not exist owns an endpoint")?;
        let mut sent = BTreeSet::new();
        for state in &image.parts.states {
            if let Action::Send(edge) = state.action {
                sent.extend(state.branches.iter().map(|branch| (edge, branch.label)));
            }
        }
        let state_of = |role: u16| guest.roles.get(usize::from(role)).map(|cell| cell.state);
        examine_edges(
            image,
            &guest.edges,
            state_of,
            |edge, label| sent.contains(&(edge.0, label.0)),
            home,
            |_, _| place,
        )?;
    }
    Ok(())
}
