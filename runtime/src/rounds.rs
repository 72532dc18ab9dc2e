//! The runtime: rounds of plan, certify, execute, commit.
//!
//! Its methods stand in families, in the order in which they are called: start ([`Runtime::new`],
//! [`Runtime::load`], [`Runtime::open`]), run ([`Runtime::turn`], [`Runtime::run`], [`Runtime::complete`]), observe
//! (everything that takes `&self`, and the drains).

use crate::admission::Held;
use crate::composition::Composition;
use crate::contained::Contained;
use crate::contention::{Contention, ContentionMetrics};
use crate::executor::{Executor, Inline, Observed};
use crate::planner::Planner;
use crate::schedule::Schedule;
use crate::snapshot::Drive;
use crate::status::{RunStatus, RuntimeError, Turn};
use crate::tape::{Input, Tape};
use crate::threads::Threads;
use motet_machine::{
    Ask, CertifiedWave, CodeImage, CommitReport, EffectCoordinate, EffectHandler, EffectId, EffectOutcome, FaultReport,
    FinishedWave, ImageId, LaneSelection, LostChunk, ParkError, ProtocolMachine, ProtocolMachineConfig, Refused,
    WaveCertificate, WavePlan,
};
use motet_types::{Digest, EffectKind, EffectKinds, Planted, ReentrancyPolicy, SessionId, SortId, ValType, planted};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A runtime over an executor.
#[derive(Debug)]
pub struct Runtime<E> {
    pub(crate) machine: ProtocolMachine,
    pub(crate) planner: Planner,
    executor: E,
    schedule: Schedule,
    /// What the host's contracts allow.
    pub(crate) held: Box<Held>,
    pub(crate) limit: u64,
    pub(crate) to_ask: Vec<Ask>,
    pub(crate) asked: BTreeMap<EffectId, EffectCoordinate>,
    pub(crate) admitted: Option<(usize, EffectKinds)>,
    pub(crate) handler: Option<String>,
    pub(crate) faults: Vec<FaultReport>,
    contention: Contention,
    report: CommitReport,
    /// The most steps that each wave that is out may take, oldest first.
    reserved: VecDeque<u64>,
    /// Their sum.
    reserved_steps: u64,
    pub(crate) tape: Option<Tape>,
    /// Several protocols, where the run is composed of them.
    pub(crate) composition: Option<Box<Composition>>,
    poisoned: Option<LostChunk>,
    /// The runtime's part of the snapshot that is being made.
    pub(crate) copying: Option<Box<Drive>>,
}

/// The cooperative runtime: everything happens on the calling thread.
pub type GuestRuntime = Runtime<Inline>;

impl GuestRuntime {
    /// A turn that stops when so many steps have been taken in all, wherever in a wave that is. What is left of the turn
    /// takes no step. The run cannot go on as it would have from there: it is for looking.
    pub(crate) fn turn_until<H: EffectHandler + ?Sized>(&mut self, host: &H, until: u64) -> Result<Turn, RuntimeError> {
        self.turn_through(host, |executor, steps| executor.finish_at_most(host, until.saturating_sub(steps)))
    }

    /// A cooperative runtime.
    pub fn new(config: ProtocolMachineConfig, schedule: Schedule) -> Result<Self, RuntimeError> {
        Runtime::with_executor(config, schedule, Inline::default())
    }
}

/// The threaded runtime: workers steal from the calling thread. Everything observable is as in [`GuestRuntime`].
pub type ThreadedGuestRuntime = Runtime<Threads>;

impl ThreadedGuestRuntime {
    /// A threaded runtime with that many workers, the calling thread included.
    pub fn with_workers(
        config: ProtocolMachineConfig,
        schedule: Schedule,
        workers: usize,
    ) -> Result<Self, RuntimeError> {
        Runtime::with_executor(config, schedule, Threads::new(workers)?)
    }

    /// The same as [`ThreadedGuestRuntime::with_workers`], under the name that the specification gives the form that
    /// may be refused. Neither panics.
    pub fn try_with_workers(
        config: ProtocolMachineConfig,
        schedule: Schedule,
        workers: usize,
    ) -> Result<Self, RuntimeError> {
        Self::with_workers(config, schedule, workers)
    }

    /// A threaded runtime with as many workers as the system has processors to give.
    pub fn auto(config: ProtocolMachineConfig, schedule: Schedule) -> Result<Self, RuntimeError> {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_workers(config, schedule, workers.min(Threads::LIMIT))
    }
}

