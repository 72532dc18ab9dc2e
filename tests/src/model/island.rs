//! What the model knows of an island: its coroutines, its sessions, and one burst of it.

use super::code::Code;
use super::fate::Fate;
use super::knowledge::Fact;
use super::sites::Sites;
use crate::conduct::{Cell, Wait};
use motet_machine::{Ask, EffectCoordinate, EffectOutcome, ProtocolMachineConfig, ReceiptState};
use motet_types::{
    CoroutineId, Digest, EdgeId, EffectKinds, Event, EventKind, FaultClass, LabelId, RoleId, SessionId, Terminal, Value,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What a coroutine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    Message,
    Room,
    /// A message or room in a session that instructions opened.
    Guest(bool),
    /// A link.
    Link,
    Answer,
    Turn,
    Ended,
    /// Its site crashed.
    Crashed,
    Cancelled,
}

impl Waits {
    /// Whether the coroutine does not go on.
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Crashed | Self::Cancelled)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Coroutine {
    pub(super) role: u16,
    /// The session and the edge on which it waits, where it waits on one.
    pub(super) at: (u32, EdgeId),
    pub(super) pc: u32,
    pub(super) counter: u32,
    pub(super) waits: Waits,
    pub(super) ready: bool,
    pub(super) registers: Vec<Value>,
}

/// A role of a session: where its type stands, and which coroutine owns its endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) state: u32,
    pub(super) owner: u16,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) sent: u64,
    /// The number of the message that comes next.
    pub(super) next: u64,
    pub(super) messages: VecDeque<(u32, LabelId, Value)>,
    pub(super) receiver: Option<u16>,
    pub(super) sender: Option<u16>,
    /// Numbers of messages that were changed on their way.
    pub(super) spoilt: BTreeSet<u32>,
}

/// A session.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) code: usize,
    pub(super) plan: u16,
    pub(super) draining: bool,
    pub(super) roles: Vec<Seat>,
    pub(super) edges: Vec<Queue>,
}

#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) ghost: u32,
    pub(super) events: usize,
    pub(super) spent: Vec<(u16, EffectOutcome)>,
    pub(super) before: Box<Island>,
}

/// Session 0 is the main one; the others are those that instructions opened.
#[derive(Clone, Debug)]
pub(super) struct Island {
    pub(super) id: SessionId,
    pub(super) talks: BTreeMap<u32, Talk>,
    pub(super) crew: BTreeMap<u16, Coroutine>,
    pub(super) grown: bool,
    pub(super) opened: u32,
    pub(super) spawned: u16,
    pub(super) delegated: u32,
    pub(super) receipts: Vec<ReceiptState>,
    pub(super) knowledge: BTreeSet<Fact>,
    pub(super) current: u16,
    pub(super) deferred: bool,
    pub(super) answers: Vec<(u16, EffectOutcome)>,
    pub(super) speculating: u16,
    pub(super) levels: Vec<Level>,
    /// What the open speculations withhold.
    pub(super) withheld: Vec<Event>,
    /// Messages that were received in them.
    pub(super) taken: BTreeSet<String>,
    /// What each coroutine has used of its credits.
    pub(super) used: BTreeMap<u16, u64>,
}

/// A guard's evidence.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) session: SessionId,
    pub(super) layer: u16,
    pub(super) consumed: bool,
}

/// What is not an island's: the programs, the host, what goes out, and the resources.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: ProtocolMachineConfig,
    pub(super) codes: Vec<Arc<Code>>,
    /// Their images' digests.
    pub(super) digests: Vec<Digest>,
    pub(super) wants: EffectKinds,
    pub(super) fate: Fate,
    pub(super) evidence: BTreeMap<String, Evidence>,
    /// Messages that were received, where that is kept for good.
    pub(super) taken: BTreeSet<String>,
    pub(super) asks: Vec<Ask>,
    pub(super) told: Vec<Event>,
    /// What the step that is being taken has told.
    pub(super) of_step: Vec<Event>,
    pub(super) receipts: Vec<(SessionId, ReceiptState)>,
    pub(super) dropped: u64,
    pub(super) messages: u64,
    pub(super) sites: Sites,
    /// What sites that failed came to between turns: faults, and coroutines that are gone.
    pub(super) faulted: Vec<(SessionId, FaultClass, u16, u32)>,
    pub(super) gone: Vec<(SessionId, u16)>,
    /// The instruction that is being executed, and what instructions were seen to do.
    pub(super) now: Option<&'static str>,
    pub(super) seen: BTreeSet<(&'static str, Cell)>,
}

impl World {
    fn saw(&mut self, cell: Cell) {
        if let Some(now) = self.now {
            self.seen.insert((now, cell));
        }
    }
}

/// What a step comes to.
pub(super) enum Verdict {
    Ran,
    Blocked(Waits),
    Yielded,
    Halted,
    Closed,
}

