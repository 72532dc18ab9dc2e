//! Many hashes at once.
//!
//! A node is 64 bytes, one BLAKE3 compression. Alone that is some 60 to 90 ns; sixteen side by side in vector registers
//! cost a sixth of that each. blake3 does this inside long inputs and offers no stable way to ask for it across short
//! ones, so the feature `wide` uses its hidden `platform` module, and only here. Without the feature, or should that
//! module ever go, the plain loop gives the same digests; the tests below compare them.

use alloc::vec::Vec;

use super::Stored;
use super::block::{Job, Leaf, MOST};
#[cfg(feature = "wide")]
use crate::counted;
use crate::digest::{Digest, Domain, EMPTY, hash};
use crate::planted::planted;

/// Inputs per call, the widest that blake3 has.
const LANES: usize = 16;

/// A bucket's longest preimage.
const LONGEST: usize = 64 * MOST;

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

/// The digests of some buckets, in their order, over whatever `digests` held. `write` writes a bucket's preimage.
pub(super) fn hash_buckets<V: Stored>(jobs: &[Job], digests: &mut Vec<Digest>, write: impl Fn(&Job, &mut [u8])) {
    digests.clear();
    digests.resize(jobs.len(), EMPTY);
    let blocks = |job: &Job| (usize::from(job.len) * V::CELL).div_ceil(64);
    // Only equally long inputs run side by side.
    let mut order: Vec<u32> = (0..jobs.len() as u32).collect();
    order.sort_unstable_by_key(|at| jobs[*at as usize].len);
    let mut lanes = [[0; LONGEST]; LANES];
    for equal in order.chunk_by(|a, b| blocks(&jobs[*a as usize]) == blocks(&jobs[*b as usize])) {
        for some in equal.chunks(LANES) {
            for (lane, at) in lanes.iter_mut().zip(some) {
                write(&jobs[*at as usize], lane);
            }
            let mut out = [EMPTY; LANES];
            let length = some.first().map_or(0, |at| blocks(&jobs[*at as usize]));
            hash_blocks(&V::BUCKET, length, &lanes[..some.len()], &mut out);
            for (at, digest) in some.iter().zip(out) {
                digests[*at as usize] = digest;
            }
        }
    }
}

/// The digest of one bucket.
pub(crate) fn hash_bucket<'a, V: Stored + 'a>(leaves: impl Iterator<Item = &'a Leaf<V>>) -> Digest {
    let mut cells = [0; LONGEST];
    let end = write_cells(leaves, &mut cells);
    hash(&V::BUCKET, &cells[..end])
}

/// A bucket's preimage: its leaves in key order, and if that ends inside a block, the last leaf once more, which no
/// bucket has twice. Gives its length.
pub(super) fn write_cells<'a, V: Stored + 'a>(leaves: impl Iterator<Item = &'a Leaf<V>>, out: &mut [u8]) -> usize {
    let mut end = 0;
    for leaf in leaves {
        leaf.value.write_cell(&leaf.key, &mut out[end..end + V::CELL]);
        end += V::CELL;
    }
    if !end.is_multiple_of(64) {
        out.copy_within(end - V::CELL..end, end);
        end += V::CELL;
    }
    end
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
