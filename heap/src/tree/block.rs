//! Blocks: the lowest subtrees in memory, a hundred leaves or so.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::bucket::{Bucket, Cell, Leaf, LeafRef, MOST};
use super::levels::{LEVELS, Levels, WAYS, above, level, way};
use super::{Change, Stored};
use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// Leaves whose keys agree on the first `bit` bits, at most [`MOST`] of them on the next five: buckets, and the branches
/// above them, which have the shape that the leaves demand after every change.
#[derive(Clone)]
pub(crate) struct Block<V: Stored> {
    bit: u16,
    len: u16,
    /// Bit n: node n is no branch, and changed since its digest was computed.
    stale: u64,
    levels: Levels,
    /// By node: where its bucket is, plus one.
    slots: [u8; 2 * WAYS],
    buckets: Vec<Arc<Bucket<V>>>,
}

/// Whether leaves in key order, `bit` bits down, can be one block.
pub(super) fn fits<V: Stored>(leaves: &[Leaf<V>], bit: usize) -> bool {
    leaves.windows(MOST + 1).all(|some| way(some[0].cell.key(), bit) != way(some[MOST].cell.key(), bit))
}

impl<V: Stored> Block<V> {
    /// A block of leaves that fit, in key order.
    pub(super) fn new(leaves: Vec<Leaf<V>>, bit: usize) -> Block<V> {
        debug_assert!(fits(&leaves, bit));
        let mut block = Block {
            bit: bit as u16,
            len: leaves.len() as u16,
            stale: 0,
            levels: Levels::default(),
            slots: [0; 2 * WAYS],
            buckets: Vec::new(),
        };
        block.build(1, leaves);
        block
    }