/// Whether a host that wants these kinds of effects may serve an image.
fn served(image: &CodeImage, wants: EffectKinds) -> Result<(), RuntimeError> {
    if !wants.contains(EffectKind::Choose)
        && let Some(role) = image.deciders().next()
    {
        return Err(RuntimeError::NobodyChooses { role: image.role_name(role).into() });
    }
    let silent = |answer: u16| image.sorts().val_type(SortId(answer)) == Some(ValType::Unit);
    let unanswered = image.effects().iter().find(|effect| effect.may_block || !silent(effect.answer));
    if !wants.contains(EffectKind::InvokeStep)
        && let Some(effect) = unanswered
    {
        let effect = format!("{}.{}", effect.interface, effect.operation);
        return Err(RuntimeError::NobodyAnswers { effect });
    }
    if !wants.contains(EffectKind::Acquire)
        && let Some(layer) = image.guards().first().copied()
    {
        return Err(RuntimeError::NobodyGuards { layer });
    }
    Ok(())
}

impl<E> Runtime<E> {
    /// A runtime over the given executor.
    pub fn with_executor(config: ProtocolMachineConfig, schedule: Schedule, executor: E) -> Result<Self, RuntimeError> {
        schedule.validate()?;
        let tape = config.record.then(Tape::default);
        Ok(Self {
            machine: ProtocolMachine::new(config)?,
            planner: Planner::default(),
            executor,
            schedule,
            held: Box::default(),
            limit: u64::MAX,
            to_ask: Vec::new(),
            asked: BTreeMap::new(),
            admitted: None,
            handler: None,
            faults: Vec::new(),
            contention: Contention::default(),
            report: CommitReport::default(),
            reserved: VecDeque::new(),
            reserved_steps: 0,
            tape,
            composition: None,
            poisoned: None,
            copying: None,
        })
    }

    /// The same run, between two turns, carried out by another executor.
    pub(crate) fn with_other_executor<F>(self, executor: F) -> Runtime<F> {
        Runtime {
            executor,
            machine: self.machine,
            planner: self.planner,
            schedule: self.schedule,
            held: self.held,
            limit: self.limit,
            to_ask: self.to_ask,
            asked: self.asked,
            admitted: self.admitted,
            handler: self.handler,
            faults: self.faults,
            contention: self.contention,
            report: self.report,
            reserved: self.reserved,
            reserved_steps: self.reserved_steps,
            tape: self.tape,
            composition: self.composition,
            poisoned: self.poisoned,
            copying: self.copying,
        }
    }

    /// Adds an image. Once the run has begun, its host must be one that serves the image too.
    pub fn load(&mut self, image: impl Into<Arc<CodeImage>>) -> Result<ImageId, RuntimeError> {
        let image = image.into();
        if let Some((_, wants)) = self.admitted {
            served(&image, wants)?;
        }
        self.admit_image(&image)?;
        let id = self.machine.load(Arc::clone(&image))?;
        if let Some(tape) = &mut self.tape {
            tape.image(id, &image);
        }
        Ok(id)
    }

    /// Opens a session of the image.
    pub fn open(&mut self, image: ImageId) -> Result<SessionId, RuntimeError> {
        self.sound()?;
        let opened = self.machine.open(image)?;
        self.record(|| Input::Open { image });
        self.planner.ready(opened, self.machine.planner_step());
        Ok(opened.footprint)
    }

    /// Whether no wave has been lost.
    pub(crate) fn sound(&self) -> Result<(), RuntimeError> {
        self.poisoned.map_or(Ok(()), |lost| Err(RuntimeError::Poisoned(lost)))
    }

    /// Lets the machine take at most this many steps in all, from its beginning.
    pub fn limit_steps(&mut self, limit: u64) {
        self.limit = limit;
        self.record(|| Input::Limit { steps: limit });
    }

    pub(crate) fn record(&mut self, input: impl FnOnce() -> Input) {
        if let Some(tape) = &mut self.tape {
            tape.input(self.machine.planner_step(), &input());
        }
    }

    /// Whether this host may serve the loaded images: looked at once, and again when either changes.
    fn admit<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<EffectKinds, RuntimeError> {
        if let Some(began) = &self.handler
            && began != host.identity()
        {
            return Err(RuntimeError::HandlerChanged { began: began.clone(), now: host.identity().into() });
        }
        let now = (self.machine.images().len(), host.wants());
        match self.admitted {
            Some(admitted) if admitted == now => return Ok(now.1),
            Some((_, wants)) if wants != now.1 => {
                return Err(RuntimeError::WantsChanged { handler: host.identity().into() });
            }
            _ => {}
        }
        for image in self.machine.images() {
            served(image, now.1)?;
        }
        // A handler that was refused has not begun the run.
        self.handler.get_or_insert_with(|| host.identity().into());
        self.admitted = Some(now);
        Ok(now.1)
    }

