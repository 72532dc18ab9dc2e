//! A plan is not a wave.
use motet_runtime::machine::{CertifiedWave, FinishedWave, LostChunk, WavePlan};
use motet_runtime::{Executor, Inline, SeededHost};

fn hurry(plan: WavePlan, host: &SeededHost) -> Result<FinishedWave, LostChunk> {
    let wave: CertifiedWave = plan;
    Inline.execute(wave, host)
}

fn main() {}
