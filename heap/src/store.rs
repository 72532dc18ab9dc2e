//! Keeping a heap outside memory: pages under their digests, behind a trait.
//!
//! A page's digest says all that is below it, so a page that the store has need not be written again: saving costs what
//! changed since the last save into the same store. Loading trusts nothing: every page has to fold to the digest it was
//! asked for by, and to have the one shape its contents allow.
//!
//! ```text
//! page   version u8 = 1, tree u8 (1 resources, 2 nullifiers), occupied u16, then for each occupied slot, lowest first:
//!        0, key, stored form behind its u32 length (resources), nothing (nullifiers)
//!        1, digest of the page below
//! ```

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
use crate::tree::{KEY_NIBBLES, Kind, Page, PageFold, Slot, Stored, Tree, nibble, nibbles};

const VERSION: u8 = 1;
const LEAF: u8 = 0;
const PAGE: u8 = 1;

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
        save_page(store, &commitment.resources, self.live().top())?;
        save_page(store, &commitment.nullifiers, self.spent().top())?;
        Ok(commitment)
    }

    /// Reads a heap back, checking all of it.
    pub fn load<S: PageStore>(store: &S, commitment: &Commitment) -> Result<Snapshot, LoadError<S::Error>> {
        let live = load_tree(store, &commitment.resources, commitment.live)?;
        let spent = load_tree(store, &commitment.nullifiers, commitment.spent)?;
        Ok(Snapshot::new(Heap::from_trees(live, spent), *commitment))
    }
}

fn save_page<V: Kept, S: PageStore>(store: &mut S, digest: &Digest, page: &Page<V>) -> Result<(), S::Error> {
    if *digest == EMPTY || store.has(digest)? {
        return Ok(());
    }
    let mut out = Vec::with_capacity(64 * page.slots().len());
    out.extend([VERSION, V::TREE]);
    out.extend(page.occupied().to_le_bytes());
    for slot in page.slots() {
        match &slot.kind {
            Kind::Leaf { key, value } => {
                out.push(LEAF);
                out.extend(key);
                value.write(&mut out);
            }
            Kind::Page(below) => {
                save_page(store, &slot.digest, below)?;
                out.push(PAGE);
                out.extend(slot.digest);
            }
        }
    }
    store.put(digest, out)
}

fn load_tree<V: Kept, S: PageStore>(store: &S, root: &Digest, count: u64) -> Result<Tree<V>, LoadError<S::Error>> {
    let mut loader = Loader { store, path: EMPTY, leaves: 0 };
    let top = if *root == EMPTY { Page::empty() } else { loader.page(root, 0)? };
    if loader.leaves != count {
        return Err(LoadError::WrongCount);
    }
    Ok(Tree::from_settled(top, count, *root))
}

struct Loader<'a, S> {
    store: &'a S,
    /// The nibbles that lead to the page being loaded.
    path: Digest,
    leaves: u64,
}

impl<S: PageStore> Loader<'_, S> {
    fn page<V: Kept>(&mut self, digest: &Digest, depth: usize) -> Result<Page<V>, LoadError<S::Error>> {
        let damaged = LoadError::Damaged(*digest);
        if depth >= KEY_NIBBLES {
            return Err(damaged);
        }
        let bytes = self.store.get(digest).map_err(LoadError::Store)?.ok_or(LoadError::Missing(*digest))?;
        let mut page = self.read(&bytes, depth).map_err(|_| LoadError::Damaged(*digest))?;
        // The digest is checked before anything below is asked for, so a damaged page cannot send us elsewhere.
        if PageFold::new(&page).digest(1) != digest && !planted("load-trusts-page") {
            return Err(damaged);
        }
        let lone_leaf = matches!(page.slots(), [Slot { kind: Kind::Leaf { .. }, .. }]);
        if page.occupied() == 0 || (lone_leaf && depth > 0) {
            return Err(damaged);
        }
        for (nibble, slot) in nibbles(page.occupied()).zip(page.slots_mut()) {
            if let Kind::Page(below) = &mut slot.kind {
                let byte = &mut self.path[depth / 2];
                *byte = if depth.is_multiple_of(2) { (nibble as u8) << 4 } else { *byte & 0xf0 | nibble as u8 };
                *below = Arc::new(self.page(&slot.digest, depth + 1)?);
            }
        }
        Ok(page)
    }

    /// A page as its bytes say, with empty pages where others belong.
    fn read<V: Kept>(&mut self, bytes: &[u8], depth: usize) -> Result<Page<V>, Malformed> {
        let mut cursor = Cursor::new(bytes);
        if *cursor.array()? != [VERSION, V::TREE] {
            return Err(Malformed);
        }
        let mut page = Page::empty();
        for expected in nibbles(cursor.u16()?) {
            let slot = match cursor.u8()? {
                LEAF => {
                    let key = *cursor.array()?;
                    let misplaced = (0..depth).any(|d| nibble(&key, d) != nibble(&self.path, d));
                    if misplaced || nibble(&key, depth) != expected {
                        return Err(Malformed);
                    }
                    let value = V::read(&mut cursor)?;
                    self.leaves += 1;
                    Slot { digest: hash_pair(&V::LEAF, &key, &value.contents()), kind: Kind::Leaf { key, value } }
                }
                PAGE => Slot { digest: *cursor.array()?, kind: Kind::Page(Arc::new(Page::empty())) },
                _ => return Err(Malformed),
            };
            page.put(expected, slot, false);
        }
        cursor.finish()?;
        Ok(page)
    }
}
