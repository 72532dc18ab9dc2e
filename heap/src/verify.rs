//! Checking proofs from their bytes, with nothing at hand but a root that is trusted.
//!
//! This module needs no heap: only the digests' definition, a bounds-checked reader, and blake3. No bytes make it
//! panic; it uses at most a small multiple of the proof's length in memory, and recursion 256 deep.
//!
//! ```text
//! membership   version u8 = 1, kind u8 = 1, live u64, spent u64, part (resources), part (nullifiers)
//! change       version u8 = 1, kind u8 = 2, then live u64, spent u64 of the older root, the same of the newer,
//!              both (resources), both (nullifiers)
//!
//! part         0                          nothing below
//!              1, digest                  something below that is not shown
//!              2, count u8, leaves        exactly these leaves below, 1 to 8 of them in key order: a key and a
//!                                         contents digest each; in the tree of nullifiers a key
//!              3, part, part              the two halves, next key bit 0 and 1
//! both         0                          nothing below, before and after
//!              1, digest                  the same below, before and after
//!              3, both, both              the two halves
//!              4, part, part              all that was below before, and after; nothing not shown
//! ```
//!
//! `digest(0) = 0³²`, `digest(2) = H(bucket domain, leaves)`, an odd number of nullifiers with the last once more,
//! `digest(3) = H(node domain, left, right)`, and `root = H(root domain, resources, live u64, nullifiers, spent u64)`.
//! Integers are little-endian.
//!
//! Why a membership proof is sound: the root is an honest heap's, so by collision resistance the parts shown are parts
//! of its trees. A tree has no two places for one key: a leaf stands where its key's bits lead, and a subtree of eight
//! leaves or fewer is one bucket. So if the key's bits lead to nothing, or to a bucket without it, the key is absent. Ids asked about are not in the proof: whoever asks brings them, and a proof that does not cover
//! one says so instead of passing it for absent.

use alloc::vec::Vec;
use core::fmt;

use crate::cursor::{Cursor, Malformed};
use crate::digest::{
    BUCKET_MOST, CONTENTS, Digest, Domain, EMPTY, NULLIFIER_BUCKET, NULLIFIER_NODE, RESOURCE_BUCKET, RESOURCE_NODE,
    hash, hash_pair, hash_root,
};
use crate::planted::planted;

pub(crate) const VERSION: u8 = 1;
pub(crate) const MEMBERSHIP: u8 = 1;
pub(crate) const CHANGE: u8 = 2;

pub(crate) const EMPTY_PART: u8 = 0;
pub(crate) const STUB: u8 = 1;
pub(crate) const BUCKET: u8 = 2;
pub(crate) const BRANCH: u8 = 3;
pub(crate) const SPLIT: u8 = 4;

const KEY_BITS: usize = 256;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// No prover writes these bytes.
    Malformed,
    /// The proof is of another root.
    WrongRoot,
    /// The proof does not show the place of the id asked about.
    NotCovered,
    /// The newer root lacks a nullifier that the older has.
    NullifierForgotten,
    /// The counts of the two roots do not differ by the changes shown.
    WrongCount,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VerifyError::Malformed => "malformed proof",
            VerifyError::WrongRoot => "the proof is of another root",
            VerifyError::NotCovered => "the proof does not cover this id",
            VerifyError::NullifierForgotten => "a nullifier of the older root is missing in the newer",
            VerifyError::WrongCount => "the roots' counts do not match the changes",
        })
    }
}

impl core::error::Error for VerifyError {}

impl From<Malformed> for VerifyError {
    fn from(_: Malformed) -> VerifyError {
        VerifyError::Malformed
    }
}

/// The contents digest of a resource's stored form, to compare with what a proof shows.
pub fn contents_digest(stored: &[u8]) -> [u8; 32] {
    hash(&CONTENTS, stored)
}

/// Checks a membership proof against a trusted root.
pub fn membership<'a>(root: &[u8; 32], proof: &'a [u8]) -> Result<Membership<'a>, VerifyError> {
    let mut cursor = Cursor::new(proof);
    if *cursor.array()? != [VERSION, MEMBERSHIP] {
        return Err(VerifyError::Malformed);
    }
    let (live, spent) = (cursor.u64()?, cursor.u64()?);
    let (resources, resource_root) = Parts::read(&mut cursor, &RESOURCES)?;
    let (nullifiers, nullifier_root) = Parts::read(&mut cursor, &NULLIFIERS)?;
    finish(cursor)?;
    check_root(root, &resource_root, live, &nullifier_root, spent)?;
    Ok(Membership { resources, nullifiers, live, spent })
}

