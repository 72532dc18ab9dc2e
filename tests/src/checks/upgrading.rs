//! Random runs whose sessions move to another image in the middle are runs like any other: on every number of workers, in any
//! order of completion, replayed, and recovered at any point, they come to the same; and nobody in them meets anything that
//! is not expected.

use crate::dice::Dice;
use crate::generate::{Size, protocol};
use crate::lane::Lane;
use crate::walk::{Run, image_of};
use motet_log::Options;
use motet_log::sim::SimDisk;
use motet_machine::{
    CodeImage, EffectHandler, EffectId, EffectOutcome, EffectRequest, EffectResponse, FaultReport, ImageId,
    ProtocolMachineConfig, RunId, Tally, UpgradeDecision, UpgradeMode, UpgradeOptions,
};
use motet_runtime::{
    DeterminismMode, Durable, DurableOptions, Executor, Inline, RunStatus, Runtime, Schedule, Seeded, SeededHost,
    Threads, Turn, compare_runs, verify_waves,
};
use motet_types::{
    Branch, Digest, EffectFailureKind, EffectKinds, Fault, GlobalBuilder, GlobalNode, GlobalType, Label, LabelId,
    RoleId, SessionId, Value,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Moments at which sessions may move.
const MOMENTS: usize = 40;
const SESSIONS: usize = 3;

/// How the new protocol comes from the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Another name.
    Renamed,
    /// Its labels numbered the other way round.
    Renumbered,
    /// Something before it.
    Longer,
    /// Its first two messages in the other order.
    Swapped,
    /// Another protocol of the same roles.
    Other,
}

const CHANGES: [Change; 5] = [Change::Renamed, Change::Renumbered, Change::Longer, Change::Swapped, Change::Other];

/// The same protocol with messages before it, the last one first.
fn before(global: &GlobalType, messages: &[(u16, u16, &str)]) -> Result<GlobalType, String> {
    let mut builder = GlobalBuilder::new();
    for (node, line) in global.nodes().iter().zip(1..) {
        builder.push(node.clone(), line).map_err(text)?;
    }
    let (mut names, mut next) = (global.names.clone(), global.root());
    for (sender, receiver, name) in messages {
        let sort = names.labels.first().map_or(motet_types::SortId(0), |label| label.sort);
        names.labels.push(Label { name: (*name).into(), sort });
        let label = LabelId(names.labels.len() as u16 - 1);
        let (sender, receiver) = (RoleId(*sender), RoleId(*receiver));
        let node = GlobalNode::Comm { sender, receiver, branches: vec![Branch { label, next }] };
        next = builder.push(node, 0).map_err(text)?;
    }
    builder.finish(names, next).map_err(text)
}

/// The same protocol with its labels numbered the other way round.
fn renumbered(global: &GlobalType) -> Result<GlobalType, String> {
    let last = global.names.labels.len() as u16 - 1;
    let mut builder = GlobalBuilder::new();
    for (at, node) in global.nodes().iter().enumerate() {
        let mut node = node.clone();
        if let GlobalNode::Comm { branches, .. } = &mut node {
            branches.iter_mut().for_each(|branch| branch.label = LabelId(last - branch.label.0));
        }
        let line = global.line(motet_types::NodeId(at as u32));
        builder.push(node, line).map_err(text)?;
    }
    let mut names = global.names.clone();
    names.labels.reverse();
    builder.finish(names, global.root()).map_err(text)
}

fn renamed(mut global: GlobalType) -> GlobalType {
    global.names.protocol = "Moved".into();
    global
}

/// A random run and what its sessions move to.
struct Case {
    seed: u64,
    change: Change,
    old: Arc<CodeImage>,
    new: Arc<CodeImage>,
    options: UpgradeOptions,
    config: ProtocolMachineConfig,
    schedule: Schedule,
}

