//! Which spans are open at one place of a log, or of anything else that pairs beginnings and ends by identifier.

use std::collections::HashMap;
use std::hash::Hash;

/// The open ones, each with the place where it began. Everything takes constant time; memory is that of the open ones.
#[derive(Clone, Debug)]
pub(crate) struct OpenSet<Id, At> {
    since: HashMap<Id, At>,
}

impl<Id: Copy + Eq + Hash + Ord, At: Copy + Ord> OpenSet<Id, At> {
    pub(crate) fn new() -> Self {
        Self { since: HashMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.since.len()
    }

    /// Answers false when one of that name is open already.
    pub(crate) fn open(&mut self, id: Id, at: At) -> bool {
        use std::collections::hash_map::Entry;
        match self.since.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(at);
                true
            }
        }
    }

    /// Where it began; none when it is not open.
    pub(crate) fn close(&mut self, id: &Id) -> Option<At> {
        self.since.remove(id)
    }

    /// All that are open, in the order in which they began.
    pub(crate) fn sorted(&self) -> Vec<(At, Id)> {
        let mut all: Vec<(At, Id)> = self.since.iter().map(|(id, at)| (*at, *id)).collect();
        all.sort_unstable();
        all
    }

    /// The one that has been open longest.
    pub(crate) fn oldest(&self) -> Option<(At, Id)> {
        self.since.iter().map(|(id, at)| (*at, *id)).min()
    }
}
