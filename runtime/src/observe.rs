//! What a run shows: its parts, its counters, its faults, its trace and its state.

use crate::contention::ContentionMetrics;
use crate::executor::Observed;
use crate::rounds::Runtime;
use crate::schedule::Schedule;
use crate::tape::Tape;
use motet_machine::{FaultReport, LaneSelection, ProtocolMachine};
use motet_types::Digest;

impl<E> Runtime<E> {
    /// The executor.
    pub const fn executor(&self) -> &E {
        &self.executor
    }

    /// The machine.
    pub const fn machine(&self) -> &ProtocolMachine {
        &self.machine
    }

    /// The schedule.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What scheduling met so far: counters of this run, which enter neither the trace nor the state root.
    pub fn contention(&self) -> ContentionMetrics
    where
        E: Observed,
    {
        self.contention.snapshot(&self.executor.metrics())
    }

    /// Which lane ran which burst, the newest [`LANE_SELECTIONS`](crate::LANE_SELECTIONS) of them, when the
    /// configuration observes lanes.
    pub fn lanes(&self) -> impl Iterator<Item = &LaneSelection> {
        self.contention.lanes()
    }

    /// Takes the faults so far out, in commit order.
    pub fn drain_faults(&mut self) -> Vec<FaultReport> {
        std::mem::take(&mut self.faults)
    }

    /// Faults so far that were not drained, in commit order.
    pub fn faults(&self) -> &[FaultReport] {
        &self.faults
    }

    /// The recording so far, when the configuration asks for one.
    pub const fn tape(&self) -> Option<&Tape> {
        self.tape.as_ref()
    }

    pub(crate) const fn tape_mut(&mut self) -> Option<&mut Tape> {
        self.tape.as_mut()
    }

    /// The digest of the trace; none when the trace is off.
    pub fn trace_digest(&self) -> Option<Digest> {
        self.machine.trace_digest()
    }

    /// The state root.
    pub fn state_root(&self) -> Digest {
        self.machine.state_root()
    }

    /// The state root, at the cost of what has changed since it was last asked for; see
    /// [`ProtocolMachine::settle_root`].
    pub fn settle_root(&mut self) -> Digest {
        self.machine.settle_root()
    }

    /// Takes the finished part of the trace out, for writing elsewhere.
    pub fn drain_trace(&mut self) -> Vec<u8> {
        self.machine.drain_trace()
    }
}
