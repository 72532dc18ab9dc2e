//! The straight walk: from a global type to its image, from an image to a run and its record, from a record to its
//! replay.

use crate::watched::keys;
use motet_choreo::{EmitOptions, compile_with};
use motet_machine::{
    BackpressurePolicy, BufferConfig, BufferMode, CodeImage, EffectHandler, FaultReport, ProtocolMachineConfig, Tally,
    TraceEvent, TraceReader,
};
use motet_runtime::{
    ContentionMetrics, DeterminismMode, GuestRuntime, Inline, Input, NormalForm, Observed, RecordWriter, Replayed,
    RunRecord, RunStatus, RunView, Runtime, Schedule, Seeded, read_inputs, replay,
};
use motet_types::{Digest, Event, GlobalType, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The image of a global type.
pub fn image_of(global: &GlobalType, step_hooks: bool) -> Result<Arc<CodeImage>, String> {
    let parts = compile_with(global, EmitOptions { step_hooks }).map_err(|error| format!("compile: {error}"))?;
    CodeImage::verify(parts).map(Arc::new).map_err(|error| format!("verify: {error}"))
}

/// How a run is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The machine's configuration; runs are always recorded.
    pub config: ProtocolMachineConfig,
    /// The schedule.
    pub schedule: Schedule,
    /// How many sessions are opened.
    pub sessions: usize,
    /// How many steps may be taken in all.
    pub limit: u64,
    /// The images that the image's plans name; they are loaded first.
    pub plans: Vec<Arc<CodeImage>>,
}

impl Default for Setup {
    fn default() -> Self {
        let config = ProtocolMachineConfig { record: true, ..ProtocolMachineConfig::default() };
        Self { config, schedule: Schedule::default(), sessions: 1, limit: 100_000, plans: Vec::new() }
    }
}

impl Setup {
    /// The set-up with other buffers.
    #[must_use]
    pub const fn buffer(mut self, mode: BufferMode, capacity: u16, policy: BackpressurePolicy) -> Self {
        self.config.buffer = BufferConfig { mode, capacity, policy };
        self
    }

    /// The set-up with another wave and fuel, and one wave at a time.
    #[must_use]
    pub const fn schedule(mut self, wave: u32, fuel: u32) -> Self {
        (self.schedule.wave, self.schedule.fuel) = (wave, fuel);
        self.window(1, 1)
    }

    /// The set-up with another window and another number of waves in a turn.
    #[must_use]
    pub const fn window(mut self, window: u32, turn: u32) -> Self {
        (self.schedule.window, self.schedule.turn) = (window, turn);
        self
    }

    /// The set-up with that many sessions.
    #[must_use]
    pub const fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    /// The set-up with a step limit.
    #[must_use]
    pub const fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// The set-up with images that plans name.
    #[must_use]
    pub fn plans(mut self, plans: &[Arc<CodeImage>]) -> Self {
        self.plans = plans.to_vec();
        self
    }

    /// A runtime with the sessions opened and nothing run.
    pub fn start<E>(&self, image: &Arc<CodeImage>, executor: E) -> Result<Runtime<E>, String> {
        let runtime = Runtime::with_executor(self.config.clone(), self.schedule.clone(), executor);
        let mut runtime = runtime.map_err(|error| error.to_string())?;
        for plan in &self.plans {
            runtime.load(Arc::clone(plan)).map_err(|error| error.to_string())?;
        }
        let image = runtime.load(Arc::clone(image)).map_err(|error| error.to_string())?;
        for _ in 0..self.sessions {
            runtime.open(image).map_err(|error| error.to_string())?;
        }
        runtime.limit_steps(self.limit);
        Ok(runtime)
    }

    /// A cooperative runtime with the sessions opened and nothing run.
    pub fn guest(&self, image: &Arc<CodeImage>) -> Result<GuestRuntime, String> {
        self.start(image, Inline::default())
    }

    /// Runs the image and keeps everything that can be seen of it.
    pub fn run<H: EffectHandler + ?Sized>(&self, image: &Arc<CodeImage>, host: &H) -> Result<Run, String> {
        let mut runtime = self.guest(image)?;
        runtime.run(host).map_err(|error| error.to_string())?;
        Run::of(runtime, host)
    }

    /// The same with the executor that carries chunks out in an order drawn from a seed.
    pub fn run_seeded<H: EffectHandler + ?Sized>(
        &self,
        image: &Arc<CodeImage>,
        host: &H,
        seed: u64,
    ) -> Result<Run, String> {
        let mut runtime = self.start(image, Seeded::new(seed))?;
        runtime.run(host).map_err(|error| error.to_string())?;
        Run::of(runtime, host)
    }
}

