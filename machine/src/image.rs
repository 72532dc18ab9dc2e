//! The verified image: having one *is* the proof that its code follows its types.

use crate::layout::Layout;
use crate::verify::{VerifyError, verify};
use motet_types::{
    Digest, EdgeId, EdgePart, EffectPart, ImageParts, Instr, LabelId, RoleId, SortId, SortTable, StateId, ValType,
    Value,
};

/// What a state allows, in the form the step reads: one word a state, one word a branch.
///
/// State word: kind in bits 0..2, branch count 2..16, edge 16..32, first branch 32..64.
#[derive(Clone, Copy)]
pub(crate) struct StateRow(u64);

pub(crate) const KIND_END: u64 = 0;
pub(crate) const KIND_SEND: u64 = 1;
pub(crate) const KIND_RECV: u64 = 2;

/// The most branches one state may have.
pub(crate) const MAX_BRANCHES: usize = (1 << 14) - 1;

impl StateRow {
    pub(crate) fn new(kind: u64, count: usize, edge: u16, first: usize) -> Self {
        Self(kind | (count as u64) << 2 | u64::from(edge) << 16 | (first as u64) << 32)
    }
    #[inline(always)]
    pub(crate) const fn kind(self) -> u64 {
        self.0 & 3
    }
    #[inline(always)]
    pub(crate) const fn count(self) -> usize {
        (self.0 >> 2 & 0x3fff) as usize
    }
    #[inline(always)]
    pub(crate) const fn edge(self) -> EdgeId {
        EdgeId((self.0 >> 16) as u16)
    }
    #[inline(always)]
    pub(crate) const fn first(self) -> usize {
        (self.0 >> 32) as usize
    }
}

/// Branch word: label in bits 0..16, payload type 16..24, flags 24..32, next state 32..64.
#[derive(Clone, Copy)]
pub(crate) struct BranchRow(u64);

/// Neither side's type can tell one more or one fewer message of this branch: the transition leads from a state to
/// itself at the sender, and so does every transition of the receiver on the same edge and label. Such a message may
/// be dropped or overwritten; any other may not.
const FLAG_ELASTIC: u64 = 1 << 24;
/// The payload is a product, whose components must be checked too.
const FLAG_COMPOUND: u64 = 1 << 25;

impl BranchRow {
    pub(crate) fn new(label: u16, payload: ValType, elastic: bool, next: u32) -> Self {
        let mut word = u64::from(label) | (payload as u64) << 16 | u64::from(next) << 32;
        if elastic {
            word |= FLAG_ELASTIC;
        }
        if payload == ValType::Prod {
            word |= FLAG_COMPOUND;
        }
        Self(word)
    }
    #[inline(always)]
    pub(crate) const fn label(self) -> LabelId {
        LabelId(self.0 as u16)
    }
    /// The payload's [`ValType`] as its tag.
    #[inline(always)]
    pub(crate) const fn tag(self) -> u8 {
        (self.0 >> 16) as u8
    }
    #[inline(always)]
    pub(crate) const fn elastic(self) -> bool {
        self.0 & FLAG_ELASTIC != 0
    }
    #[inline(always)]
    pub(crate) const fn compound(self) -> bool {
        self.0 & FLAG_COMPOUND != 0
    }
    #[inline(always)]
    pub(crate) const fn next(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A jump table's row.
#[derive(Clone, Copy)]
pub(crate) struct Arm {
    pub(crate) target: u32,
    pub(crate) dst: u16,
}

/// A verified protocol image: immutable, content-addressed, ready to run.
///
/// There is no other way to make one than [`CodeImage::verify`] and [`CodeImage::load`].
pub struct CodeImage {
    pub(crate) parts: ImageParts,
    pub(crate) digest: Digest,
    pub(crate) sorts: SortTable,
    pub(crate) code: Box<[Instr]>,
    pub(crate) states: Box<[StateRow]>,
    pub(crate) branches: Box<[BranchRow]>,
    pub(crate) arms: Box<[Arm]>,
    /// Where each table's rows start in `arms`, and one past the last.
    pub(crate) tables: Box<[u32]>,
    pub(crate) constants: Box<[Value]>,
    pub(crate) layout: Layout,
}

use alloc::boxed::Box;

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

    /// The content digest.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The image's tables.
    pub const fn parts(&self) -> &ImageParts {
        &self.parts
    }

    /// The sorts.
    pub const fn sorts(&self) -> &SortTable {
        &self.sorts
    }

    /// How many roles there are.
    pub fn role_count(&self) -> usize {
        self.parts.roles.len()
    }

    /// A role's name, `?` when there is none.
    pub fn role_name(&self, role: RoleId) -> &str {
        self.parts.roles.get(role.index()).map_or("?", |role| role.name.as_str())
    }

    /// The role of that name.
    pub fn role(&self, name: &str) -> Option<RoleId> {
        let at = self.parts.roles.iter().position(|role| role.name == name)?;
        u16::try_from(at).ok().map(RoleId)
    }

    /// A label's name, `?` when there is none.
    pub fn label_name(&self, label: LabelId) -> &str {
        self.parts.labels.get(label.index()).map_or("?", |label| label.name.as_str())
    }

    /// The sort of a label's payload.
    pub fn label_sort(&self, label: LabelId) -> SortId {
        SortId(self.parts.labels.get(label.index()).map_or(0, |label| label.sort))
    }

    /// An edge's ends, when there is such an edge.
    pub fn edge(&self, edge: EdgeId) -> Option<EdgePart> {
        self.parts.edges.get(edge.index()).copied()
    }

    /// The host effects, by row.
    pub fn effects(&self) -> &[EffectPart] {
        &self.parts.effects
    }

    /// The source line of an instruction, when the image knows it.
    pub fn line(&self, pc: motet_types::Pc) -> Option<u32> {
        self.parts.lines.get(pc.index()).copied().filter(|line| *line != 0)
    }

    /// Roles that decide between labels, and so need a host that answers `Choose`.
    pub fn deciders(&self) -> impl Iterator<Item = RoleId> {
        self.parts.roles.iter().enumerate().filter_map(|(at, role)| {
            let code = &self.code[role.code_start as usize..role.code_end as usize];
            code.iter().any(|instr| matches!(instr, Instr::Decide { .. })).then_some(RoleId(at as u16))
        })
    }

    /// Labels that the role may ever have to choose between.
    pub fn choices_of(&self, role: RoleId) -> impl Iterator<Item = LabelId> {
        let states = self.parts.states.iter().filter(move |state| {
            state.role == role.0 && matches!(state.action, motet_types::Action::Send(_)) && state.branches.len() > 1
        });
        states.flat_map(|state| state.branches.iter().map(|branch| LabelId(branch.label)))
    }

    #[inline(always)]
    pub(crate) fn state(&self, state: StateId) -> StateRow {
        self.states[state.index()]
    }

    #[inline(always)]
    pub(crate) fn branches_of(&self, row: StateRow) -> &[BranchRow] {
        &self.branches[row.first()..row.first() + row.count()]
    }

    pub(crate) fn arms_of(&self, table: u32) -> &[Arm] {
        let at = table as usize;
        &self.arms[self.tables[at] as usize..self.tables[at + 1] as usize]
    }
}

impl core::fmt::Debug for CodeImage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CodeImage({} {})", self.parts.name, self.digest)
    }
}
