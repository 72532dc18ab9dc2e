//! The golden cases: projections, round trips, and what a comparison says of files that are wrong.

use motet_bridge::{EquivalenceChecker, EquivalenceError, RoundTrip, Validator, projections};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

/// The cases that the specification names.
const CASES: [&str; 9] = [
    "async_independent",
    "choice_protocol",
    "four_party",
    "merge_test",
    "multi_branch",
    "nested_recursion",
    "ping_pong",
    "recursive_loop",
    "three_party_ring",
];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// `UPDATE_EXPECT=1` writes the files anew.
#[test]
fn projections_are_as_the_golden_files_say() {
    let checker = EquivalenceChecker::new(golden(), true);
    assert_eq!(checker.cases().unwrap(), CASES);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        CASES.iter().for_each(|case| assert!(checker.renew(case).unwrap() > 1));
    }
    let report = checker.check_golden().unwrap();
    assert!(report.equivalent(), "{:#?}", report.differences);
    assert_eq!((report.cases, report.compared), (9, 24));
}

#[test]
fn golden_types_go_there_and_back() {
    let checker = EquivalenceChecker::new(golden(), true);
    for case in CASES {
        let bundle = checker.bundle(case).unwrap();
        assert_eq!(Validator.global_round_trip(&bundle.global_type).unwrap(), RoundTrip::Exact, "{case}");
        for (role, local) in &bundle.local_types {
            assert_eq!(Validator.local_round_trip(local).unwrap(), RoundTrip::Exact, "{case} {role}");
            assert_eq!(Validator.compare_projection(&bundle.global_type, role, local).unwrap(), None);
        }
        let document = serde_json::to_value(&bundle).unwrap();
        assert_eq!(serde_json::from_value::<motet_bridge::GoldenBundle>(document).unwrap(), bundle);
    }
}

fn write(folder: &Path, name: &str, json: &Json) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), json.to_string()).unwrap();
}

#[test]
fn wrong_golden_files_are_told() {
    let place = tempfile::tempdir().unwrap();
    let (strict, lax) = (EquivalenceChecker::new(place.path(), true), EquivalenceChecker::new(place.path(), false));
    assert!(matches!(strict.check_golden(), Err(EquivalenceError::Empty { .. })));
    let global = EquivalenceChecker::new(golden(), true).bundle("ping_pong").unwrap().global_type;
    let case = place.path().join("one");
    write(&case, "input.json", &global);
    // Nothing is said of anybody.
    assert_eq!(strict.check_golden().unwrap().differences.len(), 2);
    assert!(lax.check_golden().unwrap().equivalent());
    // One is right, one is wrong, one is of nobody.
    write(&case, "Alice.expected.json", &projections(&global).unwrap()["Alice"]);
    write(&case, "Bob.expected.json", &json!({"kind": "end"}));
    write(&case, "Carol.expected.json", &json!({"kind": "end"}));
    for checker in [&strict, &lax] {
        let found = checker.check_golden().unwrap().differences;
        let roles: Vec<&str> = found.iter().map(|(_, difference)| difference.role.as_str()).collect();
        assert_eq!(roles, ["Bob", "Carol"]);
        assert!(found[0].1.here.is_some() && found[1].1.here.is_none());
    }
    assert_eq!(strict.renew("one").unwrap(), 2);
    assert!(strict.check_golden().unwrap().equivalent());
    // A live comparison looks at what the other says, not at files.
    let live = |wrong: bool| {
        strict.check_live(|bundle| {
            let mut all = projections(&bundle.global_type).unwrap();
            if wrong {
                all.insert("Alice".into(), json!({"kind": "end"}));
            }
            Ok::<_, EquivalenceError>(all)
        })
    };
    assert!(live(false).unwrap().equivalent());
    assert_eq!(live(true).unwrap().differences.len(), 1);
    std::fs::write(case.join("input.json"), r#"{"kind":"end","kind":"end"}"#).unwrap();
    assert!(matches!(strict.check_golden(), Err(EquivalenceError::Document { .. })));
    write(&case, "input.json", &json!({"kind": "loop"}));
    assert!(matches!(strict.check_golden(), Err(EquivalenceError::Types { .. })));
}
