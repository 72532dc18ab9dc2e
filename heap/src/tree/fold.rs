//! Folding pages into digests: many pages in lockstep for a root, one page at a time for a proof.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Stored;
use super::page::{Kind, Page, nibbles};
use super::wide::{LANES, hash_nodes};
use crate::digest::{Digest, Domain, EMPTY, hash_pair};
use crate::planted::planted;

/// Pages folded in lockstep. Enough to fill the vector lanes on the upper levels of a page too, few enough that their
/// buffers stay in the nearest cache.
const GROUP: usize = 32;

/// What a subtree is, as far as folding cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No leaf below.
    Empty,
    /// One leaf below: the subtree's digest is the leaf's.
    Leaf,
    /// Two leaves or more.
    Branch,
}

/// The shape of two halves together.
fn join(left: Shape, right: Shape) -> Shape {
    match (left, right) {
        (Shape::Empty, Shape::Empty) => Shape::Empty,
        (Shape::Empty, Shape::Leaf) | (Shape::Leaf, Shape::Empty) => Shape::Leaf,
        // The fault: a branch under an empty sibling moves up as a leaf would.
        (Shape::Empty, Shape::Branch) | (Shape::Branch, Shape::Empty) if planted("fold-lifts-branch") => Shape::Leaf,
        _ => Shape::Branch,
    }
}

fn shape_of<V>(kind: &Kind<V>) -> Shape {
    match kind {
        Kind::Leaf { .. } => Shape::Leaf,
        Kind::Page(_) => Shape::Branch,
    }
}

/// Brings every digest below `top` up to date and gives `top`'s own.
pub(crate) fn settle<V: Stored>(top: &mut Page<V>) -> Digest {
    let mut roots = Vec::with_capacity(1);
    settle_pages(&mut [top], &mut Lanes::default(), &mut roots);
    roots.first().copied().unwrap_or(EMPTY)
}

/// Appends the digests of `pages` to `digests`, their stale slots settled first.
///
/// Recursion is as deep as the trie: a handful for hashed keys, 64 at most.
fn settle_pages<V: Stored>(pages: &mut [&mut Page<V>], lanes: &mut Lanes, digests: &mut Vec<Digest>) {
    for group in pages.chunks_mut(GROUP) {
        let mut below: Vec<&mut Page<V>> = Vec::new();
        for page in group.iter_mut() {
            below.extend(page.stale_slots().filter_map(|(_, slot)| match &mut slot.kind {
                Kind::Page(page) => Some(Arc::make_mut(page)),
                Kind::Leaf { .. } => None,
            }));
        }
        let mut settled = Vec::with_capacity(below.len());
        settle_pages(&mut below, lanes, &mut settled);
        let mut settled = settled.into_iter();
        lanes.hash_leaves(group);
        let mut leaves = lanes.below.iter().copied();
        for page in group.iter_mut() {
            for (_, slot) in page.stale_slots() {
                let digest = match slot.kind {
                    Kind::Leaf { .. } => leaves.next(),
                    Kind::Page(_) => settled.next(),
                };
                slot.digest = digest.unwrap_or(EMPTY);
            }
            page.mark_settled();
        }
        lanes.fold_pages(group);
        digests.extend_from_slice(&lanes.above);
    }
}

/// Buffers for one group: a level of digests with their shapes, and the level above it.
#[derive(Default)]
struct Lanes {
    below: Vec<Digest>,
    below_shapes: Vec<Shape>,
    above: Vec<Digest>,
    above_shapes: Vec<Shape>,
}

impl Lanes {
    /// Leaves the digests of the group's stale leaves in `below`, in slot order.
    fn hash_leaves<V: Stored>(&mut self, group: &mut [&mut Page<V>]) {
        self.above.clear();
        for page in group.iter_mut() {
            for (_, slot) in page.stale_slots() {
                if let Kind::Leaf { key, .. } = &slot.kind {
                    self.above.extend([*key, slot.digest]);
                }
            }
        }
        let leaves = self.above.len() / 2;
        self.below.resize(leaves, EMPTY);
        hash_chosen(&V::LEAF, &self.above, 0..leaves, &mut self.below);
    }

