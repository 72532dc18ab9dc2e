//! Signed values: what a signature binds, how it is made, and how it is checked.
//!
//! ```text
//! digest      BLAKE3 over "motet.auth.v1", a domain byte, and what is hashed
//! payload     domain 1, the payload's canonical bytes
//! statement   domain 2: run id | image digest | u64 session | u16 edge | u16 label | u64 sequence number | payload digest
//! signature   keyed BLAKE3 of the statement's digest under the edge's key, or Ed25519 of it under the sender's
//! leaf        domain 2 again, over the statement's digest and the signature
//! ```
//!
//! Everything that tells one message from another is bound: a signature is good for one message of one edge of one
//! session of one run, in its one place.

use crate::effect::RunId;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use motet_types::{Digest, Digester, EdgeId, LabelId, Planted, Reader, SessionId, Value, planted};

const PREFIX: &[u8] = b"motet.auth.v1";

/// What is hashed, told apart by a byte.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Domain {
    Value = 1,
    SignedValue = 2,
    MerkleLeaf = 3,
    MerkleNode = 4,
    Commitment = 5,
    SigningKey = 7,
}

impl Domain {
    pub(crate) fn hash(self, fill: impl FnOnce(&mut blake3::Hasher)) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(PREFIX);
        hasher.u8(if planted(Planted::HistoryOneDomain) { 0 } else { self as u8 });
        fill(&mut hasher);
        Digest(*hasher.finalize().as_bytes())
    }
}

/// The digest of a payload, as identities and signatures bind it.
pub fn payload_digest(value: &Value) -> Digest {
    Domain::Value.hash(|into| value.digest(into))
}

/// A message's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// A keyed hash: whoever can check it can make it.
    KeyedBlake3([u8; 32]),
    /// A signature that only the sender can make.
    Ed25519([u8; 64]),
}

impl Signature {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::KeyedBlake3(bytes) => bytes,
            Self::Ed25519(bytes) => bytes,
        }
    }

    pub(crate) fn encode(&self, into: &mut impl Digester) {
        into.u8(match self {
            Self::KeyedBlake3(_) => 0,
            Self::Ed25519(_) => 1,
        });
        into.bytes(self.bytes());
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.u8()? {
            0 => Self::KeyedBlake3(from.take(32)?.try_into().ok()?),
            1 => Self::Ed25519(from.take(64)?.try_into().ok()?),
            _ => return None,
        })
    }
}

/// What a signature says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The run.
    pub run: RunId,
    /// The digest of the session's image.
    pub image: Digest,
    /// The session.
    pub session: SessionId,
    /// The edge.
    pub edge: EdgeId,
    /// The label.
    pub label: LabelId,
    /// As the so-manieth it was sent on the edge, counted from 0.
    pub sequence: u64,
    /// The payload's digest.
    pub payload: Digest,
}

impl Statement {
    /// The digest that is signed.
    pub fn digest(&self) -> Digest {
        Domain::SignedValue.hash(|into| {
            if !planted(Planted::SignatureOfAnyRun) {
                into.bytes(&self.run.0);
            }
            into.bytes(&self.image.0);
            if !planted(Planted::SignatureOfAnySession) {
                into.u64(self.session.0);
            }
            into.u16(if planted(Planted::SignatureOfAnyEdge) { 0 } else { self.edge.0 });
            into.u16(if planted(Planted::SignatureOfAnyLabel) { 0 } else { self.label.0 });
            into.u64(if planted(Planted::SignatureOfAnyPlace) { 0 } else { self.sequence });
            if !planted(Planted::SignatureOfAnyPayload) {
                into.bytes(&self.payload.0);
            }
        })
    }
}

/// A message as it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedValue {
    /// What is said of it.
    pub statement: Statement,
    /// By whom.
    pub signature: Signature,
}

impl SignedValue {
    /// The digest that an edge's history has of it.
    pub fn digest(&self) -> Digest {
        let statement = self.statement.digest();
        Domain::SignedValue.hash(|into| {
            into.bytes(&statement.0);
            self.signature.encode(into);
        })
    }

    /// Whether an Ed25519 signature is the one of the sender with this key. Keyed hashes are the machine's own to check.
    pub fn is_by(&self, verifier: &[u8; 32]) -> bool {
        let Signature::Ed25519(bytes) = &self.signature else { return false };
        let Ok(key) = VerifyingKey::from_bytes(verifier) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(bytes);
        key.verify_strict(&self.statement.digest().0, &signature).is_ok()
    }
}

/// What signs and checks the messages of one edge.
#[derive(Clone)]
pub(crate) enum EdgeKey<'a> {
    Keyed(&'a [u8; 32]),
    Ed25519(&'a SigningKey),
}

impl EdgeKey<'_> {
    pub(crate) fn sign(&self, statement: &Digest) -> Signature {
        match self {
            EdgeKey::Keyed(key) => Signature::KeyedBlake3(*blake3::keyed_hash(key, &statement.0).as_bytes()),
            EdgeKey::Ed25519(key) => Signature::Ed25519(key.sign(&statement.0).to_bytes()),
        }
    }

    pub(crate) fn verifies(&self, statement: &Digest, signature: &Signature) -> bool {
        match (self, signature) {
            // Compared as hashes are: in constant time.
            (EdgeKey::Keyed(key), Signature::KeyedBlake3(found)) => blake3::keyed_hash(key, &statement.0) == *found,
            (EdgeKey::Ed25519(key), Signature::Ed25519(found)) => {
                let signature = ed25519_dalek::Signature::from_bytes(found);
                key.verifying_key().verify_strict(&statement.0, &signature).is_ok()
            }
            _ => false,
        }
    }
}
