//! Forks: four binary levels at a time, and the changes that run through them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::bucket::{Bucket, Leaf, MOST};
use super::{Node, Shape, Stored};
use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// A subtree with more than [`MOST`] leaves: what hangs below four binary levels, and every digest of those levels.
///
/// Nodes are numbered as in a heap of the other sort: 1 is the fork itself, the halves of n are 2n and 2n + 1, and 16 to
/// 31 are where the four levels end. What hangs at node n, a bucket or nothing from level 1 on, a fork at level 4 only,
/// is kept under the first of the nibbles that lead there, its home. Most forks have few leaves more than a bucket, so
/// only what is there takes room.
#[derive(Clone)]
pub(crate) struct Fork<V> {
    count: u64,
    /// Homes whose subtree changed since the digests were computed.
    stale: u16,
    /// Bit n: nibble n is a home.
    roots: u16,
    /// By nibble: the home of what it leads to.
    homes: [u8; 16],
    /// By home: the node at which it hangs.
    nodes: [u8; 16],
    /// Bit n: node n is a bucket.
    buckets: u32,
    /// Bit n: node n is a branch.
    branches: u32,
    /// Of the nodes that are either, by number.
    digests: Vec<Digest>,
    /// What hangs at each home.
    below: Vec<Node<V>>,
}

