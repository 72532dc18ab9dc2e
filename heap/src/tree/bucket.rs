//! Buckets: small subtrees as sorted lists of leaves.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// Leaves in a bucket at most. With hashed keys a tree of 16ⁿ times fifteen leaves has them in buckets of about that
/// many, far enough below this for hardly any to overflow.
pub(crate) const MOST: usize = 32;

/// A key and what is under it.
#[derive(Clone)]
pub(crate) struct Leaf<V> {
    pub(crate) key: Digest,
    /// The leaf's digest once settled; until then its contents digest, from which the other is made. So a leaf that
    /// comes and goes between two roots is never hashed.
    pub(crate) digest: Digest,
    pub(crate) value: V,
}

/// Up to [`MOST`] leaves in key order, and which of them are not settled.
///
/// All keys agree on the bits that lead to the bucket. The 32 bits after those are kept together as heads, so that
/// looking for a key reads two or three cache lines and, as a rule, one leaf.
#[derive(Clone)]
pub(crate) struct Bucket<V> {
    heads: [u32; MOST],
    leaves: Vec<Leaf<V>>,
    /// Digests of the places where keys part: the one where leaves n and n + 1 do is at n. Settled where no leaf below
    /// is in `dirty`.
    parts: Vec<Digest>,
    /// Bit n: what lies above leaf n has changed. Includes `fresh`.
    dirty: u64,
    /// Bit n: leaf n's digest is still its contents digest.
    fresh: u64,
}

impl<V> Bucket<V> {
    /// A bucket `depth` nibbles down of leaves in key order; bit n of `fresh` says that leaf n is not settled.
    pub(crate) fn new(leaves: Vec<Leaf<V>>, fresh: u64, depth: usize) -> Bucket<V> {
        debug_assert!(leaves.len() <= MOST && leaves.is_sorted_by(|a, b| a.key < b.key));
        let mut heads = [0; MOST];
        heads.iter_mut().zip(&leaves).for_each(|(slot, leaf)| *slot = head(&leaf.key, depth));
        let parts = alloc::vec![EMPTY; leaves.len().saturating_sub(1)];
        Bucket { heads, leaves, parts, dirty: u64::MAX, fresh }
    }

    /// The heads of the leaves, in their order.
    pub(crate) fn heads(&self) -> &[u32] {
        &self.heads[..self.leaves.len()]
    }

    pub(crate) fn leaves(&self) -> &[Leaf<V>] {
        &self.leaves
    }

    pub(crate) fn is_full(&self) -> bool {
        self.leaves.len() >= MOST
    }

    /// Where a key is, or where it would be, in a bucket `depth` nibbles down.
    pub(crate) fn find(&self, key: &Digest, depth: usize) -> Result<usize, usize> {
        let head = head(key, depth);
        // Counting all of them beats a binary search: it has no branch to mispredict.
        let mut at = self.heads().iter().filter(|&&other| other < head).count();
        while self.heads().get(at) == Some(&head) {
            match self.leaves[at].key.cmp(key) {
                Ordering::Less => at += 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break,
            }
        }
        Err(at)
    }

    /// Puts a leaf, not settled, where [`Bucket::find`] says it would be.
    pub(crate) fn put(&mut self, at: usize, leaf: Leaf<V>, depth: usize) {
        self.heads.copy_within(at..MOST - 1, at + 1);
        self.heads[at] = head(&leaf.key, depth);
        if self.leaves.len() == self.leaves.capacity() {
            self.leaves.reserve_exact(4);
            self.parts.reserve_exact(4);
        }
        self.leaves.insert(at, leaf);
        // Where the neighbours parted is above the new leaf, so it is computed anew whichever index it gets. All other
        // places keep theirs, relative to their leaves.
        if self.leaves.len() > 1 {
            self.parts.insert(at.min(self.parts.len()), EMPTY);
        }
        let below = (1 << at) - 1;
        self.fresh = self.fresh & below | (self.fresh & !below) << 1;
        self.dirty = self.dirty & below | (self.dirty & !below) << 1;
        self.fresh |= 1 << at;
        if !(planted("insert-leaves-digest") && at % 2 == 1) {
            self.dirty |= 1 << at;
        }
    }

