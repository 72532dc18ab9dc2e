//! The published heap format, version 1, byte for byte.
//!
//! This module exists so that old commitments and proofs stay checkable. It recomputes everything from scratch when
//! asked and is meant for audits, not for a running machine; that is the default scheme at the crate's root.
//!
//! Weaknesses of the format, and what is done about each where the bytes leave room:
//!
//! | weakness | here |
//! |---|---|
//! | an odd level repeats its last digest, so `[a,b,c]` and `[a,b,c,c]` have one root | bytes fixed; [`MerkleProof::verify_at`] takes the number of leaves and refuses a proof of a repeated leaf |
//! | a proof binds neither index nor size | [`MerkleProof::verify_at`] checks both against what the caller knows |
//! | the commitment carries no leaf count | bytes fixed; nothing to do |
//! | nothing proves that an id was *not* consumed | bytes fixed; use the default scheme |
//! | leaf and node preimages are told apart only by their tag | they are (0x51, 0x52, 0x53), so this one is sound |
//! | `consume_many` takes the same id twice | refused: [`crate::HeapError::Duplicate`] |
//! | `remove` forgets the nullifier with the resource | it never does; see below |
//!
//! Removing a resource that is *active* gives the published roots: the leaf leaves the resource tree. Removing one that
//! is already *consumed* drops only the retained contents; its nullifier stays, so the nullifier root (and with it the
//! commitment) is the one from before the removal. The published rules would have forgotten the nullifier there, and a
//! list of operations with such a step therefore commits to a larger nullifier set here. Every other list agrees.

mod bytes;
mod commitment;
mod heap;
mod id;
mod replay;
mod tree;

pub use bytes::{
    VERSION, commitment_preimage, encode_resource, id_preimage, node_preimage, nullifier_leaf_preimage,
    resource_leaf_preimage,
};
pub use commitment::{HeapCommitment, nullifier_leaf, resource_leaf};
pub use heap::Heap;
pub use id::ResourceId;
pub use replay::{Operation, Replay, ReplayError, Step, replay};
pub use tree::{Direction, MerkleProof, MerkleTree, PathStep, node};
