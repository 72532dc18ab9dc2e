//! Lists of heap operations as JSON: the kinds of the specification, section 9.4, and `alloc_value` and `remove`.
//!
//! A document is `{"operations": […]}` or the bare list. An allocation may carry `resource_id_digest_hex`, the id that
//! it must yield, as the published corpus does.

use motet_heap::v1::{Operation, ResourceId, Step};
use motet_heap::{ChannelState, Message, MessagePayload, Resource};
use motet_types::Digest;
use serde::Deserialize;
use serde_json::Value as Json;

/// A document that is no list of operations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationsError {
    /// It is not JSON.
    #[error("the operations are not JSON: {0}")]
    Syntax(String),
    /// It is JSON of another shape.
    #[error("the operations must be a list, or an object with the one field `operations` that holds a list")]
    Shape,
    /// One operation is not what it should be.
    #[error("operation {index}: {why}")]
    Operation {
        /// Its position, from 0.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    AllocChannel {
        sender: String,
        receiver: String,
        #[serde(default)]
        queue: Vec<Queued>,
        resource_id_digest_hex: Option<String>,
    },
    AllocMessage {
        source: String,
        dest: String,
        label: String,
        payload_hex: String,
        seq_no: u64,
        resource_id_digest_hex: Option<String>,
    },
    AllocSession {
        role: String,
        type_hash: u64,
        resource_id_digest_hex: Option<String>,
    },
    AllocValue {
        tag: String,
        data_hex: String,
        resource_id_digest_hex: Option<String>,
    },
    Consume {
        resource_id: Id,
    },
    Remove {
        resource_id: Id,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Queued {
    label: String,
    payload_hex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    digest_hex: String,
    counter: u64,
}

fn bytes(field: &str, hex: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| format!("`{field}` must be an even number of hexadecimal digits"))
}

fn digest(field: &str, hex: &str) -> Result<[u8; 32], String> {
    Digest::from_hex(hex).map(|digest| digest.0).ok_or_else(|| format!("`{field}` must be 64 hexadecimal digits"))
}

fn payload(label: String, payload_hex: &str) -> Result<MessagePayload, String> {
    Ok(MessagePayload { label, bytes: bytes("payload_hex", payload_hex)? })
}

fn id(id: &Id) -> Result<ResourceId, String> {
    Ok(ResourceId { digest: digest("resource_id.digest_hex", &id.digest_hex)?, counter: id.counter })
}

fn step(line: Line) -> Result<Step, String> {
    let alloc = |resource, expected: Option<String>| -> Result<Step, String> {
        let expected = expected.map(|hex| digest("resource_id_digest_hex", &hex)).transpose()?;
        Ok(Step { operation: Operation::Alloc(resource), expected })
    };
    match line {
        Line::AllocChannel { sender, receiver, queue, resource_id_digest_hex } => {
            let queue: Result<_, String> =
                queue.into_iter().map(|queued| payload(queued.label, &queued.payload_hex)).collect();
            alloc(Resource::Channel(ChannelState { sender, receiver, queue: queue? }), resource_id_digest_hex)
        }
        Line::AllocMessage { source, dest, label, payload_hex, seq_no, resource_id_digest_hex } => {
            let payload = payload(label, &payload_hex)?;
            alloc(Resource::Message(Message { source, dest, payload, seq_no }), resource_id_digest_hex)
        }
        Line::AllocSession { role, type_hash, resource_id_digest_hex } => {
            alloc(Resource::Session { role, type_hash }, resource_id_digest_hex)
        }
        Line::AllocValue { tag, data_hex, resource_id_digest_hex } => {
            alloc(Resource::Value { tag, data: bytes("data_hex", &data_hex)? }, resource_id_digest_hex)
        }
        Line::Consume { resource_id } => Ok(Operation::Consume(id(&resource_id)?).into()),
        Line::Remove { resource_id } => Ok(Operation::Remove(id(&resource_id)?).into()),
    }
}

/// Reads a list of heap operations.
pub fn operations_from_json(bytes: &[u8]) -> Result<Vec<Step>, OperationsError> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| OperationsError::Syntax(error.to_string()))?;
    let list = match json {
        Json::Array(list) => list,
        Json::Object(mut fields) if fields.len() == 1 => match fields.remove("operations") {
            Some(Json::Array(list)) => list,
            _ => return Err(OperationsError::Shape),
        },
        _ => return Err(OperationsError::Shape),
    };
    list.into_iter()
        .enumerate()
        .map(|(index, json)| {
            let wrong = |why| OperationsError::Operation { index, why };
            let line = serde_json::from_value(json).map_err(|error| wrong(error.to_string()))?;
            step(line).map_err(wrong)
        })
        .collect()
}
