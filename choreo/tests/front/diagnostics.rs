//! Every refusal: its code, its place, its words and its remedy.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn misspelled_role() {
    check(
        r#"
protocol P =
  roles Alice, Bob
  Alcie -> Bob : M
  Zoe -> Bob : M
"#,
        expect![[r#"
            error[motet::choreo::unknown_role] 4:3 there is no role `Alcie`
              help: did you mean `Alice`?
            error[motet::choreo::unknown_role] 5:3 there is no role `Zoe`
              help: add `Zoe` to `roles`
        "#]],
    );
}

#[test]
fn several_at_once() {
    check_body(
        r#"
A -> D : M
B -> B : N
choice A at
  | X => B -> A : X
  | X => A -> C : X
continue L
"#,
        expect![[r#"
            error[motet::choreo::unknown_role] 3:8 there is no role `D`
              help: add `D` to `roles`
            error[motet::choreo::self_send] 4:3 `B` sends to itself
              help: name another role as the receiver
            error[motet::choreo::decider_first] 6:12 this must begin with a message by `A`, who decides
              help: let `A` send first: the others learn from it what was decided
            error[motet::choreo::duplicate_label] 7:7 two branches are labelled `X`
              help: rename one of them
            error[motet::choreo::unbound_continue] 8:12 there is no `rec L` around this
              help: put `rec L` around what repeats
        "#]],
    );
}

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
fn no_roles() {
    check(
        r#"
protocol P =
  A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::unknown_role] 2:10 `P` declares no roles
              help: begin it with `roles A, B`
        "#]],
    );
}

#[test]
fn unread_roles_are_not_unknown() {
    check(
        r#"
protocol P =
  roles A, 3
  A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::syntax] 3:12 a role expected, but `3` stands here
        "#]],
    );
}

#[test]
fn duplicate_role() {
    check(
        r#"
protocol P =
  roles A, B, A
  A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::duplicate_role] 3:15 the role `A` is declared twice
              help: take one of them out, or rename it
        "#]],
    );
}

