//! The machine's heap in whole runs: the same on every executor and through every stop, and shown under the state root.

use super::guards::{ACQUIRE, GUARDS, HALT, RELEASE, alone, granted, open, text};
use crate::dice::Dice;
use crate::generate::{Size, protocol};
use crate::lane::Lane;
use crate::mutant::guard;
use crate::script::{Script, accept};
use crate::walk::{Run, Setup};
use crate::witness::place;
use motet_choreo::{EmitOptions, compile_with};
use motet_heap::{Commitment, ResourceId};
use motet_machine::{
    CodeImage, EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest, ProofError, ResourceProof,
};
use motet_runtime::{Executor, GuestRuntime, Inline, RunStatus, Runtime, Schedule, Seeded, SeededHost, Threads, Turn};
use motet_types::{EffectFailureKind, EffectKind, EffectKinds, Instr, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Grants nearly every guard: some at once, some after two refusals, some when nothing else can go on. Which depends on
/// where it was asked for.
struct Warden {
    inner: SeededHost,
    refused: Mutex<BTreeMap<EffectCoordinate, u32>>,
}

impl Warden {
    fn new(seed: u64) -> Self {
        Self { inner: SeededHost::new(seed), refused: Mutex::default() }
    }

    fn grant(at: &EffectCoordinate) -> EffectOutcome {
        match place(at) % 37 {
            36 => EffectOutcome::failure(EffectFailureKind::Denied, "as it was told to"),
            drawn if drawn % 2 == 0 => granted(Value::Nat(u64::from(drawn))),
            drawn => granted(Value::Str(format!("evidence {drawn}"))),
        }
    }
}

impl EffectHandler for Warden {
    fn identity(&self) -> &str {
        "warden"
    }

    fn wants(&self) -> EffectKinds {
        self.inner.wants().with(EffectKind::Acquire).with(EffectKind::Release)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let at = request.coordinate;
        if !request.may_block() {
            return self.inner.handle_effect(request);
        }
        match place(&at) % 4 {
            0 => EffectOutcome::Pending,
            1 => {
                let mut refused = open(&self.refused);
                let times = refused.entry(at).or_default();
                *times += 1;
                if *times <= 2 { EffectOutcome::Blocked } else { Self::grant(&at) }
            }
            _ => Self::grant(&at),
        }
    }
}

/// Takes a turn; when nothing goes on, answers what was put off, each session parked meanwhile if it may be. Answers
/// whether there was anything to do.
fn step<E: Executor<Arc<Warden>>>(runtime: &mut Runtime<E>, host: &Arc<Warden>, park: bool) -> Result<bool, String> {
    if runtime.turn(host).map_err(text)? != Turn::Idle {
        return Ok(true);
    }
    let mut outstanding: Vec<_> = runtime.outstanding().collect();
    outstanding.sort_unstable_by_key(|(_, at)| *at);
    if outstanding.is_empty() {
        // What was refused is asked again, whatever the limit of steps says.
        return Ok(runtime.machine().pending_effects().next().is_some());
    }
    for (id, at) in outstanding {
        if !runtime.machine().is_pending(&at) {
            continue;
        }
        if park && let Ok(bytes) = runtime.park(at.session) {
            ensure!(runtime.state_root() == runtime.machine().recomputed_root(), "parking has changed the root");
            runtime.resume(&bytes).map_err(text)?;
        }
        runtime.complete(id, Warden::grant(&at)).map_err(text)?;
    }
    Ok(true)
}

fn drive<E: Executor<Arc<Warden>>>(
    mut runtime: Runtime<E>,
    seed: u64,
    park: bool,
) -> Result<(Run, Commitment), String> {
    let host = Arc::new(Warden::new(seed));
    let mut turns = 0;
    while step(&mut runtime, &host, park)? {
        turns += 1;
        ensure!(turns < 100_000, "the run does not end: {}", runtime.status().name());
        if turns % 7 == 3 {
            let root = runtime.settle_root();
            ensure!(root == runtime.machine().recomputed_root(), "the root that is kept is not the one computed");
        }
    }
    let heap = runtime.machine().heap().commitment();
    Ok((Run::of(runtime, &*host)?, heap))
}

/// A random protocol with guards in its code.
fn guarded(seed: u64) -> Result<Arc<CodeImage>, String> {
    let mut dice = Dice::new(seed);
    let size = Size { max_roles: 4, messages: 8, ..Size::default() };
    let global = protocol(dice.rng(), &size);
    let mut parts = compile_with(&global, EmitOptions { step_hooks: false }).map_err(text)?;
    for _ in 0..1 + dice.below(6) {
        guard(&mut dice, &mut parts);
    }
    CodeImage::verify(parts).map(Arc::new).map_err(text)
}

fn setup(seed: u64, [wave, fuel, chunk, window, turn]: [u32; 5]) -> Setup {
    let mut setup = Setup::default().sessions(3 + seed as usize % 9).limit(400);
    setup.schedule = Schedule { wave, fuel, chunk, window, turn, ..Schedule::default() };
    setup
}

/// Wave, fuel, chunk, window, turn.
const SHAPES: [[u32; 5]; 4] = [[1, 1, 1, 1, 1], [8, 16, 1, 4, 9], [64, 256, 4, 8, 24], [2, 5, 1, 16, 40]];

/// Heap, trace, state and record are the same on any number of workers, in any order of completion, and whether sessions
/// are parked or not; the replay's too; and between schedules, the heap is.
pub fn runs_agree_on_the_heap() -> Result<(), String> {
    let lane = Lane::new("guards", 40);
    let (touched, compared) = (Mutex::new(0u64), Mutex::new(0u64));
    lane.run(|seed| {
        let image = guarded(seed)?;
        let mut ends = Vec::new();
        for shape in SHAPES {
            let setup = setup(seed, shape);
            let (run, heap) = drive(setup.guest(&image)?, seed, false)?;
            *open(&touched) += heap.live + heap.spent;
            let told = |who: &str, error: String| format!("{shape:?}, {who}: {error}");
            for workers in [1, 2, 4, 8, 16] {
                let threads = setup.start(&image, Threads::new(workers).map_err(text)?)?;
                let (other, found) = drive(threads, seed, false)?;
                run.same_as(&other).map_err(|error| told(&format!("{workers} workers"), error))?;
                ensure!(found == heap, "{shape:?}, {workers} workers: {found:?} for {heap:?}");
            }
            let (other, _) = drive(setup.start(&image, Seeded::new(seed))?, seed, false)?;
            run.same_as(&other).map_err(|error| told("another order", error))?;
            let (other, _) = drive(setup.guest(&image)?, seed, true)?;
            run.same_as(&other).map_err(|error| told("parked", error))?;
            let replayed = run.replayed().map_err(|error| told("replayed", error))?;
            ensure!(replayed.runtime.machine().heap().commitment() == heap, "{shape:?}: the replay has another heap");
            if run.status != RunStatus::MaxSteps {
                ends.push((shape, heap));
            }
        }
        for pair in ends.windows(2) {
            ensure!(pair[0].1 == pair[1].1, "{:?} and {:?}: {:?} for {:?}", pair[0].0, pair[1].0, pair[0].1, pair[1].1);
            *open(&compared) += 1;
        }
        Ok(())
    })?;
    let (touched, compared) = (*open(&touched), *open(&compared));
    println!("guards: {touched} resources made, {compared} pairs of schedules compared");
    ensure!(lane.cases() < 20 || touched > 0 && compared > 0, "nothing was made or compared");
    Ok(())
}

/// A snapshot has the heap as it stood when it was begun, though the machine goes on while it is copied, and what is
/// resumed from it goes on to the same end.
pub fn snapshots_have_the_heap() -> Result<(), String> {
    let lane = Lane::new("guards in snapshots", 100);
    lane.run(|seed| {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let image = guarded(seed)?;
        let setup = setup(seed, *dice.pick(&SHAPES));
        let (whole, heap) = drive(setup.guest(&image)?, seed, false)?;
        let host = Arc::new(Warden::new(seed));
        let mut runtime = setup.guest(&image)?;
        for _ in 0..dice.below(30) {
            if !step(&mut runtime, &host, false)? {
                break;
            }
        }
        // The host that goes on with what is resumed remembers what this one had refused by now.
        let refused = open(&host.refused).clone();
        let (root, began) = (runtime.state_root(), runtime.machine().heap().commitment());
        runtime.begin_snapshot().map_err(text)?;
        while !runtime.snapshot_slice(1) {
            step(&mut runtime, &host, false)?;
        }
        let snapshot = runtime.take_snapshot().ok_or("everything was copied")?;
        ensure!(snapshot.state_root() == root, "the snapshot has the root {}", snapshot.state_root());
        let bytes = snapshot.to_bytes();
        let images = [Arc::clone(&image)];
        let resumed = GuestRuntime::resume_from(setup.config.clone(), Inline::default(), &images, &bytes);
        let mut resumed = resumed.map_err(text)?;
        ensure!(resumed.state_root() == root, "the root is {} after resuming", resumed.state_root());
        ensure!(resumed.machine().heap().commitment() == began, "{:?}", resumed.machine().heap());
        let host = Arc::new(Warden { inner: SeededHost::new(seed), refused: Mutex::new(refused) });
        while step(&mut resumed, &host, false)? {}
        ensure!(resumed.state_root() == whole.state_root, "another end");
        ensure!(resumed.trace_digest() == Some(whole.trace_digest), "another trace");
        ensure!(resumed.machine().heap().commitment() == heap, "another heap");
        Ok(())
    })
}

/// A state root covers the heap: what is live, what was consumed and what is neither can be shown under it, and nothing
/// else.
pub fn resources_are_proved() -> Result<(), String> {
    let host = Script::new(&GUARDS, accept);
    let image = alone(3, &[ACQUIRE, RELEASE, Instr::Acquire { dst: 2, layer: 9 }, HALT]).image()?;
    let mut runtime = Setup::default().sessions(20).guest(&image)?;
    let empty = runtime.settle_root();
    runtime.run(&host).map_err(text)?;
    let root = runtime.settle_root();
    ensure!(root == runtime.machine().recomputed_root(), "the root that is kept is not the one computed");
    let heap = runtime.machine().heap();
    let (live, spent) = (heap.iter().next().map(|(id, _)| id), heap.consumed().next());
    let (live, spent) = (live.ok_or("nothing is live")?, spent.ok_or("nothing was consumed")?);
    let stored = heap.stored(&live).map_err(text)?.to_vec();
    let absent = ResourceId([0x77; 32]);
    let proof = runtime.prove_resources(&[live, spent, absent], &[live, spent, absent]);
    let shown = proof.verify(root).map_err(text)?;
    ensure!(shown.holds(&live.0, &stored) == Ok(true), "the live one is not shown");
    let nullified = [live, spent, absent].map(|id| shown.is_nullified(&id.0));
    ensure!(nullified == [Ok(false), Ok(true), Ok(false)], "{nullified:?}");
    let there = [live, spent, absent].map(|id| shown.resource(&id.0).map(|found| found.is_some()));
    ensure!(there == [Ok(true), Ok(false), Ok(false)], "{there:?}");
    ensure!((shown.live_count(), shown.consumed_count()) == (20, 20), "{}", shown.live_count());
    // With every session ended and every counter equal, other evidence is another state.
    let generous = Script::new(&GUARDS, |request: &EffectRequest<'_>| match request.kind() {
        EffectKind::Acquire => granted(Value::Nat(1)),
        _ => accept(request),
    });
    let mut other = Setup::default().sessions(20).guest(&image)?;
    other.run(&generous).map_err(text)?;
    ensure!(other.machine().tally() == runtime.machine().tally(), "{:?}", other.machine().tally());
    ensure!(other.settle_root() != root, "another heap has the same root");
    let elsewhere = proof.verify(empty).err();
    ensure!(matches!(elsewhere, Some(ProofError::Root(_))), "under another root: {elsewhere:?}");
    let bytes = proof.to_bytes();
    ensure!(ResourceProof::from_bytes(&bytes).as_ref() == Ok(&proof), "the bytes are another proof");
    for cut in 0..bytes.len() {
        let passed = ResourceProof::from_bytes(&bytes[..cut]).is_ok_and(|proof| proof.verify(root).is_ok());
        ensure!(!passed, "a proof of {cut} bytes passes");
    }
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let passed = ResourceProof::from_bytes(&changed).is_ok_and(|proof| proof.verify(root).is_ok());
        ensure!(!passed, "bit {bit} can be flipped");
    }
    Ok(())
}
