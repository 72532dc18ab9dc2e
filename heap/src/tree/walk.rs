//! Looking: one key, many keys, all leaves in order.

use alloc::vec;
use alloc::vec::Vec;

use super::Node;
use super::bucket::Leaf;
use super::fork::nibble;
use crate::digest::Digest;

pub(super) fn get<'a, V>(top: &'a Node<V>, key: &Digest) -> Option<&'a V> {
    let mut node = top;
    for depth in 0.. {
        match node {
            Node::Empty => break,
            Node::Fork(fork) => node = &fork.below()[nibble(key, depth)],
            Node::Bucket(bucket) => return bucket.find(key, depth).ok().map(|at| &bucket.leaves()[at].value),
        }
    }
    None
}

/// Brings what lies on the way to many keys into the cache, level by level, so that the misses overlap instead of
/// waiting for each other. Changing one key after another then finds it there. Changes nothing.
///
/// `deep` also fetches all leaves of the buckets, for keys that are about to change; looking needs their heads only.
pub(super) fn warm<V>(top: &Node<V>, keys: &[Digest], deep: bool) {
    // More loads than the processor keeps in flight, few enough that the list stays in the nearest cache.
    for some in keys.chunks(128) {
        let mut front: Vec<(&Node<V>, &Digest)> = some.iter().map(|key| (top, key)).collect();
        let mut buckets = Vec::with_capacity(front.len());
        for depth in 0.. {
            front.retain_mut(|(node, key)| match node {
                Node::Empty => false,
                Node::Bucket(bucket) => {
                    buckets.push(bucket);
                    false
                }
                Node::Fork(fork) => {
                    *node = &fork.below()[nibble(key, depth)];
                    true
                }
            });
            if front.is_empty() {
                break;
            }
        }
        // First the buckets, then the leaves: two misses, each beside those of the other buckets.
        let mut seen = 0;
        for bucket in &buckets {
            seen ^= bucket.heads().last().unwrap_or(&0);
        }
        for leaf in buckets.iter().filter(|_| deep).flat_map(|bucket| bucket.leaves()) {
            seen ^= u32::from(leaf.key[0] ^ leaf.digest[31]);
        }
        core::hint::black_box(seen);
    }
}

/// Brings nodes and what their digests are made from into the cache, all at once.
pub(super) fn fetch<'a, V: 'a>(nodes: impl Iterator<Item = &'a Node<V>> + Clone) {
    let mut seen = 0;
    for node in nodes.clone() {
        match node {
            Node::Empty => {}
            Node::Bucket(bucket) => seen ^= bucket.heads().last().unwrap_or(&0),
            Node::Fork(fork) => seen ^= u32::from(fork.stale()),
        }
    }
    for node in nodes {
        match node {
            Node::Empty => {}
            Node::Bucket(bucket) => bucket.leaves().iter().for_each(|leaf| seen ^= u32::from(leaf.digest[0])),
            Node::Fork(fork) => (1..32).for_each(|node| seen ^= u32::from(fork.digest(node)[0])),
        }
    }
    core::hint::black_box(seen);
}

/// Iterates over a tree's leaves in key order.
pub(crate) struct Iter<'a, V> {
    /// What is left of each fork on the way down, the innermost last.
    forks: Vec<core::slice::Iter<'a, Node<V>>>,
    bucket: core::slice::Iter<'a, Leaf<V>>,
}

impl<'a, V> Iter<'a, V> {
    pub(super) fn new(top: &'a Node<V>) -> Self {
        Iter { forks: vec![core::slice::from_ref(top).iter()], bucket: [].iter() }
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Digest, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(leaf) = self.bucket.next() {
                return Some((&leaf.key, &leaf.value));
            }
            match self.forks.last_mut()?.next() {
                None => drop(self.forks.pop()),
                Some(Node::Empty) => {}
                Some(Node::Bucket(bucket)) => self.bucket = bucket.leaves().iter(),
                Some(Node::Fork(fork)) => self.forks.push(fork.below().iter()),
            }
        }
    }
}
