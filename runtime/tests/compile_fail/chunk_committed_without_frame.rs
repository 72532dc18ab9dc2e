//! Finished chunks are committed through their frame.
use motet_runtime::machine::{CommitReport, FinishedChunk, ProtocolMachine};

fn hurry(machine: &mut ProtocolMachine, chunks: Vec<FinishedChunk>) -> CommitReport {
    machine.commit(chunks)
}

fn main() {}
