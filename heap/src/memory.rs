//! How many bytes a tree holds.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::tree::{Block, Bucket, Fork, Node, Stored, Tree};

/// What an `Arc` keeps beside its value.
const COUNTS: usize = 16;

fn node<V: Stored>(top: &Node<V>) -> usize {
    match top {
        Node::Empty => 0,
        Node::Fork(fork) => COUNTS + size_of::<Fork<V>>() + fork.below().iter().map(node).sum::<usize>(),
        Node::Block(block) => COUNTS + size_of::<Block<V>>() + buckets(block.buckets()),
    }
}

fn buckets<V: Stored>(list: &Vec<Arc<Bucket<V>>>) -> usize {
    let rests = |bucket: &Arc<Bucket<V>>| bucket.leaves().map(|leaf| V::apart(leaf.rest)).sum::<usize>();
    let each = |bucket| COUNTS + size_of::<Bucket<V>>() + rests(bucket);
    list.capacity() * size_of::<Arc<Bucket<V>>>() + list.iter().map(each).sum::<usize>()
}

impl<V: Stored> Tree<V> {
    /// Bytes that it holds, those that it shares with clones included. Looks at every leaf.
    pub(crate) fn bytes(&self) -> usize {
        node(self.top())
    }
}
