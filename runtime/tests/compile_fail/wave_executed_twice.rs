//! A wave is carried out once.
use motet_runtime::machine::{CertifiedWave, FinishedWave, LostChunk};
use motet_runtime::{Executor, Inline, SeededHost};

fn again(wave: CertifiedWave, host: &SeededHost) -> Result<FinishedWave, LostChunk> {
    Inline.execute(wave, host)?;
    Inline.execute(wave, host)
}

fn main() {}
