//! Threads change the time a run takes and nothing else. `cargo xtask full threads` runs the full lane.

use motet_choreo::compile;
use motet_machine::{CodeImage, ProtocolMachineConfig};
use motet_runtime::{RunStatus, Schedule, SeededHost, ThreadedGuestRuntime, Threads};
use motet_tests::generate::{Size, protocol};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;

motet_tests::promises! {
    threads: change_the_time_and_nothing_else;
}

#[test]
fn an_idle_runtime_with_workers_ends() {
    let size = Size { endless: false, ..Size::default() };
    let parts = compile(&protocol(&mut ChaCha8Rng::seed_from_u64(1), &size)).unwrap();
    let image = Arc::new(CodeImage::verify(parts).unwrap());
    for workers in [2, 5] {
        let schedule = Schedule { wave: 64, fuel: 8, chunk: 1, ..Schedule::default() };
        let config = ProtocolMachineConfig::default();
        let mut runtime = ThreadedGuestRuntime::with_workers(config, schedule, workers).unwrap();
        let id = runtime.load(Arc::clone(&image)).unwrap();
        for _ in 0..40 {
            runtime.open(id).unwrap();
        }
        runtime.limit_steps(6_000);
        let host = Arc::new(SeededHost::new(1));
        let status = runtime.run(&host).unwrap();
        assert!(matches!(status, RunStatus::Completed | RunStatus::MaxSteps), "{status:?}");
        assert_eq!(Arc::strong_count(&host), 1, "a worker still holds the host");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_number_of_workers_that_makes_no_sense_is_refused() {
    assert!(Threads::new(0).is_err());
    assert!(Threads::new(Threads::LIMIT + 1).is_err());
}
