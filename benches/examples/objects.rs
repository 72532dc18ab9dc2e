//! Semantic objects once, without a clock, for callgrind: `objects effects|woken|ten SESSIONS STEPS KEPT [BUDGET]`; a KEPT of 0
//! keeps none.

use motet_benches::{Asked, TEN, asking, image, woken};
use std::sync::Arc;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let needed = |at: usize| number(at).expect("a number");
    let image = Arc::new(match words[0].as_str() {
        "effects" => asking(100),
        "woken" => woken(),
        _ => image(TEN),
    });
    let (sessions, kept) = (needed(1) as u32, Some(needed(3) as u32).filter(|kept| *kept > 0));
    let runtime = Asked { image, sessions, steps: needed(2), kept, budget: number(4) }.run(|| {});
    println!("{} steps", runtime.machine().tally().steps);
}
