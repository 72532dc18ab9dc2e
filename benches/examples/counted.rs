//! One workload, once, without a clock: what `cargo xtask instructions` runs under callgrind. Prints its counts.
//!
//! `counted NAME SIZE [WAVE FUEL [WORKERS [DIGESTS]]]`; a wave of 0 leaves the workload's own schedule, and a state digest
//! is taken every so many waves

use motet_benches::{Setup, find};
use motet_runtime::Schedule;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let (Some(workload), Some(size)) = (words.first().and_then(|name| find(name)), number(1)) else {
        eprintln!("usage: counted NAME SIZE [WAVE FUEL [WORKERS [DIGESTS]]]");
        return ExitCode::from(2);
    };
    let mut setup = Setup { size, ..workload.setup() };
    if let (Some(wave @ 1..), Some(fuel)) = (number(2), number(3)) {
        setup.schedule = Schedule { wave: wave as u32, fuel: fuel as u32, ..setup.schedule };
    }
    setup.workers = number(4).unwrap_or(0) as usize;
    setup.digests = number(5).unwrap_or(0) as u32;
    let counts = workload.run(&setup);
    println!("{} {} {} {}", counts.messages, counts.steps, counts.bursts, counts.waves);
    ExitCode::SUCCESS
}
