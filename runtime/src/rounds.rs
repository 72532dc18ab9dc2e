//! The runtime: rounds of plan, certify, execute, commit.
//!
//! Its methods stand in families, in the order in which they are called: start ([`Runtime::new`],
//! [`Runtime::load`], [`Runtime::open`]), run ([`Runtime::turn`], [`Runtime::run`], [`Runtime::complete`]), observe
//! (everything that takes `&self`, and the drains).

use crate::contained::Contained;
use crate::executor::{Executor, Inline};
use crate::planner::Planner;
use crate::schedule::{Schedule, ScheduleError};
use crate::tape::{Input, Tape};
use crate::threads::{Threads, WorkersError};
use motet_machine::{
    AnswerError, Ask, CodeImage, ConfigError, EffectCoordinate, EffectHandler, EffectId, EffectOutcome, FaultReport,
    ImageId, LostChunk, OpenError, ProtocolMachine, ProtocolMachineConfig, Refusal, WavePlan,
};
use motet_types::{Digest, EffectKind, EffectKinds, SessionId, SortId, ValType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a runtime could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The schedule makes no sense.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// An image or a session was refused.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An answer was refused.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// An answer to an effect that the host never took on, or has answered.
    #[error("no effect {} waits for the host's answer", .0.0)]
    UnknownEffect(EffectId),
    /// A role has to choose, and the host does not want to be asked.
    #[error(
        "{role} has to choose between labels, and the host does not answer `choose`; let its handler want `Choose`"
    )]
    NobodyChooses {
        /// The role.
        role: String,
    },
    /// The image invokes a host effect that has no answer of the machine's own, and the host does not want it.
    #[error("the protocol invokes {effect}, and the host does not answer it; let its handler want `InvokeStep`")]
    NobodyAnswers {
        /// Interface and operation.
        effect: String,
    },
    /// Another handler than the one the run began with.
    #[error("the run began with the handler `{began}` and cannot go on with `{now}`")]
    HandlerChanged {
        /// The first one.
        began: String,
        /// The other one.
        now: String,
    },
    /// The handler wants other kinds of effects than when the run began.
    #[error("the handler `{handler}` wants other kinds of effects than when the run began; that must not change")]
    WantsChanged {
        /// The handler.
        handler: String,
    },
    /// That many workers cannot be had.
    #[error(transparent)]
    Workers(#[from] WorkersError),
    /// An executor lost part of a wave. The runtime cannot go on: the sessions in it are gone.
    #[error("the runtime is poisoned: {0}")]
    Poisoned(#[from] LostChunk),
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Every session has ended, none by a fault.
    Completed,
    /// Every session has ended, at least one by a fault.
    Faulted,
    /// The step limit was reached.
    MaxSteps,
    /// Nothing can go on before the host has answered a pending effect.
    Waiting,
    /// Nothing can go on, and nothing is expected from the host.
    Stuck,
}

impl RunStatus {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Completed => "completed",
            RunStatus::Faulted => "faulted",
            RunStatus::MaxSteps => "max_steps",
            RunStatus::Waiting => "waiting",
            RunStatus::Stuck => "stuck",
        }
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A wave of that many steps was committed.
    Ran(u64),
    /// Nothing was ready, or the limit allows no step.
    Idle,
}

/// Counters of the scheduler. They enter neither the trace nor the state root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ScheduleMetrics {
    /// The most islands that were ready at once.
    pub max_ready_depth: usize,
    /// The widest wave.
    pub max_wave_width: usize,
    /// Plans that the certifier refused; the first pick alone was run instead.
    pub fallbacks: u64,
}

/// A runtime over an executor.
#[derive(Debug)]
pub struct Runtime<E> {
    machine: ProtocolMachine,
    planner: Planner,
    executor: E,
    schedule: Schedule,
    limit: u64,
    to_ask: Vec<Ask>,
    asked: BTreeMap<EffectId, EffectCoordinate>,
    admitted: Option<(usize, EffectKinds)>,
    handler: Option<String>,
    faults: Vec<FaultReport>,
    metrics: ScheduleMetrics,
    tape: Option<Tape>,
    poisoned: Option<LostChunk>,
}

/// The cooperative runtime: everything happens on the calling thread.
pub type GuestRuntime = Runtime<Inline>;

