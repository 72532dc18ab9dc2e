//! A composition whose run is in a log: what changes it is durable before it is in force, and a recovered run has all of it.

use crate::composition::budget::MemoryBudget;
use crate::composition::bundle::ProtocolBundle;
use crate::composition::bundles::Bundles;
use crate::composition::error::{LinkError, PlanError};
use crate::composition::plan::ReconfigurationPlan;
use crate::composition::state::Composition;
use crate::durable::{Durable, DurableError};
use crate::executor::Executor;
use crate::status::Turn;
use motet_machine::{EffectHandler, ImageId, TopologyOutcome};
use motet_types::SessionId;
use std::sync::Arc;

/// Why a durable composition could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DurableCompositionError {
    /// A bundle is refused, or the budget.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A plan is refused. No step of it was taken.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run or its log refused.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The bundles that were told again are not those of the run.
    #[error("bundle {at} of the run is {expected}, and {told} was told again; tell the bundles in their order")]
    OtherBundle {
        /// Which, from 0.
        at: usize,
        /// The one in the log: its protocol's name, or that there is none.
        expected: String,
        /// The one that was told.
        told: String,
    },
    /// A bundle was told again with another policy than the log has.
    #[error("{bundle} was told again with another reconfiguration_policy than the one in the log")]
    OtherPolicy {
        /// The bundle.
        bundle: String,
    },
}

/// Several bundles in one durable run.
///
/// Certificates and contracts are the host's: whoever recovers the run tells its bundles again, and they are held against
/// those in the log and certified anew. Members, placements and transports are the log's.
#[derive(Debug)]
pub struct DurableComposition<E> {
    run: Durable<E>,
    bundles: Bundles,
}

impl<E> DurableComposition<E> {
    /// The composition of a run: of one that was just created, without bundles; of one that was recovered, with its bundles
    /// in their order. The run is held to its contracts already ([`Durable::hold_to`]).
    ///
    /// # Errors
    /// Other bundles than those in the log, or one that is refused now.
    pub fn resume(
        run: Durable<E>,
        bundles: Vec<ProtocolBundle>,
        budget: MemoryBudget,
    ) -> Result<Self, DurableCompositionError> {
        let there = run.runtime().composition().bundles().to_vec();
        let name = |at: usize| {
            let image = there.get(at).and_then(|(image, _)| run.runtime().machine().image(*image));
            image.map_or_else(|| String::from("none"), |image| image.parts().name.clone())
        };
        let told = |at: usize| bundles.get(at).map_or_else(|| String::from("none"), |one| one.name().to_owned());
        if bundles.len() != there.len() {
            let at = bundles.len().min(there.len());
            return Err(DurableCompositionError::OtherBundle { at, expected: name(at), told: told(at) });
        }
        let mut known = Bundles::new(budget);
        for (at, (bundle, (image, policy))) in bundles.iter().zip(&there).enumerate() {
            let loaded = run.runtime().machine().image(*image);
            if loaded.is_none_or(|loaded| loaded.digest() != bundle.code.digest()) {
                return Err(DurableCompositionError::OtherBundle { at, expected: name(at), told: told(at) });
            }
            if bundle.reconfiguration_policy != *policy {
                return Err(DurableCompositionError::OtherPolicy { bundle: told(at) });
            }
            known.covered(run.runtime(), bundle)?;
            known.push(*image, bundle.clone());
        }
        Ok(Self { run, bundles: known })
    }

    /// Makes a bundle part of the composition, as
    /// [`ComposedRuntime::admit_bundle`](crate::ComposedRuntime::admit_bundle). It is durable when this returns.
    ///
    /// # Errors
    /// See [`LinkError`]; or the log refuses.
    pub fn admit_bundle(&mut self, bundle: ProtocolBundle) -> Result<ImageId, DurableCompositionError> {
        self.bundles.admit(self.run.runtime(), &bundle)?;
        let image = self.run.join(Arc::clone(&bundle.code), bundle.reconfiguration_policy)?;
        self.bundles.push(image, bundle);
        Ok(image)
    }

    /// Opens a session of a bundle, by its protocol's name. It is acknowledged by the next [`Durable::sync`].
    ///
    /// # Errors
    /// There is no such bundle, the composition holds more than its budget, or the runtime refuses.
    pub fn open(&mut self, bundle: &str) -> Result<SessionId, DurableCompositionError> {
        let image = self.bundles.image(bundle)?;
        self.bundles.within_budget(self.run.runtime())?;
        Ok(self.run.open(image)?)
    }

    /// One turn, as [`Durable::turn`], if the composition is within its budget.
    ///
    /// # Errors
    /// It is not; or as [`Durable::turn`].
    pub fn turn<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<Turn, DurableCompositionError>
    where
        E: Executor<H>,
    {
        self.bundles.within_budget(self.run.runtime())?;
        Ok(self.run.turn(host)?)
    }

    /// Applies a plan: all of its steps, or none. It is one input of the log, and durable before any of it is in force; a
    /// crash leaves all of it or nothing. Answers the new epoch.
    ///
    /// # Errors
    /// See [`PlanError`]; or the log refuses. Nothing is in force then.
    pub fn apply(&mut self, plan: &ReconfigurationPlan) -> Result<u64, DurableCompositionError> {
        let next = self.run.runtime().planned(plan)?;
        Ok(self.run.reconfigure(plan, next)?)
    }

    /// A member's site has crashed, and with it every role that is there: one input, durable when this returns.
    ///
    /// # Errors
    /// As [`ComposedRuntime::crash_member`](crate::ComposedRuntime::crash_member); or the log refuses.
    pub fn crash_member(&mut self, member: &str) -> Result<TopologyOutcome, DurableCompositionError> {
        let outcome = self.run.changed(|runtime| runtime.fail_member(member))??;
        Ok(outcome)
    }

    /// Nothing can be sent from one member's site to another's any more; durable when this returns.
    ///
    /// # Errors
    /// As [`ComposedRuntime::partition`](crate::ComposedRuntime::partition); or the log refuses.
    pub fn partition(&mut self, from: &str, to: &str) -> Result<TopologyOutcome, DurableCompositionError> {
        let cut = self.run.runtime().links(from, to)?;
        let outcome = self.run.perturb(&cut)?;
        self.run.sync()?;
        Ok(outcome)
    }

    /// What of it is in the log.
    pub fn composition(&self) -> &Composition {
        self.run.runtime().composition()
    }

    /// The bundles, in the order in which they came.
    pub fn bundles(&self) -> impl Iterator<Item = &ProtocolBundle> {
        self.bundles.iter()
    }

    /// The run.
    pub const fn run(&self) -> &Durable<E> {
        &self.run
    }

    /// The run, for everything that a composition does not concern itself with. What is loaded there is no bundle.
    pub const fn run_mut(&mut self) -> &mut Durable<E> {
        &mut self.run
    }
}
