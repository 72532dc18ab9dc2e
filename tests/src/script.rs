//! Hosts whose behaviour is a function given by the test.

use motet_machine::{EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, SendDecision};
use motet_types::{EffectKind, EffectKinds, Value};

/// A host that answers by a function.
pub struct Script<F> {
    name: &'static str,
    wants: EffectKinds,
    answer: F,
}

impl<F: Fn(&EffectRequest<'_>) -> EffectOutcome + Send + Sync> Script<F> {
    /// A host that is asked about these kinds.
    pub fn new(kinds: &[EffectKind], answer: F) -> Self {
        let wants = kinds.iter().fold(EffectKinds::NONE, |set, kind| set.with(*kind));
        Self { name: "script", wants, answer }
    }

    /// The same host under another name.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

impl<F: Fn(&EffectRequest<'_>) -> EffectOutcome + Send + Sync> EffectHandler for Script<F> {
    fn identity(&self) -> &str {
        self.name
    }

    fn wants(&self) -> EffectKinds {
        self.wants
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        (self.answer)(&request)
    }
}

/// The plain answer, whatever was asked.
pub fn accept(request: &EffectRequest<'_>) -> EffectOutcome {
    EffectOutcome::accept(request.kind())
}

/// A decision about a send.
pub const fn decision(decision: SendDecision) -> EffectOutcome {
    EffectOutcome::Success(EffectResponse::SendDecision(decision))
}

/// The answer of a host operation.
pub const fn done(value: Value) -> EffectOutcome {
    EffectOutcome::Success(EffectResponse::InvokeStep(value))
}

/// Chooses by name, the first label when the name is not on offer; the plain answer to anything else.
pub fn choose(request: &EffectRequest<'_>, name: &str) -> EffectOutcome {
    match request.body {
        EffectRequestBody::Choose { labels, .. } => {
            let at = labels.iter().position(|label| request.image.label_name(label) == name);
            EffectOutcome::Success(EffectResponse::Choose(at.unwrap_or(0)))
        }
        _ => accept(request),
    }
}
