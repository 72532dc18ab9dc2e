//! A finished wave is committed once.
use motet_runtime::machine::{CommitReport, FinishedWave, ProtocolMachine};

fn again(machine: &mut ProtocolMachine, wave: FinishedWave, report: &mut CommitReport) {
    machine.commit(wave, report);
    machine.commit(wave, report);
}

fn main() {}
