//! Snapshots: the whole machine as it stands between two waves, copied while it goes on.
//!
//! [`ProtocolMachine::begin_snapshot`] fixes the moment. From then on a session is copied before it changes (when it
//! leaves in a wave, is answered or is parked), and [`ProtocolMachine::snapshot_slice`] copies some of the others
//! between waves. What is copied are canonical bytes; putting them in order, hashing and writing needs no machine and
//! can happen on another thread.
//!
//! ```text
//! body      u32 length, configuration | u8 trace is on | trace chain | u64 length, events not yet in the chain
//!           counters of the root, u64 each | u64 waves | u64 bursts
//!           last digested state: u64 wave, digest | sites and links, see `Topology::encode`
//!           where the configuration keeps semantic objects: u64 length, the live ones, as `Live::to_bytes` writes them
//!           state root
//!           u32 images, each its digest
//!           u64 sessions, in order of their ids, each: u64 id | u32 image | u8 kind
//!             kind 0  u32 length, the session
//!             kind 1  parked: leaf | u16 effects that it waits for, each: u16 coroutine | u16 role | u32 counter | u8 kind |
//!                     0: u16 effect | value, 1: u16 guard layer | u8 has a deadline, and if so: u64 tick
//!           the heap's archive
//! ```

use crate::deadlines::Deadlines;
use crate::machine::{ProtocolMachine, Slot};
use crate::outbox::{Ask, Wanted};
use crate::park::Parked;
use crate::root::{Counters, Digests};
use crate::seal::seal;
use crate::state::encode::{encode_session, leaf};
use crate::state::tree::combine;
use crate::topology::Topology;
use crate::wave::{Boundary, Pick};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use motet_heap::Heap;
use motet_types::{Digest, Digester, Planted, SessionId, Tick, planted};

/// The first bytes of a sealed snapshot.
pub const SNAPSHOT_MAGIC: &[u8; 8] = b"MOTETSNP";
/// The version that is written and read.
pub const SNAPSHOT_VERSION: u32 = 12;

/// Copies fill pieces of about this many bytes, so that no copy moves the ones before it.
const PIECE: usize = 1 << 20;

pub(crate) const LIVE: u8 = 0;
pub(crate) const PARKED: u8 = 1;

/// Why a snapshot cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotRefusal {
    /// Waves are out: there is no state to copy before their islands are back.
    #[error("{waves} waves are out; a snapshot begins when every island is at home")]
    InFlight {
        /// How many.
        waves: u64,
    },
    /// Another snapshot has begun and was not taken.
    #[error("a snapshot has begun already; finish and take it first")]
    Begun,
}

/// How a session was copied.
#[derive(Debug)]
enum Copied {
    Live { piece: u32, start: u32, len: u32, leaf: Option<Digest> },
    Parked { leaf: Digest, asks: Vec<(Ask, Option<Tick>)> },
}

#[derive(Debug)]
struct Entry {
    id: u64,
    image: u32,
    copied: Copied,
}

/// A copy of a machine between two waves.
#[derive(Debug)]
pub struct Snapshot {
    config: Vec<u8>,
    trace: Option<(Digest, Vec<u8>)>,
    counters: Counters,
    waves: u64,
    bursts: u64,
    boundary: Boundary,
    images: Vec<Digest>,
    heap: Heap,
    topology: Topology,
    /// The live semantic objects as bytes; none where the configuration keeps none.
    semantics: Option<Vec<u8>>,
    entries: Vec<Entry>,
    pieces: Vec<Vec<u8>>,
}

/// A snapshot that is being made.
#[derive(Debug)]
pub(crate) struct Copying {
    snapshot: Snapshot,
    /// A bit for every slot that may still have to be copied.
    slots: Vec<u64>,
    /// The first word of `slots` that may have a bit.
    next: usize,
    /// The first parked session that may still have to be copied.
    parked: u64,
}

impl Copying {
    /// Copies the session of a slot, unless that has been done or it was opened later.
    fn copy(
        &mut self,
        at: u32,
        slot: &Slot,
        images: &[alloc::sync::Arc<crate::CodeImage>],
        digests: &Digests,
        deadlines: &Deadlines,
    ) {
        let Some(word) = self.slots.get_mut(at as usize / 64) else { return };
        let bit = 1 << (at % 64);
        if *word & bit == 0 {
            return;
        }
        *word &= !bit;
        let into = &mut self.snapshot;
        // An empty slot was free; a session that is out was copied when it left.
        if slot.session.words.is_empty() || slot.session.id().0 >= into.counters.opened {
            return;
        }
        if into.pieces.last().is_none_or(|piece| piece.len() >= PIECE) {
            into.pieces.push(Vec::with_capacity(PIECE + PIECE / 16));
        }
        let (piece, image) = (into.pieces.len() as u32 - 1, slot.session.image);
        let Some(bytes) = into.pieces.last_mut() else { return };
        let start = bytes.len();
        encode_session(bytes, &slot.session, &images[image as usize], deadlines);
        let (start, len) = (start as u32, (bytes.len() - start) as u32);
        let id = slot.session.id().0;
        let copied = Copied::Live { piece, start, len, leaf: digests.leaf(slot, id) };
        into.entries.push(Entry { id, image, copied });
    }

