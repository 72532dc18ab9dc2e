//! A committed state of the heap, kept.

use core::ops::Deref;

use alloc::vec::Vec;

use crate::heap::{Commitment, Heap};
use crate::id::ResourceId;
use crate::prove;

/// A heap at a commit: readable through [`Heap`]'s methods, unchanging, with its commitment and its proofs.
///
/// Having one means that every digest is settled, so proving needs no hashing beyond the pages on the way.
#[derive(Clone)]
pub struct Snapshot {
    heap: Heap,
    commitment: Commitment,
}

impl Snapshot {
    pub(crate) fn new(heap: Heap, commitment: Commitment) -> Snapshot {
        Snapshot { heap, commitment }
    }

    /// What the root is made of.
    pub fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// The root.
    pub fn root(&self) -> [u8; 32] {
        self.commitment.root()
    }

    /// A proof of what the resource tree says about each of `resources`, and the nullifier tree about each of
    /// `nullifiers`: that it is there, or that it is not. [`crate::verify::membership`] checks it.
    pub fn prove(&self, resources: &[ResourceId], nullifiers: &[ResourceId]) -> Vec<u8> {
        prove::membership(&self.heap, resources, nullifiers)
    }

    /// A proof of exactly what changed from `older` to here. [`crate::verify::change`] checks it.
    ///
    /// Costs as much as the two differ, if one grew out of the other. A proof that would show a nullifier forgotten can
    /// be made (of two unrelated heaps) but is refused by the verifier.
    pub fn prove_change(&self, older: &Snapshot) -> Vec<u8> {
        prove::change(&older.heap, &self.heap)
    }
}

impl Deref for Snapshot {
    type Target = Heap;

    fn deref(&self) -> &Heap {
        &self.heap
    }
}

impl From<Snapshot> for Heap {
    /// A heap that goes on from here.
    fn from(snapshot: Snapshot) -> Heap {
        snapshot.heap
    }
}

impl core::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Snapshot").field(&self.commitment).finish()
    }
}