pub(super) type Step = Result<Verdict, FaultClass>;

/// What a burst comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Ready,
    Waiting,
    Ended(Last),
}

/// How an island ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Every coroutine has ended.
    Done,
    /// An instruction closed it.
    Closed,
    /// A coroutine faulted, at this instruction.
    Fault { class: FaultClass, by: u16, pc: u32 },
    /// Sites have failed.
    Failed(Terminal),
}

impl Talk {
    pub(super) fn open(codes: &[Arc<Code>], code: usize, plan: u16, owner: Option<u16>) -> Self {
        let parts = &codes[code].parts;
        let cells = (0..).zip(&parts.roles);
        let roles = cells.map(|(at, role)| Seat { state: role.initial, owner: owner.unwrap_or(at) }).collect();
        let edges = vec![Queue::default(); parts.edges.len()];
        Self { code, plan, draining: false, roles, edges }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.edges.iter().map(|edge| edge.messages.len()).sum()
    }
}

impl Island {
    pub(super) fn open(id: SessionId, codes: &[Arc<Code>], code: usize) -> Self {
        let crew = (0u16..).zip(&codes[code].parts.roles).map(|(at, role)| {
            let mut registers = vec![Value::Unit; usize::from(role.registers)];
            registers[0] = Value::Endpoint { session: id, role: RoleId(at) };
            let (pc, waits) = (role.code_start, Waits::Nothing);
            (at, Coroutine { role: at, at: (0, EdgeId(0)), pc, counter: 0, waits, ready: true, registers })
        });
        Self {
            id,
            talks: BTreeMap::from([(0, Talk::open(codes, code, 0, None))]),
            crew: crew.collect(),
            grown: false,
            opened: 0,
            spawned: 0,
            delegated: 0,
            receipts: Vec::new(),
            knowledge: BTreeSet::new(),
            current: 0,
            deferred: false,
            answers: Vec::new(),
            speculating: 0,
            levels: Vec::new(),
            withheld: Vec::new(),
            taken: BTreeSet::new(),
            used: BTreeMap::new(),
        }
    }

    pub(super) fn main(&self) -> &Talk {
        &self.talks[&0]
    }

    pub(super) fn live(&self) -> usize {
        self.crew.values().filter(|coroutine| !coroutine.waits.is_over()).count()
    }

    pub(super) fn wake(&mut self, coroutine: Option<u16>) {
        if let Some(waiting) = coroutine.and_then(|at| self.crew.get_mut(&at)) {
            waiting.ready = true;
        }
    }

    /// An event of one of the island's sessions: told, or withheld.
    pub(super) fn tell(&mut self, world: &mut World, talk: u32, event: Event) {
        world.saw(Cell::event(event.kind));
        let to = if self.levels.is_empty() { &mut world.told } else { &mut self.withheld };
        if talk > 0 {
            to.push(Event::guest(talk));
            world.of_step.push(Event::guest(talk));
        }
        to.push(event);
        world.of_step.push(event);
    }

    pub(super) fn message_event(
        &mut self,
        world: &mut World,
        talk: u32,
        by: u16,
        kind: EventKind,
        (edge, label): (EdgeId, LabelId),
    ) {
        self.tell(world, talk, Event::message(kind, CoroutineId(by), edge, label));
    }

    pub(super) fn coordinate(&self, by: u16) -> EffectCoordinate {
        EffectCoordinate { session: self.id, coroutine: CoroutineId(by), counter: self.crew[&by].counter }
    }

    fn next_ready(&self, from: u16) -> Option<u16> {
        let mut ready = self.crew.range(from..).chain(self.crew.range(..from)).filter(|(_, one)| one.ready);
        ready.next().map(|(at, _)| *at)
    }

    /// Steps until nothing is ready or the fuel is gone.
    pub(super) fn burst(&mut self, world: &mut World, fuel: u32) -> (End, u32) {
        let mut left = fuel;
        let end = loop {
            let Some(next) = self.next_ready(self.current) else {
                break if self.live() == 0 { End::Ended(self.last()) } else { End::Waiting };
            };
            self.current = next;
            let waits_its_turn = |one: &Coroutine| !one.ready || one.waits == Waits::Turn;
            if self.deferred && left < fuel && self.crew.values().all(waits_its_turn) {
                break End::Ready;
            }
            self.crew.get_mut(&next).expect("it is ready").waits = Waits::Nothing;
            if let Some(end) = self.turn(world, next, &mut left) {
                break end;
            }
        };
        if self.levels.is_empty() {
            world.receipts.extend(self.receipts.drain(..).map(|receipt| (self.id, receipt)));
        }
        let end = match end {
            End::Ended(_) => end,
            going => self.examine(world, false).map_or(going, End::Ended),
        };
        if let End::Ended(last) = end {
            self.finish(world, last);
        }
        (end, fuel - left)
    }

