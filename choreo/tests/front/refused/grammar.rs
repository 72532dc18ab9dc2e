//! What does not follow the grammar.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn errors_in_one_statement_do_not_hide_others() {
    check_body(
        r#"
A -> : M
A - B : M
A -> B M
A -> B :
A -> B : M(
A -> B : M { x }
B -> D : N
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:8 a role that receives expected, but `:` stands here
            error[motet::choreo::syntax] 4:5 `->` behind the role `A` expected, but `-` stands here
            error[motet::choreo::syntax] 5:10 `:` and the message expected, but `M` stands here
            error[motet::choreo::syntax] 6:11 the message's name expected, but the line ends here
            error[motet::choreo::syntax] 7:14 a type expected, but the line ends here
            error[motet::choreo::syntax] 8:18 `:` and the field's type expected, but `}` stands here
            error[motet::choreo::unknown_role] 9:8 there is no role `D`
              help: add `D` to `roles`
        "#]],
    );
}

#[test]
fn choice_without_branches() {
    check_body(
        r#"
choice A at
A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:14 `|` and a part expected, but the line ends here
        "#]],
    );
}

#[test]
fn choice_the_wrong_way_round() {
    check_body(
        r#"
choice at A
  | X => A -> B : X
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:10 the role stands before `at`
              help: write `choice ROLE at`
        "#]],
    );
}

#[test]
fn empty_blocks() {
    check_body(
        r#"
rec X
loop forever
par
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:3 nothing stands in this `rec`
              help: indent its statements deeper than its first word
            error[motet::choreo::syntax] 4:3 nothing stands in this `loop`
              help: indent its statements deeper than its first word
            error[motet::choreo::syntax] 5:6 `|` and a part expected, but the file ends here
        "#]],
    );
}

#[test]
fn no_protocol() {
    check(
        r#"
type T = | A
"#,
        expect![[r#"
            error[motet::choreo::empty_protocol] 2:13 the file declares no protocol
              help: write `protocol NAME =` and its roles and messages below
        "#]],
    );
}

#[test]
fn two_protocols() {
    check(
        r#"
protocol P =
  roles A, B
  A -> B : M
protocol Q =
  A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::syntax] 5:1 a second protocol: the file already holds `P`
              help: put protocols that others call under `where`
        "#]],
    );
}

#[test]
fn statements_outside_the_protocol() {
    check(
        r#"
protocol P =
  roles A, B
A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::empty_protocol] 2:10 nothing is sent in `P`
              help: write its messages below, indented: `A -> B : Message`
            error[motet::choreo::syntax] 4:1 `A` stands where a declaration or `protocol` is expected
              help: indent statements deeper than `protocol`
        "#]],
    );
}

#[test]
fn misspelled_declaration() {
    check(
        r#"
protocl P =
  roles A, B
"#,
        expect![[r#"
            error[motet::choreo::syntax] 2:1 `protocl` stands where a declaration or `protocol` is expected
              help: did you mean `protocol`?
        "#]],
    );
}

#[test]
fn misspelled_keyword() {
    check_body(
        r#"
chioce A at
  | X => A -> B : X
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:10 `->` behind the role `chioce` expected, but `A` stands here
              help: did you mean `choice`?
        "#]],
    );
}

#[test]
fn late_roles() {
    check(
        r#"
protocol P =
  roles A, B
  A -> B : M
  roles C
"#,
        expect![[r#"
            error[motet::choreo::syntax] 5:3 `roles` stands behind the first statement
              help: declare all roles at the protocol's beginning
        "#]],
    );
}

#[test]
fn open_text() {
    check_body(
        r#"
loop while "x
  A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:14 this string is not closed on its line
              help: close it with `"`
            error[motet::choreo::syntax] 4:5 the condition in double quotes expected, but `A` stands here
        "#]],
    );
}

#[test]
fn open_comment() {
    check_body(
        r#"
A -> B : M
{- and so on {- -}
"#,
        expect![[r#"
            error[motet::choreo::syntax] 4:3 this comment is not closed
              help: close it with `-}`
        "#]],
    );
}

#[test]
fn strange_characters() {
    check_body(
        r#"
A → B : M
A -> B : Mé
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:5 `→` has no meaning here
              help: write `->`
            error[motet::choreo::syntax] 3:7 `->` behind the role `A` expected, but `B` stands here
            error[motet::choreo::syntax] 4:13 `é` has no meaning here
              help: names are of the letters a to z, digits and `_`
        "#]],
    );
}

#[test]
fn empty_file() {
    check(
        r#"
 
	
"#,
        expect![[r#"
            test.tell is empty
        "#]],
    );
}
