//! Decisions that are not told, loops that go wrong, parts in conflict.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn a_family_cannot_decide() {
    check(
        r#"
protocol P =
  roles A, R[2]
  choice R[*] at
    | X => R[0] -> A : X
"#,
        expect![[r#"
            error[motet::choreo::not_one_role] 4:10 `R` decides, so it must be one role, not 2
              help: write `R[0]`
        "#]],
    );
}

#[test]
fn choice_that_does_not_begin_with_the_decider() {
    check_body(
        r#"
choice A at
  | X => B -> A : X
  | Y =>
      choice A at
        | Z => A -> B : Z
  | Empty => {}
"#,
        expect![[r#"
            error[motet::choreo::decider_first] 4:12 this must begin with a message by `A`, who decides
              help: let `A` send first: the others learn from it what was decided
            error[motet::choreo::decider_first] 6:9 this must begin with a message by `A`, who decides
              help: begin with `A -> … : …`
            error[motet::choreo::decider_first] 8:7 this must begin with a message by `A`, who decides
              help: begin with `A -> … : …`
        "#]],
    );
}

#[test]
fn choice_with_different_receivers() {
    check_body(
        r#"
choice A at
  | X => A -> B : X
  | Y => A -> C : Y
"#,
        expect![[r#"
            error[motet::choreo::different_receivers] 5:7 this branch begins with a message to `C`, another with one to `B`
              help: begin every branch with a message to `B`
        "#]],
    );
}

#[test]
fn loop_that_nobody_decides() {
    check_body(
        r#"
loop decide by A
  B -> A : M
loop while "x"
  rec X
    A -> B : M
    continue X
"#,
        expect![[r#"
            error[motet::choreo::decider_first] 4:5 this must begin with a message by `A`, who decides
              help: let `A` send first: the others learn from it what was decided
            error[motet::choreo::decider_first] 6:5 this must begin with a message: its sender decides
              help: put a message first
        "#]],
    );
}

#[test]
fn loop_with_its_exit_as_first_message() {
    check_body(
        r#"
loop decide by A
  A -> B : Done
"#,
        expect![[r#"
            error[motet::choreo::duplicate_label] 4:14 this loop ends with a message `Done` of its own
              help: rename the first message, or write the loop as `rec` and `choice`
        "#]],
    );
}

#[test]
fn unguarded() {
    check_body(
        r#"
rec X
  continue X
"#,
        expect![[r#"
            error[motet::choreo::unguarded_recursion] 4:14 `X` comes back without a message in between
              help: send something before `continue`
        "#]],
    );
}

#[test]
fn unguarded_through_another_loop() {
    check_body(
        r#"
rec X
  rec Y
    continue X
"#,
        expect![[r#"
            error[motet::choreo::unguarded_recursion] 5:16 `X` comes back without a message in between
              help: send something before `continue`
        "#]],
    );
}

#[test]
fn unbound() {
    check_body(
        r#"
rec Again
  A -> B : M
  continue Agian
"#,
        expect![[r#"
            error[motet::choreo::unbound_continue] 5:14 there is no `rec Agian` around this
              help: did you mean `Again`?
        "#]],
    );
}

#[test]
fn continue_out_of_a_part() {
    check(
        r#"
protocol P =
  roles A, B, C, D
  rec X
    A -> B : M
    par
      | A -> B : N
        continue X
      | C -> D : O
"#,
        expect![[r#"
            error[motet::choreo::unbound_continue] 8:18 `X` is around the `par` or the call, and a part cannot leave it
              help: put the `rec` inside, or `continue` behind
        "#]],
    );
}

#[test]
fn continue_out_of_a_call() {
    check(
        r#"
protocol P =
  roles A, B
  rec X
    A -> B : M
    call Q
where
  protocol Q =
    A -> B : N
    continue X
"#,
        expect![[r#"
            error[motet::choreo::unbound_continue] 10:14 `X` is around the `par` or the call, and a part cannot leave it
              help: put the `rec` inside, or `continue` behind
        "#]],
    );
}

#[test]
fn unreachable_after_continue() {
    check_body(
        r#"
rec X
  A -> B : M
  continue X
  A -> B : N
  A -> B : O
"#,
        expect![[r#"
            error[motet::choreo::unreachable] 6:5 this is never reached
              help: take it out, or give the loop a way out
        "#]],
    );
}

#[test]
fn unreachable_after_forever() {
    check_body(
        r#"
loop forever
  A -> B : M
A -> B : N
"#,
        expect![[r#"
            error[motet::choreo::unreachable] 5:3 this is never reached
              help: take it out, or give the loop a way out
        "#]],
    );
}

#[test]
fn unreachable_after_a_choice_without_a_way_out() {
    check_body(
        r#"
rec X
  choice A at
    | L =>
        A -> B : L
        continue X
    | R =>
        A -> B : R
        continue X
A -> B : N
"#,
        expect![[r#"
            error[motet::choreo::unreachable] 11:3 this is never reached
              help: take it out, or give the loop a way out
        "#]],
    );
}

#[test]
fn empty_protocol() {
    check(
        r#"
protocol P =
  roles A, B
"#,
        expect![[r#"
            error[motet::choreo::empty_protocol] 2:10 nothing is sent in `P`
              help: write its messages below, indented: `A -> B : Message`
        "#]],
    );
}

#[test]
fn circle_of_calls() {
    check(
        r#"
protocol P =
  roles A, B
  call Q
where
  protocol Q =
    A -> B : M
    call R
  protocol R =
    call Q
"#,
        expect![[r#"
            error[motet::choreo::recursive_call] 10:10 protocols call each other in a circle: Q -> R -> Q
              help: a call is written out in place; repeat with `rec` and `continue`
        "#]],
    );
}

#[test]
fn parallel_on_one_edge() {
    check_body(
        r#"
par
  | A -> B : X
  | A -> B : Y
"#,
        expect![[r#"
            error[motet::choreo::parallel_conflict] 3:3 two parts of `par` both send from `A` to `B`
              help: put these messages one after another, in one part
        "#]],
    );
}

#[test]
fn parallel_loop_with_a_shared_role() {
    check_body(
        r#"
par
  | A -> B : X
  | loop decide by A
      A -> C : Y
"#,
        expect![[r#"
            error[motet::choreo::parallel_conflict] 3:3 a part of `par` repeats, and shares the role `A` with another part
              help: let no role take part in both
        "#]],
    );
}

#[test]
fn unreachable_after_a_part_that_never_ends() {
    check(
        r#"
protocol P =
  roles A, B, C, D
  par
    | A -> B : M
    | loop forever
        C -> D : N
  A -> B : O
"#,
        expect![[r#"
            error[motet::choreo::unreachable] 8:3 this is never reached
              help: take it out, or give the loop a way out
        "#]],
    );
}

#[test]
fn a_member_that_decides_goes_by_its_full_name() {
    check(
        r#"
protocol P =
  roles A, R[2]
  choice R[1] at
    | X => R[0] -> A : X
    | Y => R[1] -> A : Y
    | Z => R[1] -> R[0] : Z
"#,
        expect![[r#"
            error[motet::choreo::decider_first] 5:12 this must begin with a message by `R[1]`, who decides
              help: let `R[1]` send first: the others learn from it what was decided
            error[motet::choreo::different_receivers] 7:7 this branch begins with a message to `R[0]`, another with one to `A`
              help: begin every branch with a message to `A`
        "#]],
    );
}
