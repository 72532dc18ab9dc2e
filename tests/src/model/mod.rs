//! A slow, literal interpreter of the specification's machine, one instruction a wave, for tests to hold the real one
//! against. It shares no code with it: sessions are maps and queues of whole values, a speculation is a copy of
//! everything, and programs are interpreted as they are written. What it has in common with the machine are the types
//! in which both say what they did. One rule it does not have: that an endpoint of the coroutine's own, which it still
//! owns, is not used through a register of which the verifier does not know that it holds it (`rarely::own_endpoints_are_known`).

mod code;
mod fate;
mod island;
mod knowledge;
mod outputs;
mod owning;
mod replay;
mod sessions;
mod shape;
mod sites;
mod speculation;
mod step;
mod talk;

use self::code::Code;
use self::fate::{About, Fate};
use self::island::{End, Island, Last, World};
use self::owning::Owning;
use self::sites::Sites;
pub(crate) use self::step::evidence_id;
use crate::conduct::Cell;
use motet_machine::{
    Ask, EffectCoordinate, EffectHandler, EffectOutcome, Ledger, ProtocolMachineConfig, ReceiptState, SessionState,
    Wanted,
};
use motet_runtime::RunStatus;
use motet_types::{
    CoroutineId, Digest, EffectFailureKind, EffectKind, EffectKinds, Event, EventKind, FaultClass, ImageParts,
    SessionId, SortId, Terminal, Tick,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A fault: its session, class, coroutine and instruction.
pub type Faulted = (SessionId, FaultClass, u16, u32);

/// The model of a machine and its runtime under the canonical schedule.
#[derive(Debug)]
pub struct Model {
    world: World,
    islands: BTreeMap<SessionId, Island>,
    opened: u64,
    /// Islands that are ready, first come first.
    queue: VecDeque<SessionId>,
    to_ask: Vec<Ask>,
    pending: BTreeMap<EffectCoordinate, Ask>,
    /// Ticks that passed by the host's clock.
    passed: u64,
    /// When each effect that has a budget was there to be asked.
    since: BTreeMap<EffectCoordinate, u64>,
    asked: BTreeSet<EffectCoordinate>,
    events: Vec<(SessionId, Event)>,
    /// What the events are about that are about a text, in order; and the text that is being spelt.
    texts: Vec<String>,
    spelt: Vec<u8>,
    faults: Vec<Faulted>,
    steps: u64,
    /// Turns in which an island ran.
    waves: u64,
    owning: Owning,
    /// Sessions that were cancelled, and that faulted.
    ends: [u64; 2],
}

/// A host for a machine and the same host for its model.
pub fn hosts(seed: u64, wants: EffectKinds, grim: u64) -> (impl EffectHandler, Host) {
    (Fate::new(seed, wants, grim), Host(Fate::new(seed, wants, grim)))
}

/// A model's host.
#[derive(Debug)]
pub struct Host(Fate);

impl Model {
    /// A model of a machine that has loaded nothing.
    pub fn new(config: ProtocolMachineConfig, host: Host) -> Self {
        let world = World {
            sites: Sites::new(config.cancellation),
            config,
            codes: Vec::new(),
            digests: Vec::new(),
            wants: host.0.wants,
            fate: host.0,
            evidence: BTreeMap::new(),
            taken: BTreeSet::new(),
            asks: Vec::new(),
            told: Vec::new(),
            of_step: Vec::new(),
            receipts: Vec::new(),
            dropped: 0,
            messages: 0,
            faulted: Vec::new(),
            gone: Vec::new(),
            now: None,
            seen: BTreeSet::new(),
        };
        Self {
            world,
            islands: BTreeMap::new(),
            opened: 0,
            queue: VecDeque::new(),
            to_ask: Vec::new(),
            pending: BTreeMap::new(),
            passed: 0,
            since: BTreeMap::new(),
            asked: BTreeSet::new(),
            events: Vec::new(),
            texts: Vec::new(),
            spelt: Vec::new(),
            faults: Vec::new(),
            steps: 0,
            waves: 0,
            owning: Owning::default(),
            ends: [0; 2],
        }
    }

    /// Loads a program; its number.
    pub fn load(&mut self, parts: &ImageParts, digest: Digest) -> Result<usize, String> {
        self.world.codes.push(Arc::new(Code::read(parts, &self.world.digests)?));
        self.world.digests.push(digest);
        Ok(self.world.digests.len() - 1)
    }

    /// Opens a session of a program.
    pub fn open(&mut self, code: usize) -> SessionId {
        let id = SessionId(self.opened);
        self.opened += 1;
        self.islands.insert(id, Island::open(id, &self.world.codes, code));
        self.queue.push_back(id);
        self.events.push((id, Event::plain(EventKind::Opened, CoroutineId(0), 0)));
        id
    }

    /// One turn: what may be asked is asked, what was not answered in time is not waited for, and one island takes one step.
    /// Answers which, if any could.
    pub fn turn(&mut self) -> Option<SessionId> {
        let late = self.late();
        for ask in std::mem::take(&mut self.to_ask) {
            if !self.pending.contains_key(&ask.coordinate) || late.contains(&ask.coordinate) {
                continue;
            }
            if self.is_shut_out(&ask) {
                self.to_ask.push(ask);
                continue;
            }
            match self.outcome(&ask, false) {
                EffectOutcome::Blocked => {
                    self.asked.remove(&ask.coordinate);
                    self.to_ask.push(ask);
                }
                EffectOutcome::Pending => {
                    self.asked.insert(ask.coordinate);
                }
                answer => self.answer(ask.coordinate, answer),
            }
        }
        for at in late {
            self.asked.remove(&at);
            let budget = self.world.config.effect_budget.unwrap_or_default();
            let why = format!("no answer within its budget of {budget} ticks");
            self.answer(at, EffectOutcome::failure(EffectFailureKind::Timeout, why));
        }
        self.pass_time();
        let id = self.queue.pop_front()?;
        let island = self.islands.get_mut(&id)?;
        let (end, steps) = island.burst(&mut self.world, 1);
        self.steps += u64::from(steps);
        self.keep_events(id);
        for ask in std::mem::take(&mut self.world.asks) {
            if !matches!(end, End::Ended(_)) {
                self.pending.insert(ask.coordinate, ask.clone());
            }
            self.to_ask.push(ask);
        }
        match end {
            End::Ready => self.queue.push_back(id),
            End::Waiting => {}
            End::Ended(last) => self.ended(id, last),
        }
        self.waves += 1;
        self.forget_gone();
        self.expire(self.tick());
        let now = self.tick();
        if self.world.config.effect_budget.is_some() {
            for at in self.pending.keys() {
                self.since.entry(*at).or_insert(now);
            }
        }
        self.since.retain(|at, _| self.pending.contains_key(at));
        Some(id)
    }

    /// Waves, and what has passed by the host's clock.
    const fn tick(&self) -> u64 {
        self.waves + self.passed
    }

    /// So many ticks pass by the host's clock.
    pub fn advance(&mut self, ticks: u64) {
        self.passed += ticks;
        self.expire(self.tick());
    }

    /// Effects that have waited for as long as they may, the longest first.
    fn late(&self) -> Vec<EffectCoordinate> {
        let Some(budget) = self.world.config.effect_budget else { return Vec::new() };
        let mut late: Vec<_> = self.since.iter().filter(|(at, _)| self.pending.contains_key(at)).collect();
        late.retain(|(_, since)| self.tick() - **since >= budget);
        late.sort_by_key(|(at, since)| (**since, **at));
        late.into_iter().map(|(at, _)| *at).collect()
    }

    fn ended(&mut self, id: SessionId, last: Last) {
        match last {
            Last::Fault { class, by, pc } => {
                self.faults.push((id, class, by, pc));
                self.ends[1] += 1;
            }
            Last::Failed(Terminal::Faulted) => self.ends[1] += 1,
            Last::Failed(_) => self.ends[0] += 1,
            Last::Done | Last::Closed => {}
        }
        self.owning.ended(id);
        self.islands.remove(&id);
        self.pending.retain(|at, _| at.session != id);
    }

    /// Sessions that were cancelled, and that faulted.
    pub const fn ends(&self) -> [u64; 2] {
        self.ends
    }

    /// A guard is not asked for while the host works on something else for the same role of the same session.
    fn is_shut_out(&self, ask: &Ask) -> bool {
        let fragment = |ask: &Ask| (ask.coordinate.session, ask.role);
        matches!(ask.wanted, Wanted::Guard(_))
            && self.outstanding().any(|at| at != ask.coordinate && fragment(&self.pending[&at]) == fragment(ask))
    }

    fn outcome(&self, ask: &Ask, late: bool) -> EffectOutcome {
        let code = &self.world.codes[self.islands[&ask.coordinate.session].main().code];
        let (kind, about) = match ask.wanted {
            Wanted::Answer { effect, .. } => {
                let answer = SortId(code.parts.effects[effect.index()].answer);
                (EffectKind::InvokeStep, About::Value(&code.sorts, answer))
            }
            Wanted::Guard(layer) => match step::unguarded(&self.world, layer) {
                Some(refused) => return refused,
                None => (EffectKind::Acquire, About::Nothing),
            },
        };
        match late {
            true => self.world.fate.late(ask.coordinate, kind, &about),
            false => self.world.fate.asked(ask.coordinate, kind, &about),
        }
    }

    fn answer(&mut self, at: EffectCoordinate, outcome: EffectOutcome) {
        self.pending.remove(&at);
        let Some(island) = self.islands.get_mut(&at.session) else { return };
        let was_ready = island.crew.values().any(|one| one.ready);
        if let Some(one) = island.crew.get_mut(&at.coroutine.0) {
            (one.waits, one.ready) = (island::Waits::Nothing, true);
        }
        island.answers.push((at.coroutine.0, outcome));
        if !was_ready {
            self.queue.push_back(at.session);
        }
    }

    /// Effects that the host has taken on, and waits to answer.
    pub fn outstanding(&self) -> impl Iterator<Item = EffectCoordinate> {
        self.asked.iter().filter(|at| self.pending.contains_key(at)).copied()
    }

    /// The host answers one of them; answers with what.
    pub fn complete(&mut self, at: EffectCoordinate) -> Option<EffectOutcome> {
        let outcome = self.outcome(self.pending.get(&at)?, true);
        self.asked.remove(&at);
        self.answer(at, outcome.clone());
        Some(outcome)
    }

    /// Whether there is something that the host has refused to answer yet.
    pub fn may_ask(&self) -> bool {
        self.to_ask.iter().any(|ask| self.pending.contains_key(&ask.coordinate))
    }

    /// Where the run stands.
    pub fn status(&self) -> RunStatus {
        match (self.islands.is_empty(), self.ends[1] == 0) {
            (true, true) => RunStatus::Completed,
            (true, false) => RunStatus::Faulted,
            _ if !self.queue.is_empty() => RunStatus::MaxSteps,
            _ if !self.pending.is_empty() => RunStatus::Waiting,
            _ => RunStatus::Stuck,
        }
    }

    /// What a burst told, each event with the session that it is about.
    fn keep_events(&mut self, of: SessionId) {
        let mut about = of;
        for event in self.world.told.drain(..) {
            match event.kind {
                EventKind::Guest => about = of.guest(event.ghost()),
                EventKind::Text => self.spelt.extend(event.spelt().into_iter().flatten()),
                _ => {
                    let spelt = [EventKind::Tagged, EventKind::Checked, EventKind::OutputConditionChecked];
                    if spelt.contains(&event.kind) {
                        self.texts.push(String::from_utf8(std::mem::take(&mut self.spelt)).unwrap_or_default());
                    }
                    self.events.push((about, event));
                    about = of;
                }
            }
        }
    }

    /// What has happened, and whose session it concerns.
    pub fn events(&self) -> &[(SessionId, Event)] {
        &self.events
    }

    /// What those of the events are about that are about a text, in order.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Receipts of endpoints that changed hands since the last call.
    pub fn receipts(&mut self) -> Vec<(SessionId, ReceiptState)> {
        std::mem::take(&mut self.world.receipts)
    }

    /// Sessions that are there.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.islands.keys().copied()
    }

    /// A session as the machine's state says it; none when it has ended.
    pub fn session(&self, id: SessionId) -> Option<SessionState> {
        let mut state = self.islands.get(&id).map(Island::state)?;
        let budget = self.world.config.effect_budget.unwrap_or_default();
        let waits = self.since.iter().filter(|(at, _)| at.session == id && self.pending.contains_key(at));
        state.deadlines = waits.map(|(at, since)| (at.coroutine, Tick(since + budget))).collect();
        Some(state)
    }

    /// The faults so far.
    pub fn faults(&self) -> &[Faulted] {
        &self.faults
    }

    /// Steps, messages received, and messages left out so far.
    pub const fn tally(&self) -> [u64; 3] {
        [self.steps, self.world.messages, self.world.dropped]
    }

    /// What instructions were seen to do.
    pub const fn seen(&self) -> &BTreeSet<(&'static str, Cell)> {
        &self.world.seen
    }

    /// Holds what the machine keeps of a session's messages against them.
    pub fn keeps(&self, id: SessionId, ledger: Option<&Ledger>) -> Result<(), String> {
        self.islands.get(&id).map_or(Ok(()), |island| island.keeps(&self.world, ledger))
    }

    /// Evidence of guards that has not been given back, as ids of resources; and how much has, messages included that
    /// can be received once.
    pub fn evidence(&self) -> (BTreeSet<&str>, usize) {
        let (live, gone): (Vec<_>, Vec<_>) = self.world.evidence.iter().partition(|(_, one)| !one.consumed);
        (live.into_iter().map(|(id, _)| id.as_str()).collect(), gone.len() + self.world.taken.len())
    }

    /// What must hold of every state: types and values fit, counts agree.
    pub fn coherent(&self) -> Result<(), String> {
        self.islands.values().try_for_each(|island| island.coherent(&self.world))
    }
}
