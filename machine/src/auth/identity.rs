//! What tells one communication from every other, and what is kept of its having been consumed.
//!
//! ```text
//! identity    domain text | u64 session | sender | receiver | label, texts | payload digest | u64 sequence number
//!             u8 kind of step: 0 send, 1 receive, 2 offer, 3 choose
//! nullifier   the same under its own domain, without the kind of step
//! ```
//!
//! The kind of step says which instruction an identity is about: a message has one when it is offered and another when it
//! is chosen. It is one message all the same, so the nullifier leaves it out.

use alloc::string::String;
use alloc::vec::Vec;
use motet_heap::{Resource, ResourceId};
use motet_types::{Digest, Digester, Planted, Reader, SessionId, Tick, planted};
use serde::{Deserialize, Serialize};

/// The domain of an identity. It is Motet's own: what is hashed under it is laid out differently than in
/// `telltale.comm.identity.v1`.
pub const IDENTITY_DOMAIN: &str = "motet.comm.identity.v1";
/// The domain of what a nullifier says, and the tag of its resource.
pub(crate) const NULLIFIER: &str = "motet.comm.nullifier.v1";
/// The domain of a session's chain of consumptions.
const CONSUMED: &str = "motet.comm.consumed.v1";
/// The number of nullifiers below a session's path in the heap. Evidence of guards has smaller ones: a coroutine's 16 bits
/// and a counter's 32. What tells nullifiers apart are their contents.
pub(crate) const NULLIFIER_COUNTER: u64 = 1 << 63;

/// What is held against messages that come twice, or out of their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommunicationReplayMode {
    /// Nothing, which costs nothing.
    #[default]
    Off,
    /// A message must be the next of its edge, by its number.
    Sequence,
    /// A message must not have been received before: its nullifier is consumed in the machine's heap.
    Nullifier,
}

impl CommunicationReplayMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Sequence, Self::Nullifier];

    /// The name, as the command line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Sequence => "sequence",
            Self::Nullifier => "nullifier",
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Off,
            1 => Self::Sequence,
            2 => Self::Nullifier,
            _ => return None,
        })
    }
}

/// The kind of instruction by which a message is sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StepKind {
    /// `Send`.
    Send = 0,
    /// `Receive`.
    Receive = 1,
    /// `Offer`.
    Offer = 2,
    /// `Choose`.
    Choose = 3,
}

impl StepKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Send, Self::Receive, Self::Offer, Self::Choose];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Receive => "Receive",
            Self::Offer => "Offer",
            Self::Choose => "Choose",
        }
    }
}

/// What tells one communication from every other of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommunicationIdentity {
    /// The session.
    pub sid: SessionId,
    /// The sending role's name.
    pub sender: String,
    /// The receiving role's name.
    pub receiver: String,
    /// By which kind of instruction.
    pub step_kind: StepKind,
    /// The label's name.
    pub label: String,
    /// The payload's digest; see [`payload_digest`](crate::payload_digest).
    pub payload_digest: Digest,
    /// As the so-manieth it was sent on its edge, counted from 0.
    pub sequence_no: u64,
}

impl CommunicationIdentity {
    fn message(&self, domain: &str, into: &mut impl Digester) {
        into.str(domain);
        into.u64(self.sid.0);
        into.str(&self.sender);
        into.str(&self.receiver);
        into.str(&self.label);
        into.bytes(&self.payload_digest.0);
        into.u64(self.sequence_no);
    }

    /// Appends the identity: the bytes that [`CommunicationIdentity::digest`] hashes.
    pub fn encode(&self, into: &mut impl Digester) {
        self.message(IDENTITY_DOMAIN, into);
        into.u8(self.step_kind as u8);
    }

    /// Reads what [`CommunicationIdentity::encode`] wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Self> {
        if from.str()? != IDENTITY_DOMAIN {
            return None;
        }
        Some(Self {
            sid: SessionId(from.u64()?),
            sender: from.str()?.into(),
            receiver: from.str()?.into(),
            label: from.str()?.into(),
            payload_digest: Digest(from.take(32)?.try_into().ok()?),
            sequence_no: from.u64()?,
            step_kind: match from.u8()? {
                0 => StepKind::Send,
                1 => StepKind::Receive,
                2 => StepKind::Offer,
                3 => StepKind::Choose,
                _ => return None,
            },
        })
    }

    /// The identity's digest.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        self.encode(&mut hasher);
        Digest(*hasher.finalize().as_bytes())
    }

    /// The resource whose consumption says that the message was received.
    pub fn nullifier_resource(&self) -> Resource {
        let mut data = Vec::with_capacity(160);
        self.message(NULLIFIER, &mut data);
        Resource::Value { tag: String::from(NULLIFIER), data }
    }

    /// The id of that resource: what the heap's proofs show to be consumed, or not.
    ///
    /// `None` for names of more than 4 GiB, which no image has.
    pub fn nullifier(&self) -> Option<ResourceId> {
        let stored = self.nullifier_resource().encode().ok()?;
        Some(ResourceId::derive(&self.sid.host().0.to_le_bytes(), NULLIFIER_COUNTER, &stored))
    }
}

/// The chain of a session's consumptions, one further.
pub fn consumption_root(before: &Digest, mode: CommunicationReplayMode, identity: &Digest) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.str(CONSUMED);
    if !planted(Planted::ConsumptionUnchained) {
        hasher.bytes(&before.0);
    }
    hasher.u8(mode as u8);
    hasher.bytes(&identity.0);
    Digest(*hasher.finalize().as_bytes())
}

/// What is kept of a message that was received in a mode other than [`Off`](CommunicationReplayMode::Off).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumptionArtifact {
    /// The tick of the wave in which it was received; of one received in a speculation, that of the outermost `Join`.
    pub tick: Tick,
    /// The message.
    pub identity: CommunicationIdentity,
    /// The mode.
    pub mode: CommunicationReplayMode,
    /// The chain of the island's consumptions before it; all zeros before the first.
    pub pre_root: Digest,
    /// The same with it; see [`consumption_root`].
    pub post_root: Digest,
}

impl ConsumptionArtifact {
    /// Whether its roots are those that its identity and mode come to.
    pub fn holds(&self) -> bool {
        consumption_root(&self.pre_root, self.mode, &self.identity.digest()) == self.post_root
    }
}
