//! Bundles of claims about a protocol, to be verified by a runner.
//!
//! A claim that is absent is not made. The specification gives the three groups and how many claims each has; a claim
//! that has parameters carries them, and one that has none carries `enabled`. Nothing here is proved by being claimed.

use crate::operation::ReconfigurationPolicy;
use crate::schema::{BridgeVersion, BundleVersion, documents};
use serde_json::Value as Json;
use std::collections::BTreeMap;

documents! {
    /// A protocol with what is claimed about it.
    pub struct ProtocolBundle {
        /// `protocol_bundle.v1`.
        pub schema_version: BundleVersion,
        /// The global type, in the form of section 10.2.
        pub global_type: Json,
        /// Each role's local type.
        pub local_types: BTreeMap<String, Json>,
        /// What is claimed.
        pub claims: InvariantClaims,
    }

    /// The claims.
    #[derive(Default)]
    pub struct InvariantClaims {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// That runs go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub liveness: Option<LivenessClaim>,
        /// Properties of distributed systems.
        #[serde(default)]
        pub distributed: DistributedClaims,
        /// Properties of queues and of random processes.
        #[serde(default)]
        pub classical: ClassicalClaims,
    }

    /// That runs go on under a scheduler.
    #[derive(Eq)]
    pub struct LivenessClaim {
        /// The scheduler's policy.
        pub scheduler: String,
        /// After how many rounds at most whoever is ready runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub fairness_k: Option<u64>,
        /// Whether progress is part of the claim.
        pub progress_required: bool,
    }

    /// A claim without parameters.
    #[derive(Copy, Eq)]
    pub struct Enabled {
        /// Whether it is made.
        pub enabled: bool,
    }

    /// Agreement is impossible with so many crashes.
    #[derive(Copy, Eq)]
    pub struct FlpClaim {
        /// How many may crash.
        pub crash_bound: u64,
        /// Whether that is claimed of deterministic protocols alone.
        pub requires_determinism: bool,
    }

    /// What is given up under partition.
    #[derive(Eq)]
    pub struct CapClaim {
        /// What readers see.
        pub consistency: String,
        /// Who is answered.
        pub availability: String,
        /// What may be cut off.
        pub partition_model: String,
    }

    /// How quorums meet.
    #[derive(Eq)]
    pub struct QuorumGeometryClaim {
        /// The kind of system.
        pub quorum_system: String,
        /// How many there are.
        pub n: u64,
        /// How many make a quorum.
        pub quorum_size: u64,
        /// In how many two of them meet.
        pub intersection_size: u64,
    }

    /// When messages come.
    #[derive(Eq)]
    pub struct PartialSynchronyClaim {
        /// The model of time.
        pub timing: String,
        /// The bound, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub delta_bound: Option<u64>,
    }

    /// How fast an agreement comes.
    #[derive(Copy, Eq)]
    pub struct ResponsivenessClaim {
        /// Whether somebody leads.
        pub leader_based: bool,
        /// Whether it needs a quiet time.
        pub requires_stable_period: bool,
    }

    /// How deep a chain is final.
    pub struct NakamotoClaim {
        /// The share of honest work.
        pub honest_fraction: Json,
        /// The depth.
        pub finality_depth: u64,
    }

    /// What a broadcast keeps.
    #[derive(Copy, Eq)]
    pub struct AtomicBroadcastClaim {
        /// One order for all.
        pub total_order: bool,
        /// Only what was sent.
        pub valid_delivery: bool,
    }

    /// The longest queue is served first.
    pub struct MaxWeightClaim {
        /// Whether it is claimed.
        pub enabled: bool,
        /// How far below saturation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub slack: Option<Json>,
    }

    /// Many alike behave as their mean.
    #[derive(Copy, Eq)]
    pub struct MeanFieldClaim {
        /// Whether it is claimed.
        pub enabled: bool,
        /// How many there are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub population_size: Option<u64>,
    }

    /// The start is forgotten.
    #[derive(Copy, Eq)]
    pub struct MixingClaim {
        /// Whether it is claimed.
        pub enabled: bool,
        /// How soon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mixing_time_bound: Option<u64>,
    }
}

macro_rules! claims {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $claim:ty,)* }) => {
        documents! {
            $(#[$doc])*
            #[derive(Default)]
            pub struct $name {
                $(
                    $(#[$about])*
                    #[serde(default, skip_serializing_if = "Option::is_none")]
                    pub $field: Option<$claim>,
                )*
            }
        }

        impl $name {
            /// The names of the claims that the group can hold, in order.
            pub const CLAIMS: &'static [&'static str] = &[$(stringify!($field),)*];
        }
    };
}

claims! {
    /// Properties of distributed systems.
    DistributedClaims {
        /// What may go wrong: crash, Byzantine, both.
        fault_model: String,
        /// Impossibility of agreement.
        flp: FlpClaim,
        /// Consistency against availability.
        cap: CapClaim,
        /// Quorums.
        quorum_geometry: QuorumGeometryClaim,
        /// Time.
        partial_synchrony: PartialSynchronyClaim,
        /// Speed.
        responsiveness: ResponsivenessClaim,
        /// Chains.
        nakamoto: NakamotoClaim,
        /// Changing members.
        reconfiguration: ReconfigurationPolicy,
        /// Broadcast.
        atomic_broadcast: AtomicBroadcastClaim,
        /// Whoever breaks safety can be named.
        accountable_safety: Enabled,
        /// Failure detectors.
        failure_detectors: Enabled,
        /// Data can be had.
        data_availability: Enabled,
        /// What needs coordination.
        coordination: Enabled,
        /// Replicas converge.
        crdt: Enabled,
        /// Safety against liars.
        byzantine_safety: Enabled,
        /// The envelope of agreement.
        consensus_envelope: Enabled,
        /// The envelope of failures.
        failure_envelope: Enabled,
        /// The machine stays in its envelope.
        protocol_machine_envelope_adherence: Enabled,
        /// The machine admits only what fits its envelope.
        protocol_machine_envelope_admission: Enabled,
        /// From the protocol's envelope to the machine's.
        protocol_envelope_bridge: Enabled,
    }
}

claims! {
    /// Properties of queues and of random processes.
    ClassicalClaims {
        /// Drift towards stability.
        foster: Enabled,
        /// Scheduling the longest queue.
        max_weight: MaxWeightClaim,
        /// Large deviations.
        ldp: Enabled,
        /// Many alike.
        mean_field: MeanFieldClaim,
        /// Near saturation.
        heavy_traffic: Enabled,
        /// How soon the start is forgotten.
        mixing: MixingClaim,
        /// The fluid limit.
        fluid: Enabled,
        /// Concentration.
        concentration: Enabled,
        /// Little's law.
        littles_law: Enabled,
        /// The functional central limit.
        functional_clt: Enabled,
        /// The gap of the spectrum.
        spectral_gap: Enabled,
    }
}

impl ProtocolBundle {
    /// A protocol about which nothing is claimed yet.
    pub fn new(global_type: Json, local_types: BTreeMap<String, Json>) -> Self {
        Self { schema_version: BundleVersion, global_type, local_types, claims: InvariantClaims::default() }
    }
}
