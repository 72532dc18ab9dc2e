//! The state root: one digest of sessions, messages in flight, resources and counters.
//!
//! Sessions are the leaves of a tree (`state/tree.rs`); the root is the digest of its top, the heap's root and the counters.
//! Nothing is hashed before somebody asks. From then on the machine remembers which sessions have changed, and asking again
//! hashes those, and what stands above them in the tree.

use crate::machine::{Place, ProtocolMachine, Slot};
use crate::memory::in_btree;
use crate::state::encode::{encode_session, leaf};
use crate::state::tree::{EMPTY, StateTree, combine};
use crate::wave::Boundary;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use motet_types::{Digest, Digester, Planted, Reader, SessionId, planted};

/// The counters that the root covers, beside the sessions, and what it covers of sites and links. All are equal in equal runs of every schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) faulted: u64,
    pub(crate) cancelled: u64,
    pub(crate) steps: u64,
    pub(crate) messages: u64,
    pub(crate) dropped: u64,
    pub(crate) tick: u64,
    /// Of what has happened to sites and links.
    pub(crate) topology: Digest,
}

impl Counters {
    const COUNT: usize = 8;
    /// How many bytes they take.
    pub(crate) const BYTES: usize = Self::COUNT * 8 + 32;

    pub(crate) fn encode(&self, into: &mut impl Digester) {
        let Self { opened, closed, faulted, cancelled, steps, messages, dropped, tick, topology } = *self;
        [opened, closed, faulted, cancelled, steps, messages, dropped, tick]
            .into_iter()
            .for_each(|count| into.u64(count));
        into.bytes(&topology.0);
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            opened: from.u64()?,
            closed: from.u64()?,
            faulted: from.u64()?,
            cancelled: from.u64()?,
            steps: from.u64()?,
            messages: from.u64()?,
            dropped: from.u64()?,
            tick: from.u64()?,
            topology: Digest(from.take(32)?.try_into().ok()?),
        })
    }

    /// The root over these counters, a state tree with this top, and a heap with this root.
    pub(crate) fn root(&self, top: &[u8; 32], heap: &[u8; 32]) -> Digest {
        let mut bytes = Vec::with_capacity(16 + Self::BYTES + 64);
        bytes.bytes(b"motet.state.5\0\0\0");
        self.encode(&mut bytes);
        bytes.bytes(top);
        if !planted(Planted::RootSkipsHeap) {
            bytes.bytes(heap);
        }
        Digest(*blake3::hash(&bytes).as_bytes())
    }
}

/// What the machine remembers so that a root costs what has changed.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    /// None as long as nobody has asked for a root.
    pub(crate) tree: Option<StateTree>,
    /// Slots whose session has changed since; each stands here once, as the slot's own mark says.
    changed: Vec<u32>,
    /// Leaves that are known without looking at a slot: sessions that have ended, or were parked.
    known: BTreeMap<u64, Digest>,
    scratch: Vec<u8>,
}

impl Digests {
    /// Remembers that a slot's session has changed.
    #[inline(always)]
    pub(crate) fn changed(&mut self, slot: &mut Slot, at: u32) {
        if self.tree.is_some() && !slot.changed {
            slot.changed = true;
            self.changed.push(at);
        }
    }

    /// Remembers that a session has ended. One that no root has known yet leaves nothing behind.
    pub(crate) fn ended(&mut self, id: u64) {
        if !planted(Planted::RootKeepsEnded) {
            self.known(id, Digest(EMPTY));
        }
    }

    /// Remembers a session's leaf.
    pub(crate) fn known(&mut self, id: u64, leaf: Digest) {
        if self.tree.as_ref().is_some_and(|tree| id < tree.opened() || leaf.0 != EMPTY) {
            self.known.insert(id, leaf);
        }
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let tree = self.tree.as_ref().map_or(0, StateTree::bytes);
        tree + self.changed.capacity() * 4 + in_btree(self.known.len(), 40) + self.scratch.capacity()
    }

    /// The leaf of a session that has not changed since the last root; none when there was no root.
    pub(crate) fn leaf(&self, slot: &Slot, id: u64) -> Option<Digest> {
        let leaf = self.tree.as_ref()?.leaf(id);
        (!slot.changed && leaf != EMPTY).then_some(Digest(leaf))
    }

    /// The tree, when it is up to date.
    pub(crate) fn settled(&self) -> Option<&StateTree> {
        self.tree.as_ref().filter(|_| self.changed.is_empty() && self.known.is_empty())
    }
}

