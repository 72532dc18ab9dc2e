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
    expect![[""]].assert_eq(&table(&files.map(|file| ["check", file.as_str()]).each_ref().map(|args| &args[..])));
}

#[test]
fn sources_with_their_places() {
    let scratch = Scratch::new();
    let unknown = scratch.file("unknown.tell", "protocol P =\n  roles A, B\n  A -> D : Hi\n");
    expect![[""]].assert_eq(&check(&["check", &unknown]));
    expect![[""]].assert_eq(&check(&["check", &unknown, "--json"]));
    // C cannot follow the choice of A.
    let text = "protocol P =\n  roles A, B, C\n  choice A at\n    | L =>\n        A -> B : L\n        B -> C : X\n    | R =>\n        A -> B : R\n";
    let choice = scratch.file("choice.tell", text);
    expect![[""]].assert_eq(&check(&["check", &choice]));
    expect![[""]].assert_eq(&check(&["run", &choice, "--json"]));
    let later = scratch.file("later.tell", "protocol P =\n  roles A, B\n  A -> B : Hi\n  publish x\n");
    let (status, code, error) = refused(&["check", &later]);
    assert_eq!((status, code.as_str(), &error["tier"]), (1, "not_executable", &"specification_only".into()));
}

#[test]
fn arguments() {
    let ping = "examples/ping_pong.tell";
    let three = "examples/three_buyer.tell";
    let huge = u64::MAX.to_string();
    expect![[""]].assert_eq(&table(&[
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
        &["run", ping, "--wal", "somewhere"],
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
        &["bench", "sleep"],
        &["bench", "--workers", "0"],
        &["bench", "--size", "0"],
    ]));
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
    expect![[""]].assert_eq(&table(&[
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
    expect![[""]].assert_eq(&table(&run.each_ref().map(|args| &args[..])));
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
