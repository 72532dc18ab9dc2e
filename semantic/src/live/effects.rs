//! What happens to effects: asked, begun, escalated, answered, cancelled, settled by a handoff.

use super::audit::Note;
use super::course::{Happens, Published, Step};
use super::effect::{Effect, Publication};
use super::key::{EffectKey, TakenBy, UpgradeKey};
use super::occurrence::{AnsweredEffect, AskedEffect};
use super::retire::Ended;
use super::{Live, LiveViolation};
use crate::objects::{PublicationObserverClass, PublicationStatus};
use crate::planted::planted;
use crate::rules::{EffectError, EffectEvent, FinalizationEvent, ProgressEvent, ProgressState};
use alloc::string::String;
use alloc::vec::Vec;

/// Why a late result was rejected.
const LATE: &str = "the effect was invalidated before the result came";

/// So many entries of what is due may be left over before they are cleared away, beside as many as there are effects that wait.
const LEFT_OVER: usize = 1024;

impl Live {
    /// An effect was asked for.
    #[inline(always)]
    pub(super) fn ask(&mut self, asked: &AskedEffect<'_>) -> Result<(), LiveViolation> {
        let (key, tick) = (asked.effect, self.tick);
        let entry = self.sessions.alive(key.session)?;
        if self.effects.waiting(entry.first, key).is_some() {
            return Err(LiveViolation::EffectTwice(key));
        }
        let (order, next) = (self.asked, entry.first);
        let slot = self.effects.insert(|| Effect::new(asked, order, tick, next));
        if let Some(effect) = self.effects.get_mut(slot) {
            asked.inputs.write(&mut effect.inputs);
        }
        let due = self.effects.get(slot).and_then(Effect::due);
        (entry.first, entry.touched) = (slot, true);
        self.asked += 1;
        self.waiting += 1;
        // One role asks many effects one after the other.
        if self.last_role != Some((asked.image, asked.role)) {
            self.last_role = Some((asked.image, asked.role));
            self.roles.entry((asked.image, asked.role)).or_insert_with(|| asked.role_name.into());
        }
        if let Some(due) = due {
            self.schedule(due, slot);
        }
        Ok(())
    }

    /// Where an effect is: among those that wait, those that were invalidated, or, which is a mistake of whoever asks and takes
    /// a look at each, those that have ended.
    #[inline]
    fn find(&self, key: EffectKey) -> Result<u32, LiveViolation> {
        let first = self.sessions.first(key.session);
        let found = self.effects.waiting(first, key).or_else(|| self.late.get(&key).copied());
        let ended = || self.effects.iter().find(|(_, effect)| effect.key == key).map(|(slot, _)| slot);
        found.or_else(ended).ok_or(LiveViolation::NoEffect(key))
    }

    fn effect(&self, slot: u32, key: EffectKey) -> Result<&Effect, LiveViolation> {
        self.effects.get(slot).ok_or(LiveViolation::NoEffect(key))
    }

    /// Takes an event of an effect, and closes it if that ended it.
    fn advance(&mut self, slot: u32, happens: &Happens, reason: Option<&str>) -> Result<(), LiveViolation> {
        let step = self.effects.get(slot).map(|effect| effect.step(happens)).transpose()?;
        if let Some(step) = step {
            self.write(slot, step, reason, None);
        }
        Ok(())
    }

    #[inline]
    fn write(&mut self, slot: u32, step: Step, reason: Option<&str>, observed: Option<bool>) {
        let Some(effect) = self.effects.get_mut(slot) else { return };
        let before = effect.due();
        effect.take(step, self.tick, reason, observed, &mut self.notes);
        if effect.has_ended() {
            self.close_effect(slot);
            return;
        }
        let after = effect.due();
        self.reschedule(slot, before, after);
    }

    /// The host can be asked from now on: the budget counts from here.
    pub(super) fn begun(&mut self, key: EffectKey) -> Result<(), LiveViolation> {
        let slot = self.find(key)?;
        if let Some(effect) = self.effects.get_mut(slot) {
            let before = effect.due();
            if !planted("live-forgets-begin") {
                effect.begin(self.tick)?;
            }
            let after = effect.due();
            self.reschedule(slot, before, after);
        }
        Ok(())
    }

    /// Time has passed: everything that is due is escalated, in the order in which it became due.
    pub(super) fn elapsed(&mut self) -> Result<(), LiveViolation> {
        let tick = if planted("live-skips-escalations") { 0 } else { self.tick };
        while let Some(slots) = self.due.take(tick) {
            let is_due = |effect: &&Effect| effect.due().is_some_and(|due| due <= tick);
            let keyed = |slot: u32| Some((self.effects.get(slot).filter(is_due)?.key, slot));
            let mut due: Vec<(EffectKey, u32)> = slots.into_iter().filter_map(keyed).collect();
            due.sort_unstable();
            for (_, slot) in due {
                self.escalate(slot)?;
            }
        }
        Ok(())
    }

