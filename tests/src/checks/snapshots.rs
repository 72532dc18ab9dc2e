//! Roots and snapshots: a root that is kept is the one computed, and what is copied goes on as if it had never stopped.

use crate::dice::Dice;
use crate::generate::{Size, protocol};
use crate::grow::converse;
use crate::lane::Lane;
use crate::speculate::speculate;
use crate::watched::watch;
use motet_choreo::{EmitOptions, compile_with};
use motet_machine::{
    AnswerError, BackpressurePolicy, BufferConfig, BufferMode, CodeImage, EffectCoordinate, EffectHandler,
    EffectOutcome, EffectRequest, EffectResponse, FlowPolicy, ParkError, ProtocolMachine, ProtocolMachineConfig, RunId,
    Snapshot, SnapshotRefusal,
};
use motet_runtime::{
    GuestRuntime, Inline, PriorityPolicy, ResumeError, RunStatus, Runtime, RuntimeError, Schedule, SchedulerPolicy,
    SeededHost, Threads, Turn,
};
use motet_types::{Digest, EffectFailureKind, EffectKind, EffectKinds, SessionId, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A seeded host that fails now and then, and takes on, puts off or answers at once what may block. Everything follows
/// from the request.
pub(super) struct Wayward {
    inner: SeededHost,
    fails: u32,
}

impl Wayward {
    fn draw(at: EffectCoordinate) -> u32 {
        (at.session.0 as u32).wrapping_mul(31) ^ u32::from(at.coroutine.0).wrapping_mul(7) ^ at.counter
    }

    fn late(at: EffectCoordinate, value: Value) -> EffectOutcome {
        match Self::draw(at) % 11 {
            10 => EffectOutcome::failure(EffectFailureKind::Denied, "as it was told to"),
            _ => EffectOutcome::Success(EffectResponse::InvokeStep(value)),
        }
    }
}

impl EffectHandler for Wayward {
    fn identity(&self) -> &str {
        "wayward"
    }
    fn wants(&self) -> EffectKinds {
        self.inner.wants().with(EffectKind::Receive)
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let (at, draw) = (request.coordinate, Self::draw(request.coordinate));
        if request.operation().is_some_and(|operation| operation.may_block) {
            return match draw % 4 {
                // The tick goes on as long as anybody runs.
                0 if !request.tick.0.is_multiple_of(3) => EffectOutcome::Blocked,
                0 | 1 => self.inner.handle_effect(request),
                _ => EffectOutcome::Pending,
            };
        }
        if self.fails > 0 && draw % self.fails == self.fails - 1 {
            return EffectOutcome::failure(EffectFailureKind::Denied, "as it was told to");
        }
        let _ = at;
        self.inner.handle_effect(request)
    }
}

/// One random run: protocol, host, buffers, schedule.
pub(super) struct Case {
    pub(super) image: Arc<CodeImage>,
    /// The images that its plans name.
    pub(super) plans: Vec<Arc<CodeImage>>,
    pub(super) host: Wayward,
    pub(super) config: ProtocolMachineConfig,
    pub(super) schedule: Schedule,
    pub(super) sessions: usize,
}

pub(super) const SCHEDULES: [(u32, u32, u32); 3] = [(1, 1, 1), (8, 16, 2), (64, 256, 16)];

impl Case {
    pub(super) fn new(seed: u64, wave: u32, fuel: u32, chunk: u32) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let size = Size { max_roles: 4, messages: 8, ..Size::default() };
        let global = protocol(dice.rng(), &size);
        let step_hooks = !seed.is_multiple_of(3);
        let parts = compile_with(&global, EmitOptions { step_hooks }).map_err(|error| error.to_string())?;
        let mut parts = parts;
        parts.effects.iter_mut().for_each(|effect| effect.may_block = true);
        let plans = if dice.one_in(3) { converse(&mut parts, &mut dice, 2, true)? } else { Vec::new() };
        if dice.one_in(4) {
            speculate(&mut parts, &mut dice, None, 2);
        }
        let image = CodeImage::verify(parts).map_err(|error| error.to_string())?;
        let mode = if seed.is_multiple_of(5) { BufferMode::LatestValue } else { BufferMode::Fifo };
        let policy = if seed % 4 == 1 { BackpressurePolicy::Drop } else { BackpressurePolicy::Block };
        let capacity = [1, 2, 3, 64][seed as usize / 3 % 4];
        let config = ProtocolMachineConfig {
            buffer: BufferConfig { mode, capacity, policy },
            record: true,
            run_id: RunId([seed as u8; 16]),
            speculation_depth: 2,
            digest_waves: [0, 3][seed as usize % 2],
            flow_policy: [FlowPolicy::AllowAll, FlowPolicy::DenyRoles(["Q".into()].into())][seed as usize / 2 % 2]
                .clone(),
            ..ProtocolMachineConfig::default()
        };
        let config = watch(&mut dice, config);
        let map = BTreeMap::from([(SessionId(1), 3), (SessionId(2), 9)]);
        let policy = match seed % 6 {
            0 | 1 => SchedulerPolicy::Cooperative,
            2 => SchedulerPolicy::ProgressAware,
            3 => SchedulerPolicy::Random { seed },
            4 => SchedulerPolicy::Priority(PriorityPolicy::Aging(map)),
            _ => SchedulerPolicy::Priority(PriorityPolicy::TokenWeighted),
        };
        let host = Wayward { inner: SeededHost::new(seed), fails: [0, 0, 13][seed as usize % 3] };
        let (window, turn) = if wave == 1 { (1, 1) } else { (1 + dice.below(4) as u32, 1 + dice.below(6) as u32) };
        let schedule = Schedule { policy, wave, fuel, chunk, window, turn };
        Ok(Self { image: Arc::new(image), plans, host, config, schedule, sessions: 3 + dice.below(3) })
    }

    fn start(&self) -> Result<GuestRuntime, String> {
        self.start_on(Inline::default())
    }

    fn start_on<E>(&self, executor: E) -> Result<Runtime<E>, String> {
        let runtime = Runtime::with_executor(self.config.clone(), self.schedule.clone(), executor);
        let mut runtime = runtime.map_err(|error| error.to_string())?;
        for plan in &self.plans {
            runtime.load(Arc::clone(plan)).map_err(|error| error.to_string())?;
        }
        let image = runtime.load(Arc::clone(&self.image)).map_err(|error| error.to_string())?;
        for _ in 0..self.sessions {
            runtime.open(image).map_err(|error| error.to_string())?;
        }
        runtime.limit_steps(240);
        Ok(runtime)
    }

    /// All images, in the order in which they are loaded.
    pub(super) fn images(&self) -> Vec<Arc<CodeImage>> {
        self.plans.iter().chain([&self.image]).cloned().collect()
    }

    pub(super) fn resume(&self, bytes: &[u8]) -> Result<GuestRuntime, ResumeError> {
        GuestRuntime::resume_from(self.config.clone(), Inline::default(), &self.images(), bytes)
    }

    /// What the host answers to an effect that it had taken on.
    pub(super) fn late_answer(&self, at: EffectCoordinate) -> Result<EffectOutcome, String> {
        let answer = Value::default_of(self.image.sorts(), motet_types::SortId(self.image.effects()[0].answer));
        Ok(Wayward::late(at, answer.ok_or("an effect's answer has a sort")?))
    }

    /// The answer to an effect that the host had taken on.
    fn complete(&self, runtime: &mut GuestRuntime, parked: &mut Kept) -> Result<bool, String> {
        let Some((effect, at)) = runtime.outstanding().min_by_key(|(_, at)| *at) else { return Ok(false) };
        let outcome = self.late_answer(at)?;
        if let Some(bytes) = parked.remove(&at.session) {
            let early = runtime.complete(effect, outcome.clone());
            let refused = early == Err(RuntimeError::Answer(AnswerError::Parked(at)));
            ensure!(refused, "an effect of a parked session was answered: {early:?}");
            let resumed = runtime.resume(&bytes).map_err(|error| error.to_string())?;
            ensure!(resumed == at.session, "{resumed} was resumed for {}", at.session);
        }
        runtime.complete(effect, outcome).map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// Runs to the end. What comes from outside comes when the runtime's own state says so; `between` is called before
    /// every turn and must change nothing that can be seen.
    pub(super) fn drive(
        &self,
        runtime: &mut GuestRuntime,
        parked: &mut Kept,
        between: &mut dyn FnMut(&mut GuestRuntime, &mut Kept) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            between(runtime, parked)?;
            let step = runtime.machine().planner_step();
            if step == 7 && runtime.machine().tally().opened == self.sessions as u64 {
                runtime.open(motet_machine::ImageId(self.plans.len() as u32)).map_err(|error| error.to_string())?;
            }
            let turn = runtime.turn(&self.host).map_err(|error| error.to_string())?;
            let due = turn == Turn::Idle || step % 4 == 2;
            let answered = due && self.complete(runtime, parked)?;
            if turn == Turn::Idle && !answered {
                return Ok(());
            }
        }
    }

    /// The run that nothing disturbs.
    fn plain(&self) -> Result<Seen, String> {
        let mut runtime = self.start()?;
        self.drive(&mut runtime, &mut Kept::new(), &mut |_, _| Ok(()))?;
        Ok(Seen::of(&runtime, &[]))
    }
}