/// What a checked membership proof shows.
#[derive(Clone, Debug)]
pub struct Membership<'a> {
    resources: Parts<'a>,
    nullifiers: Parts<'a>,
    live: u64,
    spent: u64,
}

impl<'a> Membership<'a> {
    /// The contents digest of the live resource with this id; `None` if there is no such live resource.
    pub fn resource(&self, id: &[u8; 32]) -> Result<Option<&'a [u8; 32]>, VerifyError> {
        self.resources.find(id)
    }

    /// Whether exactly this resource, in stored form, is live under this id.
    pub fn holds(&self, id: &[u8; 32], stored: &[u8]) -> Result<bool, VerifyError> {
        Ok(self.resource(id)? == Some(&contents_digest(stored)))
    }

    /// Whether the id was consumed.
    pub fn is_nullified(&self, id: &[u8; 32]) -> Result<bool, VerifyError> {
        Ok(self.nullifiers.find(id)?.is_some())
    }

    /// How many resources are live.
    pub fn live_count(&self) -> u64 {
        self.live
    }

    /// How many were consumed.
    pub fn consumed_count(&self) -> u64 {
        self.spent
    }
}

/// Exactly what differs between two roots, each list in id order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Change {
    /// Live in the newer only: id and contents digest.
    pub begun: Vec<([u8; 32], [u8; 32])>,
    /// Live in the older only: id and contents digest. Consumed if also in `nullified`, otherwise removed.
    pub ended: Vec<([u8; 32], [u8; 32])>,
    /// Consumed since, also what was allocated in between.
    pub nullified: Vec<[u8; 32]>,
}

/// Checks a change proof against two trusted roots. The newer root is a continuation of the older: no nullifier of the
/// older is missing in it.
pub fn change(older: &[u8; 32], newer: &[u8; 32], proof: &[u8]) -> Result<Change, VerifyError> {
    let mut cursor = Cursor::new(proof);
    if *cursor.array()? != [VERSION, CHANGE] {
        return Err(VerifyError::Malformed);
    }
    let (old_live, old_spent) = (cursor.u64()?, cursor.u64()?);
    let (new_live, new_spent) = (cursor.u64()?, cursor.u64()?);
    let (resources, resource_roots) = Difference::read(&mut cursor, &RESOURCES)?;
    let (nullifiers, nullifier_roots) = Difference::read(&mut cursor, &NULLIFIERS)?;
    finish(cursor)?;
    check_root(older, &resource_roots[0], old_live, &nullifier_roots[0], old_spent)?;
    check_root(newer, &resource_roots[1], new_live, &nullifier_roots[1], new_spent)?;
    if !nullifiers.gone.is_empty() && !planted("change-hides-nullifier") {
        return Err(VerifyError::NullifierForgotten);
    }
    resources.check_counts(old_live, new_live)?;
    nullifiers.check_counts(old_spent, new_spent)?;
    let nullified = nullifiers.come.into_iter().map(|(id, _)| id).collect();
    Ok(Change { begun: resources.come, ended: resources.gone, nullified })
}

fn finish(cursor: Cursor<'_>) -> Result<(), VerifyError> {
    if planted("verify-accepts-trailing") { Ok(()) } else { Ok(cursor.finish()?) }
}

fn check_root(
    root: &Digest,
    resources: &Digest,
    live: u64,
    nullifiers: &Digest,
    spent: u64,
) -> Result<(), VerifyError> {
    let shown = hash_root(resources, live, nullifiers, spent);
    if shown == *root || planted("verify-skips-root") { Ok(()) } else { Err(VerifyError::WrongRoot) }
}

/// What is particular to one tree.
struct TreeRules {
    bucket: Domain,
    node: Domain,
    /// Bytes of a leaf: a key and its contents digest, or a key.
    cell: usize,
}

const RESOURCES: TreeRules = TreeRules { bucket: RESOURCE_BUCKET, node: RESOURCE_NODE, cell: 64 };
const NULLIFIERS: TreeRules = TreeRules { bucket: NULLIFIER_BUCKET, node: NULLIFIER_NODE, cell: 32 };

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Empty,
    Hidden,
    Bucket(Cells<'a>),
    /// The left half follows at once, the right half at this index.
    Branch {
        right: usize,
    },
}

