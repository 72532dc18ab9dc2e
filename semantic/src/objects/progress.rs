//! Progress contracts and what became of them.

use crate::rules::ProgressState;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// How an operation gets on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProgressContract {
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// Where it stands.
    pub state: ProgressState,
    /// The place of its last effect among all effects.
    pub last_ordering_key: Option<u64>,
    /// Whether it has a budget.
    pub bounded: bool,
    /// The budget.
    pub budget_ticks: Option<u64>,
    /// When it last got on.
    pub last_progress_tick: Option<u64>,
    /// When it was last escalated.
    pub escalated_at_tick: Option<u64>,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

/// One change of a progress contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProgressTransition {
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// Before.
    pub from_state: ProgressState,
    /// After.
    pub to_state: ProgressState,
    /// When.
    pub tick: u64,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}
