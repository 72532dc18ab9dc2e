//! Values there and back, and events in the form of the specification.

use motet_bridge::{LEAN_BRIDGE_SCHEMA_VERSION, event_json, value_from_json, value_json};
use motet_choreo::{Source, compile, load};
use motet_machine::{CodeImage, ProtocolMachineConfig};
use motet_runtime::{GuestRuntime, Schedule, SeededHost};
use motet_types::{SortId, Value};
use serde_json::{Value as Json, json};

/// An image with one label for each kind of payload.
fn image() -> CodeImage {
    let text = r#"{"kind":"comm","sender":"A","receiver":"B","branches":[
        {"label":{"name":"Unit","sort":"unit"},"continuation":{"kind":"end"}},
        {"label":{"name":"Nat","sort":"nat"},"continuation":{"kind":"end"}},
        {"label":{"name":"Bool","sort":"bool"},"continuation":{"kind":"end"}},
        {"label":{"name":"String","sort":"string"},"continuation":{"kind":"end"}},
        {"label":{"name":"Real","sort":"real"},"continuation":{"kind":"end"}},
        {"label":{"name":"Vector","sort":{"vector":3}},"continuation":{"kind":"end"}},
        {"label":{"name":"Pair","sort":{"prod":["nat",{"prod":["real","string"]}]}},"continuation":{"kind":"end"}}]}"#;
    let source = Source::from_text("p.json", text).unwrap();
    CodeImage::verify(compile(&load(&source).unwrap()).unwrap()).unwrap()
}

fn sort(image: &CodeImage, label: &str) -> SortId {
    SortId(image.parts().labels.iter().find(|row| row.name == label).unwrap().sort)
}

/// The value, its JSON, and back.
fn round(label: &str, value: Value, expected: Json) {
    let image = image();
    let sort = sort(&image, label);
    assert!(value.has_sort(image.sorts(), sort), "{value:?}");
    let json = value_json(&image, sort, (&value).into());
    assert_eq!(json, expected);
    assert_eq!(value_from_json(image.sorts(), sort, &json, "x").unwrap(), value);
}

fn text(text: &str) -> Value {
    Value::Str(text.into())
}

fn pair(a: Value, b: Value) -> Value {
    Value::Prod(Box::new((a, b)))
}

#[test]
fn values_there_and_back() {
    round("Unit", Value::Unit, json!(null));
    round("Nat", Value::Nat(0), json!(0));
    round("Nat", Value::Nat(u64::MAX), json!(u64::MAX));
    round("Bool", Value::Bool(true), json!(true));
    round("String", text(""), json!(""));
    round("String", text("\"\n\u{0}é"), json!("\"\n\u{0}é"));
    round("Real", text("1.5"), json!(1.5));
    round("Real", text("7"), json!(7));
    // A number would be written back as 1.5 and as 100000.0: the text is kept.
    round("Real", text("1.50"), json!("1.50"));
    round("Real", text("1e5"), json!("1e5"));
    round("Vector", text("[1,2.5,3]"), json!([1, 2.5, 3]));
    round("Vector", text("[1, 2, 3]"), json!("[1, 2, 3]"));
    round("Pair", pair(Value::Nat(1), pair(text("0.5"), text("x"))), json!([1, [0.5, "x"]]));
}

#[test]
fn other_json_is_refused_with_its_place() {
    let image = image();
    let refuse = |label: &str, json: Json| {
        value_from_json(image.sorts(), sort(&image, label), &json, "payload").unwrap_err().to_string()
    };
    for json in [json!(0), json!(""), json!({}), json!([])] {
        assert!(refuse("Unit", json).contains("must be unit"));
    }
    for json in [json!(-1), json!(1.0), json!(1e30), json!("1"), json!(null), json!(true)] {
        assert!(refuse("Nat", json).contains("must be nat"));
    }
    for json in [json!("one"), json!(""), json!([1]), json!("[1]"), json!(null)] {
        assert!(refuse("Real", json).contains("must be real"));
    }
    for json in [json!([1, 2]), json!([1, 2, "3"]), json!("[1,2]"), json!(3)] {
        assert!(refuse("Vector", json).contains("must be vector[3]"));
    }
    assert_eq!(refuse("Pair", json!([1, [2, 3]])), "`payload[1][1]` must be string, not 3");
    assert_eq!(refuse("Pair", json!([1, 2])), "`payload[1]` must be (real, string), not 2");
    assert!(refuse("Pair", json!([1, [2, "x"], 3])).contains("must be (nat, (real, string))"));
}

#[test]
fn events_have_the_form_of_the_specification() {
    let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), Schedule::default()).unwrap();
    let image = runtime.load(image()).unwrap();
    runtime.open(image).unwrap();
    runtime.run(&SeededHost::new(1)).unwrap();
    let image = runtime.machine().image(image).unwrap();
    let events: Vec<Json> = runtime.machine().events().iter().map(|event| event_json(image, event, "")).collect();
    let known = ["schema_version", "kind", "tick", "session", "sender", "receiver", "label", "role", "reason"];
    for event in &events {
        assert_eq!(event["schema_version"], LEAN_BRIDGE_SCHEMA_VERSION);
        assert!(event.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{event}");
    }
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["opened", "sent", "offered", "halted", "received", "chose", "halted", "session_terminal"]);
    assert_eq!((&events[1]["sender"], &events[1]["receiver"]), (&json!("A"), &json!("B")));
    assert_eq!(events[3]["role"], "A");
    assert_eq!(events[7]["reason"], "closed");
}
