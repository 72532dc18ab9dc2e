//! Keys of live objects: ids as numbers. They become text only when something is exported.

use crate::ids;
use crate::objects::AuthoritativeReadKind;
use crate::rules::ProgressEvent;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Where an effect was asked for: what the machine makes its id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// The session.
    pub session: u64,
    /// The coroutine.
    pub coroutine: u16,
    /// How many effects the coroutine had asked for before.
    pub counter: u32,
}

/// One handoff of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HandoffKey {
    /// The session whose ownership, or whose endpoint, is handed over.
    pub session: u64,
    /// Whether it is an endpoint; otherwise the session's ownership.
    pub endpoint: bool,
    /// The receipt's number, or the claim's.
    pub number: u64,
}

/// An upgrade of the run, by the digest that its artifact is named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UpgradeKey(pub [u8; 32]);

/// What took an effect away before its result came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TakenBy {
    /// A handoff that did not take it along.
    Handoff(HandoffKey),
    /// An upgrade that left its session behind.
    Upgrade(UpgradeKey),
}

/// A checked output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutputKey {
    /// The condition's name.
    pub predicate: Box<str>,
    /// The output's digest.
    pub digest: [u8; 32],
}

/// A read with authority that rests on a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReadKey {
    /// Its session; none for a site's timeout, which belongs to no session.
    pub session: Option<u64>,
    /// What it is about.
    pub kind: AuthoritativeReadKind,
    /// The witness.
    pub witness: u64,
    /// Whether this is the showing of a witness that was refused, and not the witness itself.
    pub refused: bool,
}

impl HandoffKey {
    /// Its id. Numbers are padded, so that handoffs of one session sort in the order in which they were begun.
    pub fn id(&self) -> String {
        let what = if self.endpoint { "endpoint" } else { "owner" };
        format!("{}.{what}.{:010}", self.session, self.number)
    }

    /// The id of its operation, which is also the handle of a committed one.
    pub(super) fn operation_id(&self) -> String {
        ids::handoff_operation(&self.id())
    }

    /// The id of what it owes.
    pub(super) fn obligation_id(&self) -> String {
        format!("obligation:{}", self.id())
    }
}

impl UpgradeKey {
    /// Its id, as its artifact has it.
    pub fn id(&self) -> String {
        ids::upgrade(&hexadecimal(&self.0))
    }
}

impl TakenBy {
    /// The id of the handoff or the upgrade.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Handoff(key) => key.id(),
            Self::Upgrade(key) => key.id(),
        }
    }

    /// How the operation's progress ends at a tick: under a new owner, or with nobody.
    pub(super) const fn progress(&self, tick: u64) -> ProgressEvent {
        match self {
            Self::Handoff(_) => ProgressEvent::HandOff { tick },
            Self::Upgrade(_) => ProgressEvent::Cancel { tick },
        }
    }

    /// Why nothing comes of it.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Handoff(_) => "a handoff took it away",
            Self::Upgrade(_) => "an upgrade gave it up",
        }
    }
}

impl OutputKey {
    /// The digest in hexadecimal.
    pub(super) fn digest_text(&self) -> String {
        hexadecimal(&self.digest)
    }

    /// The id of its proof, its handle and its operation.
    pub(super) fn proof_id(&self) -> String {
        ids::materialization(&self.predicate, &self.digest_text())
    }

    /// The id of the read on which the proof rests.
    pub(super) fn read_id(&self) -> String {
        format!("{}:{}:{}", AuthoritativeReadKind::OutputCondition, self.predicate, self.digest_text())
    }
}

impl ReadKey {
    /// Its id.
    pub(super) fn id(&self) -> String {
        let session = self.session.map_or_else(|| String::from("site"), |session| format!("{session}"));
        let refused = if self.refused { ":refused" } else { "" };
        format!("{}:{session}:{}{refused}", self.kind, self.witness)
    }
}

/// Bytes as hexadecimal text.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
