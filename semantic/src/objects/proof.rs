//! Proofs of outputs, and the handles that stand for what was proved.

use crate::names::names;
use alloc::string::String;
use serde::{Deserialize, Serialize};

names! {
    /// What a handle stands for.
    CanonicalHandleKind {
        /// A proved output.
        Materialization "materialization",
        /// A committed handoff.
        Handoff "handoff",
    }
}

/// A check of an output against its predicate. Its id is `materialization:<predicate>:<digest>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MaterializationProof {
    /// Its id.
    pub proof_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The predicate.
    pub predicate_ref: String,
    /// The authoritative read on which it rests.
    pub witness_ref: Option<String>,
    /// The digest of exactly the outputs that were checked.
    pub output_digest: String,
    /// Whether it passed.
    pub passed: bool,
}

/// What others may hold on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CanonicalHandle {
    /// Its id: that of the proof or of the handoff operation.
    pub handle_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// What it stands for.
    pub kind: CanonicalHandleKind,
    /// The proof; needed for a materialisation.
    pub proof_ref: Option<String>,
}
