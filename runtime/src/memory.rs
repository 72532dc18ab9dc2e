//! What a runtime holds in memory beside its machine.

use crate::rounds::Runtime;
use motet_machine::{Ask, FaultReport, ProtocolMachineMemoryUsage};

impl<E> Runtime<E> {
    /// Counts what the machine holds; see [`ProtocolMachine::memory_usage`](motet_machine::ProtocolMachine::memory_usage).
    pub fn memory_usage(&self) -> ProtocolMachineMemoryUsage {
        self.machine.memory_usage()
    }

    /// Bytes that the runtime itself holds: the planner's queue, effects that are to be asked or were taken on by the host,
    /// faults that nobody has taken yet, and the tape. What the executor has is not counted.
    pub fn retained_bytes(&self) -> usize {
        let to_ask =
            self.to_ask.capacity() * size_of::<Ask>() + self.to_ask.iter().map(Ask::retained_bytes).sum::<usize>();
        // Nodes of a tree of the standard library are about two thirds full.
        let asked = self.asked.len() * size_of::<(motet_machine::EffectId, motet_machine::EffectCoordinate)>() * 3 / 2;
        let faults = self.faults.capacity() * size_of::<FaultReport>();
        self.planner.bytes() + to_ask + asked + faults + self.tape.as_ref().map_or(0, |tape| tape.bytes().len())
    }
}
