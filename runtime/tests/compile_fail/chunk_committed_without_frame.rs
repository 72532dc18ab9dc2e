//! Finished chunks are committed through their frame.
use motet_runtime::machine::{CommitReport, FinishedChunk, FinishedWave, ProtocolMachine};

fn hurry(machine: &mut ProtocolMachine, chunks: Vec<FinishedChunk>, report: &mut CommitReport) {
    let wave: FinishedWave = chunks;
    machine.commit(wave, report);
}

fn main() {}
