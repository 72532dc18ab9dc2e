//! The image: a compiled protocol as tables of numbers, its canonical digest and its file format.
//!
//! An [`ImageParts`] is only an allegation. The machine's verifier turns it into a `CodeImage`, the one type that
//! can be run.
//!
//! ```text
//! offset  size  what
//!      0     8  "MOTETIMG"
//!      8     4  format version, u32 little-endian; 2 since images have plans
//!     12     4  zero
//!     16    32  BLAKE3 of the payload bytes
//!     48    32  content digest: BLAKE3 of the canonical encoding of the parts, `lines` left out
//!     80     8  payload length, u64 little-endian
//!     88     8  zero
//!     96     n  payload: the parts as rkyv wrote them, read back only through validation
//! ```

use crate::{Digest, Digester, Planted, Sort, SortTable, planted};
use alloc::string::String;
use alloc::vec::Vec;
use rkyv::{Archive, Deserialize, Serialize};

/// What every image file starts with.
pub const IMAGE_MAGIC: [u8; 8] = *b"MOTETIMG";
/// The version this build writes and reads.
pub const IMAGE_VERSION: u32 = 2;
/// Bytes before the payload.
pub const IMAGE_HEADER: usize = 96;
/// The largest image file that is read, in bytes.
pub const MAX_IMAGE_BYTES: usize = 64 << 20;

/// One role's program.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct RolePart {
    /// The role's name.
    pub name: String,
    /// The first state of its automaton.
    pub initial: u32,
    /// Where its code starts; it is also where it is entered.
    pub code_start: u32,
    /// One past its last instruction.
    pub code_end: u32,
    /// How many registers its code uses; register 0 holds the role's own endpoint.
    pub registers: u16,
}

/// One label.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct LabelPart {
    /// The name.
    pub name: String,
    /// The row of its payload's sort.
    pub sort: u16,
}

/// One directed edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct EdgePart {
    /// The sending role.
    pub sender: u16,
    /// The receiving role.
    pub receiver: u16,
}

/// What a state of a local-type automaton allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum Action {
    /// Nothing.
    End,
    /// Sending on the edge.
    Send(u16),
    /// Receiving on the edge.
    Recv(u16),
}

/// One label that a state allows, and the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct BranchPart {
    /// The label.
    pub label: u16,
    /// The next state.
    pub next: u32,
}

/// One state of one role's local-type automaton.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct StatePart {
    /// Whose state it is.
    pub role: u16,
    /// What it allows.
    pub action: Action,
    /// The labels it allows; none exactly when the action is `End`.
    pub branches: Vec<BranchPart>,
}

/// One node of the global type, loops as references back. Node 0 is where the protocol starts.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum GlobalPart {
    /// Nothing further; in a part of a `Par`, on to what follows it.
    End,
    /// One message on the edge.
    Comm {
        /// The edge.
        edge: u16,
        /// The labels the sender may choose, and the node after each.
        branches: Vec<BranchPart>,
    },
    /// Parts without a common role, side by side.
    Par {
        /// The first node of each part.
        parts: Vec<u32>,
        /// The node after the parts.
        next: u32,
    },
}

/// One row of a jump table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct TableRow {
    /// Where to go on.
    pub target: u32,
    /// `Choose` only: the register for the payload.
    pub dst: u16,
}

/// A host effect that the code may invoke.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct EffectPart {
    /// The interface's name.
    pub interface: String,
    /// The operation's name.
    pub operation: String,
    /// The sort of its argument.
    pub argument: u16,
    /// The sort of its answer.
    pub answer: u16,
    /// Whether the host may take its time: the coroutine then waits, and the host is called outside the wave.
    pub may_block: bool,
}

/// A constant, as the rows of its sort in prefix order need them.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct ConstantPart {
    /// The constant's sort.
    pub sort: u16,
    /// Its scalars in prefix order: one row for each sort that is not a product.
    pub scalars: Vec<ScalarPart>,
}

/// One scalar of a constant.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum ScalarPart {
    /// Unit.
    Unit,
    /// A natural number.
    Nat(u64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Str(String),
}

/// A plan: a protocol of which the code may open sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct PlanPart {
    /// The content digest of the protocol's image. A machine loads that image first.
    pub image: [u8; 32],
    /// How many roles that protocol has, and so how many registers `Open` writes.
    pub roles: u16,
}

