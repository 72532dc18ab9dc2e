//! Pages: four binary levels at a time, sixteen slots, packed.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Stored;
use crate::digest::{Digest, EMPTY};
use crate::planted::planted;

/// Up to sixteen slots, one per value of the key's next four bits.
///
/// Except at the top, a page never holds exactly one leaf and nothing else, nor nothing at all: such a subtree belongs
/// in the parent's slot. That is what makes the shape a function of the contents.
#[derive(Clone)]
pub(crate) struct Page<V> {
    /// Which slots exist, bit n for nibble n.
    occupied: u16,
    /// Which slots' digests are out of date; a subset of `occupied`.
    stale: u16,
    /// The existing slots in nibble order.
    slots: Vec<Slot<V>>,
}

/// One slot.
///
/// `digest` is the subtree's digest. In a stale slot it is meaningless for a page, and for a leaf it holds the contents
/// digest from which the leaf's own is still to be made, so that a leaf that comes and goes between two roots is never
/// hashed.
#[derive(Clone)]
pub(crate) struct Slot<V> {
    pub(crate) digest: Digest,
    pub(crate) kind: Kind<V>,
}

#[derive(Clone)]
pub(crate) enum Kind<V> {
    Leaf { key: Digest, value: V },
    Page(Arc<Page<V>>),
}

