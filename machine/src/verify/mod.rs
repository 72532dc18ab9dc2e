//! From bytes to a [`CodeImage`]: the only door.
//!
//! Four checks, each relying on the ones before: the tables are well formed; the global type is; every role's
//! automaton simulates the global type seen from that role; every path of every program follows its automaton. What
//! passes cannot fault on registers, jumps, labels or types when it runs.

mod fit;
mod flow;
mod tables;

use crate::image::{Arm, BranchRow, CodeImage, KIND_END, KIND_RECV, KIND_SEND, StateRow};
use crate::layout::Layout;
use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{Action, DecodeError, ImageBytesError, ImageParts, Instr, Pc, Reg, ValType};

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
    /// An instruction that this version's machine does not execute.
    #[error("{pc}: {name} is not executable in this version")]
    NotExecutable {
        /// Where.
        pc: Pc,
        /// The mnemonic.
        name: &'static str,
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
    /// Checking would take more than the limit.
    #[error("the image is too large to verify: more than {limit} pairs of global node and local state")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

pub(crate) fn verify(parts: ImageParts) -> Result<CodeImage, VerifyError> {
    let checked = tables::check(&parts)?;
    fit::check(&parts)?;
    flow::check(&parts, &checked.code, &checked.sorts)?;
    Ok(build(parts, checked))
}

/// What the table check has decoded on its way.
pub(crate) struct Checked {
    pub(crate) sorts: motet_types::SortTable,
    pub(crate) code: Vec<Instr>,
    pub(crate) constants: Vec<motet_types::Value>,
}

fn build(parts: ImageParts, checked: Checked) -> CodeImage {
    let mut states = Vec::with_capacity(parts.states.len());
    let mut branches = Vec::new();
    for (at, state) in parts.states.iter().enumerate() {
        let (kind, edge) = match state.action {
            Action::End => (KIND_END, 0),
            Action::Send(edge) => (KIND_SEND, edge),
            Action::Recv(edge) => (KIND_RECV, edge),
        };
        states.push(StateRow::new(kind, state.branches.len(), edge, branches.len()));
        for branch in &state.branches {
            let sort = motet_types::SortId(parts.labels[usize::from(branch.label)].sort);
            let payload = checked.sorts.val_type(sort).unwrap_or(ValType::Unit);
            let elastic = branch.next as usize == at && loops_at_receiver(&parts, edge, branch.label);
            branches.push(BranchRow::new(branch.label, payload, elastic, branch.next));
        }
    }
    let mut arms = Vec::new();
    let mut tables = Vec::with_capacity(parts.tables.len() + 1);
    for table in &parts.tables {
        tables.push(arms.len() as u32);
        arms.extend(table.iter().map(|row| Arm { target: row.target, dst: row.dst }));
    }
    tables.push(arms.len() as u32);
    CodeImage {
        digest: parts.digest(),
        layout: Layout::of(&parts),
        sorts: checked.sorts,
        code: checked.code.into(),
        states: states.into(),
        branches: branches.into(),
        arms: arms.into(),
        tables: tables.into(),
        constants: checked.constants.into(),
        parts,
    }
}

/// Whether every transition that receives `label` on `edge` leads from a state to itself.
fn loops_at_receiver(parts: &ImageParts, edge: u16, label: u16) -> bool {
    parts
        .states
        .iter()
        .enumerate()
        .filter(|(_, state)| state.action == Action::Recv(edge))
        .all(|(at, state)| state.branches.iter().all(|branch| branch.label != label || branch.next as usize == at))
}
