//! What a machine holds in memory, counted by kind.

use crate::condition::OutputCheck;
use crate::machine::{ProtocolMachine, Slot};
use crate::outbox::Ask;
use crate::park::Parked;
use alloc::string::String;
use motet_semantic::{AuthorityAuditRecord, DelegationReceipt};
use serde::Serialize;

/// How many of what a machine holds, and in how many bytes.
///
/// Counting looks at every session that is alive and at every resource: its cost grows with both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProtocolMachineMemoryUsage {
    /// Images loaded.
    pub images: usize,
    /// Sessions that are alive and in memory.
    pub sessions: usize,
    /// Sessions that are parked.
    pub parked: usize,
    /// Effects that wait for an answer.
    pub effects: usize,
    /// Resources that are live.
    pub resources: u64,
    /// Resources that were consumed.
    pub consumed: u64,
    /// Records that nobody has taken yet: of audits, handed-over endpoints, received messages, checks of outputs and
    /// ended sessions.
    pub records: usize,
    /// The bytes.
    pub retained: ProtocolMachineRetainedBytes,
}

/// Bytes that a machine has asked the allocator for and not given back, by what they are for.
///
/// Of containers it is their capacity that counts; what an allocator adds of its own is not counted, nor are buffers that
/// stay with an executor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProtocolMachineRetainedBytes {
    /// Images, with what was worked out of them. An image that others hold too counts as well.
    pub images: usize,
    /// Sessions in memory and the table that finds them.
    pub sessions: usize,
    /// What stays of parked sessions: a digest each.
    pub parked: usize,
    /// Effects that wait for an answer.
    pub effects: usize,
    /// The heap.
    pub heap: usize,
    /// Semantic objects and their audit that nobody has taken, where the configuration keeps any.
    pub semantics: usize,
    /// The state tree, once a root was asked for.
    pub state_tree: usize,
    /// Events that are kept.
    pub trace: usize,
    /// Records that nobody has taken yet.
    pub records: usize,
    /// Buffers that the next waves use again.
    pub buffers: usize,
}

impl ProtocolMachineRetainedBytes {
    /// All of them.
    pub const fn total(&self) -> usize {
        let kept = self.images + self.sessions + self.parked + self.effects + self.heap;
        kept + self.semantics + self.state_tree + self.trace + self.records + self.buffers
    }
}

/// What a tree of the standard library takes for so many entries: nodes of eleven are filled to about two thirds.
pub(crate) const fn in_btree(entries: usize, entry: usize) -> usize {
    entries * entry * 3 / 2
}

impl ProtocolMachine {
    /// Counts what the machine holds. What the caller has taken out (events, records, bytes of parked sessions) is the
    /// caller's, and sessions that are out in a wave are not seen.
    pub fn memory_usage(&self) -> ProtocolMachineMemoryUsage {
        let live: usize = self.slots.iter().map(|slot| slot.session.bytes()).sum();
        let slots = self.slots.capacity() * size_of::<Slot>() + self.free.capacity() * 4 + self.index.bytes();
        let texts = |record: &DelegationReceipt| {
            record.endpoint.capacity() + record.knowledge.iter().map(String::capacity).sum::<usize>()
        };
        let records = self.audit.capacity() * size_of::<AuthorityAuditRecord>()
            + self.audit.iter().map(AuthorityAuditRecord::owned_bytes).sum::<usize>()
            + self.delegations.capacity() * size_of::<DelegationReceipt>()
            + self.delegations.iter().map(texts).sum::<usize>()
            + self.consumptions.bytes()
            + self.checks.bytes()
            + self.checks.iter().map(OutputCheck::text_bytes).sum::<usize>()
            + self.summaries.bytes();
        let asks = in_btree(self.pending.len(), size_of::<crate::EffectCoordinate>() + size_of::<Ask>());
        ProtocolMachineMemoryUsage {
            images: self.images.len(),
            sessions: self.slots.len() - self.free.len(),
            parked: self.parked.len(),
            effects: self.pending.len(),
            resources: self.heap.live_count(),
            consumed: self.heap.consumed_count(),
            records: self.audit.len()
                + self.delegations.len()
                + self.consumptions.len()
                + self.checks.len()
                + self.summaries.len(),
            retained: ProtocolMachineRetainedBytes {
                images: self.images.iter().map(|image| image.bytes()).sum(),
                sessions: slots + live,
                parked: in_btree(self.parked.len(), 8 + size_of::<Parked>()),
                effects: asks + self.deadlines.bytes() + self.pending.values().map(Ask::retained_bytes).sum::<usize>(),
                heap: self.heap.retained_bytes(),
                semantics: self.semantics.as_ref().map_or(0, |semantics| semantics.bytes()),
                state_tree: self.digests.bytes(),
                trace: self.trace.retained(),
                records,
                buffers: self.spare.bytes(),
            },
        }
    }
}
