//! Communication through an endpoint in a register that is not surely the coroutine's own.
//!
//! What an operation for the own endpoint knows from verification is looked up here at the step, in the image of the
//! endpoint's session: who owns the role, what its type allows, which label is meant, and whether the payload is of its
//! sort. From there on it is the same code: a guest's roles and edges stand in the frame where the main session's do.

use crate::acquire::{acquire, release};
use crate::comm::{accept_message, choose_among, send_as, val_type};
use crate::edge::Header;
use crate::ext::view;
use crate::frame::{Frame, Outcome, Step};
use crate::growth::Guest;
use crate::guest::{close, open};
use crate::host::decide_among;
use crate::image::CodeImage;
use crate::knowledge::{check, tag};
use crate::op::{Comm, Op};
use crate::reply::Respondent;
use crate::session::Gate;
use crate::spawn::spawn;
use crate::transfer::transfer;
use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_types::{Action, CoroutineId, EdgeId, Event, EventKind, Fault, LabelId, Planted, RoleId, SortId, planted};

/// The operations that are rare: sessions, endpoints, knowledge, guards, and what is found out about values at the step.
#[cold]
#[inline(never)]
pub(crate) fn rare(frame: &mut Frame<'_>, host: &dyn Respondent, op: &Op) -> Step {
    match *op {
        Op::Open { dst, plan, pc } => open(frame, dst, plan, pc),
        Op::Close { session, pc } => close(frame, session, pc),
        Op::Cast { val, sort, pc } => cast(frame, val, sort, pc),
        Op::Spawn { args, dst, target, pc } => spawn(frame, args, dst, target, pc),
        Op::Transfer { endpoint, owns, target, pc } => transfer(frame, host, endpoint, owns, target, pc),
        Op::Tag { fact, dst, pc } => tag(frame, fact, dst, pc),
        Op::Check { knowledge, target, dst, pc } => check(frame, host, knowledge, target, dst, pc),
        Op::HaltApart => ended(frame),
        Op::SendThrough { chan, owns, .. }
        | Op::ReceiveThrough { chan, owns, .. }
        | Op::ChooseThrough { chan, owns, .. }
        | Op::DecideThrough { chan, owns, .. } => through(frame, host, chan, owns, op),
        Op::Acquire { dst, layer, pc } => acquire(frame, dst, layer, pc),
        Op::Release { evidence, layer, pc } => release(frame, host, evidence, layer, pc),
        _ => Err(Box::new(Fault::Action)),
    }
}

/// `Halt` of a coroutine that does not own its role's endpoint.
fn ended(frame: &mut Frame<'_>) -> Step {
    frame.leave()?;
    if frame.tracing {
        frame.out.event(Event::plain(EventKind::Halted, CoroutineId(frame.coroutine), 0));
    }
    Ok(Outcome::Done)
}

/// `Cast`: what verification knows from here on is so.
fn cast(frame: &mut Frame<'_>, val: u16, sort: SortId, pc: u32) -> Step {
    let (tag, word) = frame.read(val);
    let value = view(frame.ext.as_deref(), frame.session, tag, word).to_value();
    if !value.has_sort(frame.image.sorts(), sort) && !planted(Planted::CastAnything) {
        return Err(Box::new(Fault::Cast { sort, found: val_type(tag) }));
    }
    frame.pc = pc;
    Ok(Outcome::Ran)
}

fn through<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, chan: u16, owns: bool, op: &Op) -> Step {
    let (number, role) = frame.endpoint(chan)?;
    let main = frame.image;
    if number == 0 {
        // What verification follows must not move behind its back.
        if owns && role.0 == frame.coroutine {
            return Err(Box::new(Fault::Action));
        }
        let owned = frame.roles.get(role.index()).is_some_and(|cell| (cell >> 32) as u16 == frame.coroutine);
        return if owned { act(frame, host, main, role, op, Some) } else { Err(frame.closed(0, role)) };
    }
    let (at, images) = (frame.owned_guest(number, role)?, frame.images);
    let Some(growth) = frame.growth() else { return Err(frame.closed(number, role)) };
    let mut guest = core::mem::take(&mut growth.guests[at]);
    let image: &CodeImage = &images[guest.image as usize];
    let step = if guest.draining && !can_drain(&guest, role, image) {
        Err(frame.closed(number, role))
    } else {
        let plan = images.plan_of(frame.image_at, guest.plan);
        let events = frame.out.events.len();
        let step = frame.within(&mut guest, image, |inner| {
            act(inner, host, main, role, op, |label| plan.and_then(|plan| plan.label(label)))
        });
        announce(&mut frame.out.events, events, number);
        step
    };
    if let Some(growth) = frame.growth() {
        growth.guests[at] = guest;
    }
    match step {
        Ok(Outcome::Blocked) => frame.gate = Gate::within(frame.gate, number),
        Ok(_) => frame.settle_guest(at),
        Err(_) => {}
    }
    step
}

