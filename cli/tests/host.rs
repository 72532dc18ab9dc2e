//! Hosts in other processes: good ones, and every way of being a bad one. `sh` speaks for them, since a host is
//! started by it anyway.

mod common;

use common::{Scratch, check, error_of, json, motet, plain};
use expect_test::expect;
use motet_choreo::{EmitOptions, Source, compile_with, load};
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
    expect![[r#"
        {
          "body": {
            "kind": "send_decision",
            "label": "Title",
            "partner": "Seller",
            "payload": "",
            "role": "Alice",
            "sort": "string",
            "state": [
              {
                "role": "Alice",
                "session": 0
              },
              "",
              null,
              0
            ]
          },
          "effect_id": "ID",
          "metadata": {
            "admissibility": "declared_use_only",
            "agreement_use": "forbidden",
            "authority_class": "command",
            "handler_domain": "external",
            "interface_name": "Transport",
            "operation_name": "sendDecision",
            "reentrancy_policy": "allow",
            "region_scope": "session",
            "retry_shape": "forbidden",
            "semantic_class": "best_effort",
            "timeout_policy": "none",
            "totality": "immediate"
          },
          "operation_id": "0/0/0",
          "schema_version": "motet_host.v1",
          "session": 0,
          "tick": 0
        }"#]]
    .assert_eq(&format!("{first:#}"));
}

#[test]
fn one_process_serves_all_sessions() {
    let scratch = Scratch::new();
    let starts = scratch.path("starts");
    let host = scratch.file("host.sh", format!("echo started >> {starts}\n{PLAIN}"));
    let host = format!("exec:sh {host}");
    for (runs, threads) in ["1", "4"].into_iter().enumerate() {
        let summary = json(&["run", PING, "--sessions", "500", "--threads", threads, "--host", &host]);
        assert_eq!((&summary["status"], &summary["messages"]), (&"completed".into(), &1000.into()));
        assert_eq!(std::fs::read_to_string(&starts).unwrap().lines().count(), runs + 1);
    }
}

/// Status, code and message when this script is the host.
fn fails(script: &str) -> String {
    let scratch = Scratch::new();
    // Without `exec` some shells stay around and hold the pipe.
    let host = format!("exec:exec sh {}", scratch.file("host.sh", script));
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
    expect![[r#"
        3 host_died: the host `exec sh $TMP:host.sh` ended without an answer (exit status: 3), when asked for a decision about Ping from Alice to Bob in session 0
        3 host_died: the host `exec sh $TMP:host.sh` ended without an answer (signal: 9 (SIGKILL)), when asked for a decision about Ping from Alice to Bob in session 0
        3 host_died: the host `exec sh $TMP:host.sh` ended without an answer (exit status: 0), when asked for a decision about Ping from Alice to Bob in session 0
        3 host_died: the host `exec sh $TMP:host.sh` ended without an answer (it closed its output), when asked for a decision about Ping from Alice to Bob in session 0
        3 host_silent: the host `exec sh $TMP:host.sh` did not answer within 300 ms, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_silent: the host `exec sh $TMP:host.sh` did not answer within 300 ms, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_silent: the host `exec sh $TMP:host.sh` did not answer within 300 ms, when asked for a decision about Ping from Alice to Bob in session 0
    "#]].assert_eq(&all);
}

#[test]
fn hosts_that_talk_too_much() {
    let mut all = String::new();
    all += &fails("head -c 1048577 /dev/zero | tr '\\0' x; sleep 60");
    all += &fails("tr '\\0' x < /dev/zero");
    all += &fails("read -r line; printf 'one\\ntwo\\n'; sleep 60");
    all += &fails("read -r line; printf '\\377\\n'");
    expect![[r#"
        3 host_flood: the host `exec sh $TMP:host.sh` wrote a line of more than 1048576 bytes, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_flood: the host `exec sh $TMP:host.sh` wrote a line of more than 1048576 bytes, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` wrote more than one line: `two`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` wrote a line that is not UTF-8, from byte 0 on, when asked for a decision about Ping from Alice to Bob in session 0
    "#]].assert_eq(&all);
}

#[test]
fn answers_that_are_none() {
    let mut all = String::new();
    for line in [
        "",
        "hello",
        "[]",
        "{}",
        r#"[null,null,"success",null,null]"#,
        r#"{"status":"success","response":["send_decision","deliver"]}"#,
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
    expect![[r#"
        3 host_garbage: the host `exec sh $TMP:host.sh` answered ``: the outcome is not what it should be: EOF while parsing a value at line 1 column 0, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `hello`: the outcome is not what it should be: expected value at line 1 column 1, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `[]`: the outcome is not what it should be: invalid type: sequence, expected an object at line 1 column 0, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{}`: the outcome is not what it should be: missing field `status` at line 1 column 2, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `[null,null,"success",null,null]`: the outcome is not what it should be: invalid type: sequence, expected an object at line 1 column 0, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":["send_decision","deliver"]}`: the outcome is not what it should be: invalid type: sequence, expected an object at line 1 column 31, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"done"}`: `status` is `done`; it must be one of `success`, `failure`, `blocked`, `pending`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success"}`: the outcome has no `response`; it must hold an object of kind `send_decision`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"choose","label":"Pin…`: `response.kind` is `choose`; it must be `send_decision`, as in the request, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision"}}`: the outcome has no `response.decision`; it must hold one of `deliver`, `drop`, `defer`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: `response.decision` is `perhaps`; it must be one of `deliver`, `drop`, `defer`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: `response.payload` does not belong into this outcome: only the decision `deliver` has one, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: `response.label` does not belong into this outcome: only `choose` has one, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: `response.payload` must be nat, not "seven", when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: `response.payload` must be nat, not -1, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: `response.payload` must be nat, not 1.5, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: the outcome is not what it should be: duplicate field `status` at line 1 column 85, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: the outcome is not what it should be: unknown field `note`, expected one of `schema_version`, `effect_id`, `status`, `response`, `failure` at line 1 column 83, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"blocked","response":{"kind":"send_decision","deci…`: `response` does not belong into this outcome: only the status `success` has one, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"failure"}`: the outcome has no `failure`; it must hold an object with `kind` and `message`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"failure","failure":{"kind":"tired","message":"x"}…`: `failure.kind` is `tired`; it must be one of `denied`, `timeout`, `cancelled`, `stale_authority`, `invalid_evidence`, `unavailable`, `invalid_input`, `determinism`, `topology_disruption`, `contract_violation`, `unknown`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"failure","failure":{"kind":"denied"}}`: the outcome is not what it should be: missing field `message` at line 1 column 47, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","effect_id":"00","response":{"kind":"sen…`: `effect_id` is `00`; it must be `DIGEST`, the id of the request that is open, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","schema_version":"motet_host.v9","respon…`: `schema_version` is `motet_host.v9`; it must be `motet_host.v1`, when asked for a decision about Ping from Alice to Bob in session 0
        3 host_garbage: the host `exec sh $TMP:host.sh` answered `{"status":"success","response":{"kind":"send_decision","deci…`: the outcome is not what it should be: trailing characters at line 1 column 79, when asked for a decision about Ping from Alice to Bob in session 0
    "#]].assert_eq(&all);
}

#[test]
fn a_host_may_refuse() {
    let scratch = Scratch::new();
    let host = scratch.file(
        "host.sh",
        r#"while read -r line; do echo '{"status":"failure","failure":{"kind":"denied","message":"not today"}}'; done"#,
    );
    // The host works; the run faults.
    expect![[r#"
        exit 3
        PingPong: faulted with 1 session, 0 messages, 2 steps in N
        fault in session0, role Alice, line 4: the host's answer to send_decision was refused: Denied: not today
        trace digest DIGEST
        state root   DIGEST
        --- error
        error[faulted]: 1 session faulted; the first is session0, role Alice: the host's answer to send_decision was refused: Denied: not today
    "#]].assert_eq(&check(&["run", PING, "--host", &format!("exec:sh {host}")]));
}

/// An image whose every message is followed by an effect that may block.
fn hooked(scratch: &Scratch) -> String {
    let source = Source::from_text("p.tell", "protocol P =\n  roles A, B\n  A -> B : Ping(Nat)\n").unwrap();
    let mut parts = compile_with(&load(&source).unwrap(), EmitOptions { step_hooks: true }).unwrap();
    parts.effects.iter_mut().for_each(|effect| effect.may_block = true);
    scratch.file("hooked.img", parts.to_bytes())
}

#[test]
fn a_host_may_take_its_time() {
    let scratch = Scratch::new();
    let image = hooked(&scratch);
    let answer = r#"echo '{"status":"success","response":{"kind":"invoke_step","answer":null}}'"#;
    let deliver = r#"echo '{"status":"success","response":{"kind":"send_decision","decision":"deliver"}}'"#;
    let script = |invoke: &str| {
        let cases = format!(r#"case "$line" in *'"kind":"invoke_step"'*) {invoke} ;; *) {deliver} ;; esac"#);
        format!("n=0; while read -r line; do {cases}; done")
    };
    // Two times out of three it is not ready.
    let blocks = r#"echo '{"status":"blocked"}'"#;
    let slow = script(&format!("n=$((n+1)); if [ $((n % 3)) = 0 ]; then {answer}; else {blocks}; fi"));
    let host = format!("exec:sh {}", scratch.file("slow.sh", slow));
    let trace = scratch.path("slow.trc");
    let summary = json(&["run", &image, "--host", &host, "--trace", &trace]);
    assert_eq!((&summary["status"], &summary["messages"]), (&"completed".into(), &1.into()));
    assert_eq!(json(&["replay", &trace])["equal"], true);
    // It never is, or promises an answer that nobody can hand in: the run ends when its patience does.
    for answer in [blocks, r#"echo '{"status":"pending"}'"#] {
        let host = format!("exec:sh {}", scratch.file("never.sh", script(answer)));
        let begun = Instant::now();
        let said = motet(&["run", &image, "--host", &host, "--host-deadline", "300", "--json"]);
        assert!(begun.elapsed() < Duration::from_secs(20));
        let (code, _) = error_of(&said);
        assert_eq!((said.status, code.as_str()), (3, "waiting"));
        let summary: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(summary["status"], "waiting");
    }
    // Where effects have a budget, the run waits for that and no longer, and a replay needs no clock.
    let config = scratch.file("budget.toml", "config_schema_version = 1\n[machine]\neffect_budget = 3\n");
    for answer in [blocks, r#"echo '{"status":"pending"}'"#] {
        let host = format!("exec:sh {}", scratch.file("never.sh", script(answer)));
        let trace = scratch.path("over.trc");
        let said = motet(&["run", &image, "--config", &config, "--host", &host, "--trace", &trace, "--json"]);
        let (code, told) = error_of(&said);
        assert_eq!((said.status, code.as_str()), (3, "faulted"), "{told}");
        let told = told["message"].as_str().unwrap_or_default();
        assert!(told.contains("no answer within its budget of 3 ticks"), "{told}");
        assert_eq!(json(&["replay", &trace])["equal"], true);
    }
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
