//! The third check: every role's automaton follows the global type.
//!
//! For one role, walk the global type and the role's automaton together. Where the role sends, its state must send
//! exactly the same labels on the same edge; where it receives, its state must receive at least those labels on that
//! edge; where it takes no part, its state stays as it is, through every branch. At the global end its state must be
//! an end. This is a simulation: it neither projects nor merges, so it holds whatever algorithm made the automata,
//! and it catches a projection that went wrong.
//!
//! A `Par` sends a role into the one part it occurs in, with the rest as its continuation.
//!
//! Where a role can have no further turn, because the others end or go on for ever without it, its part is over: what
//! follows the part is next for it, and behind everything its state must be an end. So a role that waits has its turn
//! on some way from there, and nothing that it does is left unlooked at.

use super::{VerifyError, Work};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{Action, BranchPart, GlobalPart, ImageParts, Planted, planted};

/// What a (node, state) pair costs: it is kept.
const PAIR: usize = 32;

/// What follows a part of a `Par`: interned, so that a loop around it ends. Row 0 is the end of everything.
#[derive(Default)]
struct Continuations {
    rows: Vec<(u32, u32)>,
    index: BTreeMap<(u32, u32), u32>,
}

impl Continuations {
    fn push(&mut self, next: u32, after: u32) -> u32 {
        let rows = &mut self.rows;
        *self.index.entry((next, after)).or_insert_with(|| {
            rows.push((next, after));
            rows.len() as u32
        })
    }

    fn pop(&self, at: u32) -> Option<(u32, u32)> {
        self.rows.get((at as usize).checked_sub(1)?).copied()
    }
}

/// Where each role acts, and which nodes lead to a node without entering a part of a `Par`.
struct Turns {
    /// By role, the communications it takes part in and the `Par`s of which it has a part.
    acts: Vec<Vec<u32>>,
    before: Vec<Vec<u32>>,
    /// For each node the last role, plus one, that was found to have a turn ahead of it.
    ahead: Vec<u32>,
}

impl Turns {
    fn of(parts: &ImageParts, part_of: &BTreeMap<(u32, u16), usize>) -> Self {
        let count = parts.global.len();
        let (mut acts, mut before) = (vec![Vec::new(); parts.roles.len()], vec![Vec::new(); count]);
        part_of.keys().for_each(|(node, role)| acts[usize::from(*role)].push(*node));
        for (at, node) in (0..).zip(&parts.global) {
            match node {
                GlobalPart::End => {}
                GlobalPart::Par { next, .. } => before[*next as usize].push(at),
                GlobalPart::Comm { edge, branches } => {
                    let ends = parts.edges[usize::from(*edge)];
                    [ends.sender, ends.receiver].iter().for_each(|role| acts[usize::from(*role)].push(at));
                    branches.iter().for_each(|branch| before[branch.next as usize].push(at));
                }
            }
        }
        Self { acts, before, ahead: vec![0; count] }
    }

    /// Finds the nodes ahead of which `role` has a turn.
    fn look(&mut self, role: usize, work: &mut Work) -> Result<(), VerifyError> {
        let (mut todo, mark) = (core::mem::take(&mut self.acts[role]), role as u32 + 1);
        while let Some(node) = todo.pop() {
            work.spend(1)?;
            if core::mem::replace(&mut self.ahead[node as usize], mark) != mark {
                todo.extend(&self.before[node as usize]);
            }
        }
        Ok(())
    }

    fn is_ahead(&self, role: usize, node: u32) -> bool {
        self.ahead[node as usize] == role as u32 + 1 || planted(Planted::VerifyFitTurns)
    }
}

