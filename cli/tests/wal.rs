//! Runs with a log: begun, killed, recovered, replayed, cut.

mod common;

use common::{Scratch, motet, root};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILE: &str = "examples/meal_service.tell";

fn json(args: &[&str]) -> Value {
    let (status, out, error) = answer(args);
    assert_eq!(status, 0, "{args:?}: {error}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{args:?}: {out}"))
}

fn refused(args: &[&str], wanted: i32, code: &str) {
    let (status, _, error) = answer(args);
    let error: Value = serde_json::from_str(&error).unwrap_or_else(|_| panic!("{args:?}: {error}"));
    assert_eq!((status, error["error"]["code"].as_str()), (wanted, Some(code)), "{error}");
}

fn answer(args: &[&str]) -> (i32, String, String) {
    let said = motet(&[args, &["--json"]].concat());
    (said.status, said.out, said.err)
}

fn same_end(one: &Value, other: &Value) {
    for name in ["status", "sessions", "closed", "steps", "messages", "trace_digest", "state_root"] {
        assert_eq!(one[name], other[name], "{name}");
    }
}

#[test]
fn a_log_holds_the_run() {
    let scratch = Scratch::new();
    let wal = scratch.path("wal");
    let plain = json(&["run", FILE, "--sessions", "40", "--seed", "3"]);
    let logged = json(&["run", FILE, "--sessions", "40", "--seed", "3", "--wal", &wal]);
    same_end(&plain, &logged);
    assert_eq!(logged["wal"]["records"], logged["wal"]["durable"]);
    refused(&["run", FILE, "--wal", &wal], 1, "wal_not_empty");
    let recovered = json(&["recover", &wal]);
    same_end(&plain, &recovered);
    assert_eq!(recovered["found"]["log"]["tail"]["torn"], false);
    same_end(&recovered, &json(&["recover", &wal, "--threads", "3"]));
    let replayed = json(&["replay", &wal]);
    for name in ["trace_digest", "state_root", "steps"] {
        assert_eq!(replayed[name], plain[name], "{name}");
    }
    // One step, and the step before it.
    assert_eq!(json(&["replay", &wal, "--until", "101"])["steps"], 101);
    assert_eq!(json(&["replay", &wal, "--until", "100"])["steps"], 100);
    let cut = json(&["compact", &wal]);
    assert_eq!(cut["state"], plain["state_root"]);
    refused(&["compact", &wal], 1, "nothing_to_drop");
    same_end(&plain, &json(&["recover", &wal]));
}

#[test]
fn a_record_stands_beside_the_log() {
    let scratch = Scratch::new();
    let (wal, trace, alone) = (scratch.path("wal"), scratch.path("trace"), scratch.path("alone"));
    let settings = ["run", FILE, "--sessions", "40", "--seed", "3"];
    let both = json(&[&settings[..], &["--wal", &wal, "--trace", &trace]].concat());
    same_end(&json(&[&settings[..], &["--trace", &alone]].concat()), &both);
    // The record is as good as one that was written without a log.
    let (one, other) = (json(&["replay", &trace]), json(&["replay", &alone]));
    for name in ["complete", "events", "trace_digest", "state_root"] {
        assert_eq!(one[name], other[name], "{name}");
    }
    assert_eq!(one["complete"], true);
    assert_eq!(json(&["trace", &trace]), json(&["trace", &alone]));
    same_end(&both, &json(&["recover", &wal]));
}

#[test]
fn agreements_are_decided_about() {
    use motet_runtime::log::Files;
    use motet_runtime::semantic::AgreementWalEntry;
    use motet_runtime::{Durable, DurableOptions};
    let scratch = Scratch::new();
    let wal = scratch.path("wal");
    json(&["run", FILE, "--wal", &wal]);
    assert_eq!(json(&["replay", &wal])["found"]["decisions"], serde_json::json!([]));
    let files = std::sync::Arc::new(Files::open(std::path::Path::new(&wal)).unwrap());
    let (mut run, _) = Durable::recover(files, DurableOptions::default()).unwrap();
    for entry in [
        r#"{"kind":"evidence_produced","evidence":{"evidence_id":"e","operation_id":"pay","session":0,"owner_id":null,
            "level":"soft_safe","kind":"witness","reference":"r","authoritative":true},"tick":1}"#,
        r#"{"kind":"escalation","operation_id":"pay","previous_level":"provisional","new_level":"soft_safe",
            "evidence_id":"e","tick":2}"#,
    ] {
        run.agree(&AgreementWalEntry::from_json(entry.as_bytes()).unwrap()).unwrap();
    }
    run.close().unwrap();
    let decisions = &json(&["recover", &wal])["found"]["decisions"];
    assert_eq!(decisions[0]["operation_id"], "pay", "{decisions}");
    assert_eq!(decisions[0]["recovered_level"], "soft_safe", "{decisions}");
    assert_eq!(decisions[0]["action"], "resume_from_evidence_boundary", "{decisions}");
    let said = motet(&["recover", &wal]).out;
    let line = "agreement on pay: level soft_safe, open, gate none: resume_from_evidence_boundary";
    assert!(said.lines().any(|said| said == line), "{said}");
}