    /// Takes the steps of an effect that are due, but the last: giving up is an answer.
    fn escalate(&mut self, slot: u32) -> Result<(), LiveViolation> {
        let state_if_due = |live: &Self| {
            let effect = live.effects.get(slot)?;
            effect.due().filter(|due| *due <= live.tick).map(|_| effect.course().progress.state)
        };
        while let Some(state) = state_if_due(self) {
            let (what, why) = match state {
                ProgressState::Pending => (Published::Blocked, "a quarter of its budget has passed without an answer"),
                ProgressState::Blocked => (Published::NoProgress, "half of its budget has passed without an answer"),
                _ => (Published::Degraded, "three quarters of its budget have passed without an answer"),
            };
            let (life, progress) = (EffectEvent::Block {}, ProgressEvent::Escalate { tick: self.tick });
            self.advance(slot, &Happens { life, progress, what }, Some(why))?;
        }
        Ok(())
    }

    /// Nobody answered in time: what is left of the steps to the last one is taken, if that is due and can be.
    fn overdue(&mut self, slot: u32, key: EffectKey) -> Result<(), LiveViolation> {
        let course = self.effect(slot, key)?.course();
        if course.life.apply(EffectEvent::Fail {}).is_err() {
            // What refuses the answer says why.
            return Ok(());
        }
        let mut ahead = course.progress;
        while ahead.state != ProgressState::TimedOut && !planted("live-refuses-by-halves") {
            let next = ahead.apply(ProgressEvent::Escalate { tick: self.tick });
            ahead = next.map_err(|error| LiveViolation::Progress { effect: key, error })?;
        }
        self.escalate(slot)
    }

    /// An effect is escalated at another tick now, or not at all.
    fn reschedule(&mut self, slot: u32, before: Option<u64>, after: Option<u64>) {
        if let Some(tick) = after.filter(|_| before != after) {
            self.schedule(tick, slot);
        }
    }

    fn schedule(&mut self, tick: u64, slot: u32) {
        self.due.push(tick, slot);
        if self.due.len() > 2 * self.waiting + LEFT_OVER {
            self.count_due();
        }
    }

    /// The escalations that are to come, from the effects that wait.
    pub(super) fn count_due(&mut self) {
        self.due = super::store::Due::default();
        let due = |(slot, effect): (u32, &Effect)| Some((effect.due()?, slot));
        let mut all: Vec<(u64, u32)> = self.effects.iter().filter_map(due).collect();
        all.sort_unstable();
        all.into_iter().for_each(|(tick, slot)| self.due.push(tick, slot));
    }

    /// The answer came to an effect of a session that nobody owns, the last that it asked for, and to which nothing else has
    /// happened: it succeeds. That is what nearly all effects do; any other answer is left to [`Live::answered`], which would do
    /// the same.
    #[inline(always)]
    pub(super) fn succeeded_at_once(&mut self, answered: &AnsweredEffect<'_>) -> Option<Note> {
        if answered.failure.is_some() || !self.sessions.owned.is_empty() || planted("live-keeps-ended-open") {
            return None;
        }
        let entry = self.sessions.get_mut(answered.effect.session)?;
        let slot = entry.first;
        let effect = self.effects.get_mut(slot).filter(|one| one.key == answered.effect && one.is_as_asked())?;
        entry.first = effect.next;
        effect.keep_outputs(answered.outputs);
        let note = effect.succeed(self.tick, effect.wanted.is_observed() && !answered.overdue);
        self.waiting -= 1;
        self.ended.push(Ended::Effect(slot.into()));
        Some(note)
    }

    /// The answer came. A result that comes after invalidation is rejected, and that is on record.
    pub(super) fn answered(&mut self, answered: &AnsweredEffect<'_>) -> Result<(), LiveViolation> {
        let (key, tick) = (answered.effect, self.tick);
        let slot = self.find(key)?;
        let happens = match answered.failure {
            Some(_) if answered.overdue => {
                self.overdue(slot, key)?;
                let progress = ProgressEvent::Escalate { tick };
                Happens { life: EffectEvent::Fail {}, progress, what: Published::TimedOut }
            }
            None => Happens::success(tick),
            Some(_) => {
                let progress = ProgressEvent::Fail { tick };
                Happens { life: EffectEvent::Fail {}, progress, what: Published::Failed }
            }
        };
        let (effect, what) = (self.effect(slot, key)?, happens.what);
        let step = match effect.step(&happens) {
            Err(LiveViolation::Effect { error: EffectError::LateResult, .. }) if planted("live-takes-late-results") => {
                Step { course: effect.course(), what: Some(what) }
            }
            Err(late @ LiveViolation::Effect { error: EffectError::LateResult, .. }) => {
                self.reject(slot, what);
                return Err(late);
            }
            step => step?,
        };
        let observed = effect.wanted.is_observed() && !answered.overdue;
        if let Some(effect) = self.effects.get_mut(slot) {
            effect.keep_outputs(answered.outputs);
        }
        self.write(slot, step, answered.failure, observed.then_some(answered.failure.is_some()));
        Ok(())
    }

