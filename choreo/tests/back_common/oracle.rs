//! The second opinion: well-formedness, projection and merge word for word as the specification has them, by plain
//! recursion over plain trees.

use super::tree::{Tree, name_of};
use motet_choreo::Projection;
use motet_types::{LocalId, LocalNode};
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Local {
    End,
    Send(usize, Vec<(usize, Local)>),
    Recv(usize, Vec<(usize, Local)>),
    Rec(usize, Box<Local>),
    Var(usize),
}

impl Local {
    /// Branches in order of their labels, everywhere.
    pub fn sorted(self) -> Local {
        let branches = |branches: Vec<(usize, Local)>| {
            let mut branches: Vec<_> = branches.into_iter().map(|(label, next)| (label, next.sorted())).collect();
            branches.sort();
            branches
        };
        match self {
            Local::Send(partner, list) => Local::Send(partner, branches(list)),
            Local::Recv(partner, list) => Local::Recv(partner, branches(list)),
            Local::Rec(var, body) => Local::Rec(var, body.sorted().into()),
            leaf => leaf,
        }
    }

    pub fn has_union(&self) -> bool {
        match self {
            Local::Recv(_, list) => list.len() > 1 || list.iter().any(|(_, next)| next.has_union()),
            Local::Send(_, list) => list.iter().any(|(_, next)| next.has_union()),
            Local::Rec(_, body) => body.has_union(),
            _ => false,
        }
    }

    fn free(&self, var: usize) -> bool {
        match self {
            Local::End => false,
            Local::Var(other) => *other == var,
            Local::Rec(other, body) => *other != var && body.free(var),
            Local::Send(_, list) | Local::Recv(_, list) => list.iter().any(|(_, next)| next.free(var)),
        }
    }

    fn unguarded(&self, var: usize) -> bool {
        match self {
            Local::Var(other) => *other == var,
            Local::Rec(_, body) => body.unguarded(var),
            _ => false,
        }
    }

    fn then(&self, next: &Local) -> Local {
        let all = |list: &[(usize, Local)]| list.iter().map(|(label, local)| (*label, local.then(next))).collect();
        match self {
            Local::End => next.clone(),
            Local::Var(var) => Local::Var(*var),
            Local::Rec(var, body) => Local::Rec(*var, body.then(next).into()),
            Local::Send(partner, list) => Local::Send(*partner, all(list)),
            Local::Recv(partner, list) => Local::Recv(*partner, all(list)),
        }
    }
}

/// The library's answer as a tree.
pub fn read(projection: &Projection, id: LocalId) -> Local {
    let all = |list: &[motet_types::LocalBranch]| {
        list.iter().map(|branch| (branch.label.index(), read(projection, branch.next))).collect()
    };
    match projection.arena().node(id) {
        LocalNode::End => Local::End,
        LocalNode::Var(var) => Local::Var(var.0 as usize),
        LocalNode::Rec { var, body } => Local::Rec(var.0 as usize, read(projection, *body).into()),
        LocalNode::Send { partner, branches } => Local::Send(partner.index(), all(branches)),
        LocalNode::Recv { partner, branches } => Local::Recv(partner.index(), all(branches)),
    }
}

fn free_vars(tree: &Tree) -> BTreeSet<usize> {
    match tree {
        Tree::End => BTreeSet::new(),
        Tree::Var(var) => BTreeSet::from([*var]),
        Tree::Rec(var, body) => &free_vars(body) - &BTreeSet::from([*var]),
        Tree::Comm(_, _, list) => list.iter().flat_map(|(_, next)| free_vars(next)).collect(),
        Tree::Par(parts, next) => parts.iter().chain([&**next]).flat_map(free_vars).collect(),
    }
}

fn roles(tree: &Tree) -> BTreeSet<usize> {
    match tree {
        Tree::End | Tree::Var(_) => BTreeSet::new(),
        Tree::Rec(_, body) => roles(body),
        Tree::Comm(s, r, list) => list.iter().flat_map(|(_, next)| roles(next)).chain([*s, *r]).collect(),
        Tree::Par(parts, next) => parts.iter().chain([&**next]).flat_map(roles).collect(),
    }
}

