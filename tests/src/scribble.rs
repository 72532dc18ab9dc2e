//! Scribbles: random tables with code that follows them.
//!
//! The global type is any graph. Each role's automaton is what a careless reader would make of it: one state for each
//! node, and where others choose, the first branch. The code is right for the automaton, so that everything depends on
//! whether the verifier holds automata and global type against each other.

use crate::dice::Dice;
use crate::draft::{Draft, NAT, UNIT};
use motet_types::{Action, BranchPart, GlobalPart, ImageParts, Instr, StatePart};
use std::collections::BTreeMap;

/// How far a careless reader follows a chain of messages of others.
const PATIENCE: usize = 12;

fn graph(dice: &mut Dice, draft: &mut Draft, labels: &[u16], edges: &[u16]) {
    let count = 1 + dice.below(5);
    for _ in 0..count {
        let node = |dice: &mut Dice| dice.below(count) as u32;
        let part = match dice.below(8) {
            0 | 1 => GlobalPart::End,
            2 if dice.one_in(2) => {
                let parts = (0..dice.below(3)).map(|_| node(dice)).collect();
                GlobalPart::Par { parts, next: node(dice) }
            }
            _ => {
                let first = dice.below(labels.len());
                let most = 1 + dice.below(2.min(labels.len()));
                let row = |at: usize, dice: &mut Dice| BranchPart {
                    label: labels[(first + at) % labels.len()],
                    next: node(dice),
                };
                let branches = (0..most).map(|at| row(at, dice)).collect();
                GlobalPart::Comm { edge: *dice.pick(edges), branches }
            }
        };
        draft.parts.global.push(part);
    }
}

/// One role's automaton under construction.
struct Reader<'a> {
    role: u16,
    parts: &'a mut ImageParts,
    states: BTreeMap<Option<u32>, u32>,
    todo: Vec<(u32, u32)>,
    /// Which branch of the others' choices is followed.
    habit: usize,
}

impl Reader<'_> {
    /// The node where the role acts next, as a careless reader finds it; none for the end.
    fn next(&self, mut node: u32) -> Option<u32> {
        for _ in 0..PATIENCE {
            node = match &self.parts.global[node as usize] {
                GlobalPart::End => return None,
                GlobalPart::Par { parts, next } => parts.first().copied().unwrap_or(*next),
                GlobalPart::Comm { edge, branches } => {
                    let ends = self.parts.edges[usize::from(*edge)];
                    if ends.sender == self.role || ends.receiver == self.role {
                        return Some(node);
                    }
                    branches[self.habit % branches.len()].next
                }
            };
        }
        None
    }

    fn state(&mut self, node: u32) -> u32 {
        let acts = self.next(node);
        if let Some(state) = self.states.get(&acts) {
            return *state;
        }
        let state = self.parts.states.len() as u32;
        self.parts.states.push(StatePart { role: self.role, action: Action::End, branches: Vec::new() });
        self.states.insert(acts, state);
        if let Some(node) = acts {
            self.todo.push((node, state));
        }
        state
    }

    fn read(&mut self, start: u32) -> u32 {
        let first = self.state(start);
        while let Some((node, state)) = self.todo.pop() {
            let GlobalPart::Comm { edge, branches } = self.parts.global[node as usize].clone() else { continue };
            let sends = self.parts.edges[usize::from(edge)].sender == self.role;
            let rows = branches.iter().map(|b| BranchPart { label: b.label, next: self.state(b.next) }).collect();
            let state = &mut self.parts.states[state as usize];
            state.action = if sends { Action::Send(edge) } else { Action::Recv(edge) };
            state.branches = rows;
        }
        first
    }
}

/// Code that follows an automaton: one block a state. Register 1 holds a number, register 2 nothing.
fn code(draft: &mut Draft, role: u16, initial: u32) {
    let own: Vec<u32> =
        (0..draft.parts.states.len() as u32).filter(|at| draft.parts.states[*at as usize].role == role).collect();
    let base = draft.here();
    // The prologue has two instructions, and a block two for each branch and one before them.
    let mut starts = BTreeMap::new();
    let mut at = base + 2;
    for state in &own {
        starts.insert(*state, at);
        at += 1 + 2 * draft.parts.states[*state as usize].branches.len() as u32;
    }
    let mut instrs = vec![Instr::Set { dst: 1, constant: 0 }, Instr::Jump { target: starts[&initial] }];
    for state in own {
        let part = draft.parts.states[state as usize].clone();
        let start = starts[&state];
        let jump = |next: u32| Instr::Jump { target: starts.get(&next).copied().unwrap_or(base) };
        let register = |label: u16| if draft.parts.labels[usize::from(label)].sort == NAT { 1 } else { 2 };
        let arms: Vec<(u32, u16)> =
            part.branches.iter().zip(0..).map(|(b, at)| (start + 1 + 2 * at, register(b.label))).collect();
        match part.action {
            Action::End => instrs.push(Instr::Halt {}),
            Action::Send(_) => {
                let offers: Vec<[Instr; 2]> = part
                    .branches
                    .iter()
                    .map(|b| {
                        let label = u32::from(b.label);
                        [Instr::Offer { chan: 0, val: register(b.label), label }, jump(b.next)]
                    })
                    .collect();
                let table = draft.table(&arms);
                instrs.push(Instr::Decide { chan: 0, table });
                instrs.extend(offers.into_iter().flatten());
            }
            Action::Recv(_) => {
                let jumps: Vec<Instr> = part.branches.iter().map(|b| jump(b.next)).collect();
                let table = draft.table(&arms);
                instrs.push(Instr::Choose { chan: 0, table });
                jumps.into_iter().for_each(|jump| instrs.extend([jump, Instr::Yield {}]));
            }
        }
    }
    draft.role(&format!("R{role}"), initial, 3, &instrs);
}

/// A random image; most are wrong.
pub fn scribble(dice: &mut Dice) -> ImageParts {
    let mut draft = Draft::new();
    draft.nat(7);
    let labels: Vec<u16> = (0..1 + dice.below(3))
        .map(|at| draft.label(["L", "M", "N"][at], if dice.one_in(2) { NAT } else { UNIT }))
        .collect();
    let roles = 2 + dice.below(3) as u16;
    let mut edges = Vec::new();
    for _ in 0..1 + dice.below(3) {
        let sender = dice.below(usize::from(roles)) as u16;
        let receiver = (sender + 1 + dice.below(usize::from(roles) - 1) as u16) % roles;
        if !draft.parts.edges.iter().any(|edge| (edge.sender, edge.receiver) == (sender, receiver)) {
            edges.push(draft.edge(sender, receiver));
        }
    }
    graph(dice, &mut draft, &labels, &edges);
    for role in 0..roles {
        let habit = dice.below(2);
        let parts = &mut draft.parts;
        let mut reader = Reader { role, parts, states: BTreeMap::new(), todo: Vec::new(), habit };
        // Now and then a reader opens the book somewhere else: what it reads is not what the others do.
        let start = if dice.one_in(5) { dice.below(reader.parts.global.len()) as u32 } else { 0 };
        let mut initial = reader.read(start);
        if dice.one_in(10) {
            // A state of its own that no node asked for.
            let own: Vec<u32> = (0..draft.parts.states.len() as u32)
                .filter(|at| draft.parts.states[*at as usize].role == role)
                .collect();
            initial = *dice.pick(&own);
        }
        code(&mut draft, role, initial);
    }
    draft.parts
}