/// A compiled protocol, not verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct ImageParts {
    /// The protocol's name.
    pub name: String,
    /// The roles.
    pub roles: Vec<RolePart>,
    /// The labels.
    pub labels: Vec<LabelPart>,
    /// The sorts.
    pub sorts: Vec<Sort>,
    /// The edges.
    pub edges: Vec<EdgePart>,
    /// The global type. The verifier holds every role's automaton against it, so an image carries the evidence
    /// that its roles fit together.
    pub global: Vec<GlobalPart>,
    /// The states of all roles' automata.
    pub states: Vec<StatePart>,
    /// The host effects.
    pub effects: Vec<EffectPart>,
    /// The constants.
    pub constants: Vec<ConstantPart>,
    /// The jump tables.
    pub tables: Vec<Vec<TableRow>>,
    /// The protocols of which the code may open sessions.
    pub plans: Vec<PlanPart>,
    /// The code of all roles; see [`Instr`](crate::Instr).
    pub code: Vec<u64>,
    /// For each instruction the source line it came from, 0 when unknown; empty when there is no source. Not part
    /// of the content digest: comments do not change what a protocol is.
    pub lines: Vec<u32>,
}

/// Why bytes are not an image file. None of these needs the file to be honest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageBytesError {
    /// Not an image at all.
    #[error("not a Motet image: the file does not start with \"MOTETIMG\"")]
    Magic,
    /// Another format version.
    #[error("image format version {found}; this build reads version {IMAGE_VERSION}: compile the protocol again")]
    Version {
        /// The version the file names.
        found: u32,
    },
    /// Cut short, or longer than it says.
    #[error("the image is {found} bytes long but its header says {expected}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// Larger than [`MAX_IMAGE_BYTES`].
    #[error("the image is {0} bytes long; the limit is {MAX_IMAGE_BYTES}")]
    TooLarge(u64),
    /// A reserved byte of the header is not zero.
    #[error("a reserved byte of the image header, at offset {0}, is not zero")]
    Reserved(usize),
    /// The payload is not what the header's checksum says.
    #[error("the image is damaged: its payload does not match its checksum")]
    Checksum,
    /// The payload is no well-formed archive.
    #[error("the image's payload is not well formed")]
    Archive,
    /// The parts are not what the header's content digest says.
    #[error("the image's content digest does not match its content")]
    Content,
}

fn sort(into: &mut impl Digester, row: Sort) {
    match row {
        Sort::Unit => into.u8(0),
        Sort::Nat => into.u8(1),
        Sort::Bool => into.u8(2),
        Sort::String => into.u8(3),
        Sort::Real => into.u8(4),
        Sort::Vector(n) => {
            into.u8(5);
            into.u32(n);
        }
        Sort::Prod(a, b) => {
            into.u8(6);
            into.u16(a);
            into.u16(b);
        }
    }
}

fn branches(into: &mut impl Digester, rows: &[BranchPart]) {
    into.size(rows.len());
    for branch in rows {
        into.u16(branch.label);
        into.u32(branch.next);
    }
}

impl ImageParts {
    /// The sorts as a table, when they are one.
    pub fn sort_table(&self) -> Option<SortTable> {
        SortTable::from_rows(self.sorts.clone())
    }

