//! Loops, and the names they get.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn named_loops() {
    check_body(
        r#"
rec Again
  A -> B : Ask
  choice B at
    | More =>
        B -> A : More
        continue Again
    | Enough =>
        B -> A : Enough
B -> C : Over
"#,
        expect![[r#"
            rec Again
              A -> B : Ask
              B -> A
              | More
                continue Again
              | Enough
                B -> C : Over
                end
        "#]],
    );
}

#[test]
fn nested_binders_of_one_name() {
    check_body(
        r#"
rec X
  A -> B : Outer
  rec X
    B -> A : Inner
    choice A at
      | In =>
          A -> B : In
          continue X
      | Out =>
          A -> B : Out
  continue X
"#,
        expect![[r#"
            rec X
              A -> B : Outer
              rec X$1
                B -> A : Inner
                A -> B
                | In
                  continue X$1
                | Out
                  continue X
        "#]],
    );
}

#[test]
fn nested_binders_keep_their_names() {
    check_body(
        r#"
rec X
  A -> B : Outer
  rec Y
    choice A at
      | In =>
          A -> B : In
          continue Y
      | Out =>
          A -> B : Out
          continue X
"#,
        expect![[r#"
            rec X
              A -> B : Outer
              rec Y
                A -> B
                | In
                  continue Y
                | Out
                  continue X
        "#]],
    );
}

#[test]
fn loops_one_after_another() {
    check_body(
        r#"
rec X
  choice A at
    | Go =>
        A -> B : Go
        continue X
    | No => A -> B : No
rec X
  choice A at
    | Go =>
        A -> B : Go
        continue X
    | No => A -> B : No
"#,
        expect![[r#"
            rec X$1
              A -> B
              | Go
                continue X$1
              | No
                rec X
                  A -> B
                  | Go
                    continue X
                  | No
                    end
        "#]],
    );
}

#[test]
fn equal_loops_in_branches() {
    check_body(
        r#"
choice A at
  | L =>
      A -> B : L
      loop forever
        C -> A : Tick
  | R =>
      A -> B : R
      loop forever
        C -> A : Tick
"#,
        expect![[r#"
            A -> B
            | L
              rec loop$0
                C -> A : Tick
                continue loop$0
            | R
              rec loop$0
                C -> A : Tick
                continue loop$0
        "#]],
    );
}

#[test]
fn decided_loop() {
    check_body(
        r#"
loop decide by A
  A -> B : Item(Int)
  B -> A : Got
B -> C : Over
"#,
        expect![[r#"
            rec loop$0
              A -> B
              | Item(nat)
                B -> A : Got
                continue loop$0
              | Done
                B -> C : Over
                end
        "#]],
    );
}

#[test]
fn decided_loops_nested() {
    check_body(
        r#"
loop decide by A
  A -> B : Row
  loop decide by A
    A -> B : Cell
"#,
        expect![[r#"
            rec loop$0
              A -> B
              | Row
                rec loop$1
                  A -> B
                  | Cell
                    continue loop$1
                  | Done
                    continue loop$0
              | Done
                end
        "#]],
    );
}

#[test]
fn decided_loop_through_everybody() {
    check_body(
        r#"
loop decide by A
  A ->* : Item
"#,
        expect![[r#"
            rec loop$0
              A -> B
              | Item
                A -> C : Item
                continue loop$0
              | Done
                end
        "#]],
    );
}

#[test]
fn while_loop() {
    check_body(
        r#"
loop while "there is work"
  A -> B : Work
  B -> A : Done
"#,
        expect![[r#"
            rec loop$0
              A -> B
              | Work
                B -> A : Done
                continue loop$0
              | Done
                end
        "#]],
    );
}

#[test]
fn repeated() {
    check_body(
        r#"
loop repeat 3
  A -> B : Tick
  B -> A : Tock
"#,
        expect![[r#"
            A -> B : Tick
            B -> A : Tock
            A -> B : Tick
            B -> A : Tock
            A -> B : Tick
            B -> A : Tock
            end
        "#]],
    );
}

#[test]
fn repeated_within_repeated() {
    check_body(
        r#"
loop repeat 2
  A -> B : Row
  loop repeat 2
    A -> B : Cell
"#,
        expect![[r#"
            A -> B : Row
            A -> B : Cell
            A -> B : Cell
            A -> B : Row
            A -> B : Cell
            A -> B : Cell
            end
        "#]],
    );
}

#[test]
fn forever() {
    check_body(
        r#"
loop forever
  A -> B : Tick
"#,
        expect![[r#"
            rec loop$0
              A -> B : Tick
              continue loop$0
        "#]],
    );
}

#[test]
fn a_loop_called_twice_has_two_names() {
    check(
        r#"
protocol P =
  roles A, B
  call Work
  call Work
where
  protocol Work =
    rec X
      choice A at
        | Go =>
            A -> B : Go
            continue X
        | No => A -> B : No
"#,
        expect![[r#"
            protocol P
            roles A, B
            rec X$1
              A -> B
              | Go
                continue X$1
              | No
                rec X
                  A -> B
                  | Go
                    continue X
                  | No
                    end
        "#]],
    );
}