impl Case {
    fn of(seed: u64) -> Result<Self, String> {
        let mut dice = Dice::new(seed ^ 0x0909);
        let roles = 2 + dice.below(3) as u16;
        let size = Size {
            min_roles: roles,
            max_roles: roles,
            messages: 2 + dice.below(8),
            depth: 1 + dice.below(2),
            parallel: dice.one_in(3),
            endless: dice.one_in(3),
            careless: 0,
        };
        let change = *dice.pick(&CHANGES);
        let base = protocol(dice.rng(), &size);
        // Two queues, or two messages of one that must stay in order.
        let other = if roles > 2 && !dice.one_in(3) { 2 } else { 1 };
        let (one, two) = ((0, 1, "First"), (0, other, "Second"));
        let (old, new) = match change {
            Change::Renamed => (base.clone(), renamed(base)),
            Change::Renumbered => (base.clone(), renamed(renumbered(&base)?)),
            Change::Longer => (base.clone(), renamed(before(&base, &[(1, 0, "Hello")])?)),
            Change::Swapped => (before(&base, &[two, one])?, renamed(before(&base, &[one, two])?)),
            Change::Other => {
                let other = protocol(dice.rng(), &size);
                (base, renamed(other))
            }
        };
        let hooks = dice.one_in(2);
        let late = hooks && dice.one_in(2);
        let [old, new] = [old, new].map(|global| {
            let image = image_of(&global, hooks)?;
            let mut parts = image.parts().clone();
            parts.effects.iter_mut().for_each(|effect| effect.may_block = late);
            CodeImage::verify(parts).map(Arc::new).map_err(text)
        });
        let mode = if dice.one_in(4) { UpgradeMode::Conservative } else { UpgradeMode::Full };
        let config = ProtocolMachineConfig {
            record: true,
            run_id: RunId([6; 16]),
            digest_waves: 5,
            effect_budget: if dice.one_in(3) { Some(1_000) } else { None },
            semantic_objects: if dice.one_in(2) { Some(10) } else { None },
            ..ProtocolMachineConfig::default()
        };
        let pick = |dice: &mut Dice| *dice.pick(&[1, 1, 2, 4]);
        let (wave, fuel, window, turn) = (pick(&mut dice), pick(&mut dice), pick(&mut dice), pick(&mut dice));
        let schedule = Schedule { wave, fuel, chunk: 1, window, turn, ..Schedule::default() };
        let options = UpgradeOptions { mode, at_start: dice.one_in(4) };
        Ok(Self { seed, change, old: old?, new: new?, options, config, schedule })
    }

    /// Whether sessions are moved at a moment.
    fn moves(&self, moment: usize) -> bool {
        Dice::new(self.seed << 8 ^ moment as u64).one_in(4)
    }

    fn host(&self) -> Host {
        Arc::new(Late { inner: SeededHost::new(self.seed), every: 2 })
    }
}

type Host = Arc<dyn EffectHandler>;

/// A host that answers what may block later, one time in so many.
struct Late {
    inner: SeededHost,
    every: u32,
}

impl EffectHandler for Late {
    fn identity(&self) -> &str {
        "late"
    }
    fn wants(&self) -> EffectKinds {
        self.inner.wants()
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if request.may_block() && crate::witness::place(&request.coordinate).is_multiple_of(self.every) {
            return EffectOutcome::Pending;
        }
        self.inner.handle_effect(request)
    }
}

/// What a random run goes through: a runtime, or a durable one.
trait Rig {
    fn load(&mut self, image: &Arc<CodeImage>) -> Result<ImageId, String>;
    fn open(&mut self, image: ImageId) -> Result<(), String>;
    fn stage(&self, to: ImageId, options: UpgradeOptions) -> Result<Vec<(SessionId, UpgradeDecision)>, String>;
    fn upgrade(&mut self, to: ImageId, options: UpgradeOptions, sessions: &[SessionId]) -> Result<u64, String>;
    fn turn(&mut self, host: &Host) -> Result<Turn, String>;
    fn complete_first(&mut self) -> Result<(), String>;
    fn stand(&self) -> Stand;
}

/// Where a run stands.
#[derive(Debug, PartialEq, Eq)]
struct Stand {
    status: RunStatus,
    tally: Tally,
    trace: Option<Digest>,
    root: Digest,
}

fn first<E>(runtime: &Runtime<E>) -> Option<EffectId> {
    runtime.outstanding().map(|(id, at)| (at, id)).min().map(|(_, id)| id)
}

fn stand<E>(runtime: &Runtime<E>) -> Stand {
    let (status, tally) = (runtime.status(), *runtime.machine().tally());
    Stand { status, tally, trace: runtime.trace_digest(), root: runtime.state_root() }
}

fn nothing() -> EffectOutcome {
    EffectOutcome::Success(EffectResponse::InvokeStep(Value::Unit))
}

