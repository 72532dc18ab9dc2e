//! A coroutine that runs: its session's parts borrowed apart, and the small moves that instructions are made of.

use crate::edge::BackpressurePolicy;
use crate::effect::RunId;
use crate::ext::{Ext, FIRST_OWNED_TAG};
use crate::image::CodeImage;
use crate::images::Images;
use crate::layout::{EDGE_WORDS, HEAD_READY};
use crate::outbox::Outbox;
use crate::session::Gate;
use alloc::boxed::Box;
use motet_types::{
    CoroutineId, EdgeId, EffectKinds, Event, EventKind, Fault, LabelId, Planted, RoleId, SessionId, Tick, planted,
};

/// What a burst needs to know besides its session: the same for a whole wave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BurstContext {
    pub(crate) policy: BackpressurePolicy,
    /// How many messages an edge holds before its policy applies; none where messages are looked at closely, so that
    /// the usual ones pay for nothing.
    pub(crate) capacity: u16,
    /// Whether the mode is `LatestValue`.
    pub(crate) latest: bool,
    /// What stands for `capacity` and `latest` where messages are looked at closely.
    pub(crate) close: Option<Close>,
    /// Whether messages that come are looked at before they are taken: the host wants to know of them, or they are looked
    /// at closely.
    pub(crate) attended: bool,
    pub(crate) max_payload: usize,
    pub(crate) wants: EffectKinds,
    pub(crate) run: RunId,
    pub(crate) tick: Tick,
    /// How many waves were out when this one was certified.
    pub(crate) lag: u32,
    pub(crate) fuel: u32,
    pub(crate) trace: bool,
    pub(crate) record: bool,
    /// How deep speculations may be nested.
    pub(crate) speculation: u16,
    /// How many sessions that its instructions opened an island may have at once.
    pub(crate) guests: u16,
    /// How many coroutines an island may have that have not ended.
    pub(crate) coroutines: u16,
    /// Whether coroutines may have failed, so that a burst's end looks for those that wait on them.
    pub(crate) cancels: bool,
}

/// The rule of all edges where messages are looked at closely. `BurstContext` then says that there is never room, which
/// leads every message that is sent to where it is looked at, and leaves the way of the others as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Close {
    /// How many messages an edge holds before its policy applies.
    pub(crate) capacity: u16,
    /// Whether the mode is `LatestValue`.
    pub(crate) latest: bool,
    /// Whether messages are signed, received once, or kept in histories.
    pub(crate) watched: bool,
    /// Whether a link was ever corrupted.
    pub(crate) tampered: bool,
}

/// The verdict of a step. The burst acts on it; the step never switches coroutines itself. It fits a register: the gate
/// of a coroutine that blocks stands in the frame.
#[must_use]
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// Go on.
    Ran,
    /// It is a control instruction: see [`control`](crate::control::control).
    Control,
    /// Wait at the frame's gate; the instruction will run again.
    Blocked,
    /// Go on, after the others.
    Yielded,
    /// The coroutine has ended.
    Done,
    /// The main session was closed, and the island has ended.
    Closed,
}

/// A coroutine that runs, its session's parts borrowed apart.
pub(crate) struct Frame<'a> {
    /// The image of the session whose roles and edges stand here. Code is always the main session's.
    pub(crate) image: &'a CodeImage,
    pub(crate) images: &'a Images,
    /// The place of the main session's image.
    pub(crate) image_at: u32,
    pub(crate) context: &'a BurstContext,
    /// The island's main session.
    pub(crate) session: SessionId,
    /// The session whose roles and edges stand here.
    pub(crate) about: SessionId,
    pub(crate) coroutine: u16,
    /// The coroutine's number where a role's cell has its owner.
    pub(crate) owner: u64,
    /// What the coroutine waits for, when its step says that it blocks, as its word has it.
    pub(crate) gate: u64,
    /// The first word of the ready bitmap, which is nearly always all of it. It goes back to the session with the burst.
    pub(crate) ready: u64,
    pub(crate) pc: u32,
    pub(crate) counter: u32,
    /// Where the coroutine's tags and registers start in `coros`, and how many registers it has.
    pub(crate) tags_at: usize,
    pub(crate) regs_at: usize,
    pub(crate) registers: u16,
    pub(crate) head: &'a mut [u64],
    pub(crate) coros: &'a mut [u64],
    pub(crate) roles: &'a mut [u64],
    pub(crate) edges: &'a mut [[u64; EDGE_WORDS]],
    pub(crate) ext: &'a mut Option<Box<Ext>>,
    pub(crate) out: &'a mut Outbox,
    pub(crate) received: u32,
    /// How many coroutines have not ended.
    pub(crate) live: u16,
    /// Whether the host has ever deferred a send.
    pub(crate) deferred: bool,
    /// Whether events are written down: for the trace, or because a speculation withholds them.
    pub(crate) tracing: bool,
    /// Where the withheld events begin in the outbox, in a speculation.
    pub(crate) withheld_at: usize,
    /// Whether there are more ready bits than those in `ready`.
    pub(crate) many: bool,
    /// The words of the roles' coroutines, while one that an instruction started has its own in `coros`; else empty.
    pub(crate) apart: &'a mut [u64],
}