    /// Leaves the digests of the group's pages, whose slots are all settled, in `above`.
    fn fold_pages<V: Stored>(&mut self, group: &[&mut Page<V>]) {
        self.below.clear();
        self.below.resize(group.len() * 16, EMPTY);
        self.below_shapes.clear();
        self.below_shapes.resize(group.len() * 16, Shape::Empty);
        for (at, page) in group.iter().enumerate() {
            for (nibble, slot) in nibbles(page.occupied()).zip(page.slots()) {
                self.below[at * 16 + nibble as usize] = slot.digest;
                self.below_shapes[at * 16 + nibble as usize] = shape_of(&slot.kind);
            }
        }
        for level in 0..4 {
            if level > 0 {
                core::mem::swap(&mut self.below, &mut self.above);
                core::mem::swap(&mut self.below_shapes, &mut self.above_shapes);
            }
            let width = self.below.len() / 2;
            self.above.resize(width, EMPTY);
            self.above_shapes.resize(width, Shape::Empty);
            raise(&V::NODE, &self.below, &self.below_shapes, &mut self.above, &mut self.above_shapes);
        }
    }
}

/// One binary level of one page, all of it: node 1 is the page's own, node n's halves are 2n and 2n + 1, and nodes 16
/// to 31 are the slots.
pub(crate) struct PageFold {
    digests: [Digest; 32],
    shapes: [Shape; 32],
}

impl PageFold {
    /// Folds a page whose slots are all settled.
    pub(crate) fn new<V: Stored>(page: &Page<V>) -> PageFold {
        let (mut digests, mut shapes) = ([EMPTY; 32], [Shape::Empty; 32]);
        for (nibble, slot) in nibbles(page.occupied()).zip(page.slots()) {
            digests[16 + nibble as usize] = slot.digest;
            shapes[16 + nibble as usize] = shape_of(&slot.kind);
        }
        for width in [8, 4, 2, 1] {
            let (above, below) = digests.split_at_mut(2 * width);
            let (above_shapes, below_shapes) = shapes.split_at_mut(2 * width);
            let (below, below_shapes) = (&below[..2 * width], &below_shapes[..2 * width]);
            raise(&V::NODE, below, below_shapes, &mut above[width..], &mut above_shapes[width..]);
        }
        PageFold { digests, shapes }
    }

    pub(crate) fn digest(&self, node: usize) -> &Digest {
        &self.digests[node]
    }

    pub(crate) fn shape(&self, node: usize) -> Shape {
        self.shapes[node]
    }
}

/// Computes a level from the one below it, which is twice as wide.
fn raise(domain: &Domain, below: &[Digest], shapes: &[Shape], above: &mut [Digest], above_shapes: &mut [Shape]) {
    let halves = below.as_chunks::<2>().0;
    for (at, ([left, right], shape)) in halves.iter().zip(above_shapes.iter_mut()).enumerate() {
        *shape = join(shapes[2 * at], shapes[2 * at + 1]);
        if *shape != Shape::Branch {
            above[at] = if shapes[2 * at] == Shape::Empty { *right } else { *left };
        }
    }
    let branches = (0..above.len()).filter(|&at| above_shapes[at] == Shape::Branch);
    hash_chosen(domain, below, branches, above);
    if planted("fold-swaps-children") {
        for (at, [left, right]) in halves.iter().enumerate().filter(|(at, _)| above_shapes[*at] == Shape::Branch) {
            above[at] = hash_pair(domain, right, left);
        }
    }
}

/// `above[i] = H(domain, below[2i], below[2i + 1])` for each chosen i.
fn hash_chosen(domain: &Domain, below: &[Digest], chosen: impl Iterator<Item = usize>, above: &mut [Digest]) {
    const NOTHING: [u8; 64] = [0; 64];
    let mut inputs = [&NOTHING; LANES];
    let mut places = [0; LANES];
    let mut filled = 0;
    let mut out = [EMPTY; LANES];
    let mut chosen = chosen.peekable();
    while let Some(place) = chosen.next() {
        let halves = below.get(2 * place..2 * place + 2).and_then(|halves| halves.as_flattened().first_chunk());
        inputs[filled] = halves.unwrap_or(&NOTHING);
        places[filled] = place;
        filled += 1;
        if filled == LANES || chosen.peek().is_none() {
            hash_nodes(domain, &inputs[..filled], &mut out);
            for (place, digest) in places[..filled].iter().zip(&out) {
                above[*place] = *digest;
            }
            filled = 0;
        }
    }
}
