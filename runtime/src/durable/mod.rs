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

mod agreement;
mod checkpoint;
mod composed;
mod cut;
mod entry;
mod plan;
mod recording;
mod recover;
mod spans;

pub use checkpoint::CheckpointError;
pub use cut::{CutLogError, cut_log};
pub use entry::{EntryError, Intent, JOURNAL_VERSION};
pub use plan::DurableRecoveryPlan;
pub use recover::{RecoverError, log_record, replay_log};

use crate::admission::{RuntimeAdmission, RuntimeContracts};
use crate::executor::{Executor, Inline};
use crate::rounds::Runtime;
use crate::schedule::Schedule;
use crate::staged::{RuntimeUpgradeError, RuntimeUpgradeExecution, RuntimeUpgradeRequest};
use crate::status::{RunStatus, RuntimeError, Turn};
use crate::tape::{Input, read_inputs};
use crate::upgrade::StagedUpgrade;
use agreement::Agreements;
use checkpoint::Checkpointing;
use entry::{ABANDONED, ASKED, DIGEST, HANDLER, IMAGE, INPUTS, Kept, NOTE, PIECE, RUN};
use motet_log::span::{CutHead, OpenSpans, SpanEdge};
use motet_log::{Log, LogError, Lsn, OpenError, Options, Storage};
use motet_machine::{
    ClosedSessionSummary, CodeImage, ConsumptionArtifact, EffectCoordinate, EffectHandler, EffectId, EffectOutcome,
    ImageId, OwnershipOperation, OwnershipOutcome, ProtocolMachineConfig, SigningKeys, TopologyOutcome,
    TopologyPerturbation, UpgradeOptions,
};
use motet_semantic::{ArtifactBytesError, AuthorityAuditRecord, DelegationReceipt, WalError};
use motet_types::{Digester, Planted, SessionId, Tick, planted};
use spans::Spans;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a durable runtime could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The log refused, or failed. After a failed sync it acknowledges nothing any more.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A new run cannot be written into a log that has one.
    #[error("there is a run in this log already, of {records} records; recover it, or choose another place")]
    NotEmpty {
        /// How many records.
        records: u64,
    },
    /// The run could not be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A checkpoint could not be made.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A cut could not be made.
    #[error(transparent)]
    Cut(#[from] motet_log::span::CutError),
    /// An agreement record that may not stand where it would. Nothing was written.
    #[error(transparent)]
    Agreement(#[from] WalError),
    /// An agreement record that cannot be written.
    #[error(transparent)]
    Artifact(ArtifactBytesError),
    /// There is no record beside this log.
    #[error("this run keeps no inputs for a record: it was recovered, or begun without `DurableOptions::record`")]
    NoRecord,
    /// The record beside the log cannot be written.
    #[error("the record beside the log: {0}")]
    Record(#[from] std::io::Error),
}

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

    /// Takes an operation on a session's ownership, as [`Runtime::own`]. It is acknowledged by the next
    /// [`Durable::sync`]: what was issued before is not to be shown outside.
    pub fn own(&mut self, session: SessionId, operation: OwnershipOperation) -> Result<OwnershipOutcome, DurableError> {
        Ok(self.runtime.own(session, operation)?)
    }

    /// Takes what has happened to sites and links, as [`Runtime::perturb`]. It is acknowledged by the next
    /// [`Durable::sync`].
    pub fn perturb(&mut self, perturbations: &[TopologyPerturbation]) -> Result<TopologyOutcome, DurableError> {
        Ok(self.runtime.perturb(perturbations)?)
    }

    /// Lets time pass by the host's clock, as [`Runtime::advance`]. It is acknowledged by the next [`Durable::sync`].
    pub fn advance(&mut self, ticks: u64) -> Result<Tick, DurableError> {
        Ok(self.runtime.advance(ticks)?)
    }

    /// Lets time pass to the earliest deadline, as [`Runtime::advance_to_deadline`].
    pub fn advance_to_deadline(&mut self) -> Result<bool, DurableError> {
        Ok(self.runtime.advance_to_deadline()?)
    }

    /// What would become of every live session, as [`Runtime::stage_upgrade`].
    ///
    /// # Errors
    /// No such image.
    pub fn stage_upgrade(&self, to: ImageId, options: UpgradeOptions) -> Result<StagedUpgrade, DurableError> {
        Ok(self.runtime.stage_upgrade(to, options)?)
    }

    /// Moves sessions to a loaded image, as [`Runtime::upgrade`]. It is one input of the log, so a crash leaves all of them
    /// moved or none; it is acknowledged by the next [`Durable::sync`].
    ///
    /// # Errors
    /// [`UpgradeRefusal`](motet_machine::UpgradeRefusal), with the first session that cannot move.
    pub fn upgrade(
        &mut self,
        to: ImageId,
        options: UpgradeOptions,
        sessions: &[SessionId],
    ) -> Result<u64, DurableError> {
        Ok(self.runtime.upgrade(to, options, sessions)?)
    }

    /// Stages an upgrade, as [`Runtime::begin_upgrade`].
    ///
    /// # Errors
    /// As [`Runtime::begin_upgrade`].
    pub fn begin_upgrade(
        &self,
        request: RuntimeUpgradeRequest,
    ) -> Result<RuntimeUpgradeExecution, RuntimeUpgradeError> {
        self.runtime.begin_upgrade(request)
    }

    /// Admits what was staged, as [`Runtime::admit_staged`].
    ///
    /// # Errors
    /// As [`Runtime::admit_staged`].
    pub fn admit_staged(&self, execution: &mut RuntimeUpgradeExecution) -> Result<(), RuntimeUpgradeError> {
        self.runtime.admit_staged(execution)
    }

    /// Cuts the run over, as [`Runtime::cut_over`]. All of it is one entry of the log; it is acknowledged by the next
    /// [`Durable::sync`]. An upgrade that a crash finds before that was never begun.
    ///
    /// # Errors
    /// As [`Runtime::cut_over`].
    pub fn cut_over(&mut self, execution: &mut RuntimeUpgradeExecution) -> Result<u64, RuntimeUpgradeError> {
        self.runtime.cut_over(execution)
    }

    /// Takes the audit of ownership so far out. What it tells is durable first.
    pub fn drain_audit(&mut self) -> Result<Vec<AuthorityAuditRecord>, DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_audit())
    }

    /// Takes the receipts of endpoints that changed hands so far out. What they tell is durable first.
    pub fn drain_delegations(&mut self) -> Result<Vec<DelegationReceipt>, DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_delegations())
    }

    /// Takes what was kept of received messages. What it tells is durable first.
    pub fn drain_consumptions(&mut self) -> Result<(Vec<ConsumptionArtifact>, u64), DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_consumptions())
    }

    /// Takes the summaries of sessions that have ended. What they tell is durable first.
    pub fn drain_summaries(&mut self) -> Result<(Vec<ClosedSessionSummary>, u64), DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_summaries())
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

    /// What the next turn will ask the host is written down, and the log synced past it.
    fn gate(&mut self) -> Result<(), DurableError> {
        if self.runtime.to_ask().is_empty() {
            return Ok(());
        }
        self.write()?;
        let fresh = self.runtime.to_ask().iter().map(|ask| ask.coordinate);
        let machine = self.runtime.machine();
        // What is overdue is not asked any more.
        let asked = |at: &EffectCoordinate| machine.is_pending(at) && !machine.is_overdue(at);
        let fresh = fresh.filter(|at| asked(at) && !self.intended.contains(at));
        let intents: Vec<Intent> = fresh.map(|at| self.intent(at)).collect();
        if intents.is_empty() {
            return Ok(());
        }
        self.intended.extend(intents.iter().map(|intent| intent.at));
        if !planted(Planted::DurableForgetsAsked) {
            self.append_intents(ASKED, &intents, spans::opens)?;
        }
        if planted(Planted::DurableAsksEarly) { Ok(()) } else { self.sync() }
    }

    fn intent(&self, at: EffectCoordinate) -> Intent {
        Intent { at, id: at.effect_id(&self.runtime.machine().config().run_id) }
    }

    /// Hands the log everything that has happened since the last call.
    fn write(&mut self) -> Result<(), DurableError> {
        if !self.handler
            && let Some(identity) = self.runtime.handler()
        {
            let handler = entry::encode_handler(identity, self.runtime.wants());
            self.handler = true;
            self.append(HANDLER, &handler, &[])?;
        }
        let waves = self.runtime.machine().tally().waves;
        let tape = self.runtime.tape_mut().map(crate::tape::Tape::drain).unwrap_or_default();
        if !tape.is_empty() {
            if let Some(unrecorded) = &mut self.unrecorded {
                unrecorded.extend_from_slice(&tape);
            }
            self.write_tape(waves, &tape)?;
        }
        self.write_abandoned()?;
        let boundary = self.runtime.machine().boundary();
        if boundary.wave > self.digested {
            self.digested = boundary.wave;
            self.append(DIGEST, &entry::encode_digest(&boundary), &[])?;
        }
        Ok(())
    }

    /// The same, and how far the run has come.
    fn write_reached(&mut self) -> Result<(), DurableError> {
        self.write()?;
        self.write_waves()
    }

    /// How far the run has come, should nothing have come in since that was last written: recovery goes as far.
    fn write_waves(&mut self) -> Result<(), DurableError> {
        let waves = self.runtime.machine().tally().waves;
        if waves > self.waves { self.write_tape(waves, &[]) } else { Ok(()) }
    }

    fn write_tape(&mut self, waves: u64, tape: &[u8]) -> Result<(), DurableError> {
        self.waves = waves;
        // A record must fit a segment; what is longer goes in pieces of half of one.
        let most = (self.log.most() / 2).max(64);
        let pieces = tape.len().saturating_sub(1) / most;
        let (before, last) = tape.split_at(pieces * most);
        for piece in before.chunks(most) {
            self.append(PIECE, piece, &[])?;
        }
        let mut inputs = Vec::with_capacity(last.len() + 12);
        inputs.u64(waves);
        inputs.u32(pieces as u32);
        inputs.extend_from_slice(last);
        let edges = self.answered(tape);
        self.append(INPUTS, &inputs, &edges)
    }

    /// The ends of the effects that a tape answers. The tape is only looked at when one is open.
    fn answered(&mut self, tape: &[u8]) -> Vec<SpanEdge> {
        if self.intended.is_empty() {
            return Vec::new();
        }
        let mut edges = Vec::new();
        for (_, input) in read_inputs(tape).unwrap_or_default() {
            if let Input::Answer { at, .. } = input
                && self.intended.remove(&at)
            {
                edges.push(spans::closes(&self.intent(at)));
            }
        }
        edges
    }

    /// Effects that nobody waits for any more, because their session has ended or they have timed out, end here.
    fn write_abandoned(&mut self) -> Result<(), DurableError> {
        if self.intended.is_empty() {
            return Ok(());
        }
        let machine = self.runtime.machine();
        let gone: Vec<EffectCoordinate> = self.intended.iter().filter(|at| !machine.is_pending(at)).copied().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let gone: Vec<Intent> = gone.into_iter().map(|at| self.intent(at)).collect();
        self.intended.retain(|at| gone.iter().all(|intent| intent.at != *at));
        self.append_intents(ABANDONED, &gone, spans::closes)
    }

    /// Appends effects, in as many records as it takes: each must fit a segment. Before them stands how far the run has
    /// come: one that was recovered to less would open and close them again.
    fn append_intents(
        &mut self,
        kind: u16,
        intents: &[Intent],
        edge: fn(&Intent) -> SpanEdge,
    ) -> Result<(), DurableError> {
        self.write_waves()?;
        for part in intents.chunks(entry::asked_within(self.log.most())) {
            let edges: Vec<SpanEdge> = part.iter().map(edge).collect();
            self.append(kind, &entry::encode_asked(part), &edges)?;
        }
        Ok(())
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

    /// Takes the finished part of the trace out. What it tells is durable first.
    pub fn drain_trace(&mut self) -> Result<Vec<u8>, DurableError> {
        self.sync()?;
        Ok(self.runtime.drain_trace())
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
