//! `motet run`.

use crate::draw::Drawing;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use crate::output_file::OutputFile;
use crate::progress::Progress;
use crate::settings::{Answers, Args, Settings};
use crate::summary::Summary;
use motet_bridge::{ExecHost, ExecOptions, HostError};
use motet_machine::{CodeImage, EffectHandler, TraceMode};
use motet_runtime::{
    ChoiceError, Executor, GuestRuntime, RecordWriter, RunStatus, Runtime, RuntimeError, SeededHost,
    ThreadedGuestRuntime, Turn,
};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a host that blocks is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(10);

fn bad_choice(error: &ChoiceError) -> Failure {
    let code = match error {
        ChoiceError::Role { .. } => "unknown_role",
        ChoiceError::Label { .. } => "unknown_label",
    };
    Failure::usage(code, error.to_string()).field("option", "--choose")
}

/// What a runtime refuses before anything has run is a matter of input; afterwards the run has failed.
fn runtime_failure(error: &RuntimeError) -> Failure {
    match error {
        RuntimeError::Config(_) | RuntimeError::Schedule(_) => Failure::usage("bad_configuration", error.to_string()),
        RuntimeError::Open(_) => Failure::refused("cannot_open", error.to_string()),
        RuntimeError::NobodyChooses { .. } | RuntimeError::NobodyAnswers { .. } => {
            Failure::refused("nobody_answers", error.to_string())
        }
        _ => Failure::failed("runtime", error.to_string()),
    }
}

/// The hosts of this command: handlers that may fail as a whole.
trait Host: EffectHandler {
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
    let seeded = match &settings.answers {
        Answers::Seeded { seed, choices } => {
            choices.iter().try_fold(SeededHost::new(*seed), |host, (role, label)| {
                host.choose(&image, role, label).map_err(|error| bad_choice(&error))
            })?
        }
        Answers::Exec { .. } => SeededHost::default(),
    };
    if args.print_config {
        let config = settings.json();
        return if out.json { out.document(&config) } else { out.line(format_args!("{config:#}")) };
    }
    let draws = !out.json && !out.quiet && (args.draw || out.is_terminal());
    let mut config = settings.config.clone();
    if !draws && args.trace.is_none() {
        // The digest covers every event all the same; none need be kept.
        config.trace = TraceMode::Capped(0);
    }
    let schedule = settings.schedule.clone();
    let drawing = draws.then(|| Drawing::new(&image));
    let failed = |error: RuntimeError| runtime_failure(&error);
    if settings.threads == 1 {
        let runtime = GuestRuntime::new(config, schedule).map_err(failed)?;
        answered(Started::new(args, &settings, image, runtime, drawing)?, seeded, out)
    } else {
        let runtime = ThreadedGuestRuntime::with_workers(config, schedule, settings.threads).map_err(failed)?;
        answered(Started::new(args, &settings, image, runtime, drawing)?, seeded, out)
    }
}

/// Runs with the host that was asked for.
fn answered<E>(started: Started<'_, E>, seeded: SeededHost, out: &mut Out) -> Outcome<()>
where
    E: Executor<Arc<SeededHost>> + Executor<Arc<ExecHost>>,
{
    match &started.settings.answers {
        Answers::Seeded { .. } => started.finish(&Arc::new(seeded), out),
        Answers::Exec { command, deadline, receives } => {
            let options = ExecOptions { deadline: *deadline, receives: *receives };
            let host = ExecHost::start(command, options);
            let host = host.map_err(|error| Failure::failed(error.code(), error.to_string()))?;
            started.finish(&Arc::new(host), out)
        }
    }
}

/// A run that has its sessions and has taken no step.
struct Started<'a, E> {
    settings: &'a Settings,
    image: Arc<CodeImage>,
    runtime: Runtime<E>,
    record: Option<RecordWriter<OutputFile>>,
    record_path: Option<String>,
    drawing: Option<Drawing>,
}

impl<'a, E> Started<'a, E> {
    fn new(
        args: &Args,
        settings: &'a Settings,
        image: Arc<CodeImage>,
        mut runtime: Runtime<E>,
        drawing: Option<Drawing>,
    ) -> Outcome<Self> {
        let failed = |error: RuntimeError| runtime_failure(&error);
        let file = args.trace.as_deref().map(OutputFile::create).transpose()?;
        let id = runtime.load(Arc::clone(&image)).map_err(failed)?;
        for _ in 0..settings.sessions {
            runtime.open(id).map_err(failed)?;
        }
        if let Some(steps) = settings.steps {
            runtime.limit_steps(steps);
        }
        let record = file.map(RecordWriter::new).transpose()?;
        let record_path = args.trace.as_ref().map(|path| path.display().to_string());
        Ok(Self { settings, image, runtime, record, record_path, drawing })
    }

    fn finish<H: Host>(mut self, host: &Arc<H>, out: &mut Out) -> Outcome<()>
    where
        E: Executor<Arc<H>>,
    {
        let unwritable = |error: std::io::Error| Failure::unwritable("the trace", &error);
        if let Some(record) = &mut self.record {
            record.header(&self.runtime, host.identity(), host.wants()).map_err(unwritable)?;
        }
        let mut progress = Progress::new(!out.json && !out.quiet, self.settings.steps);
        let mut idle_since: Option<Instant> = None;
        loop {
            let turn = self.runtime.turn(host).map_err(|error| runtime_failure(&error))?;
            if host.has_failed() {
                break;
            }
            if turn == Turn::Idle {
                // A host that blocks is asked again, as long as it might take for an answer.
                let since = *idle_since.get_or_insert_with(Instant::now);
                if self.runtime.status() != RunStatus::Waiting || since.elapsed() >= host.patience() {
                    break;
                }
                thread::sleep(PAUSE);
                continue;
            }
            idle_since = None;
            let tally = self.runtime.machine().tally();
            progress.at(tally.steps, tally.messages);
            self.pass_on(false).map_err(unwritable)?;
        }
        let wall = progress.elapsed();
        drop(progress);
        self.pass_on(true).map_err(unwritable)?;
        if let Some(record) = self.record.take() {
            record.finish(&mut self.runtime).map_err(unwritable)?.finish()?;
        }
        if let Some(drawing) = &self.drawing {
            drawing.write(self.runtime.machine().tally().messages, out)?;
        }
        let summary = Summary {
            wall,
            threads: self.settings.threads as u64,
            host_error: host.take_error(),
            trace: self.record_path.take(),
            ..Summary::of(&self.runtime, &self.image)
        };
        summary.write(out)?;
        summary.verdict()
    }

    /// Hands the events on: first to the drawing, until it has enough, then to the record, or away.
    fn pass_on(&mut self, at_end: bool) -> std::io::Result<()> {
        if let Some(drawing) = self.drawing.as_mut().filter(|drawing| !drawing.is_fed()) {
            let enough = self.runtime.machine().tally().messages >= drawing.needs();
            if !enough && !at_end {
                return Ok(());
            }
            drawing.feed(&self.runtime.machine().trace_bytes(), at_end);
        }
        match &mut self.record {
            Some(record) => record.write(&mut self.runtime),
            None => {
                self.runtime.drain_trace();
                Ok(())
            }
        }
    }
}
