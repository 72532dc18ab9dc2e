//! Hosts in other processes: good ones, and every way of being a bad one. `sh` speaks for them, since a host is
//! started by it anyway.

mod common;

use common::{Scratch, check, error_of, json, motet, plain};
use expect_test::expect;
use std::time::{Duration, Instant};

const PING: &str = "examples/ping_pong.tell";

/// A host that answers by the kind of request.
const PLAIN: &str = r#"
while read -r line; do
  case "$line" in
    *'"kind":"send_decision"'*) echo '{"status":"success","response":{"kind":"send_decision","decision":"deliver"}}' ;;
    *'"kind":"receive"'*) echo '{"status":"success","response":{"kind":"receive"}}' ;;
    *'"kind":"choose"'*'"role":"Bob"'*)
      echo '{"status":"success","response":{"kind":"choose","label":"AskCarol"}}' ;;
    *'"kind":"choose"'*) echo '{"status":"success","response":{"kind":"choose","label":"Refuse"}}' ;;
  esac
done
"#;

#[test]
fn a_host_decides() {
    let scratch = Scratch::new();
    let host = format!("exec:sh {}", scratch.file("host.sh", PLAIN));
    let trace = scratch.path("three.trc");
    let args = ["run", "examples/three_buyer.tell", "--host", &host, "--trace", &trace];
    let summary = json(&args);
    assert_eq!(summary["status"], "completed");
    let events = json(&["trace", &trace]);
    let labels: Vec<&str> = events.as_array().unwrap().iter().filter_map(|event| event["label"].as_str()).collect();
    assert!(labels.contains(&"AskCarol") && labels.contains(&"Refuse"), "{labels:?}");
    // The replay needs no host.
    std::fs::remove_file(scratch.path("host.sh")).unwrap();
    assert_eq!(json(&["replay", &trace])["equal"], true);
}

