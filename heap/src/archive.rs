//! A whole heap as one stream of bytes, for a checkpoint.
//!
//! ```text
//! archive   "motet.heap" (10 bytes), version u8 = 1, live u64, spent u64, resources root, nullifiers root, then
//!           for each live resource in id order its id and its stored form behind its u32 length,
//!           for each consumed one in id order its id
//! ```
//!
//! Integers are little-endian. Equal heaps have equal archives. Reading trusts nothing: ids have to be in order, stored
//! forms have to decode, and both trees are built anew and have to have the roots that the archive begins with. Those say
//! that the archive is whole, not whose it is: compare the root with one you trust.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::heap::{Commitment, Heap, Held, Nullifier};
use crate::planted::planted;
use crate::resource::Resource;
use crate::snapshot::Snapshot;
use crate::tree::{Cell, Leaf, Tree};

const MAGIC: [u8; 10] = *b"motet.heap";
const VERSION: u8 = 1;

/// Most bytes asked for, or written, at once; so a lying length reserves no more than this before it is found out.
const AT_ONCE: usize = 1 << 16;

/// Why an archive was not read. `E` is the reader's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError<E> {
    /// The reader failed, or had too few bytes.
    #[error("the archive of the heap could not be read: {0}")]
    Read(E),
    /// It does not begin as an archive of this version does.
    #[error("not an archive of a heap, or of another version")]
    NotAnArchive,
    /// An id is not above the one before it.
    #[error("entry {0} of the heap's archive is out of order")]
    OutOfOrder(u64),
    /// A stored form is none.
    #[error("resource {0} of the heap's archive does not decode")]
    BadResource(u64),
    /// An id is both live and consumed.
    #[error("resource {0} of the heap's archive is live and consumed")]
    LiveAndConsumed(crate::ResourceId),
    /// The entries do not have the roots that the archive begins with.
    #[error("the heap's archive is damaged: its entries do not have its roots")]
    WrongRoots,
}

impl Snapshot {
    /// Writes the whole heap through `write`, in pieces of at most 64 KiB and one resource, in order.
    pub fn write_to<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let commitment = self.commitment();
        let mut out = Vec::with_capacity(AT_ONCE);
        out.extend(MAGIC);
        out.push(VERSION);
        out.extend(commitment.live.to_le_bytes());
        out.extend(commitment.spent.to_le_bytes());
        out.extend(commitment.resources);
        out.extend(commitment.nullifiers);
        let mut flush = |out: &mut Vec<u8>, least: usize| {
            if out.len() < least {
                return Ok(());
            }
            let written = write(out);
            out.clear();
            written
        };
        for (id, stored) in self.iter() {
            out.extend(id.0);
            // `Resource::encode` refuses what would not fit.
            out.extend((stored.len() as u32).to_le_bytes());
            out.extend_from_slice(stored);
            flush(&mut out, AT_ONCE)?;
        }
        for id in self.consumed() {
            out.extend(id.0);
            flush(&mut out, AT_ONCE)?;
        }
        flush(&mut out, 0)
    }

    /// Reads a heap through `read`, which fills the whole slice it is given or fails. Reads to the end of the archive
    /// and no further.
    pub fn read_from<E>(read: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Snapshot, ArchiveError<E>> {
        let mut source = Source(read);
        if source.array::<10>()? != MAGIC || source.array::<1>()? != [VERSION] {
            return Err(ArchiveError::NotAnArchive);
        }
        let live = u64::from_le_bytes(source.array()?);
        let spent = u64::from_le_bytes(source.array()?);
        let commitment = Commitment { live, spent, resources: source.array()?, nullifiers: source.array()? };
        let mut leaves: Vec<Leaf<Held>> = Vec::new();
        let mut stored = Vec::new();
        for at in 0..live {
            let key = source.key_after(leaves.last().map(|leaf| leaf.cell.key()), at)?;
            let length = u32::from_le_bytes(source.array()?);
            source.fill(&mut stored, length)?;
            Resource::decode(&stored).map_err(|_| ArchiveError::BadResource(at))?;
            leaves.push(Held::new(&stored).leaf(&key));
        }
        let mut nullified: Vec<Leaf<Nullifier>> = Vec::new();
        for at in 0..spent {
            let key = source.key_after(nullified.last().map(|leaf| leaf.cell.key()), live.saturating_add(at))?;
            nullified.push(Leaf { cell: key, rest: () });
        }
        let resources = Tree::of(leaves);
        if let Some(both) = nullified.iter().find(|leaf| resources.get(&leaf.cell).is_some()) {
            return Err(ArchiveError::LiveAndConsumed(crate::ResourceId(both.cell)));
        }
        let snapshot = Heap::from_trees(resources, Tree::of(nullified)).snapshot();
        if snapshot.commitment() == commitment || planted("archive-trusts-entries") {
            Ok(snapshot)
        } else {
            Err(ArchiveError::WrongRoots)
        }
    }
}

/// A reader, and what is read from it piece by piece.
struct Source<R>(R);

impl<E, R: FnMut(&mut [u8]) -> Result<(), E>> Source<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ArchiveError<E>> {
        let mut bytes = [0; N];
        (self.0)(&mut bytes).map_err(ArchiveError::Read)?;
        Ok(bytes)
    }

    /// The next key, which has to be above the one before.
    fn key_after(&mut self, last: Option<&Digest>, at: u64) -> Result<Digest, ArchiveError<E>> {
        let key = self.array()?;
        if last.is_some_and(|last| *last >= key) { Err(ArchiveError::OutOfOrder(at)) } else { Ok(key) }
    }

    /// Reads `length` bytes over whatever `bytes` held.
    fn fill(&mut self, bytes: &mut Vec<u8>, length: u32) -> Result<(), ArchiveError<E>> {
        bytes.clear();
        let mut left = length as usize;
        while left > 0 {
            let (start, some) = (bytes.len(), left.min(AT_ONCE));
            bytes.resize(start + some, 0);
            (self.0)(&mut bytes[start..]).map_err(ArchiveError::Read)?;
            left -= some;
        }
        Ok(())
    }
}
