//! Projection by example: what each role sees, and what is said where a role cannot tell.

mod back_common;

use back_common::build::Build;
use back_common::tree::{Dice, Tree};
use motet_choreo::{ProjectionError, local_text, project, projection_json};
use motet_types::{Branch, GlobalBuilder, GlobalNode, GlobalType, NodeId, RoleId};

/// Each role's type as text, or the refusals.
fn seen(global: &GlobalType) -> Vec<String> {
    match project(global) {
        Ok(types) => {
            (0..types.roots().len()).map(|at| local_text(&types, RoleId(at as u16)).expect("small types")).collect()
        }
        Err(refusals) => refusals.iter().map(|refusal| format!("{}: {refusal}", refusal.line())).collect(),
    }
}

fn abc(make: impl FnOnce(&mut Build) -> NodeId) -> Vec<String> {
    let mut build = Build::new(&["A", "B", "C"]);
    let root = make(&mut build);
    seen(&build.finish(root))
}

#[test]
fn messages_and_loops() {
    let types = abc(|b| {
        let (end, again) = (b.end(), b.go("X", 0));
        let pong = b.comm(1, 0, &[("Pong:pair", again)], 0);
        let done = b.comm(0, 2, &[("Report:string", end)], 0);
        let ping = b.comm(0, 1, &[("Ping:nat", pong), ("Done", done)], 0);
        b.rec("X", ping, 0)
    });
    // C would have to wait in the one branch for what only the other brings.
    assert_eq!(
        types,
        ["0: `C` cannot tell branch `Ping` from branch `Done` of the choice of `A`: one would continue the loop X \
          where the other would receive `Report` from A"]
    );
    let types = abc(|b| {
        let (end, again) = (b.end(), b.go("X", 0));
        let pong = b.comm(1, 0, &[("Pong:pair", again)], 0);
        let ping = b.comm(0, 1, &[("Ping:nat", pong), ("Done", end)], 0);
        b.rec("X", ping, 0)
    });
    assert_eq!(
        types,
        [
            "rec X. !B{Ping(nat).?B:Pong(nat, bool).X, Done.end}",
            "rec X. ?A{Ping(nat).!A:Pong(nat, bool).X, Done.end}",
            "end"
        ]
    );
}

#[test]
fn a_loop_of_others_ends_for_those_who_left() {
    let types = abc(|b| {
        let again = b.go("X", 0);
        let ping = b.comm(0, 1, &[("Ping", again)], 0);
        let looped = b.rec("X", ping, 0);
        b.comm(0, 2, &[("Start", looped)], 0)
    });
    assert_eq!(types, ["!C:Start.rec X. !B:Ping.X", "rec X. ?A:Ping.X", "?A:Start.end"]);
    // An inner loop in which C does nothing goes on for it where the outer one starts again.
    let types = abc(|b| {
        let outer = b.go("X", 0);
        let ping = b.comm(0, 1, &[("Ping", outer)], 0);
        let inner = b.rec("Y", ping, 0);
        let start = b.comm(0, 2, &[("Start", inner)], 0);
        b.rec("X", start, 0)
    });
    assert_eq!(types, ["rec X. !C:Start.!B:Ping.X", "rec X. ?A:Ping.X", "rec X. ?A:Start.X"]);
}

#[test]
fn receives_are_united_in_order_of_their_names() {
    let types = abc(|b| {
        let end = b.end();
        let tell = ["Yes:nat", "No", "Maybe"].map(|label| {
            let bye = b.comm(2, 0, &[("Bye", end)], 0);
            (label, b.comm(1, 2, &[(label, bye)], 0))
        });
        b.comm(0, 1, &tell, 0)
    });
    assert_eq!(types[2], "?B{Maybe.!A:Bye.end, No.!A:Bye.end, Yes(nat).!A:Bye.end}");
}

