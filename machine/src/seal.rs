//! Sealing: bytes behind a version and a chain of digests, so that damage is found and has an address.
//!
//! ```text
//! header   8 magic | u32 version | u32 zero | u64 length of the body | digest of the 24 bytes before it
//! blocks   the body in blocks of 16 KiB, the last one shorter, each followed by its digest
//! ```
//!
//! A block's digest is keyed with the digest before it, the header's for the first block; so no block can stand in
//! another place, and the last digest covers everything.

use alloc::vec::Vec;
use motet_types::{Digester, Planted, Reader, planted};

/// Bytes of a block.
const BLOCK: usize = 16 * 1024;
/// Bytes of the header.
const HEADER: usize = 24;

/// Bytes that are not as they were sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not this kind of file.
    #[error("it does not begin as such a file does")]
    Magic,
    /// Another version of the format.
    #[error("version {found} of the format; this program reads version {known}")]
    Version {
        /// The file's version.
        found: u32,
        /// The version that is read.
        known: u32,
    },
    /// Bytes are missing, or there are too many.
    #[error("{found} bytes where the header says {expected}")]
    Length {
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The block that starts here is not as it was written.
    #[error("damaged in the block at byte {offset}")]
    Damaged {
        /// Where the block starts.
        offset: usize,
    },
}

/// Seals a body.
pub fn seal(magic: &[u8; 8], version: u32, body: &[u8]) -> Vec<u8> {
    let mut into = Vec::with_capacity(HEADER + 32 + body.len() + body.len().div_ceil(BLOCK) * 32);
    into.bytes(magic);
    into.u32(version);
    into.u32(0);
    into.size(body.len());
    let mut chain = blake3::hash(&into);
    into.bytes(chain.as_bytes());
    for block in body.chunks(BLOCK) {
        chain = blake3::keyed_hash(chain.as_bytes(), block);
        into.bytes(block);
        into.bytes(chain.as_bytes());
    }
    into
}

/// Checks every byte and answers the body. It takes no more memory than the bytes do.
pub fn unseal(magic: &[u8; 8], version: u32, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut from = Reader::new(bytes);
    let cut = SealError::Length { expected: (HEADER + 32) as u64, found: bytes.len() as u64 };
    if from.take(8).ok_or(cut)? != magic {
        return Err(SealError::Magic);
    }
    let found = from.u32().ok_or(cut)?;
    let zero = from.u32().ok_or(cut)?;
    let len = from.u64().ok_or(cut)?;
    let digest = from.take(32).ok_or(cut)?;
    let mut chain = blake3::hash(&bytes[..HEADER]);
    // A version that the header's digest does not vouch for is damage, not another version.
    if digest != chain.as_bytes() || found == version && zero != 0 {
        return Err(SealError::Damaged { offset: 0 });
    }
    if found != version {
        return Err(SealError::Version { found, known: version });
    }
    let digests = len.div_ceil(BLOCK as u64).saturating_mul(32);
    let expected = len.saturating_add(digests).saturating_add((HEADER + 32) as u64);
    if expected != bytes.len() as u64 {
        return Err(SealError::Length { expected, found: bytes.len() as u64 });
    }
    let mut body = Vec::with_capacity(len as usize);
    while body.len() < len as usize {
        let offset = from.offset();
        let damaged = SealError::Damaged { offset };
        let block = from.take((len as usize - body.len()).min(BLOCK)).ok_or(damaged)?;
        let digest = from.take(32).ok_or(damaged)?;
        chain = blake3::keyed_hash(chain.as_bytes(), block);
        if digest != chain.as_bytes() && !planted(Planted::SealUnchecked) {
            return Err(damaged);
        }
        body.extend_from_slice(block);
    }
    Ok(body)
}
