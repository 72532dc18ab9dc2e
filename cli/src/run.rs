//! `motet run`.

use crate::draw::Drawing;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use crate::output_file::OutputFile;
use crate::progress::Progress;
use crate::settings::{Answers, Args, Settings};
use crate::summary::Summary;
use crate::topology::Timetable;
use crate::wal;
use motet_bridge::{ExecHost, ExecOptions, HostError};
use motet_machine::{CodeImage, EffectHandler, TopologyPerturbation, TraceMode};
use motet_runtime::{
    ChoiceError, Durable, DurableOptions, Executor, Inline, RecordWriter, RunStatus, Runtime, RuntimeError, SeededHost,
    Threads, Turn,
};
use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Waves between the state digests that a log has.
const DIGEST_WAVES: u32 = 1024;
/// How long a host that blocks is left alone before it is asked again; a tick, where effects have a budget.
const PAUSE: Duration = Duration::from_millis(10);

/// Steps after which a run with a log goes on with its record.
const TOLD: u64 = 100_000;

fn unwritable(error: &std::io::Error) -> Failure {
    Failure::unwritable("the trace", error)
}

fn bad_choice(error: &ChoiceError) -> Failure {
    let code = match error {
        ChoiceError::Role { .. } => "unknown_role",
        ChoiceError::Label { .. } => "unknown_label",
    };
    Failure::usage(code, error.to_string()).field("option", "--choose")
}

/// What a runtime refuses before anything has run is a matter of input; afterwards the run has failed.
pub(crate) fn runtime_failure(error: &RuntimeError) -> Failure {
    match error {
        RuntimeError::Config(_) | RuntimeError::Schedule(_) => Failure::usage("bad_configuration", error.to_string()),
        RuntimeError::Admission(_) => Failure::refused("not_admitted", error.to_string()),
        RuntimeError::Open(_) => Failure::refused("cannot_open", error.to_string()),
        RuntimeError::Upgrade(_) => Failure::refused("upgrade_refused", error.to_string()),
        RuntimeError::NobodyChooses { .. } | RuntimeError::NobodyAnswers { .. } => {
            Failure::refused("nobody_answers", error.to_string())
        }
        _ => Failure::failed("runtime", error.to_string()),
    }
}

/// The hosts of this command: handlers that may fail as a whole.
pub(crate) trait Host: EffectHandler {
    /// Whether nothing will be answered any more.
    fn has_failed(&self) -> bool {
        false
    }

    /// How long it may block before the run ends.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Why it failed.
    fn take_error(&self) -> Option<HostError> {
        None
    }
}

impl Host for SeededHost {}

impl Host for ExecHost {
    fn has_failed(&self) -> bool {
        ExecHost::has_failed(self)
    }

    fn patience(&self) -> Duration {
        self.options().deadline
    }

    fn take_error(&self) -> Option<HostError> {
        ExecHost::take_error(self)
    }
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let settings = Settings::of(args)?;
    let image = Arc::new(input::image(&args.file)?);
    if args.print_config {
        let document = settings.document();
        return if out.json { out.document(&document.json()?) } else { out.line(document.toml()?.trim_end()) };
    }
    // Refused before anything is written.
    seeded(&settings.answers, &image)?;
    if settings.threads == 1 {
        Started::new(args, &settings, image, Inline::default(), out)?.answered(&settings.answers, out)
    } else {
        let executor = Threads::new(settings.threads).map_err(|error| runtime_failure(&error.into()))?;
        Started::new(args, &settings, image, executor, out)?.answered(&settings.answers, out)
    }
}

/// The seeded host with the choices that were given.
fn seeded(answers: &Answers, image: &CodeImage) -> Outcome<SeededHost> {
    match answers {
        Answers::Seeded { seed, choices } => choices.iter().try_fold(SeededHost::new(*seed), |host, (role, label)| {
            host.choose(image, role, label).map_err(|error| bad_choice(&error))
        }),
        Answers::Exec { .. } => Ok(SeededHost::default()),
    }
}

/// A run with a log, or without one.
enum Carrier<E> {
    Plain(Box<Runtime<E>>),
    Logged(Box<Durable<E>>),
}

impl<E> Carrier<E> {
    fn runtime(&self) -> &Runtime<E> {
        match self {
            Carrier::Plain(runtime) => runtime,
            Carrier::Logged(durable) => durable.runtime(),
        }
    }

    /// The semantic objects as JSON.
    fn semantic_objects(&self) -> Outcome<String> {
        let objects = match self {
            Carrier::Plain(runtime) => runtime.semantic_objects(),
            Carrier::Logged(durable) => durable.semantic_objects(),
        };
        let broken = |error: String| Failure::failed("semantic_objects", error);
        objects.map_err(|error| broken(error.to_string()))?.to_json().map_err(|error| broken(error.to_string()))
    }

