//! Many hashes at once.
//!
//! A node is 64 bytes, one BLAKE3 compression. Alone that is some 60 to 90 ns; sixteen side by side in vector registers
//! cost a sixth of that each. blake3 does this inside long inputs and offers no stable way to ask for it across short
//! ones, so the feature `wide` uses its hidden `platform` module, and only here. Without the feature, or should that
//! module ever go, the plain loop gives the same digests; the tests below compare them.

use alloc::vec;
use alloc::vec::Vec;

use super::Stored;
use super::bucket::{Bucket, MOST};
#[cfg(feature = "wide")]
use crate::counted;
use crate::digest::{Digest, Domain, EMPTY};
use crate::planted::planted;

/// Inputs per call, the widest that blake3 has.
const LANES: usize = 16;

/// A bucket's longest preimage.
const LONGEST: usize = 64 * MOST;

/// Buckets brought into the cache together: enough for their misses to overlap and for every length to fill the lanes,
/// few enough to be there still when they are hashed.
const AT_ONCE: usize = 1024;

/// `out[i] = H(domain, inputs[i])`. At most [`LANES`] inputs of `N` bytes, which is a multiple of 64 and at most 1,024.
#[cfg(feature = "wide")]
fn hash_many<const N: usize>(domain: &Domain, inputs: &[&[u8; N]], out: &mut [Digest; LANES]) {
    use blake3::platform::{Platform, words_from_le_bytes_32};
    // From the BLAKE3 paper, section 2.2: blocks of one keyed chunk, which is also the root.
    const CHUNK_START: u8 = 1;
    const CHUNK_END: u8 = 2;
    const ROOT: u8 = 8;
    const KEYED_HASH: u8 = 16;
    counted::together(inputs.len() * N / 64);
    Platform::detect().hash_many(
        &inputs[..inputs.len().min(LANES)],
        &words_from_le_bytes_32(domain),
        0,
        blake3::IncrementCounter::No,
        KEYED_HASH,
        CHUNK_START,
        CHUNK_END | ROOT,
        out.as_flattened_mut(),
    );
}

/// `out[i] = H(domain, inputs[i])`. At most [`LANES`] inputs of `N` bytes.
#[cfg(not(feature = "wide"))]
fn hash_many<const N: usize>(domain: &Domain, inputs: &[&[u8; N]], out: &mut [Digest; LANES]) {
    for (input, out) in inputs.iter().zip(out) {
        *out = crate::digest::hash(domain, *input);
    }
}

/// The digests of some buckets, in their order.
pub(super) fn hash_buckets<V: Stored>(buckets: &[&Bucket<V>]) -> Vec<Digest> {
    let mut digests = vec![EMPTY; buckets.len()];
    let mut lanes = [[0; LONGEST]; LANES];
    let mut by_blocks: [Vec<u32>; MOST + 1] = Default::default();
    for (buckets, digests) in buckets.chunks(AT_ONCE).zip(digests.chunks_mut(AT_ONCE)) {
        // Only equally long inputs run side by side. Looking at every length first also fetches every bucket.
        by_blocks.iter_mut().for_each(Vec::clear);
        for (at, bucket) in (0..).zip(buckets) {
            by_blocks[(bucket.len() * V::CELL).div_ceil(64)].push(at);
        }
        for (blocks, some) in by_blocks.iter().enumerate() {
            for some in some.chunks(LANES) {
                for (lane, at) in lanes.iter_mut().zip(some) {
                    write_cells(buckets[*at as usize], lane);
                }
                let mut out = [EMPTY; LANES];
                hash_blocks(&V::BUCKET, blocks, &lanes[..some.len()], &mut out);
                for (at, digest) in some.iter().zip(out) {
                    digests[*at as usize] = digest;
                }
            }
        }
    }
    digests
}

