//! The pool under model checkers: the text of `threads/pool.rs`, compiled once more for each of them.
//!
//! `cargo test -p motet-runtime --features loom --test loom` explores every interleaving of small pools within a bound;
//! `cargo test -p motet-runtime --features shuttle --test shuttle` draws schedules of larger ones at random. What they
//! show, and what they leave out, is in `docs/concurrency.md`.

#[cfg(feature = "loom")]
pub mod loom;
#[cfg(feature = "shuttle")]
pub mod shuttle;
pub mod slip;
