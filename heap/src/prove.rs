//! Writing proofs. What the bytes mean is said where they are read, in [`crate::verify`].

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::heap::Heap;
use crate::id::ResourceId;
use crate::planted::planted;
use crate::tree::{Shape, Spot, Stored};
use crate::verify::{BRANCH, CHANGE, EMPTY_PART, LEAF, MEMBERSHIP, SPLIT, STUB, VERSION};

/// Both trees' parts that answer for the ids asked about. The heap must be committed.
pub(crate) fn membership(heap: &Heap, resources: &[ResourceId], nullifiers: &[ResourceId]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend([VERSION, MEMBERSHIP]);
    out.extend(heap.live().len().to_le_bytes());
    out.extend(heap.spent().len().to_le_bytes());
    cover(&mut out, &Spot::new(heap.live().top(), 0), &sorted(resources));
    cover(&mut out, &Spot::new(heap.spent().top(), 0), &sorted(nullifiers));
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
    differ(&mut out, &Spot::new(old.live().top(), 0), &Spot::new(new.live().top(), 0));
    differ(&mut out, &Spot::new(old.spent().top(), 0), &Spot::new(new.spent().top(), 0));
    out
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
        out.extend(spot.digest());
    }
}

fn write_leaf<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>) {
    if let Some(leaf) = spot.leaf() {
        out.push(LEAF);
        out.extend(leaf.key);
        out.extend(leaf.value.contents());
    }
}

/// Writes the part of a tree that answers for `keys`, which are sorted and all belong here.
fn cover<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>, keys: &[Digest]) {
    let omitted = |key| planted("prove-omits-neighbour") && !keys.contains(key);
    match spot.shape() {
        _ if keys.is_empty() => write_stub(out, spot),
        Shape::Empty => write_stub(out, spot),
        Shape::Leaf if spot.leaf().is_some_and(|leaf| omitted(&leaf.key)) => write_stub(out, spot),
        Shape::Leaf => write_leaf(out, spot),
        Shape::Branch => {
            out.push(BRANCH);
            let bit = spot.bit();
            let (left, right) = keys.split_at(keys.partition_point(|key| key[bit / 8] >> (7 - bit % 8) & 1 == 0));
            cover(out, &spot.half(false), left);
            cover(out, &spot.half(true), right);
        }
    }
}

/// Writes where two trees differ below one place.
fn differ<V: Stored>(out: &mut Vec<u8>, old: &Spot<'_, V>, new: &Spot<'_, V>) {
    if old.digest() == new.digest() {
        write_stub(out, old);
    } else if (old.shape(), new.shape()) == (Shape::Branch, Shape::Branch) {
        out.push(BRANCH);
        differ(out, &old.half(false), &new.half(false));
        differ(out, &old.half(true), &new.half(true));
    } else {
        // All but one of the leaves on the larger side are changes, so writing both out costs no more than they do.
        out.push(SPLIT);
        spell(out, old);
        spell(out, new);
    }
}

/// Writes everything below, down to the leaves.
fn spell<V: Stored>(out: &mut Vec<u8>, spot: &Spot<'_, V>) {
    match spot.shape() {
        Shape::Empty => write_stub(out, spot),
        Shape::Leaf => write_leaf(out, spot),
        Shape::Branch => {
            out.push(BRANCH);
            spell(out, &spot.half(false));
            spell(out, &spot.half(true));
        }
    }
}