impl GuestRuntime {
    /// A cooperative runtime.
    pub fn new(config: ProtocolMachineConfig, schedule: Schedule) -> Result<Self, RuntimeError> {
        Runtime::with_executor(config, schedule, Inline)
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
            limit: u64::MAX,
            to_ask: Vec::new(),
            asked: BTreeMap::new(),
            admitted: None,
            handler: None,
            faults: Vec::new(),
            metrics: ScheduleMetrics::default(),
            tape,
            poisoned: None,
        })
    }

    /// Adds an image.
    pub fn load(&mut self, image: impl Into<Arc<CodeImage>>) -> Result<ImageId, RuntimeError> {
        let image = image.into();
        let id = self.machine.load(Arc::clone(&image))?;
        if let Some(tape) = &mut self.tape {
            tape.image(id, &image);
        }
        Ok(id)
    }

    /// Opens a session of the image.
    pub fn open(&mut self, image: ImageId) -> Result<SessionId, RuntimeError> {
        self.sound()?;
        let (session, island) = self.machine.open(image)?;
        self.record(|| Input::Open { image });
        self.planner.ready(island, self.machine.planner_step());
        Ok(session)
    }

    /// Whether no wave has been lost.
    fn sound(&self) -> Result<(), RuntimeError> {
        self.poisoned.map_or(Ok(()), |lost| Err(RuntimeError::Poisoned(lost)))
    }

    /// Lets the machine take at most this many steps in all, from its beginning.
    pub fn limit_steps(&mut self, limit: u64) {
        self.limit = limit;
        self.record(|| Input::Limit { steps: limit });
    }

    fn record(&mut self, input: impl FnOnce() -> Input) {
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
            if !now.1.contains(EffectKind::Choose)
                && let Some(role) = image.deciders().next()
            {
                return Err(RuntimeError::NobodyChooses { role: image.role_name(role).into() });
            }
            let silent = |answer: u16| image.sorts().val_type(SortId(answer)) == Some(ValType::Unit);
            let unanswered = image.effects().iter().find(|effect| effect.may_block || !silent(effect.answer));
            if !now.1.contains(EffectKind::InvokeStep)
                && let Some(effect) = unanswered
            {
                let effect = format!("{}.{}", effect.interface, effect.operation);
                return Err(RuntimeError::NobodyAnswers { effect });
            }
        }
        // A handler that was refused has not begun the run.
        self.handler.get_or_insert_with(|| host.identity().into());
        self.admitted = Some(now);
        Ok(now.1)
    }

    /// One round: asks what may be asked, plans a wave, certifies it, runs it and commits it.
    pub fn turn<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<Turn, RuntimeError>
    where
        E: Executor<H>,
    {
        self.sound()?;
        let wants = self.admit(host)?;
        self.ask(host)?;
        let left = self.limit.saturating_sub(self.machine.tally().steps);
        self.metrics.max_ready_depth = self.metrics.max_ready_depth.max(self.planner.depth());
        let Some(plan) = self.planner.plan(&self.machine, &self.schedule, left) else {
            return Ok(Turn::Idle);
        };
        self.metrics.max_wave_width = self.metrics.max_wave_width.max(plan.picks.len());
        let wave = match self.machine.certify(&plan, wants) {
            Ok(wave) => wave,
            Err(refusal) => match self.fall_back(plan, wants, refusal) {
                Some(wave) => wave,
                None => return Ok(Turn::Ran(0)),
            },
        };
        let finished = self.executor.execute(wave, host).inspect_err(|lost| self.poisoned = Some(*lost))?;
        let step = self.machine.planner_step();
        let report = self.machine.commit(finished);
        if let Some(tape) = &mut self.tape {
            tape.effects(step, &report.inputs);
        }
        let since = self.machine.planner_step();
        report.ready.into_iter().for_each(|island| self.planner.ready(island, since));
        for ask in report.asks {
            self.to_ask.push(ask);
        }
        self.faults.extend(report.faults);
        Ok(Turn::Ran(report.steps))
    }

    /// The certified-wave fallback: the first pick that is certified alone runs alone; the other picks that are
    /// really ready go back to the queue.
    fn fall_back(
        &mut self,
        plan: WavePlan,
        wants: EffectKinds,
        _refusal: Refusal,
    ) -> Option<motet_machine::CertifiedWave> {
        self.metrics.fallbacks += 1;
        let step = self.machine.planner_step();
        let mut wave = None;
        for pick in plan.picks {
            if wave.is_none() {
                let alone = WavePlan { planner_step: step, picks: vec![pick], fuel: plan.fuel, chunk: plan.chunk };
                wave = self.machine.certify(&alone, wants).ok();
            } else if self.machine.is_ready(pick) {
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
            match self.machine.ask(&ask, &Contained(host)) {
                // The session has ended meanwhile: nobody waits for the answer.
                None => {}
                Some(EffectOutcome::Blocked) => self.to_ask.push(ask),
                Some(EffectOutcome::Pending) => {
                    self.asked.insert(ask.coordinate.effect_id(&run), ask.coordinate);
                }
                Some(answer) => self.answer(ask.coordinate, answer)?,
            }
        }
        Ok(())
    }

    pub(crate) fn answer(&mut self, at: EffectCoordinate, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let outcome = outcome.bounded();
        let recorded = self.tape.is_some().then(|| outcome.clone());
        let island = self.machine.answer(at, outcome)?;
        if let Some(outcome) = recorded {
            self.record(|| Input::Answer { at, outcome });
        }
        if let Some(island) = island {
            self.planner.ready(island, self.machine.planner_step());
        }
        Ok(())
    }

    /// Hands in the answer to an effect that the host had taken on.
    pub fn complete(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let at = *self.asked.get(&effect).ok_or(RuntimeError::UnknownEffect(effect))?;
        let taken = self.answer(at, outcome);
        if !self.machine.is_pending(&at) {
            // Answered now, or its session ended before: nobody waits for it any more.
            self.asked.remove(&effect);
        }
        taken
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

    /// The scheduler's counters.
    pub const fn metrics(&self) -> &ScheduleMetrics {
        &self.metrics
    }

    /// Faults so far, in commit order.
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

    /// Takes the finished part of the trace out, for writing elsewhere.
    pub fn drain_trace(&mut self) -> Vec<u8> {
        self.machine.drain_trace()
    }
}
