//! The monitor: judges a run by the global type alone.
//!
//! It knows neither local types nor images' automata. From the events of a session and the host's exchanges it
//! rebuilds every edge as a queue and every role's acts as a list, and then asks two things of the global type: is
//! each role's list what that role would see along some path of the type, and, for a session that has ended, is there
//! one path that uses up the lists of all roles?

use crate::walk::Run;
use crate::witness::Shown;
use motet_machine::{CodeImage, EffectCoordinate, EffectOutcome, EffectResponse, RecordedEffect, SendDecision};
use motet_runtime::Input;
use motet_types::{
    EffectKind, Event, EventKind, GlobalNode, GlobalType, LabelId, NodeId, RoleId, SessionId, Terminal, Value,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// What a role did, as the global type names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Act {
    sends: bool,
    partner: RoleId,
    label: LabelId,
}

/// A place in the global type: a node, and what follows the parallel parts around it, the nearest last.
type Place = (NodeId, Vec<NodeId>);

/// For a role and a place the places where the role acts next, or ends.
type Known = BTreeMap<(RoleId, Place), Rc<Vec<Place>>>;

/// Where a role is that has nothing more to do: at the end, or left out by the others for ever.
const LEFT: NodeId = NodeId(u32::MAX);

/// Judges runs of one protocol.
#[derive(Debug)]
pub struct Monitor<'a> {
    global: &'a GlobalType,
    binders: BTreeMap<u32, NodeId>,
    /// For each node the roles that occur in it.
    roles: Vec<BTreeSet<RoleId>>,
    /// For a role and a place the places where the role acts next, or ends.
    next: RefCell<Known>,
}

/// What a judged session came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went along one path of the global type to its end.
    Completed,
    /// It stopped on the way; so far everybody was on a path.
    Unfinished,
    /// A fault ended it; so far everybody was on a path.
    Faulted,
}

impl<'a> Monitor<'a> {
    /// A monitor of a protocol. Every variable must have one binder.
    pub fn new(global: &'a GlobalType) -> Result<Self, String> {
        let mut binders = BTreeMap::new();
        let mut roles: Vec<BTreeSet<RoleId>> = Vec::new();
        for (at, node) in global.nodes().iter().enumerate() {
            let mut here = BTreeSet::new();
            match node {
                GlobalNode::End | GlobalNode::Var(_) => {}
                GlobalNode::Rec { var, body } => {
                    let taken = binders.insert(var.0, NodeId(at as u32)).is_some();
                    ensure!(!taken, "the monitor needs one binder for each variable");
                    here.clone_from(&roles[body.index()]);
                }
                GlobalNode::Comm { sender, receiver, branches } => {
                    here.extend([*sender, *receiver]);
                    branches.iter().for_each(|branch| here.extend(&roles[branch.next.index()]));
                }
                GlobalNode::Par { parts, next } => {
                    parts.iter().chain([next]).for_each(|part| here.extend(&roles[part.index()]));
                }
            }
            roles.push(here);
        }
        Ok(Self { global, binders, roles, next: RefCell::default() })
    }

    /// Whether `role` can ever act from a node before the part of a parallel composition around it ends.
    fn has_turn(&self, role: RoleId, from: NodeId) -> bool {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(node) = todo.pop() {
            if !seen.insert(node) {
                continue;
            }
            match self.global.node(node) {
                GlobalNode::End => {}
                GlobalNode::Rec { body, .. } => todo.push(*body),
                GlobalNode::Var(var) => todo.push(self.binders[&var.0]),
                GlobalNode::Comm { sender, receiver, branches } => {
                    if *sender == role || *receiver == role {
                        return true;
                    }
                    todo.extend(branches.iter().map(|branch| branch.next));
                }
                GlobalNode::Par { parts, next } => {
                    if parts.iter().any(|part| self.roles[part.index()].contains(&role)) {
                        return true;
                    }
                    todo.push(*next);
                }
            }
        }
        false
    }

