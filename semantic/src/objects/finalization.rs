//! Finalisation paths: how each operation became the truth, or did not. A view of the other objects.

use crate::rules::{FinalizationReadClass, FinalizationStage};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The way of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FinalizationPath {
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// What kinds of reads it rests on.
    pub read_class: FinalizationReadClass,
    /// How far it has got.
    pub stage: FinalizationStage,
    /// Its observed reads, sorted.
    pub observed_read_ids: Vec<String>,
    /// Its authoritative reads, sorted.
    pub authoritative_read_ids: Vec<String>,
    /// Its proofs, sorted.
    pub proof_ids: Vec<String>,
    /// Its handles, sorted.
    pub canonical_handle_ids: Vec<String>,
    /// Its canonical publications, sorted.
    pub publication_ids: Vec<String>,
    /// Handoffs and upgrades that took it away, sorted.
    pub invalidated_by_handoff_ids: Vec<String>,
    /// Publications that were turned down, sorted.
    pub rejected_publication_ids: Vec<String>,
}
