//! A machine from a snapshot. Everything is checked before it is believed: seal, configuration, images, every session
//! against its image and what verification knows of it, and the root over all of them.

use crate::config::{ConfigError, ProtocolMachineConfig};
use crate::effect::EffectCoordinate;
use crate::image::CodeImage;
use crate::machine::{Place, ProtocolMachine, Tally};
use crate::outbox::{Ask, Wanted};
use crate::park::Parked;
use crate::root::Counters;
use crate::seal::{SealError, unseal};
use crate::semantics::Semantics;
use crate::snapshot::{LIVE, PARKED, SNAPSHOT_MAGIC, SNAPSHOT_VERSION};
use crate::state::decode::{SessionState, StateError};
use crate::state::examine::examine;
use crate::state::rebuild::{Home, rebuild};
use crate::tape::decode_value;
use crate::topology::Topology;
use crate::trace::{ARENA_BYTES, TraceMode, TraceReader};
use crate::verify::{Typing, VerifyError};
use crate::wave::{Boundary, IslandId, Pick};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_heap::ArchiveError;
use motet_types::{CoroutineId, Digest, EffectRow, LayerId, Reader, RoleId, SessionId, SortId, Tick};

const LATER_THAN_ALLOWED: &str = "an effect may be answered later than the configuration's budget allows";

