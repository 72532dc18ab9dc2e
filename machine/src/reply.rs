//! Replies: a host's outcome as a step hears it.
//!
//! An [`EffectOutcome`] is several words, and moving one that has just been written makes the processor wait for its
//! parts. Nearly every answer is plain, so a step hears a [`Reply`], which travels in two registers; what does not fit is
//! kept [aside](Aside).

use crate::effect::{EffectHandler, EffectRequest};
use crate::outcome::{EffectOutcome, EffectResponse, SendDecision};
use motet_types::{EffectFailureKind, EffectKinds, Value};

/// An outcome that is more than a [`Reply`] can say.
#[derive(Debug, Default)]
pub struct Aside(Option<EffectOutcome>);

/// An outcome, in two words. It is a pair and no enum, because only pairs stay in registers.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Reply {
    pub(crate) says: Says,
    /// The position of the label, the number, or the truth value.
    pub(crate) word: u64,
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Deliver,
    Drop,
    Defer,
    Keep,
    Choose,
    Unit,
    Nat,
    Bool,
    /// What was put aside.
    Aside,
}

impl Reply {
    /// Makes a reply of an outcome; what it cannot say goes aside.
    #[inline(always)]
    pub fn new(outcome: EffectOutcome, aside: &mut Aside) -> Self {
        let (says, word) = match outcome {
            EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Deliver)) => (Says::Deliver, 0),
            EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Drop)) => (Says::Drop, 0),
            EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Defer)) => (Says::Defer, 0),
            EffectOutcome::Success(EffectResponse::Receive(None)) => (Says::Keep, 0),
            EffectOutcome::Success(EffectResponse::Choose(at)) => (Says::Choose, at as u64),
            EffectOutcome::Success(EffectResponse::InvokeStep(Value::Unit)) => (Says::Unit, 0),
            EffectOutcome::Success(EffectResponse::InvokeStep(Value::Nat(number))) => (Says::Nat, number),
            EffectOutcome::Success(EffectResponse::InvokeStep(Value::Bool(truth))) => (Says::Bool, u64::from(truth)),
            other => return put_aside(other, aside),
        };
        Self { says, word }
    }

    /// The outcome.
    pub(crate) fn outcome(self, aside: &mut Aside) -> EffectOutcome {
        EffectOutcome::Success(match self.says {
            Says::Deliver => EffectResponse::SendDecision(SendDecision::Deliver),
            Says::Drop => EffectResponse::SendDecision(SendDecision::Drop),
            Says::Defer => EffectResponse::SendDecision(SendDecision::Defer),
            Says::Keep => EffectResponse::Receive(None),
            Says::Choose => EffectResponse::Choose(self.word as usize),
            Says::Unit => EffectResponse::InvokeStep(Value::Unit),
            Says::Nat => EffectResponse::InvokeStep(Value::Nat(self.word)),
            Says::Bool => EffectResponse::InvokeStep(Value::Bool(self.word != 0)),
            Says::Aside => {
                let broken = || EffectOutcome::failure(EffectFailureKind::ContractViolation, "it did not say what");
                return aside.0.take().unwrap_or_else(broken);
            }
        })
    }
}

/// Bounded, since a record of it must be readable.
#[cold]
fn put_aside(outcome: EffectOutcome, aside: &mut Aside) -> Reply {
    aside.0 = Some(outcome.bounded());
    Reply { says: Says::Aside, word: 0 }
}

/// Who answers inside a burst. Every [`EffectHandler`] does; a runtime puts its own guard around one.
pub trait Respondent {
    /// As [`EffectHandler::wants`].
    fn wants(&self) -> EffectKinds;

    /// As [`EffectHandler::handle_effect`].
    fn respond(&self, request: EffectRequest<'_>, aside: &mut Aside) -> Reply;

    /// What a condition of the host's says; none when it panicked, where that is contained.
    fn judge(&self, condition: &dyn Fn() -> bool) -> Option<bool> {
        Some(condition())
    }
}

impl<H: EffectHandler + ?Sized> Respondent for H {
    #[inline(always)]
    fn wants(&self) -> EffectKinds {
        EffectHandler::wants(self)
    }

    #[inline(always)]
    fn respond(&self, request: EffectRequest<'_>, aside: &mut Aside) -> Reply {
        Reply::new(self.handle_effect(request), aside)
    }
}

/// A respondent of whom only the trait is known. What is rare or looked at closely goes through one, so that it is compiled
/// once and not again for each type of host; a call through a table is nothing beside what such steps cost.
pub(crate) struct Erased<'a, H: ?Sized>(pub(crate) &'a H);

impl<H: Respondent + ?Sized> Respondent for Erased<'_, H> {
    fn wants(&self) -> EffectKinds {
        self.0.wants()
    }

    fn respond(&self, request: EffectRequest<'_>, aside: &mut Aside) -> Reply {
        self.0.respond(request, aside)
    }

    fn judge(&self, condition: &dyn Fn() -> bool) -> Option<bool> {
        self.0.judge(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_two_words_and_loses_nothing() {
        assert_eq!(size_of::<Reply>(), 16);
        let success = EffectOutcome::Success;
        let outcomes = [
            success(EffectResponse::SendDecision(SendDecision::Deliver)),
            success(EffectResponse::SendDecision(SendDecision::Replace(Value::Nat(3)))),
            success(EffectResponse::SendDecision(SendDecision::Drop)),
            success(EffectResponse::SendDecision(SendDecision::Defer)),
            success(EffectResponse::Receive(None)),
            success(EffectResponse::Receive(Some(Value::Unit))),
            success(EffectResponse::Choose(7)),
            success(EffectResponse::InvokeStep(Value::Unit)),
            success(EffectResponse::InvokeStep(Value::Nat(u64::MAX))),
            success(EffectResponse::InvokeStep(Value::Bool(true))),
            success(EffectResponse::InvokeStep(Value::Str("text".into()))),
            EffectOutcome::Blocked,
            EffectOutcome::Pending,
            EffectOutcome::failure(EffectFailureKind::Denied, "no"),
        ];
        for outcome in outcomes {
            let mut aside = Aside::default();
            assert_eq!(Reply::new(outcome.clone(), &mut aside).outcome(&mut aside), outcome);
        }
    }
}