/// Whether a role of a guest that is closing has something to receive.
fn can_drain(guest: &Guest, role: RoleId, image: &CodeImage) -> bool {
    let state = guest.roles.get(role.index()).map(|cell| *cell as u32 as usize);
    match state.and_then(|state| image.parts.states.get(state)).map(|state| state.action) {
        Some(Action::Recv(edge)) => guest.edges.get(usize::from(edge)).is_some_and(|edge| Header(edge[0]).len() > 0),
        _ => planted(Planted::DrainingSends),
    }
}

/// Puts before each event from `from` on whose it is.
fn announce(events: &mut Vec<u8>, from: usize, number: u32) {
    if events.len() > from && !planted(Planted::GuestEventsOfMain) {
        let announced = Event::guest(number).pack().to_le_bytes();
        let told = events.split_off(from);
        for event in told.chunks_exact(8) {
            events.extend_from_slice(&announced);
            events.extend_from_slice(event);
        }
    }
}

/// One communication for a role that the coroutine owns, in the session that stands in the frame. `main` is the image
/// of the code; `label` finds the session's label for the code's.
fn act<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    main: &CodeImage,
    role: RoleId,
    op: &Op,
    label: impl Fn(LabelId) -> Option<LabelId>,
) -> Step {
    let image = frame.image;
    let state = frame.roles[role.index()] as u32;
    let rows = image.branches(state);
    let action = image.parts.states[state as usize].action;
    let not_allowed = || Err(Box::new(Fault::Action));
    match (*op, action) {
        (Op::SendThrough { val, label: named, pc, .. }, Action::Send(_)) => {
            let row = match named {
                None if rows.len() == 1 || planted(Planted::ThroughAnyBranch) => rows[0],
                None => return not_allowed(),
                Some(named) => {
                    let found = label(named).and_then(|label| rows.iter().find(|row| row.label == label));
                    *found.ok_or_else(|| Box::new(Fault::UnknownLabel { label: named }))?
                }
            };
            let (tag, word) = frame.read(val);
            let value = view(frame.ext.as_deref(), frame.session, tag, word).to_value();
            if !value.has_sort(image.sorts(), image.label_sort(row.label)) && !planted(Planted::ThroughAnySort) {
                return Err(Box::new(Fault::Payload { label: row.label, found: val_type(tag) }));
            }
            send_as(frame, host, role, &row.at(val, pc, named.is_some()))
        }
        (Op::ReceiveThrough { dst, pc, .. }, Action::Recv(edge)) => {
            let [row] = rows else { return not_allowed() };
            accept_message(frame, host, role, EdgeId(edge), &row.at(dst, pc, false))
        }
        (Op::ChooseThrough { arms, .. }, Action::Recv(edge)) => {
            let table = main.arms(arms);
            if table.len() != rows.len() {
                return not_allowed();
            }
            let Some(message) = frame.incoming(EdgeId(edge)) else {
                return frame.block(Gate::Message(EdgeId(edge)));
            };
            let arms: Vec<Comm> = rows.iter().zip(table).map(|(row, arm)| row.at(arm.reg, arm.pc, true)).collect();
            choose_among(frame, host, role, &arms, message)
        }
        (Op::DecideThrough { arms, .. }, Action::Send(edge)) => {
            let table = main.arms(arms);
            if table.len() != rows.len() {
                return not_allowed();
            }
            let at = decide_among(frame, host, role, rows, EdgeId(edge))?;
            frame.pc = table[at].pc;
            Ok(Outcome::Ran)
        }
        _ => not_allowed(),
    }
}

impl Frame<'_> {
    /// Steps with a guest's roles and edges in the main session's place.
    fn within(&mut self, guest: &mut Guest, image: &CodeImage, step: impl FnOnce(&mut Frame<'_>) -> Step) -> Step {
        if let Some(ext) = self.ext.as_mut() {
            core::mem::swap(&mut ext.overflow, &mut guest.overflow);
        }
        let about = self.session.guest(guest.number);
        let mut inner = Frame { image, about, roles: &mut guest.roles, edges: &mut guest.edges, ..self.reborrow() };
        let step = step(&mut inner);
        let kept = inner.kept();
        self.keep(kept);
        if let Some(ext) = self.ext.as_mut() {
            core::mem::swap(&mut ext.overflow, &mut guest.overflow);
        }
        step
    }
}
