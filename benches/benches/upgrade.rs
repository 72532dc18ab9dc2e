//! What it takes to ask of every session whether it may move to a new image, and to move it: sessions that wait for their
//! host, in memory and parked. Beside it the probe of the same run: the state root computed anew, which writes out and hashes
//! the same sessions.
//!
//! `cargo bench -p motet-benches --bench upgrade`

use motet_benches::{Later, woken};
use motet_machine::{CodeImage, ProtocolMachineConfig, TraceMode, UpgradeDecision, UpgradeOptions};
use motet_runtime::{GuestRuntime, Schedule};
use std::time::Instant;

const SESSIONS: [u32; 3] = [10_000, 100_000, 1_000_000];

fn seconds<T>(what: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let out = what();
    (began.elapsed().as_secs_f64(), out)
}

fn renamed() -> CodeImage {
    let mut parts = woken().parts().clone();
    parts.name = "Moved".into();
    CodeImage::verify(parts).expect("it verifies under any name")
}

fn measure(sessions: u32) {
    let config = ProtocolMachineConfig {
        max_sessions: sessions,
        trace: TraceMode::Capped(0),
        ..ProtocolMachineConfig::default()
    };
    let mut runtime = GuestRuntime::new(config, Schedule::throughput()).expect("the configuration makes sense");
    let image = runtime.load(woken()).expect("it loads");
    for _ in 0..sessions {
        runtime.open(image).expect("there is room");
    }
    runtime.run(&Later).expect("nothing goes wrong");
    let to = runtime.load(renamed()).expect("it loads");
    let (probe, _) = seconds(|| runtime.machine().recomputed_root());
    let (asked, staged) = seconds(|| runtime.stage_upgrade(to, UpgradeOptions::default()).expect("it can be asked"));
    let movable = staged.movable();
    assert_eq!(movable.len(), sessions as usize, "{:?}", staged.reasons());
    let tell = |what: &str, took: f64| {
        let each = took * 1e9 / f64::from(sessions);
        println!(
            "{sessions:>9} sessions  {what:<24} {took:>8.3} s  {each:>7.0} ns each  {:>5.2} of the probe",
            took / probe
        );
    };
    tell("state root, the probe", probe);
    tell("asked, in memory", asked);
    let parked: Vec<Vec<u8>> =
        movable.iter().map(|session| runtime.park(*session).expect("it waits for its host")).collect();
    let machine = runtime.machine();
    let mut plans = machine.plan_upgrade(to, UpgradeOptions::default()).expect("it is loaded");
    let (asked, moves) = seconds(|| {
        let decisions = parked.iter().map(|bytes| machine.consider_parked(&mut plans, bytes).expect("it is parked"));
        decisions.filter(|decision| *decision == UpgradeDecision::Moves).count()
    });
    assert_eq!(moves, sessions as usize, "parked sessions may move as well");
    tell("asked, parked", asked);
    parked.iter().for_each(|bytes| _ = runtime.resume(bytes).expect("it was parked"));
    let (took, moved) = seconds(|| runtime.upgrade(to, UpgradeOptions::default(), &movable).expect("all may move"));
    assert_eq!(moved, u64::from(sessions), "all move");
    tell("moved", took);
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    SESSIONS.into_iter().for_each(measure);
}
