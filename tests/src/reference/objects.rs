//! Semantic objects of both, so that they can be compared: the reference tells outputs apart by numbers, in the order in which
//! they came, where the machine has digests of its own packed form (deviation `output-digest` of docs/parity.md).

use motet_runtime::semantic::ProtocolMachineSemanticObjects;
use serde_json::{Value as Json, json};

/// Lists in which effects that may block have no part.
const OF_OUTPUTS_AND_HANDOFFS: [&str; 4] =
    ["semantic_handoffs", "authoritative_reads", "materialization_proofs", "canonical_handles"];

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

/// The objects one by one, with the names of their lists, in an order that does not depend on digests. Ticks of handoffs are
/// `later` (deviation `tick-origin`). Only `some` where effects may block: the reference has no operations for those.
pub(super) fn comparable(
    objects: &ProtocolMachineSemanticObjects,
    digests: &[String],
    later: u64,
    some: bool,
) -> Result<Vec<Json>, String> {
    let mut json = serde_json::to_value(objects).map_err(|error| error.to_string())?;
    numbered(&mut json, digests);
    let mut all = Vec::new();
    for (list, found) in json.as_object().into_iter().flatten() {
        if some && !OF_OUTPUTS_AND_HANDOFFS.contains(&list.as_str()) {
            continue;
        }
        for one in found.as_array().into_iter().flatten() {
            let mut one = one.clone();
            if let Some(tick) = one.get("tick").and_then(Json::as_u64) {
                one["tick"] = (tick + later).into();
            }
            all.push(json!({ list.as_str(): one }));
        }
    }
    all.sort_by_cached_key(Json::to_string);
    Ok(all)
}
