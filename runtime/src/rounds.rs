//! The runtime: rounds of plan, certify, execute, commit.
//!
//! Its methods stand in families, in the order in which they are called: start ([`Runtime::new`],
//! [`Runtime::load`], [`Runtime::open`]), run ([`Runtime::turn`], [`Runtime::run`], [`Runtime::complete`]), observe
//! (everything that takes `&self`, and the drains).

use crate::admission::Held;
use crate::asking::served;
use crate::composition::Composition;
use crate::contention::Contention;
use crate::executor::{Executor, Inline};
use crate::planner::Planner;
use crate::schedule::Schedule;
use crate::snapshot::Drive;
use crate::status::{RunStatus, RuntimeError, Turn};
use crate::tape::{Input, Tape};
use crate::threads::Threads;
use motet_machine::{
    Ask, CertifiedWave, CodeImage, CommitReport, EffectCoordinate, EffectHandler, EffectId, FaultReport, FinishedWave,
    ImageId, LostChunk, ParkError, ProtocolMachine, ProtocolMachineConfig, Refused, WaveCertificate, WavePlan,
};
use motet_types::{EffectKinds, Planted, SessionId, planted};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A runtime over an executor.
#[derive(Debug)]
pub struct Runtime<E> {
    pub(crate) machine: ProtocolMachine,
    pub(crate) planner: Planner,
    pub(crate) executor: E,
    pub(crate) schedule: Schedule,
    /// What the host's contracts allow.
    pub(crate) held: Box<Held>,
    pub(crate) limit: u64,
    pub(crate) to_ask: Vec<Ask>,
    pub(crate) asked: BTreeMap<EffectId, EffectCoordinate>,
    pub(crate) admitted: Option<(usize, EffectKinds)>,
    pub(crate) handler: Option<String>,
    pub(crate) faults: Vec<FaultReport>,
    pub(crate) contention: Contention,
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
}
