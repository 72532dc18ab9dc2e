//! Where effects are while they are kept: each in a slot of its own, which never moves.

use super::effect::Effect;
use super::key::EffectKey;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Effects by their slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    slots: Vec<Option<Effect>>,
    free: Vec<u32>,
}

impl Effects {
    /// Puts an effect into a free slot.
    #[inline(always)]
    pub(super) fn insert(&mut self, effect: impl FnOnce() -> Effect) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                // The place is empty: written so, nothing has to be dropped, and the effect is made where it stays.
                self.slots[slot as usize].get_or_insert_with(effect);
                slot
            }
            None => {
                self.slots.push(Some(effect()));
                (self.slots.len() - 1) as u32
            }
        }
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Effect> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Effect> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize).filter(|place| place.is_some()) {
            *place = None;
            self.free.push(slot);
        }
    }

    /// Bytes of all slots, those that are free included.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Option<Effect>>() + self.free.capacity() * size_of::<u32>()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All of them, with their slots, in the order of their keys.
    pub(super) fn sorted(&self) -> Vec<(u32, &Effect)> {
        let mut all: Vec<(u32, &Effect)> = self.iter().collect();
        all.sort_unstable_by_key(|(_, effect)| effect.key);
        all
    }

    /// All of them, with their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Effect)> {
        (0..).zip(&self.slots).filter_map(|(slot, effect)| Some((slot, effect.as_ref()?)))
    }

    /// The slot of an effect among those of one session that wait, which begin at `first`.
    pub(super) fn waiting(&self, first: u32, key: EffectKey) -> Option<u32> {
        self.list(first).find(|(_, effect)| effect.key == key).map(|(slot, _)| slot)
    }

    /// Those of one session that wait.
    pub(super) fn list(&self, first: u32) -> impl Iterator<Item = (u32, &Effect)> {
        let mut slot = first;
        core::iter::from_fn(move || {
            let (at, effect) = (slot, self.get(slot)?);
            slot = effect.next;
            Some((at, effect))
        })
    }

    /// Takes an effect out of the list that begins at `first`.
    pub(super) fn unlink(&mut self, first: &mut u32, slot: u32) {
        let Some(next) = self.get(slot).map(|effect| effect.next) else { return };
        if *first == slot {
            *first = next;
            return;
        }
        let before = self.list(*first).find(|(_, effect)| effect.next == slot).map(|(at, _)| at);
        if let Some(before) = before.and_then(|before| self.get_mut(before)) {
            before.next = next;
        }
    }
}

/// When effects are escalated, by tick. Those that have ended or got on meanwhile are left where they are: whoever takes a
/// slot out looks whether anything is due.
///
/// Where all budgets are one, whatever comes is due behind everything that came before, and stands in a queue; only what
/// is due earlier has to be put into its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    /// By tick, ascending.
    queue: VecDeque<(u64, u32)>,
    earlier: BTreeMap<u64, Vec<u32>>,
    entries: usize,
}

impl Due {
    pub(super) fn push(&mut self, tick: u64, slot: u32) {
        self.entries += 1;
        match self.queue.back() {
            Some((last, _)) if *last > tick => self.earlier.entry(tick).or_default().push(slot),
            _ => self.queue.push_back((tick, slot)),
        }
    }

    /// How many there are, with those that are left over.
    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let tree = self.earlier.len() * size_of::<(u64, Vec<u32>)>() * 3 / 2;
        let slots: usize = self.earlier.values().map(|slots| slots.capacity() * size_of::<u32>()).sum();
        self.queue.capacity() * size_of::<(u64, u32)>() + tree + slots
    }

    /// The first tick at which anything may be due.
    pub(super) fn first(&self) -> Option<u64> {
        let earlier = self.earlier.first_key_value().map(|(tick, _)| *tick);
        let queued = self.queue.front().map(|(tick, _)| *tick);
        earlier.into_iter().chain(queued).min()
    }

    /// The first of them, if their tick has come.
    pub(super) fn take(&mut self, now: u64) -> Option<Vec<u32>> {
        let first = self.first().filter(|first| *first <= now)?;
        let mut slots = self.earlier.remove(&first).unwrap_or_default();
        while let Some((_, slot)) = self.queue.pop_front_if(|(tick, _)| *tick == first) {
            slots.push(slot);
        }
        self.entries -= slots.len();
        Some(slots)
    }
}
