//! The workloads that Motet is measured with: `motet bench` runs them, and so do the comparisons in `benches/`.
//!
//! Each workload is a protocol in the choreography language, run by the ordinary runtime with its ordinary schedule.

mod any;
mod measure;
mod workload;

pub use any::AnyRuntime;
pub use measure::{Measured, median, resident_bytes};
pub use workload::{Setup, WORKLOADS, Workload, image};
