//! Checkpoints: a copy of the runtime between two turns, made and written beside the run, and the cut of the log that
//! it makes possible.
//!
//! ```text
//! payload   what the cut leaves (`motet_log::span::CutHead`): certificate, carried spans with their opening records
//!           u32 length | run record  (configuration, schedule)
//!           u32 images, each: u64 length | its bytes
//!           u64 notes and agreement entries, each: u16 kind | u64 length | the entry
//!           the runtime's snapshot
//! ```

use super::entry::{JOURNAL_VERSION, Kept, decode_run, encode_run};
use super::{Durable, DurableError};
use crate::rounds::Runtime;
use crate::snapshot::RuntimeSnapshot;
use motet_log::span::{CompactError, Cut, CutHead, Digest as LogDigest, compact};
use motet_log::{Dropped, Log};
use motet_machine::{ProtocolMachineConfig, SnapshotRefusal};
use motet_types::{Digest, Digester, Planted, Reader, planted};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Why a checkpoint was not made. The one before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The runtime could not be copied.
    #[error(transparent)]
    Snapshot(#[from] SnapshotRefusal),
    /// The log refused.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// The thread that wrote it panicked.
    #[error("the thread that wrote the checkpoint panicked")]
    Panicked,
}

/// What a checkpoint holds besides what its cut leaves.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointBody {
    pub(crate) config: ProtocolMachineConfig,
    pub(crate) images: Vec<Vec<u8>>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) snapshot: Vec<u8>,
}

impl CheckpointBody {
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let len = from.u32()? as usize;
        let mut run = Reader::new(from.take(len)?);
        let (config, _) = (run.u32()? == JOURNAL_VERSION).then(|| decode_run(&mut run))??;
        let part = |from: &mut Reader<'_>| {
            let len = usize::try_from(from.u64()?).ok()?;
            from.take(len).map(<[u8]>::to_vec)
        };
        let mut images = Vec::new();
        for _ in 0..from.u32()? {
            images.push(part(&mut from)?);
        }
        let mut kept = Vec::new();
        for _ in 0..from.u64()? {
            kept.push(Kept { kind: from.u16()?, bytes: part(&mut from)? });
        }
        let snapshot = from.take(from.remaining())?.to_vec();
        Some(Self { config, images, kept, snapshot })
    }
}

/// Everything but the snapshot.
pub(super) fn encode_head<E>(runtime: &Runtime<E>, kept: &[Kept]) -> Vec<u8> {
    let mut into = Vec::new();
    let run = encode_run(runtime.machine().config(), runtime.schedule());
    into.u32(run.len() as u32);
    into.extend_from_slice(&run);
    let images = runtime.machine().images();
    into.u32(images.len() as u32);
    for image in images {
        let bytes = image.parts().to_bytes();
        into.size(bytes.len());
        into.extend_from_slice(&bytes);
    }
    into.size(kept.len());
    for Kept { kind, bytes } in kept {
        into.u16(*kind);
        into.size(bytes.len());
        into.extend_from_slice(bytes);
    }
    into
}

pub(super) type Written = Result<(CutHead, Dropped), CompactError>;

/// Where the making of a checkpoint stands.
#[derive(Debug)]
enum Stage {
    Idle,
    /// Sessions are being copied.
    Copying {
        cut: Cut,
        head: Vec<u8>,
    },
    /// The bytes are being written, by a thread of their own.
    Writing(JoinHandle<Written>),
}

/// The making of checkpoints.
#[derive(Debug)]
pub(crate) struct Checkpointing {
    stage: Stage,
    /// What the last cut left.
    last: Option<Arc<CutHead>>,
    /// Records in the log when the last checkpoint began.
    records: u64,
    /// Steps taken by then.
    pub(super) steps: u64,
}

impl Checkpointing {
    pub(crate) fn new(last: Option<CutHead>) -> Self {
        let records = last.as_ref().map_or(0, |last| last.certificate.cut.get());
        Self { stage: Stage::Idle, last: last.map(Arc::new), records, steps: 0 }
    }
}

pub(super) fn write(log: &Log, last: Option<&CutHead>, cut: &Cut, head: &[u8], snapshot: &RuntimeSnapshot) -> Written {
    let Digest(state) = snapshot.state_root();
    compact(log, last, cut, LogDigest(state), |writer| {
        writer.write(head)?;
        writer.write(&snapshot.to_bytes())
    })
}

