//! The published corpus, as data. Everything the published files say, including the one value that is wrong there.
#![cfg_attr(feature = "planted", allow(dead_code))]

use motet_heap::v1::{self, Direction, Heap, Operation, ReplayError, ResourceId, Step};
use motet_heap::{ChannelState, HeapError, Message, MessagePayload, Resource};

const CHANNEL_BYTES: &str = "545448500100405454485001002005000000416c69636503000000426f6200000000";
const CHANNEL_ID_PREIMAGE: &str =
    "5454485001005022000000545448500100405454485001002005000000416c69636503000000426f62000000000000000000000000";
const CHANNEL_ID: &str = "93ae398ddd7919f746a1f1cdf040646d4d21749203bdfaa5b5944d1b52298e91";
const CHANNEL_NULLIFIER_PREIMAGE: &str =
    "545448500100522000000093ae398ddd7919f746a1f1cdf040646d4d21749203bdfaa5b5944d1b52298e91";
const CHANNEL_NULLIFIER: &str = "c045d1ac8bad212b29fffbe54d774d1401242771c75275fc30b6136b007f52d6";
const MESSAGE_BYTES: &str = "545448500100415454485001003005000000416c69636503000000426f62545448500100100500000048656c6c6f030000000102030700000000000000";
const MESSAGE_ID: &str = "5a22a0e61e5faa3ea4c2bee86a92761eea62364727a77a4ed7c3a24c456afd8e";
const MESSAGE_LEAF: &str = "7526f89408115ad41ff135f26fd3c0be0ca91c93589c2f17cea2d8115bda9cf3";
const MESSAGE_NULLIFIER: &str = "c8ff09f3959b1a2d654b86e29d8f12df277db70f05256f0e433bf26a6c98acb1";
const SESSION_BYTES: &str = "5454485001004205000000416c6963653930000000000000";
const SESSION_ID: &str = "e9b4bd2c3e3472ef86f48488d7412fe8aee1eff8e69c0cd2e01cface35fee436";
const SESSION_LEAF: &str = "981652f6785b2e7147a3ba489d050f3924700e808b9a7b229470754507c5a13c";
const RESOURCE_ROOT: &str = "1555554394a0a595200d7717fa5c4710ce608dab3ffd793ff3644eecb99df1fa";
const COMMITMENT: &str = "57d07742f7a22b083e88dcae71804c9f03a727df11fe9d1d4c0aa553a34dac0d";
const EMPTY_ROOT: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

/// The parity corpus lists this as the *message's* nullifier leaf. It is the channel's: the published file is wrong
/// there, and a strict reader of it has to accept that. [`MESSAGE_NULLIFIER`] is what the derivation yields.
const PARITY_MESSAGE_FIXTURE_NULLIFIER: &str = CHANNEL_NULLIFIER;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> [u8; 32] {
    core::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
}

fn channel() -> Resource {
    Resource::Channel(ChannelState { sender: "Alice".into(), receiver: "Bob".into(), queue: vec![] })
}

fn message() -> Resource {
    Resource::Message(Message {
        source: "Alice".into(),
        dest: "Bob".into(),
        payload: MessagePayload { label: "Hello".into(), bytes: vec![1, 2, 3] },
        seq_no: 7,
    })
}

fn session() -> Resource {
    Resource::Session { role: "Alice".into(), type_hash: 12345 }
}

