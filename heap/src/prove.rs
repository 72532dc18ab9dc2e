//! Writing proofs. What the bytes mean is said where they are read, in [`crate::verify`].

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::heap::Heap;
use crate::id::ResourceId;
use crate::planted::planted;
use crate::tree::{Kind, Page, PageFold, Shape, Stored};
use crate::verify::{BRANCH, CHANGE, EMPTY_PART, LEAF, MEMBERSHIP, SPLIT, STUB, VERSION};

/// Both trees' parts that answer for the ids asked about. The heap must be committed.
pub(crate) fn membership(heap: &Heap, resources: &[ResourceId], nullifiers: &[ResourceId]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend([VERSION, MEMBERSHIP]);
    out.extend(heap.live().len().to_le_bytes());
    out.extend(heap.spent().len().to_le_bytes());
    cover(&mut out, heap.live().top(), 0, &sorted(resources));
    cover(&mut out, heap.spent().top(), 0, &sorted(nullifiers));
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
    differ(&mut out, old.live().top(), new.live().top());
    differ(&mut out, old.spent().top(), new.spent().top());
    out
}

fn sorted(ids: &[ResourceId]) -> Vec<Digest> {
    let mut keys: Vec<Digest> = ids.iter().map(|id| id.0).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A page folded, and one of its nodes, numbered as [`PageFold`] says.
#[derive(Clone, Copy)]
struct Spot<'a, V> {
    page: &'a Page<V>,
    fold: &'a PageFold,
    node: usize,
}

impl<'a, V: Stored> Spot<'a, V> {
    fn top(page: &'a Page<V>, fold: &'a PageFold) -> Self {
        Spot { page, fold, node: 1 }
    }

    fn shape(&self) -> Shape {
        self.fold.shape(self.node)
    }

    fn digest(&self) -> &'a Digest {
        self.fold.digest(self.node)
    }

    fn half(&self, right: usize) -> Self {
        Spot { node: 2 * self.node + right, ..*self }
    }

    /// Binary levels between the page's top and here.
    fn level(&self) -> u32 {
        self.node.ilog2()
    }

    /// The page below, if this is the slot of one.
    fn below(&self) -> Option<&'a Page<V>> {
        let nibble = u32::try_from(self.node.checked_sub(16)?).ok()?;
        match &self.page.slot(nibble)?.kind {
            Kind::Page(page) => Some(page),
            Kind::Leaf { .. } => None,
        }
    }

    /// The leaf that stands here, if one does.
    fn leaf(&self) -> Option<(&'a Digest, &'a V)> {
        let height = 4 - self.level();
        let first = (self.node << height) - 16;
        let slot = (first..first + (1 << height)).find_map(|nibble| self.page.slot(nibble as u32))?;
        match &slot.kind {
            Kind::Leaf { key, value } => Some((key, value)),
            Kind::Page(_) => None,
        }
    }

    fn write_stub(&self, out: &mut Vec<u8>) {
        if self.shape() == Shape::Empty {
            out.push(EMPTY_PART);
        } else {
            out.push(STUB);
            out.extend(self.digest());
        }
    }

    fn write_leaf(&self, out: &mut Vec<u8>) {
        if let Some((key, value)) = self.leaf() {
            out.push(LEAF);
            out.extend(key);
            out.extend(value.contents());
        }
    }
}

/// Writes the part of a tree that answers for `keys`, which are sorted and all belong under `page`.
fn cover<V: Stored>(out: &mut Vec<u8>, page: &Page<V>, depth: usize, keys: &[Digest]) {
    cover_spot(out, Spot::top(page, &PageFold::new(page)), depth, keys);
}

fn cover_spot<V: Stored>(out: &mut Vec<u8>, spot: Spot<'_, V>, depth: usize, keys: &[Digest]) {
    match spot.shape() {
        _ if keys.is_empty() => spot.write_stub(out),
        Shape::Empty => spot.write_stub(out),
        Shape::Leaf if planted("prove-omits-neighbour") && spot.leaf().is_some_and(|(key, _)| !keys.contains(key)) => {
            spot.write_stub(out);
        }
        Shape::Leaf => spot.write_leaf(out),
        Shape::Branch => match spot.below() {
            Some(page) => cover(out, page, depth + 1, keys),
            None => {
                out.push(BRANCH);
                let bit = 4 * depth + spot.level() as usize;
                let (left, right) = keys.split_at(keys.partition_point(|key| key[bit / 8] >> (7 - bit % 8) & 1 == 0));
                cover_spot(out, spot.half(0), depth, left);
                cover_spot(out, spot.half(1), depth, right);
            }
        },
    }
}

/// Writes where two pages at the same place differ.
fn differ<V: Stored>(out: &mut Vec<u8>, old: &Page<V>, new: &Page<V>) {
    let (old_fold, new_fold) = (PageFold::new(old), PageFold::new(new));
    differ_spot(out, Spot::top(old, &old_fold), Spot::top(new, &new_fold));
}

fn differ_spot<V: Stored>(out: &mut Vec<u8>, old: Spot<'_, V>, new: Spot<'_, V>) {
    if old.digest() == new.digest() {
        old.write_stub(out);
    } else if (old.shape(), new.shape()) == (Shape::Branch, Shape::Branch) {
        if let (Some(old), Some(new)) = (old.below(), new.below()) {
            differ(out, old, new);
        } else {
            out.push(BRANCH);
            differ_spot(out, old.half(0), new.half(0));
            differ_spot(out, old.half(1), new.half(1));
        }
    } else {
        // All but one of the leaves on the larger side are changes, so writing both out costs no more than they do.
        out.push(SPLIT);
        spell(out, old);
        spell(out, new);
    }
}

/// Writes everything below, down to the leaves.
fn spell<V: Stored>(out: &mut Vec<u8>, spot: Spot<'_, V>) {
    match spot.shape() {
        Shape::Empty => spot.write_stub(out),
        Shape::Leaf => spot.write_leaf(out),
        Shape::Branch => match spot.below() {
            Some(page) => spell(out, Spot::top(page, &PageFold::new(page))),
            None => {
                out.push(BRANCH);
                spell(out, spot.half(0));
                spell(out, spot.half(1));
            }
        },
    }
}
