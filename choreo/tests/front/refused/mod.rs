//! Every refusal: its code, its place, its words and its remedy.

mod flow;
mod grammar;
mod names;
mod unsupported;

/// The text of these tests, to see that none of the codes is missing.
pub(crate) const TESTS: &[&str] =
    &[include_str!("flow.rs"), include_str!("grammar.rs"), include_str!("names.rs"), include_str!("unsupported.rs")];
