//! Parity as this tree has it: the published shapes and the registry; and planted drift, which must be refused.

use motet_bridge::parity::{ParityError, Registry, Tree, check_shapes};
use std::path::{Path, PathBuf};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_row_is_green_or_registered() {
    let tree = Tree::at(top()).unwrap();
    let registry = Registry::read(&tree).unwrap();
    let report = check_shapes(&tree, &registry).unwrap();
    let mut broken: Vec<String> = report.findings().cloned().collect();
    broken.extend(registry.check(&tree, &report.named()).unwrap());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let (green, registered) = report.counts();
    assert_eq!(green + registered, report.rows.len());
    assert!(green >= 150 && registered >= 40, "{green} green, {registered} registered");
}

/// A copy of what parity reads, so that it can be spoilt.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for folder in ["docs", "reference/theories", "reference/ocaml"] {
            std::fs::create_dir_all(copy.0.path().join(folder)).unwrap();
            for entry in std::fs::read_dir(top().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    std::fs::copy(&path, copy.0.path().join(folder).join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        copy
    }

    /// What is found after one piece of a file has become another.
    fn found(&self, file: &str, from: &str, to: &str) -> Vec<String> {
        let path = self.0.path().join(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        assert!(whole.contains(from), "{file} has no `{from}`");
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let tree = Tree::at(self.0.path()).unwrap();
        let registry = Registry::read(&tree).unwrap();
        let report = check_shapes(&tree, &registry).unwrap();
        let found = report.findings().chain(&registry.broken).cloned().collect();
        std::fs::write(&path, whole).unwrap();
        found
    }
}

/// Every kind of row, changed: by a member more, a member less, another place, another difference, another deviation.
#[test]
fn drift_is_refused() {
    let copy = Copy::new();
    let shapes = "docs/shapes.md";
    let spoilt = [
        // What is published and not here, and the other way round: fields, variants, operands, values, keys, conduct.
        (shapes, "| `handle_id`, `session`", "| `handle_id`, `sessions`", "`sessions` is published and missing"),
        (shapes, "| `readiness`, `cancellation`", "| `cancellation`", "`readiness` there is and is not published"),
        (shapes, "| `Instr.Send` | `chan`, `val`", "| `Instr.Send` | `chan`", "`val` there is and is not published"),
        (shapes, "`authority_class=command`", "`authority_class=observe`", "is published and missing"),
        (shapes, "| `global.comm` | `kind`, ", "| `global.comm` | ", "`kind` there is and is not published"),
        (
            shapes,
            "| `Conduct.Invoke` | ",
            "| `Conduct.Invoke` | `waits:room`, ",
            "`waits:room` is published and missing",
        ),
        (shapes, "`0x10=MessagePayload`", "`0x11=MessagePayload`", "is published and missing"),
        (shapes, "`lean_bridge.v1`, ", "`lean_bridge.v2`, ", "`lean_bridge.v2` is published and missing"),
        // Differences that are none, or are not stated.
        (shapes, "`+decide`", "", "`decide` there is and is not published"),
        (shapes, "`+decide`", "`+decide` `+wait`", "`wait` is said to be there besides"),
        (shapes, "`mu=>rec` `+par`", "`+par`", "is published and missing"),
        (shapes, "`mu=>rec` `+par`", "`mu=>rec` `+par` `-comm`", "`comm` is said to be missing"),
        (shapes, "`mu=>rec` `+par`", "rec and `+par`", "more than words between backticks"),
        (shapes, "`mu=>rec` `+par`", "`rec` `+par`", "is neither"),
        // Deviations.
        (shapes, "| `further-instructions` |", "|  |", "no deviation says why"),
        (shapes, "| `further-instructions` |", "| `no-such-thing` |", "`no-such-thing` is not registered"),
        (shapes, "| `types::Terminal` |  |  |", "| `types::Terminal` |  | `gates` |", "`gates` is stale here"),
        (shapes, "| `types::Terminal` |  |  |", "|  |  |  |", "no deviation says so"),
        // Rows.
        (shapes, "| `types::Terminal` |", "| `types::Ending` |", "there is no `types::Ending` in this build"),
        (shapes, "| `types::Terminal` |", "| `types::Value` |", "no row looks at `types::Terminal`"),
        (shapes, "| `Value` | `Unit`", "| `ValType` | `Unit`", "the shape stands twice"),
        (shapes, "| `types::Terminal` |  |  |", "| `types::Terminal` |  |", "4 cells where there are 5 columns"),
        // The reference.
        ("reference/theories/Values.v", "| VUnit\n", "| VNothing\n", "`unit` is published and missing"),
        (
            "reference/theories/Heap.v",
            "d_counter : N }",
            "d_counter : N; d_age : N }",
            "`age` there is and is not published",
        ),
        (
            "reference/ocaml/protocol_machine_runner.ml",
            "\"roles\"; \"programs\"",
            "\"programs\"",
            "`roles` is published",
        ),
        (shapes, "theories/Values.v value V", "theories/Values.v values V", "in the reference"),
        // What tests of conduct saw, and the registry.
        ("docs/isa.md", "|  | tells `invoked` |", "|  | tells `sent` |", "`tells:invoked` is published and missing"),
        ("docs/parity.md", "| `gates` |", "| `doors` |", "`gates` is not registered"),
        (
            "docs/parity.md",
            "| `gates` | machine | intended |",
            "| `gates` | machine | perhaps |",
            "the status is `perhaps`",
        ),
    ];
    for (file, from, to, wanted) in spoilt {
        let found = copy.found(file, from, to);
        assert!(found.iter().any(|finding| finding.contains(wanted)), "{from} as {to}: {found:#?}");
    }
}

#[test]
fn registered_deviations_are_shown_by_something() {
    let tree = Tree::at(top()).unwrap();
    let registry = Registry::read(&tree).unwrap();
    // Without the rows those that only rows show are stale.
    let stale = registry.check(&tree, &Default::default()).unwrap();
    assert!(stale.iter().any(|finding| finding.contains("`type-names` is stale")), "{stale:#?}");
    assert!(!stale.iter().any(|finding| finding.contains("`tick-origin`")), "{stale:#?}");
    assert!(registry.overdue("2026-11").next().is_none());
    assert!(registry.overdue("2028-01").count() == registry.deviations.len());
}

#[test]
fn other_folders_are_no_tree() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Tree::at(folder.path()), Err(ParityError::NoTree { .. })));
}
