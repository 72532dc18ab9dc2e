//! Who owns a session: claims, capabilities, staged transfers, witnesses, and the audit of all of them.
//!
//! What may happen when is the table of `motet_semantic` (`OWNERSHIP`), which [`SessionOwnership::apply`] executes;
//! what is here is what the table speaks of: names for its numbers, the artifacts in force, and their audit. Every
//! operation comes in through one door, [`ProtocolMachine::own`](crate::ProtocolMachine::own), between turns.

mod artifacts;
mod audit;
mod bytes;
mod operation;
mod own;
mod state;
mod tape;

pub use audit::AuditTrail;
pub(crate) use bytes::{decode_ownership, encode_ownership};
pub use operation::{OwnershipOperation, OwnershipOutcome, SessionHostMutation};
pub(crate) use own::numbered;
pub use own::{MAX_OPERATION_BYTES, OwnershipRefusal};
pub use state::{HostBindings, OwnershipMoment, SessionOwnership};
