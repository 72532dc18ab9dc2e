//! The heap beside the reference heap: random operations, and what both say about where they lead.

use crate::dice::Dice;
use crate::lane::Lane;
use motet_bridge::runner::HeapParityRunner;
use motet_bridge::{HeapQuestion, operations_from_json};
use motet_heap::HeapError;
use motet_heap::v1::{Direction, Heap, Operation, ResourceId};
use serde_json::{Value as Json, json};
use std::sync::Mutex;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(dice: &mut Dice) -> String {
    let length = if dice.one_in(12) { 900 + dice.below(1_500) } else { dice.below(24) };
    hex(&(0..length).map(|_| dice.word() as u8).collect::<Vec<u8>>())
}

fn name(dice: &mut Dice) -> String {
    let letter = ["Alice", "Bob", "", "ü", "a\"b\\c", "Zoë 🦀"];
    (*dice.pick(&letter)).to_owned()
}

fn id(dice: &mut Dice, known: &[ResourceId]) -> Json {
    match known.len() {
        count if count > 0 && !dice.one_in(15) => {
            let id = known[dice.below(count)];
            json!({"digest_hex": hex(&id.digest), "counter": id.counter})
        }
        _ => json!({"digest_hex": hex(&[dice.word() as u8; 32]), "counter": dice.below(4)}),
    }
}

fn operation(dice: &mut Dice, known: &[ResourceId]) -> Json {
    match dice.below(9) {
        0 | 1 => {
            let queue: Vec<Json> =
                (0..dice.below(4)).map(|_| json!({"label": name(dice), "payload_hex": bytes(dice)})).collect();
            json!({"kind": "alloc_channel", "sender": name(dice), "receiver": name(dice), "queue": queue})
        }
        2 | 3 => {
            let (source, dest, label) = (name(dice), name(dice), name(dice));
            let (payload, number) = (bytes(dice), dice.word());
            json!({"kind": "alloc_message", "source": source, "dest": dest, "label": label, "payload_hex": payload,
                "seq_no": number})
        }
        4 => json!({"kind": "alloc_session", "role": name(dice), "type_hash": dice.word()}),
        5 => json!({"kind": "alloc_value", "tag": name(dice), "data_hex": bytes(dice)}),
        6 | 7 => json!({"kind": "consume", "resource_id": id(dice, known)}),
        _ => json!({"kind": "remove", "resource_id": id(dice, known)}),
    }
}

fn code(error: &HeapError<ResourceId>) -> &'static str {
    match error {
        HeapError::NotFound(_) => "not_found",
        HeapError::AlreadyConsumed(_) => "already_consumed",
        HeapError::AlreadyExists(_) => "already_exists",
        _ => "?",
    }
}

fn case(seed: u64, runner: &mut HeapParityRunner) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let (mut heap, mut known, mut operations) = (Heap::new(), Vec::new(), Vec::new());
    let mut refused = Json::Null;
    for at in 0..dice.below(40) {
        let drawn = operation(&mut dice, &known);
        operations.push(drawn.clone());
        let steps = operations_from_json(json!([drawn]).to_string().as_bytes()).map_err(|error| error.to_string())?;
        for step in steps {
            let done = match step.operation {
                Operation::Alloc(resource) => heap.alloc(resource).map(|id| known.push(id)),
                Operation::Consume(id) => heap.consume(&id).map(drop),
                Operation::Remove(id) => heap.remove(&id).map(drop),
            };
            if let Err(error) = done {
                refused = json!({"operation": at, "code": code(&error)});
            }
        }
        if !refused.is_null() {
            break;
        }
    }
    let active: Vec<String> = heap.active_resources().map(|(id, _)| hex(&id.digest)).collect();
    let index = dice.below(active.len() + 1);
    let commitment = heap.commitment().map_err(|error| error.to_string())?;
    let mut here = json!({
        "schema_version": "heap_parity.v1",
        "heap_encoding_version": 1,
        "hasher": "blake3",
        "active_resource_ids_hex": active,
        "consumed_resource_ids_hex": heap.consumed_ids().map(|id| hex(&id.digest)).collect::<Vec<_>>(),
        "allocated_resource_ids_hex": known.iter().map(|id| hex(&id.digest)).collect::<Vec<_>>(),
        "resource_root_hex": hex(&commitment.resource_root),
        "nullifier_root_hex": hex(&commitment.nullifier_root),
        "commitment_hash_hex": hex(&commitment.hash()),
        "refused": refused,
        "stable": true,
    });
    if let Some(proof) = heap.prove(index).map_err(|error| error.to_string())? {
        let side = |direction| if direction == Direction::Right { "right" } else { "left" };
        let path = proof
            .path
            .iter()
            .map(|step| json!({"direction": side(step.direction), "sibling_hash_hex": hex(&step.sibling_hash)}));
        here["proof_leaf_hex"] = hex(&proof.leaf).into();
        here["proof_root_hex"] = hex(&proof.root).into();
        here["proof_path"] = path.collect();
        here["proof_verifies"] = proof.verify().into();
    }
    let question = HeapQuestion { operations, prove: Some(index as u64) };
    let reply = runner.replay(&question).map_err(|error| error.to_string())?;
    let reply = serde_json::to_value(reply).map_err(|error| error.to_string())?;
    let asked = || json!(question).to_string();
    ensure!(reply == here, "the heaps differ after {}:\nhere      {here}\nreference {reply}", asked());
    Ok(())
}

/// The heap's share of the differential lane.
pub fn heaps() -> Result<(), String> {
    let runner = Mutex::new(HeapParityRunner::find().map_err(|error| error.to_string())?);
    Lane::new("heaps", 2_000).per(4).run(|seed| {
        let mut runner = runner.lock().map_err(|_| "a case has panicked")?;
        case(seed, &mut runner)
    })
}
