//! The gate: requirements against grants, item by item.

use crate::admission::contracts::{RuntimeCapability, RuntimeContracts};
use crate::admission::promise::promises;
use crate::admission::requirement::{Need, RequiredBy, Requirement, of_config, of_image, of_schedule};
use crate::profile::DeterminismMode;
use crate::schedule::Schedule;
use motet_machine::{CodeImage, ProtocolMachineConfig};
use motet_types::{Planted, planted};
use std::collections::BTreeMap;
use std::fmt;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AdmissionRequest<'a> {
    /// The images that are to run.
    pub images: Vec<&'a CodeImage>,
    /// The machine's configuration.
    pub config: &'a ProtocolMachineConfig,
    /// The schedule.
    pub schedule: &'a Schedule,
    /// The determinism profile that runs are to claim.
    pub profile: DeterminismMode,
}

/// One thing that is needed, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionItem {
    /// Who needs it.
    pub by: RequiredBy,
    /// What is needed.
    pub requirement: Requirement,
    /// Why it is needed.
    pub why: String,
    /// Why it is refused; none where it is granted.
    pub refused: Option<String>,
}

impl AdmissionItem {
    /// Whether it is there.
    pub const fn is_granted(&self) -> bool {
        self.refused.is_none()
    }
}

impl fmt::Display for AdmissionItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.by, self.requirement, self.why)?;
        match &self.refused {
            Some(refused) => write!(f, ": {refused}"),
            None => Ok(()),
        }
    }
}

/// What the gate came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeGateResult {
    /// Everything that is needed is granted.
    Admitted,
    /// Something is needed, and nothing is granted at all.
    RejectedMissingContracts,
    /// The determinism profile is not granted.
    RejectedUnsupportedDeterminismProfile,
    /// The contracts grant something, and not all that is needed, or promise what is not kept.
    RejectedUncoveredRequirement,
}

impl RuntimeGateResult {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::RejectedMissingContracts => "rejected_missing_contracts",
            Self::RejectedUnsupportedDeterminismProfile => "rejected_unsupported_determinism_profile",
            Self::RejectedUncoveredRequirement => "rejected_uncovered_requirement",
        }
    }
}

/// The gate's answer: everything that is needed, item by item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeAdmission {
    /// What it came to.
    pub result: RuntimeGateResult,
    /// The items: of the profile, the configuration, the schedule, the images in their order, the contracts' promises.
    pub items: Vec<AdmissionItem>,
}

impl RuntimeAdmission {
    /// The items that are refused.
    pub fn refused(&self) -> impl Iterator<Item = &AdmissionItem> {
        self.items.iter().filter(|item| !item.is_granted())
    }

    /// The answer as a gate: everything granted, or the refusal.
    pub fn enforce(self) -> Result<Self, AdmissionRefusal> {
        match self.result {
            RuntimeGateResult::Admitted => Ok(self),
            result => Err(AdmissionRefusal { result, items: self.refused().cloned().collect() }),
        }
    }
}

/// Why a runtime's contracts do not cover what it is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionRefusal {
    /// What the gate came to.
    pub result: RuntimeGateResult,
    /// The items that are refused.
    pub items: Vec<AdmissionItem>,
}

