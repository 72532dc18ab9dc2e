//! What changes a composition, written: durable before it is in force.

use super::{Durable, DurableError};
use crate::composition::{CompositionTopology, ReconfigurationPlan, ReconfigurationPolicy};
use crate::rounds::Runtime;
use motet_machine::{CodeImage, ImageId};
use motet_types::{Planted, planted};
use std::sync::Arc;

impl<E> Durable<E> {
    /// An image becomes a bundle of the run's composition.
    pub(crate) fn join(
        &mut self,
        code: Arc<CodeImage>,
        policy: ReconfigurationPolicy,
    ) -> Result<ImageId, DurableError> {
        let image = self.load(code)?;
        self.runtime.join(image, policy)?;
        self.sync()?;
        Ok(image)
    }

    /// A plan is in the log, as one input, before what it comes to is in force.
    pub(crate) fn reconfigure(
        &mut self,
        plan: &ReconfigurationPlan,
        next: CompositionTopology,
    ) -> Result<u64, DurableError> {
        if planted(Planted::PlanByHalves) {
            for (epoch, step) in (plan.epoch..).zip(&plan.steps) {
                self.runtime.note_plan(ReconfigurationPlan { epoch, steps: vec![step.clone()] });
                self.sync()?;
            }
            return Ok(self.runtime.install(next));
        }
        self.runtime.note_plan(plan.clone());
        self.sync()?;
        Ok(self.runtime.install(next))
    }

    /// Something changes the run, and is durable.
    pub(crate) fn changed<T>(&mut self, change: impl FnOnce(&mut Runtime<E>) -> T) -> Result<T, DurableError> {
        let changed = change(&mut self.runtime);
        self.sync()?;
        Ok(changed)
    }
}
