//! Writing proofs. What the bytes mean is said where they are read, in [`crate::verify`].

use alloc::vec::Vec;

use crate::digest::{Digest, EMPTY};
use crate::heap::Heap;
use crate::id::ResourceId;
use crate::planted::planted;
use crate::tree::{Cell, Shape, Spot, Stored, Tree};
use crate::verify::{BRANCH, BUCKET, CHANGE, EMPTY_PART, MEMBERSHIP, SPLIT, STUB, VERSION};

/// Both trees' parts that answer for the ids asked about. The heap must be committed.
pub(crate) fn membership(heap: &Heap, resources: &[ResourceId], nullifiers: &[ResourceId]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend([VERSION, MEMBERSHIP]);
    out.extend(heap.live().len().to_le_bytes());
    out.extend(heap.spent().len().to_le_bytes());
    cover(&mut out, &top(heap.live()), &sorted(resources));
    cover(&mut out, &top(heap.spent()), &sorted(nullifiers));
    out
}

/// Where two heaps differ. Both must be committed.
pub(crate) fn change(old: &Heap, new: &Heap) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend([VERSION, CHANGE]);
    for heap in [old, new] {
        out.extend(heap.live().len().to_le_bytes());
        out.extend(heap.spent().len().to_le_bytes());
    }
    differ(&mut out, &top(old.live()), &top(new.live()));
    differ(&mut out, &top(old.spent()), &top(new.spent()));
    out
}

/// The top of a settled tree.
fn top<V: Stored>(tree: &Tree<V>) -> Spot<'_, V> {
    debug_assert!(tree.settled_root().is_some());
    Spot::top(tree, tree.settled_root().unwrap_or(&EMPTY))
}

fn sorted(ids: &[ResourceId]) -> Vec<Digest> {
    let mut keys: Vec<Digest> = ids.iter().map(|id| id.0).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn write_stub<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>) {
    if spot.shape() == Shape::Empty {
        out.push(EMPTY_PART);
    } else {
        out.push(STUB);
        out.extend(spot.digest);
    }
}

fn write_bucket<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>) {
    let Some(bucket) = spot.bucket() else {
        return write_stub(out, spot);
    };
    out.extend([BUCKET, bucket.len() as u8]);
    for leaf in bucket {
        out.extend(V::Cell::bytes(core::slice::from_ref(leaf.cell)));
    }
}

/// Writes the part of a tree that answers for `keys`, which are sorted and all belong here.
fn cover<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>, keys: &[Digest]) {
    let has = |key: &Digest| spot.bucket().is_some_and(|bucket| bucket.iter().any(|leaf| leaf.key() == key));
    match spot.halves() {
        _ if keys.is_empty() => write_stub(out, spot),
        None if planted("prove-omits-neighbour") && !keys.iter().any(has) => write_stub(out, spot),
        None => write_bucket(out, spot),
        Some([left, right]) => {
            out.push(BRANCH);
            let bit = spot.bit;
            let (low, high) = keys.split_at(keys.partition_point(|key| key[bit / 8] >> (7 - bit % 8) & 1 == 0));
            cover(out, &left, low);
            cover(out, &right, high);
        }
    }
}

/// Writes where two trees differ below one place.
fn differ<V: Stored>(out: &mut Vec<u8>, old: &Spot<'_, V>, new: &Spot<'_, V>) {
    match (old.halves(), new.halves()) {
        _ if old.digest == new.digest => write_stub(out, old),
        (Some(before), Some(after)) => {
            out.push(BRANCH);
            before.iter().zip(&after).for_each(|(before, after)| differ(out, before, after));
        }
        _ => {
            // All but a bucket's worth of the leaves on the larger side are changes, so writing both out costs little
            // more than they do.
            out.push(SPLIT);
            spell(out, old);
            spell(out, new);
        }
    }
}

/// Writes everything below, down to the leaves.
fn spell<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>) {
    match spot.halves() {
        None => write_bucket(out, spot),
        Some(halves) => {
            out.push(BRANCH);
            halves.iter().for_each(|half| spell(out, half));
        }
    }
}
