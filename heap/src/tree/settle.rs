//! Bringing digests up to date: once per batch, only where something changed, many nodes at a time.
//!
//! First the blocks that changed, as a rule right after they changed and while they are in the cache; then the forks,
//! from the lowest up.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::{Block, Job};
use super::fork::Fork;
use super::levels::Levels;
use super::walk::Iter;
use super::wide::{Batch, hash_bucket, hash_buckets};
use super::{Node, Stored};
use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// Blocks or forks settled in lockstep: enough to fill the vector lanes, few enough to stay in the nearer caches.
const GROUP: usize = 64;

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
    let mut jobs: Vec<Job> = Vec::with_capacity(4 * GROUP);
    let mut digests: Vec<Digest> = Vec::new();
    for group in blocks.chunks_mut(GROUP) {
        jobs.clear();
        let mut marked = [0; GROUP];
        for ((at, block), marked) in (0..).zip(group.iter_mut()).zip(&mut marked) {
            *marked = block.plan(|node, range| {
                jobs.push(Job { block: at, node: node as u8, len: range.len() as u8, from: range.start as u16 });
            });
        }
        hash_buckets::<V>(&jobs, &mut digests, |job, out| {
            group[job.block as usize].write_cells(job.from.into(), job.len.into(), out);
        });
        for (job, digest) in jobs.iter().zip(&digests) {
            group[job.block as usize].levels_mut().set(job.node.into(), *digest);
        }
        let mut levels: Vec<&mut Levels> = group.iter_mut().map(|block| block.levels_mut()).collect();
        settle_levels::<V>(&mut levels, &marked);
    }
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
        let mut marked = [0; GROUP];
        for (fork, marked) in group.iter_mut().zip(&mut marked) {
            // The fault: the top of a fork keeps its digest if only its right half changed.
            let skipped = planted("settle-skips-top") && fork.stale() & 0xffff == 0;
            *marked = fork.plan(&mut |below| hash_bucket(Iter::over(below)));
            *marked &= if skipped { !2 } else { !0 };
        }
        let mut levels: Vec<&mut Levels> = group.iter_mut().map(|fork| fork.levels_mut()).collect();
        settle_levels::<V>(&mut levels, &marked);
    }
}

/// Hashes the branches that are marked, the lowest first.
fn settle_levels<V: Stored>(levels: &mut [&mut Levels], marked: &[u128]) {
    let all = marked.iter().fold(0, |all, marked| all | marked);
    for level in (0..6).rev() {
        let mask = ((1u128 << (1 << level)) - 1) << (1 << level);
        if all & mask == 0 {
            continue;
        }
        let mut batch = Batch::default();
        for at in 0..levels.len() {
            let mut left = marked[at] & mask;
            while left != 0 {
                let node = left.trailing_zeros() as usize;
                left &= left - 1;
                batch.push(levels[at].digest(2 * node), levels[at].digest(2 * node + 1), (at, node));
                batch.run_if_full(&V::NODE, |(at, node), digest| levels[at].set(node, digest));
            }
        }
        batch.run(&V::NODE, |(at, node), digest| levels[at].set(node, digest));
    }
}
