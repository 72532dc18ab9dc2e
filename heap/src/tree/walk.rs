//! Looking: one key, many keys, all leaves in order.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::Node;
use super::bucket::Bucket;
use crate::digest::Digest;

pub(super) fn get<'a, V>(top: &'a Node<V>, key: &Digest) -> Option<&'a V> {
    let mut node = top;
    for depth in 0.. {
        match node {
            Node::Empty => break,
            Node::Fork(fork) => node = fork.toward(key, depth),
            Node::Bucket(bucket) => return bucket.leaf(bucket.find(key).ok()?).map(|leaf| &leaf.value),
        }
    }
    None
}

/// Brings what lies on the way to some keys into the cache, level by level, so that the misses overlap instead of
/// waiting for each other. Looking at one key after another then finds it there. Changes nothing.
pub(super) fn warm<'a, V>(top: &Node<V>, keys: impl Iterator<Item = &'a Digest>) {
    let mut front: Vec<(&Node<V>, &Digest)> = keys.map(|key| (top, key)).collect();
    let mut seen = 0;
    for depth in 0.. {
        front.retain_mut(|(node, key)| match node {
            Node::Empty => false,
            Node::Bucket(bucket) => {
                seen ^= bucket.touch();
                false
            }
            Node::Fork(fork) => {
                *node = fork.toward(key, depth);
                true
            }
        });
        if front.is_empty() {
            break;
        }
    }
    core::hint::black_box(seen);
}

/// Iterates over a tree's leaves in key order.
pub(crate) struct Iter<'a, V> {
    /// What is left of each fork on the way down, the innermost last.
    forks: Vec<core::slice::Iter<'a, Node<V>>>,
    bucket: Option<(&'a Bucket<V>, Range<usize>)>,
}

impl<'a, V> Iter<'a, V> {
    pub(super) fn new(top: &'a Node<V>) -> Self {
        Iter { forks: vec![core::slice::from_ref(top).iter()], bucket: None }
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Digest, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((bucket, positions)) = &mut self.bucket
                && let Some(leaf) = positions.next().and_then(|at| bucket.leaf(at))
            {
                return Some((&leaf.key, &leaf.value));
            }
            match self.forks.last_mut()?.next() {
                None => drop(self.forks.pop()),
                Some(Node::Empty) => {}
                Some(Node::Bucket(bucket)) => self.bucket = Some((bucket, 0..bucket.len())),
                Some(Node::Fork(fork)) => self.forks.push(fork.below().iter()),
            }
        }
    }
}
