//! The authenticated map under both halves of the heap.
//!
//! As a set of digests it is a binary trie over 256-bit keys that ends in buckets: an empty subtree is 32 zero bytes, a
//! subtree with at most [`MOST`] leaves is one bucket, hashed as one, anything else is the hash of its two halves. The
//! shape, and so the root, is a function of the contents alone; history leaves no trace. A key's absence shows as the
//! empty subtree, or the bucket without it, that stands where the key would.
//!
//! In memory four binary levels are one [`Fork`] with every digest of those levels at hand. A change touches one bucket
//! and, shared with the other changes of its batch, the forks above it. [`Spot`] shows the binary trie again.

mod bucket;
mod fork;
mod settle;
mod spot;
mod walk;
mod wide;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub(crate) use bucket::{Bucket, Leaf, MOST};
pub(crate) use fork::{Fork, level};
pub(crate) use settle::{settled_bucket, settled_fork};
pub(crate) use spot::Spot;
pub(crate) use walk::Iter;

use crate::digest::{Digest, Domain, EMPTY};
use crate::planted::planted;

/// What a tree holds under a key.
pub(crate) trait Stored: Clone {
    /// Domain of this tree's buckets.
    const BUCKET: Domain;
    /// Domain of this tree's inner nodes.
    const NODE: Domain;
    /// Bytes of a leaf in its bucket's preimage: 32 or 64.
    const CELL: usize;
    /// Writes those bytes.
    fn write_cell(&self, key: &Digest, out: &mut [u8]);
}

/// A subtree: a bucket if it has at most [`MOST`] leaves, otherwise a branch, which in memory is part of a fork.
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
    /// At most [`MOST`] leaves below: the digest is that of all of them.
    Bucket,
    /// More: the digest is the hash of its halves'.
    Branch,
}

impl<V> Node<V> {
    pub(crate) fn count(&self) -> u64 {
        match self {
            Node::Empty => 0,
            Node::Bucket(bucket) => bucket.len() as u64,
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

    /// Prepares for looking at or changing these keys; see [`walk::warm`].
    pub(crate) fn warm<'a>(&self, keys: impl Iterator<Item = &'a Digest>) {
        walk::warm(&self.top, keys);
    }

    pub(crate) fn iter(&self) -> Iter<'_, V> {
        Iter::new(&self.top)
    }

    /// Adds leaves, which come in key order and whose keys are not there.
    pub(crate) fn insert(&mut self, leaves: Vec<Leaf<V>>) {
        debug_assert!(leaves.is_sorted_by(|a, b| a.key < b.key));
        debug_assert!(leaves.iter().all(|leaf| self.get(&leaf.key).is_none()) || planted("alloc-over-spent"));
        let count = leaves.len();
        self.len += count as u64;
        self.root = self.root.filter(|_| count == 0);
        if let Some(all) = fork::insert(&mut self.top, 0, &mut leaves.into_iter(), count) {
            self.top = fork::build(all, 0);
        }
    }

    /// Takes out the leaves with these keys, which are in order and all there; their values in that order.
    pub(crate) fn remove(&mut self, keys: &[Digest]) -> Vec<V> {
        debug_assert!(keys.is_sorted_by(|a, b| a < b) && keys.iter().all(|key| self.get(key).is_some()));
        let mut taken = Vec::with_capacity(keys.len());
        self.root = self.root.filter(|_| keys.is_empty());
        fork::remove(&mut self.top, 0, keys, &mut taken);
        self.len -= taken.len() as u64;
        taken
    }

    /// The root, if nothing changed since it was last computed.
    pub(crate) fn settled_root(&self) -> Option<&Digest> {
        self.root.as_ref()
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
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{Leaf, MOST, Spot, Stored, Tree};
    use crate::digest::{Digest, EMPTY, hash, hash_pair};
    use crate::heap::Nullifier;

    /// The definition, over sorted keys.
    fn literal(keys: &[Digest], bit: usize) -> Digest {
        if keys.is_empty() {
            return EMPTY;
        }
        if keys.len() <= MOST {
            let mut cells = keys.as_flattened().to_vec();
            if keys.len() % 2 == 1 {
                cells.extend(keys[keys.len() - 1]);
            }
            return hash(&Nullifier::BUCKET, &cells);
        }
        let middle = keys.partition_point(|key| key[bit / 8] >> (7 - bit % 8) & 1 == 0);
        let (left, right) = keys.split_at(middle);
        hash_pair(&Nullifier::NODE, &literal(left, bit + 1), &literal(right, bit + 1))
    }

    /// Below every branch, the halves hash to it.
    fn check_spots(spot: &Spot<'_, Nullifier>) {
        if let Some(halves) = spot.halves() {
            assert_eq!(*spot.digest, hash_pair(&Nullifier::NODE, halves[0].digest, halves[1].digest));
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
                    if keys.insert(key) {
                        tree.insert(vec![Leaf { key, value: Nullifier }]);
                    }
                } else {
                    assert_eq!(tree.get(&key).is_some(), keys.contains(&key));
                    if keys.remove(&key) {
                        assert_eq!(tree.remove(&[key]).len(), 1);
                    }
                }
                if below(10) == 0 {
                    let sorted: Vec<_> = keys.iter().copied().collect();
                    assert_eq!(tree.settle(), literal(&sorted, 0), "round {round}, step {step}");
                    assert!(tree.iter().map(|(key, _)| *key).eq(sorted));
                    let root = tree.settle();
                    check_spots(&Spot::top(&tree, &root));
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
