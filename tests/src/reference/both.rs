//! A case run in both, and the first difference.

use super::case::Case;
use super::grown::conversation;
use super::happens::{Happens, happened};
use super::hints::Hinting;
use super::late::{renamed, run, waited, waits_for_host};
use super::later::Later;
use super::objects::{comparable, places, without_digests};
use super::owning::{Owning, in_order};
use super::recorder::{Recorder, Seen};
use super::traces::{Judged, judged};
use crate::dice::Dice;
use crate::walk::Setup;
use crate::witness::Moody;
use motet_bridge::runner::{ProtocolMachineRunner, RunnerError, RunnerErrorKind};
use motet_bridge::{
    ChoreographyInput, FinalState, HostInput, LeanStructuredError, ProjectPayload, ProtocolMachineRunInput,
    ProtocolMachineStepState, ProtocolMachineTraceEvent, RunStatus, ScriptedAnswer, audit_of, gate_name,
    image_programs, image_roles, machine_input, wants_input,
};
use motet_choreo::{EmitOptions, check, compile_with, project, projection_json};
use motet_machine::{CodeImage, TraceReader};
use motet_runtime::{Schedule, SeededHost};
use motet_types::{CoroutineId, EventKind, SessionId};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first difference between the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// Where, counted in its list.
    pub at: usize,
    /// What was seen here, one line each.
    pub here: Vec<String>,
    /// What the reference says.
    pub reference: Vec<String>,
}

/// What a case came to, as both said it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether the protocol was refused by both.
    pub refused: bool,
    /// The events, their ticks as the specification has them.
    pub events: Vec<Json>,
    /// The exchanges with the host.
    pub exchanges: Vec<Json>,
    /// What every coroutine waits for at the end, by session.
    pub states: Vec<Json>,
    /// The semantic objects: the lists' names, and their objects.
    pub objects: Vec<Json>,
    /// Whether the run completed.
    pub completed: bool,
    /// Whether some session faulted.
    pub faulted: bool,
    /// How many questions the host put off or took on, and how many of those it answered when others had gone on.
    pub waited: [u64; 2],
    /// How often links were cut, were made whole, and sites crashed.
    pub happened: [u64; 3],
    /// How often owners did something, and were refused.
    pub owned: [u64; 2],
    /// How often sessions changed hands, effects were invalidated by that, and results came too late.
    pub handed: [u64; 3],
    /// How often which instruction was executed, where that was looked at.
    pub instructions: BTreeMap<String, u64>,
    /// Traces of the reference that were judged here, whole and spoilt.
    pub judged: Judged,
}

impl Case {
    /// Runs the case in both and compares.
    pub fn run(&self, runner: &mut ProtocolMachineRunner) -> Result<Result<Outcome, Difference>, String> {
        let global = self.protocol()?;
        if let Err(refusals) = check(&global) {
            return Err(format!("the case's protocol is ill-formed: {refusals:?}"));
        }
        let Ok(projection) = project(&global) else {
            let payload = ProjectPayload { global_type: self.global.clone(), roles: global.names.roles.clone() };
            return Ok(match answered(runner.project(&payload))? {
                Err(error) if error.code == "projection" => Ok(Outcome { refused: true, ..Outcome::default() }),
                other => Err(one("projection", "refused", &format!("{other:?}"))),
            });
        };
        let options = EmitOptions { step_hooks: self.hooks };
        let parts = compile_with(&global, options).map_err(|error| format!("compile: {error}"))?;
        let (parts, plans) = self.grown(self.padded(parts))?;
        let image = Arc::new(CodeImage::verify(parts).map_err(|error| format!("verify: {error}"))?);
        let local = projection_json(&projection).map_err(|error| error.to_string())?;
        let local: Json = serde_json::from_str(&local).map_err(|error| error.to_string())?;
        self.compare(&image, &plans, &local, runner)
    }

