//! How much memory a composition may hold, by what it is for.

use crate::composition::LinkError;
use motet_machine::ProtocolMachineMemoryUsage;

/// The most bytes that a composition's machine may retain, as [`memory_usage`](crate::Runtime::memory_usage) counts them.
/// The specification gives three defaults and no names; here they are for what grows with protocols, with sessions, and with
/// what a host has not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    /// For images.
    pub images: usize,
    /// For sessions, in memory and parked, the heap, and the state tree over them.
    pub sessions: usize,
    /// For what comes of runs: the trace, records, effects that wait, buffers.
    pub artifacts: usize,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self { images: 64 << 10, sessions: 256 << 10, artifacts: 128 << 10 }
    }
}

/// A part of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetPart {
    /// [`MemoryBudget::images`].
    Images,
    /// [`MemoryBudget::sessions`].
    Sessions,
    /// [`MemoryBudget::artifacts`].
    Artifacts,
}

impl BudgetPart {
    /// The name, and what to do.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Sessions => "sessions",
            Self::Artifacts => "artifacts",
        }
    }
}

impl MemoryBudget {
    /// No limit.
    pub const UNBOUNDED: Self = Self { images: usize::MAX, sessions: usize::MAX, artifacts: usize::MAX };

    /// The first part that is exceeded, with `more` bytes of images besides.
    pub(super) fn exceeded(&self, usage: &ProtocolMachineMemoryUsage, more: usize) -> Result<(), LinkError> {
        let held = usage.retained;
        let parts = [
            (BudgetPart::Images, held.images + more, self.images),
            (BudgetPart::Sessions, held.sessions + held.parked + held.heap + held.state_tree, self.sessions),
            (BudgetPart::Artifacts, held.effects + held.trace + held.records + held.buffers, self.artifacts),
        ];
        match parts.into_iter().find(|(_, used, limit)| used > limit) {
            Some((part, used, limit)) => Err(LinkError::Budget { part, used, limit }),
            None => Ok(()),
        }
    }
}
