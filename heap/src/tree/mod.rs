//! The authenticated map under both halves of the heap.
//!
//! As a set of digests it is a binary trie over 256-bit keys that ends in buckets: an empty subtree is 32 zero bytes, a
//! subtree with at most [`MOST`] leaves is one bucket, hashed as one, anything else is the hash of its two halves. The
//! shape, and so the root, is a function of the contents alone; history leaves no trace. A key's absence shows as the
//! empty subtree, or the bucket without it, that stands where the key would.
//!
//! In memory five binary levels are one [`Fork`] and the lowest subtrees are [`Block`]s of up to some hundred leaves, each
//! with every digest of its levels at hand and its leaves in buckets; how it is cut up follows no rule but speed. A change
//! touches one bucket and the head of its block and, shared with the other changes of its batch, the forks above. [`Spot`] shows the binary trie again.

mod block;
mod bucket;
mod fork;
mod levels;
mod settle;
mod spot;
mod walk;
mod wide;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub(crate) use block::Block;
pub(crate) use bucket::{Bucket, Cell, Leaf, LeafRef, MOST};
pub(crate) use fork::Fork;
use fork::Work;
pub(crate) use levels::level;
pub(crate) use spot::Spot;
use walk::Iter;
pub(crate) use wide::{hash_bucket, hash_one};

use crate::digest::{Digest, Domain, EMPTY};
use crate::planted::planted;

/// Changes applied and hashed together: enough for their cache misses to overlap, few enough for what was fetched to be
/// there still when it is used.
const AT_ONCE: usize = 512;

/// What a tree holds under a key.
pub(crate) trait Stored: Clone {
    /// Domain of this tree's buckets.
    const BUCKET: Domain;
    /// Domain of this tree's inner nodes.
    const NODE: Domain;
    /// A leaf in its bucket's preimage.
    type Cell: Cell;
    /// What else is kept with a leaf.
    type Rest: Clone + Default;
    /// Reads some of it, to have it in the cache.
    fn touch(rest: &Self::Rest) -> usize;
    /// Bytes of it that lie elsewhere.
    fn apart(rest: &Self::Rest) -> usize;
}

/// A subtree.
#[derive(Clone)]
pub(crate) enum Node<V: Stored> {
    Empty,
    Block(Arc<Block<V>>),
    Fork(Arc<Fork<V>>),
}

/// One change to a tree: a leaf whose key is not there, or, without a rest, a key whose leaf goes.
pub(crate) struct Change<V: Stored> {
    pub(crate) cell: V::Cell,
    pub(crate) rest: Option<V::Rest>,
}

impl<V: Stored> Change<V> {
    pub(crate) fn key(&self) -> &Digest {
        self.cell.key()
    }
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

impl<V: Stored> Node<V> {
    pub(crate) fn count(&self) -> u64 {
        match self {
            Node::Empty => 0,
            Node::Block(block) => block.len() as u64,
            Node::Fork(fork) => fork.count(),
        }
    }

    /// The digest, as it was when it was last settled.
    fn digest(&self) -> &Digest {
        match self {
            Node::Empty => &EMPTY,
            Node::Block(block) => block.levels().digest(1),
            Node::Fork(fork) => fork.levels().digest(1),
        }
    }
}

/// A persistent map. Clones are O(1) and share everything until one side changes.
#[derive(Clone)]
pub(crate) struct Tree<V: Stored> {
    top: Node<V>,
    len: u64,
    /// The root, unless something changed since it was last computed.
    root: Option<Digest>,
}

impl<V: Stored> Tree<V> {
    pub(crate) fn new() -> Tree<V> {
        Tree { top: Node::Empty, len: 0, root: Some(EMPTY) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn top(&self) -> &Node<V> {
        &self.top
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<LeafRef<'_, V>> {
        walk::get(&self.top, key)
    }

    /// Prepares for looking at or changing these keys; see [`walk::warm`].
    pub(crate) fn warm<'a>(&self, keys: impl Iterator<Item = &'a Digest>) {
        walk::warm(&self.top, keys);
    }

    pub(crate) fn iter(&self) -> Iter<'_, V> {
        Iter::over(core::slice::from_ref(&self.top))
    }

    /// A tree of these leaves, which come in key order.
    pub(crate) fn of(leaves: Vec<Leaf<V>>) -> Tree<V> {
        let mut tree = Tree::new();
        let mut changes: Vec<Change<V>> =
            leaves.into_iter().map(|leaf| Change { cell: leaf.cell, rest: Some(leaf.rest) }).collect();
        tree.apply(&mut changes);
        tree
    }

