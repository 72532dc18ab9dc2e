//! Everything that a command may be given and must refuse: the exit status, the code, the place and the remedy.

mod common;

use common::{Scratch, check, error_of, motet, plain, refused};
use expect_test::expect;
use motet_choreo::{Source, compile, load};
use std::fmt::Write;

/// Status, code and message of each.
fn table(cases: &[&[&str]]) -> String {
    let mut text = String::new();
    for args in cases {
        let (status, code, error) = refused(args);
        writeln!(text, "{status} {code}: {}", plain(error["message"].as_str().unwrap())).unwrap();
        if let Some(help) = error["help"].as_str() {
            writeln!(text, "    help: {help}").unwrap();
        }
    }
    text
}

#[test]
fn files() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing.tell");
    let directory = scratch.path("");
    let empty = scratch.file("empty.tell", "");
    let blank = scratch.file("blank.tell", " \n\t\n");
    let large = scratch.file("large.tell", vec![b' '; (8 << 20) + 1]);
    let latin = scratch.file("latin.tell", b"protocol P =\n  roles \xe9");
    let zero = scratch.file("zero.tell", b"protocol\0");
    let json = scratch.file("type.json", r#"{"kind":"comm","sender":"A""#);
    let shape = scratch.file("shape.json", r#"{"kind":"end","more":1}"#);
    let files = [&missing, &directory, &empty, &blank, &large, &latin, &zero, &json, &shape];
    for command in ["check", "project", "inspect", "run"] {
        for file in files {
            let (status, code, error) = refused(&[command, file]);
            assert_eq!(status, 1, "{command} {file}: {code}");
            assert!(error["file"].is_string() || error["diagnostics"].is_array(), "{command} {file}: {error}");
        }
    }
    expect![[r#"
        1 unreadable: $TMP:missing.tell cannot be read: No such file or directory (os error 2)
        1 unreadable: $TMP: cannot be read: Is a directory (os error 21)
        1 empty_file: $TMP:empty.tell is empty
            help: a choreography begins with `protocol NAME =`
        1 empty_file: $TMP:blank.tell is empty
            help: a choreography begins with `protocol NAME =`
        1 file_too_large: $TMP:large.tell has 8388609 bytes; at most 8388608 are read
            help: split the protocol, or shorten repeated parts with `loop repeat`
        1 not_utf8: $TMP:latin.tell is not UTF-8: bad byte at offset 21
            help: save the file as UTF-8
        1 zero_byte: $TMP:zero.tell holds a zero byte at offset 8
            help: this is not a text file
        1 json_syntax: `,` or `}` is expected, but the file ends here
        1 json_shape: $: unknown field `more`
    "#]]
    .assert_eq(&table(&files.map(|file| ["check", file.as_str()]).each_ref().map(|args| &args[..])));
}

#[test]
fn sources_with_their_places() {
    let scratch = Scratch::new();
    let unknown = scratch.file("unknown.tell", "protocol P =\n  roles A, B\n  A -> D : Hi\n");
    expect![[r#"
        exit 1
        --- error
        motet::choreo::unknown_role

          × there is no role `D`
           ╭─[$TMP:unknown.tell:3:8]
         2 │   roles A, B
         3 │   A -> D : Hi
           ·        ┬
           ·        ╰── here
           ╰────
          help: add `D` to `roles`
    "#]]
    .assert_eq(&check(&["check", &unknown]));
    expect![[r#"
        exit 1
        --- error
        {"error":{"code":"unknown_role","diagnostics":[{"code":"unknown_role","column":8,"help":"add `D` to `roles`","line":3,"message":"there is no role `D`"}],"file":"$TMP:unknown.tell","message":"there is no role `D`"}}
    "#]].assert_eq(&check(&["check", &unknown, "--json"]));
    // C cannot follow the choice of A.
    let text = "protocol P =\n  roles A, B, C\n  choice A at\n    | L =>\n        A -> B : L\n        B -> C : X\n    | R =>\n        A -> B : R\n";
    let choice = scratch.file("choice.tell", text);
    expect![[r#"
        exit 1
        --- error
        motet::choreo::not_projectable

          × `C` cannot tell branch `L` from branch `R` of the choice of `A`: one ends where the other would receive `X` from B
           ╭─[$TMP:choice.tell:3:3]
         2 │   roles A, B, C
         3 │   choice A at
           ·   ─────┬─────
           ·        ╰── A chooses here
         4 │     | L =>
           ╰────
          help: A could tell C: add `A -> C : L` to branch L and `A -> C : R` to branch R
    "#]].assert_eq(&check(&["check", &choice]));
    expect![[r#"
        exit 1
        --- error
        {"error":{"code":"not_projectable","diagnostics":[{"code":"not_projectable","column":3,"help":"A could tell C: add `A -> C : L` to branch L and `A -> C : R` to branch R","line":3,"message":"`C` cannot tell branch `L` from branch `R` of the choice of `A`: one ends where the other would receive `X` from B"}],"file":"$TMP:choice.tell","message":"`C` cannot tell branch `L` from branch `R` of the choice of `A`: one ends where the other would receive `X` from B","tier":"specification_only"}}
    "#]].assert_eq(&check(&["run", &choice, "--json"]));
    let later = scratch.file("later.tell", "protocol P =\n  roles A, B\n  A -> B : Hi\n  publish x\n");
    let (status, code, error) = refused(&["check", &later]);
    assert_eq!((status, code.as_str(), &error["tier"]), (1, "not_executable", &"specification_only".into()));
}

#[test]
fn arguments() {
    let ping = "examples/ping_pong.tell";
    let three = "examples/three_buyer.tell";
    let huge = u64::MAX.to_string();
    expect![[r#"
        2 usage: 'motet' requires a subcommand but one was not provided
          [subcommands: check, project, compile, inspect, run, recover, compact, replay, diff, trace, verify-waves, admit, bench, heap, turns, subtype, upgrade, parity, capability-gates, release-conformance, help]
            help: `motet help` lists the commands
        2 usage: unrecognized subcommand 'fly'
            help: `motet help` lists the commands
        2 usage: the following required arguments were not provided:
          <FILE>
            help: `motet help` lists the commands
        2 bad_count: --sessions is 0; it must be between 1 and 10000000
        2 usage: invalid value '-1' for '--sessions <SESSIONS>': invalid digit found in string
            help: `motet help` lists the commands
        2 bad_count: --sessions is 18446744073709551615; it must be between 1 and 10000000
        2 usage: invalid value '99999999999999999999999' for '--sessions <SESSIONS>': number too large to fit in target type
            help: `motet help` lists the commands
        2 usage: invalid value 'many' for '--sessions <SESSIONS>': invalid digit found in string
            help: `motet help` lists the commands
        2 bad_count: --steps is 0; it must be between 1 and 18446744073709551615
        2 bad_count: --wave is 0; it must be between 1 and 1048576
        2 bad_count: --wave is 18446744073709551615; it must be between 1 and 1048576
        2 bad_count: --fuel is 0; it must be between 1 and 1048576
        2 bad_count: --fuel is 99999999; it must be between 1 and 1048576
        2 bad_count: --buffer is 0; it must be between 1 and 65535
        2 bad_count: --buffer is 65536; it must be between 1 and 65535
        2 bad_count: --threads is 0; it must be between 1 and 1024
        2 bad_count: --threads is 100000; it must be between 1 and 1024
        2 bad_count: --host-deadline is 0; it must be between 1 and 86400000
        2 bad_count: --host-deadline is 18446744073709551615; it must be between 1 and 86400000
        2 usage: invalid value 'fifo' for '--policy <POLICY>'
          [possible values: cooperative, round-robin, priority, progress-aware, random]
            help: `motet help` lists the commands
        2 bad_host: `python3` is no host
            help: write --host 'exec:COMMAND', for example --host 'exec:python3 host.py'
        2 bad_host: `exec: ` is no host
            help: write --host 'exec:COMMAND', for example --host 'exec:python3 host.py'
        2 usage: the following required arguments were not provided:
          --host <exec:COMMAND>
            help: `motet help` lists the commands
        2 usage: the argument '--host <exec:COMMAND>' cannot be used with '--choose <ROLE=LABEL>'
            help: `motet help` lists the commands
        2 bad_choice: `Bob` is no choice
            help: write --choose ROLE=LABEL, several with commas between them
        2 bad_choice: `=Accept` is no choice
            help: write --choose ROLE=LABEL, several with commas between them
        2 unknown_role: the protocol has no role `Robert`; its roles are Alice, Bob, Carol, Seller
        2 unknown_label: Bob never chooses `Agree`; it chooses between Accept, AskCarol
        2 unknown_label: Alice never chooses `Title`; it has no choice to make
        2 unknown_label: Carol never chooses `Perhaps`; it chooses between Help, Refuse
        2 unknown_role: the protocol has no role `Robert`; its roles are Alice, Bob, Carol, Seller
        2 bad_count: --until is 0; it must be between 1 and 18446744073709551615
        2 bad_count: --workers is 0; it must be between 1 and 1024
        2 bad_count: --size is 0; it must be between 1 and 1000000000
    "#]].assert_eq(&table(&[
        &[],
        &["fly"],
        &["run"],
        &["run", ping, "--sessions", "0"],
        &["run", ping, "--sessions", "-1"],
        &["run", ping, "--sessions", &huge],
        &["run", ping, "--sessions", "99999999999999999999999"],
        &["run", ping, "--sessions", "many"],
        &["run", ping, "--steps", "0"],
        &["run", ping, "--wave", "0"],
        &["run", ping, "--wave", &huge],
        &["run", ping, "--fuel", "0"],
        &["run", ping, "--fuel", "99999999"],
        &["run", ping, "--buffer", "0"],
        &["run", ping, "--buffer", "65536"],
        &["run", ping, "--threads", "0"],
        &["run", ping, "--threads", "100000"],
        &["run", ping, "--host-deadline", "0"],
        &["run", ping, "--host-deadline", &huge],
        &["run", ping, "--policy", "fifo"],
        &["run", ping, "--host", "python3"],
        &["run", ping, "--host", "exec: "],
        &["run", ping, "--host-receives"],
        &["run", ping, "--host", "exec:cat", "--choose", "A=B"],
        &["run", three, "--choose", "Bob"],
        &["run", three, "--choose", "=Accept"],
        &["run", three, "--choose", "Robert=Accept"],
        &["run", three, "--choose", "Bob=Agree"],
        &["run", three, "--choose", "Alice=Title"],
        &["run", three, "--choose", "Bob=Accept,Carol=Perhaps"],
        &["project", three, "--role", "Robert"],
        &["replay", "missing.trc", "--until", "0"],
        &["bench", "--workers", "0"],
        &["bench", "--size", "0"],
    ]));
    let (status, code, error) = refused(&["bench", "sleep"]);
    assert_eq!((status, code.as_str()), (2, "unknown_workload"));
    assert!(error["known"].as_array().unwrap().contains(&"ping_pong".into()));
}

#[test]
fn text_errors_stay_off_standard_output() {
    for args in [&["run", "examples/ping_pong.tell", "--sessions", "0"][..], &["check", "missing.tell"], &["fly"]] {
        let said = motet(args);
        assert_eq!(said.out, "", "{args:?}");
        assert!(said.err.starts_with("error"), "{args:?}: {}", said.err);
    }
}

#[test]
fn the_wrong_kind_of_file() {
    let scratch = Scratch::new();
    let (image, trace) = (scratch.path("ping.img"), scratch.path("ping.trc"));
    motet(&["compile", "examples/ping_pong.tell", "-o", &image]);
    motet(&["run", "examples/ping_pong.tell", "--trace", &trace]);
    let text = scratch.file("text", "hello");
    expect![[r#"
        1 is_an_image: $TMP:ping.img is a compiled image
            help: `motet inspect` and `motet run` read images
        1 is_an_image: $TMP:ping.img is a compiled image
            help: `motet inspect` and `motet run` read images
        1 is_an_image: $TMP:ping.img is a compiled image
            help: `motet inspect` and `motet run` read images
        1 is_a_trace: $TMP:ping.trc is the trace of a run
            help: `motet replay`, `motet trace` and `motet diff` read traces
        1 is_a_trace: $TMP:ping.trc is the trace of a run
            help: `motet replay`, `motet trace` and `motet diff` read traces
        1 not_a_trace: $TMP:ping.img: not a Motet trace: the file does not start with "MOTETTRC"
            help: `motet run --trace FILE` writes traces
        1 not_a_trace: examples/ping_pong.tell: not a Motet trace: the file does not start with "MOTETTRC"
            help: `motet run --trace FILE` writes traces
        1 not_a_trace: $TMP:text: not a Motet trace: the file does not start with "MOTETTRC"
            help: `motet run --trace FILE` writes traces
        1 not_a_trace: /dev/null: not a Motet trace: the file does not start with "MOTETTRC"
            help: `motet run --trace FILE` writes traces
        1 not_a_trace: $TMP:ping.img: not a Motet trace: the file does not start with "MOTETTRC"
            help: `motet run --trace FILE` writes traces
        1 not_a_trace: /dev/zero: not a Motet trace: the file does not start with "MOTETTRC"
            help: `motet run --trace FILE` writes traces
    "#]]
    .assert_eq(&table(&[
        &["check", &image],
        &["project", &image],
        &["compile", &image, "-o", &scratch.path("again.img")],
        &["run", &trace],
        &["check", &trace],
        &["replay", &image],
        &["replay", "examples/ping_pong.tell"],
        &["replay", &text],
        &["trace", "/dev/null"],
        &["diff", &trace, &image],
        &["replay", "/dev/zero"],
    ]));
}

#[test]
fn images_through_the_binary() {
    let scratch = Scratch::new();
    let image = scratch.path("ping.img");
    motet(&["compile", "examples/ping_pong.tell", "-o", &image]);
    let bytes = std::fs::read(&image).unwrap();
    let mut version = bytes.clone();
    version[8] = 9;
    let mut reserved = bytes.clone();
    reserved[13] = 1;
    let mut payload = bytes.clone();
    *payload.last_mut().unwrap() ^= 1;
    let mut digest = bytes.clone();
    digest[50] ^= 1;
    let mut register = parts();
    register.code[0] |= 0xffff << 8;
    let mut jump = parts();
    jump.roles[0].code_end = 10_000;
    let files = [
        scratch.file("version", version),
        scratch.file("reserved", reserved),
        scratch.file("payload", payload),
        scratch.file("digest", digest),
        scratch.file("cut", &bytes[..bytes.len() - 1]),
        scratch.file("header", &bytes[..20]),
        scratch.file("longer", [&bytes[..], b"x"].concat()),
        // Whole files of programs that break a rule.
        scratch.file("register", register.to_bytes()),
        scratch.file("jump", jump.to_bytes()),
    ];
    let run = files.each_ref().map(|file| ["run", file.as_str()]);
    expect![[r#"
        1 wrong_version: $TMP:version: image format version 9; this build reads version 2: compile the protocol again
            help: compile the protocol again with this version
        1 damaged_image: $TMP:reserved: a reserved byte of the image header, at offset 13, is not zero
            help: the file was changed: compile it again
        1 damaged_image: $TMP:payload: the image is damaged: its payload does not match its checksum
            help: the file was changed: compile it again
        1 damaged_image: $TMP:digest: the image's content digest does not match its content
            help: the file was changed: compile it again
        1 wrong_length: $TMP:cut: the image is 607 bytes long but its header says 608
            help: the file was cut or added to: compile it again
        1 wrong_length: $TMP:header: the image is 20 bytes long but its header says 96
            help: the file was cut or added to: compile it again
        1 wrong_length: $TMP:longer: the image is 609 bytes long but its header says 608
            help: the file was cut or added to: compile it again
        1 image_refused: $TMP:register: pc0: r65535 is out of range; A has 2 registers
            help: the image does not do what its types say: compile it again, or ask who made it
        1 image_refused: $TMP:jump: role 1: its code does not start where the last role's ends
            help: the image does not do what its types say: compile it again, or ask who made it
    "#]]
    .assert_eq(&table(&run.each_ref().map(|args| &args[..])));
    for file in &files {
        let (status, ..) = refused(&["inspect", file]);
        assert_eq!(status, 1);
    }
}

fn parts() -> motet_types::ImageParts {
    let source = Source::from_text("p.tell", "protocol P =\n  roles A, B\n  A -> B : Ping(Nat)\n").unwrap();
    compile(&load(&source).unwrap()).unwrap()
}

#[test]
fn places_that_cannot_be_written() {
    let scratch = Scratch::new();
    let nowhere = scratch.path("no/such/place");
    let (status, code, _) = refused(&["compile", "examples/ping_pong.tell", "-o", &nowhere]);
    assert_eq!((status, code.as_str()), (3, "cannot_write"));
    let (status, code, _) = refused(&["run", "examples/ping_pong.tell", "--trace", &nowhere]);
    assert_eq!((status, code.as_str()), (3, "cannot_write"));
    // A device is written to, and stays a device.
    let said = motet(&["run", "examples/ping_pong.tell", "--trace", "/dev/null"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(std::fs::metadata("/dev/null").is_ok_and(|there| !there.is_file()));
}

#[test]
fn a_faulted_run_says_both() {
    // A payload that is too large for the machine: the host is at fault, and both documents are there.
    let scratch = Scratch::new();
    let host = scratch.file(
        "host.sh",
        r#"big=$(head -c 70000 /dev/zero | tr '\0' x)
        while read -r line; do
          echo "{\"status\":\"success\",\"response\":{\"kind\":\"send_decision\",\"decision\":\"deliver\",\"payload\":\"$big\"}}"
        done"#,
    );
    let file = scratch.file("p.tell", "protocol P =\n  roles A, B\n  A -> B : Text(String)\n");
    let said = motet(&["run", &file, "--host", &format!("exec:sh {host}"), "--json"]);
    assert_eq!(said.status, 3);
    let summary: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(summary["status"], "faulted");
    assert_eq!(summary["faults"][0]["role"], "A");
    assert_eq!(summary["faults"][0]["line"], 3);
    assert_eq!(summary["faults"][0]["code"], "machine.fault.invoke");
    assert_eq!(summary["faults"][0]["side"], "host");
    let (code, error) = error_of(&said);
    assert_eq!((code.as_str(), &error["fault"]["role"]), ("faulted", &"A".into()));
}
