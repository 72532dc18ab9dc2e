//! Some binary levels of the trie, with their digests.

use alloc::vec::Vec;

use super::Shape;
use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// Binary levels below one place.
pub(crate) const LEVELS: usize = 5;

/// Subtrees below the last of them.
pub(crate) const WAYS: usize = 1 << LEVELS;

/// Five binary levels at most below one place: which nodes are branches, and the digests of those and of what hangs below
/// them.
///
/// Nodes are numbered as in a heap of the other sort: 1 is the place itself, the halves of n are 2n and 2n + 1. The digests
/// of a branch's halves lie side by side, as they are hashed: a branch's preimage is read where it stands, and all that is
/// fetched for a change is one such pair a level. What is empty has 32 zeros there.
#[derive(Clone)]
pub(crate) struct Levels {
    /// Bit n: node n is a branch. Only nodes above the last level are.
    branches: u32,
    /// By node: where a branch's halves are.
    places: [u8; WAYS],
    /// The digest of node 1.
    top: Digest,
    pairs: Vec<[Digest; 2]>,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels { branches: 0, places: [0; WAYS], top: EMPTY, pairs: Vec::new() }
    }
}

/// Levels between node 1 and another.
pub(crate) fn level(node: usize) -> usize {
    node.max(1).ilog2() as usize
}

/// The five bits of `key` after the first `bit`; beyond its end there are zeros.
#[inline]
pub(super) fn way(key: &Digest, bit: usize) -> usize {
    let byte = |at: usize| usize::from(key.get(at).copied().unwrap_or(0));
    (byte(bit / 8) << 8 | byte(bit / 8 + 1)) >> (16 - LEVELS - bit % 8) & (WAYS - 1)
}

/// The subtrees below a node.
#[inline]
pub(super) fn reach(node: usize) -> core::ops::Range<usize> {
    let width = WAYS >> level(node);
    let first = node * width - WAYS;
    first..first + width
}

/// The nodes above some others, as bits, given both as bits.
#[inline]
pub(super) fn above(mut nodes: u64) -> u32 {
    let mut above = 0;
    while nodes != 0 {
        let mut node = nodes.trailing_zeros() >> 1;
        nodes &= nodes - 1;
        while node != 0 && above >> node & 1 == 0 {
            above |= 1 << node;
            node >>= 1;
        }
    }
    above
}

impl Levels {
    #[inline]
    pub(crate) fn is_branch(&self, node: usize) -> bool {
        node < WAYS && self.branches >> node & 1 == 1
    }

    /// The node at which the way to a subtree ends: the first that is no branch.
    #[inline]
    pub(super) fn end(&self, way: usize) -> usize {
        let mut node = 1;
        for level in (0..LEVELS).rev() {
            if !self.is_branch(node) {
                break;
            }
            node = 2 * node + (way >> level & 1);
        }
        node
    }

    /// What a node is, once its digest is up to date.
    pub(crate) fn shape(&self, node: usize) -> Shape {
        match self.digest(node) {
            _ if self.is_branch(node) => Shape::Branch,
            &EMPTY => Shape::Empty,
            _ => Shape::Bucket,
        }
    }

    #[inline]
    fn halves(&self, node: usize) -> Option<&[Digest; 2]> {
        if self.is_branch(node) { self.pairs.get(usize::from(self.places[node])) } else { None }
    }

    /// The digest of a node, as it was when it was last set.
    #[inline]
    pub(crate) fn digest(&self, node: usize) -> &Digest {
        match node {
            0 | 1 => &self.top,
            _ => self.halves(node / 2).map_or(&EMPTY, |halves| &halves[node % 2]),
        }
    }

    /// Sets the digest of node 1, or of a branch's half.
    #[inline]
    pub(super) fn set(&mut self, node: usize, digest: &Digest) {
        if node <= 1 {
            self.top = *digest;
        } else if self.is_branch(node / 2)
            && let Some(halves) = self.pairs.get_mut(usize::from(self.places[node / 2]))
        {
            halves[(node % 2) ^ usize::from(planted("fold-swaps-children"))] = *digest;
        }
    }

    /// A branch's preimage.
    #[inline]
    pub(super) fn preimage(&self, node: usize) -> &[u8] {
        self.halves(node).map_or(&[], |halves| halves.as_flattened())
    }

    /// A node becomes a branch, whose halves are empty until something else is said.
    pub(super) fn branch(&mut self, node: usize) {
        if !self.is_branch(node) && node < WAYS {
            if self.pairs.len() == self.pairs.capacity() {
                self.pairs.reserve_exact(self.pairs.len() / 8 + 1);
            }
            self.places[node] = self.pairs.len() as u8;
            self.pairs.push([EMPTY; 2]);
            self.branches |= 1 << node;
        }
    }

    /// A node is no branch any more, and nothing below it is.
    pub(super) fn join(&mut self, node: usize) {
        if !self.is_branch(node) {
            return;
        }
        self.join(2 * node);
        self.join(2 * node + 1);
        self.branches &= !(1 << node);
        // The last pair moves into the gap.
        let (gap, last) = (self.places[node], self.pairs.len() as u8 - 1);
        let moved = (1..WAYS).find(|other| self.is_branch(*other) && self.places[*other] == last);
        if let Some(moved) = moved {
            self.places[moved] = gap;
        }
        self.pairs.swap_remove(usize::from(gap));
    }

    /// Reads what setting the digest of a node and hashing up from it will read, to have it in the cache.
    #[inline]
    pub(super) fn touch(&self, mut node: usize) -> usize {
        let mut seen = 0;
        while node > 1 {
            node /= 2;
            seen ^= self.pairs.get(usize::from(self.places[node])).map_or(0, |halves| usize::from(halves[0][0]));
        }
        seen
    }

    /// Reads its own fields, to have them in the cache.
    #[inline]
    pub(super) fn touch_header(&self) -> usize {
        self.branches as usize ^ usize::from(self.top[0]) ^ self.pairs.len()
    }
}
