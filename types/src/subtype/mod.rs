//! Subtyping of local types: may a role that follows one type (the candidate) stand where another (the expected) is
//! expected, without anybody who talks to it noticing?
//!
//! Types are automata and the question starts at any two states, so it can be asked in the middle of a session. Names
//! of roles, labels and sorts are resolved by what they say, because two images number them differently. `docs/subtyping.md`
//! says what each mode accepts and what is not promised.
//!
//! [`lockstep`] walks both automata together and decides the modes in which actions keep their order. [`anticipate`]
//! decides the full mode: the candidate may act earlier than expected, and what it has not done yet of what is
//! expected is a [`residual`].

mod anticipate;
mod lockstep;
mod pairs;
mod relation;
mod residual;
mod resolve;
mod tables;
mod verdict;

pub use relation::{SubtypeLimits, SubtypeMode, Subtyping};
pub use tables::{TypeTables, TypeTablesError};
pub use verdict::{Difference, Doubt, Message, Refusal, Verdict, Way};
