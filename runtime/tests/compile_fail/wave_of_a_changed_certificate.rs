//! A certificate that was changed by hand makes no wave; only the certifier does.
use motet_runtime::machine::{CertifiedWave, Pick};

fn widen(wave: &CertifiedWave, pick: Pick) -> CertifiedWave {
    let mut claim = wave.certificate().clone();
    claim.picks.push(pick);
    claim.into()
}

fn main() {}
