//! Two sides, made comparable once, and questions about their states.

use super::anticipate::anticipate;
use super::lockstep::lockstep;
use super::resolve::{Alphabet, Node};
use super::tables::{TypeTables, TypeTablesError};
use super::verdict::Verdict;
use crate::StateId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Which relation is asked for. Each contains those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubtypeMode {
    /// Both types fall into the same phases of inputs and outputs, and the trees of each phase have the same partners and
    /// the same labels.
    Conservative,
    /// Actions keep their order; the candidate may receive more labels and send fewer.
    Synchronous,
    /// Sends may also go ahead of receives and of sends to others, and receives ahead of receives from others.
    Full,
}

impl SubtypeMode {
    /// All modes, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Conservative, Self::Synchronous, Self::Full];

    /// The mode's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conservative => "conservative",
            Self::Synchronous => "synchronous",
            Self::Full => "full",
        }
    }
}

/// How far [`SubtypeMode::Full`] looks before it says that it does not know. Pairs of which nothing is done ahead are not
/// limited, so the limits never make it narrower than the other modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubtypeLimits {
    /// How many actions, one after the other, something may be done ahead of.
    pub anticipation: usize,
    /// How many pairs with something done ahead are looked at.
    pub pairs: usize,
    /// How many steps are made to find what is done ahead.
    pub steps: usize,
}

impl SubtypeLimits {
    /// The limits that questions have unless they are given others: 16 actions, 4,096 pairs, 262,144 steps.
    pub const DEFAULT: Self = Self { anticipation: 16, pairs: 1 << 12, steps: 1 << 18 };
}

impl Default for SubtypeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The automata of a candidate and those of what is expected, in one numbering. Made once, it answers about any pair of
/// their states.
#[derive(Clone, Debug)]
pub struct Subtyping {
    pub(super) names: Alphabet,
    pub(super) candidate: Vec<Node>,
    pub(super) expected: Vec<Node>,
    /// The expected states by what they are.
    pub(super) known: BTreeMap<Node, u32>,
    pub(super) limits: SubtypeLimits,
}

impl Subtyping {
    /// Makes two sides comparable: time and space linear in both, but for the searching of names.
    pub fn new(candidate: &TypeTables<'_>, expected: &TypeTables<'_>) -> Result<Self, TypeTablesError> {
        let mut names = Alphabet::default();
        let candidate = names.resolve(candidate)?;
        let expected = names.resolve(expected)?;
        let mut known = BTreeMap::new();
        for (at, node) in expected.iter().enumerate() {
            let at = u32::try_from(at).map_err(|_| TypeTablesError::TooLarge)?;
            known.entry(node.clone()).or_insert(at);
        }
        Ok(Self { names, candidate, expected, known, limits: SubtypeLimits::DEFAULT })
    }

    /// The same with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: SubtypeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// May a role in the `candidate` state go on where the `expected` state is expected of it?
    ///
    /// The numbers are those of each side's own tables. Whose states they are is not asked: partners count, not the
    /// role's own name.
    pub fn decide(&self, mode: SubtypeMode, candidate: StateId, expected: StateId) -> Result<Verdict, TypeTablesError> {
        for (state, nodes) in [(candidate, &self.candidate), (expected, &self.expected)] {
            if state.index() >= nodes.len() {
                return Err(TypeTablesError::NoState { number: state.0, states: nodes.len() });
            }
        }
        Ok(match mode {
            SubtypeMode::Full => anticipate(self, candidate.0, expected.0),
            _ => lockstep(self, mode, candidate.0, expected.0),
        })
    }
}
