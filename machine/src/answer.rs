//! Effects that may block: asked between waves, and answered whenever the host has an answer.

use crate::effect::{Asked, EffectCoordinate, EffectId, EffectRequest, EffectRequestBody, Registers};
use crate::machine::{Place, ProtocolMachine};
use crate::outbox::{Ask, Wanted};
use crate::outcome::EffectOutcome;
use crate::reply::{Aside, Respondent};
use crate::wave::{IslandId, Pick};
use alloc::vec::Vec;
use core::mem;
use motet_types::{EffectFailureKind, Planted, planted};

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Nobody waits for it: it was never asked, has been answered, or its session has ended.
    #[error("no effect {0} is waiting for an answer")]
    NotPending(EffectCoordinate),
    /// `Blocked` and `Pending` are no answers.
    #[error("effect {0} can only be answered by success or failure")]
    NotAnAnswer(EffectCoordinate),
    /// Its session is parked; it must be resumed first.
    #[error("the session of effect {0} is parked; resume it first")]
    Parked(EffectCoordinate),
    /// It comes too late to be an answer, and not for an effect that was invalidated.
    #[error("effect {0} was not invalidated, so nothing that comes for it is late")]
    NotLate(EffectCoordinate),
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The host's.
    Answered,
    /// The machine's, in the place of a host that has not answered in time.
    Overdue,
    /// The machine's, because authority has changed hands or an upgrade gave it up: the objects know of that already.
    Invalidated,
}

impl ProtocolMachine {
    /// Asks the host about an effect that may block. The caller acts on the outcome: an answer goes to
    /// [`ProtocolMachine::answer`]. A guard of a layer that the configuration does not have is refused without asking.
    pub fn ask<H: Respondent + ?Sized>(&self, ask: &Ask, host: &H) -> Option<EffectOutcome> {
        let (session, image) = self.live(ask.coordinate.session)?;
        let body = match &ask.wanted {
            Wanted::Answer { effect, argument } => {
                EffectRequestBody::InvokeStep { effect: *effect, argument: argument.into() }
            }
            Wanted::Guard(layer) => {
                if let Some(why) = self.config.unguarded(*layer).filter(|_| !planted(Planted::GuardAnyConfig)) {
                    return Some(EffectOutcome::failure(EffectFailureKind::Unavailable, why));
                }
                EffectRequestBody::Acquire { layer: *layer }
            }
        };
        let asked = Asked {
            coordinate: ask.coordinate,
            session: ask.coordinate.session,
            role: ask.role,
            tick: self.tick,
            body,
            state: Registers { session: ask.coordinate.session, tags: &[], words: &[], ext: session.ext.as_deref() },
            image,
            run: &self.config.run_id,
        };
        let mut aside = Aside::default();
        Some(host.respond(EffectRequest(&asked), &mut aside).outcome(&mut aside))
    }

    /// Takes the answer to a pending effect and opens its gate; the island is then ready. Answers the island if it
    /// was not ready before, so that it is planned once. Must not be called while a wave runs. The outcome must be
    /// [bounded](EffectOutcome::bounded), or no record of it can be read.
    pub fn answer(&mut self, at: EffectCoordinate, outcome: EffectOutcome) -> Result<Option<Pick>, AnswerError> {
        self.take_answer(at, outcome, Settled::Answered)
    }

    /// Fails effects that wait, of sessions that are at home, in order, as what they were asked under is gone. Answers the
    /// islands that are ready now and were not.
    pub(crate) fn invalidate(&mut self, effects: &[EffectCoordinate], why: &str) -> Vec<Pick> {
        let mut woken = Vec::new();
        for at in effects {
            let outcome = EffectOutcome::failure(EffectFailureKind::StaleAuthority, why);
            // It is pending, of a session that is at home, so it is taken; the first one wakes the session.
            if let Ok(Some(pick)) = self.take_answer(*at, outcome, Settled::Invalidated) {
                // The input says who, and not that somebody waited, so the trace does.
                self.tell(at.session, &[], None);
                woken.push(pick);
            }
        }
        woken
    }

    /// The effect of this id, if it was invalidated and its objects are still kept. It looks at all that were.
    pub fn invalidated_effect(&self, effect: EffectId) -> Option<EffectCoordinate> {
        self.invalidated_effects().find(|at| at.effect_id(&self.config.run_id) == effect)
    }

    /// A result came for an effect that was invalidated: it is rejected, and that is on record where semantic objects are
    /// kept. Answers whether it was not before. The outcome must be [bounded](EffectOutcome::bounded). Nothing else of
    /// the machine changes, so the state root does not tell.
    ///
    /// # Errors
    /// It is no result, or somebody waits for it, or the effect ended otherwise.
    pub fn reject_late(&mut self, at: EffectCoordinate, outcome: &EffectOutcome) -> Result<bool, AnswerError> {
        if matches!(outcome, EffectOutcome::Blocked | EffectOutcome::Pending) {
            return Err(AnswerError::NotAnAnswer(at));
        }
        if self.is_pending(&at) {
            return Err(AnswerError::NotLate(at));
        }
        self.late_happened(at, outcome)
    }

    /// The one door that answers come in by.
    pub(crate) fn take_answer(
        &mut self,
        at: EffectCoordinate,
        outcome: EffectOutcome,
        how: Settled,
    ) -> Result<Option<Pick>, AnswerError> {
        if matches!(outcome, EffectOutcome::Blocked | EffectOutcome::Pending) {
            return Err(AnswerError::NotAnAnswer(at));
        }
        if self.parked.contains_key(&at.session.0) && self.is_pending(&at) {
            return Err(AnswerError::Parked(at));
        }
        let slot = self.slot_of(at.session).ok_or(AnswerError::NotPending(at))?;
        let slot_at = slot as usize;
        if self.slots[slot_at].place == Place::Out || self.pending.remove(&at).is_none() {
            return Err(AnswerError::NotPending(at));
        }
        self.copy_first(slot);
        self.deadlines.remove(&at);
        if self.semantics.is_some() && how != Settled::Invalidated {
            self.answer_happened(at, &outcome, how);
        }
        let slot_state = &mut self.slots[slot_at];
        let image = &self.images[slot_state.session.image as usize];
        if !planted(Planted::RootForgetsAnswer) {
            self.digests.changed(slot_state, slot);
        }
        slot_state.session.answer(&image.layout, at.coroutine, outcome);
        let before = mem::replace(&mut slot_state.place, Place::Ready);
        Ok((before != Place::Ready).then_some(Pick { island: IslandId(slot), footprint: at.session }))
    }
}
