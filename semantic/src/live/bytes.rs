//! Live objects as bytes, for snapshots: equal for equal objects, however they came about.

use super::Live;
use super::authority::Read;
use super::effect::Effect;
use super::handoff::Handover;
use super::key::{HandoffKey, OutputKey, ReadKey};
use super::output::Output;
use super::retire::{Ended, EndedList};
use super::session::Session;
use super::store::{Effects, NONE};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Bytes that are no live objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no live objects: {0}")]
pub struct LiveBytesError(&'static str);

/// What is written. What follows from it is not: who waits, what is due, what comes late.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    /// In the order of their keys.
    effects: Vec<Cow<'a, Effect>>,
    /// Number, whether anything has happened to it, whether it has ended.
    sessions: Vec<(u64, bool, bool)>,
    owned: Cow<'a, BTreeMap<u64, Session>>,
    handoffs: Cow<'a, BTreeMap<HandoffKey, Handover>>,
    outputs: Cow<'a, BTreeMap<OutputKey, Output>>,
    reads: Cow<'a, BTreeMap<ReadKey, Read>>,
    ended: EndedList,
    roles: Cow<'a, BTreeMap<(u32, u16), Box<str>>>,
    asked: u64,
    between: u32,
    tick: u64,
}

impl Live {
    /// All of it as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let sorted = self.effects.sorted();
        let places: BTreeMap<u64, u64> = sorted.iter().map(|(slot, _)| u64::from(*slot)).zip(0..).collect();
        let ended = self.ended.renumbered(|slot| places.get(&slot).copied());
        debug_assert!(ended.is_some(), "what has ended is there");
        let form = Form {
            effects: sorted.into_iter().map(|(_, effect)| Cow::Borrowed(effect)).collect(),
            sessions: self.sessions.iter().map(|(at, one)| (at, one.touched, one.ended)).collect(),
            owned: Cow::Borrowed(&self.sessions.owned),
            handoffs: Cow::Borrowed(&self.handoffs),
            outputs: Cow::Borrowed(&self.outputs),
            reads: Cow::Borrowed(&self.reads),
            ended: ended.unwrap_or_default(),
            roles: Cow::Borrowed(&self.roles),
            asked: self.asked,
            between: self.between,
            tick: self.tick,
        };
        let mut bytes = Vec::new();
        // Every key and value has a form, and memory takes all that is written.
        let written = ciborium::into_writer(&form, &mut bytes);
        debug_assert!(written.is_ok(), "live objects can be written: {written:?}");
        bytes
    }

    /// What [`Live::to_bytes`] wrote, with another number of ended objects to keep if need be.
    ///
    /// # Errors
    /// Bytes that it did not write, as far as that shows: the tables' invariants hold of every object, and what is open or
    /// has ended is in the list of such objects.
    pub fn from_bytes(bytes: &[u8], keep: u32) -> Result<Self, LiveBytesError> {
        let mut rest = bytes;
        let read: Result<Form<'_>, _> = ciborium::from_reader(&mut rest);
        let form = read.map_err(|_| LiveBytesError("they cannot be read"))?;
        if !rest.is_empty() {
            return Err(LiveBytesError("there is more than they say"));
        }
        let mut live = Self::new(keep);
        (live.asked, live.between, live.tick) = (form.asked, form.between, form.tick);
        for (session, touched, ended) in form.sessions {
            if !live.sessions.insert(session, touched, ended) {
                return Err(LiveBytesError("a session is there twice"));
            }
        }
        live.sessions.owned = form.owned.into_owned();
        (live.handoffs, live.outputs) = (form.handoffs.into_owned(), form.outputs.into_owned());
        (live.reads, live.ended, live.roles) = (form.reads.into_owned(), form.ended, form.roles.into_owned());
        if !form.effects.is_sorted_by(|one, next| one.key < next.key) {
            return Err(LiveBytesError("effects are there twice or out of order"));
        }
        for effect in form.effects {
            live.bring_back(effect.into_owned())?;
        }
        live.sound()?;
        live.count_due();
        live.trim();
        Ok(live)
    }

    /// Puts an effect where it was: those of a form are in slots in their order.
    fn bring_back(&mut self, mut effect: Effect) -> Result<(), LiveBytesError> {
        match effect.is_sound() {
            Err(()) => return Err(LiveBytesError("an effect breaks the rules")),
            Ok(false) => return Err(LiveBytesError("an effect is neither open nor ended, or both")),
            Ok(true) => {}
        }
        let (key, waits, invalidated) = (effect.key, !effect.has_ended(), effect.is_invalidated());
        let first = self.sessions.first(key.session);
        effect.next = if waits { first } else { NONE };
        let slot = self.effects.insert(|| effect);
        if invalidated {
            self.late.insert(key, slot);
        }
        if waits {
            self.waiting += 1;
            let entry = self.sessions.alive(key.session);
            entry.map_err(|_| LiveBytesError("an effect waits in a session that is not there"))?.first = slot;
        }
        Ok(())
    }

    /// Whether the list of what has ended is that: each once, and nothing else.
    fn sound(&self) -> Result<(), LiveBytesError> {
        let wrong = LiveBytesError("what is open or has ended is not what the lists say");
        let numbered = self.ended.numbered().ok_or(wrong)?;
        let (mut effects, mut regions) = (BTreeSet::new(), BTreeSet::new());
        for (number, object) in &numbered {
            let listed = match object {
                Ended::Effect(slot) => effects.insert(*slot) && ended_in(&self.effects, *slot),
                Ended::Handoff(key) => self.handoffs.get(key).is_some_and(|one| one.closed == Some(*number)),
                Ended::Output(key) => self.outputs.get(&**key).is_some_and(|one| one.closed == *number),
                Ended::Read(key) => self.reads.get(key).is_some_and(|one| one.closed == Some(*number)),
                Ended::Region(session) => {
                    regions.insert(*session) && self.sessions.get(*session).is_some_and(|entry| entry.ended)
                }
                Ended::Gone => false,
            };
            if !listed {
                return Err(wrong);
            }
        }
        let ended = self.effects.iter().filter(|(_, effect)| effect.has_ended()).count();
        let over = self.sessions.iter().filter(|(_, entry)| entry.ended).count();
        let owned = self.sessions.owned.keys().all(|session| self.sessions.get(*session).is_some());
        if ended == effects.len() && over == regions.len() && owned { Ok(()) } else { Err(wrong) }
    }
}

fn ended_in(effects: &Effects, slot: u64) -> bool {
    u32::try_from(slot).ok().and_then(|slot| effects.get(slot)).is_some_and(Effect::has_ended)
}
