//! Forms that this version cannot execute, and sizes beyond its limits.

use crate::{check, check_body};
use expect_test::expect;

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
