//! Projection: the local type of every role.
//!
//! For each role one pass over the global type, parts before the nodes that name them. The sender of a communication
//! sends, the receiver receives, and everybody else gets the merge of the branches. A closed part of the protocol in
//! which the role does not occur is the end for it, so a loop of others needs no merging for those who have left.

use crate::MergeError;
use crate::merge::{Conflict, Merger};
use crate::wellformed::{IllFormed, WellFormed, parts_of};
use motet_types::{
    Branch, GlobalNode, GlobalType, LocalArena, LocalBranch, LocalId, LocalNode, Names, NodeId, Planted, RoleId, VarId,
    planted,
};
use std::collections::{BTreeMap, BTreeSet};

/// The most refusals that are reported for one role, and for the protocol.
const MAX_REPORTED: (usize, usize) = (8, 64);
/// How far back a merged message's source line is looked for.
const MAX_ORIGINS: usize = 64;

/// Why a protocol has no local types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// It is not well-formed.
    #[error(transparent)]
    IllFormed(#[from] IllFormed),
    /// A role would have to act differently in two branches that it cannot tell apart.
    #[error("`{role}` cannot tell branch `{left}` from branch `{right}` of the choice of `{decider}`: {why}")]
    Choice {
        /// The role.
        role: String,
        /// Who decides.
        decider: String,
        /// Whom the decider tells.
        receiver: String,
        /// The source line of the choice, 0 when unknown.
        line: u32,
        /// The label of one branch.
        left: String,
        /// The label of another.
        right: String,
        /// How what the role does in them differs.
        why: MergeError,
        /// The messages that would mend it.
        repair: String,
    },
}

impl ProjectionError {
    /// The source line it is about, 0 when unknown.
    pub const fn line(&self) -> u32 {
        match self {
            ProjectionError::IllFormed(refusal) => refusal.line(),
            ProjectionError::Choice { line, .. } => *line,
        }
    }
}

/// The local types of all roles of one protocol. Only [`project`] makes one, so its names and types fit together.
#[derive(Clone, Debug)]
pub struct Projection {
    names: Names,
    arena: LocalArena,
    roots: Vec<LocalId>,
    /// For each role the source line of each of its messages, sorted by id.
    lines: Vec<Vec<(LocalId, u32)>>,
}

impl Projection {
    /// The names that the types refer to.
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// The arena in which the types stand.
    pub const fn arena(&self) -> &LocalArena {
        &self.arena
    }

    /// The local types, by role.
    pub fn roots(&self) -> &[LocalId] {
        &self.roots
    }

    /// The local type of a role of this protocol.
    pub fn root(&self, role: RoleId) -> Option<LocalId> {
        self.roots.get(role.index()).copied()
    }

    /// The source line of a message as `role` sees it, 0 when unknown. A message that stands in the source more
    /// than once but is one node of the type answers with the first line.
    pub fn line(&self, role: RoleId, id: LocalId) -> u32 {
        let Some(lines) = self.lines.get(role.index()) else {
            return 0;
        };
        lines.binary_search_by_key(&id, |(at, _)| *at).map_or(0, |at| lines[at].1)
    }

    /// Whether any message has a source line.
    pub fn has_lines(&self) -> bool {
        self.lines.iter().any(|lines| !lines.is_empty())
    }
}

