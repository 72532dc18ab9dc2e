//! Where blocks begin and end.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn braces() {
    check(
        r#"
protocol P = {
roles A, B
  choice A at {
| X => { A -> B : X  B -> A : Y }
        | Z => (A -> B : Z
  B -> A : W)
}
loop forever {
A -> B : M
      B -> A : N
}
}
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B
            | X
              B -> A : Y
              #1: rec loop$0
                A -> B : M
                B -> A : N
                continue loop$0
            | Z
              B -> A : W
              go to #1
        "#]],
    );
}

#[test]
fn one_line() {
    check(
        r#"
protocol P = { roles A, B choice A at { | X => A -> B : X | Y => A -> B : Y } rec L { B -> A : Z continue L } }
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B
            | X
              #1: rec L
                B -> A : Z
                continue L
            | Y
              go to #1
        "#]],
    );
}

#[test]
fn bars_below_the_head() {
    check_body(
        r#"
choice A at
| X => A -> B : X
       B -> A : Y
| Z =>
  A -> B : Z
"#,
        expect![[r#"
            A -> B
            | X
              B -> A : Y
              end
            | Z
              end
        "#]],
    );
}

#[test]
fn a_choice_on_the_line_of_a_branch() {
    check_body(
        r#"
choice A at
  | X => A -> B : X
         choice B at
           | P => B -> A : P
           | Q => B -> A : Q
  | Y => A -> B : Y
"#,
        expect![[r#"
            A -> B
            | X
              B -> A
              | P
                end
              | Q
                end
            | Y
              end
        "#]],
    );
}

#[test]
fn a_block_on_its_heads_line() {
    check_body(
        r#"
rec L A -> B : M
  continue L
"#,
        expect![[r#"
            rec L
              A -> B : M
              continue L
        "#]],
    );
}

#[test]
fn a_statement_over_several_lines() {
    check_body(
        r#"
A
  -> B
  : M
    ( Int
    , Bool
    )
B -> A : N
"#,
        expect![[r#"
            A -> B : M(nat, bool)
            B -> A : N
            end
        "#]],
    );
}

#[test]
fn where_inside_the_protocol() {
    check(
        r#"
protocol P =
  roles A, B
  call Q
  where
    protocol Q =
      A -> B : M
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M
            end
        "#]],
    );
}

#[test]
fn crlf() {
    check(
        r#"
protocol P =
  roles A, B
  A -> B : M
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M
            end
        "#]],
    );
}

#[test]
fn misplaced_line() {
    check_body(
        r#"
A -> B : X
    B -> A : Y
"#,
        expect![[r#"
            error[motet::choreo::indentation] 4:7 this line stands neither in the column of its block nor in that of a block around it
              help: begin all statements of a block in one column
        "#]],
    );
}

#[test]
fn line_between_two_blocks() {
    check_body(
        r#"
loop forever
      A -> B : X
   B -> A : Y
"#,
        expect![[r#"
            error[motet::choreo::indentation] 5:6 this line stands neither in the column of its block nor in that of a block around it
              help: begin all statements of a block in one column
        "#]],
    );
}

#[test]
fn tabs_in_indentation() {
    check(
        r#"
protocol P =
	roles A, B
	A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::tab] 3:1 a tab in the indentation: its width is not the same everywhere
              help: indent with spaces
        "#]],
    );
}

#[test]
fn tabs_elsewhere() {
    check(
        r#"
protocol P =
  roles A,	B
  A	->	B : M
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M
            end
        "#]],
    );
}

#[test]
fn open_brace() {
    check(
        r#"
protocol P =
  roles A, B
  loop forever {
    A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::syntax] 4:16 this `{` is not closed
              help: close it with `}`
        "#]],
    );
}

#[test]
fn brace_that_closes_nothing() {
    check(
        r#"
protocol P =
  roles A, B
  A -> B : M
  }
"#,
        expect![[r#"
            error[motet::choreo::syntax] 5:3 this `}` closes nothing
              help: take it out
        "#]],
    );
}

#[test]
fn wrong_bracket() {
    check_body(
        r#"
loop forever {
  A -> B : M
)
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:16 this `{` is not closed
              help: close it with `}`
            error[motet::choreo::syntax] 5:3 this `)` closes nothing
              help: take it out
        "#]],
    );
}

#[test]
fn bar_outside_a_choice() {
    check_body(
        r#"
A -> B : M
| X => A -> B : X
"#,
        expect![[r#"
            error[motet::choreo::syntax] 4:3 a statement expected, but `|` stands here
        "#]],
    );
}

#[test]
fn a_sender_on_its_own_line() {
    check_body(
        r#"
par
  | A
      -> B : Task
  | A
      -> C : Task
choice B at
  | Yes => B
      -> A : Yes
  | No =>
    B
      -> A : No
"#,
        expect![[r#"
            A -> B : Task
            A -> C : Task
            B -> A
            | Yes
              end
            | No
              end
        "#]],
    );
}

#[test]
fn where_in_braces() {
    check(
        r#"
protocol P = {
  roles A, B
  call Q
}
where {
  protocol Q = { A -> B : M call R }
  protocol R = (B -> A : N)
}
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M
            B -> A : N
            end
        "#]],
    );
}

#[test]
fn unions_in_braces() {
    check(
        r#"
import base exposing (Type(..), other)
type T = { | A | B(Int) }
type U =
(
  | C
)
protocol P =
  roles A, B
  A -> B : M(T, U)
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M(string, string)
            end
        "#]],
    );
}

#[test]
fn a_broken_branch_does_not_hide_the_others() {
    check_body(
        r#"
rec X
  choice A at
    | => A -> B : X
    | 3 => A -> B : Y
    | Z => A -> D : Z
           continue Y
B -> C : After
"#,
        expect![[r#"
            error[motet::choreo::syntax] 5:9 the branch's label expected, but `=>` stands here
            error[motet::choreo::syntax] 6:9 the branch's label expected, but `3` stands here
            error[motet::choreo::unknown_role] 7:19 there is no role `D`
              help: add `D` to `roles`
            error[motet::choreo::unbound_continue] 8:23 there is no `rec Y` around this
              help: put `rec Y` around what repeats
        "#]],
    );
}

#[test]
fn a_broken_protocol_does_not_hide_the_others() {
    check(
        r#"
protocol P roles A, B
  A -> B : M
where
  protocol Q
    A -> B : M
  protocol R =
    A -> : M
"#,
        expect![[r#"
            error[motet::choreo::syntax] 2:12 `=` expected, but `roles` stands here
            error[motet::choreo::syntax] 6:5 `=` expected, but `A` stands here
            error[motet::choreo::syntax] 8:10 a role that receives expected, but `:` stands here
        "#]],
    );
    check(
        r#"
protocol P =
  roles A, B
  A -> D : M
where
  protocol Q
    A -> B : M
  protocol R =
    A -> : M
"#,
        expect![[r#"
            error[motet::choreo::unknown_role] 4:8 there is no role `D`
              help: add `D` to `roles`
            error[motet::choreo::syntax] 7:5 `=` expected, but `A` stands here
            error[motet::choreo::syntax] 9:10 a role that receives expected, but `:` stands here
        "#]],
    );
}

#[test]
fn where_in_braces_inside_the_protocol() {
    check(
        r#"
protocol P =
  roles A, B
  call Q
  where {
    protocol Q = A -> B : M
  }
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M
            end
        "#]],
    );
}