    /// One turn: asks what may be asked, and lets time out what has not been answered in time; then plans, certifies, runs
    /// and commits waves, as many as the schedule has in a turn. At its end every island is at home.
    ///
    /// As long as fewer waves are out than the schedule's window, the next one is planned; then the oldest is waited for
    /// and committed. So every plan depends on commits alone, and on nothing that an executor does or how fast it is.
    pub fn turn<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<Turn, RuntimeError>
    where
        E: Executor<H>,
    {
        self.turn_through(host, |executor, _| executor.finish(host))
    }

    /// A turn in which the oldest wave is finished by `finish`, which is also told the steps that have been taken.
    fn turn_through<H: EffectHandler + ?Sized>(
        &mut self,
        host: &H,
        mut finish: impl FnMut(&mut E, u64) -> Option<Result<FinishedWave, LostChunk>>,
    ) -> Result<Turn, RuntimeError>
    where
        E: Executor<H>,
    {
        self.sound()?;
        let wants = self.admit(host)?;
        let overdue = self.has_overdue()?;
        self.ask(host)?;
        if overdue {
            self.time_out()?;
        }
        self.pass_time();
        let (mut planned, mut steps) = (0, 0);
        loop {
            while planned < self.schedule.turn && self.machine.waves_out() < u64::from(self.schedule.window) {
                let Some(wave) = self.next_wave(wants) else { break };
                self.executor.submit(wave, host);
                planned += 1;
            }
            if self.machine.waves_out() == 0 {
                break;
            }
            let finished = finish(&mut self.executor, self.machine.tally().steps);
            steps += self.commit(finished)?;
        }
        if planned == 0 {
            return Ok(Turn::Idle);
        }
        self.expire_timeouts();
        self.begin_budgets();
        let digest_waves = u64::from(self.machine.config().digest_waves);
        if digest_waves > 0 && self.machine.tally().waves - self.machine.boundary().wave >= digest_waves {
            self.machine.take_boundary();
        }
        Ok(Turn::Ran(steps))
    }

    /// Plans and certifies a wave; none when nothing is ready, or the step limit leaves none.
    fn next_wave(&mut self, wants: EffectKinds) -> Option<CertifiedWave> {
        self.contention.ready_depth(self.planner.depth());
        let left = match self.limit {
            u64::MAX => u64::MAX,
            // What is out may take all that it was given.
            limit => limit.saturating_sub(self.machine.tally().steps + self.reserved_steps),
        };
        let left = if planted(Planted::PlannerIgnoresLimit) { u64::MAX } else { left };
        let plan = self.planner.plan(&self.machine, &self.schedule, left)?;
        let fuel = u64::from(plan.fuel);
        let wave = match self.machine.certify(plan, wants) {
            Ok(wave) => wave,
            Err(refused) => self.fall_back(refused, wants)?,
        };
        let width = wave.certificate().picks.len();
        self.contention.wave_width(width);
        let reserved = fuel * width as u64;
        self.reserved.push_back(reserved);
        self.reserved_steps += reserved;
        Some(wave)
    }

    /// Commits the oldest wave; answers its steps.
    fn commit(&mut self, finished: Option<Result<FinishedWave, LostChunk>>) -> Result<u64, RuntimeError> {
        // An executor that forgets a wave has lost all of it.
        let nothing = LostChunk { wave: self.machine.planner_step(), expected: 1, found: 0 };
        let finished = finished.unwrap_or(Err(nothing));
        let finished = finished.inspect_err(|lost| self.poisoned = Some(*lost))?;
        let report = &mut self.report;
        self.machine.commit(finished, report);
        self.reserved_steps -= self.reserved.pop_front().unwrap_or_default();
        if let Some(tape) = &mut self.tape {
            tape.effects(report.wave, &report.inputs);
        }
        let since = self.machine.planner_step();
        report.ready.iter().for_each(|pick| self.planner.ready(*pick, since));
        self.planner.recycle(std::mem::take(&mut report.picks));
        if !report.asks.is_empty() || !report.faults.is_empty() {
            self.to_ask.append(&mut report.asks);
            self.faults.append(&mut report.faults);
        }
        self.contention.committed(report);
        Ok(report.steps)
    }