    /// One coroutine's turn; answers how the burst ends, if it does.
    fn turn(&mut self, world: &mut World, by: u16, left: &mut u32) -> Option<End> {
        loop {
            if *left == 0 {
                return Some(End::Ready);
            }
            *left -= 1;
            let after = (usize::from(by) + 1) % (self.main().roles.len() + usize::from(self.spawned));
            let step = self.held(world, by);
            match step {
                Ok(Verdict::Ran) => {}
                Ok(Verdict::Blocked(waits)) => {
                    let one = self.crew.get_mut(&by)?;
                    (one.waits, one.ready) = (waits, waits == Waits::Turn);
                    if waits == Waits::Turn {
                        (self.deferred, self.current) = (true, after as u16);
                    }
                    return None;
                }
                Ok(Verdict::Yielded) => {
                    self.current = after as u16;
                    return None;
                }
                Ok(Verdict::Halted) => {
                    if usize::from(by) < self.main().roles.len() {
                        let one = self.crew.get_mut(&by)?;
                        (one.waits, one.ready) = (Waits::Ended, false);
                    } else if let Some(gone) = self.crew.remove(&by) {
                        // Where its end is undone it has still asked.
                        let before = self.levels.iter_mut().filter_map(|level| level.before.crew.get_mut(&by));
                        before.for_each(|one| one.counter = gone.counter);
                    }
                    return None;
                }
                Ok(Verdict::Closed) => return Some(End::Ended(Last::Closed)),
                Err(class) => {
                    return Some(End::Ended(Last::Fault { class, by, pc: self.crew[&by].pc }));
                }
            }
        }
    }

    /// One step, of which it is written down what the instruction did.
    pub(super) fn watched(&mut self, world: &mut World, by: u16) -> Step {
        let instr = self.code(world).instrs.get(self.crew[&by].pc as usize).copied();
        self.pay(world, by)?;
        world.now = instr.map(|instr| instr.row().name);
        let step = self.step(world, by);
        if let (Ok(Verdict::Blocked(_)), Some(_)) = (&step, world.config.credits) {
            // It is paid for when it is done.
            *self.used.entry(by).or_default() -= world.config.instruction_cost;
        }
        world.saw(match &step {
            Ok(Verdict::Blocked(Waits::Message | Waits::Guest(true))) => Cell::Waits(Wait::Message),
            Ok(Verdict::Blocked(Waits::Room | Waits::Guest(false))) => Cell::Waits(Wait::Room),
            Ok(Verdict::Blocked(Waits::Link)) => Cell::Waits(Wait::Link),
            Ok(Verdict::Blocked(Waits::Turn)) => Cell::Waits(Wait::Turn),
            Ok(Verdict::Blocked(_)) => Cell::Waits(Wait::Answer),
            Ok(_) => Cell::Does,
            Err(class) => Cell::fault(*class),
        });
        world.now = None;
        step
    }

    /// The next instruction is paid for, where that is asked.
    fn pay(&mut self, world: &World, by: u16) -> Result<(), FaultClass> {
        let Some(budget) = world.config.credits else { return Ok(()) };
        if self.levels.is_empty() {
            self.used.retain(|at, _| self.crew.contains_key(at));
        }
        let used = self.used.entry(by).or_default();
        *used = match used.checked_add(world.config.instruction_cost) {
            Some(more) if more <= budget => more,
            _ => return Err(FaultClass::Credits),
        };
        Ok(())
    }

    /// What a speculation withheld never happened: its sessions were never told of, nor who was given their endpoints.
    pub(super) fn forget_speculation(&mut self) {
        if let Some(outermost) = self.levels.drain(..).next() {
            (self.talks, self.receipts) = (outermost.before.talks, outermost.before.receipts);
        }
        self.withheld.clear();
    }

    /// The island's last events.
    pub(super) fn finish(&mut self, world: &mut World, last: Last) {
        let mut terminal = Terminal::Closed;
        if let Last::Failed(failed) = last {
            terminal = failed;
            self.forget_speculation();
        }
        if let Last::Fault { class, by, .. } = last {
            terminal = Terminal::Faulted;
            self.forget_speculation();
            for kind in [EventKind::FailureBranchEntered, EventKind::Faulted] {
                self.tell(world, 0, Event::plain(kind, CoroutineId(by), class as u8));
            }
        }
        let guests: Vec<u32> = self.talks.keys().copied().filter(|talk| *talk > 0).collect();
        for talk in guests.into_iter().chain([0]) {
            self.tell(world, talk, Event::plain(EventKind::SessionTerminal, CoroutineId(0), terminal as u8));
        }
        if last == Last::Closed {
            self.tell(world, 0, Event::speculation(EventKind::EpochAdvanced, CoroutineId(0), 1));
        }
    }
}
