//! The shapes of `motet-heap`: its resources, and the tags of its published format as they stand in bytes.

use super::{Present, fields, variants};
use motet_heap::v1;
use motet_heap::{ChannelState, Message, MessagePayload, Resource};

/// The tag stands behind four bytes of a name and two of a version.
const TAG: usize = 6;

fn tag(bytes: &[u8]) -> String {
    bytes.get(TAG).map_or_else(|| "none".into(), |tag| format!("{tag:#04x}"))
}

pub(super) fn put(present: &mut Present) {
    {
        use motet_heap::v1;
        variants! { present:
            motet_heap::HeapError {
                NotFound, AlreadyConsumed, AlreadyExists, Duplicate, TypeMismatch, CounterExhausted, TooLarge,
            }
            motet_heap::ResourceKind { Channel, Message, Session, Value }
            v1::Direction { Left, Right }
            v1::Operation { Alloc, Consume, Remove }
        }
        fields! { present:
            motet_heap::Message { source, dest, payload, seq_no }
            motet_heap::MessagePayload { label, bytes }
            motet_heap::ChannelState { sender, receiver, queue }
            v1::ResourceId { digest, counter }
            v1::HeapCommitment { resource_root, nullifier_root, counter }
            v1::MerkleProof { leaf, path, root }
            v1::PathStep { sibling_hash, direction }
        }
    }
    present.put("heap tags", tags());
}

/// Every tag, read from the encoding of the object that it stands before; those that stand inside another's are found
/// where that one puts them.
fn tags() -> Vec<String> {
    let payload = MessagePayload { label: String::new(), bytes: Vec::new() };
    let channel = Resource::Channel(ChannelState {
        sender: String::new(),
        receiver: String::new(),
        queue: vec![payload.clone()],
    });
    let message = Resource::Message(Message { source: String::new(), dest: String::new(), payload, seq_no: 0 });
    let session = Resource::Session { role: String::new(), type_hash: 0 };
    let value = Resource::Value { tag: String::new(), data: Vec::new() };
    let encoded = [channel, message, session, value].map(|one| v1::encode_resource(&one).unwrap_or_default());
    let [channel, message, session, value] = encoded;
    let id = [0; 32];
    // A channel's state, behind two empty strings and a count: its first payload. A message's likewise.
    let inside = |bytes: &[u8], at: usize| bytes.get(at..).map(<[u8]>::to_vec).unwrap_or_default();
    let (state, content) = (inside(&channel, TAG + 1), inside(&message, TAG + 1));
    let queued = inside(&state, TAG + 1 + 12);
    let named = [
        ("message_payload", tag(&queued)),
        ("channel_state", tag(&state)),
        ("message", tag(&content)),
        ("channel_resource", tag(&channel)),
        ("message_resource", tag(&message)),
        ("session_resource", tag(&session)),
        ("value_resource", tag(&value)),
        ("resource_id", tag(&v1::id_preimage(&session, 0).unwrap_or_default())),
        ("resource_leaf", tag(&v1::resource_leaf_preimage(&id, &session).unwrap_or_default())),
        ("nullifier_leaf", tag(&v1::nullifier_leaf_preimage(&id))),
        ("merkle_node", tag(&v1::node_preimage(&[0; 32], &[0; 32]))),
        ("commitment", tag(&v1::commitment_preimage(&[0; 32], &[0; 32], 0))),
    ];
    named.into_iter().map(|(name, tag)| format!("{tag}={name}")).collect()
}