    /// Where `role` acts next from a place, or ends: through loops, and through every branch of the others' choices.
    fn settle(&self, role: RoleId, from: Place) -> Rc<Vec<Place>> {
        if let Some(known) = self.next.borrow().get(&(role, from.clone())) {
            return Rc::clone(known);
        }
        let (mut seen, mut todo, mut found) = (BTreeSet::new(), vec![from.clone()], Vec::new());
        while let Some((node, after)) = todo.pop() {
            if !seen.insert((node, after.clone())) {
                continue;
            }
            // Whoever the others leave out for ever has nothing more to do there, and goes on behind the part.
            let over = !self.has_turn(role, node);
            match self.global.node(node) {
                node if over || *node == GlobalNode::End => match after.split_last() {
                    None => found.push((LEFT, after)),
                    Some((next, rest)) => todo.push((*next, rest.to_vec())),
                },
                GlobalNode::End => {}
                GlobalNode::Rec { body, .. } => todo.push((*body, after)),
                GlobalNode::Var(var) => todo.push((self.binders[&var.0], after)),
                GlobalNode::Comm { sender, receiver, .. } if *sender == role || *receiver == role => {
                    found.push((node, after));
                }
                GlobalNode::Comm { branches, .. } => {
                    todo.extend(branches.iter().map(|branch| (branch.next, after.clone())));
                }
                GlobalNode::Par { parts, next } => {
                    let own = parts.iter().find(|part| self.roles[part.index()].contains(&role));
                    todo.push(match own {
                        None => (*next, after),
                        Some(part) => (*part, after.into_iter().chain([*next]).collect()),
                    });
                }
            }
        }
        let found = Rc::new(found);
        self.next.borrow_mut().insert((role, from), Rc::clone(&found));
        found
    }

    /// Whether a role's acts are a path as that role sees it; `ended` when the path must end there.
    fn follows(&self, role: RoleId, acts: &[Act], ended: bool) -> Result<(), String> {
        let mut places: BTreeSet<Place> = self.settle(role, (self.global.root(), Vec::new())).iter().cloned().collect();
        for (at, act) in acts.iter().enumerate() {
            let mut after = BTreeSet::new();
            for (node, rest) in &places {
                if *node == LEFT {
                    continue;
                }
                let GlobalNode::Comm { sender, receiver, branches } = self.global.node(*node) else { continue };
                let (own, other) = if act.sends { (sender, receiver) } else { (receiver, sender) };
                if *own != role || *other != act.partner {
                    continue;
                }
                let taken = branches.iter().filter(|branch| branch.label == act.label);
                taken.for_each(|branch| {
                    after.extend(self.settle(role, (branch.next, rest.clone())).iter().cloned());
                });
            }
            ensure!(!after.is_empty(), "act {at} of {role}, {act:?}, is on no path of the protocol");
            places = after;
        }
        let can_end = places.iter().any(|(node, _)| *node == LEFT);
        ensure!(!ended || can_end, "{role} ended after {} acts, where the protocol goes on for it", acts.len());
        Ok(())
    }

    /// Uses up all roles' acts along one path from the protocol's start to its end.
    fn one_path(&self, acts: &BTreeMap<RoleId, Vec<Act>>) -> Result<(), String> {
        let mut rest: BTreeMap<RoleId, VecDeque<Act>> =
            acts.iter().map(|(role, acts)| (*role, acts.iter().copied().collect())).collect();
        let mut next_of = |role: RoleId| rest.get_mut(&role).and_then(VecDeque::pop_front);
        // Parallel parts share no role, so one may be gone through after the other.
        let mut todo = vec![self.global.root()];
        while let Some(node) = todo.pop() {
            match self.global.node(node) {
                GlobalNode::End => {}
                GlobalNode::Rec { body, .. } => todo.push(*body),
                GlobalNode::Var(var) => todo.push(self.binders[&var.0]),
                GlobalNode::Par { parts, next } => todo.extend([next].into_iter().chain(parts)),
                GlobalNode::Comm { sender, receiver, branches } => {
                    let (sent, taken) = (next_of(*sender), next_of(*receiver));
                    let branch = branches.iter().find(|branch| {
                        let (sends, receives) = (
                            Act { sends: true, partner: *receiver, label: branch.label },
                            Act { sends: false, partner: *sender, label: branch.label },
                        );
                        sent == Some(sends) && taken == Some(receives)
                    });
                    let branch =
                        branch.ok_or_else(|| format!("at node {}: {sent:?} and {taken:?} are no branch", node.0))?;
                    todo.push(branch.next);
                }
            }
        }
        let left: usize = rest.values().map(VecDeque::len).sum();
        ensure!(left == 0, "{left} acts beyond the protocol's end");
        Ok(())
    }

