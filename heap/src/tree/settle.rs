//! Bringing digests up to date: once per batch, only where something changed, many nodes at a time.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::bucket::Bucket;
use super::fork::Fork;
use super::wide::{LANES, hash_nodes};
use super::{Node, Shape, Stored, walk};
use crate::digest::{Digest, Domain, EMPTY};
use crate::planted::planted;

/// Subtrees settled in lockstep. Enough to fill the vector lanes up to the last levels, few enough that they stay in
/// the nearer caches between being settled and being folded.
const GROUP: usize = 64;

type Folded = (Shape, Digest);

/// Brings every digest below `top` up to date and gives `top`'s own.
pub(super) fn settle<V: Stored>(top: &mut Node<V>) -> Digest {
    let mut out = Vec::with_capacity(1);
    settle_nodes(&mut [top], 0, &mut Plan::default(), &mut out);
    out.first().map_or(EMPTY, |(_, digest)| *digest)
}

/// Appends what each node is to `out`; all of them are `depth` nibbles down. Recursion is as deep as the forks: a
/// handful for hashed keys, 64 at most.
fn settle_nodes<V: Stored>(nodes: &mut [&mut Node<V>], depth: usize, plan: &mut Plan, out: &mut Vec<Folded>) {
    for group in nodes.chunks_mut(GROUP) {
        // Making a shared thing one's own is an atomic exchange, and no load overtakes one: fetch first.
        walk::fetch(group.iter().map(|node| &**node));
        let (mut buckets, mut forks) = (Vec::new(), Vec::new());
        let mut kinds = Vec::with_capacity(GROUP);
        for node in group.iter_mut() {
            kinds.push(match node {
                Node::Empty => Kind::Empty,
                Node::Bucket(bucket) => {
                    buckets.push(Arc::make_mut(bucket));
                    Kind::Bucket
                }
                Node::Fork(fork) => {
                    forks.push(Arc::make_mut(fork));
                    Kind::Fork
                }
            });
        }
        if !forks.is_empty() {
            let mut below: Vec<&mut Node<V>> = forks.iter_mut().flat_map(|fork| fork.stale_below()).collect();
            let mut folded = Vec::with_capacity(below.len());
            settle_nodes(&mut below, depth + 1, plan, &mut folded);
            settle_forks(&mut forks, &folded);
        }
        settle_buckets(&mut buckets, 4 * depth, plan);
        let (mut buckets, mut forks) = (plan.roots.iter(), forks.iter());
        out.extend(kinds.iter().map(|kind| match kind {
            Kind::Empty => (Shape::Empty, EMPTY),
            Kind::Bucket => buckets.next().map_or((Shape::Empty, EMPTY), |root| plan.folded(*root)),
            Kind::Fork => forks.next().map_or((Shape::Empty, EMPTY), |fork| (fork.shape(1), *fork.digest(1))),
        }));
    }
}

enum Kind {
    Empty,
    Bucket,
    Fork,
}

/// A fork whose subtrees, still to be attached, are these.
pub(crate) fn settled_fork<V: Stored>(subtrees: &[Folded; 16]) -> Fork<V> {
    let mut fork = Fork::new([const { Node::Empty }; 16]);
    settle_forks(&mut [&mut fork], subtrees);
    fork
}

/// The digest of a bucket `depth` nibbles down.
pub(crate) fn settled_bucket<V: Stored>(bucket: &mut Bucket<V>, depth: usize) -> Digest {
    let mut plan = Plan::default();
    settle_buckets(&mut [bucket], 4 * depth, &mut plan);
    plan.roots.first().map_or(EMPTY, |root| plan.folded(*root).1)
}

