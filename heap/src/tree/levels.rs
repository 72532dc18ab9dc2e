//! Some binary levels of the trie, with their digests.

use alloc::vec::Vec;

use super::Shape;
use crate::digest::{Digest, EMPTY};

/// Nodes at most: six levels below one place.
const NODES: usize = 128;

/// Six binary levels at most below one place, and the place itself: what each node there is, and its digest.
///
/// Nodes are numbered as in a heap of the other sort: 1 is the place itself, the halves of n are 2n and 2n + 1. Only what
/// is there has a digest: at most 64 buckets that share one place's levels, and fewer branches, so 127 in all.
#[derive(Clone)]
pub(crate) struct Levels {
    /// By node: where its digest is, plus one.
    places: [u8; NODES],
    /// Bit n: node n is a branch.
    branches: u128,
    digests: Vec<Digest>,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels { places: [0; NODES], branches: 0, digests: Vec::new() }
    }
}

/// Levels between node 1 and another.
pub(crate) fn level(node: usize) -> usize {
    node.max(1).ilog2() as usize
}

impl Levels {
    #[inline]
    pub(crate) fn shape(&self, node: usize) -> Shape {
        match self.places[node] {
            0 => Shape::Empty,
            _ if self.branches >> node & 1 == 1 => Shape::Branch,
            _ => Shape::Bucket,
        }
    }

    #[inline]
    pub(crate) fn digest(&self, node: usize) -> &Digest {
        match self.places[node] {
            0 => &EMPTY,
            place => &self.digests[usize::from(place) - 1],
        }
    }

    /// Sets the digest of a node that is there.
    #[inline]
    pub(super) fn set(&mut self, node: usize, digest: Digest) {
        debug_assert!(self.shape(node) != Shape::Empty);
        if let Some(place) = self.digests.get_mut(usize::from(self.places[node]).wrapping_sub(1)) {
            *place = digest;
        }
    }

    /// Says what a node is; its digest, if there is to be one, comes later. What is below a node that is no branch any
    /// more is gone.
    #[inline]
    pub(super) fn reshape(&mut self, node: usize, shape: Shape) {
        if self.shape(node) != shape {
            self.reshape_to(node, shape);
        }
    }

    fn reshape_to(&mut self, node: usize, shape: Shape) {
        if self.shape(node) == Shape::Branch && 2 * node < NODES {
            self.reshape(2 * node, Shape::Empty);
            self.reshape(2 * node + 1, Shape::Empty);
        }
        match (self.places[node], shape) {
            (0, Shape::Empty) => {}
            (0, _) => {
                if self.digests.len() == self.digests.capacity() {
                    self.digests.reserve_exact(self.digests.len() / 8 + 2);
                }
                self.digests.push(EMPTY);
                self.places[node] = self.digests.len() as u8;
            }
            (place, Shape::Empty) => {
                // The last digest moves into the gap.
                let last = self.digests.len() as u8;
                if let Some(moved) = self.places.iter_mut().find(|place| **place == last) {
                    *moved = place;
                }
                self.places[node] = 0;
                self.digests.swap_remove(usize::from(place) - 1);
            }
            _ => {}
        }
        let bit = 1 << node;
        self.branches = if shape == Shape::Branch { self.branches | bit } else { self.branches & !bit };
    }
}
