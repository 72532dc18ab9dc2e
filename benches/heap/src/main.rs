//! Motet's heap beside `jmt`, `monotree` and `sparse-merkle-tree`, and beside the published predecessor's heap.
//!
//! ```text
//! cargo run --release --manifest-path benches/heap/Cargo.toml -- bars [ROUNDS] [MOST BESIDE PEERS] [MOST ALONE]
//! cargo run --release --manifest-path benches/heap/Cargo.toml -- maps [LIVE] [WAVE] [ROUNDS]
//! cargo run --release --manifest-path benches/heap/Cargo.toml -- predecessor [MOST]
//! cargo run --release --manifest-path benches/heap/Cargo.toml -- alone [LIVE] [WAVE] [WAVES] [BATCHES]
//! ```
//!
//! Times are the thread's time on the processor where the system tells it. Peers take turns round by round, so that
//! what else the machine does falls on all of them alike; a row is the median of its rounds.

mod alone;
mod bars;
mod maps;
mod motet;
mod peers;
mod predecessor;

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What this thread has used of the processor, or the time of day.
pub(crate) fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match text.split(' ').next().and_then(|nanos| nanos.parse().ok()) {
        Some(nanos) => Duration::from_nanos(nanos),
        None => START.get_or_init(Instant::now).elapsed(),
    }
}

/// splitmix64: the same keys and choices for everybody.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(otherwise);
    let done = match words.first().map(String::as_str) {
        Some("bars") => bars::run(number(1, 15), number(2, 1_000_000), number(3, 10_000_000)),
        Some("maps") => maps::run(number(1, 100_000), number(2, 4_096), number(3, 5)),
        Some("alone") => alone::run(number(1, 65_536), number(2, 4_096), number(3, 40), number(4, 16)),
        Some("predecessor") => predecessor::run(number(1, 100_000)),
        _ => Err(anyhow::anyhow!(
            "say `bars`, `maps [LIVE] [WAVE] [ROUNDS]`, `alone [LIVE] [WAVE] [WAVES] [BATCHES]` or `predecessor [MOST]`"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