/// Projects a global type to every role, after checking that it is well-formed.
pub fn project(global: &GlobalType) -> Result<Projection, Vec<ProjectionError>> {
    let checked = WellFormed::new(global)
        .map_err(|refusals| refusals.into_iter().map(ProjectionError::IllFormed).collect::<Vec<_>>())?;
    let mut arena = LocalArena::new();
    let end = arena.intern(LocalNode::End);
    let mut merger = Merger::new(&global.names);
    let mut endings = Endings::default();
    let (mut roots, mut lines, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for role in (0..global.names.roles.len()).map(|at| RoleId(at as u16)) {
        let mut view = View {
            global,
            role,
            end,
            arena: &mut arena,
            merger: &mut merger,
            endings: &mut endings,
            needed: needed(&checked, role),
            ids: vec![None; checked.live.len()],
            lines: BTreeMap::new(),
            refused: Vec::new(),
        };
        if let Some(root) = view.walk() {
            roots.push(root);
            lines.push(view.lines_from(root));
        }
        refused.append(&mut view.refused);
        if refused.len() >= MAX_REPORTED.1 {
            break;
        }
    }
    if refused.is_empty() {
        return Ok(Projection { names: global.names.clone(), arena, roots, lines });
    }
    refused.sort_by_key(ProjectionError::line);
    Err(refused)
}

/// For each node whether `role` needs a type of it: a closed node without the role is the end, and nothing below.
fn needed(checked: &WellFormed<'_>, role: RoleId) -> Vec<bool> {
    let (nodes, live) = (checked.global.nodes(), &checked.live);
    let mut occurs = vec![false; live.len()];
    for at in (0..live.len()).filter(|at| live[*at]) {
        occurs[at] = parts_of(&nodes[at]).any(|part| occurs[part.index()])
            || matches!(&nodes[at], GlobalNode::Comm { sender, receiver, .. } if *sender == role || *receiver == role);
    }
    let mut needed = vec![false; live.len()];
    let root = live.len() - 1;
    needed[root] = occurs[root];
    for at in (0..live.len()).rev() {
        if needed[at] {
            let parts = parts_of(&nodes[at]).map(NodeId::index);
            parts.for_each(|part| needed[part] |= occurs[part] || !checked.closed[part]);
        }
    }
    needed
}

/// One role's pass over the global type.
struct View<'a, 'n> {
    global: &'a GlobalType,
    role: RoleId,
    end: LocalId,
    arena: &'a mut LocalArena,
    merger: &'a mut Merger<'n>,
    endings: &'a mut Endings,
    needed: Vec<bool>,
    /// The types of the nodes so far; `None` where one was refused.
    ids: Vec<Option<LocalId>>,
    lines: BTreeMap<LocalId, u32>,
    refused: Vec<ProjectionError>,
}

impl View<'_, '_> {
    fn walk(&mut self) -> Option<LocalId> {
        for at in 0..self.ids.len() {
            self.ids[at] = if self.needed[at] { self.node(at) } else { Some(self.end) };
            if self.refused.len() >= MAX_REPORTED.0 {
                return None;
            }
        }
        self.ids.last().copied().flatten()
    }

    fn node(&mut self, at: usize) -> Option<LocalId> {
        let global = self.global;
        match &global.nodes()[at] {
            GlobalNode::End => Some(self.end),
            GlobalNode::Var(var) => Some(self.arena.intern(LocalNode::Var(*var))),
            GlobalNode::Rec { var, body } => self.ids[body.index()].map(|body| self.looped(*var, body)),
            GlobalNode::Par { parts, next } => self.beside(parts, *next),
            GlobalNode::Comm { sender, receiver, branches } => {
                let deaf = planted(Planted::ProjectReceiverAsOther);
                let message = if self.role == *sender {
                    LocalNode::Send { partner: *receiver, branches: self.branches(branches)? }
                } else if self.role == *receiver && !deaf {
                    LocalNode::Recv { partner: *sender, branches: self.branches(branches)? }
                } else {
                    return self.unseen(at, *sender, *receiver, branches);
                };
                let id = self.arena.intern(message);
                let line = global.line(NodeId(at as u32));
                if line > 0 {
                    self.lines.entry(id).and_modify(|first| *first = line.min(*first)).or_insert(line);
                }
                Some(id)
            }
        }
    }

    fn branches(&self, branches: &[Branch]) -> Option<Vec<LocalBranch>> {
        let next = |branch: &Branch| self.ids[branch.next.index()];
        branches.iter().map(|branch| Some(LocalBranch { label: branch.label, next: next(branch)? })).collect()
    }

    /// A loop in which the role does nothing is its end, and one that it never continues is no loop.
    fn looped(&mut self, var: VarId, body: LocalId) -> LocalId {
        if *self.arena.node(body) == LocalNode::Var(var) {
            self.end
        } else if self.arena.free_vars(body).binary_search(&var).is_err() || planted(Planted::ProjectRecDropsBinder) {
            body
        } else {
            self.arena.intern(LocalNode::Rec { var, body })
        }
    }

    /// The one part in which the role occurs, and then what follows the composition.
    fn beside(&mut self, parts: &[NodeId], next: NodeId) -> Option<LocalId> {
        let next = self.ids[next.index()]?;
        let mut own = self.end;
        for part in parts {
            let part = self.ids[part.index()]?;
            if own == self.end {
                own = part;
            }
        }
        if planted(Planted::ProjectParDropsNext) && own != self.end {
            return Some(own);
        }
        Some(self.endings.replace(self.arena, own, next))
    }

    /// A choice that the role neither makes nor receives.
    fn unseen(&mut self, at: usize, decider: RoleId, receiver: RoleId, branches: &[Branch]) -> Option<LocalId> {
        let ids: Vec<LocalId> = branches.iter().map(|branch| self.ids[branch.next.index()]).collect::<Option<_>>()?;
        if planted(Planted::ProjectFirstBranchOnly) {
            return ids.first().copied();
        }
        match self.merger.merge_all(self.arena, &ids) {
            Ok(id) => Some(id),
            Err(conflict) => {
                let line = self.global.line(NodeId(at as u32));
                self.refused.push(self.refusal(conflict, decider, receiver, line, branches));
                None
            }
        }
    }

    fn refusal(
        &self,
        conflict: Conflict,
        decider: RoleId,
        receiver: RoleId,
        line: u32,
        branches: &[Branch],
    ) -> ProjectionError {
        let names = &self.global.names;
        let label = |at: usize| branches.get(at).map_or("?", |branch| names.label_name(branch.label)).to_owned();
        let (left, right) = (label(conflict.left), label(conflict.right));
        let (role, decider) = (names.role_name(self.role).to_owned(), names.role_name(decider).to_owned());
        let mut repair = format!(
            "{decider} could tell {role}: add `{decider} -> {role} : {left}` to branch {left} and \
             `{decider} -> {role} : {right}` to branch {right}"
        );
        if branches.len() > 2 {
            repair.push_str(", and likewise to the other branches");
        }
        let receiver = names.role_name(receiver).to_owned();
        ProjectionError::Choice { role, decider, receiver, line, left, right, why: conflict.why, repair }
    }

    /// The source lines of the messages that the finished type holds.
    fn lines_from(&self, root: LocalId) -> Vec<(LocalId, u32)> {
        if self.lines.is_empty() {
            return Vec::new();
        }
        let (mut seen, mut todo, mut lines) = (BTreeSet::from([root]), vec![root], Vec::new());
        while let Some(id) = todo.pop() {
            let mut visit = |next: LocalId| {
                if seen.insert(next) {
                    todo.push(next);
                }
            };
            match self.arena.node(id) {
                LocalNode::Send { branches, .. } | LocalNode::Recv { branches, .. } => {
                    branches.iter().for_each(|branch| visit(branch.next));
                    lines.extend(self.line_of(id).map(|line| (id, line)));
                }
                LocalNode::Rec { body, .. } => visit(*body),
                LocalNode::End | LocalNode::Var(_) => {}
            }
        }
        lines.sort_unstable();
        lines
    }

    /// The line of a message, or of one that it was made of.
    fn line_of(&self, id: LocalId) -> Option<u32> {
        let mut todo = vec![id];
        for _ in 0..MAX_ORIGINS {
            let id = todo.pop()?;
            if let Some(line) = self.lines.get(&id) {
                return Some(*line);
            }
            if let Some((left, right)) = self.merger.made_of(id) {
                todo.extend([right, left]);
            }
            todo.extend(self.endings.made_of.get(&id));
        }
        None
    }
}

/// Types with something put in place of their end, remembered by (type, what follows).
#[derive(Default)]
struct Endings {
    memo: BTreeMap<(LocalId, LocalId), LocalId>,
    made_of: BTreeMap<LocalId, LocalId>,
}

impl Endings {
    /// `id` with `next` where it ends. No variable of `next` is bound in `id`: no loop stands inside another of its
    /// name.
    fn replace(&mut self, arena: &mut LocalArena, id: LocalId, next: LocalId) -> LocalId {
        let mut stack = vec![id];
        while let Some(&top) = stack.last() {
            if self.memo.contains_key(&(top, next)) {
                stack.pop();
                continue;
            }
            let waiting = stack.len();
            let mut done = |part: LocalId| {
                let known = self.memo.get(&(part, next)).copied();
                if known.is_none() {
                    stack.push(part);
                }
                known.unwrap_or(part)
            };
            let mut replaced = arena.node(top).clone();
            match &mut replaced {
                LocalNode::End | LocalNode::Var(_) => {}
                LocalNode::Rec { body, .. } => *body = done(*body),
                LocalNode::Send { branches, .. } | LocalNode::Recv { branches, .. } => {
                    branches.iter_mut().for_each(|branch| branch.next = done(branch.next));
                }
            }
            if stack.len() > waiting {
                continue;
            }
            stack.pop();
            let made = if replaced == LocalNode::End { next } else { arena.intern(replaced) };
            self.memo.insert((top, next), made);
            if made != top && made != next {
                self.made_of.entry(made).or_insert(top);
            }
        }
        self.memo.get(&(id, next)).copied().unwrap_or(id)
    }
}
