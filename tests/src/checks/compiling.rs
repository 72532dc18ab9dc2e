//! What the way from a global type to an image must do and must refuse: each check is a small protocol of which one
//! knows what every role has to do.

use crate::monitor::{Monitor, Verdict};
use crate::script::{Script, choose};
use crate::walk::{Setup, image_of};
use crate::witness::Witness;
use motet_choreo::{CompileError, IllFormed, MergeError, ProjectionError, check, compile, project};
use motet_machine::{CodeImage, EffectRequest, EffectRequestBody};
use motet_runtime::{RunStatus, SeededHost};
use motet_types::{
    Branch, EffectKind, GlobalBuilder, GlobalNode, GlobalType, LocalNode, Names, NodeId, RoleId, Sort, Value, VarId,
};
use std::sync::{Arc, Mutex};

/// A protocol in the making, from its leaves up.
struct Sketch {
    builder: GlobalBuilder,
    names: Names,
}

impl Sketch {
    fn new(roles: &[&str]) -> Self {
        let mut names = Names { protocol: "Sketch".into(), ..Names::default() };
        names.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        for sort in [Sort::Unit, Sort::Nat, Sort::String] {
            names.sorts.intern(sort).expect("three sorts fit the table");
        }
        Self { builder: GlobalBuilder::new(), names }
    }

    fn push(&mut self, node: GlobalNode) -> NodeId {
        self.builder.push(node, 0).expect("parts are placed before the nodes that name them")
    }

    fn end(&mut self) -> NodeId {
        self.push(GlobalNode::End)
    }

    fn var(&mut self, name: &str) -> (VarId, NodeId) {
        let var = self.names.intern_var(name);
        (var, self.push(GlobalNode::Var(var)))
    }

    fn rec(&mut self, var: VarId, body: NodeId) -> NodeId {
        self.push(GlobalNode::Rec { var, body })
    }

    /// A communication; branches are (label, sort, what follows).
    fn comm(&mut self, from: u16, to: u16, branches: &[(&str, u16, NodeId)]) -> NodeId {
        let branches = branches
            .iter()
            .map(|(name, sort, next)| {
                let label = self.names.intern_label(name, motet_types::SortId(*sort));
                Branch { label: label.expect("a few labels fit the table"), next: *next }
            })
            .collect();
        self.push(GlobalNode::Comm { sender: RoleId(from), receiver: RoleId(to), branches })
    }

    fn finish(self, root: NodeId) -> GlobalType {
        self.builder.finish(self.names, root).expect("the root was placed last")
    }
}

const UNIT: u16 = 0;
const NAT: u16 = 1;
const STRING: u16 = 2;

/// Compiles, verifies and runs a protocol with several hosts; every run must follow it.
fn works(global: &GlobalType) -> Result<Arc<CodeImage>, String> {
    let monitor = Monitor::new(global)?;
    let image = image_of(global, false)?;
    for seed in 0..8 {
        let host = Witness::new(SeededHost::new(seed));
        let run = Setup::default().limit(300).run(&image, &host)?;
        let verdicts = monitor.judge(&image, &run, &host.take())?;
        ensure!(verdicts != [Verdict::Faulted], "seed {seed}: {:?}", run.faults);
        ensure!(run.status != RunStatus::Stuck, "seed {seed}: stuck");
        run.replayed()?;
    }
    Ok(image)
}

/// Refused by projection, because of the role `C`, for a reason that `by` recognises.
fn unprojectable(global: &GlobalType, by: fn(&MergeError) -> bool) -> Result<(), String> {
    ensure!(check(global).is_ok(), "it is not even well-formed: {:?}", check(global));
    match project(global) {
        Err(errors) => match &errors[..] {
            [ProjectionError::Choice { role, why, .. }] if role == "C" => {
                let mut why = why;
                while let MergeError::IncompatibleContinuations { why: inner, .. } = why {
                    why = inner;
                }
                ensure!(by(why), "refused for another reason: {why}");
                ensure!(compile(global).is_err(), "compiled all the same");
                Ok(())
            }
            other => Err(format!("refused for other reasons: {other:?}")),
        },
        Ok(_) => Err("it was projected, though C cannot tell the branches apart".into()),
    }
}

