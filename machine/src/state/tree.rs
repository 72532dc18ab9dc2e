//! The state tree: one leaf for each session, at the place that the session's number names.
//!
//! Four nodes stand below each node. A place without a session has the digest of zeros, and so has a node below which
//! there is no session; the tree is as high as the sessions ever opened need, and takes memory for those alive. A leaf
//! that changes costs one hash of 128 bytes a level, shared with its neighbours that change in the same batch.

use alloc::vec::Vec;
use motet_types::{Digest, Planted, Sparse, planted};

/// How many nodes stand below a node, as bits of a number.
const ARITY_BITS: usize = 2;
pub(crate) const ARITY: usize = 1 << ARITY_BITS;

type Hash = [u8; 32];

/// The digest of nothing.
pub(crate) const EMPTY: Hash = [0; 32];

/// The key of nodes' hashes.
const NODE: &Hash = b"motet.state.node................";

/// How many levels stand above the leaves when that many sessions were ever opened.
pub(crate) const fn height(opened: u64) -> usize {
    let bits = match opened.saturating_sub(1) {
        0 => 0,
        last => last.ilog2() as usize + 1,
    };
    bits.div_ceil(ARITY_BITS)
}

/// Where the ancestor of a leaf stands at a level.
pub(crate) const fn ancestor(leaf: u64, level: usize) -> u64 {
    if level * ARITY_BITS >= 64 { 0 } else { leaf >> (level * ARITY_BITS) }
}

/// The digest of a node.
pub(crate) fn node(below: &[Hash; ARITY]) -> Hash {
    if below.iter().all(|digest| *digest == EMPTY) {
        return EMPTY;
    }
    *blake3::keyed_hash(NODE, below.as_flattened()).as_bytes()
}

/// The tree.
#[derive(Clone, Debug)]
pub(crate) struct StateTree {
    /// By level; the leaves first, the top alone last.
    levels: Vec<Sparse<Hash>>,
    /// How many sessions had been opened when it was last brought up to date.
    opened: u64,
}

impl StateTree {
    pub(crate) fn new() -> Self {
        Self { levels: Vec::from([Sparse::new(EMPTY)]), opened: 0 }
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of::<Sparse<Hash>>() + level.bytes()).sum()
    }

    /// How many sessions it knows to have been opened.
    pub(crate) const fn opened(&self) -> u64 {
        self.opened
    }

    /// The digest at the top.
    pub(crate) fn top(&self) -> Hash {
        self.levels.last().map_or(EMPTY, |level| level.get(0))
    }

    /// The leaf of a session.
    pub(crate) fn leaf(&self, id: u64) -> Hash {
        self.levels[0].get(id)
    }

    /// Writes leaves and everything above them. `changes` are in order of their ids; of several of one id, the last
    /// one holds.
    pub(crate) fn apply(&mut self, changes: &[(u64, Digest)], opened: u64) {
        let before = self.levels.len();
        let levels = height(opened) + 1;
        while self.levels.len() < levels {
            self.levels.push(Sparse::new(EMPTY));
        }
        self.opened = opened;
        let mut above: Vec<u64> = Vec::with_capacity(changes.len() + 1);
        if self.levels.len() > before && !planted(Planted::TreeKeepsTop) {
            // What was the top stands below new nodes now, whether or not anything below it has changed.
            above.push(0);
        }
        for (id, digest) in changes {
            self.levels[0].set(*id, digest.0);
            let parent = ancestor(*id, 1);
            if above.last() != Some(&parent) {
                above.push(parent);
            }
        }
        for level in 1..self.levels.len() {
            let (below, here) = self.levels.split_at_mut(level);
            let mut kept = 0;
            for at in 0..above.len() {
                let parent = above[at];
                let group = below[level - 1].group(parent << ARITY_BITS, ARITY);
                let digest = group.and_then(|group| group.try_into().ok()).map_or(EMPTY, node);
                here[0].set(parent, digest);
                let next = ancestor(parent, 1);
                if kept == 0 || above[kept - 1] != next {
                    above[kept] = next;
                    kept += 1;
                }
            }
            above.truncate(kept);
        }
    }

    /// What stands beside a leaf and its ancestors, from the leaf up: at each level the other three, in order.
    pub(crate) fn path(&self, id: u64) -> Vec<[Hash; ARITY - 1]> {
        let beside = |level: usize| {
            let at = ancestor(id, level);
            let first = at & !(ARITY as u64 - 1);
            let mut others = (first..first + ARITY as u64).filter(|other| *other != at);
            core::array::from_fn(|_| others.next().map_or(EMPTY, |other| self.levels[level].get(other)))
        };
        (0..self.levels.len() - 1).map(beside).collect()
    }
}

/// The top of a tree of these leaves, which are in order of their ids; computed from nothing else. It is what a tree
/// that was kept up to date must have at its top.
pub(crate) fn combine(leaves: &[(u64, Digest)], opened: u64) -> Hash {
    fn below(leaves: &[(u64, Digest)], level: usize, at: u64) -> Hash {
        match (leaves, level) {
            ([], _) => EMPTY,
            ([(_, leaf), ..], 0) => leaf.0,
            _ => {
                let mut rest = leaves;
                node(&core::array::from_fn(|child| {
                    let child = (at << ARITY_BITS) + child as u64;
                    let count = rest.partition_point(|(id, _)| ancestor(*id, level - 1) <= child);
                    let (mine, others) = rest.split_at(count);
                    rest = others;
                    below(mine, level - 1, child)
                }))
            }
        }
    }
    below(leaves, height(opened), 0)
}
