//! A recorder: a host that asks another host and writes down every exchange in the reference's form.

use super::later::may_block;
use crate::model::evidence_id;
use motet_bridge::{carried_value_json as value_json, outcome_json, sort_json};
use motet_machine::{
    CodeImage, EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse,
};
use motet_types::{EffectKinds, LayerId, Reg, RoleId};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A host that keeps its exchanges, in the order in which they were made.
#[derive(Debug)]
pub struct Recorder<H> {
    inner: H,
    wants: EffectKinds,
    /// The image that the sessions run, whose names the asking coroutines' registers have.
    image: Arc<CodeImage>,
    seen: Mutex<Seen>,
}

/// What was exchanged, and what that came to.
#[derive(Debug, Default)]
pub struct Seen {
    /// The exchanges, in order.
    pub exchanges: Vec<Json>,
    /// Of each the tick, where it is of an effect that may block.
    pub ticks: Vec<Option<u64>>,
    /// Of each guard that was granted the id of its evidence, and the text by which the reference calls it.
    pub evidence: BTreeMap<String, String>,
    /// Questions that were taken on: who asked, for which guard, and the question.
    taken_on: BTreeMap<EffectCoordinate, (RoleId, Option<LayerId>, Json)>,
}

impl Seen {
    fn keep(
        &mut self,
        image: &CodeImage,
        at: EffectCoordinate,
        body: Json,
        outcome: &EffectOutcome,
        tick: Option<u64>,
    ) {
        let place = format!("{}/{}/{}", at.session.0, at.coroutine.0, at.counter);
        let told = outcome_json(image, outcome);
        self.exchanges.push(json!({"operation_id": place, "body": body, "outcome": told}));
        self.ticks.push(tick);
    }

    /// A guard is granted.
    fn grant(&mut self, at: EffectCoordinate, role: RoleId, layer: LayerId, outcome: &EffectOutcome) {
        if let EffectOutcome::Success(EffectResponse::Acquire(granted)) = outcome
            && let Ok(id) = evidence_id(at, role.0, layer, granted)
        {
            let name = format!("guard {}/{}/{}", at.session.0, at.coroutine.0, at.counter);
            self.evidence.insert(id, name);
        }
    }
}

impl<H> Recorder<H> {
    /// A recorder that wants to be asked about `wants`, whatever `inner` wants.
    pub fn new(inner: H, wants: EffectKinds, image: &Arc<CodeImage>) -> Self {
        Self { inner, wants, image: Arc::clone(image), seen: Mutex::default() }
    }

    /// The host that it asks.
    pub const fn inner(&self) -> &H {
        &self.inner
    }

    /// How many words there were about effects that may block.
    pub fn late(&self) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.ticks.iter().flatten().count() as u64
    }

    /// How much was exchanged.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).exchanges.len()
    }

    /// What the host had taken on is answered now.
    pub fn answered(&self, image: &CodeImage, at: EffectCoordinate, outcome: &EffectOutcome, tick: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((role, layer, body)) = seen.taken_on.remove(&at) else { return };
        seen.keep(image, at, body, outcome, Some(tick));
        if let Some(layer) = layer {
            seen.grant(at, role, layer, outcome);
        }
    }

    /// What was exchanged.
    pub fn into_seen(self) -> Seen {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked, with the names of the session that it is about; the registers have those of the coroutine's own.
fn body_json(request: &EffectRequest<'_>, own: &CodeImage) -> Json {
    let image = request.image;
    let state = (0..request.state.len()).filter_map(|at| request.state.get(Reg(at as u16)));
    let state: Vec<Json> = state.map(|value| value_json(own, value)).collect();
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
        let (body, at) = (body_json(&request, &self.image), request.coordinate);
        let asked = self.inner.wants().contains(request.kind());
        let outcome = if asked { self.inner.handle_effect(request) } else { EffectOutcome::accept(request.kind()) };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let layer = match request.body {
            EffectRequestBody::Acquire { layer } => Some(layer),
            _ => None,
        };
        if let Some(layer) = layer {
            seen.grant(at, request.role, layer, &outcome);
        }
        if outcome == EffectOutcome::Pending {
            seen.taken_on.insert(at, (request.role, layer, body.clone()));
        }
        let tick = may_block(&request).then_some(request.tick.0);
        seen.keep(request.image, at, body, &outcome, tick);
        outcome
    }
}
