//! Every workload by workers and by trace: medians of interleaved runs.
//!
//! `cargo bench -p motet-benches --bench matrix [-- NAME]`

use motet_benches::{Setup, WORKLOADS, Workload, median};
use motet_machine::TraceMode;

const ROUNDS: usize = 5;

/// Events that the capped trace keeps.
const CAPPED: usize = 100_000;

/// A column: a change to a workload's usual set-up.
type Column = (&'static str, fn(Setup) -> Setup);

const COLUMNS: &[Column] = &[
    ("inline", |setup| Setup { trace: TraceMode::Disabled, ..setup }),
    ("1 worker", |setup| Setup { workers: 1, trace: TraceMode::Disabled, ..setup }),
    ("2 workers", |setup| Setup { workers: 2, trace: TraceMode::Disabled, ..setup }),
    ("4 workers", |setup| Setup { workers: 4, trace: TraceMode::Disabled, ..setup }),
    ("capped", |setup| Setup { trace: TraceMode::Capped(CAPPED), ..setup }),
    ("full", |setup| Setup { trace: TraceMode::Full, ..setup }),
    ("drained", |setup| Setup { trace: TraceMode::Full, drain: true, ..setup }),
];

fn row(workload: &Workload) {
    let mut figures = vec![Vec::with_capacity(ROUNDS); COLUMNS.len()];
    // In laps, so that a noisy moment hits all columns alike.
    for _ in 0..ROUNDS {
        for ((_, change), figures) in COLUMNS.iter().zip(&mut figures) {
            figures.push(workload.run(&change(workload.setup())).ns_per_message());
        }
    }
    print!("{:<18}", workload.name);
    figures.into_iter().for_each(|figures| print!(" {:>10.1}", median(figures)));
    println!();
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // `cargo test --benches` only wants to know that it builds.
    if words.iter().any(|word| word == "--test") {
        return;
    }
    print!("{:<18}", "ns a message");
    COLUMNS.iter().for_each(|(name, _)| print!(" {name:>10}"));
    println!();
    let named = |workload: &&Workload| match words.first() {
        Some(name) => workload.name == name,
        None => !workload.alone,
    };
    WORKLOADS.iter().filter(named).for_each(row);
}
