//! See docs/ARCHITECTURE.md.

pub mod generate;
