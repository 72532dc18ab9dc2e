//! A burst: the session's steps, one after another, until nothing is ready or the fuel is gone. It is the only thing
//! that an executor calls.
//!
//! The running coroutine goes on until it blocks; then the next ready one in cyclic order runs. Where a burst stopped
//! for want of fuel is kept in the session, so the order of a session's steps does not depend on the fuel.

use crate::checked::step_checked;
use crate::control::control;
use crate::credits::run_closely;
use crate::frame::{BurstContext, Frame, Outcome};
use crate::guest::end_guests;
use crate::images::Images;
use crate::layout::{CORO_GATE, CORO_PC, CORO_TAGS, EDGE_WORDS, HEAD_READY, HEAD_STATUS, Layout};
use crate::outbox::{FaultReport, Outbox};
use crate::reply::Respondent;
use crate::session::{Gate, Session, Status};
use crate::spawn::run_child;
use crate::step::step;
use crate::topology::{Failure, last_terminal};
use crate::trace::BurstEnd;
use motet_types::{CoroutineId, Event, EventKind, Fault, Pc, Planted, Terminal, planted};

/// A burst's account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BurstReport {
    pub(crate) end: BurstEnd,
    pub(crate) steps: u32,
    pub(crate) received: u32,
    /// The coroutine that it began with.
    pub(crate) first: u16,
}

/// The next ready coroutine at or after `from`, in cyclic order.
#[inline(always)]
fn next_ready(frame: &Frame<'_>, from: u16) -> Option<u16> {
    if !frame.many {
        // The common case: one word, rotated so that `from` comes first.
        let first = frame.ready;
        return (first != 0).then(|| (from + first.rotate_right(u32::from(from)).trailing_zeros() as u16) % 64);
    }
    next_of_many(frame, from)
}

#[inline(never)]
fn next_of_many(frame: &Frame<'_>, from: u16) -> Option<u16> {
    let near = &frame.head[HEAD_READY..];
    let far = frame.ext.as_deref().and_then(|ext| ext.growth.as_deref()).map_or(&[][..], |growth| &growth.far[..]);
    let word_at = |at: usize| match at {
        0 => frame.ready,
        at if at < near.len() => near[at],
        at => far[at - near.len()],
    };
    let (count, word, bit) = (near.len() + far.len(), usize::from(from) / 64, u32::from(from) % 64);
    if word < count {
        let rest = word_at(word) >> bit << bit;
        if rest != 0 {
            return Some((word * 64) as u16 + rest.trailing_zeros() as u16);
        }
    }
    let mut later = (word + 1..count).chain(0..count.min(word + 1));
    later.find(|at| word_at(*at) != 0).map(|at| (at * 64) as u16 + word_at(at).trailing_zeros() as u16)
}

/// The coroutine behind another one, in cyclic order.
fn after(frame: &mut Frame<'_>, coroutine: u16) -> u16 {
    let roles = frame.image.layout.places.len();
    let started = frame.growth().map_or(0, |growth| usize::from(growth.spawned));
    ((usize::from(coroutine) + 1) % (roles + started)) as u16
}

/// Why a coroutine's turn is over.
pub(crate) enum Stop {
    /// It waits, or has ended.
    Waits,
    /// The others are next.
    After,
    /// The fuel is gone.
    Fuel,
    /// It faulted, and the session has ended.
    Faulted,
    /// It closed the main session, which has ended.
    Closed,
}

/// One turn of the coroutine in the frame, whose words begin at `start`.
#[inline(always)]
pub(crate) fn turn<H: Respondent + ?Sized, const CLOSELY: bool>(
    frame: &mut Frame<'_>,
    host: &H,
    start: usize,
    fuel: &mut u32,
) -> Stop {
    if CLOSELY { run_closely(frame, host, start, fuel) } else { run::<H, false>(frame, host, start, fuel) }
}

