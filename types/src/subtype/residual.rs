//! What is still expected of a role that has acted early.
//!
//! A residual is a tree of actions that were passed over and not done yet, with expected states as its leaves. Trees and
//! states are nodes of the same kind and equal ones are one: the expected states have the first numbers, residuals the
//! numbers behind them. So a residual of which nothing is left over is the expected state itself.

use super::Subtyping;
use super::resolve::{Act, Branch, Node};
use super::verdict::Doubt;
use crate::{Planted, planted};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// What taking an action out of a residual gives.
pub(super) enum Taken {
    /// What is left. When not `exact`, choices of the role's own were left out that it might have taken.
    Left { rest: u32, exact: bool },
    /// There is a way on which the action never comes; `looped` when that way goes round for ever.
    Never { looped: bool },
    /// Not decided within the limits.
    Open(Doubt),
}

/// Why a receive cannot be the next thing that happens.
pub(super) enum Blocked {
    /// The node's action is expected before.
    First(u32),
    /// There is a way on which nothing comes from the partner.
    Nothing,
    /// Not decided within the limits.
    Open(Doubt),
}

/// The residuals of one question.
pub(super) struct Residuals<'a> {
    relation: &'a Subtyping,
    nodes: Vec<Node>,
    index: BTreeMap<Node, u32>,
    steps: usize,
    /// The nodes passed over on the way to the one at hand.
    passed: Vec<u32>,
}

impl<'a> Residuals<'a> {
    pub(super) const fn new(relation: &'a Subtyping) -> Self {
        Self { relation, nodes: Vec::new(), index: BTreeMap::new(), steps: 0, passed: Vec::new() }
    }

    /// Whether something is left over, so that this is no expected state.
    pub(super) const fn is_left_over(&self, at: u32) -> bool {
        at as usize >= self.relation.expected.len()
    }

    pub(super) fn node(&self, at: u32) -> &Node {
        let states = &self.relation.expected;
        states.get(at as usize).unwrap_or_else(|| &self.nodes[at as usize - states.len()])
    }

    /// The node's number. Branches are in the order of their letters, as in the states.
    fn intern(&mut self, node: Node) -> Result<u32, Doubt> {
        if let Some(known) = self.relation.known.get(&node).or_else(|| self.index.get(&node)) {
            return Ok(*known);
        }
        let at = self.relation.expected.len() + self.nodes.len();
        let at = u32::try_from(at).map_err(|_| Doubt::Steps { limit: self.relation.limits.steps })?;
        self.index.insert(node.clone(), at);
        self.nodes.push(node);
        Ok(at)
    }

    fn step(&mut self) -> Result<(), Doubt> {
        self.steps += 1;
        let limit = self.relation.limits.steps;
        if self.steps > limit { Err(Doubt::Steps { limit }) } else { Ok(()) }
    }

    /// Passes the node over. Whoever does so leaves again by `passed.pop`.
    fn pass(&mut self, at: u32) -> Result<(), Doubt> {
        let limit = self.relation.limits.anticipation;
        if self.passed.len() >= limit {
            return Err(Doubt::Anticipation { limit });
        }
        self.passed.push(at);
        Ok(())
    }

    /// Takes a send out: the first to its partner on every way that others may choose, and on some way that the role
    /// may choose. Receives, and sends to others, are passed over.
    ///
    /// Going round a loop once more finds nothing new, so a way that comes back to a node has failed; that an action
    /// never comes is therefore certain. But where the role may leave such a loop, only the ways that leave it at once are
    /// kept, and the rest is not exact.
    pub(super) fn send(&mut self, at: u32, want: Act, letter: u32) -> Taken {
        if let Err(doubt) = self.step() {
            return Taken::Open(doubt);
        }
        let node = self.node(at).clone();
        if node.act == want {
            match node.after(letter) {
                Some(rest) => return Taken::Left { rest, exact: true },
                None if planted(Planted::SubtypeOvertakes) => {}
                None => return Taken::Never { looped: false },
            }
        }
        if node.act == Act::End {
            return Taken::Never { looped: false };
        }
        if self.passed.contains(&at) {
            return Taken::Never { looped: true };
        }
        if let Err(doubt) = self.pass(at) {
            return Taken::Open(doubt);
        }
        let others_choose = matches!(node.act, Act::Recv(_)) && !planted(Planted::SubtypeSomePath);
        let taken = self.send_behind(&node, want, letter, others_choose);
        self.passed.pop();
        taken
    }

