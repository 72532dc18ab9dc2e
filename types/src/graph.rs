//! The global type as an image carries it: a graph in which a loop is a reference back.

use crate::unfold::{CLOSED, EnvId, Recursive, Shape, Unfolder};
use crate::{AutomatonError, BranchPart, EdgePart, GlobalNode, GlobalPart, GlobalType, NodeId, RoleId, VarId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

struct Arena<'a> {
    global: &'a GlobalType,
    free: Vec<Vec<VarId>>,
}

impl Recursive for Arena<'_> {
    fn shape(&self, node: u32) -> Shape {
        match self.global.node(NodeId(node)) {
            GlobalNode::Rec { var, body } => Shape::Binder { var: *var, body: body.0 },
            GlobalNode::Var(var) => Shape::Variable(*var),
            _ => Shape::Other,
        }
    }

    fn free_vars(&self, node: u32) -> &[VarId] {
        &self.free[node as usize]
    }
}

/// The free variables of each node: one pass, since parts stand before the nodes that name them.
fn free_vars(global: &GlobalType) -> Vec<Vec<VarId>> {
    let mut free: Vec<Vec<VarId>> = Vec::with_capacity(global.nodes().len());
    for node in global.nodes() {
        let mut vars = Vec::new();
        match node {
            GlobalNode::End => {}
            GlobalNode::Var(var) => vars.push(*var),
            GlobalNode::Rec { var, body } => vars.extend(free[body.index()].iter().filter(|v| *v != var)),
            GlobalNode::Comm { branches, .. } => branches.iter().for_each(|b| vars.extend(&free[b.next.index()])),
            GlobalNode::Par { parts, next } => {
                parts.iter().chain([next]).for_each(|part| vars.extend(&free[part.index()]));
            }
        }
        vars.sort_unstable();
        vars.dedup();
        free.push(vars);
    }
    free
}

struct Walk<'a> {
    unfold: Unfolder<'a, Arena<'a>>,
    parts: Vec<GlobalPart>,
    seen: BTreeMap<(u32, EnvId), u32>,
    todo: Vec<(u32, EnvId, u32)>,
}

impl Walk<'_> {
    fn at(&mut self, node: NodeId, env: EnvId) -> Result<u32, AutomatonError> {
        let key = self.unfold.head(node.0, env)?;
        if let Some(at) = self.seen.get(&key) {
            return Ok(*at);
        }
        let at = u32::try_from(self.parts.len()).map_err(|_| AutomatonError::TooLarge)?;
        self.parts.push(GlobalPart::End);
        self.seen.insert(key, at);
        self.todo.push((key.0, key.1, at));
        Ok(at)
    }
}

/// The global type as image parts, over the given edges. Node 0 is the start.
///
/// An edge that no role's automaton uses, because it stands behind something that never ends, is added.
pub fn global_parts(global: &GlobalType, edges: &mut Vec<EdgePart>) -> Result<Vec<GlobalPart>, AutomatonError> {
    let mut index: BTreeMap<(u16, u16), usize> =
        edges.iter().enumerate().map(|(at, edge)| ((edge.sender, edge.receiver), at)).collect();
    let mut edge = |from: RoleId, to: RoleId| {
        let at = *index.entry((from.0, to.0)).or_insert_with(|| {
            edges.push(EdgePart { sender: from.0, receiver: to.0 });
            edges.len() - 1
        });
        u16::try_from(at).map_err(|_| AutomatonError::TooLarge)
    };
    let arena = Arena { global, free: free_vars(global) };
    let mut walk = Walk { unfold: Unfolder::new(&arena), parts: Vec::new(), seen: BTreeMap::new(), todo: Vec::new() };
    walk.at(global.root(), CLOSED)?;
    while let Some((node, env, at)) = walk.todo.pop() {
        walk.parts[at as usize] = match global.node(NodeId(node)) {
            GlobalNode::Comm { sender, receiver, branches } => {
                let mut rows = Vec::with_capacity(branches.len());
                for branch in branches {
                    rows.push(BranchPart { label: branch.label.0, next: walk.at(branch.next, env)? });
                }
                GlobalPart::Comm { edge: edge(*sender, *receiver)?, branches: rows }
            }
            GlobalNode::Par { parts, next } => {
                let mut starts = Vec::with_capacity(parts.len());
                for part in parts {
                    starts.push(walk.at(*part, env)?);
                }
                GlobalPart::Par { parts: starts, next: walk.at(*next, env)? }
            }
            GlobalNode::End | GlobalNode::Rec { .. } | GlobalNode::Var(_) => GlobalPart::End,
        };
    }
    Ok(walk.parts)
}
