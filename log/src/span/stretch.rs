//! A stretch of a log as digests: two neighbouring stretches combine to the one over both.

use crate::planted::planted;
use crate::{Lsn, Record};
use core::fmt;

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The key of one purpose: no input has the same digest under two.
type Domain = [u8; 32];

const RECORD: &Domain = b"motet.log.1 record              ";
const NODE: &Domain = b"motet.log.1 node                ";
const STRETCH: &Domain = b"motet.log.1 stretch             ";
pub(super) const CARRIED: &Domain = b"motet.log.1 carried spans       ";
pub(super) const CERTIFICATE: &Domain = b"motet.log.1 cut certificate     ";

/// The digest of bytes for one purpose.
pub(super) fn hash(domain: &Domain, parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new_keyed(domain);
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    Digest(*hasher.finalize().as_bytes())
}

/// The digest of a record: its place, its kind, its bytes.
pub fn record_digest(record: &Record) -> Digest {
    let (lsn, kind) = (record.lsn.get().to_le_bytes(), record.kind.to_le_bytes());
    hash(RECORD, &[&lsn, &kind, &record.bytes])
}

/// The records from one position to another, as the roots of the largest complete binary trees that stand at multiples
/// of their size. The trees over the records from the first one on are a Merkle mountain range.
///
/// There are at most two of each size, so a stretch of `n` records has at most `2 log n` roots, and a record is added in
/// constant time on average. Which trees there are follows from the two positions alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    from: Lsn,
    to: Lsn,
    /// Height and root of each tree, from left to right.
    trees: Vec<(u32, Digest)>,
}

impl Stretch {
    /// The empty stretch at a position.
    pub const fn new(at: Lsn) -> Self {
        Self { from: at, to: at, trees: Vec::new() }
    }

    /// The stretch with these roots, as [`Stretch::roots`] gives them; none if there cannot be so many.
    pub fn from_roots(from: Lsn, to: Lsn, roots: &[Digest]) -> Option<Self> {
        let heights = heights(from, to)?;
        (heights.len() == roots.len()).then(|| Self {
            from,
            to,
            trees: heights.into_iter().zip(roots.iter().copied()).collect(),
        })
    }

    /// The position of its first record.
    pub const fn from(&self) -> Lsn {
        self.from
    }

    /// The position behind its last record.
    pub const fn to(&self) -> Lsn {
        self.to
    }

    /// The roots of its trees, from left to right.
    pub fn roots(&self) -> impl Iterator<Item = Digest> + '_ {
        self.trees.iter().map(|(_, root)| *root)
    }

    /// Takes the digest of the next record.
    ///
    /// # Errors
    /// [`NotNext`] when it is not the next one.
    pub fn push(&mut self, lsn: Lsn, record: Digest) -> Result<(), NotNext> {
        self.append(&Self { from: lsn, to: lsn.next(), trees: vec![(0, record)] })
    }

    /// Takes the stretch behind this one: afterwards this is the stretch over both, as if its records had been pushed.
    ///
    /// # Errors
    /// [`NotNext`] when it does not start where this one ends.
    pub fn append(&mut self, next: &Self) -> Result<(), NotNext> {
        if next.from != self.to {
            return Err(NotNext { expected: self.to, found: next.from });
        }
        let mut at = self.to.get();
        for &(height, root) in &next.trees {
            self.trees.push((height, root));
            at = at.saturating_add(1 << height);
            self.merge(at);
        }
        self.to = next.to;
        Ok(())
    }

    /// Joins trees that stand side by side in a larger one, the last of which ends at `end`.
    fn merge(&mut self, end: u64) {
        while let [.., (left_height, left), (height, right)] = self.trees.as_slice() {
            // The joined tree must stand at a multiple of its size, so it must end at one.
            let joined = 2_u64 << height;
            if left_height != height || !end.is_multiple_of(joined) {
                return;
            }
            let (left, right) = match planted("stretch-ignores-order") && left > right {
                true => (right, left),
                false => (left, right),
            };
            let root = hash(NODE, &[&left.0, &right.0]);
            let height = height + 1;
            self.trees.truncate(self.trees.len() - 2);
            self.trees.push((height, root));
        }
    }

    /// One digest of it all, which binds both positions.
    pub fn root(&self) -> Digest {
        let (from, to) = (self.from.get().to_le_bytes(), self.to.get().to_le_bytes());
        let ends: [&[u8]; 2] = if planted("stretch-ignores-place") { [&[], &[]] } else { [&from, &to] };
        let roots = self.trees.iter().map(|(_, root)| root.0.as_slice());
        hash(STRETCH, &ends.into_iter().chain(roots).collect::<Vec<_>>())
    }
}

/// The heights of the trees over the records from one position to another; none if they stand the wrong way round.
fn heights(from: Lsn, to: Lsn) -> Option<Vec<u32>> {
    let (mut at, to) = (from.get(), to.get());
    let mut heights = Vec::new();
    if at > to {
        return None;
    }
    while at < to {
        // As large as its place allows, and as what is left allows.
        let height = at.trailing_zeros().min((to - at).ilog2());
        heights.push(height);
        at += 1 << height;
    }
    Some(heights)
}

/// A record or a stretch came that is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {found} came where record {expected} was to come")]
pub struct NotNext {
    /// The position that was to come.
    pub expected: Lsn,
    /// The one that came.
    pub found: Lsn,
}
