//! What is on the disk, what is only meant to be, and what a crash makes of the difference.

use super::{Image, SECTOR};
use std::sync::Arc;

/// The state of a simulated disk at one moment.
#[derive(Clone, Debug, Default)]
pub struct Platter {
    pub(super) files: Vec<Entry>,
}

/// One file, or one that was.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    /// Whether the folder has it, as programs see it.
    pub(super) present: bool,
    /// Whether the folder on the disk has it.
    pub(super) on_disk: bool,
    /// The contents on the disk.
    pub(super) durable: Vec<u8>,
    /// The contents as programs see them.
    pub(super) cache: Vec<u8>,
    /// Sectors that were written and not synced, oldest first.
    pub(super) pending: Vec<(usize, [u8; SECTOR])>,
    /// Lengths that the file had since it was synced.
    pub(super) lengths: Vec<usize>,
}

impl Entry {
    pub(super) fn new(name: Arc<str>, on_disk: bool, bytes: Vec<u8>) -> Entry {
        let (pending, lengths) = (Vec::new(), Vec::new());
        Entry { name, present: true, on_disk, durable: bytes.clone(), cache: bytes, pending, lengths }
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len();
        if self.cache.len() < end {
            self.set_len(end);
        }
        if let Some(place) = self.cache.get_mut(at..end) {
            place.copy_from_slice(bytes);
        }
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            let mut copy = [0; SECTOR];
            let found = self.cache.get(sector * SECTOR..).unwrap_or_default();
            copy.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
            self.pending.push((sector, copy));
        }
    }

    pub(super) fn set_len(&mut self, length: usize) {
        self.cache.resize(length, 0);
        self.lengths.push(length);
        self.pending.retain(|(sector, _)| sector * SECTOR < length);
    }

    pub(super) fn sync(&mut self) {
        // What an earlier failed sync left in the cache alone is not pending, and so does not get to the disk either.
        let mut durable = std::mem::take(&mut self.durable);
        self.settle(&mut durable, || true);
        self.durable = durable;
        self.pending.clear();
        self.lengths.clear();
    }

    /// Brings pending sectors to the disk: those that `keep` wants.
    pub(super) fn settle(&self, durable: &mut Vec<u8>, mut keep: impl FnMut() -> bool) {
        for &length in &self.lengths {
            if keep() {
                durable.resize(length, 0);
            }
        }
        for (sector, bytes) in &self.pending {
            if keep() {
                let place = durable.get_mut(sector * SECTOR..).unwrap_or_default();
                place.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            }
        }
    }

    fn atoms(&self) -> usize {
        self.lengths.len() + self.pending.len() + usize::from(self.present != self.on_disk)
    }
}

/// Which of the pending changes survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// None.
    Nothing,
    /// All.
    Everything,
    /// The oldest so many.
    First(usize),
    /// All but this one.
    AllBut(usize),
    /// This one alone.
    Only(usize),
    /// Each with this chance out of 256; the numbers come from the caller's dice.
    Chance(u8),
    /// The changes whose bits are set.
    Subset(u64),
}

impl Platter {
    /// How many changes are pending.
    pub fn pending(&self) -> usize {
        self.files.iter().map(Entry::atoms).sum()
    }

    /// What a crash leaves. `dice` gives numbers for [`Survival::Chance`] and is not asked otherwise.
    pub fn crash(&self, survival: Survival, dice: &mut dyn FnMut() -> u8) -> Image {
        let mut at = 0;
        let mut keep = || {
            let this = at;
            at += 1;
            match survival {
                Survival::Nothing => false,
                Survival::Everything => true,
                Survival::First(count) => this < count,
                Survival::AllBut(one) => this != one,
                Survival::Only(one) => this == one,
                Survival::Chance(chance) => dice() < chance,
                Survival::Subset(bits) => bits >> (this % 64) & 1 == 1,
            }
        };
        let mut image = Image::default();
        for entry in &self.files {
            let there = if entry.present == entry.on_disk { entry.present } else { keep() == entry.present };
            let mut bytes = entry.durable.clone();
            entry.settle(&mut bytes, &mut keep);
            if there {
                image.files.retain(|(name, _)| *name != entry.name);
                image.files.push((entry.name.clone(), bytes));
            }
        }
        image
    }
}

impl From<&Image> for Platter {
    fn from(image: &Image) -> Platter {
        let files = image.files.iter().map(|(name, bytes)| Entry::new(name.clone(), true, bytes.clone())).collect();
        Platter { files }
    }
}