    fn compare(
        &self,
        image: &Arc<CodeImage>,
        plans: &[Arc<CodeImage>],
        local: &Json,
        runner: &mut ProtocolMachineRunner,
    ) -> Result<Result<Outcome, Difference>, String> {
        let payload = ProjectPayload { global_type: self.global.clone(), roles: image_roles(image) };
        let theirs = match answered(runner.project(&payload))? {
            Ok(reply) => serde_json::to_value(reply.local_types).map_err(|error| error.to_string())?,
            Err(error) => error.to_string().into(),
        };
        if theirs != *local {
            return Ok(Err(one("projection", &local.to_string(), &theirs.to_string())));
        }
        let host = Hinting { inner: SeededHost::new(self.seed), seed: self.seed };
        let host = Later::new(Moody { inner: host, mood: self.mood }, self.seed, self.slow);
        let host = Recorder::new(host, self.wants, image);
        let mut setup = Setup::default().sessions(self.sessions).limit(self.limit).plans(plans);
        setup.schedule = Schedule { wave: self.wave, ..Schedule::canonical() };
        setup.config = self.config(image.role_count());
        let mut runtime = setup.guest(image)?;
        let by_steps = self.wave == 1;
        let mut dice = Dice::new(self.seed ^ 0x6c61_7465_7231_3131);
        let happens = Happens::new(image, plans, self.fails, self.seed);
        let owning = Owning::new(image, self.sessions, self.owns, self.seed);
        let (status, mut steps, topology, owned) =
            run(&mut runtime, &host, image, self.limit, by_steps, happens, owning, &mut dice)?;
        let Seen { mut exchanges, ticks, evidence, .. } = host.into_seen();
        exchanges.iter_mut().for_each(|exchange| renamed(exchange, &evidence));
        steps.iter_mut().filter_map(|step| step.post_state.as_mut()).for_each(|state| renamed(state, &evidence));
        let answer = |(x, tick): (&Json, &Option<u64>)| ScriptedAnswer {
            operation_id: x["operation_id"].as_str().unwrap_or_default().into(),
            outcome: x["outcome"].clone(),
            tick: *tick,
        };
        let script = exchanges.iter().zip(&ticks).map(answer).collect();
        let choreography = ChoreographyInput {
            programs: Some(image_programs(image).map_err(|error| error.to_string())?),
            sessions: Some(self.sessions as u64),
            plans: (!plans.is_empty()).then(|| vec![conversation()]),
            ..ChoreographyInput::new(self.global.clone(), image_roles(image))
        };
        let input = ProtocolMachineRunInput {
            config: Some(machine_input(&setup.config).map_err(|error| error.to_string())?),
            host: Some(HostInput {
                identity: Some("recorder".into()),
                wants: Some(wants_input(self.wants)),
                script: Some(script),
            }),
            topology: (!topology.is_empty()).then(|| topology.clone()),
            authority: (!owned.script.is_empty()).then(|| owned.script.clone()),
            detail: Some(true),
            steps: by_steps.then_some(true),
            ..ProtocolMachineRunInput::new(vec![choreography], self.wave.into(), self.limit)
        };
        let reply = match answered(runner.run(&input))? {
            Ok(reply) => reply,
            Err(error) => return Ok(Err(one("answer", "a run", &error.to_string()))),
        };
        let bytes = runtime.machine().trace_bytes();
        let (mut reader, mut events) = (TraceReader::new(&bytes), Vec::new());
        while let Some(event) = reader.next() {
            let event = event.map_err(|error| error.to_string())?;
            // One protocol is opened, or none.
            let image = plans.first().filter(|_| event.session.number() > 0).unwrap_or(image);
            events.push(from_one(ProtocolMachineTraceEvent::of(image, &event, reader.text())?));
        }
        let mut events = audit_of(&events);
        events.iter_mut().for_each(|event| renamed(event, &evidence));
        let (events, digests) = without_digests(events);
        if let Some(difference) = differs("events", &events, &audit_of(&reply.trace)) {
            return Ok(Err(difference));
        }
        let theirs: Result<Vec<Json>, _> = reply.effect_exchanges.iter().map(serde_json::to_value).collect();
        let theirs = theirs.map_err(|error| error.to_string())?;
        if let Some(difference) = differs("effect exchanges", &exchanges, &theirs) {
            return Ok(Err(difference));
        }
        let (ours, theirs) = (in_order(&owned.results)?, in_order(reply.authority.as_deref().unwrap_or_default())?);
        if let Some(difference) = differs("what came of owners", &ours, &theirs) {
            return Ok(Err(difference));
        }
        let objects = runtime.semantic_objects().map_err(|error| error.to_string())?;
        let places =
            if waits_for_host(image) { places(runtime.machine(), &exchanges, self.sessions) } else { Vec::new() };
        let objects = comparable(&objects, &digests, &places, &evidence, 1)?;
        let theirs = reply.semantic_objects.as_ref().ok_or("the reference has no semantic objects")?;
        if let Some(difference) = differs("semantic objects", &objects, &comparable(theirs, &[], &[], &evidence, 0)?) {
            return Ok(Err(difference));
        }
        if let Some(difference) = step_difference(&steps, &reply.step_states) {
            return Ok(Err(difference));
        }
        let machine = runtime.machine();
        let alive: Vec<SessionId> = machine.sessions().collect();
        let gate =
            |session: SessionId, role: usize| machine.gate(session, CoroutineId(role as u16)).map_or("?", gate_name);
        let states: Vec<Json> = (0..self.sessions)
            .map(|at| SessionId(at as u64))
            .map(|session| match alive.contains(&session) {
                true => json!((0..image.role_count()).map(|role| gate(session, role)).collect::<Vec<_>>()),
                false => json!("ended"),
            })
            .collect();
        let stated = |state: &FinalState| match state.status == "active" {
            true => json!(state.coroutines.iter().map(|coroutine| coroutine.status.as_str()).collect::<Vec<_>>()),
            false => json!("ended"),
        };
        let theirs: Vec<Json> = reply.final_states.iter().flatten().map(stated).collect();
        if let Some(difference) = differs("final states", &states, &theirs) {
            return Ok(Err(difference));
        }
        let counted = (RunStatus::from(status), machine.tally().steps);
        let theirs = (reply.status, reply.steps_executed);
        if counted != theirs {
            return Ok(Err(one("status and steps", &format!("{counted:?}"), &format!("{theirs:?}"))));
        }
        Ok(Ok(Outcome {
            refused: false,
            waited: waited(&exchanges, &ticks),
            happened: happened(&topology),
            handed: owned.handed,
            owned: [
                owned.results.len() as u64,
                owned.results.iter().filter(|one| one.refused.is_some()).count() as u64,
            ],
            events,
            exchanges,
            states,
            objects,
            completed: status.name() == "completed",
            faulted: !runtime.faults().is_empty(),
            instructions: executed(&input, &reply.step_states),
            judged: judged(&input.choreographies[0], &reply.trace, self.is_lossless(), self.seed)?,
        }))
    }
}

