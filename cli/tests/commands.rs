//! Every command on the examples: what it says to people, and to tools.

mod common;

use common::{EXAMPLES, Scratch, check, example, json, motet};
use expect_test::{Expect, expect};

fn says(args: &[&str], expected: Expect) {
    expected.assert_eq(&check(args));
}

#[test]
fn check_text() {
    says(&["check", "examples/three_buyer.tell"], expect![[""]]);
    says(&["check", "examples/ping_pong.tell", "--json"], expect![[""]]);
}

#[test]
fn project_text() {
    says(&["project", "examples/three_buyer.tell"], expect![[""]]);
    says(&["project", "examples/two_phase_commit.tell", "--role", "Participant[1]"], expect![[""]]);
    says(&["project", "examples/ping_pong.tell", "--json"], expect![[""]]);
    says(&["project", "examples/ticker.tell", "--role", "Feed", "--json"], expect![[""]]);
}

#[test]
fn compile_and_inspect() {
    let scratch = Scratch::new();
    let image = scratch.path("ping.img");
    says(&["compile", "examples/ping_pong.tell", "-o", &image], expect![[""]]);
    says(&["inspect", &image], expect![[""]]);
    let seen = json(&["inspect", &image]);
    let source = json(&["inspect", "examples/ping_pong.tell"]);
    assert_eq!(seen, source, "an image is what its source compiles to");
    assert_eq!(seen["roles"][0]["name"], "Alice");
    assert_eq!(seen["labels"][0]["name"], "Ping");
    assert!(seen["roles"][0]["code"].as_array().unwrap().len() > 2);
    let compiled = json(&["compile", "examples/ping_pong.tell", "-o", &image]);
    assert_eq!(compiled["digest"], seen["digest"]);
    assert_eq!(compiled["bytes"].as_u64().unwrap(), std::fs::metadata(&image).unwrap().len());
}

#[test]
fn run_draws() {
    says(&["run", "examples/ping_pong.tell", "--draw"], expect![[""]]);
    says(&["run", "examples/three_buyer.tell", "--draw", "--choose", "Bob=AskCarol,Carol=Refuse"], expect![[""]]);
    says(&["run", "examples/ping_pong.tell", "--draw", "--sessions", "2"], expect![[""]]);
    // More sessions, and more messages, than are drawn.
    says(&["run", "examples/ping_pong.tell", "--draw", "--sessions", "100"], expect![[""]]);
    let ticker = check(&["run", "examples/ticker.tell", "--draw", "--steps", "10000"]);
    assert!(ticker.lines().count() < 80, "{ticker}");
    assert!(ticker.contains("more messages, not drawn"), "{ticker}");
    // Sixteen columns do not fit: lines instead.
    assert!(check(&["run", "examples/token_ring.tell", "--draw"]).contains("Station[15] ──▶ Station[0]   Token"));
    // Nobody looks, or nobody wants to.
    says(&["run", "examples/ping_pong.tell"], expect![[""]]);
    says(&["run", "examples/ping_pong.tell", "--draw", "--quiet"], expect![[""]]);
}

#[test]
fn a_cut_run_draws_what_was_not_received() {
    says(&["run", "examples/ping_pong.tell", "--draw", "--steps", "4", "--fuel", "1"], expect![[""]]);
}

#[test]
fn run_json() {
    says(&["run", "examples/ping_pong.tell", "--json"], expect![[""]]);
    let summary = json(&["run", "examples/three_buyer.tell", "--sessions", "1000"]);
    let wanted = ["status", "sessions", "steps", "messages", "wall_s", "trace_digest", "state_root", "threads"];
    wanted.iter().chain(&["dropped", "faults"]).for_each(|key| assert!(!summary[key].is_null(), "{key}: {summary}"));
    assert_eq!((&summary["status"], &summary["sessions"]), (&"completed".into(), &1000.into()));
}

#[test]
fn print_config() {
    says(
        &["run", "examples/ping_pong.tell", "--print-config", "--json", "--policy", "priority", "--wave", "3"],
        expect![[""]],
    );
    says(&["run", "examples/ping_pong.tell", "--print-config", "--host", "exec:true"], expect![[""]]);
}

