//! Looking: one key, many keys, all leaves in order.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::Node;
use super::block::{Block, Leaf};
use super::fork::LEVELS;
use crate::digest::Digest;

pub(super) fn get<'a, V>(top: &'a Node<V>, key: &Digest) -> Option<&'a V> {
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
pub(super) fn warm<'a, V>(top: &Node<V>, keys: impl Iterator<Item = &'a Digest>) {
    let mut front: Vec<(&Node<V>, &Digest)> = keys.map(|key| (top, key)).collect();
    let mut blocks: Vec<(&Block<V>, &Digest)> = Vec::with_capacity(front.len());
    let mut seen = 0;
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
    blocks.iter().for_each(|(block, _)| seen ^= block.touch_header());
    blocks.iter().for_each(|(block, key)| seen ^= block.touch(key));
    core::hint::black_box(seen);
}

/// Iterates over leaves in key order.
pub(crate) struct Iter<'a, V> {
    /// What is left of each fork on the way down, the innermost last.
    forks: Vec<core::slice::Iter<'a, Node<V>>>,
    block: Option<(&'a Block<V>, Range<usize>)>,
}

impl<'a, V> Iter<'a, V> {
    /// Over the leaves of some subtrees, which are in key order.
    pub(crate) fn over(nodes: &'a [Node<V>]) -> Self {
        Iter { forks: vec![nodes.iter()], block: None }
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = &'a Leaf<V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((block, positions)) = &mut self.block
                && let Some(leaf) = positions.next().and_then(|at| block.leaf(at))
            {
                return Some(leaf);
            }
            match self.forks.last_mut()?.next() {
                None => drop(self.forks.pop()),
                Some(Node::Empty) => {}
                Some(Node::Block(block)) => self.block = Some((block, 0..block.len())),
                Some(Node::Fork(fork)) => self.forks.push(fork.below().iter()),
            }
        }
    }
}
