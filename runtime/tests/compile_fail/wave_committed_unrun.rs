//! A wave that has not run is not committed.
use motet_runtime::machine::{CertifiedWave, ProtocolMachine};

fn skip(machine: &mut ProtocolMachine, wave: CertifiedWave) {
    machine.commit(wave);
}

fn main() {}
