//! Effects, with everything that is their operation's: progress, publications, finalisation.

use super::audit::Note;
use super::key::{EffectKey, HandoffKey, ObjectKey};
use super::occurrence::{AnsweredEffect, AskedEffect, Wanted};
use super::{Live, LiveViolation};
use crate::objects::{PublicationObserverClass, PublicationStatus};
use crate::planted::planted;
use crate::rules::{
    EffectError, EffectEvent, EffectLife, Finalization, FinalizationEvent, Progress, ProgressEvent, ProgressState,
};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One effect and its operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Effect {
    pub(super) image: u32,
    pub(super) wanted: Wanted,
    pub(super) role: Box<str>,
    pub(super) inputs: Box<[u8]>,
    pub(super) outputs: Option<Box<[u8]>>,
    pub(super) prestate: [u8; 32],
    /// Its place among all effects.
    pub(super) order: u64,
    pub(super) completed: Option<u64>,
    /// Whose it was when it ended; until then it is its session's owner's.
    pub(super) owner: Option<String>,
    pub(super) life: EffectLife,
    pub(super) progress: Progress,
    pub(super) path: Finalization,
    pub(super) transitions: Vec<Transition>,
    pub(super) publications: Vec<Publication>,
    pub(super) invalidated_by: Option<HandoffKey>,
    /// Its number among what has ended.
    pub(super) closed: Option<u64>,
}

/// A change of an effect's progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transition {
    pub(super) from: ProgressState,
    pub(super) to: ProgressState,
    pub(super) tick: u64,
    pub(super) reason: Option<String>,
}

/// A publication of an effect's operation, by what stands behind `effect.`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Publication {
    pub(super) what: Published,
    pub(super) class: PublicationObserverClass,
    pub(super) status: PublicationStatus,
    pub(super) reason: Option<String>,
}

/// What is published of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Published {
    Blocked,
    NoProgress,
    Degraded,
    Succeeded,
    Failed,
    Cancelled,
    Invalidated,
    TimedOut,
}

impl Published {
    /// What the publication is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "effect.blocked",
            Self::NoProgress => "effect.no_progress",
            Self::Degraded => "effect.degraded",
            Self::Succeeded => "effect.succeeded",
            Self::Failed => "effect.failed",
            Self::Cancelled => "effect.cancelled",
            Self::Invalidated => "effect.invalidated",
            Self::TimedOut => "effect.timed_out",
        }
    }
}

/// Why a late result was rejected.
const LATE: &str = "the effect was invalidated before the result came";

/// One step of an effect's progress, its life and its publication, before anything is written.
struct Step {
    life: EffectLife,
    progress: Progress,
    path: Finalization,
    what: Option<Published>,
}

impl Effect {
    /// What the rules make of an event that ends the effect, or does not.
    fn step(
        &self,
        effect: EffectKey,
        life: EffectEvent,
        progress: Option<ProgressEvent>,
        what: Published,
    ) -> Result<Step, LiveViolation> {
        let life = self.life.apply(life).map_err(|error| LiveViolation::Effect { effect, error })?;
        let moved = progress.map_or(Ok(self.progress), |event| self.progress.apply(event));
        let progress = moved.map_err(|error| LiveViolation::Progress { effect, error })?;
        let mut path = self.path;
        if progress.state.is_terminal() {
            let published = path.apply(FinalizationEvent::Publish {});
            path = published.map_err(|error| LiveViolation::Finalization { effect, error })?;
        }
        let told = self.publications.iter().any(|one| one.what == what && one.status == PublicationStatus::Published);
        Ok(Step { life, progress, path, what: (!told).then_some(what) })
    }

    /// When it is escalated next, but for giving it up.
    fn due(&self) -> Option<u64> {
        self.progress.escalates_at().filter(|_| self.progress.state != ProgressState::Degraded)
    }

    /// Writes a step.
    fn take(&mut self, key: EffectKey, step: Step, tick: u64, reason: Option<&str>, notes: &mut Vec<Note>) {
        let (from, to) = (self.progress.state, step.progress.state);
        (self.life, self.progress, self.path) = (step.life, step.progress, step.path);
        let reason = || reason.map(String::from);
        if from != to {
            self.transitions.push(Transition { from, to, tick, reason: reason() });
            notes.push(Note::ProgressTransition { effect: key, from, to });
        }
        if let Some(what) = step.what {
            let terminal = to.is_terminal();
            let class = if terminal { PublicationObserverClass::Canonical } else { PublicationObserverClass::Audit };
            let status = PublicationStatus::Published;
            self.publications.push(Publication { what, class, status, reason: reason() });
            notes.push(Note::EffectPublication { effect: key, what, class, status });
        }
        if to.is_terminal() {
            self.completed = Some(tick);
        }
    }
}

