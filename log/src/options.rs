//! How a log is laid out.

use crate::OpenError;
use crate::format::GROUP_HEADER;
use crate::storage::ALIGNMENT;

/// The name of a log: random, given when it is made. Every group and every slot carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 16]);

/// How to make or open a log. What is written into the log when it is made ([`Options::block`],
/// [`Options::segment`], [`Options::id`]) is not asked again.
#[derive(Clone, Debug)]
pub struct Options {
    /// Groups begin at multiples of this: 512 or 4096 bytes. The larger one suits every disk.
    pub block: u32,
    /// Bytes of a segment; a multiple of the block, at least two blocks, at most 1 GiB. No record can be larger.
    /// Reading holds one segment in memory.
    pub segment: u32,
    /// The name of a new log; `None` makes one up.
    pub id: Option<LogId>,
    /// How many zeroed segments are kept for later instead of giving their room back.
    pub spares: usize,
    /// A group is closed when it would become larger, in bytes. A record that is larger goes alone.
    pub group: u32,
    /// With more bytes waiting than this, an append first writes some of them.
    pub waiting: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { block: 4096, segment: 16 << 20, id: None, spares: 2, group: 1 << 20, waiting: 64 << 20 }
    }
}

impl Options {
    /// Refuses layouts that cannot work.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let refuse = |why: &str| Err(OpenError::Options(format!("log options: {why}")));
        if self.block != 512 && self.block as usize != ALIGNMENT {
            return refuse("a block has 512 or 4096 bytes");
        }
        if !self.segment.is_multiple_of(self.block) || self.segment < 2 * self.block || self.segment > 1 << 30 {
            return refuse("a segment has at least two blocks and at most 1 GiB, and nothing but whole blocks");
        }
        if (self.group as usize) < GROUP_HEADER {
            return refuse("a group has room for its header at least");
        }
        Ok(())
    }
}
