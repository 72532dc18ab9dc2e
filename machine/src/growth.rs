//! What an island has besides its main session: the sessions that its instructions have opened, and the coroutines that
//! they have started.
//!
//! Such a *guest* has roles and edges and no coroutines of its own: the island's coroutines act for its roles, through
//! endpoints that they own. It stands in the optional box of the main session, so that an island stays one place and one
//! footprint, and a session that opens nothing pays nothing. So do coroutines beside the roles' own: each has its words
//! here, and its number goes on where the roles' stop. Numbers are never given out twice. What any of them knows stands
//! here as well.

use crate::edge::{Header, slot};
use crate::image::CodeImage;
use crate::knowledge::{Facts, Knowledge};
use crate::layout::{EDGE_HEADER, EDGE_WORDS};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{Action, EdgeId, Planted, RoleId, planted};

/// Messages beyond the slots in place, by edge.
pub(crate) type Overflow = Vec<(EdgeId, VecDeque<(u64, u64)>)>;

/// Bytes that queues hold beyond their edges.
pub(crate) fn overflow_bytes(overflow: &Overflow) -> usize {
    let queued: usize = overflow.iter().map(|(_, queue)| queue.capacity() * size_of::<(u64, u64)>()).sum();
    overflow.capacity() * size_of::<(EdgeId, VecDeque<(u64, u64)>)>() + queued
}

/// What an island has grown to. The numbers that it has given out are never taken back, since ids are made of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Growth {
    /// How many sessions its instructions have opened.
    pub(crate) opened: u32,
    /// How many coroutines they have started.
    pub(crate) spawned: u16,
    /// How many endpoints have changed hands.
    pub(crate) delegated: u32,
    /// Receipts of those that changed hands in a speculation, or since the burst began.
    pub(crate) receipts: Vec<Delegation>,
    /// The coroutines that were started and have not ended, by their numbers.
    pub(crate) children: Vec<Child>,
    /// Which of the coroutines are ready whose bits do not fit the session's own bitmap; its words go on here.
    pub(crate) far: Vec<u64>,
    /// Those that are there, by their numbers.
    pub(crate) guests: Vec<Guest>,
    /// What its coroutines know.
    pub(crate) knowledge: Knowledge,
}

/// A coroutine that an instruction started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Child {
    pub(crate) number: u16,
    /// The role whose code it runs.
    pub(crate) role: u16,
    /// As a coroutine's words in a session; empty while it runs, when its frame has them.
    pub(crate) words: Box<[u64]>,
}

/// An endpoint that changed hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delegation {
    /// As the how-manieth of its island, from 1.
    pub(crate) number: u32,
    /// The number of the endpoint's session, and the place of its image.
    pub(crate) guest: u32,
    pub(crate) image: u32,
    pub(crate) role: u16,
    pub(crate) from: u16,
    pub(crate) to: u16,
    /// Whether its progress token went along: it had one if its type was not at its end.
    pub(crate) token: bool,
    /// What the giver knew of it, which the taker knows since.
    pub(crate) facts: Facts,
}

/// A session that an instruction opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guest {
    /// As the how-manieth of its island it was opened, from 1.
    pub(crate) number: u32,
    /// The row of its plan in the main session's image.
    pub(crate) plan: u16,
    /// The place of its image.
    pub(crate) image: u32,
    /// It is closing: what is in flight may be received, and nothing else happens.
    pub(crate) draining: bool,
    /// As in a session's words: type cursor (low half), owning coroutine (high half).
    pub(crate) roles: Box<[u64]>,
    pub(crate) edges: Box<[[u64; EDGE_WORDS]]>,
    pub(crate) overflow: Overflow,
}

impl Growth {
    /// As it was before a speculation that is undone; the numbers that were given out since are not given out again.
    pub(crate) fn taken_back(now: Option<Box<Self>>, before: Option<Box<Self>>) -> Option<Box<Self>> {
        let Some(now) = now else { return before };
        let mut grown = before.unwrap_or_default();
        if !planted(Planted::SpeculationReusesNumbers) {
            (grown.opened, grown.spawned, grown.delegated) = (now.opened, now.spawned, now.delegated);
        }
        if planted(Planted::SpeculationKeepsKnowledge) {
            grown.knowledge = now.knowledge.clone();
        }
        if planted(Planted::SpeculationKeepsSpawned) {
            (grown.children, grown.far) = (now.children, now.far);
            return Some(grown);
        }
        // Effect counters stay, as those of the roles' coroutines do.
        for child in &now.children {
            if let Some(old) = grown.child(child.number)
                && let (Some(position), Some(counted)) = (old.words.first_mut(), child.words.first())
            {
                *position = *position & u64::from(u32::MAX) | counted >> 32 << 32;
            }
        }
        Some(grown)
    }

