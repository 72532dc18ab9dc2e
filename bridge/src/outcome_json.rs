//! Outcomes of effects as JSON, as they were: what the reference is given, and what a replay fragment holds.
//!
//! Values say what they are ([`carried_value_json`]), and a choice is the position of its label, so nothing but the outcome
//! is needed to write one. What a host in another process answers is read by names and sorts instead: `effect_json.rs`.

use crate::program_json::carried_value_json;
use motet_machine::{CodeImage, EffectOutcome, EffectResponse, SendDecision};
use serde_json::{Value as Json, json};

/// An outcome as JSON. `image` names the roles of endpoints.
pub fn outcome_json(image: &CodeImage, outcome: &EffectOutcome) -> Json {
    let value = |value| carried_value_json(image, value);
    let response = match outcome {
        EffectOutcome::Failure(failure) => {
            let failure = json!({"kind": failure.kind.name(), "message": failure.message});
            return json!({"status": "failure", "failure": failure});
        }
        EffectOutcome::Blocked => return json!({"status": "blocked"}),
        EffectOutcome::Pending => return json!({"status": "pending"}),
        EffectOutcome::Success(response) => match response {
            EffectResponse::SendDecision(decision) => match decision {
                SendDecision::Deliver => json!({"kind": "send_decision", "decision": "deliver"}),
                SendDecision::Replace(with) => {
                    json!({"kind": "send_decision", "decision": "deliver", "payload": value(with.into())})
                }
                SendDecision::Drop => json!({"kind": "send_decision", "decision": "drop"}),
                SendDecision::Defer => json!({"kind": "send_decision", "decision": "defer"}),
            },
            EffectResponse::Receive(None) => json!({"kind": "receive"}),
            EffectResponse::Receive(Some(with)) => json!({"kind": "receive", "payload": value(with.into())}),
            EffectResponse::Choose(at) => json!({"kind": "choose", "position": at}),
            EffectResponse::InvokeStep(with) => json!({"kind": "invoke_step", "answer": value(with.into())}),
            EffectResponse::Acquire(with) => json!({"kind": "acquire", "evidence": value(with.into())}),
            EffectResponse::Release => json!({"kind": "release"}),
            EffectResponse::OutputConditionHint(hint) => {
                let hint =
                    hint.as_ref().map(|hint| json!({"predicate_ref": hint.predicate, "witness_ref": hint.witness}));
                json!({"kind": "output_condition_hint", "hint": hint})
            }
        },
    };
    json!({"status": "success", "response": response})
}