/// Rounds are counted from 0 here and from 1 in the specification (deviation `tick-origin` of docs/parity.md).
fn from_one(mut event: ProtocolMachineTraceEvent) -> ProtocolMachineTraceEvent {
    // What is opened before the run is opened at 0 in both.
    let before = event.kind == EventKind::Opened && event.session.is_none_or(|one| SessionId(one).number() == 0);
    event.tick += u64::from(!before);
    event
}

/// How often each instruction was executed: where the reference says who was next, and both stood alike behind every step.
fn executed(input: &ProtocolMachineRunInput, steps: &[ProtocolMachineStepState]) -> BTreeMap<String, u64> {
    let programs = input.choreographies.first().and_then(|one| one.programs.as_deref()).unwrap_or_default();
    // The roles of those that were started, by the session and their number.
    let mut started: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for step in steps {
        let state = step.post_state.as_ref().and_then(Json::as_object).and_then(|all| all.iter().next());
        let (Some((sid, state)), Some(coroutine), Some(pc)) = (state, step.selected_coro, step.selected_pc) else {
            continue;
        };
        let role = started.get(&(sid.clone(), coroutine));
        let program = match role {
            Some(role) => programs.iter().find(|program| program.role == *role),
            None => programs.get(coroutine as usize),
        };
        if let Some(name) = program.and_then(|program| program.code.get(pc as usize)?.get(0)?.as_str()) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        for one in state["started"].as_array().into_iter().flatten() {
            if let (Some(number), Some(role)) = (one["number"].as_u64(), one["role"].as_str()) {
                started.insert((sid.clone(), number), role.to_owned());
            }
        }
    }
    counts
}

/// An answer or a refusal; whatever else is wrong is no difference.
fn answered<T>(answer: Result<T, RunnerError>) -> Result<Result<T, LeanStructuredError>, String> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(RunnerError { kind: RunnerErrorKind::Refused(error), .. }) => Ok(Err(error)),
        Err(error) => Err(error.to_string()),
    }
}

fn one(what: &str, here: &str, reference: &str) -> Difference {
    Difference { what: what.into(), at: 0, here: vec![here.into()], reference: vec![reference.into()] }
}

/// The first step behind which the session that made it stands differently. The reference shows that one alone, and names it.
fn step_difference(here: &[ProtocolMachineStepState], there: &[ProtocolMachineStepState]) -> Option<Difference> {
    let shown = |steps: &[ProtocolMachineStepState], sid: &str, at: usize| {
        steps[at].post_state.as_ref().and_then(|state| state.get(sid)).cloned().unwrap_or(Json::Null)
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (at, step) in there.iter().enumerate().take(here.len()) {
        let moved: Vec<String> =
            step.post_state.iter().filter_map(Json::as_object).flat_map(|all| all.keys().cloned()).collect();
        for sid in moved {
            ours.push(shown(here, &sid, at));
            theirs.push(shown(there, &sid, at));
        }
    }
    let counts = (here.len(), there.len());
    differs("step states", &ours, &theirs)
        .or_else(|| (counts.0 != counts.1).then(|| one("steps", &counts.0.to_string(), &counts.1.to_string())))
}

/// The first place at which two lists differ.
fn differs(what: &str, here: &[Json], reference: &[Json]) -> Option<Difference> {
    let at = (0..here.len().max(reference.len())).find(|at| here.get(*at) != reference.get(*at))?;
    let lines = |list: &[Json]| list.iter().map(Json::to_string).collect();
    Some(Difference { what: what.into(), at, here: lines(here), reference: lines(reference) })
}