    /// Applies changes, which come in key order. What belongs to a leaf is taken out of them.
    pub(crate) fn apply(&mut self, changes: &mut [Change<V>]) {
        debug_assert!(changes.is_sorted_by(|a, b| a.key() < b.key()));
        let there = |change: &Change<V>| self.get(change.key()).is_some();
        debug_assert!(
            changes.iter().all(|change| change.rest.is_none() == there(change)) || planted("alloc-over-spent")
        );
        if changes.is_empty() {
            return;
        }
        self.root = None;
        let at_once = if self.len == 0 { changes.len() } else { AT_ONCE };
        let begun = changes.iter().filter(|change| change.rest.is_some()).count();
        self.len = self.len + begun as u64 - (changes.len() - begun) as u64;
        for some in changes.chunks_mut(at_once) {
            self.change(some);
        }
    }

    fn change(&mut self, changes: &mut [Change<V>]) {
        let mut work = Vec::with_capacity(changes.len());
        fork::route(&mut self.top, 0, changes, &mut work);
        warm(&work);
        let mut fits = true;
        for Work { block, changes } in &mut work {
            fits &= block.apply(changes);
        }
        let mut blocks: Vec<&mut Block<V>> = work.into_iter().map(|work| work.block).collect();
        settle::settle_blocks(&mut blocks);
        if !fits {
            let left = changes.iter_mut().filter(|change| change.rest.is_some());
            left.for_each(|change| fork::force(&mut self.top, 0, change));
        }
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

/// Reads what some changes will read, step by step, so that the misses of each step overlap.
fn warm<V: Stored>(work: &[Work<'_, V>]) {
    core::hint::black_box(work.iter().fold(0, |seen, work| seen ^ work.block.touch_header()));
    let (mut buckets, mut seen) = (Vec::with_capacity(AT_ONCE), 0);
    for Work { block, changes } in work {
        for change in changes.iter() {
            let (digests, bucket) = block.touch(change.key());
            seen ^= digests;
            buckets.extend(bucket);
        }
    }
    core::hint::black_box(seen);
    core::hint::black_box(buckets.iter().fold(0, |seen, bucket| seen ^ bucket.touch()));
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::{Change, MOST, Spot, Stored, Tree};
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
            let (mut tree, mut keys): (Tree<Nullifier>, _) = (Tree::new(), BTreeSet::new());
            let mut kept = None;
            for step in 0..200 {
                let mut key = [0; 32];
                for &bit in bits.iter().filter(|_| below(2) == 1) {
                    key[bit / 8] |= 0x80 >> (bit % 8);
                }
                if below(5) < if step < 100 { 4 } else { 1 } {
                    if keys.insert(key) {
                        tree.apply(&mut [Change { cell: key, rest: Some(()) }]);
                    }
                } else {
                    assert_eq!(tree.get(&key).is_some(), keys.contains(&key));
                    if keys.remove(&key) {
                        tree.apply(&mut [Change { cell: key, rest: None }]);
                        assert_eq!(tree.len(), keys.len() as u64);
                    }
                }
                if below(10) == 0 {
                    let sorted: Vec<_> = keys.iter().copied().collect();
                    assert_eq!(tree.settle(), literal(&sorted, 0), "round {round}, step {step}");
                    assert!(tree.iter().map(|leaf| *leaf.key()).eq(sorted));
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

    /// Large batches that begin and end at once, over trees that grow and shrink through every shape in memory.
    #[test]
    fn batches_of_hashed_keys() {
        for seed in 0..8 {
            batches(seed << 32);
        }
    }

    fn batches(mut made: u64) {
        let mut keys: BTreeSet<Digest> = BTreeSet::new();
        let mut tree = Tree::<Nullifier>::new();
        let growing = (0..20).map(|_| (500, 0));
        for (begin, end) in growing.chain([
            (1000, 0),
            (500, 500),
            (500, 500),
            (3000, 200),
            (20, 3),
            (0, 9000),
            (1, 300),
            (700, 1),
            (100, 1000),
            (9, 9),
        ]) {
            let ended: Vec<Digest> = keys.iter().copied().step_by((keys.len() / (end + 1)).max(1)).take(end).collect();
            let mut changes: Vec<_> = ended.iter().map(|key| Change { cell: *key, rest: None }).collect();
            for _ in 0..begin {
                made += 1;
                let key = hash(&Nullifier::NODE, &made.to_le_bytes());
                changes.push(Change { cell: key, rest: Some(()) });
                keys.insert(key);
            }
            ended.iter().for_each(|key| assert!(keys.remove(key)));
            changes.sort_by(|a, b| a.key().cmp(b.key()));
            tree.apply(&mut changes);
            let sorted: Vec<_> = keys.iter().copied().collect();
            assert!(tree.iter().map(|leaf| *leaf.key()).eq(sorted.iter().copied()), "{begin} begun, {end} ended");
            assert_eq!(tree.settle(), literal(&sorted, 0), "{begin} begun, {end} ended");
        }
    }
}
