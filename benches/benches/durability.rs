//! What durable runs are to reach, each as a ratio to its goal: `cargo bench -p motet-benches --bench durability [-- NAME ...]`
//! with the names `run`, `recovery`, `resume` and `stall`. Logs are made in cargo's target folder, or in
//! `MOTET_BENCH_FOLDER`. What is compared alternates, because machines change their speed from one second to the next.

use motet_benches::{PING_PONG, image, median};
use motet_choreo::{EmitOptions, Source, compile_with, load};
use motet_log::Files;
use motet_machine::{CodeImage, EffectHandler, EffectOutcome, EffectRequest, NoHost, ProtocolMachineConfig, TraceMode};
use motet_runtime::{Durable, DurableGuestRuntime, DurableOptions, GuestRuntime, Inline, Schedule};
use motet_types::{EffectKind, EffectKinds};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 9;
const SESSIONS: u64 = 1_000;
const STEPS: u64 = 10_000_000;

fn config() -> ProtocolMachineConfig {
    ProtocolMachineConfig { trace: TraceMode::Capped(0), ..Default::default() }
}

fn storage(folder: &Path) -> Arc<Files> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("the folder can go");
    }
    Arc::new(Files::open(folder).expect("the folder can be made"))
}

fn durable(
    folder: &Path,
    image: &Arc<CodeImage>,
    sessions: u64,
    options: DurableOptions,
    schedule: Schedule,
) -> DurableGuestRuntime {
    let files = storage(folder);
    let run = Durable::create(files, options, config(), schedule, Inline::default());
    let mut run = run.expect("a new log");
    let id = run.load(Arc::clone(image)).expect("the image is small");
    for _ in 0..sessions {
        run.open(id).expect("there is room");
    }
    run.sync().expect("it is durable");
    run
}

/// Seconds of a call.
fn seconds(call: impl FnOnce()) -> f64 {
    let began = Instant::now();
    call();
    began.elapsed().as_secs_f64()
}

/// A run without effects, in memory and with a log; opening the sessions is not in it, the last sync is.
fn run(folder: &Path) {
    let image = Arc::new(image(PING_PONG));
    let (mut ratios, mut plain, mut logged) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut memory = GuestRuntime::new(config(), Schedule::throughput()).expect("it makes sense");
        let id = memory.load(Arc::clone(&image)).expect("the image is small");
        (0..SESSIONS).for_each(|_| _ = memory.open(id).expect("there is room"));
        memory.limit_steps(STEPS);
        let mut disk = durable(folder, &image, SESSIONS, DurableOptions::default(), Schedule::throughput());
        disk.limit_steps(STEPS);
        let without = |memory: &mut GuestRuntime| seconds(|| _ = memory.run(&NoHost).expect("nothing is refused"));
        let with = |disk: &mut DurableGuestRuntime| seconds(|| _ = disk.run(&NoHost).expect("nothing is refused"));
        let (one, two) = match round % 2 {
            0 => (without(&mut memory), with(&mut disk)),
            _ => {
                let two = with(&mut disk);
                (without(&mut memory), two)
            }
        };
        ratios.push(two / one);
        plain.push(STEPS as f64 / one / 1e6);
        logged.push(STEPS as f64 / two / 1e6);
    }
    println!(
        "run: {:.1} M steps/s in memory, {:.1} with a log: {:+.2} % (bar: within 5 %)",
        median(plain),
        median(logged),
        100.0 * (median(ratios) - 1.0)
    );
}

/// Recovery of a run without a checkpoint: every step is taken again.
fn recovery(folder: &Path) {
    let image = Arc::new(image(PING_PONG));
    let mut run = durable(folder, &image, SESSIONS, DurableOptions::default(), Schedule::throughput());
    run.limit_steps(STEPS);
    run.run(&NoHost).expect("nothing is refused");
    run.close().expect("it is durable");
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let files = Arc::new(Files::open(folder).expect("the folder"));
        let (_, plan) = Durable::recover(files, DurableOptions::default()).expect("the log is whole");
        rates.push(plan.steps as f64 / began.elapsed().as_secs_f64() / 1e6);
    }
    println!("recovery: {:.1} M steps/s, opening the log in it (bar: 5 M): {:.1}x", median(rates.clone()), {
        median(rates) / 5.0
    });
}

