//! What of a run is the same however it was run: its replay fragment, as a document.
//!
//! A run has one. Its replay has the same one to the byte, and so has the run on threads, or recovered out of a log;
//! `fragment_of.rs` makes it.

use crate::run_document::ProtocolMachineTraceEvent;
use crate::schema::{SerializationVersion, documents};
use motet_machine::{CommunicationReplayMode, CorruptionType};
use motet_runtime::EffectDeterminismTier;
use motet_semantic::{ProtocolMachineSemanticObjects, SemanticAuditRecord};
use motet_types::{Digest, EffectKind};
use serde_json::Value as Json;

documents! {
    /// What of a run is the same however it was run.
    pub struct CanonicalReplayFragment {
        /// `machine.serialization.v1`.
        pub schema_version: SerializationVersion,
        /// What happened, in order.
        pub obs_trace: Vec<ProtocolMachineTraceEvent>,
        /// What the host answered, in the order of the tape.
        pub effect_trace: Vec<EffectTraceEntry>,
        /// Sites that have crashed, in order.
        pub crashed_sites: Vec<String>,
        /// Links over which nothing can be sent, from and to, in order.
        pub partitioned_edges: Vec<(String, String)>,
        /// Links that change what is sent over them, and how, in order.
        #[serde(with = "corruption")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "corruption::schema"))]
        pub corrupted_edges: Vec<((String, String), CorruptionType)>,
        /// Sites that count as failed, each with the tick until which, in order.
        pub timed_out_sites: Vec<(String, u64)>,
        /// The strongest tier that one run can show: with answers of a host, that its record is enough to run it again.
        #[serde(with = "tier")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "tier::schema"))]
        pub effect_determinism_tier: EffectDeterminismTier,
        /// What is held against messages that come twice.
        #[serde(with = "mode")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "mode::schema"))]
        pub communication_replay_mode: CommunicationReplayMode,
        /// The digest of where each island's chain of consumptions stands, as far as the artifacts tell; none without any.
        pub communication_replay_root: Option<String>,
        /// What is kept of received messages, in commit order.
        pub communication_consumption_artifacts: Vec<CommunicationConsumptionArtifact>,
        /// The semantic audit, in canonical order.
        pub semantic_audit_log: Vec<SemanticAuditRecord>,
        /// Records that were made and not kept, because the configuration keeps no more.
        pub semantic_audit_lost: u64,
        /// The semantic objects at the end; none where the configuration keeps none.
        pub semantic_objects: Option<ProtocolMachineSemanticObjects>,
    }

    /// An answer of the host.
    pub struct EffectTraceEntry {
        /// The effect.
        pub effect_id: String,
        /// Its place: `session/coroutine/count`.
        pub operation_id: String,
        /// Its kind; an answer that came later and is no success does not say.
        #[serde(with = "effect_kind")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "effect_kind::schema"))]
        pub effect_kind: Option<EffectKind>,
        /// Its interface, where the kind is known.
        pub effect_interface: Option<String>,
        /// Its operation, where the kind is known.
        pub effect_operation: Option<String>,
        /// What it was about, by name; nothing for an answer that came later.
        pub inputs: Json,
        /// The outcome.
        pub outputs: Json,
        /// Who answered.
        pub handler_identity: String,
        /// The planner step at which the answer was there.
        pub ordering_key: u64,
    }

    /// What is kept of a message that was received.
    #[derive(Eq)]
    pub struct CommunicationConsumptionArtifact {
        /// When.
        pub tick: u64,
        /// The message.
        pub identity: CommunicationIdentityDocument,
        /// What was held against it.
        #[serde(with = "mode")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "mode::schema"))]
        pub mode: CommunicationReplayMode,
        /// The chain before it.
        pub pre_root: String,
        /// The chain with it.
        pub post_root: String,
    }

    /// What tells one communication from every other of its run.
    #[derive(Eq)]
    pub struct CommunicationIdentityDocument {
        /// The session.
        pub sid: u64,
        /// The sending role.
        pub sender: String,
        /// The receiving role.
        pub receiver: String,
        /// By which kind of instruction.
        #[serde(with = "step")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "step::schema"))]
        pub step_kind: motet_machine::StepKind,
        /// The label.
        pub label: String,
        /// The payload's digest.
        pub payload_digest: String,
        /// As the so-manieth it was sent on its edge.
        pub sequence_no: u64,
    }
}

