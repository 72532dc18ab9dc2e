//! Needs and sets made flat while the program is compiled: what is left of a small formula is a few comparisons of words.
//!
//! The formula stays what is meant; this is another way to execute it, and `tests/tables.rs` holds both against each other
//! over all events. What is not small is executed as it stands.

use super::evaluate::Scope;
use super::{Formula, Term};
use crate::planted::planted;

/// The comparisons of one formula.
const MOST: usize = 4;

/// A word: a field, an argument, or a number.
#[derive(Clone, Copy)]
pub(crate) enum Leaf {
    Field(usize),
    Given(usize),
    Number(u64),
}

/// How two words are compared.
#[derive(Clone, Copy)]
enum Compare {
    Equal,
    AtMost,
    Below,
    /// The bit of the first is set in the second.
    In,
}

/// One comparison, or its contrary.
#[derive(Clone, Copy)]
struct Test {
    left: Leaf,
    compare: Compare,
    right: Leaf,
    holds: bool,
}

/// A formula: some comparisons, of which all or one must hold; or the formula itself.
#[derive(Clone, Copy)]
pub(crate) struct Flat {
    tests: [Test; MOST],
    count: usize,
    all: bool,
    deep: Option<&'static Formula>,
}

/// What is set: something of two words, or the term itself.
#[derive(Clone, Copy)]
pub(crate) enum FlatTerm {
    Sum(Leaf, Leaf),
    Larger(Leaf, Leaf),
    Mapped(Leaf, &'static [u64]),
    Deep(&'static Term),
}

const fn leaf(term: &Term) -> Option<Leaf> {
    match *term {
        Term::Field(at) => Some(Leaf::Field(at)),
        Term::Given(at) => Some(Leaf::Given(at)),
        Term::Number(number) => Some(Leaf::Number(number)),
        _ => None,
    }
}

const fn bits(list: &[u64]) -> Option<u64> {
    let (mut at, mut bits) = (0, 0);
    while at < list.len() {
        if list[at] >= 64 {
            return None;
        }
        bits |= 1 << list[at];
        at += 1;
    }
    Some(bits)
}

const fn compared(left: &Term, compare: Compare, right: &Term, holds: bool) -> Option<Test> {
    match (leaf(left), leaf(right)) {
        (Some(left), Some(right)) => Some(Test { left, compare, right, holds }),
        _ => None,
    }
}

const fn test(formula: &Formula, holds: bool) -> Option<Test> {
    match formula {
        Formula::Equal(left, right) => compared(left, Compare::Equal, right, holds),
        Formula::Differ(left, right) => compared(left, Compare::Equal, right, !holds),
        Formula::AtMost(left, right) => compared(left, Compare::AtMost, right, holds),
        Formula::Below(left, right) => compared(left, Compare::Below, right, holds),
        Formula::OneOf(term, list) => match bits(list) {
            Some(bits) => compared(term, Compare::In, &Term::Number(bits), holds),
            None => None,
        },
        Formula::Not(formula) => match formula {
            // Once: a formula that is negated twice is not small.
            Formula::Not(_) => None,
            formula => test(formula, !holds),
        },
        _ => None,
    }
}

impl Flat {
    /// A formula, flat if it is small.
    pub(crate) const fn of(formula: &'static Formula) -> Self {
        let nothing = Test { left: Leaf::Number(0), compare: Compare::Equal, right: Leaf::Number(0), holds: true };
        let mut flat = Self { tests: [nothing; MOST], count: 0, all: true, deep: None };
        let list = match formula {
            Formula::All(list) => *list,
            Formula::Any(list) => {
                flat.all = false;
                *list
            }
            one => core::slice::from_ref(one),
        };
        while flat.count < list.len() {
            match test(&list[flat.count], true) {
                Some(test) if flat.count < MOST => flat.tests[flat.count] = test,
                _ => {
                    flat.deep = Some(formula);
                    return flat;
                }
            }
            flat.count += 1;
        }
        flat
    }

    /// Whether it holds of a state and an event's arguments.
    #[inline(always)]
    pub(crate) fn holds(&self, before: &[u64], given: &[u64]) -> bool {
        if let Some(formula) = self.deep {
            return Scope { before, given, after: &[] }.holds(formula);
        }
        let mut held = self.all;
        // Written out, so that what is known when this is compiled is known of each.
        macro_rules! tests {
            ($($at:literal)*) => {$(
                if $at < self.count {
                    let one = self.tests[$at].holds(before, given);
                    held = if self.all { held & one } else { held | one };
                }
            )*};
        }
        tests!(0 1 2 3);
        held
    }
}

impl Test {
    #[inline(always)]
    fn holds(&self, before: &[u64], given: &[u64]) -> bool {
        let (left, right) = (self.left.word(before, given), self.right.word(before, given));
        let holds = match self.compare {
            Compare::Equal => left == right,
            Compare::AtMost if planted("table-at-most-is-below") => left < right,
            Compare::AtMost => left <= right,
            Compare::Below => left < right,
            Compare::In => left < 64 && right >> left & 1 == 1,
        };
        holds == self.holds
    }
}

impl Leaf {
    #[inline(always)]
    fn word(self, before: &[u64], given: &[u64]) -> u64 {
        match self {
            Self::Field(at) => before.get(at).copied().unwrap_or(0),
            Self::Given(at) => given.get(at).copied().unwrap_or(0),
            Self::Number(number) => number,
        }
    }
}

impl FlatTerm {
    /// A term, flat if it is small.
    pub(crate) const fn of(term: &'static Term) -> Self {
        let (first, second) = match *term {
            Term::Plus(first, second) | Term::Larger(first, second) => (leaf(first), leaf(second)),
            Term::Mapped(of, _) => (leaf(of), leaf(of)),
            _ => (leaf(term), Some(Leaf::Number(0))),
        };
        match (term, first, second) {
            (Term::Larger(..), Some(first), Some(second)) => Self::Larger(first, second),
            (Term::Mapped(_, map), Some(of), _) => Self::Mapped(of, map),
            (_, Some(first), Some(second)) => Self::Sum(first, second),
            _ => Self::Deep(term),
        }
    }

    /// Its value, if that is a word.
    #[inline(always)]
    pub(crate) fn word(&self, before: &[u64], given: &[u64]) -> Option<u64> {
        match *self {
            Self::Sum(first, second) => first.word(before, given).checked_add(second.word(before, given)),
            Self::Larger(first, second) => Some(first.word(before, given).max(second.word(before, given))),
            Self::Mapped(of, map) => Some(map.get(of.word(before, given) as usize).copied().unwrap_or(0)),
            Self::Deep(term) => u64::try_from(Scope { before, given, after: &[] }.term(term)).ok(),
        }
    }
}
