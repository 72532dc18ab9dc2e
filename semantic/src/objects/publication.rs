//! Publications: what became visible, to whom, and on what proof.

use crate::names::names;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// All publications that there are.
pub const PUBLICATIONS: &[&str] = &[
    "effect.blocked",
    "effect.succeeded",
    "effect.failed",
    "effect.cancelled",
    "effect.invalidated",
    "effect.no_progress",
    "effect.degraded",
    "effect.timed_out",
    "handoff.committed",
    "materialization.succeeded",
    "materialization.failed",
];

names! {
    /// Who may see a publication.
    PublicationObserverClass {
        /// Everybody: it is the truth about the operation.
        Canonical "canonical",
        /// Auditors: it is how it came about.
        Audit "audit",
    }

    /// What became of a publication.
    PublicationStatus {
        /// It is out.
        Published "published",
        /// It was turned down.
        Rejected "rejected",
    }
}

/// One publication. Its id is `<operation>:<publication>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublicationEvent {
    /// Its id.
    pub publication_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The operation.
    pub operation_id: String,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// One of [`PUBLICATIONS`].
    pub publication: String,
    /// Who may see it.
    pub observer_class: PublicationObserverClass,
    /// What became of it.
    pub status: PublicationStatus,
    /// The proof on which it rests.
    pub proof_ref: Option<String>,
    /// The handle of what was proved.
    pub handle_ref: Option<String>,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

impl PublicationEvent {
    /// Whether this is the truth about its operation.
    pub fn is_canonical(&self) -> bool {
        self.observer_class == PublicationObserverClass::Canonical && self.status == PublicationStatus::Published
    }
}