/// A host that answers so many times for each coroutine and then takes on what it is asked.
struct Until(u32);

impl EffectHandler for Until {
    fn identity(&self) -> &str {
        "until"
    }
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::InvokeStep)
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        match request.coordinate.counter < self.0 {
            true => EffectOutcome::accept(EffectKind::InvokeStep),
            false => EffectOutcome::Pending,
        }
    }
}

/// Parking and resuming one session, after histories of different lengths.
fn resume() {
    let source = Source::from_text("bench", PING_PONG).expect("it is text");
    let global = load(&source).expect("it is a protocol");
    let mut parts = compile_with(&global, EmitOptions { step_hooks: true }).expect("it projects");
    parts.effects.iter_mut().for_each(|effect| effect.may_block = true);
    let image = Arc::new(CodeImage::verify(parts).expect("it verifies"));
    for effects in [1, 1_000, 100_000] {
        let mut runtime = GuestRuntime::new(config(), Schedule::throughput()).expect("it makes sense");
        let id = runtime.load(Arc::clone(&image)).expect("the image is small");
        let session = runtime.open(id).expect("there is room");
        runtime.run(&Until(effects)).expect("nothing is refused");
        runtime.settle_root();
        let (mut parks, mut resumes) = (Vec::new(), Vec::new());
        for _ in 0..10_001 {
            let mut parked = Vec::new();
            parks.push(seconds(|| parked = runtime.park(session).expect("it waits")) * 1e6);
            resumes.push(seconds(|| _ = runtime.resume(&parked).expect("it was parked")) * 1e6);
        }
        let steps = runtime.machine().tally().steps;
        println!(
            "resume: after {steps} steps: park {:.2} us, resume {:.2} us (bar: 10 us)",
            median(parks),
            median(resumes)
        );
    }
}

/// The longest that a checkpoint of 100,000 sessions keeps the machine from going on: at its beginning, and between two waves
/// while it is being made, which is what the longest of many turns of one wave each takes above the usual one. The same
/// without a checkpoint says what the host itself takes away now and then.
fn stall(folder: &Path) {
    let image = Arc::new(image(PING_PONG));
    let schedule = Schedule { turn: 1, window: 1, ..Schedule::throughput() };
    let mut run = durable(folder, &image, 100_000, DurableOptions::default(), schedule);
    let turn = |run: &mut DurableGuestRuntime| seconds(|| _ = run.turn(&NoHost).expect("nothing is refused")) * 1e3;
    // Everything has been at work once.
    (0..2_000).for_each(|_| _ = turn(&mut run));
    let turns = |run: &mut DurableGuestRuntime| {
        let mut times: Vec<f64> = (0..1_000).map(|_| turn(run)).collect();
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], times[times.len() - 1])
    };
    let (mut begins, mut with, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (usual, longest) = turns(&mut run);
        without.push(longest - usual);
        begins.push(seconds(|| run.begin_checkpoint().expect("it begins")) * 1e3);
        with.push(turns(&mut run).1 - usual);
        run.sync().expect("it is durable");
        run.checkpoint().expect("it is in force");
    }
    println!(
        "stall: checkpoint of 100,000 sessions: begin {:.2} ms, longest between two waves {:.2} ms, {:.2} ms without (bar: 5 ms)",
        median(begins),
        median(with),
        median(without)
    );
}

fn main() {
    let top = std::env::var_os("MOTET_BENCH_FOLDER")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = top.join(format!("motet-durability-{}", std::process::id()));
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wants = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    if wants("run") {
        run(&folder);
    }
    if wants("recovery") {
        recovery(&folder);
    }
    if wants("resume") {
        resume();
    }
    if wants("stall") {
        stall(&folder);
    }
    std::fs::remove_dir_all(&folder).ok();
}
