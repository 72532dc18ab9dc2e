//! Forks: five binary levels at a time, above blocks; and the changes that run through them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::{Block, Leaf, MOST, ROOM, fits};
use super::levels::{Levels, level};
use super::{Change, Node, Shape, Stored};
use crate::digest::Digest;

/// Binary levels of a fork.
pub(super) const LEVELS: usize = 5;

/// Subtrees below a fork.
pub(super) const WAYS: usize = 1 << LEVELS;

/// A fork with no more leaves becomes a block, if they fit.
const FEW: u64 = ROOM as u64 / 4;

/// A subtree too large for a block: 32 subtrees, and every digest of the levels between.
#[derive(Clone)]
pub(crate) struct Fork<V> {
    count: u64,
    /// Subtrees that changed since the digests were computed.
    stale: u32,
    /// Leaves in each subtree, but never more than one too many for a bucket. Of stale subtrees: as they were.
    few: [u8; WAYS],
    /// Nodes 32 to 63 are the subtrees.
    levels: Levels,
    below: [Node<V>; WAYS],
}

/// The bits of `key` that pick the subtree in a fork `bit` bits down; beyond its end there are zeros.
pub(super) fn way(key: &Digest, bit: usize) -> usize {
    let byte = |at: usize| usize::from(key.get(at).copied().unwrap_or(0));
    (byte(bit / 8) << 8 | byte(bit / 8 + 1)) >> (16 - LEVELS - bit % 8) & (WAYS - 1)
}

/// The subtrees below a node.
fn reach(node: usize) -> core::ops::Range<usize> {
    let width = WAYS >> level(node);
    let first = node * width - WAYS;
    first..first + width
}

impl<V> Fork<V> {
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    pub(super) fn levels_mut(&mut self) -> &mut Levels {
        &mut self.levels
    }

    pub(super) fn stale(&self) -> u32 {
        self.stale
    }

    /// What a key leads to, in a fork `bit` bits down.
    pub(crate) fn toward(&self, key: &Digest, bit: usize) -> &Node<V> {
        &self.below[way(key, bit)]
    }

    /// What hangs below, in key order.
    pub(crate) fn below(&self) -> &[Node<V>] {
        &self.below
    }

    pub(super) fn below_mut(&mut self) -> &mut [Node<V>] {
        &mut self.below
    }

    /// What hangs below one of the fork's nodes.
    pub(crate) fn below_node(&self, node: usize) -> &[Node<V>] {
        &self.below[reach(node)]
    }

    /// What hangs at one of the nodes 32 to 63.
    pub(crate) fn hanging(&self, node: usize) -> &Node<V> {
        &self.below[node - WAYS]
    }

    /// Brings the shapes up to date, and the digests of the subtrees that changed, which are settled: answers with the
    /// branches, as bits, that have to be hashed then, from the lowest up. `small` hashes a bucket that spans subtrees.
    pub(super) fn plan(&mut self, small: &mut impl FnMut(&[Node<V>]) -> Digest) -> u128 {
        for way in 0..WAYS {
            if self.stale >> way & 1 == 1 {
                self.few[way] = self.below[way].count().min(MOST as u64 + 1) as u8;
            }
        }
        let mut marked = 0;
        self.visit(1, small, &mut marked);
        self.stale = 0;
        marked
    }

    fn visit(&mut self, node: usize, small: &mut impl FnMut(&[Node<V>]) -> Digest, marked: &mut u128) {
        let reach = reach(node);
        let was = self.levels.shape(node);
        let few: u16 = self.few[reach.clone()].iter().map(|few| u16::from(*few)).sum();
        let shape = match usize::from(few) {
            0 => Shape::Empty,
            few if few <= MOST => Shape::Bucket,
            _ => Shape::Branch,
        };
        self.levels.reshape(node, shape);
        match shape {
            Shape::Empty => {}
            _ if node >= WAYS => {
                let digest = *self.below[node - WAYS].digest();
                self.levels.set(node, digest);
            }
            Shape::Bucket => {
                let digest = small(&self.below[reach]);
                self.levels.set(node, digest);
            }
            Shape::Branch => {
                let width = reach.len() / 2;
                for (half, first) in [(2 * node, reach.start), (2 * node + 1, reach.start + width)] {
                    let ways = u32::MAX >> (32 - width) << first;
                    if was != Shape::Branch || self.stale & ways != 0 {
                        self.visit(half, small, marked);
                    }
                }
                *marked |= 1 << node;
            }
        }
    }
}

