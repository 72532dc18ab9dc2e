//! Speculation: a session does something that it may take back.
//!
//! `Fork` keeps a copy of the session; `Join` lets the copy go; `Abort` puts it back, and the coroutine goes on behind the
//! `Abort` with the registers and the type that it had at the `Fork`. The whole session is taken back: other coroutines
//! may have taken what a speculation sent them. Speculations nest, and at any time one coroutine has them all.
//!
//! What happens in a speculation is withheld: its events join the trace with the outermost `Join` or never, and nobody
//! outside is asked anything. Three things are not taken back, because they have been seen outside: the effect
//! counters and the numbers of opened sessions, so that no id is used twice; the answers that came meanwhile, or were
//! used; and the steps.

use crate::auth::Ledger;
use crate::ext::{Ext, Owned};
use crate::frame::{Frame, Outcome, Step};
use crate::growth::{Growth, Overflow};
use crate::guest::ends;
use crate::layout::{CORO_GATE, CORO_PC, HEAD_ID, HEAD_READY, HEAD_STATUS};
use crate::outcome::EffectOutcome;
use crate::session::{Gate, Session, Status};
use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_types::{CoroutineId, Event, EventKind, Fault, Planted, Terminal, planted};

/// The speculations of a session that are open.
#[derive(Clone, Debug)]
pub(crate) struct Speculation {
    /// Whose they are.
    pub(crate) coroutine: u16,
    /// The outermost first; never empty.
    pub(crate) levels: Vec<Level>,
    /// The events that are withheld, while the session is at home. During a burst they stand at the end of the outbox.
    pub(crate) withheld: Vec<u8>,
}

/// One speculation: the session as it was when it began.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    /// The number that it carries.
    pub(crate) ghost: u32,
    /// All words. The forking coroutine stands behind its `Fork`.
    pub(crate) words: Box<[u64]>,
    pub(crate) owned: Owned,
    pub(crate) overflow: Overflow,
    /// What the island had besides its main session.
    pub(crate) growth: Option<Box<Growth>>,
    /// What the island kept of its messages.
    pub(crate) ledger: Option<Box<Ledger>>,
    /// Answers that have been used since.
    pub(crate) spent: Vec<(CoroutineId, EffectOutcome)>,
    /// How many bytes of events were withheld when it began.
    pub(crate) events: usize,
}

impl Speculation {
    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let level = |level: &Level| {
            let growth = level.growth.as_ref().map_or(0, |growth| growth.bytes());
            let ledger = level.ledger.as_ref().map_or(0, |ledger| ledger.bytes());
            8 * level.words.len() + level.owned.bytes() + 16 * level.overflow.len() + growth + ledger
        };
        size_of::<Self>() + self.withheld.len() + self.levels.iter().map(level).sum::<usize>()
    }
}

fn refused(reason: &'static str) -> Box<Fault> {
    Box::new(Fault::Speculation { reason })
}

impl Session {
    /// Whether a speculation is open.
    pub(crate) fn speculates(&self) -> bool {
        self.levels().next().is_some()
    }

    /// Tells of the ends of all sessions of an island that ends between turns, the main one last. What was withheld never
    /// happened, nor is it told how that ended.
    pub(crate) fn tell_ends(&mut self, terminal: Terminal, events: &mut Vec<Event>) {
        self.drop_speculation();
        let growth = self.growth().filter(|_| !planted(Planted::EndsForgetGuests));
        events.extend(ends(growth, terminal));
        events.push(Event::plain(EventKind::SessionTerminal, CoroutineId(0), terminal as u8));
    }

    /// The session ends: what was withheld never happened.
    pub(crate) fn drop_speculation(&mut self) {
        if let Some(ext) = self.ext.as_deref_mut()
            && let Some(speculation) = ext.speculation.take()
        {
            ext.growth = speculation.levels.into_iter().next().and_then(|level| level.growth);
        }
    }
}

