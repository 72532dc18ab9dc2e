//! The durable log and the checkpoint store. It knows nothing about machines: a record is a kind and bytes.
//!
//! Start with [`Log`]. The bytes on the disk are described in `docs/log-format.md`.

mod checkpoint;
mod commit;
mod compact;
mod error;
mod format;
mod log;
mod lsn;
mod open;
mod options;
mod planted;
mod record;
mod records;
mod report;
mod segments;
pub mod sim;
mod slots;
pub mod span;
mod storage;
pub mod turns;
mod walk;

pub use checkpoint::{Checkpoint, CheckpointWriter};
pub use compact::Dropped;
pub use error::{Corrupt, Damage, LogError, OpenError};
pub use log::Log;
pub use lsn::Lsn;
pub use open::Recovered;
pub use options::{LogId, Options};
#[cfg(feature = "planted")]
pub use planted::{FAULTS, PLANTED};
pub use record::Record;
pub use records::Records;
pub use report::{Cleared, Remains, Report, SlotState, Tail};
pub use storage::{ALIGNMENT, File, Files, Storage};