/// Steps of the coroutine in the frame until it stops.
#[inline(always)]
pub(crate) fn run<H: Respondent + ?Sized, const CLOSELY: bool>(
    frame: &mut Frame<'_>,
    host: &H,
    start: usize,
    fuel: &mut u32,
) -> Stop {
    loop {
        if *fuel == 0 {
            frame.coros[start + CORO_PC] = frame.position();
            return Stop::Fuel;
        }
        *fuel -= 1;
        match if CLOSELY { step_checked(frame, host) } else { step(frame, host) } {
            Ok(Outcome::Ran) => {}
            Ok(Outcome::Control) => *fuel = control(frame, *fuel),
            Ok(Outcome::Blocked) => {
                frame.coros[start + CORO_PC] = frame.position();
                frame.coros[start + CORO_GATE] = frame.gate;
                if frame.gate == Gate::NextBurst.pack() {
                    // It stays ready: its turn comes again after the others'.
                    frame.deferred = true;
                    return Stop::After;
                }
                frame.rest();
                return Stop::Waits;
            }
            Ok(Outcome::Yielded) => {
                frame.coros[start + CORO_PC] = frame.position();
                return Stop::After;
            }
            Ok(Outcome::Done) => {
                frame.coros[start + CORO_PC] = frame.position();
                frame.coros[start + CORO_GATE] = Gate::Halted.pack();
                frame.rest();
                frame.live -= 1;
                return Stop::Waits;
            }
            Ok(Outcome::Closed) => return Stop::Closed,
            Err(fault) => {
                frame.coros[start + CORO_PC] = frame.position();
                fail(frame, *fault);
                return Stop::Faulted;
            }
        }
    }
}

/// What follows the turn of the current coroutine: another one's, or the end of the burst.
#[inline(always)]
fn goes_on(frame: &mut Frame<'_>, stop: Stop, current: &mut u16) -> Result<(), BurstEnd> {
    match stop {
        Stop::Waits => {}
        Stop::After if planted(Planted::BurstKeepsTurn) => {}
        Stop::After => *current = after(frame, *current),
        Stop::Fuel => return Err(BurstEnd::Ready),
        Stop::Faulted => return Err(BurstEnd::Ended(Terminal::Faulted)),
        Stop::Closed => return Err(BurstEnd::Ended(Terminal::Closed)),
    }
    Ok(())
}

/// `CLOSELY` says that more is looked at in a turn than usual; without it, none of that is there.
pub(crate) fn burst<H: Respondent + ?Sized, const CLOSELY: bool>(
    session: &mut Session,
    images: &Images,
    context: &BurstContext,
    host: &H,
    out: &mut Outbox,
) -> BurstReport {
    let id = session.id();
    let (image_at, image) = (session.image, &*images[session.image as usize]);
    let record = if context.trace { out.begin_burst(id) } else { 0 };
    let layout = &image.layout;
    let status = session.status();
    let Session { words, ext, .. } = session;
    let (head, rest) = words.split_at_mut(layout.roles_at);
    let (roles, rest) = rest.split_at_mut(layout.coros_at - layout.roles_at);
    let (coros, edges) = rest.split_at_mut(layout.edges_at - layout.coros_at);
    let (edges, _) = edges.as_chunks_mut::<EDGE_WORDS>();
    let mut current = status.current();
    let many = head.len() > HEAD_READY + 1
        || ext.as_ref().is_some_and(|ext| ext.growth.as_ref().is_some_and(|growth| !growth.far.is_empty()));
    let mut fuel = context.fuel;
    let mut frame = Frame {
        image,
        images,
        image_at,
        context,
        session: id,
        about: id,
        coroutine: current,
        owner: 0,
        gate: 0,
        ready: head[HEAD_READY],
        pc: 0,
        counter: 0,
        tags_at: 0,
        regs_at: 0,
        registers: 0,
        head,
        coros,
        roles,
        edges,
        ext,
        out,
        received: 0,
        live: status.live(),
        deferred: status.deferred(),
        tracing: context.trace,
        withheld_at: 0,
        many,
        apart: &mut [],
    };
    frame.resume_speculation();
    let end = loop {
        let Some(next) = next_ready(&frame, current) else {
            break if frame.live == 0 { BurstEnd::Ended(Terminal::Closed) } else { BurstEnd::Waiting };
        };
        current = next;
        if frame.deferred && fuel < context.fuel && only_deferred(&frame, layout) {
            // The next burst asks again, and in the same order, so that where bursts end changes nothing.
            break BurstEnd::Ready;
        }
        let end = match layout.places.get(usize::from(next)) {
            Some(place) => {
                let start = place.start as usize;
                let position = frame.coros[start + CORO_PC];
                frame.coros[start + CORO_GATE] = Gate::Open.pack();
                (frame.coroutine, frame.owner) = (next, u64::from(next) << 32);
                frame.pc = position as u32;
                frame.counter = (position >> 32) as u32;
                frame.tags_at = start + CORO_TAGS;
                frame.regs_at = frame.tags_at + place.tag_words as usize;
                frame.registers = place.registers;
                let stop = turn::<H, CLOSELY>(&mut frame, host, start, &mut fuel);
                goes_on(&mut frame, stop, &mut current)
            }
            None => {
                let (stop, left) = run_child::<H, CLOSELY>(&mut frame, host, next, fuel);
                fuel = left;
                goes_on(&mut frame, stop, &mut current)
            }
        };
        if let Err(end) = end {
            break end;
        }
    };
    frame.rest_speculation();
    if frame.growth().is_some() {
        frame.hand_out_receipts();
    }
    frame.head[HEAD_READY] = frame.ready;
    if planted(Planted::BurstForgetsCurrent) {
        current = 0;
    }
    frame.head[HEAD_STATUS] = Status::new(current, frame.live, frame.deferred).0;
    let steps = context.fuel - fuel;
    let (received, live) = (frame.received, frame.live);
    let end = if context.cancels { failed(session, images, context, end, out) } else { end };
    if context.trace {
        if let BurstEnd::Ended(terminal) = end {
            if session.ext.is_some() {
                end_guests(session.ext.as_deref(), terminal, out);
            }
            out.event(Event::plain(EventKind::SessionTerminal, CoroutineId(0), terminal as u8));
            // By an instruction, whose coroutine has not ended.
            if terminal == Terminal::Closed && live > 0 {
                out.event(Event::speculation(EventKind::EpochAdvanced, CoroutineId(0), 1));
            }
        }
        out.end_burst(record, steps, end);
    }
    BurstReport { end, steps, received, first: status.current() }
}