    fn send_behind(&mut self, node: &Node, want: Act, letter: u32, others_choose: bool) -> Taken {
        let mut kept: Vec<Branch> = Vec::with_capacity(node.branches.len());
        let (mut whole, mut open, mut round) = (true, None, false);
        for (label, next) in &node.branches {
            match self.send(*next, want, letter) {
                Taken::Left { rest, exact } => {
                    kept.push((*label, rest));
                    whole &= exact;
                }
                Taken::Never { looped } if others_choose => return Taken::Never { looped },
                Taken::Never { looped } => {
                    whole &= !looped;
                    round |= looped;
                }
                Taken::Open(doubt @ Doubt::Steps { .. }) => return Taken::Open(doubt),
                Taken::Open(doubt) => {
                    whole = false;
                    open = Some(doubt);
                }
            }
        }
        match open {
            Some(doubt) if others_choose || kept.is_empty() => Taken::Open(doubt),
            None if kept.is_empty() => Taken::Never { looped: round },
            _ => match self.intern(Node { act: node.act, branches: kept }) {
                Ok(rest) => Taken::Left { rest, exact: whole },
                Err(doubt) => Taken::Open(doubt),
            },
        }
    }

    /// The letters that may come first from a partner; others' messages that are not received yet are passed over.
    pub(super) fn offers(&mut self, at: u32, want: Act) -> Result<BTreeSet<u32>, Blocked> {
        let mut letters = BTreeSet::new();
        self.offers_behind(at, want, &mut letters)?;
        Ok(letters)
    }

    fn offers_behind(&mut self, at: u32, want: Act, letters: &mut BTreeSet<u32>) -> Result<(), Blocked> {
        self.step().map_err(Blocked::Open)?;
        let node = self.node(at).clone();
        match node.act {
            act if act == want => {
                letters.extend(node.branches.iter().map(|branch| branch.0));
                return Ok(());
            }
            Act::Send(_) if !planted(Planted::SubtypeWaitsEarly) => return Err(Blocked::First(at)),
            Act::End => return Err(Blocked::Nothing),
            _ if self.passed.contains(&at) => return Err(Blocked::Nothing),
            _ => {}
        }
        self.pass(at).map_err(Blocked::Open)?;
        let mut open = Ok(());
        for (_, next) in &node.branches {
            match self.offers_behind(*next, want, letters) {
                Ok(()) => {}
                // One way is enough for a no, so the others are looked at in spite of a doubt.
                Err(Blocked::Open(doubt)) => open = Err(Blocked::Open(doubt)),
                Err(blocked) => {
                    open = Err(blocked);
                    break;
                }
            }
        }
        self.passed.pop();
        open
    }

    /// Takes a receive out that [`offers`](Self::offers) has found. Ways on which another letter comes are no more.
    pub(super) fn receive(&mut self, at: u32, want: Act, letter: u32) -> Taken {
        if let Err(doubt) = self.step() {
            return Taken::Open(doubt);
        }
        let node = self.node(at).clone();
        if node.act == want {
            return match node.after(letter) {
                Some(rest) => Taken::Left { rest, exact: true },
                None => Taken::Never { looped: false },
            };
        }
        let mut kept: Vec<Branch> = Vec::with_capacity(node.branches.len());
        for (label, next) in &node.branches {
            match self.receive(*next, want, letter) {
                Taken::Left { rest, .. } => kept.push((*label, rest)),
                Taken::Never { .. } => {}
                open @ Taken::Open(_) => return open,
            }
        }
        if kept.is_empty() {
            return Taken::Never { looped: false };
        }
        match self.intern(Node { act: node.act, branches: kept }) {
            Ok(rest) => Taken::Left { rest, exact: true },
            Err(doubt) => Taken::Open(doubt),
        }
    }
}
