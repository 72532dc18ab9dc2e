//! See docs/ARCHITECTURE.md.

mod emit;
mod local_json;
mod local_text;
mod merge;
mod project;
mod wellformed;

pub use emit::{EmitError, EmitOptions, emit, emit_with};
pub use local_json::{local_json, projection_json};
pub use local_text::{MAX_LOCAL_BYTES, TooLong, local_text};
pub use merge::MergeError;
pub use project::{Projection, ProjectionError, project};
pub use wellformed::{IllFormed, MAX_PAYLOAD_SCALARS, check};
