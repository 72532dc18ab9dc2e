//! What the heap holds: linear resources, and their stored form.
//!
//! A stored resource is its encoding and nothing else, so a live entry costs one allocation and its contents digest
//! is one hash over the bytes at hand. The encoding is `kind u8`, then the fields in declaration order; integers are
//! little-endian, strings and byte strings carry a `u32` length. Decoding is strict: one encoding per resource.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cursor::{Cursor, Malformed};

/// A label with its payload, as it sits in a channel or travels in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessagePayload {
    /// The label chosen by the sender.
    pub label: String,
    /// The payload, opaque to the heap.
    pub bytes: Vec<u8>,
}

/// A directed channel and what is queued in it, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChannelState {
    /// The role that sends.
    pub sender: String,
    /// The role that receives.
    pub receiver: String,
    /// Messages not yet received, oldest first.
    pub queue: Vec<MessagePayload>,
}

/// One message in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Message {
    /// The role that sent it.
    pub source: String,
    /// The role it is for.
    pub dest: String,
    /// Label and payload.
    pub payload: MessagePayload,
    /// Its place in the order of its channel.
    pub seq_no: u64,
}

/// A linear resource: it is allocated once and consumed at most once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A channel with its queue.
    Channel(ChannelState),
    /// A message in flight.
    Message(Message),
    /// One role's standing in a session.
    Session {
        /// The role.
        role: String,
        /// A hash of its local type.
        type_hash: u64,
    },
    /// Anything else a protocol accounts for: evidence, receipts, gifts.
    Value {
        /// What sort of value it is.
        tag: String,
        /// The value, opaque to the heap.
        data: Vec<u8>,
    },
}

/// Which sort of [`Resource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// [`Resource::Channel`]
    Channel,
    /// [`Resource::Message`]
    Message,
    /// [`Resource::Session`]
    Session,
    /// [`Resource::Value`]
    Value,
}

impl core::fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            ResourceKind::Channel => "channel",
            ResourceKind::Message => "message",
            ResourceKind::Session => "session",
            ResourceKind::Value => "value",
        })
    }
}

const CHANNEL: u8 = 1;
const MESSAGE: u8 = 2;
const SESSION: u8 = 3;
const VALUE: u8 = 4;

/// A field, a queue or the whole is longer than a `u32` length can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("longer than 4 GiB - 1")]
pub struct TooLarge;

impl Resource {
    /// Which sort of resource this is.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Resource::Channel(_) => ResourceKind::Channel,
            Resource::Message(_) => ResourceKind::Message,
            Resource::Session { .. } => ResourceKind::Session,
            Resource::Value { .. } => ResourceKind::Value,
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = Vec::with_capacity(64);
        self.encode_into(&mut out)?;
        Ok(out)
    }

    /// Writes the stored form over whatever `out` held.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        out.clear();
        match self {
            Resource::Channel(channel) => {
                out.push(CHANNEL);
                put_bytes(out, channel.sender.as_bytes())?;
                put_bytes(out, channel.receiver.as_bytes())?;
                put_len(out, channel.queue.len())?;
                for payload in &channel.queue {
                    put_payload(out, payload)?;
                }
            }
            Resource::Message(message) => {
                out.push(MESSAGE);
                put_bytes(out, message.source.as_bytes())?;
                put_bytes(out, message.dest.as_bytes())?;
                put_payload(out, &message.payload)?;
                out.extend_from_slice(&message.seq_no.to_le_bytes());
            }
            Resource::Session { role, type_hash } => {
                out.push(SESSION);
                put_bytes(out, role.as_bytes())?;
                out.extend_from_slice(&type_hash.to_le_bytes());
            }
            Resource::Value { tag, data } => {
                out.push(VALUE);
                put_bytes(out, tag.as_bytes())?;
                put_bytes(out, data)?;
            }
        }
        // The stored form is itself a byte string wherever it is kept.
        u32::try_from(out.len()).map_err(|_| TooLarge)?;
        Ok(())
    }

    /// Reads a stored form back. Refuses anything [`Resource::encode`] would not have written.
    pub fn decode(bytes: &[u8]) -> Result<Resource, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let resource = match cursor.u8()? {
            CHANNEL => {
                let sender = take_string(&mut cursor)?;
                let receiver = take_string(&mut cursor)?;
                let count = cursor.u32()?;
                // A payload is at least its two lengths, so a lying count cannot reserve more than the input holds.
                let mut queue = Vec::with_capacity((count as usize).min(cursor.left() / 8));
                for _ in 0..count {
                    queue.push(take_payload(&mut cursor)?);
                }
                Resource::Channel(ChannelState { sender, receiver, queue })
            }
            MESSAGE => Resource::Message(Message {
                source: take_string(&mut cursor)?,
                dest: take_string(&mut cursor)?,
                payload: take_payload(&mut cursor)?,
                seq_no: cursor.u64()?,
            }),
            SESSION => Resource::Session { role: take_string(&mut cursor)?, type_hash: cursor.u64()? },
            VALUE => Resource::Value { tag: take_string(&mut cursor)?, data: cursor.bytes()?.to_vec() },
            _ => return Err(Malformed),
        };
        cursor.finish()?;
        Ok(resource)
    }
}

/// The kind of a stored resource, without decoding the rest.
pub(crate) fn stored_kind(bytes: &[u8]) -> Result<ResourceKind, Malformed> {
    match bytes.first() {
        Some(&CHANNEL) => Ok(ResourceKind::Channel),
        Some(&MESSAGE) => Ok(ResourceKind::Message),
        Some(&SESSION) => Ok(ResourceKind::Session),
        Some(&VALUE) => Ok(ResourceKind::Value),
        _ => Err(Malformed),
    }
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

fn put_payload(out: &mut Vec<u8>, payload: &MessagePayload) -> Result<(), TooLarge> {
    put_bytes(out, payload.label.as_bytes())?;
    put_bytes(out, &payload.bytes)
}

fn take_string(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    core::str::from_utf8(cursor.bytes()?).map(String::from).map_err(|_| Malformed)
}

fn take_payload(cursor: &mut Cursor<'_>) -> Result<MessagePayload, Malformed> {
    Ok(MessagePayload { label: take_string(cursor)?, bytes: cursor.bytes()?.to_vec() })
}