impl Live {
    /// An effect was asked for.
    pub(super) fn ask(&mut self, asked: &AskedEffect<'_>) -> Result<(), LiveViolation> {
        let (key, tick) = (asked.effect, self.tick);
        if self.effects.contains_key(&key) {
            return Err(LiveViolation::EffectTwice(key));
        }
        let mut path = Finalization::new(false);
        if asked.wanted.is_observed() {
            // What was observed never becomes authority: the table has no other event for it.
            let event = match planted("live-observed-is-authority") {
                true => FinalizationEvent::Authorize { authoritative: true },
                false => FinalizationEvent::Observe {},
            };
            let observed = path.apply(event);
            path = observed.map_err(|error| LiveViolation::Finalization { effect: key, error })?;
        }
        self.session_mut(key.session)?;
        let effect = Effect {
            image: asked.image,
            wanted: asked.wanted,
            role: asked.role.into(),
            inputs: asked.inputs.into(),
            outputs: None,
            prestate: asked.prestate,
            order: self.asked,
            completed: None,
            owner: None,
            life: EffectLife::new(false),
            progress: Progress::new(asked.budget_ticks, tick),
            path,
            transitions: Vec::new(),
            publications: Vec::new(),
            invalidated_by: None,
            closed: None,
        };
        self.asked += 1;
        self.due.extend(effect.due().map(|tick| (tick, key)));
        self.effects.insert(key, effect);
        self.open.insert(key);
        Ok(())
    }

    fn effect(&self, key: EffectKey) -> Result<&Effect, LiveViolation> {
        self.effects.get(&key).ok_or(LiveViolation::NoEffect(key))
    }

    /// Takes an event of an effect, and closes it if that ended it.
    fn advance(
        &mut self,
        key: EffectKey,
        life: EffectEvent,
        progress: Option<ProgressEvent>,
        what: Published,
        reason: Option<&str>,
    ) -> Result<(), LiveViolation> {
        let step = self.effect(key)?.step(key, life, progress, what)?;
        self.write(key, step, reason);
        Ok(())
    }

    fn write(&mut self, key: EffectKey, step: Step, reason: Option<&str>) {
        let tick = self.tick;
        let ended = step.progress.state.is_terminal();
        if let Some(effect) = self.effects.get_mut(&key) {
            let before = effect.due();
            effect.take(key, step, tick, reason, &mut self.notes);
            let after = effect.due();
            self.reschedule(key, before, after);
        }
        if ended {
            self.close_effect(key);
        }
    }

    /// The host can be asked from now on: the budget counts from here.
    pub(super) fn begun(&mut self, key: EffectKey) -> Result<(), LiveViolation> {
        let effect = self.effect(key)?;
        let began = effect.progress.apply(ProgressEvent::Advance { tick: self.tick });
        let progress = began.map_err(|error| LiveViolation::Progress { effect: key, error })?;
        if let Some(effect) = self.effects.get_mut(&key) {
            let before = effect.due();
            effect.progress = if planted("live-forgets-begin") { effect.progress } else { progress };
            let after = effect.due();
            self.reschedule(key, before, after);
        }
        Ok(())
    }

    /// Time has passed: everything that is due is escalated, in the order in which it became due.
    pub(super) fn elapsed(&mut self) -> Result<(), LiveViolation> {
        let tick = if planted("live-skips-escalations") { 0 } else { self.tick };
        while let Some((_, key)) = self.due.first().copied().filter(|(due, _)| *due <= tick) {
            self.escalate(key)?;
        }
        Ok(())
    }

    /// Takes the steps of an effect that are due, but the last: giving up is an answer.
    fn escalate(&mut self, key: EffectKey) -> Result<(), LiveViolation> {
        while self.effect(key)?.due().is_some_and(|due| due <= self.tick) {
            let (what, why) = match self.effect(key)?.progress.state {
                ProgressState::Pending => (Published::Blocked, "a quarter of its budget has passed without an answer"),
                ProgressState::Blocked => (Published::NoProgress, "half of its budget has passed without an answer"),
                _ => (Published::Degraded, "three quarters of its budget have passed without an answer"),
            };
            let event = ProgressEvent::Escalate { tick: self.tick };
            self.advance(key, EffectEvent::Block {}, Some(event), what, Some(why))?;
        }
        Ok(())
    }

    /// Nobody answered in time: what is left of the steps to the last one is taken, if that is due and can be.
    fn overdue(&mut self, key: EffectKey) -> Result<(), LiveViolation> {
        let effect = self.effect(key)?;
        if effect.life.apply(EffectEvent::Fail {}).is_err() {
            // What refuses the answer says why.
            return Ok(());
        }
        let mut ahead = effect.progress;
        while ahead.state != ProgressState::TimedOut && !planted("live-refuses-by-halves") {
            let next = ahead.apply(ProgressEvent::Escalate { tick: self.tick });
            ahead = next.map_err(|error| LiveViolation::Progress { effect: key, error })?;
        }
        self.escalate(key)
    }

    /// An effect is escalated at another tick now, or not at all.
    fn reschedule(&mut self, key: EffectKey, before: Option<u64>, after: Option<u64>) {
        if before != after {
            before.map(|tick| self.due.remove(&(tick, key)));
            self.due.extend(after.map(|tick| (tick, key)));
        }
    }

