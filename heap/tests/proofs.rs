//! Proofs that must not pass: altered, cut short, relabelled, of another root, or made up.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::literal::{self, Digest};
use common::{Random, cases, random_resource};
use motet_heap::verify::{self, VerifyError};
use motet_heap::{Heap, IdSource, ResourceId, Snapshot};

/// A heap with `live` live and some consumed resources, and all ids that were ever made.
fn grown(seed: u64, live: usize) -> (Snapshot, Vec<ResourceId>) {
    let mut random = Random::new(seed);
    let mut ids = IdSource::new(b"session").unwrap();
    let mut heap = Heap::new();
    let mut known = Vec::new();
    while heap.live_count() < live as u64 {
        let id = heap.alloc(&mut ids, &random_resource(&mut random)).unwrap();
        if random.below(3) == 0 {
            heap.consume(&id).unwrap();
        }
        known.push(id);
    }
    (heap.snapshot(), known)
}

/// A few more operations.
fn later(snapshot: &Snapshot, seed: u64) -> Snapshot {
    let mut random = Random::new(seed);
    let mut ids = IdSource::new(b"later").unwrap();
    let mut heap = Heap::from(snapshot.clone());
    for _ in 0..1 + random.below(6) {
        heap.alloc(&mut ids, &random_resource(&mut random)).unwrap();
        let any = heap.iter().nth(random.below(heap.live_count() as usize)).map(|(id, _)| id).unwrap();
        if random.below(2) == 0 {
            heap.consume(&any).unwrap()
        } else {
            heap.remove(&any).unwrap()
        };
    }
    heap.snapshot()
}