    fn build(&mut self, node: usize, mut leaves: Vec<Leaf<V>>) {
        if leaves.len() <= MOST || node >= WAYS {
            self.stale |= 1 << node;
            if !leaves.is_empty() {
                self.insert(node, leaves.into_iter().collect());
            }
            return;
        }
        self.levels.branch(node);
        let bit = usize::from(self.bit) + level(node);
        let zero = |leaf: &Leaf<V>| leaf.cell.key().get(bit / 8).is_none_or(|byte| byte >> (7 - bit % 8) & 1 == 0);
        let right = leaves.split_off(leaves.partition_point(zero));
        self.build(2 * node, leaves);
        self.build(2 * node + 1, right);
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(crate) fn buckets(&self) -> &Vec<Arc<Bucket<V>>> {
        &self.buckets
    }

    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    pub(super) fn levels_mut(&mut self) -> &mut Levels {
        &mut self.levels
    }

    pub(super) fn is_stale(&self) -> bool {
        self.stale != 0
    }

    /// The bucket that stands at a node.
    #[inline]
    pub(crate) fn bucket(&self, node: usize) -> Option<&Bucket<V>> {
        self.buckets.get(usize::from(self.slots[node]).wrapping_sub(1)).map(|bucket| &**bucket)
    }

    fn bucket_mut(&mut self, node: usize) -> Option<&mut Bucket<V>> {
        self.buckets.get_mut(usize::from(self.slots[node]).wrapping_sub(1)).map(Arc::make_mut)
    }

    /// The node at which the way to a key ends.
    #[inline]
    pub(super) fn node(&self, key: &Digest) -> usize {
        self.levels.end(way(key, usize::from(self.bit)))
    }

    /// The node at which the way to a subtree ends.
    pub(super) fn end(&self, way: usize) -> usize {
        self.levels.end(way)
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<LeafRef<'_, V>> {
        let bucket = self.bucket(self.node(key))?;
        bucket.leaf(bucket.find(key).ok()?)
    }

    /// Begins and ends what is said; `false` if something is left, because it does not fit in here.
    #[must_use]
    pub(super) fn apply(&mut self, changes: &mut [Change<V>]) -> bool {
        let mut fits = true;
        for change in changes {
            match change.rest.take() {
                Some(rest) => {
                    change.rest = self.put(&change.cell, rest);
                    fits &= change.rest.is_none();
                }
                None => self.take(change.cell.key()),
            }
        }
        fits
    }

    /// Adds a leaf whose key is not there; gives its rest back if it does not fit in here.
    fn put(&mut self, cell: &V::Cell, rest: V::Rest) -> Option<V::Rest> {
        let way = way(cell.key(), usize::from(self.bit));
        let mut node = self.levels.end(way);
        while self.bucket(node).is_some_and(|bucket| bucket.len() == MOST) {
            if node >= WAYS {
                return Some(rest);
            }
            self.split(node);
            node = 2 * node + (way >> (LEVELS - 1 - level(node)) & 1);
        }
        match self.bucket_mut(node) {
            Some(bucket) => bucket.put(cell, rest),
            None => {
                let mut bucket = Bucket::new();
                bucket.put(cell, rest);
                self.insert(node, bucket);
            }
        }
        self.len += 1;
        if !(planted("insert-leaves-digest") && way % 2 == 1) {
            self.stale |= 1 << node;
        }
        None
    }

    /// Takes out the leaf with this key, if it is there.
    fn take(&mut self, key: &Digest) {
        let mut node = self.node(key);
        if self.bucket_mut(node).and_then(|bucket| bucket.take(key)).is_none() {
            return;
        }
        self.len -= 1;
        if !planted("remove-leaves-digest") {
            self.stale |= 1 << node;
        }
        let count = |block: &Block<V>, node: usize| block.bucket(node).map_or(0, Bucket::len);
        if count(self, node) == 0 {
            drop(self.remove(node));
            self.levels.set(node, &EMPTY);
        }
        // Halves that have become few are one bucket.
        while node > 1
            && !self.levels.is_branch(node ^ 1)
            && count(self, node) + count(self, node ^ 1) <= MOST
            && !planted("remove-leaves-halves")
        {
            node /= 2;
            self.merge(node);
        }
    }

    /// A bucket becomes a branch over two.
    fn split(&mut self, node: usize) {
        let bit = usize::from(self.bit) + level(node);
        self.levels.branch(node);
        self.stale = self.stale & !(1 << node) | 3 << (2 * node);
        if let Some(mut left) = self.remove(node) {
            let (all, middle) = (left.len(), left.middle(bit));
            if middle == 0 {
                self.place(2 * node + 1, left);
            } else if middle == all {
                self.place(2 * node, left);
            } else {
                let mut right = Bucket::new();
                Arc::make_mut(&mut left).move_to(middle, &mut right);
                self.place(2 * node, left);
                self.insert(2 * node + 1, right);
            }
        }
    }

    /// A branch over two buckets becomes one.
    fn merge(&mut self, node: usize) {
        let halves = [self.remove(2 * node), self.remove(2 * node + 1)];
        self.levels.join(node);
        self.stale = self.stale & !(3 << (2 * node)) | 1 << node;
        match halves {
            [Some(mut left), Some(mut right)] => {
                Arc::make_mut(&mut right).move_to(0, Arc::make_mut(&mut left));
                self.place(node, left);
            }
            [Some(one), None] | [None, Some(one)] => self.place(node, one),
            [None, None] => {}
        }
    }

    fn insert(&mut self, node: usize, bucket: Bucket<V>) {
        self.place(node, Arc::new(bucket));
    }

    fn place(&mut self, node: usize, bucket: Arc<Bucket<V>>) {
        if self.buckets.len() == self.buckets.capacity() {
            self.buckets.reserve_exact(2);
        }
        self.buckets.push(bucket);
        self.slots[node] = self.buckets.len() as u8;
    }

    fn remove(&mut self, node: usize) -> Option<Arc<Bucket<V>>> {
        let gap = core::mem::take(&mut self.slots[node]);
        let at = usize::from(gap).checked_sub(1)?;
        // The last bucket moves into the gap.
        let last = self.buckets.len() as u8;
        if let Some(moved) = self.slots.iter_mut().find(|slot| **slot == last) {
            *moved = gap;
        }
        Some(self.buckets.swap_remove(at))
    }

    /// Takes all leaves out, in key order.
    pub(super) fn drain(mut self, leaves: &mut Vec<Leaf<V>>) {
        let mut next = 0;
        while next < WAYS {
            let node = self.end(next);
            if let Some(bucket) = self.remove(node) {
                leaves.extend(bucket.leaves().map(|leaf| Leaf { cell: *leaf.cell, rest: leaf.rest.clone() }));
            }
            next = super::levels::reach(node).end;
        }
    }

    /// Says which buckets have to be hashed, as node and how many compressions, and answers with the branches that have to
    /// be then, as bits.
    pub(super) fn plan(&mut self, mut job: impl FnMut(usize, usize)) -> u32 {
        let stale = core::mem::take(&mut self.stale);
        let mut left = stale;
        while left != 0 {
            let node = left.trailing_zeros() as usize;
            left &= left - 1;
            match self.bucket(node) {
                Some(bucket) => job(node, bucket.preimage().len() / 64),
                None => self.levels.set(node, &EMPTY),
            }
        }
        above(stale)
    }

    /// Reads its own fields, to have them in the cache.
    #[inline]
    pub(super) fn touch_header(&self) -> usize {
        self.levels.touch_header() ^ usize::from(self.slots[2 * WAYS - 1]) ^ self.buckets.len() ^ self.stale as usize
    }

    /// Reads the digests that a change at this key will make us read.
    #[inline]
    pub(super) fn touch(&self, key: &Digest) -> (usize, Option<&Bucket<V>>) {
        let node = self.node(key);
        (self.levels.touch(node), self.bucket(node))
    }
}
