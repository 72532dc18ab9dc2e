//! Configurations: what a document says comes to what it says, what is printed reads back, and what is wrong is shown.

mod common;

use common::{Scratch, json, motet, plain, refused};
use expect_test::expect;

/// The document of this name in the handbook must be one.
#[test]
fn the_handbooks_document() {
    let book = std::fs::read_to_string(common::root().join("docs/configuration.md")).unwrap();
    let text = book.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scratch = Scratch::new();
    let file = scratch.file("run.toml", text);
    let said = motet(&["run", "examples/ping_pong.tell", "--config", &file, "--print-config"]);
    expect![[r#"
        config_schema_version = 1
        sessions = 3
        threads = 2

        [host]
        choose = ["Buyer=buy"]
        kind = "seeded"
        seed = 7

        [schedule]
        policy = "round_robin"
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
        speculation_depth = 2
        observe_lanes = false
        max_guest_sessions = 65535
        max_coroutines = 65535
        max_facts = 1024
        max_fact_bytes = 1024
        communication_replay_mode = "off"
        authentication = "none"
        edge_history = "frontier"
        max_consumptions = 0
        max_summaries = 0
        cancellation = "fine"
        credits = 10000
        instruction_cost = 1
        max_output_checks = 4096

        [machine.buffer]
        mode = "fifo"
        capacity = 2

        [machine.buffer.policy.resize]
        max = 8

        [[machine.guard_layers]]
        id = 1
        active = true

        [machine.flow_policy]
        deny_roles = ["Auditor"]

        [machine.output_condition_policy]
        allow_list = ["audited"]
    "#]]
    .assert_eq(&said.out);
    assert_eq!(said.status, 0, "{}", said.err);
}

/// What is printed reads back as the same, of every preset and with other options.
#[test]
fn what_is_printed_reads_back() {
    let scratch = Scratch::new();
    let presets = [
        "standard",
        "strict_minimal",
        "strict_observable",
        "strict_verified",
        "strict_churn",
        "strict_buffer_pressure",
        "strict_large_fanout",
    ];
    for preset in presets {
        for policy in ["cooperative", "round-robin", "priority", "progress-aware", "random"] {
            let options = ["--policy", policy, "--seed", "9", "--wave", "7", "--speculation", "3", "--sessions", "5"];
            let print = ["run", "examples/ping_pong.tell", "--print-config", "--preset", preset];
            let printed = motet(&[&print[..], &options].concat());
            assert_eq!(printed.status, 0, "{}", printed.err);
            let file = scratch.file("printed.toml", &printed.out);
            let again = motet(&["run", "examples/ping_pong.tell", "--print-config", "--config", &file]);
            assert_eq!(again.out, printed.out, "{preset} {policy}: {}", again.err);
        }
    }
}

/// A run from a document is the run from the options that say the same; options go before the document.
#[test]
fn documents_are_options() {
    let scratch = Scratch::new();
    let text = "sessions = 20\n[host]\nkind = 'seeded'\nseed = 7\nchoose = []\n[schedule]\nwave = 3\nfuel = 5\n\
                [machine.buffer]\ncapacity = 2\n";
    let file = scratch.file("run.toml", text);
    let digest = |options: &[&str]| {
        let said = json(&[&["run", "examples/meal_service.tell"][..], options].concat());
        (said["trace_digest"].clone(), said["state_root"].clone(), said["sessions"].clone())
    };
    let options = ["--sessions", "20", "--seed", "7", "--wave", "3", "--fuel", "5", "--buffer", "2"];
    assert_eq!(digest(&["--config", &file]), digest(&options));
    let before = [&["--config", &file, "--seed", "8", "--wave", "4"][..]].concat();
    let same = ["--sessions", "20", "--seed", "8", "--wave", "4", "--fuel", "5", "--buffer", "2"];
    assert_eq!(digest(&before), digest(&same));
    assert_ne!(digest(&before), digest(&options));
}

/// What is no configuration is refused, with its place.
#[test]
fn what_is_refused() {
    let scratch = Scratch::new();
    let mut text = String::new();
    let documents = [
        "sessions = ",
        "sessions = 'three'",
        "[machine]\nmax_fakts = 3",
        "[machine]\nbuffer = { capacity = 70000 }",
        "[machine]\nrun_id = 'ff'",
        "[machine]\nguard_layers = [{ id = 1, active = true }, { id = 1, active = false }]",
        "[machine]\nflow_policy = { predicate = 'mine' }",
        "[schedule]\npolicy = 'fastest'",
        "[schedule]\nwave = 0",
        "[schedule]\nchunk = 0",
        "[host]\nkind = 'oracle'",
        "config_schema_version = 2",
        "preset = 'fast'",
    ];
    for document in documents {
        let file = scratch.file("bad.toml", document);
        let (status, code, error) = refused(&["run", "examples/ping_pong.tell", "--config", &file]);
        let message = plain(error["message"].as_str().unwrap()).replace(&file, "FILE");
        text += &format!("{status} {code} {}: {message}\n", error["line"]);
    }
    expect![[r#"
        1 bad_config 1: $TMP:bad.toml is no configuration: TOML parse error at line 1, column 12
          |
        1 | sessions = 
          |            ^
        string values must be quoted, expected literal string
        1 bad_config 1: $TMP:bad.toml is no configuration: TOML parse error at line 1, column 12
          |
        1 | sessions = 'three'
          |            ^^^^^^^
        invalid type: string "three", expected u64
        1 bad_config 2: $TMP:bad.toml is no configuration: TOML parse error at line 2, column 1
          |
        2 | max_fakts = 3
          | ^^^^^^^^^
        unknown field `max_fakts`, expected one of `buffer`, `max_registers`, `max_sessions`, `max_payload_bytes`, `trace`, `record`, `run_id`, `digest_waves`, `speculation_depth`, `observe_lanes`, `max_guest_sessions`, `max_coroutines`, `guard_layers`, `flow_policy`, `max_facts`, `max_fact_bytes`, `communication_replay_mode`, `authentication`, `edge_history`, `max_consumptions`, `max_summaries`, `cancellation`, `credits`, `instruction_cost`, `effect_budget`, `output_condition_policy`, `max_output_checks`, `semantic_objects`
        1 bad_config 2: $TMP:bad.toml is no configuration: TOML parse error at line 2, column 23
          |
        2 | buffer = { capacity = 70000 }
          |                       ^^^^^
        invalid value: integer `70000`, expected u16
        1 bad_config 2: $TMP:bad.toml is no configuration: TOML parse error at line 2, column 10
          |
        2 | run_id = 'ff'
          |          ^^^^
        a run id has 32 hexadecimal digits
        2 bad_configuration null: layer1 stands twice among the guard layers
        2 bad_configuration null: the flow policy names a predicate of the host's, which no bytes have: it must be given again
        1 bad_config 2: $TMP:bad.toml is no configuration: TOML parse error at line 2, column 10
          |
        2 | policy = 'fastest'
          |          ^^^^^^^^^
        unknown variant `fastest`, expected one of `cooperative`, `round_robin`, `priority`, `progress_aware`, `random`
        2 bad_count null: --wave is 0; it must be between 1 and 1048576
        2 bad_configuration null: chunk is 0; it must be between 1 and 1048576
        1 bad_config null: `host` in the configuration is no host
        1 bad_config null: $TMP:bad.toml has version 2 of the configuration; this is version 1
        2 unknown_preset null: there is no preset `fast`
    "#]].assert_eq(&text);
    let missing = scratch.path("missing.toml");
    assert_eq!(refused(&["run", "examples/ping_pong.tell", "--config", &missing]).1, "unreadable");
    assert_eq!(refused(&["run", "examples/ping_pong.tell", "--preset", "fast"]).1, "unknown_preset");
}
