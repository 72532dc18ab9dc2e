//! Random operations on the default scheme against sorted maps and a literal root.
//!
//! `MOTET_CASES=1000000` runs the full lane.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::literal::{self, Digest};
use common::{Random, cases, random_resource};
use motet_heap::{Heap, HeapError, IdSource, ResourceId, Snapshot, verify};

#[derive(Clone, Default)]
struct Oracle {
    live: BTreeMap<Digest, Vec<u8>>,
    spent: BTreeSet<Digest>,
}

impl Oracle {
    fn check(&self, id: &ResourceId) -> Result<(), HeapError> {
        if self.spent.contains(&id.0) {
            Err(HeapError::AlreadyConsumed(*id))
        } else if !self.live.contains_key(&id.0) {
            Err(HeapError::NotFound(*id))
        } else {
            Ok(())
        }
    }

    /// As the heap: a repeated id is refused first, then the first id that is not live.
    fn consume_many(&mut self, ids: &[ResourceId]) -> Result<(), HeapError> {
        let mut sorted = ids.to_vec();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
            return Err(HeapError::Duplicate(twice[0]));
        }
        ids.iter().try_for_each(|id| self.check(id))?;
        for id in ids {
            self.live.remove(&id.0);
            self.spent.insert(id.0);
        }
        Ok(())
    }

    fn root(&self) -> Digest {
        literal::root(&self.live, &self.spent)
    }
}

/// Everything that can be seen of a committed heap is what the oracle says.
fn compare(snapshot: &Snapshot, oracle: &Oracle, known: &[ResourceId], random: &mut Random) {
    assert!(snapshot.iter().map(|(id, stored)| (id.0, stored.to_vec())).eq(oracle.live.clone()));
    assert!(snapshot.consumed().map(|id| id.0).eq(oracle.spent.iter().copied()));
    assert_eq!(snapshot.live_count(), oracle.live.len() as u64);
    assert_eq!(snapshot.consumed_count(), oracle.spent.len() as u64);
    assert_eq!(snapshot.root(), oracle.root());

    let asked: Vec<_> = (0..random.below(12)).map(|_| pick(known, random)).collect();
    let proof = snapshot.prove(&asked, &asked);
    let shown = verify::membership(&snapshot.root(), &proof).unwrap();
    for id in &asked {
        let expected = oracle.live.get(&id.0);
        assert_eq!(shown.resource(&id.0).unwrap().copied(), expected.map(|stored| literal::contents(stored)));
        assert_eq!(shown.is_nullified(&id.0).unwrap(), oracle.spent.contains(&id.0));
        if let Some(stored) = expected {
            assert!(shown.holds(&id.0, stored).unwrap());
            assert!(!shown.holds(&id.0, b"something else").unwrap());
        }
    }
}

/// Mostly an id that was made at some time, sometimes one that never was.
fn pick(known: &[ResourceId], random: &mut Random) -> ResourceId {
    if known.is_empty() || random.below(8) == 0 {
        let mut id = ResourceId(core::array::from_fn(|_| random.next() as u8));
        if let Some(other) = known.first().filter(|_| random.below(2) == 0) {
            // A near miss: as an existing id, but for its last bit.
            id = *other;
            id.0[31] ^= 1;
        }
        return id;
    }
    known[random.below(known.len())]
}

