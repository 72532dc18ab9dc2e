//! Two sides in one numbering: partners, and letters (a label's name with its sort) by what they say.

use super::tables::{TypeTables, TypeTablesError};
use super::verdict::{Message, Way};
use crate::{Action, Planted, Sort, SortId, SortTable, StatePart, planted};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

/// The most characters of a sort's text. A product names earlier rows twice, so its text can be endless.
const SORT_TEXT: usize = 80;

/// What a state does: ends, or sends to or receives from a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    End,
    Send(u32),
    Recv(u32),
}

/// A message as (letter, where it leads).
pub(super) type Branch = (u32, u32);

/// One state: what it does, and its branches sorted by letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) act: Act,
    pub(super) branches: Vec<Branch>,
}

impl Node {
    /// Where the letter leads, if the state has it.
    pub(super) fn after(&self, letter: u32) -> Option<u32> {
        self.branches.binary_search_by_key(&letter, |branch| branch.0).ok().map(|at| self.branches[at].1)
    }
}

/// The names behind the common numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Alphabet {
    partners: Vec<String>,
    /// A label's name and the text of its sort.
    letters: Vec<(String, String)>,
    partner_index: BTreeMap<String, u32>,
    letter_index: BTreeMap<(String, u32), u32>,
    /// Sorts by structure; a product by the common numbers of its parts.
    sort_index: BTreeMap<(u8, u32, u32), u32>,
}

/// Text that stops growing.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > SORT_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

fn number(count: usize) -> Result<u32, TypeTablesError> {
    u32::try_from(count).map_err(|_| TypeTablesError::TooLarge)
}

fn row<'t, T>(
    table: &'t [T],
    wanted: &'static str,
    number: impl Into<u64>,
    what: &'static str,
    at: usize,
) -> Result<&'t T, TypeTablesError> {
    let number = number.into();
    let missing = TypeTablesError::Missing { what, at, wanted, number };
    usize::try_from(number).ok().and_then(|row| table.get(row)).ok_or(missing)
}

impl Alphabet {
    fn sorts(&mut self, rows: &[Sort]) -> Result<Vec<u32>, TypeTablesError> {
        let mut numbers: Vec<u32> = Vec::with_capacity(rows.len());
        for (at, sort) in rows.iter().enumerate() {
            let key = match sort {
                Sort::Unit => (0, 0, 0),
                Sort::Nat => (1, 0, 0),
                Sort::Bool => (2, 0, 0),
                Sort::String => (3, 0, 0),
                Sort::Real => (4, 0, 0),
                Sort::Vector(length) => (5, *length, 0),
                Sort::Prod(a, b) => {
                    let part = |part: u16| row(&numbers, "earlier sort", part, "sort", at).copied();
                    (6, part(*a)?, part(*b)?)
                }
            };
            let next = number(self.sort_index.len())?;
            numbers.push(*self.sort_index.entry(key).or_insert(next));
        }
        Ok(numbers)
    }

    fn letters(&mut self, tables: &TypeTables<'_>) -> Result<Vec<u32>, TypeTablesError> {
        let sorts = self.sorts(tables.sorts)?;
        // For the texts alone; the rows were just looked at, and a table that is refused here has a row twice.
        let texts = SortTable::from_rows(tables.sorts.to_vec());
        let mut numbers = Vec::with_capacity(tables.labels.len());
        for (at, (name, sort)) in tables.labels.iter().enumerate() {
            let common = *row(&sorts, "sort", *sort, "label", at)?;
            let key = (name.to_string(), if planted(Planted::SubtypeAnySort) { 0 } else { common });
            if let Some(known) = self.letter_index.get(&key) {
                numbers.push(*known);
                continue;
            }
            let mut text = Short(String::new());
            let written = texts.as_ref().map(|table| write!(text, "{}", table.display(SortId(*sort))));
            if !matches!(written, Some(Ok(()))) {
                text.0.push('…');
            }
            let next = number(self.letters.len())?;
            self.letters.push((name.to_string(), text.0));
            self.letter_index.insert(key, next);
            numbers.push(next);
        }
        Ok(numbers)
    }

    fn partner(&mut self, name: &str) -> Result<u32, TypeTablesError> {
        if let Some(known) = self.partner_index.get(name) {
            return Ok(*known);
        }
        let next = number(self.partners.len())?;
        self.partners.push(name.to_string());
        self.partner_index.insert(name.to_string(), next);
        Ok(next)
    }

    /// The states of one side in the common numbering, each checked.
    pub(super) fn resolve(&mut self, tables: &TypeTables<'_>) -> Result<Vec<Node>, TypeTablesError> {
        let letters = self.letters(tables)?;
        let mut partners = Vec::with_capacity(tables.roles.len());
        for role in &tables.roles {
            partners.push(self.partner(role)?);
        }
        let states = tables.states.iter().enumerate();
        states.map(|(at, state)| node(at, state, tables, &partners, &letters)).collect()
    }

    /// The role at the other end.
    pub(super) fn partner_of(&self, act: Act) -> String {
        match act {
            Act::Send(partner) | Act::Recv(partner) => self.partners[partner as usize].clone(),
            Act::End => String::new(),
        }
    }

    /// A message by names.
    pub(super) fn message(&self, act: Act, letter: u32) -> Message {
        let (label, sort) = self.letters[letter as usize].clone();
        let way = if matches!(act, Act::Send(_)) { Way::Send } else { Way::Receive };
        Message { way, partner: self.partner_of(act), label, sort }
    }

    /// The first message that a state has; states that do not end have one.
    pub(super) fn first(&self, node: &Node) -> Option<Message> {
        node.branches.first().map(|branch| self.message(node.act, branch.0))
    }
}

fn node(
    at: usize,
    state: &StatePart,
    tables: &TypeTables<'_>,
    partners: &[u32],
    letters: &[u32],
) -> Result<Node, TypeTablesError> {
    let edge = |edge: u16| row(tables.edges, "edge", edge, "state", at);
    let other = |own: u16, role: u16| match own == state.role {
        true => row(partners, "role", role, "state", at).copied(),
        false => Err(TypeTablesError::ForeignEdge { at }),
    };
    let act = match state.action {
        Action::End => Act::End,
        Action::Send(number) => edge(number).and_then(|edge| other(edge.sender, edge.receiver)).map(Act::Send)?,
        Action::Recv(number) => edge(number).and_then(|edge| other(edge.receiver, edge.sender)).map(Act::Recv)?,
    };
    if (act == Act::End) != state.branches.is_empty() {
        return Err(TypeTablesError::Labels { at });
    }
    let mut branches = Vec::with_capacity(state.branches.len());
    for branch in &state.branches {
        row(tables.states, "state", branch.next, "state", at)?;
        branches.push((*row(letters, "label", branch.label, "state", at)?, branch.next));
    }
    branches.sort_unstable();
    let distinct: BTreeSet<u32> = branches.iter().map(|branch| branch.0).collect();
    if distinct.len() != branches.len() {
        return Err(TypeTablesError::LabelTwice { at });
    }
    Ok(Node { act, branches })
}