    /// A late result's publication is turned down.
    fn reject(&mut self, slot: u32, what: Published) {
        let Some(effect) = self.effects.get_mut(slot) else { return };
        if effect.publications().any(|one| one.what == what) {
            return;
        }
        let (class, status) = (PublicationObserverClass::Canonical, PublicationStatus::Rejected);
        effect.keep_publication(Publication { what, class, status, reason: Some(LATE.into()) });
        // Rejecting never lowers the stage, so an invalidated path stays that.
        let mut course = effect.course();
        course.path = course.path.apply(FinalizationEvent::Reject {}).unwrap_or(course.path);
        effect.set_course(course);
        self.notes.push(Note::EffectPublication { effect: effect.key, what, class, status });
    }

    /// Nobody waits for the effect any more.
    pub(super) fn cancelled(&mut self, key: EffectKey) -> Result<(), LiveViolation> {
        let (slot, progress) = (self.find(key)?, ProgressEvent::Cancel { tick: self.tick });
        let happens = Happens { life: EffectEvent::Cancel {}, progress, what: Published::Cancelled };
        self.advance(slot, &happens, None)
    }

    /// A handoff begins to settle the effect.
    pub(super) fn owe(&mut self, key: EffectKey, handoff: u64) -> Result<(), LiveViolation> {
        self.settle(key, EffectEvent::Owe { handoff })
    }

    /// A handoff takes the effect along.
    pub(super) fn transport(&mut self, key: EffectKey, handoff: u64) -> Result<(), LiveViolation> {
        self.settle(key, EffectEvent::Transport { handoff })
    }

    fn settle(&mut self, key: EffectKey, event: EffectEvent) -> Result<(), LiveViolation> {
        let slot = self.find(key)?;
        let effect = self.effects.get_mut(slot).ok_or(LiveViolation::NoEffect(key))?;
        let mut course = effect.course();
        course.life = course.life.apply(event).map_err(|error| LiveViolation::Effect { effect: key, error })?;
        effect.set_course(course);
        Ok(())
    }

    /// An upgrade gives the effect up. To the effect that is a handoff: it is owed to it, and settled.
    pub(super) fn give_up(&mut self, key: EffectKey, upgrade: UpgradeKey) -> Result<(), LiveViolation> {
        const NUMBER: u64 = 1;
        self.owe(key, NUMBER)?;
        self.invalidate(key, TakenBy::Upgrade(upgrade), NUMBER)
    }

    /// The effect is taken away: it is published as invalidated first, since nothing is afterwards.
    pub(super) fn invalidate(&mut self, key: EffectKey, by: TakenBy, number: u64) -> Result<(), LiveViolation> {
        let (slot, progress) = (self.find(key)?, by.progress(self.tick));
        let life = EffectEvent::Invalidate { handoff: number };
        let mut step = self.effect(slot, key)?.step(&Happens { life, progress, what: Published::Invalidated })?;
        let path = step.course.path.apply(FinalizationEvent::Invalidate {});
        step.course.path = path.map_err(|error| LiveViolation::Finalization { effect: key, error })?;
        if let Some(effect) = self.effects.get_mut(slot) {
            effect.keep_taker(by);
        }
        self.write(slot, step, Some(by.reason()), None);
        Ok(())
    }

    /// Effects that were invalidated and are still kept, in the order of their keys.
    pub fn invalidated(&self) -> impl Iterator<Item = EffectKey> {
        self.late.keys().copied()
    }

    /// Whether an effect that is still kept was invalidated.
    pub fn is_invalidated(&self, key: &EffectKey) -> bool {
        self.late.contains_key(key)
    }

    /// Whether an effect was asked for and is still kept. One that waits or was invalidated is found at once.
    pub fn knows(&self, key: &EffectKey) -> bool {
        self.find(*key).is_ok()
    }

    /// The effect has ended, and belongs to whoever owned it then.
    #[inline]
    fn close_effect(&mut self, slot: u32) {
        let Some(effect) = self.effects.get(slot) else { return };
        let (key, invalidated) = (effect.key, effect.is_invalidated());
        let owner = self.owner_of_effect(effect).map(String::from);
        if !planted("live-keeps-ended-open")
            && let Some(entry) = self.sessions.get_mut(key.session)
        {
            self.effects.unlink(&mut entry.first, slot);
        }
        self.waiting -= 1;
        if invalidated {
            self.late.insert(key, slot);
        }
        if let Some(owner) = owner
            && let Some(effect) = self.effects.get_mut(slot)
        {
            effect.keep_owner(owner);
        }
        self.ended.push(Ended::Effect(slot.into()));
    }

    /// The effects of a session that wait for their answers, in the order of their keys.
    pub(super) fn open_of(&self, session: u64) -> Vec<EffectKey> {
        let waiting = self.effects.list(self.sessions.first(session));
        let mut keys: Vec<EffectKey> = waiting.map(|(_, effect)| effect.key).collect();
        keys.sort_unstable();
        keys
    }
}
