//! What a heap's runner is given and what it answers.

use crate::schema::{HeapParityVersion, documents};
use serde_json::Value as Json;

documents! {
    /// The account that a runner gives of the published fixture: section 10.3.
    pub struct HeapParityOutput {
        /// `heap_parity.v1`.
        pub schema_version: HeapParityVersion,
        /// The version of the encoding.
        pub heap_encoding_version: u64,
        /// The hash.
        pub hasher: String,
        /// The resource of the fixture, encoded and hashed.
        pub resource_fixture: Json,
        /// The heap of the fixture.
        pub heap_fixture: Json,
        /// Its operations carried out twice.
        pub replay: HeapReplay,
    }

    /// The operations of a fixture, carried out twice.
    pub struct HeapReplay {
        /// The heap that the first run led to.
        pub first_run: Json,
        /// The heap that the second run led to.
        pub second_run: Json,
        /// Whether they are one.
        pub stable: bool,
        /// Whether the active resources are the fixture's.
        pub active_ids_match_fixture: bool,
        /// Whether the consumed resources are the fixture's.
        pub consumed_ids_match_fixture: bool,
    }

    /// Operations to be carried out. Motet's own: `reference/README.md`.
    pub struct HeapQuestion {
        /// The operations, as `motet heap replay` takes them.
        pub operations: Vec<Json>,
        /// The active resource whose proof is wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub prove: Option<u64>,
    }

    /// Where operations led. Motet's own.
    #[derive(Eq)]
    pub struct HeapAccount {
        /// `heap_parity.v1`.
        pub schema_version: HeapParityVersion,
        /// The version of the encoding.
        pub heap_encoding_version: u64,
        /// The hash.
        pub hasher: String,
        /// The digests of the active resources' ids, in order.
        pub active_resource_ids_hex: Vec<String>,
        /// Of the consumed ones', in order.
        pub consumed_resource_ids_hex: Vec<String>,
        /// Of all that were allocated, in order of allocation.
        pub allocated_resource_ids_hex: Vec<String>,
        /// The root of the active resources.
        pub resource_root_hex: String,
        /// The root of the nullifiers.
        pub nullifier_root_hex: String,
        /// What commits to both and to the counter.
        pub commitment_hash_hex: String,
        /// The operation that was refused, which ends the list.
        pub refused: Option<HeapRefusal>,
        /// Whether a second run led to the same.
        pub stable: bool,
        /// The leaf that the proof is of; null where there is no such resource.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub proof_leaf_hex: Option<String>,
        /// The root that the proof leads to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub proof_root_hex: Option<String>,
        /// The proof, from the leaf up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub proof_path: Option<Vec<HeapProofStep>>,
        /// Whether it verifies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub proof_verifies: Option<bool>,
    }

    /// An operation that was refused.
    #[derive(Eq)]
    pub struct HeapRefusal {
        /// Which, from 0.
        pub operation: u64,
        /// Why: `not_found`, `already_consumed`, `already_exists`.
        pub code: String,
    }

    /// One step of a proof.
    #[derive(Eq)]
    pub struct HeapProofStep {
        /// On which side the sibling stands: `left` or `right`.
        pub direction: String,
        /// Its hash.
        pub sibling_hash_hex: String,
    }
}
