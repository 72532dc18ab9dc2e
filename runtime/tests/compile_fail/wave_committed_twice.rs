//! A finished wave is committed once.
use motet_runtime::machine::{FinishedWave, ProtocolMachine};

fn again(machine: &mut ProtocolMachine, wave: FinishedWave) {
    machine.commit(wave);
    machine.commit(wave);
}

fn main() {}
