//! Global types: a protocol seen from above.
//!
//! A type is an arena whose nodes stand behind their parts, so every pass over it is a loop and a protocol of a
//! million messages needs no deep stack. `Var` names its binder; there are no pointers back.

use crate::{LabelId, Names, RoleId, VarId};
use alloc::vec::Vec;

/// A node's position in its [`GlobalType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The position as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One branch of a communication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch {
    /// What is sent.
    pub label: LabelId,
    /// What follows.
    pub next: NodeId,
}

/// One node of a global type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalNode {
    /// Nothing further.
    End,
    /// One message from `sender` to `receiver`; with several branches the sender decides which.
    Comm {
        /// Who sends, and who decides when there are several branches.
        sender: RoleId,
        /// Who receives.
        receiver: RoleId,
        /// The branches, in written order.
        branches: Vec<Branch>,
    },
    /// A loop: `var` inside `body` means this node again.
    Rec {
        /// The variable that this node binds.
        var: VarId,
        /// The loop's body.
        body: NodeId,
    },
    /// Back to the binder of the variable.
    Var(VarId),
    /// Parts that share no role, side by side, and then `next`.
    Par {
        /// The parts; each is closed and ends in `End`.
        parts: Vec<NodeId>,
        /// What follows for a role when its part has ended.
        next: NodeId,
    },
}

/// A global type: names, nodes, and for each node the source line it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalType {
    /// The names that the nodes refer to.
    pub names: Names,
    nodes: Vec<GlobalNode>,
    lines: Vec<u32>,
    root: NodeId,
}

/// Builds a [`GlobalType`] from its leaves up.
#[derive(Clone, Debug, Default)]
pub struct GlobalBuilder {
    nodes: Vec<GlobalNode>,
    lines: Vec<u32>,
}

/// Why a node cannot be added: it names a node that is not there yet, or the arena is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("global type node {at} refers to a node that does not stand before it, or the type has too many nodes")]
pub struct BadNode {
    /// The position at which the node would have stood.
    pub at: usize,
}

impl GlobalBuilder {
    /// An empty arena.
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), lines: Vec::new() }
    }

    /// How many nodes there are.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a node that came from source line `line` (0 when from nowhere). Its parts must be there already.
    pub fn push(&mut self, node: GlobalNode, line: u32) -> Result<NodeId, BadNode> {
        let at = self.nodes.len();
        let there = |id: &NodeId| id.index() < at;
        let ok = match &node {
            GlobalNode::End | GlobalNode::Var(_) => true,
            GlobalNode::Comm { branches, .. } => branches.iter().all(|b| there(&b.next)),
            GlobalNode::Rec { body, .. } => there(body),
            GlobalNode::Par { parts, next } => parts.iter().all(there) && there(next),
        };
        match u32::try_from(at) {
            Ok(id) if ok => {
                self.nodes.push(node);
                self.lines.push(line);
                Ok(NodeId(id))
            }
            _ => Err(BadNode { at }),
        }
    }

    /// The finished type.
    pub fn finish(self, names: Names, root: NodeId) -> Result<GlobalType, BadNode> {
        if root.index() >= self.nodes.len() {
            return Err(BadNode { at: self.nodes.len() });
        }
        Ok(GlobalType { names, nodes: self.nodes, lines: self.lines, root })
    }
}

impl GlobalType {
    /// The node behind an id of this type.
    ///
    /// # Panics
    /// When the id belongs to another, larger type; ids are only made by this type's builder.
    pub fn node(&self, id: NodeId) -> &GlobalNode {
        &self.nodes[id.index()]
    }

    /// All nodes; a node's parts stand before it.
    pub fn nodes(&self) -> &[GlobalNode] {
        &self.nodes
    }

    /// The source line a node came from, 0 when unknown.
    pub fn line(&self, id: NodeId) -> u32 {
        self.lines.get(id.index()).copied().unwrap_or(0)
    }

    /// Where the protocol starts.
    pub const fn root(&self) -> NodeId {
        self.root
    }
}
