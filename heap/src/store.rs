//! Keeping a heap outside memory: pages under their digests, behind a trait.
//!
//! A page's digest says all that is below it, so a page that the store has need not be written again: saving costs what
//! changed since the last save into the same store. Loading trusts nothing: every page has to fold to the digest it was
//! asked for by, and to have the one shape its contents allow.
//!
//! ```text
//! page   version u8 = 1, tree u8 (1 resources, 2 nullifiers), kind u8, then
//!        bucket (kind 1)  count u8, then for each leaf in key order its key, and in the tree of resources its stored
//!                         form behind its u32 length
//!        fork (kind 2)    occupied u16, bit n for the subtree whose keys go on with nibble n, lone u16 for those that
//!                         have one leaf only, then the digest of each occupied subtree, lowest first
//! ```
//!
//! A subtree with at most 32 leaves is a bucket, any other a fork, so equal contents are equal pages.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;

use crate::cursor::{Cursor, Malformed};
use crate::digest::{Digest, EMPTY, hash_pair};
use crate::heap::{Commitment, Heap, Nullifier, StoredResource};
use crate::planted::planted;
use crate::resource::Resource;
use crate::snapshot::Snapshot;
use crate::tree::{Bucket, Leaf, MOST, Node, Shape, Stored, Tree, nibble, settled_bucket, settled_fork};

const VERSION: u8 = 1;
const BUCKET: u8 = 1;
const FORK: u8 = 2;

/// Forks on the longest path there can be.
const KEY_NIBBLES: usize = 64;

/// Where pages are kept. Bytes are opaque; equal digests mean equal bytes.
pub trait PageStore {
    /// Why the store could not do what was asked.
    type Error;
    /// Whether the page is there. If so, every page below it is too: pages are put children first.
    fn has(&self, digest: &[u8; 32]) -> Result<bool, Self::Error>;
    /// Keeps a page.
    fn put(&mut self, digest: &[u8; 32], page: Vec<u8>) -> Result<(), Self::Error>;
    /// The page, if it is there.
    fn get(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, Self::Error>;
}

impl PageStore for BTreeMap<[u8; 32], Vec<u8>> {
    type Error = Infallible;

    fn has(&self, digest: &[u8; 32]) -> Result<bool, Infallible> {
        Ok(self.contains_key(digest))
    }

    fn put(&mut self, digest: &[u8; 32], page: Vec<u8>) -> Result<(), Infallible> {
        self.insert(*digest, page);
        Ok(())
    }

    fn get(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(BTreeMap::get(self, digest).cloned())
    }
}

/// Why a heap did not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError<E> {
    /// The store failed.
    #[error("the page store failed: {0}")]
    Store(E),
    /// A page is not in the store.
    #[error("page {} is missing", crate::hex::Hex(.0))]
    Missing([u8; 32]),
    /// A page is there, but not what its digest says.
    #[error("page {} is damaged", crate::hex::Hex(.0))]
    Damaged([u8; 32]),
    /// The commitment's counts are not those of its trees.
    #[error("the commitment's counts are not those of its trees")]
    WrongCount,
}

/// How a tree's values are written in its pages.
pub(crate) trait Kept: Stored {
    /// Which tree.
    const TREE: u8;
    fn write(&self, out: &mut Vec<u8>);
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed>;
}

impl Kept for StoredResource {
    const TREE: u8 = 1;

    fn write(&self, out: &mut Vec<u8>) {
        // `Resource::encode` refuses what would not fit.
        out.extend((self.len() as u32).to_le_bytes());
        out.extend_from_slice(self);
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let stored = cursor.bytes()?;
        Resource::decode(stored)?;
        Ok(stored.into())
    }
}

impl Kept for Nullifier {
    const TREE: u8 = 2;

    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(Nullifier)
    }
}

impl Snapshot {
    /// Puts the pages that the store lacks. The commitment given is what [`Snapshot::load`] asks for.
    pub fn save<S: PageStore>(&self, store: &mut S) -> Result<Commitment, S::Error> {
        let commitment = self.commitment();
        save_node(store, &commitment.resources, self.live().top())?;
        save_node(store, &commitment.nullifiers, self.spent().top())?;
        Ok(commitment)
    }

    /// Reads a heap back, checking all of it.
    pub fn load<S: PageStore>(store: &S, commitment: &Commitment) -> Result<Snapshot, LoadError<S::Error>> {
        let live = load_tree(store, &commitment.resources, commitment.live)?;
        let spent = load_tree(store, &commitment.nullifiers, commitment.spent)?;
        Ok(Snapshot::new(Heap::from_trees(live, spent), *commitment))
    }
}

