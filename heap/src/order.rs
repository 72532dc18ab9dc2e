//! The heap in id order: its trees, and what waits to be taken in by them, as one.

use crate::digest::Digest;
use crate::heap::Heap;
use crate::id::ResourceId;
use crate::pending::Now;
use crate::tree::{LeafRef, Stored};

impl Heap {
    /// Live resources in id order, in stored form. Sorts first what changed since the last commit.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceId, &[u8])> {
        let waiting = self.waiting().sorted().into_iter().map(|(key, now)| match now {
            Now::AsBefore => (key, Said::Nothing),
            Now::Begun(held) => (key, Said::There(&held.stored)),
            Now::Passed | Now::Consumed | Now::Removed => (key, Said::Gone),
        });
        merge(self.live().iter(), waiting).map(|(key, stored)| (ResourceId(*key), &**stored))
    }

    /// Consumed ids in id order. Sorts first what changed since the last commit.
    pub fn consumed(&self) -> impl Iterator<Item = ResourceId> {
        let waiting = self.waiting().sorted().into_iter().map(|(key, now)| match now {
            Now::Passed | Now::Consumed => (key, Said::There(&())),
            Now::AsBefore | Now::Begun(_) | Now::Removed => (key, Said::Nothing),
        });
        merge(self.spent().iter(), waiting).map(|(key, _)| ResourceId(*key))
    }
}

/// What waits to be said about an id in one of the trees.
enum Said<'a, R> {
    Nothing,
    There(&'a R),
    Gone,
}

/// A tree's leaves with what waits, both in key order.
fn merge<'a, V: Stored + 'a>(
    leaves: impl Iterator<Item = LeafRef<'a, V>>,
    waiting: impl Iterator<Item = (&'a Digest, Said<'a, V::Rest>)>,
) -> impl Iterator<Item = (&'a Digest, &'a V::Rest)> {
    let (mut leaves, mut waiting) = (leaves.map(|leaf| (leaf.key(), leaf.rest)).peekable(), waiting.peekable());
    core::iter::from_fn(move || {
        loop {
            let Some((key, _)) = waiting.peek() else {
                return leaves.next();
            };
            if let Some(leaf) = leaves.next_if(|(leaf, _)| leaf < key) {
                return Some(leaf);
            }
            let (key, said) = waiting.next()?;
            let there = leaves.next_if(|(leaf, _)| *leaf == key);
            match said {
                Said::Nothing if there.is_some() => return there,
                Said::There(value) => return Some((key, value)),
                Said::Nothing | Said::Gone => {}
            }
        }
    })
}
