//! Transition systems as data: one table, executed here, printed as documentation, and handed to solvers.
//!
//! A [`Machine`] has fields (numbers, flags, choices), events with needs and sets, and claims about itself. What the
//! protocol machine executes are the same rows from which the proof obligations are generated, so there is no second
//! description that could drift: [`Machine::apply`] walks them, and a declared state's `apply` has them made flat by the
//! compiler, which costs a few comparisons.

mod declare;
mod evaluate;
mod flat;
mod page;

pub(crate) use declare::machine;
pub use evaluate::Refused;
pub(crate) use flat::{Flat, FlatTerm};
pub use page::page;

/// What a field or an argument ranges over. In a table every value is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// 0 or 1.
    Flag,
    /// Any number.
    Count,
    /// A position in this list of names.
    Choice(&'static [&'static str]),
}

/// A field of a state, or an argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it ranges over.
    pub sort: Sort,
    /// What it is.
    pub doc: &'static str,
}

/// A number, as a function of a state and an event's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// The state's field at this position.
    Field(usize),
    /// The event's argument at this position.
    Given(usize),
    /// A literal.
    Number(u64),
    /// A sum. It is compared without wrapping; storing one that is too large is refused.
    Plus(&'static Term, &'static Term),
    /// A difference, and 0 where it would be negative.
    Minus(&'static Term, &'static Term),
    /// The larger of the two.
    Larger(&'static Term, &'static Term),
    /// The number at the position that the term says.
    Mapped(&'static Term, &'static [u64]),
    /// The term in the state after the event. Only laws use it.
    After(&'static Term),
}

/// Something that holds or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// Both are the same.
    Equal(Term, Term),
    /// They differ.
    Differ(Term, Term),
    /// The first is not greater.
    AtMost(Term, Term),
    /// The first is smaller.
    Below(Term, Term),
    /// The term is one of these.
    OneOf(Term, &'static [u64]),
    /// It does not hold.
    Not(&'static Formula),
    /// All hold.
    All(&'static [Formula]),
    /// One holds.
    Any(&'static [Formula]),
    /// The second holds where the first does.
    Implies(&'static Formula, &'static Formula),
}

/// What must hold for an event to be taken, and what is said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What must hold.
    pub holds: Formula,
    /// Position in [`Machine::refusals`].
    pub refusal: usize,
}

/// A field's new value. Fields without one stay.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// The field; always [`Term::Field`].
    pub field: Term,
    /// The value, computed from the state before.
    pub to: Term,
}

/// An event: when it is taken and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// What happened.
    pub doc: &'static str,
    /// Its arguments.
    pub given: &'static [Field],
    /// Asked in order; the first that does not hold refuses.
    pub needs: &'static [Need],
    /// What changes; no field twice.
    pub sets: &'static [Set],
}

/// How to break a machine so that a claim no longer holds: the claim depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Leave out this event's need, by position.
    Need(&'static str, usize),
    /// In this event, set this field to this term; to itself, where it is to stay as it was.
    Put(&'static str, Term, Term),
}

/// Something that is claimed of every reachable state, or of every transition.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its name.
    pub name: &'static str,
    /// What it says, for people.
    pub doc: &'static str,
    /// What it says.
    pub holds: Formula,
    /// The smallest change that makes it false.
    pub breaks: Break,
}

/// A transition system.
#[derive(Debug)]
pub struct Machine {
    /// Its name.
    pub name: &'static str,
    /// What it rules.
    pub doc: &'static str,
    /// The fields of a state.
    pub fields: &'static [Field],
    /// How it may start.
    pub initial: Formula,
    /// The events.
    pub events: &'static [Event],
    /// Names and texts of the refusals.
    pub refusals: &'static [(&'static str, &'static str)],
    /// What holds in every reachable state; together they are inductive.
    pub invariants: &'static [Claim],
    /// What holds of every transition from a state in which the invariants hold.
    pub laws: &'static [Claim],
    /// A state worth reaching, and the number of events of the shortest way: shows that the claims are not vacuous.
    pub goal: (Formula, usize),
    /// What the protocol machine executes, over numbers: as [`Machine::apply`], and none where a number is not a value.
    pub execute: Execute,
}

/// Takes the event at a position with these arguments: writes the state after it.
pub type Execute = fn(before: &[u64], event: usize, given: &[u64], after: &mut [u64]) -> Option<Result<(), Refused>>;

/// A value that can stand in a table.
pub trait Word: Copy {
    /// What it ranges over.
    const SORT: Sort;
    /// The value as a number.
    fn word(self) -> u64;
    /// The value of a number, if there is one.
    fn from_word(word: u64) -> Option<Self>;
}

impl Word for u64 {
    const SORT: Sort = Sort::Count;

    fn word(self) -> u64 {
        self
    }

    fn from_word(word: u64) -> Option<Self> {
        Some(word)
    }
}

impl Word for bool {
    const SORT: Sort = Sort::Flag;

    fn word(self) -> u64 {
        u64::from(self)
    }

    fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}