/// The subtree at `bit` with these leaves, which are in key order.
fn build<V>(leaves: Vec<Leaf<V>>, bit: usize) -> Node<V> {
    if leaves.is_empty() {
        return Node::Empty;
    }
    if fits(&leaves, bit) {
        return Node::Block(Arc::new(Block::new(leaves, bit)));
    }
    let mut below = [const { Node::Empty }; WAYS];
    let count = leaves.len() as u64;
    let mut leaves = leaves.into_iter().peekable();
    while let Some(first) = leaves.next() {
        let at = way(&first.key, bit);
        let mut some = Vec::from([first]);
        while let Some(leaf) = leaves.next_if(|leaf| way(&leaf.key, bit) == at) {
            some.push(leaf);
        }
        some.shrink_to_fit();
        below[at] = build(some, bit + LEVELS);
    }
    Node::Fork(Arc::new(Fork { count, stale: u32::MAX, few: [0; WAYS], levels: Levels::default(), below }))
}

/// Applies changes below `node`, `bit` bits down. They are in key order, belong there, begin what is not there and end
/// what is.
pub(super) fn apply<V: Stored>(node: &mut Node<V>, bit: usize, changes: &mut [Change<V>]) {
    match node {
        Node::Block(block) if block.len() + changes.len() <= ROOM => {
            let block = Arc::make_mut(block);
            let mut fits = true;
            for change in changes {
                match change.value.take() {
                    Some(value) => fits &= block.put(Leaf { key: change.key, value }),
                    None => drop(block.take(&change.key)),
                }
            }
            if !fits || block.len() == 0 {
                rebuild(node, bit, &mut []);
            }
        }
        Node::Empty | Node::Block(_) => rebuild(node, bit, changes),
        Node::Fork(fork) => {
            let fork = Arc::make_mut(fork);
            for some in changes.chunk_by_mut(|a, b| way(&a.key, bit) == way(&b.key, bit)) {
                let at = some.first().map_or(0, |change| way(&change.key, bit));
                for change in some.iter() {
                    if change.value.is_some() { fork.count += 1 } else { fork.count -= 1 }
                }
                apply(&mut fork.below[at], bit + LEVELS, some);
                fork.stale |= 1 << at;
            }
            if fork.count <= FEW {
                rebuild(node, bit, &mut []);
            }
        }
    }
}

/// Builds a subtree anew, with changes, in the shape that is due.
fn rebuild<V: Stored>(node: &mut Node<V>, bit: usize, changes: &mut [Change<V>]) {
    let mut leaves = Vec::with_capacity(node.count() as usize + changes.len());
    collect(core::mem::replace(node, Node::Empty), &mut leaves);
    if !changes.is_empty() {
        let mut ended = changes.iter().filter(|change| change.value.is_none()).map(|change| change.key).peekable();
        leaves.retain(|leaf| {
            while ended.next_if(|key| *key < leaf.key).is_some() {}
            ended.next_if_eq(&leaf.key).is_none()
        });
        let begun = |change: &mut Change<V>| Some(Leaf { key: change.key, value: change.value.take()? });
        leaves.extend(changes.iter_mut().filter_map(begun));
        leaves.sort_by_key(|leaf| leaf.key);
    }
    *node = build(leaves, bit);
}

/// Appends all leaves below `node` in key order.
fn collect<V: Clone>(node: Node<V>, leaves: &mut Vec<Leaf<V>>) {
    match node {
        Node::Empty => {}
        Node::Block(block) => leaves.extend(Arc::unwrap_or_clone(block).drain()),
        Node::Fork(fork) => Arc::unwrap_or_clone(fork).below.into_iter().for_each(|node| collect(node, leaves)),
    }
}

/// The blocks that these changes led to and whose digests are not up to date, in order.
pub(super) fn stale_blocks<'a, V: Clone>(
    node: &'a mut Node<V>,
    bit: usize,
    changes: &[Change<V>],
    blocks: &mut Vec<&'a mut Block<V>>,
) {
    match node {
        Node::Empty => {}
        Node::Block(block) if block.is_stale() => blocks.push(Arc::make_mut(block)),
        Node::Block(_) => {}
        Node::Fork(fork) => {
            let mut below = Arc::make_mut(fork).below.iter_mut().enumerate();
            for some in changes.chunk_by(|a, b| way(&a.key, bit) == way(&b.key, bit)) {
                let wanted = some.first().map_or(0, |change| way(&change.key, bit));
                if let Some((_, node)) = below.find(|(at, _)| *at == wanted) {
                    stale_blocks(node, bit + LEVELS, some, blocks);
                }
            }
        }
    }
}
