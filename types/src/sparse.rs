//! A table with 64-bit row numbers that takes memory for the rows that are filled, and not for those between them.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

/// Rows kept together.
const ROWS: u64 = 64;

/// Some neighbouring rows, of which at least one is filled.
#[derive(Debug, Clone)]
struct Page<T> {
    filled: u32,
    rows: [T; ROWS as usize],
}

/// The table. A row that equals `empty` takes no room.
#[derive(Debug, Clone)]
pub struct Sparse<T> {
    empty: T,
    pages: BTreeMap<u64, Box<Page<T>>>,
}

impl<T: Copy + PartialEq> Sparse<T> {
    /// A table whose every row is `empty`.
    pub const fn new(empty: T) -> Self {
        Self { empty, pages: BTreeMap::new() }
    }

    /// Bytes that it holds; a node of the tree of pages is filled to about two thirds.
    pub fn bytes(&self) -> usize {
        self.pages.len() * (size_of::<(u64, Box<Page<T>>)>() * 3 / 2 + size_of::<Page<T>>())
    }

    /// A row.
    pub fn get(&self, at: u64) -> T {
        self.pages.get(&(at / ROWS)).map_or(self.empty, |page| page.rows[(at % ROWS) as usize])
    }

    /// A row that is filled, to be written. It must not become empty by that: see [`Sparse::set`].
    pub fn row_mut(&mut self, at: u64) -> Option<&mut T> {
        let row = &mut self.pages.get_mut(&(at / ROWS))?.rows[(at % ROWS) as usize];
        (*row != self.empty).then_some(row)
    }

    /// Writes a row; the last one of its page to become empty gives the page back.
    pub fn set(&mut self, at: u64, value: T) {
        self.replace(at, value);
    }

    /// The same, and answers what was there.
    pub fn replace(&mut self, at: u64, value: T) -> T {
        let row = (at % ROWS) as usize;
        match self.pages.entry(at / ROWS) {
            Entry::Vacant(_) if value == self.empty => self.empty,
            Entry::Vacant(place) => {
                let mut rows = [self.empty; ROWS as usize];
                rows[row] = value;
                place.insert(Box::new(Page { filled: 1, rows }));
                self.empty
            }
            Entry::Occupied(mut place) => {
                let page = place.get_mut();
                let before = core::mem::replace(&mut page.rows[row], value);
                page.filled -= u32::from(before != self.empty);
                page.filled += u32::from(value != self.empty);
                if page.filled == 0 {
                    place.remove();
                }
                before
            }
        }
    }

    /// The `count` rows from `at` on, which must lie in one page; none when all rows of the page are empty.
    pub fn group(&self, at: u64, count: usize) -> Option<&[T]> {
        let first = (at % ROWS) as usize;
        self.pages.get(&(at / ROWS))?.rows.get(first..first + count)
    }

    /// The filled rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, T)> {
        let pages = self.pages.iter();
        pages
            .flat_map(|(page, rows)| (page * ROWS..).zip(rows.rows.iter().copied()))
            .filter(|(_, value)| *value != self.empty)
    }
}
