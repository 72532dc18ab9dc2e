//! Blocks: the lowest subtrees in memory, a few hundred leaves at most.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::levels::{Levels, level};
use super::wide::write_cells;
use super::{Shape, Stored};
use crate::digest::Digest;
use crate::planted::planted;

pub(crate) use crate::digest::BUCKET_MOST as MOST;

/// Levels of the trie in a block.
const LEVELS: usize = 6;

/// Leaves in a block at most.
pub(super) const ROOM: usize = 256;

/// A key and what is under it.
#[derive(Clone)]
pub(crate) struct Leaf<V> {
    pub(crate) key: Digest,
    pub(crate) value: V,
}

/// Where a leaf is. Entries are in key order.
#[derive(Clone, Copy)]
struct Entry {
    /// The 32 bits of its key after those that all agree on.
    head: u32,
    slot: u32,
}

/// Up to [`ROOM`] leaves whose keys agree on the first `bit` bits, at most [`MOST`] of them on the next six; and every
/// digest of the trie between them.
///
/// Leaves lie in slots in no order, so that a change moves one of them and not half of them; entries say where they are.
/// Looking for a key reads some entries and, as a rule, one leaf.
#[derive(Clone)]
pub(crate) struct Block<V> {
    bit: u16,
    /// Bit n: something changed, since the digests were computed, where the six bits are n.
    stale: u64,
    levels: Levels,
    entries: Vec<Entry>,
    leaves: Vec<Leaf<V>>,
}

/// A bucket of a block that is to be hashed: `len` entries from `from` on, which are what is below `node`.
#[derive(Clone, Copy)]
pub(super) struct Job {
    pub(super) block: u32,
    pub(super) node: u8,
    pub(super) len: u8,
    pub(super) from: u16,
}

/// The 32 bits of a key after the first `bit`; zeros beyond its end.
fn head(key: &Digest, bit: usize) -> u32 {
    let at = bit / 8;
    let bytes = match key.get(at..at + 8).and_then(|bytes| bytes.first_chunk()) {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => (0..8).fold(0, |bits, more| bits << 8 | u64::from(key.get(at + more).copied().unwrap_or(0))),
    };
    (bytes << (bit % 8) >> 32) as u32
}

/// The six bits.
fn lane(head: u32) -> usize {
    (head >> (32 - LEVELS)) as usize
}

/// Whether leaves in key order, `bit` bits down, can be one block.
pub(super) fn fits<V>(leaves: &[Leaf<V>], bit: usize) -> bool {
    let lane = |leaf: &Leaf<V>| lane(head(&leaf.key, bit));
    leaves.len() <= ROOM && leaves.windows(MOST + 1).all(|some| lane(&some[0]) != lane(&some[MOST]))
}

fn grow<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact(vec.len() / 8 + 2);
    }
}

impl<V> Block<V> {
    /// A block of leaves that fit, in key order.
    pub(super) fn new(leaves: Vec<Leaf<V>>, bit: usize) -> Block<V> {
        debug_assert!(fits(&leaves, bit));
        let entries = leaves.iter().zip(0..).map(|(leaf, slot)| Entry { head: head(&leaf.key, bit), slot }).collect();
        Block { bit: bit as u16, stale: u64::MAX, levels: Levels::default(), entries, leaves }
    }

    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
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

    /// The leaf at a position in key order, if there is one.
    pub(crate) fn leaf(&self, at: usize) -> Option<&Leaf<V>> {
        self.leaves.get(self.entries.get(at)?.slot as usize)
    }

    /// The positions of what is below a node.
    pub(super) fn range(&self, node: usize) -> core::ops::Range<usize> {
        let shift = 32 - level(node);
        let index = (node - (1 << level(node))) as u64;
        let position = |first: u64| self.entries.partition_point(|entry| u64::from(entry.head) < first << shift);
        position(index)..position(index + 1)
    }

