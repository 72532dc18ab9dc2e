//! A whole heap as a stream of bytes: there and back, and every way to damage it.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::{Random, random_resource};
use motet_heap::{ArchiveError, Heap, IdSource, Snapshot, verify};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended;

fn written(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    let keep = |some: &[u8]| {
        bytes.extend_from_slice(some);
        Ok::<(), Ended>(())
    };
    snapshot.write_to(keep).unwrap();
    bytes
}

/// Reads, and says what was left over.
fn read(mut bytes: &[u8]) -> Result<(Snapshot, usize), ArchiveError<Ended>> {
    let snapshot = Snapshot::read_from(|into: &mut [u8]| {
        let (some, rest) = bytes.split_at_checked(into.len()).ok_or(Ended)?;
        into.copy_from_slice(some);
        bytes = rest;
        Ok(())
    })?;
    Ok((snapshot, bytes.len()))
}

fn grown(seed: u64, count: usize) -> Snapshot {
    let mut random = Random::new(seed);
    let mut ids = IdSource::new(b"s").unwrap();
    let mut heap = Heap::new();
    for _ in 0..count {
        let id = heap.alloc(&mut ids, &random_resource(&mut random)).unwrap();
        if random.below(3) == 0 {
            heap.consume(&id).unwrap();
        }
    }
    heap.snapshot()
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn what_was_written_is_read() {
    for (seed, count) in [0, 1, 2, 9, 40, 300, 5000].into_iter().enumerate() {
        let snapshot = grown(seed as u64, count);
        let mut bytes = written(&snapshot);
        bytes.extend(b"what comes next");
        let (read, left) = read(&bytes).unwrap();
        assert_eq!(left, 15, "no byte too many is read");
        assert_eq!(read.commitment(), snapshot.commitment());
        assert!(read.iter().eq(snapshot.iter()) && read.consumed().eq(snapshot.consumed()));
        assert_eq!(written(&read), bytes[..bytes.len() - 15]);
        let proof = read.prove_change(&snapshot);
        assert_eq!(verify::change(&snapshot.root(), &read.root(), &proof), Ok(verify::Change::default()));
    }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn damage_is_not_read() {
    let bytes = written(&grown(7, 30));
    let mut damaged = bytes.clone();
    for bit in 0..8 * bytes.len() {
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&damaged).is_err(), "bit {bit}");
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    for end in 0..bytes.len() {
        let error = read(&bytes[..end]).map(drop);
        assert_eq!(error, Err(ArchiveError::Read(Ended)), "cut at {end}");
    }
    assert!(matches!(read(&[7; 200]), Err(ArchiveError::NotAnArchive)));
}

/// A length of 4 GiB, or a count of 2⁶⁴, asks for no memory before the bytes are there.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn lying_lengths_reserve_nothing() {
    let head = [&b"motet.heap\x01"[..], &u64::MAX.to_le_bytes(), &u64::MAX.to_le_bytes(), &[0; 64]].concat();
    assert_eq!(read(&head).map(drop), Err(ArchiveError::Read(Ended)));
    let entry = [&head[..], &[1; 32], &u32::MAX.to_le_bytes(), &[4; 100]].concat();
    assert_eq!(read(&entry).map(drop), Err(ArchiveError::Read(Ended)));
}

/// Each kind of refusal, from archives that differ from a good one in one thing.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn refusals_say_what() {
    let mut heap = Heap::new();
    let mut ids = IdSource::new(b"s").unwrap();
    let mut random = Random::new(3);
    let made = heap.alloc_many(&mut ids, &[random_resource(&mut random), random_resource(&mut random)]).unwrap();
    heap.consume(&made[0]).unwrap();
    let bytes = written(&heap.snapshot());
    let start = 11 + 16 + 64;
    let mut other = bytes.clone();
    let end = other.len();
    other[end - 32..].copy_from_slice(&made[1].0);
    assert_eq!(read(&other).map(drop), Err(ArchiveError::LiveAndConsumed(made[1])));
    let mut other = bytes.clone();
    other[start + 36] = 99;
    assert_eq!(read(&other).map(drop), Err(ArchiveError::BadResource(0)));
    let mut other = bytes.clone();
    other[start + 32..start + 36].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!(read(&other).map(drop), Err(ArchiveError::BadResource(0)));
    let mut other = bytes.clone();
    other[19] = 2;
    other.extend(&made[0].0);
    assert_eq!(read(&other).map(drop), Err(ArchiveError::OutOfOrder(2)));
    let mut other = bytes;
    other[start - 1] ^= 1;
    assert_eq!(read(&other).map(drop), Err(ArchiveError::WrongRoots));
}
