//! Where an effect stands by the rules, and what they make of what happens to it.

use super::LiveViolation;
use super::key::EffectKey;
use super::occurrence::Wanted;
use crate::planted::planted;
use crate::rules::{EffectEvent, EffectLife, Finalization, FinalizationEvent, Progress, ProgressEvent};
use serde::{Deserialize, Serialize};

/// Its life, its operation's progress, and how that becomes the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Course {
    pub(super) life: EffectLife,
    pub(super) progress: Progress,
    pub(super) path: Finalization,
}

/// Something that happens to an effect: an event of its life and of its progress, and what is published of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happens {
    pub(super) life: EffectEvent,
    pub(super) progress: ProgressEvent,
    pub(super) what: Published,
}

/// What the rules made of it, before anything is written.
pub(super) struct Step {
    pub(super) course: Course,
    /// What is published, unless it was before.
    pub(super) what: Option<Published>,
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

impl Happens {
    /// It succeeds.
    pub(super) const fn success(tick: u64) -> Self {
        let (life, progress) = (EffectEvent::Succeed { proved: false }, ProgressEvent::Succeed { tick });
        Self { life, progress, what: Published::Succeeded }
    }
}

impl Course {
    /// Of an effect that was asked, or with which the host began, at a tick.
    pub(super) fn asked(wanted: Wanted, budget: Option<u64>, since: u64) -> Self {
        let path = Finalization::new(false);
        // What was observed never becomes authority: the table has no other event for it, and takes it at the beginning.
        let observe = match planted("live-observed-is-authority") {
            true => FinalizationEvent::Authorize { authoritative: true },
            false => FinalizationEvent::Observe {},
        };
        let path = if wanted.is_observed() { path.apply(observe).unwrap_or(path) } else { path };
        Self { life: EffectLife::new(false), progress: Progress::new(budget, since), path }
    }

    /// The same after its success, which the rules take at the beginning, at any tick that is not before it.
    pub(super) fn succeeded(self, at: u64) -> Self {
        let all = EffectKey { session: 0, coroutine: 0, counter: 0 };
        self.step(all, &Happens::success(at)).unwrap_or(self)
    }

    /// What the rules make of something that happens to an effect.
    pub(super) fn step(self, effect: EffectKey, happens: &Happens) -> Result<Self, LiveViolation> {
        let life = self.life.apply(happens.life).map_err(|error| LiveViolation::Effect { effect, error })?;
        let progress = self.progress.apply(happens.progress);
        let progress = progress.map_err(|error| LiveViolation::Progress { effect, error })?;
        let mut path = self.path;
        if progress.state.is_terminal() {
            let published = path.apply(FinalizationEvent::Publish {});
            path = published.map_err(|error| LiveViolation::Finalization { effect, error })?;
        }
        Ok(Self { life, progress, path })
    }
}
