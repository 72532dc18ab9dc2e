//! Ids of the default scheme: final when made, without asking anybody.
//!
//! `id = H(domain, len(path) u32, path, counter u64, contents digest)`. The path names the session, the counter is the
//! source's own, so sources with different paths cannot yield the same id and no global counter is raced for. The id
//! also commits to what was allocated under it.

use core::fmt;

use crate::digest::{Digest, ID};
use crate::error::HeapError;
use crate::hex::Hex;
use crate::planted::planted;
use crate::tree::hash_one;
use crate::verify::contents_digest;
use alloc::vec::Vec;

/// A resource's id in the default scheme.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub [u8; 32]);

impl ResourceId {
    /// The id that the source `path` makes with `counter` for a resource whose stored form is `stored`.
    pub fn derive(path: &[u8], counter: u64, stored: &[u8]) -> ResourceId {
        ResourceId(hash_id(path, counter, &contents_digest(stored)))
    }
}

/// Bytes of an id's preimage beside the path.
const BESIDE: usize = 44;

fn hash_id(path: &[u8], counter: u64, contents: &Digest) -> Digest {
    // Paths are short as a rule, and then their preimage needs no allocation.
    let (mut short, mut long) = ([0; 128], Vec::new());
    let room = match short.get_mut(..path.len() + BESIDE) {
        Some(room) => room,
        None => {
            long.resize(path.len() + BESIDE, 0);
            &mut long[..]
        }
    };
    let length = put_id(room, path, counter, contents);
    hash_one(&ID, &room[..length])
}

/// Writes an id's preimage and gives its length.
fn put_id(out: &mut [u8], path: &[u8], counter: u64, contents: &Digest) -> usize {
    let mut end = 0;
    let mut put = |bytes: &[u8]| {
        out[end..end + bytes.len()].copy_from_slice(bytes);
        end += bytes.len();
    };
    if !planted("id-ignores-path") {
        // A path of 4 GiB is refused by `IdSource::new`, so the length always fits.
        put(&(path.len() as u32).to_le_bytes());
        put(path);
    }
    let counter = if planted("id-ignores-counter") { 0 } else { counter };
    put(&counter.to_le_bytes());
    put(contents);
    end
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceId({})", Hex(&self.0))
    }
}

/// Makes ids for one session: its path, and a counter that only ever grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdSource {
    path: Vec<u8>,
    counter: u64,
}

impl IdSource {
    /// A source for `path`, which no other source may use. `None` for a path longer than 4 GiB - 1.
    pub fn new(path: &[u8]) -> Option<IdSource> {
        IdSource::resume(path, 0)
    }

    /// The source for `path` after it made `counter` ids; for recovery.
    pub fn resume(path: &[u8], counter: u64) -> Option<IdSource> {
        u32::try_from(path.len()).ok()?;
        Some(IdSource { path: path.to_vec(), counter })
    }

    /// The path given.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Ids made so far.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// The next id, for a resource whose contents digest is `contents`.
    pub(crate) fn next(&mut self, contents: &Digest) -> Result<ResourceId, HeapError> {
        let counter = self.counter;
        self.counter = counter.checked_add(1).ok_or(HeapError::CounterExhausted)?;
        Ok(self.at(counter, contents))
    }

    /// The id that this source makes with `counter`.
    pub(crate) fn at(&self, counter: u64, contents: &Digest) -> ResourceId {
        ResourceId(hash_id(&self.path, counter, contents))
    }
}
