//! The replay interpreter: a list of operations on an empty heap, run twice, checked against expected ids.

use alloc::vec::Vec;

use super::heap::Heap;
use super::id::ResourceId;
use crate::error::HeapError;
use crate::resource::Resource;

/// One operation on a heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Allocate.
    Alloc(Resource),
    /// Consume.
    Consume(ResourceId),
    /// Remove.
    Remove(ResourceId),
}

/// An operation, and for an allocation the id digest it is expected to yield, if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub operation: Operation,
    /// The digest the allocation must yield; ignored for other operations.
    pub expected: Option<[u8; 32]>,
}

impl From<Operation> for Step {
    fn from(operation: Operation) -> Step {
        Step { operation, expected: None }
    }
}

/// Where a replay ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The heap after the last operation.
    pub heap: Heap,
    /// Allocated ids in order of allocation.
    pub allocated: Vec<ResourceId>,
}

/// Why a replay stopped. Indices count operations from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The heap refused an operation.
    #[error("operation {index}: {error}")]
    Refused {
        /// Which one.
        index: usize,
        /// Why.
        error: HeapError<ResourceId>,
    },
    /// An allocation yielded another id than expected.
    #[error("operation {index}: allocated {found}, which is not the id expected")]
    UnexpectedId {
        /// Which one.
        index: usize,
        /// The id it yielded.
        found: ResourceId,
    },
    /// The two runs ended differently.
    #[error("two runs of the same operations ended differently")]
    Diverged,
}

/// Applies the steps to an empty heap, twice; both runs must end alike.
pub fn replay(steps: &[Step]) -> Result<Replay, ReplayError> {
    let (first, second) = (run(steps)?, run(steps)?);
    if first == second { Ok(first) } else { Err(ReplayError::Diverged) }
}

fn run(steps: &[Step]) -> Result<Replay, ReplayError> {
    let mut heap = Heap::new();
    let mut allocated = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let refused = |error| ReplayError::Refused { index, error };
        match &step.operation {
            Operation::Alloc(resource) => {
                let found = heap.alloc(resource.clone()).map_err(refused)?;
                if step.expected.is_some_and(|expected| expected != found.digest) {
                    return Err(ReplayError::UnexpectedId { index, found });
                }
                allocated.push(found);
            }
            Operation::Consume(id) => {
                heap.consume(id).map_err(refused)?;
            }
            Operation::Remove(id) => {
                heap.remove(id).map_err(refused)?;
            }
        }
    }
    Ok(Replay { heap, allocated })
}
