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

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::{Shape, Spot, Stored, Tree};
    use crate::digest::{Digest, EMPTY, hash_pair};
    use crate::heap::Nullifier;

    /// The definition, over sorted keys.
    fn literal(keys: &[Digest], bit: usize) -> Digest {
        match keys {
            [] => EMPTY,
            [key] => hash_pair(&Nullifier::LEAF, key, &Nullifier.contents()),
            _ => {
                let middle = keys.partition_point(|key| key[bit / 8] >> (7 - bit % 8) & 1 == 0);
                let (left, right) = keys.split_at(middle);
                hash_pair(&Nullifier::NODE, &literal(left, bit + 1), &literal(right, bit + 1))
            }
        }
    }

    /// Below every branch, the halves hash to it.
    fn check_spots(spot: &Spot<'_, Nullifier>) {
        if spot.shape() == Shape::Branch {
            let halves = [spot.half(false), spot.half(true)];
            assert_eq!(spot.digest(), hash_pair(&Nullifier::NODE, &halves[0].digest(), &halves[1].digest()));
            halves.iter().for_each(check_spots);
        }
    }

    /// Ids are hashes and never look like this: keys that agree on all but a few bits, which hang deep, meet below
    /// one-armed branches, overflow buckets one after another and exhaust their heads.
    #[test]
    fn keys_that_hardly_differ() {
        let mut state = 1u64;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % bound
        };
        for round in 0..12 {
            let bits: Vec<usize> = (0..8).map(|_| below(256) as usize).chain([255]).collect();
            let (mut tree, mut keys) = (Tree::new(), BTreeSet::new());
            let mut kept = None;
            for step in 0..200 {
                let mut key = [0; 32];
                for &bit in bits.iter().filter(|_| below(2) == 1) {
                    key[bit / 8] |= 0x80 >> (bit % 8);
                }
                if below(5) < if step < 100 { 4 } else { 1 } {
                    assert_eq!(tree.insert(&key, Nullifier, Nullifier.contents()), keys.insert(key));
                } else {
                    assert_eq!(tree.remove(&key).is_some(), keys.remove(&key));
                }
                if below(10) == 0 {
                    let sorted: Vec<_> = keys.iter().copied().collect();
                    assert_eq!(tree.settle(), literal(&sorted, 0), "round {round}, step {step}");
                    assert!(tree.iter().map(|(key, _)| *key).eq(sorted));
                    check_spots(&Spot::new(tree.top(), 0));
                    kept.get_or_insert_with(|| (tree.clone(), tree.settle()));
                }
            }
            if let Some((mut tree, root)) = kept {
                tree.root = None;
                assert_eq!(tree.settle(), root, "a clone is not changed by what came after");
            }
        }
    }
}
