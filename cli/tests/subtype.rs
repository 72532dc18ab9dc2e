//! `motet subtype`: what it says to people and to tools.

mod common;

use common::{Scratch, check};
use expect_test::{Expect, expect};

const OLD: &str = "protocol Shop =
  roles Buyer, Seller
  Buyer -> Seller : Order(Nat)
  Seller -> Buyer : Price(Nat)
  Buyer -> Seller : Address(String)
";

fn says(new: &str, options: &[&str], expected: Expect) {
    let scratch = Scratch::new();
    let (old, new) = (scratch.file("old.tell", OLD), scratch.file("new.tell", new));
    expected.assert_eq(&check(&[&["subtype", &old, &new], options].concat()));
}

#[test]
fn a_protocol_stands_for_itself() {
    says(
        OLD,
        &["--mode", "conservative"],
        expect![[r#"
        exit 0
        Buyer   yes
        Seller  yes
    "#]],
    );
    says(
        OLD,
        &["--json"],
        expect![[r#"
        exit 0
        {"mode":"full","new":"$TMP:new.tell","old":"$TMP:old.tell","roles":[{"role":"Buyer","verdict":"yes"},{"role":"Seller","verdict":"yes"}],"subtype":true}
    "#]],
    );
}

#[test]
fn a_send_goes_ahead() {
    let new = OLD.replace("  Seller -> Buyer : Price(Nat)\n", "") + "  Seller -> Buyer : Price(Nat)\n";
    says(
        &new,
        &["--role", "Buyer"],
        expect![[r#"
        exit 0
        Buyer  yes
    "#]],
    );
    says(
        &new,
        &["--role", "Buyer", "--mode", "synchronous"],
        expect![[r#"
        exit 1
        Buyer  no: after !Seller:Order(nat) it does !Seller:Address(string) where ?Seller:Price(nat) is expected
        --- error
        error[no_subtype]: Buyer may not stand where the old protocol's are expected
    "#]],
    );
    says(
        &new,
        &[],
        expect![[r#"
        exit 1
        Buyer   yes
        Seller  no: after ?Buyer:Order(nat) it waits for Buyer, but !Buyer:Price(nat) is expected first
        --- error
        error[no_subtype]: Seller may not stand where the old protocol's are expected
    "#]],
    );
    says(
        &new,
        &["--json"],
        expect![[r#"
        exit 1
        {"mode":"full","new":"$TMP:new.tell","old":"$TMP:old.tell","roles":[{"role":"Buyer","verdict":"yes"},{"path":["?Buyer:Order(nat)"],"role":"Seller","verdict":"no","why":"after ?Buyer:Order(nat) it waits for Buyer, but !Buyer:Price(nat) is expected first"}],"subtype":false}
        --- error
        {"error":{"code":"no_subtype","message":"Seller may not stand where the old protocol's are expected","roles":["Seller"]}}
    "#]],
    );
}

#[test]
fn payloads_and_roles_count() {
    says(
        &OLD.replace("Price(Nat)", "Price(String)"),
        &[],
        expect![[r#"
        exit 1
        Buyer   no: after !Seller:Order(nat) ?Seller:Price(nat) may come and is not received
        Seller  no: after ?Buyer:Order(nat) it may do !Buyer:Price(string), which is not expected there
        --- error
        error[no_subtype]: Buyer, Seller may not stand where the old protocol's are expected
    "#]],
    );
    says(
        &OLD.replace("Seller", "Vendor"),
        &[],
        expect![[r#"
        exit 1
        Buyer   no: at the start it may do !Vendor:Order(nat), which is not expected there
        Seller  no: the new protocol has no such role
        Vendor  no: the old protocol has no such role
        --- error
        error[no_subtype]: Buyer, Seller, Vendor may not stand where the old protocol's are expected
    "#]],
    );
    says(
        OLD,
        &["--role", "Nobody"],
        expect![[r#"
        exit 2
        --- error
        error[unknown_role]: neither protocol has a role `Nobody`; there are Buyer, Seller
    "#]],
    );
}
