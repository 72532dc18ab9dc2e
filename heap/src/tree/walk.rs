//! Looking: one key, many keys, all leaves in order.

use alloc::vec;
use alloc::vec::Vec;

use super::block::Block;
use super::bucket::{Bucket, LeafRef};
use super::levels::{LEVELS, WAYS, reach};
use super::{Node, Stored};
use crate::digest::Digest;

pub(super) fn get<'a, V: Stored>(top: &'a Node<V>, key: &Digest) -> Option<LeafRef<'a, V>> {
    let mut node = top;
    for depth in 0.. {
        match node {
            Node::Empty => break,
            Node::Fork(fork) => node = fork.toward(key, depth * LEVELS),
            Node::Block(block) => return block.get(key),
        }
    }
    None
}

/// Brings what lies on the way to some keys into the cache, level by level, so that the misses overlap instead of
/// waiting for each other. Looking at one key after another then finds it there. Changes nothing.
pub(super) fn warm<'t, 'k, V: Stored>(top: &'t Node<V>, keys: impl Iterator<Item = &'k Digest>) {
    let mut front: Vec<(&Node<V>, &Digest)> = keys.map(|key| (top, key)).collect();
    let mut blocks: Vec<(&Block<V>, &Digest)> = Vec::with_capacity(front.len());
    for depth in 0.. {
        front.retain_mut(|(node, key)| match node {
            Node::Empty => false,
            Node::Block(block) => {
                blocks.push((block, key));
                false
            }
            Node::Fork(fork) => {
                *node = fork.toward(key, depth * LEVELS);
                true
            }
        });
        if front.is_empty() {
            break;
        }
    }
    core::hint::black_box(blocks.iter().fold(0, |seen, (block, _)| seen ^ block.touch_header()));
    let bucket = |&(block, key): &(&'t Block<V>, &'k Digest)| Some((block.bucket(block.node(key))?, key));
    let buckets: Vec<(&Bucket<V>, &Digest)> = blocks.iter().filter_map(bucket).collect();
    core::hint::black_box(buckets.iter().fold(0, |seen, (bucket, _)| seen ^ bucket.touch()));
    core::hint::black_box(buckets.iter().fold(0, |seen, (bucket, key)| seen ^ bucket.touch_rest(key)));
}

/// Iterates over leaves in key order.
pub(crate) struct Iter<'a, V: Stored> {
    /// What is left of each fork on the way down, the innermost last.
    forks: Vec<core::slice::Iter<'a, Node<V>>>,
    /// A block, and the first of its subtrees that is still to come.
    block: Option<(&'a Block<V>, usize)>,
    /// A bucket, and the first of its leaves that is still to come.
    bucket: Option<(&'a Bucket<V>, usize)>,
}

impl<'a, V: Stored> Iter<'a, V> {
    /// Over the leaves of some subtrees, which are in key order.
    pub(crate) fn over(nodes: &'a [Node<V>]) -> Self {
        Iter { forks: vec![nodes.iter()], block: None, bucket: None }
    }
}

impl<'a, V: Stored> Iterator for Iter<'a, V> {
    type Item = LeafRef<'a, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((bucket, at)) = &mut self.bucket
                && let Some(leaf) = bucket.leaf(*at)
            {
                *at += 1;
                return Some(leaf);
            }
            if let Some((block, way)) = &mut self.block
                && *way < WAYS
            {
                let node = block.end(*way);
                *way = reach(node).end;
                self.bucket = block.bucket(node).map(|bucket| (bucket, 0));
                continue;
            }
            match self.forks.last_mut()?.next() {
                None => drop(self.forks.pop()),
                Some(Node::Empty) => {}
                Some(Node::Block(block)) => self.block = Some((block, 0)),
                Some(Node::Fork(fork)) => self.forks.push(fork.below().iter()),
            }
        }
    }
}
