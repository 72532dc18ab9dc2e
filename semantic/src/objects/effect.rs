//! Effects: what was asked of the host, and what came of it.

use crate::names::names;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The retry policy of every effect: a result that comes late is refused.
pub const FORBID_LATE_RESULTS: &str = "forbid_late_results";

names! {
    /// Where an effect stands.
    OutstandingEffectStatus {
        /// It was asked.
        Pending "pending",
        /// The host cannot answer yet.
        Blocked "blocked",
        /// It was answered.
        Succeeded "succeeded",
        /// It failed.
        Failed "failed",
        /// It is not wanted any more.
        Cancelled "cancelled",
        /// A handoff took it away: a result that comes later is refused.
        Invalidated "invalidated",
    }
}

impl OutstandingEffectStatus {
    /// Whether the effect still waits for its result.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Blocked)
    }
}

/// One effect. Its id is that of the request to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutstandingEffect {
    /// Its id.
    pub effect_id: String,
    /// Its operation, `effect:<id>`.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// The interface, where the effect has one.
    pub effect_interface: Option<String>,
    /// The interface's operation.
    pub effect_operation: Option<String>,
    /// The effect kind.
    pub effect_kind: String,
    /// Who answers.
    pub handler_identity: String,
    /// Where it stands.
    pub status: OutstandingEffectStatus,
    /// Its place among all effects.
    pub ordering_key: u64,
    /// How many ticks it may take.
    pub budget_ticks: Option<u64>,
    /// Always [`FORBID_LATE_RESULTS`].
    pub retry_policy: String,
    /// `effect:<id>:live`.
    pub invalidation_token: String,
    /// When its result came.
    pub completed_at_tick: Option<u64>,
    /// What was asked.
    pub inputs: serde_json::Value,
    /// What came of it; null while it is open.
    pub outputs: serde_json::Value,
}
