//! Overlays: what a session sees, and folding.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::{Random, cases, random_resource};
use motet_heap::{Heap, HeapError, IdSource, Overlay, ResourceId};

fn overlay(path: &[u8]) -> Overlay {
    Overlay::new(IdSource::new(path).unwrap())
}

/// A heap with some resources for each of four sessions.
fn base(random: &mut Random) -> (Heap, Vec<Vec<ResourceId>>) {
    let mut heap = Heap::new();
    let owned = (0..4u8).map(|session| {
        let mut ids = IdSource::new(&[b'b', session]).unwrap();
        (0..random.below(20)).map(|_| heap.alloc(&mut ids, &random_resource(random)).unwrap()).collect()
    });
    let owned = owned.collect();
    (heap, owned)
}

/// Four sessions work on what is theirs, in overlays over one base; a fifth heap does it all directly.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn overlays_do_what_the_heap_does_in_any_order() {
    for seed in 0..cases(2_000) as u64 / 40 {
        let mut random = Random::new(seed);
        let (base, mut owned) = base(&mut random);
        let mut direct = base.clone();
        let mut overlays: Vec<_> = (0..4u8).map(|session| overlay(&[session])).collect();
        let mut sources: Vec<_> = (0..4u8).map(|session| IdSource::new(&[session]).unwrap()).collect();
        for _ in 0..40 {
            let session = random.below(4);
            let (over, mine) = (&mut overlays[session], &mut owned[session]);
            if mine.is_empty() || random.below(3) == 0 {
                let resource = random_resource(&mut random);
                let id = over.alloc(&resource).unwrap();
                assert_eq!(direct.alloc(&mut sources[session], &resource), Ok(id), "ids are final when made");
                assert_eq!(over.read(&base, &id), Ok(resource));
                mine.push(id);
                continue;
            }
            let id = mine[random.below(mine.len())];
            let other = mine[random.below(mine.len())];
            match random.below(4) {
                0 => assert_eq!(over.consume(&base, &id), direct.consume(&id)),
                1 => assert_eq!(over.consume_many(&base, &[id, other]), direct.consume_many(&[id, other])),
                2 => assert_eq!(over.remove(&base, &id), direct.remove(&id)),
                _ => assert_eq!(over.stored(&base, &id), direct.stored(&id)),
            }
            assert_eq!(over.is_consumed(&base, &id), direct.is_consumed(&id));
            assert_eq!(over.stored(&base, &id), direct.stored(&id));
        }
        let mut reversed = base.clone();
        overlays.clone().iter_mut().rev().for_each(|over| reversed.fold(over).unwrap());
        let mut forward = base;
        let folded = forward.fold_all(&mut overlays.iter_mut().collect::<Vec<_>>());
        assert_eq!(folded, vec![Ok(()); 4]);
        assert!(overlays.iter().all(Overlay::is_empty));
        assert_eq!(forward.root(), direct.root());
        assert_eq!(reversed.root(), direct.root());
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn two_sessions_cannot_both_consume() {
    let mut random = Random::new(1);
    let mut heap = Heap::new();
    let shared = heap.alloc(&mut IdSource::new(b"b").unwrap(), &random_resource(&mut random)).unwrap();
    let (mut first, mut second) = (overlay(b"1"), overlay(b"2"));
    let extra = second.alloc(&random_resource(&mut random)).unwrap();
    first.consume(&heap, &shared).unwrap();
    second.consume(&heap, &shared).unwrap();
    assert_eq!(second.consume(&heap, &shared), Err(HeapError::AlreadyConsumed(shared)));
    heap.fold(&mut first).unwrap();
    let (root, before) = (heap.root(), second.clone());
    assert_eq!(heap.fold(&mut second), Err(HeapError::AlreadyConsumed(shared)));
    // Nothing of it went in, and nothing of it is lost.
    assert_eq!((heap.root(), second), (root, before));
    assert_eq!(heap.stored(&extra), Err(HeapError::NotFound(extra)));
}

/// Two sources with one path break the rule that makes ids final; folding notices.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn one_path_twice_is_refused() {
    let resource = random_resource(&mut Random::new(2));
    let (mut first, mut second) = (overlay(b"same"), overlay(b"same"));
    let id = first.alloc(&resource).unwrap();
    assert_eq!(second.alloc(&resource), Ok(id));
    let mut third = second.clone();
    let mut heap = Heap::new();
    let folded = heap.fold_all(&mut [&mut first, &mut second]);
    assert_eq!(folded, [Ok(()), Err(HeapError::AlreadyExists(id))]);
    heap.consume(&id).unwrap();
    assert_eq!(heap.fold(&mut third), Err(HeapError::AlreadyConsumed(id)));
}
