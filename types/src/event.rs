//! Events: what happened. The one vocabulary of outbox, trace, viewer and replay.
//!
//! An event is one 64-bit word; session and tick stand in the header of its burst, because a burst has one of each.

use crate::{CoroutineId, EdgeId, LabelId};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal $text:literal;)*) => {
        /// The kinds of events. Codes are stable; kinds that no instruction of this version causes keep their place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum EventKind {
            $($(#[$doc])* $name = $code,)*
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &[EventKind] = &[$(EventKind::$name,)*];

            /// The kind's name in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(EventKind::$name => $text,)* }
            }

            /// The kind of a code.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(EventKind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// A message was put on an edge.
    Sent = 1 "sent";
    /// A message was taken from an edge.
    Received = 2 "received";
    /// A label was chosen by its sender; stands behind the `Sent` of the same message.
    Offered = 3 "offered";
    /// A label was followed by its receiver; stands behind the `Received` of the same message.
    Chose = 4 "chose";
    /// A session was opened; by an instruction, `label` is the row of its plan.
    Opened = 5 "opened";
    /// A session was closed by an instruction.
    Closed = 6 "closed";
    /// A session ended; `detail` is a [`Terminal`]. Where its ownership ended it, `label` is the reason's number plus one:
    /// 1 the owner died, 2 a transfer was abandoned, 3 a transfer could not be committed.
    SessionTerminal = 7 "session_terminal";
    /// A session's epoch went up; `edge` and `label` are the low and high halves of the new one.
    EpochAdvanced = 8 "epoch_advanced";
    /// A coroutine ended.
    Halted = 9 "halted";
    /// A host effect was performed; `label` is its row in the effect table.
    Invoked = 10 "invoked";
    /// A guard was acquired; `label` is its layer.
    Acquired = 11 "acquired";
    /// A guard was released; `label` is its layer.
    Released = 12 "released";
    /// An endpoint changed hands; `edge` is its role, `label` the coroutine that owns it now.
    Transferred = 13 "transferred";
    /// A speculation began.
    Forked = 14 "forked";
    /// A speculation was kept.
    Joined = 15 "joined";
    /// A speculation was undone.
    Aborted = 16 "aborted";
    /// A fact was learnt; `edge` is the role of the endpoint that it is about. The words before it spell the fact.
    Tagged = 17 "tagged";
    /// It was asked whether a fact is known and may flow; `edge` is the role of the endpoint that it is about, `detail` is
    /// 1 if so and 0 if not. The words before it spell the name of the role that it would flow to.
    Checked = 18 "checked";
    /// A coroutine faulted; `detail` is a [`FaultClass`](crate::FaultClass).
    Faulted = 19 "faulted";
    /// The failure branch of a coroutine was entered; `detail` as for `Faulted`.
    FailureBranchEntered = 20 "failure_branch_entered";
    /// A timeout was issued for the coroutine's site; `edge` and `label` are the low and high halves of the witness's id.
    TimeoutIssued = 21 "timeout_issued";
    /// A cancellation was asked for; the witness's id as in `TimeoutIssued`.
    CancellationRequested = 22 "cancellation_requested";
    /// The session was cancelled; the witness's id as in `TimeoutIssued`.
    Cancelled = 23 "cancelled";
    /// What a step told and sent was held against its output condition; `detail` is 1 if it passed and 0 if not. The words
    /// before it spell the output's digest, the condition and its witness.
    OutputConditionChecked = 24 "output_condition_checked";
    /// No event by itself: the next one is of the session that instructions of this island opened as the so-manieth;
    /// `edge` and `label` are the low and high halves of its number. Readers of a trace hand out the next event with that
    /// session's id.
    Guest = 25 "guest";
    /// No event by itself: up to six bytes of a text that the next event is about, `detail` how many; see
    /// [`Event::text`].
    Text = 26 "text";
}

/// How many bytes of a text one word spells; the last word may have fewer.
pub const TEXT_BYTES: usize = 6;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Terminal {
    /// Every coroutine ended with its types at their end.
    Closed = 1,
    /// It was cancelled.
    Cancelled = 2,
    /// It was aborted.
    Aborted = 3,
    /// A coroutine faulted.
    Faulted = 4,
}

impl Terminal {
    /// The reason's name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Terminal::Closed => "closed",
            Terminal::Cancelled => "cancelled",
            Terminal::Aborted => "aborted",
            Terminal::Faulted => "faulted",
        }
    }

    /// The reason of a code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Terminal::Closed,
            2 => Terminal::Cancelled,
            3 => Terminal::Aborted,
            4 => Terminal::Faulted,
            _ => return None,
        })
    }
}

