//! The promises, one function each. A function answers `Err` with what it found when the promise is broken.

pub mod agreements;
pub mod buffers;
pub mod bytes;
pub mod compiling;
pub mod cut_runs;
pub mod durable;
pub mod forgeries;
pub mod guards;
pub mod heaps;
pub mod hosts;
pub mod invoking;
pub mod model;
pub mod opening;
pub mod ownership;
pub mod pools;
pub mod protocols;
pub mod rarely;
pub mod records;
pub mod scheduling;
pub mod snapshots;
pub mod soundness;
pub mod spawning;
pub mod speculating;
pub mod steps;
pub mod threads;
pub mod verifier;
