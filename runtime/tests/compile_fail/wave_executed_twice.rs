//! A wave is carried out once.
use motet_runtime::machine::CertifiedWave;
use motet_runtime::{Executor, Inline, SeededHost};

fn again(executor: &mut Inline, wave: CertifiedWave, host: &SeededHost) {
    executor.submit(wave, host);
    executor.submit(wave, host);
}

fn main() {}
