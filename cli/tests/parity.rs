//! `motet parity` and `motet capability-gates`: the tree is as it should be, and what is not is refused by name.

mod common;

use common::{Scratch, json, motet, refused, root};
use serde_json::json as document;

#[test]
fn the_tree_is_as_published() {
    let said = json(&["parity", "--types"]);
    assert_eq!(said["findings"], document!([]));
    assert!(said["types"]["as_published"].as_u64().unwrap() > 150, "{said}");
    let rows = said["types"]["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["shape"] == "OperationInstance" && row["green"] == true));
    let said = motet(&["parity", "--types"]);
    assert!(said.status == 0 && said.out.starts_with("types: "), "{}", said.out);
}

/// A registry without its deviations: every row that has some is refused, on both outputs.
#[test]
fn unregistered_drift_is_refused() {
    let scratch = Scratch::new();
    let registry = std::fs::read_to_string(root().join("docs/parity.md")).unwrap();
    let path = scratch.file("parity.md", registry.replace("| `type-names` |", "| `other-names` |"));
    let said = motet(&["parity", "--types", "--registry", &path, "--json"]);
    assert_eq!(said.status, 1);
    let (code, error) = common::error_of(&said);
    let findings: Vec<&str> = error["findings"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(code, "drift");
    assert!(findings.iter().any(|one| one.contains("the deviation `type-names` is not registered")), "{findings:?}");
    assert!(findings.iter().any(|one| one.contains("`other-names` is stale")), "{findings:?}");
    let said = motet(&["parity", "--types", "--registry", &path]);
    assert!(said.status == 1 && said.out.contains("docs/shapes.md:"), "{}", said.out);
}

#[test]
fn a_tree_must_be_one() {
    let scratch = Scratch::new();
    let (status, code, _) = refused(&["parity", "--types", "--tree", &scratch.path("")]);
    assert_eq!((status, code.as_str()), (1, "no_tree"));
    let (status, code, _) = refused(&["parity"]);
    assert_eq!((status, code.as_str()), (2, "usage"));
}

#[test]
fn gates_are_listed() {
    let said = json(&["capability-gates"]);
    assert_eq!(said["findings"], document!([]));
    let gates = said["gates"].as_array().unwrap();
    assert!(gates.iter().all(|gate| gate["passed"].as_u64() > Some(0) && gate["refused"].as_u64() > Some(0)));
    for class in ["ownership", "evidence", "transition"] {
        assert!(gates.iter().any(|gate| gate["class"] == class), "{class}");
    }
    assert_eq!(said["model"]["finalization_paths"]["invalidated"]["stage"], "invalidated");
    let said = motet(&["capability-gates"]);
    assert!(said.out.contains("ownership.claim: AlreadyClaimed"), "{}", said.out);
}

#[test]
fn suites_are_run() {
    let said = json(&["parity", "--suite"]);
    assert_eq!(said["findings"], document!([]));
    let suites = said["suites"].as_array().unwrap();
    assert_eq!(suites.len(), 6);
    // The reference is a program that may not be built here; that is said, and not passed over.
    assert!(suites.iter().all(|suite| suite["compared"].as_u64() > Some(2) || suite["absent"].is_string()), "{said}");
    let said = motet(&["parity", "--suite", "--runner", "/no/such/runner"]);
    assert!(said.status == 1 && said.out.contains("the runner: "), "{}", said.out);
}

/// What is asked of a release is one list; lanes of which there is no evidence yet are what may be missing between releases.
#[test]
fn releases_are_held_to_their_parts() {
    let said = motet(&["release-conformance", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let parts = report["parts"].as_array().unwrap();
    for part in parts {
        assert!(part["checked"].as_u64() > Some(1), "{part}");
        for finding in part["findings"].as_array().unwrap() {
            assert!(finding.as_str().unwrap().contains("has no row in docs/EVIDENCE.md"), "{finding}");
        }
    }
    let conforms = parts.iter().all(|part| part["findings"] == document!([]));
    assert_eq!((report["conforms"] == true, said.status), (conforms, i32::from(!conforms)));
}
