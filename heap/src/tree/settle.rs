//! Bringing digests up to date: once per batch, only where something changed, many nodes at a time.
//!
//! First the blocks that changed, as a rule right after they changed and while they are in the cache; then the forks,
//! from the lowest up.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::Block;
use super::bucket::MOST;
use super::fork::Fork;
use super::levels::{LEVELS, Levels, level};
use super::walk::Iter;
use super::wide::{LANES, hash_bucket, hash_side_by_side};
use super::{Node, Stored};
use crate::digest::{Digest, Domain, EMPTY};
use crate::planted::planted;

/// Forks settled in lockstep: enough to fill the vector lanes, few enough to stay in the nearer caches.
const GROUP: usize = 64;

/// Something to hash: a node of one of the subtrees at hand.
#[derive(Clone, Copy)]
struct Job {
    at: u32,
    node: u32,
}

/// Jobs by how many compressions each is, less one, or by how far down.
type Jobs = [Vec<Job>; MOST];

const _: () = assert!(LEVELS <= MOST, "a row for each level");

/// Brings every digest below `top` up to date and gives `top`'s own.
pub(super) fn settle<V: Stored>(top: &mut Node<V>) -> Digest {
    match top {
        Node::Empty => return EMPTY,
        Node::Block(block) if block.is_stale() => settle_blocks(&mut [Arc::make_mut(block)]),
        Node::Block(_) => {}
        Node::Fork(fork) => settle_forks(&mut [Arc::make_mut(fork)]),
    }
    *top.digest()
}

/// Settles some blocks.
pub(super) fn settle_blocks<V: Stored>(blocks: &mut [&mut Block<V>]) {
    let (mut buckets, mut branches) = (Jobs::default(), Jobs::default());
    for (at, block) in (0..).zip(blocks.iter_mut()) {
        let marked = block.plan(|node, length| {
            if let Some(jobs) = buckets.get_mut(length.wrapping_sub(1)) {
                jobs.push(Job { at, node: node as u32 });
            }
        });
        mark(&mut branches, at, marked);
    }
    for jobs in &buckets {
        run(
            &V::BUCKET,
            jobs,
            blocks,
            |block, node| block.bucket(node).map_or(&[], |bucket| bucket.preimage()),
            |block, node, digest| block.levels_mut().set(node, digest),
        );
    }
    settle_levels::<V, _>(&branches, blocks, |block| block.levels(), |block| block.levels_mut());
}

/// Settles some forks, all equally far down.
fn settle_forks<V: Stored>(forks: &mut [&mut Fork<V>]) {
    for group in forks.chunks_mut(GROUP) {
        let (mut below, mut blocks) = (Vec::new(), Vec::new());
        for fork in group.iter_mut() {
            let stale = fork.stale();
            for (way, node) in fork.below_mut().iter_mut().enumerate() {
                match node {
                    Node::Fork(fork) if stale >> way & 1 == 1 => below.push(Arc::make_mut(fork)),
                    Node::Block(block) if stale >> way & 1 == 1 && block.is_stale() => {
                        blocks.push(Arc::make_mut(block));
                    }
                    _ => {}
                }
            }
        }
        settle_forks(&mut below);
        settle_blocks(&mut blocks);
        let mut branches = Jobs::default();
        for (at, fork) in (0..).zip(group.iter_mut()) {
            // The fault: the top of a fork keeps its digest if only its right half changed.
            let skipped = planted("settle-skips-top") && fork.stale() & 0xffff == 0;
            let marked = fork.plan(&mut |below| hash_bucket(Iter::over(below)));
            mark(&mut branches, at, if skipped { marked & !2 } else { marked });
        }
        settle_levels::<V, _>(&branches, group, |fork| fork.levels(), |fork| fork.levels_mut());
    }
}

/// Notes the branches of one subtree that have to be hashed, given as bits.
fn mark(branches: &mut Jobs, at: u32, mut marked: u32) {
    while marked != 0 {
        let node = marked.trailing_zeros();
        marked &= marked - 1;
        branches[level(node as usize)].push(Job { at, node });
    }
}

/// Hashes the branches that are marked, the lowest first.
fn settle_levels<V: Stored, S>(
    branches: &Jobs,
    subtrees: &mut [&mut S],
    levels: impl Fn(&S) -> &Levels,
    levels_mut: impl Fn(&mut S) -> &mut Levels,
) {
    for jobs in branches.iter().rev() {
        run(
            &V::NODE,
            jobs,
            subtrees,
            |subtree, node| levels(subtree).preimage(node),
            |subtree, node, digest| levels_mut(subtree).set(node, digest),
        );
    }
}

/// Hashes what `preimage` gives for each job, all of one length, and tells `set`.
fn run<S>(
    domain: &Domain,
    jobs: &[Job],
    subtrees: &mut [&mut S],
    preimage: impl Fn(&S, usize) -> &[u8],
    set: impl Fn(&mut S, usize, &Digest),
) {
    for some in jobs.chunks(LANES) {
        let mut inputs: [&[u8]; LANES] = [&[]; LANES];
        for (input, job) in inputs.iter_mut().zip(some) {
            *input = preimage(&*subtrees[job.at as usize], job.node as usize);
        }
        let digests = hash_side_by_side(domain, &inputs[..some.len()]);
        for (job, digest) in some.iter().zip(&digests) {
            set(&mut *subtrees[job.at as usize], job.node as usize, digest);
        }
    }
}
