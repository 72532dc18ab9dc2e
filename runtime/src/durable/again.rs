//! Turns that are taken again, with the inputs and answers of a log.

use super::RecoverError;
use super::script::Script;
use crate::replay::{ReplayHost, give};
use crate::rounds::GuestRuntime;
use crate::status::Turn;
use crate::tape::Input;
use motet_types::{Planted, planted};
use std::collections::VecDeque;
use std::sync::Arc;

/// What taking turns again came to.
pub(super) struct Again {
    pub(super) steps: u64,
    pub(super) reused: u64,
    pub(super) digests: u64,
}

/// Empties the tape.
fn forget(runtime: &mut GuestRuntime) {
    if let Some(tape) = runtime.tape_mut() {
        drop(tape.drain());
    }
}

/// Takes the turns again that the log has inputs for.
pub(super) fn again(
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
