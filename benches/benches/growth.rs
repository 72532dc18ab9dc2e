//! How cost grows: with the messages sent before, and with the sessions that exist; and what a parked session takes.
//!
//! `cargo bench -p motet-benches --bench growth`

use motet_benches::{Setup, Workload, exponent, find, median};

const RUNS: usize = 5;

fn named(name: &str) -> &'static Workload {
    find(name).expect("the workload exists")
}

fn ladder(name: &str, what: &str, sizes: &[u64]) {
    let workload = named(name);
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
    println!(
        "{name:<16} exponent {:.3}, largest over smallest {:.2}x\n",
        exponent(&points).unwrap_or(f64::NAN),
        most / least
    );
}

fn parked() {
    let workload = named("parked");
    // First of all: memory that earlier runs have given back would be taken for none.
    let measured = workload.run(&workload.setup());
    println!(
        "parked           {} bytes of resident memory a session, {} sessions\n",
        measured.bytes_per_session.unwrap_or(0),
        workload.size
    );
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    parked();
    ladder("ping_pong", "messages", &[1_000, 10_000, 100_000, 1_000_000, 10_000_000]);
    ladder("many_sessions", "sessions", &[100, 1_000, 10_000, 100_000]);
}
