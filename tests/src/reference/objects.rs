//! Semantic objects of both, so that they can be compared: the reference tells outputs apart by numbers, in the order in which
//! they came, where the machine has digests of its own packed form (deviation `output-digest` of docs/parity.md).

use super::late::renamed;
use motet_machine::{EffectCoordinate, ProtocolMachine};
use motet_runtime::semantic::ProtocolMachineSemanticObjects;
use motet_types::{CoroutineId, SessionId};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The key of an output's digest.
const DIGEST: &str = "output_digest";

/// Takes the digests out of checks of outputs; answers them as well, each once, in order.
pub(super) fn without_digests(mut events: Vec<Json>) -> (Vec<Json>, Vec<String>) {
    let mut digests: Vec<String> = Vec::new();
    for event in &mut events {
        if let Some(Json::String(digest)) = event.as_object_mut().and_then(|fields| fields.remove(DIGEST))
            && !digests.contains(&digest)
        {
            digests.push(digest);
        }
    }
    (events, digests)
}

/// Every digest by its number, wherever it stands in a text.
fn numbered(json: &mut Json, digests: &[String]) {
    match json {
        Json::String(text) => {
            for (number, digest) in digests.iter().enumerate() {
                if text.contains(digest.as_str()) {
                    *text = text.replace(digest.as_str(), &number.to_string());
                }
            }
        }
        Json::Array(all) => {
            all.iter_mut().for_each(|one| numbered(one, digests));
            if all.iter().all(Json::is_string) {
                all.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
            }
        }
        Json::Object(fields) => fields.values_mut().for_each(|one| numbered(one, digests)),
        _ => {}
    }
}

/// Fields that are ticks.
const TICKS: [&str; 3] = ["tick", "completed_at_tick", "last_progress_tick"];

/// The ids of effects that may have been asked for, each with the place by which the reference knows it. There is no coroutine or
/// effect beyond those that the host heard of and one more: who asks waits.
pub(super) fn places(machine: &ProtocolMachine, exchanges: &[Json], sessions: usize) -> Vec<(String, String)> {
    let at = exchanges.iter().filter_map(|exchange| exchange["operation_id"].as_str());
    let numbers = at.map(|place| place.split('/').map(|one| one.parse().unwrap_or(0)).collect::<Vec<u32>>());
    let mut most: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for place in numbers {
        let [session, coroutine, counter] = place[..] else { continue };
        let count = most.entry((session, coroutine)).or_default();
        *count = (*count).max(counter + 1);
    }
    let coroutines = most.keys().map(|(_, coroutine)| *coroutine).max().unwrap_or(0) + 32;
    let run = &machine.config().run_id;
    let mut places = Vec::new();
    for session in 0..sessions as u32 {
        for coroutine in 0..coroutines {
            for counter in 0..=most.get(&(session, coroutine)).copied().unwrap_or(0) {
                let coordinate = EffectCoordinate {
                    session: SessionId(session.into()),
                    coroutine: CoroutineId(coroutine as u16),
                    counter,
                };
                places.push((coordinate.effect_id(run).0.to_string(), format!("{session}/{coroutine}/{counter}")));
            }
        }
    }
    places
}

/// The objects one by one, with the names of their lists, in an order that does not depend on digests. Ids of effects are their
/// `places`, evidence has the reference's names, and ticks are `later` (deviation `tick-origin`).
pub(super) fn comparable(
    objects: &ProtocolMachineSemanticObjects,
    digests: &[String],
    places: &[(String, String)],
    evidence: &BTreeMap<String, String>,
    later: u64,
) -> Result<Vec<Json>, String> {
    let mut json = serde_json::to_value(objects).map_err(|error| error.to_string())?;
    numbered(&mut json, digests);
    placed(&mut json, &places.iter().cloned().collect());
    renamed(&mut json, evidence);
    let mut all = Vec::new();
    for (list, found) in json.as_object().into_iter().flatten() {
        for one in found.as_array().into_iter().flatten() {
            let mut one = one.clone();
            for key in TICKS {
                if let Some(tick) = one.get(key).and_then(Json::as_u64) {
                    one[key] = (tick + later).into();
                }
            }
            for key in ["inputs", "outputs"] {
                if let Some(value) = one.get_mut(key) {
                    read(value);
                }
            }
            all.push(json!({ list.as_str(): one }));
        }
    }
    all.sort_by_cached_key(Json::to_string);
    Ok(all)
}

/// A real or a vector is text in the reference, which does not know of what sort a value is that is asked or answered: text that is
/// that of a number or of an array stands for it.
fn read(json: &mut Json) {
    match json {
        Json::String(text) => {
            let found = serde_json::from_str(text).ok().filter(|one: &Json| one.is_number() || one.is_array());
            if let Some(found) = found.filter(|one| format!("{one}") == *text) {
                *json = found;
            }
        }
        Json::Array(all) => all.iter_mut().for_each(read),
        _ => {}
    }
}

/// Every effect by its place, wherever its id stands between colons.
fn placed(json: &mut Json, places: &BTreeMap<String, String>) {
    match json {
        Json::String(text) => {
            let named = |part: &str| places.get(part).cloned().unwrap_or_else(|| part.to_owned());
            *text = text.split(':').map(named).collect::<Vec<_>>().join(":");
        }
        Json::Array(all) => {
            all.iter_mut().for_each(|one| placed(one, places));
            if all.iter().all(Json::is_string) {
                all.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
            }
        }
        Json::Object(fields) => fields.values_mut().for_each(|one| placed(one, places)),
        _ => {}
    }
}
