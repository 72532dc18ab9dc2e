//! Where things stand in a session's words.
//!
//! A session is one boxed slice of 64-bit words; what is rarely there hangs off one optional box. Offsets belong to
//! the image, so a session pays nothing for them.
//!
//! ```text
//! head    session id | status | ready bitmap, one bit a coroutine
//! roles   one word a role: type cursor (low half), owning coroutine (high half)
//! coros   per coroutine: pc | effect counter, gate, register tags (eight a word), registers
//! edges   per edge: header, messages sent, then slots of two words (meta, payload)
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_types::ImageParts;

/// Words before the ready bitmap.
pub(crate) const HEAD_ID: usize = 0;
pub(crate) const HEAD_STATUS: usize = 1;
pub(crate) const HEAD_READY: usize = 2;

/// Words of a coroutine before its tags.
pub(crate) const CORO_PC: usize = 0;
pub(crate) const CORO_GATE: usize = 1;
pub(crate) const CORO_TAGS: usize = 2;

/// Words of an edge before its slots, and the slots kept in place. Longer queues spill into the session's box.
pub(crate) const EDGE_HEADER: usize = 0;
pub(crate) const EDGE_SENT: usize = 1;
pub(crate) const EDGE_SLOTS: usize = 2;
pub(crate) const INLINE_SLOTS: usize = 2;
pub(crate) const EDGE_WORDS: usize = EDGE_SLOTS + 2 * INLINE_SLOTS;

/// One coroutine's place: where it starts within the coroutines' words, and its registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) registers: u16,
    pub(crate) tag_words: u16,
}

impl Place {
    pub(crate) const fn words(self) -> usize {
        CORO_TAGS + self.tag_words as usize + self.registers as usize
    }
}

/// The offsets of an image's sessions.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) roles_at: usize,
    pub(crate) coros_at: usize,
    pub(crate) edges_at: usize,
    pub(crate) total: usize,
    pub(crate) places: Box<[Place]>,
}

impl Layout {
    /// How many words a session of the image takes.
    pub(crate) fn words(parts: &ImageParts) -> u64 {
        let registers = parts.roles.iter().map(|role| u64::from(role.registers));
        let coroutines: u64 = registers.map(|count| CORO_TAGS as u64 + count.div_ceil(8) + count).sum();
        let roles = parts.roles.len() as u64;
        HEAD_READY as u64 + roles.div_ceil(64) + roles + coroutines + (parts.edges.len() * EDGE_WORDS) as u64
    }

    pub(crate) fn of(parts: &ImageParts) -> Self {
        let roles = parts.roles.len();
        let ready_words = roles.div_ceil(64);
        let roles_at = HEAD_READY + ready_words;
        let coros_at = roles_at + roles;
        let mut start = 0u32;
        let mut places = Vec::with_capacity(roles);
        for role in &parts.roles {
            let place = Place { start, registers: role.registers, tag_words: role.registers.div_ceil(8) };
            start += place.words() as u32;
            places.push(place);
        }
        let edges_at = coros_at + start as usize;
        let total = edges_at + parts.edges.len() * EDGE_WORDS;
        Self { roles_at, coros_at, edges_at, total, places: places.into() }
    }
}