    /// The certified-wave fallback: the first pick that is certified alone runs alone; the other picks that are
    /// really ready go back to the queue. None when no pick can be run.
    fn fall_back(&mut self, refused: Refused, wants: EffectKinds) -> Option<CertifiedWave> {
        self.contention.conflict();
        let WavePlan { claim, fuel, chunk } = refused.plan;
        let step = self.machine.planner_step();
        let mut wave = None;
        for mut pick in claim.picks {
            // The planner may be wrong about what the island is; the machine is not.
            pick.footprint = self.machine.session_of(pick.island).unwrap_or(pick.footprint);
            if wave.is_none() {
                let (number, boundary) = (self.machine.next_wave(), self.machine.boundary());
                let claim = WaveCertificate { wave: number, planner_step: step, boundary, picks: vec![pick] };
                wave = self.machine.certify(WavePlan { claim, fuel, chunk }, wants).ok();
            } else if self.machine.is_ready(pick.island) {
                self.planner.ready(pick, step);
            }
        }
        wave
    }

    /// Asks the effects that may block, outside any wave.
    fn ask<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<(), RuntimeError> {
        if self.to_ask.is_empty() {
            return Ok(());
        }
        let run = self.machine.config().run_id;
        for ask in std::mem::take(&mut self.to_ask) {
            if !self.machine.is_pending(&ask.coordinate) {
                continue;
            }
            let overdue = self.machine.is_overdue(&ask.coordinate) && !planted(Planted::DeadlineAsksOverdue);
            if overdue || self.is_shut_out(&ask) {
                self.to_ask.push(ask);
                continue;
            }
            match self.machine.ask(&ask, &Contained(host)) {
                // The session has ended meanwhile: nobody waits for the answer.
                None => {}
                Some(EffectOutcome::Blocked) => {
                    // A host that had taken it on in an earlier process has not now.
                    self.asked.remove(&ask.coordinate.effect_id(&run));
                    self.to_ask.push(ask);
                }
                Some(EffectOutcome::Pending) => {
                    self.asked.insert(ask.coordinate.effect_id(&run), ask.coordinate);
                }
                Some(answer) => self.answer(ask.coordinate, answer)?,
            }
        }
        Ok(())
    }

    /// Whether the host has taken on an effect beside which this one may not go out: it then waits for that one's answer.
    fn is_shut_out(&self, ask: &Ask) -> bool {
        let policy = ask.metadata().reentrancy_policy;
        // An operation goes out again only when it is asked again.
        if policy != ReentrancyPolicy::RejectSameFragment || planted(Planted::AskReenters) {
            return false;
        }
        let (mine, run) = (ask.responsibility(), self.machine.config().run_id);
        self.machine.asks_of(ask.coordinate.session).any(|other| {
            let out = other.coordinate != ask.coordinate && self.asked.contains_key(&other.coordinate.effect_id(&run));
            out && mine.is_shut_out_by(policy, &other.responsibility())
        })
    }

    pub(crate) fn answer(&mut self, at: EffectCoordinate, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let outcome = outcome.bounded();
        let recorded = self.tape.is_some().then(|| outcome.clone());
        let pick = self.machine.answer(at, outcome)?;
        if let Some(outcome) = recorded {
            self.record(|| Input::Answer { at, outcome });
        }
        if let Some(pick) = pick {
            self.planner.ready(pick, self.machine.planner_step());
        }
        Ok(())
    }

    /// Hands in the answer to an effect that the host had taken on.
    ///
    /// # Errors
    /// Nobody waits for it. [`RuntimeError::LateResult`] where the effect was invalidated and semantic objects are kept: they
    /// have the result as rejected.
    pub fn complete(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let Some(at) = self.asked.get(&effect).copied() else { return Err(self.refuse(effect, outcome)) };
        let taken = self.answer(at, outcome);
        if !self.machine.is_pending(&at) {
            // Answered now, or its session ended before: nobody waits for it any more.
            self.asked.remove(&effect);
        }
        taken
    }

    /// Effects that the next turn will ask, in order.
    pub(crate) fn to_ask(&self) -> &[Ask] {
        &self.to_ask
    }

    /// Has every effect asked again that waits for an answer: the host may have forgotten them. Their ids are the same.
    /// Those of `asked` come first, in that order, which should be the one in which they were asked before.
    pub(crate) fn ask_again(&mut self, asked: &[EffectCoordinate]) {
        let pending: BTreeMap<EffectCoordinate, Ask> =
            self.machine.pending_effects().map(|ask| (ask.coordinate, ask.clone())).collect();
        let fresh = std::mem::take(&mut self.to_ask);
        let order = asked.iter().copied().chain(fresh.iter().map(|ask| ask.coordinate)).chain(pending.keys().copied());
        let mut seen = BTreeSet::new();
        self.to_ask.extend(order.filter(|at| seen.insert(*at)).filter_map(|at| pending.get(&at).cloned()));
    }

