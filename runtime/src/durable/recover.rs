//! Recovery: replay that goes on. The newest checkpoint is loaded, the turns since then are taken again with the
//! answers in the log, and the run continues where the log ends.
//!
//! It writes nothing: a crash during recovery leaves the log as it was, and recovery can begin again.

use super::again::{Again, again};
use super::checkpoint::CheckpointBody;
use super::entry::{Entry, EntryReader, Kept};
use super::script::{Script, give_keys};
use super::spans::{self, Spans};
use super::{Durable, DurableOptions, DurableRecoveryPlan, RecoverError};
use crate::executor::Inline;
use crate::record::RunRecord;
use crate::rounds::{GuestRuntime, Runtime};
use motet_log::span::CutHead;
use motet_log::{Checkpoint, Files, Log, Lsn, OpenError, Record, Recovered, Storage};
use motet_types::{Planted, planted};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A run that is being rebuilt from its log.
pub(super) struct Rebuild {
    script: Script,
    /// What the checkpoint holds; none without one.
    runtime: Option<GuestRuntime>,
    pub(super) spans: Spans,
    /// What the last cut left.
    pub(super) last: Option<CutHead>,
    reader: EntryReader,
}

impl Rebuild {
    /// From the newest checkpoint, or from the log's first record.
    pub(super) fn begin(
        first: Lsn,
        checkpoint: Option<&Checkpoint>,
        options: &DurableOptions,
    ) -> Result<Self, RecoverError> {
        let script = Script { keys: options.keys.clone(), ..Script::default() };
        let reader = EntryReader::default();
        let mut rebuild = Self { script, runtime: None, spans: Spans::new(first, &[])?, last: None, reader };
        let Some(checkpoint) = checkpoint else { return Ok(rebuild) };
        let bytes = checkpoint.read()?;
        let (head, at) = CutHead::decode(&bytes)?;
        let mut body = CheckpointBody::decode(&bytes[at..]).ok_or(RecoverError::Checkpoint)?;
        give_keys(&mut body.config, options.keys.as_ref())?;
        rebuild.spans = Spans::new(checkpoint.lsn, &head.carried)?;
        for opening in &head.opening {
            rebuild.reader.read(opening)?.map_or(Ok(()), |entry| rebuild.script.take(entry))?;
        }
        // An opening record may have opened others, which have ended before the cut.
        let open: BTreeSet<_> = head.carried.iter().map(|carried| carried.span).collect();
        let ended = planted(Planted::DurableCarriesEnded);
        rebuild.script.intents.retain(|_, intent| ended || open.contains(&spans::span(intent)));
        for (number, bytes) in (0..).zip(body.images) {
            rebuild.script.take(Entry::Image { number, bytes })?;
        }
        rebuild.script.found.checkpointed(&body.kept)?;
        rebuild.script.kept = body.kept;
        let images = &rebuild.script.images;
        rebuild.runtime = Some(GuestRuntime::resume_from(body.config, Inline::default(), images, &body.snapshot)?);
        rebuild.last = Some(head);
        Ok(rebuild)
    }

    /// Takes the next record.
    pub(super) fn record(&mut self, record: &Record) -> Result<(), RecoverError> {
        let entry = self.reader.read(record)?;
        self.spans.push(record.lsn, record.kind, record.bytes.len(), &self.script.edges(entry.as_ref()))?;
        entry.map_or(Ok(()), |entry| self.script.take(entry))
    }

    /// Waves committed at the checkpoint, and its tick.
    fn stands(&self) -> (u64, u64) {
        let machine = self.runtime.as_ref().map(Runtime::machine);
        machine.map_or((0, 0), |machine| (machine.tally().waves, machine.tick().0))
    }

    /// Takes the turns again. What was open and unanswered in the end is left in the script.
    fn run(&mut self) -> Result<(GuestRuntime, Again), RecoverError> {
        self.run_until(None)
    }