#[test]
fn parallel_parts_and_what_follows() {
    let mut b = Build::new(&["A", "B", "C", "D", "E"]);
    let end = b.end();
    let after = b.comm(0, 2, &[("After", end)], 0);
    let left = b.comm(0, 1, &[("One", end), ("Two", end)], 0);
    let again = b.go("X", 0);
    let turn = b.comm(2, 3, &[("Again", again), ("Enough", end)], 0);
    let right = b.rec("X", turn, 0);
    let root = b.par(&[left, right, end], after, 0);
    assert_eq!(
        seen(&b.finish(root)),
        [
            "!B{One.!C:After.end, Two.!C:After.end}",
            "?A{One.end, Two.end}",
            "rec X. !D{Again.X, Enough.?A:After.end}",
            "rec X. ?C{Again.X, Enough.end}",
            "end",
        ]
    );
}

/// Makes two branches from the end.
type Branches = fn(&mut Build, NodeId) -> [NodeId; 2];

#[test]
fn every_refusal_has_its_words() {
    let cases: [(&str, Branches); 9] = [
        ("one ends where the other would send `M` to A", |b, end| [end, b.comm(2, 0, &[("M", end)], 0)]),
        ("one would send `M` to A where the other would send `M` to B", |b, end| {
            [b.comm(2, 0, &[("M", end)], 0), b.comm(2, 1, &[("M", end)], 0)]
        }),
        ("one would send `M` to A where the other would receive `M` from A", |b, end| {
            [b.comm(2, 0, &[("M", end)], 0), b.comm(0, 2, &[("M", end)], 0)]
        }),
        ("after `M`, one ends where the other would send `N` to B", |b, end| {
            let more = b.comm(2, 1, &[("N", end)], 0);
            [b.comm(0, 2, &[("M", end)], 0), b.comm(0, 2, &[("M", more)], 0)]
        }),
        ("`M` carries nat in one and bool in the other", |b, end| {
            [b.comm(0, 2, &[("M:nat", end)], 0), b.comm(0, 2, &[("M:bool", end)], 0)]
        }),
        ("only one of them may send `M` to A, and nobody else knows which", |b, end| {
            [b.comm(2, 0, &[("M", end)], 0), b.comm(2, 0, &[("N", end)], 0)]
        }),
        ("one may send 1 labels to A, the other 2", |b, end| {
            [b.comm(2, 0, &[("M", end)], 0), b.comm(2, 0, &[("M", end), ("N", end)], 0)]
        }),
        ("one begins the loop X, the other the loop Y", |b, end| {
            ["X", "Y"].map(|name| {
                let again = b.go(name, 0);
                let turn = b.comm(2, 0, &[("M", again), ("N", end)], 0);
                b.rec(name, turn, 0)
            })
        }),
        ("one would begin the loop X where the other would send `M` to A", |b, end| {
            let again = b.go("X", 0);
            let turn = b.comm(2, 0, &[("M", again), ("N", end)], 0);
            [b.rec("X", turn, 0), b.comm(2, 0, &[("M", end)], 0)]
        }),
    ];
    for (words, make) in cases {
        let said = abc(|b| {
            let end = b.end();
            let [left, right] = make(b, end);
            b.comm(0, 1, &[("Left", left), ("Right", right)], 5)
        });
        assert_eq!(
            said,
            [format!("5: `C` cannot tell branch `Left` from branch `Right` of the choice of `A`: {words}")]
        );
    }
    let said = abc(|b| {
        let (x, y) = (b.go("X", 0), b.go("Y", 0));
        let choice = b.comm(0, 1, &[("Left", x), ("Right", y)], 5);
        let first = b.comm(0, 2, &[("M", choice)], 0);
        let inner = b.rec("Y", first, 0);
        let first = b.comm(0, 2, &[("M", inner)], 0);
        b.rec("X", first, 0)
    });
    assert!(said[0].ends_with("one continues the loop X, the other the loop Y"), "{said:?}");
}

