//! The authenticated map under both halves of the heap.
//!
//! As a set of digests it is a compressed binary trie over 256-bit keys: an empty subtree is 32 zero bytes, a subtree
//! with one leaf *is* that leaf wherever it hangs, anything else is the hash of its two halves. The shape, and so the
//! root, is a function of the contents alone; history leaves no trace. A key's absence shows as the empty subtree, or
//! the other leaf, that stands where the key would.
//!
//! In memory four binary levels make one [`Page`] with up to sixteen slots, so a change touches log16 n allocations.
//! A page keeps the digest of each slot and recomputes the three levels between when it is folded: that costs up to
//! eleven more hashes than keeping them would, which hashed many at a time is less than the memory traffic saved.

mod fold;
mod page;
mod walk;
mod wide;

use alloc::sync::Arc;

pub(crate) use fold::{PageFold, Shape};
pub(crate) use page::{Kind, Page, Slot, nibble, nibbles};
pub(crate) use walk::Iter;

use crate::digest::{Digest, Domain, EMPTY};

/// Pages on the longest path there can be.
pub(crate) const KEY_NIBBLES: usize = 64;

/// What a tree holds under a key.
pub(crate) trait Stored: Clone {
    /// Domain of this tree's leaves.
    const LEAF: Domain;
    /// Domain of this tree's inner nodes.
    const NODE: Domain;
    /// The digest that the leaf binds beside its key.
    fn contents(&self) -> Digest;
}

/// A persistent map. Clones are O(1) and share everything until one side changes.
#[derive(Clone)]
pub(crate) struct Tree<V> {
    top: Arc<Page<V>>,
    len: u64,
    /// The root, unless something changed since it was last computed.
    root: Option<Digest>,
}

impl<V: Stored> Tree<V> {
    pub(crate) fn new() -> Tree<V> {
        Tree { top: Arc::new(Page::empty()), len: 0, root: Some(EMPTY) }
    }

    /// A tree from a page whose every digest is settled.
    pub(crate) fn from_settled(top: Page<V>, len: u64, root: Digest) -> Tree<V> {
        Tree { top: Arc::new(top), len, root: Some(root) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn top(&self) -> &Page<V> {
        &self.top
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<&V> {
        self.top.get(key)
    }

    pub(crate) fn iter(&self) -> Iter<'_, V> {
        Iter::new(&self.top)
    }

    /// Adds a leaf; `false`, and nothing changed, if the key is there. `contents` must be `value.contents()`.
    pub(crate) fn insert(&mut self, key: &Digest, value: V, contents: Digest) -> bool {
        let added = page::insert(&mut self.top, key, value, contents);
        if added {
            self.len += 1;
            self.root = None;
        }
        added
    }

    /// Takes a leaf out.
    pub(crate) fn remove(&mut self, key: &Digest) -> Option<V> {
        let removed = page::remove(&mut self.top, key)?;
        self.len -= 1;
        self.root = None;
        Some(removed)
    }

    /// The root; hashes what changed since it was last asked for, and nothing else.
    pub(crate) fn settle(&mut self) -> Digest {
        match self.root {
            Some(root) => root,
            None => {
                let root = fold::settle(Arc::make_mut(&mut self.top));
                self.root = Some(root);
                root
            }
        }
    }
}
