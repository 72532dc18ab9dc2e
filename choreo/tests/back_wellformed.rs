//! Each way of not being well-formed, by name and line.

mod back_common;

use back_common::build::Build;
use motet_choreo::{IllFormed, check};
use motet_types::{Branch, GlobalNode, LabelId, NodeId, RoleId, Sort, SortId, VarId};

/// What is said, with lines, about a type over roles A, B, C and D.
fn said(make: impl FnOnce(&mut Build) -> NodeId) -> Vec<String> {
    let mut build = Build::new(&["A", "B", "C", "D"]);
    let root = make(&mut build);
    let refusals = check(&build.finish(root)).err().unwrap_or_default();
    refusals.iter().map(|refusal| format!("{}: {refusal}", refusal.line())).collect()
}

#[test]
fn good_types_pass() {
    let said = said(|b| {
        let (again, end) = (b.go("X", 4), b.end());
        let choice = b.comm(0, 1, &[("More:nat", again), ("Done", end)], 3);
        let (c, d) = (b.comm(2, 3, &[("Side", end)], 2), end);
        let looped = b.rec("X", choice, 2);
        b.par(&[c, d], looped, 1)
    });
    assert_eq!(said, [""; 0]);
}

#[test]
fn communications() {
    let self_send = said(|b| {
        let end = b.end();
        b.comm(0, 0, &[("L", end)], 7)
    });
    assert_eq!(self_send, ["7: `A` sends to itself"]);
    let twice = said(|b| {
        let end = b.end();
        b.comm(0, 1, &[("L", end), ("M", end), ("L:nat", end)], 7)
    });
    assert_eq!(twice, ["7: the choice of `A` towards `B` has two branches `L`"]);
    let none = said(|b| b.comm(0, 1, &[], 7));
    assert_eq!(none, ["7: the communication from `A` to `B` has no branches"]);
}

#[test]
fn loops() {
    let unbound = said(|b| {
        let x = b.go("X", 3);
        b.comm(0, 1, &[("L", x)], 2)
    });
    assert_eq!(unbound, ["3: `X` does not name a loop around this point"]);
    let unguarded = said(|b| {
        let x = b.go("X", 3);
        let inner = b.rec("Y", x, 2);
        b.rec("X", inner, 1)
    });
    assert_eq!(unguarded, ["1: the loop `X` starts again without a message"]);
    let through_idle_parts = said(|b| {
        let (x, end) = (b.go("X", 3), b.end());
        let par = b.par(&[end, end], x, 2);
        b.rec("X", par, 1)
    });
    assert_eq!(through_idle_parts, ["1: the loop `X` starts again without a message"]);
    let shadowed = said(|b| {
        let x = b.go("X", 5);
        let ping = b.comm(0, 1, &[("L", x)], 4);
        let inner = b.rec("X", ping, 3);
        let ping = b.comm(0, 1, &[("L", inner)], 2);
        b.rec("X", ping, 1)
    });
    assert_eq!(shadowed, ["1: the loop `X` stands inside another loop `X`"]);
    let one_after_the_other = said(|b| {
        let (x, end) = (b.go("X", 5), b.end());
        let second = b.comm(0, 1, &[("L", x), ("M", end)], 4);
        let second = b.rec("X", second, 3);
        b.comm(0, 1, &[("L", second), ("M", second)], 2)
    });
    assert_eq!(one_after_the_other, [""; 0]);
}

#[test]
fn parts() {
    let open = said(|b| {
        let (x, end) = (b.go("X", 3), b.end());
        let part = b.comm(0, 1, &[("L", x)], 3);
        let par = b.par(&[part, end], end, 2);
        b.rec("X", par, 1)
    });
    assert_eq!(open, ["2: a parallel part continues the loop `X`, which stands outside the composition"]);
    let shared = said(|b| {
        let end = b.end();
        let (one, two) = (b.comm(0, 1, &[("L", end)], 3), b.comm(1, 2, &[("L", end)], 4));
        b.par(&[one, two], end, 2)
    });
    assert_eq!(shared, ["2: `B` takes part in two parts of one parallel composition"]);
}

#[test]
fn many_names_are_looked_at() {
    // More variables than one mask holds, one of them unbound and one shadowed.
    let said = said(|b| {
        let mut at = b.go("Unbound", 1000);
        for n in (0..200u32).rev() {
            let again = b.go(&format!("X{n}"), 0);
            at = b.comm(0, 1, &[("Again", again), ("On", at)], n + 1);
            at = b.rec(&format!("X{n}"), at, n + 1);
        }
        at = b.comm(0, 1, &[("L", at)], 0);
        b.rec("X150", at, 0)
    });
    let expected = [
        "0: the loop `X150` stands inside another loop `X150`",
        "1000: `Unbound` does not name a loop around this point",
    ];
    assert_eq!(said, expected);
}

#[test]
fn many_roles_are_looked_at() {
    let roles: Vec<String> = (0..200).map(|n| format!("R{n}")).collect();
    let mut b = Build::new(&roles.iter().map(String::as_str).collect::<Vec<_>>());
    let end = b.end();
    let (one, two) = (b.comm(3, 170, &[("L", end)], 0), b.comm(170, 4, &[("L", end)], 0));
    let root = b.par(&[one, end, two], end, 1);
    let refusals = check(&b.finish(root));
    assert_eq!(refusals, Err(vec![IllFormed::SharedRole { role: "R170".into(), line: 1 }]));
}

#[test]
fn numbers_without_names_do_not_panic() {
    let said = said(|b| {
        let var = b.push(GlobalNode::Var(VarId(9)), 3);
        let branches = [Branch { label: LabelId(8), next: var }].into();
        b.push(GlobalNode::Comm { sender: RoleId(60_000), receiver: RoleId(1), branches }, 2)
    });
    let expected = [
        "2: role number 60000 is not declared",
        "2: label number 8 has no name",
        "3: recursion variable number 9 has no name",
    ];
    assert_eq!(said, expected);
}

#[test]
fn tables_of_names() {
    let mut b = Build::new(&["A", "B", "A"]);
    b.names.vars = vec!["X".into(), "X".into()];
    let mut sort = b.sort("unit");
    b.label("L");
    b.names.labels.push(b.names.labels[0].clone());
    b.names.labels.push(motet_types::Label { name: "Far".into(), sort: SortId(99) });
    // Doubling forty times makes a payload of 2^40 parts.
    for _ in 0..40 {
        sort = b.names.sorts.intern(Sort::Prod(sort.0, sort.0)).expect("few sorts");
    }
    b.names.intern_label("Huge", sort);
    let root = b.end();
    let refusals = check(&b.finish(root)).unwrap_err();
    let expected = [
        IllFormed::DuplicateRole { role: "A".into() },
        IllFormed::DuplicateLabel { label: "L".into() },
        IllFormed::DuplicateVariable { var: "X".into() },
        IllFormed::UnknownSort { label: "Far".into() },
        IllFormed::PayloadTooLarge { label: "Huge".into() },
    ];
    assert_eq!(refusals, expected);
}

#[test]
fn what_the_root_does_not_reach_is_nobodys_business() {
    let said = said(|b| {
        let x = b.go("X", 1);
        b.comm(0, 0, &[("L", x)], 1);
        b.end()
    });
    assert_eq!(said, [""; 0]);
}
