//! Many hashes at once.
//!
//! A node is 64 bytes, one BLAKE3 compression. Alone that is some 60 to 90 ns; sixteen side by side in vector registers
//! cost a sixth of that each. blake3 does this inside long inputs and offers no stable way to ask for it across short
//! ones, so the feature `wide` uses its hidden `platform` module, and only here. Without the feature, or should that
//! module ever go, the plain loop gives the same digests; the tests below compare them.

use super::Stored;
use super::bucket::{Bucket, Leaf, LeafRef, MOST};
#[cfg(feature = "wide")]
use crate::counted;
use crate::digest::{Digest, Domain, EMPTY, hash};

/// Inputs per call, the widest that blake3 has.
pub(super) const LANES: usize = 16;

/// A bucket's longest preimage.
const LONGEST: usize = 64 * MOST;

#[cfg(feature = "wide")]
use blake3::platform::{Platform, le_bytes_from_words_32, words_from_le_bytes_32};

// From the BLAKE3 paper, section 2.2: blocks of one keyed chunk, which is also the root.
#[cfg(feature = "wide")]
const CHUNK_START: u8 = 1;
#[cfg(feature = "wide")]
const CHUNK_END: u8 = 2;
#[cfg(feature = "wide")]
const ROOT: u8 = 8;
#[cfg(feature = "wide")]
const KEYED_HASH: u8 = 16;

/// `H(domain, bytes)`, with less ado if that is one compression.
#[cfg(feature = "wide")]
pub(crate) fn hash_one(domain: &Domain, bytes: &[u8]) -> Digest {
    let mut block = [0; 64];
    let Some(start) = block.get_mut(..bytes.len()) else {
        return hash(domain, bytes);
    };
    start.copy_from_slice(bytes);
    counted::alone(bytes.len());
    let mut words = words_from_le_bytes_32(domain);
    let flags = KEYED_HASH | CHUNK_START | CHUNK_END | ROOT;
    Platform::detect().compress_in_place(&mut words, &block, bytes.len() as u8, 0, flags);
    le_bytes_from_words_32(&words)
}

#[cfg(not(feature = "wide"))]
pub(crate) use crate::digest::hash as hash_one;

/// `out[i] = H(domain, inputs[i])` for the first `count` inputs of `N` bytes, which is a multiple of 64 and at most 1,024.
/// The other inputs may be hashed too: what is left over when the widest registers are filled costs more than filling them.
#[cfg(feature = "wide")]
fn hash_many<const N: usize>(domain: &Domain, inputs: &[&[u8; N]; LANES], count: usize, out: &mut [Digest; LANES]) {
    counted::together(count * N / 64);
    let lanes = match count {
        0..=2 => count,
        3..=4 => 4,
        5..=8 => 8,
        _ => LANES,
    };
    Platform::detect().hash_many(
        &inputs[..lanes],
        &words_from_le_bytes_32(domain),
        0,
        blake3::IncrementCounter::No,
        KEYED_HASH,
        CHUNK_START,
        CHUNK_END | ROOT,
        out.as_flattened_mut(),
    );
}

/// `out[i] = H(domain, inputs[i])` for the first `count` inputs of `N` bytes.
#[cfg(not(feature = "wide"))]
fn hash_many<const N: usize>(domain: &Domain, inputs: &[&[u8; N]; LANES], count: usize, out: &mut [Digest; LANES]) {
    for (input, out) in inputs.iter().zip(out).take(count) {
        *out = hash(domain, *input);
    }
}

/// The digests of at most [`LANES`] inputs, all as long as the first: between 1 and [`MOST`] blocks of 64 bytes. What is
/// beyond the inputs says nothing.
pub(super) fn hash_side_by_side(domain: &Domain, inputs: &[&[u8]]) -> [Digest; LANES] {
    fn run<const N: usize>(domain: &Domain, inputs: &[&[u8]]) -> [Digest; LANES] {
        let first: &[u8; N] = inputs.first().and_then(|input| input.first_chunk()).unwrap_or(&[0; N]);
        let mut lanes = [first; LANES];
        for (lane, input) in lanes.iter_mut().zip(inputs) {
            debug_assert_eq!(input.len(), N);
            *lane = input.first_chunk().unwrap_or(first);
        }
        let mut out = [EMPTY; LANES];
        hash_many(domain, &lanes, inputs.len().min(LANES), &mut out);
        out
    }
    match inputs.first().map_or(0, |input| input.len()) {
        64 => run::<64>(domain, inputs),
        128 => run::<128>(domain, inputs),
        192 => run::<192>(domain, inputs),
        256 => run::<256>(domain, inputs),
        320 => run::<320>(domain, inputs),
        384 => run::<384>(domain, inputs),
        448 => run::<448>(domain, inputs),
        LONGEST => run::<LONGEST>(domain, inputs),
        _ => [EMPTY; LANES],
    }
}

const _: () = assert!(LONGEST == 512, "every length has a row above");

/// The digest of one bucket.
pub(crate) fn hash_bucket<'a, V: Stored + 'a>(leaves: impl Iterator<Item = LeafRef<'a, V>>) -> Digest {
    let bucket: Bucket<V> = leaves.map(|leaf| Leaf { cell: *leaf.cell, rest: V::Rest::default() }).collect();
    if bucket.len() == 0 { EMPTY } else { hash(&V::BUCKET, bucket.preimage()) }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{LANES, LONGEST, hash_one, hash_side_by_side};
    use crate::digest::{RESOURCE_NODE, hash};

    #[test]
    fn one_and_plain_agree() {
        let bytes: Vec<u8> = (0..200).collect();
        (0..bytes.len()).for_each(|len| {
            assert_eq!(hash_one(&RESOURCE_NODE, &bytes[..len]), hash(&RESOURCE_NODE, &bytes[..len]), "{len} bytes");
        });
    }

    #[test]
    fn wide_and_plain_agree() {
        let inputs: [[u8; LONGEST]; LANES] =
            core::array::from_fn(|i| core::array::from_fn(|j| (i * 31 + j * 7 + j / 64) as u8));
        for blocks in 1..=LONGEST / 64 {
            for count in 0..=LANES {
                let some: Vec<&[u8]> = inputs[..count].iter().map(|input| &input[..64 * blocks]).collect();
                for (input, out) in some.iter().zip(hash_side_by_side(&RESOURCE_NODE, &some)) {
                    assert_eq!(out, hash(&RESOURCE_NODE, input));
                }
            }
        }
    }
}
