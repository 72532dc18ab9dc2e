//! Which spans are open at one place of a log, or of anything else that pairs beginnings and ends by identifier.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// A multiplication for each eight bytes, begun with a secret number, so that nobody can choose names that collide. It
/// decides where in memory a name is, and nothing else: answers are sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixer(u64);

impl Mixer {
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(()))
    }
}

impl BuildHasher for Mixer {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The open ones, each with the place where it began. Everything takes constant time; memory is that of the open ones.
#[derive(Clone, Debug)]
pub(crate) struct OpenSet<Id, At> {
    since: HashMap<Id, At, Mixer>,
}

impl<Id: Copy + Eq + Hash + Ord, At: Copy + Ord> OpenSet<Id, At> {
    pub(crate) fn new() -> Self {
        Self { since: HashMap::with_hasher(Mixer::new()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.since.len()
    }

    /// Answers false when one of that name is open already.
    pub(crate) fn open(&mut self, id: Id, at: At) -> bool {
        use std::collections::hash_map::Entry;
        match self.since.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(at);
                true
            }
        }
    }

    /// Where it began; none when it is not open.
    pub(crate) fn close(&mut self, id: &Id) -> Option<At> {
        self.since.remove(id)
    }

    /// All that are open, in the order in which they began.
    pub(crate) fn sorted(&self) -> Vec<(At, Id)> {
        let mut all: Vec<(At, Id)> = self.since.iter().map(|(id, at)| (*at, *id)).collect();
        all.sort_unstable();
        all
    }

    /// The one that has been open longest.
    pub(crate) fn oldest(&self) -> Option<(At, Id)> {
        self.since.iter().map(|(id, at)| (*at, *id)).min()
    }
}
