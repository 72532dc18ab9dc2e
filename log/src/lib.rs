//! The durable log and the checkpoint store. It knows nothing about machines: a record is a kind and bytes.

mod lsn;
mod record;

pub use lsn::Lsn;
pub use record::Record;