    fn copy_parked(&mut self, id: u64, parked: Parked, asks: Vec<(Ask, Option<Tick>)>) {
        if id < self.snapshot.counters.opened {
            let copied = Copied::Parked { leaf: parked.leaf, asks };
            self.snapshot.entries.push(Entry { id, image: parked.image, copied });
        }
    }
}

impl ProtocolMachine {
    /// Fixes the moment of a snapshot: the machine as it stands now, between two waves.
    pub fn begin_snapshot(&mut self) -> Result<(), SnapshotRefusal> {
        if self.out > 0 {
            return Err(SnapshotRefusal::InFlight { waves: self.out });
        }
        if self.copying.is_some() {
            return Err(SnapshotRefusal::Begun);
        }
        let mut config = Vec::new();
        self.config.encode(&mut config);
        let snapshot = Snapshot {
            config,
            trace: self.trace.is_on().then(|| self.trace.resume_point()),
            counters: self.counters(),
            waves: self.tally.waves,
            bursts: self.tally.bursts,
            boundary: self.boundary,
            images: self.images.iter().map(|image| image.digest()).collect(),
            // It shares everything with the machine's until that goes on.
            heap: self.heap.clone(),
            topology: self.topology.clone(),
            semantics: self.semantics.as_ref().map(|semantics| semantics.to_bytes()),
            entries: Vec::with_capacity(self.live_sessions()),
            pieces: Vec::new(),
        };
        let slots = vec![u64::MAX; self.slots.len().div_ceil(64)];
        self.copying = Some(Box::new(Copying { snapshot, slots, next: 0, parked: 0 }));
        Ok(())
    }

    /// Copies at most `budget` of the sessions that have not been copied yet. Answers whether all have been. Without a
    /// snapshot there is nothing to copy. Call it between waves.
    pub fn snapshot_slice(&mut self, budget: usize) -> bool {
        let Some(mut copying) = self.copying.take() else { return true };
        let mut left = budget;
        while left > 0 {
            let Some(word) = copying.slots.get(copying.next) else { break };
            if *word == 0 {
                copying.next += 1;
                continue;
            }
            let at = (copying.next * 64) as u32 + word.trailing_zeros();
            match self.slots.get(at as usize) {
                Some(slot) => copying.copy(at, slot, &self.images, &self.digests, &self.deadlines),
                // Behind the last slot there was nothing when the snapshot began.
                None => copying.slots[copying.next] = 0,
            }
            left -= 1;
        }
        let ids: Vec<(u64, Parked)> =
            self.parked.range(copying.parked..).take(left).map(|(id, parked)| (*id, *parked)).collect();
        for (id, parked) in &ids {
            copying.copy_parked(*id, *parked, self.asks_and_deadlines(SessionId(*id)));
            copying.parked = id + 1;
        }
        let done = copying.next == copying.slots.len() && ids.len() < left;
        self.copying = Some(copying);
        done
    }

    /// Takes the snapshot, when every session has been copied.
    pub fn take_snapshot(&mut self) -> Option<Snapshot> {
        let copying = self.copying.as_ref()?;
        let slots = copying.slots[copying.next.min(copying.slots.len())..].iter().any(|word| *word != 0);
        let parked = self.parked.range(copying.parked..).next().is_some();
        if slots || parked {
            return None;
        }
        let mut snapshot = self.copying.take()?.snapshot;
        if planted(Planted::SnapshotHeapLate) {
            snapshot.heap = self.heap.clone();
        }
        Some(snapshot)
    }

    /// Gives a snapshot up that has begun.
    pub fn drop_snapshot(&mut self) {
        self.copying = None;
    }

    /// The whole machine at once.
    pub fn snapshot(&mut self) -> Result<Snapshot, SnapshotRefusal> {
        self.begin_snapshot()?;
        while !self.snapshot_slice(usize::MAX / 2) {}
        self.take_snapshot().ok_or(SnapshotRefusal::Begun)
    }

    /// Copies a session before it changes.
    #[inline(always)]
    pub(crate) fn copy_first(&mut self, at: u32) {
        if let Some(copying) = &mut self.copying {
            copying.copy(at, &self.slots[at as usize], &self.images, &self.digests, &self.deadlines);
        }
    }

    /// Copies sessions before they leave in a wave.
    #[inline(always)]
    pub(crate) fn copy_picks(&mut self, picks: &[Pick]) {
        if self.copying.is_some() && !planted(Planted::SnapshotCopiesLate) {
            picks.iter().for_each(|pick| self.copy_first(pick.island.0));
        }
    }

