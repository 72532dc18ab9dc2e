//! All semantic objects of a machine, as one document.

use super::{
    AgreementContract, AgreementEvidence, AgreementProfile, AgreementState, AuthoritativeRead, CanonicalHandle,
    FinalizationPath, MaterializationProof, ObservedRead, OperationInstance, OutstandingEffect, PrestateBinding,
    ProgressContract, ProgressTransition, PublicationEvent, Region, SemanticHandoff, TransformationObligation,
};
use crate::{SEMANTIC_OBJECTS_SCHEMA_VERSION, SchemaError, ensure_supported_schema_version};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

macro_rules! bundle {
    ($($(#[$doc:meta])* $list:ident: $object:ident by $($key:ident).+;)*) => {
        /// Everything that a machine says about ownership, effects, truth and progress. Each list is sorted by its
        /// object's id; transitions are sorted by operation and stand in the order in which they happened.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct ProtocolMachineSemanticObjects {
            /// [`SEMANTIC_OBJECTS_SCHEMA_VERSION`].
            pub schema_version: String,
            $($(#[$doc])* pub $list: Vec<$object>,)*
        }

        impl Default for ProtocolMachineSemanticObjects {
            fn default() -> Self {
                Self { schema_version: SEMANTIC_OBJECTS_SCHEMA_VERSION.into(), $($list: Vec::new(),)* }
            }
        }

        impl ProtocolMachineSemanticObjects {
            /// Names of the lists, in order.
            pub const LISTS: &'static [&'static str] = &[$(stringify!($list),)*];

            /// Puts every list in order.
            pub fn sort(&mut self) {
                $(self.$list.sort_by(|left, right| left.$($key).+.cmp(&right.$($key).+));)*
            }

            /// The ids of every list, with the list's name, in the order in which they stand.
            pub fn ids(&self) -> impl Iterator<Item = (&'static str, Vec<&str>)> {
                [$((stringify!($list), self.$list.iter().map(|object| object.$($key).+.as_str()).collect()),)*]
                    .into_iter()
            }
        }
    };
}

bundle! {
    /// Operations.
    operation_instances: OperationInstance by operation_id;
    /// Effects.
    outstanding_effects: OutstandingEffect by effect_id;
    /// Handoffs.
    semantic_handoffs: SemanticHandoff by handoff_id;
    /// What handoffs owe.
    transformation_obligations: TransformationObligation by obligation_id;
    /// Reads with authority.
    authoritative_reads: AuthoritativeRead by read_id;
    /// Reads without.
    observed_reads: ObservedRead by read_id;
    /// Proofs.
    materialization_proofs: MaterializationProof by proof_id;
    /// Handles.
    canonical_handles: CanonicalHandle by handle_id;
    /// Publications.
    publication_events: PublicationEvent by publication_id;
    /// States from which operations began.
    prestate_bindings: PrestateBinding by binding_id;
    /// Ways to agree.
    agreement_profiles: AgreementProfile by profile_name;
    /// What has to be agreed.
    agreement_contracts: AgreementContract by contract_name;
    /// Evidence.
    agreement_evidence: AgreementEvidence by evidence_id;
    /// How far agreement has got.
    agreement_states: AgreementState by operation_id;
    /// Regions.
    regions: Region by region_id;
    /// How operations get on.
    progress_contracts: ProgressContract by operation_id;
    /// What became of that.
    progress_transitions: ProgressTransition by operation_id;
    /// How operations became the truth.
    finalization_paths: FinalizationPath by operation_id;
}

/// A document that is not a bundle of semantic objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is of another schema, or does not say.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It does not have the shape.
    #[error("the semantic objects are not what they should be: {0}")]
    Shape(String),
}

impl ProtocolMachineSemanticObjects {
    /// Reads a document strictly: its version first, then every field; one that is unknown, missing or stands twice is
    /// refused. A field that may be null may be left out.
    ///
    /// # Errors
    /// What is wrong with it, as far as the reader can say.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        let document: serde_json::Value =
            serde_json::from_str(text).map_err(|error| BundleError::Shape(alloc::format!("{error}")))?;
        ensure_supported_schema_version(&document, SEMANTIC_OBJECTS_SCHEMA_VERSION)?;
        // From the text again, because a value has already lost a field that stood twice.
        serde_json::from_str(text).map_err(|error| BundleError::Shape(alloc::format!("{error}")))
    }

    /// The document as JSON.
    ///
    /// # Errors
    /// None that the types permit; `serde_json` does not know that.
    pub fn to_json(&self) -> Result<String, BundleError> {
        serde_json::to_string(self).map_err(|error| BundleError::Shape(alloc::format!("{error}")))
    }
}
