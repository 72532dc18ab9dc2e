//! How cost grows: with the messages sent before, and with the sessions that exist; and what a parked session takes.
//!
//! `cargo bench -p motet-benches --bench growth`

use motet_benches::{AnyRuntime, Setup, WORKLOADS, Workload, image, median, resident_bytes};
use motet_machine::{EffectHandler, NoHost};
use std::sync::Arc;

const RUNS: usize = 5;

fn find(name: &str) -> &'static Workload {
    WORKLOADS.iter().find(|workload| workload.name == name).expect("the workload exists")
}

/// The exponent of time against size: the least-squares slope of their logarithms.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(size, time)| (size.ln(), time.ln())).collect();
    let count = logs.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| logs.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let over: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let under: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
    over / under
}

fn ladder(name: &str, what: &str, sizes: &[u64]) {
    let workload = find(name);
    let mut points = Vec::new();
    let mut costs = Vec::new();
    for &size in sizes {
        let setup = Setup { size, ..workload.setup() };
        let small = (200_000 / size).clamp(1, 2000) as usize;
        // Small sizes are repeated, so that the clock can see them.
        let runs = (0..RUNS).map(|_| {
            let batch: Vec<_> = (0..small).map(|_| workload.run(&setup)).collect();
            let (wall, messages) =
                batch.iter().fold((0u128, 0u64), |sum, run| (sum.0 + run.wall.as_nanos(), sum.1 + run.messages));
            wall as f64 / messages as f64
        });
        let cost = median(runs.collect());
        println!("{name:<16} {size:>10} {what:<10} {cost:>8.1} ns/message");
        points.push((size as f64, cost * size as f64));
        costs.push(cost);
    }
    let (least, most) = (costs.iter().copied().fold(f64::MAX, f64::min), costs.iter().copied().fold(0.0, f64::max));
    println!("{name:<16} exponent {:.3}, largest over smallest {:.2}x\n", exponent(&points), most / least);
}

fn parked() {
    let setup = find("many_sessions").setup();
    let mut runtime = AnyRuntime::new(&setup);
    let text = "protocol P =\n  roles A, B\n  loop forever\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";
    let image = runtime.load(image(text));
    let sessions = 1_000_000;
    let before = resident_bytes();
    for _ in 0..sessions {
        runtime.open(image);
    }
    // Two bursts of six steps: each session is somewhere in its loop, with a message in flight.
    runtime.limit_steps(6 * sessions);
    let host: Arc<dyn EffectHandler> = Arc::new(NoHost);
    runtime.run(&host);
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        println!(
            "parked           {} bytes of resident memory a session, {sessions} sessions",
            (after - before) as u64 / sessions
        );
    }
    let own = runtime.machine().session_bytes(motet_types::SessionId(0)).unwrap_or(0);
    println!("parked           {own} bytes a session by the machine's own account");
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    ladder("ping_pong", "messages", &[1_000, 10_000, 100_000, 1_000_000, 10_000_000]);
    ladder("many_sessions", "sessions", &[100, 1_000, 10_000, 100_000]);
    parked();
}