#[test]
fn duplicate_label() {
    check_body(
        r#"
choice A at
  | X => A -> B : X
  | X => A -> B : Y
"#,
        expect![[r#"
            error[motet::choreo::duplicate_label] 5:7 two branches are labelled `X`
              help: rename one of them
        "#]],
    );
}

#[test]
fn duplicate_declarations() {
    check(
        r#"
type T = | A
type alias T = Int
protocol P =
  roles A, B
  call Q
where
  protocol Q = A -> B : M
  protocol Q = A -> B : N
"#,
        expect![[r#"
            error[motet::choreo::duplicate_declaration] 3:12 the type `T` is declared twice
              help: rename one of them
            error[motet::choreo::duplicate_declaration] 9:12 the protocol `Q` is declared twice
              help: rename one of them
        "#]],
    );
}

#[test]
fn self_send() {
    check_body(
        r#"
A -> A : M
"#,
        expect![[r#"
            error[motet::choreo::self_send] 3:3 `A` sends to itself
              help: name another role as the receiver
        "#]],
    );
}

#[test]
fn self_send_in_a_family() {
    check(
        r#"
protocol P =
  roles R[3]
  R[*] -> R[1] : M
"#,
        expect![[r#"
            error[motet::choreo::self_send] 4:3 `R[1]` sends to itself
              help: name another role as the receiver
        "#]],
    );
}

#[test]
fn nobody_else() {
    check(
        r#"
protocol P =
  roles A
  A ->* : M
"#,
        expect![[r#"
            error[motet::choreo::nobody_receives] 4:3 there is nobody else to send to
              help: declare another role
        "#]],
    );
}

#[test]
fn family_indices() {
    check(
        r#"
protocol P =
  roles A, R[3], S[0]
  A -> R : M
  A -> R[3] : M
  A -> R[2..9] : M
  A -> R[2..2] : M
  A[0] -> R[0] : M
  A -> Q[1] : M
"#,
        expect![[r#"
            error[motet::choreo::bad_number] 3:18 the family `S` has no members
              help: give it at least one member
            error[motet::choreo::not_one_role] 4:8 `R` is a family of 3
              help: write `R[0]` for one member or `R[*]` for all
            error[motet::choreo::unknown_role] 5:8 `R` has 3 members, `R[0]` to `R[2]`
              help: make the family larger: `roles R[…]`
            error[motet::choreo::unknown_role] 6:8 `R` has 3 members, `R[0]` to `R[2]`
              help: make the family larger: `roles R[…]`
            error[motet::choreo::nobody_receives] 7:8 `R[2..2]` is empty
              help: the second number is the first that is left out
            error[motet::choreo::unknown_role] 8:3 `A` is one role, not a family
              help: write `A`
            error[motet::choreo::unknown_role] 9:8 there is no role `Q`
              help: add `Q` to `roles`
        "#]],
    );
}

#[test]
fn symbolic_sizes() {
    check(
        r#"
protocol P =
  roles A, R[N], S[*], T[2]
  A -> T[i] : M
  A -> T[i + 1] : M
  A -> T[0..n] : M
  loop repeat n
    A -> T[0] : M
"#,
        expect![[r#"
            error[motet::choreo::symbolic_size] 3:14 a symbolic size is a load parameter, which this version does not support
              help: write the number
            error[motet::choreo::symbolic_size] 3:20 a symbolic size is a load parameter, which this version does not support
              help: write the number
            error[motet::choreo::symbolic_size] 4:10 a symbolic index is a load parameter, which this version does not support
              help: write the number
            error[motet::choreo::symbolic_size] 5:10 a symbolic index is a load parameter, which this version does not support
              help: write the number
            error[motet::choreo::symbolic_size] 6:13 a symbolic index is a load parameter, which this version does not support
              help: write the number
            error[motet::choreo::symbolic_size] 7:15 a symbolic count is a load parameter, which this version does not support
              help: write the number
        "#]],
    );
}

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
fn unknown_protocol() {
    check(
        r#"
protocol P =
  roles A, B
  call Geret
  call Zzz
where
  protocol Greet =
    A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::unknown_protocol] 4:8 there is no protocol `Geret`
              help: did you mean `Greet`?
            error[motet::choreo::unknown_protocol] 5:8 there is no protocol `Zzz`
              help: declare it under `where protocol Zzz =`
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
fn helper_with_a_role_of_its_own() {
    check(
        r#"
protocol P =
  roles A, B
  call Q
where
  protocol Q =
    roles A, D
    A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::unknown_role] 7:14 there is no role `D`
              help: add `D` to `roles`
        "#]],
    );
}

#[test]
fn imports_that_are_used() {
    check(
        r#"
import shop.flow as Flow exposing (Pay)
protocol P =
  roles A, B
  call Pay
  call Flow.Ship
  call shop.Other
"#,
        expect![[r#"
            error[motet::choreo::not_executable] 5:8 `Pay` is imported from `shop.flow`, and this version reads no imports
              help: copy the protocol under `where`
            error[motet::choreo::not_executable] 6:8 `Flow.Ship` is imported from `shop.flow`, and this version reads no imports
              help: copy the protocol under `where`
            error[motet::choreo::not_executable] 7:8 `shop.Other` is imported from `shop.flow`, and this version reads no imports
              help: copy the protocol under `where`
        "#]],
    );
}

#[test]
fn cyclic_types() {
    check(
        r#"
type alias T = U
type alias U = (Int, T)
protocol P =
  roles A, B
  A -> B : M(T)
"#,
        expect![[r#"
            error[motet::choreo::cyclic_type] 3:22 the type `T` stands for itself
              help: give one of the aliases a base type
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
fn guards() {
    check_body(
        r#"
choice A at
  | X when (balance > 3 && (ok)) => A -> B : X
  | Y when check Bank.ready(a, b) yields w => A -> B : Y
  | Z => A -> B : Z
"#,
        expect![[r#"
            error[motet::choreo::not_executable] 4:9 a guard on data is part of the language, but this version cannot execute it
              help: guards come with effects; leave `when` out: the decider chooses freely
            error[motet::choreo::not_executable] 5:9 a guard on data is part of the language, but this version cannot execute it
              help: guards come with effects; leave `when` out: the decider chooses freely
        "#]],
    );
}

#[test]
fn refused_statements() {
    check_body(
        r#"
timeout 5s A at
  B -> A : Ready
on timeout =>
  A -> B : Cancel
on cancel =>
  A -> B : Cancelled
case readiness of
  | Ok(witness) =>
      A -> B : Commit
  | Err(reason) => A -> B : Abort
authoritative let x = check Runtime.ready(session)
observe let y = observe Runtime.presence(session)
let r = transfer Session from A to B
publish x as y
materialize x from y
handoff op to B with r
begin op
await op
resolve op as done
invalidate op
dependent work x required for y
A -> D : M
"#,
        expect![[r#"
            error[motet::choreo::not_executable] 3:3 `timeout` is part of the language, but this version cannot execute it
              help: write both outcomes as a `choice` by the role that waits
            error[motet::choreo::not_executable] 9:3 `case … of` is part of the language, but this version cannot execute it
              help: write the outcomes as a `choice` by the role that knows the result
            error[motet::choreo::not_executable] 13:3 `authoritative let` is part of the language, but this version cannot execute it
              help: a role's host decides and fills payloads; leave the binding out and send what it would hold
            error[motet::choreo::not_executable] 14:3 `observe let` is part of the language, but this version cannot execute it
              help: a role's host decides and fills payloads; leave the binding out and send what it would hold
            error[motet::choreo::not_executable] 15:3 `let` is part of the language, but this version cannot execute it
              help: a role's host decides and fills payloads; leave the binding out and send what it would hold
            error[motet::choreo::not_executable] 16:3 `publish` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 17:3 `materialize` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 18:3 `handoff` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 19:3 `begin` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 20:3 `await` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 21:3 `resolve` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 22:3 `invalidate` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::not_executable] 23:3 `dependent work` is part of the language, but this version cannot execute it
              help: leave it out: the messages around it run without it
            error[motet::choreo::unknown_role] 24:8 there is no role `D`
              help: add `D` to `roles`
        "#]],
    );
}

#[test]
fn refused_declarations() {
    check(
        r#"
effect Runtime
  authoritative ready : Session -> Result Problem Witness
  {
    class : authoritative
  }
role_set S = A, B
cluster C = A, B
ring R = A, B
mesh M = A, B
profile Fast fairness weak
agreement_profile G
  visibility all
proof_bundle B version "1"
fragment F (a, b)
operation O(p : T) at A = {
  publish x
}
guest runtime G =
  uses Runtime
  entry P
protocol P requires B uses Runtime, Audit under Fast =
  roles A, B
  A -> D : M
"#,
        expect![[r#"
            error[motet::choreo::not_executable] 2:1 an `effect` interface is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 7:1 a `role_set` is part of the language, but this version cannot execute it
              help: write the roles out, or use an indexed role such as `R[3]`
            error[motet::choreo::not_executable] 8:1 a `cluster` topology is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 9:1 a `ring` topology is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 10:1 a `mesh` topology is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 11:1 an execution `profile` is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 12:1 an `agreement_profile` is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 14:1 a `proof_bundle` is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 15:1 a `fragment` is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 16:1 an `operation` is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 19:1 a `guest runtime` is part of the language, but this version cannot execute it
              help: leave the declaration out: the protocol's messages run without it
            error[motet::choreo::not_executable] 22:12 a `requires` clause is part of the language, but this version cannot execute it
              help: leave the clause out
            error[motet::choreo::not_executable] 22:23 a `uses` clause is part of the language, but this version cannot execute it
              help: leave the clause out
            error[motet::choreo::not_executable] 22:43 an `under` clause is part of the language, but this version cannot execute it
              help: leave the clause out
            error[motet::choreo::unknown_role] 24:8 there is no role `D`
              help: add `D` to `roles`
        "#]],
    );
}

#[test]
fn zero_times() {
    check_body(
        r#"
loop repeat 0
  A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::bad_number] 3:15 a loop that repeats 0 times does nothing
              help: leave the loop out, or repeat it at least once
        "#]],
    );
}

#[test]
fn numbers_beyond_sense() {
    check(
        r#"
protocol P =
  roles A, B, R[99999999999999999999]
  loop repeat 99999999999999999999
    A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::bad_number] 3:17 99999999999999999999 is too large
            error[motet::choreo::bad_number] 4:15 99999999999999999999 is too large
        "#]],
    );
}

#[test]
fn too_many_roles() {
    check(
        r#"
protocol P =
  roles A, R[70000]
  A -> R[0] : M
"#,
        expect![[r#"
            error[motet::choreo::too_large] 3:12 with `R` there are more than 65536 roles
              help: make the family smaller
        "#]],
    );
}

#[test]
fn too_large_when_written_out() {
    check_body(
        r#"
loop repeat 1000000
  loop repeat 1000000
    A -> B : M
"#,
        expect![[r#"
            error[motet::choreo::too_large] 5:7 the protocol has more than 1048576 messages and loops once written out
              help: repeat with `rec` or `loop decide by` instead of writing out
        "#]],
    );
}

#[test]
fn too_many_messages_at_once() {
    check(
        r#"
protocol P =
  roles R[5000], S[5000]
  R[*] -> S[*] : M
"#,
        expect![[r#"
            error[motet::choreo::too_large] 4:3 this stands for 25000000 messages
              help: make the families smaller
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
