//! The step: one coroutine, one instruction.
//!
//! Every instruction's usual shape is: check everything, ask the host if it wants to be asked, and only then change
//! anything, all at once. A block or a fault leaves nothing half done. An instruction that may block checks for that
//! before it asks, so that nobody is asked twice about one message.

use crate::comm::{receive, send};
use crate::edge::BufferConfig;
use crate::effect::{EffectHandler, RunId};
use crate::host::{decide, invoke};
use crate::image::{CodeImage, KIND_END, StateRow};
use crate::outbox::Outbox;
use crate::session::{Ext, FIRST_OWNED_TAG, Gate, TAG_ENDPOINT, store};
use alloc::boxed::Box;
use motet_types::{
    CoroutineId, EdgeId, EffectKinds, EffectRow, Event, EventKind, Fault, Instr, LabelId, Planted, RoleId, SessionId,
    StateId, Tick, planted,
};

/// What a burst needs to know besides its session: the same for a whole wave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BurstContext {
    pub(crate) buffer: BufferConfig,
    pub(crate) max_payload: usize,
    pub(crate) wants: EffectKinds,
    pub(crate) run: RunId,
    pub(crate) tick: Tick,
    pub(crate) fuel: u32,
    pub(crate) trace: bool,
    pub(crate) record: bool,
}

/// The verdict of a step. The burst acts on it; the step never switches coroutines itself.
#[must_use]
pub(crate) enum Outcome {
    /// Go on.
    Ran,
    /// Wait at the gate; the instruction will run again.
    Blocked(Gate),
    /// Go on, after the others.
    Yielded,
    /// The coroutine has ended.
    Done,
}

/// A coroutine that runs, its session's parts borrowed apart.
pub(crate) struct Frame<'a> {
    pub(crate) image: &'a CodeImage,
    pub(crate) context: &'a BurstContext,
    pub(crate) session: SessionId,
    pub(crate) coroutine: u16,
    pub(crate) pc: u32,
    pub(crate) counter: u32,
    pub(crate) tags: &'a mut [u64],
    pub(crate) regs: &'a mut [u64],
    pub(crate) ready: &'a mut [u64],
    pub(crate) roles: &'a mut [u64],
    pub(crate) edges: &'a mut [u64],
    pub(crate) ext: &'a mut Option<Box<Ext>>,
    pub(crate) out: &'a mut Outbox,
    pub(crate) received: &'a mut u32,
}

pub(crate) type Step = Result<Outcome, Box<Fault>>;

/// Executes one instruction.
#[inline(always)]
pub(crate) fn step<H: EffectHandler + ?Sized>(frame: &mut Frame<'_>, host: &H) -> Step {
    let Some(instr) = frame.image.code.get(frame.pc as usize) else {
        return Err(Box::new(Fault::PcOutOfBounds { pc: motet_types::Pc(frame.pc) }));
    };
    match *instr {
        Instr::Send { chan, val } => send(frame, host, chan, val, None),
        Instr::Offer { chan, val, label } => send(frame, host, chan, val, Some(LabelId(label as u16))),
        Instr::Receive { chan, dst } => receive(frame, host, chan, dst, None),
        Instr::Choose { chan, table } => receive(frame, host, chan, 0, Some(table)),
        Instr::Decide { chan, table } => decide(frame, host, chan, table),
        Instr::Invoke { arg, dst, effect } => invoke(frame, host, arg, dst, EffectRow(effect as u16)),
        Instr::Set { dst, constant } => {
            let (tag, word) = store(frame.ext, frame.image.constants[constant as usize].clone());
            frame.write(dst, tag, word);
            frame.pc += 1;
            Ok(Outcome::Ran)
        }
        Instr::Move { dst, src } => {
            let (tag, word) = frame.read(src);
            frame.retain(tag, word);
            frame.write(dst, tag, word);
            frame.pc += 1;
            Ok(Outcome::Ran)
        }
        Instr::Jump { target } => {
            frame.pc = target;
            Ok(Outcome::Ran)
        }
        Instr::Branch { on, table } => {
            let (_, word) = frame.read(on);
            let arm = usize::try_from(word).ok().and_then(|at| frame.image.arms_of(table).get(at));
            frame.pc = arm.map_or(frame.pc + 1, |arm| arm.target);
            Ok(Outcome::Ran)
        }
        Instr::Yield {} => {
            frame.pc += 1;
            Ok(Outcome::Yielded)
        }
        Instr::Halt {} => halt(frame),
        // Verification refuses every instruction that is not executable, by name.
        _ => Err(Box::new(Fault::Action)),
    }
}