/// Parked sessions, kept by whoever drives.
pub(super) type Kept = BTreeMap<SessionId, Vec<u8>>;

/// Parks everything that can be parked.
pub(super) fn park_all(runtime: &mut GuestRuntime, kept: &mut Kept) -> Result<usize, String> {
    let mut parked = 0;
    for session in runtime.machine().sessions().collect::<Vec<_>>() {
        match runtime.park(session) {
            Ok(bytes) => {
                parked += 1;
                kept.insert(session, bytes);
            }
            Err(ParkError::Ready(_) | ParkError::Already(_) | ParkError::Unasked(_)) => {}
            Err(other) => return Err(other.to_string()),
        }
    }
    Ok(parked)
}

/// Everything observable about a run.
#[derive(Debug, PartialEq)]
struct Seen {
    status: RunStatus,
    trace: Option<Digest>,
    root: Digest,
    inputs: Vec<u8>,
    tally: motet_machine::Tally,
    outstanding: Vec<motet_machine::EffectId>,
}

impl Seen {
    fn of<E>(runtime: &Runtime<E>, before: &[u8]) -> Self {
        let tape = runtime.tape().map(|tape| tape.bytes()).unwrap_or_default();
        Self {
            status: runtime.status(),
            trace: runtime.trace_digest(),
            root: runtime.machine().recomputed_root(),
            inputs: [before, tape].concat(),
            tally: *runtime.machine().tally(),
            outstanding: runtime.outstanding().map(|(id, _)| id).collect(),
        }
    }