/// A burst in a machine where more is looked at in a turn than usual.
#[cold]
#[inline(never)]
pub(crate) fn burst_closely(
    session: &mut Session,
    images: &Images,
    context: &BurstContext,
    host: &dyn Respondent,
    out: &mut Outbox,
) -> BurstReport {
    burst::<dyn Respondent, true>(session, images, context, host, out)
}

/// Cancels who waits on what has failed, and says how the burst ends then.
#[cold]
#[inline(never)]
fn failed(session: &mut Session, images: &Images, context: &BurstContext, end: BurstEnd, out: &mut Outbox) -> BurstEnd {
    match end {
        BurstEnd::Ended(Terminal::Closed) if session.status().live() == 0 => {
            BurstEnd::Ended(last_terminal(session, &images[session.image as usize]))
        }
        BurstEnd::Ended(_) => end,
        BurstEnd::Ready | BurstEnd::Waiting => {
            let failure = Failure::of(session, images, false);
            if context.trace {
                failure.events.iter().for_each(|event| out.event(*event));
            }
            match failure.ended {
                Some(terminal) => {
                    session.drop_speculation();
                    BurstEnd::Ended(terminal)
                }
                None => end,
            }
        }
    }
}

/// Whether every coroutine that is ready has been deferred by the host.
#[cold]
fn only_deferred(frame: &Frame<'_>, layout: &Layout) -> bool {
    let growth = frame.ext.as_deref().and_then(|ext| ext.growth.as_deref());
    let mut children = growth.into_iter().flat_map(|growth| &growth.children);
    if children.any(|child| frame.is_ready(child.number) && child.words[CORO_GATE] != Gate::NextBurst.pack()) {
        return false;
    }
    (0..).zip(&layout.places).all(|(at, place)| {
        !frame.is_ready(at) || frame.coros[place.start as usize + CORO_GATE] == Gate::NextBurst.pack()
    })
}

/// Records a fault. The session ends with it; nothing of the instruction has happened.
#[cold]
pub(crate) fn fail(frame: &mut Frame<'_>, fault: Fault) {
    frame.drop_speculation();
    let (coroutine, role, pc) = (CoroutineId(frame.coroutine), frame.role(), Pc(frame.pc));
    if frame.context.trace {
        let class = fault.class() as u8;
        if !planted(Planted::BurstFailureUntold) {
            frame.out.event(Event::plain(EventKind::FailureBranchEntered, coroutine, class));
        }
        frame.out.event(Event::plain(EventKind::Faulted, coroutine, class));
    }
    let line = frame.image.line(pc);
    frame.out.faults.push(FaultReport { session: frame.session, coroutine, role, pc, line, fault });
}