impl Frame<'_> {
    #[inline(always)]
    pub(crate) fn tag(&self, register: u16) -> u8 {
        (self.tags[usize::from(register >> 3)] >> ((register & 7) * 8)) as u8
    }

    #[inline(always)]
    pub(crate) fn read(&self, register: u16) -> (u8, u64) {
        (self.tag(register), self.regs[usize::from(register)])
    }

    /// Writes a register and lets go of what it held.
    #[inline(always)]
    pub(crate) fn write(&mut self, register: u16, tag: u8, word: u64) {
        let old = self.tag(register);
        if old >= FIRST_OWNED_TAG {
            self.release(old, self.regs[usize::from(register)]);
        }
        if old != tag {
            let shift = (register & 7) * 8;
            let tags = &mut self.tags[usize::from(register >> 3)];
            *tags = *tags & !(0xff << shift) | u64::from(tag) << shift;
        }
        self.regs[usize::from(register)] = word;
    }

    #[inline(always)]
    pub(crate) fn retain(&mut self, tag: u8, word: u64) {
        if tag >= FIRST_OWNED_TAG
            && let Some(ext) = self.ext.as_mut()
        {
            ext.owned.retain(word);
        }
    }

    pub(crate) fn release(&mut self, tag: u8, word: u64) {
        if tag >= FIRST_OWNED_TAG
            && let Some(ext) = self.ext.as_mut()
        {
            ext.owned.release(word);
        }
    }

    /// The role whose endpoint a register holds, and that role's state, when this coroutine owns it.
    #[inline(always)]
    pub(crate) fn endpoint(&self, chan: u16) -> Result<(RoleId, StateRow), Box<Fault>> {
        let (tag, word) = self.read(chan);
        let role = RoleId(word as u16);
        match self.roles.get(role.index()) {
            Some(cell) if tag == TAG_ENDPOINT && (cell >> 32) as u16 == self.coroutine => {
                Ok((role, self.image.state(StateId(*cell as u32))))
            }
            _ => Err(Box::new(Fault::ChannelClosed { role })),
        }
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self, role: RoleId, next: u32) {
        let cell = &mut self.roles[role.index()];
        *cell = *cell & !0xffff_ffff | u64::from(next);
    }

    /// Makes a coroutine that waited ready again; `woken` is its number plus one, or zero.
    #[inline(always)]
    pub(crate) fn wake(&mut self, woken: u16) {
        if woken != 0 {
            let coroutine = usize::from(woken - 1);
            self.ready[coroutine / 64] |= 1 << (coroutine % 64);
        }
    }

    #[inline(always)]
    pub(crate) fn event(&mut self, kind: EventKind, edge: EdgeId, label: LabelId) {
        if self.context.trace {
            self.out.event(Event::message(kind, CoroutineId(self.coroutine), edge, label));
        }
    }
}

/// Ends the coroutine. Every endpoint that it owns must be at the end of its type.
fn halt(frame: &mut Frame<'_>) -> Step {
    let own = |cell: &&u64| (**cell >> 32) as u16 == frame.coroutine;
    let early = frame.roles.iter().filter(own).any(|cell| frame.image.state(StateId(*cell as u32)).kind() != KIND_END);
    if early && !planted(Planted::VerifyHaltEarly) {
        return Err(Box::new(Fault::Action));
    }
    if frame.context.trace {
        frame.out.event(Event::plain(EventKind::Halted, CoroutineId(frame.coroutine), 0));
    }
    Ok(Outcome::Done)
}
