//! Project tasks: full lanes, generated documents, and the rules of the house as checks.
//!
//! The tasks are a library so that `cargo test` can hold the tree against the same rules.

pub mod bars;
pub mod claims;
pub mod fuzz;
pub mod instructions;
pub mod isa;
pub mod lanes;
pub mod performance_gate;
pub mod prove;
pub mod reference_faults;
pub mod smt;
pub mod tidy;
pub mod wrappers;

use std::path::PathBuf;

/// The workspace's top folder: where the package stands that cargo runs, and not where it stood when it was compiled.
pub fn top() -> PathBuf {
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
