//! Hosts that do as little as they may, so that what is measured is the asking.

use motet_machine::{EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse};
use motet_types::{EffectKind, EffectKinds, Value};

/// Asked about every send and every receive; lets everything through.
#[derive(Clone, Copy, Debug)]
pub struct Accepting;

impl EffectHandler for Accepting {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::SendDecision).with(EffectKind::Receive)
    }

    #[inline]
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::accept(request.kind())
    }
}

/// Asked about choices only; takes the labels in turn, by the effect's own counter.
#[derive(Clone, Copy, Debug)]
pub struct InTurn;

impl EffectHandler for InTurn {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::Choose)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        match request.body {
            EffectRequestBody::Choose { labels, .. } => {
                let at = request.coordinate.counter as usize % labels.len().max(1);
                EffectOutcome::Success(EffectResponse::Choose(at))
            }
            _ => EffectOutcome::accept(request.kind()),
        }
    }
}

/// Answers every operation that may block as soon as it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Answering;

impl EffectHandler for Answering {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::InvokeStep)
    }

    fn handle_effect(&self, _: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::Success(EffectResponse::InvokeStep(Value::Unit))
    }
}

/// Takes every operation on and leaves the answer for later.
#[derive(Clone, Copy, Debug)]
pub struct Later;

impl EffectHandler for Later {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::InvokeStep)
    }

    fn handle_effect(&self, _: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::Pending
    }
}
