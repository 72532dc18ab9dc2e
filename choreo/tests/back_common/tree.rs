//! Global types as plain trees, random ones, and their way into an arena.

use motet_types::{Branch, GlobalBuilder, GlobalNode, GlobalType, LabelId, Names, NodeId, RoleId, Sort, SortId, VarId};
use std::collections::HashMap;

pub const ROLES: usize = 4;
const NAMES: usize = 4;
const SORTS: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tree {
    End,
    /// Sender, receiver, branches of (label, continuation); a label is name * SORTS + sort.
    Comm(usize, usize, Vec<(usize, Tree)>),
    Rec(usize, Box<Tree>),
    Var(usize),
    Par(Vec<Tree>, Box<Tree>),
}

pub fn name_of(label: usize) -> usize {
    label / SORTS
}

/// The splitmix64 sequence.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % limit as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

impl Tree {
    /// A small protocol; now and then one that is not well-formed.
    pub fn random(dice: &mut Dice) -> Tree {
        let depth = 2 + dice.below(4);
        let roles: Vec<usize> = (0..2 + dice.below(ROLES - 1)).collect();
        grow(dice, depth, &roles, &mut Vec::new())
    }

    /// The arena form; equal subtrees are one node when `share` is set.
    pub fn to_global(&self, share: bool) -> GlobalType {
        let mut builder = GlobalBuilder::new();
        let root = place(self, &mut builder, &mut share.then(HashMap::new));
        builder.finish(names(), root).expect("the root was just placed")
    }
}

fn names() -> Names {
    let mut names = Names { protocol: "Random".into(), ..Names::default() };
    names.roles = ["A", "B", "C", "D"].map(String::from).to_vec();
    names.sorts.intern(Sort::Unit);
    names.sorts.intern(Sort::Nat);
    for label in 0..NAMES * SORTS {
        names.intern_label(&format!("L{}", name_of(label)), SortId((label % SORTS) as u16));
    }
    (0..8).for_each(|var| {
        names.intern_var(&format!("X{var}"));
    });
    names
}

fn place(tree: &Tree, builder: &mut GlobalBuilder, known: &mut Option<HashMap<Tree, NodeId>>) -> NodeId {
    if let Some(id) = known.as_ref().and_then(|known| known.get(tree)) {
        return *id;
    }
    let node = match tree {
        Tree::End => GlobalNode::End,
        Tree::Var(var) => GlobalNode::Var(VarId(*var as u32)),
        Tree::Rec(var, body) => GlobalNode::Rec { var: VarId(*var as u32), body: place(body, builder, known) },
        Tree::Par(parts, next) => GlobalNode::Par {
            parts: parts.iter().map(|part| place(part, builder, known)).collect(),
            next: place(next, builder, known),
        },
        Tree::Comm(sender, receiver, branches) => GlobalNode::Comm {
            sender: RoleId(*sender as u16),
            receiver: RoleId(*receiver as u16),
            branches: branches
                .iter()
                .map(|(label, next)| Branch { label: LabelId(*label as u16), next: place(next, builder, known) })
                .collect(),
        },
    };
    let line = builder.len() as u32 + 1;
    let id = builder.push(node, line).expect("parts are placed first");
    if let Some(known) = known {
        known.insert(tree.clone(), id);
    }
    id
}

