//! Durable runs: a runtime whose inputs are in a log before anything that they caused leaves it.
//!
//! The machine is deterministic, so the log holds inputs: opened sessions, the host's answers, limits; and, so that
//! recovery can check itself, digests of the state. What is outward, asking an effect that may block, happens only
//! after the log is synced past everything that led to it. A checkpoint is a copy of the runtime between two turns;
//! recovery loads the newest and takes the same turns again with the answers that are in the log.
//!
//! Its methods stand in families: start ([`Durable::create`], [`Durable::recover`]), run ([`Durable::load`],
//! [`Durable::open`], [`Durable::turn`], [`Durable::run`], [`Durable::complete`]), keep ([`Durable::sync`],
//! [`Durable::checkpoint`], [`Durable::close`]), agree ([`Durable::agree`], [`Durable::agree_through`]), observe
//! ([`Durable::runtime`]).
//!
//! What is acknowledged: everything handed in before a call of [`Durable::sync`] that has returned. [`Durable::run`]
//! syncs before it returns.

mod again;
mod agreement;
mod checkpoint;
mod composed;
mod cut;
mod entry;
mod error;
mod inputs;
mod journal;
mod plan;
mod recording;
mod recover;
mod script;
mod spans;

pub use checkpoint::CheckpointError;
pub use cut::{CutLogError, cut_log};
pub use entry::{EntryError, Intent, JOURNAL_VERSION};
pub use error::{DurableError, RecoverError};
pub use plan::DurableRecoveryPlan;
pub use recover::{log_record, replay_log};

use crate::admission::{RuntimeAdmission, RuntimeContracts};
use crate::executor::{Executor, Inline};
use crate::rounds::Runtime;
use crate::schedule::Schedule;
use crate::status::{RunStatus, Turn};
use agreement::Agreements;
use checkpoint::Checkpointing;
use entry::{IMAGE, Kept, NOTE, RUN};
use motet_log::span::{CutHead, OpenSpans, SpanEdge};
use motet_log::{Log, Lsn, Options, Storage};
use motet_machine::{
    CodeImage, EffectCoordinate, EffectHandler, EffectId, EffectOutcome, ImageId, ProtocolMachineConfig, SigningKeys,
};
use motet_types::{Digester, Planted, SessionId, planted};
use spans::Spans;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a durable runtime keeps its log.
#[derive(Clone, Debug)]
pub struct DurableOptions {
    /// The log's layout.
    pub log: Options,
    /// A checkpoint begins at the end of a turn when this many records were written since the last; 0 begins none but
    /// those that are asked for.
    pub checkpoint_records: u64,
    /// The same for steps: recovery takes again what was taken since the last checkpoint, so this bounds how long it
    /// takes where few inputs come. 0 begins none for their sake.
    pub checkpoint_steps: u64,
    /// How many sessions are copied at the end of each turn while a checkpoint is being made.
    pub slice: usize,
    /// How many effects may be open where the log is cut; they are carried into the checkpoint.
    pub open: OpenSpans,
    /// Whether a checkpoint's bytes are put together and written by a thread of their own, beside the run.
    pub beside: bool,
    /// Whether inputs are kept for a record that is written beside the log ([`Durable::write_record`]). A run that is
    /// recovered has none: its first events are gone.
    pub record: bool,
    /// The keys of the run that is recovered, where its messages are signed: a log has none. A run that is created has
    /// its keys in its configuration.
    pub keys: Option<SigningKeys>,
}

impl Default for DurableOptions {
    fn default() -> Self {
        Self {
            log: Options::default(),
            checkpoint_records: 0,
            checkpoint_steps: 0,
            slice: 4_096,
            open: OpenSpans::Carry { max: u32::MAX },
            beside: true,
            record: false,
            keys: None,
        }
    }
}

/// A runtime with a log.
#[derive(Debug)]
pub struct Durable<E> {
    runtime: Runtime<E>,
    log: Log,
    options: DurableOptions,
    /// Images that are in the log.
    images: usize,
    /// Whether the handler is in the log.
    handler: bool,
    /// Effects whose asking is in the log and whose answer is not.
    intended: BTreeSet<EffectCoordinate>,
    /// The last state digest that is in the log.
    digested: u64,
    /// Waves that the log says were committed.
    waves: u64,
    spans: Spans,
    checkpointing: Checkpointing,
    /// Notes and agreement records, as they stand in the log.
    kept: Vec<Kept>,
    agreements: Agreements,
    /// Inputs that are in the log and not in the record beside it yet; none where there is no record.
    unrecorded: Option<Vec<u8>>,
}

/// The cooperative durable runtime.
pub type DurableGuestRuntime = Durable<Inline>;

impl<E> Durable<E> {
    /// Begins a run in an empty log.
    pub fn create(
        storage: Arc<dyn Storage>,
        options: DurableOptions,
        config: ProtocolMachineConfig,
        schedule: Schedule,
        executor: E,
    ) -> Result<Self, DurableError> {
        let (log, recovered) = Log::open(storage, &options.log)?;
        if recovered.report.end > Lsn::ZERO {
            return Err(DurableError::NotEmpty { records: recovered.report.end.get() });
        }
        let config = ProtocolMachineConfig { record: true, ..config };
        let run = entry::encode_run(&config, &schedule);
        let runtime = Runtime::with_executor(config, schedule, executor)?;
        let recorded = options.record;
        let mut durable = Self::over(runtime, log, options, Spans::new(Lsn::ZERO, &[])?, None);
        durable.unrecorded = recorded.then(Vec::new);
        durable.append(RUN, &run, &[])?;
        Ok(durable)
    }

