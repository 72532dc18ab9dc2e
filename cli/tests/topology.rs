//! Runs to whose sites and links things happen: read from a file, recorded, replayed, recovered.

mod common;

use common::{Scratch, motet};
use serde_json::Value;

const FILE: &str = "examples/ping_pong.tell";
const CUT: &str = r#"{"at_wave": 0, "events": [{"kind": "partition", "from": "Alice", "to": "Bob"}]}"#;
const HEAL: &str = r#"{"at_step": 1000000, "events": [{"kind": "heal", "from": "Alice", "to": "Bob"}]}"#;
const CRASH: &str = r#"{"at_wave": 0, "events": [{"kind": "crash", "site": "Bob"}]}"#;

fn json(args: &[&str], status: i32) -> Value {
    let said = motet(&[args, &["--json"]].concat());
    assert_eq!(said.status, status, "{args:?}: {}{}", said.out, said.err);
    let text = if said.out.is_empty() { said.err } else { said.out };
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{args:?}: {text}"))
}

#[test]
fn what_happens_is_read_from_a_file() {
    let scratch = Scratch::new();
    // Nothing can happen before the link is healed, so it is healed then.
    let healed = scratch.file("healed.json", format!("[{CUT}, {HEAL}]"));
    let (trace, wal) = (scratch.path("run.trace"), scratch.path("wal"));
    let run = json(&["run", FILE, "--sessions", "3", "--topology", &healed, "--trace", &trace], 0);
    assert_eq!((&run["status"], &run["messages"]), (&"completed".into(), &6.into()), "{run}");
    let replayed = json(&["replay", &trace], 0);
    let logged = json(&["run", FILE, "--sessions", "3", "--topology", &healed, "--wal", &wal, "--threads", "2"], 0);
    let recovered = json(&["recover", &wal], 0);
    for name in ["trace_digest", "state_root", "steps"] {
        assert_eq!(replayed[name], run[name], "{name}");
        assert_eq!(logged[name], run[name], "{name}");
        assert_eq!(recovered[name], run[name], "{name}");
    }
    let whole = json(&["run", FILE, "--sessions", "3"], 0);
    assert_ne!(whole["state_root"], run["state_root"], "what happened is in the state root");
}

#[test]
fn crashes_end_sessions() {
    let scratch = Scratch::new();
    let crash = scratch.file("crash.json", format!("[{CRASH}]"));
    let run = json(&["run", FILE, "--sessions", "3", "--topology", &crash], 3);
    assert_eq!((&run["status"], &run["cancelled"]), (&"completed".into(), &3.into()), "{run}");
    assert_eq!(run["faults"][0]["code"], "machine.fault.topology", "{run}");
    assert_eq!(run["faults"][0]["side"], "site", "{run}");
    let coarse = scratch.file("coarse.toml", "[machine]\ncancellation = \"coarse\"\n");
    let run = json(&["run", FILE, "--sessions", "3", "--topology", &crash, "--config", &coarse], 3);
    assert_eq!((&run["status"], &run["faulted"]), (&"faulted".into(), &3.into()), "{run}");
}

#[test]
fn what_is_no_timetable_is_refused() {
    let scratch = Scratch::new();
    let cases = [
        "{}",
        "[{\"events\": []}]",
        "[{\"at_step\": 1, \"at_wave\": 1, \"events\": []}]",
        "[{\"at_step\": 1, \"events\": [{\"kind\": \"crash\"}]}]",
        "[{\"at_step\": 1, \"events\": [{\"kind\": \"burn\", \"site\": \"A\"}]}]",
        "[{\"at_step\": -1, \"events\": []}]",
    ];
    for case in cases {
        let file = scratch.file("bad.json", case);
        let said = json(&["run", FILE, "--topology", &file], 1);
        assert_eq!(said["error"]["code"], "bad_topology", "{case}: {said}");
    }
}
