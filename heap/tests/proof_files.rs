//! Proof files: what was written is shown, nothing else is, and no damaged file passes.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::{Random, cases, random_resource};
use motet_heap::verify::{Change, VerifyError};
use motet_heap::{Claim, Heap, IdSource, ProofFile, ProofFileError, ResourceId, Snapshot};

fn grown(seed: u64, count: usize) -> (Snapshot, Vec<ResourceId>) {
    let mut random = Random::new(seed);
    let mut ids = IdSource::new(b"session").unwrap();
    let mut heap = Heap::new();
    let mut known = Vec::new();
    for _ in 0..count {
        known.push(heap.alloc(&mut ids, &random_resource(&mut random)).unwrap());
        if random.below(3) == 0 {
            heap.consume(&known[random.below(known.len())]).ok();
        }
    }
    (heap.snapshot(), known)
}

fn check(root: &[u8; 32], file: &[u8]) -> Result<Vec<Claim>, ProofFileError> {
    let file = ProofFile::read(file)?;
    file.check_membership(root).map(|(claims, _)| claims.to_vec())
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn a_file_says_what_is_so() {
    for seed in 0..cases(1_000) as u64 / 50 {
        let mut random = Random::new(seed);
        let (snapshot, mut known) = grown(seed, 1 + random.below(60));
        known.push(ResourceId(core::array::from_fn(|_| random.next() as u8)));
        let mut some = || (0..random.below(5)).map(|_| known[random.below(known.len())]).collect::<Vec<_>>();
        let (resources, nullifiers) = (some(), some());
        let file = snapshot.membership_file(&resources, &nullifiers).unwrap();
        let claims = check(&snapshot.root(), &file).unwrap();
        for id in &resources {
            let live = claims.iter().any(|claim| matches!(claim, Claim::Live(found, _) if found == id));
            assert_eq!((live, claims.contains(&Claim::NotLive(*id))), (snapshot.is_live(id), !snapshot.is_live(id)));
        }
        for id in &nullifiers {
            let consumed = snapshot.is_consumed(id);
            assert_eq!(claims.contains(&Claim::Consumed(*id)), consumed);
            assert_eq!(claims.contains(&Claim::NotConsumed(*id)), !consumed);
        }
        assert_eq!(check(&[3; 32], &file), Err(ProofFileError::Proof(VerifyError::WrongRoot)));
        let change = snapshot.change_file(&snapshot);
        let shown = ProofFile::read(&change).unwrap().check_change(&snapshot.root(), &snapshot.root());
        assert_eq!(shown, Ok(Change::default()));
        assert_eq!(check(&snapshot.root(), &change), Err(ProofFileError::WrongKind));
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn altered_files_are_refused() {
    let (snapshot, known) = grown(4, 40);
    let unknown = ResourceId([9; 32]);
    let file = snapshot.membership_file(&[known[3], known[4], unknown], &[known[3], known[5], unknown]).unwrap();
    let root = snapshot.root();
    let claims = check(&root, &file).unwrap();
    let mut altered = file.clone();
    for bit in 0..8 * file.len() {
        altered[bit / 8] ^= 1 << (bit % 8);
        // Of an id that is not there, a neighbour that is not there either is covered by the same proof: another file,
        // and one that tells the truth. Anything else is refused.
        let unknown_too =
            |claim: &Claim| matches!(claim, Claim::NotLive(id) | Claim::NotConsumed(id) if !known.contains(id));
        match check(&root, &altered) {
            Err(_) => {}
            Ok(other) => {
                let changed: Vec<_> = other.iter().filter(|claim| !claims.contains(claim)).collect();
                assert!(changed.len() == 1 && unknown_too(changed[0]), "bit {bit}: {changed:?}");
            }
        }
        altered[bit / 8] ^= 1 << (bit % 8);
    }
    for end in 0..file.len() {
        assert!(check(&root, &file[..end]).is_err(), "cut at {end}");
    }
    altered.push(0);
    assert!(check(&root, &altered).is_err());
}

/// Relabelled: each claim turned into its contrary, under a proof that holds.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn contrary_claims_are_untrue() {
    let (snapshot, known) = grown(5, 40);
    for id in &known {
        let mut file = snapshot.membership_file(&[], &[*id]).unwrap();
        file[17] = 7 - file[17];
        let untrue = if snapshot.is_consumed(id) { Claim::NotConsumed(*id) } else { Claim::Consumed(*id) };
        assert_eq!(check(&snapshot.root(), &file), Err(ProofFileError::Untrue(untrue)));
    }
    let live = snapshot.iter().next().unwrap().0;
    let mut file = snapshot.membership_file(&[live], &[]).unwrap();
    file[17] = 2;
    file.drain(50..82);
    assert_eq!(check(&snapshot.root(), &file), Err(ProofFileError::Untrue(Claim::NotLive(live))));
    // An id that the proof does not cover is not absent.
    let mut file = snapshot.membership_file(&[], &[known[0]]).unwrap();
    file[18..50].copy_from_slice(&known[0].0.map(|byte| !byte));
    assert_eq!(check(&snapshot.root(), &file), Err(ProofFileError::Proof(VerifyError::NotCovered)));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn arbitrary_files_do_not_panic() {
    let mut random = Random::new(6);
    for _ in 0..cases(5_000) {
        let mut bytes = b"motet.proof\x01\x01\x01\0\0\0".to_vec();
        bytes.extend(random.bytes(300).iter().map(|byte| byte % 6));
        bytes.truncate(random.below(bytes.len() + 1));
        assert!(check(&[0; 32], &bytes).is_err());
    }
    let claims = [&b"motet.proof\x01\x01"[..], &u32::MAX.to_le_bytes(), &[1; 90]].concat();
    assert_eq!(check(&[0; 32], &claims), Err(ProofFileError::NotAProof));
}