    fn same_as(&self, other: &Self) -> Result<(), String> {
        ensure!(self.status == other.status, "status {:?} and {:?}", self.status, other.status);
        ensure!(self.tally == other.tally, "{:?} and {:?}", self.tally, other.tally);
        ensure!(self.trace == other.trace, "the trace digests differ");
        ensure!(self.inputs == other.inputs, "the inputs differ");
        ensure!(self.outstanding == other.outstanding, "other effects are outstanding");
        ensure!(self.root == other.root, "the state roots differ");
        Ok(())
    }
}

/// Every schedule of every case of a lane.
fn cases(lane: &Lane, check: impl Fn(&Case, &mut Dice) -> Result<(), String> + Sync) -> Result<(), String> {
    lane.run(|seed| {
        for (wave, fuel, chunk) in SCHEDULES {
            let case = Case::new(seed, wave, fuel, chunk)?;
            let mut dice = Dice::new(seed ^ u64::from(fuel) << 32);
            check(&case, &mut dice).map_err(|why| format!("wave {wave}, fuel {fuel}: {why}"))?;
        }
        Ok(())
    })
}

/// A root that is kept up to date is the one computed from nothing, at every wave, however seldom it is asked for,
/// while sessions are parked, resumed, opened and end.
pub fn roots_are_kept() -> Result<(), String> {
    roots(&Lane::new("roots", 60))
}

/// The same, for the mutation test.
pub fn roots_are_kept_in_small() -> Result<(), String> {
    roots(&Lane::fixed("roots", 24))
}