/// Whether the tree goes back to `var` without a message; `None` when it has no message before its end.
fn goes_to(tree: &Tree) -> (Option<usize>, bool) {
    match tree {
        Tree::End => (None, false),
        Tree::Var(var) => (Some(*var), false),
        Tree::Comm(..) => (None, true),
        Tree::Rec(_, body) => goes_to(body),
        Tree::Par(parts, next) => {
            if parts.iter().any(|part| goes_to(part).1) {
                (None, true)
            } else {
                goes_to(next)
            }
        }
    }
}

pub fn well_formed(tree: &Tree) -> bool {
    fn inside(tree: &Tree, bound: &mut Vec<usize>) -> bool {
        match tree {
            Tree::End => true,
            Tree::Var(var) => bound.contains(var),
            Tree::Rec(var, body) => {
                if bound.contains(var) || goes_to(body).0 == Some(*var) {
                    return false;
                }
                bound.push(*var);
                let good = inside(body, bound);
                bound.pop();
                good
            }
            Tree::Comm(s, r, list) => {
                let names: BTreeSet<usize> = list.iter().map(|(label, _)| name_of(*label)).collect();
                s != r && !list.is_empty() && names.len() == list.len() && list.iter().all(|(_, t)| inside(t, bound))
            }
            Tree::Par(parts, next) => {
                let shared = |(at, part): (usize, &Tree)| {
                    parts[..at].iter().any(|other| !roles(other).is_disjoint(&roles(part)))
                };
                parts.iter().all(|part| free_vars(part).is_empty() && inside(part, bound))
                    && !parts.iter().enumerate().any(shared)
                    && inside(next, bound)
            }
        }
    }
    inside(tree, &mut Vec::new())
}

pub fn project(tree: &Tree, role: usize) -> Result<Local, String> {
    if free_vars(tree).is_empty() && !roles(tree).contains(&role) {
        return Ok(Local::End);
    }
    match tree {
        Tree::End => Ok(Local::End),
        Tree::Var(var) => Ok(Local::Var(*var)),
        Tree::Rec(var, body) => {
            let body = project(body, role)?;
            Ok(if body.unguarded(*var) {
                Local::End
            } else if !body.free(*var) {
                body
            } else {
                Local::Rec(*var, body.into())
            })
        }
        Tree::Comm(sender, receiver, list) => {
            let branches: Vec<(usize, Local)> =
                list.iter().map(|(label, next)| Ok((*label, project(next, role)?))).collect::<Result<_, String>>()?;
            if role == *sender {
                Ok(Local::Send(*receiver, branches))
            } else if role == *receiver {
                Ok(Local::Recv(*sender, branches))
            } else {
                let mut all = branches.into_iter().map(|(_, local)| local);
                let first = all.next().ok_or("no branches")?;
                all.try_fold(first, |merged, next| merge(&merged, &next))
            }
        }
        Tree::Par(parts, next) => {
            let next = project(next, role)?;
            match parts.iter().find(|part| roles(part).contains(&role)) {
                Some(part) => Ok(project(part, role)?.then(&next)),
                None => Ok(next),
            }
        }
    }
}

fn merge(a: &Local, b: &Local) -> Result<Local, String> {
    if a == b {
        return Ok(a.clone());
    }
    match (a, b) {
        (Local::Send(p, x), Local::Send(q, y)) if p == q && x.len() == y.len() => {
            let mut list = Vec::new();
            for (label, left) in x {
                let (_, right) = y.iter().find(|(other, _)| other == label).ok_or("other labels to send")?;
                list.push((*label, merge(left, right)?));
            }
            Ok(Local::Send(*p, list))
        }
        (Local::Recv(p, x), Local::Recv(q, y)) if p == q => {
            let mut list = Vec::new();
            for (label, left) in x {
                match y.iter().find(|(other, _)| name_of(*other) == name_of(*label)) {
                    Some((other, right)) if other == label => list.push((*label, merge(left, right)?)),
                    Some(_) => return Err("one label, two sorts".into()),
                    None => list.push((*label, left.clone())),
                }
            }
            for (label, right) in y {
                if !x.iter().any(|(other, _)| name_of(*other) == name_of(*label)) {
                    list.push((*label, right.clone()));
                }
            }
            list.sort_by_key(|(label, _)| name_of(*label));
            Ok(Local::Recv(*p, list))
        }
        (Local::Rec(v, x), Local::Rec(w, y)) if v == w => Ok(Local::Rec(*v, merge(x, y)?.into())),
        _ => Err(format!("{a:?} and {b:?} do not merge")),
    }
}
