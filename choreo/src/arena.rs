//! Nodes on their way to a global type: built leaves first, then numbered as a reader meets them.

use motet_types::{
    Branch, GlobalBuilder, GlobalNode, GlobalType, Label, LabelId, Names, NodeId, RoleId, SortId, SortTable, VarId,
};
use std::collections::HashMap;

/// The most nodes that a global type is built with.
pub const MAX_NODES: usize = 1 << 20;

/// The most labels that a global type has; ids have sixteen bits.
const MAX_LABELS: usize = 1 << 16;

/// A table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// There are too many nodes.
    #[error("the protocol has more than {MAX_NODES} messages and loops once written out")]
    Nodes,
    /// There are too many labels.
    #[error("the protocol has more than {MAX_LABELS} message labels")]
    Labels,
}

/// Nodes, labels and variables, numbered in the order in which lowering needed them: from the end.
#[derive(Default)]
pub(crate) struct Arena {
    nodes: Vec<GlobalNode>,
    lines: Vec<u32>,
    labels: Vec<Label>,
    label_ids: HashMap<(String, SortId), LabelId>,
    vars: Vec<String>,
    var_ids: HashMap<String, VarId>,
}

impl Arena {
    /// Adds a node from a source line.
    pub(crate) fn push(&mut self, node: GlobalNode, line: u32) -> Result<NodeId, Full> {
        if self.nodes.len() >= MAX_NODES {
            return Err(Full::Nodes);
        }
        self.nodes.push(node);
        self.lines.push(line);
        Ok(NodeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)))
    }

    /// Adds a communication.
    pub(crate) fn comm(
        &mut self,
        (sender, receiver): (RoleId, RoleId),
        branches: Vec<Branch>,
        line: u32,
    ) -> Result<NodeId, Full> {
        self.push(GlobalNode::Comm { sender, receiver, branches }, line)
    }

    /// The label of that name and sort.
    pub(crate) fn label(&mut self, name: &str, sort: SortId) -> Result<LabelId, Full> {
        if let Some(id) = self.label_ids.get(&(name.to_owned(), sort)) {
            return Ok(*id);
        }
        let id = LabelId(u16::try_from(self.labels.len()).map_err(|_| Full::Labels)?);
        self.labels.push(Label { name: name.to_owned(), sort });
        self.label_ids.insert((name.to_owned(), sort), id);
        Ok(id)
    }

    /// The variable of that name.
    pub(crate) fn var(&mut self, name: &str) -> VarId {
        if let Some(id) = self.var_ids.get(name) {
            return *id;
        }
        let id = VarId(u32::try_from(self.vars.len()).unwrap_or(u32::MAX));
        self.vars.push(name.to_owned());
        self.var_ids.insert(name.to_owned(), id);
        id
    }

    /// The type that begins at `root`: only what is reached from there, labels and variables numbered by first use.
    pub(crate) fn finish(
        self,
        protocol: String,
        roles: Vec<String>,
        sorts: SortTable,
        root: NodeId,
    ) -> Option<GlobalType> {
        let order = Reading::of(&self, root);
        let mut names = Names { protocol, roles, sorts, ..Names::default() };
        names.labels = order.labels.iter().map(|id| self.labels[id.index()].clone()).collect();
        names.vars = order.vars.iter().map(|id| self.vars[id.0 as usize].clone()).collect();

        let label = positions(&order.labels, self.labels.len(), |id| id.index());
        let var = positions(&order.vars, self.vars.len(), |id| id.0 as usize);
        let mut place = vec![NodeId(0); self.nodes.len()];
        let mut builder = GlobalBuilder::new();
        for (at, node) in self.nodes.into_iter().enumerate() {
            if !order.seen[at] {
                continue;
            }
            let moved = |id: NodeId| place[id.index()];
            let var_at = |id: VarId| VarId(var[id.0 as usize]);
            let node = match node {
                GlobalNode::End => GlobalNode::End,
                GlobalNode::Var(id) => GlobalNode::Var(var_at(id)),
                GlobalNode::Rec { var, body } => GlobalNode::Rec { var: var_at(var), body: moved(body) },
                GlobalNode::Par { parts, next } => {
                    GlobalNode::Par { parts: parts.into_iter().map(moved).collect(), next: moved(next) }
                }
                GlobalNode::Comm { sender, receiver, branches } => {
                    let numbered = |branch: Branch| Branch {
                        label: LabelId(u16::try_from(label[branch.label.index()]).unwrap_or(u16::MAX)),
                        next: moved(branch.next),
                    };
                    GlobalNode::Comm { sender, receiver, branches: branches.into_iter().map(numbered).collect() }
                }
            };
            place[at] = builder.push(node, self.lines[at]).ok()?;
        }
        builder.finish(names, place[root.index()]).ok()
    }
}

/// Where each old id stands in the new order.
fn positions<T: Copy>(order: &[T], len: usize, index: impl Fn(T) -> usize) -> Vec<u32> {
    let mut at = vec![0; len];
    for (new, old) in (0u32..).zip(order) {
        at[index(*old)] = new;
    }
    at
}

/// The order in which a reader meets nodes, labels and variables.
struct Reading {
    seen: Vec<bool>,
    labels: Vec<LabelId>,
    vars: Vec<VarId>,
}

impl Reading {
    fn of(arena: &Arena, root: NodeId) -> Self {
        let mut reading = Self { seen: vec![false; arena.nodes.len()], labels: Vec::new(), vars: Vec::new() };
        let (mut known_labels, mut known_vars) = (vec![false; arena.labels.len()], vec![false; arena.vars.len()]);
        let mut stack = vec![root];
        // Each node lists the labels of its branches when it is met, so a choice's labels keep their order.
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut reading.seen[id.index()], true) {
                continue;
            }
            match &arena.nodes[id.index()] {
                GlobalNode::End => {}
                GlobalNode::Comm { branches, .. } => {
                    for branch in branches {
                        if !std::mem::replace(&mut known_labels[branch.label.index()], true) {
                            reading.labels.push(branch.label);
                        }
                    }
                    stack.extend(branches.iter().rev().map(|branch| branch.next));
                }
                GlobalNode::Rec { var, body } => {
                    reading.meet(*var, &mut known_vars);
                    stack.push(*body);
                }
                GlobalNode::Var(var) => reading.meet(*var, &mut known_vars),
                GlobalNode::Par { parts, next } => {
                    stack.push(*next);
                    stack.extend(parts.iter().rev());
                }
            }
        }
        reading
    }

    fn meet(&mut self, var: VarId, known: &mut [bool]) {
        if !std::mem::replace(&mut known[var.0 as usize], true) {
            self.vars.push(var);
        }
    }
}
