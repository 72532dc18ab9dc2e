//! The full mode: the candidate's every step is found somewhere in what is expected.
//!
//! A pair is a state of the candidate and what is still expected of it, a [residual](super::residual). Whatever the
//! candidate sends must be expected on every way that others may choose, ahead of receives and of sends to other partners;
//! whatever may come to it first from the partner that it waits for must be received. A pair met before holds if
//! everything else does.
//!
//! That alone would let the candidate put something off for ever. What is expected first (the root of the residual) is done
//! exactly when a step has the same action; so on every endless way it must be done again and again, and a loop of steps
//! that all leave it undone is a refusal. As passing over only ever takes nodes out in front of others, everything expected
//! is then done some time.
//!
//! This is subtyping as Ghilezan, Pantović, Prokić, Scalas and Yoshida define it for multiparty sessions (POPL 2021), which
//! is undecidable; the limits make it end, as in the bounded algorithms of Bravetti and others and of Cutner and others.
//! Every yes has a finite set of pairs that proves it, and every no a run of the candidate that goes wrong.

use super::Subtyping;
use super::pairs::{Pairs, Step};
use super::residual::{Blocked, Residuals, Taken};
use super::resolve::{Act, Node};
use super::verdict::{Difference, Doubt, Refusal, Verdict};
use crate::{Planted, planted};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// The candidate's state, what is left to do, and whether that is exact: where it is not, a failure says nothing.
type Pair = (u32, u32, bool);

struct Search<'a> {
    relation: &'a Subtyping,
    residuals: Residuals<'a>,
    pairs: Pairs<Pair>,
    /// For each pair looked at, the pairs that a step leads to which leaves the root undone.
    undone: Vec<Vec<usize>>,
    /// How many pairs have something left over.
    left_over: usize,
    doubt: Option<Doubt>,
    /// States from which the candidate cannot send for ever without an action.
    mortal: BTreeSet<(Act, u32)>,
}

/// The nodes from which a way goes on for ever.
fn endless(edges: &[Vec<usize>]) -> Vec<bool> {
    let mut left: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut back: Vec<Vec<usize>> = alloc::vec![Vec::new(); edges.len()];
    for (from, to) in edges.iter().enumerate().flat_map(|(from, next)| next.iter().map(move |to| (from, *to))) {
        back[to].push(from);
    }
    let mut alive = alloc::vec![true; edges.len()];
    let mut dead: Vec<usize> = (0..edges.len()).filter(|at| left[*at] == 0).collect();
    while let Some(at) = dead.pop() {
        alive[at] = false;
        for from in &back[at] {
            left[*from] -= 1;
            if left[*from] == 0 {
                dead.push(*from);
            }
        }
    }
    alive
}

/// What ends a search early.
type Ended = Result<(), Verdict>;

impl<'a> Search<'a> {
    fn open(&mut self, doubt: Doubt) {
        self.doubt.get_or_insert(doubt);
    }

    fn refuse(&mut self, at: usize, exact: bool, difference: Difference) -> Ended {
        if !exact {
            self.open(Doubt::OwnLoop);
            return Ok(());
        }
        let path = self.pairs.path(at, &self.relation.names);
        Err(Verdict::No(Box::new(Refusal { path, difference })))
    }

    /// The refusal for a first message of this node, which every node but the end has.
    fn about(&self, node: u32, difference: impl FnOnce(super::Message) -> Difference) -> Option<Difference> {
        self.relation.names.first(self.residuals.node(node)).map(difference)
    }

    /// Whether the candidate, from this state on, can send for ever without ever doing the action.
    fn sends_for_ever(&mut self, state: u32, without: Act) -> bool {
        let states = &self.relation.candidate;
        if states[state as usize].act == without || self.mortal.contains(&(without, state)) {
            return false;
        }
        let (mut met, mut edges) = (BTreeMap::from([(state, 0)]), Vec::new());
        let mut order = alloc::vec![state];
        while let Some(state) = order.get(edges.len()) {
            let node = &states[*state as usize];
            let mut next = Vec::new();
            if matches!(node.act, Act::Send(_)) && node.act != without {
                for (_, to) in node.branches.iter().filter(|branch| !self.mortal.contains(&(without, branch.1))) {
                    let at = *met.entry(*to).or_insert(order.len());
                    if at == order.len() {
                        order.push(*to);
                    }
                    next.push(at);
                }
            }
            edges.push(next);
        }
        let for_ever = endless(&edges)[0];
        if !for_ever {
            self.mortal.extend(order.into_iter().map(|state| (without, state)));
        }
        for_ever
    }