/// `A` tells `B` one of two labels, and then things go on as `left` and `right` say.
fn split(sketch: &mut Sketch, left: NodeId, right: NodeId) -> NodeId {
    sketch.comm(0, 1, &[("L", UNIT, left), ("R", UNIT, right)])
}

/// One label twice in one communication is refused, also with two payloads.
pub fn labels_stand_once() -> Result<(), String> {
    for sort in [UNIT, NAT] {
        let mut sketch = Sketch::new(&["A", "B"]);
        let end = sketch.end();
        let root = sketch.comm(0, 1, &[("L", UNIT, end), ("L", sort, end)]);
        let global = sketch.finish(root);
        let found = check(&global);
        ensure!(found.as_ref().is_err_and(|errors| !errors.is_empty()), "{found:?}");
        let refused = compile(&global);
        ensure!(matches!(refused, Err(CompileError::IllFormed(_))), "{refused:?}");
    }
    Ok(())
}

/// Parallel parts that share a role are refused.
pub fn parts_share_no_role() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C"]);
    let end = sketch.end();
    let (left, right) = (sketch.comm(0, 1, &[("L", UNIT, end)]), sketch.comm(1, 2, &[("R", UNIT, end)]));
    let root = sketch.push(GlobalNode::Par { parts: vec![left, right], next: end });
    let found: Result<(), Vec<IllFormed>> = check(&sketch.finish(root));
    ensure!(found.is_err(), "B stands in two parallel parts");
    Ok(())
}

/// A role that is told different things in two branches listens for all of them.
pub fn receives_merge_to_all_labels() -> Result<(), String> {
    for swapped in [false, true] {
        let mut sketch = Sketch::new(&["A", "B", "C"]);
        let end = sketch.end();
        let left = sketch.comm(1, 2, &[("Go", UNIT, end)]);
        let again = sketch.comm(2, 1, &[("Ok", NAT, end)]);
        let right = sketch.comm(1, 2, &[("Stop", STRING, again)]);
        let (left, right) = if swapped { (right, left) } else { (left, right) };
        let root = split(&mut sketch, left, right);
        let global = sketch.finish(root);
        works(&global)?;
        let types = project(&global).map_err(|errors| format!("{errors:?}"))?;
        let node = types.root(RoleId(2)).map(|root| types.arena().node(root));
        let Some(LocalNode::Recv { branches, .. }) = node else { return Err(format!("C is {node:?}")) };
        ensure!(branches.len() == 2, "C listens for {} labels", branches.len());
    }
    Ok(())
}

/// A role that is told nothing cannot send one thing in one branch and another in the other.
pub fn sends_need_one_label() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C"]);
    let end = sketch.end();
    let (left, right) = (sketch.comm(2, 1, &[("X", UNIT, end)]), sketch.comm(2, 1, &[("Y", UNIT, end)]));
    let root = split(&mut sketch, left, right);
    unprojectable(&sketch.finish(root), |why| matches!(why, MergeError::SendLabelMismatch { .. }))
}

/// A role that is told nothing cannot end in one branch and go on in the other.
pub fn ends_merge_with_ends_only() -> Result<(), String> {
    for swapped in [false, true] {
        for (from, to) in [(2, 1), (1, 2)] {
            let mut sketch = Sketch::new(&["A", "B", "C"]);
            let end = sketch.end();
            let more = sketch.comm(from, to, &[("X", UNIT, end)]);
            let (left, right) = if swapped { (end, more) } else { (more, end) };
            let root = split(&mut sketch, left, right);
            unprojectable(&sketch.finish(root), |why| matches!(why, MergeError::EndMismatch { .. }))?;
        }
    }
    Ok(())
}

/// One label with two payloads in two branches cannot be received without being told which.
pub fn shared_labels_carry_one_sort() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C"]);
    let end = sketch.end();
    let (left, right) = (sketch.comm(1, 2, &[("X", NAT, end)]), sketch.comm(1, 2, &[("X", STRING, end)]));
    let root = split(&mut sketch, left, right);
    unprojectable(&sketch.finish(root), |why| matches!(why, MergeError::PayloadAnnotationMismatch { .. }))
}

