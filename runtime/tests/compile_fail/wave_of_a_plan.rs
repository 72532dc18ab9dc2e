//! A plan is not a wave.
use motet_runtime::machine::{FinishedWave, LostChunk, WavePlan};
use motet_runtime::{Executor, Inline, SeededHost};

fn hurry(plan: WavePlan, host: &SeededHost) -> Result<FinishedWave, LostChunk> {
    Inline.execute(plan, host)
}

fn main() {}