pub(super) fn check(parts: &ImageParts, work: &mut Work) -> Result<(), VerifyError> {
    let part_of = pars(parts, work)?;
    let sorted: Vec<Vec<BranchPart>> = parts.states.iter().map(|state| by_label(&state.branches)).collect();
    let mut turns = Turns::of(parts, &part_of);
    for (role, row) in parts.roles.iter().enumerate() {
        let mut continuations = Continuations::default();
        let mut seen = BTreeSet::new();
        turns.look(role, work)?;
        let mut todo = Vec::from([(0u32, row.initial, 0u32)]);
        while let Some((node, state, after)) = todo.pop() {
            if !seen.insert((node, state, after)) {
                continue;
            }
            work.spend(PAIR)?;
            let refuse = |why| VerifyError::Fit { role: row.name.clone(), node, state, why };
            let local = &parts.states[state as usize];
            let over = !turns.is_ahead(role, node);
            match &parts.global[node as usize] {
                part if over || *part == GlobalPart::End => match continuations.pop(after) {
                    Some((next, after)) => todo.push((next, state, after)),
                    None if local.action == Action::End => {}
                    None => return Err(refuse("goes on where the protocol has ended for it")),
                },
                GlobalPart::End => {}
                GlobalPart::Par { parts: branches, next } => {
                    let part = part_of.get(&(node, role as u16)).map(|at| branches[*at]);
                    match part {
                        Some(part) => todo.push((part, state, continuations.push(*next, after))),
                        None => todo.push((*next, state, after)),
                    }
                }
                GlobalPart::Comm { edge, branches } => {
                    work.spend(branches.len())?;
                    let ends = parts.edges[usize::from(*edge)];
                    if usize::from(ends.sender) == role {
                        if local.action != Action::Send(*edge) {
                            return Err(refuse("does not send where the protocol has it send"));
                        }
                        if local.branches.len() != branches.len() {
                            return Err(refuse("does not offer the same number of labels"));
                        }
                        let why = "sends a label that the protocol does not have";
                        follow(branches, &sorted[state as usize], after, &mut todo).ok_or_else(|| refuse(why))?;
                    } else if usize::from(ends.receiver) == role {
                        if local.action != Action::Recv(*edge) && !planted(Planted::VerifyFitReceiver) {
                            return Err(refuse("does not receive where the protocol has it receive"));
                        }
                        let why = "cannot receive a label that may be sent";
                        follow(branches, &sorted[state as usize], after, &mut todo).ok_or_else(|| refuse(why))?;
                    } else {
                        let count = if planted(Planted::VerifyFitFirstBranchOnly) { 1 } else { branches.len() };
                        todo.extend(branches.iter().take(count).map(|branch| (branch.next, state, after)));
                    }
                }
            }
        }
    }
    Ok(())
}

fn by_label(branches: &[BranchPart]) -> Vec<BranchPart> {
    let mut sorted = branches.to_vec();
    sorted.sort_unstable_by_key(|branch| branch.label);
    sorted
}

/// Follows every global branch by the local branch of the same label; `None` when one is missing. The local branches
/// are sorted by label.
fn follow(global: &[BranchPart], local: &[BranchPart], after: u32, todo: &mut Vec<(u32, u32, u32)>) -> Option<()> {
    for branch in global {
        let at = local.binary_search_by_key(&branch.label, |row| row.label).ok()?;
        todo.push((branch.next, local[at].next, after));
    }
    Some(())
}

/// For every `Par`, which part a role occurs in. Parts must not share a role, and must not reach out of themselves.
fn pars(parts: &ImageParts, work: &mut Work) -> Result<BTreeMap<(u32, u16), usize>, VerifyError> {
    let mut part_of = BTreeMap::new();
    for (row, node) in parts.global.iter().enumerate() {
        let GlobalPart::Par { parts: branches, .. } = node else { continue };
        let refuse = |rule| VerifyError::Table { table: "global node", row, rule };
        for (at, start) in branches.iter().enumerate() {
            let mut seen = BTreeSet::new();
            let mut todo = Vec::from([*start]);
            while let Some(node) = todo.pop() {
                if node as usize == row {
                    return Err(refuse("a part of it leads back to it"));
                }
                if !seen.insert(node) {
                    continue;
                }
                work.spend(PAIR)?;
                match &parts.global[node as usize] {
                    GlobalPart::End => {}
                    GlobalPart::Par { parts, next } => {
                        work.spend(parts.len())?;
                        todo.extend(parts.iter().chain([next]));
                    }
                    GlobalPart::Comm { edge, branches } => {
                        work.spend(branches.len())?;
                        let ends = parts.edges[usize::from(*edge)];
                        for role in [ends.sender, ends.receiver] {
                            if *part_of.entry((row as u32, role)).or_insert(at) != at {
                                return Err(refuse("two of its parts have a role in common"));
                            }
                        }
                        todo.extend(branches.iter().map(|branch| branch.next));
                    }
                }
            }
        }
    }
    Ok(part_of)
}
