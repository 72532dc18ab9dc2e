//! Effects, with everything that is their operation's: progress, publications, finalisation.

use super::LiveViolation;
use super::audit::Note;
use super::key::{EffectKey, TakenBy};
use super::occurrence::{AskedEffect, Wanted};
use super::store::NONE;
use crate::objects::{PublicationObserverClass, PublicationStatus};
use crate::rules::{EffectEvent, EffectLife, Finalization, FinalizationEvent, Progress, ProgressEvent, ProgressState};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A few bytes, mostly.
type Bytes = SmallVec<[u8; 16]>;

/// One effect and its operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Effect {
    pub(super) key: EffectKey,
    pub(super) image: u32,
    pub(super) wanted: Wanted,
    /// The asking role's number in the image.
    pub(super) role: u16,
    /// What was asked, and behind that what came of it.
    bytes: Bytes,
    /// Where in the bytes the second begins, once there is one.
    answer: Option<u32>,
    /// Its place among all effects.
    pub(super) order: u64,
    pub(super) life: EffectLife,
    pub(super) progress: Progress,
    pub(super) path: Finalization,
    /// How it ended.
    pub(super) ended: Option<EffectEnd>,
    /// The next one of its session that waits.
    #[serde(skip)]
    pub(super) next: u32,
    /// What most effects do not have.
    pub(super) more: Option<Box<More>>,
}

/// How an effect ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EffectEnd {
    pub(super) from: ProgressState,
    pub(super) tick: u64,
    /// What was published, unless it had been before.
    pub(super) what: Option<Published>,
}

/// What most effects do not have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct More {
    /// Whose it was when it ended; until then it is its session's owner's.
    pub(super) owner: Option<String>,
    /// Why it ended.
    reason: Option<String>,
    /// Changes of its progress before the last one.
    pub(super) transitions: Vec<Transition>,
    /// Publications besides the one with which it ended.
    pub(super) publications: Vec<Publication>,
    pub(super) invalidated_by: Option<TakenBy>,
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

/// One step of an effect's progress, its life and its publication, before anything is written.
pub(super) struct Step {
    pub(super) life: EffectLife,
    pub(super) progress: Progress,
    pub(super) path: Finalization,
    pub(super) what: Option<Published>,
}

impl More {
    /// Bytes that it holds besides itself.
    pub(super) fn owned_bytes(&self) -> usize {
        let reasons = self.transitions.iter().map(|one| &one.reason);
        let reasons = reasons.chain(self.publications.iter().map(|one| &one.reason)).chain([&self.owner, &self.reason]);
        self.transitions.capacity() * size_of::<Transition>()
            + self.publications.capacity() * size_of::<Publication>()
            + reasons.flatten().map(String::capacity).sum::<usize>()
    }
}

impl Effect {
    /// An effect that was asked for at a tick.
    #[inline(always)]
    pub(super) fn new(asked: &AskedEffect<'_>, order: u64, path: Finalization, tick: u64) -> Self {
        Self {
            key: asked.effect,
            image: asked.image,
            wanted: asked.wanted,
            role: asked.role,
            bytes: Bytes::from_slice(asked.inputs),
            answer: None,
            order,
            life: EffectLife::new(false),
            progress: Progress::new(asked.budget_ticks, tick),
            path,
            ended: None,
            next: NONE,
            more: None,
        }
    }

    /// What was asked.
    pub(super) fn inputs(&self) -> &[u8] {
        self.answer.map_or(&self.bytes[..], |at| self.bytes.get(..at as usize).unwrap_or_default())
    }

    /// What came of it.
    pub(super) fn outputs(&self) -> Option<&[u8]> {
        self.bytes.get(self.answer? as usize..)
    }

    /// Bytes of what was asked and answered that do not fit into the effect itself.
    pub(super) fn spilled(&self) -> usize {
        if self.bytes.spilled() { self.bytes.capacity() } else { 0 }
    }

