//! Recovery: replay that goes on. The newest checkpoint is loaded, the turns since then are taken again with the
//! answers in the log, and the run continues where the log ends.
//!
//! It writes nothing: a crash during recovery leaves the log as it was, and recovery can begin again.

use super::agreement::Found;
use super::checkpoint::CheckpointBody;
use super::entry::{AGREEMENT, CONTRACT, Entry, EntryError, EntryReader, Intent, Kept, NOTE, OUTCOME};
use super::spans::{self, Spans};
use super::{Durable, DurableOptions, DurableRecoveryPlan};
use crate::executor::Inline;
use crate::profile::ProfileDifference;
use crate::record::RunRecord;
use crate::replay::{ReplayHost, give};
use crate::rounds::{GuestRuntime, Runtime};
use crate::schedule::Schedule;
use crate::snapshot::ResumeError;
use crate::status::{RuntimeError, Turn};
use crate::tape::Input;
use motet_log::span::{BadHead, CutHead, SpanEdge};
use motet_log::{Checkpoint, Files, Log, LogError, Lsn, OpenError, Record, Recovered, Storage};
use motet_machine::{
    Boundary, CodeImage, EffectCoordinate, KeysError, ProtocolMachineConfig, RecordedEffect, SigningKeys, VerifyError,
};
use motet_semantic::{ArtifactBytesError, RecoverError as AgreementError};
use motet_types::{Digest, EffectKinds, Planted, SessionId, planted};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Why a run cannot be recovered. The log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no run in the log.
    #[error("there is no run in this log")]
    Empty,
    /// A record that this version cannot read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An image that does not verify.
    #[error("image {number} in the log is refused: {error}")]
    Image {
        /// Its number.
        number: u32,
        /// Why.
        error: VerifyError,
    },
    /// The keys that were given are not those of the run.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The checkpoint is refused.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The checkpoint's payload is not one.
    #[error("the checkpoint does not hold what a checkpoint of a run holds")]
    Checkpoint,
    /// What the last cut left is refused.
    #[error(transparent)]
    Cut(#[from] BadHead),
    /// The runtime refused an input that it took when it was recorded.
    #[error("the input of step {step} cannot be given again: {error}")]
    Input {
        /// The planner step.
        step: u64,
        /// Why.
        error: RuntimeError,
    },
    /// The runtime refused its configuration, or lost a wave.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The same turns did something else than before.
    #[error("the run cannot be taken again: {0}")]
    Diverged(Box<ProfileDifference>),
    /// A state that was digested is another one now.
    #[error("after wave {wave} the state was {expected}; taken again, it is {found}")]
    State {
        /// Waves committed.
        wave: u64,
        /// The digest in the log.
        expected: Digest,
        /// The digest now.
        found: Digest,
    },
    /// The steps asked for are before everything that the log still holds.
    #[error("step {until} is no longer in the log, which was cut; the earliest that can be shown is {first}")]
    Dropped {
        /// The step asked for.
        until: u64,
        /// The first that can be shown.
        first: u64,
    },
    /// The log names more waves than the same inputs make.
    #[error("the log goes to wave {expected}; with its inputs the run stops after wave {found}")]
    Short {
        /// The last wave that the log names.
        expected: u64,
        /// Where the run stopped.
        found: u64,
    },
    /// An agreement record in a checkpoint that this version cannot read.
    #[error(transparent)]
    Artifact(#[from] ArtifactBytesError),
    /// The agreement records in the log contradict each other or their rules.
    #[error("agreements: {0}")]
    Agreement(#[from] AgreementError),
    /// The position index of the log's open effects is refused.
    #[error(transparent)]
    Spans(#[from] motet_log::span::CutError),
}

/// What the log says, in the order in which it is needed.
#[derive(Default)]
struct Script {
    config: Option<(ProtocolMachineConfig, Schedule)>,
    /// The host's keys, which no log has.
    keys: Option<SigningKeys>,
    images: Vec<Arc<CodeImage>>,
    handler: Option<(String, EffectKinds)>,
    between: VecDeque<(u64, Input)>,
    answers: BTreeMap<SessionId, VecDeque<RecordedEffect>>,
    /// Waves committed when the last inputs were written.
    waves: u64,
    digests: VecDeque<Boundary>,
    intents: BTreeMap<EffectCoordinate, Intent>,
    /// Every effect that the log says was asked, in the order of asking.
    order: Vec<EffectCoordinate>,
    kept: Vec<Kept>,
    found: Found,
    inputs: u64,
    asked: u64,
    /// Every input in order, where somebody wants them besides.
    tape: Option<Vec<(u64, Input)>>,
}

/// Gives a configuration that was read its keys.
fn give_keys(config: &mut ProtocolMachineConfig, keys: Option<&SigningKeys>) -> Result<(), KeysError> {
    if let Some(keys) = keys {
        config.authentication.give(keys)?;
    }
    config.authentication.validate()
}

impl Script {
    /// What an entry does to spans.
    fn edges(&self, entry: Option<&Entry>) -> Vec<SpanEdge> {
        match entry {
            Some(Entry::Asked(intents)) => intents.iter().map(spans::opens).collect(),
            Some(Entry::Abandoned(intents)) => intents.iter().map(spans::closes).collect(),
            Some(Entry::Inputs { inputs, .. }) => {
                let answered = inputs.iter().filter_map(|(_, input)| match input {
                    Input::Answer { at, .. } => self.intents.get(at),
                    _ => None,
                });
                answered.map(spans::closes).collect()
            }
            _ => Vec::new(),
        }
    }

    fn take(&mut self, entry: Entry) -> Result<(), RecoverError> {
        match entry {
            Entry::Run { mut config, schedule } => {
                give_keys(&mut config, self.keys.as_ref())?;
                config.run_id.0[0] ^= u8::from(planted(Planted::DurableNewIds));
                self.config = Some((config, schedule));
            }
            Entry::Image { number, bytes } => {
                let error = |error| RecoverError::Image { number, error };
                let image = CodeImage::load(&bytes).map_err(error)?;
                if number as usize == self.images.len() {
                    self.images.push(Arc::new(image));
                }
            }
            Entry::Handler { identity, wants } => self.handler = Some((identity, wants)),
            Entry::Inputs { waves, inputs } => {
                // A run that was recovered to less took some waves another time, perhaps otherwise: what was told of them
                // before does not count.
                self.digests.retain(|boundary| boundary.wave <= waves);
                self.waves = waves;
                self.inputs += inputs.len() as u64;
                if let Some(tape) = &mut self.tape {
                    tape.extend(inputs.iter().cloned());
                }
                for (step, input) in inputs {
                    match input {
                        Input::Answer { at, outcome } => {
                            self.intents.remove(&at);
                            self.between.push_back((step, Input::Answer { at, outcome }));
                        }
                        Input::Effect(effect) => {
                            self.answers.entry(effect.coordinate.session).or_default().push_back(effect);
                        }
                        other => self.between.push_back((step, other)),
                    }
                }
            }
            Entry::Asked(intents) => {
                self.asked += intents.len() as u64;
                self.order.extend(intents.iter().map(|intent| intent.at));
                self.intents.extend(intents.into_iter().map(|intent| (intent.at, intent)));
            }
            Entry::Abandoned(gone) => self.intents.retain(|at, _| gone.iter().all(|intent| intent.at != *at)),
            Entry::Digest(boundary) => {
                // Nothing came in up to there, or it would stand before.
                self.waves = self.waves.max(boundary.wave);
                self.digests.push_back(boundary);
            }
            Entry::Note(bytes) => self.kept.push(Kept { kind: NOTE, bytes }),
            Entry::Agreement(entry) => {
                self.kept.push(Kept { kind: AGREEMENT, bytes: entry.to_json()? });
                self.found.suffix.push(entry);
            }
            Entry::Outcome(entry) => {
                self.kept.push(Kept { kind: OUTCOME, bytes: entry.to_json()? });
                self.found.outcomes.push(entry);
            }
            Entry::Contract(declared) => {
                self.kept.push(Kept { kind: CONTRACT, bytes: declared.to_json()? });
                self.found.declared.push(declared);
            }
        }
        Ok(())
    }
}

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

/// What taking turns again came to.
struct Again {
    steps: u64,
    reused: u64,
    digests: u64,
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

/// Empties the tape.
fn forget(runtime: &mut GuestRuntime) {
    if let Some(tape) = runtime.tape_mut() {
        drop(tape.drain());
    }
}

/// Takes the turns again that the log has inputs for.
fn again(
    mut runtime: GuestRuntime,
    script: &mut Script,
    until: Option<u64>,
) -> Result<(GuestRuntime, Again), RecoverError> {
    let before = runtime.machine().tally().steps;
    let recorded: usize = script.answers.values().map(VecDeque::len).sum();
    let handler = runtime.handler().map(|identity| (identity.to_owned(), runtime.wants()));
    let written = script.handler.take();
    let (identity, wants) = handler.or_else(|| written.clone()).unwrap_or_default();
    let host = ReplayHost::new(identity, wants, std::mem::take(&mut script.answers));
    let (mut reused, mut digests) = (0, 0);
    loop {
        if until.is_some_and(|until| runtime.machine().tally().steps >= until) {
            break;
        }
        let step = runtime.machine().planner_step();
        while let Some((at, input)) = script.between.pop_front_if(|(at, _)| *at <= step) {
            reused += u64::from(matches!(input, Input::Answer { .. }));
            give(&mut runtime, &script.images, input).map_err(|error| RecoverError::Input { step: at, error })?;
        }
        while let Some(boundary) = script.digests.pop_front_if(|boundary| boundary.wave <= step) {
            let taken = runtime.machine().boundary();
            let found = if taken.wave == boundary.wave { taken.state } else { runtime.state_root() };
            if found != boundary.state && !planted(Planted::DurableTrustsState) {
                return Err(RecoverError::State { wave: boundary.wave, expected: boundary.state, found });
            }
            digests += 1;
        }
        let goal = script.waves.saturating_sub(if planted(Planted::DurableStopsShort) { 5 } else { 0 });
        if step >= goal && script.between.is_empty() {
            break;
        }
        let turn = match until {
            Some(until) => runtime.turn_until(&host, until)?,
            None => runtime.turn(&host)?,
        };
        if let Some(diverged) = host.take_divergence() {
            return Err(RecoverError::Diverged(diverged));
        }
        // What is taken again is in the log already.
        forget(&mut runtime);
        if turn == Turn::Idle && script.between.front().is_none_or(|(at, _)| *at > runtime.machine().planner_step()) {
            return Err(RecoverError::Short { expected: script.waves, found: runtime.machine().tally().waves });
        }
    }
    // An image of which no session was opened yet is there all the same, and a handler that has answered nothing yet.
    if let (None, Some((identity, wants))) = (runtime.handler(), written) {
        runtime.began_with(identity, wants);
    }
    let loaded = runtime.machine().images().len();
    for image in script.images.iter().skip(loaded) {
        runtime.load(Arc::clone(image))?;
    }
    forget(&mut runtime);
    reused += (recorded - host.unused()) as u64;
    let steps = runtime.machine().tally().steps - before;
    Ok((runtime, Again { steps, reused, digests }))
}
