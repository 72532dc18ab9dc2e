//! From a local type to its automaton: states are integers, a loop is an edge back, and advancing a type is one
//! table look-up.

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

/// Why a local type has no automaton.
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

/// What variables mean: each row binds one more than its parent. Rows are interned, so equal environments made
/// from the same parent are the same row and the construction terminates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EnvId(u32);

const CLOSED: EnvId = EnvId(0);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Binding {
    parent: EnvId,
    var: VarId,
    binder: LocalId,
}

struct Walk<'a> {
    arena: &'a LocalArena,
    envs: Vec<Option<Binding>>,
    env_index: BTreeMap<Binding, EnvId>,
    state_of: BTreeMap<(LocalId, EnvId), StateId>,
    todo: Vec<(LocalId, EnvId, StateId)>,
}

impl Walk<'_> {
    fn extend(&mut self, binding: Binding) -> EnvId {
        let next = EnvId(self.envs.len() as u32);
        let id = *self.env_index.entry(binding).or_insert(next);
        if id == next {
            self.envs.push(Some(binding));
        }
        id
    }

    fn lookup(&self, mut env: EnvId, var: VarId) -> Option<(LocalId, EnvId)> {
        while let Some(binding) = self.envs[env.0 as usize] {
            if binding.var == var {
                return Some((binding.binder, binding.parent));
            }
            env = binding.parent;
        }
        None
    }

    /// Unfolds binders and variables until an action or the end shows.
    fn head(&mut self, mut id: LocalId, mut env: EnvId) -> Result<(LocalId, EnvId), AutomatonError> {
        let mut unfolded: Vec<(LocalId, EnvId)> = Vec::new();
        loop {
            if self.arena.free_vars(id).is_empty() {
                env = CLOSED;
            }
            match *self.arena.node(id) {
                LocalNode::Rec { var, body } => {
                    // Coming back to a binder without having met an action means the loop does nothing.
                    if unfolded.contains(&(id, env)) {
                        return Err(AutomatonError::Unguarded(var));
                    }
                    unfolded.push((id, env));
                    env = self.extend(Binding { parent: env, var, binder: id });
                    id = body;
                }
                LocalNode::Var(var) => {
                    (id, env) = self.lookup(env, var).ok_or(AutomatonError::Unbound(var))?;
                }
                _ => return Ok((id, env)),
            }
        }
    }
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
        let mut walk = Walk {
            arena,
            envs: [None].into(),
            env_index: BTreeMap::new(),
            state_of: BTreeMap::new(),
            todo: Vec::new(),
        };
        let first = self.state(&mut walk, role, root, CLOSED)?;
        while let Some((id, env, state)) = walk.todo.pop() {
            let (action, branches) = match arena.node(id) {
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
        let (id, env) = walk.head(id, env)?;
        if let Some(state) = walk.state_of.get(&(id, env)) {
            return Ok(*state);
        }
        if self.states.len() >= MAX_STATES {
            return Err(AutomatonError::TooLarge);
        }
        let state = StateId(u32::try_from(self.states.len()).map_err(|_| AutomatonError::TooLarge)?);
        self.origins.push(id);
        self.states.push(StatePart { role: role.0, action: Action::End, branches: Vec::new() });
        walk.state_of.insert((id, env), state);
        walk.todo.push((id, env, state));
        Ok(state)
    }
}
