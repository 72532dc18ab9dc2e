//! What must hold of a global type for its roles to be able to follow it, one predicate at a time.

use crate::schema::documents;
use motet_choreo::{IllFormed, check, project};
use motet_types::GlobalType;

/// `motet_choreo::check` reports no more than this; behind it anything may be wrong.
const REPORTED: usize = 64;

documents! {
    /// The predicates.
    #[derive(Copy, Eq)]
    pub struct CoherenceBundle {
        /// Parts side by side share no role, so on every edge one role sends and one receives at a time.
        pub linear: bool,
        /// Every communication has a branch, and nothing is larger than the tables take.
        pub size: bool,
        /// Nobody sends to himself.
        pub action: bool,
        /// No two branches of a communication have one label, and no two names are one.
        pub unique_labels: bool,
        /// Every role has a local type.
        pub projectable: bool,
        /// All of these, and every loop is bound and does something.
        pub good: bool,
    }
}

impl CoherenceBundle {
    /// What holds of a global type. A type that is not well-formed has no projection.
    pub fn of(global: &GlobalType) -> Self {
        let errors = check(global).err().unwrap_or_default();
        let whole = errors.len() < REPORTED;
        let free = |of: fn(&IllFormed) -> bool| whole && !errors.iter().any(of);
        let projectable = errors.is_empty() && project(global).is_ok();
        let bundle = Self {
            linear: free(|error| matches!(error, IllFormed::SharedRole { .. } | IllFormed::OpenPart { .. })),
            size: free(|error| {
                matches!(
                    error,
                    IllFormed::NoBranches { .. } | IllFormed::TooMany { .. } | IllFormed::PayloadTooLarge { .. }
                )
            }),
            action: free(|error| matches!(error, IllFormed::SelfSend { .. })),
            unique_labels: free(|error| {
                matches!(
                    error,
                    IllFormed::LabelTwice { .. }
                        | IllFormed::DuplicateLabel { .. }
                        | IllFormed::DuplicateRole { .. }
                        | IllFormed::DuplicateVariable { .. }
                )
            }),
            projectable,
            good: false,
        };
        Self { good: errors.is_empty() && bundle.parts().iter().all(|(_, holds)| *holds), ..bundle }
    }

    /// The predicates besides `good`, by name.
    pub const fn parts(&self) -> [(&'static str, bool); 5] {
        [
            ("linear", self.linear),
            ("size", self.size),
            ("action", self.action),
            ("unique_labels", self.unique_labels),
            ("projectable", self.projectable),
        ]
    }
}