impl ProtocolMachine {
    /// The digest of a session as it stands, and that of its image; none of one that is not there, or out with a wave.
    pub fn session_digest(&self, session: SessionId) -> Option<(Digest, Digest)> {
        if let Some(parked) = self.parked.get(&session.0) {
            return Some((parked.leaf, self.images.get(parked.image as usize)?.digest()));
        }
        let (found, image) = self.live(session)?;
        let mut bytes = Vec::new();
        encode_session(&mut bytes, found, image, &self.deadlines);
        Some((leaf(&image.digest(), &bytes), image.digest()))
    }

    /// Digests the state and remembers the digest: certificates name it from now on.
    ///
    /// # Panics
    /// While waves are out: what is out cannot be digested.
    pub fn take_boundary(&mut self) -> Boundary {
        assert_eq!(self.out, 0, "a state digest is taken while every island is at home");
        self.boundary = Boundary { wave: self.tally.waves, state: self.settle_root() };
        self.boundary
    }

    pub(crate) fn counters(&self) -> Counters {
        let tally = self.tally();
        Counters {
            opened: tally.opened,
            closed: tally.closed,
            faulted: tally.faulted,
            cancelled: tally.cancelled,
            steps: tally.steps,
            messages: tally.messages,
            dropped: tally.dropped,
            tick: self.tick().0,
            topology: self.topology.digest(),
        }
    }

    /// The leaves of all sessions alive, in order of their ids.
    fn leaves(&self) -> Vec<(u64, Digest)> {
        let mut bytes = Vec::new();
        let leaf_of = |id: u64| {
            if let Some(parked) = self.parked.get(&id) {
                return Some((id, parked.leaf));
            }
            let (session, image) = self.live(SessionId(id))?;
            bytes.clear();
            encode_session(&mut bytes, session, image, &self.deadlines);
            Some((id, leaf(&image.digest(), &bytes)))
        };
        self.sessions().map(|session| session.0).filter_map(leaf_of).collect()
    }

    /// The state root, computed from sessions and resources alone: what [`ProtocolMachine::settle_root`] must answer too.
    pub fn recomputed_root(&self) -> Digest {
        self.counters().root(&combine(&self.leaves(), self.tally.opened), &self.heap.recomputed().root())
    }

    /// The state root. Equal in equal runs; where sessions are stored and when roots were asked for does not matter.
    ///
    /// It is at hand when [`ProtocolMachine::settle_root`] was called and nothing has happened since; otherwise every
    /// session is hashed.
    pub fn state_root(&self) -> Digest {
        match self.digests.settled() {
            Some(tree) if tree.opened() == self.tally.opened => {
                self.counters().root(&tree.top(), &self.heap.commitment().root())
            }
            _ => self.recomputed_root(),
        }
    }

    /// The state root, at the cost of the sessions and resources that have changed since it was last asked for: each is
    /// encoded and hashed once, and so is what stands above it. The first call hashes every session, and from then on the machine
    /// remembers changes. Call it between waves: a session that is out has no state to hash.
    pub fn settle_root(&mut self) -> Digest {
        let opened = self.tally.opened;
        self.heap.commit();
        match self.digests.tree.take() {
            None => {
                let mut tree = StateTree::new();
                tree.apply(&self.leaves(), opened);
                self.digests.tree = Some(tree);
            }
            Some(mut tree) => {
                let digests = &mut self.digests;
                let mut changes: Vec<(u64, Digest)> = core::mem::take(&mut digests.known).into_iter().collect();
                let (slots, images, scratch) = (&mut self.slots, &self.images, &mut digests.scratch);
                let deadlines = &self.deadlines;
                digests.changed.retain(|at| {
                    let slot = &mut slots[*at as usize];
                    match slot.place {
                        Place::Out => return true,
                        Place::Free => {}
                        Place::Ready | Place::Waiting => {
                            let image = &images[slot.session.image as usize];
                            scratch.clear();
                            encode_session(scratch, &slot.session, image, deadlines);
                            changes.push((slot.session.id().0, leaf(&image.digest(), scratch)));
                        }
                    }
                    slot.changed = false;
                    false
                });
                // Stable: a session that was parked and has changed since is looked up by what stands later.
                changes.sort_by_key(|(id, _)| *id);
                tree.apply(&changes, opened);
                self.digests.tree = Some(tree);
            }
        }
        self.state_root()
    }
}
