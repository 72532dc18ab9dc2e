//! A plan is not a wave.
use motet_runtime::machine::{CertifiedWave, WavePlan};
use motet_runtime::{Executor, Inline, SeededHost};

fn hurry(executor: &mut Inline, plan: WavePlan, host: &SeededHost) {
    let wave: CertifiedWave = plan;
    executor.submit(wave, host);
}

fn main() {}
