//! Many node hashes at once.
//!
//! A node is 64 bytes, one BLAKE3 compression. Alone that is some 60 to 70 ns; sixteen side by side in vector registers
//! cost a sixth of that each. blake3 does this inside long inputs and offers no stable way to ask for it across short
//! ones, so the feature `wide` uses its hidden `platform` module, and only here. Without the feature, or should that
//! module ever go, the plain loop gives the same digests; the test below compares them.

use crate::digest::{Digest, Domain};

/// Nodes per call, the widest that blake3 has.
pub(super) const LANES: usize = 16;

/// `out[i] = H(domain, inputs[i])`. At most [`LANES`] inputs.
#[cfg(feature = "wide")]
pub(super) fn hash_nodes(domain: &Domain, inputs: &[&[u8; 64]], out: &mut [Digest; LANES]) {
    use blake3::platform::{Platform, words_from_le_bytes_32};
    // From the BLAKE3 paper, section 2.2: one block that begins and ends a keyed chunk, which is also the root.
    const CHUNK_START: u8 = 1;
    const CHUNK_END: u8 = 2;
    const ROOT: u8 = 8;
    const KEYED_HASH: u8 = 16;
    let inputs = &inputs[..inputs.len().min(LANES)];
    Platform::detect().hash_many(
        inputs,
        &words_from_le_bytes_32(domain),
        0,
        blake3::IncrementCounter::No,
        KEYED_HASH,
        CHUNK_START,
        CHUNK_END | ROOT,
        out.as_flattened_mut(),
    );
}

/// `out[i] = H(domain, inputs[i])`. At most [`LANES`] inputs.
#[cfg(not(feature = "wide"))]
pub(super) fn hash_nodes(domain: &Domain, inputs: &[&[u8; 64]], out: &mut [Digest; LANES]) {
    for (input, out) in inputs.iter().zip(out) {
        *out = crate::digest::hash(domain, *input);
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, hash_nodes};
    use crate::digest::{RESOURCE_NODE, hash};

    #[test]
    fn wide_and_plain_agree() {
        let nodes: [[u8; 64]; LANES] = core::array::from_fn(|i| core::array::from_fn(|j| (i * 31 + j * 7) as u8));
        let inputs: [&[u8; 64]; LANES] = core::array::from_fn(|i| &nodes[i]);
        for count in 0..=LANES {
            let mut out = [[0; 32]; LANES];
            hash_nodes(&RESOURCE_NODE, &inputs[..count], &mut out);
            for (input, out) in inputs[..count].iter().zip(out) {
                assert_eq!(out, hash(&RESOURCE_NODE, *input));
            }
        }
    }
}
