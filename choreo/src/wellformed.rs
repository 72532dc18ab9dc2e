//! Well-formedness: what a global type must be before anybody projects it.
//!
//! Every pass is one loop over the arena, parts before the nodes that name them, so the depth of a type costs no
//! stack. Sets of variables and of roles are masks of 64 at a time: a pass per 64 names instead of a set per node.

use motet_types::{Branch, GlobalNode, GlobalType, MAX_VALUE_DEPTH, NodeId, Planted, RoleId, Sort, VarId, planted};
use std::collections::BTreeSet;

/// The most scalars that one payload may consist of.
pub const MAX_PAYLOAD_SCALARS: u32 = 4096;

/// The most refusals that one check reports.
const MAX_REPORTED: usize = 64;

/// Why a global type is not well-formed. `line` is the source line, 0 when unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllFormed {
    /// More names of a kind than there are numbers for them.
    #[error("the protocol has {count} {what}; at most {limit} are possible")]
    TooMany {
        /// Which names.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Two roles of one name.
    #[error("the role `{role}` is declared twice")]
    DuplicateRole {
        /// The name.
        role: String,
    },
    /// One label stands in the table of names twice.
    #[error("the label `{label}` stands in the table of labels twice with the same sort")]
    DuplicateLabel {
        /// The name.
        label: String,
    },
    /// Two recursion variables of one name.
    #[error("the recursion variable `{var}` stands in the table of variables twice")]
    DuplicateVariable {
        /// The name.
        var: String,
    },
    /// A label whose payload has no row in the table of sorts.
    #[error("the payload of `{label}` has a sort that is not in the table of sorts")]
    UnknownSort {
        /// The label.
        label: String,
    },
    /// A payload that is nested too deeply or has too many parts.
    #[error(
        "the payload of `{label}` is too large: products may nest {MAX_VALUE_DEPTH} deep and have \
         {MAX_PAYLOAD_SCALARS} parts"
    )]
    PayloadTooLarge {
        /// The label.
        label: String,
    },
    /// A role without name.
    #[error("role number {number} is not declared")]
    UnknownRole {
        /// Its number.
        number: u16,
        /// The source line.
        line: u32,
    },
    /// A label without name.
    #[error("label number {number} has no name")]
    UnknownLabel {
        /// Its number.
        number: u16,
        /// The source line.
        line: u32,
    },
    /// A recursion variable without name.
    #[error("recursion variable number {number} has no name")]
    UnknownVariable {
        /// Its number.
        number: u32,
        /// The source line.
        line: u32,
    },
    /// A message from a role to itself.
    #[error("`{role}` sends to itself")]
    SelfSend {
        /// The role.
        role: String,
        /// The source line.
        line: u32,
    },
    /// A communication without branches.
    #[error("the communication from `{sender}` to `{receiver}` has no branches")]
    NoBranches {
        /// The sender.
        sender: String,
        /// The receiver.
        receiver: String,
        /// The source line.
        line: u32,
    },
    /// Two branches under one label.
    #[error("the choice of `{sender}` towards `{receiver}` has two branches `{label}`")]
    LabelTwice {
        /// The sender.
        sender: String,
        /// The receiver.
        receiver: String,
        /// The label.
        label: String,
        /// The source line.
        line: u32,
    },
    /// A variable outside its loop.
    #[error("`{var}` does not name a loop around this point")]
    Unbound {
        /// The variable.
        var: String,
        /// The source line.
        line: u32,
    },
    /// A loop that starts again without a message.
    #[error("the loop `{var}` starts again without a message")]
    Unguarded {
        /// The variable.
        var: String,
        /// The source line.
        line: u32,
    },
    /// A loop inside another of the same name.
    #[error("the loop `{var}` stands inside another loop `{var}`")]
    Shadowed {
        /// The variable.
        var: String,
        /// The source line of the outer loop.
        line: u32,
    },
    /// A parallel part that continues a loop around the composition.
    #[error("a parallel part continues the loop `{var}`, which stands outside the composition")]
    OpenPart {
        /// The variable.
        var: String,
        /// The source line.
        line: u32,
    },
    /// A role in two parallel parts.
    #[error("`{role}` takes part in two parts of one parallel composition")]
    SharedRole {
        /// The role.
        role: String,
        /// The source line.
        line: u32,
    },
}