impl Frame<'_> {
    /// The open speculations, when there are any.
    pub(crate) fn speculation(&mut self) -> Option<&mut Speculation> {
        self.ext.as_mut().and_then(|ext| ext.speculation.as_deref_mut())
    }

    /// Refuses what could not be taken back: asking outside, making and consuming resources.
    pub(crate) fn outside_speculation(&mut self) -> Result<(), Box<Fault>> {
        match self.speculation() {
            Some(_) if !planted(Planted::SpeculationAsks) => {
                Err(refused("inside one nobody outside is asked, and no guard is taken or given back"))
            }
            _ => Ok(()),
        }
    }

    /// A burst of a speculating session begins: what is withheld stands at the end of the outbox again.
    pub(crate) fn resume_speculation(&mut self) {
        if let Some(speculation) = self.ext.as_mut().and_then(|ext| ext.speculation.as_deref_mut()) {
            self.withheld_at = self.out.events.len();
            self.out.events.append(&mut speculation.withheld);
            self.tracing = true;
        }
    }

    /// It ends: what is withheld goes home with the session.
    pub(crate) fn rest_speculation(&mut self) {
        if let Some(speculation) = self.ext.as_mut().and_then(|ext| ext.speculation.as_deref_mut()) {
            speculation.withheld = self.out.events.split_off(self.withheld_at);
        }
    }

    /// The session faults: what was withheld never happened.
    pub(crate) fn drop_speculation(&mut self) {
        if let Some(ext) = self.ext.as_mut()
            && let Some(speculation) = ext.speculation.take()
        {
            // Sessions that it opened were never told of, and those that it closed are there.
            ext.growth = speculation.levels.into_iter().next().and_then(|level| level.growth);
            self.out.events.truncate(self.withheld_at);
            self.tracing = self.context.trace;
        }
    }

    /// All words as they are now, the running coroutine at `pc`.
    fn copy_words(&self, pc: u32) -> Box<[u64]> {
        let edges = self.edges.as_flattened();
        let mut words = Vec::with_capacity(self.head.len() + self.roles.len() + self.coros.len() + edges.len());
        words.extend_from_slice(self.head);
        words.extend_from_slice(self.roles);
        words.extend_from_slice(if self.apart.is_empty() { self.coros } else { self.apart });
        words.extend_from_slice(edges);
        words[HEAD_READY] = self.ready;
        words[HEAD_STATUS] = Status::new(self.coroutine, self.live, self.deferred).0;
        if let Some(place) = self.image.layout.places.get(usize::from(self.coroutine)) {
            words[self.image.layout.coros_at + place.start as usize + CORO_PC] = self.position_at(pc);
        }
        words.into_boxed_slice()
    }

    /// What the island has besides its main session as it is now, a running coroutine of it at `pc`.
    fn copy_growth(&mut self, pc: u32) -> Option<Box<Growth>> {
        let mut growth = self.ext.as_ref()?.growth.clone()?;
        if let Some(child) = growth.child(self.coroutine) {
            child.words = self.coros.into();
            child.words[CORO_PC] = self.position_at(pc);
        }
        Some(growth)
    }

    /// A started coroutine that runs takes its words back from what was kept.
    fn take_back_child(&mut self) {
        let coroutine = self.coroutine;
        if let Some(child) = self.growth().and_then(|growth| growth.child(coroutine)) {
            let words = core::mem::take(&mut child.words);
            self.coros.copy_from_slice(&words);
        }
    }

    /// A started coroutine ends inside a speculation. Where that is undone it is there again, and asks for nothing twice.
    pub(crate) fn remember_counter(&mut self, coroutine: u16, position: u64) {
        let levels = self.speculation().into_iter().flat_map(|speculation| &mut speculation.levels);
        for growth in levels.filter_map(|level| level.growth.as_deref_mut()) {
            if let Some(child) = growth.child(coroutine)
                && !planted(Planted::SpeculationForgetsEnded)
            {
                child.words[CORO_PC] = child.words[CORO_PC] & u64::from(u32::MAX) | position >> 32 << 32;
            }
        }
    }

    /// Puts all words back. Effect counters stay.
    fn put_words(&mut self, words: &[u64]) {
        let layout = &self.image.layout;
        let id = self.head[HEAD_ID];
        let (head, rest) = words.split_at(layout.roles_at);
        let (roles, rest) = rest.split_at(layout.coros_at - layout.roles_at);
        let (coros, edges) = rest.split_at(layout.edges_at - layout.coros_at);
        self.head.copy_from_slice(head);
        self.head[HEAD_ID] = id;
        if !planted(Planted::SpeculationKeepsType) {
            self.roles.copy_from_slice(roles);
        }
        let mains = if self.apart.is_empty() { &mut *self.coros } else { &mut *self.apart };
        let counters: Vec<u64> =
            layout.places.iter().map(|place| mains[place.start as usize + CORO_PC] >> 32).collect();
        mains.copy_from_slice(coros);
        if !planted(Planted::SpeculationRollsCounters) {
            for (place, counter) in layout.places.iter().zip(counters) {
                let at = place.start as usize + CORO_PC;
                mains[at] = mains[at] & u64::from(u32::MAX) | counter << 32;
            }
        }
        if !planted(Planted::SpeculationKeepsMessages) {
            self.edges.as_flattened_mut().copy_from_slice(edges);
        }
        self.ready = self.head[HEAD_READY];
        let status = Status(self.head[HEAD_STATUS]);
        (self.live, self.deferred) = (status.live(), status.deferred());
    }
}

