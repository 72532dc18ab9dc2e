//! Choreographies: text or JSON to a global type, and from there to sealed images.
//!
//! [`load`] reads either form. Every refusal is a [`Diagnostic`] with its place, and a source's refusals come
//! together as [`Diagnostics`]. Nothing here panics or recurses without a bound, whatever the input.

// The front: source to global type.
mod arena;
mod code;
mod cursor;
mod decision;
mod declaration;
mod diagnostic;
mod global_text;
mod json_reader;
mod json_tree;
mod json_writer;
mod lexer;
mod load;
mod lower;
mod payload;
mod refused;
mod report;
mod roles;
mod rules;
mod sorts;
mod source;
mod statement;
mod suggest;
pub mod syntax;
mod uses;

// The back: global type to local types and images.
mod compile;
mod emit;
mod local_json;
mod local_text;
mod merge;
mod project;
mod wellformed;

pub use arena::MAX_NODES;
pub use code::Code;
pub use compile::{CompileError, check_and_project, compile, compile_with};
pub use cursor::MAX_NESTING;
pub use diagnostic::{Diagnostic, Diagnostics, Located, MAX_DIAGNOSTICS};
pub use emit::{EmitError, EmitOptions, emit, emit_with};
pub use global_text::GlobalText;
pub use json_reader::MAX_JSON_DEPTH;
pub use json_writer::{JsonError, global_to_json};
pub use load::{load, lower, parse};
pub use local_json::{local_json, projection_json};
pub use local_text::{MAX_LOCAL_BYTES, TooLong, local_text};
pub use merge::MergeError;
pub use project::{Projection, ProjectionError, project};
pub use roles::MAX_ROLES;
pub use source::{Format, MAX_SOURCE_BYTES, Source, SourceError, Span};
pub use wellformed::{IllFormed, MAX_PAYLOAD_SCALARS, check};
