//! Effects as JSON: what a host in another process is asked, and what it answers.
//!
//! A request is `{schema_version, effect_id, tick, session, operation_id, metadata, body}`; the body's `kind` says
//! which. An outcome is `{status, response?, failure?}`. Outcomes are read strictly: a field that is unknown, stands
//! twice or does not belong to the kind is refused, so a typing mistake never passes for an answer.

use crate::schema::HOST_SCHEMA_VERSION;
use crate::value_json::{ValueError, plain_json, shortened, value_from_json, value_json};
use motet_machine::{
    EffectFailure, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, OutputConditionHint, Registers,
    SendDecision, ValueRef,
};
use motet_types::{
    EffectFailureKind, EffectInterfaceMetadata, EffectKind, LabelId, Reg, RetryShape, SortId, TimeoutPolicy, Value,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};
use std::fmt;
use std::marker::PhantomData;

/// A line that is no outcome for its request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// It is not JSON of the right shape.
    #[error("the outcome is not what it should be: {0}")]
    Shape(String),
    /// A field that this outcome needs is missing.
    #[error("the outcome has no `{field}`; it must hold {needed}")]
    Missing {
        /// The field, as a path.
        field: &'static str,
        /// What it must hold.
        needed: String,
    },
    /// A field that does not belong to this outcome.
    #[error("`{field}` does not belong into this outcome: {why}")]
    Unwanted {
        /// The field, as a path.
        field: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A field that holds something that it may not hold.
    #[error("`{field}` is `{found}`; it must be {needed}")]
    Field {
        /// The field, as a path.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        needed: String,
    },
    /// A value of another sort.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// The kind's name in a request's body.
pub(crate) const fn body_kind(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Receive => "receive",
        EffectKind::Choose => "choose",
        EffectKind::Acquire => "acquire",
        EffectKind::Release => "release",
        other => other.name(),
    }
}

pub(crate) fn metadata_json(row: &EffectInterfaceMetadata) -> Json {
    json!({
        "interface_name": row.interface_name,
        "operation_name": row.operation_name,
        "authority_class": row.authority_class.name(),
        "semantic_class": row.semantic_class.name(),
        "agreement_use": row.agreement_use.name(),
        "region_scope": row.region_scope.name(),
        "admissibility": row.admissibility.name(),
        "totality": row.totality.name(),
        "timeout_policy": match row.timeout_policy {
            TimeoutPolicy::Required => json!({"required": {"budget_ticks": null}}),
            plain => Json::from(plain.name()),
        },
        "retry_shape": match row.retry_shape {
            RetryShape::Bounded3 => json!({"bounded": {"max_retries": 3}}),
            plain => Json::from(plain.name()),
        },
        "reentrancy_policy": row.reentrancy_policy.name(),
        "handler_domain": row.handler_domain.name(),
    })
}

/// A request as JSON, with names for roles, labels and effects.
pub fn request_json(request: &EffectRequest<'_>) -> Json {
    let image = request.image;
    let label_value = |label: LabelId, value| value_json(image, image.label_sort(label), value);
    let mut body = json!({"kind": body_kind(request.kind()), "role": request.role_name()});
    let mut put = |key: &str, value: Json| body[key] = value;
    match request.body {
        EffectRequestBody::SendDecision { partner, label, payload }
        | EffectRequestBody::Receive { partner, label, payload } => {
            put("partner", image.role_name(partner).into());
            put("label", image.label_name(label).into());
            put("sort", image.sorts().display(image.label_sort(label)).to_string().into());
            put("payload", label_value(label, payload.get()));
        }
        EffectRequestBody::Choose { partner, labels } => {
            put("partner", image.role_name(partner).into());
            put("labels", labels.iter().map(|label| image.label_name(label)).collect());
        }
        EffectRequestBody::InvokeStep { argument, .. } => {
            if let Some(part) = request.operation() {
                put("interface", part.interface.as_str().into());
                put("operation", part.operation.as_str().into());
                put("argument", value_json(image, SortId(part.argument), argument.get()));
                put("answer_sort", image.sorts().display(SortId(part.answer)).to_string().into());
            }
        }
        EffectRequestBody::Acquire { layer } => put("layer", layer.0.into()),
        EffectRequestBody::Release { layer, evidence, resource } => {
            put("layer", layer.0.into());
            put("evidence", granted_json(evidence.get()));
            put("resource", resource.to_string().into());
        }
        EffectRequestBody::OutputConditionHint { output } => put("output_digest", output.to_string().into()),
    }
    put("state", state_json(request, request.state));
    let at = request.coordinate;
    json!({
        "schema_version": HOST_SCHEMA_VERSION,
        "effect_id": request.effect_id().0.to_string(),
        "tick": request.tick.0,
        "session": at.session.0,
        "operation_id": format!("{}/{}/{}", at.session.0, at.coroutine.0, at.counter),
        "metadata": metadata_json(request.metadata()),
        "body": body,
    })
}

