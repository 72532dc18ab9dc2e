//! Effects, with everything that is their operation's: progress, publications, finalisation.

use super::LiveViolation;
use super::audit::Note;
use super::course::{Course, Happens, Published, Step};
use super::key::{EffectKey, TakenBy};
use super::occurrence::{AskedEffect, Wanted, WriteBytes};
use super::short::ShortBytes;
use crate::objects::{OutstandingEffectStatus, PublicationObserverClass, PublicationStatus};
use crate::rules::{Progress, ProgressEvent, ProgressState};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One effect and its operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Effect {
    pub(super) key: EffectKey,
    pub(super) image: u32,
    pub(super) wanted: Wanted,
    /// The asking role's number in the image.
    pub(super) role: u16,
    /// The next one of its session that waits.
    #[serde(skip)]
    pub(super) next: u32,
    /// What was asked.
    pub(super) inputs: ShortBytes,
    /// What came of it.
    pub(super) outputs: Option<ShortBytes>,
    /// Its place among all effects.
    pub(super) order: u64,
    /// How many ticks it may take without getting on.
    pub(super) budget: Option<u64>,
    stand: Stand,
}

/// Where an effect stands. Nearly all are asked and then succeed, and nothing else happens to them: of those the tick is enough,
/// and what the rules make of it is worked out when somebody looks.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Stand {
    /// It was asked, or the host began with it, at this tick.
    Asked(u64),
    /// It was asked, and succeeded at this tick.
    Succeeded(u64),
    /// Anything else.
    Other(Box<Other>),
}

/// An effect to which more has happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Other {
    course: Course,
    /// How it ended.
    ended: Option<EffectEnd>,
    /// Whose it was when it ended; until then it is its session's owner's.
    owner: Option<String>,
    /// Why it ended.
    reason: Option<String>,
    /// Changes of its progress before the last one.
    transitions: Vec<Transition>,
    /// Publications besides the one with which it ended.
    publications: Vec<Publication>,
    invalidated_by: Option<TakenBy>,
}

/// How an effect ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct EffectEnd {
    pub(super) from: ProgressState,
    pub(super) tick: u64,
    /// What was published, unless it had been before.
    pub(super) what: Option<Published>,
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

impl Other {
    /// Bytes that it holds besides itself.
    fn owned_bytes(&self) -> usize {
        let reasons = self.transitions.iter().map(|one| &one.reason);
        let reasons = reasons.chain(self.publications.iter().map(|one| &one.reason)).chain([&self.owner, &self.reason]);
        self.transitions.capacity() * size_of::<Transition>()
            + self.publications.capacity() * size_of::<Publication>()
            + reasons.flatten().map(String::capacity).sum::<usize>()
    }
}

impl Effect {
    /// An effect that was asked for at a tick; what was asked is written where it is kept.
    #[inline(always)]
    pub(super) fn new(asked: &AskedEffect<'_>, order: u64, tick: u64, next: u32) -> Self {
        Self {
            key: asked.effect,
            image: asked.image,
            wanted: asked.wanted,
            role: asked.role,
            next,
            inputs: ShortBytes::new(),
            outputs: None,
            order,
            budget: asked.budget_ticks,
            stand: Stand::Asked(tick),
        }
    }

    /// Bytes that it holds besides itself.
    pub(super) fn owned_bytes(&self) -> usize {
        let outputs = self.outputs.as_ref().map_or(0, ShortBytes::owned_bytes);
        self.inputs.owned_bytes()
            + outputs
            + self.if_other().map_or(0, |other| size_of::<Other>() + other.owned_bytes())
    }

    /// The answer came.
    #[inline(always)]
    pub(super) fn keep_outputs(&mut self, outputs: &dyn WriteBytes) {
        if self.outputs.is_none() {
            outputs.write(self.outputs.insert(ShortBytes::new()));
        }
    }

    fn if_other(&self) -> Option<&Other> {
        match &self.stand {
            Stand::Other(other) => Some(other),
            _ => None,
        }
    }

    /// More happens to it, which is to be written.
    fn other(&mut self) -> &mut Other {
        if self.if_other().is_none() {
            let (course, ended) = (self.course(), self.end());
            self.stand = Stand::Other(Box::new(Other {
                course,
                ended,
                owner: None,
                reason: None,
                transitions: Vec::new(),
                publications: Vec::new(),
                invalidated_by: None,
            }));
        }
        match &mut self.stand {
            Stand::Other(other) => other,
            _ => unreachable!("it was made just now"),
        }
    }

    /// Where it stands by the rules.
    pub(super) fn course(&self) -> Course {
        match &self.stand {
            Stand::Asked(since) => Course::asked(self.wanted, self.budget, *since),
            Stand::Succeeded(at) => Course::asked(self.wanted, self.budget, *at).succeeded(*at),
            Stand::Other(other) => other.course,
        }
    }

    /// Writes where it stands by the rules.
    pub(super) fn set_course(&mut self, course: Course) {
        self.other().course = course;
    }

    /// How it ended.
    pub(super) fn end(&self) -> Option<EffectEnd> {
        match &self.stand {
            Stand::Asked(_) => None,
            Stand::Succeeded(tick) => {
                Some(EffectEnd { from: ProgressState::Pending, tick: *tick, what: Some(Published::Succeeded) })
            }
            Stand::Other(other) => other.ended,
        }
    }

