//! Inputs as a recording keeps them: what the host answered, and to which question.
//!
//! A machine is deterministic given its inputs, so these records and the schedule are all that a replay needs.

use crate::condition::OutputConditionHint;
use crate::effect::EffectCoordinate;
use crate::outcome::{EffectFailure, EffectOutcome, EffectResponse, SendDecision};
use alloc::boxed::Box;
use motet_types::{
    CoroutineId, Digester, EffectFailureKind, EffectKind, MAX_VALUE_DEPTH, Reader, RoleId, SessionId, Value,
};

/// One answer of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEffect {
    /// Where it was asked for.
    pub coordinate: EffectCoordinate,
    /// The kind of effect.
    pub kind: EffectKind,
    /// What it was about; see [`Asked::subject`](crate::Asked::subject).
    pub subject: u32,
    /// The answer.
    pub outcome: EffectOutcome,
}

impl RecordedEffect {
    /// Appends the record.
    pub fn encode(&self, into: &mut impl Digester) {
        encode_effect(into, self.coordinate, self.kind, self.subject, &self.outcome);
    }

    /// Reads one record; `None` when the bytes are not one.
    pub fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let kind = *EffectKind::ALL.get(usize::from(from.u8()?))?;
        let coordinate = EffectCoordinate {
            session: SessionId(from.u64()?),
            coroutine: CoroutineId(from.u16()?),
            counter: from.u32()?,
        };
        let subject = from.u32()?;
        Some(Self { coordinate, kind, subject, outcome: decode_outcome(from)? })
    }
}

pub(crate) fn encode_effect(
    into: &mut impl Digester,
    coordinate: EffectCoordinate,
    kind: EffectKind,
    subject: u32,
    outcome: &EffectOutcome,
) {
    into.u8(kind as u8);
    into.u64(coordinate.session.0);
    into.u16(coordinate.coroutine.0);
    into.u32(coordinate.counter);
    into.u32(subject);
    encode_outcome(into, outcome);
}

/// Appends an outcome.
pub(crate) fn encode_outcome(into: &mut impl Digester, outcome: &EffectOutcome) {
    match outcome {
        EffectOutcome::Success(response) => match response {
            EffectResponse::SendDecision(SendDecision::Deliver) => into.u8(1),
            EffectResponse::SendDecision(SendDecision::Replace(value)) => {
                into.u8(2);
                value.digest(into);
            }
            EffectResponse::SendDecision(SendDecision::Drop) => into.u8(3),
            EffectResponse::SendDecision(SendDecision::Defer) => into.u8(4),
            EffectResponse::Receive(None) => into.u8(5),
            EffectResponse::Receive(Some(value)) => {
                into.u8(6);
                value.digest(into);
            }
            EffectResponse::Choose(at) => {
                into.u8(7);
                into.u64(*at as u64);
            }
            EffectResponse::InvokeStep(value) => {
                into.u8(8);
                value.digest(into);
            }
            EffectResponse::Acquire(value) => {
                into.u8(12);
                value.digest(into);
            }
            EffectResponse::Release => into.u8(13),
            EffectResponse::OutputConditionHint(None) => into.u8(14),
            EffectResponse::OutputConditionHint(Some(hint)) => {
                into.u8(if hint.witness.is_some() { 16 } else { 15 });
                into.str(&hint.predicate);
                hint.witness.iter().for_each(|witness| into.str(witness));
            }
        },
        EffectOutcome::Blocked => into.u8(9),
        EffectOutcome::Pending => into.u8(10),
        EffectOutcome::Failure(failure) => {
            into.u8(11);
            into.u8(failure.kind as u8);
            into.str(&failure.message);
        }
    }
}

pub(crate) fn decode_outcome(from: &mut Reader<'_>) -> Option<EffectOutcome> {
    let response = match from.u8()? {
        1 => EffectResponse::SendDecision(SendDecision::Deliver),
        2 => EffectResponse::SendDecision(SendDecision::Replace(decode_value(from, 0)?)),
        3 => EffectResponse::SendDecision(SendDecision::Drop),
        4 => EffectResponse::SendDecision(SendDecision::Defer),
        5 => EffectResponse::Receive(None),
        6 => EffectResponse::Receive(Some(decode_value(from, 0)?)),
        7 => EffectResponse::Choose(usize::try_from(from.u64()?).ok()?),
        8 => EffectResponse::InvokeStep(decode_value(from, 0)?),
        9 => return Some(EffectOutcome::Blocked),
        10 => return Some(EffectOutcome::Pending),
        11 => {
            let kind = *EffectFailureKind::ALL.get(usize::from(from.u8()?))?;
            return Some(EffectOutcome::Failure(EffectFailure { kind, message: from.str()?.into() }));
        }
        12 => EffectResponse::Acquire(decode_value(from, 0)?),
        13 => EffectResponse::Release,
        14 => EffectResponse::OutputConditionHint(None),
        with @ (15 | 16) => {
            let predicate = from.str()?.into();
            let witness = if with == 16 { Some(from.str()?.into()) } else { None };
            EffectResponse::OutputConditionHint(Some(Box::new(OutputConditionHint { predicate, witness })))
        }
        _ => return None,
    };
    Some(EffectOutcome::Success(response))
}

/// Reads what [`Value::digest`] wrote.
pub(crate) fn decode_value(from: &mut Reader<'_>, depth: usize) -> Option<Value> {
    if depth > MAX_VALUE_DEPTH {
        return None;
    }
    Some(match from.u8()? {
        0 => Value::Unit,
        1 => Value::Nat(from.u64()?),
        2 => Value::Bool(match from.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        }),
        3 => Value::Endpoint { session: SessionId(from.u64()?), role: RoleId(from.u16()?) },
        4 => Value::Str(from.str()?.into()),
        5 => {
            let first = decode_value(from, depth + 1)?;
            Value::Prod(Box::new((first, decode_value(from, depth + 1)?)))
        }
        _ => return None,
    })
}
