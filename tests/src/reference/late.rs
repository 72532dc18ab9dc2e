//! Runs in which answers come later: a step or a turn at a time, and in between what the host has taken on is answered.

use super::happens::Happens;
use super::later::Later;
use super::owning::{Owned, Owning};
use super::recorder::Recorder;
use crate::dice::Dice;
use motet_bridge::{ProtocolMachineStepState, ScriptedPerturbation, run_by_steps};
use motet_machine::{CodeImage, EffectHandler};
use motet_runtime::{GuestRuntime, RunStatus};
use motet_types::Instr;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How a run ended, how its sessions stood behind each step, what happened to sites and links, and what owners did.
pub(super) type Ran = (RunStatus, Vec<ProtocolMachineStepState>, Vec<ScriptedPerturbation>, Owned);

/// Whether some instruction may wait for the host.
pub(super) fn waits_for_host(image: &CodeImage) -> bool {
    let parts = image.parts();
    parts.code.iter().any(|word| match Instr::decode(*word) {
        Ok(Instr::Acquire { .. }) => true,
        Ok(Instr::Invoke { effect, .. }) => parts.effects.get(effect as usize).is_some_and(|effect| effect.may_block),
        _ => false,
    })
}

/// Runs up to `limit` steps, or until nothing goes on and the host has answered everything; how every session stood behind
/// each step where there are `steps`; what happened to sites and links; and what owners did.
#[expect(clippy::too_many_arguments, reason = "everything that acts on a run")]
pub(super) fn run<H: EffectHandler>(
    runtime: &mut GuestRuntime,
    host: &Recorder<Later<H>>,
    image: &CodeImage,
    limit: u64,
    steps: bool,
    mut happens: Happens,
    mut owning: Owning,
    dice: &mut Dice,
) -> Result<Ran, String> {
    let text = |error: motet_runtime::RuntimeError| error.to_string();
    let mut states: Vec<ProtocolMachineStepState> = Vec::new();
    loop {
        happens.now(runtime, host.late())?;
        owning.now(runtime, host, image, happens.count())?;
        let (before, asked) = (runtime.machine().tally().steps, host.count());
        if steps {
            let (_, more) = run_by_steps(runtime, host, limit.min(before + 1))?;
            for mut state in more {
                state.step_index = states.len() as u64;
                states.push(state);
            }
        } else {
            runtime.turn(host).map_err(text)?;
        }
        let idle = runtime.machine().tally().steps == before;
        let outstanding: Vec<_> = runtime.outstanding().collect();
        for (id, at) in outstanding {
            if (idle || dice.one_in(4))
                && let Some(outcome) = host.inner().answer(at)
            {
                host.answered(image, at, &outcome, runtime.machine().tick().0);
                runtime.complete(id, outcome).map_err(text)?;
            }
        }
        // Who was put off is asked again, and whoever was answered goes on, and whoever waits for a link that is healed.
        if idle && host.count() == asked && !happens.heals(runtime, host.late())? {
            return Ok((runtime.status(), states, happens.into_script(), owning.into_owned()));
        }
    }
}

/// Calls evidence by the names that the reference has for it.
pub(super) fn renamed(json: &mut Json, evidence: &BTreeMap<String, String>) {
    match json {
        Json::String(text) => {
            if let Some(name) = evidence.get(text) {
                text.clone_from(name);
            }
        }
        Json::Array(all) => all.iter_mut().for_each(|one| renamed(one, evidence)),
        Json::Object(fields) => fields.values_mut().for_each(|one| renamed(one, evidence)),
        _ => {}
    }
}

/// How many questions were put off or taken on, and how many of those were answered when others had gone on.
pub(super) fn waited(exchanges: &[Json], ticks: &[Option<u64>]) -> [u64; 2] {
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    let mut counts = [0; 2];
    for (exchange, tick) in exchanges.iter().zip(ticks) {
        let (Some(at), Some(tick)) = (exchange["operation_id"].as_str(), tick) else { continue };
        let put_off = matches!(exchange["outcome"]["status"].as_str(), Some("blocked" | "pending"));
        if put_off {
            counts[0] += u64::from(!first.contains_key(at));
            first.entry(at).or_insert(*tick);
        } else {
            counts[1] += u64::from(first.get(at).is_some_and(|first| first < tick));
        }
    }
    counts
}
