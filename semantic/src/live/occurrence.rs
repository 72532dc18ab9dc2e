//! What can happen to live objects, in the order in which it was committed.

use super::key::{EffectKey, UpgradeKey};
use super::short::ShortBytes;
use crate::objects::AuthorityAuditRecord;
use core::fmt::Debug;
use motet_types::Digester;
use serde::{Deserialize, Serialize};

/// Bytes that are written where they are kept, once: a copy of what was written a moment before, byte by byte, waits for it.
pub trait WriteBytes: Debug {
    /// Writes them behind what is there.
    fn write(&self, into: &mut ShortBytes);
}

impl WriteBytes for ShortBytes {
    fn write(&self, into: &mut ShortBytes) {
        into.bytes(self.as_slice());
    }
}

/// What an effect asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// A host operation: its row in the image's effect table.
    Operation(u16),
    /// A guard: its layer.
    Guard(u16),
}

impl Wanted {
    /// The kind of the effect, as it is named everywhere.
    pub const fn effect_kind(self) -> &'static str {
        match self {
            Self::Operation(_) => "invoke_step",
            Self::Guard(_) => "handle_acquire",
        }
    }

    /// Whether the answer is an observation: its interface speaks with no authority.
    pub const fn is_observed(self) -> bool {
        matches!(self, Self::Operation(_))
    }
}

/// An effect that leaves the machine: the coroutine waits for its answer.
#[derive(Clone, Copy, Debug)]
pub struct AskedEffect<'a> {
    /// Where it was asked for.
    pub effect: EffectKey,
    /// The image, by its place in the machine.
    pub image: u32,
    /// What it asks for.
    pub wanted: Wanted,
    /// The asking role: its number in the image, and its name.
    pub role: u16,
    /// Its name, which the number always has.
    pub role_name: &'a str,
    /// What was asked, as the machine writes values; only who exports reads them.
    pub inputs: &'a dyn WriteBytes,
    /// How many ticks it may take without getting on; none, and it is never overdue.
    pub budget_ticks: Option<u64>,
}

/// How an effect was answered.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredEffect<'a> {
    /// Which effect.
    pub effect: EffectKey,
    /// Why it failed; none for success.
    pub failure: Option<&'a str>,
    /// What came of it, as the machine writes it; only who exports reads it.
    pub outputs: &'a dyn WriteBytes,
    /// Whether nobody answered within its budget, and the machine failed it in the host's place.
    pub overdue: bool,
}

/// A check of an output against its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedOutput<'a> {
    /// The session.
    pub session: u64,
    /// The condition.
    pub predicate: &'a str,
    /// What was said to speak for it.
    pub witness: Option<&'a str>,
    /// The digest of exactly what was told and sent.
    pub digest: [u8; 32],
    /// Whether it passed.
    pub passed: bool,
}

/// An endpoint that an instruction gave from a coroutine to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedEndpoint<'a> {
    /// The main session of its island.
    pub island: u64,
    /// The endpoint's session: the same, or one that instructions of the island opened.
    pub session: u64,
    /// The receipt's number.
    pub number: u64,
    /// The endpoint's role.
    pub role: &'a str,
    /// Who gave.
    pub from: u16,
    /// Who took.
    pub to: u16,
}

/// Something that happened. Everything that is committed happens once, in one order; ticks never go back.
#[derive(Clone, Copy, Debug)]
pub enum Occurrence<'a> {
    /// A session was opened.
    Opened {
        /// Which.
        session: u64,
    },
    /// An effect was asked for.
    Asked(AskedEffect<'a>),
    /// The host can be asked from now on: the effect's budget begins.
    Begun {
        /// Which effect.
        effect: EffectKey,
    },
    /// Time has passed. What has not got on in its part of the budget is escalated, but given up only by an answer.
    Elapsed,
    /// The answer came.
    Answered(AnsweredEffect<'a>),
    /// Nobody waits for the effect any more.
    Cancelled {
        /// Which effect.
        effect: EffectKey,
    },
    /// An upgrade gave the effect up: it is invalidated, and what comes for it later is late.
    GivenUp {
        /// Which effect.
        effect: EffectKey,
        /// Which upgrade.
        upgrade: UpgradeKey,
    },
    /// Something happened to an artifact of authority.
    Authority {
        /// The session at whose door it happened; none for a site's timeout.
        session: Option<u64>,
        /// What the audit says of it.
        record: &'a AuthorityAuditRecord,
        /// Whether a handoff that it commits takes along what is pending; otherwise that is invalidated.
        transports: bool,
    },
    /// An endpoint was handed over.
    Moved(MovedEndpoint<'a>),
    /// An output was checked.
    Checked(CheckedOutput<'a>),
    /// A coroutine faulted.
    Failed {
        /// The session.
        session: u64,
        /// The coroutine.
        coroutine: u16,
        /// The class of the fault.
        fault: &'a str,
    },
    /// A session ended.
    Ended {
        /// Which.
        session: u64,
        /// How: `closed`, `cancelled`, `aborted` or `faulted`.
        terminal: &'static str,
    },
}
