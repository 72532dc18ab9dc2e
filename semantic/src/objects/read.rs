//! Reads: with authority, and without.

use super::OutstandingEffectStatus;
use crate::names::names;
use alloc::string::String;
use serde::{Deserialize, Serialize};

names! {
    /// What an authoritative read is about.
    AuthoritativeReadKind {
        /// Readiness.
        Readiness "readiness",
        /// Cancellation.
        Cancellation "cancellation",
        /// A timeout.
        Timeout "timeout",
        /// An output condition.
        OutputCondition "output_condition",
    }

    /// Where an authoritative read stands.
    AuthoritativeReadLifecycle {
        /// Its witness was given out.
        Issued "issued",
        /// Its witness was used.
        Consumed "consumed",
        /// It was refused.
        Rejected "rejected",
        /// It was checked and holds.
        Verified "verified",
    }
}

impl AuthoritativeReadLifecycle {
    /// Whether something may rest on the read.
    pub const fn is_authority(self) -> bool {
        matches!(self, Self::Consumed | Self::Verified)
    }
}

/// A read on which a decision may rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthoritativeRead {
    /// Its id.
    pub read_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// What it is about.
    pub kind: AuthoritativeReadKind,
    /// Where it stands.
    pub lifecycle: AuthoritativeReadLifecycle,
    /// The predicate that was read.
    pub predicate_ref: Option<String>,
    /// The witness.
    pub witness_id: Option<u64>,
    /// The owner's generation.
    pub generation: Option<u64>,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

/// A read that tells something and decides nothing. It never becomes authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ObservedRead {
    /// Its id.
    pub read_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The effect by which it was read.
    pub effect_id: String,
    /// The interface.
    pub effect_interface: Option<String>,
    /// The interface's operation.
    pub effect_operation: Option<String>,
    /// Who answered.
    pub handler_identity: String,
    /// Where the effect stands.
    pub status: OutstandingEffectStatus,
}
