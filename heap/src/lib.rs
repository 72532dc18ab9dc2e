//! Linear resources, commitments and proofs.
#![no_std]
extern crate alloc;

mod archive;
mod counted;
mod cursor;
mod digest;
mod error;
mod filter;
mod heap;
mod hex;
mod id;
mod memory;
mod order;
mod overlay;
mod pending;
mod planted;
mod proof_file;
mod prove;
mod resource;
mod snapshot;
mod store;
mod stored;
mod tree;
pub mod v1;
pub mod verify;

pub use archive::ArchiveError;
#[cfg(feature = "counted")]
pub use counted::COMPRESSIONS;
pub use cursor::Malformed;
pub use error::HeapError;
pub use heap::{Commitment, Heap};
pub use id::{IdSource, ResourceId};
pub use overlay::Overlay;
#[cfg(feature = "planted")]
pub use planted::{FAULTS, PLANTED};
pub use proof_file::{Claim, ProofFile, ProofFileError};
pub use resource::{ChannelState, Message, MessagePayload, Resource, ResourceKind, TooLarge};
pub use snapshot::Snapshot;
pub use store::{LoadError, PageStore};
pub use stored::StoredResource;
