//! The verified image: having one *is* the proof that its code follows its types.

use crate::layout::Layout;
use crate::op::{Arms, Comm, Op};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use motet_types::{
    Action, Digest, EdgeId, EdgePart, EffectPart, ImageParts, Instr, LabelId, LayerId, Pc, RoleId, SortId, SortTable,
    Value,
};

/// A verified protocol image: immutable, content-addressed, ready to run.
///
/// There is no other way to make one than [`CodeImage::verify`] and [`CodeImage::load`].
pub struct CodeImage {
    pub(crate) parts: ImageParts,
    pub(crate) digest: Digest,
    pub(crate) sorts: SortTable,
    pub(crate) ops: Box<[Op]>,
    pub(crate) arms: Box<[Comm]>,
    pub(crate) targets: Box<[u32]>,
    /// What each state allows, and where each state's part of it starts.
    pub(crate) branches: Box<[Comm]>,
    pub(crate) branches_at: Box<[u32]>,
    pub(crate) constants: Box<[Value]>,
    pub(crate) layout: Layout,
}

impl CodeImage {
    /// The content digest.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes that it holds, about: its tables as they are written, and what was worked out of them.
    pub(crate) fn bytes(&self) -> usize {
        let comms = (self.arms.len() + self.branches.len()) * size_of::<Comm>();
        let words = (self.targets.len() + self.branches_at.len()) * 4 + self.ops.len() * size_of::<Op>();
        size_of::<Self>() + self.parts.to_bytes().len() + comms + words
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

    /// The names of an edge's sender and receiver, `?` where there is no such edge.
    pub fn edge_names(&self, edge: EdgeId) -> (&str, &str) {
        match self.edge(edge) {
            Some(ends) => (self.role_name(RoleId(ends.sender)), self.role_name(RoleId(ends.receiver))),
            None => ("?", "?"),
        }
    }

    /// The host effects, by row.
    pub fn effects(&self) -> &[EffectPart] {
        &self.parts.effects
    }

    /// The source line of an instruction, when the image knows it.
    pub fn line(&self, pc: Pc) -> Option<u32> {
        self.parts.lines.get(pc.index()).copied().filter(|line| *line != 0)
    }

    /// The source line of the instruction that communicates this label in this state of its role's type, or, where none
    /// names the label, of the one that takes any label there. None where the image knows no line, and where only
    /// instructions through other endpoints than the role's own come to the state.
    pub fn line_of(&self, state: u32, label: LabelId) -> Option<u32> {
        let at = |wanted: &dyn Fn(&Op) -> bool| {
            let found = self.ops.iter().zip(0..).filter(|(op, _)| wanted(op));
            found.filter_map(|(_, pc)| self.line(Pc(pc))).next()
        };
        let named =
            |op: &Op| matches!(op, Op::Send(comm) | Op::Receive(comm) if (comm.state, comm.label) == (state, label));
        let any =
            |op: &Op| matches!(op, Op::Choose { state: here, .. } | Op::Decide { state: here, .. } if *here == state);
        at(&named).or_else(|| at(&any))
    }

    /// Roles that decide between labels, and so need a host that answers `Choose`.
    pub fn deciders(&self) -> impl Iterator<Item = RoleId> {
        self.parts.roles.iter().enumerate().filter_map(|(at, role)| {
            let code = &self.parts.code[role.code_start as usize..role.code_end as usize];
            let decides = |word: &u64| matches!(Instr::decode(*word), Ok(Instr::Decide { .. }));
            code.iter().any(decides).then_some(RoleId(at as u16))
        })
    }

    /// The guard layers that some role acquires.
    pub fn guards(&self) -> BTreeSet<LayerId> {
        let acquired = |op: &Op| match op {
            Op::Acquire { layer, .. } => Some(*layer),
            _ => None,
        };
        self.ops.iter().filter_map(acquired).collect()
    }

    /// Labels that the role may ever have to choose between.
    pub fn choices_of(&self, role: RoleId) -> impl Iterator<Item = LabelId> {
        let states = self.parts.states.iter().filter(move |state| {
            state.role == role.0 && matches!(state.action, Action::Send(_)) && state.branches.len() > 1
        });
        states.flat_map(|state| state.branches.iter().map(|branch| LabelId(branch.label)))
    }

    /// The communications that a state allows, in the order of its branches.
    pub(crate) fn branches(&self, state: u32) -> &[Comm] {
        let starts = self.branches_at.get(state as usize..state as usize + 2);
        starts.map_or(&[], |starts| &self.branches[starts[0] as usize..starts[1] as usize])
    }

    #[inline(always)]
    pub(crate) fn arms(&self, arms: Arms) -> &[Comm] {
        &self.arms[arms.first as usize..(arms.first + arms.count) as usize]
    }
}

impl core::fmt::Debug for CodeImage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CodeImage({} {})", self.parts.name, self.digest)
    }
}
