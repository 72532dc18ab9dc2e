//! Buckets: the smallest subtrees, hashed as one.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::digest::Digest;

pub(crate) use crate::digest::BUCKET_MOST as MOST;

/// Room that a bucket makes at once, in leaves.
const ROOM: usize = 2;

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
    slots: Vec<Leaf<V>>,
}

impl<V> Bucket<V> {
    /// A bucket `bit` bits down of leaves in key order.
    pub(crate) fn new(slots: Vec<Leaf<V>>, bit: usize) -> Bucket<V> {
        debug_assert!(slots.len() <= MOST && slots.is_sorted_by(|a, b| a.key < b.key));
        let mut heads = [u16::MAX; MOST];
        heads.iter_mut().zip(&slots).for_each(|(place, leaf)| *place = head(&leaf.key, bit));
        Bucket { heads, order: core::array::from_fn(|at| at as u8), bit: bit as u16, slots }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= MOST
    }

    /// How many bits its keys agree on at least.
    pub(crate) fn bit(&self) -> usize {
        usize::from(self.bit)
    }

    /// The leaf at a position.
    pub(crate) fn leaf(&self, at: usize) -> &Leaf<V> {
        &self.slots[usize::from(self.order[at])]
    }

    /// The leaves in key order.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = &Leaf<V>> {
        (0..self.len()).map(|at| self.leaf(at))
    }

    /// Where a key is, or where it would be.
    pub(crate) fn find(&self, key: &Digest) -> Result<usize, usize> {
        let head = head(key, self.bit());
        // Counting all of them beats a binary search: it has no branch to mispredict.
        let mut at = usize::from(self.heads.iter().map(|&other| u16::from(other < head)).sum::<u16>());
        while at < self.len() && self.heads[at] == head {
            match self.leaf(at).key.cmp(key) {
                Ordering::Less => at += 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break,
            }
        }
        Err(at)
    }

    /// Puts a leaf where [`Bucket::find`] says it would be.
    pub(crate) fn put(&mut self, at: usize, leaf: Leaf<V>) {
        self.heads.copy_within(at..MOST - 1, at + 1);
        self.heads[at] = head(&leaf.key, self.bit());
        self.order.copy_within(at..MOST - 1, at + 1);
        self.order[at] = self.slots.len() as u8;
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(ROOM);
        }
        self.slots.push(leaf);
    }

    /// Takes out the leaf at a position.
    pub(crate) fn take(&mut self, at: usize) -> Leaf<V> {
        let (slot, last) = (self.order[at], self.slots.len() - 1);
        self.heads.copy_within(at + 1..MOST, at);
        self.heads[MOST - 1] = u16::MAX;
        self.order.copy_within(at + 1..MOST, at);
        // The leaf in the last slot moves into the gap.
        if let Some(moved) = self.order[..last].iter_mut().find(|slot| usize::from(**slot) == last) {
            *moved = slot;
        }
        self.slots.swap_remove(usize::from(slot))
    }

    /// What a look-up reads first, and a change writes; touched to have it in the cache.
    pub(crate) fn touch(&self) -> usize {
        usize::from(self.heads[0]) ^ self.slots.len()
    }

    /// What a change moves.
    pub(crate) fn touch_last(&self) -> usize {
        self.slots.last().map_or(0, |leaf| usize::from(leaf.key[0]))
    }

    /// All leaves in key order.
    pub(crate) fn into_leaves(self) -> impl Iterator<Item = Leaf<V>> {
        let mut slots: [Option<Leaf<V>>; MOST] = [const { None }; MOST];
        let len = self.slots.len();
        slots.iter_mut().zip(self.slots).for_each(|(slot, leaf)| *slot = Some(leaf));
        let order = self.order;
        (0..len).filter_map(move |at| slots[usize::from(order[at])].take())
    }
}

/// The 16 bits of a key after the first `bit`; zeros beyond its end.
fn head(key: &Digest, bit: usize) -> u16 {
    let byte = |at: usize| u32::from(key.get(at).copied().unwrap_or(0));
    let at = bit / 8;
    let bits = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    (bits >> (8 - bit % 8)) as u16
}
