//! What a comparison answers, in words.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Which way a message goes, as the role sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The role sends.
    Send,
    /// The role receives.
    Receive,
}

/// One message of the role, by names. As text `!Bob:Ping(nat)` or `?Bob:Pong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether the role sends or receives it.
    pub way: Way,
    /// The role at the other end.
    pub partner: String,
    /// The label's name.
    pub label: String,
    /// The payload's sort, `unit` for none; very long texts of sorts are cut.
    pub sort: String,
}

/// Where and how a candidate differs from what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The messages of the candidate that lead to the difference, in order.
    pub path: Vec<Message>,
    /// The difference there.
    pub difference: Difference,
}

/// One difference between a candidate and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The candidate may send what is not expected, or not on every way that others may choose.
    Sends(Message),
    /// What may come is not received.
    Misses(Message),
    /// The candidate waits for a partner that need not send: something else is first, or nothing comes at all.
    Waits {
        /// The candidate waits for this partner.
        partner: String,
        /// What is expected before; none when nothing is expected any more or the partner may never come.
        before: Option<Message>,
    },
    /// The candidate ends, and this is still expected.
    Ends(Message),
    /// The candidate goes on with this, and nothing is expected any more.
    GoesOn(Message),
    /// The candidate may go on for ever without this, which is expected first.
    Forgets(Message),
    /// In the order-keeping modes: another action is expected here.
    Action {
        /// What the candidate does.
        candidate: Message,
        /// What is expected.
        expected: Message,
    },
    /// In the conservative mode: a label that is expected is not there.
    Lacks(Message),
    /// In the conservative mode: a label is there that is not expected.
    Adds(Message),
}

/// Why there is neither a yes nor a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Something would be done ahead of more actions than the limit allows.
    Anticipation {
        /// The limit that was reached.
        limit: usize,
    },
    /// More pairs with something done ahead would have to be looked at than the limit allows.
    Pairs {
        /// The limit that was reached.
        limit: usize,
    },
    /// More steps would be needed than the limit allows.
    Steps {
        /// The limit that was reached.
        limit: usize,
    },
    /// Doing something ahead of a loop that only the role's own choice ends was followed for some choices, not for all.
    OwnLoop,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The candidate may stand where the expected type is expected.
    Yes,
    /// It may not, and this is why.
    No(Box<Refusal>),
    /// It was not decided, and this is why.
    Unknown(Doubt),
}

impl Verdict {
    /// Whether the answer is yes.
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// `yes`, `no` or `unknown`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(_) => "no",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.way {
            Way::Send => '!',
            Way::Receive => '?',
        };
        write!(f, "{sign}{}:{}", self.partner, self.label)?;
        if self.sort == "unit" { Ok(()) } else { write!(f, "({})", self.sort) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sends(message) => write!(f, "it may do {message}, which is not expected there"),
            Self::Misses(message) => write!(f, "{message} may come and is not received"),
            Self::Waits { partner, before: Some(message) } => {
                write!(f, "it waits for {partner}, but {message} is expected first")
            }
            Self::Waits { partner, before: None } => write!(f, "it waits for {partner}, which need not send anything"),
            Self::Ends(message) => write!(f, "it ends, but {message} is still expected"),
            Self::GoesOn(message) => write!(f, "it goes on with {message}, but nothing is expected any more"),
            Self::Forgets(message) => write!(f, "it may go on for ever without {message}, which is expected first"),
            Self::Action { candidate, expected } => write!(f, "it does {candidate} where {expected} is expected"),
            Self::Lacks(message) => write!(f, "it lacks {message}"),
            Self::Adds(message) => write!(f, "it adds {message}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, message) in self.path.iter().enumerate() {
            write!(f, "{}{message}", if at == 0 { "after " } else { "." })?;
        }
        write!(f, "{}{}", if self.path.is_empty() { "at the start " } else { " " }, self.difference)
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anticipation { limit } => write!(f, "something would be done ahead of more than {limit} actions"),
            Self::Pairs { limit } => write!(f, "more than {limit} pairs of states would have to be looked at"),
            Self::Steps { limit } => write!(f, "more than {limit} steps would be needed"),
            Self::OwnLoop => f.write_str("something is done ahead of a loop that only the role's own choice ends"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No(refusal) => write!(f, "no: {refusal}"),
            Self::Unknown(doubt) => write!(f, "unknown: {doubt}"),
        }
    }
}
