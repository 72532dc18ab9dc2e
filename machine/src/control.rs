//! Control: `Set`, `Move`, `Jump`, `Branch`.
//!
//! They touch the running coroutine's registers and position alone and neither block, ask nor fault, so a stretch of them
//! runs in one loop whose position and fuel stay in registers. Each is a step and takes fuel as any other.

use crate::ext::{FIRST_OWNED_TAG, store};
use crate::frame::Frame;
use crate::op::Op;
use motet_types::{Planted, planted};

/// Executes control instructions up to the first that is none, or until the fuel is gone. The caller has paid for the
/// first, and gets back what is left.
#[inline(never)]
pub(crate) fn control(frame: &mut Frame<'_>, mut fuel: u32) -> u32 {
    let image = frame.image;
    let (ops, targets) = (&image.ops[..], &image.targets[..]);
    let mut pc = frame.pc;
    loop {
        match ops.get(pc as usize).unwrap_or(&Op::Unreachable) {
            Op::Set { dst, tag, far, low, high, pc: next } => {
                let high = if planted(Planted::ControlHalfConstant) { 0 } else { *high };
                let word = u64::from(*low) | u64::from(high) << 32;
                frame.write_plain(*dst, *tag, word);
                pc = if *far { jump(*next) } else { pc + 1 };
            }
            Op::SetOwned { dst, constant, pc: next } => {
                let (tag, word) = store(frame.ext, image.constants[*constant as usize].clone());
                frame.write(*dst, tag, word);
                pc = *next;
            }
            Op::Move { dst, src, far, pc: next } => {
                let (tag, word) = frame.read(*src);
                if tag < FIRST_OWNED_TAG {
                    frame.write_plain(*dst, tag, word);
                } else {
                    frame.retain(tag, word);
                    frame.write(*dst, tag, word);
                }
                pc = if *far { jump(*next) } else { pc + 1 };
            }
            Op::Jump { pc: next } => pc = *next,
            Op::Branch { on, first, count, pc: next } => {
                let at = frame.word(*on);
                let within = at < u64::from(*count) && !planted(Planted::ControlFallsThrough);
                let led = if within { targets.get(*first as usize + at as usize) } else { None };
                pc = *led.unwrap_or(next);
            }
            // The burst pays for it again when it executes it.
            _ => {
                fuel += 1;
                break;
            }
        }
        if fuel == 0 {
            break;
        }
        fuel -= 1;
    }
    frame.pc = pc;
    fuel
}

/// Where a folded jump leads. Loading that for every instruction would make each wait for the one before it; a call that is
/// predicted not to happen makes only the jumps wait.
#[cold]
#[inline(never)]
fn jump(pc: u32) -> u32 {
    pc
}
