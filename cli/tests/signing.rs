//! Runs whose messages are looked at: they are replayed, recovered and compacted with their keys, and with no others.

mod common;

use common::{Scratch, json, motet};

const PROTOCOL: &str = "examples/ping_pong.tell";

/// With every mode and way, a run, its record and its log; without their keys, and with others, they are refused.
#[test]
fn keys_are_needed_again() {
    let scratch = Scratch::new();
    let keys = scratch.file("keys", format!("{}\n", "07".repeat(32)));
    let others = scratch.file("others", "08".repeat(32));
    for (mode, way) in [("sequence", "keyed_blake3"), ("nullifier", "ed25519"), ("off", "ed25519")] {
        let (trace, log) = (scratch.path(&format!("{mode}.trace")), scratch.path(&format!("{mode}.log")));
        let run = [
            "run",
            PROTOCOL,
            "--sessions",
            "3",
            "--steps",
            "200",
            "--replay-mode",
            mode,
            "--authenticate",
            way,
            "--keys",
            &keys,
        ];
        let traced = json(&[&run[..], &["--trace", &trace]].concat());
        let logged = json(&[&run[..], &["--wal", &log]].concat());
        assert_eq!(traced["messages"], logged["messages"]);
        for again in [vec!["replay", &trace], vec!["replay", &log], vec!["compact", &log], vec!["recover", &log]] {
            for (given, code) in [(None, "keys"), (Some(&others), "keys"), (Some(&keys), "")] {
                let given = given.map_or(vec![], |file| vec!["--keys", file]);
                let said = motet(&[&again[..], &given, &["--json"]].concat());
                let error: serde_json::Value = serde_json::from_str(said.err.trim()).unwrap_or_default();
                if code.is_empty() {
                    // There may be nothing to cut.
                    let done = said.status == 0 || again[0] != "replay";
                    assert!(done, "{again:?}: {}", said.err);
                    assert_ne!(error["error"]["code"], "keys", "{again:?}");
                } else {
                    assert_eq!(error["error"]["code"], code, "{again:?} {given:?}: {}", said.err);
                }
            }
        }
    }
    let error = |args: &[&str]| {
        let said = motet(&[&["run", PROTOCOL, "--json"], args].concat());
        let error: serde_json::Value = serde_json::from_str(said.err.trim()).unwrap_or_default();
        error["error"]["code"].as_str().unwrap_or_default().to_owned()
    };
    let nonsense = scratch.file("nonsense", "seven");
    assert_eq!(error(&["--authenticate", "ed25519"]), "no_keys");
    assert_eq!(error(&["--authenticate", "ed25519", "--keys", &nonsense]), "bad_keys");
    assert_eq!(error(&["--keys", &keys]), "keys");
    assert_eq!(error(&["--authenticate", "ed25519", "--keys", "nowhere"]), "unreadable");
}
