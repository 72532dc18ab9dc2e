//! Choices and what follows them.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn first_message_is_the_selection() {
    check_body(
        r#"
choice A at
  | Yes =>
      A -> B : Yes(Int)
      B -> A : Thanks
  | No =>
      A -> B : No
"#,
        expect![[r#"
            A -> B
            | Yes(nat)
              B -> A : Thanks
              end
            | No
              end
        "#]],
    );
}

#[test]
fn selection_goes_before_another_message() {
    check_body(
        r#"
choice A at
  | Yes =>
      A -> B : Price(Int)
  | No =>
      A -> B : Sorry
"#,
        expect![[r#"
            A -> B
            | Yes
              A -> B : Price(nat)
              end
            | No
              A -> B : Sorry
              end
        "#]],
    );
}

#[test]
fn choice_told_to_everybody() {
    check_body(
        r#"
choice A at
  | Go => A ->* : Go
  | Stop => A ->* : Halt
"#,
        expect![[r#"
            A -> B
            | Go
              A -> C : Go
              end
            | Stop
              A -> B : Halt
              A -> C : Halt
              end
        "#]],
    );
}

#[test]
fn what_follows_a_choice_is_shared() {
    check_body(
        r#"
choice A at
  | X => A -> B : X
  | Y => A -> B : Y
B -> C : After
C -> A : Last
"#,
        expect![[r#"
            A -> B
            | X
              #1: B -> C : After
              C -> A : Last
              end
            | Y
              go to #1
        "#]],
    );
}

#[test]
fn choices_in_choices() {
    check_body(
        r#"
choice A at
  | X =>
      A -> B : X
      choice B at
        | One => B -> C : One
        | Two => B -> C : Two
  | Y => A -> B : Y
B -> A : After
"#,
        expect![[r#"
            A -> B
            | X
              B -> C
              | One
                #1: B -> A : After
                end
              | Two
                go to #1
            | Y
              go to #1
        "#]],
    );
}

#[test]
fn guards_that_say_nothing() {
    check_body(
        r#"
choice A at
  | X when (true) => A -> B : X
  | Y => A -> B : Y
"#,
        expect![[r#"
            A -> B
            | X
              end
            | Y
              end
        "#]],
    );
}

#[test]
fn choice_through_a_call() {
    check(
        r#"
protocol P =
  roles A, B
  choice A at
    | X =>
      call Talk
      A -> B : End
    | Y =>
      A -> B : Y
where
  protocol Talk =
    call Open
    B -> A : Reply
  protocol Open =
    A -> B : X(Int)
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B
            | X(nat)
              B -> A : Reply
              A -> B : End
              end
            | Y
              end
        "#]],
    );
}
