//! `motet run`.

use crate::draw::Drawing;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use crate::output_file::OutputFile;
use crate::progress::Progress;
use crate::settings::{Answers, Args, Settings};
use crate::summary::Summary;
use motet_bridge::{ExecHost, ExecOptions};
use motet_machine::{CodeImage, EffectHandler};
use motet_runtime::{ChoiceError, GuestRuntime, RecordWriter, RunStatus, RuntimeError, SeededHost, Turn};
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

/// The hosts of this command: a handler that may fail as a whole.
trait Host: EffectHandler {
    fn failed(&self) -> bool {
        false
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }
}

impl Host for SeededHost {}

struct Process(ExecHost, Duration);

impl EffectHandler for Process {
    fn identity(&self) -> &str {
        self.0.identity()
    }

    fn wants(&self) -> motet_types::EffectKinds {
        self.0.wants()
    }

    fn handle_effect(&self, request: motet_machine::EffectRequest<'_>) -> motet_machine::EffectOutcome {
        self.0.handle_effect(request)
    }
}

impl Host for Process {
    fn failed(&self) -> bool {
        self.0.has_failed()
    }

    fn patience(&self) -> Duration {
        self.1
    }
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let settings = Settings::of(args)?;
    let image = Arc::new(input::image(&args.file)?);
    let seeded = match &settings.answers {
        Answers::Seeded { seed, choices } => {
            let given = choices.iter().try_fold(SeededHost::new(*seed), |host, (role, label)| {
                host.choose(&image, role, label).map_err(|error| bad_choice(&error))
            });
            Some(given?)
        }
        Answers::Exec { .. } => None,
    };
    if args.print_config {
        let config = settings.json();
        return if out.json { out.document(&config) } else { out.line(format_args!("{config:#}")) };
    }
    let started = Started::new(args, settings, image, out)?;
    match (seeded, &started.settings.answers) {
        (Some(host), _) => started.finish(&host, out, || None),
        (None, Answers::Exec { command, deadline, receives }) => {
            let options = ExecOptions { deadline: *deadline, receives: *receives };
            let host = ExecHost::start(command, options);
            let host = host.map_err(|error| Failure::failed(error.code(), error.to_string()))?;
            let host = Process(host, *deadline);
            started.finish(&host, out, || host.0.take_error())
        }
        (None, Answers::Seeded { .. }) => Err(Failure::failed("no_host", "nobody answers effects")),
    }
}

/// A run that has its sessions and has taken no step.
struct Started {
    settings: Settings,
    image: Arc<CodeImage>,
    runtime: GuestRuntime,
    record: Option<RecordWriter<OutputFile>>,
    record_path: Option<String>,
    drawing: Option<Drawing>,
}

impl Started {
    fn new(args: &Args, settings: Settings, image: Arc<CodeImage>, out: &Out) -> Outcome<Self> {
        let file = args.trace.as_deref().map(OutputFile::create).transpose()?;
        let failed = |error: RuntimeError| runtime_failure(&error);
        let mut runtime = GuestRuntime::new(settings.config.clone(), settings.schedule.clone()).map_err(failed)?;
        let id = runtime.load(Arc::clone(&image)).map_err(failed)?;
        for _ in 0..settings.sessions {
            runtime.open(id).map_err(failed)?;
        }
        if let Some(steps) = settings.steps {
            runtime.limit_steps(steps);
        }
        let record = file.map(RecordWriter::new).transpose()?;
        let record_path = args.trace.as_ref().map(|path| path.display().to_string());
        let draws = !out.json && !out.quiet && (args.draw || out.is_terminal());
        let drawing = draws.then(|| Drawing::new(&image));
        Ok(Self { settings, image, runtime, record, record_path, drawing })
    }

    fn finish<H: Host>(
        mut self,
        host: &H,
        out: &mut Out,
        error: impl FnOnce() -> Option<motet_bridge::HostError>,
    ) -> Outcome<()> {
        let unwritable = |error: std::io::Error| Failure::unwritable("the trace", &error);
        if let Some(record) = &mut self.record {
            record.header(&self.runtime, host.identity(), host.wants()).map_err(unwritable)?;
        }
        let mut progress = Progress::new(!out.json && !out.quiet, self.settings.steps);
        let mut idle_since: Option<Instant> = None;
        loop {
            let turn = self.runtime.turn(host).map_err(|error| runtime_failure(&error))?;
            if host.failed() {
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
            threads: self.settings.threads,
            host_error: error(),
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
