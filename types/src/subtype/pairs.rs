//! Pairs met by a walk from a first pair, breadth first, and how each was come to.

use super::resolve::{Act, Alphabet};
use super::verdict::Message;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A step of the candidate: what it did, and with which letter.
pub(super) type Step = (Act, u32);

/// The pairs of one walk, in the order in which they were met: so the first difference found is a nearest one.
pub(super) struct Pairs<K> {
    keys: Vec<K>,
    /// For each pair but the first, which pair it was met from, and by which step.
    from: Vec<Option<(usize, Step)>>,
    index: BTreeMap<K, usize>,
}

impl<K: Copy + Ord> Pairs<K> {
    pub(super) fn new(first: K) -> Self {
        Self { keys: [first].into(), from: [None].into(), index: [(first, 0)].into() }
    }

    pub(super) fn get(&self, at: usize) -> Option<K> {
        self.keys.get(at).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn position(&self, key: K) -> Option<usize> {
        self.index.get(&key).copied()
    }

    /// The pair's place, and it is put behind all others when it is new.
    pub(super) fn meet(&mut self, key: K, from: usize, step: Step) -> usize {
        if let Some(at) = self.position(key) {
            return at;
        }
        let at = self.keys.len();
        self.keys.push(key);
        self.from.push(Some((from, step)));
        self.index.insert(key, at);
        at
    }

    /// The candidate's messages from the first pair to this one.
    pub(super) fn path(&self, mut at: usize, names: &Alphabet) -> Vec<Message> {
        let mut path = Vec::new();
        while let Some((before, (act, letter))) = self.from[at] {
            path.push(names.message(act, letter));
            at = before;
        }
        path.reverse();
        path
    }
}
