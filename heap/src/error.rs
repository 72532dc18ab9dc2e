//! Why a heap operation was refused. A refused operation has changed nothing.

use core::fmt::Display;

use crate::resource::{ResourceKind, TooLarge};

/// A refused operation. `I` is the id type of the scheme: [`crate::ResourceId`] or [`crate::v1::ResourceId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeapError<I: Display = crate::ResourceId> {
    /// No resource has this id.
    #[error("no resource {0}")]
    NotFound(I),
    /// The resource was consumed before.
    #[error("resource {0} is already consumed")]
    AlreadyConsumed(I),
    /// A live resource has this id.
    #[error("resource {0} already exists")]
    AlreadyExists(I),
    /// The same id stands twice in one request.
    #[error("resource {0} is named twice in one request")]
    Duplicate(I),
    /// The resource is of another kind than asked for.
    #[error("resource {id} is a {found}, not a {expected}")]
    TypeMismatch {
        /// The resource.
        id: I,
        /// The kind asked for.
        expected: ResourceKind,
        /// The kind it has.
        found: ResourceKind,
    },
    /// A field is too long for its length prefix.
    #[error("resource too large: {0}")]
    TooLarge(#[from] TooLarge),
    /// The local counter that ids are made from has run out.
    #[error("no ids left in this source")]
    CounterExhausted,
}
