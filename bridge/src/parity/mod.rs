//! Parity: what is published, held against what there is; and the registry of what differs on purpose.
//!
//! Read from a tree of the project: [`check_shapes`] holds the tables of `docs/shapes.md` against this build and against the
//! reference; [`Registry`] is `docs/parity.md`. Nothing here decides what is right: a member that is neither published nor
//! registered is a finding. [`run_suites`] compares what this build does, [`release_conformance`] puts all of it together.

mod conformance;
mod error;
mod gates;
mod members;
mod present;
mod reference;
mod registry;
mod shapes;
mod suite;
mod table;
mod tree;
mod vectors;

pub use conformance::{ConformancePart, release_conformance};
pub use error::ParityError;
pub use gates::{CapabilityClass, CapabilityGate, capability_gates, capability_model, gate_findings};
pub use registry::{Deviation, Registry, month_of};
pub use shapes::{ShapeReport, ShapeRow, check_shapes};
#[cfg(feature = "runner")]
pub use suite::run_reference_suite;
pub use suite::{SuiteReport, run_suites};
pub use tree::Tree;

const SHAPES: &str = "docs/shapes.md";
const DEVIATIONS: &str = "docs/parity.md";
const EVIDENCE: &str = "docs/EVIDENCE.md";
const EVIDENCE_COLUMNS: [&str; 6] = ["lane", "command", "seed", "cases", "result", "wall time"];
