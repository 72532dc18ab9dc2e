//! Merkle trees over a list of leaves, and inclusion proofs.
//!
//! The empty tree's root is the hash of the empty string; a single leaf is its own root; an odd level repeats its last
//! digest.

use alloc::vec;
use alloc::vec::Vec;

use super::bytes::node_preimage;
use crate::planted::planted;

/// On which side of the current digest the sibling stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The sibling is on the left: node = H(sibling, current).
    Left,
    /// The sibling is on the right: node = H(current, sibling).
    Right,
}

/// One level of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathStep {
    /// The other child.
    pub sibling_hash: [u8; 32],
    /// The side it is on.
    pub direction: Direction,
}

/// That a leaf stands under a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MerkleProof {
    /// The leaf.
    pub leaf: [u8; 32],
    /// Siblings from the leaf upward.
    pub path: Vec<PathStep>,
    /// The root.
    pub root: [u8; 32],
}

/// The digest of an inner node.
pub fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    *blake3::hash(&node_preimage(left, right)).as_bytes()
}

impl MerkleProof {
    /// Whether the path leads from the leaf to the root. The published check: it binds neither index nor size.
    pub fn verify(&self) -> bool {
        let top = self.path.iter().fold(self.leaf, |current, step| match step.direction {
            Direction::Right => node(&current, &step.sibling_hash),
            Direction::Left => node(&step.sibling_hash, &current),
        });
        top == self.root
    }

    /// [`MerkleProof::verify`], and that the path is the one of leaf `index` among `count` leaves.
    ///
    /// `count` has to come from somewhere trusted: the format commits to no leaf count.
    pub fn verify_at(&self, index: usize, count: usize) -> bool {
        if index >= count {
            return false;
        }
        let (mut index, mut width, mut current) = (index, count, self.leaf);
        for step in &self.path {
            if width <= 1 {
                return false;
            }
            let expected = if index.is_multiple_of(2) { Direction::Right } else { Direction::Left };
            let repeated = index.is_multiple_of(2) && index + 1 == width;
            if step.direction != expected || (repeated && step.sibling_hash != current) {
                return false;
            }
            current = match step.direction {
                Direction::Right => node(&current, &step.sibling_hash),
                Direction::Left => node(&step.sibling_hash, &current),
            };
            index /= 2;
            width = width.div_ceil(2);
        }
        width == 1 && current == self.root
    }
}

/// Every level of a tree, leaves first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleTree {
    levels: Vec<Vec<[u8; 32]>>,
}

impl MerkleTree {
    /// Builds the tree over `leaves` in the order given.
    pub fn new(leaves: Vec<[u8; 32]>) -> MerkleTree {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level.chunks(2).map(|pair| match pair {
                [last] if planted("v1-skips-last-duplicate") => *last,
                pair => node(&pair[0], &pair[pair.len() - 1]),
            });
            let above = above.collect();
            levels.push(above);
        }
        MerkleTree { levels }
    }

    /// The root.
    pub fn root(&self) -> [u8; 32] {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| *blake3::hash(b"").as_bytes())
    }

    /// The levels, leaves first, the root's level last. One empty level for the empty tree.
    pub fn levels(&self) -> &[Vec<[u8; 32]>] {
        &self.levels
    }

    /// The proof of leaf `index`; `None` if there is no such leaf.
    pub fn prove(&self, index: usize) -> Option<MerkleProof> {
        let leaf = *self.levels.first()?.get(index)?;
        let mut path = Vec::with_capacity(self.levels.len());
        let mut index = index;
        for level in self.levels.iter().take_while(|level| level.len() > 1) {
            let sibling_hash = *level.get(index ^ 1).unwrap_or(&level[index]);
            let right = index.is_multiple_of(2) || planted("v1-proof-direction");
            path.push(PathStep { sibling_hash, direction: if right { Direction::Right } else { Direction::Left } });
            index /= 2;
        }
        Some(MerkleProof { leaf, path, root: self.root() })
    }
}
