//! Buckets: a few leaves, in memory as they are hashed.

use super::Stored;
use crate::digest::{Digest, EMPTY};

pub(crate) use crate::digest::BUCKET_MOST as MOST;

/// A leaf as it stands in its bucket's preimage. It begins with its key.
pub(crate) trait Cell: Copy {
    /// One of zeros.
    const BLANK: Self;
    /// How many fill a compression's 64 bytes.
    const PER_BLOCK: usize;
    fn key(&self) -> &Digest;
    /// Some of them side by side.
    fn bytes(cells: &[Self]) -> &[u8];
}

impl Cell for [u8; 32] {
    const BLANK: Self = [0; 32];
    const PER_BLOCK: usize = 2;

    #[inline]
    fn key(&self) -> &Digest {
        self
    }

    fn bytes(cells: &[Self]) -> &[u8] {
        cells.as_flattened()
    }
}

impl Cell for [u8; 64] {
    const BLANK: Self = [0; 64];
    const PER_BLOCK: usize = 1;

    #[inline]
    fn key(&self) -> &Digest {
        self.first_chunk().unwrap_or(&EMPTY)
    }

    fn bytes(cells: &[Self]) -> &[u8] {
        cells.as_flattened()
    }
}

/// A leaf by itself.
#[derive(Clone)]
pub(crate) struct Leaf<V: Stored> {
    pub(crate) cell: V::Cell,
    pub(crate) rest: V::Rest,
}

impl<V: Stored> Leaf<V> {
    pub(crate) fn as_ref(&self) -> LeafRef<'_, V> {
        LeafRef { cell: &self.cell, rest: &self.rest }
    }
}

/// A leaf in a tree.
pub(crate) struct LeafRef<'a, V: Stored> {
    pub(crate) cell: &'a V::Cell,
    pub(crate) rest: &'a V::Rest,
}

impl<V: Stored> Clone for LeafRef<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Stored> Copy for LeafRef<'_, V> {}

impl<'a, V: Stored> LeafRef<'a, V> {
    pub(crate) fn key(&self) -> &'a Digest {
        self.cell.key()
    }
}

/// Up to [`MOST`] leaves in key order.
///
/// Their cells are the bucket's preimage and are hashed where they lie. What else belongs to a leaf stays where it is put
/// while cells make room for each other, so that a change writes one of them.
#[derive(Clone)]
#[repr(C)]
pub(crate) struct Bucket<V: Stored> {
    len: u8,
    /// Where each leaf's rest is, then where there is room.
    slots: [u8; MOST],
    /// If the last leaf ends inside a block of 64 bytes, it stands there once more, which no bucket has twice.
    cells: [V::Cell; MOST],
    rests: [V::Rest; MOST],
}

/// The first eight bytes, ordered as keys are.
#[inline]
fn start(key: &Digest) -> u64 {
    key.first_chunk().map_or(0, |start| u64::from_be_bytes(*start))
}

impl<V: Stored> Bucket<V> {
    pub(super) fn new() -> Bucket<V> {
        Bucket {
            len: 0,
            slots: core::array::from_fn(|at| at as u8),
            cells: [V::Cell::BLANK; MOST],
            rests: core::array::from_fn(|_| V::Rest::default()),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len).min(MOST)
    }

    fn cells(&self) -> &[V::Cell] {
        &self.cells[..self.len()]
    }

