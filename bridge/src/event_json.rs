//! Trace events as JSON: the form of the specification, section 10.3.

use motet_machine::{CodeImage, TraceEvent, read_output_check};
use motet_semantic::LEAN_BRIDGE_SCHEMA_VERSION;
use motet_types::{EffectRow, EventKind, FaultClass, LayerId, RoleId, Terminal};
use serde_json::{Value as Json, json};

/// An event as JSON. `image` is the image that the event's session ran, and `text` what the event is about: see
/// [`TraceReader::text`](motet_machine::TraceReader::text). A fact stands under `label`.
pub fn event_json(image: &CodeImage, event: &TraceEvent, text: &str) -> Json {
    let what = event.event;
    let mut json = json!({
        "schema_version": LEAN_BRIDGE_SCHEMA_VERSION,
        "kind": what.kind.name(),
        "tick": event.tick.0,
        "session": event.session.0,
    });
    let mut put = |key: &str, value: &str| json[key] = Json::from(value);
    // The first coroutine of role n is coroutine n.
    let role = image.role_name(RoleId(what.coroutine.0));
    match what.kind {
        EventKind::Sent | EventKind::Received | EventKind::Offered | EventKind::Chose => {
            let (sender, receiver) = image.edge_names(what.edge);
            put("sender", sender);
            put("receiver", receiver);
            put("label", image.label_name(what.label));
        }
        EventKind::SessionTerminal => put("reason", Terminal::from_code(what.detail).map_or("?", Terminal::name)),
        EventKind::Faulted | EventKind::FailureBranchEntered => {
            put("role", role);
            put("reason", FaultClass::from_number(what.detail).map_or("?", FaultClass::code));
        }
        EventKind::Invoked => {
            put("role", role);
            let effect = image.effects().get(EffectRow(what.label.0).index());
            put("label", &effect.map_or_else(|| "?".into(), |row| format!("{}.{}", row.interface, row.operation)));
        }
        EventKind::Acquired | EventKind::Released => {
            put("role", role);
            put("label", &LayerId(what.label.0).to_string());
        }
        EventKind::Forked | EventKind::Joined | EventKind::Aborted => {
            put("role", role);
            json["ghost"] = what.ghost().into();
        }
        EventKind::Transferred => {
            put("role", image.role_name(RoleId(what.edge.0)));
            (json["from"], json["to"]) = (what.coroutine.0.into(), what.label.0.into());
        }
        EventKind::Tagged => {
            put("role", image.role_name(RoleId(what.edge.0)));
            put("label", text);
        }
        EventKind::Checked => {
            put("role", image.role_name(RoleId(what.edge.0)));
            put("target", text);
            json["permitted"] = (what.detail != 0).into();
        }
        EventKind::OutputConditionChecked => {
            put("role", role);
            if let Some((digest, predicate, witness)) = read_output_check(text) {
                put("predicate_ref", predicate);
                put("output_digest", &digest.to_string());
                json["witness_ref"] = witness.into();
            }
            json["passed"] = (what.detail != 0).into();
        }
        EventKind::Opened | EventKind::Closed | EventKind::EpochAdvanced => {}
        _ => put("role", role),
    }
    json
}
