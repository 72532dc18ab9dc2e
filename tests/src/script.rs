//! Hosts whose behaviour is a function given by the test.

use motet_machine::{EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, SendDecision};
use motet_types::{EffectKind, EffectKinds, Value};

/// A host that answers by a function. The function is boxed: a machine is compiled for each type of host, and a type for
/// each function would make a hundred.
pub struct Script<'a> {
    name: &'static str,
    wants: EffectKinds,
    answer: Box<dyn Fn(&EffectRequest<'_>) -> EffectOutcome + Send + Sync + 'a>,
}

impl<'a> Script<'a> {
    /// A host that is asked about these kinds.
    pub fn new(kinds: &[EffectKind], answer: impl Fn(&EffectRequest<'_>) -> EffectOutcome + Send + Sync + 'a) -> Self {
        let wants = kinds.iter().fold(EffectKinds::NONE, |set, kind| set.with(*kind));
        Self { name: "script", wants, answer: Box::new(answer) }
    }

    /// The same host under another name.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

impl EffectHandler for Script<'_> {
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
