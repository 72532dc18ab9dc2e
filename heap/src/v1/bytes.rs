//! Encodings: every object is `"TTHP"`, version, tag, body. Each function here writes one row of the published table.

use alloc::vec::Vec;

use crate::resource::{ChannelState, Message, MessagePayload, Resource, TooLarge};

/// The version that every encoded object carries.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"TTHP";

const PAYLOAD: u8 = 0x10;
const CHANNEL_STATE: u8 = 0x20;
const MESSAGE: u8 = 0x30;
const RESOURCE_CHANNEL: u8 = 0x40;
const RESOURCE_MESSAGE: u8 = 0x41;
const RESOURCE_SESSION: u8 = 0x42;
const RESOURCE_VALUE: u8 = 0x43;
const ID: u8 = 0x50;
const RESOURCE_LEAF: u8 = 0x51;
const NULLIFIER_LEAF: u8 = 0x52;
const NODE: u8 = 0x53;
const COMMITMENT: u8 = 0x54;

/// A resource's encoding.
pub fn encode_resource(resource: &Resource) -> Result<Vec<u8>, TooLarge> {
    let mut out = Vec::with_capacity(96);
    match resource {
        Resource::Channel(channel) => {
            prelude(&mut out, RESOURCE_CHANNEL);
            put_channel(&mut out, channel)?;
        }
        Resource::Message(message) => {
            prelude(&mut out, RESOURCE_MESSAGE);
            put_message(&mut out, message)?;
        }
        Resource::Session { role, type_hash } => {
            prelude(&mut out, RESOURCE_SESSION);
            put_bytes(&mut out, role.as_bytes())?;
            out.extend_from_slice(&type_hash.to_le_bytes());
        }
        Resource::Value { tag, data } => {
            prelude(&mut out, RESOURCE_VALUE);
            put_bytes(&mut out, tag.as_bytes())?;
            put_bytes(&mut out, data)?;
        }
    }
    Ok(out)
}

/// What an id's digest is the hash of: the resource's encoding and the allocation counter.
pub fn id_preimage(encoded: &[u8], counter: u64) -> Result<Vec<u8>, TooLarge> {
    let mut out = begin(ID, encoded.len() + 12);
    put_bytes(&mut out, encoded)?;
    out.extend_from_slice(&counter.to_le_bytes());
    Ok(out)
}

/// What a leaf of the resource tree is the hash of.
pub fn resource_leaf_preimage(id_digest: &[u8; 32], encoded: &[u8]) -> Result<Vec<u8>, TooLarge> {
    let mut out = begin(RESOURCE_LEAF, encoded.len() + 40);
    put_digest(&mut out, id_digest);
    put_bytes(&mut out, encoded)?;
    Ok(out)
}

/// What a leaf of the nullifier tree is the hash of.
pub fn nullifier_leaf_preimage(id_digest: &[u8; 32]) -> Vec<u8> {
    let mut out = begin(NULLIFIER_LEAF, 36);
    put_digest(&mut out, id_digest);
    out
}

/// What an inner node of either tree is the hash of.
pub fn node_preimage(left: &[u8; 32], right: &[u8; 32]) -> Vec<u8> {
    let mut out = begin(NODE, 72);
    put_digest(&mut out, left);
    put_digest(&mut out, right);
    out
}

/// What a commitment's hash is the hash of.
pub fn commitment_preimage(resource_root: &[u8; 32], nullifier_root: &[u8; 32], counter: u64) -> Vec<u8> {
    let mut out = begin(COMMITMENT, 80);
    put_digest(&mut out, resource_root);
    put_digest(&mut out, nullifier_root);
    out.extend_from_slice(&counter.to_le_bytes());
    out
}

fn begin(tag: u8, body: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(7 + body);
    prelude(&mut out, tag);
    out
}

fn prelude(out: &mut Vec<u8>, tag: u8) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.push(tag);
}

fn put_len(out: &mut Vec<u8>, len: usize) -> Result<(), TooLarge> {
    out.extend_from_slice(&u32::try_from(len).map_err(|_| TooLarge)?.to_le_bytes());
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TooLarge> {
    put_len(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_digest(out: &mut Vec<u8>, digest: &[u8; 32]) {
    out.extend_from_slice(&32u32.to_le_bytes());
    out.extend_from_slice(digest);
}

// The three below are nested objects: inline with their own prelude, and no length in front.

fn put_payload(out: &mut Vec<u8>, payload: &MessagePayload) -> Result<(), TooLarge> {
    prelude(out, PAYLOAD);
    put_bytes(out, payload.label.as_bytes())?;
    put_bytes(out, &payload.bytes)
}

fn put_channel(out: &mut Vec<u8>, channel: &ChannelState) -> Result<(), TooLarge> {
    prelude(out, CHANNEL_STATE);
    put_bytes(out, channel.sender.as_bytes())?;
    put_bytes(out, channel.receiver.as_bytes())?;
    put_len(out, channel.queue.len())?;
    channel.queue.iter().try_for_each(|payload| put_payload(out, payload))
}

fn put_message(out: &mut Vec<u8>, message: &Message) -> Result<(), TooLarge> {
    prelude(out, MESSAGE);
    put_bytes(out, message.source.as_bytes())?;
    put_bytes(out, message.dest.as_bytes())?;
    put_payload(out, &message.payload)?;
    out.extend_from_slice(&message.seq_no.to_le_bytes());
    Ok(())
}