/// What a frame leaves to the one that it was borrowed from.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    gate: u64,
    ready: u64,
    pc: u32,
    counter: u32,
    received: u32,
    live: u16,
    deferred: bool,
    tracing: bool,
    withheld_at: usize,
    many: bool,
}

pub(crate) type Step = Result<Outcome, Box<Fault>>;

impl Frame<'_> {
    /// The same frame for a while, in which parts may be exchanged.
    pub(crate) fn reborrow(&mut self) -> Frame<'_> {
        Frame {
            head: &mut *self.head,
            coros: &mut *self.coros,
            roles: &mut *self.roles,
            edges: &mut *self.edges,
            ext: &mut *self.ext,
            out: &mut *self.out,
            apart: &mut *self.apart,
            ..*self
        }
    }

    /// What a frame that was borrowed leaves.
    pub(crate) fn kept(&self) -> Kept {
        let Self { gate, ready, pc, counter, received, live, deferred, tracing, withheld_at, many, .. } = *self;
        Kept { gate, ready, pc, counter, received, live, deferred, tracing, withheld_at, many }
    }

    /// Goes on with what it left.
    pub(crate) fn keep(&mut self, kept: Kept) {
        (self.gate, self.ready, self.pc, self.counter) = (kept.gate, kept.ready, kept.pc, kept.counter);
        (self.received, self.live, self.deferred) = (kept.received, kept.live, kept.deferred);
        (self.tracing, self.withheld_at, self.many) = (kept.tracing, kept.withheld_at, kept.many);
    }

    /// The role whose code the coroutine runs.
    pub(crate) fn role(&self) -> RoleId {
        self.role_of(self.coroutine)
    }

    /// The role whose code a coroutine runs.
    pub(crate) fn role_of(&self, coroutine: u16) -> RoleId {
        if usize::from(coroutine) < self.images[self.image_at as usize].layout.places.len() {
            return RoleId(coroutine);
        }
        let growth = self.ext.as_deref().and_then(|ext| ext.growth.as_deref());
        let child = growth.and_then(|growth| growth.children.iter().find(|child| child.number == coroutine));
        RoleId(child.map_or(0, |child| child.role))
    }

    /// Position and effect counter, as the coroutine keeps them.
    #[inline(always)]
    pub(crate) fn position(&self) -> u64 {
        self.position_at(self.pc)
    }

    /// As [`Frame::position`], at another instruction.
    #[inline(always)]
    pub(crate) fn position_at(&self, pc: u32) -> u64 {
        u64::from(pc) | u64::from(self.counter) << 32
    }

    #[inline(always)]
    pub(crate) fn tag(&self, register: u16) -> u8 {
        (self.coros[self.tags_at + usize::from(register >> 3)] >> ((register & 7) * 8)) as u8
    }

    #[inline(always)]
    pub(crate) fn word(&self, register: u16) -> u64 {
        self.coros[self.regs_at + usize::from(register)]
    }

    #[inline(always)]
    pub(crate) fn read(&self, register: u16) -> (u8, u64) {
        (self.tag(register), self.coros[self.regs_at + usize::from(register)])
    }

    /// Writes a register and lets go of what it held.
    #[inline(always)]
    pub(crate) fn write(&mut self, register: u16, tag: u8, word: u64) {
        let old = self.tag(register);
        if old >= FIRST_OWNED_TAG {
            self.release(old, self.coros[self.regs_at + usize::from(register)]);
        }
        if old != tag {
            let shift = (register & 7) * 8;
            let tags = &mut self.coros[self.tags_at + usize::from(register >> 3)];
            *tags = *tags & !(0xff << shift) | u64::from(tag) << shift;
        }
        self.coros[self.regs_at + usize::from(register)] = word;
    }

    /// Writes a value that fits its word. Mostly the register held one of the same kind.
    #[inline(always)]
    pub(crate) fn write_plain(&mut self, register: u16, tag: u8, word: u64) {
        if self.tag(register) == tag {
            self.coros[self.regs_at + usize::from(register)] = word;
        } else {
            self.write_other(register, tag, word);
        }
    }

    #[inline(never)]
    fn write_other(&mut self, register: u16, tag: u8, word: u64) {
        self.write(register, tag, word);
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

    /// The monitor: this coroutine owns its role's endpoint, and its type is in the state in which the instruction
    /// was verified.
    #[inline(always)]
    pub(crate) fn monitor(&self, state: u32) -> Result<RoleId, Box<Fault>> {
        let role = RoleId(self.coroutine);
        match self.roles.get(role.index()) {
            Some(cell) if *cell == u64::from(state) | self.owner => Ok(role),
            cell => Err(violation(cell.copied(), role, self.coroutine)),
        }
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self, role: RoleId, next: u32) {
        // Only the owner's step gets here.
        self.roles[role.index()] = u64::from(next) | self.owner;
    }

    /// The coroutine waits at the gate; its instruction will run again.
    #[inline(always)]
    pub(crate) fn block(&mut self, gate: Gate) -> Step {
        self.gate = gate.pack();
        Ok(Outcome::Blocked)
    }

    /// Takes the running coroutine off the ready bitmap.
    #[inline(always)]
    pub(crate) fn rest(&mut self) {
        match self.coroutine / 64 {
            0 => self.ready &= !(1 << self.coroutine),
            _ => self.mark_far(self.coroutine, false),
        }
    }

    /// Marks a coroutine beyond the first 64 as ready or not.
    #[inline(never)]
    fn mark_far(&mut self, coroutine: u16, ready: bool) {
        let (word, bit) = (usize::from(coroutine / 64), 1 << (coroutine % 64));
        let near = self.head.len() - HEAD_READY;
        let bits = match self.head.get_mut(HEAD_READY + word) {
            Some(bits) => Some(bits),
            None if planted(Planted::SpawnForgetsFar) => None,
            None => self.growth().and_then(|growth| growth.far.get_mut(word - near)),
        };
        if let Some(bits) = bits {
            *bits = if ready { *bits | bit } else { *bits & !bit };
        }
    }

    /// Whether a coroutine is ready.
    pub(crate) fn is_ready(&self, coroutine: u16) -> bool {
        let word = usize::from(coroutine / 64);
        let growth = self.ext.as_deref().and_then(|ext| ext.growth.as_deref());
        let far = || growth.and_then(|growth| growth.far.get(word + HEAD_READY - self.head.len())).copied();
        let bits = match word {
            0 => self.ready,
            word => self.head.get(HEAD_READY + word).copied().or_else(far).unwrap_or_default(),
        };
        bits >> (coroutine % 64) & 1 != 0
    }

    /// Makes a coroutine that waited ready again; `woken` is its number plus one, or zero.
    #[inline(always)]
    pub(crate) fn wake(&mut self, woken: u16) {
        if woken != 0 {
            let coroutine = woken - 1;
            match coroutine / 64 {
                0 => self.ready |= 1 << coroutine,
                _ => self.mark_far(coroutine, true),
            }
        }
    }

    #[inline(always)]
    pub(crate) fn event(&mut self, kind: EventKind, edge: EdgeId, label: LabelId) {
        if self.tracing {
            self.out.event(Event::message(kind, CoroutineId(self.coroutine), edge, label));
        }
    }
}

#[cold]
fn violation(cell: Option<u64>, role: RoleId, coroutine: u16) -> Box<Fault> {
    Box::new(match cell {
        Some(cell) if (cell >> 32) as u16 == coroutine => Fault::Action,
        _ => Fault::ChannelClosed { role },
    })
}