/// Everything that can be seen of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where it stood at the end.
    pub status: RunStatus,
    /// The machine's counters.
    pub tally: Tally,
    /// The scheduler's counters.
    pub metrics: ContentionMetrics,
    /// The digest of the trace.
    pub trace_digest: Digest,
    /// The state root.
    pub state_root: Digest,
    /// The trace.
    pub events: Vec<u8>,
    /// The inputs on the tape.
    pub tape: Vec<u8>,
    /// Faults, in commit order.
    pub faults: Vec<FaultReport>,
    /// The record as a file.
    pub record: Vec<u8>,
}

impl Run {
    /// What can be seen of a runtime that has stopped.
    pub fn of<E: Observed, H: EffectHandler + ?Sized>(mut runtime: Runtime<E>, host: &H) -> Result<Self, String> {
        let status = runtime.status();
        let tape = runtime.tape().map(|tape| tape.bytes().to_vec()).ok_or("the run was not recorded")?;
        let (tally, metrics) = (*runtime.machine().tally(), runtime.contention());
        let trace_digest = runtime.trace_digest().ok_or("the trace was off")?;
        let (state_root, faults) = (runtime.state_root(), runtime.faults().to_vec());
        let events = runtime.machine().trace_bytes();
        let record = (|| {
            let mut writer = RecordWriter::new(Vec::new())?;
            writer.header(&runtime, host.identity(), host.wants())?;
            writer.write(&mut runtime)?;
            writer.finish(&mut runtime)
        })();
        let record = record.map_err(|error: std::io::Error| error.to_string())?;
        Ok(Self { status, tally, metrics, trace_digest, state_root, events, tape, faults, record })
    }

    /// The events, read back.
    pub fn trace(&self) -> Result<Vec<TraceEvent>, String> {
        TraceReader::new(&self.events).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    /// What was observed, under the names of its record.
    pub fn view(&self) -> Result<RunView, String> {
        RunView::of(&self.read_record()?).map_err(|error| error.to_string())
    }

    /// The events by session, without ticks.
    pub fn normalised(&self) -> Result<NormalForm, String> {
        let view = RunView::of_events(&self.events).map_err(|error| error.to_string())?;
        Ok(view.normal_form(DeterminismMode::ModuloCommutativity))
    }

    /// Each session's events.
    pub fn sessions(&self) -> Result<BTreeMap<SessionId, Vec<Event>>, String> {
        let mut sessions: BTreeMap<SessionId, Vec<Event>> = BTreeMap::new();
        self.trace()?.iter().for_each(|event| sessions.entry(event.session).or_default().push(event.event));
        Ok(sessions)
    }

    /// The inputs, read back.
    pub fn inputs(&self) -> Result<Vec<(u64, Input)>, String> {
        read_inputs(&self.tape).map_err(|error| error.to_string())
    }

    /// The record, read back.
    pub fn read_record(&self) -> Result<RunRecord, String> {
        let mut record = RunRecord::from_bytes(&self.record).map_err(|error| error.to_string())?;
        if record.config.authentication.keys().is_some() {
            record.config.authentication.give(&keys()).map_err(|error| error.to_string())?;
        }
        Ok(record)
    }

    /// Replays the record; the replay must find everything equal.
    pub fn replayed(&self) -> Result<Replayed, String> {
        let replayed = replay(&self.read_record()?, None, |_| {}).map_err(|error| format!("replay: {error}"))?;
        if replayed.runtime.trace_digest() != Some(self.trace_digest) {
            return Err("the replay's trace digest differs".into());
        }
        if replayed.runtime.state_root() != self.state_root {
            return Err("the replay's state root differs".into());
        }
        Ok(replayed)
    }

    /// Whether another run was the same, byte for byte: trace, exchanges with the host, state and record.
    pub fn same_as(&self, other: &Self) -> Result<(), String> {
        let parts = [
            ("status", self.status == other.status),
            ("tally", self.tally == other.tally),
            ("trace digest", self.trace_digest == other.trace_digest),
            ("trace", self.events == other.events),
            ("effect exchanges", self.tape == other.tape),
            ("state root", self.state_root == other.state_root),
            ("faults", self.faults == other.faults),
            ("record", self.record == other.record),
        ];
        match parts.iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((what, _)) => Err(format!("equal runs differ in their {what}")),
        }
    }
}
