//! Random operations on the version-1 heap against a second, literal implementation of the published rules.
//!
//! `MOTET_CASES=100000` runs the full lane.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::{Random, cases, random_resource};
use motet_heap::v1::{self, Direction, ResourceId};
use motet_heap::{HeapError, Resource};

/// The rules written down as plainly as possible: one flat list, sorted when asked, bytes spelled out.
mod literal {
    use motet_heap::Resource;

    pub(crate) type Id = ([u8; 32], u64);

    #[derive(Debug, PartialEq, Eq, Clone, Copy)]
    pub(crate) enum Refusal {
        NotFound,
        AlreadyConsumed,
        Duplicate,
    }

    #[derive(Default, Clone)]
    pub(crate) struct Literal {
        pub(crate) entries: Vec<(Id, Resource)>,
        pub(crate) spent: Vec<Id>,
        pub(crate) counter: u64,
    }

    fn h(bytes: &[u8]) -> [u8; 32] {
        blake3::hash(bytes).into()
    }

    fn head(tag: u8) -> Vec<u8> {
        vec![0x54, 0x54, 0x48, 0x50, 1, 0, tag]
    }

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
    }

    fn payload(p: &motet_heap::MessagePayload) -> Vec<u8> {
        [head(0x10), string(p.label.as_bytes()), string(&p.bytes)].concat()
    }

    pub(crate) fn bytes(resource: &Resource) -> Vec<u8> {
        match resource {
            Resource::Channel(c) => {
                let queue: Vec<u8> = c.queue.iter().flat_map(payload).collect();
                let count = (c.queue.len() as u32).to_le_bytes().to_vec();
                let state = [head(0x20), string(c.sender.as_bytes()), string(c.receiver.as_bytes()), count, queue];
                [head(0x40), state.concat()].concat()
            }
            Resource::Message(m) => {
                let ends = [string(m.source.as_bytes()), string(m.dest.as_bytes())].concat();
                let rest = [payload(&m.payload), m.seq_no.to_le_bytes().to_vec()].concat();
                [head(0x41), head(0x30), ends, rest].concat()
            }
            Resource::Session { role, type_hash } => {
                [head(0x42), string(role.as_bytes()), type_hash.to_le_bytes().to_vec()].concat()
            }
            Resource::Value { tag, data } => [head(0x43), string(tag.as_bytes()), string(data)].concat(),
        }
    }

    impl Literal {
        pub(crate) fn alloc(&mut self, resource: Resource) -> Id {
            let preimage = [head(0x50), string(&bytes(&resource)), self.counter.to_le_bytes().to_vec()].concat();
            let id = (h(&preimage), self.counter);
            self.counter += 1;
            self.entries.push((id, resource));
            id
        }

        pub(crate) fn check(&self, id: Id) -> Result<(), Refusal> {
            if self.spent.contains(&id) {
                Err(Refusal::AlreadyConsumed)
            } else if !self.entries.iter().any(|(i, _)| *i == id) {
                Err(Refusal::NotFound)
            } else {
                Ok(())
            }
        }

        pub(crate) fn consume_many(&mut self, ids: &[Id]) -> Result<(), Refusal> {
            for (at, id) in ids.iter().enumerate() {
                if ids[..at].contains(id) {
                    return Err(Refusal::Duplicate);
                }
                self.check(*id)?;
            }
            self.spent.extend(ids);
            Ok(())
        }

        pub(crate) fn remove(&mut self, id: Id) -> Result<(), Refusal> {
            let spent = self.spent.contains(&id);
            match self.entries.iter().position(|(i, _)| *i == id) {
                Some(at) => {
                    self.entries.remove(at);
                    Ok(())
                }
                None => Err(if spent { Refusal::AlreadyConsumed } else { Refusal::NotFound }),
            }
        }

        pub(crate) fn active(&self) -> Vec<(Id, Resource)> {
            let mut live: Vec<_> = self.entries.iter().filter(|(id, _)| !self.spent.contains(id)).cloned().collect();
            live.sort_by_key(|(id, _)| *id);
            live
        }

        pub(crate) fn leaves(&self) -> Vec<[u8; 32]> {
            let leaf = |(id, r): &(Id, Resource)| h(&[head(0x51), string(&id.0), string(&bytes(r))].concat());
            self.active().iter().map(leaf).collect()
        }

        pub(crate) fn commitment(&self) -> [u8; 32] {
            let mut spent = self.spent.clone();
            spent.sort();
            let nullifiers = spent.iter().map(|id| h(&[head(0x52), string(&id.0)].concat())).collect();
            let counter = self.counter.to_le_bytes().to_vec();
            h(&[head(0x54), string(&root(self.leaves())), string(&root(nullifiers)), counter].concat())
        }
    }

    /// The path of a leaf, as (sibling is on the right, sibling), read off the rule for index i.
    pub(crate) fn path(mut level: Vec<[u8; 32]>, mut index: usize) -> Vec<(bool, [u8; 32])> {
        let mut path = Vec::new();
        while level.len() > 1 {
            let sibling = if index ^ 1 < level.len() { level[index ^ 1] } else { level[index] };
            path.push((index.is_multiple_of(2), sibling));
            level = up(level);
            index /= 2;
        }
        path
    }

    pub(crate) fn root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
        if level.is_empty() {
            return h(b"");
        }
        while level.len() > 1 {
            level = up(level);
        }
        level[0]
    }

    fn up(mut level: Vec<[u8; 32]>) -> Vec<[u8; 32]> {
        if level.len() % 2 == 1 {
            level.push(level[level.len() - 1]);
        }
        level.chunks(2).map(|two| h(&[head(0x53), string(&two[0]), string(&two[1])].concat())).collect()
    }
}

