//! The binary trie as proofs and pages see it, over forks and blocks.

use alloc::vec::Vec;

use super::block::Block;
use super::bucket::{Bucket, LeafRef};
use super::fork::Fork;
use super::levels::WAYS;
use super::walk::Iter;
use super::{Node, Shape, Stored, Tree};
use crate::digest::{Digest, EMPTY};

/// A place in a settled tree.
pub(crate) struct Spot<'a, V: Stored> {
    /// How far down this is, in bits.
    pub(crate) bit: usize,
    pub(crate) digest: &'a Digest,
    at: At<'a, V>,
}

enum At<'a, V: Stored> {
    Empty,
    /// One of a block's nodes.
    Block(&'a Block<V>, usize),
    /// One of a fork's own nodes, 1 to 31.
    Fork(&'a Fork<V>, usize),
}

impl<'a, V: Stored> Spot<'a, V> {
    /// The top of a settled tree whose root this is.
    pub(crate) fn top(tree: &'a Tree<V>, root: &'a Digest) -> Self {
        Spot::hanging(tree.top(), root, 0)
    }

    fn hanging(node: &'a Node<V>, digest: &'a Digest, bit: usize) -> Self {
        match node {
            Node::Empty => Spot { bit, digest: &EMPTY, at: At::Empty },
            Node::Block(block) => Spot { bit, digest, at: At::Block(block, 1) },
            Node::Fork(fork) => Spot { bit, digest, at: At::Fork(fork, 1) },
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.at {
            At::Empty => Shape::Empty,
            At::Block(block, node) => block.levels().shape(node),
            At::Fork(fork, node) => fork.levels().shape(node),
        }
    }

    /// The leaves of the bucket that stands here, in key order.
    pub(crate) fn bucket(&self) -> Option<Vec<LeafRef<'a, V>>> {
        match self.at {
            _ if self.shape() != Shape::Bucket => None,
            At::Empty => None,
            At::Block(block, node) => block.bucket(node).map(Bucket::leaves).map(Iterator::collect),
            At::Fork(fork, node) => Some(Iter::over(fork.below_node(node)).collect()),
        }
    }

    /// The halves of a branch.
    pub(crate) fn halves(&self) -> Option<[Spot<'a, V>; 2]> {
        if self.shape() != Shape::Branch {
            return None;
        }
        let bit = self.bit + 1;
        let half = |half: usize| match self.at {
            At::Empty => None,
            At::Block(block, _) => Some(Spot { bit, digest: block.levels().digest(half), at: At::Block(block, half) }),
            At::Fork(fork, _) if half >= WAYS => {
                Some(Spot::hanging(fork.hanging(half), fork.levels().digest(half), bit))
            }
            At::Fork(fork, _) => Some(Spot { bit, digest: fork.levels().digest(half), at: At::Fork(fork, half) }),
        };
        let (At::Block(_, node) | At::Fork(_, node)) = self.at else {
            return None;
        };
        Some([half(2 * node)?, half(2 * node + 1)?])
    }
}
