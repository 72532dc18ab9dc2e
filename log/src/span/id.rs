//! What names a span.

use core::fmt;

/// What a span is about. The numbers are part of the log's format; a kind that has one keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanKind(pub u16);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl SpanKind {
            $($(#[$doc])* pub const $name: SpanKind = SpanKind($number);)*

            /// Its name, if this version knows it.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some($text),)* _ => None }
            }
        }
    };
}

kinds! {
    /// An effect: from its request to its outcome.
    EFFECT = 1, "effect";
    /// A message in flight: from its send to its receive.
    MESSAGE = 2, "message";
    /// A checkpoint that is being written: from its begin to its end.
    CHECKPOINT = 3, "checkpoint";
    /// An endpoint on its way: from the receipt to the commit.
    TRANSFER = 4, "transfer";
    /// A fork: from there to its join or abort.
    FORK = 5, "fork";
    /// A flush: from the request to its done.
    FLUSH = 6, "flush";
    /// A gate: from where it opens to its verdict.
    GATE = 7, "gate";
}

impl fmt::Debug for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "kind{}", self.0),
        }
    }
}

/// The name of one span: its kind, and what tells it apart among its kind. Opening and closing record agree on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId {
    /// Its kind.
    pub kind: SpanKind,
    /// What tells it apart, for example an effect id.
    pub key: [u8; 32],
}

impl SpanId {
    /// The span of that kind with a digest for a name, as effects have.
    pub const fn of_digest(kind: SpanKind, digest: [u8; 32]) -> Self {
        Self { kind, key: digest }
    }

    /// The span of that kind with up to four numbers for a name, such as session, edge and sequence number of a message.
    pub fn of_numbers(kind: SpanKind, numbers: [u64; 4]) -> Self {
        let mut key = [0; 32];
        for (bytes, number) in key.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        Self { kind, key }
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        self.key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a record does to a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanEdge {
    /// The span begins with this record.
    Opens(SpanId),
    /// The span ends with this record.
    Closes(SpanId),
}
