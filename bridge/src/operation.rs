//! Operations of a machine's runner besides running: an envelope, and each one's payload and reply.

use crate::lean_error::LeanStructuredError;
use crate::run_document::{ChoreographyInput, ProtocolMachineTraceEvent};
use crate::schema::{BridgeVersion, documents};
use serde_json::Value as Json;
use std::collections::BTreeMap;

documents! {
    /// What a machine's runner can be asked to do.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "camelCase")]
    pub enum Operation {
        /// Run protocols. Motet's own name for what an input without an envelope asks.
        RunProtocol,
        /// Project a global type. Motet's own.
        Project,
        /// Whether a trace is one of the protocols'.
        ValidateTrace,
        /// Run a scenario of the simulator.
        RunSimulation,
        /// Whether a trace is one of the scenario's.
        ValidateSimulationTrace,
        /// Whether the claims of a bundle hold.
        VerifyProtocolBundle,
        /// Whether a change of members is one that the policy allows.
        ValidateReconfigurationTransition,
        /// What the runner knows of finalization paths and upgrades.
        InspectCapabilityModel,
    }

    /// A question with its operation.
    pub struct OperationEnvelope<P> {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// What is asked.
        pub operation: Operation,
        /// About what.
        pub payload: P,
    }

    /// The payload of [`Operation::InspectCapabilityModel`]: nothing.
    #[derive(Copy, Default, Eq)]
    pub struct NoPayload {}

    /// The payload of [`Operation::Project`].
    pub struct ProjectPayload {
        /// The global type, in the form of section 10.2.
        pub global_type: Json,
        /// Its roles, in order.
        pub roles: Vec<String>,
    }

    /// The reply to [`Operation::Project`].
    pub struct ProjectReply {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// Each role's local type, in the form of section 10.2.
        pub local_types: BTreeMap<String, Json>,
    }

    /// The payload of [`Operation::ValidateTrace`].
    pub struct ValidateTracePayload {
        /// The protocols.
        pub choreographies: Vec<ChoreographyInput>,
        /// What is said to have happened.
        pub trace: Vec<ProtocolMachineTraceEvent>,
    }

    /// The reply to everything that validates or verifies.
    pub struct ValidationReply {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// Whether it holds.
        pub valid: bool,
        /// Why not.
        #[serde(default)]
        pub errors: Vec<LeanStructuredError>,
        /// What the runner found on the way.
        #[serde(default)]
        pub artifacts: Json,
    }

    /// A scenario for the simulator.
    pub struct SimRunInput {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// The scenario.
        pub scenario: Json,
        /// The global type.
        pub global_type: Json,
        /// Each role's local type.
        pub local_types: BTreeMap<String, Json>,
        /// Each role's state at the start.
        pub initial_states: BTreeMap<String, Json>,
    }

    /// What the simulator did.
    pub struct SimRunOutput {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// What happened.
        pub trace: Vec<Json>,
        /// What should not have happened.
        pub violations: Vec<LeanStructuredError>,
        /// What the runner found on the way.
        #[serde(default)]
        pub artifacts: Json,
    }

    /// The payload of [`Operation::ValidateSimulationTrace`].
    pub struct SimTracePayload {
        /// The scenario.
        pub input: SimRunInput,
        /// What is said to have happened.
        pub trace: Vec<Json>,
    }

    /// How members may change.
    #[derive(Copy, Eq)]
    pub struct ReconfigurationPolicy {
        /// Whether they may change at all.
        pub dynamic_membership: bool,
        /// Whether some must stay.
        pub overlap_required: bool,
    }

    /// The payload of [`Operation::ValidateReconfigurationTransition`].
    #[derive(Eq)]
    pub struct ReconfigurationTransition {
        /// What is reconfigured.
        pub artifact_id: String,
        /// How its members may change.
        pub policy: ReconfigurationPolicy,
        /// The epoch before.
        pub starting_epoch: u64,
        /// The members before.
        pub previous_members: Vec<String>,
        /// The members behind.
        pub next_members: Vec<String>,
    }

    /// The reply to [`Operation::InspectCapabilityModel`].
    pub struct CapabilityModel {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// How truth becomes final.
        pub finalization_paths: FinalizationPaths,
        /// How an upgrade ends.
        pub upgrade_artifacts: UpgradeArtifacts,
    }

    /// A path of each kind.
    pub struct FinalizationPaths {
        /// One that leads to canonical truth.
        pub canonical: Json,
        /// One that was invalidated on the way.
        pub invalidated: Json,
    }

    /// An upgrade of each kind.
    pub struct UpgradeArtifacts {
        /// One that was cut over.
        pub committed_cutover: Json,
        /// One that was rolled back.
        pub rolled_back: Json,
    }
}

impl From<ReconfigurationPolicy> for motet_runtime::ReconfigurationPolicy {
    fn from(policy: ReconfigurationPolicy) -> Self {
        let ReconfigurationPolicy { dynamic_membership, overlap_required } = policy;
        Self { dynamic_membership, overlap_required }
    }
}

impl ReconfigurationTransition {
    /// What this build answers to [`Operation::ValidateReconfigurationTransition`]: whether the policy lets members change so,
    /// as it decides about plans of its own compositions.
    pub fn validate(&self) -> ValidationReply {
        let policy = motet_runtime::ReconfigurationPolicy::from(self.policy);
        let refused = policy.allows(&self.previous_members, &self.next_members).err();
        let error = |refusal: motet_runtime::ReconfigurationRefusal| {
            let (code, path, message) = ("reconfiguration_refused", "next_members", refusal.to_string());
            LeanStructuredError { code: code.into(), path: Some(path.into()), message }
        };
        ValidationReply {
            schema_version: BridgeVersion,
            valid: refused.is_none(),
            errors: refused.into_iter().map(error).collect(),
            artifacts: Json::Null,
        }
    }
}

impl<P> OperationEnvelope<P> {
    /// A question.
    pub const fn new(operation: Operation, payload: P) -> Self {
        Self { schema_version: BridgeVersion, operation, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_change_as_policies_let_them() {
        let valid = |dynamic_membership, overlap_required, before: &[&str], behind: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let transition = ReconfigurationTransition {
                artifact_id: "a".into(),
                policy: ReconfigurationPolicy { dynamic_membership, overlap_required },
                starting_epoch: 0,
                previous_members: names(before),
                next_members: names(behind),
            };
            let reply = transition.validate();
            assert_eq!(reply.valid, reply.errors.is_empty());
            reply.valid
        };
        assert!(valid(false, true, &["A", "B"], &["B", "A"]), "nobody comes or goes");
        assert!(!valid(false, false, &["A"], &["A", "B"]));
        assert!(valid(true, true, &["A"], &["A", "B"]));
        assert!(!valid(true, true, &["A"], &["B"]));
        assert!(valid(true, false, &["A"], &["B"]));
        assert!(valid(true, true, &[], &["B"]), "there was nobody who could stay");
    }
}