    /// The same, and no further than so many steps.
    fn run_until(&mut self, until: Option<u64>) -> Result<(GuestRuntime, Again), RecoverError> {
        let runtime = match (self.runtime.take(), self.script.config.take()) {
            (Some(runtime), _) => runtime,
            (None, Some((config, schedule))) => GuestRuntime::new(config, schedule)?,
            (None, None) => return Err(RecoverError::Empty),
        };
        again(runtime, &mut self.script, until)
    }

    /// The runtime as it stands after the records that were taken.
    pub(super) fn finish(mut self) -> Result<(GuestRuntime, Vec<Kept>), RecoverError> {
        let (runtime, _) = self.run()?;
        Ok((runtime, self.script.kept))
    }
}

impl Durable<Inline> {
    /// Opens the run that was kept in a folder, and goes on with it: [`Durable::recover`] over its files.
    ///
    /// ```
    /// use motet_runtime::log::Files;
    /// use motet_runtime::machine::ProtocolMachineConfig;
    /// use motet_runtime::{DurableGuestRuntime, DurableOptions, Inline, Schedule};
    /// use std::sync::Arc;
    ///
    /// let folder = std::env::temp_dir().join(format!("motet-open-folder-{}", std::process::id()));
    /// let (options, config) = (DurableOptions::default(), ProtocolMachineConfig::default());
    /// let files = Arc::new(Files::open(&folder)?);
    /// let mut run =
    ///     DurableGuestRuntime::create(files, options.clone(), config, Schedule::default(), Inline::default())?;
    /// run.note(b"mine")?;
    /// run.sync()?;
    /// drop(run); // A crash would do.
    ///
    /// let (run, plan) = DurableGuestRuntime::open_folder(&folder, options)?;
    /// assert_eq!(run.notes().next(), Some(&b"mine"[..]));
    /// assert_eq!(plan.steps, 0);
    /// # drop(run);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_folder(folder: &Path, options: DurableOptions) -> Result<(Self, DurableRecoveryPlan), RecoverError> {
        let failed = |source| OpenError::Io { file: folder.display().to_string(), source };
        let files = Files::open(folder).map_err(failed)?;
        Self::recover(Arc::new(files), options)
    }

    /// Recovers the run in a log, and says what was found. Another executor may carry it on
    /// ([`Durable::with_executor`]).
    pub fn recover(
        storage: Arc<dyn Storage>,
        options: DurableOptions,
    ) -> Result<(Self, DurableRecoveryPlan), RecoverError> {
        let (log, recovered) = Log::open(storage, &options.log)?;
        let Recovered { checkpoint, records, report: found } = recovered;
        let mut rebuild = Rebuild::begin(found.first, checkpoint.as_ref(), &options)?;
        for record in records {
            rebuild.record(&record?)?;
        }
        let (checkpoint_waves, tick) = rebuild.stands();
        let (mut runtime, again) = rebuild.run()?;
        let Rebuild { script, spans, last, .. } = rebuild;
        let (agreement, agreements) = script.found.decide(tick)?;
        if !planted(Planted::DurableAsksNothingAgain) {
            runtime.ask_again(&script.order);
        }
        let asked = runtime.to_ask().iter().filter_map(|ask| script.intents.get(&ask.coordinate).copied());
        let plan = DurableRecoveryPlan {
            found,
            checkpoint: checkpoint.map(|checkpoint| checkpoint.lsn),
            checkpoint_waves,
            waves: runtime.machine().tally().waves,
            steps: again.steps,
            inputs: script.inputs,
            asked: script.asked,
            reused: again.reused,
            reasked: asked.collect(),
            digests: again.digests,
            state_root: runtime.state_root(),
            metadata: agreement.metadata,
            decisions: agreement.decisions,
            wal_suffix: script.found.suffix,
            evidence_cache: script.found.outcomes,
        };
        let mut durable = Self::over(runtime, log, options, spans, last);
        durable.checkpointing.steps = durable.runtime.machine().tally().steps - again.steps;
        durable.intended = script.intents.into_keys().collect();
        durable.kept = script.kept;
        durable.agreements = agreements;
        Ok((durable, plan))
    }
}

