//! Semantic objects once, without a clock, for callgrind: `objects effects|woken|ten SESSIONS STEPS KEPT`; a KEPT of 0 keeps none.

use motet_benches::{Answering, TEN, asking, image, woken};
use motet_machine::{ProtocolMachineConfig, TraceMode};
use motet_runtime::{GuestRuntime, Schedule};
use std::sync::Arc;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).expect("a number");
    let image = match words[0].as_str() {
        "effects" => asking(100),
        "woken" => woken(),
        _ => image(TEN),
    };
    let (sessions, steps, kept) = (number(1) as u32, number(2), number(3) as u32);
    let config = ProtocolMachineConfig {
        max_sessions: sessions,
        trace: TraceMode::Disabled,
        semantic_objects: (kept > 0).then_some(kept),
        effect_budget: words.get(4).and_then(|word| word.parse().ok()),
        ..ProtocolMachineConfig::default()
    };
    let mut runtime = GuestRuntime::new(config, Schedule::throughput()).expect("the configuration makes sense");
    let id = runtime.load(Arc::new(image)).expect("it loads");
    for _ in 0..sessions {
        runtime.open(id).expect("there is room");
    }
    runtime.limit_steps(steps);
    runtime.run(&Answering).expect("nothing goes wrong");
    println!("{} steps", runtime.machine().tally().steps);
}