/// Both rigs have the same calls; only how one looks inside differs.
macro_rules! rig {
    ($rig:ident, $inside:expr) => {
        impl<E: Executor<Host>> Rig for $rig<E> {
            fn load(&mut self, image: &Arc<CodeImage>) -> Result<ImageId, String> {
                $rig::load(self, Arc::clone(image)).map_err(text)
            }
            fn open(&mut self, image: ImageId) -> Result<(), String> {
                $rig::open(self, image).map(drop).map_err(text)
            }
            fn stage(&self, to: ImageId, options: UpgradeOptions) -> Result<Vec<(SessionId, UpgradeDecision)>, String> {
                Ok($rig::stage_upgrade(self, to, options).map_err(text)?.decisions)
            }
            fn upgrade(&mut self, to: ImageId, options: UpgradeOptions, sessions: &[SessionId]) -> Result<u64, String> {
                $rig::upgrade(self, to, options, sessions).map_err(text)
            }
            fn turn(&mut self, host: &Host) -> Result<Turn, String> {
                $rig::turn(self, host).map_err(text)
            }
            fn complete_first(&mut self) -> Result<(), String> {
                let inside: fn(&Self) -> &Runtime<E> = $inside;
                first(inside(self)).map_or(Ok(()), |id| self.complete(id, nothing()).map_err(text))
            }
            fn stand(&self) -> Stand {
                let inside: fn(&Self) -> &Runtime<E> = $inside;
                stand(inside(self))
            }
        }
    };
}

rig!(Runtime, |rig| rig);
rig!(Durable, Durable::runtime);

fn begin(case: &Case, rig: &mut impl Rig) -> Result<(), String> {
    let image = rig.load(&case.old)?;
    (0..SESSIONS).try_for_each(|_| rig.open(image))
}

/// How often sessions were asked about, and how often they moved, waited, finished.
type Seen = [AtomicU64; 5];

fn moment(case: &Case, at: usize, rig: &mut impl Rig, host: &Host, seen: Option<&Seen>) -> Result<(), String> {
    if at > 0 && case.moves(at) {
        let to = rig.load(&case.new)?;
        let decisions = rig.stage(to, case.options)?;
        let movable = decisions.iter().filter(|(_, decision)| *decision == UpgradeDecision::Moves);
        // Now and then not all of them, so that both images run side by side.
        let wanted = |session: &SessionId| at.is_multiple_of(3) || !session.0.is_multiple_of(2);
        let movable: Vec<SessionId> = movable.map(|(session, _)| *session).filter(wanted).collect();
        if let Some(seen) = seen {
            for (_, decision) in &decisions {
                let column = match decision {
                    UpgradeDecision::Moves => 0,
                    UpgradeDecision::Waits(_) => 1,
                    UpgradeDecision::Finishes(_) => 2,
                };
                seen[column].fetch_add(1, Ordering::Relaxed);
            }
            seen[3].fetch_add(movable.len() as u64, Ordering::Relaxed);
        }
        if !movable.is_empty() {
            let moved = rig.upgrade(to, case.options, &movable)?;
            ensure!(moved == movable.len() as u64, "{moved} of {movable:?} moved");
        }
    }
    if rig.turn(host)? == Turn::Idle {
        rig.complete_first()?;
    }
    Ok(())
}

fn whole(case: &Case, mut rig: impl Rig, host: &Host) -> Result<Stand, String> {
    begin(case, &mut rig)?;
    (0..MOMENTS).try_for_each(|at| moment(case, at, &mut rig, host, None))?;
    Ok(rig.stand())
}

fn with<E>(case: &Case, executor: E) -> Result<Runtime<E>, String> {
    Runtime::with_executor(case.config.clone(), case.schedule.clone(), executor).map_err(text)
}

/// To the end, whatever is still to be answered.
fn to_the_end<E: Executor<Host>>(runtime: &mut Runtime<E>, host: &Host) -> Result<(), String> {
    runtime.limit_steps(20_000);
    for _ in 0..200_000 {
        if runtime.turn(host).map_err(text)? == Turn::Idle {
            if first(runtime).is_none() {
                return Ok(());
            }
            runtime.complete_first()?;
        }
    }
    Err(String::from("it does not end"))
}

