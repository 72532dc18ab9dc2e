//! Unfolding named recursion: which action stands behind a binder or a variable.
//!
//! Equal subterms are shared in an arena, so one node may stand under several binders of the same name; what a
//! variable means is therefore a matter of the environment the node is reached in. Environments are interned: the
//! same bindings made in the same order are the same [`EnvId`], and a node without free variables is always seen
//! in [`CLOSED`]. So a walk over (node, environment) pairs ends.

use crate::{AutomatonError, VarId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// An interned environment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnvId(u32);

/// The environment without bindings.
pub(crate) const CLOSED: EnvId = EnvId(0);

/// What a node is, as far as recursion goes.
pub(crate) enum Shape {
    Binder { var: VarId, body: u32 },
    Variable(VarId),
    Other,
}

/// An arena whose nodes may be binders and variables.
pub(crate) trait Recursive {
    fn shape(&self, node: u32) -> Shape;
    fn is_closed(&self, node: u32) -> bool;
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Binding {
    parent: EnvId,
    var: VarId,
    binder: u32,
}

/// The environments of one walk.
pub(crate) struct Unfolder<'a, A> {
    arena: &'a A,
    envs: Vec<Option<Binding>>,
    index: BTreeMap<Binding, EnvId>,
}

impl<'a, A: Recursive> Unfolder<'a, A> {
    pub(crate) fn new(arena: &'a A) -> Self {
        Self { arena, envs: [None].into(), index: BTreeMap::new() }
    }

    fn extend(&mut self, binding: Binding) -> EnvId {
        let next = EnvId(self.envs.len() as u32);
        let id = *self.index.entry(binding).or_insert(next);
        if id == next {
            self.envs.push(Some(binding));
        }
        id
    }

    fn lookup(&self, mut env: EnvId, var: VarId) -> Option<(u32, EnvId)> {
        while let Some(binding) = self.envs[env.0 as usize] {
            if binding.var == var {
                return Some((binding.binder, binding.parent));
            }
            env = binding.parent;
        }
        None
    }

    /// The first node behind `node` that is neither binder nor variable, and its environment.
    pub(crate) fn head(&mut self, mut node: u32, mut env: EnvId) -> Result<(u32, EnvId), AutomatonError> {
        let mut unfolded: Vec<(u32, EnvId)> = Vec::new();
        loop {
            if self.arena.is_closed(node) {
                env = CLOSED;
            }
            match self.arena.shape(node) {
                Shape::Binder { var, body } => {
                    // Coming back to a binder without having met an action means that the loop does nothing.
                    if unfolded.contains(&(node, env)) {
                        return Err(AutomatonError::Unguarded(var));
                    }
                    unfolded.push((node, env));
                    env = self.extend(Binding { parent: env, var, binder: node });
                    node = body;
                }
                Shape::Variable(var) => (node, env) = self.lookup(env, var).ok_or(AutomatonError::Unbound(var))?,
                Shape::Other => return Ok((node, env)),
            }
        }
    }
}