impl IllFormed {
    /// The source line it is about, 0 when unknown.
    pub const fn line(&self) -> u32 {
        match self {
            IllFormed::UnknownRole { line, .. }
            | IllFormed::UnknownLabel { line, .. }
            | IllFormed::UnknownVariable { line, .. }
            | IllFormed::SelfSend { line, .. }
            | IllFormed::NoBranches { line, .. }
            | IllFormed::LabelTwice { line, .. }
            | IllFormed::Unbound { line, .. }
            | IllFormed::Unguarded { line, .. }
            | IllFormed::Shadowed { line, .. }
            | IllFormed::OpenPart { line, .. }
            | IllFormed::SharedRole { line, .. } => *line,
            _ => 0,
        }
    }
}

/// Checks that projection, code and tables can be made of the type: names known and distinct, labels distinct
/// within a communication, loops bound, guarded and not shadowed, parallel parts closed and without common role.
/// Only what the protocol can reach is looked at. Answers every refusal, up to a few dozen, in source order.
pub fn check(global: &GlobalType) -> Result<(), Vec<IllFormed>> {
    WellFormed::new(global).map(|_| ())
}

/// A global type that has been checked, with what checking found out about its nodes up to the root.
pub(crate) struct WellFormed<'a> {
    pub(crate) global: &'a GlobalType,
    /// Whether the root reaches the node.
    pub(crate) live: Vec<bool>,
    /// Whether no variable occurs free in the node.
    pub(crate) closed: Vec<bool>,
}

impl<'a> WellFormed<'a> {
    pub(crate) fn new(global: &'a GlobalType) -> Result<Self, Vec<IllFormed>> {
        let live = reachable(global);
        let mut check = Check { global, closed: vec![true; live.len()], live, found: Vec::new() };
        check.names();
        check.nodes();
        // The later passes use the numbers that nodes carry as indices into masks.
        if check.found.is_empty() {
            check.guards();
            check.variables();
            check.parts();
        }
        if check.found.is_empty() {
            return Ok(Self { global, live: check.live, closed: check.closed });
        }
        check.found.sort_by_key(IllFormed::line);
        Err(check.found)
    }
}

/// For each node up to the root whether the root reaches it.
fn reachable(global: &GlobalType) -> Vec<bool> {
    let mut live = vec![false; global.root().index() + 1];
    live[global.root().index()] = true;
    for at in (0..live.len()).rev() {
        if live[at] {
            parts_of(&global.nodes()[at]).for_each(|part| live[part.index()] = true);
        }
    }
    live
}

/// The nodes that a node names.
pub(crate) fn parts_of(node: &GlobalNode) -> impl Iterator<Item = NodeId> {
    let (branches, parts, one): (&[Branch], &[NodeId], Option<NodeId>) = match node {
        GlobalNode::End | GlobalNode::Var(_) => (&[], &[], None),
        GlobalNode::Comm { branches, .. } => (branches, &[], None),
        GlobalNode::Rec { body, .. } => (&[], &[], Some(*body)),
        GlobalNode::Par { parts, next } => (&[], parts, Some(*next)),
    };
    branches.iter().map(|branch| branch.next).chain(parts.iter().copied()).chain(one)
}

struct Check<'a> {
    global: &'a GlobalType,
    live: Vec<bool>,
    closed: Vec<bool>,
    found: Vec<IllFormed>,
}

impl<'a> Check<'a> {
    fn report(&mut self, refusal: IllFormed) {
        if self.found.len() < MAX_REPORTED {
            self.found.push(refusal);
        }
    }

    fn role(&self, role: RoleId) -> String {
        self.global.names.role_name(role).into()
    }

    fn var(&self, var: VarId) -> String {
        self.global.names.vars.get(var.0 as usize).cloned().unwrap_or_default()
    }

    /// The reachable nodes with their lines, parts first.
    fn walk(&self) -> impl Iterator<Item = (usize, &'a GlobalNode, u32)> + use<'_, 'a> {
        let global = self.global;
        let nodes = global.nodes().iter().enumerate().zip(&self.live);
        nodes.filter(|(_, live)| **live).map(|((at, node), _)| (at, node, global.line(NodeId(at as u32))))
    }

