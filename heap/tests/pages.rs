//! Saving to a page store and loading from it.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use std::collections::BTreeMap;

use common::{Random, random_resource};
use motet_heap::{Commitment, Heap, IdSource, LoadError, Snapshot, verify};

type Store = BTreeMap<[u8; 32], Vec<u8>>;

fn grown(random: &mut Random, heap: &mut Heap, ids: &mut IdSource, count: usize) {
    for _ in 0..count {
        let id = heap.alloc(ids, &random_resource(random)).unwrap();
        if random.below(3) == 0 {
            heap.consume(&id).unwrap();
        }
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn what_was_saved_loads() {
    let mut random = Random::new(1);
    let mut ids = IdSource::new(b"s").unwrap();
    let mut heap = Heap::new();
    let mut store = Store::new();
    for size in [0, 1, 1, 2, 10, 300, 1000] {
        grown(&mut random, &mut heap, &mut ids, size);
        let snapshot = heap.snapshot();
        let commitment = snapshot.save(&mut store).unwrap();
        let loaded = Snapshot::load(&store, &commitment).unwrap();
        assert!(loaded.iter().eq(snapshot.iter()) && loaded.consumed().eq(snapshot.consumed()));
        assert_eq!(loaded.root(), snapshot.root());
        // It goes on where it was, and knows it is the same.
        let proof = loaded.prove_change(&snapshot);
        assert_eq!(verify::change(&snapshot.root(), &loaded.root(), &proof), Ok(verify::Change::default()));
        let mut goes_on = Heap::from(loaded);
        let mut then = heap.clone();
        let more = random_resource(&mut random);
        goes_on.alloc(&mut ids.clone(), &more).unwrap();
        then.alloc(&mut ids.clone(), &more).unwrap();
        assert_eq!(goes_on.root(), then.root());
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn saving_again_writes_what_changed() {
    let mut random = Random::new(2);
    let mut ids = IdSource::new(b"s").unwrap();
    let mut heap = Heap::new();
    let mut store = Store::new();
    grown(&mut random, &mut heap, &mut ids, 3000);
    heap.snapshot().save(&mut store).unwrap();
    let before = store.len();
    heap.alloc(&mut ids, &random_resource(&mut random)).unwrap();
    heap.snapshot().save(&mut store).unwrap();
    assert!(store.len() - before <= 5, "one path of pages, not {}", store.len() - before);
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn damage_does_not_load() {
    let mut random = Random::new(3);
    let mut ids = IdSource::new(b"s").unwrap();
    let mut heap = Heap::new();
    let mut store = Store::new();
    grown(&mut random, &mut heap, &mut ids, 40);
    let commitment = heap.snapshot().save(&mut store).unwrap();
    for (digest, page) in store.clone() {
        for _ in 0..60 {
            let mut damaged = page.clone();
            damaged[random.below(page.len())] ^= 1 << random.below(8);
            store.insert(digest, damaged);
            let error = Snapshot::load(&store, &commitment).map(|snapshot| snapshot.root());
            assert!(matches!(error, Err(LoadError::Damaged(at)) if at == digest), "{error:?}");
        }
        store.remove(&digest);
        assert_eq!(Snapshot::load(&store, &commitment).map(drop), Err(LoadError::Missing(digest)));
        store.insert(digest, page);
    }
    let miscounted = Commitment { live: commitment.live + 1, ..commitment };
    assert_eq!(Snapshot::load(&store, &miscounted).map(drop), Err(LoadError::WrongCount));
    let swapped = Commitment { resources: commitment.nullifiers, ..commitment };
    assert!(Snapshot::load(&store, &swapped).is_err(), "a page of one tree is not one of the other");
}
