//! What the heap was told since its trees were last changed.
//!
//! Trees are changed a batch at a time, in key order, because a change by itself costs several cache misses in each of
//! them and a batch shares those. Until then changes wait here, where each costs one look into a table.

use alloc::vec;
use alloc::vec::Vec;

use crate::digest::{Digest, EMPTY};
use crate::heap::{Held, Nullifier};
use crate::tree::{Change, Leaf};

/// What became of an id since the trees were last changed.
#[derive(Clone, Debug, Default)]
pub(crate) enum Now {
    /// What the trees say holds.
    #[default]
    AsBefore,
    /// Not in the trees; allocated since.
    Begun(Held),
    /// Not in the trees; allocated and consumed since.
    Passed,
    /// Live in the tree, consumed since.
    Consumed,
    /// Live in the tree, removed since.
    Removed,
}

impl Now {
    /// How many resources it adds to the live ones, takes from them, and adds to the consumed ones.
    fn weight(&self) -> [u64; 3] {
        match self {
            Now::AsBefore => [0, 0, 0],
            Now::Begun(_) => [1, 0, 0],
            Now::Passed => [0, 0, 1],
            Now::Consumed => [0, 1, 1],
            Now::Removed => [0, 1, 0],
        }
    }
}

/// Changes that wait, by id.
#[derive(Clone, Default)]
pub(crate) struct Pending {
    /// In the order in which ids were first named.
    entries: Vec<(Digest, Now)>,
    /// Where a key's entry is, plus one; open addressing, a power of two of places, at most half of them taken. Keys are
    /// hashes, so their first bytes say where to begin.
    places: Vec<u32>,
    begun: u64,
    ended: u64,
    nullified: u64,
}

/// What waited, for each tree in key order.
pub(crate) struct Batch {
    pub(crate) live: Vec<Change<Held>>,
    pub(crate) spent: Vec<Change<Nullifier>>,
}

/// The first eight bytes, ordered as keys are.
fn start(key: &Digest) -> u64 {
    key.first_chunk().map_or(0, |start| u64::from_be_bytes(*start))
}

impl Pending {
    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let apart = |(_, now): &(Digest, Now)| match now {
            Now::Begun(held) => held.stored.apart(),
            _ => 0,
        };
        let table = self.entries.capacity() * size_of::<(Digest, Now)>() + self.places.capacity() * 4;
        size_of::<Self>() + table + self.entries.iter().map(apart).sum::<usize>()
    }

    /// Whether nothing was said since the trees were changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Live resources, given how many there were.
    pub(crate) fn live(&self, before: u64) -> u64 {
        before + self.begun - self.ended
    }

    /// Consumed ones, given how many there were.
    pub(crate) fn spent(&self, before: u64) -> u64 {
        before + self.nullified
    }

    /// The place where a key is, or where it would be.
    fn place(&self, key: &Digest) -> usize {
        let mask = self.places.len() - 1;
        let mut place = start(key) as usize & mask;
        loop {
            match self.places[place] {
                0 => return place,
                entry if self.entries[entry as usize - 1].0 == *key => return place,
                _ => place = (place + 1) & mask,
            }
        }
    }

    /// What became of an id.
    pub(crate) fn get(&self, key: &Digest) -> &Now {
        if self.entries.is_empty() {
            return &Now::AsBefore;
        }
        match self.places[self.place(key)] {
            0 => &Now::AsBefore,
            entry => &self.entries[entry as usize - 1].1,
        }
    }

    /// Says what became of an id, and gives what was said before.
    pub(crate) fn put(&mut self, key: &Digest, now: Now) -> Now {
        if self.places.len() < 2 * (self.entries.len() + 1) {
            self.grow();
        }
        let new = now.weight();
        let place = self.place(key);
        let was = match self.places[place] {
            0 => {
                self.entries.push((*key, now));
                self.places[place] = self.entries.len() as u32;
                Now::AsBefore
            }
            entry => core::mem::replace(&mut self.entries[entry as usize - 1].1, now),
        };
        let old = was.weight();
        for (count, (new, old)) in
            [&mut self.begun, &mut self.ended, &mut self.nullified].into_iter().zip(new.into_iter().zip(old))
        {
            *count = *count + new - old;
        }
        was
    }

    fn grow(&mut self) {
        self.places = vec![0; (self.places.len() * 2).max(64)];
        for at in 0..self.entries.len() {
            let place = self.place(&self.entries[at].0);
            self.places[place] = at as u32 + 1;
        }
    }

    /// Where its entries are, in key order.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        // Keys are hashes: counting how many begin alike puts nearly all of them in order. What begins alike is sorted
        // then, first by 64 bits, in which hashes hardly ever agree.
        let bits = self.entries.len().max(1).ilog2() + 1;
        let begins = |start: u64| (start >> (64 - bits)) as usize;
        let mut ends = vec![0u32; (1 << bits) + 1];
        self.entries.iter().for_each(|(key, _)| ends[begins(start(key)) + 1] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let mut order = vec![(0, 0); self.entries.len()];
        for ((key, _), at) in self.entries.iter().zip(0u32..) {
            let first = start(key);
            let end = &mut ends[begins(first)];
            order[*end as usize] = (first, at);
            *end += 1;
        }
        let less = |a: &(u64, u32), b: &(u64, u32)| {
            a.0 < b.0 || a.0 == b.0 && self.entries[a.1 as usize].0 < self.entries[b.1 as usize].0
        };
        let mut from = 0;
        while from < order.len() {
            let alike = begins(order[from].0);
            let count = order[from..].iter().take_while(|(first, _)| begins(*first) == alike).count();
            match &mut order[from..from + count] {
                [_] => {}
                [a, b] if less(b, a) => core::mem::swap(a, b),
                [_, _] => {}
                some => some.sort_unstable_by(|a, b| {
                    a.0.cmp(&b.0).then_with(|| self.entries[a.1 as usize].0.cmp(&self.entries[b.1 as usize].0))
                }),
            }
            from += count;
        }
        order.into_iter().map(|(_, at)| at as usize)
    }

    /// Everything said, in key order.
    pub(crate) fn sorted(&self) -> Vec<(&Digest, &Now)> {
        self.order().map(|at| (&self.entries[at].0, &self.entries[at].1)).collect()
    }

    /// Takes everything out, ready for the trees.
    pub(crate) fn drain(&mut self) -> Batch {
        let mut batch = Batch {
            live: Vec::with_capacity((self.begun + self.ended) as usize),
            spent: Vec::with_capacity(self.nullified as usize),
        };
        for at in self.order() {
            let (key, now) = &mut self.entries[at];
            let [_, _, nullified] = now.weight();
            match core::mem::take(now) {
                Now::AsBefore | Now::Passed => {}
                Now::Begun(held) => {
                    let Leaf { cell, rest } = held.leaf(key);
                    batch.live.push(Change { cell, rest: Some(rest) });
                }
                Now::Consumed | Now::Removed => {
                    batch.live.push(Change { cell: Held::cell(key, &EMPTY), rest: None });
                }
            }
            if nullified == 1 {
                batch.spent.push(Change { cell: *key, rest: Some(()) });
            }
        }
        self.entries.clear();
        self.places.fill(0);
        (self.begun, self.ended, self.nullified) = (0, 0, 0);
        batch
    }
}