fn change_shows(older: &(Snapshot, Oracle), newer: &(Snapshot, Oracle)) {
    let proof = newer.0.prove_change(&older.0);
    let change = verify::change(&older.0.root(), &newer.0.root(), &proof).unwrap();
    let only_in = |a: &Oracle, b: &Oracle| -> Vec<(Digest, Digest)> {
        let missing = a.live.iter().filter(|(id, _)| !b.live.contains_key(*id));
        missing.map(|(id, stored)| (*id, literal::contents(stored))).collect()
    };
    assert_eq!(change.begun, only_in(&newer.1, &older.1));
    assert_eq!(change.ended, only_in(&older.1, &newer.1));
    assert!(change.nullified.iter().eq(newer.1.spent.difference(&older.1.spent)));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn random_operations_agree_with_sorted_maps() {
    let mut left = cases(20_000);
    let mut seed = 0;
    while left > 0 {
        seed += 1;
        let mut random = Random::new(seed);
        let length = (1 << random.below(12)).min(left);
        left -= length;
        run(&mut random, length);
    }
}

fn run(random: &mut Random, length: usize) {
    let (mut heap, mut oracle) = (Heap::new(), Oracle::default());
    let mut ids = IdSource::new(&random.bytes(40)).unwrap();
    let mut known = Vec::new();
    let mut kept: Vec<(Snapshot, Oracle)> = Vec::new();
    // Some runs grow, some stay near empty, where shapes collapse most.
    let appetite = 2 + random.below(6);
    for _ in 0..length {
        let id = pick(&known, random);
        match random.below(10) {
            n if n < appetite => {
                let resources: Vec<_> = (0..1 + random.below(2)).map(|_| random_resource(random)).collect();
                let path = ids.path().to_vec();
                let counter = ids.counter();
                for (made, resource) in heap.alloc_many(&mut ids, &resources).unwrap().iter().zip(&resources) {
                    let stored = resource.encode().unwrap();
                    assert_eq!(heap.read(made).as_ref(), Ok(resource));
                    oracle.live.insert(made.0, stored);
                    known.push(*made);
                }
                let first = resources[0].encode().unwrap();
                assert_eq!(known[known.len() - resources.len()].0, literal::id(&path, counter, &first));
            }
            7 => {
                let some: Vec<_> = (0..random.below(4)).map(|_| pick(&known, random)).collect();
                let stored: Vec<_> = some.iter().map(|id| oracle.live.get(&id.0).cloned()).collect();
                let consumed = heap.consume_many(&some);
                assert_eq!(consumed.as_ref().map(drop).map_err(|e| *e), oracle.consume_many(&some));
                if let Ok(contents) = consumed {
                    assert!(contents.iter().map(|c| Some(c.to_vec())).eq(stored));
                }
            }
            8 => {
                let refused = oracle.check(&id);
                oracle.live.remove(&id.0);
                assert_eq!(heap.remove(&id).map(drop), refused);
            }
            9 => assert_eq!(heap.stored(&id).map(drop), oracle.check(&id)),
            _ => assert_eq!(heap.consume(&id).map(drop), oracle.consume_many(&[id])),
        }
        if random.below(64) == 0 {
            let snapshot = heap.snapshot();
            compare(&snapshot, &oracle, &known, random);
            kept.push((snapshot, oracle.clone()));
        }
        if random.below(256) == 0 && !kept.is_empty() {
            // Go back to an earlier state; ids made since stay known and are unknown to it.
            let (snapshot, then) = kept[random.below(kept.len())].clone();
            (heap, oracle) = (snapshot.into(), then);
            // Histories part here: a later state is a continuation of this one and of nothing after it.
            kept.clear();
        }
    }
    compare(&heap.snapshot(), &oracle, &known, random);
    // What was kept is as it was, and each state proves how it grew out of the one before.
    for (snapshot, then) in kept.iter().rev().take(8) {
        compare(snapshot, then, &known, random);
    }
    for two in kept.windows(2).rev().take(8) {
        change_shows(&two[0], &two[1]);
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn ids_are_final_and_apart() {
    let mut random = Random::new(3);
    let resource = random_resource(&mut random);
    let stored = resource.encode().unwrap();
    let mut seen = BTreeSet::new();
    for path in [&b""[..], b"a", b"ab", b"a\0", b"\0\0\0\0\0\0\0\0"] {
        let mut heap = Heap::new();
        let mut ids = IdSource::new(path).unwrap();
        for counter in 0..20 {
            let id = heap.alloc(&mut ids, &resource).unwrap();
            assert_eq!(id.0, literal::id(path, counter, &stored));
            assert_eq!(id, ResourceId::derive(path, counter, &stored));
            assert!(seen.insert(id), "one id twice");
        }
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn a_spent_id_is_never_allocated_again() {
    let mut random = Random::new(4);
    let resource = random_resource(&mut random);
    let again = || IdSource::resume(b"s", 7).unwrap();
    let mut heap = Heap::new();
    let id = heap.alloc(&mut again(), &resource).unwrap();
    assert_eq!(heap.alloc(&mut again(), &resource), Err(HeapError::AlreadyExists(id)));
    heap.consume(&id).unwrap();
    assert_eq!(heap.alloc(&mut again(), &resource), Err(HeapError::AlreadyConsumed(id)));
    assert_eq!(heap.consume(&id), Err(HeapError::AlreadyConsumed(id)));
    assert_eq!(heap.remove(&id), Err(HeapError::AlreadyConsumed(id)));
    let mut last = IdSource::resume(b"s", u64::MAX).unwrap();
    assert_eq!(heap.alloc(&mut last, &resource), Err(HeapError::CounterExhausted));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn typed_reads_check_the_kind() {
    use motet_heap::{Resource, ResourceKind};
    let mut heap = Heap::new();
    let mut ids = IdSource::new(b"s").unwrap();
    let session = Resource::Session { role: "A".into(), type_hash: 1 };
    let id = heap.alloc(&mut ids, &session).unwrap();
    assert_eq!(heap.kind(&id), Ok(ResourceKind::Session));
    assert_eq!(heap.read_kind(&id, ResourceKind::Session), Ok(session));
    let mismatch = HeapError::TypeMismatch { id, expected: ResourceKind::Value, found: ResourceKind::Session };
    assert_eq!(heap.read_kind(&id, ResourceKind::Value), Err(mismatch));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn stored_forms_are_read_strictly() {
    use motet_heap::Resource;
    let mut random = Random::new(11);
    for _ in 0..500 {
        let resource = random_resource(&mut random);
        let stored = resource.encode().unwrap();
        assert_eq!(Resource::decode(&stored), Ok(resource));
        for end in 0..stored.len() {
            assert!(Resource::decode(&stored[..end]).is_err(), "cut at {end}");
        }
        let mut damaged = stored.clone();
        damaged[random.below(stored.len())] ^= 1 << random.below(8);
        // Either refused, or another resource whose one encoding this is.
        if let Ok(other) = Resource::decode(&damaged) {
            assert_eq!(other.encode().unwrap(), damaged);
        }
    }
}

/// Changes wait until a commit; clones taken meanwhile share them and go their own ways, and what was there is found
/// whichever way it is looked for.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn clones_part_between_commits() {
    let mut random = Random::new(12);
    for round in 0..40 {
        let mut ids = IdSource::new(b"s").unwrap();
        let mut sides = vec![(Heap::new(), Oracle::default())];
        let mut known = Vec::new();
        for step in 0..200 {
            let side = random.below(sides.len());
            let (heap, oracle) = &mut sides[side];
            if random.below(2) == 0 {
                let resource = random_resource(&mut random);
                let mut again = ids.clone();
                let id = heap.alloc(&mut ids, &resource).unwrap();
                assert_eq!(heap.alloc(&mut again, &resource), Err(HeapError::AlreadyExists(id)));
                oracle.live.insert(id.0, resource.encode().unwrap());
                known.push(id);
            } else {
                let id = pick(&known, &mut random);
                let stored = oracle.live.get(&id.0).cloned();
                if random.below(4) == 0 {
                    let refused = oracle.check(&id);
                    oracle.live.remove(&id.0);
                    assert_eq!(heap.remove(&id).map(drop), refused);
                } else {
                    assert_eq!(
                        heap.consume(&id).map(|found| Some(found.to_vec())),
                        oracle.consume_many(&[id]).map(|()| stored)
                    );
                }
            }
            match random.below(30) {
                0 => drop(heap.commit()),
                1 if sides.len() < 4 => {
                    let copy = sides[side].clone();
                    sides.push(copy);
                }
                _ => {}
            }
            let (heap, oracle) = &sides[side];
            assert_eq!(heap.live_count(), oracle.live.len() as u64);
            if step % 20 == 0 {
                assert!(heap.iter().map(|(id, stored)| (id.0, stored.to_vec())).eq(oracle.live.clone()));
                assert!(heap.consumed().map(|id| id.0).eq(oracle.spent.iter().copied()));
                assert_eq!(heap.commitment().root(), oracle.root(), "round {round}, step {step}");
            }
        }
        for (mut heap, oracle) in sides {
            compare(&heap.snapshot(), &oracle, &known, &mut random);
        }
    }
}
