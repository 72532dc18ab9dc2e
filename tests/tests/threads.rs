//! Threads change the time a run takes and nothing else: the same schedule gives the same trace, the same recorded
//! effects and the same state root on any number of workers and in any completion order.

use motet_choreo::compile;
use motet_machine::{
    BufferConfig, CodeImage, EffectHandler, EffectOutcome, EffectRequest, ProtocolMachineConfig, TraceMode,
};
use motet_runtime::{
    Executor, Inline, Normalised, RunStatus, Runtime, Schedule, SchedulerPolicy, Seeded, SeededHost, Threads,
    diff_traces, normalise,
};
use motet_tests::generate::{Size, protocol};
use motet_types::{Digest, EffectFailureKind, EffectKinds};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;

/// A seeded host that refuses one answer in so many, or panics: faults must be the same everywhere too.
struct Unreliable {
    inner: SeededHost,
    every: u32,
    panics: bool,
}

impl EffectHandler for Unreliable {
    fn wants(&self) -> EffectKinds {
        self.inner.wants()
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let at = request.coordinate;
        if self.every > 0 && (at.session.0 as u32 * 7 + at.counter) % self.every == self.every - 1 {
            assert!(!self.panics, "as it was told to");
            return EffectOutcome::failure(EffectFailureKind::Denied, "as it was told to");
        }
        self.inner.handle_effect(request)
    }
}

/// Everything observable about a run.
#[derive(Debug, PartialEq)]
struct Seen {
    status: RunStatus,
    trace: Digest,
    root: Digest,
    inputs: Vec<u8>,
    faults: usize,
}

fn run<E>(executor: E, image: &Arc<CodeImage>, host: &Arc<Unreliable>, schedule: &Schedule) -> (Seen, Normalised)
where
    E: Executor<Arc<Unreliable>>,
{
    let buffer = BufferConfig { capacity: 2, ..BufferConfig::default() };
    let config = ProtocolMachineConfig { record: true, trace: TraceMode::Full, buffer, ..Default::default() };
    let mut runtime = Runtime::with_executor(config, schedule.clone(), executor).unwrap();
    let image = runtime.load(Arc::clone(image)).unwrap();
    for _ in 0..40 {
        runtime.open(image).unwrap();
    }
    runtime.limit_steps(6_000);
    let status = runtime.run(host).unwrap();
    let seen = Seen {
        status,
        trace: runtime.trace_digest().unwrap(),
        root: runtime.state_root(),
        inputs: runtime.tape().unwrap().bytes().to_vec(),
        faults: runtime.faults().len(),
    };
    (seen, normalise(&runtime.machine().trace_bytes()).unwrap())
}

fn cases() -> u64 {
    std::env::var("MOTET_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60)
}

#[test]
fn workers_and_completion_order_change_nothing() {
    let size = Size { max_roles: 5, ..Size::default() };
    let (mut shared, mut faulted, mut limited) = (0, 0, 0);
    for seed in 0..cases() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let global = protocol(&mut rng, &size);
        let image = Arc::new(CodeImage::verify(compile(&global).unwrap()).unwrap());
        let every = [0, 0, 9, 23][seed as usize % 4];
        let host = Unreliable { inner: SeededHost::new(seed), every, panics: seed % 8 == 3 };
        let host = Arc::new(host);
        let policy = match seed % 3 {
            0 => SchedulerPolicy::Cooperative,
            1 => SchedulerPolicy::ProgressAware,
            _ => SchedulerPolicy::Random { seed },
        };
        let mut first: Option<Normalised> = None;
        let shapes = [(1, 1, 1, 1, 1), (8, 16, 1, 1, 1), (8, 16, 3, 4, 9), (64, 256, 4, 2, 3), (1024, 64, 3, 1, 1)];
        for (wave, fuel, chunk, window, turn) in shapes {
            let schedule = Schedule { policy: policy.clone(), wave, fuel, chunk, window, turn };
            let (expected, trace) = run(Inline::default(), &image, &host, &schedule);
            limited += usize::from(expected.status == RunStatus::MaxSteps);
            faulted += expected.faults;
            for workers in [1, 2, 3, 4, 8, 16] {
                // Shared whether it is worth it or not, so that there is something to see.
                let threads = Threads::eager(workers).unwrap();
                let (seen, _) = run(threads, &image, &host, &schedule);
                assert_eq!(seen, expected, "seed {seed}, {workers} workers, wave {wave}");
                shared += usize::from(workers > 1 && wave > 1);
            }
            for order in 0..3 {
                let (seen, _) = run(Seeded::new(seed ^ order), &image, &host, &schedule);
                assert_eq!(seen, expected, "seed {seed}, completion order {order}, wave {wave}");
            }
            // Between schedules: equal session by session, unless the step limit cut them in different places.
            if expected.status != RunStatus::MaxSteps {
                match &first {
                    None => first = Some(trace),
                    Some(first) => assert_eq!(diff_traces(first, &trace), None, "seed {seed}, wave {wave}"),
                }
            }
        }
    }
    assert!(shared > 0 && faulted > 0 && limited > 0, "{shared} shared, {faulted} faulted, {limited} limited");
}

#[test]
fn an_idle_runtime_with_workers_ends() {
    for workers in [2, 5] {
        let image = Arc::new(
            CodeImage::verify(compile(&protocol(&mut ChaCha8Rng::seed_from_u64(1), &Size::default())).unwrap())
                .unwrap(),
        );
        let host = Arc::new(Unreliable { inner: SeededHost::new(1), every: 0, panics: false });
        let schedule = Schedule { wave: 64, fuel: 8, chunk: 1, ..Schedule::default() };
        let (seen, _) = run(Threads::new(workers).unwrap(), &image, &host, &schedule);
        assert_eq!(seen.faults, 0);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_number_of_workers_that_makes_no_sense_is_refused() {
    assert!(Threads::new(0).is_err());
    assert!(Threads::new(Threads::LIMIT + 1).is_err());
}
