//! Names that are unknown, doubled or out of range.

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
