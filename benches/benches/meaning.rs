//! What semantic objects cost: each workload with them over the same without, in one process, in laps. The bar is a quarter
//! in every row; docs/PERFORMANCE.md says which rows miss it. A run that only asks effects is the worst there is.
//!
//! `cargo bench -p motet-benches --bench meaning`; with `-- exports` what an export costs, and nothing else.

use motet_benches::{Asked, PING_PONG, TEN, asking, image, median, woken};
use motet_machine::CodeImage;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 9;

/// How many objects that have ended are kept.
const KEPT: u32 = 1000;

/// Name, image, sessions, steps, budget in ticks.
type Row = (&'static str, Arc<CodeImage>, u32, u64, Option<u64>);

fn rows() -> Vec<Row> {
    let image = |text| Arc::new(image(text));
    let (woken, asking) = (Arc::new(woken()), Arc::new(asking(100)));
    vec![
        ("messages", image(PING_PONG), 1000, 8_000_000, None),
        ("sessions of ten messages", image(TEN), 100_000, u64::MAX, None),
        ("an effect, then ten messages", Arc::clone(&woken), 100_000, u64::MAX, None),
        ("the same within a budget", woken, 100_000, u64::MAX, Some(1000)),
        ("effects, and nothing else", Arc::clone(&asking), 1000, 400_000, None),
        ("the same within a budget", asking, 1000, 400_000, Some(1000)),
    ]
}

fn nanoseconds(row: &Row, kept: Option<u32>) -> (f64, u64) {
    let (_, image, sessions, steps, budget) = row;
    let asked = Asked { image: Arc::clone(image), sessions: *sessions, steps: *steps, kept, budget: *budget };
    let mut began = Instant::now();
    let runtime = asked.run(|| began = Instant::now());
    let took = began.elapsed().as_nanos() as f64;
    (took, runtime.machine().tally().steps)
}

/// What an export costs by how many operations there are, each with an effect that has ended and a region.
fn exports() {
    let image = Arc::new(woken());
    println!("{:<30} {:>10} {:>12}", "an export, operations", "ns each", "bytes each");
    for sessions in [100, 1_000, 10_000, 100_000] {
        let kept = Some(2 * sessions);
        let runtime = Asked { image: Arc::clone(&image), sessions, steps: u64::MAX, kept, budget: None }.run(|| {});
        let (mut each, mut bytes) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let objects = runtime.semantic_objects().expect("objects are kept");
            let took = began.elapsed().as_nanos() as f64;
            assert_eq!(objects.operation_instances.len(), sessions as usize, "all are kept");
            each.push(took / f64::from(sessions));
            bytes = objects.to_json().expect("it can be written").len() / sessions as usize;
        }
        println!("{sessions:<30} {:>10.0} {bytes:>12}", median(each));
    }
}

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    exports();
    println!("{:<30} {:>10} {:>10} {:>7}", "ns a step", "without", "with", "ratio");
    let only_exports = std::env::args().any(|word| word == "exports");
    for row in rows().into_iter().filter(|_| !only_exports) {
        let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (off, steps) = nanoseconds(&row, None);
            let (on, same) = nanoseconds(&row, Some(KEPT));
            assert_eq!(steps, same, "the same run");
            without.push(off / steps as f64);
            with.push(on / steps as f64);
            ratios.push(on / off);
        }
        println!("{:<30} {:>10.1} {:>10.1} {:>7.2}", row.0, median(without), median(with), median(ratios));
    }
}
