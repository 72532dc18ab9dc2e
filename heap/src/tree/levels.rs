//! Some binary levels of the trie, with their digests.

use alloc::vec::Vec;

use super::Shape;
use crate::digest::{Digest, EMPTY};

/// Six binary levels at most below one place, and the place itself: what each node there is, and its digest.
///
/// Nodes are numbered as in a heap of the other sort: 1 is the place itself, the halves of n are 2n and 2n + 1. Only what
/// is there takes room, halves side by side.
#[derive(Clone, Default)]
pub(crate) struct Levels {
    /// Bit n: node n is a bucket.
    buckets: u128,
    /// Bit n: node n is a branch.
    branches: u128,
    /// Of the nodes that are either, by number.
    digests: Vec<Digest>,
}

/// Levels between node 1 and another.
pub(crate) fn level(node: usize) -> usize {
    node.max(1).ilog2() as usize
}

impl Levels {
    pub(crate) fn shape(&self, node: usize) -> Shape {
        match (self.buckets >> node & 1, self.branches >> node & 1) {
            (1, _) => Shape::Bucket,
            (_, 1) => Shape::Branch,
            _ => Shape::Empty,
        }
    }

    /// How many nodes before this one are there.
    fn rank(&self, node: usize) -> usize {
        ((self.buckets | self.branches) & ((1 << node) - 1)).count_ones() as usize
    }

    pub(crate) fn digest(&self, node: usize) -> &Digest {
        if (self.buckets | self.branches) >> node & 1 == 0 {
            return &EMPTY;
        }
        &self.digests[self.rank(node)]
    }

    /// Sets the digest of a node that is there.
    pub(super) fn set(&mut self, node: usize, digest: Digest) {
        debug_assert!(self.shape(node) != Shape::Empty);
        let at = self.rank(node);
        if let Some(place) = self.digests.get_mut(at) {
            *place = digest;
        }
    }

    /// Says what a node is; its digest, if there is to be one, comes later. What is below a node that is no branch any
    /// more is gone.
    pub(super) fn reshape(&mut self, node: usize, shape: Shape) {
        let was = self.shape(node);
        if was == shape {
            return;
        }
        if was == Shape::Branch {
            for half in [2 * node, 2 * node + 1] {
                self.reshape(half, Shape::Empty);
            }
        }
        let at = self.rank(node);
        match (was, shape) {
            (Shape::Empty, _) => {
                if self.digests.len() == self.digests.capacity() {
                    self.digests.reserve_exact(self.digests.len() / 8 + 2);
                }
                self.digests.insert(at, EMPTY);
            }
            (_, Shape::Empty) => drop(self.digests.remove(at)),
            _ => {}
        }
        let bit = 1 << node;
        self.buckets = if shape == Shape::Bucket { self.buckets | bit } else { self.buckets & !bit };
        self.branches = if shape == Shape::Branch { self.branches | bit } else { self.branches & !bit };
    }
}
