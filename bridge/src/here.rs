//! Runs of this machine in the documents that runners speak, so that both can be compared.

use crate::program_json::{ProgramError, image_programs, image_roles};
use crate::run_document::{
    ChoreographyInput, MachineInput, ProtocolMachineRunInput, ProtocolMachineRunOutput, ProtocolMachineSessionStatus,
    ProtocolMachineTraceEvent, RunStatus,
};
use crate::schema::BridgeVersion;
use crate::step_state::run_by_steps;
use motet_choreo::{CompileError, Diagnostics, ProjectionError, Source, SourceError, compile, load};
use motet_machine::{
    CodeImage, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, ProtocolMachineConfig,
    SemanticsError, TraceReader, VerifyError,
};
use motet_runtime::{GuestRuntime, RuntimeError, Schedule};
use motet_types::{EffectKind, EffectKinds, GlobalType};
use serde_json::Value as Json;
use std::sync::Arc;

/// An input that cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum HereError {
    /// A global type is no text that is read.
    #[error("choreography {at}: {error}")]
    Source {
        /// Which, from 0.
        at: usize,
        /// Why.
        error: SourceError,
    },
    /// A global type is not one.
    #[error("choreography {at}: {error}")]
    Type {
        /// Which, from 0.
        at: usize,
        /// Why.
        error: Diagnostics,
    },
    /// A protocol has no projection.
    #[error("choreography {at}: {}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Projection {
        /// Which, from 0.
        at: usize,
        /// Why.
        errors: Vec<ProjectionError>,
    },
    /// A protocol has no image.
    #[error("choreography {at}: {error}")]
    Compile {
        /// Which, from 0.
        at: usize,
        /// Why.
        error: CompileError,
    },
    /// An image that was just made does not verify, which is a defect.
    #[error("choreography {at}: {error}")]
    Verify {
        /// Which, from 0.
        at: usize,
        /// Why.
        error: VerifyError,
    },
    /// Its code has something that runners have not.
    #[error("choreography {at}: {error}")]
    Program {
        /// Which, from 0.
        at: usize,
        /// Why.
        error: ProgramError,
    },
    /// The input says something that only other runners do.
    #[error("choreography {at} has other {what} than this machine's")]
    Other {
        /// Which, from 0.
        at: usize,
        /// What.
        what: &'static str,
    },
    /// The input says something that is not obeyed here.
    #[error("`{field}` is {found}, which is not obeyed here; {instead}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What to do.
        instead: &'static str,
    },
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// What was run breaks a rule of semantic objects, which is a defect.
    #[error(transparent)]
    Objects(#[from] SemanticsError),
    /// An event has no form among the documents, which is a defect.
    #[error("an event cannot be written: {0}")]
    Event(String),
}

/// The host that runners have when none is written down: choices are taken in turn, messages go as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainHost;

impl EffectHandler for PlainHost {
    fn identity(&self) -> &str {
        "plain"
    }

    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::Choose)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        match request.body {
            EffectRequestBody::Choose { labels, .. } => {
                let at = request.coordinate.counter as usize % labels.len().max(1);
                EffectOutcome::Success(EffectResponse::Choose(at))
            }
            _ => EffectOutcome::accept(request.kind()),
        }
    }
}

/// The global type in a document.
///
/// # Errors
/// [`HereError::Source`] and [`HereError::Type`], of choreography `at`.
pub fn global_from_json(at: usize, json: &Json) -> Result<GlobalType, HereError> {
    let name = format!("choreography_{at}.json");
    let source = Source::from_text(name, &json.to_string()).map_err(|error| HereError::Source { at, error })?;
    load(&source).map_err(|error| HereError::Type { at, error })
}

fn image_of(at: usize, choreography: &ChoreographyInput) -> Result<Arc<CodeImage>, HereError> {
    let global = global_from_json(at, &choreography.global_type)?;
    let parts = compile(&global).map_err(|error| HereError::Compile { at, error })?;
    CodeImage::verify(parts).map(Arc::new).map_err(|error| HereError::Verify { at, error })
}

fn programs_of(at: usize, image: &CodeImage) -> Result<Vec<crate::ProgramInput>, HereError> {
    image_programs(image).map_err(|error| HereError::Program { at, error })
}

/// The input with this machine's code and order of roles in each choreography and with jumps folded, so that a runner
/// executes what runs here, step by step.
///
/// # Errors
/// [`HereError`] where a choreography has no image.
pub fn with_programs(input: &ProtocolMachineRunInput) -> Result<ProtocolMachineRunInput, HereError> {
    let mut input = input.clone();
    for (at, choreography) in input.choreographies.iter_mut().enumerate() {
        let image = image_of(at, choreography)?;
        choreography.programs = Some(programs_of(at, &image)?);
        choreography.roles = image_roles(&image);
    }
    input.config = Some(MachineInput { fold_jumps: Some(true), ..input.config.unwrap_or_default() });
    Ok(input)
}