/// The four bits of `key` that pick the subtree in a fork at `depth`.
pub(crate) fn nibble(key: &Digest, depth: usize) -> usize {
    let byte = key[depth / 2];
    usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

/// Levels between the fork and one of its nodes.
pub(crate) fn level(node: usize) -> usize {
    node.max(1).ilog2() as usize
}

/// The nibbles that lead to a node: the first, and how many.
fn reach(node: usize) -> (usize, usize) {
    let width = 16 >> level(node);
    (node * width - 16, width)
}

/// How many of the bits below bit `at` are set.
fn rank(bits: u32, at: usize) -> usize {
    (bits & ((1 << at) - 1)).count_ones() as usize
}

/// Bits of the nodes below a node.
fn inside(node: usize) -> u32 {
    (1..5 - level(node)).fold(0, |bits, down| bits | ((1 << (1 << down)) - 1) << (node << down))
}

impl<V> Fork<V> {
    /// A fork with nothing below it.
    pub(crate) fn new() -> Fork<V> {
        Fork {
            count: 0,
            stale: 0,
            roots: 1,
            homes: [0; 16],
            nodes: [1; 16],
            buckets: 0,
            branches: 0,
            digests: Vec::new(),
            below: Vec::from([Node::Empty]),
        }
    }

    /// Hangs a subtree at a node, where nothing or only parts of it were.
    pub(crate) fn hang(&mut self, node: usize, subtree: Node<V>) {
        let (first, width) = reach(node);
        for nibble in first..first + width {
            if self.roots >> nibble & 1 == 1 {
                self.below.remove(rank(self.roots.into(), nibble));
                self.roots &= !(1 << nibble);
            }
            self.homes[nibble] = first as u8;
            self.stale &= !(1 << nibble);
        }
        let mut inside = inside(node) & (self.buckets | self.branches);
        while inside != 0 {
            self.set(inside.trailing_zeros() as usize, Shape::Empty, EMPTY);
            inside &= inside - 1;
        }
        self.nodes[first] = node as u8;
        self.below.reserve_exact(1);
        self.below.insert(rank(self.roots.into(), first), subtree);
        self.roots |= 1 << first;
        self.stale |= 1 << first;
    }

    /// Hangs a settled subtree; the fork's digests are of it already, or will be.
    pub(crate) fn attach(&mut self, node: usize, subtree: Node<V>) {
        self.count += subtree.count();
        self.hang(node, subtree);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn shape(&self, node: usize) -> Shape {
        match (self.buckets >> node & 1, self.branches >> node & 1) {
            (1, _) => Shape::Bucket,
            (_, 1) => Shape::Branch,
            _ => Shape::Empty,
        }
    }

    pub(crate) fn digest(&self, node: usize) -> &Digest {
        let there = self.buckets | self.branches;
        if there >> node & 1 == 0 {
            return &EMPTY;
        }
        &self.digests[rank(there, node)]
    }

    /// Sets what a node is.
    pub(crate) fn set(&mut self, node: usize, shape: Shape, digest: Digest) {
        let (there, bit) = (self.buckets | self.branches, 1 << node);
        let at = rank(there, node);
        match (there & bit != 0, shape) {
            (true, Shape::Empty) => drop(self.digests.remove(at)),
            (true, _) => self.digests[at] = digest,
            (false, Shape::Empty) => {}
            (false, _) => {
                self.digests.reserve_exact(1);
                self.digests.insert(at, digest);
            }
        }
        self.buckets = if shape == Shape::Bucket { self.buckets | bit } else { self.buckets & !bit };
        self.branches = if shape == Shape::Branch { self.branches | bit } else { self.branches & !bit };
    }

    /// What hangs at a home.
    pub(crate) fn at(&self, home: usize) -> &Node<V> {
        &self.below[rank(self.roots.into(), home)]
    }

    fn at_mut(&mut self, home: usize) -> &mut Node<V> {
        &mut self.below[rank(self.roots.into(), home)]
    }

    /// What hangs at a node that is no branch, or at the end of the four levels.
    pub(crate) fn hanging(&self, node: usize) -> &Node<V> {
        self.at(reach(node).0)
    }

    /// The home of what a key leads to, in a fork at `depth`.
    fn home(&self, key: &Digest, depth: usize) -> usize {
        usize::from(self.homes[nibble(key, depth)])
    }

    /// What a key leads to, in a fork at `depth`.
    pub(crate) fn toward(&self, key: &Digest, depth: usize) -> &Node<V> {
        self.at(self.home(key, depth))
    }

    /// What hangs below, in key order.
    pub(crate) fn below(&self) -> &[Node<V>] {
        &self.below
    }

    pub(crate) fn stale(&self) -> u16 {
        self.stale
    }

    pub(crate) fn mark_settled(&mut self) {
        self.stale = 0;
    }

    /// The node where a home's subtree hangs.
    pub(crate) fn node_of(&self, home: usize) -> usize {
        usize::from(self.nodes[home])
    }

    /// The subtrees that changed.
    pub(crate) fn stale_below(&self) -> impl Iterator<Item = &Node<V>> {
        let stale = self.stale;
        (0..16).filter(move |home| stale >> home & 1 == 1).map(|home| self.at(home))
    }

    /// The forks below that changed.
    pub(crate) fn stale_forks(&mut self) -> impl Iterator<Item = &mut Arc<Fork<V>>> {
        let (stale, roots) = (self.stale, self.roots);
        let homes = (0..16).filter(move |home| roots >> home & 1 == 1);
        self.below.iter_mut().zip(homes).filter_map(move |(node, home)| match node {
            Node::Fork(fork) if stale >> home & 1 == 1 => Some(fork),
            _ => None,
        })
    }

    /// The digests of both halves of a node.
    pub(crate) fn halves(&self, node: usize) -> [&Digest; 2] {
        [self.digest(2 * node), self.digest(2 * node + 1)]
    }

    /// Hangs the subtree of these leaves, which are in key order, at a node of a fork at `depth`.
    fn place(&mut self, node: usize, mut leaves: Vec<Leaf<V>>, depth: usize) {
        if leaves.len() <= MOST || node >= 16 {
            self.hang(node, build(leaves, 4 * depth + level(node)));
            return;
        }
        let bit = 4 * depth + level(node);
        let right = leaves.split_off(leaves.partition_point(|leaf| leaf.key[bit / 8] >> (7 - bit % 8) & 1 == 0));
        self.place(2 * node, leaves, depth);
        self.place(2 * node + 1, right, depth);
    }
}

/// The subtree at `bit` with these leaves, which are in key order. More than fill a bucket only where a fork may be.
pub(super) fn build<V>(leaves: Vec<Leaf<V>>, bit: usize) -> Node<V> {
    if leaves.is_empty() {
        return Node::Empty;
    }
    if leaves.len() <= MOST {
        return Node::Bucket(Arc::new(Bucket::new(leaves, bit)));
    }
    let mut fork = Fork::new();
    fork.count = leaves.len() as u64;
    fork.place(1, leaves, bit / 4);
    Node::Fork(Arc::new(fork))
}

/// Adds the next `count` leaves below `node`, `bit` bits down. They come in key order, belong there, and their keys are
/// not there yet. If they are too many for a bucket, the caller gets all leaves of the subtree back to place them.
pub(super) fn insert<V: Stored>(node: &mut Node<V>, bit: usize, leaves: &mut Leaves<V>, count: usize) -> Overfull<V> {
    match node {
        Node::Empty => {
            let leaves: Vec<_> = leaves.take(count).collect();
            if count > MOST {
                return Some(leaves);
            }
            *node = build(leaves, bit);
        }
        Node::Bucket(bucket) if bucket.len() + count > MOST => {
            let mut all = Vec::with_capacity(bucket.len() + count);
            collect(core::mem::replace(node, Node::Empty), &mut all);
            all.extend(leaves.take(count));
            all.sort_unstable_by_key(|leaf| leaf.key);
            return Some(all);
        }
        Node::Bucket(bucket) => {
            let bucket = Arc::make_mut(bucket);
            for leaf in leaves.take(count) {
                let (Ok(at) | Err(at)) = bucket.find(&leaf.key);
                bucket.put(at, leaf);
            }
        }
        Node::Fork(fork) => {
            let (fork, depth) = (Arc::make_mut(fork), bit / 4);
            fork.count += count as u64;
            let mut left = count;
            while let Some(first) = leaves.as_slice().first().filter(|_| left > 0) {
                let home = fork.home(&first.key, depth);
                let rest = &leaves.as_slice()[..left];
                let together = rest.iter().take_while(|leaf| fork.home(&leaf.key, depth) == home).count();
                left -= together;
                let hangs = fork.node_of(home);
                match insert(fork.at_mut(home), 4 * depth + level(hangs), leaves, together) {
                    None if planted("insert-leaves-digest") && home % 2 == 1 => {}
                    None => fork.stale |= 1 << home,
                    Some(leaves) => fork.place(hangs, leaves, depth),
                }
            }
        }
    }
    None
}

/// Leaves to insert, in key order.
pub(super) type Leaves<V> = alloc::vec::IntoIter<Leaf<V>>;

/// More leaves than a bucket holds, for who knows where to place them.
type Overfull<V> = Option<Vec<Leaf<V>>>;

/// Takes the leaves with these keys, which are in order and all there, from below `node`, `bit` bits down, and appends
/// their values to `taken`.
pub(super) fn remove<V: Stored>(node: &mut Node<V>, bit: usize, keys: &[Digest], taken: &mut Vec<V>) {
    match node {
        Node::Empty => {}
        Node::Bucket(shared) => {
            let bucket = Arc::make_mut(shared);
            for key in keys {
                let leaf = bucket.find(key).ok().and_then(|at| bucket.take(at));
                taken.extend(leaf.map(|leaf| leaf.value));
            }
            if bucket.len() == 0 {
                *node = Node::Empty;
            }
        }
        Node::Fork(shared) => {
            let (fork, depth) = (Arc::make_mut(shared), bit / 4);
            let (before, mut changed) = (taken.len(), 0u16);
            let homes = fork.homes;
            for some in keys.chunk_by(|a, b| homes[nibble(a, depth)] == homes[nibble(b, depth)]) {
                let home = some.first().map_or(0, |key| fork.home(key, depth));
                let hangs = fork.node_of(home);
                remove(fork.at_mut(home), 4 * depth + level(hangs), some, taken);
                changed |= 1 << home;
            }
            fork.count -= (taken.len() - before) as u64;
            if !planted("remove-leaves-digest") {
                fork.stale |= changed;
            }
            if fork.count <= MOST as u64 {
                let mut leaves = Vec::with_capacity(MOST);
                collect(core::mem::replace(node, Node::Empty), &mut leaves);
                *node = build(leaves, bit);
            } else if !planted("remove-leaves-halves") {
                for home in (0..16).filter(|home| changed >> home & 1 == 1) {
                    merge(fork, usize::from(fork.homes[home]), depth);
                }
            }
        }
    }
}

/// Puts what hangs at a home together with its other half as long as one bucket holds both.
fn merge<V: Clone>(fork: &mut Fork<V>, home: usize, depth: usize) {
    let mut node = fork.node_of(home);
    while node > 1 {
        let halves = [node & !1, node | 1].map(|half| reach(half).0);
        let other = node ^ 1;
        let other_home = reach(other).0;
        let apart = fork.roots >> other_home & 1 == 0
            || fork.node_of(other_home) != other
            || halves.iter().any(|home| matches!(fork.at(*home), Node::Fork(_)))
            || halves.iter().map(|home| fork.at(*home).count()).sum::<u64>() > MOST as u64;
        if apart {
            return;
        }
        let mut leaves = Vec::with_capacity(MOST);
        halves.iter().for_each(|home| collect(core::mem::replace(fork.at_mut(*home), Node::Empty), &mut leaves));
        node /= 2;
        fork.place(node, leaves, depth);
    }
}

/// Appends all leaves below `node` in key order.
fn collect<V: Clone>(node: Node<V>, leaves: &mut Vec<Leaf<V>>) {
    match node {
        Node::Empty => {}
        Node::Bucket(bucket) => leaves.extend(Arc::unwrap_or_clone(bucket).drain()),
        Node::Fork(fork) => Arc::unwrap_or_clone(fork).below.into_iter().for_each(|node| collect(node, leaves)),
    }
}