/// Why a snapshot is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It is damaged, or another kind or version of file.
    #[error("the snapshot is not as it was written: {0}")]
    Seal(#[from] SealError),
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The snapshot is of a machine with another configuration.
    #[error("the snapshot was made with another {what}")]
    OtherConfig {
        /// What differs.
        what: &'static str,
    },
    /// An image that is not at hand.
    #[error("the snapshot needs the image {digest}")]
    MissingImage {
        /// Its digest.
        digest: Digest,
    },
    /// An image cannot be followed.
    #[error(transparent)]
    Image(#[from] VerifyError),
    /// The bytes make no sense here.
    #[error("at byte {offset} of the snapshot's body: {what}")]
    Content {
        /// Where, counted in the body, without the seal's digests.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A session is none of its image's.
    #[error("{session}, at byte {offset} of the snapshot's body: {error}")]
    Session {
        /// Which.
        session: SessionId,
        /// Where its bytes start.
        offset: usize,
        /// What is wrong with it.
        error: StateError,
    },
    /// The heap is none, or damaged.
    #[error("at byte {offset} of the snapshot's body: {error}")]
    Heap {
        /// Where its archive starts.
        offset: usize,
        /// What is wrong with it.
        error: ArchiveError<&'static str>,
    },
    /// Everything makes sense, but it is not the state that was copied.
    #[error("the sessions have the root {found}; the snapshot says {expected}")]
    Root {
        /// What the snapshot says.
        expected: Digest,
        /// What its contents have.
        found: Digest,
    },
}

/// The reading of one snapshot.
struct Restore<'a, 'b> {
    from: &'a mut Reader<'b>,
    machine: ProtocolMachine,
    /// What verification knows of each image, from the first session on that runs it.
    typings: Vec<Option<Typing>>,
}

/// The same configuration, as far as a run depends on it; answers what is not.
fn other(config: &ProtocolMachineConfig, found: &ProtocolMachineConfig) -> Option<&'static str> {
    let same = [
        ("buffer", config.buffer == found.buffer),
        ("limit of registers", config.max_registers == found.max_registers),
        ("limit of sessions", config.max_sessions == found.max_sessions),
        ("limit of payloads", config.max_payload_bytes == found.max_payload_bytes),
        ("run id", config.run_id == found.run_id),
        ("limit of sessions that instructions open", config.max_guest_sessions == found.max_guest_sessions),
        ("limit of coroutines", config.max_coroutines == found.max_coroutines),
        ("set of guard layers", config.guard_layers == found.guard_layers),
        ("flow policy", config.flow_policy == found.flow_policy),
        ("replay mode", config.communication_replay_mode == found.communication_replay_mode),
        ("authentication, or set of keys", config.authentication == found.authentication),
        ("extent of histories", config.edge_history == found.edge_history),
        ("limit of facts", config.max_facts == found.max_facts),
        ("limit of a fact's length", config.max_fact_bytes == found.max_fact_bytes),
        ("rule of cancellation", config.cancellation == found.cancellation),
        ("output condition policy", config.output_condition_policy == found.output_condition_policy),
        ("number of credits", config.credits == found.credits),
        ("cost of an instruction", config.instruction_cost == found.instruction_cost),
        ("budget of effects", config.effect_budget == found.effect_budget),
        ("depth of speculations", config.speculation_depth == found.speculation_depth),
        ("number of waves between digests", config.digest_waves == found.digest_waves),
        ("choice of semantic objects", config.semantic_objects.is_some() == found.semantic_objects.is_some()),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

impl ProtocolMachine {
    /// A machine that goes on where a snapshot was made: with the same events, effect ids and roots.
    ///
    /// `config` must be the one of the machine that was copied; what is kept of the trace, and whether answers are
    /// recorded, may differ, but not whether there is a trace. `images` must have every image that was loaded. Events
    /// that were kept and not drained are not in a snapshot, except for those that no digest covers yet.
    pub fn restore(
        config: ProtocolMachineConfig,
        images: &[Arc<CodeImage>],
        bytes: &[u8],
    ) -> Result<Self, RestoreError> {
        let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, bytes)?;
        let mut from = Reader::new(&body);
        let machine = Self::restore_from(config, images, &mut from)?;
        match from.remaining() {
            0 => Ok(machine),
            _ => Err(RestoreError::Content { offset: from.offset(), what: "there is more than a machine" }),
        }
    }

    /// The same from a snapshot's body, which may be part of a larger one. It must have been unsealed: whoever can
    /// forge a body can make a machine that no run leads to, though none that faults where a verified one does not.
    pub fn restore_from(
        config: ProtocolMachineConfig,
        images: &[Arc<CodeImage>],
        from: &mut Reader<'_>,
    ) -> Result<Self, RestoreError> {
        let machine = Self::new(config)?;
        let mut restore = Restore { from, machine, typings: Vec::new() };
        restore.header()?;
        let (counters, expected) = restore.counters()?;
        restore.images(images)?;
        let count = restore.need(Reader::u64)?;
        let mut before = None;
        for _ in 0..count {
            let id = restore.need(Reader::u64)?;
            if before.is_some_and(|before| id <= before) || id >= counters.opened {
                return Err(restore.content("a session stands out of order, or was never opened"));
            }
            before = Some(id);
            restore.session(id)?;
        }
        let ended = counters.closed.saturating_add(counters.faulted).saturating_add(counters.cancelled);
        if count.checked_add(ended) != Some(counters.opened) || count > u64::from(restore.machine.config.max_sessions) {
            return Err(restore.content("there are other sessions than the counters say"));
        }
        restore.heap()?;
        let machine = restore.machine;
        match machine.recomputed_root() {
            found if found == expected => Ok(machine),
            found => Err(RestoreError::Root { expected, found }),
        }
    }

    /// Islands that are ready, in order of their sessions.
    pub fn ready_islands(&self) -> impl Iterator<Item = Pick> {
        let islands = self.index.iter().map(|(id, slot)| Pick { island: IslandId(slot), footprint: SessionId(id) });
        islands.filter(|pick| self.is_ready(pick.island))
    }

    /// The island of a live session that is not parked.
    pub fn island_of(&self, session: SessionId) -> Option<IslandId> {
        self.slot_of(session).map(IslandId)
    }
}

impl<'b> Restore<'_, 'b> {
    fn content(&self, what: &'static str) -> RestoreError {
        RestoreError::Content { offset: self.from.offset(), what }
    }

    fn need<T>(&mut self, read: impl FnOnce(&mut Reader<'b>) -> Option<T>) -> Result<T, RestoreError> {
        let offset = self.from.offset();
        let what = "it is cut short, or no such value can stand here";
        read(self.from).ok_or(RestoreError::Content { offset, what })
    }

    fn digest(&mut self) -> Result<Digest, RestoreError> {
        self.need(|from| Some(Digest(from.take(32)?.try_into().ok()?)))
    }

    /// Configuration and trace.
    fn header(&mut self) -> Result<(), RestoreError> {
        let len = self.need(Reader::u32)?;
        let config = self.need(|from| {
            let mut bytes = Reader::new(from.take(len as usize)?);
            let config = ProtocolMachineConfig::decode(&mut bytes)?;
            (bytes.remaining() == 0).then_some(config)
        })?;
        if let Some(what) = other(&self.machine.config, &config) {
            return Err(RestoreError::OtherConfig { what });
        }
        let on = self.need(|from| from.u8().filter(|on| *on <= 1))? == 1;
        if on != (self.machine.config.trace != TraceMode::Disabled) {
            return Err(RestoreError::OtherConfig { what: "trace mode" });
        }
        if on {
            let chain = self.digest()?;
            let events = self.need(|from| {
                let len = usize::try_from(from.u64()?).ok().filter(|len| *len < ARENA_BYTES)?;
                let events = from.take(len)?;
                TraceReader::new(events).all(|event| event.is_ok()).then_some(events)
            })?;
            self.machine.trace.resume_from(chain, events);
        }
        Ok(())
    }

    fn counters(&mut self) -> Result<(Counters, Digest), RestoreError> {
        let counters = self.need(Counters::decode)?;
        let Counters { opened, closed, faulted, cancelled, steps, messages, dropped, tick, topology: _ } = counters;
        let (waves, bursts) = (self.need(Reader::u64)?, self.need(Reader::u64)?);
        self.machine.tally = Tally { opened, closed, faulted, cancelled, steps, messages, dropped, waves, bursts };
        self.machine.tick.0 = tick;
        let boundary = Boundary { wave: self.need(Reader::u64)?, state: self.digest()? };
        if boundary.wave > waves {
            return Err(self.content("a state was digested after waves that have not been"));
        }
        self.machine.boundary = boundary;
        self.machine.topology = self.need(Topology::decode)?;
        if let Some(keep) = self.machine.config.semantic_objects {
            let bytes = self.need(|from| {
                let len = usize::try_from(from.u64()?).ok()?;
                from.take(len)
            })?;
            let semantics = Semantics::from_bytes(bytes, keep);
            let semantics = semantics.map_err(|_| self.content("the semantic objects are none"))?;
            self.machine.semantics = Some(Box::new(semantics));
        }
        Ok((counters, self.digest()?))
    }

    fn images(&mut self, images: &[Arc<CodeImage>]) -> Result<(), RestoreError> {
        for at in 0..self.need(Reader::u32)? {
            let digest = self.digest()?;
            let image = images.iter().find(|image| image.digest() == digest);
            let image = image.ok_or(RestoreError::MissingImage { digest })?;
            let loaded = self.machine.load(Arc::clone(image));
            if loaded.map(|id| id.0) != Ok(at) {
                return Err(self.content("an image stands twice, or needs more than is allowed or there"));
            }
            self.typings.push(None);
        }
        Ok(())
    }

    fn session(&mut self, id: u64) -> Result<(), RestoreError> {
        let image_id = self.need(Reader::u32)?;
        let Some(image) = self.machine.images.get(image_id as usize).cloned() else {
            return Err(self.content("there is no such image"));
        };
        match self.need(Reader::u8)? {
            LIVE => {
                let len = self.need(Reader::u32)?;
                let offset = self.from.offset();
                let bytes = self.need(|from| from.take(len as usize))?;
                let session = SessionId(id);
                let refuse = |error| RestoreError::Session { session, offset, error };
                let state = SessionState::decode(bytes).map_err(refuse)?;
                if state.id != session {
                    return Err(RestoreError::Content { offset, what: "the session has another number" });
                }
                let typing = match &mut self.typings[image_id as usize] {
                    Some(typing) => typing,
                    none => none.insert(Typing::of(&image)?),
                };
                let buffer = self.machine.config.buffer;
                let ready = state.all().any(|(_, _, coroutine)| coroutine.standing.is_ready());
                let deadlines = state.deadlines.clone();
                if !deadlines.iter().all(|(_, deadline)| self.machine.allows_deadline(*deadline)) {
                    return Err(RestoreError::Content { offset, what: LATER_THAN_ALLOWED });
                }
                let home = Home { image: &image, image_id, images: &self.machine.images, buffer: &buffer };
                examine(&state, &home, typing).map_err(refuse)?;
                let (session, asks) = rebuild(state, &home).map_err(refuse)?;
                let place = if ready { Place::Ready } else { Place::Waiting };
                let at = self.machine.settle(session, place);
                self.machine.index.set(id, at);
                for ask in asks {
                    let deadline = deadlines.iter().find(|(coroutine, _)| *coroutine == ask.coordinate.coroutine);
                    deadline.into_iter().for_each(|(_, at)| self.machine.deadlines.set(ask.coordinate, *at));
                    self.machine.pending.insert(ask.coordinate, ask);
                }
                Ok(())
            }
            PARKED => {
                let leaf = self.digest()?;
                for _ in 0..self.need(Reader::u16)? {
                    let (ask, deadline) = self.ask(SessionId(id), &image)?;
                    if self.machine.pending.last_key_value().is_some_and(|(last, _)| *last >= ask.coordinate) {
                        return Err(self.content("an effect stands out of order"));
                    }
                    deadline.into_iter().for_each(|at| self.machine.deadlines.set(ask.coordinate, at));
                    self.machine.pending.insert(ask.coordinate, ask);
                }
                self.machine.parked.insert(id, Parked { leaf, image: image_id });
                self.machine.index.set(id, crate::machine::PARKED);
                Ok(())
            }
            _ => Err(self.content("there is no such kind of session")),
        }
    }

    /// The heap, which is to have the roots that it says; whose it is, the state root says.
    fn heap(&mut self) -> Result<(), RestoreError> {
        let offset = self.from.offset();
        let heap = motet_heap::Snapshot::read_from(|into| {
            let bytes = self.from.take(into.len()).ok_or("it is cut short")?;
            into.copy_from_slice(bytes);
            Ok(())
        });
        self.machine.heap = heap.map_err(|error| RestoreError::Heap { offset, error })?.into();
        Ok(())
    }

    /// An effect that a parked session waits for, and by when. Whether it does is seen when the session is resumed.
    fn ask(&mut self, session: SessionId, image: &CodeImage) -> Result<(Ask, Option<Tick>), RestoreError> {
        let (ask, deadline) = self.need(|from| {
            let (coroutine, role) = (CoroutineId(from.u16()?), RoleId(from.u16()?));
            let coordinate = EffectCoordinate { session, coroutine, counter: from.u32()? };
            let wanted = match from.u8()? {
                0 => Wanted::Answer { effect: EffectRow(from.u16()?), argument: decode_value(from, 0)? },
                1 => Wanted::Guard(LayerId(from.u16()?)),
                _ => return None,
            };
            let deadline = match from.u8()? {
                0 => None,
                1 => Some(Tick(from.u64()?)),
                _ => return None,
            };
            Some((Ask { coordinate, role, wanted }, deadline))
        })?;
        let has = match &ask.wanted {
            Wanted::Answer { effect, argument } => {
                let part = image.effects().get(effect.index()).filter(|part| part.may_block);
                part.is_some_and(|part| argument.has_sort(image.sorts(), SortId(part.argument)))
            }
            Wanted::Guard(layer) => image.guards().contains(layer),
        };
        if !has || ask.role.index() >= image.role_count() {
            return Err(self.content("a parked session waits for an effect that its image does not have"));
        }
        if deadline.is_some_and(|deadline| !self.machine.allows_deadline(deadline)) {
            return Err(self.content(LATER_THAN_ALLOWED));
        }
        Ok((ask, deadline))
    }
}