impl<E> Durable<E> {
    /// The same run, carried out by another executor.
    pub fn with_executor<F>(self, executor: F) -> Durable<F> {
        Durable {
            runtime: self.runtime.with_other_executor(executor),
            log: self.log,
            options: self.options,
            images: self.images,
            handler: self.handler,
            intended: self.intended,
            digested: self.digested,
            waves: self.waves,
            spans: self.spans,
            checkpointing: self.checkpointing,
            kept: self.kept,
            agreements: self.agreements,
            unrecorded: self.unrecorded,
        }
    }
}

/// Takes the run in a log again, and says how it stands: at the log's end, or, with `until`, after so many steps. It
/// begins at the newest checkpoint that is not behind `until`, or at the log's first record.
///
/// Every state that is digested in the log on the way is found again, or it is an error.
pub fn replay_log(
    storage: Arc<dyn Storage>,
    options: &DurableOptions,
    until: Option<u64>,
) -> Result<(GuestRuntime, DurableRecoveryPlan), RecoverError> {
    let (log, recovered) = Log::open(storage, &options.log)?;
    let Recovered { checkpoint, records, report: found } = recovered;
    let mut rebuild = Rebuild::begin(found.first, checkpoint.as_ref(), options)?;
    let steps = |rebuild: &Rebuild| rebuild.runtime.as_ref().map_or(0, |runtime| runtime.machine().tally().steps);
    let behind = until.filter(|until| *until < steps(&rebuild));
    let (mut from, mut records) = (checkpoint.map(|checkpoint| checkpoint.lsn), records);
    if let Some(until) = behind {
        if found.first > Lsn::ZERO {
            return Err(RecoverError::Dropped { until, first: steps(&rebuild) });
        }
        (rebuild, from, records) = (Rebuild::begin(found.first, None, options)?, None, log.read(found.first)?);
    }
    for record in records {
        rebuild.record(&record?)?;
    }
    let (checkpoint_waves, tick) = rebuild.stands();
    let (agreement, _) = rebuild.script.found.decide(tick)?;
    let (runtime, again) = rebuild.run_until(until)?;
    let plan = DurableRecoveryPlan {
        found,
        checkpoint: from,
        checkpoint_waves,
        waves: runtime.machine().tally().waves,
        steps: again.steps,
        inputs: rebuild.script.inputs,
        asked: rebuild.script.asked,
        reused: again.reused,
        reasked: Vec::new(),
        digests: again.digests,
        state_root: runtime.state_root(),
        metadata: agreement.metadata,
        decisions: agreement.decisions,
        wal_suffix: rebuild.script.found.suffix,
        evidence_cache: rebuild.script.found.outcomes,
    };
    Ok((runtime, plan))
}

/// The record of the run in a log, as if it had been written beside it: the log's inputs, and the events of taking them
/// again. The log must still hold the run's first record.
///
/// # Errors
/// As [`replay_log`]; [`RecoverError::Dropped`] where the log was cut.
pub fn log_record(storage: Arc<dyn Storage>, options: &DurableOptions) -> Result<RunRecord, RecoverError> {
    let (log, recovered) = Log::open(storage, &options.log)?;
    if recovered.report.first > Lsn::ZERO {
        let checkpoint = Rebuild::begin(recovered.report.first, recovered.checkpoint.as_ref(), options)?;
        let first = checkpoint.runtime.map_or(0, |runtime| runtime.machine().tally().steps);
        return Err(RecoverError::Dropped { until: 0, first });
    }
    let mut rebuild = Rebuild::begin(Lsn::ZERO, None, options)?;
    rebuild.script.tape = Some(Vec::new());
    for record in log.read(Lsn::ZERO)? {
        rebuild.record(&record?)?;
    }
    let (runtime, _) = rebuild.run()?;
    // What is taken again is not written down again; the log's inputs are the tape.
    let inputs = rebuild.script.tape.take().unwrap_or_default();
    let record = RunRecord::of(&runtime).ok_or(RecoverError::Empty)?;
    Ok(RunRecord { inputs, ..record })
}
