//! Operations: what was begun, and how it stands.

use crate::names::names;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

names! {
    /// Where an operation stands.
    OperationPhase {
        /// It was begun.
        Pending "pending",
        /// It waits.
        Blocked "blocked",
        /// It succeeded.
        Succeeded "succeeded",
        /// It failed.
        Failed "failed",
        /// It was cancelled.
        Cancelled "cancelled",
        /// It was given up.
        TimedOut "timed_out",
        /// It belongs to somebody else now.
        HandedOff "handed_off",
    }

    /// When others may see an operation.
    OperationVisibility {
        /// At once.
        Immediate "immediate",
        /// While it is pending.
        Pending "pending",
        /// Once it stands.
        BlockedUntilFinalized "blocked_until_finalized",
    }
}

impl OperationPhase {
    /// Whether the operation has ended.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Blocked)
    }
}

/// One operation. Its id is `effect:<id>`, `handoff:<id>` or `materialization:<predicate>:<digest>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationInstance {
    /// Its id.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// What it does: the effect kind, `handoff` or `materialization`.
    pub kind: String,
    /// Where it stands.
    pub phase: OperationPhase,
    /// Who answers for it.
    pub handler_identity: Option<String>,
    /// Its effects, sorted.
    pub effect_ids: Vec<String>,
    /// Operations that wait for it, sorted.
    pub dependent_operation_ids: Vec<String>,
    /// The publication that ended it: `effect.succeeded` and the like.
    pub terminal_publication: Option<String>,
    /// How many ticks it may take without progress.
    pub budget_ticks: Option<u64>,
    /// Whether its success needs a passed proof with its handle.
    pub requires_proof: bool,
}