impl CanonicalReplayFragment {
    /// The document's bytes: the same for the same fragment.
    pub fn to_bytes(&self) -> Vec<u8> {
        // It is made of texts, numbers and lists alone, so it always has a JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Digest {
        Digest(*blake3::hash(&self.to_bytes()).as_bytes())
    }
}

/// Names of enumerations that have no document form of their own: a module for each.
macro_rules! named {
    ($($module:ident: $type:ty, $all:expr, $name:expr;)*) => {$(
        mod $module {
            pub(super) fn name(one: $type) -> &'static str {
                let name: fn($type) -> &'static str = $name;
                name(one)
            }

            pub(super) fn names() -> Vec<&'static str> {
                $all.into_iter().map(name).collect()
            }

            pub(super) fn read<E: serde::de::Error>(found: &str) -> Result<$type, E> {
                let unknown = || E::custom(format!("{found:?} is none of {}", names().join(", ")));
                $all.into_iter().find(|one| name(*one) == found).ok_or_else(unknown)
            }
        }
    )*};
}

/// The same as a field: the name as text.
macro_rules! fields {
    ($($module:ident = $names:ident: $type:ty;)*) => {$(
        mod $module {
            use super::$names::{name, read};
            use serde::{Deserialize, Deserializer, Serializer};

            pub(super) fn serialize<S: Serializer>(one: &$type, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(name(*one))
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                read(&String::deserialize(from)?)
            }

            #[cfg(feature = "schema")]
            pub(super) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"enum": super::$names::names()})
            }
        }
    )*};
}

named! {
    tiers: motet_runtime::EffectDeterminismTier, motet_runtime::EffectDeterminismTier::ALL, |one| one.name();
    modes: motet_machine::CommunicationReplayMode, motet_machine::CommunicationReplayMode::ALL, |one| one.name();
    steps: motet_machine::StepKind, motet_machine::StepKind::ALL, |one| one.name();
    kinds: motet_types::EffectKind, motet_types::EffectKind::ALL, |one| one.name();
    corruptions: motet_machine::CorruptionType, motet_machine::CorruptionType::ALL, |one| one.name();
}

fields! {
    tier = tiers: motet_runtime::EffectDeterminismTier;
    mode = modes: motet_machine::CommunicationReplayMode;
    step = steps: motet_machine::StepKind;
}

/// A kind of effect, or none.
mod effect_kind {
    use super::kinds::read;
    use motet_types::EffectKind;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(one: &Option<EffectKind>, to: S) -> Result<S::Ok, S::Error> {
        one.map(super::kinds::name).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EffectKind>, D::Error> {
        Option::<String>::deserialize(from)?.map(|found| read(&found)).transpose()
    }

    #[cfg(feature = "schema")]
    pub(super) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<_> = super::kinds::names().into_iter().map(Some).chain([None]).collect();
        schemars::json_schema!({"enum": names})
    }
}

/// Links with how they change what is sent.
mod corruption {
    use super::corruptions::{name, read};
    use motet_machine::CorruptionType;
    use serde::{Deserialize, Deserializer, Serializer};

    type Links = Vec<((String, String), CorruptionType)>;

    pub(super) fn serialize<S: Serializer>(links: &Links, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(links.iter().map(|(link, corruption)| (link, name(*corruption))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Links, D::Error> {
        let links = Vec::<((String, String), String)>::deserialize(from)?;
        links.into_iter().map(|(link, found)| Ok((link, read(&found)?))).collect()
    }

    #[cfg(feature = "schema")]
    pub(super) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pair = |first: serde_json::Value, second: serde_json::Value| serde_json::json!({"type": "array", "prefixItems": [first, second], "minItems": 2, "maxItems": 2});
        let text = || serde_json::json!({"type": "string"});
        let link = pair(pair(text(), text()), serde_json::json!({"enum": super::corruptions::names()}));
        schemars::json_schema!({"type": "array", "items": link})
    }
}
