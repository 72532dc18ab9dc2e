//! What roots, snapshots and parking cost: `state [SESSIONS]`.
//!
//! Every figure is a median of several; the steps of the runs with roots and of those without are the same.

use motet_benches::{image, median};
use motet_choreo::{EmitOptions, Source, compile_with, load};
use motet_machine::{CodeImage, EffectHandler, EffectOutcome, EffectRequest, NoHost, ProtocolMachineConfig, TraceMode};
use motet_runtime::{GuestRuntime, Schedule};
use motet_types::{EffectKind, EffectKinds};
use std::sync::Arc;
use std::time::Instant;

const PING_PONG: &str = "protocol P =\n  roles A, B\n  loop forever\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";

fn runtime(image: &Arc<CodeImage>, sessions: u64, schedule: Schedule, digest_waves: u32) -> GuestRuntime {
    let config = ProtocolMachineConfig { trace: TraceMode::Capped(1), digest_waves, ..Default::default() };
    let mut runtime = GuestRuntime::new(config, schedule).expect("the set-up makes sense");
    let image = runtime.load(Arc::clone(image)).expect("the image is small");
    for _ in 0..sessions {
        runtime.open(image).expect("there is room");
    }
    runtime
}

/// ns for each step of the canonical schedule, with a root every so many waves.
fn canonical(image: &Arc<CodeImage>, sessions: u64, digest_waves: u32) -> f64 {
    let steps = 200_000u64.max(sessions * 2);
    let figures = (0..5).map(|_| {
        let mut runtime = runtime(image, sessions, Schedule::canonical(), digest_waves);
        runtime.settle_root();
        runtime.limit_steps(steps);
        let start = Instant::now();
        runtime.run(&NoHost).expect("nothing is refused");
        start.elapsed().as_nanos() as f64 / steps as f64
    });
    median(figures.collect())
}

/// A host that takes everything on and answers nothing.
struct Later;

impl EffectHandler for Later {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::InvokeStep)
    }
    fn handle_effect(&self, _: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::Pending
    }
}

/// us to park and to resume a session that waits, after that many steps of its machine.
fn parking(sessions: u64) -> (f64, f64, usize) {
    let source = Source::from_text("bench", PING_PONG).expect("it is text");
    let global = load(&source).expect("it is a protocol");
    let mut parts = compile_with(&global, EmitOptions { step_hooks: true }).expect("it projects");
    parts.effects.iter_mut().for_each(|effect| effect.may_block = true);
    let image = Arc::new(CodeImage::verify(parts).expect("it verifies"));
    let mut runtime = runtime(&image, sessions, Schedule::throughput(), 0);
    runtime.run(&Later).expect("nothing is refused");
    runtime.settle_root();
    let (mut parks, mut resumes, mut bytes) = (Vec::new(), Vec::new(), 0);
    let all: Vec<_> = runtime.machine().sessions().collect();
    for session in all.iter().step_by(7) {
        let start = Instant::now();
        let parked = runtime.park(*session).expect("it waits");
        parks.push(start.elapsed().as_nanos() as f64 / 1e3);
        bytes = parked.len();
        let start = Instant::now();
        runtime.resume(&parked).expect("it was parked");
        resumes.push(start.elapsed().as_nanos() as f64 / 1e3);
    }
    (median(parks), median(resumes), bytes)
}

fn main() {
    let sessions = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let image = Arc::new(image(PING_PONG));
    for (count, name) in [(1, "1 session"), (64, "64 sessions"), (10_000, "10,000 sessions")] {
        let without = canonical(&image, count, 0);
        print!("canonical, {name}: {without:.1} ns/step without roots");
        for every in [64, 1024, 16_384] {
            print!("; every {every} waves {:.1}", canonical(&image, count, every));
        }
        println!();
    }
    let mut runtime = runtime(&image, sessions, Schedule::throughput(), 0);
    let start = Instant::now();
    runtime.settle_root();
    println!("root of {sessions} sessions, the first: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    runtime.limit_steps(64 * 256);
    runtime.run(&NoHost).expect("nothing is refused");
    let start = Instant::now();
    runtime.settle_root();
    println!("root after 64 sessions have changed: {:.3} ms", start.elapsed().as_secs_f64() * 1e3);
    for budget in [2_000, 10_000] {
        let start = Instant::now();
        runtime.begin_snapshot().expect("no wave is out");
        let begin = start.elapsed().as_secs_f64() * 1e3;
        let (mut slices, mut longest, mut all) = (0, 0f64, 0f64);
        loop {
            let start = Instant::now();
            let done = runtime.snapshot_slice(budget);
            let took = start.elapsed().as_secs_f64() * 1e3;
            (slices, longest, all) = (slices + 1, longest.max(took), all + took);
            if done {
                break;
            }
        }
        let start = Instant::now();
        let snapshot = runtime.take_snapshot().expect("all is copied");
        let take = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let bytes = snapshot.to_bytes();
        let write = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "snapshot of {sessions} sessions: begin {begin:.2} ms, {slices} slices of {budget} with at most \
             {longest:.2} ms ({all:.1} in all), take {take:.2} ms; elsewhere {write:.1} ms to {} bytes",
            bytes.len()
        );
        let images = [Arc::clone(&image)];
        let start = Instant::now();
        let config = runtime.machine().config().clone();
        GuestRuntime::resume_from(config, motet_runtime::Inline::default(), &images, &bytes).expect("it is whole");
        println!("resumed in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    for count in [1_000, sessions] {
        let (park, resume, bytes) = parking(count);
        println!("among {count} sessions: park {park:.2} us, resume {resume:.2} us, {bytes} bytes");
    }
}