    /// A coroutine that was started.
    pub(crate) fn child(&mut self, number: u16) -> Option<&mut Child> {
        let at = self.children.binary_search_by_key(&number, |child| child.number).ok()?;
        Some(&mut self.children[at])
    }

    /// The place of a guest.
    pub(crate) fn place(&self, number: u32) -> Option<usize> {
        self.guests.binary_search_by_key(&number, |guest| guest.number).ok()
    }

    pub(crate) fn guest(&self, number: u32) -> Option<&Guest> {
        self.place(number).map(|at| &self.guests[at])
    }

    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let guest = |guest: &Guest| {
            let words = guest.roles.len() + EDGE_WORDS * guest.edges.len();
            size_of::<Guest>() + 8 * words + overflow_bytes(&guest.overflow)
        };
        let children: usize = self.children.iter().map(|child| size_of::<Child>() + 8 * child.words.len()).sum();
        size_of::<Self>()
            + self.guests.iter().map(guest).sum::<usize>()
            + children
            + 8 * self.far.len()
            + self.knowledge.bytes()
    }
}

impl Guest {
    /// A session in which nothing has happened, all of whose endpoints the coroutine owns.
    pub(crate) fn open(number: u32, plan: u16, at: u32, image: &CodeImage, owner: u64) -> Self {
        let roles = image.parts.roles.iter().map(|role| u64::from(role.initial) | owner).collect();
        let edges = vec![[0; EDGE_WORDS]; image.parts.edges.len()].into_boxed_slice();
        Self { number, plan, image: at, draining: false, roles, edges, overflow: Vec::new() }
    }

    /// Whether a coroutine owns a role's endpoint.
    pub(crate) fn is_owned(&self, role: RoleId, coroutine: u16) -> bool {
        self.roles.get(role.index()).is_some_and(|cell| (cell >> 32) as u16 == coroutine)
    }

    /// Whether a role's type is at its end.
    pub(crate) fn is_over(&self, role: RoleId, image: &CodeImage) -> bool {
        let state = self.roles.get(role.index()).map(|cell| *cell as u32 as usize);
        state.and_then(|state| image.parts.states.get(state)).is_none_or(|state| state.action == Action::End)
    }

    /// Messages on all edges.
    pub(crate) fn in_flight(&self) -> usize {
        self.edges.iter().map(|edge| Header(edge[EDGE_HEADER]).len()).sum()
    }

    /// Takes everything off an edge: its messages' payloads as tagged words, and who waits on it, each plus one. What has
    /// been sent stays counted.
    pub(crate) fn empty(&mut self, edge: EdgeId) -> (Vec<(u8, u64)>, [u16; 2]) {
        let words = &mut self.edges[edge.index()];
        let header = Header(words[EDGE_HEADER]);
        let place = |at: usize| (words[slot(header.head(), at)], words[slot(header.head(), at) + 1]);
        let in_place: Vec<(u64, u64)> = (0..header.in_place()).map(place).collect();
        words[EDGE_HEADER] = 0;
        let spilled = self.overflow.iter_mut().find(|(id, _)| *id == edge);
        let spilled = spilled.map_or_else(VecDeque::new, |(_, queue)| core::mem::take(queue));
        let payloads = in_place.into_iter().chain(spilled).map(|(meta, word)| ((meta >> 16) as u8, word)).collect();
        (payloads, [header.receiver_waits(), header.sender_waits()])
    }

    /// Forgets who waits on an edge; answers them, each plus one.
    pub(crate) fn forget_waiting(&mut self, edge: EdgeId) -> [u16; 2] {
        let words = &mut self.edges[edge.index()];
        let header = Header(words[EDGE_HEADER]);
        words[EDGE_HEADER] &= u64::from(u32::MAX);
        [header.receiver_waits(), header.sender_waits()]
    }
}
