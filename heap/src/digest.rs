//! Hashing under a domain. A domain is a BLAKE3 key, so two domains never agree on any input, and BLAKE3 binds the
//! length of what it hashes. A node of 64 bytes costs one compression.

use crate::counted;

/// The key of one purpose. The text names the scheme's version and the purpose; it is padded to 32 bytes.
pub(crate) type Domain = [u8; 32];

/// A BLAKE3 digest.
pub(crate) type Digest = [u8; 32];

pub(crate) const CONTENTS: Domain = *b"motet.heap.1 resource contents  ";
pub(crate) const ID: Domain = *b"motet.heap.1 resource id        ";
pub(crate) const RESOURCE_BUCKET: Domain = *b"motet.heap.1 resource bucket    ";
pub(crate) const RESOURCE_NODE: Domain = *b"motet.heap.1 resource node      ";
pub(crate) const NULLIFIER_BUCKET: Domain = *b"motet.heap.1 nullifier bucket   ";
pub(crate) const NULLIFIER_NODE: Domain = *b"motet.heap.1 nullifier node     ";
pub(crate) const ROOT: Domain = *b"motet.heap.1 root               ";

/// Leaves in a bucket at most: a subtree with no more is hashed as one. More would make proofs longer and have every
/// change hash more; fewer would make more buckets, and more digests above them.
pub(crate) const BUCKET_MOST: usize = 8;

/// The digest of an empty subtree. No input is known to hash to it.
pub(crate) const EMPTY: Digest = [0; 32];

pub(crate) fn hash(domain: &Domain, bytes: &[u8]) -> Digest {
    counted::alone(bytes.len());
    *blake3::keyed_hash(domain, bytes).as_bytes()
}

/// The digest of two digests side by side: an inner node.
pub(crate) fn hash_pair(domain: &Domain, left: &Digest, right: &Digest) -> Digest {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(left);
    pair[32..].copy_from_slice(right);
    hash(domain, &pair)
}

/// What a heap's root is made of: both trees' roots and how many leaves each has.
pub(crate) fn hash_root(resources: &Digest, live: u64, nullifiers: &Digest, spent: u64) -> Digest {
    let mut bytes = [0; 80];
    bytes[..32].copy_from_slice(resources);
    bytes[32..40].copy_from_slice(&live.to_le_bytes());
    bytes[40..72].copy_from_slice(nullifiers);
    bytes[72..].copy_from_slice(&spent.to_le_bytes());
    hash(&ROOT, &bytes)
}
