//! A session by value: its words, and one optional box for what is rarely there.

use crate::edge::Header;
use crate::ext::{Ext, TAG_ENDPOINT};
use crate::growth::Growth;
use crate::image::CodeImage;
use crate::layout::{CORO_GATE, CORO_PC, CORO_TAGS, EDGE_WORDS, HEAD_ID, HEAD_READY, HEAD_STATUS, Layout};
use crate::outcome::EffectOutcome;
use crate::speculation::Level;
use alloc::boxed::Box;
use alloc::vec;
use motet_types::{CoroutineId, EdgeId, LayerId, SessionId};

/// What a coroutine waits for, and so what wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing: it runs, or may.
    Open,
    /// A message on an edge of the main session.
    Message(EdgeId),
    /// Room on an edge of the main session.
    Room(EdgeId),
    /// A message on an edge of the session that instructions of the island opened as the so-manieth.
    GuestMessage(u32, EdgeId),
    /// Room on an edge of such a session.
    GuestRoom(u32, EdgeId),
    /// A link that is whole, to send on an edge of the main session.
    Link(EdgeId),
    /// The same on an edge of a session that instructions of the island opened as the so-manieth.
    GuestLink(u32, EdgeId),
    /// The host's answer to its outstanding effect.
    Answer,
    /// The host's grant of a guard: until then it is denied.
    Guard(LayerId),
    /// Its next turn, after the session's other coroutines: the host deferred a send.
    NextBurst,
    /// It has ended.
    Halted,
    /// Its site crashed, and it with it.
    Crashed,
    /// It was cancelled: it waited on what had failed.
    Cancelled,
}

/// Where in a gate's word the number of a guest stands.
const GUEST: u32 = 24;

impl Gate {
    /// Whether it is a coroutine's that does not go on.
    pub const fn has_ended(self) -> bool {
        matches!(self, Gate::Halted | Gate::Crashed | Gate::Cancelled)
    }

    /// The word of a gate as it was packed with a guest in the main session's place.
    pub(crate) const fn within(word: u64, number: u32) -> u64 {
        match word as u8 {
            1 | 2 | 7 => word | (number as u64) << GUEST,
            _ => word,
        }
    }

    pub(crate) const fn pack(self) -> u64 {
        match self {
            Gate::Open => 0,
            Gate::Message(edge) => 1 | (edge.0 as u64) << 8,
            Gate::Room(edge) => 2 | (edge.0 as u64) << 8,
            Gate::Answer => 3,
            Gate::NextBurst => 4,
            Gate::Halted => 5,
            Gate::Guard(layer) => 6 | (layer.0 as u64) << 8,
            Gate::Link(edge) => 7 | (edge.0 as u64) << 8,
            Gate::Crashed => 8,
            Gate::Cancelled => 9,
            Gate::GuestLink(number, edge) => 7 | (edge.0 as u64) << 8 | (number as u64) << GUEST,
            Gate::GuestMessage(number, edge) => 1 | (edge.0 as u64) << 8 | (number as u64) << GUEST,
            Gate::GuestRoom(number, edge) => 2 | (edge.0 as u64) << 8 | (number as u64) << GUEST,
        }
    }

    pub(crate) const fn unpack(word: u64) -> Self {
        let (edge, number) = (EdgeId((word >> 8) as u16), (word >> GUEST) as u32);
        match word as u8 {
            0 => Gate::Open,
            1 if number > 0 => Gate::GuestMessage(number, edge),
            2 if number > 0 => Gate::GuestRoom(number, edge),
            1 => Gate::Message(edge),
            2 => Gate::Room(edge),
            3 => Gate::Answer,
            4 => Gate::NextBurst,
            6 => Gate::Guard(LayerId(edge.0)),
            7 if number > 0 => Gate::GuestLink(number, edge),
            7 => Gate::Link(edge),
            8 => Gate::Crashed,
            9 => Gate::Cancelled,
            _ => Gate::Halted,
        }
    }
}

/// One session: everything that one of its steps may touch.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) words: Box<[u64]>,
    pub(crate) ext: Option<Box<Ext>>,
    pub(crate) image: u32,
}

/// Whether a coroutine's bit is set in a ready bitmap, whose words go on in `far`.
pub(crate) fn is_ready(near: &[u64], far: &[u64], coroutine: u16) -> bool {
    let word = near.iter().chain(far).nth(usize::from(coroutine / 64));
    word.is_some_and(|word| word >> (coroutine % 64) & 1 != 0)
}

/// The status word: the coroutine that runs, how many are alive, and whether the host has ever deferred a
/// send.
#[derive(Clone, Copy)]
pub(crate) struct Status(pub(crate) u64);

impl Status {
    #[inline(always)]
    pub(crate) const fn new(current: u16, live: u16, deferred: bool) -> Self {
        Self(current as u64 | (live as u64) << 16 | (deferred as u64) << 32)
    }
    #[inline(always)]
    pub(crate) const fn current(self) -> u16 {
        self.0 as u16
    }
    #[inline(always)]
    pub(crate) const fn live(self) -> u16 {
        (self.0 >> 16) as u16
    }
    #[inline(always)]
    pub(crate) const fn deferred(self) -> bool {
        self.0 >> 32 & 1 != 0
    }
}