use literal::{Literal, Refusal};

fn refusal<T>(result: Result<T, HeapError<ResourceId>>) -> Result<(), Refusal> {
    match result {
        Ok(_) => Ok(()),
        Err(HeapError::NotFound(_)) => Err(Refusal::NotFound),
        Err(HeapError::AlreadyConsumed(_)) => Err(Refusal::AlreadyConsumed),
        Err(HeapError::Duplicate(_)) => Err(Refusal::Duplicate),
        Err(other) => panic!("unexpected refusal {other}"),
    }
}

fn pair(id: ResourceId) -> literal::Id {
    (id.digest, id.counter)
}

/// Roots, order and a proof agree. Sizes stay small enough that the quadratic model keeps up.
fn compare(heap: &v1::Heap, literal: &Literal, random: &mut Random) {
    assert_eq!(heap.commitment().unwrap().hash(), literal.commitment());
    let active: Vec<_> = heap.active_resources().map(|(id, r)| (pair(*id), r.clone())).collect();
    assert_eq!(active, literal.active());
    assert_eq!((heap.size(), heap.nullified_count()), (literal.entries.len(), literal.spent.len()));
    if active.is_empty() {
        return;
    }
    let index = random.below(active.len());
    let proof = heap.prove(index).unwrap().unwrap();
    let path: Vec<_> = proof.path.iter().map(|s| (s.direction == Direction::Right, s.sibling_hash)).collect();
    assert_eq!(path, literal::path(literal.leaves(), index));
    assert!(proof.verify() && proof.verify_at(index, active.len()));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn random_operations_agree_with_the_literal_rules() {
    let mut left = cases(2_000);
    let mut seed = 0;
    while left > 0 {
        seed += 1;
        let mut random = Random::new(seed);
        let (mut heap, mut literal) = (v1::Heap::new(), Literal::default());
        let mut known: Vec<ResourceId> = vec![ResourceId { digest: [7; 32], counter: 7 }];
        // Odd and even sizes both: the length of a run is random too.
        let length = (20 + random.below(130)).min(left);
        left -= length;
        for _ in 0..length {
            let any = known[random.below(known.len())];
            match random.below(10) {
                0..=4 => {
                    let resource: Resource = random_resource(&mut random);
                    let id = heap.alloc(resource.clone()).unwrap();
                    assert_eq!(pair(id), literal.alloc(resource));
                    known.push(id);
                }
                5 | 6 => assert_eq!(refusal(heap.consume(&any)), literal.consume_many(&[pair(any)])),
                7 => {
                    let ids: Vec<_> = (0..random.below(4)).map(|_| known[random.below(known.len())]).collect();
                    let pairs: Vec<_> = ids.iter().copied().map(pair).collect();
                    assert_eq!(refusal(heap.consume_many(&ids)), literal.consume_many(&pairs));
                }
                8 => assert_eq!(refusal(heap.remove(&any)), literal.remove(pair(any))),
                _ => assert_eq!(refusal(heap.read(&any)), literal.check(pair(any))),
            }
            if random.below(8) == 0 {
                compare(&heap, &literal, &mut random);
            }
        }
        compare(&heap, &literal, &mut random);
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn removing_a_consumed_resource_keeps_the_nullifier() {
    let mut heap = v1::Heap::new();
    let id = heap.alloc_session("A", 1).unwrap();
    heap.consume(&id).unwrap();
    let before = heap.commitment().unwrap();
    heap.remove(&id).unwrap();
    assert_eq!(heap.commitment().unwrap(), before);
    assert!(heap.is_consumed(&id) && !heap.contains(&id));
    assert_eq!(heap.consume(&id), Err(HeapError::AlreadyConsumed(id)));
    assert_eq!(heap.remove(&id), Err(HeapError::AlreadyConsumed(id)));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn alloc_many_gives_the_ids_of_single_allocations() {
    let mut random = Random::new(9);
    let resources: Vec<_> = (0..9).map(|_| random_resource(&mut random)).collect();
    let (mut one, mut many) = (v1::Heap::new(), v1::Heap::new());
    let singles: Vec<_> = resources.iter().map(|r| one.alloc(r.clone()).unwrap()).collect();
    assert_eq!(many.alloc_many(resources), Ok(singles));
    assert_eq!(one, many);
}