#[test]
fn every_example_runs_replays_and_has_its_trace() {
    let scratch = Scratch::new();
    for name in EXAMPLES {
        let trace = scratch.path(&format!("{name}.trc"));
        let summary = json(&["run", &example(name), "--steps", "3000", "--sessions", "3", "--trace", &trace]);
        let expected = if name == "ticker" { "max_steps" } else { "completed" };
        assert_eq!(summary["status"], expected, "{name}");
        let replayed = json(&["replay", &trace]);
        assert_eq!(replayed["equal"], true, "{name}");
        for key in ["trace_digest", "state_root", "steps", "messages", "sessions", "status"] {
            assert_eq!(replayed[key], summary[key], "{name}: {key}");
        }
        let events = json(&["trace", &trace]);
        let events = events.as_array().unwrap();
        assert_eq!(replayed["events"], events.len(), "{name}");
        assert!(events.iter().all(|event| event["schema_version"] == "lean_bridge.v1"), "{name}");
        let received = events.iter().filter(|event| event["kind"] == "received").count();
        assert_eq!(summary["messages"], received, "{name}");
        let one = json(&["trace", &trace, "--session", "1"]);
        assert!(one.as_array().unwrap().iter().all(|event| event["session"] == 1), "{name}");
        let text = motet(&["trace", &trace]);
        assert_eq!(text.out.lines().count(), events.len() + 1, "{name}");
        assert_eq!(json(&["diff", &trace, &trace])["equal"], true, "{name}");
        let until = json(&["replay", &trace, "--until", "5"]);
        assert_eq!((&until["equal"], &until["complete"], &until["steps"]), (&true.into(), &false.into(), &5.into()));
    }
}

#[test]
fn every_policy_does_the_same() {
    let scratch = Scratch::new();
    let first = scratch.path("first.trc");
    motet(&["run", "examples/meal_service.tell", "--sessions", "20", "--seed", "7", "--trace", &first]);
    let policies = ["cooperative", "round-robin", "priority", "progress-aware", "random"];
    for (at, policy) in policies.into_iter().enumerate() {
        for (wave, fuel) in [("1", "1"), ("3", "5"), ("256", "256")] {
            let other = scratch.path(&format!("{at}.trc"));
            let args = ["run", "examples/meal_service.tell", "--sessions", "20", "--seed", "7", "--trace", &other];
            let said = motet(&[&args[..], &["--policy", policy, "--wave", wave, "--fuel", fuel]].concat());
            assert_eq!(said.status, 0, "{}", said.err);
            assert_eq!(json(&["diff", &first, &other])["equal"], true, "{policy} {wave} {fuel}");
        }
    }
}

#[test]
fn trace_text() {
    let scratch = Scratch::new();
    let trace = scratch.path("ping.trc");
    motet(&["run", "examples/ping_pong.tell", "--trace", &trace]);
    says(&["trace", &trace], expect![[""]]);
    says(&["trace", &trace, "--json"], expect![[""]]);
    says(&["replay", &trace], expect![[""]]);
    says(&["replay", &trace, "--until", "3"], expect![[""]]);
    says(&["replay", &trace, "--json"], expect![[""]]);
}

#[test]
fn diff_shows_both_sides() {
    let scratch = Scratch::new();
    let run = |name: &str, choices: &str| {
        let trace = scratch.path(name);
        motet(&["run", "examples/three_buyer.tell", "--choose", choices, "--trace", &trace]);
        trace
    };
    let (helped, refused) = (run("a.trc", "Bob=AskCarol,Carol=Help"), run("b.trc", "Bob=AskCarol,Carol=Refuse"));
    says(&["diff", &helped, &refused], expect![[""]]);
    says(&["diff", &helped, &refused, "--json"], expect![[""]]);
}

#[test]
fn versions_of_a_protocol_are_compared_by_name() {
    let scratch = Scratch::new();
    let run = |name: &str, text: &str| {
        let (file, trace) = (scratch.file(&format!("{name}.tell"), text), scratch.path(&format!("{name}.trc")));
        let said = motet(&["run", &file, "--trace", &trace]);
        assert_eq!(said.status, 0, "{}", said.err);
        trace
    };
    let old = run("old", "protocol P =\n  roles A, B\n  A -> B : One\n  A -> B : Two\n");
    // The same messages under other numbers.
    let same = run("same", "protocol P =\n  roles B, A\n  A -> B : One\n  A -> B : Two\n");
    let new = run("new", "protocol P =\n  roles A, B\n  A -> B : One\n  A -> B : Three\n");
    let said = motet(&["diff", &old, &new]);
    assert_eq!(said.status, 3);
    assert!(said.err.contains("has `sent A -> B Two`") && said.err.contains("has `sent A -> B Three`"), "{}", said.err);
    let said = motet(&["diff", &old, &same]);
    assert!(!said.err.contains("One") && !said.err.contains("Two"), "messages are equal: {}", said.err);
}

#[test]
fn bench_has_the_workloads() {
    let table = json(&["bench", "ping_pong", "--size", "1000"]);
    let row = &table["results"][0];
    for key in ["name", "workers", "messages", "wall_s", "ns_per_message"] {
        assert!(!row[key].is_null(), "{key}: {table}");
    }
    let all = json(&["bench", "--size", "200"]);
    let names: Vec<&str> = all["results"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    for name in ["ping_pong", "ring64", "many_sessions", "many_shuffled", "choice", "churn", "fan"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(motet(&["bench", "ping_pong", "--size", "1000"]).out.lines().count(), 2);
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [&["--help"][..], &["run", "--help"], &["--version"], &["help", "check"]] {
        let said = motet(args);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{args:?}");
        assert!(!said.out.is_empty(), "{args:?}");
    }
}