fn id(digest: &str, counter: u64) -> ResourceId {
    ResourceId { digest: unhex(digest), counter }
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn published_encodings_ids_and_leaves() {
    for (resource, counter, bytes, digest) in [
        (channel(), 0, CHANNEL_BYTES, CHANNEL_ID),
        (message(), 1, MESSAGE_BYTES, MESSAGE_ID),
        (session(), 2, SESSION_BYTES, SESSION_ID),
    ] {
        let encoded = v1::encode_resource(&resource).unwrap();
        assert_eq!(hex(&encoded), bytes);
        assert_eq!(ResourceId::derive(&encoded, counter), Ok(id(digest, counter)));
    }
    let encoded = v1::encode_resource(&channel()).unwrap();
    assert_eq!(hex(&v1::id_preimage(&encoded, 0).unwrap()), CHANNEL_ID_PREIMAGE);

    let leaf = |resource, id| hex(&v1::resource_leaf(&id, &v1::encode_resource(&resource).unwrap()).unwrap());
    assert_eq!(leaf(message(), id(MESSAGE_ID, 1)), MESSAGE_LEAF);
    assert_eq!(leaf(session(), id(SESSION_ID, 2)), SESSION_LEAF);
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn published_nullifiers_and_the_anomaly() {
    assert_eq!(hex(&v1::nullifier_leaf_preimage(&unhex(CHANNEL_ID))), CHANNEL_NULLIFIER_PREIMAGE);
    assert_eq!(hex(&v1::nullifier_leaf(&id(CHANNEL_ID, 0))), CHANNEL_NULLIFIER);
    assert_eq!(hex(&v1::nullifier_leaf(&id(MESSAGE_ID, 1))), MESSAGE_NULLIFIER);
    // As published, and not what the derivation says.
    assert_eq!(PARITY_MESSAGE_FIXTURE_NULLIFIER, CHANNEL_NULLIFIER);
    assert_ne!(PARITY_MESSAGE_FIXTURE_NULLIFIER, MESSAGE_NULLIFIER);
}

fn published_steps() -> Vec<Step> {
    let alloc = |resource, digest| Step { operation: Operation::Alloc(resource), expected: Some(unhex(digest)) };
    vec![
        alloc(channel(), CHANNEL_ID),
        alloc(message(), MESSAGE_ID),
        alloc(session(), SESSION_ID),
        Operation::Consume(id(CHANNEL_ID, 0)).into(),
    ]
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn published_run() {
    let end = v1::replay(&published_steps()).unwrap();
    assert_eq!(end.allocated, [id(CHANNEL_ID, 0), id(MESSAGE_ID, 1), id(SESSION_ID, 2)]);
    let active: Vec<_> = end.heap.active_resources().map(|(id, _)| *id).collect();
    assert_eq!(active, [id(MESSAGE_ID, 1), id(SESSION_ID, 2)]);
    assert_eq!(end.heap.consumed_ids().collect::<Vec<_>>(), [&id(CHANNEL_ID, 0)]);

    let tree = end.heap.resource_tree().unwrap();
    assert_eq!(tree.levels(), [vec![unhex(MESSAGE_LEAF), unhex(SESSION_LEAF)], vec![unhex(RESOURCE_ROOT)]]);
    assert_eq!(end.heap.nullifier_tree().levels(), [vec![unhex(CHANNEL_NULLIFIER)]]);

    let proof = end.heap.prove(0).unwrap().unwrap();
    assert_eq!(hex(&proof.leaf), MESSAGE_LEAF);
    assert_eq!(hex(&proof.root), RESOURCE_ROOT);
    let [step] = proof.path[..] else { panic!("one step") };
    assert_eq!((step.direction, hex(&step.sibling_hash).as_str()), (Direction::Right, SESSION_LEAF));
    assert!(proof.verify() && proof.verify_at(0, 2));
    assert!(!proof.verify_at(1, 2) && !proof.verify_at(0, 3) && !proof.verify_at(0, 1));

    let commitment = end.heap.commitment().unwrap();
    assert_eq!(hex(&commitment.resource_root), RESOURCE_ROOT);
    assert_eq!(hex(&commitment.nullifier_root), CHANNEL_NULLIFIER);
    assert_eq!(commitment.counter, 3);
    assert_eq!(hex(&commitment.hash()), COMMITMENT);
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn empty_heap() {
    let commitment = Heap::new().commitment().unwrap();
    assert_eq!(hex(&commitment.resource_root), EMPTY_ROOT);
    assert_eq!(hex(&commitment.nullifier_root), EMPTY_ROOT);
    assert_eq!(Heap::new().prove(0), Ok(None));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn replay_says_where_it_stopped() {
    let mut steps = published_steps();
    steps.push(Operation::Consume(id(CHANNEL_ID, 0)).into());
    let error = HeapError::AlreadyConsumed(id(CHANNEL_ID, 0));
    assert_eq!(v1::replay(&steps), Err(ReplayError::Refused { index: 4, error }));

    let mut steps = published_steps();
    steps[1].expected = Some([0; 32]);
    assert_eq!(v1::replay(&steps), Err(ReplayError::UnexpectedId { index: 1, found: id(MESSAGE_ID, 1) }));
}

#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn repeated_last_leaf_is_told_apart_when_the_count_is_known() {
    let [a, b, c] = [[1; 32], [2; 32], [3; 32]];
    let (three, four) = (v1::MerkleTree::new(vec![a, b, c]), v1::MerkleTree::new(vec![a, b, c, c]));
    assert_eq!(three.root(), four.root(), "the published rule");
    let fourth = four.prove(3).unwrap();
    assert!(fourth.verify() && fourth.verify_at(3, 4));
    assert!(!fourth.verify_at(3, 3));
}
