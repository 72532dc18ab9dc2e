//! Edges: bounded FIFO queues between two roles of one session.
//!
//! The first messages stand in the session's words; a longer queue spills over into the session's box, so an idle
//! edge costs what its slots cost and a busy one what it holds.

use crate::layout::{EDGE_HEADER, EDGE_SENT, EDGE_SLOTS, EDGE_WORDS, INLINE_SLOTS};
use crate::session::Ext;
use alloc::boxed::Box;
use motet_types::{EdgeId, LabelId, Planted, planted};

/// What an edge does with a message for which the receiver's last one has not been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferMode {
    /// Queues it.
    Fifo,
    /// Overwrites the last one of the same label where neither type can tell (a loop of that one message at both
    /// ends), and queues it otherwise: overwriting elsewhere would lose a message that the receiver's type waits for.
    LatestValue,
}

/// What a full edge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// An edge's header: head and count of the slots in place, length of the whole queue, and who waits (coroutine + 1).
#[derive(Clone, Copy)]
pub(crate) struct Header(pub(crate) u64);

impl Header {
    #[inline(always)]
    pub(crate) fn head(self) -> usize {
        self.0 as u8 as usize
    }
    #[inline(always)]
    pub(crate) fn in_place(self) -> usize {
        (self.0 >> 8) as u8 as usize
    }
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        (self.0 >> 16) as u16 as usize
    }
    #[inline(always)]
    pub(crate) fn receiver_waits(self) -> u16 {
        (self.0 >> 32) as u16
    }
    #[inline(always)]
    pub(crate) fn sender_waits(self) -> u16 {
        (self.0 >> 48) as u16
    }
    #[inline(always)]
    fn queue(self, head: usize, in_place: usize, len: usize) -> Self {
        Self(self.0 & !0xffff_ffff | head as u64 | (in_place as u64) << 8 | (len as u64) << 16)
    }
    #[inline(always)]
    fn with_receiver(self, waits: u16) -> Self {
        Self(self.0 & !(0xffff << 32) | u64::from(waits) << 32)
    }
    #[inline(always)]
    fn with_sender(self, waits: u16) -> Self {
        Self(self.0 & !(0xffff << 48) | u64::from(waits) << 48)
    }
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
    fn meta(self, sequence: u64) -> u64 {
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
    pub(crate) fn of(edges: &'a mut [u64], id: EdgeId) -> Self {
        let at = id.index() * EDGE_WORDS;
        let words = edges[at..at + EDGE_WORDS].as_mut_array().expect("an edge has EDGE_WORDS words");
        Self { id, words }
    }

    #[inline(always)]
    pub(crate) fn header(&self) -> Header {
        Header(self.words[EDGE_HEADER])
    }

    #[inline(always)]
    pub(crate) fn wait_to_receive(&mut self, coroutine: u16) {
        self.words[EDGE_HEADER] = self.header().with_receiver(coroutine + 1).0;
    }

    #[inline(always)]
    pub(crate) fn wait_to_send(&mut self, coroutine: u16) {
        self.words[EDGE_HEADER] = self.header().with_sender(coroutine + 1).0;
    }

    /// The first message, when there is one.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<Message> {
        let header = self.header();
        if header.len() == 0 {
            return None;
        }
        let at = EDGE_SLOTS + 2 * (header.head() % INLINE_SLOTS);
        Some(Message::from_slot(self.words[at], self.words[at + 1]))
    }

    /// Puts a message behind the others; answers the coroutine that waited for it, plus one.
    #[inline(always)]
    pub(crate) fn push(&mut self, message: Message, ext: &mut Option<Box<Ext>>) -> u16 {
        let header = self.header();
        let sequence = self.words[EDGE_SENT];
        self.words[EDGE_SENT] = sequence + 1;
        let (head, mut in_place, len) = (header.head(), header.in_place(), header.len());
        if len < INLINE_SLOTS && len == in_place {
            let at = EDGE_SLOTS + 2 * ((head + in_place) % INLINE_SLOTS);
            self.words[at] = message.meta(sequence);
            self.words[at + 1] = message.word;
            in_place += 1;
        } else {
            let queue = ext.get_or_insert_default().overflow(self.id);
            if planted(Planted::StepOverflowFront) {
                queue.push_front((message.meta(sequence), message.word));
            } else {
                queue.push_back((message.meta(sequence), message.word));
            }
        }
        let woken = header.receiver_waits();
        self.words[EDGE_HEADER] = header.queue(head, in_place, len + 1).with_receiver(0).0;
        woken
    }

    /// Takes the first message away; answers the coroutine that waited for room, plus one.
    #[inline(always)]
    pub(crate) fn pop(&mut self, ext: &mut Option<Box<Ext>>) -> u16 {
        let header = self.header();
        let head = (header.head() + 1) % INLINE_SLOTS;
        let mut in_place = header.in_place() - 1;
        let len = header.len() - 1;
        if len > in_place {
            let next = ext.as_mut().and_then(|ext| ext.overflow(self.id).pop_front());
            let (meta, word) = next.expect("a queue longer than its slots has the rest in the overflow");
            let at = EDGE_SLOTS + 2 * ((head + in_place) % INLINE_SLOTS);
            self.words[at] = meta;
            self.words[at + 1] = word;
            in_place += 1;
        }
        let woken = header.sender_waits();
        self.words[EDGE_HEADER] = header.queue(head, in_place, len).with_sender(0).0;
        woken
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
            self.words[EDGE_SLOTS + 2 * ((header.head() + header.in_place() - 1) % INLINE_SLOTS)]
        };
        Message::from_slot(meta, 0).label == label
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
            let at = EDGE_SLOTS + 2 * ((header.head() + header.in_place() - 1) % INLINE_SLOTS);
            let (meta, word) = self.words[at..at + 2].split_at_mut(1);
            (&mut meta[0], &mut word[0])
        };
        let old = Message::from_slot(*meta, *word);
        (*meta, *word) = (message.meta(sequence), message.word);
        self.words[EDGE_SENT] = sequence + 1;
        Some(old)
    }
}