    /// Judges a run of an image of this protocol by its events, its tape, and what its host was shown.
    pub fn judge(
        &self,
        image: &CodeImage,
        run: &Run,
        shown: &BTreeMap<EffectCoordinate, Shown>,
    ) -> Result<Vec<Verdict>, String> {
        let mut effects: BTreeMap<(SessionId, u16), VecDeque<RecordedEffect>> = BTreeMap::new();
        for (_, input) in run.inputs()? {
            if let Input::Effect(effect) = input {
                let of = effects.entry((effect.coordinate.session, effect.coordinate.coroutine.0)).or_default();
                let expected = of.back().map_or(0, |last: &RecordedEffect| last.coordinate.counter + 1);
                ensure!(effect.coordinate.counter == expected, "{} follows number {expected}", effect.coordinate);
                of.push_back(effect);
            }
        }
        let mut sessions: BTreeMap<SessionId, Vec<Event>> = BTreeMap::new();
        for event in run.trace()? {
            sessions.entry(event.session).or_default().push(event.event);
        }
        ensure!(sessions.len() as u64 == run.tally.opened, "{} sessions have events", sessions.len());
        let (mut verdicts, mut received) = (Vec::new(), 0);
        for (session, events) in &sessions {
            let mut account = Account { monitor: self, image, session: *session, shown, effects: &mut effects };
            let (verdict, count) = account.settle(events).map_err(|why| format!("{session}: {why}"))?;
            verdicts.push(verdict);
            received += count;
        }
        ensure!(received == run.tally.messages, "{received} were received, and {} counted", run.tally.messages);
        let count = |verdict| verdicts.iter().filter(|v| **v == verdict).count() as u64;
        let counted = (run.tally.closed, run.tally.faulted);
        let seen = (count(Verdict::Completed), count(Verdict::Faulted));
        ensure!(seen == counted, "{seen:?} sessions ended, and {counted:?} were counted");
        Ok(verdicts)
    }
}

/// One session under judgement.
struct Account<'m, 'a> {
    monitor: &'m Monitor<'a>,
    image: &'m CodeImage,
    session: SessionId,
    shown: &'m BTreeMap<EffectCoordinate, Shown>,
    effects: &'m mut BTreeMap<(SessionId, u16), VecDeque<RecordedEffect>>,
}