/// Begins a speculation.
pub(crate) fn fork(frame: &mut Frame<'_>, ghost: u16, pc: u32) -> Step {
    let ghost = u32::try_from(frame.word(ghost)).map_err(|_| refused("its number does not fit 32 bits"))?;
    let (coroutine, limit) = (frame.coroutine, usize::from(frame.context.speculation));
    let open = frame.speculation().map_or(0, |speculation| speculation.levels.len());
    if frame.speculation().is_some_and(|speculation| speculation.coroutine != coroutine) {
        return Err(refused("another coroutine of the session speculates"));
    }
    if open >= limit && !planted(Planted::SpeculationTooDeep) {
        return Err(refused("speculations are nested deeper than the configuration allows"));
    }
    let begun = Event::speculation(EventKind::Forked, CoroutineId(coroutine), ghost);
    if frame.tracing {
        frame.out.event(begun);
    }
    if open == 0 {
        frame.withheld_at = frame.out.events.len();
        frame.tracing = true;
    }
    let (words, events) = (frame.copy_words(pc), frame.out.events.len() - frame.withheld_at);
    let growth = frame.copy_growth(pc);
    let ext: &mut Ext = frame.ext.get_or_insert_default();
    let owned = if planted(Planted::SpeculationForgetsOwned) { Owned::default() } else { ext.owned.clone() };
    let (overflow, ledger) = (ext.overflow.clone(), ext.ledger.clone());
    let level = Level { ghost, words, owned, overflow, growth, ledger, spent: Vec::new(), events };
    match &mut ext.speculation {
        Some(speculation) => speculation.levels.push(level),
        none => *none = Some(Box::new(Speculation { coroutine, levels: Vec::from([level]), withheld: Vec::new() })),
    }
    frame.pc = pc;
    Ok(Outcome::Ran)
}

/// Takes the innermost speculation of the running coroutine off. The outermost ends the withholding.
fn innermost(frame: &mut Frame<'_>) -> Result<Level, Box<Fault>> {
    let coroutine = frame.coroutine;
    let Some(ext) = frame.ext.as_mut() else { return Err(refused("none has begun")) };
    let Some(speculation) = ext.speculation.as_mut().filter(|speculation| speculation.coroutine == coroutine) else {
        return Err(refused("none of this coroutine has begun"));
    };
    let level = speculation.levels.pop();
    if speculation.levels.is_empty() {
        ext.speculation = None;
    }
    level.ok_or_else(|| refused("none has begun"))
}

fn ended(frame: &mut Frame<'_>, kind: EventKind, ghost: u32) {
    frame.tracing = frame.context.trace || frame.speculation().is_some();
    if frame.tracing {
        frame.out.event(Event::speculation(kind, CoroutineId(frame.coroutine), ghost));
    }
}

/// Keeps what the innermost speculation did.
pub(crate) fn join(frame: &mut Frame<'_>, pc: u32) -> Step {
    let level = innermost(frame)?;
    let (trace, withheld_at) = (frame.context.trace, frame.withheld_at);
    match frame.speculation() {
        // What is kept is kept in the speculation around it.
        Some(outer) => {
            if let Some(around) = outer.levels.last_mut() {
                around.spent.extend(level.spent);
            }
        }
        None if trace => {}
        None => frame.out.events.truncate(withheld_at),
    }
    if frame.ledger().is_some() && frame.speculation().is_none() {
        frame.settle_consumed()?;
    }
    ended(frame, EventKind::Joined, level.ghost);
    frame.pc = pc;
    Ok(Outcome::Ran)
}

/// Undoes what the innermost speculation did.
pub(crate) fn abort(frame: &mut Frame<'_>, pc: u32) -> Step {
    let level = innermost(frame)?;
    if !planted(Planted::SpeculationKeepsEvents) {
        frame.out.events.truncate(frame.withheld_at + level.events);
    }
    frame.put_words(&level.words);
    if let Some(ext) = frame.ext.as_mut() {
        (ext.owned, ext.overflow) = (level.owned, level.overflow);
        if !planted(Planted::SpeculationKeepsLedger) {
            ext.ledger = level.ledger;
        }
        if !planted(Planted::SpeculationKeepsGuests) {
            ext.growth = Growth::taken_back(ext.growth.take(), level.growth);
        }
        if !planted(Planted::SpeculationLosesAnswer) {
            ext.answers.extend(level.spent);
        }
    }
    // Whoever waited for its answer then has it now.
    let answered: Vec<u16> = frame.ext.iter().flat_map(|ext| &ext.answers).map(|(coroutine, _)| coroutine.0).collect();
    for coroutine in answered {
        match frame.image.layout.places.get(usize::from(coroutine)) {
            Some(place) => {
                let mains = if frame.apart.is_empty() { &mut *frame.coros } else { &mut *frame.apart };
                mains[place.start as usize + CORO_GATE] = Gate::Open.pack();
            }
            None => {
                if let Some(child) = frame.growth().and_then(|growth| growth.child(coroutine)) {
                    child.words[CORO_GATE] = Gate::Open.pack();
                }
            }
        }
        frame.wake(coroutine + 1);
    }
    frame.many = frame.head.len() > HEAD_READY + 1 || frame.growth().is_some_and(|growth| !growth.far.is_empty());
    frame.take_back_child();
    ended(frame, EventKind::Aborted, level.ghost);
    frame.pc = pc;
    Ok(Outcome::Ran)
}