    /// Copies what there is of a parked session before it comes back.
    pub(crate) fn copy_first_parked(&mut self, session: SessionId) {
        let asks = self.asks_and_deadlines(session);
        if let (Some(copying), Some(parked)) = (&mut self.copying, self.parked.get(&session.0))
            && session.0 >= copying.parked
        {
            copying.copy_parked(session.0, *parked, asks);
        }
    }
}

impl Snapshot {
    fn bytes(&self, piece: u32, start: u32, len: u32) -> &[u8] {
        &self.pieces[piece as usize][start as usize..][..len as usize]
    }

    /// Every session once, in order of their numbers. One that was parked or resumed meanwhile may have been met
    /// twice; how it was copied first is how it stood, and the sort is stable.
    fn ordered(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.id);
        entries.dedup_by_key(|entry| entry.id);
        entries
    }

    /// The state root of the machine when the snapshot began. Sessions whose leaves were not known then are hashed.
    pub fn state_root(&self) -> Digest {
        self.root_of(&self.ordered(), &self.heap.commitment().root())
    }

    fn root_of(&self, entries: &[&Entry], heap: &[u8; 32]) -> Digest {
        let leaf_of = |entry: &&Entry| match &entry.copied {
            Copied::Live { leaf: Some(known), .. } | Copied::Parked { leaf: known, .. } => (entry.id, *known),
            Copied::Live { piece, start, len, leaf: None } => {
                (entry.id, leaf(&self.images[entry.image as usize], self.bytes(*piece, *start, *len)))
            }
        };
        let leaves: Vec<(u64, Digest)> = entries.iter().map(leaf_of).collect();
        self.counters.root(&combine(&leaves, self.counters.opened), heap)
    }

    /// How many sessions it has, those that are parked included.
    pub fn sessions(&self) -> usize {
        self.ordered().len()
    }

    /// The planner step at which it was begun: how many waves had been committed.
    pub const fn planner_step(&self) -> u64 {
        self.waves
    }

    /// The snapshot as a file of its own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.write(&mut body);
        seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &body)
    }

    /// Appends the snapshot's body, for a file that seals more than the machine.
    pub fn write(&self, into: &mut Vec<u8>) {
        let entries = self.ordered();
        into.reserve(self.pieces.iter().map(Vec::len).sum::<usize>() + self.entries.len() * 17 + 1024);
        into.u32(self.config.len() as u32);
        into.bytes(&self.config);
        into.u8(u8::from(self.trace.is_some()));
        if let Some((chain, events)) = &self.trace {
            let events: &[u8] = if planted(Planted::SnapshotSkipsEvents) { &[] } else { events };
            into.bytes(&chain.0);
            into.size(events.len());
            into.bytes(events);
        }
        self.counters.encode(into);
        [self.waves, self.bursts, self.boundary.wave].into_iter().for_each(|count| into.u64(count));
        into.bytes(&self.boundary.state.0);
        self.topology.encode(into);
        if let Some(semantics) = &self.semantics {
            let semantics: &[u8] = if planted(Planted::SnapshotSkipsSemantics) { &[] } else { semantics };
            into.size(semantics.len());
            into.bytes(semantics);
        }
        // Committed here, and not in the machine, which goes on meanwhile.
        let heap = self.heap.clone().snapshot();
        into.bytes(&self.root_of(&entries, &heap.root()).0);
        into.u32(self.images.len() as u32);
        self.images.iter().for_each(|digest| into.bytes(&digest.0));
        into.size(entries.len());
        for entry in entries {
            into.u64(entry.id);
            into.u32(entry.image);
            match &entry.copied {
                Copied::Live { piece, start, len, .. } => {
                    into.u8(LIVE);
                    into.u32(*len);
                    into.bytes(self.bytes(*piece, *start, *len));
                }
                Copied::Parked { leaf, asks } => {
                    into.u8(PARKED);
                    into.bytes(&leaf.0);
                    into.u16(asks.len() as u16);
                    for (ask, deadline) in asks {
                        into.u16(ask.coordinate.coroutine.0);
                        into.u16(ask.role.0);
                        into.u32(ask.coordinate.counter);
                        match &ask.wanted {
                            Wanted::Answer { effect, argument } => {
                                into.u8(0);
                                into.u16(effect.0);
                                argument.digest(into);
                            }
                            Wanted::Guard(layer) => {
                                into.u8(1);
                                into.u16(layer.0);
                            }
                        }
                        into.u8(u8::from(deadline.is_some()));
                        deadline.iter().for_each(|deadline| into.u64(deadline.0));
                    }
                }
            }
        }
        let written: Result<(), core::convert::Infallible> = heap.write_to(|bytes| {
            into.bytes(bytes);
            Ok(())
        });
        match written {
            Ok(()) => {}
        }
    }
}
