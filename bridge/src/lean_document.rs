//! What the Lean validator is given and what it answers, in files.

use crate::schema::documents;
use serde_json::Value as Json;
use std::collections::BTreeMap;

documents! {
    /// The program that is validated against a choreography.
    pub struct LeanProgram {
        /// The role.
        pub role: String,
        /// Its local type, in the form of section 10.2.
        pub local_type: Json,
    }

    /// The validator's log.
    #[derive(Eq)]
    pub struct LeanLog {
        /// The role.
        pub role: String,
        /// Whether its program fits the choreography.
        pub status: LeanStatus,
        /// What there is to say about it.
        #[serde(default)]
        pub message: String,
    }

    /// How a validation ended.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "snake_case")]
    pub enum LeanStatus {
        /// It fits.
        Ok,
        /// It does not.
        Error,
    }

    /// One role's projection.
    pub struct LeanProjection {
        /// Whether there is one.
        pub success: bool,
        /// The role.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub role: Option<String>,
        /// It, in the form of section 10.2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub projection: Option<Json>,
        /// Why there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub error: Option<Json>,
    }

    /// All roles' projections.
    pub struct LeanProjections {
        /// Whether there are any.
        pub success: bool,
        /// They, by role.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub projections: Option<BTreeMap<String, Json>>,
        /// Why there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub error: Option<Json>,
    }

    /// The answer to a question with yes or no.
    pub struct LeanVerdict {
        /// Whether it could be decided.
        pub success: bool,
        /// The answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub result: Option<bool>,
        /// Why it could not be decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub error: Option<Json>,
    }

    /// Whether a local type is in the regular practical fragment, and what was seen of it.
    pub struct LeanFragment {
        /// Whether it could be decided.
        pub success: bool,
        /// The answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub result: Option<bool>,
        /// Whether it comes to a communication.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reaches_communication: Option<bool>,
        /// Whether it is well-formed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub well_formed: Option<bool>,
        /// What it begins with when it is unfolded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub full_unfold_head: Option<String>,
        /// Why it is not in the fragment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        /// Why it could not be decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub error: Option<Json>,
    }
}