fn state_json(request: &EffectRequest<'_>, state: Registers<'_>) -> Json {
    let registers = 0..u16::try_from(state.len()).unwrap_or(u16::MAX);
    registers.filter_map(|at| state.get(Reg(at))).map(|value| plain_json(request.image, value)).collect()
}

/// A field that may be absent, where `null` is a value like any other.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(from).map(Some)
}

/// What must be an object: a derived reader would also take the fields in order, as an array.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeLine {
    schema_version: Option<String>,
    effect_id: Option<String>,
    status: String,
    response: Option<Object<ResponseLine>>,
    failure: Option<Object<FailureLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseLine {
    kind: String,
    decision: Option<String>,
    #[serde(default, deserialize_with = "present")]
    payload: Option<Json>,
    label: Option<String>,
    #[serde(default, deserialize_with = "present")]
    answer: Option<Json>,
    #[serde(default, deserialize_with = "present")]
    evidence: Option<Json>,
    hint: Option<Object<HintLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HintLine {
    predicate_ref: String,
    witness_ref: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureLine {
    kind: String,
    message: String,
}

fn field(field: &'static str, found: &str, needed: impl Into<String>) -> OutcomeError {
    OutcomeError::Field { field, found: shortened(found), needed: needed.into() }
}

fn unwanted<T>(value: &Option<T>, field: &'static str, why: &'static str) -> Result<(), OutcomeError> {
    match value {
        Some(_) => Err(OutcomeError::Unwanted { field, why }),
        None => Ok(()),
    }
}

fn one_of(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if quoted.len() == 1 { quoted.concat() } else { format!("one of {}", quoted.join(", ")) }
}

/// Reads the outcome of a request.
pub fn outcome_from_json(request: &EffectRequest<'_>, text: &str) -> Result<EffectOutcome, OutcomeError> {
    let Object(line): Object<OutcomeLine> =
        serde_json::from_str(text).map_err(|error| OutcomeError::Shape(error.to_string()))?;
    if let Some(version) = line.schema_version.filter(|version| version != HOST_SCHEMA_VERSION) {
        return Err(field("schema_version", &version, format!("`{HOST_SCHEMA_VERSION}`")));
    }
    if let Some(id) = &line.effect_id {
        let asked = request.effect_id().0.to_string();
        if *id != asked {
            return Err(field("effect_id", id, format!("`{asked}`, the id of the request that is open")));
        }
    }
    if line.status != "failure" {
        unwanted(&line.failure, "failure", "only the status `failure` has one")?;
    }
    if line.status != "success" {
        unwanted(&line.response, "response", "only the status `success` has one")?;
    }
    Ok(match line.status.as_str() {
        "success" => {
            let needed = || format!("an object of kind `{}`", body_kind(request.kind()));
            let Object(response) =
                line.response.ok_or_else(|| OutcomeError::Missing { field: "response", needed: needed() })?;
            EffectOutcome::Success(response_from(request, response)?)
        }
        "blocked" => EffectOutcome::Blocked,
        "pending" => EffectOutcome::Pending,
        "failure" => {
            let needed = || String::from("an object with `kind` and `message`");
            let Object(failure) =
                line.failure.ok_or_else(|| OutcomeError::Missing { field: "failure", needed: needed() })?;
            let kind =
                EffectFailureKind::ALL.into_iter().find(|kind| kind.name() == failure.kind).ok_or_else(|| {
                    field("failure.kind", &failure.kind, one_of(EffectFailureKind::ALL.map(EffectFailureKind::name)))
                })?;
            EffectOutcome::Failure(EffectFailure { kind, message: failure.message })
        }
        other => return Err(field("status", other, one_of(["success", "failure", "blocked", "pending"]))),
    })
}

/// Evidence has no sort: it is text or nothing, and anything else that a host in the process grants is shown as text.
fn granted_json(evidence: ValueRef<'_>) -> Json {
    match evidence {
        ValueRef::Unit => Json::Null,
        ValueRef::Nat(n) => n.into(),
        ValueRef::Bool(b) => b.into(),
        ValueRef::Str(text) => text.into(),
        other => format!("{other:?}").into(),
    }
}

/// Evidence as a host in another process grants it: nothing, a truth value, a natural number or text.
fn granted_from(evidence: Option<Json>) -> Result<Value, OutcomeError> {
    match evidence {
        None | Some(Json::Null) => Ok(Value::Unit),
        Some(Json::Bool(b)) => Ok(Value::Bool(b)),
        Some(Json::String(text)) => Ok(Value::Str(text)),
        Some(Json::Number(n)) if n.is_u64() => Ok(Value::Nat(n.as_u64().unwrap_or_default())),
        Some(other) => {
            let needed = "null, a truth value, a natural number below 2^64, or text";
            Err(field("response.evidence", &other.to_string(), needed))
        }
    }
}

fn response_from(request: &EffectRequest<'_>, line: ResponseLine) -> Result<EffectResponse, OutcomeError> {
    let kind = request.kind();
    if line.kind != body_kind(kind) {
        return Err(field("response.kind", &line.kind, format!("`{}`, as in the request", body_kind(kind))));
    }
    let image = request.image;
    if kind != EffectKind::SendDecision {
        unwanted(&line.decision, "response.decision", "only `send_decision` has one")?;
    }
    if !matches!(kind, EffectKind::SendDecision | EffectKind::Receive) {
        unwanted(&line.payload, "response.payload", "only `send_decision` and `receive` have one")?;
    }
    if kind != EffectKind::Choose {
        unwanted(&line.label, "response.label", "only `choose` has one")?;
    }
    if kind != EffectKind::InvokeStep {
        unwanted(&line.answer, "response.answer", "only `invoke_step` has one")?;
    }
    if kind != EffectKind::Acquire {
        unwanted(&line.evidence, "response.evidence", "only `acquire` has one")?;
    }
    if kind != EffectKind::OutputConditionHint {
        unwanted(&line.hint, "response.hint", "only `output_condition_hint` has one")?;
    }
    let payload = |label: LabelId| -> Result<Option<Value>, OutcomeError> {
        let read = |json| value_from_json(image.sorts(), image.label_sort(label), json, "response.payload");
        Ok(line.payload.as_ref().map(read).transpose()?)
    };
    Ok(match request.body {
        EffectRequestBody::SendDecision { label, .. } => {
            let decisions = || one_of(["deliver", "drop", "defer"]);
            let decision = line
                .decision
                .as_deref()
                .ok_or_else(|| OutcomeError::Missing { field: "response.decision", needed: decisions() })?;
            if decision != "deliver" {
                unwanted(&line.payload, "response.payload", "only the decision `deliver` has one")?;
            }
            EffectResponse::SendDecision(match decision {
                "deliver" => payload(label)?.map_or(SendDecision::Deliver, SendDecision::Replace),
                "drop" => SendDecision::Drop,
                "defer" => SendDecision::Defer,
                other => return Err(field("response.decision", other, decisions())),
            })
        }
        EffectRequestBody::Receive { label, .. } => EffectResponse::Receive(payload(label)?),
        EffectRequestBody::Choose { labels, .. } => {
            let known = || one_of(labels.iter().map(|label| image.label_name(label)));
            let chosen =
                line.label.ok_or_else(|| OutcomeError::Missing { field: "response.label", needed: known() })?;
            let at = labels.iter().position(|label| image.label_name(label) == chosen);
            EffectResponse::Choose(at.ok_or_else(|| field("response.label", &chosen, known()))?)
        }
        EffectRequestBody::InvokeStep { .. } => {
            let sort = request.operation().map_or(SortId(u16::MAX), |part| SortId(part.answer));
            let needed = || image.sorts().display(sort).to_string();
            let answer =
                line.answer.ok_or_else(|| OutcomeError::Missing { field: "response.answer", needed: needed() })?;
            EffectResponse::InvokeStep(value_from_json(image.sorts(), sort, &answer, "response.answer")?)
        }
        EffectRequestBody::Acquire { .. } => EffectResponse::Acquire(granted_from(line.evidence)?),
        EffectRequestBody::Release { .. } => EffectResponse::Release,
        EffectRequestBody::OutputConditionHint { .. } => {
            EffectResponse::OutputConditionHint(line.hint.map(|Object(HintLine { predicate_ref, witness_ref })| {
                Box::new(OutputConditionHint { predicate: predicate_ref, witness: witness_ref })
            }))
        }
    })
}