/// The leaves of a bucket as a proof has them.
#[derive(Clone, Copy, Debug)]
struct Cells<'a> {
    bytes: &'a [u8],
    /// Bytes of a leaf.
    cell: usize,
}

impl<'a> Cells<'a> {
    /// Each leaf's key and contents digest. A nullifier's key is all it has.
    fn iter(self) -> impl DoubleEndedIterator<Item = (&'a Digest, &'a Digest)> + Clone {
        self.bytes.chunks_exact(self.cell).filter_map(|cell| Some((cell.first_chunk()?, cell.last_chunk()?)))
    }

    fn digest(self, domain: &Domain) -> Digest {
        let mut padded = [0; 64 * BUCKET_MOST];
        let end = self.bytes.len();
        if end.is_multiple_of(64) {
            return hash(domain, self.bytes);
        }
        padded[..end].copy_from_slice(self.bytes);
        padded.copy_within(end - self.cell..end, end);
        hash(domain, &padded[..end + self.cell])
    }
}

/// How much of a subtree's shape is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// So many leaves and no more, which are shown.
    Leaves(usize),
    Branch,
    Unknown,
}

/// A subtree as folded: its digest and shape.
type Folded = (Digest, Shape);

/// The shown parts of one tree, in the order written.
#[derive(Clone, Debug, Default)]
struct Parts<'a>(Vec<Part<'a>>);

impl<'a> Parts<'a> {
    fn read(cursor: &mut Cursor<'a>, rules: &TreeRules) -> Result<(Self, Digest), VerifyError> {
        let mut parts = Parts(Vec::with_capacity(64));
        let (root, _) = parts.read_part(cursor, rules, &mut Path::new(), true)?;
        Ok((parts, root))
    }

    fn read_part(
        &mut self,
        cursor: &mut Cursor<'a>,
        rules: &TreeRules,
        path: &mut Path,
        stubs: bool,
    ) -> Result<Folded, VerifyError> {
        match cursor.u8()? {
            EMPTY_PART => {
                self.0.push(Part::Empty);
                Ok((EMPTY, Shape::Leaves(0)))
            }
            STUB if stubs => {
                self.0.push(Part::Hidden);
                read_stub(cursor)
            }
            BUCKET => {
                let count = usize::from(cursor.u8()?);
                if count == 0 || count > BUCKET_MOST {
                    return Err(VerifyError::Malformed);
                }
                let cells = Cells { bytes: cursor.take(count * rules.cell)?, cell: rules.cell };
                let keys = cells.iter().map(|(key, _)| key);
                let ends = [keys.clone().next(), keys.clone().next_back()];
                let leads = ends.into_iter().flatten().all(|key| path.leads_to(key)) || planted("verify-skips-path");
                if !leads || !keys.is_sorted_by(|low, high| low < high) {
                    return Err(VerifyError::Malformed);
                }
                self.0.push(Part::Bucket(cells));
                Ok((cells.digest(&rules.bucket), Shape::Leaves(count)))
            }
            BRANCH => {
                let at = self.0.len();
                self.0.push(Part::Empty);
                let left = path.descend(false, |path| self.read_part(cursor, rules, path, stubs))?;
                self.0[at] = Part::Branch { right: self.0.len() };
                let right = path.descend(true, |path| self.read_part(cursor, rules, path, stubs))?;
                join(rules, left, right)
            }
            _ => Err(VerifyError::Malformed),
        }
    }

    /// The contents under a key, or that the key is absent.
    fn find(&self, key: &Digest) -> Result<Option<&'a Digest>, VerifyError> {
        let mut at = 0;
        for depth in 0..=KEY_BITS {
            match self.0.get(at) {
                Some(Part::Branch { right }) => at = if bit(key, depth) { *right } else { at + 1 },
                Some(Part::Bucket(cells)) => {
                    return Ok(cells.iter().find(|(found, _)| *found == key).map(|(_, contents)| contents));
                }
                Some(Part::Empty) => return Ok(None),
                Some(Part::Hidden) if planted("verify-missing-is-absent") => return Ok(None),
                Some(Part::Hidden) | None => break,
            }
        }
        Err(VerifyError::NotCovered)
    }

    fn leaves(&self) -> impl Iterator<Item = (Digest, Digest)> {
        let buckets = self.0.iter().filter_map(|part| match part {
            Part::Bucket(cells) => Some(*cells),
            _ => None,
        });
        buckets.flat_map(Cells::iter).map(|(key, contents)| (*key, *contents))
    }
}