fn roots(lane: &Lane) -> Result<(), String> {
    cases(lane, |case, dice| {
        let plain = case.plain()?;
        for every in [1, 1 + dice.below(9)] {
            let mut runtime = case.start()?;
            let mut kept = Kept::new();
            case.drive(&mut runtime, &mut kept, &mut |runtime, kept| {
                let step = runtime.machine().planner_step() as usize;
                if step % 5 == 3 && step.is_multiple_of(every) {
                    park_all(runtime, kept)?;
                }
                if step.is_multiple_of(every) {
                    let (settled, scratch) = (runtime.settle_root(), runtime.machine().recomputed_root());
                    ensure!(settled == scratch, "wave {step}, asked every {every}: kept {settled}, computed {scratch}");
                    ensure!(runtime.state_root() == settled, "wave {step}: the root at hand is another one");
                }
                Ok(())
            })?;
            let (settled, scratch) = (runtime.settle_root(), runtime.machine().recomputed_root());
            ensure!(settled == scratch, "at the end: kept {settled}, computed {scratch}");
            Seen::of(&runtime, &[]).same_as(&plain)?;
        }
        Ok(())
    })
}

/// The tree grows, sessions end at its start, in its middle and before any root has seen them.
pub fn trees_grow_and_shrink() -> Result<(), String> {
    let image = crate::draft::letters(3).image()?;
    let mut dice = Dice::new(7);
    for round in 0..6 {
        let schedule = Schedule {
            wave: 9,
            fuel: 4,
            chunk: 2,
            policy: SchedulerPolicy::Random { seed: round },
            window: 3,
            turn: 4,
        };
        let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), schedule).map_err(|e| e.to_string())?;
        let id = runtime.load(Arc::clone(&image)).map_err(|error| error.to_string())?;
        for turn in 0..300 {
            // Now many at once, now none for long.
            let more = if dice.one_in(12) { dice.below(90) } else { dice.below(2) };
            for _ in 0..more {
                runtime.open(id).map_err(|error| error.to_string())?;
            }
            if round % 2 == 1 || dice.one_in(4) {
                let (settled, scratch) = (runtime.settle_root(), runtime.machine().recomputed_root());
                ensure!(settled == scratch, "round {round}, turn {turn}: kept {settled}, computed {scratch}");
            }
            let settled = runtime.settle_root();
            let alone = runtime.open(id).map_err(|error| error.to_string())?;
            ensure!(settled != runtime.settle_root(), "opening {alone} leaves the root as it was");
            ensure!(runtime.settle_root() == runtime.machine().recomputed_root(), "one more: the roots differ");
            for _ in 0..dice.below(5) {
                runtime.turn(&motet_machine::NoHost).map_err(|error| error.to_string())?;
            }
        }
        ensure!(runtime.machine().tally().closed > 50, "{:?}", runtime.machine().tally());
    }
    Ok(())
}

/// A tree that grows over sessions that came and went between two roots keeps what it was.
pub fn trees_grow_past_what_has_changed() -> Result<(), String> {
    let image = crate::draft::letters(1).image()?;
    let schedule = Schedule { policy: SchedulerPolicy::Random { seed: 3 }, ..Schedule::canonical() };
    for (first, more) in [(1, 1), (1, 4), (4, 1), (4, 20), (16, 1), (16, 300), (17, 60)] {
        let config = ProtocolMachineConfig::default();
        let mut runtime = GuestRuntime::new(config, schedule.clone()).map_err(|error| error.to_string())?;
        let id = runtime.load(Arc::clone(&image)).map_err(|error| error.to_string())?;
        for _ in 0..first {
            runtime.open(id).map_err(|error| error.to_string())?;
        }
        runtime.settle_root();
        // The ones behind come and go; what was there stays as it was.
        let bytes = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
        let mut restored = ProtocolMachine::restore(ProtocolMachineConfig::default(), &[Arc::clone(&image)], &bytes)
            .map_err(|error| error.to_string())?;
        restored.settle_root();
        for _ in 0..more {
            let opened = restored.open(id).map_err(|error| error.to_string())?;
            for _ in 0..2 {
                let (wave, planner_step) = (restored.next_wave(), restored.planner_step());
                let boundary = restored.boundary();
                let claim = motet_machine::WaveCertificate { wave, planner_step, boundary, picks: vec![opened] };
                let plan = motet_machine::WavePlan { claim, fuel: 100, chunk: 1 };
                let Ok(wave) = restored.certify(plan, EffectKinds::NONE) else { break };
                let (frame, chunks) = wave.split();
                let done = chunks.into_iter().map(|chunk| chunk.run(&motet_machine::NoHost, 0)).collect();
                let finished = frame.join(done).map_err(|error| error.to_string())?;
                restored.commit(finished, &mut motet_machine::CommitReport::default());
            }
        }
        ensure!(restored.tally().closed == more, "{:?}", restored.tally());
        let (settled, scratch) = (restored.settle_root(), restored.recomputed_root());
        ensure!(settled == scratch, "{first} and {more} that came and went: kept {settled}, computed {scratch}");
    }
    Ok(())
}