    fn over(runtime: Runtime<E>, log: Log, options: DurableOptions, spans: Spans, last: Option<CutHead>) -> Self {
        let (images, handler) = (runtime.machine().images().len(), runtime.handler().is_some());
        let (digested, waves) = (runtime.machine().boundary().wave, runtime.machine().tally().waves);
        let checkpointing = Checkpointing::new(last);
        let (intended, kept, agreements) = (BTreeSet::new(), Vec::new(), Agreements::default());
        Self {
            runtime,
            log,
            options,
            images,
            handler,
            intended,
            digested,
            waves,
            spans,
            checkpointing,
            kept,
            agreements,
            unrecorded: None,
        }
    }

    fn append(&mut self, kind: u16, bytes: &[u8], edges: &[SpanEdge]) -> Result<(), DurableError> {
        let lsn = self.log.append(kind, bytes)?;
        Ok(self.spans.push(lsn, kind, bytes.len(), edges)?)
    }

    /// Adds an image. Its bytes are in the log before any session of it.
    pub fn load(&mut self, image: impl Into<Arc<CodeImage>>) -> Result<ImageId, DurableError> {
        let id = self.runtime.load(image)?;
        while let Some(image) = self.runtime.machine().images().get(self.images) {
            let mut bytes = Vec::new();
            bytes.u32(self.images as u32);
            bytes.extend_from_slice(&image.parts().to_bytes());
            self.images += 1;
            self.append(IMAGE, &bytes, &[])?;
        }
        Ok(id)
    }

    /// Holds the run to contracts from now on, as [`Runtime::hold_to`]. They are no part of the log: whoever recovers a run
    /// says again what it is held to.
    ///
    /// # Errors
    /// As [`Runtime::hold_to`].
    pub fn hold_to(&mut self, contracts: RuntimeContracts) -> Result<RuntimeAdmission, DurableError> {
        Ok(self.runtime.hold_to(contracts)?)
    }

    /// Opens a session. It is acknowledged by the next [`Durable::sync`].
    pub fn open(&mut self, image: ImageId) -> Result<SessionId, DurableError> {
        Ok(self.runtime.open(image)?)
    }

    /// Lets the machine take at most this many steps in all, from the run's beginning.
    pub fn limit_steps(&mut self, limit: u64) {
        self.runtime.limit_steps(limit);
    }

    /// Hands in the answer to an effect that the host had taken on, in this process or an earlier one.
    pub fn complete(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), DurableError> {
        Ok(self.runtime.complete(effect, outcome)?)
    }

    /// One turn, as [`Runtime::turn`]. Effects that may block are asked in it, after the log is synced past everything
    /// that led to them.
    pub fn turn<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<Turn, DurableError>
    where
        E: Executor<H>,
    {
        self.gate()?;
        let turn = self.runtime.turn(host)?;
        self.write()?;
        self.checkpoint_goes_on()?;
        Ok(turn)
    }

    /// Turns until nothing can go on or the step limit is reached, and syncs.
    pub fn run<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<RunStatus, DurableError>
    where
        E: Executor<H>,
    {
        while self.turn(host)? != Turn::Idle {}
        self.sync()?;
        Ok(self.runtime.status())
    }

    /// Makes everything so far durable: when it returns, no crash loses any of it.
    pub fn sync(&mut self) -> Result<(), DurableError> {
        self.write_reached()?;
        if let Some(last) = self.log.end().get().checked_sub(1)
            && !planted(Planted::DurableSyncLies)
        {
            self.log.sync(Lsn::new(last))?;
        }
        Ok(())
    }

    /// Ends the run here, so that nothing has to be recovered: syncs, and says so in the log.
    pub fn close(mut self) -> Result<(), DurableError> {
        self.sync()?;
        self.finish_checkpoint()?;
        Ok(self.log.close()?)
    }

    /// The runtime, to look at.
    pub const fn runtime(&self) -> &Runtime<E> {
        &self.runtime
    }

    /// The log, to look at.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Writes down something of the embedder's own: what it needs to go on after a crash. It is durable with the next
    /// sync, and kept whatever is cut.
    pub fn note(&mut self, bytes: &[u8]) -> Result<(), DurableError> {
        self.append(NOTE, bytes, &[])?;
        self.kept.push(Kept { kind: NOTE, bytes: bytes.to_vec() });
        Ok(())
    }

    /// What the embedder has written down, oldest first.
    pub fn notes(&self) -> impl Iterator<Item = &[u8]> {
        self.kept.iter().filter(|kept| kept.kind == NOTE).map(|kept| kept.bytes.as_slice())
    }

    /// Effects that the host has been asked and has not answered.
    pub fn outstanding(&self) -> impl Iterator<Item = (EffectId, EffectCoordinate)> {
        self.runtime.outstanding()
    }
}