fn one_case(seed: u64, seen: &Seen) -> Result<(), String> {
    let case = Case::of(seed)?;
    let at = |why: String| format!("{:?}: {why}", case.change);
    let host = case.host();
    let mut recorded = with(&case, Inline::default())?;
    begin(&case, &mut recorded)?;
    (0..MOMENTS).try_for_each(|moment_at| moment(&case, moment_at, &mut recorded, &host, Some(seen))).map_err(at)?;
    let expected = stand(&recorded);
    let root = recorded.machine().recomputed_root();
    ensure!(root == expected.root, "the root is not what it is over");
    if case.config.semantic_objects.is_some() {
        recorded.semantic_objects().map_err(text)?;
    }
    let threaded = whole(&case, with(&case, Threads::new(1 + (seed % 16) as usize).map_err(text)?)?, &case.host())?;
    ensure!(threaded == expected, "threads: {threaded:?}, not {expected:?}");
    let seeded = whole(&case, with(&case, Seeded::new(seed))?, &case.host())?;
    ensure!(seeded == expected, "another order: {seeded:?}, not {expected:?}");
    recovered(&case, &expected).map_err(at)?;
    to_the_end(&mut recorded, &host)?;
    // Nobody failed, so nobody who moved may meet what it does not expect, nor wait for what does not come.
    // The host answers when nothing else can go on, which may be later than a budget allows.
    let (status, faults) = (recorded.status(), recorded.faults().to_vec());
    let overdue = |report: &FaultReport| match report.fault {
        Fault::Invoke { kind, .. } => kind == EffectFailureKind::Timeout && case.config.effect_budget.is_some(),
        _ => false,
    };
    ensure!(faults.iter().all(overdue), "{:?}: {faults:?}", case.change);
    let ended = if faults.is_empty() { RunStatus::Completed } else { RunStatus::Faulted };
    ensure!(status == ended || status == RunStatus::MaxSteps, "{:?}: {status:?}", case.change);
    let run = Run::of(recorded, &host)?;
    run.replayed().map_err(at)?;
    verify_waves(&run.read_record()?).map_err(text).map_err(at)?;
    if case.change == Change::Renamed {
        unmoved(&case, &host, &run).map_err(at)?;
        seen[4].fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The same protocol under another name: whether sessions move is not seen in what happens.
fn unmoved(case: &Case, host: &Host, moved: &Run) -> Result<(), String> {
    let mut runtime = with(case, Inline::default())?;
    begin(case, &mut runtime)?;
    for _ in 0..MOMENTS {
        if runtime.turn(host).map_err(text)? == Turn::Idle {
            runtime.complete_first()?;
        }
    }
    to_the_end(&mut runtime, host)?;
    if runtime.trace_digest() != Some(moved.trace_digest) {
        let plain = Run::of(runtime, host)?;
        let difference = compare_runs(DeterminismMode::Full, &plain.view()?, &moved.view()?);
        let difference = difference.map(|difference| difference.to_string());
        return Err(format!("moving is seen in the trace: {difference:?}"));
    }
    Ok(())
}

/// The same on a durable run that is recovered again and again.
fn recovered(case: &Case, expected: &Stand) -> Result<(), String> {
    let disk = SimDisk::default();
    let small = || super::durable::options(0);
    let options = || DurableOptions {
        checkpoint_records: if case.seed.is_multiple_of(2) { 6 } else { 0 },
        log: Options { segment: 1 << 16, ..small().log },
        ..small()
    };
    let storage = || Arc::new(disk.clone());
    let (config, schedule) = (case.config.clone(), case.schedule.clone());
    let mut run = Durable::create(storage(), options(), config, schedule, Inline::default()).map_err(text)?;
    let host = case.host();
    begin(case, &mut run)?;
    for at in 0..MOMENTS {
        if (at as u64 + case.seed).is_multiple_of(5) {
            run.sync().map_err(text)?;
            let before = run.stand();
            drop(run);
            (run, _) = Durable::recover(storage(), options()).map_err(text)?;
            let after = run.stand();
            ensure!((after.root, after.tally) == (before.root, before.tally), "recovered: {after:?}, not {before:?}");
        }
        moment(case, at, &mut run, &host, None)?;
    }
    let found = run.stand();
    ensure!(found == *expected, "recovered: {found:?}, not {expected:?}");
    Ok(())
}

fn lane(cases: &Lane) -> Result<[u64; 5], String> {
    let seen = Seen::default();
    cases.run(|seed| one_case(seed, &seen))?;
    Ok(seen.map(AtomicU64::into_inner))
}

/// Random runs whose sessions move: workers, orders of completion, replays and recoveries all come to the same, and nobody
/// faults or waits for ever.
pub fn runs_that_move_are_runs() -> Result<(), String> {
    let [may, wait, finish, moved, compared] = lane(&Lane::new("upgrades", 60))?;
    println!(
        "sessions: {moved} moved; asked about, {may} might move, {wait} wait, {finish} finish; {compared} runs held against unmoved ones"
    );
    Ok(())
}

/// The same in small.
pub fn runs_that_move_are_runs_in_small() -> Result<(), String> {
    let seen = lane(&Lane::fixed("upgrades", 40))?;
    ensure!(seen.iter().all(|count| *count > 0), "may move, wait, finish, moved, compared: {seen:?}");
    Ok(())
}
