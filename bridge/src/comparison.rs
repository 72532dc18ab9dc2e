//! Two machines' runs of one input, held against each other.

use crate::normal_form::{audit_of, normalize_semantic_audit};
use crate::run_document::{ProtocolMachineRunOutput, ProtocolMachineTraceEvent};
use crate::schema::{BridgeVersion, documents};
use motet_semantic::{OutstandingEffect, OutstandingEffectStatus, ProtocolMachineSemanticObjects};
use serde_json::Value as Json;

documents! {
    /// What a comparison came to.
    pub struct ComparisonResult {
        /// Whether the audits and the sessions' statuses are equivalent.
        pub equivalent: bool,
        /// Whether the normalised audits are equal.
        pub semantic_audit_equivalent: bool,
        /// Whether every session ended in both or in neither.
        pub session_statuses_equivalent: bool,
        /// Whether the handoffs are equal.
        pub semantic_handoffs_equivalent: bool,
        /// Whether what was invalidated is equal: obligations, and effects that are invalidated.
        pub invalidation_artifacts_equivalent: bool,
        /// Our audit, normalised.
        pub rust_semantic_audit: Vec<Json>,
        /// The other's audit, normalised.
        pub lean_semantic_audit: Vec<Json>,
        /// The first difference that makes them not equivalent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub diff: Option<FirstDifference>,
        /// All that the other answered.
        pub lean_output: ProtocolMachineRunOutput,
    }

    /// Where two runs differ first.
    #[derive(Eq)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    pub enum FirstDifference {
        /// Two events.
        EventMismatch {
            /// Where, counted from 0.
            index: u64,
            /// Ours.
            rust: Json,
            /// The other's.
            lean: Json,
        },
        /// One audit goes on where the other ends.
        LengthMismatch {
            /// How many events ours has.
            rust: u64,
            /// How many the other has.
            lean: u64,
        },
        /// A session's status.
        SessionStatusMismatch {
            /// Which session.
            sid: u64,
            /// Whether it has ended here; null where there is none.
            rust: Option<bool>,
            /// Whether it has ended there.
            lean: Option<bool>,
        },
    }

    /// What a run can be replayed from.
    pub struct ProtocolMachineReplayBundle {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// What happened.
        pub semantic_audit: Vec<ProtocolMachineTraceEvent>,
        /// What the host did.
        pub effect_trace: Vec<Json>,
        /// Output conditions and whether they held.
        pub output_condition_trace: Vec<Json>,
    }
}

impl From<&ProtocolMachineRunOutput> for ProtocolMachineReplayBundle {
    fn from(output: &ProtocolMachineRunOutput) -> Self {
        Self {
            schema_version: BridgeVersion,
            semantic_audit: output.trace.clone(),
            effect_trace: output.effect_trace.clone(),
            output_condition_trace: output.output_condition_trace.clone(),
        }
    }
}

/// The first event that differs, or the lengths.
fn first_event(rust: &[Json], lean: &[Json]) -> Option<FirstDifference> {
    let index = rust.iter().zip(lean).position(|(rust, lean)| rust != lean);
    match index {
        Some(index) => Some(FirstDifference::EventMismatch {
            index: index as u64,
            rust: rust[index].clone(),
            lean: lean[index].clone(),
        }),
        None if rust.len() != lean.len() => {
            Some(FirstDifference::LengthMismatch { rust: rust.len() as u64, lean: lean.len() as u64 })
        }
        None => None,
    }
}

/// The first session whose status differs, in order of their numbers.
fn first_session(rust: &ProtocolMachineRunOutput, lean: &ProtocolMachineRunOutput) -> Option<FirstDifference> {
    let status = |run: &ProtocolMachineRunOutput, sid| {
        run.sessions.iter().find(|session| session.sid == sid).map(|session| session.terminal)
    };
    let mut sids: Vec<u64> = rust.sessions.iter().chain(&lean.sessions).map(|session| session.sid).collect();
    sids.sort_unstable();
    let differs = |sid: u64| {
        let (rust, lean) = (status(rust, sid), status(lean, sid));
        (rust != lean).then_some(FirstDifference::SessionStatusMismatch { sid, rust, lean })
    };
    sids.into_iter().find_map(differs)
}

/// The semantic objects of a run; a runner that does not say has none.
fn objects(run: &ProtocolMachineRunOutput) -> ProtocolMachineSemanticObjects {
    run.semantic_objects.clone().unwrap_or_default()
}

fn invalidated(objects: &ProtocolMachineSemanticObjects) -> Vec<&OutstandingEffect> {
    let effects = objects.outstanding_effects.iter();
    effects.filter(|effect| effect.status == OutstandingEffectStatus::Invalidated).collect()
}

/// Holds our run against another's. Ticks count within their session, since another machine's rounds are its own.
pub fn compare_execution(rust: &ProtocolMachineRunOutput, lean: ProtocolMachineRunOutput) -> ComparisonResult {
    let rust_semantic_audit = normalize_semantic_audit(&audit_of(&rust.trace));
    let lean_semantic_audit = normalize_semantic_audit(&audit_of(&lean.trace));
    let event = first_event(&rust_semantic_audit, &lean_semantic_audit);
    let session = first_session(rust, &lean);
    let (ours, theirs) = (objects(rust), objects(&lean));
    let obligations = ours.transformation_obligations == theirs.transformation_obligations;
    ComparisonResult {
        equivalent: event.is_none() && session.is_none(),
        semantic_audit_equivalent: event.is_none(),
        session_statuses_equivalent: session.is_none(),
        semantic_handoffs_equivalent: ours.semantic_handoffs == theirs.semantic_handoffs,
        invalidation_artifacts_equivalent: obligations && invalidated(&ours) == invalidated(&theirs),
        rust_semantic_audit,
        lean_semantic_audit,
        diff: event.or(session),
        lean_output: lean,
    }
}
