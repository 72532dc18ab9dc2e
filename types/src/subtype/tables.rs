//! One side of a comparison: automata, and the names that their numbers stand for.

use crate::{Automata, EdgePart, ImageParts, Names, Sort, StatePart};
use alloc::vec::Vec;

/// Automata as an image has them, with the names of roles, labels and sorts.
#[derive(Clone, Debug)]
pub struct TypeTables<'a> {
    pub(super) roles: Vec<&'a str>,
    /// Names, and the row of the payload's sort.
    pub(super) labels: Vec<(&'a str, u16)>,
    pub(super) sorts: &'a [Sort],
    pub(super) edges: &'a [EdgePart],
    pub(super) states: &'a [StatePart],
}

/// Why tables hold no automata. A verified image never has any of these faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeTablesError {
    /// A row names a row of another table that is not there.
    #[error("{what} {at} names {wanted} {number}, which does not exist; verify the image first")]
    Missing {
        /// The kind of the row that names.
        what: &'static str,
        /// The row that names.
        at: usize,
        /// The kind of the row that is named.
        wanted: &'static str,
        /// The row that is named.
        number: u64,
    },
    /// A state acts on an edge at which its role does not stand.
    #[error("state {at} acts on an edge of other roles; verify the image first")]
    ForeignEdge {
        /// The state.
        at: usize,
    },
    /// A state that sends or receives has no label, or one that ends has some.
    #[error("state {at} has an action that does not fit its number of labels; verify the image first")]
    Labels {
        /// The state.
        at: usize,
    },
    /// A state has one label twice, so what follows it is not determined.
    #[error("state {at} has one label twice; verify the image first")]
    LabelTwice {
        /// The state.
        at: usize,
    },
    /// The question is about a state that is not there.
    #[error("there is no state {number}: the automata have {states} states")]
    NoState {
        /// The state asked about.
        number: u32,
        /// How many there are.
        states: usize,
    },
    /// More rows than numbers.
    #[error("the two tables have too many rows together")]
    TooLarge,
}

impl<'a> From<&'a ImageParts> for TypeTables<'a> {
    fn from(parts: &'a ImageParts) -> Self {
        Self {
            roles: parts.roles.iter().map(|role| role.name.as_str()).collect(),
            labels: parts.labels.iter().map(|label| (label.name.as_str(), label.sort)).collect(),
            sorts: &parts.sorts,
            edges: &parts.edges,
            states: &parts.states,
        }
    }
}

impl<'a> TypeTables<'a> {
    /// Automata that are not in an image yet, under the names that they were made with.
    pub fn of_automata(automata: &'a Automata, names: &'a Names) -> Self {
        Self {
            roles: names.roles.iter().map(alloc::string::String::as_str).collect(),
            labels: names.labels.iter().map(|label| (label.name.as_str(), label.sort.0)).collect(),
            sorts: names.sorts.rows(),
            edges: &automata.edges,
            states: &automata.states,
        }
    }
}
