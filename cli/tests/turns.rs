//! `motet turns cut-points`: what it answers, and what it refuses.

mod common;

use common::{Scratch, check, json, refused};
use expect_test::expect;
use std::fmt::Write;

const CASES: &str = r#"{"cases":[
  {"entries":["message:user","message:assistant","message:toolResult","message:user","label","message:assistant"],
   "weights":[10,20,30,40,"ignored",50],"start":0,"end":6,"keep":60},
  {"entries":["message:user","message:assistant","modelChange","message:assistant"],
   "weights":[1,1,-3,1],"start":0,"end":4,"keep":1},
  {"entries":["message:toolResult","compaction"],"weights":[1,null],"start":0,"end":2,"keep":1},
  {"entries":["message:user","message:assistant","message:toolResult"],"weights":[1,1,100],"start":0,"end":3,"keep":50},
  {"entries":["branchSummary","leaf","message:bashExecution"],"weights":[0,0,5],"start":1,"end":3,"keep":5},
  {"entries":[],"weights":[],"start":0,"end":0,"keep":0}
]}"#;

#[test]
fn cut_points() {
    let scratch = Scratch::new();
    let file = scratch.file("cases.json", CASES);
    let mut lines = String::new();
    for result in json(&["turns", "cut-points", &file])["results"].as_array().unwrap() {
        writeln!(lines, "{result}").unwrap();
    }
    expect![[r#"
        {"first_kept":3,"split":false,"turn_start":null}
        {"first_kept":2,"split":true,"turn_start":0}
        {"first_kept":0,"split":false,"turn_start":null}
        {"first_kept":0,"split":false,"turn_start":null}
        {"first_kept":1,"split":false,"turn_start":null}
        {"first_kept":0,"split":false,"turn_start":null}
    "#]]
    .assert_eq(&lines);
    expect![[r#"
        exit 0
        case 0: keep from 3
        case 1: keep from 2, within the turn that starts at 0
        case 2: keep from 0
        case 3: keep from 0
        case 4: keep from 1
        case 5: keep from 0
    "#]]
    .assert_eq(&check(&["turns", "cut-points", &file]));
}

#[test]
fn refusals() {
    let scratch = Scratch::new();
    let case = |fields: &str| {
        format!(r#"{{"cases":[{{"entries":[],"weights":[],"start":0,"end":0,"keep":0}},{{{fields}}}]}}"#)
    };
    let one = r#""entries":["message:user"],"weights":[1]"#;
    let documents = [
        "not json".to_owned(),
        "[]".to_owned(),
        r#"{"cases":{}}"#.to_owned(),
        r#"{"cases":[],"more":1}"#.to_owned(),
        r#"{"cases":[7]}"#.to_owned(),
        case(r#""entries":["message:nobody"],"weights":[1],"start":0,"end":1,"keep":1"#),
        case(r#""entries":["message"],"weights":[1],"start":0,"end":1,"keep":1"#),
        case(r#""entries":["label","Compaction"],"weights":[1,1],"start":0,"end":1,"keep":1"#),
        case(&format!(r#"{one},"start":0,"end":2,"keep":1"#)),
        case(&format!(r#"{one},"start":1,"end":0,"keep":1"#)),
        case(&format!(r#"{one},"start":18446744073709551615,"end":18446744073709551615,"keep":1"#)),
        case(&format!(r#"{one},"start":-1,"end":1,"keep":1"#)),
        case(&format!(r#"{one},"start":0,"end":1,"keep":-1"#)),
        case(&format!(r#"{one},"start":0,"end":1"#)),
        case(&format!(r#"{one},"start":0,"end":1,"keep":1,"more":1"#)),
        case(r#""entries":["message:user"],"weights":[],"start":0,"end":1,"keep":1"#),
        case(r#""entries":["message:user"],"weights":[-1],"start":0,"end":1,"keep":1"#),
        case(r#""entries":["message:user"],"weights":[1.5],"start":0,"end":1,"keep":1"#),
    ];
    let mut lines = String::new();
    for document in documents {
        let file = scratch.file("cases.json", &document);
        let (status, code, error) = refused(&["turns", "cut-points", &file]);
        let message = error["message"].as_str().unwrap().replace(&file, "FILE");
        writeln!(lines, "{status} {code} {}: {message}", error["case"]).unwrap();
    }
    let (status, code, _) = refused(&["turns", "cut-points", &scratch.path("missing")]);
    writeln!(lines, "{status} {code}").unwrap();
    expect![[r#"
        1 bad_cases null: FILE: the cases are not JSON: expected ident at line 1 column 2
        1 bad_cases null: FILE: the cases must be an object with the one field `cases` that holds a list
        1 bad_cases null: FILE: the cases must be an object with the one field `cases` that holds a list
        1 bad_cases null: FILE: the cases must be an object with the one field `cases` that holds a list
        1 bad_cases 0: FILE: case 0: invalid type: integer `7`, expected an object with entries, weights, start, end and keep
        1 bad_cases 1: FILE: case 1: entry 0: no role is called `nobody`
        1 bad_cases 1: FILE: case 1: entry 0: no entry is called `message`: it is `message:` and a role, or one of the ten kinds without a role
        1 bad_cases 1: FILE: case 1: entry 1: no entry is called `Compaction`: it is `message:` and a role, or one of the ten kinds without a role
        1 bad_cases 1: FILE: case 1: the range 0..2 is not within a history of 1 entries
        1 bad_cases 1: FILE: case 1: the range 1..0 is not within a history of 1 entries
        1 bad_cases 1: FILE: case 1: the range 18446744073709551615..18446744073709551615 is not within a history of 1 entries
        1 bad_cases 1: FILE: case 1: invalid value: integer `-1`, expected u64
        1 bad_cases 1: FILE: case 1: invalid value: integer `-1`, expected u64
        1 bad_cases 1: FILE: case 1: missing field `keep`
        1 bad_cases 1: FILE: case 1: unknown field `more`, expected one of `entries`, `weights`, `start`, `end`, `keep`
        1 bad_cases 1: FILE: case 1: there are 1 entries but 0 weights
        1 bad_cases 1: FILE: case 1: weight 0: -1 is no whole number below 2^64
        1 bad_cases 1: FILE: case 1: weight 0: 1.5 is no whole number below 2^64
        1 unreadable
    "#]].assert_eq(&lines);
}