    /// Writes the canonical encoding: every field in declared order, lists and text behind their lengths.
    pub fn encode(&self, into: &mut impl Digester) {
        into.str("motet.image");
        into.u32(IMAGE_VERSION);
        into.str(&self.name);
        into.size(self.roles.len());
        for role in &self.roles {
            into.str(&role.name);
            into.u32(role.initial);
            into.u32(role.code_start);
            into.u32(role.code_end);
            into.u16(role.registers);
        }
        into.size(self.labels.len());
        for label in &self.labels {
            into.str(&label.name);
            into.u16(label.sort);
        }
        into.size(self.sorts.len());
        self.sorts.iter().for_each(|row| sort(into, *row));
        into.size(self.edges.len());
        for edge in &self.edges {
            into.u16(edge.sender);
            into.u16(edge.receiver);
        }
        into.size(self.global.len());
        for node in &self.global {
            match node {
                GlobalPart::End => into.u8(0),
                GlobalPart::Comm { edge, branches: rows } => {
                    into.u8(1);
                    into.u16(*edge);
                    branches(into, rows);
                }
                GlobalPart::Par { parts, next } => {
                    into.u8(2);
                    into.size(parts.len());
                    parts.iter().for_each(|part| into.u32(*part));
                    into.u32(*next);
                }
            }
        }
        into.size(self.states.len());
        for state in &self.states {
            into.u16(state.role);
            let (tag, edge) = match state.action {
                Action::End => (0, 0),
                Action::Send(edge) => (1, edge),
                Action::Recv(edge) => (2, edge),
            };
            into.u8(tag);
            into.u16(edge);
            branches(into, &state.branches);
        }
        into.size(self.effects.len());
        for effect in &self.effects {
            into.str(&effect.interface);
            into.str(&effect.operation);
            into.u16(effect.argument);
            into.u16(effect.answer);
            into.u8(u8::from(effect.may_block));
        }
        into.size(self.constants.len());
        for constant in &self.constants {
            into.u16(constant.sort);
            into.size(constant.scalars.len());
            for scalar in &constant.scalars {
                match scalar {
                    ScalarPart::Unit => into.u8(0),
                    ScalarPart::Nat(n) => {
                        into.u8(1);
                        into.u64(*n);
                    }
                    ScalarPart::Bool(b) => {
                        into.u8(2);
                        into.u8(u8::from(*b));
                    }
                    ScalarPart::Str(text) => {
                        into.u8(3);
                        into.str(text);
                    }
                }
            }
        }
        into.size(self.tables.len());
        for table in &self.tables {
            into.size(table.len());
            for row in table {
                into.u32(row.target);
                into.u16(row.dst);
            }
        }
        into.size(self.plans.len());
        for plan in &self.plans {
            into.bytes(&plan.image);
            into.u16(plan.roles);
        }
        into.size(self.code.len());
        if !planted(Planted::ImageDigestSkipsCode) {
            self.code.iter().for_each(|word| into.u64(*word));
        }
    }

    /// The content digest: equal exactly for equal parts, `lines` aside.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        self.encode(&mut hasher);
        Digest(*hasher.finalize().as_bytes())
    }

    /// The image file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload =
            rkyv::to_bytes::<rkyv::rancor::Error>(self).expect("writing plain tables to memory has no way to fail");
        let mut bytes = Vec::with_capacity(IMAGE_HEADER + payload.len());
        bytes.extend_from_slice(&IMAGE_MAGIC);
        bytes.u32(IMAGE_VERSION);
        bytes.u32(0);
        bytes.extend_from_slice(blake3::hash(&payload).as_bytes());
        bytes.extend_from_slice(&self.digest().0);
        bytes.u64(payload.len() as u64);
        bytes.u64(0);
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// Reads an image file. That it reads well says nothing about whether it may run: verification does.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageBytesError> {
        if bytes.get(..8) != Some(&IMAGE_MAGIC[..]) {
            return Err(ImageBytesError::Magic);
        }
        let found = bytes.len() as u64;
        if bytes.len() > MAX_IMAGE_BYTES {
            return Err(ImageBytesError::TooLarge(found));
        }
        let Some((header, payload)) = bytes.split_at_checked(IMAGE_HEADER) else {
            return Err(ImageBytesError::Length { expected: IMAGE_HEADER as u64, found });
        };
        let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let version = u32_at(8);
        if version != IMAGE_VERSION {
            return Err(ImageBytesError::Version { found: version });
        }
        if let Some(at) = (12..16).chain(88..96).find(|at| header[*at] != 0) {
            return Err(ImageBytesError::Reserved(at));
        }
        let length = u64::from(u32_at(80)) | u64::from(u32_at(84)) << 32;
        if length != payload.len() as u64 {
            return Err(ImageBytesError::Length { expected: length.saturating_add(IMAGE_HEADER as u64), found });
        }
        if blake3::hash(payload).as_bytes()[..] != header[16..48] {
            return Err(ImageBytesError::Checksum);
        }
        // The archive must be aligned to be read in place; a file's bytes need not be.
        let mut aligned = rkyv::util::AlignedVec::<16>::with_capacity(payload.len());
        aligned.extend_from_slice(payload);
        let parts = rkyv::from_bytes::<Self, rkyv::rancor::Error>(&aligned).map_err(|_| ImageBytesError::Archive)?;
        if parts.digest().0[..] != header[48..80] {
            return Err(ImageBytesError::Content);
        }
        Ok(parts)
    }
}
