//! The durable log and the checkpoint store. It knows nothing about machines: a record is a kind and bytes.

mod lsn;
mod planted;
mod record;
pub mod span;
pub mod turns;

pub use lsn::Lsn;
#[cfg(feature = "planted")]
pub use planted::{FAULTS, PLANTED};
pub use record::Record;
