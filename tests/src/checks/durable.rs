//! Durable runs: nothing acknowledged is lost, recovery stands where the log ends, and every effect is done once.

use crate::draft::{Draft, NAT, letters};
use crate::world::World;
use motet_log::sim::{Image, Platter, SimDisk, Survival};
use motet_log::span::OpenSpans;
use motet_log::{LogId, Options};
use motet_machine::{CodeImage, ProtocolMachineConfig, RunId, TraceMode};
use motet_runtime::{Durable, DurableGuestRuntime, DurableOptions, Inline, RunStatus, Schedule, Turn, cut_log};
use motet_types::{Digest, Instr};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

pub(super) const SESSIONS: u64 = 5;
const ASKS: u16 = 3;
/// What each session asks of the world: answers and guards.
pub(super) const DEEDS: u64 = SESSIONS * ASKS as u64 * 2;

/// `A` asks `Test.ask` three times, and sends each answer to `B`; each time it acquires a guard first, and but for the last
/// one gives it back afterwards.
pub fn asking() -> Draft {
    let mut draft = letters(ASKS);
    let effect = draft.effect("ask", NAT, NAT, true);
    let mut code = Vec::new();
    for at in 1..=ASKS {
        code.push(Instr::Acquire { dst: 2, layer: 1 });
        code.push(Instr::Set { dst: 1, constant: 0 });
        code.push(Instr::Invoke { arg: 1, dst: 1, effect });
        code.push(Instr::Send { chan: 0, val: 1 });
        if at < ASKS {
            code.push(Instr::Release { evidence: 2, layer: 1 });
        }
    }
    code.push(Instr::Halt {});
    draft.recode(0, 3, &code);
    draft
}

/// Small segments, checkpoints often, and nothing beside the run: what happens is a function of the calls.
pub fn options(checkpoint_records: u64) -> DurableOptions {
    let log = Options { block: 512, segment: 4096, id: Some(LogId([7; 16])), spares: 1, group: 4096, waiting: 1 << 20 };
    let open = OpenSpans::Carry { max: u32::MAX };
    DurableOptions {
        log,
        checkpoint_records,
        checkpoint_steps: 0,
        slice: 2,
        open,
        beside: false,
        record: false,
        keys: None,
    }
}

fn config() -> ProtocolMachineConfig {
    ProtocolMachineConfig {
        record: true,
        trace: TraceMode::Capped(0),
        run_id: RunId([3; 16]),
        digest_waves: 5,
        // Nothing takes so long; but the deadlines are in every state.
        effect_budget: Some(10_000),
        ..ProtocolMachineConfig::default()
    }
}

