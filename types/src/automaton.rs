//! From a local type to its automaton: states are integers, a loop is a reference back, and advancing a type is
//! one table look-up.

use crate::unfold::{CLOSED, EnvId, Recursive, Shape, Unfolder};
use crate::{Action, BranchPart, EdgeId, EdgePart, LocalArena, LocalId, LocalNode, RoleId, StateId, StatePart, VarId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The automata of all roles under construction: states and edges are numbered over the whole protocol.
#[derive(Clone, Debug, Default)]
pub struct Automata {
    /// The states so far.
    pub states: Vec<StatePart>,
    /// For each state the local type it stands for, a variable's binders left out.
    pub origins: Vec<LocalId>,
    /// The directed edges so far, in order of first use.
    pub edges: Vec<EdgePart>,
    edge_index: BTreeMap<(RoleId, RoleId), EdgeId>,
}

/// The most states that one protocol's automata may have. Every state needs an instruction of its own, and an
/// instruction names at most so many positions.
const MAX_STATES: usize = 1 << 24;

/// Why a type has no automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AutomatonError {
    /// A variable without binder.
    #[error("recursion variable number {} is not bound", .0.0)]
    Unbound(VarId),
    /// A loop that does nothing before it starts again.
    #[error("recursion variable number {} is not guarded by a message", .0.0)]
    Unguarded(VarId),
    /// More states or edges than ids.
    #[error("the protocol has too many states or edges")]
    TooLarge,
}

impl Recursive for LocalArena {
    fn shape(&self, node: u32) -> Shape {
        match self.node(LocalId(node)) {
            LocalNode::Rec { var, body } => Shape::Binder { var: *var, body: body.0 },
            LocalNode::Var(var) => Shape::Variable(*var),
            _ => Shape::Other,
        }
    }

    fn free_vars(&self, node: u32) -> &[VarId] {
        self.free_vars(LocalId(node))
    }
}

struct Walk<'a> {
    unfold: Unfolder<'a, LocalArena>,
    state_of: BTreeMap<(u32, EnvId), StateId>,
    todo: Vec<(u32, EnvId, StateId)>,
}

impl Automata {
    /// No states and no edges yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn edge(&mut self, sender: RoleId, receiver: RoleId) -> Result<EdgeId, AutomatonError> {
        if let Some(edge) = self.edge_index.get(&(sender, receiver)) {
            return Ok(*edge);
        }
        let edge = EdgeId(u16::try_from(self.edges.len()).map_err(|_| AutomatonError::TooLarge)?);
        self.edges.push(EdgePart { sender: sender.0, receiver: receiver.0 });
        self.edge_index.insert((sender, receiver), edge);
        Ok(edge)
    }

    /// Adds the automaton of `role`'s local type and answers its first state.
    pub fn add(&mut self, arena: &LocalArena, role: RoleId, root: LocalId) -> Result<StateId, AutomatonError> {
        let mut walk = Walk { unfold: Unfolder::new(arena), state_of: BTreeMap::new(), todo: Vec::new() };
        let first = self.state(&mut walk, role, root, CLOSED)?;
        while let Some((node, env, state)) = walk.todo.pop() {
            let (action, branches) = match arena.node(LocalId(node)) {
                LocalNode::Send { partner, branches } => (Action::Send(self.edge(role, *partner)?.0), branches),
                LocalNode::Recv { partner, branches } => (Action::Recv(self.edge(*partner, role)?.0), branches),
                LocalNode::End | LocalNode::Rec { .. } | LocalNode::Var(_) => continue,
            };
            let mut rows = Vec::with_capacity(branches.len());
            for branch in branches {
                let next = self.state(&mut walk, role, branch.next, env)?;
                rows.push(BranchPart { label: branch.label.0, next: next.0 });
            }
            self.states[state.index()].action = action;
            self.states[state.index()].branches = rows;
        }
        Ok(first)
    }

    fn state(&mut self, walk: &mut Walk<'_>, role: RoleId, id: LocalId, env: EnvId) -> Result<StateId, AutomatonError> {
        let key = walk.unfold.head(id.0, env)?;
        if let Some(state) = walk.state_of.get(&key) {
            return Ok(*state);
        }
        if self.states.len() >= MAX_STATES {
            return Err(AutomatonError::TooLarge);
        }
        let state = StateId(u32::try_from(self.states.len()).map_err(|_| AutomatonError::TooLarge)?);
        self.origins.push(LocalId(key.0));
        self.states.push(StatePart { role: role.0, action: Action::End, branches: Vec::new() });
        walk.state_of.insert(key, state);
        walk.todo.push((key.0, key.1, state));
        Ok(state)
    }
}
