//! Edges: bounded FIFO queues between two roles of one session.
//!
//! The first messages stand in the session's words; a longer queue spills over into the session's box, so an idle
//! edge costs what its slots cost and a busy one what it holds.

use crate::ext::Ext;
use crate::layout::{EDGE_HEADER, EDGE_SENT, EDGE_SLOTS, EDGE_WORDS, INLINE_SLOTS};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use motet_types::{EdgeId, LabelId, Planted, planted};
use serde::{Deserialize, Serialize};

/// What an edge does with a message for which the receiver's last one has not been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BufferMode {
    /// Queues it.
    Fifo,
    /// Overwrites the last one of the same label where neither type can tell (a loop of that one message at both
    /// ends), and queues it otherwise: overwriting elsewhere would lose a message that the receiver's type waits for.
    LatestValue,
}

/// What a full edge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BackpressurePolicy {
    /// The sender waits for room.
    Block,
    /// The message is dropped where neither type can tell (see [`BufferMode::LatestValue`]); elsewhere the sender
    /// faults, since a dropped send must not advance a type.
    Drop,
    /// The sender faults.
    Error,
    /// The edge grows to `max` messages; then the sender faults.
    Resize {
        /// The largest size.
        max: u16,
    },
}

/// The buffers of all edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BufferConfig {
    /// How messages queue.
    pub mode: BufferMode,
    /// How many messages an edge holds; at least 1.
    pub capacity: u16,
    /// What a full edge does.
    pub policy: BackpressurePolicy,
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self { mode: BufferMode::Fifo, capacity: 64, policy: BackpressurePolicy::Block }
    }
}

impl BufferConfig {
    /// How many messages an edge holds before its policy applies. A growing edge's memory grows by itself.
    pub(crate) fn holds(&self) -> u16 {
        match self.policy {
            BackpressurePolicy::Resize { max } if !planted(Planted::EdgeNeverGrows) => max.max(self.capacity),
            _ => self.capacity,
        }
    }
}

/// An edge's header: which slot is first (bits 0..16), how many messages there are (16..32), and who waits to receive
/// (32..48) and to send (48..64), each as coroutine + 1. The first messages stand in the slots, as many as there are.
#[derive(Clone, Copy)]
pub(crate) struct Header(pub(crate) u64);

const ONE_MESSAGE: u64 = 1 << 16;
const RECEIVER: u64 = 0xffff << 32;
const SENDER: u64 = 0xffff << 48;

impl Header {
    #[inline(always)]
    pub(crate) fn head(self) -> usize {
        self.0 as u16 as usize
    }
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        (self.0 >> 16) as u16 as usize
    }
    #[inline(always)]
    pub(crate) fn in_place(self) -> usize {
        self.len().min(INLINE_SLOTS)
    }
    #[inline(always)]
    pub(crate) fn receiver_waits(self) -> u16 {
        (self.0 >> 32) as u16
    }
    #[inline(always)]
    pub(crate) fn sender_waits(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// The words of the slot `at` places behind the head.
#[inline(always)]
pub(crate) fn slot(head: usize, at: usize) -> usize {
    EDGE_SLOTS + 2 * ((head + at) % INLINE_SLOTS)
}

/// A message: what stands in a slot.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub(crate) label: LabelId,
    pub(crate) tag: u8,
    pub(crate) word: u64,
}

impl Message {
    /// Label in bits 0..16, tag 16..24, the low half of the sequence number 32..64.
    #[inline(always)]
    pub(crate) fn meta(self, sequence: u64) -> u64 {
        u64::from(self.label.0) | u64::from(self.tag) << 16 | sequence << 32
    }
    #[inline(always)]
    pub(crate) fn from_slot(meta: u64, word: u64) -> Self {
        Self { label: LabelId(meta as u16), tag: (meta >> 16) as u8, word }
    }
}

/// One edge of a session, borrowed.
pub(crate) struct Edge<'a> {
    id: EdgeId,
    words: &'a mut [u64; EDGE_WORDS],
}

impl<'a> Edge<'a> {
    #[inline(always)]
    pub(crate) fn of(edges: &'a mut [[u64; EDGE_WORDS]], id: EdgeId) -> Self {
        Self { id, words: &mut edges[id.index()] }
    }

    #[inline(always)]
    pub(crate) fn header(&self) -> Header {
        Header(self.words[EDGE_HEADER])
    }

    #[inline(always)]
    pub(crate) fn wait_to_receive(&mut self, coroutine: u16) {
        self.words[EDGE_HEADER] = self.words[EDGE_HEADER] & !RECEIVER | u64::from(coroutine + 1) << 32;
    }

    #[inline(always)]
    pub(crate) fn wait_to_send(&mut self, coroutine: u16) {
        self.words[EDGE_HEADER] = self.words[EDGE_HEADER] & !SENDER | u64::from(coroutine + 1) << 48;
    }

