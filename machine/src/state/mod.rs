//! The machine's state as bytes and digests: one canonical encoding of a session, and what is built on it.

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod examine;
mod gate;
pub(crate) mod growth;
pub(crate) mod rebuild;
pub(crate) mod tree;