    /// The answer came.
    pub(super) fn keep_outputs(&mut self, outputs: &[u8]) {
        if self.answer.is_none() {
            self.answer = u32::try_from(self.bytes.len()).ok();
            self.bytes.extend_from_slice(outputs);
        }
    }

    /// Why it ended.
    fn reason(&self) -> Option<String> {
        self.more.as_ref().and_then(|more| more.reason.clone())
    }

    /// What most effects do not have, to be written.
    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// When it ended.
    pub(super) fn completed(&self) -> Option<u64> {
        self.ended.as_ref().map(|end| end.tick)
    }

    /// Whether this was published already.
    fn has_published(&self, what: Published) -> bool {
        let before = self.more.iter().flat_map(|more| &more.publications);
        let mut published = before.filter(|one| one.status == PublicationStatus::Published);
        published.any(|one| one.what == what)
    }

    /// Changes of its progress, in order.
    pub(super) fn transitions(&self) -> impl Iterator<Item = Transition> {
        let before = self.more.iter().flat_map(|more| &more.transitions).cloned();
        before.chain(self.ended.iter().map(|end| Transition {
            from: end.from,
            to: self.progress.state,
            tick: end.tick,
            reason: self.reason(),
        }))
    }

    /// Its publications: the one with which it ended is the last that was published.
    pub(super) fn publications(&self) -> impl Iterator<Item = Publication> {
        let before = self.more.iter().flat_map(|more| &more.publications).cloned();
        before.chain(self.ended.iter().filter_map(|end| {
            Some(Publication {
                what: end.what?,
                class: PublicationObserverClass::Canonical,
                status: PublicationStatus::Published,
                reason: self.reason(),
            })
        }))
    }

    /// What the rules make of an event that ends the effect, or does not.
    #[inline]
    pub(super) fn step(
        &self,
        life: EffectEvent,
        progress: ProgressEvent,
        what: Published,
    ) -> Result<Step, LiveViolation> {
        let effect = self.key;
        let life = self.life.apply(life).map_err(|error| LiveViolation::Effect { effect, error })?;
        let progress = self.progress.apply(progress).map_err(|error| LiveViolation::Progress { effect, error })?;
        let mut path = self.path;
        if progress.state.is_terminal() {
            let published = path.apply(FinalizationEvent::Publish {});
            path = published.map_err(|error| LiveViolation::Finalization { effect, error })?;
        }
        Ok(Step { life, progress, path, what: (!self.has_published(what)).then_some(what) })
    }

    /// When it is escalated next, but for giving it up.
    pub(super) fn due(&self) -> Option<u64> {
        self.progress.escalates_at().filter(|_| self.progress.state != ProgressState::Degraded)
    }

    /// Writes a step. An answer tells whether it failed, where it is an observation.
    #[inline]
    pub(super) fn take(
        &mut self,
        step: Step,
        tick: u64,
        reason: Option<&str>,
        observed: Option<bool>,
        notes: &mut Vec<Note>,
    ) {
        let (effect, from, to) = (self.key, self.progress.state, step.progress.state);
        (self.life, self.progress, self.path) = (step.life, step.progress, step.path);
        if to.is_terminal() {
            self.ended = Some(EffectEnd { from, tick, what: step.what });
            if let Some(reason) = reason {
                self.more().reason = Some(reason.into());
            }
            notes.push(Note::EffectEnded { effect, from, to, what: step.what, observed });
            return;
        }
        let reason = || reason.map(String::from);
        if from != to {
            self.more().transitions.push(Transition { from, to, tick, reason: reason() });
            notes.push(Note::ProgressTransition { effect, from, to });
        }
        if let Some(what) = step.what {
            let (class, status) = (PublicationObserverClass::Audit, PublicationStatus::Published);
            self.more().publications.push(Publication { what, class, status, reason: reason() });
            notes.push(Note::EffectPublication { effect, what, class, status });
        }
    }
}
