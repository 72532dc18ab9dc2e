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