impl fmt::Display for AdmissionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime's contracts do not cover ")?;
        for (at, item) in self.items.iter().enumerate() {
            write!(f, "{}{item}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for AdmissionRefusal {}

/// What a runtime's contracts grant, by name, and what is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeCapabilitySnapshot {
    /// The profile that runs claim.
    pub profile: DeterminismMode,
    /// The profiles that may be asked for.
    pub profiles: Vec<DeterminismMode>,
    /// Every capability: whether it is granted, and whether something in the runtime needs it.
    pub capabilities: Vec<(RuntimeCapability, bool, bool)>,
}

/// Holds what is asked for against contracts, item by item.
pub fn admit(request: &AdmissionRequest<'_>, contracts: &RuntimeContracts) -> RuntimeAdmission {
    let mut items = vec![profile(request.profile, contracts)];
    let mut held = |by: &RequiredBy, needs: Vec<Need>| {
        items.extend(needs.into_iter().map(|need| capability(by.clone(), need, contracts)));
    };
    held(&RequiredBy::Configuration, of_config(request.config));
    held(&RequiredBy::Schedule, of_schedule(request.schedule));
    for image in &request.images {
        held(&RequiredBy::Image(image.parts().name.clone()), of_image(image));
    }
    items.extend(promises(contracts, request.config, request.schedule).into_iter().map(|promise| AdmissionItem {
        by: RequiredBy::Contracts,
        requirement: Requirement::Promise(promise.name),
        why: promise.why.into(),
        refused: promise.broken,
    }));
    let refused = |wanted: &dyn Fn(&Requirement) -> bool| {
        items.iter().any(|item| !item.is_granted() && wanted(&item.requirement))
    };
    let result = if !refused(&|_| true) {
        RuntimeGateResult::Admitted
    } else if refused(&|requirement| matches!(requirement, Requirement::Profile(_))) {
        RuntimeGateResult::RejectedUnsupportedDeterminismProfile
    } else if *contracts == RuntimeContracts::none() {
        RuntimeGateResult::RejectedMissingContracts
    } else {
        RuntimeGateResult::RejectedUncoveredRequirement
    };
    RuntimeAdmission { result, items }
}

fn profile(mode: DeterminismMode, contracts: &RuntimeContracts) -> AdmissionItem {
    let mixed = mode == DeterminismMode::Full
        || contracts.can_use_mixed_determinism_profiles
        || planted(Planted::AdmissionMixesProfiles);
    let refused = if !contracts.determinism_artifacts.has(mode) {
        Some(format!("the contracts have no artifact for it: determinism_artifacts.{}", artifact(mode)))
    } else if !mixed {
        Some("the contracts allow no profile but full: can_use_mixed_determinism_profiles".into())
    } else {
        None
    };
    let why = format!("runs claim {}", mode.name());
    AdmissionItem { by: RequiredBy::Profile, requirement: Requirement::Profile(mode), why, refused }
}

/// The field of a profile's artifact.
const fn artifact(mode: DeterminismMode) -> &'static str {
    match mode {
        DeterminismMode::ModuloEffects => "modulo_effect_trace",
        other => other.name(),
    }
}

/// Refuses what nothing in a runtime needs until somebody asks for it.
pub(super) fn admit_one(
    by: RequiredBy,
    need: RuntimeCapability,
    why: &str,
    contracts: &RuntimeContracts,
) -> Result<(), AdmissionRefusal> {
    let item = capability(by, Need::new(need, why), contracts);
    let result = match *contracts == RuntimeContracts::none() {
        _ if item.is_granted() => return Ok(()),
        true => RuntimeGateResult::RejectedMissingContracts,
        false => RuntimeGateResult::RejectedUncoveredRequirement,
    };
    Err(AdmissionRefusal { result, items: vec![item] })
}

fn capability(by: RequiredBy, Need { capability, why }: Need, contracts: &RuntimeContracts) -> AdmissionItem {
    let present = *contracts != RuntimeContracts::none() && planted(Planted::AdmissionTrustsPresence);
    let granted = contracts.capabilities.contains(&capability) || present;
    let refused = (!granted).then(|| format!("the contracts do not grant the capability {}", capability.name()));
    AdmissionItem { by, requirement: Requirement::Capability(capability), why, refused }
}

/// Every capability with whether it is granted and needed.
pub(super) fn snapshot(request: &AdmissionRequest<'_>, contracts: &RuntimeContracts) -> RuntimeCapabilitySnapshot {
    let mut needed: BTreeMap<RuntimeCapability, bool> =
        RuntimeCapability::ALL.iter().map(|one| (*one, false)).collect();
    for item in admit(request, contracts).items {
        if let Requirement::Capability(capability) = item.requirement {
            needed.insert(capability, true);
        }
    }
    let capabilities = needed.into_iter().map(|(one, needed)| (one, contracts.capabilities.contains(&one), needed));
    let grants = |mode: &DeterminismMode| profile(*mode, contracts).is_granted();
    RuntimeCapabilitySnapshot {
        profile: request.profile,
        profiles: DeterminismMode::ALL.into_iter().filter(grants).collect(),
        capabilities: capabilities.collect(),
    }
}
