//! A proof with what it is to show, as one file: what one party hands to another who has the root and nothing else.
//!
//! ```text
//! file    "motet.proof" (11 bytes), version u8 = 1, kind u8, then
//!         membership (kind 1)  how many claims u32, the claims, and the proof to the end of the file
//!         change (kind 2)      the proof to the end of the file
//! claim   what u8, id, and for a live resource its contents digest
//!         1 live, 2 not live, 3 consumed, 4 not consumed
//! ```
//!
//! Claims come in order: those of live resources first, each sort by id, no id twice. Integers are little-endian, and the
//! proofs are those of [`crate::verify`]. Roots are not in the file: whoever checks brings them.

use alloc::vec::Vec;
use core::fmt;

use crate::cursor::{Cursor, Malformed};
use crate::id::ResourceId;
use crate::planted::planted;
use crate::snapshot::Snapshot;
use crate::verify::contents_digest;
use crate::verify::{self, Change, VerifyError};

const MAGIC: [u8; 11] = *b"motet.proof";
const VERSION: u8 = 1;
const MEMBERSHIP: u8 = 1;
const CHANGE: u8 = 2;

/// What a file says about one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A live resource has the id, and its stored form has this digest.
    Live(ResourceId, [u8; 32]),
    /// No live resource has the id.
    NotLive(ResourceId),
    /// The id was consumed.
    Consumed(ResourceId),
    /// The id was never consumed.
    NotConsumed(ResourceId),
}

impl Claim {
    /// The tree that it is about, and the id: what claims are in order of.
    fn place(&self) -> (u8, ResourceId) {
        match self {
            Claim::Live(id, _) | Claim::NotLive(id) => (0, *id),
            Claim::Consumed(id) | Claim::NotConsumed(id) => (1, *id),
        }
    }
}

/// A file as its bytes say. Nothing in it is checked against a root yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofFile<'a> {
    /// Claims about one root.
    Membership {
        /// What is claimed, in order.
        claims: Vec<Claim>,
        /// The proof of all of it.
        proof: &'a [u8],
    },
    /// What changed from one root to another.
    Change {
        /// The proof, which says what it shows.
        proof: &'a [u8],
    },
}

/// Why a file proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofFileError {
    /// No prover writes this file.
    NotAProof,
    /// It is a proof of the other kind.
    WrongKind,
    /// Its proof proves nothing.
    Proof(VerifyError),
    /// Its proof holds and shows the contrary of this claim.
    Untrue(Claim),
}

impl fmt::Display for ProofFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofFileError::NotAProof => f.write_str("not a proof file, or damaged"),
            ProofFileError::WrongKind => f.write_str("a proof of the other kind"),
            ProofFileError::Proof(error) => error.fmt(f),
            ProofFileError::Untrue(claim) => {
                let (_, id) = claim.place();
                write!(f, "the proof shows the contrary of what the file claims about {id}")
            }
        }
    }
}

impl core::error::Error for ProofFileError {}

impl From<Malformed> for ProofFileError {
    fn from(_: Malformed) -> ProofFileError {
        ProofFileError::NotAProof
    }
}

impl From<VerifyError> for ProofFileError {
    fn from(error: VerifyError) -> ProofFileError {
        ProofFileError::Proof(error)
    }
}

