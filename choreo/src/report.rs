//! Refusals while they are being collected. A hostile file can earn millions; only the first are worth their cost.

use crate::suggest::nearest;
use crate::{Diagnostic, MAX_DIAGNOSTICS};

/// More than are shown, because they come in the order of the passes and are shown in the order of their places.
const MAX_COLLECTED: usize = 10 * MAX_DIAGNOSTICS;

/// Refusals of one source.
#[derive(Debug)]
pub(crate) struct Report {
    list: Vec<Diagnostic>,
    room: usize,
}

impl Report {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { list: Vec::new(), room: MAX_COLLECTED }
    }

    /// Takes none: for questions whose answer is reported elsewhere.
    pub(crate) const fn silent() -> Self {
        Self { list: Vec::new(), room: 0 }
    }

    /// Adds a refusal while there is room.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.takes() {
            self.room -= 1;
            self.list.push(diagnostic);
        }
    }

    /// Whether nothing was refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there is room for another; if not, it need not be put into words.
    pub(crate) const fn takes(&self) -> bool {
        self.room > 0
    }

    /// The refusal added last.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Diagnostic> {
        self.list.last_mut()
    }

    /// The refusals.
    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    /// As [`nearest`], for a refusal that will be shown; comparing names costs too much for any other.
    pub(crate) fn near<'a>(&self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        if self.list.len() < MAX_DIAGNOSTICS && self.takes() { nearest(name, known) } else { None }
    }
}