#[test]
fn requests_hold_names() {
    let scratch = Scratch::new();
    let seen = scratch.path("seen");
    let host = scratch.file("host.sh", format!("tee {seen} | sh {}", scratch.file("plain.sh", PLAIN)));
    let said = motet(&["run", "examples/three_buyer.tell", "--host", &format!("exec:sh {host}"), "--host-receives"]);
    assert_eq!(said.status, 0, "{}", said.err);
    let text = std::fs::read_to_string(&seen).unwrap();
    let requests: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = requests.iter().map(|request| request["body"]["kind"].as_str().unwrap()).collect();
    for kind in ["send_decision", "receive", "choose"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let choose = requests.iter().find(|request| request["body"]["kind"] == "choose").unwrap();
    assert_eq!(choose["body"]["labels"], serde_json::json!(["Accept", "AskCarol"]));
    assert_eq!(choose["metadata"]["operation_name"], "handleChoose");
    let ids: std::collections::BTreeSet<&str> =
        requests.iter().map(|request| request["effect_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), requests.len(), "no two effects share an id");
    let mut first = requests[0].clone();
    first["effect_id"] = "ID".into();
    expect![[""]].assert_eq(&format!("{first:#}"));
}

#[test]
fn one_process_serves_all_sessions() {
    let scratch = Scratch::new();
    let starts = scratch.path("starts");
    let host = scratch.file("host.sh", format!("echo started >> {starts}\n{PLAIN}"));
    let summary = json(&["run", PING, "--sessions", "50", "--host", &format!("exec:sh {host}")]);
    assert_eq!((&summary["status"], &summary["messages"]), (&"completed".into(), &100.into()));
    assert_eq!(std::fs::read_to_string(&starts).unwrap().lines().count(), 1);
}

/// Status, code and message when this script is the host.
fn fails(script: &str) -> String {
    let scratch = Scratch::new();
    let host = format!("exec:sh {}", scratch.file("host.sh", script));
    let begun = Instant::now();
    let said = motet(&["run", PING, "--host", &host, "--host-deadline", "300", "--json"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "the deadline holds");
    let summary: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let (code, error) = error_of(&said);
    assert_eq!(summary["status"], "host_failed");
    assert_eq!(summary["host_error"]["code"], code);
    format!("{} {code}: {}\n", said.status, plain(error["message"].as_str().unwrap()))
}

fn answers(line: &str) -> String {
    fails(&format!("while read -r request; do cat <<'END'\n{line}\nEND\ndone\n"))
}

#[test]
fn hosts_that_die_or_are_silent() {
    let mut all = String::new();
    all += &fails("exit 3");
    all += &fails("read -r line; kill -9 $$");
    all += &fails("read -r line; printf '{\"status\":'; exit 0");
    all += &fails("read -r line; exec >&-; sleep 60");
    all += &fails("sleep 60");
    all += &fails("while read -r line; do :; done");
    // It leaves somebody behind who holds the pipe.
    all += &fails("sleep 60 & sleep 60");
    expect![[""]].assert_eq(&all);
}

#[test]
fn hosts_that_talk_too_much() {
    let mut all = String::new();
    all += &fails("head -c 1048577 /dev/zero | tr '\\0' x; sleep 60");
    all += &fails("tr '\\0' x < /dev/zero");
    all += &fails("read -r line; printf 'one\\ntwo\\n'; sleep 60");
    all += &fails("read -r line; printf '\\377\\n'");
    expect![[""]].assert_eq(&all);
}

#[test]
fn answers_that_are_none() {
    let mut all = String::new();
    for line in [
        "",
        "hello",
        "[]",
        "{}",
        r#"{"status":"done"}"#,
        r#"{"status":"success"}"#,
        r#"{"status":"success","response":{"kind":"choose","label":"Ping"}}"#,
        r#"{"status":"success","response":{"kind":"send_decision"}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"perhaps"}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"drop","payload":1}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver","label":"Ping"}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver","payload":"seven"}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver","payload":-1}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver","payload":1.5}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver"},"status":"success"}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver"},"note":1}"#,
        r#"{"status":"blocked","response":{"kind":"send_decision","decision":"deliver"}}"#,
        r#"{"status":"failure"}"#,
        r#"{"status":"failure","failure":{"kind":"tired","message":"x"}}"#,
        r#"{"status":"failure","failure":{"kind":"denied"}}"#,
        r#"{"status":"success","effect_id":"00","response":{"kind":"send_decision","decision":"deliver"}}"#,
        r#"{"status":"success","schema_version":"motet_host.v9","response":{"kind":"send_decision","decision":"deliver"}}"#,
        r#"{"status":"success","response":{"kind":"send_decision","decision":"deliver"}} trailing"#,
    ] {
        all += &answers(line);
    }
    expect![[""]].assert_eq(&all);
}

#[test]
fn a_host_may_refuse() {
    let scratch = Scratch::new();
    let host = scratch.file(
        "host.sh",
        r#"while read -r line; do echo '{"status":"failure","failure":{"kind":"denied","message":"not today"}}'; done"#,
    );
    // The host works; the run faults.
    expect![[""]].assert_eq(&check(&["run", PING, "--host", &format!("exec:sh {host}")]));
}

#[test]
fn nothing_is_left_behind() {
    let scratch = Scratch::new();
    let alive = scratch.path("alive");
    let host = scratch.file("host.sh", format!("(while :; do date > {alive}; sleep 0.05; done) & sleep 60"));
    let said = motet(&["run", PING, "--host", &format!("exec:sh {host}"), "--host-deadline", "300"]);
    assert_eq!(said.status, 3);
    let seen = || std::fs::metadata(&alive).unwrap().modified().unwrap();
    let before = seen();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(before, seen(), "what the host started has ended with it");
}

#[test]
fn the_example_of_the_page() {
    let page = std::fs::read_to_string(common::root().join("docs/host.md")).unwrap();
    let code = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scratch = Scratch::new();
    let host = scratch.file("host.py", code);
    if std::env::var_os("MOTET_WITHOUT_PYTHON").is_some() {
        return;
    }
    let python = std::process::Command::new("python3").arg("--version").output();
    assert!(python.is_ok(), "this test needs python3; set MOTET_WITHOUT_PYTHON=1 to leave it out");
    let host = format!("exec:python3 {host}");
    let summary = json(&["run", "examples/three_buyer.tell", "--host", &host]);
    assert_eq!(summary["status"], "completed", "{summary}");
    let summary = json(&["run", "examples/meal_service.tell", "--steps", "500", "--host", &host, "--host-receives"]);
    assert!(matches!(summary["status"].as_str(), Some("completed" | "max_steps")), "{summary}");
}
