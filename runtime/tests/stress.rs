//! Real threads, real machines, no checker: thousands of tiny waves, every one shared, and executors that go away at
//! any moment. Ends, and with the results of a run on one thread.

use motet_choreo::{Source, compile, load};
use motet_runtime::machine::{
    CodeImage, EffectHandler, EffectOutcome, EffectRequest, ProtocolMachineConfig, TraceMode,
};
use motet_runtime::{Executor, Inline, Runtime, RuntimeError, Schedule, SeededHost, Threads, Turn};
use motet_types::{Digest, EffectKind, EffectKinds};
use std::panic::panic_any;
use std::sync::Arc;

const PROTOCOL: &str = "protocol P =
  roles A, B, C
  rec X
    choice A at
      | Go =>
        A -> B : Go(Nat)
        B -> C : Pass(Nat)
        C -> A : Back(Nat)
        continue X
      | Stop =>
        A -> B : Stop
        B -> C : Stop
";

fn image() -> Arc<CodeImage> {
    let global = load(&Source::from_text("stress", PROTOCOL).unwrap()).unwrap();
    Arc::new(CodeImage::verify(compile(&global).unwrap()).unwrap())
}

fn runtime<E>(executor: E, image: &Arc<CodeImage>, sessions: usize) -> Runtime<E> {
    let config = ProtocolMachineConfig { record: true, trace: TraceMode::Full, ..Default::default() };
    let schedule = Schedule { wave: 9, fuel: 3, chunk: 1, window: 3, turn: 4, ..Schedule::default() };
    let mut runtime = Runtime::with_executor(config, schedule, executor).unwrap();
    let image = runtime.load(Arc::clone(image)).unwrap();
    for _ in 0..sessions {
        runtime.open(image).unwrap();
    }
    runtime
}

/// What can be seen after at most that many turns.
fn seen<E, H>(runtime: &mut Runtime<E>, host: &Arc<H>, turns: usize) -> (usize, Option<Digest>, Digest, Vec<u8>)
where
    E: Executor<Arc<H>>,
    H: EffectHandler,
{
    let ran = (0..turns).take_while(|_| runtime.turn(host).unwrap() != Turn::Idle).count();
    (ran, runtime.trace_digest(), runtime.state_root(), runtime.tape().unwrap().bytes().to_vec())
}

/// A fixed sequence that looks random.
fn mix(seed: u64) -> u64 {
    let x = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 7
}

#[test]
fn tiny_waves_with_any_number_of_workers() {
    let image = image();
    let (mut waves, mut shared) = (0, 0);
    for seed in 0..240 {
        let host = Arc::new(SeededHost::new(seed));
        let (workers, sessions, turns) = (1 + seed as usize % 8, 2 + mix(seed) as usize % 30, mix(!seed) as usize % 90);
        let expected = seen(&mut runtime(Inline::default(), &image, sessions), &host, turns);
        let mut threads = runtime(Threads::eager(workers).unwrap(), &image, sessions);
        assert_eq!(seen(&mut threads, &host, turns), expected, "seed {seed}, {workers} workers");
        waves += expected.0;
        shared += threads.executor().shared_waves();
        // Sometimes while the workers still look for work, sometimes when they sleep.
        if seed % 5 == 0 {
            std::thread::sleep(std::time::Duration::from_micros(mix(seed) % 300));
        }
        drop(threads);
        assert_eq!(Arc::strong_count(&host), 1, "a worker still holds the host");
    }
    println!("{waves} turns, {shared} waves shared");
    assert!(waves > 1_000 && shared > 3_000, "{waves} turns, {shared} waves shared");
}

#[test]
fn a_pace_decides_and_changes_nothing() {
    let image = image();
    for seed in 0..40 {
        let host = Arc::new(SeededHost::new(seed));
        let expected = seen(&mut runtime(Inline::default(), &image, 200), &host, usize::MAX);
        let threads = Threads::new(1 + seed as usize % 8).unwrap();
        assert_eq!(seen(&mut runtime(threads, &image, 200), &host, usize::MAX), expected, "seed {seed}");
    }
}

/// What a host's panic carries here; it panics once more when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("as it was told to");
    }
}

/// A host that gets past the containment of hosts.
struct Saboteur(SeededHost);

impl EffectHandler for Saboteur {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::Choose).with(EffectKind::Receive)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if request.coordinate.session.0 == 5 {
            panic_any(Bomb);
        }
        self.0.handle_effect(request)
    }
}

#[test]
fn a_panic_that_panics_once_more_hangs_nobody() {
    let image = image();
    for workers in 1..=8 {
        let host = Arc::new(Saboteur(SeededHost::new(1)));
        let mut runtime = runtime(Threads::eager(workers).unwrap(), &image, 20);
        match runtime.run(&host) {
            // What the panic carries was contained too: the session has faulted.
            Ok(_) => assert!(!runtime.faults().is_empty()),
            Err(error) => {
                assert!(matches!(error, RuntimeError::Poisoned(_)), "{error}");
                assert_eq!(runtime.turn(&host), Err(error), "and it stays so");
            }
        }
    }
}

#[test]
fn executors_that_never_led_a_wave() {
    for workers in 1..=8 {
        drop(Threads::new(workers).unwrap());
        drop(runtime(Threads::eager(workers).unwrap(), &image(), 3));
    }
}