    /// Goes on to the pair behind a step.
    fn follow(&mut self, at: usize, step: Step, state: u32, taken: Taken) -> Ended {
        let Some((candidate, left, exact)) = self.pairs.get(at) else { return Ok(()) };
        let undone = self.residuals.node(left).act != step.0;
        match taken {
            Taken::Never { .. } => {
                let message = self.relation.names.message(step.0, step.1);
                return self.refuse(at, exact, Difference::Sends(message));
            }
            Taken::Open(doubt) => self.open(doubt),
            Taken::Left { rest, exact: still } => {
                let pair = (state, rest, exact && still);
                let limit = self.relation.limits.pairs;
                if self.pairs.position(pair).is_none() && self.residuals.is_left_over(rest) {
                    if self.left_over >= limit {
                        self.open(Doubt::Pairs { limit });
                        return Ok(());
                    }
                    self.left_over += 1;
                }
                let next = self.pairs.meet(pair, at, step);
                if undone {
                    self.undone[at].push(next);
                }
            }
        }
        // Where sends go on for ever, whatever others do, one of them fails or the root is never done.
        let root = self.residuals.node(left).act;
        if undone
            && !planted(Planted::SubtypeForgets)
            && self.sends_for_ever(candidate, root)
            && let Some(difference) = self.about(left, Difference::Forgets)
        {
            return self.refuse(at, exact, difference);
        }
        Ok(())
    }

    fn sends(&mut self, at: usize, node: &'a Node, left: u32) -> Ended {
        for (letter, next) in &node.branches {
            let taken = self.residuals.send(left, node.act, *letter);
            self.follow(at, (node.act, *letter), *next, taken)?;
            if planted(Planted::SubtypeFirstBranch) {
                break;
            }
        }
        Ok(())
    }

    fn receives(&mut self, at: usize, node: &'a Node, left: u32, exact: bool) -> Ended {
        let letters = match self.residuals.offers(left, node.act) {
            Ok(letters) => letters,
            Err(Blocked::Open(doubt)) => {
                self.open(doubt);
                return Ok(());
            }
            Err(blocked) => {
                let before = match blocked {
                    Blocked::First(node) => self.relation.names.first(self.residuals.node(node)),
                    _ => None,
                };
                let partner = self.relation.names.partner_of(node.act);
                return self.refuse(at, exact, Difference::Waits { partner, before });
            }
        };
        for letter in letters {
            let Some(next) = node.after(letter) else {
                if planted(Planted::SubtypeMisses) {
                    continue;
                }
                let message = self.relation.names.message(node.act, letter);
                return self.refuse(at, exact, Difference::Misses(message));
            };
            let taken = self.residuals.receive(left, node.act, letter);
            self.follow(at, (node.act, letter), next, taken)?;
            if planted(Planted::SubtypeFirstBranch) {
                break;
            }
        }
        Ok(())
    }

    fn look(&mut self, at: usize, (state, left, exact): Pair) -> Ended {
        let node = &self.relation.candidate[state as usize];
        let ended = self.residuals.node(left).act == Act::End;
        match node.act {
            Act::End if ended || planted(Planted::SubtypeEndsEarly) => Ok(()),
            Act::End => match self.about(left, Difference::Ends) {
                Some(difference) => self.refuse(at, exact, difference),
                None => Ok(()),
            },
            _ if ended => match self.relation.names.first(node) {
                Some(message) => self.refuse(at, exact, Difference::GoesOn(message)),
                None => Ok(()),
            },
            Act::Send(_) => self.sends(at, node, left),
            Act::Recv(_) => self.receives(at, node, left, exact),
        }
    }

    /// The refusal of the nearest pair from which something is left undone for ever.
    fn forgotten(&mut self) -> Ended {
        let alive = endless(&self.undone);
        for at in (0..self.pairs.len()).filter(|at| alive[*at]) {
            let Some((_, left, exact)) = self.pairs.get(at) else { continue };
            if let Some(difference) = self.about(left, Difference::Forgets) {
                self.refuse(at, exact, difference)?;
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Ended {
        let mut at = 0;
        while let Some(pair) = self.pairs.get(at) {
            self.undone.push(Vec::new());
            self.look(at, pair)?;
            at += 1;
        }
        if !planted(Planted::SubtypeForgets) {
            self.forgotten()?;
        }
        match self.doubt {
            Some(doubt) if !planted(Planted::SubtypeGuesses) => Err(Verdict::Unknown(doubt)),
            _ => Ok(()),
        }
    }
}

/// Decides the full mode.
pub(super) fn anticipate(relation: &Subtyping, candidate: u32, expected: u32) -> Verdict {
    let mut search = Search {
        relation,
        residuals: Residuals::new(relation),
        pairs: Pairs::new((candidate, expected, true)),
        undone: Vec::new(),
        left_over: 0,
        doubt: None,
        mortal: BTreeSet::new(),
    };
    match search.run() {
        Ok(()) => Verdict::Yes,
        Err(verdict) => verdict,
    }
}
