//! Project tasks: full lanes, generated documents, and the rules of the house as checks.
//!
//! The tasks are a library so that `cargo test` can hold the tree against the same rules.

pub mod isa;
pub mod lanes;
pub mod tidy;

use std::path::PathBuf;

/// The workspace's top folder.
pub fn top() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
