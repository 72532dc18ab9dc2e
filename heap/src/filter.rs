//! Which ids were surely never there.
//!
//! A new id has to be neither live nor consumed, and hardly ever is: ids are hashes over a path and a counter. Asking both
//! trees costs several cache misses each; asking this costs one, and says "no" to all but a few in a thousand. Whoever
//! hears "perhaps" asks the trees.

use alloc::vec;
use alloc::vec::Vec;

use crate::digest::Digest;

/// Bits for an id at least. Four of them, in one word, are set.
const BITS: usize = 16;

/// A Bloom filter whose words are its blocks.
pub(crate) struct Filter {
    /// A power of two of words.
    words: Vec<u64>,
    /// Ids it holds.
    len: usize,
}

impl Filter {
    /// One with room for so many ids.
    pub(crate) fn with_room(ids: usize) -> Filter {
        Filter { words: vec![0; (ids * BITS / 64).next_power_of_two().max(16)], len: 0 }
    }

    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.words.len() * 8
    }

    /// Whether so many more find room.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        (self.len + more) * BITS <= self.words.len() * 64
    }

    /// A word and four of its bits. Keys are hashes; these bytes are not those that order them.
    fn place(&self, key: &Digest) -> (usize, u64) {
        let (word, bits) = key.last_chunk::<12>().map_or((0, 0), |end| {
            let word = end.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            (word as usize & (self.words.len() - 1), end.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
        });
        (word, (0..4).fold(0, |mask, at| mask | 1 << (bits >> (8 * at) & 63)))
    }

    pub(crate) fn add(&mut self, key: &Digest) {
        let (word, bits) = self.place(key);
        self.words[word] |= bits;
        self.len += 1;
    }

    /// `false` only if the id was never added.
    pub(crate) fn may_hold(&self, key: &Digest) -> bool {
        let (word, bits) = self.place(key);
        self.words[word] & bits == bits
    }
}
