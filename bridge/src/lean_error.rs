//! Errors as runners state them.

use crate::schema::{BridgeVersion, documents};
use std::fmt;

documents! {
    /// What a runner says is wrong, with a document or with a run.
    #[derive(Eq)]
    pub struct LeanStructuredError {
        /// A stable name.
        pub code: String,
        /// The place in the document that was sent; none where it is the whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub path: Option<String>,
        /// What is wrong, for people.
        pub message: String,
    }

    /// A runner's refusal: what stands in place of an answer.
    #[derive(Eq)]
    pub struct RefusalReply {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// Why.
        pub error: LeanStructuredError,
    }
}

impl fmt::Display for LeanStructuredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_deref().filter(|path| !path.is_empty()) {
            Some(path) => write!(f, "{}: {} ({path})", self.code, self.message),
            None => write!(f, "{}: {}", self.code, self.message),
        }
    }
}