#[test]
fn what_is_no_log_is_refused() {
    let scratch = Scratch::new();
    let empty = scratch.path("empty");
    std::fs::create_dir(&empty).unwrap();
    refused(&["recover", &scratch.path("nowhere")], 1, "no_such_log");
    refused(&["recover", &empty], 1, "no_run");
    refused(&["recover", &empty, "--threads", "0"], 2, "bad_count");
    refused(&["compact", &scratch.path("nowhere")], 1, "no_such_log");
}

#[test]
fn rot_stops_with_an_address() {
    let scratch = Scratch::new();
    let wal = scratch.path("wal");
    json(&["run", FILE, "--sessions", "200", "--wal", &wal]);
    let segment = format!("{wal}/segment.000000");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[200] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    let (status, _, error) = answer(&["recover", &wal]);
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!((status, error["error"]["code"].as_str()), (1, Some("corrupt_log")), "{error}");
    assert_eq!(error["error"]["at"]["segment"], 0, "{error}");
}

#[test]
fn a_run_without_effects_makes_checkpoints_by_its_steps() {
    let scratch = Scratch::new();
    let wal = scratch.path("wal");
    let long = ["run", "examples/ticker.tell", "--steps", "2000000"];
    json(&[&long[..], &["--wal", &wal, "--checkpoint-steps", "300000"]].concat());
    let recovered = json(&["recover", &wal]);
    assert!(recovered["found"]["checkpoint"].is_u64(), "{recovered}");
    // What was taken after the last is taken again, not the whole run.
    assert!(recovered["found"]["steps_replayed"].as_u64() < Some(2_000_000), "{recovered}");
    let (status, _, error) = answer(&[&long[..], &["--checkpoint-steps", "9"]].concat());
    assert_eq!((status, error.contains("no_log")), (2, true), "{error}");
}

#[test]
fn killed_runs_end_as_if_they_had_not_been() {
    let scratch = Scratch::new();
    let cases = std::env::var("MOTET_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(20_u64);
    let settings = ["--sessions", "3000", "--seed", "5", "--wave", "8"];
    let whole = json(&[&["run", FILE][..], &settings].concat());
    // How long one takes here and now, to know when to kill the others.
    let began = Instant::now();
    let log = scratch.path("log");
    json(&[&["run", FILE, "--wal", &log, "--checkpoint-records", "20"][..], &settings].concat());
    let takes = began.elapsed().as_micros() as u64;
    let (mut interrupted, mut empty) = (0, 0);
    for case in 0..cases {
        let wal = scratch.path(&format!("wal{case}"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_motet"))
            .args(["run", FILE, "--wal", &wal, "--checkpoint-records", "20", "--json"])
            .args(settings)
            .current_dir(root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From a fifth of it to all of it.
        std::thread::sleep(Duration::from_micros(takes / 5 + takes * 4 / 5 * case / cases));
        interrupted += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // Killed before anything was acknowledged: there is no run, or not all of its sessions.
        let (status, out, error) = answer(&["recover", &wal]);
        match status {
            0 => {
                let recovered: Value = serde_json::from_str(&out).unwrap();
                match recovered["sessions"] == whole["sessions"] {
                    true => same_end(&whole, &recovered),
                    false => empty += 1,
                }
            }
            _ => {
                let error: Value = serde_json::from_str(&error).unwrap();
                let code = error["error"]["code"].as_str().unwrap_or_default();
                assert!(["no_run", "no_such_log", "no_host"].contains(&code), "{error}");
                empty += 1;
            }
        }
        std::fs::remove_dir_all(&wal).ok();
    }
    println!("{cases} runs: {interrupted} were killed on the way, {empty} before their sessions were acknowledged");
}