    fn perturb(&mut self, events: &[TopologyPerturbation]) -> Outcome<()> {
        let outcome = match self {
            Carrier::Plain(runtime) => runtime.perturb(events).map_err(|error| runtime_failure(&error)),
            Carrier::Logged(durable) => durable.perturb(events).map_err(|error| wal::durable_failure(&error)),
        };
        outcome.map(drop)
    }

    fn advance(&mut self, ticks: u64) -> Outcome<()> {
        let stands = match self {
            Carrier::Plain(runtime) => runtime.advance(ticks).map_err(|error| runtime_failure(&error)),
            Carrier::Logged(durable) => durable.advance(ticks).map_err(|error| wal::durable_failure(&error)),
        };
        stands.map(drop)
    }

    fn turn<H: Host>(&mut self, host: &Arc<H>) -> Outcome<Turn>
    where
        E: Executor<Arc<H>>,
    {
        match self {
            Carrier::Plain(runtime) => runtime.turn(host).map_err(|error| runtime_failure(&error)),
            Carrier::Logged(durable) => durable.turn(host).map_err(|error| wal::durable_failure(&error)),
        }
    }
}

/// A run that has its sessions.
pub(crate) struct Started<E> {
    threads: usize,
    steps: Option<u64>,
    image: Arc<CodeImage>,
    carrier: Carrier<E>,
    record: Option<RecordWriter<OutputFile>>,
    record_path: Option<String>,
    /// Where the semantic objects go.
    objects: Option<OutputFile>,
    drawing: Option<Drawing>,
    /// What will happen to sites and links.
    timetable: Timetable,
    /// Steps that the record has, where there is a log.
    told: u64,
    /// What recovery found, for the summary.
    found: Option<serde_json::Value>,
}

impl<E> Started<E> {
    fn new(args: &Args, settings: &Settings, image: Arc<CodeImage>, executor: E, out: &Out) -> Outcome<Self> {
        let failed = |error: RuntimeError| runtime_failure(&error);
        let draws = !out.json && !out.quiet && (args.draw || out.is_terminal());
        let mut config = settings.config.clone();
        config.trace = match config.trace {
            _ if draws || args.trace.is_some() => TraceMode::Full,
            TraceMode::Disabled => TraceMode::Disabled,
            // The digest covers every event all the same; none need be kept.
            _ => TraceMode::Capped(0),
        };
        let schedule = settings.schedule.clone();
        let timetable = args.topology.as_deref().map(Timetable::read).transpose()?.unwrap_or_default();
        let objects = args.semantic_objects.as_deref().map(OutputFile::create).transpose()?;
        let file = args.trace.as_deref().map(OutputFile::create).transpose()?;
        args.checkpoints.need(args.wal.as_deref())?;
        let carrier = match &args.wal {
            None => {
                let mut runtime = Runtime::with_executor(config, schedule, executor).map_err(failed)?;
                let id = runtime.load(Arc::clone(&image)).map_err(failed)?;
                for _ in 0..settings.sessions {
                    runtime.open(id).map_err(failed)?;
                }
                settings.steps.into_iter().for_each(|steps| runtime.limit_steps(steps));
                Carrier::Plain(Box::new(runtime))
            }
            Some(folder) => {
                // So that recovery can hold itself against states on the way.
                config.digest_waves = DIGEST_WAVES;
                let options = DurableOptions { record: file.is_some(), ..args.checkpoints.options() };
                let storage = wal::storage(folder, true)?;
                let mut durable = Durable::create(storage, options, config, schedule, executor)
                    .map_err(|error| wal::durable_failure(&error))?;
                (|| {
                    durable.note(settings.answers.json().to_string().as_bytes())?;
                    let id = durable.load(Arc::clone(&image))?;
                    for _ in 0..settings.sessions {
                        durable.open(id)?;
                    }
                    settings.steps.into_iter().for_each(|steps| durable.limit_steps(steps));
                    durable.sync()
                })()
                .map_err(|error| wal::durable_failure(&error))?;
                Carrier::Logged(Box::new(durable))
            }
        };
        let drawing = draws.then(|| Drawing::new(&image));
        let record = file.map(RecordWriter::new).transpose()?;
        let record_path = args.trace.as_ref().map(|path| path.display().to_string());
        let (threads, steps) = (settings.threads, settings.steps);
        let (told, found) = (0, None);
        Ok(Self { threads, steps, image, carrier, record, record_path, objects, drawing, timetable, told, found })
    }

    /// A run that was recovered.
    pub(crate) fn recovered(
        durable: Durable<E>,
        image: Arc<CodeImage>,
        threads: usize,
        found: serde_json::Value,
    ) -> Self {
        let carrier = Carrier::Logged(Box::new(durable));
        let (record, record_path, drawing) = (None, None, None);
        Self {
            threads,
            steps: None,
            image,
            carrier,
            record,
            record_path,
            objects: None,
            drawing,
            timetable: Timetable::default(),
            told: 0,
            found: Some(found),
        }
    }

