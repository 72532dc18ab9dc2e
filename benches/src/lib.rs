//! The workloads that Motet is measured with: `motet bench` runs them, and so do the comparisons in `benches/`.
//!
//! Each workload is a protocol, run by the ordinary runtime with a schedule that its table row names.

mod any;
mod fit;
mod hosts;
mod measure;
mod objects;
mod phases;
mod protocols;
mod shape;
mod turns;
mod workload;

pub use any::AnyRuntime;
pub use fit::exponent;
pub use hosts::{Accepting, Answering, InTurn, Later};
pub use measure::{Measured, median, resident_bytes};
pub use objects::Asked;
pub use phases::{Phases, phases};
pub use protocols::{CHOICE, CONTROL_LAP, PING_PONG, TEN, asking, control, fan, image, ring, woken};
pub use shape::Shape;
pub use turns::{TurnTimes, Turns};
pub use workload::{Setup, WORKLOADS, Workload, find};
