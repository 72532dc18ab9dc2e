//! Large types: depth costs no stack, width and sharing no more than they must.

mod back_common;

use back_common::build::Build;
use motet_choreo::{TooLong, emit, local_json, local_text, project};
use motet_types::{Branch, GlobalNode, LabelId, RoleId};

const DEEP: usize = 300_000;

#[test]
fn a_protocol_of_many_messages() {
    let mut b = Build::new(&["A", "B", "C"]);
    let labels: Vec<LabelId> = (0..16).map(|n| b.label(&format!("L{n}"))).collect();
    let mut next = b.end();
    for n in 0..DEEP {
        let branches = [Branch { label: labels[n % 16], next }].into();
        let (sender, receiver) = (RoleId((n % 3) as u16), RoleId(((n + 1) % 3) as u16));
        next = b.push(GlobalNode::Comm { sender, receiver, branches }, n as u32);
    }
    let types = project(&b.finish(next)).expect("projectable");
    let image = emit(&types).expect("not too large");
    assert_eq!(image.code.len(), DEEP * 2 + 3);
    for role in 0..3 {
        assert!(local_text(&types, RoleId(role)).expect("not too long").len() > DEEP);
        assert!(local_json(&types, RoleId(role)).expect("not too long").len() > DEEP);
    }
}

#[test]
fn deep_types_are_merged() {
    // Two branches that C sees as equal up to the last message, so that merging goes all the way down.
    let mut b = Build::new(&["A", "B", "C"]);
    let end = b.end();
    let (l, m) = (b.label("L"), b.label("M"));
    let sides = ["One", "Two"].map(|last| {
        let mut next = b.comm(1, 2, &[(last, end)], 0);
        for _ in 0..DEEP {
            let branches = [Branch { label: l, next }].into();
            next = b.push(GlobalNode::Comm { sender: RoleId(0), receiver: RoleId(2), branches }, 0);
        }
        next
    });
    let branches = [Branch { label: l, next: sides[0] }, Branch { label: m, next: sides[1] }].into();
    let root = b.push(GlobalNode::Comm { sender: RoleId(0), receiver: RoleId(1), branches }, 0);
    let types = project(&b.finish(root)).expect("projectable");
    let text = local_text(&types, RoleId(2)).expect("not too long");
    assert!(text.ends_with("?A:L.?B{One.end, Two.end}"), "{}", &text[text.len() - 40..]);
}

#[test]
fn a_choice_of_very_many_labels() {
    // C hears of each branch under another label: the union of all of them is made in halves.
    let mut b = Build::new(&["A", "B", "C"]);
    let unit = b.sort("unit");
    let end = b.end();
    let mut branches = Vec::new();
    for n in 0..50_000u16 {
        b.names.labels.push(motet_types::Label { name: format!("L{n:05}"), sort: unit });
        let label = LabelId(n);
        let told = [Branch { label, next: end }].into();
        branches.push(Branch {
            label,
            next: b.push(GlobalNode::Comm { sender: RoleId(1), receiver: RoleId(2), branches: told }, 0),
        });
    }
    let root = b.push(GlobalNode::Comm { sender: RoleId(0), receiver: RoleId(1), branches }, 0);
    let types = project(&b.finish(root)).expect("projectable");
    let image = emit(&types).expect("not too large");
    assert_eq!(image.tables.iter().map(Vec::len).sum::<usize>(), 3 * 50_000);
}

#[test]
fn shared_branches_stay_shared_and_are_not_written_out() {
    // Sixty choices in a row, both branches going on the same: 2^60 paths, sixty nodes.
    let mut b = Build::new(&["A", "B"]);
    let mut next = b.end();
    for _ in 0..60 {
        next = b.comm(0, 1, &[("L", next), ("R", next)], 0);
    }
    let types = project(&b.finish(next)).expect("projectable");
    assert_eq!(emit(&types).expect("small").states.len(), 2 * 61);
    assert_eq!(local_text(&types, RoleId(0)), Err(TooLong { role: "A".into() }));
    assert_eq!(local_json(&types, RoleId(1)), Err(TooLong { role: "B".into() }));
}

#[test]
fn many_loops_in_a_row_and_inside_each_other() {
    let mut b = Build::new(&["A", "B"]);
    let mut next = b.end();
    for n in 0..2_000 {
        let name = format!("X{n}");
        let again = b.go(&name, 0);
        let turn = b.comm(0, 1, &[("Again", again), ("On", next)], 0);
        next = b.rec(&name, turn, 0);
    }
    let types = project(&b.finish(next)).expect("projectable");
    assert_eq!(emit(&types).expect("small").states.len(), 2 * 2_001);
    let mut b = Build::new(&["A", "B"]);
    let mut next = b.end();
    for n in 0..500 {
        let again = b.go(&format!("X{n}"), 0);
        next = b.comm(0, 1, &[("Again", again), ("On", next)], 0);
    }
    for n in 0..500 {
        next = b.rec(&format!("X{n}"), next, 0);
        next = b.comm(0, 1, &[("In", next)], 0);
    }
    let types = project(&b.finish(next)).expect("projectable");
    assert_eq!(emit(&types).expect("small").states.len(), 2 * 1_001);
}

#[test]
fn loops_that_are_over_leave_no_copies() {
    // Inside one large loop, choices in a row, each between two small loops: what follows them is the same code
    // whichever of them ran before.
    let mut b = Build::new(&["A", "B"]);
    let mut next = b.go("X", 0);
    for n in 0..16 {
        let sides = ["L", "R"].map(|side| {
            let name = format!("{side}{n}");
            let again = b.go(&name, 0);
            let turn = b.comm(0, 1, &[("Again", again), ("On", next)], 0);
            (side, b.rec(&name, turn, 0))
        });
        next = b.comm(0, 1, &sides, 0);
    }
    let root = b.rec("X", next, 0);
    let global = b.finish(root);
    let image = emit(&project(&global).expect("projectable")).expect("small");
    assert_eq!(image.states.len(), 2 * 3 * 16);
    assert_eq!(motet_types::global_parts(&global, &mut image.edges.clone()).expect("well-formed").len(), 3 * 16);
}
