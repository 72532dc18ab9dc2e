//! The bundles of a composition, and what they may take of memory together.

use crate::composition::budget::MemoryBudget;
use crate::composition::bundle::ProtocolBundle;
use crate::composition::error::LinkError;
use crate::rounds::{GuestRuntime, Runtime};
use crate::schedule::Schedule;
use motet_machine::ImageId;
use motet_types::{Planted, planted};
use std::sync::Arc;

/// Bundles with the images that were loaded for them, in the order in which they came, and their budget.
#[derive(Debug)]
pub(super) struct Bundles {
    budget: MemoryBudget,
    loaded: Vec<(ImageId, ProtocolBundle)>,
}

impl Bundles {
    pub(super) const fn new(budget: MemoryBudget) -> Self {
        Self { budget, loaded: Vec::new() }
    }

    pub(super) const fn set_budget(&mut self, budget: MemoryBudget) {
        self.budget = budget;
    }

    pub(super) fn push(&mut self, image: ImageId, bundle: ProtocolBundle) {
        self.loaded.push((image, bundle));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ProtocolBundle> {
        self.loaded.iter().map(|(_, bundle)| bundle)
    }

    /// The image of a bundle, by its protocol's name.
    pub(super) fn image(&self, name: &str) -> Result<ImageId, LinkError> {
        let found = self.loaded.iter().find(|(_, bundle)| bundle.name() == name);
        found.map(|(image, _)| *image).ok_or_else(|| LinkError::NoBundle(name.into()))
    }

    /// Whether what the machine holds is within the budget.
    pub(super) fn within_budget<E>(&self, runtime: &Runtime<E>) -> Result<(), LinkError> {
        if planted(Planted::BudgetUnmeasured) {
            return Ok(());
        }
        self.budget.exceeded(&runtime.memory_usage(), 0)
    }

    /// Whether a bundle's certificate holds beside the others, and its contracts cover it.
    pub(super) fn covered<E>(&self, runtime: &Runtime<E>, bundle: &ProtocolBundle) -> Result<(), LinkError> {
        let others: Vec<ProtocolBundle> = self.iter().cloned().collect();
        bundle.check(&others)?;
        bundle.admit(runtime.machine().config(), runtime.schedule())
    }

    /// Whether a bundle may become one of these: its certificate, its contracts, and room.
    pub(super) fn admit<E>(&self, runtime: &Runtime<E>, bundle: &ProtocolBundle) -> Result<(), LinkError> {
        self.covered(runtime, bundle)?;
        // A machine of its own, with the same images, says what this one takes in it.
        let mut alone = GuestRuntime::new(runtime.machine().config().clone(), Schedule::default())?;
        for image in runtime.machine().images() {
            alone.load(Arc::clone(image))?;
        }
        let before = alone.memory_usage().retained.images;
        alone.load(Arc::clone(&bundle.code))?;
        let more = alone.memory_usage().retained.images.saturating_sub(before);
        self.budget.exceeded(&runtime.memory_usage(), more)
    }
}
