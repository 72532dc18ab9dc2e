//! The envelope in which durability records are kept: versioned, CBOR, bounded.

use super::{AgreementWalEntry, DurableRecoveryMetadata};
use crate::planted::planted;
use crate::{DURABILITY_SCHEMA_VERSION, SchemaError};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The most bytes that an artifact may have: 64 MiB.
pub const MAX_ARTIFACT_BYTES: usize = 64 << 20;

/// The outcome of an effect that produced evidence, kept so that the effect is not performed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceOutcomeCacheEntry {
    /// The evidence.
    pub evidence_id: String,
    /// The interface.
    pub interface_name: String,
    /// The operation.
    pub operation_name: String,
    /// The outcome, as the host protocol writes it.
    pub outcome: serde_json::Value,
}

impl EvidenceOutcomeCacheEntry {
    /// The entry as JSON.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`], which no entry gives rise to.
    pub fn to_json(&self) -> Result<Vec<u8>, ArtifactBytesError> {
        serde_json::to_vec(self).map_err(|error| ArtifactBytesError::Shape(error.to_string()))
    }

    /// Reads an entry strictly.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`] for bytes that are no entry, or more than one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArtifactBytesError> {
        serde_json::from_slice(bytes).map_err(|error| ArtifactBytesError::Shape(error.to_string()))
    }
}

/// What an artifact holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DurabilityPayload {
    /// A log of agreements.
    AgreementWal {
        /// Its records, in order.
        entries: Vec<AgreementWalEntry>,
    },
    /// Outcomes at hand.
    EvidenceOutcomeCache {
        /// By evidence id.
        entries: Vec<EvidenceOutcomeCacheEntry>,
    },
    /// What a recovery found.
    RecoveryMetadata {
        /// The same.
        metadata: DurableRecoveryMetadata,
    },
}

/// A durability record on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersistedDurabilityArtifact {
    /// [`DURABILITY_SCHEMA_VERSION`].
    pub schema_version: String,
    /// What it holds.
    pub payload: DurabilityPayload,
}

/// Bytes that are no artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactBytesError {
    /// There are too many.
    #[error("the artifact has {bytes} bytes; {MAX_ARTIFACT_BYTES} are the most")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// They are of another version.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// They are not CBOR of the right shape.
    #[error("the artifact is not what it should be: {0}")]
    Shape(String),
    /// Something follows.
    #[error("{bytes} bytes follow the artifact")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// Only the version, whatever else there is.
#[derive(Deserialize)]
struct Version {
    schema_version: Option<String>,
}

impl PersistedDurabilityArtifact {
    /// An artifact of the version that this build writes.
    pub fn new(payload: DurabilityPayload) -> Self {
        Self { schema_version: DURABILITY_SCHEMA_VERSION.into(), payload }
    }

    /// The artifact as CBOR.
    ///
    /// # Errors
    /// Where there would be more than [`MAX_ARTIFACT_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactBytesError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(self, &mut bytes).map_err(|error| ArtifactBytesError::Shape(error.to_string()))?;
        match bytes.len() {
            0..=MAX_ARTIFACT_BYTES => Ok(bytes),
            bytes => Err(ArtifactBytesError::TooLarge { bytes }),
        }
    }

    /// Reads an artifact strictly: its size and version first, then every field.
    ///
    /// # Errors
    /// What is wrong with the bytes, as far as the reader can say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactBytesError> {
        if bytes.len() > MAX_ARTIFACT_BYTES {
            return Err(ArtifactBytesError::TooLarge { bytes: bytes.len() });
        }
        let shape = |error: ciborium::de::Error<_>| ArtifactBytesError::Shape(format!("{error:?}"));
        let version: Version = ciborium::from_reader(bytes).map_err(shape)?;
        let expected = DURABILITY_SCHEMA_VERSION;
        match version.schema_version {
            None => return Err(SchemaError::Missing { expected }.into()),
            Some(found) if found == expected || planted("envelope-allows-version") => {}
            Some(found) => return Err(SchemaError::Unsupported { found, expected }.into()),
        }
        let mut rest = bytes;
        let artifact: Self = ciborium::from_reader(&mut rest).map_err(shape)?;
        if rest.is_empty() || planted("envelope-allows-trailing") {
            Ok(artifact)
        } else {
            Err(ArtifactBytesError::Trailing { bytes: rest.len() })
        }
    }
}
