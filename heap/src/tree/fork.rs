//! Forks: five binary levels at a time, above blocks.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::{Block, fits};
use super::bucket::{Cell, Leaf, MOST};
use super::levels::{LEVELS, Levels, WAYS, above, reach, way};
use super::{Change, Node, Stored};
use crate::digest::Digest;

/// A fork with no more leaves becomes a block, if they fit.
const FEW: u64 = 2 * WAYS as u64;

/// More leaves than this are hardly ever a block.
const MANY: usize = 4 * WAYS;

/// A subtree too large for a block: 32 subtrees, and every digest of the levels between.
#[derive(Clone)]
pub(crate) struct Fork<V: Stored> {
    count: u64,
    /// Subtrees that changed since the digests were computed.
    stale: u32,
    /// Leaves in each subtree, but never more than one too many for a bucket. Of stale subtrees: as they were.
    few: [u8; WAYS],
    /// Nodes 32 to 63 are the subtrees.
    levels: Levels,
    below: [Node<V>; WAYS],
}

impl<V: Stored> Fork<V> {
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
    #[inline]
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
    pub(super) fn plan(&mut self, small: &mut impl FnMut(&[Node<V>]) -> Digest) -> u32 {
        let (mut left, mut large) = (self.stale, true);
        while left != 0 {
            let way = left.trailing_zeros() as usize;
            left &= left - 1;
            let few = self.below[way].count().min(MOST as u64 + 1) as u8;
            // Above a subtree too large for a bucket, before and now, there are only branches.
            large &= self.few[way] == few && usize::from(few) > MOST;
            self.few[way] = few;
            self.levels.set(WAYS + way, self.below[way].digest());
        }
        let stale = core::mem::take(&mut self.stale);
        if large {
            return above(u64::from(stale) << WAYS);
        }
        let mut marked = 0;
        self.visit(1, stale, small, &mut marked);
        marked
    }

    fn visit(&mut self, node: usize, stale: u32, small: &mut impl FnMut(&[Node<V>]) -> Digest, marked: &mut u32) {
        let reach = reach(node);
        if node >= WAYS {
            return self.levels.set(node, self.below[node - WAYS].digest());
        }
        let few: u16 = self.few[reach.clone()].iter().map(|few| u16::from(*few)).sum();
        if usize::from(few) <= MOST {
            self.levels.join(node);
            let digest = small(&self.below[reach]);
            return self.levels.set(node, &digest);
        }
        let was = self.levels.is_branch(node);
        self.levels.branch(node);
        let width = reach.len() / 2;
        for (half, first) in [(2 * node, reach.start), (2 * node + 1, reach.start + width)] {
            let ways = u32::MAX >> (WAYS - width) << first;
            if !was || stale & ways != 0 {
                self.visit(half, stale, small, marked);
            }
        }
        *marked |= 1 << node;
    }
}

/// The subtree at `bit` with these leaves, which are in key order.
pub(super) fn build<V: Stored>(leaves: Vec<Leaf<V>>, bit: usize) -> Node<V> {
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
        let at = way(first.cell.key(), bit);
        let mut some = Vec::from([first]);
        while let Some(leaf) = leaves.next_if(|leaf| way(leaf.cell.key(), bit) == at) {
            some.push(leaf);
        }
        below[at] = build(some, bit + LEVELS);
    }
    Node::Fork(Arc::new(Fork { count, stale: u32::MAX, few: [0; WAYS], levels: Levels::default(), below }))
}

/// A block and the changes that belong there.
pub(super) struct Work<'a, V: Stored> {
    pub(super) block: &'a mut Block<V>,
    pub(super) changes: &'a mut [Change<V>],
}

/// Finds the blocks where changes belong, which are in key order, all below `node`, begin what is not there and end what
/// is. Where there is no block, or a fork is not due any more, what is to be there is built.
pub(super) fn route<'a, V: Stored>(
    node: &'a mut Node<V>,
    bit: usize,
    changes: &'a mut [Change<V>],
    work: &mut Vec<Work<'a, V>>,
) {
    if let Node::Fork(fork) = node {
        let begun = changes.iter().filter(|change| change.rest.is_some()).count() as u64;
        if fork.count + begun <= FEW + (changes.len() as u64 - begun) {
            return rebuild(node, bit, changes);
        }
    }
    match node {
        Node::Empty => rebuild(node, bit, changes),
        Node::Block(block) if changes.len() > WAYS && block.len() + changes.len() > MANY => rebuild(node, bit, changes),
        Node::Block(block) => work.push(Work { block: Arc::make_mut(block), changes }),
        Node::Fork(fork) => {
            let fork = Arc::make_mut(fork);
            let begun = changes.iter().filter(|change| change.rest.is_some()).count() as u64;
            fork.count = fork.count + begun - (changes.len() as u64 - begun);
            let mut below = fork.below.iter_mut();
            let mut passed = 0;
            for some in changes.chunk_by_mut(|a, b| way(a.key(), bit) == way(b.key(), bit)) {
                let at = some.first().map_or(0, |change| way(change.key(), bit));
                fork.stale |= 1 << at;
                if let Some(node) = below.nth(at - passed) {
                    route(node, bit + LEVELS, some, work);
                }
                passed = at + 1;
            }
        }
    }
}

/// Adds a leaf whose block had no room for it. The forks above count it already.
pub(super) fn force<V: Stored>(node: &mut Node<V>, bit: usize, change: &mut Change<V>) {
    match node {
        Node::Fork(fork) => {
            let fork = Arc::make_mut(fork);
            force(&mut fork.below[way(change.key(), bit)], bit + LEVELS, change);
        }
        Node::Block(block) => {
            let change = core::slice::from_mut(change);
            if !Arc::make_mut(block).apply(change) {
                rebuild(node, bit, change);
            }
        }
        Node::Empty => rebuild(node, bit, core::slice::from_mut(change)),
    }
}

/// Builds a subtree anew, with changes, in the shape that is due.
fn rebuild<V: Stored>(node: &mut Node<V>, bit: usize, changes: &mut [Change<V>]) {
    let mut leaves = Vec::with_capacity(node.count() as usize + changes.len());
    collect(core::mem::replace(node, Node::Empty), &mut leaves);
    let mut ended = changes.iter().filter(|change| change.rest.is_none()).map(Change::key).peekable();
    leaves.retain(|leaf| {
        while ended.next_if(|key| *key < leaf.cell.key()).is_some() {}
        ended.next_if(|key| *key == leaf.cell.key()).is_none()
    });
    let begun = |change: &mut Change<V>| Some(Leaf { cell: change.cell, rest: change.rest.take()? });
    leaves.extend(changes.iter_mut().filter_map(begun));
    leaves.sort_by(|a, b| a.cell.key().cmp(b.cell.key()));
    *node = build(leaves, bit);
}

/// Appends all leaves below `node` in key order.
fn collect<V: Stored>(node: Node<V>, leaves: &mut Vec<Leaf<V>>) {
    match node {
        Node::Empty => {}
        Node::Block(block) => Arc::unwrap_or_clone(block).drain(leaves),
        Node::Fork(fork) => Arc::unwrap_or_clone(fork).below.into_iter().for_each(|node| collect(node, leaves)),
    }
}
