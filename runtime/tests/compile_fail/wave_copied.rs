//! A wave is not copied.
use motet_runtime::machine::CertifiedWave;

fn two(wave: &CertifiedWave) -> CertifiedWave {
    CertifiedWave::clone(wave)
}

fn main() {}
