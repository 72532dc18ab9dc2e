//! The binary trie as a proof sees it, over forks and buckets.

use super::bucket::Bucket;
use super::fork::Fork;
use super::{Node, Shape, Stored, Tree};
use crate::digest::{Digest, EMPTY};

/// A place in a settled tree.
pub(crate) struct Spot<'a, V> {
    /// How far down this is, in bits.
    pub(crate) bit: usize,
    pub(crate) digest: &'a Digest,
    at: At<'a, V>,
}

enum At<'a, V> {
    Empty,
    Bucket(&'a Bucket<V>),
    /// One of a fork's own nodes, 1 to 15.
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
            Node::Bucket(bucket) => Spot { bit, digest, at: At::Bucket(bucket) },
            Node::Fork(fork) => Spot { bit, digest, at: At::Fork(fork, 1) },
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.at {
            At::Empty => Shape::Empty,
            At::Bucket(_) => Shape::Bucket,
            At::Fork(..) => Shape::Branch,
        }
    }

    /// The bucket that stands here.
    pub(crate) fn bucket(&self) -> Option<&'a Bucket<V>> {
        match self.at {
            At::Bucket(bucket) => Some(bucket),
            _ => None,
        }
    }

    /// The halves of a branch.
    pub(crate) fn halves(&self) -> Option<[Spot<'a, V>; 2]> {
        let At::Fork(fork, node) = self.at else {
            return None;
        };
        Some([2 * node, 2 * node + 1].map(|half| {
            let (digest, bit) = (fork.digest(half), self.bit + 1);
            if half < 16 && fork.shape(half) == Shape::Branch {
                Spot { bit, digest, at: At::Fork(fork, half) }
            } else {
                Spot::hanging(fork.hanging(half), digest, bit)
            }
        }))
    }
}