/// Puts what the changed subtrees are into their forks, and recomputes the digests above them.
fn settle_forks<V: Stored>(forks: &mut [&mut Fork<V>], folded: &[Folded]) {
    let mut folded = folded.iter();
    let mut stale: Vec<u16> = Vec::with_capacity(forks.len());
    for fork in forks.iter_mut() {
        let changed = fork.stale();
        stale.push(changed);
        for at in (0..16).filter(|at| changed >> at & 1 == 1) {
            if let Some((shape, digest)) = folded.next() {
                fork.set(16 + at, *shape, *digest);
            }
        }
        fork.mark_settled();
    }
    for width in [8, 4, 2, 1] {
        let mut batch = Batch::default();
        for at in 0..forks.len() {
            // From which of the nodes below changed to which of this level have to.
            stale[at] = (0..width).filter(|bit| stale[at] >> (2 * bit) & 3 != 0).map(|bit| 1 << bit).sum();
            for node in (0..width).filter(|bit| stale[at] >> bit & 1 == 1).map(|bit| width + bit) {
                let [left, right] = forks[at].halves(node);
                match join(left.0, right.0) {
                    Shape::Branch => {
                        batch.push(left.1, right.1, (at, node));
                        forks[at].set(node, Shape::Branch, EMPTY);
                        batch.run_if_full(&V::NODE, |(at, node), digest| forks[at].set(node, Shape::Branch, digest));
                    }
                    shape => {
                        let digest = if left.0 == Shape::Empty { *right.1 } else { *left.1 };
                        forks[at].set(node, shape, digest);
                    }
                }
            }
        }
        batch.run(&V::NODE, |(at, node), digest| forks[at].set(node, Shape::Branch, digest));
    }
}

/// The shape of two halves together.
fn join(left: Shape, right: Shape) -> Shape {
    match (left, right) {
        (Shape::Empty, Shape::Empty) => Shape::Empty,
        (Shape::Empty, Shape::Leaf) | (Shape::Leaf, Shape::Empty) => Shape::Leaf,
        // The fault: a branch under an empty sibling moves up as a leaf would.
        (Shape::Empty, Shape::Branch) | (Shape::Branch, Shape::Empty) if planted("fold-lifts-branch") => Shape::Leaf,
        _ => Shape::Branch,
    }
}

/// Hashes fresh leaves, and plans and runs the hashes from each bucket's leaves, `bit` bits down, to its own digest.
fn settle_buckets<V: Stored>(buckets: &mut [&mut Bucket<V>], bit: usize, plan: &mut Plan) {
    let mut batch = Batch::default();
    for at in 0..buckets.len() {
        for (nth, leaf) in buckets[at].fresh_leaves().enumerate() {
            batch.push(&leaf.key, &leaf.digest, (at, nth));
        }
        if batch.nearly_full() {
            batch.run(&V::LEAF, |place, digest| set_fresh(buckets, place, digest));
        }
    }
    batch.run(&V::LEAF, |place, digest| set_fresh(buckets, place, digest));
    plan.clear();
    for (at, bucket) in buckets.iter_mut().enumerate() {
        bucket.mark_hashed();
        let leaves = bucket.leaves().len();
        let (root, _) = plan.fold(at, bucket, 0..leaves, bit, 0);
        plan.roots.push(root);
    }
    plan.run(&V::NODE);
    for (at, part, place) in plan.parts.drain(..) {
        buckets[at].set_part(part, plan.pool[place as usize]);
    }
    buckets.iter_mut().for_each(|bucket| bucket.mark_settled());
}

/// Settles a bucket's `nth` fresh leaf.
fn set_fresh<V>(buckets: &mut [&mut Bucket<V>], (at, nth): (usize, usize), digest: Digest) {
    if let Some(leaf) = buckets[at].fresh_leaves().nth(nth) {
        leaf.digest = digest;
    }
}

/// Hashes to compute, in order of height, so that each height runs as one.
#[derive(Default)]
struct Plan {
    /// Digests at hand or to come. The first is the empty one.
    pool: Vec<Digest>,
    /// Height h + 1: where the halves are, and where the result goes.
    heights: Vec<Vec<[u32; 3]>>,
    /// Which bucket's part will be where.
    parts: Vec<(usize, usize, u32)>,
    /// Where each bucket's own digest will be.
    roots: Vec<Root>,
}

#[derive(Clone, Copy)]
struct Root {
    place: u32,
    shape: Shape,
}

impl Plan {
    fn clear(&mut self) {
        self.pool.clear();
        self.pool.push(EMPTY);
        self.heights.iter_mut().for_each(Vec::clear);
        self.roots.clear();
        self.parts.clear();
    }

    fn folded(&self, root: Root) -> Folded {
        (root.shape, self.pool[root.place as usize])
    }