    /// The first message, when there is one.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<Message> {
        let header = self.header();
        if header.len() == 0 {
            return None;
        }
        let at = slot(header.head(), 0);
        Some(Message::from_slot(self.words[at], self.words[at + 1]))
    }

    /// How many messages were ever sent.
    pub(crate) fn sent(&self) -> u64 {
        self.words[EDGE_SENT]
    }

    /// The low half of the first message's number.
    pub(crate) fn first_number(&self) -> u32 {
        (self.words[slot(self.header().head(), 0)] >> 32) as u32
    }

    /// Puts a message behind the others; answers the coroutine that waited for it, plus one.
    #[inline(always)]
    pub(crate) fn push(&mut self, message: Message, ext: &mut Option<Box<Ext>>) -> u16 {
        let header = self.header();
        let sequence = self.words[EDGE_SENT];
        self.words[EDGE_SENT] = sequence + 1;
        if header.len() < INLINE_SLOTS {
            let at = slot(header.head(), header.len());
            self.words[at] = message.meta(sequence);
            self.words[at + 1] = message.word;
        } else {
            spill(self.id, message, sequence, ext);
        }
        self.words[EDGE_HEADER] = (header.0 & !RECEIVER) + ONE_MESSAGE;
        header.receiver_waits()
    }

    /// Takes the first message away; answers the coroutine that waited for room, plus one.
    #[inline(always)]
    pub(crate) fn pop(&mut self, ext: &mut Option<Box<Ext>>) -> u16 {
        let header = self.header();
        if header.len() > INLINE_SLOTS {
            // The slot that becomes free takes the first message that has spilled, and is then the last in place.
            let at = slot(header.head(), 0);
            (self.words[at], self.words[at + 1]) = unspill(self.id, ext);
        }
        let head = (header.head() + 1) % INLINE_SLOTS;
        self.words[EDGE_HEADER] = ((header.0 & !SENDER & !0xffff) - ONE_MESSAGE) | head as u64;
        header.sender_waits()
    }

    /// Whether the last message is there and has the label.
    pub(crate) fn last_is(&self, label: LabelId, ext: &mut Option<Box<Ext>>) -> bool {
        let header = self.header();
        if header.len() == 0 {
            return false;
        }
        let meta = if header.len() > header.in_place() {
            ext.as_mut().and_then(|ext| ext.overflow(self.id).back().map(|(meta, _)| *meta)).unwrap_or_default()
        } else {
            self.words[slot(header.head(), header.in_place() - 1)]
        };
        Message::from_slot(meta, 0).label == label || planted(Planted::EdgeOverwritesAny)
    }

    /// Overwrites the last message when it has the same label; answers the old message.
    pub(crate) fn overwrite_last(&mut self, message: Message, ext: &mut Option<Box<Ext>>) -> Option<Message> {
        let header = self.header();
        if !self.last_is(message.label, ext) {
            return None;
        }
        let sequence = self.words[EDGE_SENT];
        let (meta, word) = if header.len() > header.in_place() {
            let last = ext.as_mut()?.overflow(self.id).back_mut()?;
            (&mut last.0, &mut last.1)
        } else {
            let at = slot(header.head(), header.in_place() - 1);
            let (meta, word) = self.words[at..at + 2].split_at_mut(1);
            (&mut meta[0], &mut word[0])
        };
        let old = Message::from_slot(*meta, *word);
        (*meta, *word) = (message.meta(sequence), message.word);
        self.words[EDGE_SENT] = sequence + 1;
        Some(old)
    }
}

/// An edge's last message, when there is one.
pub(crate) fn last_message(
    words: &[u64; EDGE_WORDS],
    edge: EdgeId,
    overflow: &[(EdgeId, VecDeque<(u64, u64)>)],
) -> Option<Message> {
    let header = Header(words[EDGE_HEADER]);
    if header.len() > header.in_place() {
        let (_, spilled) = overflow.iter().find(|(id, _)| *id == edge)?;
        return spilled.back().map(|(meta, word)| Message::from_slot(*meta, *word));
    }
    let at = slot(header.head(), header.in_place().checked_sub(1)?);
    Some(Message::from_slot(words[at], words[at + 1]))
}

#[cold]
fn spill(edge: EdgeId, message: Message, sequence: u64, ext: &mut Option<Box<Ext>>) {
    let queue = ext.get_or_insert_default().overflow(edge);
    let slot = (message.meta(sequence), message.word);
    if planted(Planted::StepOverflowFront) { queue.push_front(slot) } else { queue.push_back(slot) }
}

#[cold]
fn unspill(edge: EdgeId, ext: &mut Option<Box<Ext>>) -> (u64, u64) {
    let first = ext.as_mut().and_then(|ext| ext.overflow(edge).pop_front());
    first.expect("a queue longer than its slots has the rest in the overflow")
}
