//! The shapes of events and of types as JSON: the keys that are written, by writing one of each.

use super::Present;
use crate::event_json::event_json;
use crate::here::global_from_json;
use crate::parity::error::ParityError;
use motet_choreo::{check_and_project, compile, global_to_json, local_json};
use motet_machine::{CodeImage, TraceEvent};
use motet_types::{CoroutineId, EdgeId, Event, EventKind, LabelId, RoleId, SessionId, Tick};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Display;

/// A type with every kind of node of the published form: `A` decides in a loop whether to go on.
fn sample() -> Json {
    let branch =
        |name: &str, continuation: Json| json!({"label": {"name": name, "sort": "nat"}, "continuation": continuation});
    json!({"kind": "rec", "var": "again", "body": {"kind": "comm", "sender": "A", "receiver": "B", "branches": [
        branch("More", json!({"kind": "var", "name": "again"})),
        branch("Done", json!({"kind": "end"})),
    ]}})
}

fn defect(why: &dyn Display) -> ParityError {
    ParityError::Defect { what: "a protocol of this build's own", why: why.to_string() }
}

pub(super) fn put(present: &mut Present) -> Result<(), ParityError> {
    let global = global_from_json(0, &sample()).map_err(|error| defect(&error))?;
    let projection = check_and_project(&global).map_err(|error| defect(&error))?;
    let written = global_to_json(&global).map_err(|error| defect(&error))?;
    put_type(present, "global", &[written])?;
    let locals = [RoleId(0), RoleId(1)].map(|role| local_json(&projection, role).map_err(|error| defect(&error)));
    let [first, second] = locals;
    put_type(present, "local", &[first?, second?])?;
    let parts = compile(&global).map_err(|error| defect(&error))?;
    let image = CodeImage::verify(parts).map_err(|error| defect(&error))?;
    present.put("types::EventKind", EventKind::ALL.iter().map(|kind| kind.name()));
    for kind in EventKind::ALL {
        let event = Event::message(*kind, CoroutineId(0), EdgeId(0), LabelId(0));
        let event = TraceEvent { tick: Tick(0), session: SessionId(0), event };
        present.put_keys(format!("event {}", kind.name()), &event_json(&image, &event, ""));
    }
    Ok(())
}

/// The keys of each kind of node.
fn put_type(present: &mut Present, of: &str, texts: &[String]) -> Result<(), ParityError> {
    let mut kinds = BTreeMap::new();
    for text in texts {
        let json: Json = serde_json::from_str(text).map_err(|error| defect(&error))?;
        let mut todo = vec![&json];
        while let Some(node) = todo.pop() {
            let Some(kind) = node["kind"].as_str() else { continue };
            let named = |key: &String| (key.clone(), Json::Null);
            kinds.insert(kind.to_owned(), node.as_object().into_iter().flatten().map(|(key, _)| named(key)).collect());
            todo.extend(node.get("body"));
            for branch in node["branches"].as_array().into_iter().flatten() {
                let keys: Json = branch.as_object().into_iter().flatten().map(|(key, _)| named(key)).collect();
                kinds.insert("branch".to_owned(), keys);
                todo.extend(branch.get("continuation"));
            }
        }
    }
    for (kind, keys) in kinds {
        present.put_keys(format!("{of} type {kind}"), &keys);
    }
    Ok(())
}
