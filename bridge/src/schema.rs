//! Schema versions, as constants and as what stands in a document's field.

use motet_semantic::{LEAN_BRIDGE_SCHEMA_VERSION, PROTOCOL_BUNDLE_SCHEMA_VERSION, SchemaError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Requests to a host in another process, and its outcomes.
pub const HOST_SCHEMA_VERSION: &str = "motet_host.v1";
/// What the heap's runners answer.
pub const HEAP_PARITY_SCHEMA_VERSION: &str = "heap_parity.v1";

/// What a run's observable part is written in.
pub const SERIALIZATION_SCHEMA_VERSION: &str = "machine.serialization.v1";

macro_rules! versions {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str($text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let found = String::deserialize(from)?;
                if found == $text {
                    return Ok(Self);
                }
                let found = format!("{found:?}");
                Err(serde::de::Error::custom(SchemaError::Unsupported { found, expected: $text }))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"const": $text})
            }
        }
    )*};
}

versions! {
    /// The field `schema_version` of what runners exchange: `lean_bridge.v1` and nothing else.
    BridgeVersion = LEAN_BRIDGE_SCHEMA_VERSION;
    /// The field `schema_version` of a bundle of claims: `protocol_bundle.v1` and nothing else.
    BundleVersion = PROTOCOL_BUNDLE_SCHEMA_VERSION;
    /// The field `schema_version` of a replay fragment: `machine.serialization.v1` and nothing else.
    SerializationVersion = SERIALIZATION_SCHEMA_VERSION;
    /// The field `schema_version` of what the heap's runners answer: `heap_parity.v1` and nothing else.
    HeapParityVersion = HEAP_PARITY_SCHEMA_VERSION;
}

/// Documents: strict, readable and writable, and with a JSON Schema where the feature asks for one.
macro_rules! documents {
    ($($item:item)*) => {$(
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $item
    )*};
}

pub(crate) use documents;
