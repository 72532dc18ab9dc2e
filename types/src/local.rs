//! Local types: a protocol as one role sees it.
//!
//! All local types of a protocol live in one arena that keeps equal nodes once, so equality of closed types is
//! equality of ids, and merging shares what it has merged before.

use crate::{LabelId, RoleId, VarId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A node's position in its [`LocalArena`]. Equal ids in one arena mean equal types, and the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub u32);

impl LocalId {
    /// The position as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One branch of a send or a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalBranch {
    /// What is sent or received.
    pub label: LabelId,
    /// What follows.
    pub next: LocalId,
}

/// One node of a local type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocalNode {
    /// Nothing further.
    End,
    /// Send one of the branches to `partner`.
    Send {
        /// The receiver.
        partner: RoleId,
        /// The branches this role may take.
        branches: Vec<LocalBranch>,
    },
    /// Receive one of the branches from `partner`.
    Recv {
        /// The sender.
        partner: RoleId,
        /// The branches the partner may take.
        branches: Vec<LocalBranch>,
    },
    /// A loop: `var` inside `body` means this node again.
    Rec {
        /// The variable that this node binds.
        var: VarId,
        /// The loop's body.
        body: LocalId,
    },
    /// Back to the binder of the variable.
    Var(VarId),
}

/// The local types of one protocol, equal nodes kept once. Parts stand before the nodes that name them.
#[derive(Clone, Debug, Default)]
pub struct LocalArena {
    nodes: Vec<LocalNode>,
    /// Free variables of each node, sorted.
    free: Vec<Vec<VarId>>,
    index: BTreeMap<LocalNode, LocalId>,
}

impl LocalArena {
    /// An empty arena.
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), index: BTreeMap::new() }
    }

    /// The id of the node, added when new.
    ///
    /// # Panics
    /// When the node names a part that is not in the arena, or after 2^32 nodes.
    pub fn intern(&mut self, node: LocalNode) -> LocalId {
        if let Some(id) = self.index.get(&node) {
            return *id;
        }
        let mut free: Vec<VarId> = match &node {
            LocalNode::End => Vec::new(),
            LocalNode::Var(var) => [*var].into(),
            LocalNode::Rec { var, body } => self.free[body.index()].iter().copied().filter(|v| v != var).collect(),
            LocalNode::Send { branches, .. } | LocalNode::Recv { branches, .. } => {
                branches.iter().flat_map(|b| self.free[b.next.index()].iter().copied()).collect()
            }
        };
        free.sort_unstable();
        free.dedup();
        let id = LocalId(u32::try_from(self.nodes.len()).expect("a local arena holds fewer than 2^32 nodes"));
        self.index.insert(node.clone(), id);
        self.nodes.push(node);
        self.free.push(free);
        id
    }

    /// The node behind an id of this arena.
    ///
    /// # Panics
    /// When the id belongs to another, larger arena.
    pub fn node(&self, id: LocalId) -> &LocalNode {
        &self.nodes[id.index()]
    }

    /// All nodes; a node's parts stand before it.
    pub fn nodes(&self) -> &[LocalNode] {
        &self.nodes
    }

    /// The variables that occur in the type but are not bound in it, sorted.
    pub fn free_vars(&self, id: LocalId) -> &[VarId] {
        &self.free[id.index()]
    }
}