/// A role that is told nothing cannot listen to one partner in one branch and to another in the other.
pub fn merged_messages_have_one_partner() -> Result<(), String> {
    for from_c in [false, true] {
        let mut sketch = Sketch::new(&["A", "B", "C"]);
        let end = sketch.end();
        let mut way = |other: u16| {
            let (from, to) = if from_c { (2, other) } else { (other, 2) };
            sketch.comm(from, to, &[("X", UNIT, end)])
        };
        let (left, right) = (way(0), way(1));
        let root = split(&mut sketch, left, right);
        unprojectable(&sketch.finish(root), |why| matches!(why, MergeError::PartnerMismatch { .. }))?;
    }
    Ok(())
}

/// Both ends of a message take part in it.
pub fn messages_have_two_ends() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B"]);
    let end = sketch.end();
    let back = sketch.comm(1, 0, &[("Pong", STRING, end)]);
    let root = sketch.comm(0, 1, &[("Ping", NAT, back)]);
    works(&sketch.finish(root)).map(drop)
}

/// A role's part of a parallel composition is followed by what comes after the composition.
pub fn parts_are_followed() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C", "D"]);
    let end = sketch.end();
    let (left, right) = (sketch.comm(0, 1, &[("L", UNIT, end)]), sketch.comm(2, 3, &[("R", NAT, end)]));
    let next = sketch.comm(1, 2, &[("Then", STRING, end)]);
    let root = sketch.push(GlobalNode::Par { parts: vec![left, right], next });
    works(&sketch.finish(root)).map(drop)
}

/// What stands behind parts that never end is never said, and is no reason to refuse the protocol.
pub fn endless_parts_are_followed_by_nothing() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C", "D"]);
    let end = sketch.end();
    let endless = |sketch: &mut Sketch, name: &str, from, to| {
        let (var, again) = sketch.var(name);
        let body = sketch.comm(from, to, &[("More", UNIT, again)]);
        sketch.rec(var, body)
    };
    let (left, right) = (endless(&mut sketch, "X", 0, 1), endless(&mut sketch, "Y", 2, 3));
    let next = sketch.comm(0, 3, &[("Never", NAT, end)]);
    let root = sketch.push(GlobalNode::Par { parts: vec![left, right], next });
    works(&sketch.finish(root)).map(drop)
}

/// A role that its part goes on without for ever goes on behind the part.
pub fn roles_may_leave_endless_parts() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C", "D"]);
    let end = sketch.end();
    let (var, again) = sketch.var("X");
    let body = sketch.comm(1, 3, &[("More", UNIT, again)]);
    let endless = sketch.rec(var, body);
    let part = sketch.comm(3, 2, &[("Bye", NAT, endless), ("Leave", UNIT, endless)]);
    let next = sketch.comm(0, 2, &[("Call", STRING, end)]);
    let root = sketch.push(GlobalNode::Par { parts: vec![end, part], next });
    let global = sketch.finish(root);
    let image = works(&global)?;
    // What `C` does behind the part is held against the protocol as well: the call comes from `A`, once.
    let mut parts = image.parts().clone();
    let last = parts.states.iter().rposition(|state| state.role == 2 && state.action != motet_types::Action::End);
    let last = &mut parts.states[last.ok_or("C does nothing")?];
    last.branches[0].next = parts.roles[2].initial;
    let refused = CodeImage::verify(parts);
    ensure!(refused.is_err(), "C begins again where the protocol has ended for it");
    Ok(())
}

/// Loops inside loops: the inner one goes back to either, and the outer one is left through the inner.
pub fn loops_go_back_to_their_binder() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B", "C"]);
    let end = sketch.end();
    let (outer, to_outer) = sketch.var("X");
    let (inner, to_inner) = sketch.var("Y");
    let tell = |sketch: &mut Sketch, name: &str, next| sketch.comm(1, 2, &[(name, UNIT, next)]);
    let ways = [
        ("Inner", NAT, tell(&mut sketch, "Inner", to_inner)),
        ("Outer", UNIT, tell(&mut sketch, "Outer", to_outer)),
        ("Leave", STRING, tell(&mut sketch, "Leave", end)),
    ];
    let choice = sketch.comm(0, 1, &ways);
    let inner = sketch.rec(inner, choice);
    let first = sketch.comm(2, 0, &[("Begin", NAT, inner)]);
    let outer = sketch.rec(outer, first);
    let root = sketch.comm(0, 2, &[("Open", STRING, outer)]);
    works(&sketch.finish(root)).map(drop)
}

