//! Every command on the examples: what it says to people, and to tools.

mod common;

use common::{EXAMPLES, Scratch, check, example, json, motet};
use expect_test::{Expect, expect};

fn says(args: &[&str], expected: Expect) {
    expected.assert_eq(&check(args));
}

#[test]
fn check_text() {
    says(
        &["check", "examples/three_buyer.tell"],
        expect![[r#"
        exit 0
        examples/three_buyer.tell: ThreeBuyer is machine executable
        17 messages under 13 labels on 9 edges
        role    states   sends  receives  choices
        Alice        6       2         3        0
        Bob         10       4         4        1
        Carol        5       2         1        1
        Seller       6       3         2        0
    "#]],
    );
    says(
        &["check", "examples/ping_pong.tell", "--json"],
        expect![[r#"
        exit 0
        {"edges":2,"file":"examples/ping_pong.tell","image_digest":"DIGEST","labels":2,"messages":2,"protocol":"PingPong","roles":[{"choices":0,"name":"Alice","receives":1,"sends":1,"states":3},{"choices":0,"name":"Bob","receives":1,"sends":1,"states":3}],"tier":"machine_executable"}
    "#]],
    );
}

#[test]
fn project_text() {
    says(
        &["project", "examples/three_buyer.tell"],
        expect![[r#"
        exit 0
        Alice: !Seller:Title(string).?Seller:Quote(nat).!Bob:Share(nat).?Bob{Accept.end, AskCarol.?Carol{Help.end, Refuse.end}}
        Bob: ?Seller:Quote(nat).?Alice:Share(nat).!Alice{Accept.!Carol:NotNeeded.!Seller:Order(string).?Seller:Date(string).end, AskCarol.!Carol:Missing(nat).?Carol{Help(nat).!Seller:Order(string).?Seller:Date(string).end, Refuse.!Seller:Withdraw.end}}
        Carol: ?Bob{Missing(nat).!Bob{Help(nat).!Alice:Help.end, Refuse.!Alice:Refuse.end}, NotNeeded.end}
        Seller: ?Alice:Title(string).!Alice:Quote(nat).!Bob:Quote(nat).?Bob{Order(string).!Bob:Date(string).end, Withdraw.end}
    "#]],
    );
    says(
        &["project", "examples/two_phase_commit.tell", "--role", "Participant[1]"],
        expect![[r#"
        exit 0
        Participant[1]: ?Coordinator:Prepare(string).!Coordinator{Yes.?Coordinator{Abort.!Coordinator:Undone.end, Commit.!Coordinator:Done.end}, No(string).?Coordinator:Abort.!Coordinator:Undone.end}
    "#]],
    );
    says(
        &["project", "examples/ping_pong.tell", "--json"],
        expect![[r#"
        exit 0
        {"Alice":{"kind":"send","partner":"Bob","branches":[{"label":{"name":"Ping","sort":"nat"},"continuation":{"kind":"recv","partner":"Bob","branches":[{"label":{"name":"Pong","sort":"nat"},"continuation":{"kind":"end"}}]}}]},"Bob":{"kind":"recv","partner":"Alice","branches":[{"label":{"name":"Ping","sort":"nat"},"continuation":{"kind":"send","partner":"Alice","branches":[{"label":{"name":"Pong","sort":"nat"},"continuation":{"kind":"end"}}]}}]}}
    "#]],
    );
    says(
        &["project", "examples/ticker.tell", "--role", "Feed", "--json"],
        expect![[r#"
        exit 0
        {"Feed":{"kind":"rec","var":"loop$0","body":{"kind":"send","partner":"Desk","branches":[{"label":{"name":"Price","sort":{"prod":["string","real"]}},"continuation":{"kind":"recv","partner":"Desk","branches":[{"label":{"name":"Next","sort":"unit"},"continuation":{"kind":"var","name":"loop$0"}}]}}]}}}
    "#]],
    );
}

#[test]
fn compile_and_inspect() {
    let scratch = Scratch::new();
    let image = scratch.path("ping.img");
    says(
        &["compile", "examples/ping_pong.tell", "-o", &image],
        expect![[r#"
        exit 0
        $TMP:ping.img: PingPong, 2 roles, 8 instructions, 608 bytes
        digest DIGEST
    "#]],
    );
    says(
        &["inspect", &image],
        expect![[r#"
        exit 0
        PingPong, image format 2
        digest DIGEST
        labels
          0: Ping : nat
          1: Pong : nat
        edges
          0: Alice -> Bob
          1: Bob -> Alice
        constants
          0: 0 : nat

        role Alice, 2 registers, starts in state 0
          0: send Alice -> Bob {Ping => 1}
          1: receive Bob -> Alice {Pong => 2}
          2: end
              0  line 4    Set dst=r1, constant=0 ; 0 : nat
              1  line 4    Send chan=r0, val=r1
              2  line 5    Receive chan=r0, dst=r1
              3  line 5    Halt

        role Bob, 2 registers, starts in state 3
          3: receive Alice -> Bob {Ping => 4}
          4: send Bob -> Alice {Pong => 5}
          5: end
              4  line 4    Set dst=r1, constant=0 ; 0 : nat
              5  line 4    Receive chan=r0, dst=r1
              6  line 5    Send chan=r0, val=r1
              7  line 5    Halt
    "#]],
    );
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
    says(
        &["run", "examples/ping_pong.tell", "--draw"],
        expect![[r#"
        exit 0
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│

        PingPong: completed with 1 session, 2 messages, 9 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
    says(
        &["run", "examples/three_buyer.tell", "--draw", "--choose", "Bob=AskCarol,Carol=Refuse"],
        expect![[r#"
        exit 0
          Alice           Bob           Carol         Seller
            │───────────────────Title───────────────────▶│
            │◀──────────────────Quote────────────────────│
            │              │◀───────────Quote────────────│
            │────Share────▶│              │              │
            │◀──AskCarol───│              │              │
            │              │───Missing───▶│              │
            │              │◀───Refuse────│              │
            │◀──────────Refuse────────────│              │
            │              │──────────Withdraw──────────▶│

        ThreeBuyer: completed with 1 session, 9 messages, 37 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
    says(
        &["run", "examples/ping_pong.tell", "--draw", "--sessions", "2"],
        expect![[r#"
        exit 0
        session0
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│
        session1
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│

        PingPong: completed with 2 sessions, 4 messages, 18 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
    // More sessions, and more messages, than are drawn.
    says(
        &["run", "examples/ping_pong.tell", "--draw", "--sessions", "100"],
        expect![[r#"
        exit 0
        session0
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│
        session1
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│
        session2
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│
        session3
          Alice      Bob
            │──Ping──▶│
            │◀─Pong───│
        … and 192 more messages, not drawn

        PingPong: completed with 100 sessions, 200 messages, 900 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
    let ticker = check(&["run", "examples/ticker.tell", "--draw", "--steps", "10000"]);
    assert!(ticker.lines().count() < 80, "{ticker}");
    assert!(ticker.contains("more messages, not drawn"), "{ticker}");
    // Sixteen columns do not fit: lines instead.
    assert!(check(&["run", "examples/token_ring.tell", "--draw"]).contains("Station[15] ──▶ Station[0]   Token"));
    // Nobody looks, or nobody wants to.
    says(
        &["run", "examples/ping_pong.tell"],
        expect![[r#"
        exit 0
        PingPong: completed with 1 session, 2 messages, 9 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
    says(
        &["run", "examples/ping_pong.tell", "--draw", "--quiet"],
        expect![[r#"
        exit 0
        PingPong: completed with 1 session, 2 messages, 9 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
}

#[test]
fn a_cut_run_draws_what_was_not_received() {
    says(
        &["run", "examples/ping_pong.tell", "--draw", "--steps", "4", "--fuel", "1"],
        expect![[r#"
        exit 0
          Alice      Bob
            │──Ping──▶│  (not received)

        PingPong: max_steps with 1 session, 0 messages, 4 steps in N
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
}

#[test]
fn run_json() {
    says(
        &["run", "examples/ping_pong.tell", "--json"],
        expect![[r#"
            exit 0
            {"bursts":1,"cancelled":0,"closed":1,"contention":{"cross_lane_transfer_count":0,"handoff_applied_count":0,"lock_contention_events":0,"max_ready_queue_depth":1,"max_wave_width":1,"mutex_lock_contention_events":0,"parks":0,"planner_conflict_events":0,"ready_depth":0,"shared_chunks":0,"steals":0,"wakes":0},"dropped":0,"faulted":0,"faults":[],"image_digest":"DIGEST","messages":2,"protocol":"PingPong","sessions":1,"state_root":"DIGEST","status":"completed","steps":N,"threads":1,"trace_digest":"DIGEST","wall_s":N,"waves":1}
        "#]],
    );
    let summary = json(&["run", "examples/three_buyer.tell", "--sessions", "1000"]);
    let wanted = ["status", "sessions", "steps", "messages", "wall_s", "trace_digest", "state_root", "threads"];
    wanted.iter().chain(&["dropped", "faults"]).for_each(|key| assert!(!summary[key].is_null(), "{key}: {summary}"));
    assert_eq!((&summary["status"], &summary["sessions"]), (&"completed".into(), &1000.into()));
}

#[test]
fn contention_is_told() {
    let run = |more: &[&str]| {
        let args = ["run", "examples/two_phase_commit.tell", "--sessions", "500", "--wave", "20", "--fuel", "7"];
        let mut summary = json(&[&args[..], more].concat());
        summary["contention"].take()
    };
    let one = run(&["--window", "1"]);
    for (name, value) in [("max_ready_queue_depth", 500), ("max_wave_width", 20), ("ready_depth", 0), ("steals", 0)] {
        assert_eq!(one[name], value, "{name}: {one}");
    }
    assert_eq!(one["planner_conflict_events"], 0, "{one}");
    // What two threads meet is theirs; what was ready and how wide waves were is the schedule's.
    let two = run(&["--window", "4", "--turn", "7", "--threads", "2"]);
    assert_eq!((&two["max_wave_width"], &two["ready_depth"]), (&20.into(), &0.into()), "{two}");
    let names = ["lock_contention_events", "mutex_lock_contention_events", "cross_lane_transfer_count"];
    for name in names.iter().chain(&["handoff_applied_count", "shared_chunks", "steals", "parks", "wakes"]) {
        assert!(two[*name].is_u64(), "{name}: {two}");
    }
}

#[test]
fn print_config() {
    says(
        &[
            "run",
            "examples/ping_pong.tell",
            "--print-config",
            "--json",
            "--policy",
            "priority",
            "--wave",
            "3",
            "--window",
            "5",
        ],
        expect![[r#"
            exit 0
            {"config_schema_version":1,"host":{"choose":[],"kind":"seeded","seed":0},"machine":{"authentication":"none","buffer":{"capacity":64,"mode":"fifo","policy":"block"},"cancellation":"fine","communication_replay_mode":"off","credits":null,"digest_waves":0,"edge_history":"frontier","effect_budget":null,"flow_policy":"allow_all","guard_layers":[],"instruction_cost":1,"max_consumptions":0,"max_coroutines":65535,"max_fact_bytes":1024,"max_facts":1024,"max_guest_sessions":65535,"max_output_checks":4096,"max_payload_bytes":65536,"max_registers":4096,"max_sessions":4294967295,"max_summaries":0,"observe_lanes":false,"output_condition_policy":"disabled","record":false,"run_id":"00000000000000000000000000000000","semantic_objects":null,"speculation_depth":0,"trace":"full"},"schedule":{"chunk":64,"fuel":256,"policy":{"priority":{"aging":[]}},"turn":128,"wave":3,"window":5},"sessions":1,"threads":1}
        "#]],
    );
    says(
        &["run", "examples/ping_pong.tell", "--print-config", "--host", "exec:true"],
        expect![[r#"
            exit 0
            config_schema_version = 1
            sessions = 1
            threads = 1

            [host]
            command = "true"
            deadline_ms = 30000
            kind = "exec"
            outputs = false
            receives = false

            [schedule]
            policy = "cooperative"
            wave = 64
            fuel = 256
            chunk = 64
            window = 32
            turn = 128

            [machine]
            max_registers = 4096
            max_sessions = 4294967295
            max_payload_bytes = 65536
            trace = "full"
            record = false
            run_id = "00000000000000000000000000000000"
            digest_waves = 0
            speculation_depth = 0
            observe_lanes = false
            max_guest_sessions = 65535
            max_coroutines = 65535
            guard_layers = []
            flow_policy = "allow_all"
            max_facts = 1024
            max_fact_bytes = 1024
            communication_replay_mode = "off"
            authentication = "none"
            edge_history = "frontier"
            max_consumptions = 0
            max_summaries = 0
            cancellation = "fine"
            instruction_cost = 1
            output_condition_policy = "disabled"
            max_output_checks = 4096

            [machine.buffer]
            mode = "fifo"
            capacity = 64
            policy = "block"
        "#]],
    );
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
        // It stops at the end of the wave in which the fifth step was taken.
        assert_eq!((&until["equal"], &until["complete"]), (&true.into(), &false.into()), "{name}");
        assert!(until["steps"].as_u64() >= Some(5), "{name}");
    }
}

#[test]
fn every_policy_does_the_same() {
    let scratch = Scratch::new();
    let first = scratch.path("first.trc");
    motet(&["run", "examples/meal_service.tell", "--sessions", "20", "--seed", "7", "--trace", &first]);
    let policies = ["cooperative", "round-robin", "priority", "progress-aware", "random"];
    for (at, policy) in policies.into_iter().enumerate() {
        for (wave, fuel, window) in [("1", "1", "1"), ("3", "5", "4"), ("256", "256", "32")] {
            let other = scratch.path(&format!("{at}.trc"));
            let args = ["run", "examples/meal_service.tell", "--sessions", "20", "--seed", "7", "--trace", &other];
            let schedule = ["--policy", policy, "--wave", wave, "--fuel", fuel, "--window", window, "--turn", "9"];
            let said = motet(&[&args[..], &schedule].concat());
            assert_eq!(said.status, 0, "{}", said.err);
            assert_eq!(json(&["verify-waves", &other])["certifiable"], true, "{policy} {wave} {fuel}");
            let diff = json(&["diff", &first, &other]);
            assert_eq!(diff["equal"], true, "{policy} {wave} {fuel}");
            let envelope = &diff["envelope"]["envelope_diff"];
            let classes = [&envelope["scheduler_permutation_class"], &envelope["effect_ordering_class"]];
            assert!(classes.iter().all(|class| **class != "envelope_bounded"), "{policy} {wave} {fuel}: {diff}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    let scratch = Scratch::new();
    let run = |threads: &str| {
        let trace = scratch.path(&format!("{threads}.trc"));
        let args = ["run", "examples/two_phase_commit.tell", "--sessions", "5000", "--seed", "3", "--trace", &trace];
        let summary = json(&[&args[..], &["--threads", threads]].concat());
        assert_eq!(summary["threads"].to_string(), threads);
        std::fs::read(&trace).unwrap()
    };
    let one = run("1");
    assert!(one == run("2") && one == run("7"), "the records are equal, byte for byte");
}

#[test]
fn trace_text() {
    let scratch = Scratch::new();
    let trace = scratch.path("ping.trc");
    motet(&["run", "examples/ping_pong.tell", "--trace", &trace]);
    says(
        &["trace", &trace],
        expect![[r#"
        exit 0
            tick  session  event                 who
               0        0  opened
               0        0  sent                  Alice -> Bob  Ping
               0        0  received              Alice -> Bob  Ping
               0        0  sent                  Bob -> Alice  Pong
               0        0  halted                Bob
               0        0  received              Bob -> Alice  Pong
               0        0  halted                Alice
               0        0  session_terminal      closed
    "#]],
    );
    says(
        &["trace", &trace, "--json"],
        expect![[r#"
        exit 0
        [{"kind":"opened","schema_version":"lean_bridge.v1","session":0,"tick":0},{"kind":"sent","label":"Ping","receiver":"Bob","schema_version":"lean_bridge.v1","sender":"Alice","session":0,"tick":0},{"kind":"received","label":"Ping","receiver":"Bob","schema_version":"lean_bridge.v1","sender":"Alice","session":0,"tick":0},{"kind":"sent","label":"Pong","receiver":"Alice","schema_version":"lean_bridge.v1","sender":"Bob","session":0,"tick":0},{"kind":"halted","role":"Bob","schema_version":"lean_bridge.v1","session":0,"tick":0},{"kind":"received","label":"Pong","receiver":"Alice","schema_version":"lean_bridge.v1","sender":"Bob","session":0,"tick":0},{"kind":"halted","role":"Alice","schema_version":"lean_bridge.v1","session":0,"tick":0},{"kind":"session_terminal","reason":"closed","schema_version":"lean_bridge.v1","session":0,"tick":0}]
    "#]],
    );
    says(
        &["replay", &trace],
        expect![[r#"
        exit 0
        equal to its end, completed: 1 session, 2 messages, 9 steps
        trace digest DIGEST
        state root   DIGEST
    "#]],
    );
    says(
        &["replay", &trace, "--until", "3"],
        expect![[r#"
            exit 0
            equal as far as it was replayed: 1 session, 0 messages, 3 steps
            trace digest DIGEST
            state root   DIGEST
        "#]],
    );
    says(
        &["verify-waves", &trace],
        expect![[r#"
            exit 0
            every wave could be certified: 1 wave, 1 pick, at most 1 in a wave, 9 steps
        "#]],
    );
    says(
        &["verify-waves", &trace, "--json"],
        expect![[r#"
            exit 0
            {"certifiable":true,"max_width":1,"picks":1,"steps":N,"waves":1}
        "#]],
    );
    says(
        &["replay", &trace, "--json"],
        expect![[r#"
            exit 0
            {"complete":true,"equal":true,"events":8,"fragment_digest":null,"messages":2,"sessions":1,"state_root":"DIGEST","status":"completed","steps":N,"trace_digest":"DIGEST"}
        "#]],
    );
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
    says(
        &["diff", &helped, &refused],
        expect![[r#"
            exit 3
            session0, $TMP:a.trc beside $TMP:b.trc
              offered Bob -> Alice AskCarol  offered Bob -> Alice AskCarol
              sent Bob -> Carol Missing      sent Bob -> Carol Missing
              received Bob -> Carol Missing  received Bob -> Carol Missing
              chose Bob -> Carol Missing     chose Bob -> Carol Missing
            ! sent Carol -> Bob Help         sent Carol -> Bob Refuse
            ! offered Carol -> Bob Help      offered Carol -> Bob Refuse
            ! sent Carol -> Alice Help       sent Carol -> Alice Refuse
              halted Carol                   halted Carol
            --- error
            error[different]: session0 differs after 14 equal events (line 20): $TMP:a.trc has `sent Carol -> Bob Help`, $TMP:b.trc has `sent Carol -> Bob Refuse`
        "#]],
    );
    let claimed = |tier| motet(&["diff", &helped, &refused, "--tier", tier, "--json"]);
    assert!(claimed("strict_deterministic").err.contains("tier_contradicted"));
    assert!(!claimed("replay_deterministic").err.contains("tier_contradicted"));
    assert_eq!(claimed("guessed").status, 2);
    says(
        &["diff", &helped, &refused, "--json"],
        expect![[r#"
            exit 3
            {"difference":{"edge":"Carol -> Bob","left":"sent Carol -> Bob Help","left_label":"Help","line":20,"position":14,"right":"sent Carol -> Bob Refuse","right_label":"Refuse","role":"Carol","session":0},"envelope":{"baseline_fragment_hash":"DIGEST","candidate_fragment_hash":"DIGEST","envelope_diff":{"baseline_engine":"Cooperative wave 64 fuel 256 chunk 64","candidate_engine":"Cooperative wave 64 fuel 256 chunk 64","effect_determinism_tier":"replay_deterministic","effect_ordering_class":"envelope_bounded","failure_visible_diff_class":"exact","scheduler_permutation_class":"envelope_bounded","wave_width_bound":{"baseline_max":1,"candidate_max":1,"declared_upper_bound":64}},"envelope_diff_hash":"DIGEST","schema_version":"protocol_machine.envelope_diff.v1"},"equal":false,"profile":"modulo_commutativity","sessions":1}
            --- error
            {"error":{"code":"different","message":"session0 differs after 14 equal events (line 20): $TMP:a.trc has `sent Carol -> Bob Help`, $TMP:b.trc has `sent Carol -> Bob Refuse`","position":14,"session":0}}
        "#]],
    );
}

#[test]
fn diff_goes_by_profiles() {
    let scratch = Scratch::new();
    let run = |name: &str, more: &[&str]| {
        let trace = scratch.path(name);
        let args = [&["run", "examples/three_buyer.tell", "--sessions", "3", "--trace", &trace], more].concat();
        assert_eq!(motet(&args).status, 0);
        trace
    };
    let (one, again) = (run("one.trc", &[]), run("again.trc", &["--threads", "2"]));
    let (narrow, seeded) = (run("narrow.trc", &["--wave", "1", "--fuel", "3"]), run("seeded.trc", &["--seed", "9"]));
    let equal = |a: &str, b: &str, profile: &str| {
        let said = motet(&["diff", a, b, "--profile", profile, "--json"]);
        assert!(matches!(said.status, 0 | 3), "{}", said.err);
        said.status == 0
    };
    let profiles = ["full", "replay", "modulo-effects", "modulo-commutativity"];
    assert_eq!(profiles.map(|profile| equal(&one, &again, profile)), [true; 4]);
    assert_eq!(profiles.map(|profile| equal(&one, &narrow, profile)), [false, false, false, true]);
    assert!(!equal(&one, &seeded, "full"));
    assert_eq!(motet(&["diff", &one, &again, "--profile", "some"]).status, 2);
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
    assert_eq!(json(&["diff", &old, &same])["equal"], true);
}

#[test]
fn bench_has_the_workloads() {
    let table = json(&["bench", "ping_pong", "--size", "1000"]);
    let row = &table["results"][0];
    for key in ["name", "workers", "messages", "wall_s", "ns_per_message", "messages_per_s", "burst_p99_ns"] {
        assert!(!row[key].is_null(), "{key}: {table}");
    }
    // A full trace changes no count, and `parked` runs when it is named.
    let traced = json(&["bench", "ping_pong", "--size", "1000", "--trace", "full", "--workers", "2"]);
    assert_eq!(traced["results"][0]["messages"], row["messages"]);
    let parked = json(&["bench", "parked", "--sessions", "1000"]);
    assert!(parked["results"][0]["bytes_per_session"].as_u64().is_some_and(|bytes| bytes > 0), "{parked}");
    let listed = json(&["bench", "--list"]);
    assert!(listed["workloads"].as_array().unwrap().iter().any(|row| row["name"] == "parked"));
    let all = json(&["bench", "--size", "200"]);
    let names: Vec<&str> = all["results"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    for name in ["ping_pong", "ring64", "many_sessions", "many_shuffled", "choice", "churn", "fan"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"parked"), "it needs a process of its own");
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

#[test]
fn admission_gives_its_reasons() {
    let scratch = Scratch::new();
    says(
        &["admit", "examples/ping_pong.tell"],
        expect![[r#"
        exit 0
        admitted
        granted  profile: determinism_artifacts for full (runs claim full)
        granted  schedule: parallel_waves (wave is 64 and window 32)
    "#]],
    );
    let narrow =
        scratch.file("narrow.toml", "capabilities = [\"guards\"]\n\n[transport_contracts]\nauthenticated = true\n");
    says(
        &["admit", "examples/ping_pong.tell", "--contracts", &narrow],
        expect![[r#"
        exit 1
        rejected_uncovered_requirement
        granted  profile: determinism_artifacts for full (runs claim full)
        REFUSED  schedule: parallel_waves (wave is 64 and window 32): the contracts do not grant the capability parallel_waves
        REFUSED  contracts: authenticated (messages are signed): authentication is off
        --- error
        error[not_admitted]: the runtime's contracts do not cover schedule: parallel_waves (wave is 64 and window 32): the contracts do not grant the capability parallel_waves; contracts: authenticated (messages are signed): authentication is off
    "#]],
    );
    says(
        &["admit", "examples/ping_pong.tell", "--contracts", &narrow, "--profile", "replay", "--json"],
        expect![[r#"
        exit 1
        {"items":[{"by":"profile","granted":false,"refused":"the contracts have no artifact for it: determinism_artifacts.replay","requires":"determinism_artifacts for replay","why":"runs claim replay"},{"by":"schedule","granted":false,"refused":"the contracts do not grant the capability parallel_waves","requires":"parallel_waves","why":"wave is 64 and window 32"},{"by":"contracts","granted":false,"refused":"authentication is off","requires":"authenticated","why":"messages are signed"}],"profile":"replay","result":"rejected_unsupported_determinism_profile"}
        --- error
        {"error":{"code":"not_admitted","items":[{"by":"profile","granted":false,"refused":"the contracts have no artifact for it: determinism_artifacts.replay","requires":"determinism_artifacts for replay","why":"runs claim replay"},{"by":"schedule","granted":false,"refused":"the contracts do not grant the capability parallel_waves","requires":"parallel_waves","why":"wave is 64 and window 32"},{"by":"contracts","granted":false,"refused":"authentication is off","requires":"authenticated","why":"messages are signed"}],"message":"the runtime's contracts do not cover profile: determinism_artifacts for replay (runs claim replay): the contracts have no artifact for it: determinism_artifacts.replay; schedule: parallel_waves (wave is 64 and window 32): the contracts do not grant the capability parallel_waves; contracts: authenticated (messages are signed): authentication is off","result":"rejected_unsupported_determinism_profile"}}
    "#]],
    );
    let canonical = scratch.file("canonical.toml", "[schedule]\nwave = 1\nwindow = 1\n");
    let nothing = scratch.file("nothing.toml", "");
    says(
        &["admit", "examples/ping_pong.tell", "--config", &canonical, "--contracts", &nothing],
        expect![[r#"
        exit 0
        admitted
        granted  profile: determinism_artifacts for full (runs claim full)
    "#]],
    );
    let strange = scratch.file("strange.toml", "capabilities = [\"magic\"]\n");
    says(
        &["admit", "examples/ping_pong.tell", "--contracts", &strange],
        expect![[r#"
        exit 1
        --- error
        error[bad_contracts]: $TMP:strange.toml is no list of contracts: TOML parse error at line 1, column 17
          |
        1 | capabilities = ["magic"]
          |                 ^^^^^^^
        unknown variant `magic`, expected one of `live_migration`, `autoscale_repartition`, `placement_refinement`, `relaxed_reordering`, `parallel_waves`, `speculation`, `dynamic_sessions`, `spawning`, `delegation`, `guards`, `knowledge`, `deferred_effects`, `host_predicates`, `output_conditions`, `lossy_buffers`, `session_upgrade`
    "#]],
    );
}

/// The contracts in the handbook must be some, and its image must be admitted under them.
#[test]
fn the_handbooks_contracts() {
    let book = std::fs::read_to_string(common::root().join("docs/admission.md")).unwrap();
    let text = book.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scratch = Scratch::new();
    let file = scratch.file("contracts.toml", text);
    assert_eq!(
        json(&["admit", "examples/ping_pong.tell", "--contracts", &file, "--profile", "replay"])["result"],
        "admitted"
    );
    let refused = motet(&["admit", "examples/ping_pong.tell", "--contracts", &file, "--profile", "modulo-effects"]);
    assert_eq!(refused.status, 1, "{}", refused.err);
}
