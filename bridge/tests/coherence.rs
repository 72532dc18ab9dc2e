//! What is told of a global type's coherence: for each predicate a type that breaks it, and nothing else but what follows.

use motet_bridge::CoherenceBundle;
use motet_types::{Branch, GlobalBuilder, GlobalNode, Names, NodeId, RoleId, Sort, VarId};

/// A type that is built from its end.
struct Build {
    names: Names,
    builder: GlobalBuilder,
}

impl Build {
    fn push(&mut self, node: GlobalNode) -> NodeId {
        self.builder.push(node, 1).expect("what it leads to is there")
    }

    fn end(&mut self) -> NodeId {
        self.push(GlobalNode::End)
    }

    fn comm(&mut self, sender: u16, receiver: u16, branches: &[(&str, NodeId)]) -> NodeId {
        let sort = self.names.sorts.intern(Sort::Unit).expect("there is room");
        let label = |names: &mut Names, name: &str| names.intern_label(name, sort).expect("there is room");
        let branches =
            branches.iter().map(|(name, next)| Branch { label: label(&mut self.names, name), next: *next }).collect();
        self.push(GlobalNode::Comm { sender: RoleId(sender), receiver: RoleId(receiver), branches })
    }

    fn var(&mut self) -> VarId {
        self.names.intern_var("X")
    }
}

/// The names of the predicates that do not hold of a type over `A`, `B` and `C`, `good` among them.
fn missing(make: impl FnOnce(&mut Build) -> NodeId) -> Vec<&'static str> {
    let mut build = Build { names: Names { protocol: "P".into(), ..Names::default() }, builder: GlobalBuilder::new() };
    build.names.roles = ["A", "B", "C"].map(String::from).into();
    let root = make(&mut build);
    let global = build.builder.finish(build.names, root).expect("every name is in the table");
    let bundle = CoherenceBundle::of(&global);
    let parts = bundle.parts().into_iter().chain([("good", bundle.good)]);
    parts.filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
}

#[test]
fn good_types_break_nothing() {
    let none: [&str; 0] = [];
    assert_eq!(missing(Build::end), none);
    assert_eq!(
        missing(|b| {
            let (var, end) = (b.var(), b.end());
            let again = b.push(GlobalNode::Var(var));
            let told = (b.comm(1, 2, &[("More", again)]), b.comm(1, 2, &[("Done", end)]));
            let body = b.comm(0, 1, &[("More", told.0), ("Done", told.1)]);
            b.push(GlobalNode::Rec { var, body })
        }),
        none
    );
    assert_eq!(
        missing(|b| {
            let end = b.end();
            let (part, alone) = (b.comm(0, 1, &[("L", end)]), b.end());
            b.push(GlobalNode::Par { parts: vec![part, alone], next: end })
        }),
        none
    );
}

#[test]
fn each_predicate_is_broken_by_itself() {
    let shared = |b: &mut Build| {
        let end = b.end();
        let (one, two) = (b.comm(0, 1, &[("L", end)]), b.comm(1, 2, &[("L", end)]));
        b.push(GlobalNode::Par { parts: vec![one, two], next: end })
    };
    assert_eq!(missing(shared), ["linear", "projectable", "good"]);
    assert_eq!(missing(|b| b.comm(0, 1, &[])), ["size", "projectable", "good"]);
    let to_himself = |b: &mut Build| {
        let end = b.end();
        b.comm(0, 0, &[("L", end)])
    };
    assert_eq!(missing(to_himself), ["action", "projectable", "good"]);
    let twice = |b: &mut Build| {
        let end = b.end();
        b.comm(0, 1, &[("L", end), ("L", end)])
    };
    assert_eq!(missing(twice), ["unique_labels", "projectable", "good"]);
    // C is not told which branch was taken, and sends in one of them only.
    let untold = |b: &mut Build| {
        let end = b.end();
        let one = b.comm(2, 0, &[("L", end)]);
        b.comm(0, 1, &[("One", one), ("Two", end)])
    };
    assert_eq!(missing(untold), ["projectable", "good"]);
}

#[test]
fn what_has_no_predicate_is_not_good_either() {
    let idle_loop = |b: &mut Build| {
        let var = b.var();
        let body = b.push(GlobalNode::Var(var));
        b.push(GlobalNode::Rec { var, body })
    };
    assert_eq!(missing(idle_loop), ["projectable", "good"]);
    let unbound = |b: &mut Build| {
        let var = b.var();
        b.push(GlobalNode::Var(var))
    };
    assert_eq!(missing(unbound), ["projectable", "good"]);
}

/// More mistakes than are reported: nothing is said to hold.
#[test]
fn of_what_is_not_looked_at_nothing_is_told() {
    let mistakes = |b: &mut Build| {
        let mut next = b.end();
        for _ in 0..100 {
            next = b.comm(0, 0, &[("L", next)]);
        }
        next
    };
    assert_eq!(missing(mistakes), ["linear", "size", "action", "unique_labels", "projectable", "good"]);
}
