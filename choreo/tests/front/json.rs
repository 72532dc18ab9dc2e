//! Global types from JSON and back.

use crate::{check_json, loaded};
use expect_test::expect;
use motet_choreo::{JsonError, MAX_JSON_DEPTH, Source, global_to_json, load};

fn comm(label: &str, sort: &str, next: &str) -> String {
    format!(
        r#"{{"kind":"comm","sender":"A","receiver":"B","branches":[
            {{"label":{{"name":"{label}","sort":{sort}}},"continuation":{next}}}]}}"#
    )
}

const END: &str = r#"{"kind":"end"}"#;

#[test]
fn every_kind() {
    check_json(
        r#"
{"kind":"rec","var":"X","body":
  {"kind":"comm","sender":"Bob","receiver":"Alice","branches":[
    {"label":{"name":"More","sort":"nat"},"continuation":{"kind":"var","name":"X"}},
    {"continuation":
      {"branches":[{"label":{"sort":"unit","name":"Bye"},"continuation":{"kind":"end"}}],
       "receiver":"Carol","sender":"Bob","kind":"comm"},
     "label":{"name":"Stop","sort":"unit"}}]}}
"#,
        expect![[r#"
            protocol test
            roles Bob, Alice, Carol
            rec X
              Bob -> Alice
              | More(nat)
                continue X
              | Stop
                Bob -> Carol : Bye
                end
        "#]],
    );
}

#[test]
fn every_sort() {
    let sorts = ["unit", "nat", "bool", "string", "real"].map(|name| format!("\"{name}\""));
    let more = [r#"{"vector":3}"#, r#"{"prod":["nat",{"prod":["bool",{"vector":0}]}]}"#].map(str::to_owned);
    let chain = sorts.iter().chain(&more).rev().fold(END.to_owned(), |next, sort| comm("M", sort, &next));
    check_json(
        &chain,
        expect![[r#"
        protocol test
        roles A, B
        A -> B : M
        A -> B : M(nat)
        A -> B : M(bool)
        A -> B : M(string)
        A -> B : M(real)
        A -> B : M(vector[3])
        A -> B : M(nat, (bool, vector[0]))
        end
    "#]],
    );
}

#[test]
fn end_alone() {
    check_json(
        END,
        expect![[r#"
        protocol test
        roles 
        end
    "#]],
    );
}

#[test]
fn binders_renamed_apart() {
    let inner = comm("Inner", "\"unit\"", r#"{"kind":"var","name":"X"}"#);
    let inner = format!(r#"{{"kind":"rec","var":"X","body":{inner}}}"#);
    let outer = format!(r#"{{"kind":"rec","var":"X","body":{}}}"#, comm("Outer", "\"unit\"", &inner));
    check_json(
        &outer,
        expect![[r#"
        protocol test
        roles A, B
        rec X
          A -> B : Outer
          rec X$1
            A -> B : Inner
            continue X$1
    "#]],
    );
}

#[test]
fn fields() {
    check_json(
        r#"
{"kind":"comm","sender":"A","reciever":"B","branches":[
  {"label":{"name":"M","sort":"natt","name":"N"},"continuation":{"kind":"end","var":"X"}},
  {"label":"M","continuation":{"kind":"endd"}},
  {"label":{"name":"","sort":"unit"},"continuation":[]}]}
"#,
        expect![[r#"
            error[motet::choreo::json_shape] 2:1 $: the field `receiver` is missing
            error[motet::choreo::json_shape] 2:29 $: unknown field `reciever`
              help: did you mean `receiver`?
        "#]],
    );
    check_json(
        r#"
{"kind":"comm","sender":"A","receiver":"B","branches":[
  {"label":{"name":"M","sort":"natt","name":"N"},"continuation":{"kind":"end","var":"X"}},
  {"label":"M","continuation":{"kind":"endd"}},
  {"label":{"name":"","sort":{"vector":-1}},"continuation":[]},
  {"label":{"name":3,"sort":{"prod":["nat"]}},"continuation":{"sender":"A"}}]}
"#,
        expect![[r#"
            error[motet::choreo::json_shape] 3:31 $.branches[0].label.sort: unknown sort `natt`
              help: did you mean `nat`?
            error[motet::choreo::json_shape] 3:38 $.branches[0].label: the field `name` stands twice
            error[motet::choreo::json_shape] 3:79 $.branches[0].continuation: unknown field `var`
              help: the fields here are `kind`
            error[motet::choreo::json_shape] 4:12 $.branches[1].label: an object is expected
            error[motet::choreo::json_shape] 4:39 $.branches[1].continuation.kind: unknown kind `endd`
              help: did you mean `end`?
            error[motet::choreo::json_shape] 5:20 $.branches[2].label.name: a name must not be empty
            error[motet::choreo::json_shape] 5:40 $.branches[2].label.sort.vector: a vector's length is a number from 0 to 4294967295
            error[motet::choreo::json_shape] 5:60 $.branches[2].continuation: a type is expected: an object with a `kind`
            error[motet::choreo::json_shape] 6:20 $.branches[3].label.name: a string is expected
            error[motet::choreo::json_shape] 6:37 $.branches[3].label.sort.prod: a product is an array of two sorts
            error[motet::choreo::json_shape] 6:62 $.branches[3].continuation: the field `kind` is missing
        "#]],
    );
}

#[test]
fn shapes() {
    check_json(
        "[1, 2]",
        expect![[r#"
        error[motet::choreo::json_shape] 1:1 $: a type is expected: an object with a `kind`
    "#]],
    );
    check_json(
        r#"{"kind":"comm","sender":"A","receiver":"A","branches":[]}"#,
        expect![[r#"
            error[motet::choreo::self_send] 1:40 $.receiver: `A` sends to itself
              help: name another role as the receiver
            error[motet::choreo::json_shape] 1:55 $.branches: at least one branch is expected
        "#]],
    );
    check_json(
        r#"{"kind":"comm","sender":"A","receiver":"B","branches":{}}"#,
        expect![[r#"
        error[motet::choreo::json_shape] 1:55 $.branches: an array of branches is expected
    "#]],
    );
    check_json(
        r#"{"kind":"rec","var":"X","body":{"kind":"var","name":"X"}}"#,
        expect![[r#"
            error[motet::choreo::unguarded_recursion] 1:53 $.body.name: `X` comes back without a message in between
        "#]],
    );
    check_json(
        r#"{"kind":"var","name":"X"}"#,
        expect![[r#"
            error[motet::choreo::unbound_continue] 1:22 $.name: there is no `rec` of `X` around this
        "#]],
    );
    check_json(
        r#"{"kind":"comm","sender":"A","receiver":"B","branches":[
            {"label":{"name":"M","sort":"unit"},"continuation":{"kind":"end"}},
            {"label":{"name":"M","sort":"nat"},"continuation":{"kind":"end"}}]}"#,
        expect![[r#"
            error[motet::choreo::duplicate_label] 3:30 $.branches[1].label.name: two branches are labelled `M`
              help: rename one of them
        "#]],
    );
}

#[test]
fn syntax() {
    for (text, expected) in [
        (
            "{",
            expect![[r#"
            error[motet::choreo::json_syntax] 1:2 a field's name in double quotes is expected, but the file ends here
        "#]],
        ),
        (
            r#"{"kind":"end"} x"#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:16 nothing more is expected, but `x` stands here
        "#]],
        ),
        (
            r#"{"kind":"end",}"#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:15 a field's name in double quotes is expected, but `}` stands here
        "#]],
        ),
        (
            r#"{"kind" "end"}"#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:9 `:` is expected, but `\"` stands here
        "#]],
        ),
        (
            "{\"kind\":\"en\nd\"}",
            expect![[r#"
            error[motet::choreo::json_syntax] 1:9 this string is not closed on its line
        "#]],
        ),
        (
            r#"{"kind":"\q"}"#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:9 this is not a JSON string: invalid escape at line 1 column 3
        "#]],
        ),
        (
            r#"{"kind":01}"#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:9 `01` is not a JSON number
        "#]],
        ),
        (
            r#"{"kind":nul}"#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:9 a JSON value is expected, but `n` stands here
        "#]],
        ),
        (
            r#"{"kind":"end""#,
            expect![[r#"
            error[motet::choreo::json_syntax] 1:14 `,` or `}` is expected, but the file ends here
        "#]],
        ),
    ] {
        check_json(text, expected);
    }
}

#[test]
fn depth() {
    let nested = |messages| (0..messages).fold(END.to_owned(), |next, _| comm("M", "\"unit\"", &next));
    assert!(loaded("deep.json", &nested(MAX_JSON_DEPTH - 1)).starts_with("protocol deep\n"));
    let refused = loaded("deep.json", &nested(MAX_JSON_DEPTH));
    assert!(refused.starts_with("error[motet::choreo::too_deep]"), "{refused}");
    let sort = (0..70).fold("\"nat\"".to_owned(), |sort, _| format!(r#"{{"prod":["nat",{sort}]}}"#));
    let refused = loaded("deep.json", &comm("M", &sort, END));
    assert!(refused.contains("nests deeper than a value"), "{refused}");
}

#[test]
fn brackets_without_end_cost_no_stack() {
    for text in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 20), "[{\"kind\":".repeat(1 << 19)] {
        let refused = loaded("deep.json", &text);
        assert!(refused.starts_with("error[motet::choreo::too_deep] 1:"), "{refused}");
    }
}

#[test]
fn there_and_back() {
    let text = "
protocol P =
  roles A, B, C
  rec X
    choice A at
      | More => A -> B : More(Int, Bool, Odd)
                B -> C : More
                continue X
      | Stop => A -> B : Stop
                B -> C : Stop
";
    let source = Source::from_text("P.tell", text).expect("a source");
    let global = load(&source).expect("a protocol");
    let json = global_to_json(&global).expect("a type without par");
    expect![[r#"{"kind":"rec","var":"X","body":{"kind":"comm","sender":"A","receiver":"B","branches":[{"label":{"name":"More","sort":{"prod":["nat",{"prod":["bool","string"]}]}},"continuation":{"kind":"comm","sender":"B","receiver":"C","branches":[{"label":{"name":"More","sort":"unit"},"continuation":{"kind":"var","name":"X"}}]}},{"label":{"name":"Stop","sort":"unit"},"continuation":{"kind":"comm","sender":"B","receiver":"C","branches":[{"label":{"name":"Stop","sort":"unit"},"continuation":{"kind":"end"}}]}}]}}"#]].assert_eq(&json);
    let again = load(&Source::from_text("P.json", &json).expect("a source")).expect("a type");
    assert_eq!(json, global_to_json(&again).expect("a type"));
    assert_eq!(loaded("P.tell", text), loaded("P.json", &json));
}

#[test]
fn names_that_need_escapes() {
    let json = comm(r#"a\"b\u00e9\n"#, "\"unit\"", END);
    let global = load(&Source::from_text("P.json", &json).expect("a source")).expect("a type");
    let json = global_to_json(&global).expect("a type");
    assert!(json.contains(r#""name":"a\"bé\n""#), "{json}");
    assert!(load(&Source::from_text("P.json", &json).expect("a source")).is_ok());
}

#[test]
fn what_has_no_json() {
    let par = "protocol P = { roles A, B, C, D par { | A -> B : M | C -> D : N } }";
    let global = load(&Source::from_text("P.tell", par).expect("a source")).expect("a protocol");
    assert_eq!(global_to_json(&global), Err(JsonError::Parallel));

    // Thirty choices one after another are 2^30 paths, and JSON writes them all out.
    let choice = "choice A at { | X => A -> B : X | Y => A -> B : Y } ".repeat(30);
    let many = format!("protocol P = {{ roles A, B {choice} }}");
    let global = load(&Source::from_text("P.tell", &many).expect("a source")).expect("a protocol");
    assert_eq!(global_to_json(&global), Err(JsonError::TooLarge));
}
