//! The authenticated map under both halves of the heap.
//!
//! As a set of digests it is a compressed binary trie over 256-bit keys: an empty subtree is 32 zero bytes, a subtree
//! with one leaf *is* that leaf wherever it hangs, anything else is the hash of its two halves. The shape, and so the
//! root, is a function of the contents alone; history leaves no trace. A key's absence shows as the empty subtree, or
//! the other leaf, that stands where the key would.
//!
//! In memory it is something else, made for few cache misses: four binary levels are one [`Fork`] with every digest of
//! those levels at hand, and a subtree with few leaves is one [`Bucket`], a sorted list. A change touches one bucket
//! and, shared with the other changes of its batch, the forks above it. [`Spot`] shows the binary trie again.

mod bucket;
mod fork;
mod settle;
mod spot;
mod walk;
mod wide;

use alloc::sync::Arc;

pub(crate) use bucket::{Bucket, Leaf, MOST};
pub(crate) use fork::{Fork, nibble};
pub(crate) use settle::{settled_bucket, settled_fork};
pub(crate) use spot::Spot;
pub(crate) use walk::Iter;

use crate::digest::{Digest, Domain, EMPTY};

/// What a tree holds under a key.
pub(crate) trait Stored: Clone {
    /// Domain of this tree's leaves.
    const LEAF: Domain;
    /// Domain of this tree's inner nodes.
    const NODE: Domain;
    /// The digest that the leaf binds beside its key.
    fn contents(&self) -> Digest;
}

/// A subtree: a bucket if it has at most [`MOST`] leaves, otherwise a fork.
#[derive(Clone)]
pub(crate) enum Node<V> {
    Empty,
    Bucket(Arc<Bucket<V>>),
    Fork(Arc<Fork<V>>),
}

/// What a subtree is, as far as digests care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No leaf below.
    Empty,
    /// One leaf below: the subtree's digest is the leaf's.
    Leaf,
    /// Two leaves or more: the subtree's digest is the hash of its halves'.
    Branch,
}

impl Shape {
    pub(crate) fn of_count(leaves: usize) -> Shape {
        match leaves {
            0 => Shape::Empty,
            1 => Shape::Leaf,
            _ => Shape::Branch,
        }
    }
}

impl<V> Node<V> {
    pub(crate) fn shape(&self) -> Shape {
        Shape::of_count(usize::try_from(self.count()).unwrap_or(usize::MAX))
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Node::Empty => 0,
            Node::Bucket(bucket) => bucket.leaves().len() as u64,
            Node::Fork(fork) => fork.count(),
        }
    }
}

/// A persistent map. Clones are O(1) and share everything until one side changes.
#[derive(Clone)]
pub(crate) struct Tree<V> {
    top: Node<V>,
    len: u64,
    /// The root, unless something changed since it was last computed.
    root: Option<Digest>,
}

impl<V: Stored> Tree<V> {
    pub(crate) fn new() -> Tree<V> {
        Tree { top: Node::Empty, len: 0, root: Some(EMPTY) }
    }

    /// A tree whose every digest is settled.
    pub(crate) fn from_settled(top: Node<V>, root: Digest) -> Tree<V> {
        Tree { len: top.count(), top, root: Some(root) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn top(&self) -> &Node<V> {
        &self.top
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<&V> {
        walk::get(&self.top, key)
    }

    /// Prepares for changes of these keys; see [`walk::warm`].
    pub(crate) fn warm(&self, keys: &[Digest], deep: bool) {
        walk::warm(&self.top, keys, deep);
    }

    pub(crate) fn iter(&self) -> Iter<'_, V> {
        Iter::new(&self.top)
    }

    /// Adds a leaf; `false`, and nothing changed, if the key is there. `contents` must be `value.contents()`.
    pub(crate) fn insert(&mut self, key: &Digest, value: V, contents: Digest) -> bool {
        let leaf = Leaf { key: *key, digest: contents, value };
        let added = fork::insert(&mut self.top, 0, leaf);
        if added {
            self.len += 1;
            self.root = None;
        }
        added
    }

    /// Takes a leaf out. Looks first, so that a miss copies nothing.
    pub(crate) fn remove(&mut self, key: &Digest) -> Option<V> {
        self.get(key)?;
        let removed = fork::remove(&mut self.top, 0, key)?;
        self.len -= 1;
        self.root = None;
        Some(removed)
    }

    /// The root; hashes what changed since it was last asked for, and nothing else.
    pub(crate) fn settle(&mut self) -> Digest {
        match self.root {
            Some(root) => root,
            None => {
                let root = settle::settle(&mut self.top);
                self.root = Some(root);
                root
            }
        }
    }
}