/// The leaves by which two states of one tree differ.
#[derive(Default)]
struct Difference {
    gone: Vec<(Digest, Digest)>,
    come: Vec<(Digest, Digest)>,
}

impl Difference {
    fn read(cursor: &mut Cursor<'_>, rules: &TreeRules) -> Result<(Self, [Digest; 2]), VerifyError> {
        let mut difference = Difference::default();
        let roots = difference.read_both(cursor, rules, &mut Path::new())?;
        Ok((difference, roots.map(|(digest, _)| digest)))
    }

    fn read_both(
        &mut self,
        cursor: &mut Cursor<'_>,
        rules: &TreeRules,
        path: &mut Path,
    ) -> Result<[Folded; 2], VerifyError> {
        match cursor.u8()? {
            EMPTY_PART => Ok([(EMPTY, Shape::Leaves(0)); 2]),
            STUB => Ok([read_stub(cursor)?; 2]),
            BRANCH => {
                let left = path.descend(false, |path| self.read_both(cursor, rules, path))?;
                let right = path.descend(true, |path| self.read_both(cursor, rules, path))?;
                Ok([join(rules, left[0], right[0])?, join(rules, left[1], right[1])?])
            }
            SPLIT => {
                let (mut old, mut new) = (Parts::default(), Parts::default());
                let before = old.read_part(cursor, rules, path, false)?;
                let after = new.read_part(cursor, rules, path, false)?;
                if before.0 == after.0 || (before.1, after.1) == (Shape::Branch, Shape::Branch) {
                    return Err(VerifyError::Malformed);
                }
                // A leaf on both sides moved up or down; it did not change. One side has one bucket at most, so
                // comparing each with each is linear.
                self.gone.extend(old.leaves().filter(|leaf| !new.leaves().any(|other| other == *leaf)));
                self.come.extend(new.leaves().filter(|leaf| !old.leaves().any(|other| other == *leaf)));
                Ok([before, after])
            }
            _ => Err(VerifyError::Malformed),
        }
    }

    fn check_counts(&self, before: u64, after: u64) -> Result<(), VerifyError> {
        let grown = u128::from(before) + self.come.len() as u128;
        let shrunk = u128::from(after) + self.gone.len() as u128;
        if grown == shrunk { Ok(()) } else { Err(VerifyError::WrongCount) }
    }
}

fn read_stub(cursor: &mut Cursor<'_>) -> Result<Folded, VerifyError> {
    let digest = *cursor.array()?;
    if digest == EMPTY { Err(VerifyError::Malformed) } else { Ok((digest, Shape::Unknown)) }
}

/// Two halves as one. Halves that an honest tree would have written as one bucket, or as nothing, are refused.
fn join(rules: &TreeRules, left: Folded, right: Folded) -> Result<Folded, VerifyError> {
    match (left.1, right.1) {
        (Shape::Leaves(left), Shape::Leaves(right)) if left + right <= BUCKET_MOST => Err(VerifyError::Malformed),
        _ => Ok((hash_pair(&rules.node, &left.0, &right.0), Shape::Branch)),
    }
}

fn bit(key: &Digest, depth: usize) -> bool {
    key.get(depth / 8).is_some_and(|byte| byte >> (7 - depth % 8) & 1 == 1)
}

/// The key bits that lead to where the reader stands.
struct Path {
    bits: Digest,
    depth: usize,
}

impl Path {
    fn new() -> Path {
        Path { bits: EMPTY, depth: 0 }
    }

    /// Runs `read` one level down. There is nothing below the last bit of a key.
    fn descend<T>(
        &mut self,
        right: bool,
        read: impl FnOnce(&mut Path) -> Result<T, VerifyError>,
    ) -> Result<T, VerifyError> {
        let mask = 0x80 >> (self.depth % 8);
        let byte = self.bits.get_mut(self.depth / 8).ok_or(VerifyError::Malformed)?;
        if right {
            *byte |= mask;
        } else {
            *byte &= !mask;
        }
        self.depth += 1;
        let below = read(self)?;
        self.depth -= 1;
        Ok(below)
    }

    /// Whether a leaf with this key may stand here.
    fn leads_to(&self, key: &Digest) -> bool {
        let (bytes, rest) = (self.depth / 8, self.depth % 8);
        if key[..bytes] != self.bits[..bytes] {
            return false;
        }
        rest == 0 || (key[bytes] ^ self.bits[bytes]) >> (8 - rest) == 0
    }
}
