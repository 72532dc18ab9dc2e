//! A wave is not made without the certifier.
use motet_runtime::machine::{CertifiedWave, WaveCertificate};

fn forge(certificate: WaveCertificate) -> CertifiedWave {
    CertifiedWave { certificate, chunks: Vec::new() }
}

fn main() {}
