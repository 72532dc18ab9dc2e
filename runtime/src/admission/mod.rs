//! Admission: what an image and a configuration need, held item by item against what the host's contracts grant.
//!
//! [`RuntimeContracts`] grant and promise, a [`Requirement`] needs, [`admit`] decides and gives its reasons. The door is
//! [`Runtime::hold_to`](crate::Runtime::hold_to): a runtime is held to contracts when it is made, and from then on whenever
//! an image is loaded or a profile asked for. Without a word from the host these are [`RuntimeContracts::own`].

mod attachment;
mod contracts;
mod door;
mod gate;
mod promise;
mod requirement;

pub use attachment::{AttachmentPoint, SEMANTIC_ATTACHMENT_POINTS};
pub use contracts::{
    AdmissibilityClass, DeterminismArtifacts, EscalationWindow, ExecutionProfile, FairnessAssumption,
    RuntimeCapability, RuntimeContracts, TransportContracts,
};
pub(crate) use door::Held;
pub use gate::{
    AdmissionItem, AdmissionRefusal, AdmissionRequest, RuntimeAdmission, RuntimeCapabilitySnapshot, RuntimeGateResult,
    admit,
};
pub(crate) use requirement::needs_more;
pub use requirement::{RequiredBy, Requirement};