/// Runs the input on this machine, with [`PlainHost`] and steps of one instruction in waves of `concurrency`.
///
/// # Errors
/// [`HereError`]: a choreography that has no image, or a field that is not obeyed here (`config`, `host`, `topology`, `authority`,
/// `detail`, other programs or roles than this machine's).
pub fn run_here(input: &ProtocolMachineRunInput) -> Result<ProtocolMachineRunOutput, HereError> {
    let field = |field, found: Json, instead| Err(HereError::Field { field, found: found.to_string(), instead });
    let none = "leave it out";
    // Jumps are always folded here; nothing else of a configuration can be asked for.
    let folded = MachineInput { fold_jumps: Some(true), ..MachineInput::default() };
    if let Some(config) = input.config.as_ref().filter(|config| **config != folded) {
        let config = serde_json::to_value(config).unwrap_or_default();
        return field("config", config, "leave it out, or fold jumps alone");
    }
    if let Some(host) = &input.host {
        return field("host", serde_json::to_value(host).unwrap_or_default(), none);
    }
    if let Some(topology) = &input.topology {
        return field("topology", serde_json::to_value(topology).unwrap_or_default(), none);
    }
    if let Some(authority) = &input.authority {
        return field("authority", serde_json::to_value(authority).unwrap_or_default(), none);
    }
    if let Some(true) = input.detail {
        return field("detail", true.into(), none);
    }
    let Some(wave) = u32::try_from(input.concurrency).ok().filter(|wave| *wave > 0) else {
        return field("concurrency", input.concurrency.into(), "it is a whole number from 1 on");
    };
    let schedule = Schedule { wave, ..Schedule::canonical() };
    // Whoever compares runs compares what they mean too, so all of it is kept.
    let config = ProtocolMachineConfig { semantic_objects: Some(u32::MAX), ..ProtocolMachineConfig::default() };
    let mut runtime = GuestRuntime::new(config, schedule)?;
    let mut images = Vec::new();
    for (at, choreography) in input.choreographies.iter().enumerate() {
        let image = image_of(at, choreography)?;
        let mut roles = choreography.roles.clone();
        let mut own = image_roles(&image);
        if choreography.programs.is_none() {
            // Without code the order says nothing.
            roles.sort_unstable();
            own.sort_unstable();
        }
        if roles != own {
            return Err(HereError::Other { at, what: "roles" });
        }
        if let Some(programs) = &choreography.programs
            && *programs != programs_of(at, &image)?
        {
            return Err(HereError::Other { at, what: "programs" });
        }
        let loaded = runtime.load(Arc::clone(&image))?;
        for _ in 0..choreography.sessions.unwrap_or(1) {
            runtime.open(loaded)?;
            images.push(Arc::clone(&image));
        }
    }
    let (status, step_states) = match input.steps {
        Some(true) if wave > 1 => return field("steps", true.into(), "they are of runs with a concurrency of 1"),
        Some(true) => run_by_steps(&mut runtime, &PlainHost, input.max_steps).map_err(HereError::Event)?,
        _ => {
            runtime.limit_steps(input.max_steps);
            (runtime.run(&PlainHost)?, Vec::new())
        }
    };
    let machine = runtime.machine();
    let bytes = machine.trace_bytes();
    let mut reader = TraceReader::new(&bytes);
    let mut trace = Vec::new();
    while let Some(event) = reader.next() {
        let event = event.map_err(|error| HereError::Event(error.to_string()))?;
        let image = usize::try_from(event.session.0).ok().and_then(|at| images.get(at));
        let image = image.ok_or_else(|| HereError::Event(format!("{} was not opened", event.session)))?;
        trace.push(ProtocolMachineTraceEvent::of(image, &event, reader.text()).map_err(HereError::Event)?);
    }
    let alive: Vec<u64> = machine.sessions().map(|session| session.0).collect();
    let sessions = (0..images.len() as u64)
        .map(|sid| ProtocolMachineSessionStatus { schema_version: BridgeVersion, sid, terminal: !alive.contains(&sid) })
        .collect();
    Ok(ProtocolMachineRunOutput {
        schema_version: BridgeVersion,
        trace,
        sessions,
        steps_executed: machine.tally().steps,
        concurrency: input.concurrency,
        status: RunStatus::from(status),
        effect_exchanges: Vec::new(),
        effect_trace: Vec::new(),
        output_condition_trace: Vec::new(),
        step_states,
        semantic_objects: Some(runtime.semantic_objects()?),
        authority: None,
        final_states: None,
    })
}
