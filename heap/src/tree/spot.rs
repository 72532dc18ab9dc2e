//! The binary trie as a proof sees it, over forks and buckets.

use core::ops::Range;

use super::bucket::{Bucket, Leaf};
use super::fork::Fork;
use super::{Node, Shape, Stored};
use crate::digest::{Digest, EMPTY, hash_pair};

/// A place in a settled tree, `bit` bits down.
pub(crate) enum Spot<'a, V> {
    /// Nothing below.
    Empty { bit: usize },
    /// One of a fork's own nodes, 1 to 15.
    Fork { fork: &'a Fork<V>, node: usize, bit: usize },
    /// Some leaves of a bucket that is `base` bits down.
    Leaves { bucket: &'a Bucket<V>, leaves: Range<usize>, base: usize, bit: usize },
}

impl<'a, V: Stored> Spot<'a, V> {
    /// The place where `node` hangs.
    pub(crate) fn new(node: &'a Node<V>, bit: usize) -> Self {
        match node {
            Node::Empty => Spot::Empty { bit },
            Node::Bucket(bucket) => Spot::Leaves { bucket, leaves: 0..bucket.leaves().len(), base: bit, bit },
            Node::Fork(fork) => Spot::Fork { fork, node: 1, bit },
        }
    }

    /// How far down this is.
    pub(crate) fn bit(&self) -> usize {
        match self {
            Spot::Empty { bit } | Spot::Fork { bit, .. } | Spot::Leaves { bit, .. } => *bit,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self {
            Spot::Empty { .. } => Shape::Empty,
            Spot::Fork { fork, node, .. } => fork.shape(*node),
            Spot::Leaves { leaves, .. } => Shape::of_count(leaves.len()),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        match self {
            Spot::Empty { .. } => EMPTY,
            Spot::Fork { fork, node, .. } => *fork.digest(*node),
            Spot::Leaves { bucket, leaves, base, bit } => {
                let (from, to) = (leaves.start, leaves.end);
                match Shape::of_count(leaves.len()) {
                    Shape::Empty => EMPTY,
                    Shape::Leaf => bucket.leaves()[from].digest,
                    Shape::Branch => {
                        let parting = bucket.parting(from, to, *base);
                        let part = bucket.part(bucket.split(from, to, parting, *base) - 1);
                        (bit - base..parting).rev().fold(*part, |below, deep| match bucket.bit(from, deep, *base) {
                            true => hash_pair(&V::NODE, &EMPTY, &below),
                            false => hash_pair(&V::NODE, &below, &EMPTY),
                        })
                    }
                }
            }
        }
    }

    /// The left half, or the right.
    pub(crate) fn half(&self, right: bool) -> Spot<'a, V> {
        match *self {
            Spot::Empty { bit } => Spot::Empty { bit: bit + 1 },
            Spot::Fork { fork, node, bit } => match 2 * node + usize::from(right) {
                node @ 16.. => Spot::new(&fork.below()[node - 16], bit + 1),
                node => Spot::Fork { fork, node, bit: bit + 1 },
            },
            Spot::Leaves { bucket, ref leaves, base, bit } => {
                let middle = bucket.split(leaves.start, leaves.end, bit - base, base);
                let leaves = if right { middle..leaves.end } else { leaves.start..middle };
                Spot::Leaves { bucket, leaves, base, bit: bit + 1 }
            }
        }
    }

    /// The leaf that stands here, if exactly one does.
    pub(crate) fn leaf(&self) -> Option<&'a Leaf<V>> {
        match self {
            Spot::Leaves { bucket, leaves, .. } if leaves.len() == 1 => bucket.leaves().get(leaves.start),
            Spot::Fork { fork, node, .. } if fork.shape(*node) == Shape::Leaf => {
                self.half(false).leaf().or_else(|| self.half(true).leaf())
            }
            _ => None,
        }
    }
}