impl Session {
    pub(crate) fn open(id: SessionId, image: &CodeImage, image_id: u32) -> Self {
        let layout = &image.layout;
        let mut words = vec![0u64; layout.total].into_boxed_slice();
        let roles = image.role_count();
        words[HEAD_ID] = id.0;
        words[HEAD_STATUS] = Status::new(0, roles as u16, false).0;
        for role in 0..roles {
            words[HEAD_READY + role / 64] |= 1 << (role % 64);
            let part = &image.parts.roles[role];
            words[layout.roles_at + role] = u64::from(part.initial) | (role as u64) << 32;
            let place = layout.places[role];
            let at = layout.coros_at + place.start as usize;
            words[at + CORO_PC] = u64::from(part.code_start);
            words[at + CORO_GATE] = Gate::Open.pack();
            words[at + CORO_TAGS] = u64::from(TAG_ENDPOINT);
            words[at + CORO_TAGS + place.tag_words as usize] = role as u64;
        }
        Self { words, ext: None, image: image_id }
    }

    pub(crate) fn id(&self) -> SessionId {
        SessionId(self.words[HEAD_ID])
    }

    pub(crate) fn status(&self) -> Status {
        Status(self.words[HEAD_STATUS])
    }

    /// Messages on all edges of the island.
    pub(crate) fn in_flight(&self, layout: &Layout) -> usize {
        let own: usize = self.words[layout.edges_at..].chunks_exact(EDGE_WORDS).map(|edge| Header(edge[0]).len()).sum();
        let growth = self.ext.as_deref().and_then(|ext| ext.growth.as_deref());
        own + growth.map_or(0, |growth| growth.guests.iter().map(|guest| guest.in_flight()).sum())
    }

    pub(crate) fn growth(&self) -> Option<&Growth> {
        self.ext.as_deref().and_then(|ext| ext.growth.as_deref())
    }

    pub(crate) fn growth_mut(&mut self) -> Option<&mut Growth> {
        self.ext.as_deref_mut().and_then(|ext| ext.growth.as_deref_mut())
    }

    /// Where the ready bitmap goes on.
    pub(crate) fn far(&self) -> &[u64] {
        self.growth().map_or(&[], |growth| &growth.far)
    }

    /// The open speculations, the outermost first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Level> {
        let speculation = self.ext.as_deref().and_then(|ext| ext.speculation.as_deref());
        speculation.into_iter().flat_map(|speculation| &speculation.levels)
    }

    /// Whether some coroutine is ready.
    pub(crate) fn is_ready(&self, layout: &Layout) -> bool {
        self.words[HEAD_READY..layout.roles_at].iter().chain(self.far()).any(|word| *word != 0)
    }

    pub(crate) fn set_gate(&mut self, layout: &Layout, coroutine: CoroutineId, gate: Gate) {
        if let Some(place) = layout.places.get(coroutine.index()) {
            self.words[layout.coros_at + place.start as usize + CORO_GATE] = gate.pack();
        } else if let Some(child) = self.growth_mut().and_then(|growth| growth.child(coroutine.0)) {
            child.words[CORO_GATE] = gate.pack();
        }
    }

    /// The word of the ready bitmap that has a coroutine's bit.
    pub(crate) fn ready_word(&mut self, layout: &Layout, coroutine: CoroutineId) -> Option<&mut u64> {
        let (word, near) = (coroutine.index() / 64, layout.roles_at - HEAD_READY);
        match word < near {
            true => self.words.get_mut(HEAD_READY + word),
            false => self.ext.as_deref_mut()?.growth.as_deref_mut()?.far.get_mut(word - near),
        }
    }

    pub(crate) fn gate(&self, layout: &Layout, coroutine: CoroutineId) -> Option<Gate> {
        let word = match layout.places.get(coroutine.index()) {
            Some(place) => self.words[layout.coros_at + place.start as usize + CORO_GATE],
            None => {
                let child = self.growth()?.children.iter().find(|child| child.number == coroutine.0)?;
                child.words[CORO_GATE]
            }
        };
        let gate = Gate::unpack(word);
        // Waking only marks it as ready; its next step opens the gate in its words.
        let far = self.growth().map_or(&[][..], |growth| &growth.far[..]);
        let ready = is_ready(&self.words[HEAD_READY..layout.roles_at], far, coroutine.0);
        Some(if ready && gate != Gate::NextBurst { Gate::Open } else { gate })
    }

    /// Opens the gate of a coroutine that waits for an answer, and leaves the answer for its next step.
    pub(crate) fn answer(&mut self, layout: &Layout, coroutine: CoroutineId, outcome: EffectOutcome) {
        self.set_gate(layout, coroutine, Gate::Open);
        if let Some(word) = self.ready_word(layout, coroutine) {
            *word |= 1 << (coroutine.0 % 64);
        }
        self.ext.get_or_insert_default().answers.push((coroutine, outcome));
    }

    /// Bytes that the session holds, its boxes included.
    pub(crate) fn bytes(&self) -> usize {
        self.words.len() * 8 + self.ext.as_ref().map_or(0, |ext| ext.bytes())
    }
}
