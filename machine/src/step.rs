//! The step: one coroutine, one instruction.
//!
//! Every instruction's usual shape is: check everything, ask the host if it wants to be asked, and only then change
//! anything, all at once. A block or a fault leaves nothing half done. An instruction that may block checks for that
//! before it asks, so that nobody is asked twice about one message.

use crate::acquire::guard;
use crate::comm::{choose, receive, send};
use crate::ext::{plain, store};
use crate::frame::{Frame, Outcome, Step};
use crate::host::{decide, invoke};
use crate::op::Op;
use crate::reply::Respondent;
use crate::speculation::{abort, fork, join};
use alloc::boxed::Box;
use motet_types::{CoroutineId, Event, EventKind, Fault, Pc};

/// Executes one instruction.
#[inline(always)]
pub(crate) fn step<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H) -> Step {
    let image = frame.image;
    let Some(op) = image.ops.get(frame.pc as usize) else {
        return Err(Box::new(Fault::PcOutOfBounds { pc: Pc(frame.pc) }));
    };
    frame.pc = match op {
        Op::Send(comm) => return send(frame, host, comm),
        Op::Receive(comm) => return receive(frame, host, comm),
        Op::Choose { arms, state, edge } => return choose(frame, host, *arms, *state, *edge),
        Op::Decide { arms, state, edge } => return decide(frame, host, *arms, *state, *edge),
        Op::Invoke { arg, dst, effect, pc } => return invoke(frame, host, *arg, *dst, *effect, *pc),
        Op::Acquire { .. } | Op::Release { .. } => return guard(frame, host, op),
        Op::Set { dst, constant, pc } => {
            let constant = &image.constants[*constant as usize];
            let (tag, word) = plain(constant).unwrap_or_else(|| store(frame.ext, constant.clone()));
            frame.write(*dst, tag, word);
            *pc
        }
        Op::Move { dst, src, pc } => {
            let (tag, word) = frame.read(*src);
            frame.retain(tag, word);
            frame.write(*dst, tag, word);
            *pc
        }
        Op::Jump { pc } => *pc,
        Op::Branch { on, arms, pc } => {
            let (_, word) = frame.read(*on);
            let arm = usize::try_from(word).ok().and_then(|at| image.arms(*arms).get(at));
            arm.map_or(*pc, |arm| arm.pc)
        }
        Op::Yield { pc } => {
            frame.pc = *pc;
            return Ok(Outcome::Yielded);
        }
        Op::Fork { ghost, pc } => return fork(frame, *ghost, *pc),
        Op::Join { pc } => return join(frame, *pc),
        Op::Abort { pc } => return abort(frame, *pc),
        Op::Halt { state } => return halt(frame, *state),
        // No path leads here.
        Op::Unreachable => return Err(Box::new(Fault::Action)),
    };
    Ok(Outcome::Ran)
}

/// Ends the coroutine; its type is at its end, as it was verified to be.
fn halt(frame: &mut Frame<'_>, state: u32) -> Step {
    frame.monitor(state)?;
    if frame.tracing {
        frame.out.event(Event::plain(EventKind::Halted, CoroutineId(frame.coroutine), 0));
    }
    Ok(Outcome::Done)
}
