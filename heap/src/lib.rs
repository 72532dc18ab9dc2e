//! Linear resources, commitments and proofs.
#![no_std]
extern crate alloc;

mod cursor;
mod digest;
mod error;
mod hex;
mod id;
mod planted;
mod resource;
pub mod v1;

pub use cursor::Malformed;
pub use error::HeapError;
pub use id::{IdSource, ResourceId, contents_digest};
#[cfg(feature = "planted")]
pub use planted::{FAULTS, PLANTED};
pub use resource::{ChannelState, Message, MessagePayload, Resource, ResourceKind, TooLarge};
