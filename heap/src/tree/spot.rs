//! The binary trie as a proof sees it, over forks and buckets.

use super::bucket::Leaf;
use super::fork::Fork;
use super::settle::split;
use super::{Node, Shape, Stored};
use crate::digest::{Digest, EMPTY, hash_pair};

/// A place in a settled tree, `bit` bits down.
pub(crate) enum Spot<'a, V> {
    /// One of a fork's own nodes, 1 to 15.
    Fork { fork: &'a Fork<V>, node: usize, bit: usize },
    /// All leaves below, from one bucket or none.
    Leaves { leaves: &'a [Leaf<V>], bit: usize },
}

impl<'a, V: Stored> Spot<'a, V> {
    /// The place where `node` hangs.
    pub(crate) fn new(node: &'a Node<V>, bit: usize) -> Self {
        match node {
            Node::Empty => Spot::Leaves { leaves: &[], bit },
            Node::Bucket(bucket) => Spot::Leaves { leaves: bucket.leaves(), bit },
            Node::Fork(fork) => Spot::Fork { fork, node: 1, bit },
        }
    }

    /// How far down this is.
    pub(crate) fn bit(&self) -> usize {
        match self {
            Spot::Fork { bit, .. } | Spot::Leaves { bit, .. } => *bit,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self {
            Spot::Fork { fork, node, .. } => fork.shape(*node),
            Spot::Leaves { leaves, .. } => Shape::of_count(leaves.len()),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        match self {
            Spot::Fork { fork, node, .. } => *fork.digest(*node),
            Spot::Leaves { leaves, bit } => fold::<V>(leaves, *bit),
        }
    }

    /// The left half, or the right.
    pub(crate) fn half(&self, right: bool) -> Spot<'a, V> {
        match *self {
            Spot::Fork { fork, node, bit } => match 2 * node + usize::from(right) {
                node @ 16.. => Spot::new(&fork.below()[node - 16], bit + 1),
                node => Spot::Fork { fork, node, bit: bit + 1 },
            },
            Spot::Leaves { leaves, bit } => {
                let (low, high) = leaves.split_at(split(leaves, bit));
                Spot::Leaves { leaves: if right { high } else { low }, bit: bit + 1 }
            }
        }
    }

    /// The leaf that stands here, if exactly one does.
    pub(crate) fn leaf(&self) -> Option<&'a Leaf<V>> {
        match self {
            Spot::Leaves { leaves: [leaf], .. } => Some(leaf),
            Spot::Fork { fork, node, .. } if fork.shape(*node) == Shape::Leaf => {
                self.half(false).leaf().or_else(|| self.half(true).leaf())
            }
            _ => None,
        }
    }
}

/// The digest of settled leaves `bit` bits down.
fn fold<V: Stored>(leaves: &[Leaf<V>], bit: usize) -> Digest {
    match leaves {
        [] => EMPTY,
        [leaf] => leaf.digest,
        _ => {
            let (left, right) = leaves.split_at(split(leaves, bit));
            hash_pair(&V::NODE, &fold(left, bit + 1), &fold(right, bit + 1))
        }
    }
}