/// One event. Fields that a kind does not use are zero, so equal events are equal words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// A kind's further detail; see [`EventKind`].
    pub detail: u8,
    /// The coroutine that did it.
    pub coroutine: CoroutineId,
    /// The edge of a communication, or the low half of a speculation's number.
    pub edge: EdgeId,
    /// The label of a communication, the effect of an `Invoked`, the layer of an `Acquired` or `Released`, or the high
    /// half of a speculation's number.
    pub label: LabelId,
}

impl Event {
    /// An event of a coroutine without further fields.
    pub const fn plain(kind: EventKind, coroutine: CoroutineId, detail: u8) -> Self {
        Self { kind, detail, coroutine, edge: EdgeId(0), label: LabelId(0) }
    }

    /// An event of a communication.
    pub const fn message(kind: EventKind, coroutine: CoroutineId, edge: EdgeId, label: LabelId) -> Self {
        Self { kind, detail: 0, coroutine, edge, label }
    }

    /// An event of a speculation with its number.
    pub const fn speculation(kind: EventKind, coroutine: CoroutineId, ghost: u32) -> Self {
        Self::message(kind, coroutine, EdgeId(ghost as u16), LabelId((ghost >> 16) as u16))
    }

    /// What stands before an event of the session that instructions opened as the `number`-th of their island.
    pub const fn guest(number: u32) -> Self {
        Self::speculation(EventKind::Guest, CoroutineId(0), number)
    }

    /// What stands before an event that is about a text, and before the word that says whose event it is: the text, in as
    /// many words as it takes.
    pub fn text(text: &str) -> impl Iterator<Item = Self> {
        text.as_bytes().chunks(TEXT_BYTES).map(|bytes| {
            let pair = |at: usize| {
                let byte = |at| bytes.get(at).copied().unwrap_or_default();
                u16::from_le_bytes([byte(at), byte(at + 1)])
            };
            let (coroutine, edge, label) = (CoroutineId(pair(0)), EdgeId(pair(2)), LabelId(pair(4)));
            Self { kind: EventKind::Text, detail: bytes.len() as u8, coroutine, edge, label }
        })
    }

    /// The bytes that a word of a text spells; none if it is no such word as [`Event::text`] makes.
    pub fn spelt(self) -> Option<impl Iterator<Item = u8>> {
        let pairs = [self.coroutine.0, self.edge.0, self.label.0].map(u16::to_le_bytes);
        let bytes = move |at: usize| pairs[at / 2][at % 2];
        let count = usize::from(self.detail);
        let ok = self.kind == EventKind::Text && (1..=TEXT_BYTES).contains(&count);
        (ok && (count..TEXT_BYTES).all(|at| bytes(at) == 0)).then(|| (0..count).map(bytes))
    }

    /// The number of the speculation that the event is about, of the session that it announces, or the epoch.
    pub const fn ghost(self) -> u32 {
        self.edge.0 as u32 | (self.label.0 as u32) << 16
    }

    /// The event as a word: kind in bits 0..8, detail 8..16, coroutine 16..32, edge 32..48, label 48..64.
    #[inline(always)]
    pub const fn pack(self) -> u64 {
        self.kind as u64
            | (self.detail as u64) << 8
            | (self.coroutine.0 as u64) << 16
            | (self.edge.0 as u64) << 32
            | (self.label.0 as u64) << 48
    }

    /// The event of a word.
    pub const fn unpack(word: u64) -> Option<Self> {
        let Some(kind) = EventKind::from_code(word as u8) else {
            return None;
        };
        Some(Self {
            kind,
            detail: (word >> 8) as u8,
            coroutine: CoroutineId((word >> 16) as u16),
            edge: EdgeId((word >> 32) as u16),
            label: LabelId((word >> 48) as u16),
        })
    }
}