/// A snapshot of any wave, copied at once or little by little while the run goes on, is the state of that wave: what
/// is resumed from it ends as the run that nothing disturbed, with the same events, inputs, effects and root.
pub fn snapshots_go_on_as_if_nothing_had_happened() -> Result<(), String> {
    snapshots(&Lane::new("snapshots", 12))
}

/// The same, for the mutation test.
pub fn snapshots_go_on_in_small() -> Result<(), String> {
    snapshots(&Lane::fixed("snapshots", 6))
}

/// A snapshot that was taken, and what has to be kept beside it.
struct Taken {
    step: u64,
    root: Digest,
    bytes: Vec<u8>,
    inputs: Vec<u8>,
    kept: Kept,
}

fn snapshots(lane: &Lane) -> Result<(), String> {
    cases(lane, |case, dice| {
        let plain = case.plain()?;
        let mut taken: Vec<Taken> = Vec::new();
        for spread in [false, true] {
            let mut runtime = case.start()?;
            let mut begun: Option<Taken> = None;
            case.drive(&mut runtime, &mut Kept::new(), &mut |runtime, kept| {
                let step = runtime.machine().planner_step();
                if spread && step % 5 == 1 {
                    park_all(runtime, kept)?;
                }
                if begun.is_none() {
                    runtime.begin_snapshot().map_err(|error| error.to_string())?;
                    let root = runtime.machine().recomputed_root();
                    let inputs = runtime.tape().map(|tape| tape.bytes().to_vec()).unwrap_or_default();
                    begun = Some(Taken { step, root, bytes: Vec::new(), inputs, kept: kept.clone() });
                    ensure!(runtime.begin_snapshot() == Err(SnapshotRefusal::Begun), "two snapshots at once");
                }
                if spread && step % 7 == 4 {
                    // Leaves that are known at the moment of copying are not hashed again.
                    runtime.settle_root();
                }
                let budget = if spread { dice.below(3) } else { usize::MAX / 2 };
                while !runtime.snapshot_slice(budget) && !spread {}
                if let Some(snapshot) = runtime.take_snapshot()
                    && let Some(mut done) = begun.take()
                {
                    ensure!(snapshot.state_root() == done.root, "wave {}: the snapshot has another root", done.step);
                    done.bytes = snapshot.to_bytes();
                    taken.push(done);
                }
                Ok(())
            })?;
            Seen::of(&runtime, &[]).same_as(&plain).map_err(|why| format!("disturbed by snapshots: {why}"))?;
        }
        for Taken { step, root, bytes, inputs, mut kept } in taken {
            let mut runtime = case.resume(&bytes).map_err(|error| format!("wave {step}: {error}"))?;
            ensure!(runtime.settle_root() == root, "wave {step}: resumed with another root");
            let again = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
            ensure!(again == bytes, "wave {step}: a snapshot of what was resumed is another one");
            case.drive(&mut runtime, &mut kept, &mut |_, _| Ok(())).map_err(|why| format!("wave {step}: {why}"))?;
            Seen::of(&runtime, &inputs).same_as(&plain).map_err(|why| format!("resumed at wave {step}: {why}"))?;
        }
        Ok(())
    })
}

