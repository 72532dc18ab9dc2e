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
//! A role that waits while others act must have its turn on some way from there. Where others go on for ever without
//! it the protocol says nothing about it, so its state must be an end.

use super::{VerifyError, Work};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use motet_types::{Action, BranchPart, GlobalPart, ImageParts, Planted, planted};

/// What a (node, state) pair costs: it is kept, with the ways that lead to it.
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

pub(super) fn check(parts: &ImageParts, work: &mut Work) -> Result<(), VerifyError> {
    let part_of = pars(parts, work)?;
    let sorted: Vec<Vec<BranchPart>> = parts.states.iter().map(|state| by_label(&state.branches)).collect();
    for (role, row) in parts.roles.iter().enumerate() {
        let mut continuations = Continuations::default();
        let mut seen = BTreeSet::new();
        let mut turns = Turns::default();
        let mut todo = Vec::from([(0u32, row.initial, 0u32)]);
        while let Some(at) = todo.pop() {
            if !seen.insert(at) {
                continue;
            }
            let (node, state, after) = at;
            work.spend(PAIR)?;
            let refuse = |why| VerifyError::Fit { role: row.name.clone(), node, state, why };
            let local = &parts.states[state as usize];
            let known = todo.len();
            let mut acts = false;
            match &parts.global[node as usize] {
                GlobalPart::End => match continuations.pop(after) {
                    Some((next, after)) => todo.push((next, state, after)),
                    None if local.action == Action::End => {}
                    None => return Err(refuse("goes on where the protocol has ended")),
                },
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
                    acts = usize::from(ends.sender) == role || usize::from(ends.receiver) == role;
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
            if acts {
                turns.acting.push(at);
            } else if local.action != Action::End {
                turns.waits(at, &todo[known..]);
            }
        }
        if let Some((node, state, _)) = turns.never()
            && !planted(Planted::VerifyFitTurns)
        {
            let why = "goes on where the others go on for ever without it";
            return Err(VerifyError::Fit { role: row.name.clone(), node, state, why });
        }
    }
    Ok(())
}

/// A node of the global type, the role's state there, and what follows the part of a `Par`.
type Pair = (u32, u32, u32);

/// Where a role acts, and where it waits for others.
#[derive(Default)]
struct Turns {
    acting: Vec<Pair>,
    waiting: BTreeSet<Pair>,
    /// For each pair the waiting ones that lead to it.
    before: BTreeMap<Pair, Vec<Pair>>,
}

impl Turns {
    fn waits(&mut self, at: Pair, next: &[Pair]) {
        self.waiting.insert(at);
        next.iter().for_each(|next| self.before.entry(*next).or_default().push(at));
    }

    /// A pair in which the role waits, and from which no way leads to one in which it acts.
    fn never(mut self) -> Option<Pair> {
        while let Some(at) = self.acting.pop() {
            for before in self.before.remove(&at).unwrap_or_default() {
                if self.waiting.remove(&before) {
                    self.acting.push(before);
                }
            }
        }
        self.waiting.pop_first()
    }
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
