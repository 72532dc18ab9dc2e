//! A runtime of several bundles.

use crate::admission::RuntimeContracts;
use crate::composition::budget::MemoryBudget;
use crate::composition::bundle::ProtocolBundle;
use crate::composition::bundles::Bundles;
use crate::composition::error::{LinkError, PlanError};
use crate::composition::plan::ReconfigurationPlan;
use crate::composition::topology::CompositionTopology;
use crate::executor::{Executor, Inline};
use crate::rounds::Runtime;
use crate::schedule::Schedule;
use crate::status::{RuntimeError, Turn};
use motet_machine::{EffectHandler, ImageId, ProtocolMachineConfig, TopologyOutcome};
use motet_types::SessionId;
use std::sync::Arc;

/// Several bundles in one runtime.
///
/// Its methods stand in families: start ([`ComposedRuntime::new`], [`ComposedRuntime::admit_bundle`],
/// [`ComposedRuntime::open`]), run ([`ComposedRuntime::turn`]), change ([`ComposedRuntime::apply`],
/// [`ComposedRuntime::crash_member`], [`ComposedRuntime::partition`]), observe (everything that takes `&self`).
#[derive(Debug)]
pub struct ComposedRuntime<E> {
    runtime: Runtime<E>,
    bundles: Bundles,
}

impl<E> ComposedRuntime<E> {
    /// A composition without bundles, held to contracts.
    ///
    /// # Errors
    /// As [`Runtime::with_contracts`].
    pub fn new(
        config: ProtocolMachineConfig,
        schedule: Schedule,
        executor: E,
        contracts: RuntimeContracts,
        budget: MemoryBudget,
    ) -> Result<Self, RuntimeError> {
        let runtime = Runtime::with_contracts(config, schedule, executor, contracts)?;
        Ok(Self { runtime, bundles: Bundles::new(budget) })
    }

    /// Makes a bundle part of the composition: its certificate is computed again, its own contracts and the runtime's must
    /// cover it, and there must be room. What is refused has changed nothing.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn admit_bundle(&mut self, bundle: ProtocolBundle) -> Result<ImageId, LinkError> {
        self.bundles.admit(&self.runtime, &bundle)?;
        let image = self.runtime.load(Arc::clone(&bundle.code))?;
        self.runtime.join(image, bundle.reconfiguration_policy)?;
        self.bundles.push(image, bundle);
        Ok(image)
    }

    /// Opens a session of a bundle, by its protocol's name.
    ///
    /// # Errors
    /// There is no such bundle, the composition holds more than its budget, or the runtime refuses.
    pub fn open(&mut self, bundle: &str) -> Result<SessionId, LinkError> {
        let image = self.bundles.image(bundle)?;
        self.within_budget()?;
        Ok(self.runtime.open(image)?)
    }

    /// Whether what the machine holds is within the budget.
    ///
    /// # Errors
    /// [`LinkError::Budget`] with the first part that is not.
    pub fn within_budget(&self) -> Result<(), LinkError> {
        self.bundles.within_budget(&self.runtime)
    }

    /// One turn, as [`Runtime::turn`], if the composition is within its budget. One that is not takes no turn until its host
    /// has taken out what is kept, or allows more. A turn may go beyond it; the next one does not begin then.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn turn<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<Turn, LinkError>
    where
        E: Executor<H>,
    {
        self.within_budget()?;
        Ok(self.runtime.turn(host)?)
    }

    /// Another budget from now on.
    pub const fn set_budget(&mut self, budget: MemoryBudget) {
        self.bundles.set_budget(budget);
    }

    /// What a plan would come to. Nothing changes.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan(&self, plan: &ReconfigurationPlan) -> Result<CompositionTopology, PlanError> {
        self.runtime.planned(plan)
    }

    /// Applies a plan: all of its steps, or none. Answers the new epoch.
    ///
    /// # Errors
    /// See [`PlanError`]; nothing has changed then.
    pub fn apply(&mut self, plan: &ReconfigurationPlan) -> Result<u64, PlanError> {
        let next = self.plan(plan)?;
        self.runtime.note_plan(plan.clone());
        Ok(self.runtime.install(next))
    }

    /// A member's site has crashed, and with it every role that is there: an input of the run for all of them together. The
    /// member is gone for good. This process itself cannot be named: were it gone, nobody could say so.
    ///
    /// # Errors
    /// There is no such member, or the runtime refuses.
    pub fn crash_member(&mut self, member: &str) -> Result<TopologyOutcome, PlanError> {
        self.runtime.fail_member(member)
    }

    /// Nothing can be sent from one member's site to another's any more: an input of the run for all links between their
    /// roles together. Roles at one site are not cut from each other.
    ///
    /// # Errors
    /// One of them does not take part, both are one, or the runtime refuses.
    pub fn partition(&mut self, from: &str, to: &str) -> Result<TopologyOutcome, PlanError> {
        let cut = self.runtime.links(from, to)?;
        Ok(self.runtime.perturb(&cut)?)
    }

    /// The bundles, in the order in which they came.
    pub fn bundles(&self) -> impl Iterator<Item = &ProtocolBundle> {
        self.bundles.iter()
    }

    /// Who takes part, and where roles are.
    pub fn topology(&self) -> &CompositionTopology {
        self.runtime.composition().topology()
    }

    /// The runtime.
    pub const fn runtime(&self) -> &Runtime<E> {
        &self.runtime
    }

    /// The runtime, for everything that a composition does not concern itself with. What is loaded there is no bundle.
    pub const fn runtime_mut(&mut self) -> &mut Runtime<E> {
        &mut self.runtime
    }
}

/// The cooperative composition.
pub type ComposedGuestRuntime = ComposedRuntime<Inline>;
