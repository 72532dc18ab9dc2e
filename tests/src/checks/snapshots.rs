//! Roots, snapshots, parked sessions and proofs: what is copied goes on as if it had never stopped, and what was changed
//! on the way is refused.

use crate::dice::Dice;
use crate::generate::{Size, protocol};
use crate::lane::Lane;
use motet_choreo::{EmitOptions, compile_with};
use motet_machine::{
    AnswerError, BackpressurePolicy, BufferConfig, BufferMode, CodeImage, EffectCoordinate, EffectHandler,
    EffectOutcome, EffectRequest, EffectResponse, IslandId, ParkError, ProofError, ProtocolMachine,
    ProtocolMachineConfig, RestoreError, RunId, SealError, SessionProof, Snapshot, SnapshotRefusal, TraceMode, seal,
    unseal,
};
use motet_runtime::{
    CHECKPOINT_MAGIC, CHECKPOINT_VERSION, GuestRuntime, Inline, PriorityPolicy, ResumeError, RunStatus, RuntimeError,
    Schedule, SchedulerPolicy, SeededHost, Turn,
};
use motet_types::{Digest, EffectFailureKind, EffectKind, EffectKinds, SessionId, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A seeded host that fails now and then, and takes on, puts off or answers at once what may block. Everything follows
/// from the request.
struct Wayward {
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
                0 if request.tick.0 % 3 != 0 => EffectOutcome::Blocked,
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
struct Case {
    image: Arc<CodeImage>,
    host: Wayward,
    config: ProtocolMachineConfig,
    schedule: Schedule,
    sessions: usize,
}

const SCHEDULES: [(u32, u32, u32); 3] = [(1, 1, 1), (8, 16, 2), (64, 256, 16)];

impl Case {
    fn new(seed: u64, wave: u32, fuel: u32, chunk: u32) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let size = Size { max_roles: 4, messages: 8, ..Size::default() };
        let global = protocol(dice.rng(), &size);
        let step_hooks = !seed.is_multiple_of(3);
        let parts = compile_with(&global, EmitOptions { step_hooks }).map_err(|error| error.to_string())?;
        let mut parts = parts;
        parts.effects.iter_mut().for_each(|effect| effect.may_block = true);
        let image = CodeImage::verify(parts).map_err(|error| error.to_string())?;
        let mode = if seed.is_multiple_of(5) { BufferMode::LatestValue } else { BufferMode::Fifo };
        let policy = if seed % 4 == 1 { BackpressurePolicy::Drop } else { BackpressurePolicy::Block };
        let capacity = [1, 2, 3, 64][seed as usize / 3 % 4];
        let config = ProtocolMachineConfig {
            buffer: BufferConfig { mode, capacity, policy },
            record: true,
            run_id: RunId([seed as u8; 16]),
            digest_waves: [0, 3][seed as usize % 2],
            ..ProtocolMachineConfig::default()
        };
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
        Ok(Self { image: Arc::new(image), host, config, schedule, sessions: 3 + dice.below(3) })
    }

    fn start(&self) -> Result<GuestRuntime, String> {
        let runtime = GuestRuntime::new(self.config.clone(), self.schedule.clone());
        let mut runtime = runtime.map_err(|error| error.to_string())?;
        let image = runtime.load(Arc::clone(&self.image)).map_err(|error| error.to_string())?;
        for _ in 0..self.sessions {
            runtime.open(image).map_err(|error| error.to_string())?;
        }
        runtime.limit_steps(240);
        Ok(runtime)
    }

    fn resume(&self, bytes: &[u8]) -> Result<GuestRuntime, ResumeError> {
        GuestRuntime::resume_from(self.config.clone(), Inline::default(), &[Arc::clone(&self.image)], bytes)
    }

    /// The answer to an effect that the host had taken on.
    fn complete(&self, runtime: &mut GuestRuntime, parked: &mut Kept) -> Result<bool, String> {
        let Some((effect, at)) = runtime.outstanding().min_by_key(|(_, at)| *at) else { return Ok(false) };
        let answer = Value::default_of(self.image.sorts(), motet_types::SortId(self.image.effects()[0].answer));
        let outcome = Wayward::late(at, answer.ok_or("an effect's answer has a sort")?);
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
    fn drive(
        &self,
        runtime: &mut GuestRuntime,
        parked: &mut Kept,
        between: &mut dyn FnMut(&mut GuestRuntime, &mut Kept) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            between(runtime, parked)?;
            let step = runtime.machine().planner_step();
            if step == 7 && runtime.machine().tally().opened == self.sessions as u64 {
                runtime.open(motet_machine::ImageId(0)).map_err(|error| error.to_string())?;
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
type Kept = BTreeMap<SessionId, Vec<u8>>;

/// Parks everything that can be parked.
fn park_all(runtime: &mut GuestRuntime, kept: &mut Kept) -> Result<usize, String> {
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
    fn of(runtime: &GuestRuntime, before: &[u8]) -> Self {
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

/// A runtime in the middle of a run, with something waiting for the host.
fn middle(seed: u64, step: u64) -> Result<(Case, GuestRuntime), String> {
    let case = Case::new(seed, 2, 3, 1)?;
    let mut runtime = case.start()?;
    while runtime.machine().planner_step() < step {
        if runtime.turn(&case.host).map_err(|error| error.to_string())? == Turn::Idle {
            break;
        }
    }
    Ok((case, runtime))
}

/// Every bit that is flipped in a sealed snapshot, and every length that it is cut to, is found, with its address.
pub fn changed_snapshots_are_refused() -> Result<(), String> {
    let (case, mut runtime) = middle(4, 9)?;
    let bytes = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
    case.resume(&bytes).map_err(|error| error.to_string())?;
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match case.resume(&changed).err() {
            Some(ResumeError::Seal(SealError::Magic)) if bit < 64 => {}
            Some(ResumeError::Seal(SealError::Damaged { offset })) if offset <= bit / 8 => {}
            other => return Err(format!("bit {bit}: {other:?}")),
        }
    }
    for len in 0..bytes.len() {
        let cut = case.resume(&bytes[..len]).err();
        ensure!(matches!(cut, Some(ResumeError::Seal(_))), "cut to {len} bytes: {cut:?}");
    }
    let more = case.resume(&[&bytes[..], &[0]].concat()).err();
    ensure!(matches!(more, Some(ResumeError::Seal(SealError::Length { .. }))), "{more:?}");
    // Two blocks that changed places are each as they were written.
    let body: Vec<u8> = (0..40_000u32).map(|at| (at / 16_384) as u8).collect();
    let sealed = seal(b"MOTETTST", 3, &body);
    ensure!(unseal(b"MOTETTST", 3, &sealed).as_ref() == Ok(&body), "sealing changes the body");
    let block = 16_384 + 32;
    let swapped =
        [&sealed[..56], &sealed[56 + block..56 + 2 * block], &sealed[56..56 + block], &sealed[56 + 2 * block..]];
    ensure!(unseal(b"MOTETTST", 3, &swapped.concat()) == Err(SealError::Damaged { offset: 56 }), "swapped blocks");
    ensure!(
        unseal(b"MOTETTST", 4, &sealed) == Err(SealError::Version { found: 3, known: 4 }),
        "another version is not told apart"
    );
    Ok(())
}

/// Bodies that were changed and sealed again never panic; what is accepted of them is a machine that runs, and the
/// sessions of it are those that the root says.
pub fn forged_snapshots_do_no_harm() -> Result<(), String> {
    forged(&Lane::new("forged snapshots", 6))
}

fn forged(lane: &Lane) -> Result<(), String> {
    lane.run(|seed| {
        let (case, mut runtime) = middle(seed, 5 + seed % 9)?;
        let root = runtime.machine().recomputed_root();
        let bytes = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
        let body = unseal(CHECKPOINT_MAGIC, CHECKPOINT_VERSION, &bytes).map_err(|error| error.to_string())?;
        let mut dice = Dice::new(seed);
        for round in 0..240 {
            let mut forged = body.clone();
            match forged.get_mut(round * body.len() / 160) {
                Some(byte) => *byte = byte.wrapping_add(1 + dice.below(255) as u8),
                None => {
                    for _ in 0..1 + dice.below(4) {
                        let at = dice.below(forged.len());
                        match dice.below(3) {
                            0 => forged[at] = dice.word() as u8,
                            1 => drop(forged.remove(at)),
                            _ => forged.insert(at, dice.word() as u8),
                        }
                    }
                }
            }
            if let Ok(mut resumed) = case.resume(&seal(CHECKPOINT_MAGIC, CHECKPOINT_VERSION, &forged)) {
                // Only what no root covers can have been changed: where the trace stood, what is asked, the schedule.
                ensure!(resumed.settle_root() == root, "round {round}: another state under the same root");
                // The handler's name, or the kinds that it wants, may be another's; the step limit is ours again.
                resumed.limit_steps(240);
                let _ = case.drive(&mut resumed, &mut Kept::new(), &mut |_, _| Ok(()));
            }
        }
        Ok(())
    })
}

/// A machine with the image's sessions opened and a few steps taken.
fn letters_sent(count: u16, steps: u64) -> Result<(ProtocolMachineConfig, Arc<CodeImage>, GuestRuntime), String> {
    let image = crate::draft::letters(count).image()?;
    // Room for one message, so that both ends wait.
    let buffer = BufferConfig { capacity: 1, ..BufferConfig::default() };
    let config = ProtocolMachineConfig { buffer, ..ProtocolMachineConfig::default() };
    let mut runtime = GuestRuntime::new(config.clone(), Schedule::canonical()).map_err(|error| error.to_string())?;
    let id = runtime.load(Arc::clone(&image)).map_err(|error| error.to_string())?;
    for _ in 0..3 {
        runtime.open(id).map_err(|error| error.to_string())?;
    }
    runtime.limit_steps(steps);
    runtime.run(&motet_machine::NoHost).map_err(|error| error.to_string())?;
    Ok((config, image, runtime))
}

/// The canonical bytes of a session's state, out of a proof of it.
fn state_bytes(proof: &SessionProof) -> Vec<u8> {
    let bytes = proof.to_bytes();
    let mut len = [0; 8];
    len.copy_from_slice(&bytes[89..97]);
    bytes[97..97 + u64::from_le_bytes(len) as usize].to_vec()
}

/// A session that is none of its image's is refused by its number and the place in it, whatever the root says.
pub fn forged_sessions_are_named() -> Result<(), String> {
    let (config, image, mut runtime) = letters_sent(3, 8)?;
    let proof = runtime.prove_session(SessionId(1)).map_err(|error| error.to_string())?;
    let old = state_bytes(&proof);
    let bytes = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
    let (magic, version) = (motet_machine::SNAPSHOT_MAGIC, motet_machine::SNAPSHOT_VERSION);
    let body = unseal(magic, version, &bytes).map_err(|error| error.to_string())?;
    let behind = |old: &[u8]| [&(old.len() as u32).to_le_bytes()[..], old].concat();
    let at = body.windows(old.len() + 4).position(|window| window == behind(&old)).ok_or("the session is not there")?;
    let with = |new: &[u8]| {
        let forged = [&body[..at], &behind(new), &body[at + 4 + old.len()..]].concat();
        ProtocolMachine::restore(config.clone(), &[Arc::clone(&image)], &seal(magic, version, &forged))
    };
    ensure!(with(&old).is_ok(), "{:?}", with(&old).err());
    // version 1, id 8, current 2, deferred 1, coroutines 2; then pc 4, counter 4, state 4, standing 1, registers 2.
    let first = 14;
    let changes: [(&str, usize, u8); 9] = [
        ("version", 0, 9),
        ("current coroutine", 9, 200),
        ("deferred", 11, 2),
        ("roles", 12, 1),
        ("pc", first, 250),
        ("state of the type", first + 8, 77),
        ("waits for what has come", first + 12, 3),
        ("waits for an answer", first + 12, 7),
        ("no such standing", first + 12, 99),
    ];
    for (name, at, byte) in changes {
        let mut new = old.clone();
        ensure!(new[at] != byte, "{name} is {byte} already");
        new[at] = byte;
        match with(&new).err() {
            Some(RestoreError::Session { session: SessionId(1), .. }) => {}
            other => return Err(format!("{name}: {other:?}")),
        }
    }
    // A number where the code was verified with a number stands as a truth value: same place, another type.
    let (_, state) = proof.verify(runtime.settle_root(), SessionId(1)).map_err(|error| error.to_string())?;
    let mut nat = Vec::new();
    state.coroutines[0].registers[1].digest(&mut nat);
    ensure!(nat.len() == 9, "the sender holds {:?}", state.coroutines[0].registers[1]);
    let register = old.windows(9).position(|window| window == nat).ok_or("no register holds it")?;
    let typed = [&old[..register], &[2, 1], &old[register + 9..]].concat();
    match with(&typed).err() {
        Some(RestoreError::Session { error, .. }) => {
            ensure!(error.to_string().contains("its code was not verified with"), "{error}");
        }
        other => return Err(format!("a register of another type: {other:?}")),
    }
    // Another number is of the right type: only the root tells.
    let mut valued = old.clone();
    valued[register + 1] ^= 8;
    ensure!(matches!(with(&valued).err(), Some(RestoreError::Root { .. })), "{:?}", with(&valued).err());
    let other = |config: ProtocolMachineConfig, images: &[Arc<CodeImage>]| {
        ProtocolMachine::restore(config, images, &bytes).err()
    };
    let missing = other(config.clone(), &[]);
    ensure!(missing == Some(RestoreError::MissingImage { digest: image.digest() }), "{missing:?}");
    let configs = [
        ("run id", ProtocolMachineConfig { run_id: RunId([1; 16]), ..config.clone() }),
        ("trace mode", ProtocolMachineConfig { trace: TraceMode::Disabled, ..config.clone() }),
        ("buffer", ProtocolMachineConfig { buffer: BufferConfig { capacity: 9, ..config.buffer }, ..config.clone() }),
    ];
    for (what, config) in configs {
        let refused = other(config, &[Arc::clone(&image)]);
        ensure!(refused == Some(RestoreError::OtherConfig { what }), "{what}: {refused:?}");
    }
    Ok(())
}

/// Coroutines that wait for what has come are refused, and so are those woken by what has not.
pub fn forged_waits_are_refused() -> Result<(), String> {
    let (mut asleep, mut awake) = (0, 0);
    for steps in 3..40 {
        let (config, image, mut runtime) = letters_sent(4, steps)?;
        for session in runtime.machine().sessions().collect::<Vec<_>>() {
            let proof = runtime.prove_session(session).map_err(|error| error.to_string())?;
            let old = state_bytes(&proof);
            let bytes = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
            let (magic, version) = (motet_machine::SNAPSHOT_MAGIC, motet_machine::SNAPSHOT_VERSION);
            let body = unseal(magic, version, &bytes).map_err(|error| error.to_string())?;
            let at = body.windows(old.len()).position(|window| window == old).ok_or("the session is not there")?;
            let (_, state) = proof.verify(runtime.settle_root(), session).map_err(|error| error.to_string())?;
            // Where a coroutine stands: behind pc, counter and state, each coroutine behind the registers before it.
            let mut standing = at + 14 + 12;
            for coroutine in &state.coroutines {
                let forged = match body[standing] {
                    3 => Some(4),
                    4 => Some(3),
                    5 => Some(6),
                    6 => Some(5),
                    _ => None,
                };
                if let Some(forged) = forged {
                    *(if coroutine.standing.is_ready() { &mut awake } else { &mut asleep }) += 1;
                    let mut changed = body.clone();
                    changed[standing] = forged;
                    let sealed = seal(magic, version, &changed);
                    match ProtocolMachine::restore(config.clone(), &[Arc::clone(&image)], &sealed) {
                        Err(RestoreError::Session { session: found, .. }) if found == session => {}
                        other => return Err(format!("{session} after {steps} steps: {:?}", other.err())),
                    }
                }
                let mut registers = Vec::new();
                coroutine.registers.iter().for_each(|value| value.digest(&mut registers));
                standing += 15 + registers.len();
            }
        }
    }
    ensure!(asleep > 0 && awake > 0, "{asleep} asleep, {awake} awake");
    Ok(())
}

/// A parked session comes back as it left: its bytes, all of them, and no others.
pub fn parked_bytes_are_held_to() -> Result<(), String> {
    let mut parked = 0;
    for seed in 0..12 {
        let (_, mut runtime) = middle(seed, 12)?;
        let root = runtime.settle_root();
        let mut kept = Kept::new();
        parked += park_all(&mut runtime, &mut kept)?;
        ensure!(runtime.settle_root() == root, "seed {seed}: parking changes the root");
        ensure!(runtime.machine().recomputed_root() == root, "seed {seed}: parking changes the computed root");
        for (session, bytes) in kept {
            ensure!(runtime.park(session) == Err(ParkError::Already(session)), "{session} was parked twice");
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let refused = runtime.resume(&changed);
                ensure!(refused.is_err(), "seed {seed}: {session} was resumed with bit {bit} flipped");
            }
            let resumed = runtime.resume(&bytes).map_err(|error| error.to_string())?;
            ensure!(resumed == session, "{resumed} came back for {session}");
            ensure!(runtime.resume(&bytes) == Err(ParkError::NotParked(session)), "{session} was resumed twice");
            ensure!(runtime.settle_root() == root, "seed {seed}: resuming changes the root");
        }
        ensure!(runtime.machine().recomputed_root() == root, "seed {seed}: resuming changes the computed root");
    }
    ensure!(parked > 0, "nothing was parked");
    Ok(())
}

/// A proof shows a session's state under a root, in flight messages included; nothing else passes for one.
pub fn proofs_show_what_is_in_flight() -> Result<(), String> {
    let mut in_flight = 0;
    for seed in [1, 2, 5, 8, 11] {
        for step in [0, 3, 6] {
            let (case, mut runtime) = middle(seed, step)?;
            let root = runtime.settle_root();
            let sessions: Vec<SessionId> = runtime.machine().sessions().collect();
            for session in &sessions {
                let proof = runtime.prove_session(*session).map_err(|error| error.to_string())?;
                let (image, state) = proof.verify(root, *session).map_err(|error| error.to_string())?;
                ensure!(image == case.image.digest(), "{session}: another image");
                let island: IslandId = runtime.machine().island_of(*session).ok_or("it is alive")?;
                ensure!(state.in_flight() == runtime.machine().in_flight(island), "{session}: other messages");
                in_flight += state.in_flight();
                for other in &sessions {
                    let found = proof.verify(root, *other);
                    let refused = matches!(found, Err(ProofError::Session(of)) if of == *session);
                    ensure!(other == session || refused, "the proof of {session} proves {other}: {found:?}");
                }
                let bytes = proof.to_bytes();
                ensure!(SessionProof::from_bytes(&bytes).as_ref() == Ok(&proof), "{session}: read back otherwise");
                for at in 0..bytes.len() {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << (at % 8);
                    let found = SessionProof::from_bytes(&changed).and_then(|proof| proof.verify(root, *session));
                    ensure!(found.is_err(), "{session}: the proof holds with byte {at} changed");
                }
            }
        }
    }
    ensure!(in_flight > 0, "no message was in flight");
    Ok(())
}

/// A snapshot is begun between waves, and one at a time; a lost wave leaves nothing to copy.
pub fn snapshots_begin_between_waves() -> Result<(), String> {
    let (_, _, mut runtime) = letters_sent(3, 4)?;
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
