//! A disk that exists only in memory, and loses, tears, reorders and forgets what the real one may.
//!
//! What it models:
//! - A write is pending until its file is synced. A crash keeps any subset of the pending sectors (512 bytes each), in
//!   any order, whatever write they came from; so writes are lost, kept, torn and reordered.
//! - A file's length, its making and its removal are pending in the same way until the file or the folder is synced.
//! - Every I/O call has a number. At each of them the disk can be looked at ([`SimDisk::observe`]), and at each it can
//!   fail ([`Fault`]): with an error, a short count, an interruption, a sync that loses what it should keep, a delay.
//! - An [`Image`] is what a crash leaves. It can be damaged by hand: bits flipped, sectors moved, old ones served.

mod disk;
mod fault;
mod image;
mod platter;

pub use disk::{Call, SimDisk};
pub use fault::Fault;
pub use image::Image;
pub use platter::{Platter, Survival};

/// The unit in which a disk keeps or loses what was written, in bytes.
pub const SECTOR: usize = 512;