fn unknown(random: &mut Random) -> ResourceId {
    ResourceId(core::array::from_fn(|_| random.next() as u8))
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn every_altered_bit_is_noticed() {
    let mut random = Random::new(5);
    for seed in 0..(cases(20_000) / 2_500).max(4) as u64 {
        let (snapshot, known) = grown(seed, [1, 2, 3, 20, 200][seed as usize % 5]);
        let next = later(&snapshot, seed);
        let (root, new_root) = (snapshot.root(), next.root());
        let some = known[random.below(known.len())];
        let membership = [
            snapshot.prove(&[some], &[]),
            snapshot.prove(&[], &[some]),
            snapshot.prove(&[unknown(&mut random)], &[unknown(&mut random)]),
            snapshot.prove(&known[..known.len().min(6)], &[unknown(&mut random), some]),
        ];
        for proof in membership {
            verify::membership(&root, &proof).unwrap();
            alter(&proof, |altered| verify::membership(&root, altered).map(drop));
        }
        let proof = next.prove_change(&snapshot);
        verify::change(&root, &new_root, &proof).unwrap();
        alter(&proof, |altered| verify::change(&root, &new_root, altered).map(drop));
    }
}

/// Flips every bit, cuts at every length, adds a byte.
fn alter(proof: &[u8], check: impl Fn(&[u8]) -> Result<(), VerifyError>) {
    let mut altered = proof.to_vec();
    for bit in 0..8 * proof.len() {
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(check(&altered).is_err(), "bit {bit} of {} bytes", proof.len());
        altered[bit / 8] ^= 1 << (bit % 8);
    }
    for end in 0..proof.len() {
        assert!(check(&proof[..end]).is_err(), "cut at {end}");
    }
    for extra in 0..5 {
        altered.push(extra);
        assert_eq!(check(&altered), Err(VerifyError::Malformed));
        altered.pop();
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn a_proof_answers_only_for_what_it_covers() {
    let mut random = Random::new(6);
    let (snapshot, known) = grown(1, 500);
    let root = snapshot.root();
    for _ in 0..200 {
        let (asked, other) = (known[random.below(known.len())], known[random.below(known.len())]);
        let proof = snapshot.prove(&[asked], &[asked]);
        let shown = verify::membership(&root, &proof).unwrap();
        assert_eq!(shown.resource(&asked.0).unwrap().is_some(), snapshot.is_live(&asked));
        assert_eq!(shown.is_nullified(&asked.0), Ok(snapshot.is_consumed(&asked)));
        // For another id it says nothing, or the truth where both places happen to coincide.
        for answer in [shown.resource(&other.0).map(|found| found.is_some()), Err(VerifyError::NotCovered)] {
            assert!(answer == Ok(snapshot.is_live(&other)) || answer == Err(VerifyError::NotCovered));
        }
    }
    let live = snapshot.iter().next().unwrap().0;
    let nothing = snapshot.prove(&[], &[]);
    let shown = verify::membership(&root, &nothing).unwrap();
    assert_eq!(shown.resource(&live.0), Err(VerifyError::NotCovered), "left out is not absent");
    assert_eq!(shown.is_nullified(&live.0), Err(VerifyError::NotCovered));
    assert_eq!(shown.live_count(), snapshot.live_count());
    assert_eq!(shown.consumed_count(), snapshot.consumed_count());
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn a_proof_is_of_one_root() {
    let (snapshot, known) = grown(2, 50);
    let next = later(&snapshot, 3);
    let (old, new) = (snapshot.root(), next.root());
    let proof = snapshot.prove(&known[..1], &[]);
    assert_eq!(verify::membership(&new, &proof).map(drop), Err(VerifyError::WrongRoot));
    let proof = next.prove_change(&snapshot);
    assert_eq!(verify::change(&new, &old, &proof), Err(VerifyError::WrongRoot));
    assert_eq!(verify::change(&old, &old, &proof), Err(VerifyError::WrongRoot));
    let same = snapshot.prove_change(&snapshot);
    assert_eq!(verify::change(&old, &old, &same), Ok(verify::Change::default()));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn a_forgotten_nullifier_is_refused() {
    let (snapshot, _) = grown(4, 30);
    let next = later(&snapshot, 8);
    assert!(next.consumed_count() > snapshot.consumed_count());
    let back = snapshot.prove_change(&next);
    assert_eq!(verify::change(&next.root(), &snapshot.root(), &back), Err(VerifyError::NullifierForgotten));
}

const EMPTY: &[u8] = &[0];

type Leaves = [(Digest, Option<Digest>)];

fn bucket(leaves: &Leaves) -> Vec<u8> {
    let cells =
        leaves.iter().flat_map(|(key, contents)| [&key[..], contents.as_ref().map_or(&[], |c| &c[..])].concat());
    [2, leaves.len() as u8].into_iter().chain(cells).collect()
}

fn branch(left: &[u8], right: &[u8]) -> Vec<u8> {
    [&[3][..], left, right].concat()
}

fn whole(resources: &[u8], live: u64, spent: u64, nullifiers: &[u8]) -> Vec<u8> {
    [&[1, 1][..], &live.to_le_bytes(), &spent.to_le_bytes(), resources, nullifiers].concat()
}

/// Roots that no honest heap has, with proofs that fit them: the shape itself has to be refused.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn made_up_shapes_are_refused() {
    let leaf = |first: u8, last: u8| {
        let mut key = [first; 32];
        key[31] = last;
        (key, Some([7; 32]))
    };
    let digest = |leaves: &Leaves| literal::bucket("resource", leaves);
    let check = |resources: Digest, part: &[u8]| {
        let root = literal::combine(&resources, 2, &[0; 32], 0);
        verify::membership(&root, &whole(part, 2, 0, EMPTY)).map(drop)
    };
    let low: Vec<_> = (0..5).map(|last| leaf(0x11, last)).collect();
    let high: Vec<_> = (0..5).map(|last| leaf(0xee, last)).collect();
    let honest = literal::branch("resource", &digest(&low), &digest(&high));
    assert_eq!(check(honest, &branch(&bucket(&low), &bucket(&high))), Ok(()));

    let malformed = Err(VerifyError::Malformed);
    let swapped = literal::branch("resource", &digest(&high), &digest(&low));
    assert_eq!(check(swapped, &branch(&bucket(&high), &bucket(&low))), malformed, "leaves in each other's place");
    let mixed: Vec<_> = [&low[..], &high[..1]].concat();
    let right = literal::branch("resource", &digest(&mixed), &digest(&high));
    assert_eq!(check(right, &branch(&bucket(&mixed), &bucket(&high))), malformed, "one leaf beyond its half");
    let unsorted: Vec<_> = low.iter().rev().copied().collect();
    assert_eq!(check(digest(&unsorted), &bucket(&unsorted)), malformed, "leaves out of order");
    let twice = [low[0], low[0]];
    assert_eq!(check(digest(&twice), &bucket(&twice)), malformed, "one leaf twice");
    let nine: Vec<_> = (0..9).map(|last| leaf(0x11, last)).collect();
    assert_eq!(check(digest(&nine), &bucket(&nine)), malformed, "more leaves than a bucket has");
    assert_eq!(check(literal::h("resource bucket", &[]), &bucket(&[])), malformed, "a bucket of nothing");

    let apart = literal::branch("resource", &digest(&low[..4]), &digest(&high[..4]));
    assert_eq!(check(apart, &branch(&bucket(&low[..4]), &bucket(&high[..4]))), malformed, "one bucket as two");
    let lone = literal::branch("resource", &digest(&low), &[0; 32]);
    assert_eq!(check(lone, &branch(&bucket(&low), EMPTY)), malformed, "a bucket too low");
    let hollow = literal::branch("resource", &[0; 32], &[0; 32]);
    assert_eq!(check(hollow, &branch(EMPTY, EMPTY)), malformed, "nothing, spelled out");
    let stub = [&[1][..], &[0; 32]].concat();
    assert_eq!(check([0; 32], &stub), malformed, "nothing, hidden");

    let keys: Vec<_> = low.iter().map(|(key, _)| (*key, None)).collect();
    assert_eq!(check(literal::bucket("nullifier", &keys), &bucket(&low)), Err(VerifyError::WrongRoot));
    // An odd last block holds the last nullifier again; that is not a leaf more.
    let root = literal::combine(&[0; 32], 0, &literal::bucket("nullifier", &keys), 5);
    let shown = whole(EMPTY, 0, 5, &bucket(&keys));
    assert_eq!(verify::membership(&root, &shown).map(drop), Ok(()));
    let padded: Vec<_> = keys.iter().chain(keys.last()).copied().collect();
    let shown = whole(EMPTY, 0, 5, &bucket(&padded));
    assert_eq!(verify::membership(&root, &shown).map(drop), malformed, "the padding as a leaf");
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn arbitrary_bytes_do_not_panic() {
    let mut random = Random::new(12);
    for _ in 0..cases(20_000) {
        let mut bytes = random.bytes(300);
        // Mostly tags, behind a good beginning, so that the reader gets somewhere.
        bytes.iter_mut().for_each(|byte| *byte %= 6);
        if let Some(start) = bytes.first_chunk_mut() {
            *start = [1, 1 + random.below(2) as u8];
        }
        assert!(verify::membership(&[0; 32], &bytes).is_err());
        assert!(verify::change(&[0; 32], &[0; 32], &bytes).is_err());
    }
    let deep = [&[1, 1][..], &[0; 16], &[3; 100_000]].concat();
    assert_eq!(verify::membership(&[0; 32], &deep).map(drop), Err(VerifyError::Malformed));
    let deep = [&[1, 2][..], &[0; 32], &[3; 100_000]].concat();
    assert_eq!(verify::change(&[0; 32], &[0; 32], &deep), Err(VerifyError::Malformed));
}
