//! What is known of messages besides what they say: who sent which as the so-manieth, that each is received once, and
//! that none is another than the one that was sent.
//!
//! All of it is off by default, since an edge inside one process is memory that the machine owns. A machine whose
//! configuration switches some of it on keeps a [`Ledger`] in each session's box, and looks at messages when they are sent
//! and taken; see `watch.rs`.

pub(crate) mod bytes;
pub(crate) mod history;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod signed;
pub(crate) mod tamper;
pub(crate) mod watch;

pub(crate) use ledger::Ledger;
