//! Messages, roles and what is around them.

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
