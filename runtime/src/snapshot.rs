//! Snapshots of a runtime: the machine's, and what decides how it goes on. A runtime that is resumed from one plans
//! the same waves, asks the same effects under the same ids and makes the same events as if it had never stopped.
//!
//! Copying goes as in the machine: [`Runtime::begin_snapshot`] fixes the moment between two turns,
//! [`Runtime::snapshot_slice`] copies some sessions between later ones, [`Runtime::take_snapshot`] answers the whole.
//! Putting it into bytes needs no runtime and can happen on another thread.
//!
//! ```text
//! body   the machine's body | schedule | u64 step limit
//!        u8 has begun; then: handler | a byte for each kind of effect, whether it is wanted
//!        u64 ready sessions in the planner's order, each: u64 session | u64 since which planner step
//!        u64 effects still to be asked, in order, each: u64 session | u16 coroutine | u32 counter
//!        u64 effects that the host has taken on, each likewise
//!        u8 whether the run has a composition; then it: bundles and their policies, members, placements, transports
//! ```
//!
//! Fault reports, the tape, the kept trace and what scheduling met are what a runtime has told, not what it goes on from: they are the
//! caller's, and a resumed runtime begins with none.

use crate::composition::Composition;
use crate::planner::Planner;
use crate::record::{decode_schedule, encode_schedule};
use crate::rounds::Runtime;
use crate::schedule::Schedule;
use crate::status::RuntimeError;
use crate::tape::{decode_coordinate, encode_coordinate};
use motet_machine::{
    Ask, CodeImage, EffectCoordinate, ImageId, Pick, ProtocolMachine, ProtocolMachineConfig, RestoreError, SealError,
    Snapshot, SnapshotRefusal, seal, unseal,
};
use motet_types::{Digest, Digester, EffectKind, EffectKinds, Planted, Reader, SessionId, planted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The first bytes of a runtime's snapshot.
pub const CHECKPOINT_MAGIC: &[u8; 8] = b"MOTETCKP";
/// The version that is written and read.
pub const CHECKPOINT_VERSION: u32 = 11;

/// What decides how a runtime goes on, beside its machine.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    schedule: Schedule,
    limit: u64,
    began: Option<(String, EffectKinds)>,
    queue: Vec<(SessionId, u64)>,
    to_ask: Vec<EffectCoordinate>,
    asked: Vec<EffectCoordinate>,
    composition: Option<Box<Composition>>,
}

/// A copy of a runtime between two turns.
#[derive(Debug)]
pub struct RuntimeSnapshot {
    machine: Snapshot,
    drive: Drive,
}

