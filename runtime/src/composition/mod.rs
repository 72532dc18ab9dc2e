//! Several protocols in one runtime: each comes as a bundle with a certificate that is computed, is linked with those that
//! are there, and is admitted by the runtime's own door. Where roles are, and who takes part, changes by plans: whole or not
//! at all.

mod budget;
mod bundle;
mod composed;
mod error;
mod plan;
mod policy;
mod topology;

pub use budget::{BudgetPart, MemoryBudget};
pub use bundle::{CompositionCertificate, ProtocolBundle, TheoremPack};
pub use composed::{ComposedGuestRuntime, ComposedRuntime};
pub use error::{LinkError, PlanError};
pub use plan::{LOCAL_MEMBER, Placement, ReconfigurationPlan, ReconfigurationStep, Transport};
pub use policy::{ReconfigurationPolicy, ReconfigurationRefusal};
pub use topology::CompositionTopology;