    /// Goes on with the host that was asked for, to the end.
    pub(crate) fn answered(self, answers: &Answers, out: &mut Out) -> Outcome<()>
    where
        E: Executor<Arc<SeededHost>> + Executor<Arc<ExecHost>>,
    {
        match answers {
            Answers::Seeded { .. } => {
                let host = seeded(answers, &self.image)?;
                self.finish(&Arc::new(host), out)
            }
            Answers::Exec { command, deadline, receives, outputs } => {
                let options = ExecOptions { deadline: *deadline, receives: *receives, outputs: *outputs };
                let host = ExecHost::start(command, options);
                let host = host.map_err(|error| Failure::failed(error.code(), error.to_string()))?;
                self.finish(&Arc::new(host), out)
            }
        }
    }

    fn finish<H: Host>(mut self, host: &Arc<H>, out: &mut Out) -> Outcome<()>
    where
        E: Executor<Arc<H>>,
    {
        if let Some(record) = &mut self.record {
            record.header(self.carrier.runtime(), host.identity(), host.wants()).map_err(|error| unwritable(&error))?;
        }
        let mut progress = Progress::new(!out.json && !out.quiet, self.steps);
        let mut idle_since: Option<Instant> = None;
        loop {
            while let Some(events) = self.timetable.due(self.carrier.runtime().machine().tally()) {
                self.carrier.perturb(&events)?;
            }
            let turn = self.carrier.turn(host)?;
            if host.has_failed() {
                break;
            }
            if turn == Turn::Idle {
                if self.carrier.runtime().status() == RunStatus::Stuck
                    && let Some(events) = self.timetable.next()
                {
                    self.carrier.perturb(&events)?;
                    continue;
                }
                // A host that blocks is asked again, as long as it might take for an answer, or as its budget lasts.
                let since = *idle_since.get_or_insert_with(Instant::now);
                let budgeted = self.carrier.runtime().machine().next_deadline().is_some();
                let spent = since.elapsed() >= host.patience() && !budgeted;
                if self.carrier.runtime().status() != RunStatus::Waiting || spent {
                    break;
                }
                thread::sleep(PAUSE);
                if budgeted {
                    self.carrier.advance(1)?;
                }
                continue;
            }
            idle_since = None;
            let tally = self.carrier.runtime().machine().tally();
            progress.at(tally.steps, tally.messages);
            self.pass_on(false)?;
        }
        let wall = progress.elapsed();
        drop(progress);
        self.pass_on(true)?;
        let mut log = None;
        match &mut self.carrier {
            Carrier::Plain(runtime) => {
                if let Some(record) = self.record.take() {
                    record.finish(runtime).map_err(|error| unwritable(&error))?.finish()?;
                }
            }
            Carrier::Logged(durable) => {
                if let Some(record) = self.record.take() {
                    durable.finish_record(record).map_err(|error| wal::durable_failure(&error))?.finish()?;
                }
                durable.sync().map_err(|error| wal::durable_failure(&error))?;
                durable.finish_checkpoint().map_err(|error| wal::durable_failure(&error))?;
                let (records, durable) = (durable.log().end().get(), durable.log().durable().get());
                log = Some(serde_json::json!({"records": records, "durable": durable}));
            }
        }
        if let Some(mut file) = self.objects.take() {
            let text = self.carrier.semantic_objects()?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.write_all(b"\n"))
                .map_err(|error| file.unwritable(&error))?;
            file.finish()?;
        }
        let runtime = self.carrier.runtime();
        if let Some(drawing) = &self.drawing {
            drawing.write(runtime.machine().tally().messages, out)?;
        }
        let summary = Summary {
            wall,
            threads: self.threads as u64,
            host_error: host.take_error(),
            trace: self.record_path.take(),
            wal: log,
            found: self.found.take(),
            ..Summary::of(runtime, &self.image)
        };
        summary.write(out)?;
        summary.verdict()
    }

    /// Hands the events on: first to the drawing, until it has enough, then to the record, or away.
    fn pass_on(&mut self, at_end: bool) -> Outcome<()> {
        if let Some(drawing) = self.drawing.as_mut().filter(|drawing| !drawing.is_fed()) {
            let machine = self.carrier.runtime().machine();
            let enough = machine.tally().messages >= drawing.needs();
            if !enough && !at_end {
                return Ok(());
            }
            drawing.feed(&machine.trace_bytes(), at_end);
        }
        match (&mut self.carrier, &mut self.record) {
            (Carrier::Plain(runtime), Some(record)) => record.write(runtime).map_err(|error| unwritable(&error)),
            (Carrier::Plain(runtime), None) => {
                runtime.drain_trace();
                Ok(())
            }
            // What the record says is synced first, so it is told in larger parts.
            (Carrier::Logged(durable), Some(record)) => {
                let steps = durable.runtime().machine().tally().steps;
                if at_end || steps - self.told >= TOLD {
                    self.told = steps;
                    durable.write_record(record).map_err(|error| wal::durable_failure(&error))?;
                }
                Ok(())
            }
            // Nothing of it is kept.
            (Carrier::Logged(_), None) => Ok(()),
        }
    }
}
