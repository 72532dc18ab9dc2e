//! The bridge's own binaries, one after the other: exported, checked, compared, and spoilt.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn said(program: &str, words: &[&str]) -> Output {
    Command::new(program).args(words).output().unwrap()
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn what_is_exported_is_checked() {
    let place = tempfile::tempdir().unwrap();
    let (good, bad) = (place.path().join("good.json"), place.path().join("bad.json"));
    let source = top().join("examples/three_buyer.tell");
    let exported = said(env!("CARGO_BIN_EXE_lean-bridge-exporter"), &[source.to_str().unwrap()]);
    assert!(exported.status.success(), "{exported:?}");
    std::fs::write(&good, &exported.stdout).unwrap();
    let text = String::from_utf8(exported.stdout).unwrap();
    std::fs::write(&bad, text.replacen("\"kind\": \"send\"", "\"kind\": \"recv\"", 1)).unwrap();
    let check = |path: &Path| said(env!("CARGO_BIN_EXE_lean-bridge"), &["check", path.to_str().unwrap()]);
    let found = check(&good);
    assert!(found.status.success(), "{found:?}");
    assert!(String::from_utf8(found.stdout).unwrap().contains("\"good\":true"));
    let found = check(&bad);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    // No runner, no document, no such command.
    let lean_bridge = env!("CARGO_BIN_EXE_lean-bridge");
    assert_eq!(said(lean_bridge, &["compare", good.to_str().unwrap(), "/no/such/runner"]).status.code(), Some(1));
    assert_eq!(said(lean_bridge, &["check", "/no/such/file"]).status.code(), Some(1));
    assert_eq!(said(lean_bridge, &["prove"]).status.code(), Some(2));
}

#[test]
fn golden_folders_are_checked() {
    let golden = top().join("bridge/golden");
    let found = said(env!("CARGO_BIN_EXE_golden"), &["check", golden.to_str().unwrap()]);
    assert!(found.status.success(), "{found:?}");
    assert!(String::from_utf8(found.stdout).unwrap().contains("9 cases, 24 local types, 0 differences"));
    let place = tempfile::tempdir().unwrap();
    let case = place.path().join("one");
    std::fs::create_dir(&case).unwrap();
    std::fs::copy(golden.join("ping_pong/input.json"), case.join("input.json")).unwrap();
    let folder = place.path().to_str().unwrap();
    assert_eq!(said(env!("CARGO_BIN_EXE_golden"), &["check", folder]).status.code(), Some(1));
    assert!(said(env!("CARGO_BIN_EXE_golden"), &["renew", folder]).status.success());
    assert!(said(env!("CARGO_BIN_EXE_golden"), &["check", folder]).status.success());
}
