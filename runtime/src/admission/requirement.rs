//! What images, configurations, schedules and profiles need.

use crate::admission::contracts::RuntimeCapability;
use crate::profile::DeterminismMode;
use crate::schedule::{Schedule, SchedulerPolicy};
use motet_machine::{BackpressurePolicy, BufferMode, CodeImage, FlowPolicy, ProtocolMachineConfig};
use motet_types::{Instr, Planted, planted};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Who needs something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequiredBy {
    /// An image, by its name.
    Image(String),
    /// The machine's configuration.
    Configuration,
    /// The schedule.
    Schedule,
    /// The determinism profile that is asked for.
    Profile,
    /// The contracts themselves, which promise it to others.
    Contracts,
    /// Whoever moves sessions to another image.
    Upgrade,
    /// Whoever changes where a composition's roles are.
    Plan,
}

impl fmt::Display for RequiredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(name) => write!(f, "image {name}"),
            Self::Configuration => f.write_str("configuration"),
            Self::Schedule => f.write_str("schedule"),
            Self::Profile => f.write_str("profile"),
            Self::Contracts => f.write_str("contracts"),
            Self::Upgrade => f.write_str("upgrade"),
            Self::Plan => f.write_str("plan"),
        }
    }
}

/// What is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// A capability.
    Capability(RuntimeCapability),
    /// An artifact for a profile, and for every profile but `full` that profiles may be mixed.
    Profile(DeterminismMode),
    /// That a promise is kept, by its name in the contracts' document.
    Promise(&'static str),
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability(capability) => f.write_str(capability.name()),
            Self::Profile(mode) => write!(f, "determinism_artifacts for {}", mode.name()),
            Self::Promise(name) => f.write_str(name),
        }
    }
}

/// A need before it is held against anything: what, and why.
pub(super) struct Need {
    pub(super) capability: RuntimeCapability,
    pub(super) why: String,
}

impl Need {
    pub(super) fn new(capability: RuntimeCapability, why: impl Into<String>) -> Self {
        Self { capability, why: why.into() }
    }
}

/// The first capability that an image needs and none of the others do.
pub(crate) fn needs_more<'a>(
    image: &CodeImage,
    others: impl Iterator<Item = &'a CodeImage>,
) -> Option<RuntimeCapability> {
    let known: BTreeSet<RuntimeCapability> = others.flat_map(of_image).map(|need| need.capability).collect();
    of_image(image).into_iter().map(|need| need.capability).find(|needed| !known.contains(needed))
}

/// What an image needs, from its instructions and its effects.
pub(super) fn of_image(image: &CodeImage) -> Vec<Need> {
    let mut uses: BTreeMap<RuntimeCapability, (&'static str, usize)> = BTreeMap::new();
    for instr in image.parts().code.iter().filter_map(|word| Instr::decode(*word).ok()) {
        let (capability, what) = match instr {
            Instr::Fork { .. } => (RuntimeCapability::Speculation, "speculates"),
            Instr::Open { .. } => (RuntimeCapability::DynamicSessions, "opens sessions"),
            Instr::Spawn { .. } => (RuntimeCapability::Spawning, "starts coroutines"),
            Instr::Transfer { .. } => (RuntimeCapability::Delegation, "hands endpoints over"),
            Instr::Acquire { .. } => (RuntimeCapability::Guards, "acquires guards"),
            Instr::Tag { .. } | Instr::Check { .. } => (RuntimeCapability::Knowledge, "learns or asks about facts"),
            _ => continue,
        };
        uses.entry(capability).or_insert((what, 0)).1 += 1;
    }
    let times = |count: usize| if count == 1 { "at one place".into() } else { format!("at {count} places") };
    let mut needs: Vec<Need> =
        uses.into_iter().map(|(one, (what, count))| Need::new(one, format!("it {what} {}", times(count)))).collect();
    let late = image.effects().iter().find(|effect| effect.may_block);
    needs.extend(late.map(|effect| {
        let why = format!("{}.{} may take its time", effect.interface, effect.operation);
        Need::new(RuntimeCapability::DeferredEffects, why)
    }));
    if planted(Planted::AdmissionIgnoresImages) {
        needs.clear();
    }
    needs
}

/// What a configuration needs.
pub(super) fn of_config(config: &ProtocolMachineConfig) -> Vec<Need> {
    let mut needs = Vec::new();
    if config.speculation_depth > 0 {
        let why = format!("speculation_depth is {}", config.speculation_depth);
        needs.push(Need::new(RuntimeCapability::Speculation, why));
    }
    if config.output_condition_policy.is_on() {
        needs.push(Need::new(RuntimeCapability::OutputConditions, "output_condition_policy is on"));
    }
    if matches!(config.flow_policy, FlowPolicy::Predicate(_)) {
        needs.push(Need::new(RuntimeCapability::HostPredicates, "flow_policy asks a predicate of the host's"));
    }
    if config.buffer.mode == BufferMode::LatestValue {
        needs.push(Need::new(RuntimeCapability::LossyBuffers, "buffer.mode keeps the latest value only"));
    }
    if config.buffer.policy == BackpressurePolicy::Drop {
        needs.push(Need::new(RuntimeCapability::LossyBuffers, "buffer.policy drops what a full edge has no room for"));
    }
    needs
}

/// What a schedule needs.
pub(super) fn of_schedule(schedule: &Schedule) -> Vec<Need> {
    let mut needs = Vec::new();
    if schedule.policy != SchedulerPolicy::Cooperative {
        let policy = match schedule.policy {
            SchedulerPolicy::Cooperative => "cooperative",
            SchedulerPolicy::RoundRobin => "round_robin",
            SchedulerPolicy::Priority(_) => "priority",
            SchedulerPolicy::ProgressAware => "progress_aware",
            SchedulerPolicy::Random { .. } => "random",
        };
        needs.push(Need::new(RuntimeCapability::RelaxedReordering, format!("policy is {policy}")));
    }
    if (schedule.wave > 1 || schedule.window > 1) && !planted(Planted::AdmissionIgnoresWaves) {
        let why = format!("wave is {} and window {}", schedule.wave, schedule.window);
        needs.push(Need::new(RuntimeCapability::ParallelWaves, why));
    }
    needs
}