/// A bucket's preimage: its leaves in key order, and if that ends inside a block, the last leaf once more, which no
/// bucket has twice.
fn write_cells<V: Stored>(bucket: &Bucket<V>, out: &mut [u8; LONGEST]) {
    let mut end = 0;
    for leaf in bucket.leaves() {
        leaf.value.write_cell(&leaf.key, &mut out[end..end + V::CELL]);
        end += V::CELL;
    }
    if !end.is_multiple_of(64) {
        out.copy_within(end - V::CELL..end, end);
    }
}

/// Hashes the first `blocks` blocks of each input.
fn hash_blocks(domain: &Domain, blocks: usize, inputs: &[[u8; LONGEST]], out: &mut [Digest; LANES]) {
    fn run<const N: usize>(domain: &Domain, inputs: &[[u8; LONGEST]], out: &mut [Digest; LANES]) {
        let mut lanes = [const { &[0; N] }; LANES];
        let all = inputs.iter().filter_map(|input| input.first_chunk());
        lanes.iter_mut().zip(all).for_each(|(lane, input)| *lane = input);
        hash_many(domain, &lanes[..inputs.len().min(LANES)], out);
    }
    match blocks {
        1 => run::<64>(domain, inputs, out),
        2 => run::<128>(domain, inputs, out),
        3 => run::<192>(domain, inputs, out),
        4 => run::<256>(domain, inputs, out),
        5 => run::<320>(domain, inputs, out),
        6 => run::<384>(domain, inputs, out),
        7 => run::<448>(domain, inputs, out),
        8 => run::<512>(domain, inputs, out),
        _ => {}
    }
}

const _: () = assert!(LONGEST == 512, "every length has a row above");

/// Nodes gathered until there are enough to hash together.
pub(super) struct Batch {
    inputs: [[u8; 64]; LANES],
    places: [(usize, usize); LANES],
    len: usize,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { inputs: [[0; 64]; LANES], places: [(0, 0); LANES], len: 0 }
    }
}

impl Batch {
    /// Adds a node to hash and where it is. There must be room, see [`Batch::run_if_full`].
    pub(super) fn push(&mut self, left: &Digest, right: &Digest, place: (usize, usize)) {
        let (left, right) = if planted("fold-swaps-children") { (right, left) } else { (left, right) };
        let input = &mut self.inputs[self.len];
        input[..32].copy_from_slice(left);
        input[32..].copy_from_slice(right);
        self.places[self.len] = place;
        self.len += 1;
    }

    pub(super) fn run_if_full(&mut self, domain: &Domain, set: impl FnMut((usize, usize), Digest)) {
        if self.len == LANES {
            self.run(domain, set);
        }
    }

    /// Hashes what was gathered and tells `set` each place with its digest.
    pub(super) fn run(&mut self, domain: &Domain, mut set: impl FnMut((usize, usize), Digest)) {
        let mut lanes = [&self.inputs[0]; LANES];
        lanes.iter_mut().zip(&self.inputs).for_each(|(lane, input)| *lane = input);
        let mut out = [EMPTY; LANES];
        hash_many(domain, &lanes[..self.len], &mut out);
        self.places.iter().zip(out).take(self.len).for_each(|(place, digest)| set(*place, digest));
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, LONGEST, hash_blocks};
    use crate::digest::{RESOURCE_NODE, hash};

    #[test]
    fn wide_and_plain_agree() {
        let inputs: [[u8; LONGEST]; LANES] =
            core::array::from_fn(|i| core::array::from_fn(|j| (i * 31 + j * 7 + j / 64) as u8));
        for blocks in 1..=LONGEST / 64 {
            for count in 0..=LANES {
                let mut out = [[0; 32]; LANES];
                hash_blocks(&RESOURCE_NODE, blocks, &inputs[..count], &mut out);
                for (input, out) in inputs[..count].iter().zip(out) {
                    assert_eq!(out, hash(&RESOURCE_NODE, &input[..64 * blocks]));
                }
            }
        }
    }
}