#[test]
fn the_two_branches_are_found_among_many() {
    let mut b = Build::new(&["A", "B", "C"]);
    let end = b.end();
    let mut branches = Vec::new();
    let names: Vec<String> = (0..100).map(|n| format!("L{n:02}")).collect();
    for (at, name) in names.iter().enumerate() {
        let label = if at == 71 { "L03:nat".to_owned() } else { name.clone() };
        branches.push((name.as_str(), b.comm(1, 2, &[(&label, end)], 0)));
    }
    let root = b.comm(0, 1, &branches, 9);
    let refusals = project(&b.finish(root)).unwrap_err();
    let [ProjectionError::Choice { role, decider, receiver, line: 9, left, right, repair, .. }] = refusals.as_slice()
    else {
        panic!("{refusals:?}");
    };
    assert_eq!([role, decider, receiver, left, right], ["C", "A", "B", "L03", "L71"]);
    assert_eq!(
        repair,
        "A could tell C: add `A -> C : L03` to branch L03 and `A -> C : L71` to branch L71, and likewise to the \
         other branches"
    );
}

#[test]
fn ill_formed_types_are_refused_first() {
    let said = abc(|b| {
        let end = b.end();
        b.comm(0, 0, &[("L", end)], 3)
    });
    assert_eq!(said, ["3: `A` sends to itself"]);
}

#[test]
fn json_has_the_agreed_form() {
    let mut b = Build::new(&["A", "quo\"te"]);
    let (end, again) = (b.end(), b.go("X", 0));
    let turn = b.comm(0, 1, &[("More:pair", again), ("Done:vector", end)], 0);
    let root = b.rec("X", turn, 0);
    let types = project(&b.finish(root)).expect("projectable");
    let text = projection_json(&types).expect("small types");
    let found: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let local = |kind: &str, partner: &str| {
        serde_json::json!({"kind": "rec", "var": "X", "body": {"kind": kind, "partner": partner, "branches": [
            {"label": {"name": "More", "sort": {"prod": ["nat", "bool"]}}, "continuation": {"kind": "var", "name": "X"}},
            {"label": {"name": "Done", "sort": {"vector": 2}}, "continuation": {"kind": "end"}},
        ]}})
    };
    assert_eq!(found, serde_json::json!({"A": local("send", "quo\"te"), "quo\"te": local("recv", "A")}));
}

/// The type with a message from the decider to `role` at the head of each branch of the choice at `line`.
fn mended(global: &GlobalType, line: u32, role: RoleId) -> GlobalType {
    let mut builder = GlobalBuilder::new();
    let mut new: Vec<NodeId> = Vec::new();
    for (at, node) in global.nodes().iter().enumerate() {
        let at = NodeId(at as u32);
        let moved = match node {
            GlobalNode::Comm { sender, receiver, branches } => {
                let mut list = Vec::new();
                for branch in branches {
                    let mut next = new[branch.next.index()];
                    if global.line(at) == line {
                        let told = [Branch { label: branch.label, next }].into();
                        let tell = GlobalNode::Comm { sender: *sender, receiver: role, branches: told };
                        next = builder.push(tell, 0).expect("parts first");
                    }
                    list.push(Branch { label: branch.label, next });
                }
                GlobalNode::Comm { sender: *sender, receiver: *receiver, branches: list }
            }
            GlobalNode::Rec { var, body } => GlobalNode::Rec { var: *var, body: new[body.index()] },
            GlobalNode::Par { parts, next } => {
                GlobalNode::Par { parts: parts.iter().map(|part| new[part.index()]).collect(), next: new[next.index()] }
            }
            leaf => leaf.clone(),
        };
        new.push(builder.push(moved, global.line(at)).expect("parts first"));
    }
    builder.finish(global.names.clone(), new[global.root().index()]).expect("the root is placed")
}

#[test]
fn the_proposed_messages_do_mend_it() {
    let mut mends = 0;
    for seed in 0..20_000 {
        let mut dice = Dice::new(seed);
        // Without sharing, a line is one node.
        let global = Tree::random(&mut dice).to_global(false);
        let Err(refusals) = project(&global) else { continue };
        let Some(ProjectionError::Choice { role, line, .. }) = refusals.first() else { continue };
        let again = project(&mended(&global, *line, global.names.role(role).expect("a known role")));
        let still = again.err().unwrap_or_default().iter().any(
            |refusal| matches!(refusal, ProjectionError::Choice { role: r, line: l, .. } if r == role && l == line),
        );
        assert!(!still, "seed {seed}: {} is not mended", refusals[0]);
        mends += 1;
    }
    assert!(mends > 500, "{mends}");
}