fn schedule() -> Schedule {
    Schedule { wave: 2, fuel: 2, chunk: 1, window: 2, turn: 3, ..Schedule::default() }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A durable run with its sessions open and acknowledged.
pub(crate) fn begin(disk: &SimDisk, checkpoint_records: u64) -> Result<DurableGuestRuntime, String> {
    let storage = Arc::new(disk.clone());
    let mut run =
        Durable::create(storage, options(checkpoint_records), config(), schedule(), Inline::default()).map_err(text)?;
    let image = run.load(asking().image()?).map_err(text)?;
    for _ in 0..SESSIONS {
        run.open(image).map_err(text)?;
    }
    run.sync().map_err(text)?;
    Ok(run)
}

/// Takes turns to the end; what is answered later is answered when nothing else can go on. `look` sees the run after
/// every call.
pub(super) fn go_on(
    run: &mut DurableGuestRuntime,
    world: &World,
    mut look: impl FnMut(&DurableGuestRuntime),
) -> Result<(), String> {
    for _ in 0..10_000 {
        let turn = run.turn(world).map_err(text)?;
        look(run);
        if turn != Turn::Idle {
            continue;
        }
        match run.runtime().status() {
            RunStatus::Waiting => {
                let waiting: Vec<_> = run.outstanding().map(|(id, _)| id).collect();
                ensure!(!waiting.is_empty(), "it waits, and nobody is asked");
                for id in waiting {
                    run.complete(id, world.answer(id)).map_err(text)?;
                    look(run);
                }
            }
            _ => {
                run.sync().map_err(text)?;
                return Ok(());
            }
        }
    }
    Err(String::from("the run does not end"))
}

fn ended(run: &DurableGuestRuntime, world: &World) -> Result<(), String> {
    let tally = run.runtime().machine().tally();
    ensure!(tally.closed == SESSIONS && tally.faulted == 0, "{tally:?}");
    ensure!(tally.messages == SESSIONS * u64::from(ASKS), "{tally:?}");
    let deeds = world.deeds();
    ensure!(deeds.len() as u64 == DEEDS, "{} effects were done", deeds.len());
    ensure!(world.done() == DEEDS, "{} deeds", world.done());
    let heap = run.runtime().machine().heap();
    let (live, spent) = (SESSIONS, SESSIONS * u64::from(ASKS - 1));
    ensure!((heap.live_count(), heap.consumed_count()) == (live, spent), "{heap:?}");
    Ok(())
}

/// The moment before an I/O call of a run.
struct Point {
    platter: Platter,
    world: World,
    /// Sessions that were acknowledged.
    opened: u64,
}

/// An uninterrupted run: its moments, the state roots that it passes by waves committed, and its end.
struct Whole {
    points: Vec<Point>,
    roots: BTreeMap<u64, BTreeSet<Digest>>,
    trace: Digest,
    root: Digest,
}

fn whole(later: u64, checkpoint_records: u64) -> Result<Whole, String> {
    let (disk, world) = (SimDisk::new(), World::answering_later(later));
    let (points, opened) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let (into, acknowledged, outside) = (Arc::clone(&points), Arc::clone(&opened), world.clone());
    disk.observe(move |_, call, platter| {
        if call.changes() {
            let opened = *acknowledged.lock().expect("one thread");
            let point = Point { platter: platter.clone(), world: outside.apart(), opened };
            into.lock().expect("one thread").push(point);
        }
    });
    let mut run = begin(&disk, checkpoint_records)?;
    *opened.lock().expect("one thread") = SESSIONS;
    let mut roots: BTreeMap<u64, BTreeSet<Digest>> = BTreeMap::new();
    let mut note = |run: &DurableGuestRuntime| {
        let machine = run.runtime().machine();
        roots.entry(machine.tally().waves).or_default().insert(run.runtime().state_root());
    };
    note(&run);
    go_on(&mut run, &world, &mut note)?;
    ended(&run, &world)?;
    let (trace, root) = (run.runtime().trace_digest().ok_or("no trace")?, run.runtime().state_root());
    disk.look_away();
    let mut points = std::mem::take(&mut *points.lock().expect("one thread"));
    points.push(Point { platter: disk.platter(), world, opened: SESSIONS });
    Ok(Whole { points, roots, trace, root })
}

/// What a crash left: recovery stands in a state that the run had passed with everything acknowledged in it, does so
/// again, and goes on to the same end with every effect done once.
fn recovers(image: &Image, point: &Point, whole: &Whole, nested: Option<u64>) -> Result<u64, String> {
    let disk = SimDisk::from_image(image);
    let crash_inside = Arc::new(Mutex::new((0u64, None::<Platter>)));
    if let Some(at) = nested {
        let into = Arc::clone(&crash_inside);
        disk.observe(move |_, call, platter| {
            if call.changes() {
                let mut inside = into.lock().expect("one thread");
                if inside.0 == at {
                    inside.1 = Some(platter.clone());
                }
                inside.0 += 1;
            }
        });
    }
    let recovered = Durable::recover(Arc::new(disk.clone()), options(4));
    disk.look_away();
    let (mut run, plan) = match recovered {
        Ok(found) => found,
        // Nothing was acknowledged, and so nothing need be there.
        Err(motet_runtime::RecoverError::Empty) if point.opened == 0 => return Ok(1),
        Err(error) => return Err(format!("recovery: {error}")),
    };
    let machine = run.runtime().machine();
    let (opened, waves) = (machine.tally().opened, machine.tally().waves);
    ensure!(opened >= point.opened && opened <= SESSIONS, "{opened} sessions, of which {} were promised", point.opened);
    if opened == SESSIONS {
        let passed = whole.roots.get(&waves).is_some_and(|roots| roots.contains(&plan.state_root));
        ensure!(passed, "the run never stood at {} after {waves} waves", plan.state_root);
    }
    let mut images = 1;
    // Recovery writes nothing that changes what the next one finds.
    let (again, second) = Durable::recover(Arc::new(SimDisk::from_image(&disk.image())), options(4)).map_err(text)?;
    ensure!(second.state_root == plan.state_root && second.is_found_whole(), "the second time: {}", second.found);
    drop(again);
    let inside = crash_inside.lock().expect("one thread").1.take();
    if let Some(platter) = inside {
        let image = platter.crash(Survival::Chance(128), &mut || 77);
        images += recovers(&image, point, whole, None)?;
    }
    if opened == SESSIONS {
        let world = point.world.apart();
        go_on(&mut run, &world, |_| {})?;
        ended(&run, &world)?;
        if point.world.later == 0 {
            // Every input comes at the step at which it came before, so all of it is equal.
            ensure!(run.runtime().trace_digest() == Some(whole.trace), "another trace");
            ensure!(run.runtime().state_root() == whole.root, "another end");
        }
    }
    Ok(images)
}

/// Crashes at every I/O call, in `survivals` ways each, for runs with and without checkpoints and late answers. Answers
/// how many images there were.
pub fn explore(seed: u64, survivals: u64) -> Result<u64, String> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut images = 0;
    for (later, checkpoint_records) in [(0, 0), (0, 4), (2, 5), (3, 9)] {
        let whole = whole(later, checkpoint_records)?;
        for (at, point) in whole.points.iter().enumerate() {
            for way in 0..survivals {
                let survival = match way {
                    0 => Survival::Nothing,
                    1 => Survival::Everything,
                    2 => Survival::First(point.platter.pending() / 2),
                    _ => Survival::Chance((dice.next_u32() % 256) as u8),
                };
                let image = point.platter.crash(survival, &mut || dice.next_u32() as u8);
                let nested = (way % 3 == 0).then_some(way % 5);
                let told =
                    |error| format!("later {later}, checkpoints {checkpoint_records}, call {at}, way {way}: {error}");
                images += recovers(&image, point, &whole, nested).map_err(told)?;
            }
        }
    }
    Ok(images)
}