impl<E> Durable<E> {
    /// Begins a checkpoint here, between two turns. It is in force some turns later, or at once when nothing is done
    /// beside the run.
    pub fn begin_checkpoint(&mut self) -> Result<(), DurableError> {
        if !matches!(self.checkpointing.stage, Stage::Idle) {
            return Ok(());
        }
        if !planted(Planted::DurableCheckpointForgets) {
            self.write_reached()?;
        }
        let cut = self.spans.cut_at_end(self.options.open)?;
        self.runtime.begin_snapshot().map_err(CheckpointError::from)?;
        let head = encode_head(&self.runtime, &self.kept);
        self.checkpointing.records = self.log.end().get();
        self.checkpointing.steps = self.runtime.machine().tally().steps;
        self.checkpointing.stage = Stage::Copying { cut, head };
        Ok(())
    }

    /// Makes a checkpoint and waits until it is in force; answers what it left of what it dropped.
    pub fn checkpoint(&mut self) -> Result<Arc<CutHead>, DurableError> {
        self.finish_checkpoint()?;
        self.begin_checkpoint()?;
        self.finish_checkpoint()?;
        self.checkpointing.last.clone().ok_or(DurableError::Checkpoint(CheckpointError::Panicked))
    }

    /// Begins a checkpoint when one is due, and does its part of one that has begun.
    pub(crate) fn checkpoint_goes_on(&mut self) -> Result<(), DurableError> {
        let is_due = |every: u64, since: u64| every > 0 && since >= every;
        match &self.checkpointing.stage {
            Stage::Idle
                if is_due(self.options.checkpoint_records, self.log.end().get() - self.checkpointing.records)
                    || is_due(
                        self.options.checkpoint_steps,
                        self.runtime.machine().tally().steps - self.checkpointing.steps,
                    ) =>
            {
                match self.begin_checkpoint() {
                    // Too many spans are open here; the next turn looks again.
                    Err(DurableError::Cut(_)) => Ok(()),
                    other => other,
                }
            }
            Stage::Idle => Ok(()),
            Stage::Copying { .. } => self.copy(self.options.slice, self.options.beside),
            Stage::Writing(thread) if thread.is_finished() => self.written(),
            Stage::Writing(_) => Ok(()),
        }
    }

    /// Waits until a checkpoint that has begun is in force. Without one there is nothing to wait for.
    pub fn finish_checkpoint(&mut self) -> Result<(), DurableError> {
        loop {
            match &self.checkpointing.stage {
                Stage::Idle => return Ok(()),
                Stage::Copying { .. } => self.copy(usize::MAX / 2, self.options.beside)?,
                Stage::Writing(_) => self.written()?,
            }
        }
    }

    fn copy(&mut self, budget: usize, beside: bool) -> Result<(), DurableError> {
        if !self.runtime.snapshot_slice(budget) {
            return Ok(());
        }
        let Some(snapshot) = self.runtime.take_snapshot() else { return Ok(()) };
        let Stage::Copying { cut, head } = std::mem::replace(&mut self.checkpointing.stage, Stage::Idle) else {
            return Ok(());
        };
        let (log, last) = (self.log.clone(), self.checkpointing.last.clone());
        let cut = match planted(Planted::DurableCheckpointAhead) {
            true => self.spans.cut_at_end(self.options.open).unwrap_or(cut),
            false => cut,
        };
        if beside {
            let body = move || write(&log, last.as_deref(), &cut, &head, &snapshot);
            self.checkpointing.stage = Stage::Writing(std::thread::spawn(body));
            return Ok(());
        }
        let written = write(&log, last.as_deref(), &cut, &head, &snapshot);
        self.in_force(written)
    }

    fn written(&mut self) -> Result<(), DurableError> {
        let Stage::Writing(thread) = std::mem::replace(&mut self.checkpointing.stage, Stage::Idle) else {
            return Ok(());
        };
        let written = thread.join().map_err(|_| CheckpointError::Panicked)?;
        self.in_force(written)
    }

    fn in_force(&mut self, written: Written) -> Result<(), DurableError> {
        let (head, _) = written.map_err(CheckpointError::from)?;
        self.spans.drop_before(head.certificate.cut)?;
        self.checkpointing.last = Some(Arc::new(head));
        Ok(())
    }
}
