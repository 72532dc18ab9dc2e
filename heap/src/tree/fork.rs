//! Forks: four binary levels at a time, and the changes that run through them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::bucket::{Bucket, Leaf, MOST};
use super::{Node, Shape, Stored};
use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// A subtree with more than [`MOST`] leaves: sixteen subtrees, and every digest of the four levels above them.
///
/// Nodes are numbered as in a heap of the other sort: 1 is the fork itself, the halves of n are 2n and 2n + 1, and 16 to
/// 31 are the subtrees.
#[derive(Clone)]
pub(crate) struct Fork<V> {
    count: u64,
    /// Subtrees that changed since the digests were computed.
    stale: u16,
    shapes: [Shape; 32],
    digests: [Digest; 32],
    below: [Node<V>; 16],
}

/// The four bits of `key` that pick the subtree in a fork at `depth`.
pub(crate) fn nibble(key: &Digest, depth: usize) -> usize {
    let byte = key[depth / 2];
    usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

impl<V> Fork<V> {
    /// A fork over the given subtrees, all of which count as changed.
    pub(crate) fn new(below: [Node<V>; 16]) -> Fork<V> {
        let count = below.iter().map(Node::count).sum();
        Fork { count, stale: u16::MAX, shapes: [Shape::Empty; 32], digests: [EMPTY; 32], below }
    }

    /// Puts a settled subtree where none is, the fork's digests being of it already.
    pub(crate) fn attach(&mut self, at: usize, node: Node<V>) {
        self.count += node.count();
        self.below[at] = node;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn shape(&self, node: usize) -> Shape {
        self.shapes[node]
    }

    pub(crate) fn digest(&self, node: usize) -> &Digest {
        &self.digests[node]
    }

    pub(crate) fn below(&self) -> &[Node<V>; 16] {
        &self.below
    }

    pub(crate) fn stale(&self) -> u16 {
        self.stale
    }

    pub(crate) fn mark_settled(&mut self) {
        self.stale = 0;
    }

    /// The subtrees that changed.
    pub(crate) fn stale_below(&mut self) -> impl Iterator<Item = &mut Node<V>> {
        let stale = self.stale;
        self.below.iter_mut().enumerate().filter(move |(at, _)| stale >> at & 1 == 1).map(|(_, node)| node)
    }

    /// Sets what a node is; its digest may follow later if it is a branch.
    pub(crate) fn set(&mut self, node: usize, shape: Shape, digest: Digest) {
        self.shapes[node] = shape;
        self.digests[node] = digest;
    }

    /// Both halves of a node.
    pub(crate) fn halves(&self, node: usize) -> [(Shape, &Digest); 2] {
        [2 * node, 2 * node + 1].map(|half| (self.shapes[half], &self.digests[half]))
    }
}

/// Adds a leaf below `node`; `false` if its key is there.
pub(super) fn insert<V: Stored>(node: &mut Node<V>, depth: usize, leaf: Leaf<V>) -> bool {
    match node {
        Node::Empty => {
            *node = Node::Bucket(Arc::new(Bucket::new(Vec::from([leaf]), 1, depth)));
            true
        }
        Node::Fork(fork) => {
            let fork = Arc::make_mut(fork);
            let at = nibble(&leaf.key, depth);
            let added = insert(&mut fork.below[at], depth + 1, leaf);
            if added {
                fork.count += 1;
                fork.stale |= 1 << at;
            }
            added
        }
        Node::Bucket(bucket) => {
            let Err(at) = bucket.find(&leaf.key, depth) else {
                return false;
            };
            if bucket.is_full() {
                let full = core::mem::replace(node, Node::Empty);
                let mut leaves = Vec::with_capacity(MOST + 1);
                collect(full, &mut leaves);
                leaves.insert(at, (leaf, true));
                *node = build(leaves, depth);
            } else {
                Arc::make_mut(bucket).put(at, leaf, depth);
            }
            true
        }
    }
}

/// Takes the leaf with this key, which is there, from below `node`.
pub(super) fn remove<V: Stored>(node: &mut Node<V>, depth: usize, key: &Digest) -> Option<V> {
    match node {
        Node::Empty => None,
        Node::Fork(shared) => {
            let fork = Arc::make_mut(shared);
            let at = nibble(key, depth);
            let taken = remove(&mut fork.below[at], depth + 1, key)?;
            fork.count -= 1;
            if !planted("remove-leaves-digest") {
                fork.stale |= 1 << at;
            }
            if fork.count <= MOST as u64 {
                let mut leaves = Vec::with_capacity(MOST);
                collect(core::mem::replace(node, Node::Empty), &mut leaves);
                *node = build(leaves, depth);
            }
            Some(taken)
        }
        Node::Bucket(bucket) => {
            let bucket = Arc::make_mut(bucket);
            let taken = bucket.take(bucket.find(key, depth).ok()?);
            if bucket.leaves().is_empty() {
                *node = Node::Empty;
            }
            Some(taken.value)
        }
    }
}

/// Appends all leaves below `node` in key order, each with whether it is fresh.
fn collect<V: Clone>(node: Node<V>, leaves: &mut Vec<(Leaf<V>, bool)>) {
    match node {
        Node::Empty => {}
        Node::Bucket(bucket) => leaves.extend(Arc::unwrap_or_clone(bucket).into_leaves()),
        Node::Fork(fork) => Arc::unwrap_or_clone(fork).below.into_iter().for_each(|node| collect(node, leaves)),
    }
}

/// The subtree at `depth` with these leaves, which are in key order.
fn build<V>(leaves: Vec<(Leaf<V>, bool)>, depth: usize) -> Node<V> {
    if leaves.is_empty() {
        return Node::Empty;
    }
    if leaves.len() <= MOST {
        let fresh = leaves.iter().enumerate().map(|(at, (_, fresh))| u64::from(*fresh) << at).sum();
        let fresh = if planted("build-forgets-fresh") { 0 } else { fresh };
        let leaves = leaves.into_iter().map(|(leaf, _)| leaf).collect();
        return Node::Bucket(Arc::new(Bucket::new(leaves, fresh, depth)));
    }
    let mut leaves = leaves.into_iter().peekable();
    let below = core::array::from_fn(|at| {
        let mut mine = Vec::new();
        while let Some(leaf) = leaves.next_if(|(leaf, _)| nibble(&leaf.key, depth) == at) {
            mine.push(leaf);
        }
        build(mine, depth + 1)
    });
    Node::Fork(Arc::new(Fork::new(below)))
}