/// As many images as the environment asks for, from seeds that follow each other; a fixed share otherwise.
pub fn crashes_lose_nothing() -> Result<(), String> {
    let asked = std::env::var("MOTET_CASES").ok().and_then(|cases| cases.parse::<u64>().ok());
    let (wanted, survivals) = asked.map_or((500, 3), |wanted| (wanted, 64));
    let (mut images, mut seed) = (0, 1);
    while images < wanted {
        images += explore(seed, survivals)?;
        seed += 1;
    }
    println!("crash images of durable runs: {images}, {survivals} survivals of each I/O call, seeds 1 to {}", seed - 1);
    Ok(())
}

/// A run that was closed is recovered as it stood, with nothing cut and nothing asked again.
pub fn closed_runs_are_found_whole() -> Result<(), String> {
    for checkpoint_records in [0, 6] {
        let (disk, world) = (SimDisk::new(), World::answering_later(2));
        let mut run = begin(&disk, checkpoint_records)?;
        for _ in 0..3 {
            run.turn(&world).map_err(text)?;
        }
        let (root, trace) = (run.runtime().state_root(), run.runtime().trace_digest());
        let waiting = run.outstanding().count();
        run.close().map_err(text)?;
        let (mut run, plan) = Durable::recover(Arc::new(disk.clone()), options(0)).map_err(text)?;
        ensure!(plan.found.is_clean(), "{}", plan.found);
        ensure!(plan.state_root == root && run.runtime().trace_digest() == trace, "another state");
        ensure!(plan.checkpoint.is_some() == (checkpoint_records > 0), "{:?}", plan.checkpoint);
        ensure!(plan.reasked.len() >= waiting, "{} asked again, {waiting} waited", plan.reasked.len());
        go_on(&mut run, &world, |_| {})?;
        ended(&run, &world)?;
    }
    Ok(())
}

/// The host is asked about what may block only when the log is synced past everything that led to it.
pub fn nobody_is_asked_before_the_log_is_synced() -> Result<(), String> {
    let whole = whole(0, 0)?;
    for point in &whole.points {
        // With nothing kept but what was synced, every deed of the world must be an intent in the log.
        let image = point.platter.crash(Survival::Nothing, &mut || 0);
        let asked = point.world.deeds();
        let recovered = Durable::recover(Arc::new(SimDisk::from_image(&image)), options(0));
        let Ok((run, plan)) = recovered else {
            ensure!(asked.is_empty(), "the world has done something for a run that is not there");
            continue;
        };
        ensure!(plan.asked >= asked.len() as u64, "{} were asked, the log has {}", asked.len(), plan.asked);
        let opened = run.runtime().machine().tally().opened;
        ensure!(asked.is_empty() || opened == SESSIONS, "asked for sessions that were lost");
    }
    Ok(())
}

