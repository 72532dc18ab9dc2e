//! The step: one coroutine, one instruction.
//!
//! Every instruction's usual shape is: check everything, ask the host if it wants to be asked, and only then change
//! anything, all at once. A block or a fault leaves nothing half done. An instruction that may block checks for that
//! before it asks, so that nobody is asked twice about one message. Control instructions neither ask nor fail, and run
//! in a loop of their own, see [`control`](crate::control).

use crate::comm::{choose, receive, send};
use crate::dynamic::rare;
use crate::frame::{Frame, Outcome, Step};
use crate::host::{decide, invoke};
use crate::op::Op;
use crate::reply::{Erased, Respondent};
use crate::speculation::{abort, fork, join};
use alloc::boxed::Box;
use motet_types::{CoroutineId, Event, EventKind, Fault, Pc, Planted, planted};

/// Executes one instruction.
#[inline(always)]
pub(crate) fn step<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H) -> Step {
    let image = frame.image;
    let Some(op) = image.ops.get(frame.pc as usize) else {
        return Err(Box::new(Fault::PcOutOfBounds { pc: Pc(frame.pc) }));
    };
    match op {
        Op::Send(comm) => send(frame, host, comm),
        Op::Receive(comm) => receive(frame, host, comm),
        Op::Choose { arms, state, edge } => choose(frame, host, *arms, *state, *edge),
        Op::Decide { arms, state, edge } => decide(frame, host, *arms, *state, *edge),
        Op::Invoke { arg, dst, effect, pc } => invoke(frame, host, *arg, *dst, *effect, *pc),
        Op::Set { .. } | Op::SetOwned { .. } | Op::Move { .. } | Op::Jump { .. } | Op::Branch { .. } => {
            Ok(Outcome::Control)
        }
        Op::Yield { pc } => {
            frame.pc = *pc;
            Ok(Outcome::Yielded)
        }
        Op::Fork { ghost, pc } => fork(frame, *ghost, *pc),
        Op::Join { pc } => join(frame, *pc),
        Op::Abort { pc } => abort(frame, *pc),
        Op::Halt { state } => halt(frame, *state),
        Op::SendThrough { .. }
        | Op::ReceiveThrough { .. }
        | Op::ChooseThrough { .. }
        | Op::DecideThrough { .. }
        | Op::Open { .. }
        | Op::Close { .. }
        | Op::Spawn { .. }
        | Op::Transfer { .. }
        | Op::Tag { .. }
        | Op::Check { .. }
        | Op::HaltApart
        | Op::Cast { .. }
        | Op::Acquire { .. }
        | Op::Release { .. } => rare_of(frame, host, op),
        // No path leads here.
        Op::Unreachable => Err(Box::new(Fault::Action)),
    }
}

#[cold]
#[inline(never)]
fn rare_of<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, op: &Op) -> Step {
    rare(frame, &Erased(host), op)
}

/// Ends the coroutine; its own type is at its end, as it was verified to be, and so are those of all endpoints that it
/// owns.
fn halt(frame: &mut Frame<'_>, state: u32) -> Step {
    frame.monitor(state)?;
    if frame.ext.as_ref().is_some_and(|ext| ext.growth.is_some()) {
        frame.leave()?;
    }
    if frame.tracing && !planted(Planted::StepHaltUntold) {
        frame.out.event(Event::plain(EventKind::Halted, CoroutineId(frame.coroutine), 0));
    }
    Ok(Outcome::Done)
}
