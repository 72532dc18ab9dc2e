//! Several protocols in one runtime: each comes as a bundle with a certificate that is computed, is linked with those that
//! are there, and is admitted by the runtime's own door. Where roles are, and who takes part, changes by plans: whole or not
//! at all. What changes it is an input of the run; certificates, contracts and budgets are the host's.

mod budget;
mod bundle;
mod bundles;
mod change;
mod composed;
mod durable;
mod error;
mod plan;
mod policy;
mod state;
mod topology;

pub use budget::{BudgetPart, MemoryBudget};
pub use bundle::{CompositionCertificate, ProtocolBundle, TheoremPack};
pub use change::CompositionChange;
pub use composed::{ComposedGuestRuntime, ComposedRuntime};
pub use durable::{DurableComposition, DurableCompositionError};
pub use error::{LinkError, PlanError};
pub use plan::{LOCAL_MEMBER, Placement, ReconfigurationPlan, ReconfigurationStep, Transport};
pub use policy::{ReconfigurationPolicy, ReconfigurationRefusal};
pub use state::Composition;
pub use topology::CompositionTopology;
