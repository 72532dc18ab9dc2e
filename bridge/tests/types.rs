//! Local types from JSON, and subtyping between them.

use expect_test::expect;
use motet_bridge::{LocalType, RoundTrip, Validator};
use motet_types::SubtypeMode;
use serde_json::{Value as Json, json};

fn branch(label: &str, next: Json) -> Json {
    json!({"label": {"name": label, "sort": "unit"}, "continuation": next})
}

fn act(kind: &str, partner: &str, branches: &[(&str, Json)]) -> Json {
    let branches: Vec<Json> = branches.iter().map(|(label, next)| branch(label, next.clone())).collect();
    json!({"kind": kind, "partner": partner, "branches": branches})
}

fn send(partner: &str, label: &str, next: Json) -> Json {
    act("send", partner, &[(label, next)])
}

fn recv(partner: &str, label: &str, next: Json) -> Json {
    act("recv", partner, &[(label, next)])
}

fn end() -> Json {
    json!({"kind": "end"})
}

/// The rows of docs/subtyping.md, as JSON.
#[test]
fn subtyping_is_that_of_the_types() {
    let word = |mode, candidate: &Json, expected: &Json| {
        Validator.compare_subtyping(mode, candidate, expected).unwrap().word()
    };
    let all = |candidate: Json, expected: Json| SubtypeMode::ALL.map(|mode| word(mode, &candidate, &expected));
    let looped = |body: Json| json!({"kind": "rec", "var": "X", "body": body});
    let x = || json!({"kind": "var", "name": "X"});
    assert_eq!(all(send("Q", "a", end()), send("Q", "a", end())), ["yes", "yes", "yes"]);
    assert_eq!(
        all(send("Q", "a", recv("P", "a", end())), recv("P", "a", send("Q", "a", end()))),
        ["no", "no", "yes"],
        "a send may go ahead"
    );
    assert_eq!(all(recv("P", "a", send("Q", "a", end())), send("Q", "a", recv("P", "a", end()))), ["no", "no", "no"]);
    assert_eq!(
        all(send("P", "a", end()), act("send", "P", &[("a", end()), ("b", end())])),
        ["no", "yes", "yes"],
        "fewer labels may be sent"
    );
    assert_eq!(all(act("recv", "P", &[("a", end()), ("b", end())]), recv("P", "a", end())), ["no", "yes", "yes"]);
    assert_eq!(
        all(looped(send("Q", "a", recv("P", "a", x()))), looped(recv("P", "a", send("Q", "a", x())))),
        ["no", "no", "yes"]
    );
    assert_eq!(all(looped(send("Q", "a", x())), looped(recv("P", "a", send("Q", "a", x())))), ["no", "no", "no"]);
    assert_eq!(all(end(), end()), ["yes", "yes", "yes"]);
    assert_eq!(all(end(), send("Q", "a", end())), ["no", "no", "no"]);
    // A partner that is called as the role would be.
    assert_eq!(all(send("self", "a", end()), send("self", "a", end())), ["yes", "yes", "yes"]);
    assert_eq!(all(send("self", "a", end()), send("self_", "a", end())), ["no", "no", "no"]);
}

#[test]
fn local_types_go_there_and_back() {
    let exact = [
        end(),
        send("self", "a", recv("self_", "b", end())),
        json!({"kind": "rec", "var": "X", "body": act("send", "P", &[("a", json!({"kind": "var", "name": "X"})), ("b", end())])}),
    ];
    for json in exact {
        assert_eq!(Validator.local_round_trip(&json).unwrap(), RoundTrip::Exact, "{json}");
        let again = LocalType::from_text(&json.to_string()).unwrap().to_json().unwrap();
        assert_eq!(again, json);
    }
}

#[test]
fn other_json_is_no_local_type() {
    let texts = [
        r#"{"kind":"end","kind":"end"}"#,
        r#"{"kind":"comm","sender":"A","receiver":"B","branches":[]}"#,
        r#"{"kind":"send","partner":"P","branches":[],"sender":"self"}"#,
        r#"{"kind":"send","partner":"P","branches":[]}"#,
        r#"{"kind":"send","partner":7,"branches":[{"label":{"name":"a","sort":"unit"},"continuation":{"kind":"end"}}]}"#,
        r#"{"kind":"recv","partner":"P","branches":[{"label":{"name":"a","sort":"unit"},"continuation":{"kind":"halt"}}]}"#,
        r#"{"kind":"recv","partner":"P","branches":[{"label":{"name":"a","sort":"int"},"continuation":{"kind":"end"}}]}"#,
        r#"{"kind":"recv","partner":"P","branches":[{"label":{"name":"a","sort":"unit"}}]}"#,
        r#"{"kind":"end","more":1}"#,
        r#"{"kind":"var","name":"X"}"#,
        "[]",
        "{",
    ];
    let mut said = String::new();
    for text in texts {
        said += &format!("{text}\n    {}\n", LocalType::from_text(text).unwrap_err().to_string().trim_end());
    }
    expect![[r#"
        {"kind":"end","kind":"end"}
            line 1, column 27: the key `kind` stands twice
        {"kind":"comm","sender":"A","receiver":"B","branches":[]}
            `local` is {"branches":[],"kind":"comm","receiver":"B","sender":"A"}; a local type is of kind `send`, `recv`, `rec`, `var` or `end`
        {"kind":"send","partner":"P","branches":[],"sender":"self"}
            `local` is {"branches":[],"kind":"send","partner":"P","sender":"self"}; a local type is of kind `send`, `recv`, `rec`, `var` or `end`
        {"kind":"send","partner":"P","branches":[]}
            error[motet::choreo::json_shape] 1:13 $.branches: at least one branch is expected
        {"kind":"send","partner":7,"branches":[{"label":{"name":"a","sort":"unit"},"continuation":{"kind":"end"}}]}
            error[motet::choreo::json_shape] 1:107 $.receiver: a string is expected
        {"kind":"recv","partner":"P","branches":[{"label":{"name":"a","sort":"unit"},"continuation":{"kind":"halt"}}]}
            `local.branches[0].continuation` is {"kind":"halt"}; a local type is of kind `send`, `recv`, `rec`, `var` or `end`
        {"kind":"recv","partner":"P","branches":[{"label":{"name":"a","sort":"int"},"continuation":{"kind":"end"}}]}
            error[motet::choreo::json_shape] 1:72 $.branches[0].label.sort: unknown sort `int`
        {"kind":"recv","partner":"P","branches":[{"label":{"name":"a","sort":"unit"}}]}
            error[motet::choreo::json_shape] 1:14 $.branches[0]: the field `continuation` is missing
        {"kind":"end","more":1}
            error[motet::choreo::json_shape] 1:15 $: unknown field `more`
          help: the fields here are `kind`
        {"kind":"var","name":"X"}
            error[motet::choreo::unbound_continue] 1:22 $.name: there is no `rec` of `X` around this
        []
            `local` is []; a local type is of kind `send`, `recv`, `rec`, `var` or `end`
        {
            line 1, column 1: EOF while parsing an object
    "#]].assert_eq(&said);
}
