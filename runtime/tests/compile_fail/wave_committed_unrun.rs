//! A wave that has not run is not committed.
use motet_runtime::machine::{CertifiedWave, CommitReport, FinishedWave, ProtocolMachine};

fn skip(machine: &mut ProtocolMachine, wave: CertifiedWave, report: &mut CommitReport) {
    let finished: FinishedWave = wave;
    machine.commit(finished, report);
}

fn main() {}