    /// Effects that the host has taken on and not answered.
    pub fn outstanding(&self) -> impl Iterator<Item = (EffectId, EffectCoordinate)> {
        let waited_for = |(_, at): &(&EffectId, &EffectCoordinate)| self.machine.is_pending(at);
        self.asked.iter().filter(waited_for).map(|(id, at)| (*id, *at))
    }

    /// Turns until nothing can go on or the step limit is reached.
    pub fn run<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<RunStatus, RuntimeError>
    where
        E: Executor<H>,
    {
        loop {
            if self.turn(host)? == Turn::Idle {
                // An effect that the host has blocked is asked again at the next turn; the embedder says when.
                return Ok(self.status());
            }
        }
    }

    /// Where the run stands between turns.
    pub fn status(&self) -> RunStatus {
        if self.machine.live_sessions() == 0 {
            return if self.machine.tally().faulted > 0 { RunStatus::Faulted } else { RunStatus::Completed };
        }
        if self.planner.depth() > 0 {
            return RunStatus::MaxSteps;
        }
        if self.machine.pending_effects().next().is_some() { RunStatus::Waiting } else { RunStatus::Stuck }
    }

    /// The executor.
    pub const fn executor(&self) -> &E {
        &self.executor
    }

    /// The machine.
    pub const fn machine(&self) -> &ProtocolMachine {
        &self.machine
    }

    /// The schedule.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What scheduling met so far: counters of this run, which enter neither the trace nor the state root.
    pub fn contention(&self) -> ContentionMetrics
    where
        E: Observed,
    {
        self.contention.snapshot(&self.executor.metrics())
    }

    /// Which lane ran which burst, the newest [`LANE_SELECTIONS`](crate::LANE_SELECTIONS) of them, when the
    /// configuration observes lanes.
    pub fn lanes(&self) -> impl Iterator<Item = &LaneSelection> {
        self.contention.lanes()
    }

    /// Takes the faults so far out, in commit order.
    pub fn drain_faults(&mut self) -> Vec<FaultReport> {
        std::mem::take(&mut self.faults)
    }

    /// Faults so far that were not drained, in commit order.
    pub fn faults(&self) -> &[FaultReport] {
        &self.faults
    }

    /// The recording so far, when the configuration asks for one.
    pub const fn tape(&self) -> Option<&Tape> {
        self.tape.as_ref()
    }

    pub(crate) const fn tape_mut(&mut self) -> Option<&mut Tape> {
        self.tape.as_mut()
    }

    /// The identity of the handler that serves this run.
    pub fn handler(&self) -> Option<&str> {
        self.handler.as_deref()
    }

    /// The handler with which the run began elsewhere. The images are looked at again when it comes, and it must want the
    /// same kinds.
    pub(crate) fn began_with(&mut self, handler: String, wants: EffectKinds) {
        (self.handler, self.admitted) = (Some(handler), Some((usize::MAX, wants)));
    }

    /// The kinds that the run's handler wants.
    pub fn wants(&self) -> EffectKinds {
        self.admitted.map_or(EffectKinds::NONE, |(_, wants)| wants)
    }

    /// The digest of the trace; none when the trace is off.
    pub fn trace_digest(&self) -> Option<Digest> {
        self.machine.trace_digest()
    }

    /// The state root.
    pub fn state_root(&self) -> Digest {
        self.machine.state_root()
    }

    /// The state root, at the cost of what has changed since it was last asked for; see
    /// [`ProtocolMachine::settle_root`].
    pub fn settle_root(&mut self) -> Digest {
        self.machine.settle_root()
    }

    /// Takes a session that waits for the host out of memory; see [`ProtocolMachine::park`].
    pub fn park(&mut self, session: SessionId) -> Result<Vec<u8>, ParkError> {
        if self.to_ask.iter().any(|ask| ask.coordinate.session == session) {
            return Err(ParkError::Unasked(session));
        }
        self.machine.park(session)
    }

    /// Takes a parked session back, before its effect is answered; see [`ProtocolMachine::resume`].
    pub fn resume(&mut self, bytes: &[u8]) -> Result<SessionId, ParkError> {
        self.machine.resume(bytes)
    }

    /// Takes the finished part of the trace out, for writing elsewhere.
    pub fn drain_trace(&mut self) -> Vec<u8> {
        self.machine.drain_trace()
    }
}
