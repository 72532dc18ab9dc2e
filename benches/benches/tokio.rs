//! Motet beside tokio's channels, in one process and one run: medians of interleaved runs, and ratios.
//!
//! `cargo bench -p motet-benches --bench tokio`

use motet_benches::{find, median};
use std::time::Instant;
use tokio::sync::mpsc;

const ROUNDS: u64 = 500_000;
const RUNS: usize = 7;

/// Nanoseconds a message: two tasks on one thread, `ROUNDS` messages each way.
fn ping_pong() -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let (to_b, mut at_b) = mpsc::channel::<u64>(64);
        let (to_a, mut at_a) = mpsc::channel::<u64>(64);
        let start = Instant::now();
        let b = tokio::spawn(async move {
            while let Some(n) = at_b.recv().await {
                if to_a.send(n).await.is_err() {
                    break;
                }
            }
        });
        for n in 0..ROUNDS {
            to_b.send(n).await.expect("b listens");
            at_a.recv().await.expect("b answers");
        }
        drop(to_b);
        b.await.expect("b ends");
        start.elapsed().as_nanos() as f64 / (2 * ROUNDS) as f64
    })
}

/// Nanoseconds a message: pairs of tasks that exchange ten messages each, spawned beforehand.
fn pairs(pairs: u64) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..pairs {
            let (to_b, mut at_b) = mpsc::channel::<u64>(4);
            let (to_a, mut at_a) = mpsc::channel::<u64>(4);
            tasks.push(tokio::spawn(async move {
                for n in 0..5 {
                    to_b.send(n).await.expect("b listens");
                    at_a.recv().await.expect("b answers");
                }
            }));
            tasks.push(tokio::spawn(async move {
                while let Some(n) = at_b.recv().await {
                    if to_a.send(n).await.is_err() {
                        break;
                    }
                }
            }));
        }
        let start = Instant::now();
        for task in tasks {
            task.await.expect("a task ends");
        }
        start.elapsed().as_nanos() as f64 / (10 * pairs) as f64
    })
}

fn motet(name: &str) -> f64 {
    let workload = find(name).expect("the workload exists");
    workload.run(&workload.setup()).ns_per_message()
}

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut rows = [("ping_pong", vec![], vec![]), ("many_sessions", vec![], vec![])];
    for _ in 0..RUNS {
        for (name, ours, theirs) in &mut rows {
            ours.push(motet(name));
            theirs.push(if *name == "ping_pong" { ping_pong() } else { pairs(100_000) });
        }
    }
    println!("{:<16} {:>14} {:>14} {:>8}", "workload", "motet ns/msg", "tokio ns/msg", "ratio");
    for (name, ours, theirs) in rows {
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{name:<16} {ours:>14.1} {theirs:>14.1} {:>7.2}x", theirs / ours);
    }
}