fn grow(dice: &mut Dice, depth: usize, roles: &[usize], bound: &mut Vec<usize>) -> Tree {
    if depth == 0 || dice.one_in(12) {
        return if !bound.is_empty() && dice.one_in(2) {
            Tree::Var(bound[dice.below(bound.len())])
        } else if dice.one_in(60) {
            Tree::Var(dice.below(3))
        } else {
            Tree::End
        };
    }
    match dice.below(20) {
        0..=3 => {
            // Rarely a name that is taken.
            let var = if dice.one_in(20) { dice.below(3) } else { bound.len() };
            bound.push(var);
            let body = grow(dice, depth - 1, roles, bound);
            bound.pop();
            Tree::Rec(var, body.into())
        }
        4 if roles.len() >= 2 => {
            let cut = 1 + dice.below(roles.len() - 1);
            let parts = [&roles[..cut], &roles[cut..]];
            let closed = !dice.one_in(20);
            let mut inner = if closed { Vec::new() } else { bound.clone() };
            // Names that are bound around the composition must not be bound again inside.
            let first = if closed { bound.len() } else { 0 };
            let parts = parts
                .into_iter()
                .map(|part| {
                    let part = if dice.one_in(20) { roles } else { part };
                    if part.len() < 2 { Tree::End } else { renamed(grow(dice, depth - 1, part, &mut inner), first) }
                })
                .collect();
            Tree::Par(parts, grow(dice, depth - 1, roles, bound).into())
        }
        _ => {
            let sender = roles[dice.below(roles.len())];
            let receiver = roles[dice.below(roles.len())];
            let (sender, receiver) = match (sender == receiver, dice.one_in(60)) {
                (true, false) => (roles[0], roles[roles.len() - 1]),
                _ => (sender, receiver),
            };
            let count = [1, 1, 2, 2, 3][dice.below(5)];
            let mut branches: Vec<(usize, Tree)> = Vec::new();
            for at in 0..count {
                let name = if dice.one_in(60) { 0 } else { at + dice.below(2) * usize::from(count < 3) };
                let label = name * SORTS + dice.below(SORTS);
                let next = if at > 0 && !dice.one_in(3) {
                    // Like the branch before, up to small differences: those are the ones that may merge.
                    let mut next = branches[at - 1].1.clone();
                    (0..dice.below(3)).for_each(|_| alter(dice, &mut next));
                    next
                } else {
                    grow(dice, depth - 1, roles, bound)
                };
                branches.push((label, next));
            }
            if branches.len() == 2 && name_of(branches[0].0) == name_of(branches[1].0) && !dice.one_in(10) {
                branches[1].0 = (branches[1].0 + SORTS) % (NAMES * SORTS);
            }
            Tree::Comm(sender, receiver, branches)
        }
    }
}

/// Changes a label somewhere, or adds a branch.
fn alter(dice: &mut Dice, tree: &mut Tree) {
    match tree {
        Tree::End | Tree::Var(_) => {}
        Tree::Rec(_, body) => alter(dice, body),
        Tree::Par(parts, next) => match parts.first_mut() {
            Some(part) if dice.one_in(2) => alter(dice, part),
            _ => alter(dice, next),
        },
        Tree::Comm(_, _, branches) => {
            let at = dice.below(branches.len());
            match dice.below(4) {
                0 | 1 => alter(dice, &mut branches[at].1),
                2 => {
                    let label = dice.below(NAMES * SORTS);
                    if branches.iter().all(|(other, _)| name_of(*other) != name_of(label)) {
                        branches[at].0 = label;
                    }
                }
                _ => {
                    let mut more = branches[at].clone();
                    more.0 = dice.below(NAMES * SORTS);
                    if branches.iter().all(|(other, _)| name_of(*other) != name_of(more.0)) {
                        branches.push(more);
                    }
                }
            }
        }
    }
}

/// The tree with every variable's number raised, so that it stands apart from those around it.
fn renamed(tree: Tree, by: usize) -> Tree {
    let next = |tree: Box<Tree>| Box::new(renamed(*tree, by));
    match tree {
        Tree::End => Tree::End,
        Tree::Var(var) => Tree::Var((var + by).min(7)),
        Tree::Rec(var, body) => Tree::Rec((var + by).min(7), next(body)),
        Tree::Par(parts, after) => Tree::Par(parts.into_iter().map(|part| renamed(part, by)).collect(), next(after)),
        Tree::Comm(s, r, branches) => {
            Tree::Comm(s, r, branches.into_iter().map(|(label, tree)| (label, renamed(tree, by))).collect())
        }
    }
}
