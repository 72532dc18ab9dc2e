//! Payload sorts: what the messages of a protocol carry.

use crate::{SortId, ValType};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use rkyv::{Archive, Deserialize, Serialize};

/// One sort. Compound sorts name earlier rows of their [`SortTable`], so a sort never contains itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Archive, Serialize, Deserialize)]
pub enum Sort {
    /// No payload.
    Unit,
    /// A natural number below 2^64.
    Nat,
    /// A truth value.
    Bool,
    /// Text; also the carrier of every sort the machine has no words for.
    String,
    /// A real number, carried as its JSON text.
    Real,
    /// A vector of the given length, carried as its JSON text.
    Vector(u32),
    /// A pair of two earlier sorts.
    Prod(u16, u16),
}

/// The interned sorts of one protocol. Equal sorts have equal ids.
#[derive(Clone, Debug, PartialEq, Eq, Default, Archive, Serialize, Deserialize)]
pub struct SortTable {
    rows: Vec<Sort>,
}

impl SortTable {
    /// An empty table.
    pub const fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// The id of `sort`, added when new; `None` when the table is full or `sort` names a row that does not exist.
    pub fn intern(&mut self, sort: Sort) -> Option<SortId> {
        if let Sort::Prod(a, b) = sort
            && usize::from(a.max(b)) >= self.rows.len()
        {
            return None;
        }
        let at = match self.rows.iter().position(|row| *row == sort) {
            Some(at) => at,
            None => {
                self.rows.push(sort);
                self.rows.len() - 1
            }
        };
        u16::try_from(at).ok().map(SortId)
    }

    /// Rows as given, checked: compound rows name earlier rows, no row stands twice, and every row has an id.
    pub fn from_rows(rows: Vec<Sort>) -> Option<Self> {
        if rows.len() > 1 << 16 {
            return None;
        }
        let mut seen = BTreeSet::new();
        for (at, row) in rows.iter().enumerate() {
            let made_of_earlier = match row {
                Sort::Prod(a, b) => usize::from(*a.max(b)) < at,
                _ => true,
            };
            if !made_of_earlier || !seen.insert(*row) {
                return None;
            }
        }
        Some(Self { rows })
    }

    /// The rows in order of their ids.
    pub fn rows(&self) -> &[Sort] {
        &self.rows
    }

    /// The sort behind an id.
    pub fn get(&self, id: SortId) -> Option<Sort> {
        self.rows.get(id.index()).copied()
    }

    /// How the machine carries a sort.
    pub fn val_type(&self, id: SortId) -> Option<ValType> {
        Some(match self.get(id)? {
            Sort::Unit => ValType::Unit,
            Sort::Nat => ValType::Nat,
            Sort::Bool => ValType::Bool,
            Sort::String | Sort::Real | Sort::Vector(_) => ValType::Str,
            Sort::Prod(..) => ValType::Prod,
        })
    }

    /// Text of a sort for people: `nat`, `(nat, string)`, `vector[3]`.
    pub fn display(&self, id: SortId) -> DisplaySort<'_> {
        DisplaySort { table: self, id }
    }
}

/// See [`SortTable::display`].
pub struct DisplaySort<'a> {
    table: &'a SortTable,
    id: SortId,
}

impl fmt::Display for DisplaySort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |id| DisplaySort { table: self.table, id: SortId(id) };
        match self.table.get(self.id) {
            None => f.write_str("?"),
            Some(Sort::Unit) => f.write_str("unit"),
            Some(Sort::Nat) => f.write_str("nat"),
            Some(Sort::Bool) => f.write_str("bool"),
            Some(Sort::String) => f.write_str("string"),
            Some(Sort::Real) => f.write_str("real"),
            Some(Sort::Vector(n)) => write!(f, "vector[{n}]"),
            Some(Sort::Prod(a, b)) => write!(f, "({}, {})", part(a), part(b)),
        }
    }
}
