//! Calls and parallel parts.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn calls() {
    check(
        r#"
protocol P =
  roles A, B
  call Greet
  A -> B : Middle
  call Greet
where protocol Greet =
  roles A, B
  A -> B : Hello
  call Answer
where protocol Answer =
  B -> A : Hello
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : Hello
            B -> A : Hello
            A -> B : Middle
            A -> B : Hello
            B -> A : Hello
            end
        "#]],
    );
}

#[test]
fn parallel_without_shared_roles() {
    check(
        r#"
protocol P =
  roles A, B, C, D
  par
    | A -> B : X
      B -> A : Y
    | loop decide by C
        C -> D : Z
  A -> C : After
"#,
        expect![[r#"
            protocol P
            roles A, B, C, D
            par
            |
              A -> B : X
              B -> A : Y
              end
            |
              rec loop$0
                C -> D
                | Z
                  continue loop$0
                | Done
                  end
            then
            A -> C : After
            end
        "#]],
    );
}

#[test]
fn parallel_loops_and_what_follows_them() {
    check(
        r#"
protocol P =
  roles A, B, C, D
  par
    | rec X
        choice A at
          | Go =>
              A -> B : Go
              continue X
          | No => A -> B : No
    | C -> D : M
  rec X
    choice A at
      | Go =>
          A -> B : Go
          continue X
      | No => A -> B : No
"#,
        expect![[r#"
            protocol P
            roles A, B, C, D
            par
            |
              rec X$1
                A -> B
                | Go
                  continue X$1
                | No
                  end
            |
              C -> D : M
              end
            then
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
fn parallel_with_shared_roles_in_sequence() {
    check_body(
        r#"
par
  | A -> B : X
  | A -> C : Y
  | B -> A : Z
B -> C : After
"#,
        expect![[r#"
            A -> B : X
            A -> C : Y
            B -> A : Z
            B -> C : After
            end
        "#]],
    );
}

#[test]
fn parallel_in_groups() {
    check(
        r#"
protocol P =
  roles A, B, C, D
  par
    | A -> B : X
    | C -> D : Y
    | B -> A : Z
"#,
        expect![[r#"
            protocol P
            roles A, B, C, D
            par
            |
              A -> B : X
              B -> A : Z
              end
            |
              C -> D : Y
              end
            then
            end
        "#]],
    );
}

#[test]
fn parallel_in_a_loop() {
    check(
        r#"
protocol P =
  roles A, B, C, D
  rec X
    A -> C : Start
    par
      | A -> B : M
      | C -> D : N
    continue X
"#,
        expect![[r#"
            protocol P
            roles A, B, C, D
            rec X
              A -> C : Start
              par
              |
                A -> B : M
                end
              |
                C -> D : N
                end
              then
              continue X
        "#]],
    );
}

#[test]
fn one_part_is_no_composition() {
    check(
        r#"
protocol P =
  roles A, B
  par
    | A -> B : M
      B -> A : N
  A -> B : O
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M
            B -> A : N
            A -> B : O
            end
        "#]],
    );
}
