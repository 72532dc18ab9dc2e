//! How refusals reach people and tools: excerpts of the source, and plain fields.

use crate::refused;
use expect_test::{Expect, expect};
use miette::{Diagnostic as _, NarratableReportHandler};
use motet_choreo::{Code, Diagnostics, Source, load};

fn refusals(text: &str) -> Diagnostics {
    let source = Source::from_text("folder/test.tell", text).expect("a source");
    load(&source).expect_err("something to refuse")
}

fn narrated(diagnostic: &dyn miette::Diagnostic, expect: Expect) {
    let mut out = String::new();
    NarratableReportHandler::new().render_report(&mut out, diagnostic).expect("text");
    let lines: String = out.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    expect.assert_eq(&lines);
}

const WRONG: &str = "protocol P =\n  roles Alice, Bob\n  Alice -> Bbo : M\n  rec É\n";

#[test]
fn one_report_shows_its_line() {
    let all = refusals("protocol P =\n  roles Alice, Bob, Alice\n  Alice -> Bob : M\n");
    let report = all.reports().next().expect("a report");
    narrated(
        report.as_ref(),
        expect![[r#"
        the role `Alice` is declared twice
            Diagnostic severity: error
        Begin snippet for folder/test.tell starting at line 1, column 1

        snippet line 1: protocol P =
        snippet line 2:   roles Alice, Bob, Alice
            label at line 2, columns 9 to 13: declared here
            label at line 2, columns 21 to 25: here
        snippet line 3:   Alice -> Bob : M
        diagnostic help: take one of them out, or rename it
        diagnostic code: motet::choreo::duplicate_role
    "#]],
    );
}

#[test]
fn plain_fields() {
    let all = refusals(WRONG);
    let first = all.located().next().expect("a refusal");
    assert_eq!((first.line, first.column), (3, 12));
    assert_eq!(first.code, Code::UnknownRole.path());
    assert_eq!(first.help, Some("did you mean `Bob`?"));
    assert_eq!(all.list()[0].code().map(|code| code.to_string()).as_deref(), Some(first.code));
    assert_eq!(all.source().name(), "folder/test.tell");
}

#[test]
fn columns_count_characters() {
    let all = refusals("protocol P =\n  roles A, B\n  {- é… -} A -> B : M  A -> C : N\n");
    let first = all.located().next().expect("a refusal");
    assert_eq!((first.line, first.column), (3, 29));
}

#[test]
fn lines_have_spans() {
    let source = Source::from_text("x", "protocol P =\r\n  roles A, B  \n\n  A -> B : M").expect("a source");
    let text = |line| source.slice(source.line_span(line));
    assert_eq!([1, 2, 3, 4, 5].map(text), ["protocol P =", "roles A, B", "", "A -> B : M", ""]);
}

#[test]
fn every_code_is_expected_somewhere() {
    let tests = [&refused::TESTS.concat(), include_str!("json.rs"), include_str!("layout.rs")].concat();
    let other = include_str!("no_panic.rs");
    for code in Code::ALL {
        let named = tests.contains(code.path()) || other.contains(&format!("Code::{code:?}"));
        assert!(named, "no test expects {}", code.path());
    }
}

#[test]
fn codes_are_apart() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| code.path().ends_with(code.name())));
}