/// The four bits of `key` that pick the slot in a page at `depth`.
pub(crate) fn nibble(key: &Digest, depth: usize) -> u32 {
    let byte = key[depth / 2];
    u32::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

impl<V> Page<V> {
    pub(crate) fn empty() -> Page<V> {
        Page { occupied: 0, stale: 0, slots: Vec::new() }
    }

    fn index(&self, nibble: u32) -> usize {
        (self.occupied & ((1u16 << nibble) - 1)).count_ones() as usize
    }

    fn has(&self, nibble: u32) -> bool {
        self.occupied & (1 << nibble) != 0
    }

    fn is_stale(&self, nibble: u32) -> bool {
        self.stale & (1 << nibble) != 0
    }

    pub(crate) fn slot(&self, nibble: u32) -> Option<&Slot<V>> {
        if self.has(nibble) { self.slots.get(self.index(nibble)) } else { None }
    }

    pub(crate) fn slots(&self) -> &[Slot<V>] {
        &self.slots
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [Slot<V>] {
        &mut self.slots
    }

    pub(crate) fn occupied(&self) -> u16 {
        self.occupied
    }

    /// Slots that are out of date, with their nibbles.
    pub(crate) fn stale_slots(&mut self) -> impl Iterator<Item = (u32, &mut Slot<V>)> {
        let stale = self.stale;
        nibbles(self.occupied).zip(&mut self.slots).filter(move |(nibble, _)| stale & (1 << nibble) != 0)
    }

    pub(crate) fn mark_settled(&mut self) {
        self.stale = 0;
    }

    /// Puts a slot where none is.
    pub(crate) fn put(&mut self, nibble: u32, slot: Slot<V>, stale: bool) {
        debug_assert!(!self.has(nibble));
        let index = self.index(nibble);
        if self.slots.len() == self.slots.capacity() {
            // Two at a time: most pages are the lowest ones, and small.
            self.slots.reserve_exact(2);
        }
        self.slots.insert(index, slot);
        self.occupied |= 1 << nibble;
        self.stale |= u16::from(stale) << nibble;
    }

    /// Takes the only slot out, if there is exactly one and it is a leaf; with whether it is stale.
    fn take_lone_leaf(&mut self) -> Option<(Slot<V>, bool)> {
        match self.slots.as_slice() {
            [Slot { kind: Kind::Leaf { .. }, .. }] => self.slots.pop().map(|slot| (slot, self.stale != 0)),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<&V> {
        let mut page = self;
        for depth in 0.. {
            match &page.slot(nibble(key, depth))?.kind {
                Kind::Page(below) => page = below,
                Kind::Leaf { key: found, value } => return (found == key).then_some(value),
            }
        }
        None
    }
}

/// The set bits of a mask, lowest first.
pub(crate) fn nibbles(mask: u16) -> impl Iterator<Item = u32> {
    (0..16).filter(move |nibble| mask & (1 << nibble) != 0)
}

/// Adds a leaf; `false` if the key is there. Pages on the way are marked stale even then, which costs a rehash of what
/// did not change and nothing else.
pub(crate) fn insert<V: Stored>(top: &mut Arc<Page<V>>, key: &Digest, value: V, contents: Digest) -> bool {
    let mut page = Arc::make_mut(top);
    for depth in 0.. {
        let nibble = nibble(key, depth);
        if !page.has(nibble) {
            page.put(nibble, Slot { digest: contents, kind: Kind::Leaf { key: *key, value } }, true);
            return true;
        }
        let stale = page.is_stale(nibble);
        if !(planted("insert-leaves-digest") && depth == 0) {
            page.stale |= 1 << nibble;
        }
        let index = page.index(nibble);
        if let Kind::Leaf { key: found, .. } = &page.slots[index].kind {
            if found == key {
                // The leaf did not change: give its mark back.
                if !stale {
                    page.stale &= !(1 << nibble);
                }
                return false;
            }
            // Two leaves meet: the slot becomes a page with both, as deep as their keys agree.
            let blank = Slot { digest: EMPTY, kind: Kind::Page(Arc::new(Page::empty())) };
            let old = core::mem::replace(&mut page.slots[index], blank);
            let new = Slot { digest: contents, kind: Kind::Leaf { key: *key, value } };
            page.slots[index].kind = Kind::Page(Arc::new(pair(depth + 1, old, stale, new)));
            return true;
        }
        match &mut page.slots[index].kind {
            Kind::Page(below) => page = Arc::make_mut(below),
            Kind::Leaf { .. } => break,
        }
    }
    false
}

/// The page at `depth` that holds two leaves with different keys; `new` is stale.
fn pair<V>(depth: usize, old: Slot<V>, old_stale: bool, new: Slot<V>) -> Page<V> {
    let (Kind::Leaf { key: old_key, .. }, Kind::Leaf { key: new_key, .. }) = (&old.kind, &new.kind) else {
        unreachable!("both are leaves");
    };
    let (old_nibble, new_nibble) = (nibble(old_key, depth), nibble(new_key, depth));
    let mut page = Page::empty();
    if old_nibble == new_nibble {
        let below = Kind::Page(Arc::new(pair(depth + 1, old, old_stale, new)));
        page.put(old_nibble, Slot { digest: EMPTY, kind: below }, true);
    } else {
        page.put(old_nibble, old, old_stale);
        page.put(new_nibble, new, true);
    }
    page
}

/// Takes a leaf out. Looks first, so that a miss copies and marks nothing.
pub(crate) fn remove<V: Stored>(top: &mut Arc<Page<V>>, key: &Digest) -> Option<V> {
    top.get(key)?;
    take(Arc::make_mut(top), key, 0)
}

fn take<V: Stored>(page: &mut Page<V>, key: &Digest, depth: usize) -> Option<V> {
    let nibble = nibble(key, depth);
    let index = page.index(nibble);
    let bit = 1u16 << nibble;
    if let Kind::Page(below) = &mut page.slots.get_mut(index)?.kind {
        let below = Arc::make_mut(below);
        let taken = take(below, key, depth + 1);
        if !(planted("remove-leaves-digest") && depth == 0) {
            page.stale |= bit;
        }
        if !planted("remove-skips-collapse")
            && let Some((leaf, stale)) = below.take_lone_leaf()
        {
            page.slots[index] = leaf;
            if !stale {
                page.stale &= !bit;
            }
        }
        return taken;
    }
    page.occupied &= !bit;
    page.stale &= !bit;
    match page.slots.remove(index).kind {
        Kind::Leaf { value, .. } => Some(value),
        Kind::Page(_) => None,
    }
}
