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
//!        fork (kind 2)    four binary levels, a node before its halves: 0 nothing; 1, digest: a bucket; 2: a branch,
//!                         followed by its halves, or at the fourth level by the digest of the next fork
//! ```
//!
//! A subtree with at most eight leaves is a bucket, any other a branch, so equal contents are equal pages.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::convert::Infallible;

use crate::cursor::{Cursor, Malformed};
use crate::digest::{Digest, EMPTY, hash_pair};
use crate::heap::{Commitment, Heap, Held, Nullifier};
use crate::planted::planted;
use crate::resource::Resource;
use crate::snapshot::Snapshot;
use crate::stored::StoredResource;
use crate::tree::{Cell, Leaf, MOST, Shape, Spot, Stored, Tree, hash_bucket, level};

const VERSION: u8 = 1;
const BUCKET: u8 = 1;
const FORK: u8 = 2;

const NOTHING: u8 = 0;
const BRANCH: u8 = 2;

/// Binary levels of a page that is a fork.
const LEVELS: usize = 4;

/// Bits of a key, below the last of which there is nothing.
const KEY_BITS: usize = 256;

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

/// How a tree's leaves are written in its pages, behind their keys.
pub(crate) trait Kept: Stored {
    /// Which tree.
    const TREE: u8;
    fn write(rest: &Self::Rest, out: &mut Vec<u8>);
    fn read(key: &Digest, cursor: &mut Cursor<'_>) -> Result<Leaf<Self>, Malformed>;
}

impl Kept for Held {
    const TREE: u8 = 1;

    fn write(stored: &StoredResource, out: &mut Vec<u8>) {
        // `Resource::encode` refuses what would not fit.
        out.extend((stored.len() as u32).to_le_bytes());
        out.extend_from_slice(stored);
    }

    fn read(key: &Digest, cursor: &mut Cursor<'_>) -> Result<Leaf<Held>, Malformed> {
        let stored = cursor.bytes()?;
        Resource::decode(stored)?;
        Ok(Held::new(stored).leaf(key))
    }
}

impl Kept for Nullifier {
    const TREE: u8 = 2;

    fn write(_: &(), _: &mut Vec<u8>) {}

    fn read(key: &Digest, _: &mut Cursor<'_>) -> Result<Leaf<Nullifier>, Malformed> {
        Ok(Leaf { cell: *key, rest: () })
    }
}

impl Snapshot {
    /// Puts the pages that the store lacks. The commitment given is what [`Snapshot::load`] asks for.
    pub fn save<S: PageStore>(&self, store: &mut S) -> Result<Commitment, S::Error> {
        let commitment = self.commitment();
        save_page(store, &Spot::top(self.live(), &commitment.resources))?;
        save_page(store, &Spot::top(self.spent(), &commitment.nullifiers))?;
        Ok(commitment)
    }

