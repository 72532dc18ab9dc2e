//! Proofs from anybody, against the roots of a small heap: whatever passes has to be so.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use motet_heap::{Heap, IdSource, Resource, ResourceId, Snapshot, verify};

/// A heap at two times, and ids that were made, consumed, removed, or never there.
struct Known {
    older: Snapshot,
    newer: Snapshot,
    ids: Vec<ResourceId>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut heap = Heap::new();
        let mut ids = IdSource::new(b"fuzz").expect("a short path");
        let session = |type_hash| Resource::Session { role: "A".into(), type_hash };
        let resources: Vec<_> = (0..40).map(session).collect();
        let mut made = heap.alloc_many(&mut ids, &resources).expect("fresh ids");
        heap.consume_many(&made[..12]).expect("live ids");
        let older = heap.snapshot();
        heap.consume_many(&made[12..15]).expect("live ids");
        heap.remove(&made[15]).expect("a live id");
        made.extend(heap.alloc_many(&mut ids, &resources[..3]).expect("fresh ids"));
        made.extend((0..4).map(|byte| ResourceId([byte * 80; 32])));
        Known { older, newer: heap.snapshot(), ids: made }
    })
}

/// The proof that the input asks for, changed as the input says, so that the fuzzer need not invent digests.
fn proof(known: &Known, head: &[u8; 4], changes: &[u8]) -> Vec<u8> {
    let id = |at: u8| known.ids[usize::from(at) % known.ids.len()];
    let mut proof = match head[0] % 3 {
        0 => known.older.prove(&[id(head[1])], &[id(head[2]), id(head[3])]),
        1 => known.newer.prove_change(&known.older),
        _ => Vec::new(),
    };
    if head[0] % 3 == 2 {
        proof.extend_from_slice(changes);
        return proof;
    }
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % proof.len();
        match change[2] & 3 {
            0 if proof.len() > 1 => drop(proof.remove(at)),
            1 => proof.insert(at, change[2] >> 2),
            2 => proof.truncate(at.max(1)),
            _ => proof[at] ^= change[2] | 1,
        }
    }
    proof
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((head, changes)) = bytes.split_first_chunk::<4>() else { return Corpus::Reject };
    let known = known();
    let proof = proof(known, head, changes);
    if let Ok(shown) = verify::membership(&known.older.root(), &proof) {
        for id in &known.ids {
            if let Ok(found) = shown.resource(&id.0) {
                let stored = known.older.stored(id).ok().map(verify::contents_digest);
                assert_eq!(found.copied(), stored);
            }
            if let Ok(consumed) = shown.is_nullified(&id.0) {
                assert_eq!(consumed, known.older.is_consumed(id));
            }
        }
    }
    if let Ok(change) = verify::change(&known.older.root(), &known.newer.root(), &proof) {
        let honest = known.newer.prove_change(&known.older);
        assert_eq!(Ok(change), verify::change(&known.older.root(), &known.newer.root(), &honest));
    }
    Corpus::Keep
});