/// Why a runtime cannot be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// It is damaged, or another kind or version of file.
    #[error("the checkpoint is not as it was written: {0}")]
    Seal(#[from] SealError),
    /// The machine is refused.
    #[error(transparent)]
    Machine(#[from] RestoreError),
    /// The configuration or the schedule makes no sense.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The bytes make no sense here.
    #[error("at byte {offset} of the checkpoint's body: {what}")]
    Content {
        /// Where, counted in the body, without the seal's digests.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl<E> Runtime<E> {
    /// Fixes the moment of a snapshot: the runtime as it stands now, between two turns.
    pub fn begin_snapshot(&mut self) -> Result<(), SnapshotRefusal> {
        self.machine.begin_snapshot()?;
        let pending = |at: &EffectCoordinate| self.machine.is_pending(at);
        let asked = if planted(Planted::SnapshotForgetsAsked) {
            Vec::new()
        } else {
            self.asked.values().copied().filter(pending).collect()
        };
        self.copying = Some(Box::new(Drive {
            schedule: self.schedule().clone(),
            limit: self.limit,
            began: self.handler.clone().zip(self.admitted.map(|(_, wants)| wants)),
            queue: self.planner.entries().collect(),
            to_ask: self.to_ask.iter().map(|ask| ask.coordinate).filter(pending).collect(),
            asked,
            composition: self.composition.clone().filter(|_| !planted(Planted::SnapshotForgetsComposition)),
        }));
        Ok(())
    }

    /// Copies at most `budget` of the sessions that have not been copied yet; see
    /// [`ProtocolMachine::snapshot_slice`]. Answers whether all have been.
    pub fn snapshot_slice(&mut self, budget: usize) -> bool {
        self.machine.snapshot_slice(budget)
    }

    /// Takes the snapshot, when every session has been copied.
    pub fn take_snapshot(&mut self) -> Option<RuntimeSnapshot> {
        let machine = self.machine.take_snapshot()?;
        let drive = *self.copying.take()?;
        Some(RuntimeSnapshot { machine, drive })
    }

    /// Gives a snapshot up that has begun.
    pub fn drop_snapshot(&mut self) {
        self.machine.drop_snapshot();
        self.copying = None;
    }

    /// The whole runtime at once.
    pub fn snapshot(&mut self) -> Result<RuntimeSnapshot, SnapshotRefusal> {
        self.begin_snapshot()?;
        while !self.snapshot_slice(usize::MAX / 2) {}
        self.take_snapshot().ok_or(SnapshotRefusal::Begun)
    }

    /// A runtime that goes on where a snapshot was made.
    ///
    /// Configuration and images are as for [`ProtocolMachine::restore`]; the schedule is the snapshot's. The first
    /// turn must bring the handler of the run that was copied. The tape begins empty, behind the inputs that were
    /// taped when the snapshot began.
    pub fn resume_from(
        config: ProtocolMachineConfig,
        executor: E,
        images: &[Arc<CodeImage>],
        bytes: &[u8],
    ) -> Result<Self, ResumeError> {
        let body = unseal(CHECKPOINT_MAGIC, CHECKPOINT_VERSION, bytes)?;
        let mut from = Reader::new(&body);
        let machine = ProtocolMachine::restore_from(config.clone(), images, &mut from)?;
        let mut read = Read { from: &mut from, machine: &machine };
        let schedule = read.need(decode_schedule)?;
        let drive = read.drive(schedule)?;
        let run = config.run_id;
        let mut runtime = Self::with_executor(config, drive.schedule, executor)?;
        if let Some(tape) = &mut runtime.tape {
            machine.images().iter().zip(0..).for_each(|(image, at)| tape.image(ImageId(at), image));
        }
        let mut planner = Planner::default();
        for (footprint, since) in drive.queue {
            if let Some(island) = machine.island_of(footprint) {
                planner.ready(Pick { island, footprint }, since);
            }
        }
        let mut pending: BTreeMap<EffectCoordinate, Ask> =
            machine.pending_effects().map(|ask| (ask.coordinate, ask.clone())).collect();
        runtime.to_ask = drive.to_ask.iter().filter_map(|at| pending.remove(at)).collect();
        runtime.asked = drive.asked.into_iter().map(|at| (at.effect_id(&run), at)).collect();
        if let Some((handler, wants)) = drive.began {
            runtime.began_with(handler, wants);
        }
        (runtime.machine, runtime.planner, runtime.limit) = (machine, planner, drive.limit);
        runtime.composition = drive.composition;
        Ok(runtime)
    }
}

impl RuntimeSnapshot {
    /// The machine's part.
    pub const fn machine(&self) -> &Snapshot {
        &self.machine
    }

    /// The state root of the machine when the snapshot began.
    pub fn state_root(&self) -> Digest {
        self.machine.state_root()
    }

    /// The planner step at which it was begun.
    pub const fn planner_step(&self) -> u64 {
        self.machine.planner_step()
    }

    /// The snapshot as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut into = Vec::new();
        self.machine.write(&mut into);
        let Drive { schedule, limit, began, queue, to_ask, asked, composition } = &self.drive;
        encode_schedule(&mut into, schedule);
        into.u64(*limit);
        into.u8(u8::from(began.is_some()));
        if let Some((handler, wants)) = began {
            into.str(handler);
            EffectKind::ALL.into_iter().for_each(|kind| into.u8(u8::from(wants.contains(kind))));
        }
        let mut ready = queue.clone();
        if planted(Planted::SnapshotSortsQueue) {
            ready.sort_unstable();
        }
        into.size(ready.len());
        for (session, since) in ready {
            into.u64(session.0);
            into.u64(since);
        }
        for effects in [to_ask, asked] {
            into.size(effects.len());
            for at in effects {
                encode_coordinate(&mut into, at);
            }
        }
        into.u8(u8::from(composition.is_some()));
        if let Some(composition) = composition {
            composition.encode(&mut into);
        }
        seal(CHECKPOINT_MAGIC, CHECKPOINT_VERSION, &into)
    }
}

struct Read<'a, 'b> {
    from: &'a mut Reader<'b>,
    machine: &'a ProtocolMachine,
}

impl<'b> Read<'_, 'b> {
    fn need<T>(&mut self, read: impl FnOnce(&mut Reader<'b>) -> Option<T>) -> Result<T, ResumeError> {
        let offset = self.from.offset();
        let what = "it is cut short, or no such value can stand here";
        read(self.from).ok_or(ResumeError::Content { offset, what })
    }

    fn refuse(&self, what: &'static str) -> ResumeError {
        ResumeError::Content { offset: self.from.offset(), what }
    }

    fn count(&mut self) -> Result<usize, ResumeError> {
        self.need(|from| usize::try_from(from.u64()?).ok())
    }

    fn drive(&mut self, schedule: Schedule) -> Result<Drive, ResumeError> {
        let limit = self.need(Reader::u64)?;
        let began = self.need(|from| match from.u8()? {
            0 => Some(None),
            1 => {
                let handler = String::from(from.str()?);
                let mut wants = EffectKinds::NONE;
                for kind in EffectKind::ALL {
                    match from.u8()? {
                        0 => {}
                        1 => wants = wants.with(kind),
                        _ => return None,
                    }
                }
                Some(Some((handler, wants)))
            }
            _ => None,
        })?;
        let queue = self.queue()?;
        let mut seen = BTreeSet::new();
        let (to_ask, asked) = (self.effects(&mut seen)?, self.effects(&mut seen)?);
        let images = self.machine.images().len();
        let composition = self.need(|from| match from.u8()? {
            0 => Some(None),
            1 => Some(Some(Box::new(Composition::decode(from, images)?))),
            _ => None,
        })?;
        if self.from.remaining() > 0 {
            return Err(self.refuse("there is more than a checkpoint"));
        }
        Ok(Drive { schedule, limit, began, queue, to_ask, asked, composition })
    }

    /// The planner's queue: every session that is ready, once.
    fn queue(&mut self) -> Result<Vec<(SessionId, u64)>, ResumeError> {
        let (mut queue, mut seen) = (Vec::new(), BTreeSet::new());
        for _ in 0..self.count()? {
            let (session, since) = (SessionId(self.need(Reader::u64)?), self.need(Reader::u64)?);
            if !self.machine.island_of(session).is_some_and(|island| self.machine.is_ready(island)) {
                return Err(self.refuse("a session is queued that is not ready"));
            }
            if since > self.machine.planner_step() || !seen.insert(session) {
                return Err(self.refuse("a session is queued twice, or since a step that has not come"));
            }
            queue.push((session, since));
        }
        if queue.len() != self.machine.ready_islands().count() {
            return Err(self.refuse("a session is ready and not queued"));
        }
        Ok(queue)
    }

    /// Effects that wait for an answer, each once.
    fn effects(&mut self, seen: &mut BTreeSet<EffectCoordinate>) -> Result<Vec<EffectCoordinate>, ResumeError> {
        let mut effects = Vec::new();
        for _ in 0..self.count()? {
            let at = self.need(decode_coordinate)?;
            if !self.machine.is_pending(&at) || !seen.insert(at) {
                return Err(self.refuse("an effect stands twice, or waits for no answer"));
            }
            effects.push(at);
        }
        Ok(effects)
    }
}