    fn names(&mut self) {
        let names = &self.global.names;
        let counts = [
            ("roles", names.roles.len(), 1 << 16),
            ("labels", names.labels.len(), 1 << 16),
            ("recursion variables", names.vars.len(), u32::MAX as usize),
        ];
        for (what, count, limit) in counts {
            if count > limit {
                self.report(IllFormed::TooMany { what, count, limit });
            }
        }
        for role in twice(names.roles.iter()) {
            self.report(IllFormed::DuplicateRole { role: role.clone() });
        }
        for (label, _) in twice(names.labels.iter().map(|label| (&label.name, label.sort.0))) {
            self.report(IllFormed::DuplicateLabel { label: label.clone() });
        }
        for var in twice(names.vars.iter()) {
            self.report(IllFormed::DuplicateVariable { var: var.clone() });
        }
        // Depth and number of scalars of each sort; a product names earlier rows.
        let mut sizes: Vec<(usize, u32)> = Vec::with_capacity(names.sorts.rows().len());
        for row in names.sorts.rows() {
            sizes.push(match row {
                Sort::Prod(a, b) => {
                    let (a, b) = (sizes[usize::from(*a)], sizes[usize::from(*b)]);
                    (1 + a.0.max(b.0), a.1.saturating_add(b.1))
                }
                _ => (0, 1),
            });
        }
        for label in &names.labels {
            let label_name = || label.name.clone();
            match sizes.get(label.sort.index()) {
                None => self.report(IllFormed::UnknownSort { label: label_name() }),
                Some((depth, scalars)) if *depth > MAX_VALUE_DEPTH || *scalars > MAX_PAYLOAD_SCALARS => {
                    self.report(IllFormed::PayloadTooLarge { label: label_name() });
                }
                Some(_) => {}
            }
        }
    }

    fn nodes(&mut self) {
        let mut found = Vec::new();
        for (_, node, line) in self.walk() {
            if found.len() >= MAX_REPORTED {
                break;
            }
            match node {
                GlobalNode::Comm { sender, receiver, branches } => {
                    self.communication(*sender, *receiver, branches, line, &mut found);
                }
                GlobalNode::Rec { var, .. } | GlobalNode::Var(var) => {
                    if var.0 as usize >= self.global.names.vars.len() {
                        found.push(IllFormed::UnknownVariable { number: var.0, line });
                    }
                }
                GlobalNode::End | GlobalNode::Par { .. } => {}
            }
        }
        found.into_iter().for_each(|refusal| self.report(refusal));
    }

    fn communication(&self, from: RoleId, to: RoleId, branches: &[Branch], line: u32, found: &mut Vec<IllFormed>) {
        let names = &self.global.names;
        for role in [from, to] {
            if role.index() >= names.roles.len() {
                found.push(IllFormed::UnknownRole { number: role.0, line });
            }
        }
        if from == to {
            found.push(IllFormed::SelfSend { role: self.role(from), line });
        }
        if branches.is_empty() {
            found.push(IllFormed::NoBranches { sender: self.role(from), receiver: self.role(to), line });
        }
        let mut seen = BTreeSet::new();
        for branch in branches {
            match names.labels.get(branch.label.index()) {
                None => found.push(IllFormed::UnknownLabel { number: branch.label.0, line }),
                Some(label) if !seen.insert(&label.name) && !planted(Planted::CheckAllowsLabelTwice) => {
                    let (sender, receiver, label) = (self.role(from), self.role(to), label.name.clone());
                    found.push(IllFormed::LabelTwice { sender, receiver, label, line });
                }
                Some(_) => {}
            }
        }
    }

    /// Finds loops that reach their own start before any message.
    fn guards(&mut self) {
        let mut found = Vec::new();
        // For each node: the variable it goes to before any message, and whether it has a message at all.
        let mut heads: Vec<(Option<VarId>, bool)> = vec![(None, false); self.live.len()];
        for (at, node, line) in self.walk() {
            heads[at] = match node {
                GlobalNode::End => (None, false),
                GlobalNode::Comm { .. } => (None, true),
                GlobalNode::Var(var) => (Some(*var), false),
                GlobalNode::Rec { var, body } => {
                    let (head, acts) = heads[body.index()];
                    if head == Some(*var) {
                        found.push(IllFormed::Unguarded { var: self.var(*var), line });
                    }
                    (head, acts)
                }
                // The parts come first; only when none of them does anything is `next` where it starts.
                GlobalNode::Par { parts, next } if parts.iter().all(|part| !heads[part.index()].1) => {
                    heads[next.index()]
                }
                GlobalNode::Par { .. } => (None, true),
            };
        }
        found.into_iter().for_each(|refusal| self.report(refusal));
    }