/// A snapshot says nothing about who carried the run out, and a host has nothing hidden that it would need: what threads
/// are stopped at is, byte for byte, what one is, and goes on with other threads and another host to the same end.
pub fn snapshots_are_of_no_executor() -> Result<(), String> {
    let text = |error: RuntimeError| error.to_string();
    let mut compared = 0;
    for seed in 0..6 {
        for (wave, fuel, chunk) in SCHEDULES {
            let case = Case::new(seed, wave, fuel, chunk)?;
            let again = Case::new(seed, wave, fuel, chunk)?;
            let host = |case: Case| Arc::new(case.host);
            let threads = |workers| Threads::new(workers).map_err(|error| error.to_string());
            let (mut one, mut many) = (case.start()?, again.start_on(threads(3)?)?);
            let theirs = host(again);
            loop {
                let bytes = [one.snapshot(), many.snapshot()].map(|snapshot| snapshot.map(|done| done.to_bytes()));
                let [Ok(alone), Ok(together)] = bytes else { return Err(String::from("no snapshot between turns")) };
                ensure!(alone == together, "seed {seed}, wave {wave}: threads are stopped at something else");
                compared += 1;
                let fresh = host(Case::new(seed, wave, fuel, chunk)?);
                let resumed = Runtime::resume_from(case.config.clone(), threads(2)?, &case.images(), &together);
                let mut resumed = resumed.map_err(|error| error.to_string())?;
                let turn = one.turn(&case.host).map_err(text)?;
                ensure!(turn == many.turn(&theirs).map_err(text)?, "seed {seed}: other turns");
                ensure!(turn == resumed.turn(&fresh).map_err(text)?, "seed {seed}: other turns once resumed");
                ensure!(resumed.state_root() == one.state_root(), "seed {seed}: other roots once resumed");
                ensure!(resumed.trace_digest() == one.trace_digest(), "seed {seed}: other events once resumed");
                if turn == Turn::Idle {
                    break;
                }
            }
            Seen::of(&many, &[]).same_as(&Seen::of(&one, &[]))?;
        }
    }
    ensure!(compared > 100, "only {compared} snapshots");
    Ok(())
}

/// A runtime in the middle of a run, with something waiting for the host.
pub(super) fn middle(seed: u64, step: u64) -> Result<(Case, GuestRuntime), String> {
    let case = Case::new(seed, 2, 3, 1)?;
    let mut runtime = case.start()?;
    while runtime.machine().planner_step() < step {
        if runtime.turn(&case.host).map_err(|error| error.to_string())? == Turn::Idle {
            break;
        }
    }
    Ok((case, runtime))
}

/// A snapshot is begun between waves, and one at a time; a lost wave leaves nothing to copy.
pub fn snapshots_begin_between_waves() -> Result<(), String> {
    let (_, _, mut runtime) = super::forgeries::letters_sent(3, 4)?;
    let snapshot: Snapshot = {
        let mut machine = ProtocolMachine::new(ProtocolMachineConfig::default()).map_err(|error| error.to_string())?;
        let image = machine.load(crate::draft::letters(2).image()?).map_err(|error| error.to_string())?;
        let opened = machine.open(image).map_err(|error| error.to_string())?;
        let session = opened.footprint;
        let claim = motet_machine::WaveCertificate { picks: vec![opened], ..Default::default() };
        let plan = motet_machine::WavePlan { claim, fuel: 1, chunk: 1 };
        let wave = machine.certify(plan, EffectKinds::NONE).map_err(|refused| refused.refusal.to_string())?;
        ensure!(machine.begin_snapshot() == Err(SnapshotRefusal::InFlight { waves: 1 }), "begun in a wave");
        ensure!(machine.park(session) == Err(ParkError::InFlight(session)), "parked in a wave");
        let (frame, chunks) = wave.split();
        let done = chunks.into_iter().map(|chunk| chunk.run(&motet_machine::NoHost, 0)).collect();
        let finished = frame.join(done).map_err(|error| error.to_string())?;
        machine.commit(finished, &mut motet_machine::CommitReport::default());
        ensure!(machine.park(session) == Err(ParkError::Ready(session)), "a ready session was parked");
        machine.snapshot().map_err(|error| error.to_string())?
    };
    ensure!(snapshot.sessions() == 1, "{} sessions", snapshot.sessions());
    runtime.begin_snapshot().map_err(|error| error.to_string())?;
    ensure!(runtime.take_snapshot().is_none(), "taken before it was copied");
    runtime.drop_snapshot();
    runtime.begin_snapshot().map_err(|error| error.to_string())
}