fn save_node<V: Kept, S: PageStore>(store: &mut S, digest: &Digest, node: &Node<V>) -> Result<(), S::Error> {
    if *digest == EMPTY || store.has(digest)? {
        return Ok(());
    }
    let mut out = Vec::with_capacity(600);
    out.extend([VERSION, V::TREE]);
    match node {
        Node::Empty => {}
        Node::Bucket(bucket) => {
            out.extend([BUCKET, bucket.leaves().len() as u8]);
            for leaf in bucket.leaves() {
                out.extend(leaf.key);
                leaf.value.write(&mut out);
            }
        }
        Node::Fork(fork) => {
            let occupied = fork.below().iter().enumerate().filter(|(_, node)| node.count() > 0);
            out.push(FORK);
            let lone = occupied.clone().filter(|(_, node)| node.count() == 1);
            out.extend(occupied.clone().map(|(at, _)| 1u16 << at).sum::<u16>().to_le_bytes());
            out.extend(lone.map(|(at, _)| 1u16 << at).sum::<u16>().to_le_bytes());
            for (at, below) in occupied {
                save_node(store, fork.digest(16 + at), below)?;
                out.extend(fork.digest(16 + at));
            }
        }
    }
    store.put(digest, out)
}

fn load_tree<V: Kept, S: PageStore>(store: &S, root: &Digest, count: u64) -> Result<Tree<V>, LoadError<S::Error>> {
    let mut loader = Loader { store, path: EMPTY };
    let top = loader.node(root, 0)?;
    if top.count() != count {
        return Err(LoadError::WrongCount);
    }
    Ok(Tree::from_settled(top, *root))
}

struct Loader<'a, S> {
    store: &'a S,
    /// The nibbles that lead to the page being loaded.
    path: Digest,
}

impl<S: PageStore> Loader<'_, S> {
    /// The subtree with this digest, `depth` nibbles down, all its digests settled.
    fn node<V: Kept>(&mut self, digest: &Digest, depth: usize) -> Result<Node<V>, LoadError<S::Error>> {
        if *digest == EMPTY {
            return Ok(Node::Empty);
        }
        let bytes = self.store.get(digest).map_err(LoadError::Store)?.ok_or(LoadError::Missing(*digest))?;
        let damaged = LoadError::Damaged(*digest);
        let sound = |found: Digest| found == *digest || planted("load-trusts-page");
        match self.read(&bytes, depth).map_err(|_| LoadError::Damaged(*digest))? {
            Page::Bucket(mut bucket) => {
                if !sound(settled_bucket(&mut bucket, depth)) {
                    return Err(damaged);
                }
                Ok(Node::Bucket(Arc::new(bucket)))
            }
            Page::Fork(subtrees) => {
                let mut fork = settled_fork(&subtrees);
                // Checked before anything below is asked for, so a damaged page sends us nowhere.
                if !sound(*fork.digest(1)) {
                    return Err(damaged);
                }
                for (at, (shape, digest)) in subtrees.iter().enumerate() {
                    let byte = &mut self.path[depth / 2];
                    *byte = if depth.is_multiple_of(2) { (at as u8) << 4 } else { *byte & 0xf0 | at as u8 };
                    let below = self.node(digest, depth + 1)?;
                    if below.shape() != *shape {
                        return Err(damaged);
                    }
                    fork.attach(at, below);
                }
                if fork.count() <= MOST as u64 { Err(damaged) } else { Ok(Node::Fork(Arc::new(fork))) }
            }
        }
    }

    fn read<V: Kept>(&self, bytes: &[u8], depth: usize) -> Result<Page<V>, Malformed> {
        let mut cursor = Cursor::new(bytes);
        if *cursor.array()? != [VERSION, V::TREE] {
            return Err(Malformed);
        }
        let page = match cursor.u8()? {
            BUCKET => {
                let count = usize::from(cursor.u8()?);
                if count == 0 || count > MOST {
                    return Err(Malformed);
                }
                let mut leaves: Vec<Leaf<V>> = Vec::with_capacity(count);
                for _ in 0..count {
                    let key = *cursor.array()?;
                    let misplaced = (0..depth).any(|depth| nibble(&key, depth) != nibble(&self.path, depth));
                    if misplaced || leaves.last().is_some_and(|last| last.key >= key) {
                        return Err(Malformed);
                    }
                    let value = V::read(&mut cursor)?;
                    leaves.push(Leaf { key, digest: hash_pair(&V::LEAF, &key, &value.contents()), value });
                }
                Page::Bucket(Bucket::new(leaves, 0, depth))
            }
            FORK if depth < KEY_NIBBLES => {
                let (occupied, lone) = (cursor.u16()?, cursor.u16()?);
                let mut below = [(Shape::Empty, EMPTY); 16];
                for at in (0..16).filter(|at| occupied >> at & 1 == 1) {
                    let shape = if lone >> at & 1 == 1 { Shape::Leaf } else { Shape::Branch };
                    below[at] = (shape, *cursor.array()?);
                }
                if lone & !occupied != 0
                    || below.iter().any(|(shape, digest)| *shape != Shape::Empty && *digest == EMPTY)
                {
                    return Err(Malformed);
                }
                Page::Fork(Box::new(below))
            }
            _ => return Err(Malformed),
        };
        cursor.finish()?;
        Ok(page)
    }
}

/// A page as its bytes say.
enum Page<V> {
    Bucket(Bucket<V>),
    Fork(Box<[(Shape, Digest); 16]>),
}