impl<'a> ProofFile<'a> {
    /// Reads a file strictly: there is one file for what it says.
    pub fn read(bytes: &'a [u8]) -> Result<ProofFile<'a>, ProofFileError> {
        let mut cursor = Cursor::new(bytes);
        if *cursor.array()? != MAGIC || cursor.u8()? != VERSION {
            return Err(ProofFileError::NotAProof);
        }
        match cursor.u8()? {
            MEMBERSHIP => {
                let count = cursor.u32()?;
                // A claim has 33 bytes at least, so a lying count cannot reserve more than the file holds.
                let mut claims: Vec<Claim> = Vec::with_capacity((count as usize).min(cursor.left() / 33));
                for _ in 0..count {
                    let claim = read_claim(&mut cursor)?;
                    if claims.last().is_some_and(|last| last.place() >= claim.place()) {
                        return Err(ProofFileError::NotAProof);
                    }
                    claims.push(claim);
                }
                Ok(ProofFile::Membership { claims, proof: cursor.take(cursor.left())? })
            }
            CHANGE => Ok(ProofFile::Change { proof: cursor.take(cursor.left())? }),
            _ => Err(ProofFileError::NotAProof),
        }
    }

    /// Checks every claim of a membership file against a trusted root.
    pub fn check_membership(&self, root: &[u8; 32]) -> Result<(&[Claim], verify::Membership<'a>), ProofFileError> {
        let ProofFile::Membership { claims, proof } = self else {
            return Err(ProofFileError::WrongKind);
        };
        let shown = verify::membership(root, proof)?;
        for claim in claims {
            let holds = match claim {
                Claim::Live(id, contents) => shown.resource(&id.0)? == Some(contents),
                Claim::NotLive(id) => shown.resource(&id.0)?.is_none(),
                Claim::Consumed(id) => shown.is_nullified(&id.0)?,
                Claim::NotConsumed(id) => !shown.is_nullified(&id.0)?,
            };
            if !holds && !planted("file-trusts-claims") {
                return Err(ProofFileError::Untrue(*claim));
            }
        }
        Ok((claims, shown))
    }

    /// Checks a change file against two trusted roots.
    pub fn check_change(&self, older: &[u8; 32], newer: &[u8; 32]) -> Result<Change, ProofFileError> {
        match self {
            ProofFile::Change { proof } => Ok(verify::change(older, newer, proof)?),
            ProofFile::Membership { .. } => Err(ProofFileError::WrongKind),
        }
    }
}

fn read_claim(cursor: &mut Cursor<'_>) -> Result<Claim, Malformed> {
    let what = cursor.u8()?;
    let id = ResourceId(*cursor.array()?);
    match what {
        1 => Ok(Claim::Live(id, *cursor.array()?)),
        2 => Ok(Claim::NotLive(id)),
        3 => Ok(Claim::Consumed(id)),
        4 => Ok(Claim::NotConsumed(id)),
        _ => Err(Malformed),
    }
}

impl Snapshot {
    /// A file that says, and proves, what is so about each of `resources` in the tree of live resources and each of
    /// `nullifiers` in that of nullifiers. `None` for more than 2³² ids.
    pub fn membership_file(&self, resources: &[ResourceId], nullifiers: &[ResourceId]) -> Option<Vec<u8>> {
        let mut claims: Vec<Claim> = Vec::with_capacity(resources.len() + nullifiers.len());
        claims.extend(resources.iter().map(|id| match self.held(id) {
            Ok(stored) => Claim::Live(*id, contents_digest(stored)),
            Err(_) => Claim::NotLive(*id),
        }));
        claims.extend(nullifiers.iter().map(|id| match self.is_consumed(id) {
            true => Claim::Consumed(*id),
            false => Claim::NotConsumed(*id),
        }));
        claims.sort_unstable_by_key(Claim::place);
        claims.dedup();
        let mut out = file(MEMBERSHIP);
        out.extend(u32::try_from(claims.len()).ok()?.to_le_bytes());
        for claim in claims {
            let (what, contents) = match claim {
                Claim::Live(_, contents) => (1, Some(contents)),
                Claim::NotLive(_) => (2, None),
                Claim::Consumed(_) => (3, None),
                Claim::NotConsumed(_) => (4, None),
            };
            out.push(what);
            out.extend(claim.place().1.0);
            out.extend(contents.iter().flatten());
        }
        out.extend(self.prove(resources, nullifiers));
        Some(out)
    }

    /// A file that proves exactly what changed from `older` to here, see [`Snapshot::prove_change`].
    pub fn change_file(&self, older: &Snapshot) -> Vec<u8> {
        let mut out = file(CHANGE);
        out.extend(self.prove_change(older));
        out
    }
}

fn file(kind: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend(MAGIC);
    out.extend([VERSION, kind]);
    out
}
