//! A finished wave is not made without its chunks.
use motet_runtime::machine::{FinishedWave, WaveCertificate};

fn forge(certificate: WaveCertificate) -> FinishedWave {
    FinishedWave { certificate, chunks: Vec::new() }
}

fn main() {}
