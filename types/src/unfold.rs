//! Unfolding named recursion: which action stands behind a binder or a variable.
//!
//! Equal subterms are shared in an arena, so one node may stand under several binders of the same name; what a
//! variable means is therefore a matter of the environment the node is reached in. An environment binds exactly the
//! variables that are free in its node, and equal environments are one [`EnvId`]. So a walk over (node, environment)
//! pairs ends, and what follows a loop does not depend on which loop it was.

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
    /// The variables that are free in the node, sorted.
    fn free_vars(&self, node: u32) -> &[VarId];
}

/// One variable's meaning: its binder, and the environment of that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Binding {
    var: VarId,
    binder: u32,
    env: EnvId,
}

/// The environments of one walk.
pub(crate) struct Unfolder<'a, A> {
    arena: &'a A,
    /// The bindings of each environment, sorted by variable.
    envs: Vec<Vec<Binding>>,
    index: BTreeMap<Vec<Binding>, EnvId>,
}

impl<'a, A: Recursive> Unfolder<'a, A> {
    pub(crate) fn new(arena: &'a A) -> Self {
        Self { arena, envs: [Vec::new()].into(), index: [(Vec::new(), CLOSED)].into() }
    }

    fn lookup(&self, env: EnvId, var: VarId) -> Result<Binding, AutomatonError> {
        let bindings = &self.envs[env.0 as usize];
        let at = bindings.binary_search_by_key(&var, |binding| binding.var);
        at.map(|at| bindings[at]).map_err(|_| AutomatonError::Unbound(var))
    }

    /// The environment of `node`, made from that of a node which it is a part of; `inner` is the binder between
    /// the two.
    fn within(&mut self, node: u32, env: EnvId, inner: Option<Binding>) -> Result<EnvId, AutomatonError> {
        let free = self.arena.free_vars(node);
        let mut bindings = Vec::with_capacity(free.len());
        for var in free {
            bindings.push(match inner {
                Some(binding) if binding.var == *var => binding,
                _ => self.lookup(env, *var)?,
            });
        }
        if let Some(known) = self.index.get(&bindings) {
            return Ok(*known);
        }
        let next = EnvId(u32::try_from(self.envs.len()).map_err(|_| AutomatonError::TooLarge)?);
        self.envs.push(bindings.clone());
        self.index.insert(bindings, next);
        Ok(next)
    }

    /// The first node behind `node` that is neither binder nor variable, and its environment; `env` is that of a
    /// node which `node` is a part of.
    pub(crate) fn head(&mut self, mut node: u32, env: EnvId) -> Result<(u32, EnvId), AutomatonError> {
        let mut unfolded: Vec<(u32, EnvId)> = Vec::new();
        let mut env = self.within(node, env, None)?;
        loop {
            match self.arena.shape(node) {
                Shape::Binder { var, body } => {
                    // Coming back to a binder without having met an action means that the loop does nothing.
                    if unfolded.contains(&(node, env)) {
                        return Err(AutomatonError::Unguarded(var));
                    }
                    unfolded.push((node, env));
                    env = self.within(body, env, Some(Binding { var, binder: node, env }))?;
                    node = body;
                }
                Shape::Variable(var) => {
                    let binding = self.lookup(env, var)?;
                    (node, env) = (binding.binder, binding.env);
                }
                Shape::Other => return Ok((node, env)),
            }
        }
    }
}
