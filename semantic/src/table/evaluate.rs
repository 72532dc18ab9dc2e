//! Executing a table.

use super::{Formula, Machine, Term};
use crate::planted::{planted, skipped};

/// Why an event was not taken. The state is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A need does not hold; the position of its refusal in [`Machine::refusals`].
    Need(usize),
    /// A field would leave its range.
    Exhausted,
    /// The machine has no such event.
    NoEvent,
}

/// What terms are read from. Sums are taken in 128 bits, so no sum of two wraps.
pub(super) struct Scope<'a> {
    pub(super) before: &'a [u64],
    pub(super) given: &'a [u64],
    pub(super) after: &'a [u64],
}

impl Scope<'_> {
    pub(super) fn term(&self, term: &Term) -> u128 {
        let at = |words: &[u64], index: usize| words.get(index).copied().map_or(0, u128::from);
        match *term {
            Term::Field(index) => at(self.before, index),
            Term::Given(index) => at(self.given, index),
            Term::Number(number) => u128::from(number),
            Term::Plus(left, right) => self.term(left).saturating_add(self.term(right)),
            Term::Minus(left, right) => self.term(left).saturating_sub(self.term(right)),
            Term::Larger(left, right) => self.term(left).max(self.term(right)),
            Term::Mapped(term, map) => usize::try_from(self.term(term)).map_or(0, |index| at(map, index)),
            Term::After(term) => Scope { before: self.after, ..*self }.term(term),
        }
    }

    pub(super) fn holds(&self, formula: &Formula) -> bool {
        match formula {
            Formula::Equal(left, right) => self.term(left) == self.term(right),
            Formula::Differ(left, right) => self.term(left) != self.term(right),
            Formula::AtMost(left, right) if planted("table-at-most-is-below") => self.term(left) < self.term(right),
            Formula::AtMost(left, right) => self.term(left) <= self.term(right),
            Formula::Below(left, right) => self.term(left) < self.term(right),
            Formula::OneOf(term, list) => {
                let value = self.term(term);
                list.iter().any(|&one| u128::from(one) == value)
            }
            Formula::Not(formula) => !self.holds(formula),
            Formula::All(list) => list.iter().all(|formula| self.holds(formula)),
            Formula::Any(list) => list.iter().any(|formula| self.holds(formula)),
            Formula::Implies(first, second) => !self.holds(first) || self.holds(second),
        }
    }
}

impl Machine {
    /// Takes the event at this position: writes the state after it to `after`, which must have as many words as
    /// `before`. When it is refused, `after` says nothing.
    ///
    /// # Errors
    /// The first need that does not hold, a field that would leave its range, or an event that the machine does not
    /// have.
    pub fn apply(&self, before: &[u64], event: usize, given: &[u64], after: &mut [u64]) -> Result<(), Refused> {
        let (row, event) = (event, self.events.get(event).ok_or(Refused::NoEvent)?);
        let scope = Scope { before, given, after: &[] };
        let needs = event.needs.len() - usize::from(planted("table-skips-last-need") && !event.needs.is_empty());
        for (at, need) in event.needs[..needs].iter().enumerate() {
            if !scope.holds(&need.holds) && !skipped(self, row, at) {
                return Err(Refused::Need(need.refusal));
            }
        }
        after.copy_from_slice(before);
        let sets = event.sets.len() - usize::from(planted("table-skips-last-set") && !event.sets.is_empty());
        for set in &event.sets[..sets] {
            let value = u64::try_from(scope.term(&set.to)).map_err(|_| Refused::Exhausted)?;
            if let Term::Field(index) = set.field {
                *after.get_mut(index).ok_or(Refused::Exhausted)? = value;
            }
        }
        Ok(())
    }

    /// Whether the machine may start in this state.
    pub fn may_start(&self, state: &[u64]) -> bool {
        Scope { before: state, given: &[], after: state }.holds(&self.initial)
    }

    /// The name of the first invariant that does not hold in this state.
    pub fn broken_invariant(&self, state: &[u64]) -> Option<&'static str> {
        let scope = Scope { before: state, given: &[], after: state };
        self.invariants.iter().find(|claim| !scope.holds(&claim.holds)).map(|claim| claim.name)
    }

    /// The name of the first law that this transition breaks.
    pub fn broken_law(&self, before: &[u64], given: &[u64], after: &[u64]) -> Option<&'static str> {
        let scope = Scope { before, given, after };
        self.laws.iter().find(|claim| !scope.holds(&claim.holds)).map(|claim| claim.name)
    }

    /// Whether the state is the one worth reaching.
    pub fn reached_goal(&self, state: &[u64]) -> bool {
        Scope { before: state, given: &[], after: state }.holds(&self.goal.0)
    }
}
