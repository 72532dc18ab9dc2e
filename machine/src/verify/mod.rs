//! From bytes to a [`CodeImage`]: the only door.
//!
//! Four checks, each relying on the ones before: the tables are well formed; the global type is; every role's
//! automaton simulates the global type seen from that role; every path of every program follows its automaton. What
//! passes cannot fault on registers, jumps, labels or types when it runs.

mod fit;
mod flow;
mod known;
mod operands;
mod tables;
mod typing;

pub(crate) use known::Held;
pub(crate) use typing::Typing;

use crate::image::CodeImage;
use crate::layout::Layout;
use crate::op;
use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{DecodeError, ImageBytesError, ImageParts, Instr, Pc, Reg, SortTable, Value};

/// Why an image was refused. Positions are rows of the image's own tables; `motet inspect` prints them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The bytes are no image file.
    #[error(transparent)]
    Bytes(#[from] ImageBytesError),
    /// A table row breaks a rule.
    #[error("{table} {row}: {rule}")]
    Table {
        /// Which table.
        table: &'static str,
        /// Which row.
        row: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A word is not an instruction.
    #[error("{pc}: {error}")]
    Decode {
        /// Where.
        pc: Pc,
        /// Why.
        error: DecodeError,
    },
    /// A speculation that is not begun, or neither kept nor undone.
    #[error("{pc} of {role}: {what}")]
    Speculation {
        /// Where.
        pc: Pc,
        /// The role.
        role: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A register that the role does not have.
    #[error("{pc}: {register} is out of range; {role} has {count} registers")]
    Register {
        /// Where.
        pc: Pc,
        /// The register.
        register: Reg,
        /// The role.
        role: String,
        /// How many it has.
        count: u16,
    },
    /// An operand that names no row of its table.
    #[error("{pc}: there is no {what} {row}")]
    Operand {
        /// Where.
        pc: Pc,
        /// Which table.
        what: &'static str,
        /// The row asked for.
        row: u32,
    },
    /// A jump, or a fall, out of the role's code.
    #[error("{pc}: goes on at pc{target}, outside the code of {role}")]
    Jump {
        /// Where.
        pc: Pc,
        /// Where it leads.
        target: u32,
        /// The role.
        role: String,
    },
    /// An instruction that the type does not allow at this point.
    #[error("{pc} of {role}: {instr} where the type {allows}")]
    Type {
        /// Where.
        pc: Pc,
        /// The role.
        role: String,
        /// The instruction.
        instr: String,
        /// What the type allows there, in words.
        allows: String,
    },
    /// A label sent where the host has decided on another one.
    #[error("{pc} of {role}: {instr} where the host has decided on another label")]
    Decision {
        /// Where.
        pc: Pc,
        /// The role.
        role: String,
        /// The instruction.
        instr: String,
    },
    /// Two paths meet with different types.
    #[error("{pc} of {role} is reached in two states of its type, {a} and {b}")]
    Join {
        /// Where.
        pc: Pc,
        /// The role.
        role: String,
        /// One state.
        a: u32,
        /// The other.
        b: u32,
    },
    /// Two ways lead to an instruction on which something differs that must be known.
    #[error("{pc} of {role} is reached {what}")]
    Ways {
        /// Where.
        pc: Pc,
        /// The role.
        role: String,
        /// What differs.
        what: &'static str,
    },
    /// A register that does not surely hold what the instruction needs.
    #[error("{pc} of {role}: {register} may hold {held} where {needed} is needed")]
    Held {
        /// Where.
        pc: Pc,
        /// The role.
        role: String,
        /// The register.
        register: Reg,
        /// What it may hold.
        held: String,
        /// What is needed.
        needed: String,
    },
    /// A role's automaton does not follow the global type.
    #[error("the type of {role} does not follow the protocol: at global node {node} its state {state} {why}")]
    Fit {
        /// The role.
        role: String,
        /// The global type's node.
        node: u32,
        /// The state of the role's automaton.
        state: u32,
        /// How they differ.
        why: &'static str,
    },
    /// Checking would take more work than any image that a compiler makes.
    #[error("the image is too large to verify: it would take more than {limit} steps")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

/// The work that verification may still do, over all four checks. Its limit keeps a small but hostile image from
/// taking minutes, or all memory; honest images of the largest size that tests know take a tenth of it.
pub(crate) struct Work(u64);

impl Work {
    const LIMIT: u64 = 1 << 27;

    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), VerifyError> {
        self.0 = self.0.checked_sub(steps as u64).ok_or(VerifyError::TooLarge { limit: Self::LIMIT })?;
        Ok(())
    }
}

/// The most words a session of an image may take: 8 MiB.
const MAX_SESSION_WORDS: u64 = 1 << 20;

impl CodeImage {
    /// Verifies parts and makes them an image: tables, register bounds, jump targets, the automata against the
    /// global type, and the type flow of every path against the automata.
    pub fn verify(parts: ImageParts) -> Result<Self, VerifyError> {
        verify(parts)
    }

    /// Reads and verifies an image file. A file from a stranger takes this same way.
    pub fn load(bytes: &[u8]) -> Result<Self, VerifyError> {
        verify(ImageParts::from_bytes(bytes)?)
    }
}

fn verify(parts: ImageParts) -> Result<CodeImage, VerifyError> {
    let mut work = Work(Work::LIMIT);
    let checked = tables::check(&parts)?;
    if Layout::words(&parts) > MAX_SESSION_WORDS {
        let rule = "with the others it makes a session of more than 8 MiB";
        return Err(VerifyError::Table { table: "role", row: 0, rule });
    }
    fit::check(&parts, &mut work)?;
    let points = flow::check(&parts, &checked.code, &checked.sorts, &mut work)?;
    let ops = op::build(&parts, &checked, &points);
    Ok(CodeImage {
        digest: parts.digest(),
        layout: Layout::of(&parts),
        sorts: checked.sorts,
        ops: ops.ops.into(),
        arms: ops.arms.into(),
        targets: ops.targets.into(),
        branches: ops.branches.into(),
        branches_at: ops.branches_at.into(),
        constants: checked.constants.into(),
        parts,
    })
}

/// What the table check has decoded on its way.
pub(crate) struct Checked {
    pub(crate) sorts: SortTable,
    pub(crate) code: Vec<Instr>,
    pub(crate) constants: Vec<Value>,
}
