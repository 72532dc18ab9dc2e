//! The machine around each step: one step at a time, and every session as it stands behind it.
//!
//! The machine steps whole chunks and tells events; who wants to see each step has it stop after each, which changes nothing of
//! the run: limits are inputs, and a canonical schedule takes one step at a time anyhow.

use crate::program_json::carried_value_json;
use crate::run_document::{BufferState, ProtocolMachineStepState};
use motet_machine::{CodeImage, EdgeState, EffectHandler, Gate, ProtocolMachine, RoleState, SessionState};
use motet_runtime::{Executor, RunStatus, Runtime};
use motet_types::{CoroutineId, EdgeId, RoleId, SessionId};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a coroutine waits for: a tag of the specification's section 4.4, `ready` or `done`.
pub const fn gate_name(gate: Gate) -> &'static str {
    match gate {
        Gate::Open | Gate::NextBurst => "ready",
        Gate::Message(_) | Gate::GuestMessage(..) => "recv_wait",
        Gate::Room(_) | Gate::GuestRoom(..) | Gate::Link(_) | Gate::GuestLink(..) => "send_wait",
        Gate::Halted => "done",
        Gate::Crashed => "faulted",
        Gate::Cancelled => "cancelled",
        Gate::Answer => "invoke_wait",
        Gate::Guard(_) => "acquire_denied",
    }
}

/// Edges that hold something.
fn buffers(image: &CodeImage, edges: &[EdgeState]) -> Vec<BufferState> {
    let held = edges.iter().enumerate().filter(|(_, edge)| !edge.messages.is_empty());
    let held = held.map(|(at, edge)| {
        let (sender, receiver) = image.edge_names(EdgeId(at as u16));
        let messages = edge.messages.iter().map(|message| image.label_name(message.label).to_owned()).collect();
        BufferState { sender: sender.to_owned(), receiver: receiver.to_owned(), messages }
    });
    let mut held: Vec<BufferState> = held.collect();
    held.sort_by(|left, right| (&left.sender, &left.receiver).cmp(&(&right.sender, &right.receiver)));
    held
}

/// A session as it stands: of each coroutine its instruction within its role's code, what it waits for, how often it has asked, and
/// its registers; and the edges that hold something, by their names. None where it is not alive.
///
/// # Errors
/// A session that is alive and cannot be shown: it is out in a wave.
pub fn session_state_json<E>(runtime: &mut Runtime<E>, session: SessionId) -> Result<Option<Json>, String> {
    let Some(image) = runtime.machine().image_of(session).map(Arc::clone) else { return Ok(None) };
    let root = runtime.settle_root();
    let proof = runtime.prove_session(session).map_err(|error| error.to_string())?;
    let (_, state) = proof.verify(root, session).map_err(|error| error.to_string())?;
    let coroutines: Vec<Json> = state
        .coroutines
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let gate = runtime.machine().gate(session, CoroutineId(at as u16));
            let registers: Vec<Json> =
                one.registers.iter().map(|value| carried_value_json(&image, value.into())).collect();
            json!({
                "pc": one.pc.0 - image.parts().roles[at].code_start,
                "status": gate.map_or("?", gate_name),
                "asked": one.counter,
                "registers": registers,
            })
        })
        .collect();
    let buffers = buffers(&image, &state.edges);
    let mut json = json!({"sid": session.0, "coroutines": coroutines, "buffers": buffers});
    put_growth(&mut json, runtime.machine(), &image, &state);
    Ok(Some(json))
}

/// What a session has besides its roles' coroutines and its messages, only what there is: coroutines that were started,
/// endpoints that changed hands, what is known, sessions that were opened in it, and the numbers of open speculations.
fn put_growth(json: &mut Json, machine: &ProtocolMachine, image: &CodeImage, state: &SessionState) {
    let gate = |at| machine.gate(state.id, at).map_or("?", gate_name);
    let mut put = |key: &str, all: Vec<Json>| {
        if !all.is_empty() {
            json[key] = all.into();
        }
    };
    if let Some(growth) = &state.growth {
        let started = growth.children.iter().map(|child| {
            let one = &child.coroutine;
            let registers: Vec<Json> =
                one.registers.iter().map(|value| carried_value_json(image, value.into())).collect();
            json!({
                "number": child.number.0,
                "role": image.role_name(child.role),
                "pc": one.pc.0 - image.parts().roles[child.role.index()].code_start,
                "status": gate(child.number),
                "asked": one.counter,
                "registers": registers,
            })
        });
        put("started", started.collect());
        put("moved", growth.moved.iter().map(|(role, owner)| json!([image.role_name(*role), owner.0])).collect());
        let known = growth.knowledge.iter().flat_map(|known| {
            let image = machine.image_of(state.id.guest(known.guest));
            let role = image.map_or("?", |image| image.role_name(known.role));
            known.facts.iter().map(move |fact| json!([known.coroutine.0, known.guest, role, fact]))
        });
        put("known", known.collect());
        let opened = growth.guests.iter().filter_map(|guest| {
            let image = machine.image_of(state.id.guest(guest.number))?;
            let owner = |(at, role): (u16, &RoleState)| json!([image.role_name(RoleId(at)), role.owner.0]);
            let owners: Vec<Json> = (0..).zip(&guest.roles).map(owner).collect();
            let buffers = buffers(image, &guest.edges);
            Some(json!({"number": guest.number, "draining": guest.draining, "owners": owners, "buffers": buffers}))
        });
        put("opened", opened.collect());
    }
    let levels = state.speculation.iter().flat_map(|speculation| &speculation.levels);
    put("speculations", levels.map(|level| level.ghost.into()).collect());
}

/// Runs on, one step at a time, up to `limit` steps in all, and answers how every session stood behind each step: under
/// `post_state` all that are alive, by their numbers.
///
/// # Errors
/// What the runtime refuses, and a session that cannot be shown.
pub fn run_by_steps<E: Executor<H>, H: EffectHandler>(
    runtime: &mut Runtime<E>,
    host: &H,
    limit: u64,
) -> Result<(RunStatus, Vec<ProtocolMachineStepState>), String> {
    let mut states = Vec::new();
    loop {
        let before = runtime.machine().tally().steps;
        runtime.limit_steps(limit.min(before + 1));
        // One turn: what the step asks of the host between waves is asked in the next one, behind what is seen here.
        runtime.turn(host).map_err(|error| error.to_string())?;
        let steps = runtime.machine().tally().steps;
        if steps == before {
            return Ok((runtime.status(), states));
        }
        let alive: Vec<SessionId> = runtime.machine().sessions().collect();
        let mut all = BTreeMap::new();
        for session in alive {
            if let Some(state) = session_state_json(runtime, session)? {
                all.insert(session.0.to_string(), state);
            }
        }
        states.push(ProtocolMachineStepState {
            post_state: Some(json!(all)),
            ..ProtocolMachineStepState::of(states.len() as u64)
        });
    }
}