/// Without ids to go by, a crash makes the world do things twice: what recovery promises rests on them.
pub fn careless_worlds_do_things_twice() -> Result<(), String> {
    let whole = whole(0, 0)?;
    let mut twice = 0;
    for point in &whole.points {
        let image = point.platter.crash(Survival::Nothing, &mut || 0);
        let Ok((mut run, _)) = Durable::recover(Arc::new(SimDisk::from_image(&image)), options(0)) else { continue };
        if run.runtime().machine().tally().opened < SESSIONS {
            continue;
        }
        let mut world = point.world.apart();
        world.careless = true;
        go_on(&mut run, &world, |_| {})?;
        twice += u64::from(world.done() > DEEDS);
    }
    ensure!(twice > 0, "nothing was ever done twice");
    Ok(())
}

/// A log that is cut recovers to the same state, with what was open carried, cut after cut.
pub fn cut_logs_recover_the_same() -> Result<(), String> {
    let (disk, world) = (SimDisk::new(), World::answering_later(1));
    let mut run = begin(&disk, 0)?;
    let mut cuts = 0;
    for round in 0..40 {
        let turn = run.turn(&world).map_err(text)?;
        if turn == Turn::Idle {
            let Some(id) = run.outstanding().map(|(id, _)| id).min() else { break };
            run.complete(id, world.answer(id)).map_err(text)?;
        }
        let root = run.runtime().state_root();
        run.close().map_err(text)?;
        let keep = [0, 200, 1000][round % 3];
        match cut_log(Arc::new(disk.clone()), &options(0), keep) {
            Ok((head, _)) => {
                cuts += 1;
                ensure!(
                    head.carried.len() == head.carried.iter().map(|one| one.span).collect::<BTreeSet<_>>().len(),
                    "twice"
                );
            }
            Err(motet_runtime::CutLogError::Cut(motet_log::span::CutError::NothingToDrop { .. })) => {}
            Err(error) => return Err(format!("round {round}: {error}")),
        }
        let (again, plan) =
            Durable::recover(Arc::new(disk.clone()), options(0)).map_err(|e| format!("round {round}: {e}"))?;
        ensure!(plan.state_root == root, "round {round}: another state");
        run = again;
    }
    ensure!(cuts > 5, "only {cuts} cuts");
    go_on(&mut run, &world, |_| {})?;
    ended(&run, &world)
}

/// A checkpoint holds what was handed in before it, written already or not.
pub fn checkpoints_hold_everything() -> Result<(), String> {
    let (disk, world) = (SimDisk::new(), World::default());
    let mut run = begin(&disk, 0)?;
    run.turn(&world).map_err(text)?;
    run.open(motet_machine::ImageId(0)).map_err(text)?;
    let root = run.runtime().state_root();
    run.checkpoint().map_err(text)?;
    run.sync().map_err(text)?;
    drop(run);
    let (run, plan) = Durable::recover(Arc::new(disk.clone()), options(0)).map_err(text)?;
    ensure!(plan.checkpoint.is_some() && plan.state_root == root, "another state: {plan:?}");
    ensure!(run.runtime().machine().tally().opened == SESSIONS + 1, "{:?}", run.runtime().machine().tally());
    Ok(())
}

/// A state in the log that the run does not come to again is refused, with the wave.
pub fn wrong_states_are_found() -> Result<(), String> {
    let (disk, world) = (SimDisk::new(), World::default());
    let mut run = begin(&disk, 0)?;
    while run.turn(&world).map_err(text)? != Turn::Idle {}
    run.sync().map_err(text)?;
    // As the journal writes it: waves committed, and the root there.
    let waves = run.runtime().machine().tally().waves;
    let mut bytes = waves.to_le_bytes().to_vec();
    bytes.extend([9; 32]);
    run.log().append(7, &bytes).map_err(text)?;
    run.log().flush().map_err(text)?;
    drop(run);
    let found = Durable::recover(Arc::new(disk), options(0)).err();
    let right = matches!(found, Some(motet_runtime::RecoverError::State { wave, .. }) if wave == waves);
    ensure!(right, "{:?}", found.map(|error| error.to_string()));
    Ok(())
}

/// A record of a kind that this version does not know is refused by its number, never skipped.
pub fn unknown_records_are_refused() -> Result<(), String> {
    let disk = SimDisk::new();
    let run = begin(&disk, 0)?;
    run.log().append(999, b"from the future").map_err(text)?;
    run.log().flush().map_err(text)?;
    drop(run);
    let found = Durable::recover(Arc::new(disk), options(0)).err().map(|error| error.to_string());
    let right = found.as_ref().is_some_and(|told| told.contains("kind 999"));
    ensure!(right, "{found:?}");
    Ok(())
}

/// The image of [`asking`].
pub fn image() -> Result<Arc<CodeImage>, String> {
    asking().image()
}
