//! What a piece of a protocol touches: its roles, its edges, whether it repeats. Decides how `par` is lowered.

use crate::arena::MAX_NODES;
use crate::report::Report;
use crate::roles::Roles;
use crate::syntax::{File, LoopKind, Statement, StatementKind};
use motet_types::RoleId;
use std::collections::{BTreeSet, HashMap};

/// What a piece of a protocol touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// Its roles.
    pub(crate) roles: BTreeSet<RoleId>,
    /// Sender and receiver of its messages.
    pub(crate) edges: BTreeSet<(RoleId, RoleId)>,
    /// Whether it repeats without a bound.
    pub(crate) recursive: bool,
}

/// The protocols of a file by name. The file's own comes first.
pub(crate) fn protocols(file: &File) -> HashMap<&str, &[Statement]> {
    let helpers = file.helpers.iter().rev().map(|helper| (helper.name.text.as_str(), helper.body.as_slice()));
    helpers.chain([(file.protocol.name.text.as_str(), file.protocol.body.as_slice())]).collect()
}

impl Uses {
    /// What these statements touch, calls included.
    pub(crate) fn of(body: &[Statement], roles: &Roles<'_>, protocols: &HashMap<&str, &[Statement]>) -> Self {
        let mut uses = Self::default();
        let mut called: BTreeSet<&str> = BTreeSet::new();
        let mut blocks = vec![body];
        // A piece with more messages than this is too large to be lowered, so what it touches beyond does not matter.
        let mut budget = MAX_NODES;
        // A list instead of recursion: a protocol called twice is looked at once, and a circle of calls ends.
        while let Some(statement) = next_statement(&mut blocks) {
            match &statement.kind {
                StatementKind::Send(send) => {
                    if let Some(pairs) = roles.pairs(send, &mut Report::silent()) {
                        uses.edges.extend(pairs.iter().take(budget));
                        budget = budget.saturating_sub(pairs.len());
                    }
                }
                StatementKind::Choice { branches, .. } => blocks.extend(branches.iter().map(|b| b.body.as_slice())),
                StatementKind::Rec { body, .. } => {
                    uses.recursive = true;
                    blocks.push(body);
                }
                StatementKind::Loop { until, body } => {
                    uses.recursive |= !matches!(until, LoopKind::Repeat(_));
                    blocks.push(body);
                }
                StatementKind::Par(parts) => blocks.extend(parts.iter().map(Vec::as_slice)),
                StatementKind::Call(name) => {
                    if let Some((name, body)) = protocols.get_key_value(name.text.as_str())
                        && called.insert(name)
                    {
                        blocks.push(body);
                    }
                }
                StatementKind::Continue(_) | StatementKind::Broken => {}
            }
        }
        uses.roles = uses.edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
        uses
    }
}

fn next_statement<'a>(blocks: &mut Vec<&'a [Statement]>) -> Option<&'a Statement> {
    loop {
        match blocks.last_mut()?.split_first() {
            Some((first, rest)) => {
                if let Some(last) = blocks.last_mut() {
                    *last = rest;
                }
                return Some(first);
            }
            None => {
                blocks.pop();
            }
        }
    }
}

/// Parts that share roles belong together: the groups, each with its parts in written order, in order of their first.
pub(crate) fn groups(parts: &[Uses]) -> Vec<Vec<usize>> {
    let mut group_of: Vec<usize> = (0..parts.len()).collect();
    let mut owner: HashMap<RoleId, usize> = HashMap::new();
    for (at, part) in parts.iter().enumerate() {
        for role in &part.roles {
            let with = root(&group_of, *owner.entry(*role).or_insert(at));
            let own = root(&group_of, at);
            // The earlier part leads, so groups come out in written order.
            let (low, high) = (with.min(own), with.max(own));
            group_of[high] = low;
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    for at in 0..parts.len() {
        groups[root(&group_of, at)].push(at);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn root(group_of: &[usize], mut at: usize) -> usize {
    while group_of[at] != at {
        at = group_of[at];
    }
    at
}
