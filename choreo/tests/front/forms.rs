//! Every form of the language and what it becomes.

use crate::{check, check_body};
use expect_test::expect;

#[test]
fn one_message() {
    check(
        r#"
protocol P =
  roles A, B
  A -> B : Hello
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : Hello
            end
        "#]],
    );
}

#[test]
fn payloads() {
    check_body(
        r#"
A -> B : None
A -> B : Empty()
A -> B : Unit(Unit)
A -> B : Int(Int)
A -> B : Nat(Nat)
A -> B : Truth(Bool)
A -> B : Text(String)
A -> B : Real(Real)
A -> B : Float(Float)
A -> B : Other(Order)
A -> B : Two(Int, Bool)
A -> B : Three(Int, Bool, String)
A -> B : Named(amount : Int, what : String)
A -> B : Record { amount : Int, what : String }
A -> B : Path of shop.orders.Order
A -> B : Nat of Nat
A -> B : List(List<Map<String, Int>>)
A -> B : Result(Result Problem Int, Maybe Int)
A -> B : Tuple((Int, Bool), (Int))
"#,
        expect![[r#"
            A -> B : None
            A -> B : Empty
            A -> B : Unit
            A -> B : Int(nat)
            A -> B : Nat(nat)
            A -> B : Truth(bool)
            A -> B : Text(string)
            A -> B : Real(real)
            A -> B : Float(real)
            A -> B : Other(string)
            A -> B : Two(nat, bool)
            A -> B : Three(nat, (bool, string))
            A -> B : Named(nat, string)
            A -> B : Record(string)
            A -> B : Path(string)
            A -> B : Nat(nat)
            A -> B : List(string)
            A -> B : Result(string, string)
            A -> B : Tuple((nat, bool), nat)
            end
        "#]],
    );
}

#[test]
fn type_declarations() {
    check(
        r#"
type Answer =
  | Yes
  | No(Reason)
type alias Price = Int
type alias Cost = Price
type alias Pair = (Cost, Bool)
type alias Order =
{
  item : String
  count : Int
}
protocol P =
  roles A, B
  A -> B : M(Answer, Price, Cost, Pair, Order)
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M(string, (nat, (nat, ((nat, bool), string))))
            end
        "#]],
    );
}

#[test]
fn headers() {
    check(
        r#"
module shop.flow exposing (P, Q)
import base.types as T exposing (Order)
import other exposing (..)
protocol P =
  roles A, B
  A -> B : M(T.Order)
"#,
        expect![[r#"
            protocol P
            roles A, B
            A -> B : M(string)
            end
        "#]],
    );
}

#[test]
fn comments() {
    check(
        r#"
-- a line
{- a block {- nested -} still a comment -}
protocol P = -- behind
  roles A, {- within -} B
  A -> B : M -- last
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
fn roles_in_the_head() {
    check(
        r#"
protocol P(A, B) =
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
fn metadata_is_for_others() {
    check_body(
        r#"
A { guard : "x", cost : 3, nested : { a : 1 } } -> B : M
A { cost : 1,
    more : 2 }
  -> B : N
"#,
        expect![[r#"
            A -> B : M
            A -> B : N
            end
        "#]],
    );
}

#[test]
fn everybody() {
    check_body(
        r#"
A ->* : M(Int)
B -> * : N
"#,
        expect![[r#"
            A -> B : M(nat)
            A -> C : M(nat)
            B -> A : N
            B -> C : N
            end
        "#]],
    );
}

#[test]
fn families() {
    check(
        r#"
protocol P =
  roles Hub, Node[3]
  Hub -> Node[*] : All
  Hub -> Node[0..2] : FirstTwo
  Node[2] -> Hub : Last
  Node[*] -> Hub : Each
  Node[0] -> Node[1] : Pass
  Node[0..2] -> Node[2] : Gather
  Node[1] ->* : Tell
"#,
        expect![[r#"
            protocol P
            roles Hub, Node[0], Node[1], Node[2]
            Hub -> Node[0] : All
            Hub -> Node[1] : All
            Hub -> Node[2] : All
            Hub -> Node[0] : FirstTwo
            Hub -> Node[1] : FirstTwo
            Node[2] -> Hub : Last
            Node[0] -> Hub : Each
            Node[1] -> Hub : Each
            Node[2] -> Hub : Each
            Node[0] -> Node[1] : Pass
            Node[0] -> Node[2] : Gather
            Node[1] -> Node[2] : Gather
            Node[1] -> Hub : Tell
            Node[1] -> Node[0] : Tell
            Node[1] -> Node[2] : Tell
            end
        "#]],
    );
}

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
fn words_are_no_keywords_as_roles() {
    check(
        r#"
protocol P =
  roles choice, at, loop
  choice -> at : roles
  at -> loop : rec
  loop -> choice : where
"#,
        expect![[r#"
            protocol P
            roles choice, at, loop
            choice -> at : roles
            at -> loop : rec
            loop -> choice : where
            end
        "#]],
    );
}
