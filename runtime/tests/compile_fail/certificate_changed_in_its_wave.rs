//! A certificate is not changed once it is certified.
use motet_runtime::machine::CertifiedWave;

fn forge(wave: &mut CertifiedWave) {
    wave.certificate().planner_step += 1;
}

fn main() {}
