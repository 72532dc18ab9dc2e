//! Outcomes: what a host answers.

use crate::condition::OutputConditionHint;
use alloc::boxed::Box;
use alloc::string::String;
use motet_types::{EffectFailureKind, EffectKind, MAX_VALUE_DEPTH, Value};

/// A host's decision about a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendDecision {
    /// Send the payload as it is.
    Deliver,
    /// Send this payload instead; it must be of the label's sort.
    Replace(Value),
    /// Do not send. Where the types cannot bear that, the session faults.
    Drop,
    /// Ask again at the coroutine's next turn, after the session's others.
    Defer,
}

/// An answer, one for each kind of request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectResponse {
    /// To `SendDecision`.
    SendDecision(SendDecision),
    /// To `Receive`: the value to keep instead of the one that came, of the same sort.
    Receive(Option<Value>),
    /// To `Choose`: the position of the chosen label among those offered.
    Choose(usize),
    /// To `InvokeStep`: the answer, of the sort that the effect declares.
    InvokeStep(Value),
    /// To `Acquire`: the guard is granted with this evidence. The machine keeps it as a heap resource and gives it back at
    /// the release.
    Acquire(Value),
    /// To `Release`: the guard is taken back.
    Release,
    /// To `OutputConditionHint`: what is to hold of the output; none leaves that to the machine.
    OutputConditionHint(Option<Box<OutputConditionHint>>),
}

/// A failure, as the host reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectFailure {
    /// Its class.
    pub kind: EffectFailureKind,
    /// For people.
    pub message: String,
}

/// How an effect turned out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum EffectOutcome {
    /// Done.
    Success(EffectResponse),
    /// Not yet possible: ask again at a later turn. Only effects that may block may say so.
    Blocked,
    /// Taken on; the answer will come through `complete`. Only effects that may block may say so.
    Pending,
    /// It failed.
    Failure(EffectFailure),
}

impl EffectOutcome {
    /// The outcome, unless it holds a value that no record could be read back with.
    #[inline(always)]
    pub fn bounded(self) -> Self {
        match &self {
            EffectOutcome::Success(
                EffectResponse::SendDecision(SendDecision::Replace(value))
                | EffectResponse::Receive(Some(value))
                | EffectResponse::InvokeStep(value)
                | EffectResponse::Acquire(value),
            ) if value.is_deeper_than(MAX_VALUE_DEPTH) => {
                Self::failure(EffectFailureKind::ContractViolation, "a product nested too deep")
            }
            _ => self,
        }
    }

    /// The plain answer: deliver, accept, the first label, unit, granted with unit, taken back, nothing said.
    pub fn accept(kind: EffectKind) -> Self {
        EffectOutcome::Success(match kind {
            EffectKind::SendDecision => EffectResponse::SendDecision(SendDecision::Deliver),
            EffectKind::Receive => EffectResponse::Receive(None),
            EffectKind::Choose => EffectResponse::Choose(0),
            EffectKind::Acquire => EffectResponse::Acquire(Value::Unit),
            EffectKind::Release => EffectResponse::Release,
            EffectKind::OutputConditionHint => EffectResponse::OutputConditionHint(None),
            _ => EffectResponse::InvokeStep(Value::Unit),
        })
    }

    /// A failure.
    pub fn failure(kind: EffectFailureKind, message: impl Into<String>) -> Self {
        EffectOutcome::Failure(EffectFailure { kind, message: message.into() })
    }
}