/// `A` sends a number or a text; `B` sends back what it got, from the register that the label's arm has written.
pub fn labels_and_payloads_belong_together() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B"]);
    let end = sketch.end();
    let number = sketch.comm(1, 0, &[("Same", NAT, end)]);
    let text = sketch.comm(1, 0, &[("SameText", STRING, end)]);
    let root = sketch.comm(0, 1, &[("Number", NAT, number), ("Text", STRING, text)]);
    let global = sketch.finish(root);
    let image = works(&global)?;
    for (name, sent) in [("Number", Value::Nat(42)), ("Text", Value::Str("text".into()))] {
        let seen = Mutex::new(Vec::new());
        let kinds = [EffectKind::Choose, EffectKind::SendDecision, EffectKind::Receive];
        let host = Script::new(&kinds, |request: &EffectRequest<'_>| match request.body {
            EffectRequestBody::SendDecision { .. } if request.role.0 == 0 => {
                crate::script::decision(motet_machine::SendDecision::Replace(sent.clone()))
            }
            EffectRequestBody::Receive { label, payload, .. } => {
                let label = request.image.label_name(label).to_owned();
                seen.lock().expect("one thread").push((label, payload.to_value()));
                crate::script::accept(request)
            }
            _ => choose(request, name),
        });
        let run = Setup::default().run(&image, &host)?;
        ensure!(run.status == RunStatus::Completed, "{name}: {:?} {:?}", run.status, run.faults);
        let back = if name == "Number" { "Same" } else { "SameText" };
        let seen = seen.lock().expect("one thread");
        let expected = [(name.to_owned(), sent.clone()), (back.to_owned(), sent.clone())];
        ensure!(seen[..] == expected, "{name}: {seen:?}");
    }
    Ok(())
}

/// What a role sends before it has received anything of the sort is the sort's plainest value.
pub fn first_payloads_are_plain() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B"]);
    let end = sketch.end();
    let text = sketch.comm(0, 1, &[("Text", STRING, end)]);
    let root = sketch.comm(0, 1, &[("Number", NAT, text)]);
    let global = sketch.finish(root);
    let image = works(&global)?;
    let host = Witness::new(motet_machine::NoHost);
    let run = Setup::default().run(&image, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.status);
    let payloads: Vec<Value> = host.take().into_values().map(|shown| shown.payload).collect();
    let plain = [Value::Nat(0), Value::Str(String::new())];
    ensure!(payloads == [plain.clone(), plain].concat(), "{payloads:?}");
    Ok(())
}

/// A loop that does not stand at the start goes back to its own beginning and not to the role's.
pub fn jumps_go_to_their_loop() -> Result<(), String> {
    let mut sketch = Sketch::new(&["A", "B"]);
    let end = sketch.end();
    let (var, again) = sketch.var("X");
    let body = sketch.comm(0, 1, &[("More", NAT, again), ("Done", UNIT, end)]);
    let body = sketch.rec(var, body);
    let root = sketch.comm(0, 1, &[("Open", STRING, body)]);
    works(&sketch.finish(root))?;
    // A loop at the very start must not begin again with the registers' first values.
    let mut sketch = Sketch::new(&["A", "B"]);
    let (var, again) = sketch.var("X");
    let back = sketch.comm(1, 0, &[("Same", NAT, again)]);
    let body = sketch.comm(0, 1, &[("Number", NAT, back)]);
    let root = sketch.rec(var, body);
    let image = works(&sketch.finish(root))?;
    let seen = Mutex::new(Vec::new());
    let host = Script::new(&[EffectKind::SendDecision], |request: &EffectRequest<'_>| {
        let EffectRequestBody::SendDecision { payload, .. } = request.body else { return choose(request, "") };
        if request.role.0 == 0 {
            seen.lock().expect("one thread").push(payload.to_value());
            let next = Value::Nat(u64::from(request.coordinate.counter) + 10);
            return crate::script::decision(motet_machine::SendDecision::Replace(next));
        }
        crate::script::accept(request)
    });
    Setup::default().limit(60).run(&image, &host)?;
    let seen = seen.lock().expect("one thread");
    let expected: Vec<Value> = [0].into_iter().chain(10..).take(seen.len()).map(Value::Nat).collect();
    ensure!(seen.len() > 5 && *seen == expected, "A sends what it last got: {seen:?}");
    Ok(())
}