    /// The leaf at a position in key order, if there is one.
    #[inline]
    pub(crate) fn leaf(&self, at: usize) -> Option<LeafRef<'_, V>> {
        let cell = self.cells().get(at)?;
        Some(LeafRef { cell, rest: self.rests.get(usize::from(self.slots[at]))? })
    }

    /// All leaves in key order.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = LeafRef<'_, V>> {
        (0..self.len()).filter_map(|at| self.leaf(at))
    }

    /// Where a key is, or where it would be.
    #[inline]
    pub(crate) fn find(&self, key: &Digest) -> Result<usize, usize> {
        let first = start(key);
        let mut at = 0;
        for cell in self.cells() {
            let other = start(cell.key());
            if other > first {
                break;
            }
            if other == first {
                match cell.key().cmp(key) {
                    core::cmp::Ordering::Less => {}
                    core::cmp::Ordering::Equal => return Ok(at),
                    core::cmp::Ordering::Greater => break,
                }
            }
            at += 1;
        }
        Err(at)
    }

    /// Adds a leaf. There has to be room.
    pub(super) fn put(&mut self, cell: &V::Cell, rest: V::Rest) {
        let (Ok(at) | Err(at)) = self.find(cell.key());
        let len = self.len();
        debug_assert!(len < MOST);
        if len < MOST && at <= len {
            let slot = self.slots[len];
            // A few steps of known size are quicker than moving memory of any size.
            for to in (at + 1..=len).rev() {
                self.cells[to] = self.cells[to - 1];
                self.slots[to] = self.slots[to - 1];
            }
            self.slots[at] = slot;
            self.cells[at] = *cell;
            self.rests[usize::from(slot) % MOST] = rest;
            self.len += 1;
            self.seal();
        }
    }

    /// Takes a leaf out, if it is there.
    #[must_use]
    pub(super) fn take(&mut self, key: &Digest) -> Option<V::Rest> {
        let (len, at) = (self.len(), self.find(key).ok()?);
        let slot = self.slots[at];
        for to in at..len - 1 {
            self.cells[to] = self.cells[to + 1];
            self.slots[to] = self.slots[to + 1];
        }
        self.slots[len - 1] = slot;
        self.len -= 1;
        self.seal();
        Some(core::mem::take(&mut self.rests[usize::from(slot) % MOST]))
    }

    /// Moves the leaves from a position on to the end of another bucket, which has room for them and no key above theirs.
    pub(super) fn move_to(&mut self, from: usize, other: &mut Bucket<V>) {
        let (len, end) = (self.len(), other.len());
        debug_assert!(len - from <= MOST - end);
        for (at, to) in (from..len).zip(end..MOST) {
            let slot = usize::from(other.slots[to]) % MOST;
            other.rests[slot] = core::mem::take(&mut self.rests[usize::from(self.slots[at]) % MOST]);
            other.cells[to] = self.cells[at];
            other.len += 1;
        }
        self.len = self.len.min(from as u8);
        self.seal();
        other.seal();
    }

    /// How many keys have a zero at this bit; the others come after them.
    pub(super) fn middle(&self, bit: usize) -> usize {
        let zero = |cell: &V::Cell| cell.key().get(bit / 8).is_none_or(|byte| byte >> (7 - bit % 8) & 1 == 0);
        self.cells().partition_point(zero)
    }

    /// Writes what follows the last leaf in the preimage.
    #[inline]
    fn seal(&mut self) {
        let len = self.len();
        if !len.is_multiple_of(V::Cell::PER_BLOCK) && len < MOST {
            self.cells[len] = self.cells[len - 1];
        }
    }

    /// What it is the hash of; a multiple of 64 bytes.
    #[inline]
    pub(crate) fn preimage(&self) -> &[u8] {
        V::Cell::bytes(&self.cells[..self.len().next_multiple_of(V::Cell::PER_BLOCK)])
    }

    /// Reads what changing and hashing it will read, to have it in the cache.
    #[inline]
    pub(super) fn touch(&self) -> usize {
        self.cells().iter().fold(0, |seen, cell| seen ^ usize::from(cell.key()[0]))
    }

    /// Reads what else is kept with a key, to have it in the cache.
    #[inline]
    pub(super) fn touch_rest(&self, key: &Digest) -> usize {
        self.find(key).ok().and_then(|at| self.leaf(at)).map_or(0, |leaf| V::touch(leaf.rest))
    }
}

impl<V: Stored> FromIterator<Leaf<V>> for Bucket<V> {
    /// Of the first leaves that find room.
    fn from_iter<I: IntoIterator<Item = Leaf<V>>>(leaves: I) -> Bucket<V> {
        let mut bucket = Bucket::new();
        leaves.into_iter().take(MOST).for_each(|leaf| bucket.put(&leaf.cell, leaf.rest));
        bucket
    }
}
