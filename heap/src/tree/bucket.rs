//! Buckets: the smallest subtrees, hashed as one.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::digest::Digest;

pub(crate) use crate::digest::BUCKET_MOST as MOST;

/// A key and what is under it.
#[derive(Clone)]
pub(crate) struct Leaf<V> {
    pub(crate) key: Digest,
    pub(crate) value: V,
}

/// Up to [`MOST`] leaves whose keys agree on the first `bit` bits.
///
/// Leaves lie in slots in no order, so that a change moves one of them and not half of them; positions count them in key
/// order. The 16 bits after those agreed on are kept together as heads, so that looking for a key reads one cache line
/// of them and, as a rule, one leaf.
#[derive(Clone)]
pub(crate) struct Bucket<V> {
    /// By position; all ones beyond the last.
    heads: [u16; MOST],
    /// By position, the slot.
    order: [u8; MOST],
    bit: u16,
    len: u8,
    /// The first `len` are taken.
    slots: [Option<Leaf<V>>; MOST],
}

impl<V> Bucket<V> {
    /// A bucket `bit` bits down of leaves in key order, of which those beyond [`MOST`] are left out.
    pub(crate) fn new(leaves: Vec<Leaf<V>>, bit: usize) -> Bucket<V> {
        debug_assert!(leaves.len() <= MOST && leaves.is_sorted_by(|a, b| a.key < b.key));
        let mut bucket = Bucket {
            heads: [u16::MAX; MOST],
            order: core::array::from_fn(|at| at as u8),
            bit: bit as u16,
            len: leaves.len().min(MOST) as u8,
            slots: [const { None }; MOST],
        };
        for (at, leaf) in leaves.into_iter().enumerate().take(MOST) {
            bucket.heads[at] = head(&leaf.key, bit);
            bucket.slots[at] = Some(leaf);
        }
        bucket
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// How many bits its keys agree on at least.
    pub(crate) fn bit(&self) -> usize {
        usize::from(self.bit)
    }

    /// The leaf at a position, if there is one.
    pub(crate) fn leaf(&self, at: usize) -> Option<&Leaf<V>> {
        self.slots[usize::from(*self.order[..self.len()].get(at)?)].as_ref()
    }

    /// The leaves in key order.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = &Leaf<V>> {
        self.order[..self.len()].iter().filter_map(|slot| self.slots[usize::from(*slot)].as_ref())
    }

    /// Where a key is, or where it would be.
    pub(crate) fn find(&self, key: &Digest) -> Result<usize, usize> {
        let head = head(key, self.bit());
        // Counting all of them beats a binary search: it has no branch to mispredict.
        let mut at = usize::from(self.heads.iter().map(|&other| u16::from(other < head)).sum::<u16>());
        while let Some(leaf) = self.leaf(at).filter(|_| self.heads[at] == head) {
            match leaf.key.cmp(key) {
                Ordering::Less => at += 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break,
            }
        }
        Err(at)
    }

    /// Puts a leaf where [`Bucket::find`] says it would be. There has to be room.
    pub(crate) fn put(&mut self, at: usize, leaf: Leaf<V>) {
        let last = self.len();
        self.heads.copy_within(at..MOST - 1, at + 1);
        self.heads[at] = head(&leaf.key, self.bit());
        self.order.copy_within(at..MOST - 1, at + 1);
        self.order[at] = self.len;
        self.slots[last] = Some(leaf);
        self.len += 1;
    }

    /// Takes out the leaf at a position.
    pub(crate) fn take(&mut self, at: usize) -> Option<Leaf<V>> {
        let (slot, last) = (*self.order[..self.len()].get(at)?, self.len() - 1);
        self.heads.copy_within(at + 1..MOST, at);
        self.heads[MOST - 1] = u16::MAX;
        self.order.copy_within(at + 1..MOST, at);
        // The leaf in the last slot moves into the gap.
        if let Some(moved) = self.order[..last].iter_mut().find(|slot| usize::from(**slot) == last) {
            *moved = slot;
        }
        self.len -= 1;
        let taken = self.slots[usize::from(slot)].take();
        self.slots.swap(usize::from(slot), last);
        taken
    }

    /// What a look-up reads first, and a change writes; touched to have it in the cache.
    pub(crate) fn touch(&self) -> usize {
        usize::from(self.heads[0]) ^ self.len()
    }

    /// Takes all leaves out, in key order.
    pub(crate) fn drain(mut self) -> impl Iterator<Item = Leaf<V>> {
        let (order, len) = (self.order, self.len());
        (0..len).filter_map(move |at| self.slots[usize::from(order[at])].take())
    }
}

/// The 16 bits of a key after the first `bit`; zeros beyond its end.
fn head(key: &Digest, bit: usize) -> u16 {
    let byte = |at: usize| u32::from(key.get(at).copied().unwrap_or(0));
    let at = bit / 8;
    let bits = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    (bits >> (8 - bit % 8)) as u16
}
