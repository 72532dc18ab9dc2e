//! From a global type to the parts of its image, in one call: check, project, emit, and add the global type itself,
//! so that whoever verifies the image can hold the roles' types against it.

use crate::{EmitError, EmitOptions, IllFormed, Projection, ProjectionError, check, emit_with, project};
use motet_types::{AutomatonError, GlobalType, ImageParts, global_parts};

/// Why a global type has no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is not well formed; all that is wrong with it.
    #[error("{}", join(.0))]
    IllFormed(Vec<IllFormed>),
    /// Some role cannot follow it; all that is wrong with it.
    #[error("{}", join(.0))]
    Projection(Vec<ProjectionError>),
    /// Its code does not fit the tables.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// Its graph does not fit the tables.
    #[error(transparent)]
    Graph(#[from] AutomatonError),
}

fn join<E: ToString>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Checks and projects a global type.
pub fn check_and_project(global: &GlobalType) -> Result<Projection, CompileError> {
    check(global).map_err(CompileError::IllFormed)?;
    project(global).map_err(CompileError::Projection)
}

/// The parts of a global type's image. They become an image by verification.
pub fn compile(global: &GlobalType) -> Result<ImageParts, CompileError> {
    compile_with(global, EmitOptions::default())
}

/// As [`compile`], with options.
pub fn compile_with(global: &GlobalType, options: EmitOptions) -> Result<ImageParts, CompileError> {
    let projection = check_and_project(global)?;
    let mut parts = emit_with(&projection, options)?;
    parts.global = global_parts(global, &mut parts.edges)?;
    Ok(parts)
}