    /// The escalations that are to come, from the effects that wait.
    pub(super) fn count_due(&mut self) {
        let due = |key: &EffectKey| self.effects.get(key)?.due().map(|tick| (tick, *key));
        self.due = self.open.iter().filter_map(due).collect();
    }

    /// The answer came. A result that comes after invalidation is rejected, and that is on record.
    pub(super) fn answered(&mut self, answered: &AnsweredEffect<'_>) -> Result<(), LiveViolation> {
        let (key, tick) = (answered.effect, self.tick);
        let (life, progress, what) = match answered.failure {
            Some(_) if answered.overdue => {
                self.overdue(key)?;
                (EffectEvent::Fail {}, ProgressEvent::Escalate { tick }, Published::TimedOut)
            }
            None => (EffectEvent::Succeed { proved: false }, ProgressEvent::Succeed { tick }, Published::Succeeded),
            Some(_) => (EffectEvent::Fail {}, ProgressEvent::Fail { tick }, Published::Failed),
        };
        let effect = self.effect(key)?;
        let observed = effect.wanted.is_observed() && !answered.overdue;
        let step = match effect.step(key, life, Some(progress), what) {
            Err(LiveViolation::Effect { error: EffectError::LateResult, .. }) if planted("live-takes-late-results") => {
                Step { life: effect.life, progress: effect.progress, path: effect.path, what: Some(what) }
            }
            Err(late @ LiveViolation::Effect { error: EffectError::LateResult, .. }) => {
                self.reject(key, what);
                return Err(late);
            }
            step => step?,
        };
        if let Some(effect) = self.effects.get_mut(&key) {
            effect.outputs = Some(answered.outputs.into());
        }
        self.write(key, step, answered.failure);
        if observed {
            let failed = answered.failure.is_some();
            self.notes.push(Note::EffectObservation { effect: key, failed });
        }
        Ok(())
    }

    /// A late result's publication is turned down.
    fn reject(&mut self, key: EffectKey, what: Published) {
        let Some(effect) = self.effects.get_mut(&key) else { return };
        if effect.publications.iter().any(|one| one.what == what) {
            return;
        }
        let (class, status) = (PublicationObserverClass::Canonical, PublicationStatus::Rejected);
        effect.publications.push(Publication { what, class, status, reason: Some(LATE.into()) });
        // Rejecting never lowers the stage, so an invalidated path stays that.
        effect.path = effect.path.apply(FinalizationEvent::Reject {}).unwrap_or(effect.path);
        self.notes.push(Note::EffectPublication { effect: key, what, class, status });
    }

    /// Nobody waits for the effect any more.
    pub(super) fn cancelled(&mut self, key: EffectKey) -> Result<(), LiveViolation> {
        let progress = ProgressEvent::Cancel { tick: self.tick };
        self.advance(key, EffectEvent::Cancel {}, Some(progress), Published::Cancelled, None)
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
        let effect = self.effects.get_mut(&key).ok_or(LiveViolation::NoEffect(key))?;
        effect.life = effect.life.apply(event).map_err(|error| LiveViolation::Effect { effect: key, error })?;
        Ok(())
    }

    /// A handoff takes the effect away: it is published as invalidated first, since nothing is afterwards.
    pub(super) fn invalidate(&mut self, key: EffectKey, handoff: HandoffKey, number: u64) -> Result<(), LiveViolation> {
        let progress = ProgressEvent::HandOff { tick: self.tick };
        let event = EffectEvent::Invalidate { handoff: number };
        let mut step = self.effect(key)?.step(key, event, Some(progress), Published::Invalidated)?;
        let path = step.path.apply(FinalizationEvent::Invalidate {});
        step.path = path.map_err(|error| LiveViolation::Finalization { effect: key, error })?;
        if let Some(effect) = self.effects.get_mut(&key) {
            effect.invalidated_by = Some(handoff);
        }
        self.write(key, step, Some("a handoff took it away"));
        Ok(())
    }

    /// The effect has ended, and belongs to whoever owned it then.
    fn close_effect(&mut self, key: EffectKey) {
        if !planted("live-keeps-ended-open") {
            self.open.remove(&key);
        }
        let owner =
            self.effects.get(&key).and_then(|effect| self.owner_of(key.session, &effect.role)).map(String::from);
        let number = self.close(ObjectKey::Effect(key));
        if let Some(effect) = self.effects.get_mut(&key) {
            (effect.owner, effect.closed) = (owner, Some(number));
        }
    }

    /// The effects of a session that wait for their answers.
    pub(super) fn open_of(&self, session: u64) -> Vec<EffectKey> {
        let first = EffectKey { session, coroutine: 0, counter: 0 };
        let last = EffectKey { session, coroutine: u16::MAX, counter: u32::MAX };
        self.open.range(first..=last).copied().collect()
    }
}
