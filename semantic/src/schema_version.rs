//! Schema versions. Whoever reads a document asks first whether it is one that this build understands.

use alloc::string::{String, ToString};
use serde_json::Value as Json;

/// Trace events and what the Lean runners exchange.
pub const LEAN_BRIDGE_SCHEMA_VERSION: &str = "lean_bridge.v1";
/// Bundles of claims about a protocol.
pub const PROTOCOL_BUNDLE_SCHEMA_VERSION: &str = "protocol_bundle.v1";
/// Semantic objects.
pub const SEMANTIC_OBJECTS_SCHEMA_VERSION: &str = "protocol_machine.semantic_objects.v1";
/// Durability records: the write-ahead log of agreements, cached outcomes, recovery metadata.
pub const DURABILITY_SCHEMA_VERSION: &str = "telltale.machine.durability.v1";

/// A document of another schema, or of none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It does not say.
    #[error("schema_version is missing; this build reads `{expected}`")]
    Missing {
        /// What this build reads.
        expected: &'static str,
    },
    /// It says something else.
    #[error("schema_version is {found}; this build reads `{expected}`")]
    Unsupported {
        /// What the document says, as JSON.
        found: String,
        /// What this build reads.
        expected: &'static str,
    },
}

/// Refuses a document whose `schema_version` is not `expected`; one that has none is refused too.
pub fn ensure_supported_schema_version(document: &Json, expected: &'static str) -> Result<(), SchemaError> {
    match document.get("schema_version") {
        None => Err(SchemaError::Missing { expected }),
        Some(Json::String(found)) if found == expected => Ok(()),
        Some(other) => Err(SchemaError::Unsupported { found: other.to_string(), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_one_version_passes() {
        let check = |document| ensure_supported_schema_version(&document, LEAN_BRIDGE_SCHEMA_VERSION);
        assert_eq!(check(json!({"schema_version": "lean_bridge.v1"})), Ok(()));
        assert!(matches!(check(json!({})), Err(SchemaError::Missing { .. })));
        assert!(matches!(check(json!([])), Err(SchemaError::Missing { .. })));
        for found in [json!("lean_bridge.v2"), json!(1), json!(null)] {
            assert!(matches!(check(json!({"schema_version": found})), Err(SchemaError::Unsupported { .. })));
        }
    }
}
