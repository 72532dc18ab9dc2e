//! A recorder: a host that asks another host and writes down every exchange in the reference's form.

use motet_bridge::{carried_value_json as value_json, outcome_json, sort_json};
use motet_machine::{EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody};
use motet_types::{EffectKinds, Reg};
use serde_json::{Value as Json, json};
use std::sync::{Mutex, PoisonError};

/// A host that keeps its exchanges, in the order in which they were made.
#[derive(Debug)]
pub struct Recorder<H> {
    inner: H,
    wants: EffectKinds,
    exchanges: Mutex<Vec<Json>>,
}

impl<H> Recorder<H> {
    /// A recorder that wants to be asked about `wants`, whatever `inner` wants.
    pub const fn new(inner: H, wants: EffectKinds) -> Self {
        Self { inner, wants, exchanges: Mutex::new(Vec::new()) }
    }

    /// What was exchanged.
    pub fn into_exchanges(self) -> Vec<Json> {
        self.exchanges.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn body_json(request: &EffectRequest<'_>) -> Json {
    let image = request.image;
    let state = (0..request.state.len()).filter_map(|at| request.state.get(Reg(at as u16)));
    let state: Vec<Json> = state.map(|value| value_json(image, value)).collect();
    let mut body = json!({"role": request.role_name(), "state": state});
    let mut put = |key: &str, value: Json| body[key] = value;
    match request.body {
        EffectRequestBody::SendDecision { partner, label, payload }
        | EffectRequestBody::Receive { partner, label, payload } => {
            let sends = matches!(request.body, EffectRequestBody::SendDecision { .. });
            put("kind", if sends { "send_decision" } else { "receive" }.into());
            put("partner", image.role_name(partner).into());
            put("label", image.label_name(label).into());
            put("sort", sort_json(image.sorts(), image.label_sort(label)));
            put("payload", value_json(image, payload.get()));
        }
        EffectRequestBody::Choose { partner, labels } => {
            put("kind", "choose".into());
            put("partner", image.role_name(partner).into());
            put("labels", labels.iter().map(|label| image.label_name(label)).collect());
        }
        EffectRequestBody::InvokeStep { argument, .. } => {
            put("kind", "invoke_step".into());
            if let Some(part) = request.operation() {
                put("interface", part.interface.as_str().into());
                put("operation", part.operation.as_str().into());
            }
            put("argument", value_json(image, argument.get()));
        }
        EffectRequestBody::Acquire { layer } => {
            put("kind", "acquire".into());
            put("layer", layer.0.into());
        }
        EffectRequestBody::Release { layer, evidence, .. } => {
            put("kind", "release".into());
            put("layer", layer.0.into());
            put("evidence", value_json(image, evidence.get()));
        }
        // Without the digest, which is of the machine's packed form.
        EffectRequestBody::OutputConditionHint { .. } => put("kind", "output_condition_hint".into()),
    }
    body
}

impl<H: EffectHandler> EffectHandler for Recorder<H> {
    fn identity(&self) -> &str {
        "recorder"
    }

    fn wants(&self) -> EffectKinds {
        self.wants
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let (body, request_at) = (body_json(&request), request.coordinate);
        let asked = self.inner.wants().contains(request.kind());
        let outcome = if asked { self.inner.handle_effect(request) } else { EffectOutcome::accept(request.kind()) };
        let at = request_at;
        let place = format!("{}/{}/{}", at.session.0, at.coroutine.0, at.counter);
        let told = outcome_json(request.image, &outcome);
        let exchange = json!({"operation_id": place, "body": body, "outcome": told});
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        outcome
    }
}