impl Account<'_, '_> {
    /// The next exchange of a coroutine that is neither a choice, nor an operation, nor a send that was not made.
    fn exchange(&mut self, coroutine: u16, kind: EffectKind) -> Result<(RecordedEffect, Shown), String> {
        let queue = self.effects.entry((self.session, coroutine)).or_default();
        loop {
            let effect = queue.pop_front().ok_or_else(|| format!("no exchange about a {}", kind.name()))?;
            let unmade = matches!(
                effect.outcome,
                EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Defer | SendDecision::Drop))
            );
            if unmade || matches!(effect.kind, EffectKind::Choose | EffectKind::InvokeStep | EffectKind::Release) {
                continue;
            }
            ensure!(effect.kind == kind, "a {} where a {} happened", effect.kind.name(), kind.name());
            let shown = self.shown.get(&effect.coordinate).cloned();
            let shown = shown.ok_or_else(|| format!("the host was never shown {}", effect.coordinate))?;
            let subject = u32::from(shown.partner.0) << 16 | u32::from(shown.label.0);
            ensure!(effect.subject == subject, "{} is about something else on the tape", effect.coordinate);
            return Ok((effect, shown));
        }
    }

    fn has_sort(&self, label: LabelId, value: &Value) -> Result<(), String> {
        let names = &self.monitor.global.names;
        let row = names.labels.get(label.index()).ok_or_else(|| format!("there is no {label}"))?;
        ensure!(value.has_sort(&names.sorts, row.sort), "{value:?} is no payload of {}", row.name);
        Ok(())
    }

    fn settle(&mut self, events: &[Event]) -> Result<(Verdict, u64), String> {
        let mut edges: BTreeMap<u16, VecDeque<(LabelId, Value)>> = BTreeMap::new();
        let mut acts: BTreeMap<RoleId, Vec<Act>> = BTreeMap::new();
        let (mut halted, mut terminal, mut received) = (BTreeSet::new(), None, 0);
        for (at, event) in events.iter().enumerate() {
            ensure!((event.kind == EventKind::Opened) == (at == 0), "event {at} is {}", event.kind.name());
            ensure!(terminal.is_none(), "{} after the session's end", event.kind.name());
            let (role, label) = (RoleId(event.coroutine.0), event.label);
            ensure!(!halted.contains(&role) || event.kind == EventKind::SessionTerminal, "{role} acts after its end");
            let about = |image: &CodeImage| image.edge(event.edge).ok_or_else(|| format!("there is no {}", event.edge));
            match event.kind {
                EventKind::Sent => {
                    let ends = about(self.image)?;
                    ensure!(ends.sender == role.0, "{role} sends on {}", event.edge);
                    let (effect, shown) = self.exchange(role.0, EffectKind::SendDecision)?;
                    ensure!((shown.partner.0, shown.label) == (ends.receiver, label), "another message: {shown:?}");
                    let value = match effect.outcome {
                        EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Replace(value))) => value,
                        _ => shown.payload,
                    };
                    self.has_sort(label, &value)?;
                    edges.entry(event.edge.0).or_default().push_back((label, value));
                    acts.entry(role).or_default().push(Act { sends: true, partner: RoleId(ends.receiver), label });
                }
                EventKind::Received => {
                    let ends = about(self.image)?;
                    ensure!(ends.receiver == role.0, "{role} receives on {}", event.edge);
                    let (_, shown) = self.exchange(role.0, EffectKind::Receive)?;
                    ensure!((shown.partner.0, shown.label) == (ends.sender, label), "another message: {shown:?}");
                    let first = edges.entry(event.edge.0).or_default().pop_front();
                    let first = first.ok_or_else(|| format!("{role} receives what nobody sent"))?;
                    ensure!(first == (label, shown.payload.clone()), "{first:?} was sent and {shown:?} came");
                    acts.entry(role).or_default().push(Act { sends: false, partner: RoleId(ends.sender), label });
                    received += 1;
                }
                EventKind::Offered | EventKind::Chose => {
                    let made = if event.kind == EventKind::Offered { EventKind::Sent } else { EventKind::Received };
                    let message = Event { kind: made, ..*event };
                    ensure!(events[at - 1] == message, "{} stands alone", event.kind.name());
                }
                EventKind::Halted => ensure!(halted.insert(role), "{role} ended twice"),
                EventKind::SessionTerminal => terminal = Terminal::from_code(event.detail),
                EventKind::Opened | EventKind::Invoked | EventKind::Faulted | EventKind::FailureBranchEntered => {}
                EventKind::Acquired | EventKind::Released => {}
                other => return Err(format!("an event that nothing here causes: {}", other.name())),
            }
        }
        let closed = terminal == Some(Terminal::Closed);
        for (role, name) in self.monitor.global.names.roles.iter().enumerate() {
            let role = RoleId(role as u16);
            ensure!(!closed || halted.contains(&role), "{name} did not end");
            let acts = acts.get(&role).map_or(&[][..], Vec::as_slice);
            self.monitor.follows(role, acts, halted.contains(&role))?;
        }
        match terminal {
            Some(Terminal::Closed) => {
                let left: usize = edges.values().map(VecDeque::len).sum();
                ensure!(left == 0, "{left} messages were never received");
                self.monitor.one_path(&acts)?;
                Ok((Verdict::Completed, received))
            }
            Some(Terminal::Faulted) => Ok((Verdict::Faulted, received)),
            None => Ok((Verdict::Unfinished, received)),
            Some(other) => Err(format!("it ended {}", other.name())),
        }
    }
}
