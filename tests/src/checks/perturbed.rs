//! Runs to whose sites and links things happen are runs like any other: on every number of workers, in any order of completion,
//! replayed, and recovered at any point, they come to the same.

use super::model::{output_policy, perturbation, program, wants};
use crate::dice::Dice;
use crate::lane::Lane;
use crate::model::hosts;
use crate::owners::objects;
use crate::walk::Run;
use motet_log::Options;
use motet_log::sim::SimDisk;
use motet_machine::{
    Cancellation, CodeImage, EffectHandler, EffectId, EffectOutcome, ImageId, ProtocolMachineConfig, RunId, Tally,
    TopologyOutcome, TopologyPerturbation,
};
use motet_runtime::{
    Durable, DurableOptions, Executor, Inline, Input, RunStatus, Runtime, Schedule, Seeded, Threads, Turn, verify_waves,
};
use motet_types::{Digest, EffectFailureKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Moments at which something may happen.
const MOMENTS: usize = 50;

/// A random run: its programs, its configuration and its schedule.
struct Case {
    seed: u64,
    plans: Vec<Arc<CodeImage>>,
    image: Arc<CodeImage>,
    config: ProtocolMachineConfig,
    schedule: Schedule,
    names: Vec<String>,
}

impl Case {
    fn of(seed: u64) -> Result<Self, String> {
        let mut dice = Dice::new(seed ^ 0x70b0);
        let (plans, image) = program(&mut dice)?;
        let cancellation = if dice.one_in(4) { Cancellation::Coarse } else { Cancellation::Fine };
        let config = ProtocolMachineConfig {
            record: true,
            run_id: RunId([5; 16]),
            digest_waves: 5,
            speculation_depth: 4,
            cancellation,
            output_condition_policy: output_policy(&mut dice),
            credits: if dice.one_in(3) { Some(5 + dice.below(100) as u64) } else { None },
            semantic_objects: if dice.one_in(2) { Some(8 + dice.below(30) as u32) } else { None },
            effect_budget: if dice.one_in(4) { None } else { Some(1 + dice.below(6) as u64) },
            ..ProtocolMachineConfig::default()
        };
        let pick = |dice: &mut Dice| *dice.pick(&[1, 1, 2, 4]);
        let (wave, fuel, window, turn) = (pick(&mut dice), pick(&mut dice), pick(&mut dice), pick(&mut dice));
        let schedule = Schedule { wave, fuel, chunk: 1, window, turn, ..Schedule::default() };
        let all = plans.iter().chain([&image]).flat_map(|image| &image.parts().roles);
        let names = all.map(|role| role.name.clone()).collect();
        Ok(Self { seed, plans, image, config, schedule, names })
    }

    fn host(&self) -> Host {
        Arc::new(hosts(self.seed, wants(&mut Dice::new(self.seed)), 0).0)
    }

    /// How much time the host says has passed at a moment, where the machine's effects have a budget.
    fn passes(&self, moment: usize) -> u64 {
        let mut dice = Dice::new(self.seed << 8 ^ 0x71c ^ moment as u64);
        let passes = self.config.effect_budget.is_some() && dice.one_in(2);
        if passes { 1 + dice.below(12) as u64 } else { 0 }
    }

    /// What happens at a moment.
    fn happens(&self, moment: usize) -> Vec<TopologyPerturbation> {
        let mut dice = Dice::new(self.seed << 8 ^ moment as u64);
        let count = if dice.one_in(5) { 1 + dice.below(3) } else { 0 };
        (0..count).map(|_| perturbation(&mut dice, &self.names)).collect()
    }
}

type Host = Arc<dyn EffectHandler>;

/// What a random run goes through: a runtime, or a durable one.
trait Rig {
    fn load(&mut self, image: &Arc<CodeImage>) -> Result<ImageId, String>;
    fn open(&mut self, image: ImageId) -> Result<(), String>;
    fn perturb(&mut self, list: &[TopologyPerturbation]) -> Result<TopologyOutcome, String>;
    fn advance(&mut self, ticks: u64) -> Result<(), String>;
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
    /// Its semantic objects, where the configuration keeps them, as text.
    objects: Option<String>,
}

impl Stand {
    /// How many steps its progress contracts were escalated by, but for giving up.
    fn escalations(&self) -> u64 {
        let Some(text) = &self.objects else { return 0 };
        ["blocked", "no_progress", "degraded"]
            .iter()
            .map(|step| text.matches(&format!("\"to_state\":\"{step}\"")).count() as u64)
            .sum()
    }
}

fn late() -> EffectOutcome {
    EffectOutcome::failure(EffectFailureKind::Unavailable, "it took too long")
}

fn first<E>(runtime: &Runtime<E>) -> Option<EffectId> {
    runtime.outstanding().map(|(id, at)| (at, id)).min().map(|(_, id)| id)
}

fn stand<E>(runtime: &Runtime<E>) -> Stand {
    let (status, tally) = (runtime.status(), *runtime.machine().tally());
    Stand { status, tally, trace: runtime.trace_digest(), root: runtime.state_root(), objects: objects(runtime) }
}

impl<E: Executor<Host>> Rig for Runtime<E> {
    fn load(&mut self, image: &Arc<CodeImage>) -> Result<ImageId, String> {
        Runtime::load(self, Arc::clone(image)).map_err(text)
    }
    fn open(&mut self, image: ImageId) -> Result<(), String> {
        Runtime::open(self, image).map(drop).map_err(text)
    }
    fn perturb(&mut self, list: &[TopologyPerturbation]) -> Result<TopologyOutcome, String> {
        Runtime::perturb(self, list).map_err(text)
    }
    fn advance(&mut self, ticks: u64) -> Result<(), String> {
        Runtime::advance(self, ticks).map(drop).map_err(text)
    }
    fn turn(&mut self, host: &Host) -> Result<Turn, String> {
        Runtime::turn(self, host).map_err(text)
    }
    fn complete_first(&mut self) -> Result<(), String> {
        first(self).map_or(Ok(()), |id| self.complete(id, late()).map_err(text))
    }
    fn stand(&self) -> Stand {
        stand(self)
    }
}

impl<E: Executor<Host>> Rig for Durable<E> {
    fn load(&mut self, image: &Arc<CodeImage>) -> Result<ImageId, String> {
        Durable::load(self, Arc::clone(image)).map_err(text)
    }
    fn open(&mut self, image: ImageId) -> Result<(), String> {
        Durable::open(self, image).map(drop).map_err(text)
    }
    fn perturb(&mut self, list: &[TopologyPerturbation]) -> Result<TopologyOutcome, String> {
        Durable::perturb(self, list).map_err(text)
    }
    fn advance(&mut self, ticks: u64) -> Result<(), String> {
        Durable::advance(self, ticks).map(drop).map_err(text)
    }
    fn turn(&mut self, host: &Host) -> Result<Turn, String> {
        Durable::turn(self, host).map_err(text)
    }
    fn complete_first(&mut self) -> Result<(), String> {
        first(self.runtime()).map_or(Ok(()), |id| self.complete(id, late()).map_err(text))
    }
    fn stand(&self) -> Stand {
        stand(self.runtime())
    }
}

fn begin(case: &Case, rig: &mut impl Rig) -> Result<(), String> {
    for plan in &case.plans {
        rig.load(plan)?;
    }
    let image = rig.load(&case.image)?;
    (0..3).try_for_each(|_| rig.open(image))
}

fn moment(case: &Case, at: usize, rig: &mut impl Rig, host: &Host) -> Result<(), String> {
    let list = case.happens(at);
    if !list.is_empty() {
        drop(rig.perturb(&list)?);
    }
    let passes = case.passes(at);
    if passes > 0 {
        rig.advance(passes)?;
    }
    // Where time is short, nobody answers at times.
    if rig.turn(host)? == Turn::Idle && (passes == 0 || at.is_multiple_of(2)) {
        rig.complete_first()?;
    }
    Ok(())
}

fn whole(case: &Case, mut rig: impl Rig, host: &Host) -> Result<Stand, String> {
    begin(case, &mut rig)?;
    (0..MOMENTS).try_for_each(|at| moment(case, at, &mut rig, host))?;
    Ok(rig.stand())
}

fn with<E>(case: &Case, executor: E) -> Result<Runtime<E>, String> {
    Runtime::with_executor(case.config.clone(), case.schedule.clone(), executor).map_err(text)
}

/// How much of each the lane has seen: perturbations, times that time had to pass, sessions by how they ended, times that time
/// passed by the host's clock, effects that timed out, and steps by which the objects that were left were escalated.
type Seen = [AtomicU64; 8];

fn one_case(seed: u64, seen: &Seen) -> Result<(), String> {
    let case = Case::of(seed)?;
    let mut recorded = with(&case, Inline::default())?;
    let host = case.host();
    begin(&case, &mut recorded)?;
    (0..MOMENTS).try_for_each(|at| moment(&case, at, &mut recorded, &host))?;
    let expected = stand(&recorded);
    let root = recorded.machine().recomputed_root();
    ensure!(root == expected.root, "the root is not what it is over");
    let threaded = whole(&case, with(&case, Threads::new(1 + (seed % 16) as usize).map_err(text)?)?, &case.host())?;
    ensure!(threaded == expected, "threads: {threaded:?}, not {expected:?}");
    let seeded = whole(&case, with(&case, Seeded::new(seed))?, &case.host())?;
    ensure!(seeded == expected, "another order: {seeded:?}, not {expected:?}");
    let run = Run::of(recorded, &host)?;
    let again = run.replayed()?;
    ensure!(objects(&again.runtime) == expected.objects, "the replay has other semantic objects");
    seen[7].fetch_add(expected.escalations(), Ordering::Relaxed);
    verify_waves(&run.read_record()?).map_err(text)?;
    for (_, input) in run.inputs()? {
        match input {
            Input::Perturb { .. } => seen[0].fetch_add(1, Ordering::Relaxed),
            Input::Elapse => seen[1].fetch_add(1, Ordering::Relaxed),
            Input::Advance { .. } => seen[5].fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
    for (at, count) in [expected.tally.closed, expected.tally.cancelled, expected.tally.faulted].into_iter().enumerate()
    {
        seen[2 + at].fetch_add(count, Ordering::Relaxed);
    }
    let timed_out = run.faults.iter().filter(|one| one.fault.to_string().contains("within its budget")).count();
    seen[6].fetch_add(timed_out as u64, Ordering::Relaxed);
    recovered(&case, &expected)
}

/// The same on a durable run that is recovered again and again.
fn recovered(case: &Case, expected: &Stand) -> Result<(), String> {
    let disk = SimDisk::default();
    // Images are larger than there.
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
        if (at as u64 + case.seed).is_multiple_of(7) {
            run.sync().map_err(text)?;
            let before = run.stand();
            drop(run);
            (run, _) = Durable::recover(storage(), options()).map_err(text)?;
            let after = run.stand();
            ensure!((after.root, after.tally) == (before.root, before.tally), "recovered: {after:?}, not {before:?}");
        }
        moment(case, at, &mut run, &host)?;
    }
    let found = run.stand();
    ensure!(found == *expected, "recovered: {found:?}, not {expected:?}");
    Ok(())
}

fn lane(cases: &Lane) -> Result<Seen, String> {
    let seen = Seen::default();
    cases.run(|seed| one_case(seed, &seen))?;
    Ok(seen)
}

/// Random runs with random failures: workers, orders of completion, replays and recoveries all come to the same.
pub fn runs_with_failures_are_runs() -> Result<(), String> {
    let cases = Lane::new("topology", 40);
    let seen = lane(&cases)?.map(AtomicU64::into_inner);
    let [perturbed, elapsed, closed, cancelled, faulted, advanced, timed_out, escalated] = seen;
    ensure!(escalated > 0 || cases.cases() < 40, "nothing was escalated");
    println!(
        "{perturbed} perturbations, {elapsed} times nothing else could happen; {closed} sessions closed, {cancelled} cancelled, {faulted} faulted; {timed_out} effects timed out, {escalated} escalations on the way, {advanced} times the host's time passed"
    );
    Ok(())
}

/// The same in small.
pub fn runs_with_failures_are_runs_in_small() -> Result<(), String> {
    let seen = lane(&Lane::fixed("topology", 20))?.map(AtomicU64::into_inner);
    // Escalations are too rare for so few: the lane asks for them.
    ensure!(
        seen[..7].iter().all(|count| *count > 0),
        "perturbations, elapsed, closed, cancelled, faulted, advanced, timed out: {seen:?}"
    );
    Ok(())
}
