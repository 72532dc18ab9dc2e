//! A wave that has not run is not committed.
use motet_runtime::machine::{CertifiedWave, FinishedWave, ProtocolMachine};

fn skip(machine: &mut ProtocolMachine, wave: CertifiedWave) {
    let finished: FinishedWave = wave;
    machine.commit(finished);
}

fn main() {}