    /// Reads a heap back, checking all of it.
    pub fn load<S: PageStore>(store: &S, commitment: &Commitment) -> Result<Snapshot, LoadError<S::Error>> {
        let live = load_tree(store, &commitment.resources, commitment.live)?;
        let spent = load_tree(store, &commitment.nullifiers, commitment.spent)?;
        Ok(Snapshot::new(Heap::from_trees(live, spent), *commitment))
    }
}

/// Puts the page that begins at a spot, after those below it.
fn save_page<V: Kept, S: PageStore>(store: &mut S, spot: &Spot<'_, V>) -> Result<(), S::Error> {
    if *spot.digest == EMPTY || store.has(spot.digest)? {
        return Ok(());
    }
    let mut out = Vec::with_capacity(600);
    out.extend([VERSION, V::TREE]);
    match spot.bucket() {
        Some(leaves) => {
            out.extend([BUCKET, leaves.len() as u8]);
            for leaf in leaves {
                out.extend(leaf.key());
                V::write(leaf.rest, &mut out);
            }
        }
        None => {
            out.push(FORK);
            save_levels(store, spot, 0, &mut out)?;
        }
    }
    store.put(spot.digest, out)
}

/// Writes a fork's levels from `spot` on, which is `level` of them down, and saves what hangs there.
fn save_levels<V: Kept, S: PageStore>(
    store: &mut S,
    spot: &Spot<'_, V>,
    level: usize,
    out: &mut Vec<u8>,
) -> Result<(), S::Error> {
    out.push(match spot.shape() {
        Shape::Empty => NOTHING,
        Shape::Bucket => BUCKET,
        Shape::Branch => BRANCH,
    });
    match spot.halves() {
        Some(halves) if level < LEVELS => halves.iter().try_for_each(|half| save_levels(store, half, level + 1, out)),
        _ if spot.shape() == Shape::Empty => Ok(()),
        _ => {
            save_page(store, spot)?;
            out.extend(spot.digest);
            Ok(())
        }
    }
}

fn load_tree<V: Kept, S: PageStore>(store: &S, root: &Digest, count: u64) -> Result<Tree<V>, LoadError<S::Error>> {
    let mut leaves = Vec::new();
    load_page(store, root, &EMPTY, 0, &mut leaves)?;
    if leaves.len() as u64 != count {
        return Err(LoadError::WrongCount);
    }
    // Every page is what its digest says; together they have to be the one tree of these leaves.
    let mut tree = Tree::of(leaves);
    if tree.settle() != *root && !planted("load-trusts-page") {
        return Err(LoadError::Damaged(*root));
    }
    Ok(tree)
}

/// Appends the leaves of the page with this digest, and of those below it, whose keys begin with the first `bit` bits of
/// `path`; answers with what the page is.
fn load_page<V: Kept, S: PageStore>(
    store: &S,
    digest: &Digest,
    path: &Digest,
    bit: usize,
    leaves: &mut Vec<Leaf<V>>,
) -> Result<Shape, LoadError<S::Error>> {
    if *digest == EMPTY {
        return Ok(Shape::Empty);
    }
    let bytes = store.get(digest).map_err(LoadError::Store)?.ok_or(LoadError::Missing(*digest))?;
    let damaged = LoadError::Damaged(*digest);
    let sound = |found: Digest| found == *digest || planted("load-trusts-page");
    match read_page::<V>(&bytes, path, bit).map_err(|_| LoadError::Damaged(*digest))? {
        Page::Bucket(some) if sound(hash_bucket(some.iter().map(Leaf::as_ref))) => {
            leaves.extend(some);
            Ok(Shape::Bucket)
        }
        // Checked before anything below is asked for, so a damaged page sends us nowhere.
        Page::Fork(hanging) if sound(fold::<V>(&hanging, 1)) => {
            for (node, shape, digest) in hanging {
                let before = leaves.len();
                let found = load_page(store, &digest, &at_node(path, bit, node), bit + level(node), leaves)?;
                if found != shape || shape == Shape::Branch && leaves.len() - before <= MOST {
                    return Err(damaged);
                }
            }
            Ok(Shape::Branch)
        }
        _ => Err(damaged),
    }
}

/// The digest of a fork's node, given those at which its branches end.
fn fold<V: Kept>(hanging: &[(usize, Shape, Digest)], node: usize) -> Digest {
    match hanging.iter().find(|(at, ..)| *at == node) {
        Some((.., digest)) => *digest,
        None if node >= 1 << LEVELS => EMPTY,
        None => hash_pair(&V::NODE, &fold::<V>(hanging, 2 * node), &fold::<V>(hanging, 2 * node + 1)),
    }
}

/// The path to a node of a fork that `path` leads to, `bit` bits down.
fn at_node(path: &Digest, bit: usize, node: usize) -> Digest {
    let mut path = *path;
    for below in 0..level(node) {
        let right = node >> (level(node) - 1 - below) & 1 == 1;
        let (byte, mask) = ((bit + below) / 8, 0x80 >> ((bit + below) % 8));
        path[byte] = if right { path[byte] | mask } else { path[byte] & !mask };
    }
    path
}

/// A page as its bytes say.
enum Page<V: Stored> {
    Bucket(Vec<Leaf<V>>),
    /// The nodes of a fork at which its branches end.
    Fork(Vec<(usize, Shape, Digest)>),
}

fn read_page<V: Kept>(bytes: &[u8], path: &Digest, bit: usize) -> Result<Page<V>, Malformed> {
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
                let misplaced = (0..bit).any(|bit| (key[bit / 8] ^ path[bit / 8]) >> (7 - bit % 8) & 1 == 1);
                if misplaced || leaves.last().is_some_and(|last| *last.cell.key() >= key) {
                    return Err(Malformed);
                }
                leaves.push(V::read(&key, &mut cursor)?);
            }
            Page::Bucket(leaves)
        }
        FORK if bit < KEY_BITS && bit.is_multiple_of(LEVELS) => {
            let mut hanging = Vec::with_capacity(16);
            read_fork(&mut cursor, 1, &mut hanging)?;
            if hanging.iter().any(|(node, ..)| *node == 1) {
                return Err(Malformed);
            }
            Page::Fork(hanging)
        }
        _ => return Err(Malformed),
    };
    cursor.finish()?;
    Ok(page)
}

fn read_fork(cursor: &mut Cursor<'_>, node: usize, hanging: &mut Vec<(usize, Shape, Digest)>) -> Result<(), Malformed> {
    let shape = match cursor.u8()? {
        NOTHING => Shape::Empty,
        BUCKET => Shape::Bucket,
        BRANCH if node < 1 << LEVELS => {
            read_fork(cursor, 2 * node, hanging)?;
            return read_fork(cursor, 2 * node + 1, hanging);
        }
        BRANCH => Shape::Branch,
        _ => return Err(Malformed),
    };
    let digest = if shape == Shape::Empty { EMPTY } else { *cursor.array()? };
    if shape != Shape::Empty && digest == EMPTY {
        return Err(Malformed);
    }
    hanging.push((node, shape, digest));
    Ok(())
}
