//! Regions: what belongs to one session.

use super::OwnershipScope;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Everything that belongs to a session. Its id is `session:<number>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Region {
    /// Its id.
    pub region_id: String,
    /// The session.
    pub session: u64,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// What the owner owns.
    pub scope: OwnershipScope,
    /// Its operations, sorted.
    pub operation_ids: Vec<String>,
    /// Its effects, sorted.
    pub effect_ids: Vec<String>,
    /// Its authoritative reads, sorted.
    pub authoritative_read_ids: Vec<String>,
    /// Its handles, sorted.
    pub handle_ids: Vec<String>,
    /// Its publications, sorted.
    pub publication_ids: Vec<String>,
}