    /// Where a key is, or where it would be.
    pub(crate) fn find(&self, key: &Digest) -> Result<usize, usize> {
        let head = head(key, usize::from(self.bit));
        let mut at = self.entries.partition_point(|entry| entry.head < head);
        while let Some(entry) = self.entries.get(at).filter(|entry| entry.head == head) {
            match self.leaves[entry.slot as usize].key.cmp(key) {
                Ordering::Less => at += 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break,
            }
        }
        Err(at)
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<&V> {
        self.leaf(self.find(key).ok()?).map(|leaf| &leaf.value)
    }

    /// Adds a leaf whose key is not there. `false`: the block is no block any more, see [`fits`], and has to be taken
    /// apart.
    #[must_use]
    pub(super) fn put(&mut self, leaf: Leaf<V>) -> bool {
        let (Ok(at) | Err(at)) = self.find(&leaf.key);
        let entry = Entry { head: head(&leaf.key, usize::from(self.bit)), slot: self.leaves.len() as u32 };
        let lane = lane(entry.head);
        grow(&mut self.leaves);
        self.leaves.push(leaf);
        grow(&mut self.entries);
        self.entries.insert(at, entry);
        if !(planted("insert-leaves-digest") && lane % 2 == 1) {
            self.stale |= 1 << lane;
        }
        let same = |entry: &&Entry| self::lane(entry.head) == lane;
        let before = self.entries[..at].iter().rev().take_while(same).count();
        self.len() <= ROOM && before + self.entries[at..].iter().take_while(same).count() <= MOST
    }

    /// Takes out the leaf with this key, if it is there.
    pub(super) fn take(&mut self, key: &Digest) -> Option<Leaf<V>> {
        let gone = self.entries.remove(self.find(key).ok()?);
        let last = self.leaves.len() as u32 - 1;
        if gone.slot != last {
            // The leaf in the last slot moves into the gap.
            let moved = self.find(&self.leaves[last as usize].key).unwrap_or_else(|at| at);
            self.entries[moved].slot = gone.slot;
        }
        if !planted("remove-leaves-digest") {
            self.stale |= 1 << lane(gone.head);
        }
        Some(self.leaves.swap_remove(gone.slot as usize))
    }

    /// Reads what changing and hashing at this key will read, to have it in the cache.
    pub(super) fn touch(&self, key: &Digest) -> usize {
        let head = head(key, usize::from(self.bit));
        let at = self.entries.partition_point(|entry| entry.head < head);
        let some = at.saturating_sub(MOST / 2)..(at + MOST / 2).min(self.entries.len());
        self.entries[some].iter().fold(0, |seen, entry| seen ^ usize::from(self.leaves[entry.slot as usize].key[31]))
    }

    /// What the header says, to have it in the cache.
    pub(super) fn touch_header(&self) -> usize {
        self.entries.first().map_or(0, |entry| entry.slot as usize) ^ self.stale as usize
    }

    /// Leaves between two positions, in key order.
    pub(crate) fn leaves(&self, range: core::ops::Range<usize>) -> impl Iterator<Item = &Leaf<V>> {
        self.entries[range].iter().map(|entry| &self.leaves[entry.slot as usize])
    }

    /// Takes all leaves out, in key order.
    pub(super) fn drain(self) -> impl Iterator<Item = Leaf<V>> {
        let mut slots: Vec<Option<Leaf<V>>> = self.leaves.into_iter().map(Some).collect();
        self.entries.into_iter().filter_map(move |entry| slots[entry.slot as usize].take())
    }

    /// Brings the shapes up to date: tells `job` each bucket that has to be hashed, and answers with the branches, as
    /// bits, that have to be hashed then, from the lowest up.
    pub(super) fn plan(&mut self, mut job: impl FnMut(usize, core::ops::Range<usize>)) -> u128 {
        let mut marked = 0;
        self.visit(1, 0..self.entries.len(), &mut job, &mut marked);
        self.stale = 0;
        marked
    }

    fn visit(
        &mut self,
        node: usize,
        range: core::ops::Range<usize>,
        job: &mut impl FnMut(usize, core::ops::Range<usize>),
        marked: &mut u128,
    ) {
        let was = self.levels.shape(node);
        if range.is_empty() {
            return self.levels.reshape(node, Shape::Empty);
        }
        if range.len() <= MOST && !(planted("remove-leaves-halves") && was == Shape::Branch) {
            self.levels.reshape(node, Shape::Bucket);
            return job(node, range);
        }
        self.levels.reshape(node, Shape::Branch);
        let level = level(node);
        let bit = 1 << (31 - level);
        let middle = range.start + self.entries[range.clone()].partition_point(|entry| entry.head & bit == 0);
        let width = 32 >> level;
        for (half, part) in [(2 * node, range.start..middle), (2 * node + 1, middle..range.end)] {
            let lanes = u64::MAX >> (64 - width) << ((half - (2 << level)) * width);
            if was != Shape::Branch || self.stale & lanes != 0 {
                self.visit(half, part, job, marked);
            }
        }
        *marked |= 1 << node;
    }
}

impl<V: Stored> Block<V> {
    /// Writes a bucket's preimage.
    pub(super) fn write_cells(&self, from: usize, len: usize, out: &mut [u8]) {
        write_cells(self.leaves(from..from + len), out);
    }
}