    pub(crate) fn take(&mut self, at: usize) -> Leaf<V> {
        self.heads.copy_within(at + 1..MOST, at);
        // Of the two places beside the leaf one is gone and the other above a neighbour: both neighbours are dirty.
        if let Some(last) = self.parts.len().checked_sub(1) {
            self.parts.remove(at.min(last));
        }
        let below = (1 << at) - 1;
        self.fresh = self.fresh & below | self.fresh >> 1 & !below;
        self.dirty = self.dirty & below | self.dirty >> 1 & !below;
        self.dirty |= 1 << at | 1 << at >> 1;
        self.leaves.remove(at)
    }

    /// Whether a digest above any of the leaves `from..to` has to be computed anew.
    pub(crate) fn is_dirty(&self, from: usize, to: usize) -> bool {
        self.dirty >> from << from & ((1 << to) - 1) != 0
    }

    pub(crate) fn part(&self, at: usize) -> &Digest {
        &self.parts[at]
    }

    pub(crate) fn set_part(&mut self, at: usize, digest: Digest) {
        self.parts[at] = digest;
    }

    /// How many bits below the bucket the keys of leaves `from..to`, two or more, begin to differ.
    pub(crate) fn parting(&self, from: usize, to: usize, base: usize) -> usize {
        let differ = self.heads[from] ^ self.heads[to - 1];
        if differ != 0 {
            return differ.leading_zeros() as usize;
        }
        let (first, last) = (&self.leaves[from].key, &self.leaves[to - 1].key);
        let byte = first.iter().zip(last).take_while(|(a, b)| a == b).count().min(31);
        8 * byte + (first[byte] ^ last[byte]).leading_zeros() as usize - base
    }

    /// A key's bit, `deep` bits below the bucket, which is `base` bits down.
    pub(crate) fn bit(&self, at: usize, deep: usize, base: usize) -> bool {
        if deep < 32 {
            return self.heads[at] << deep >> 31 == 1;
        }
        let bit = base + deep;
        self.leaves[at].key[bit / 8] >> (7 - bit % 8) & 1 == 1
    }

    /// Of leaves `from..to`, which agree on the bits before, the first that has this bit set.
    pub(crate) fn split(&self, from: usize, to: usize, deep: usize, base: usize) -> usize {
        from + (from..to).filter(|&at| !self.bit(at, deep, base)).count()
    }

    /// Leaves that are not settled.
    pub(crate) fn fresh_leaves(&mut self) -> impl Iterator<Item = &mut Leaf<V>> {
        let fresh = self.fresh;
        self.leaves.iter_mut().enumerate().filter(move |(at, _)| fresh >> at & 1 == 1).map(|(_, leaf)| leaf)
    }

    /// Every leaf's own digest is made.
    pub(crate) fn mark_hashed(&mut self) {
        self.fresh = 0;
    }

    /// Every digest is made.
    pub(crate) fn mark_settled(&mut self) {
        self.dirty = 0;
    }

    /// All leaves, each with whether it is fresh.
    pub(crate) fn into_leaves(self) -> impl Iterator<Item = (Leaf<V>, bool)> {
        let fresh = self.fresh;
        self.leaves.into_iter().enumerate().map(move |(at, leaf)| (leaf, fresh >> at & 1 == 1))
    }
}

/// The 32 bits of a key after the first `depth` nibbles; zeros beyond its end.
fn head(key: &Digest, depth: usize) -> u32 {
    let mut bytes = [0; 8];
    let rest = key.get(depth / 2..).unwrap_or(&[]);
    let rest = &rest[..rest.len().min(8)];
    bytes[..rest.len()].copy_from_slice(rest);
    (u64::from_be_bytes(bytes) << (4 * (depth % 2)) >> 32) as u32
}
