//! What a host grants a runtime, and what it promises others of it.

use crate::profile::DeterminismMode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$row:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$row])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

names! {
    /// What a runtime may be allowed to do beyond one step of one session at a time.
    RuntimeCapability {
        /// To move sessions to another runtime. Nothing asks for it yet.
        LiveMigration = "live_migration",
        /// To divide sessions anew among runtimes. Nothing asks for it yet.
        AutoscaleRepartition = "autoscale_repartition",
        /// To place roles at other members' sites.
        PlacementRefinement = "placement_refinement",
        /// To pick sessions in another order than that in which they became ready.
        RelaxedReordering = "relaxed_reordering",
        /// To run waves of more than one session, or with others out.
        ParallelWaves = "parallel_waves",
        /// To let sessions speculate.
        Speculation = "speculation",
        /// To open sessions by instructions.
        DynamicSessions = "dynamic_sessions",
        /// To start coroutines by instructions.
        Spawning = "spawning",
        /// To hand endpoints over.
        Delegation = "delegation",
        /// To acquire guards of the host's.
        Guards = "guards",
        /// To learn facts and ask about them.
        Knowledge = "knowledge",
        /// To leave effects with the host and take their answers later.
        DeferredEffects = "deferred_effects",
        /// To ask a predicate of the host's, which is no part of the configuration's bytes.
        HostPredicates = "host_predicates",
        /// To end sessions whose outputs do not satisfy their condition.
        OutputConditions = "output_conditions",
        /// To lose messages where no type can tell.
        LossyBuffers = "lossy_buffers",
        /// To move sessions that have begun to another image.
        SessionUpgrade = "session_upgrade",
    }
}

names! {
    /// What is assumed of the schedule's fairness.
    FairnessAssumption {
        /// Which schedule it is makes no difference to what a session does.
        ScheduleConfluence = "schedule_confluence",
        /// No session that is ready waits for ever.
        StarvationFreedom = "starvation_freedom",
        /// No session that can go on is kept from its end for ever.
        LivenessFairness = "liveness_fairness",
    }
}

names! {
    /// Where a run may take place.
    AdmissibilityClass {
        /// In one process.
        Local = "local",
        /// In several runtimes that share sessions out among them.
        Sharded = "sharded",
        /// Across protocols, through a bridge.
        ProtocolEnvelopeBridge = "protocol_envelope_bridge",
    }
}

names! {
    /// Within what something that makes no progress is taken further.
    EscalationWindow {
        /// Effects have so many ticks.
        ProgressContract = "progress_contract",
        /// What is admitted costs no more than a budget.
        AdmissionComplexity = "admission_complexity",
        /// A bridge between protocols answers within its window.
        ProtocolBridge = "protocol_bridge",
    }
}

/// Which determinism profiles there is an artifact for: something that shows that runs keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default = "DeterminismArtifacts::none", deny_unknown_fields)]
pub struct DeterminismArtifacts {
    /// For `full`.
    pub full: bool,
    /// For `modulo_effects`.
    pub modulo_effect_trace: bool,
    /// For `modulo_commutativity`.
    pub modulo_commutativity: bool,
    /// For `replay`.
    pub replay: bool,
}

impl DeterminismArtifacts {
    /// None for any profile but `full`, which follows from how the machine is built.
    pub const fn none() -> Self {
        Self { full: true, modulo_effect_trace: false, modulo_commutativity: false, replay: false }
    }

    /// For all profiles.
    pub const fn all() -> Self {
        Self { full: true, modulo_effect_trace: true, modulo_commutativity: true, replay: true }
    }

    /// Whether there is one for the profile.
    pub const fn has(&self, mode: DeterminismMode) -> bool {
        match mode {
            DeterminismMode::Full => self.full,
            DeterminismMode::Replay => self.replay,
            DeterminismMode::ModuloEffects => self.modulo_effect_trace,
            DeterminismMode::ModuloCommutativity => self.modulo_commutativity,
        }
    }
}

/// What is promised of how runs are executed. Each promise is held against the configuration and the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default = "ExecutionProfile::none", deny_unknown_fields)]
pub struct ExecutionProfile {
    /// What is promised of fairness.
    pub fairness: BTreeSet<FairnessAssumption>,
    /// Where runs take place.
    pub admissibility: AdmissibilityClass,
    /// Within what is escalated.
    pub escalation_windows: BTreeSet<EscalationWindow>,
}

impl ExecutionProfile {
    /// Runs in this process, and no promise.
    pub const fn none() -> Self {
        Self {
            fairness: BTreeSet::new(),
            admissibility: AdmissibilityClass::Local,
            escalation_windows: BTreeSet::new(),
        }
    }
}

/// What is promised of edges between roles. Each promise is held against the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransportContracts {
    /// Messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// No message is lost.
    pub lossless: bool,
    /// An edge holds no more than its first capacity.
    pub bounded: bool,
    /// A full edge lets its sender wait, and is no fault of anybody.
    pub backpressure: bool,
    /// Messages are signed.
    pub authenticated: bool,
    /// No message is received twice.
    pub at_most_once: bool,
    /// The whole history of an edge can be proved.
    pub provable_history: bool,
}

/// What a host grants a runtime, and what it promises others of it. What a document leaves out is neither granted nor
/// promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default = "RuntimeContracts::none", deny_unknown_fields)]
pub struct RuntimeContracts {
    /// For which profiles there is an artifact.
    pub determinism_artifacts: DeterminismArtifacts,
    /// Whether runs may claim other profiles than `full`.
    pub can_use_mixed_determinism_profiles: bool,
    /// What the runtime may do.
    pub capabilities: BTreeSet<RuntimeCapability>,
    /// What is promised of execution.
    pub execution_profile: ExecutionProfile,
    /// What is promised of edges.
    pub transport_contracts: TransportContracts,
}

impl RuntimeContracts {
    /// Nothing is granted and nothing promised: one step of one session at a time, under the profile `full`.
    pub const fn none() -> Self {
        Self {
            determinism_artifacts: DeterminismArtifacts::none(),
            can_use_mixed_determinism_profiles: false,
            capabilities: BTreeSet::new(),
            execution_profile: ExecutionProfile::none(),
            transport_contracts: TransportContracts {
                ordered: false,
                lossless: false,
                bounded: false,
                backpressure: false,
                authenticated: false,
                at_most_once: false,
                provable_history: false,
            },
        }
    }

    /// What Motet answers for itself, and the default of every runtime: everything that it does is granted, because it is
    /// verified before it runs, certified while it runs, or checked at the step; nothing is promised beyond what a
    /// configuration does anyway. What it does not do is not granted.
    pub fn own() -> Self {
        use RuntimeCapability::{AutoscaleRepartition, LiveMigration, PlacementRefinement};
        let undone = [LiveMigration, AutoscaleRepartition, PlacementRefinement];
        Self {
            determinism_artifacts: DeterminismArtifacts::all(),
            can_use_mixed_determinism_profiles: true,
            capabilities: RuntimeCapability::ALL.iter().copied().filter(|one| !undone.contains(one)).collect(),
            ..Self::none()
        }
    }
}