    /// Plans the subtree of some leaves of bucket `at`, `deep` bits below it, `base + deep` bits down; its place in the
    /// pool, and its height. What is not dirty is not computed.
    fn fold<V>(
        &mut self,
        at: usize,
        bucket: &Bucket<V>,
        leaves: Range<usize>,
        base: usize,
        deep: usize,
    ) -> (Root, usize) {
        let (from, to) = (leaves.start, leaves.end);
        let shape = Shape::of_count(leaves.len());
        match shape {
            Shape::Empty => return (Root { place: 0, shape }, 0),
            Shape::Leaf => return (Root { place: self.add(bucket.leaves()[from].digest), shape }, 0),
            Shape::Branch => {}
        }
        let parting = bucket.parting(from, to, base);
        let middle = bucket.split(from, to, parting, base);
        let (mut place, mut height) = if bucket.is_dirty(from, to) {
            let (left, left_height) = self.fold(at, bucket, from..middle, base, parting + 1);
            let (right, right_height) = self.fold(at, bucket, middle..to, base, parting + 1);
            let height = left_height.max(right_height);
            let place = self.plan(left.place, right.place, height);
            self.parts.push((at, middle - 1, place));
            (place, height + 1)
        } else {
            (self.add(*bucket.part(middle - 1)), 0)
        };
        // Above where they part, the leaves share their way with nothing else.
        for deep in (deep..parting).rev() {
            let (left, right) = if bucket.bit(from, deep, base) { (0, place) } else { (place, 0) };
            place = self.plan(left, right, height);
            height += 1;
        }
        (Root { place, shape }, height)
    }

    /// Plans one hash, of halves no higher than `height`; its place.
    fn plan(&mut self, left: u32, right: u32, height: usize) -> u32 {
        let place = self.add(EMPTY);
        if self.heights.len() == height {
            self.heights.push(Vec::new());
        }
        self.heights[height].push([left, right, place]);
        place
    }

    fn add(&mut self, digest: Digest) -> u32 {
        self.pool.push(digest);
        // At most 64 buckets of 32 leaves with 256 hashes above each.
        (self.pool.len() - 1) as u32
    }

    fn run(&mut self, domain: &Domain) {
        let mut batch = Batch::default();
        for height in &self.heights {
            for [left, right, place] in height {
                batch.push(&self.pool[*left as usize], &self.pool[*right as usize], (*place as usize, 0));
                batch.run_if_full(domain, |(place, _), digest| self.pool[place] = digest);
            }
            batch.run(domain, |(place, _), digest| self.pool[place] = digest);
        }
    }
}

/// Nodes gathered until there are enough to hash together.
struct Batch {
    inputs: Vec<[u8; 64]>,
    places: Vec<(usize, usize)>,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { inputs: Vec::with_capacity(2 * LANES), places: Vec::with_capacity(2 * LANES) }
    }
}

impl Batch {
    fn push(&mut self, left: &Digest, right: &Digest, place: (usize, usize)) {
        let (left, right) = if planted("fold-swaps-children") { (right, left) } else { (left, right) };
        let mut input = [0; 64];
        input[..32].copy_from_slice(left);
        input[32..].copy_from_slice(right);
        self.inputs.push(input);
        self.places.push(place);
    }

    fn nearly_full(&self) -> bool {
        self.inputs.len() >= LANES
    }

    fn run_if_full(&mut self, domain: &Domain, set: impl FnMut((usize, usize), Digest)) {
        if self.inputs.len() == LANES {
            self.run(domain, set);
        }
    }

    /// Hashes what was gathered and tells `set` each place with its digest.
    fn run(&mut self, domain: &Domain, mut set: impl FnMut((usize, usize), Digest)) {
        for (inputs, places) in self.inputs.chunks(LANES).zip(self.places.chunks(LANES)) {
            let mut lanes = [&inputs[0]; LANES];
            lanes.iter_mut().zip(inputs).for_each(|(lane, input)| *lane = input);
            let mut out = [EMPTY; LANES];
            hash_nodes(domain, &lanes[..inputs.len()], &mut out);
            places.iter().zip(out).for_each(|(place, digest)| set(*place, digest));
        }
        self.inputs.clear();
        self.places.clear();
    }
}
