//! What has ended, in the order in which it did: how much of it is kept.

use super::Live;
use super::key::{HandoffKey, OutputKey, ReadKey};
use crate::planted::planted;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What retires as one. Nearly all are effects, so the others' keys stand elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ended {
    /// An effect, by its slot; in bytes by its place among all of them. It is as wide as the others, so that all of this is handed
    /// on in registers: what is written in narrow pieces and read as a wide one right after has to be waited for.
    Effect(u64),
    Handoff(Box<HandoffKey>),
    Output(Box<OutputKey>),
    Read(Box<ReadKey>),
    Region(u64),
    /// Something that is gone already.
    Gone,
}

/// What has ended, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct EndedList {
    list: VecDeque<Ended>,
    /// The next number of what ends.
    next: u64,
    /// How many are not gone.
    kept: usize,
}

impl EndedList {
    /// Something has ended; answers its number among what has.
    #[inline]
    pub(super) fn push(&mut self, object: Ended) -> u64 {
        self.list.push_back(object);
        self.kept += 1;
        self.next += 1;
        self.next - 1
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.kept
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let keys = self.list.iter().map(|one| match one {
            Ended::Output(key) => size_of::<OutputKey>() + key.predicate.len(),
            Ended::Handoff(_) => size_of::<HandoffKey>(),
            Ended::Read(_) => size_of::<ReadKey>(),
            Ended::Effect(_) | Ended::Region(_) | Ended::Gone => 0,
        });
        self.list.capacity() * size_of::<Ended>() + keys.sum::<usize>()
    }

    /// The oldest, or the newest.
    fn pop(&mut self, oldest: bool) -> Option<Ended> {
        loop {
            let object = if oldest { self.list.pop_front()? } else { self.list.pop_back()? };
            if !matches!(object, Ended::Gone) {
                self.kept -= 1;
                return Some(object);
            }
        }
    }

    fn place(&self, number: u64) -> Option<usize> {
        let first = self.next - self.list.len() as u64;
        usize::try_from(number.checked_sub(first)?).ok()
    }

    /// What has this number goes before its time.
    fn remove(&mut self, number: u64) {
        let place = self.place(number);
        if let Some(object) = place.and_then(|place| self.list.get_mut(place)).filter(|one| **one != Ended::Gone) {
            *object = Ended::Gone;
            self.kept -= 1;
        }
    }

    /// All that are not gone, with effects by other numbers.
    pub(super) fn renumbered(&self, effect: impl Fn(u64) -> Option<u64>) -> Option<Self> {
        let number = |one: &Ended| match one {
            Ended::Effect(slot) => effect(*slot).map(Ended::Effect),
            other => Some(other.clone()),
        };
        Some(Self { list: self.list.iter().map(number).collect::<Option<_>>()?, next: self.next, kept: self.kept })
    }

    /// All of them, with their numbers; none if the list says more of itself than is so.
    pub(super) fn numbered(&self) -> Option<Vec<(u64, &Ended)>> {
        let first = self.next.checked_sub(self.list.len() as u64)?;
        let all: Vec<(u64, &Ended)> = (first..).zip(&self.list).filter(|(_, one)| **one != Ended::Gone).collect();
        (all.len() == self.kept).then_some(all)
    }
}

impl Live {
    /// Lets the oldest of what has ended go, until no more is kept than may be.
    #[inline(always)]
    pub(super) fn trim(&mut self) {
        if self.ended.len() > self.keep as usize && self.between == 0 {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        while self.ended.len() > self.keep as usize {
            match self.ended.pop(!planted("live-retires-newest")) {
                Some(Ended::Effect(slot)) if self.late.is_empty() => self.effects.remove(slot as u32),
                Some(object) => self.remove(object),
                None => return,
            }
        }
    }

    #[inline(never)]
    fn remove(&mut self, object: Ended) {
        match object {
            Ended::Effect(slot) => {
                if let Some(effect) = self.effects.get(slot as u32) {
                    self.late.remove(&effect.key);
                }
                self.effects.remove(slot as u32);
            }
            Ended::Handoff(key) => {
                self.handoffs.remove(&key);
            }
            Ended::Output(key) => {
                self.outputs.remove(&key);
            }
            Ended::Read(key) => {
                self.reads.remove(&key);
            }
            Ended::Region(session) => self.sessions.remove(session),
            Ended::Gone => {}
        }
    }

    /// Handoffs of a session's ownership that have ended belong to an era that is over once somebody claims the session
    /// anew, who may be the one who was revoked then.
    pub(super) fn end_era(&mut self, session: u64) {
        let key = |number| HandoffKey { session, endpoint: false, number };
        let over = self.handoffs.range(key(0)..=key(u64::MAX));
        let over: Vec<(HandoffKey, Option<u64>)> = over.map(|(key, one)| (*key, one.closed)).collect();
        for (key, closed) in over {
            if let Some(number) = closed.filter(|_| !planted("live-keeps-old-eras")) {
                self.ended.remove(number);
                self.handoffs.remove(&key);
            }
        }
    }
}
