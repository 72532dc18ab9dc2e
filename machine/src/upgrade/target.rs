//! Which state of the new type a role goes to, from the state that it is in.

use super::{UpgradeMode, UpgradeOptions};
use crate::image::CodeImage;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{
    Action, Planted, StateId, SubtypeLimits, SubtypeMode, Subtyping, TypeTables, TypeTablesError, Verdict, planted,
};

/// How far one question looks; there are as many questions as states. What is not decided by then is no yes.
const LIMITS: SubtypeLimits = SubtypeLimits { anticipation: 16, pairs: 1 << 10, steps: 1 << 14 };

/// Where a role in some state may go on.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// In one of these states: those that the same messages lead to, or, where none of them will do, any.
    States(Box<[u32]>),
    /// Nowhere, and why not in the state that is nearest.
    None(String),
}

/// The targets of an old image's states in a new one, each found when it is first asked for.
#[derive(Debug)]
pub(super) struct Targets {
    relation: Subtyping,
    mode: SubtypeMode,
    /// For each old state the new ones that the same messages lead to.
    paired: Vec<Vec<u32>>,
    found: Vec<Option<Target>>,
}

/// Whether two states' actions go the same way between the same roles.
fn same_way(old: (&CodeImage, Action), new: (&CodeImage, Action)) -> bool {
    let ends = |image: &CodeImage, edge: u16| image.parts.edges.get(usize::from(edge)).map(|e| (e.sender, e.receiver));
    match (old.1, new.1) {
        (Action::Send(a), Action::Send(b)) | (Action::Recv(a), Action::Recv(b)) => {
            ends(old.0, a).is_some() && ends(old.0, a) == ends(new.0, b)
        }
        _ => false,
    }
}

/// Pairs of states that the same messages lead to, from the first ones on.
fn pair(old: &CodeImage, new: &CodeImage) -> Vec<Vec<u32>> {
    let mut paired = vec![Vec::new(); old.parts.states.len()];
    let mut met = BTreeSet::new();
    let firsts = old.parts.roles.iter().zip(&new.parts.roles);
    let mut todo: VecDeque<(u32, u32)> = firsts.map(|(old, new)| (old.initial, new.initial)).collect();
    while let Some((at, to)) = todo.pop_front() {
        // One state may be met with several; a few of them are enough, all others are asked about behind them.
        if paired[at as usize].len() >= 8 || !met.insert((at, to)) {
            continue;
        }
        paired[at as usize].push(to);
        let (one, other) = (&old.parts.states[at as usize], &new.parts.states[to as usize]);
        if !same_way((old, one.action), (new, other.action)) {
            continue;
        }
        for branch in &one.branches {
            let same = other.branches.iter().find(|to| super::labels_agree((old, branch.label), (new, to.label)));
            todo.extend(same.map(|to| (branch.next, to.next)));
        }
    }
    paired
}

impl Targets {
    pub(super) fn new(old: &CodeImage, new: &CodeImage, options: UpgradeOptions) -> Result<Self, TypeTablesError> {
        let relation = Subtyping::new(&TypeTables::from(&new.parts), &TypeTables::from(&old.parts))?;
        let mode = match options.mode {
            UpgradeMode::Conservative => SubtypeMode::Conservative,
            UpgradeMode::Full => SubtypeMode::Full,
        };
        let found = vec![None; old.parts.states.len()];
        Ok(Self { relation: relation.with_limits(LIMITS), mode, paired: pair(old, new), found })
    }

    /// Where a role in an old state may go on.
    pub(super) fn of(&mut self, new: &CodeImage, role: u16, state: StateId) -> &Target {
        if self.found.get(state.index()).is_some_and(Option::is_none) {
            let target = self.search(new, role, state);
            self.found[state.index()] = Some(target);
        }
        const NOWHERE: &Target = &Target::None(String::new());
        self.found.get(state.index()).and_then(Option::as_ref).unwrap_or(NOWHERE)
    }

    fn search(&self, new: &CodeImage, role: u16, state: StateId) -> Target {
        let paired = &self.paired[state.index()];
        let own = (0u32..).zip(&new.parts.states).filter(|(_, part)| part.role == role).map(|(at, _)| at);
        let others = own.filter(|at| !paired.contains(at));
        let (mut states, mut why) = (Vec::new(), None);
        for candidate in paired.iter().copied().chain(others) {
            // Where the same messages lead is where a role goes on, if it can. Elsewhere its host would see a jump.
            if !states.is_empty() && !paired.contains(&candidate) && !planted(Planted::UpgradeJumps) {
                break;
            }
            match self.relation.decide(self.mode, StateId(candidate), state) {
                Ok(Verdict::Yes) => states.push(candidate),
                Ok(verdict) => _ = why.get_or_insert_with(|| verdict.to_string()),
                Err(error) => _ = why.get_or_insert_with(|| error.to_string()),
            }
        }
        if states.is_empty() { Target::None(why.unwrap_or_default()) } else { Target::States(states.into()) }
    }

    /// Whether some state that a role can still come to, from the one that it is in, can go on in the new image.
    pub(super) fn lies_ahead(&mut self, old: &CodeImage, new: &CodeImage, state: StateId) -> bool {
        let mut met = BTreeSet::from([state.0]);
        let mut todo = vec![state.0];
        while let Some(at) = todo.pop() {
            let Some(part) = old.parts.states.get(at as usize) else { continue };
            if matches!(self.of(new, part.role, StateId(at)), Target::States(_)) {
                return true;
            }
            todo.extend(part.branches.iter().map(|branch| branch.next).filter(|next| met.insert(*next)));
        }
        false
    }
}
