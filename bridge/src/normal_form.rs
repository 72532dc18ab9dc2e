//! The normal forms of audits that come as JSON from anybody. What a normal form is, `motet_runtime` defines, for these and
//! for our own packed traces; here stands only where an event in JSON has its session and its tick.

use crate::run_document::ProtocolMachineTraceEvent;
use motet_runtime::{Aspect, DeterminismMode, Observation, normal_form};
use serde_json::Value as Json;

/// The session that an event is of: its `session`, or `sid`, or the `sid` of its `edge` or `endpoint`, or the first that is
/// found in what it holds, in order of the keys.
pub fn event_session(event: &Json) -> Option<u64> {
    let plain = |event: &Json| event.get("session").and_then(Json::as_u64).or_else(|| event.get("sid")?.as_u64());
    let of = |part: &str| event.get(part)?.get("sid")?.as_u64();
    let nested = || match event {
        Json::Object(fields) => fields.values().find_map(event_session),
        Json::Array(items) => items.iter().find_map(event_session),
        _ => None,
    };
    plain(event).or_else(|| of("edge")).or_else(|| of("endpoint")).or_else(nested)
}

/// An event of an audit.
struct AuditEvent(Json);

impl Observation for AuditEvent {
    fn aspect(&self) -> Aspect {
        Aspect::Event
    }

    fn session(&self) -> Option<u64> {
        event_session(&self.0)
    }

    fn count(&mut self, number: u64) {
        if let Some(tick) = self.0.get_mut("tick") {
            *tick = number.into();
        }
    }
}

/// An audit in the normal form of a profile.
fn form(mode: DeterminismMode, audit: &[Json]) -> Vec<Json> {
    let events = audit.iter().cloned().map(AuditEvent).collect();
    normal_form(mode, events).into_iter().map(|event| event.0).collect()
}

/// The audit with nothing changed but ticks: each is the number of its event within its session, from 0. Events of no
/// session count together. It is the normal form of the profile `modulo_effects`.
pub fn normalize_semantic_audit(audit: &[Json]) -> Vec<Json> {
    form(DeterminismMode::ModuloEffects, audit)
}

/// Whether two audits are one after normalisation: the same events in the same order.
pub fn semantic_audits_equivalent(left: &[Json], right: &[Json]) -> bool {
    normalize_semantic_audit(left) == normalize_semantic_audit(right)
}

/// Whether nobody within a session could tell two audits apart: each session's events are the same in the same order,
/// however the sessions interleave. Nothing moves past an event of no session. It is equality under the profile
/// `modulo_commutativity`.
pub fn observationally_equivalent(left: &[Json], right: &[Json]) -> bool {
    let mode = DeterminismMode::ModuloCommutativity;
    form(mode, left) == form(mode, right)
}

/// A trace as an audit.
pub fn audit_of(trace: &[ProtocolMachineTraceEvent]) -> Vec<Json> {
    // An event is made of texts and numbers alone, so it always has a JSON.
    trace.iter().map(|event| serde_json::to_value(event).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sessions_are_found_where_the_specification_looks() {
        let found = |event: Json| event_session(&event);
        assert_eq!(found(json!({"session": 3, "sid": 4})), Some(3));
        assert_eq!(found(json!({"sid": 4, "edge": {"sid": 5}})), Some(4));
        assert_eq!(found(json!({"endpoint": {"sid": 6}, "edge": {"sid": 5}})), Some(5));
        assert_eq!(found(json!({"endpoint": {"sid": 6}, "a": {"session": 7}})), Some(6));
        assert_eq!(found(json!({"a": [{"b": 1}, {"session": 7}], "z": {"sid": 8}})), Some(7));
        assert_eq!(found(json!({"session": null, "sid": "x", "tick": 9})), None);
    }

    #[test]
    fn only_ticks_are_rewritten() {
        let audit = [
            json!({"kind": "sent", "tick": 7, "session": 1, "label": "tick"}),
            json!({"kind": "sent", "tick": 7, "session": 0}),
            json!({"kind": "plain"}),
            json!({"kind": "received", "tick": 9, "session": 1}),
            json!({"kind": "other", "tick": 5}),
        ];
        let normal = normalize_semantic_audit(&audit);
        let ticks: Vec<&Json> = normal.iter().map(|event| &event["tick"]).collect();
        assert_eq!(ticks, [&json!(0), &json!(0), &Json::Null, &json!(1), &json!(1)]);
        let without = |event: &Json| {
            let mut event = event.clone();
            event.as_object_mut().unwrap().remove("tick");
            event
        };
        assert!(audit.iter().zip(&normal).all(|(before, after)| without(before) == without(after)));
        assert_eq!(normalize_semantic_audit(&normal), normal, "a normal form is its own");
    }

    #[test]
    fn order_counts_within_a_session_only() {
        let [a, b, c] = [("a", 0), ("b", 0), ("c", 1)]
            .map(|(label, session)| json!({"kind": "sent", "tick": 1, "session": session, "label": label}));
        let list = |events: [&Json; 3]| events.map(Json::clone).to_vec();
        let (plain, across, within) = (list([&a, &b, &c]), list([&a, &c, &b]), list([&b, &a, &c]));
        assert!(semantic_audits_equivalent(&plain, &plain) && observationally_equivalent(&plain, &plain));
        assert!(!semantic_audits_equivalent(&plain, &across) && observationally_equivalent(&plain, &across));
        assert!(!semantic_audits_equivalent(&plain, &within) && !observationally_equivalent(&plain, &within));
        assert!(!observationally_equivalent(&plain, &plain[..2]));
        // What is of no session stays where it is.
        let clock = json!({"kind": "clock", "tick": 1});
        let (before, behind) = (list([&a, &clock, &c]), list([&c, &clock, &a]));
        assert!(!observationally_equivalent(&before, &behind));
    }
}