    /// Finds variables outside their loop, loops inside loops of the same name, and parts that are not closed.
    fn variables(&mut self) {
        // The variables that occur, each with the line of one occurrence.
        let mut lines: Vec<Option<u32>> = vec![None; self.global.names.vars.len()];
        for (_, node, line) in self.walk() {
            if let GlobalNode::Rec { var, .. } | GlobalNode::Var(var) = node {
                lines[var.0 as usize].get_or_insert(line);
            }
        }
        let used: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].is_some()).collect();
        let mut bit_of: Vec<u64> = vec![0; lines.len()];
        let mut masks: Vec<(u64, u64)> = vec![(0, 0); self.live.len()];
        for group in used.chunks(64) {
            let mut found = Vec::new();
            for (bit, var) in group.iter().enumerate() {
                bit_of[*var] = 1 << bit;
            }
            let named = |mask: u64| {
                let in_mask = move |(bit, var): (usize, &usize)| (mask >> bit & 1 == 1).then_some(*var);
                group.iter().enumerate().filter_map(in_mask)
            };
            for (at, node, line) in self.walk() {
                // Free here, and bound somewhere below.
                let (mut free, mut bound) =
                    parts_of(node).fold((0, 0), |(f, b), p| (f | masks[p.index()].0, b | masks[p.index()].1));
                match node {
                    GlobalNode::Var(var) => free |= bit_of[var.0 as usize],
                    GlobalNode::Rec { var, .. } => {
                        let bit = bit_of[var.0 as usize];
                        if bound & bit != 0 {
                            found.push(IllFormed::Shadowed { var: self.var(*var), line });
                        }
                        free &= !bit;
                        bound |= bit;
                    }
                    GlobalNode::Par { parts, next } => {
                        free = masks[next.index()].0;
                        let open = parts.iter().fold(0, |mask, part| mask | masks[part.index()].0);
                        let var_of = |at: usize| self.var(VarId(at as u32));
                        found.extend(named(open).map(|at| IllFormed::OpenPart { var: var_of(at), line }));
                    }
                    GlobalNode::End | GlobalNode::Comm { .. } => {}
                }
                masks[at] = (free, bound);
                if found.len() >= MAX_REPORTED {
                    break;
                }
            }
            for (closed, (free, _)) in self.closed.iter_mut().zip(&masks) {
                *closed &= *free == 0;
            }
            for at in named(masks[self.global.root().index()].0) {
                let line = lines[at].unwrap_or(0);
                found.push(IllFormed::Unbound { var: self.var(VarId(at as u32)), line });
            }
            for var in group {
                bit_of[*var] = 0;
            }
            found.into_iter().for_each(|refusal| self.report(refusal));
        }
    }

    /// Finds roles that stand in two parts of one parallel composition.
    fn parts(&mut self) {
        if planted(Planted::CheckAllowsSharedRole)
            || !self.walk().any(|(_, node, _)| matches!(node, GlobalNode::Par { .. }))
        {
            return;
        }
        let mut masks: Vec<u64> = vec![0; self.live.len()];
        for first in (0..self.global.names.roles.len()).step_by(64) {
            let mut found = Vec::new();
            let bit = |role: RoleId| role.index().checked_sub(first).filter(|bit| *bit < 64).map_or(0, |bit| 1 << bit);
            for (at, node, line) in self.walk() {
                let mut roles = parts_of(node).fold(0, |mask, part| mask | masks[part.index()]);
                match node {
                    GlobalNode::Comm { sender, receiver, .. } => roles |= bit(*sender) | bit(*receiver),
                    GlobalNode::Par { parts, .. } => {
                        let (mut once, mut again): (u64, u64) = (0, 0);
                        for part in parts {
                            again |= once & masks[part.index()];
                            once |= masks[part.index()];
                        }
                        let shared = (0..64).filter(|bit| again >> bit & 1 == 1);
                        found.extend(shared.map(|bit| {
                            let role = self.role(RoleId((first + bit) as u16));
                            IllFormed::SharedRole { role, line }
                        }));
                    }
                    _ => {}
                }
                masks[at] = roles;
                if found.len() >= MAX_REPORTED {
                    break;
                }
            }
            found.into_iter().for_each(|refusal| self.report(refusal));
        }
    }
}

/// The items that have occurred before.
fn twice<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| !seen.insert(*item)).take(MAX_REPORTED).collect()
}
