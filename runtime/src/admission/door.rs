//! The door of a runtime: what it was held to, and what is refused there.

use crate::admission::contracts::{RuntimeCapability, RuntimeContracts};
use crate::admission::gate::{
    AdmissionRefusal, AdmissionRequest, RuntimeAdmission, RuntimeCapabilitySnapshot, admit, admit_one, snapshot,
};
use crate::admission::requirement::RequiredBy;
use crate::profile::DeterminismMode;
use crate::rounds::Runtime;
use crate::schedule::Schedule;
use crate::status::RuntimeError;
use motet_machine::{CodeImage, ProtocolMachineConfig};
use motet_types::{Planted, planted};

/// What a runtime is held to.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    contracts: RuntimeContracts,
    profile: DeterminismMode,
}

impl Default for Held {
    fn default() -> Self {
        Self { contracts: RuntimeContracts::own(), profile: DeterminismMode::Full }
    }
}

impl<E> Runtime<E> {
    /// A runtime that is held to contracts from the start.
    ///
    /// # Errors
    /// [`RuntimeError::Admission`] where they do not cover the configuration and the schedule.
    pub fn with_contracts(
        config: ProtocolMachineConfig,
        schedule: Schedule,
        executor: E,
        contracts: RuntimeContracts,
    ) -> Result<Self, RuntimeError> {
        let mut runtime = Self::with_executor(config, schedule, executor)?;
        runtime.hold_to(contracts)?;
        Ok(runtime)
    }

    /// Holds the runtime to contracts from now on: its configuration, its schedule, its profile, the images that it has, and
    /// every image that is loaded later. What is refused leaves it held to what it was.
    ///
    /// # Errors
    /// [`RuntimeError::Admission`] where they do not cover what the runtime has; it names every item with its reason.
    pub fn hold_to(&mut self, contracts: RuntimeContracts) -> Result<RuntimeAdmission, RuntimeError> {
        let admission = admit(&self.request(self.held.profile), &contracts).enforce().map_err(Box::new)?;
        self.held.contracts = contracts;
        Ok(admission)
    }

    /// Lets runs claim another determinism profile, if the contracts allow it. Runs do the same under each.
    ///
    /// # Errors
    /// [`RuntimeError::Admission`] where they do not; the profile stays what it was.
    pub fn request_determinism_profile(&mut self, mode: DeterminismMode) -> Result<(), RuntimeError> {
        admit(&self.request(mode), &self.held.contracts).enforce().map_err(Box::new)?;
        self.held.profile = mode;
        Ok(())
    }

    /// Refuses a profile that the contracts do not let runs claim.
    pub(crate) fn admit_profile(&self, mode: DeterminismMode) -> Result<(), Box<AdmissionRefusal>> {
        admit(&self.request(mode), &self.held.contracts).enforce().map(drop).map_err(Box::new)
    }

    /// The determinism profile that runs claim.
    pub const fn determinism_profile(&self) -> DeterminismMode {
        self.held.profile
    }

    /// What the runtime is held to.
    pub const fn contracts(&self) -> &RuntimeContracts {
        &self.held.contracts
    }

    /// Everything that the runtime needs, item by item, and what discharges it.
    pub fn admission(&self) -> RuntimeAdmission {
        admit(&self.request(self.held.profile), &self.held.contracts)
    }

    /// Every capability: whether it is granted, and whether something in the runtime needs it.
    pub fn runtime_capability_snapshot(&self) -> RuntimeCapabilitySnapshot {
        snapshot(&self.request(self.held.profile), &self.held.contracts)
    }

    /// Refuses an image that the contracts do not cover.
    pub(crate) fn admit_image(&self, image: &CodeImage) -> Result<(), Box<AdmissionRefusal>> {
        let own = RuntimeContracts::own();
        let contracts = if planted(Planted::AdmissionForgetsContracts) { &own } else { &self.held.contracts };
        // What is loaded already was held against them when it came, or when they did.
        let request = AdmissionRequest { images: vec![image], ..self.request(self.held.profile) };
        admit(&request, contracts).enforce().map(drop).map_err(Box::new)
    }

    /// Refuses to move sessions to another image where the contracts do not grant it.
    pub(crate) fn admit_upgrade(&self) -> Result<(), Box<AdmissionRefusal>> {
        if planted(Planted::AdmissionMovesUnasked) {
            return Ok(());
        }
        let (need, why) = (RuntimeCapability::SessionUpgrade, "sessions are to move to another image");
        admit_one(RequiredBy::Upgrade, need, why, &self.held.contracts).map_err(Box::new)
    }

    /// Refuses to place roles elsewhere where the contracts do not grant it.
    pub(crate) fn admit_placement(&self) -> Result<(), Box<AdmissionRefusal>> {
        let (need, why) = (RuntimeCapability::PlacementRefinement, "a role is to be placed elsewhere");
        admit_one(RequiredBy::Plan, need, why, &self.held.contracts).map_err(Box::new)
    }

    fn request(&self, profile: DeterminismMode) -> AdmissionRequest<'_> {
        let machine = self.machine();
        let images = machine.images().iter().map(|image| &**image).collect();
        AdmissionRequest { images, config: machine.config(), schedule: self.schedule(), profile }
    }
}