    /// Whether it has ended.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        match &self.stand {
            Stand::Asked(_) => false,
            Stand::Succeeded(_) => true,
            Stand::Other(other) => other.ended.is_some(),
        }
    }

    /// Whether it was taken away.
    #[inline]
    pub(super) fn is_invalidated(&self) -> bool {
        self.if_other().is_some_and(|other| other.course.life.status == OutstandingEffectStatus::Invalidated)
    }

    /// Whether nothing has happened to it but that it was asked and begun.
    #[inline]
    pub(super) fn is_as_asked(&self) -> bool {
        matches!(self.stand, Stand::Asked(_))
    }

    /// It succeeds, and nothing else has happened to it: the rules take that at any tick.
    #[inline]
    pub(super) fn succeed(&mut self, tick: u64, observed: bool) -> Note {
        debug_assert!(self.is_as_asked() && self.course().step(self.key, &Happens::success(tick)).is_ok());
        self.stand = Stand::Succeeded(tick);
        let (from, to) = (ProgressState::Pending, ProgressState::Succeeded);
        let (what, observed) = (Some(Published::Succeeded), observed.then_some(false));
        Note::EffectEnded { effect: self.key, from, to, what, observed }
    }

    /// The host begins with it.
    pub(super) fn begin(&mut self, tick: u64) -> Result<(), LiveViolation> {
        match &mut self.stand {
            Stand::Asked(since) => *since = tick,
            _ => {
                let (effect, mut course) = (self.key, self.course());
                let began = course.progress.apply(ProgressEvent::Advance { tick });
                course.progress = began.map_err(|error| LiveViolation::Progress { effect, error })?;
                self.set_course(course);
            }
        }
        Ok(())
    }

    /// Whose it was when it ended.
    pub(super) fn last_owner(&self) -> Option<&str> {
        self.if_other()?.owner.as_deref()
    }

    /// It ended, and was somebody's.
    pub(super) fn keep_owner(&mut self, owner: String) {
        self.other().owner = Some(owner);
    }

    /// What took it away.
    pub(super) fn invalidated_by(&self) -> Option<TakenBy> {
        self.if_other()?.invalidated_by
    }

    /// Something takes it away.
    pub(super) fn keep_taker(&mut self, by: TakenBy) {
        self.other().invalidated_by = Some(by);
    }

    /// A publication besides the one with which it ended.
    pub(super) fn keep_publication(&mut self, publication: Publication) {
        self.other().publications.push(publication);
    }

    /// Why it ended.
    fn reason(&self) -> Option<String> {
        self.if_other()?.reason.clone()
    }

    /// Whether this was published already.
    fn has_published(&self, what: Published) -> bool {
        let before = self.if_other().into_iter().flat_map(|other| &other.publications);
        let mut published = before.filter(|one| one.status == PublicationStatus::Published);
        published.any(|one| one.what == what)
    }

    /// Changes of its progress, in order.
    pub(super) fn transitions(&self) -> impl Iterator<Item = Transition> {
        let before = self.if_other().into_iter().flat_map(|other| &other.transitions).cloned();
        before.chain(self.end().into_iter().map(|end| Transition {
            from: end.from,
            to: self.course().progress.state,
            tick: end.tick,
            reason: self.reason(),
        }))
    }

    /// Its publications: the one with which it ended is the last that was published.
    pub(super) fn publications(&self) -> impl Iterator<Item = Publication> {
        let before = self.if_other().into_iter().flat_map(|other| &other.publications).cloned();
        before.chain(self.end().into_iter().filter_map(|end| {
            Some(Publication {
                what: end.what?,
                class: PublicationObserverClass::Canonical,
                status: PublicationStatus::Published,
                reason: self.reason(),
            })
        }))
    }

    /// What the rules make of something that happens to it.
    pub(super) fn step(&self, happens: &Happens) -> Result<Step, LiveViolation> {
        let course = self.course().step(self.key, happens)?;
        Ok(Step { course, what: (!self.has_published(happens.what)).then_some(happens.what) })
    }

    /// When it is escalated next, but for giving it up.
    pub(super) fn due(&self) -> Option<u64> {
        let progress = match &self.stand {
            Stand::Asked(since) => Progress::new(self.budget, *since),
            Stand::Succeeded(_) => return None,
            Stand::Other(other) => other.course.progress,
        };
        progress.escalates_at().filter(|_| progress.state != ProgressState::Degraded)
    }

    /// Writes a step. An answer tells whether it failed, where it is an observation.
    pub(super) fn take(
        &mut self,
        step: Step,
        tick: u64,
        reason: Option<&str>,
        observed: Option<bool>,
        notes: &mut Vec<Note>,
    ) {
        let (effect, from, to) = (self.key, self.course().progress.state, step.course.progress.state);
        let other = self.other();
        other.course = step.course;
        let reason = reason.map(String::from);
        if to.is_terminal() {
            (other.ended, other.reason) = (Some(EffectEnd { from, tick, what: step.what }), reason);
            notes.push(Note::EffectEnded { effect, from, to, what: step.what, observed });
            return;
        }
        if from != to {
            other.transitions.push(Transition { from, to, tick, reason: reason.clone() });
            notes.push(Note::ProgressTransition { effect, from, to });
        }
        if let Some(what) = step.what {
            let (class, status) = (PublicationObserverClass::Audit, PublicationStatus::Published);
            other.publications.push(Publication { what, class, status, reason });
            notes.push(Note::EffectPublication { effect, what, class, status });
        }
    }

    /// Whether the invariants hold of where it stands, and it has ended if its progress has.
    pub(super) fn is_sound(&self) -> Result<bool, ()> {
        let Some(other) = self.if_other() else { return Ok(true) };
        let course = other.course;
        let broken = course.life.broken_invariant().or(course.progress.broken_invariant());
        match broken.or(course.path.broken_invariant()) {
            Some(_) => Err(()),
            None => Ok(course.progress.state.is_terminal() == other.ended.is_some()),
        }
    }
}
