//! Drafts: images put together by hand, so that a test decides every row and every instruction.

use motet_machine::{CodeImage, VerifyError};
use motet_types::{
    Action, BranchPart, ConstantPart, EdgePart, EffectPart, GlobalPart, ImageParts, Instr, LabelPart, PlanPart,
    RolePart, ScalarPart, Sort, StatePart, TableRow,
};
use std::sync::Arc;

/// The rows of a draft's sorts.
pub const UNIT: u16 = 0;
/// See [`UNIT`].
pub const NAT: u16 = 1;
/// See [`UNIT`].
pub const BOOL: u16 = 2;
/// See [`UNIT`].
pub const STRING: u16 = 3;
/// A pair of a number and a text. See [`UNIT`].
pub const PAIR: u16 = 4;

/// An image in the making. Roles must be given their code in order.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The parts so far, open to any change that a test wants.
    pub parts: ImageParts,
}

fn rows(branches: &[(u16, u32)]) -> Vec<BranchPart> {
    branches.iter().map(|(label, next)| BranchPart { label: *label, next: *next }).collect()
}

impl Draft {
    /// A draft with a name and the sorts, and nothing else.
    pub fn new() -> Self {
        let sorts = vec![Sort::Unit, Sort::Nat, Sort::Bool, Sort::String, Sort::Prod(NAT, STRING)];
        Self { parts: ImageParts { name: "draft".into(), sorts, ..ImageParts::default() } }
    }

    /// Adds a label with a payload of that sort.
    pub fn label(&mut self, name: &str, sort: u16) -> u16 {
        self.parts.labels.push(LabelPart { name: name.into(), sort });
        self.parts.labels.len() as u16 - 1
    }

    /// Adds an edge.
    pub fn edge(&mut self, sender: u16, receiver: u16) -> u16 {
        self.parts.edges.push(EdgePart { sender, receiver });
        self.parts.edges.len() as u16 - 1
    }

    /// Adds a communication to the global type; branches are (label, node after it).
    pub fn comm(&mut self, edge: u16, branches: &[(u16, u32)]) -> u32 {
        self.parts.global.push(GlobalPart::Comm { edge, branches: rows(branches) });
        self.parts.global.len() as u32 - 1
    }

    /// Adds an end to the global type.
    pub fn end(&mut self) -> u32 {
        self.parts.global.push(GlobalPart::End);
        self.parts.global.len() as u32 - 1
    }

    /// Adds a state to a role's automaton; branches are (label, next state).
    pub fn state(&mut self, role: u16, action: Action, branches: &[(u16, u32)]) -> u32 {
        self.parts.states.push(StatePart { role, action, branches: rows(branches) });
        self.parts.states.len() as u32 - 1
    }

    /// Adds a constant.
    pub fn constant(&mut self, sort: u16, scalars: &[ScalarPart]) -> u32 {
        self.parts.constants.push(ConstantPart { sort, scalars: scalars.to_vec() });
        self.parts.constants.len() as u32 - 1
    }

    /// Adds a natural number as a constant.
    pub fn nat(&mut self, n: u64) -> u32 {
        self.constant(NAT, &[ScalarPart::Nat(n)])
    }

    /// Adds a jump table; rows are (target, register), targets counted from the image's first instruction.
    pub fn table(&mut self, rows: &[(u32, u16)]) -> u32 {
        self.parts.tables.push(rows.iter().map(|(target, dst)| TableRow { target: *target, dst: *dst }).collect());
        self.parts.tables.len() as u32 - 1
    }

    /// Adds a host effect.
    pub fn effect(&mut self, operation: &str, argument: u16, answer: u16, may_block: bool) -> u32 {
        let (interface, operation) = ("Test".into(), operation.into());
        self.parts.effects.push(EffectPart { interface, operation, argument, answer, may_block });
        self.parts.effects.len() as u32 - 1
    }

    /// Adds a plan that opens sessions of an image.
    pub fn plan(&mut self, image: &CodeImage) -> u32 {
        self.parts.plans.push(PlanPart { image: image.digest().0, roles: image.role_count() as u16 });
        self.parts.plans.len() as u32 - 1
    }

    /// Where the next role's code will start.
    pub fn here(&self) -> u32 {
        self.parts.code.len() as u32
    }

    /// Adds the next role with its code.
    pub fn role(&mut self, name: &str, initial: u32, registers: u16, code: &[Instr]) {
        let code_start = self.here();
        self.parts.code.extend(code.iter().map(|instr| instr.encode()));
        let code_end = self.here();
        self.parts.roles.push(RolePart { name: name.into(), initial, code_start, code_end, registers });
    }

    /// Puts other code in a role's place; later roles move. Targets in the code are not touched.
    pub fn recode(&mut self, role: usize, registers: u16, code: &[Instr]) {
        let part = &mut self.parts.roles[role];
        let (start, end) = (part.code_start as usize, part.code_end as usize);
        part.registers = registers;
        self.parts.code.splice(start..end, code.iter().map(|instr| instr.encode()));
        let (mut at, moved) = (part.code_start, code.len());
        for (row, part) in self.parts.roles.iter_mut().enumerate().skip(role) {
            let len = if row == role { moved as u32 } else { part.code_end - part.code_start };
            (part.code_start, part.code_end) = (at, at + len);
            at += len;
        }
    }

    /// The verified image.
    pub fn verify(self) -> Result<Arc<CodeImage>, VerifyError> {
        CodeImage::verify(self.parts).map(Arc::new)
    }

    /// The verified image of a draft that ought to verify.
    pub fn image(self) -> Result<Arc<CodeImage>, String> {
        self.verify().map_err(|error| format!("the draft ought to verify: {error}"))
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self::new()
    }
}

/// `A` sends `count` messages `M(nat)` of the values 1, 2, ... to `B`, and both end. `B` keeps the last one in r1.
pub fn letters(count: u16) -> Draft {
    let mut draft = Draft::new();
    let label = draft.label("M", NAT);
    let edge = draft.edge(0, 1);
    for node in 0..u32::from(count) {
        draft.comm(edge, &[(label, node + 1)]);
    }
    draft.end();
    let first_of_b = u32::from(count) + 1;
    for (role, first) in [(0, 0), (1, first_of_b)] {
        for at in 0..u32::from(count) {
            let action = if role == 0 { Action::Send(edge) } else { Action::Recv(edge) };
            draft.state(role, action, &[(label, first + at + 1)]);
        }
        draft.state(role, Action::End, &[]);
    }
    let mut sends = Vec::new();
    for n in 1..=u64::from(count) {
        let constant = draft.nat(n);
        sends.extend([Instr::Set { dst: 1, constant }, Instr::Send { chan: 0, val: 1 }]);
    }
    sends.push(Instr::Halt {});
    draft.role("A", 0, 2, &sends);
    let mut receives = vec![Instr::Receive { chan: 0, dst: 1 }; usize::from(count)];
    receives.push(Instr::Halt {});
    draft.role("B", first_of_b, 2, &receives);
    draft
}

/// `A` sends `More(nat)` to `B` as long as the host chooses it, and then `Done`. `More` leads back to the same state
/// at both ends, so it may be left out or overwritten; `Done` may not. The program's own payload is always 1.
pub fn stream() -> Draft {
    let mut draft = Draft::new();
    let (more, done) = (draft.label("More", NAT), draft.label("Done", UNIT));
    let edge = draft.edge(0, 1);
    draft.comm(edge, &[(more, 0), (done, 1)]);
    draft.end();
    draft.state(0, Action::Send(edge), &[(more, 0), (done, 1)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(edge), &[(more, 2), (done, 3)]);
    draft.state(1, Action::End, &[]);
    let constant = draft.nat(1);
    let table = draft.table(&[(2, 0), (4, 0)]);
    let offer = |val, label: u16| Instr::Offer { chan: 0, val, label: u32::from(label) };
    let decide = Instr::Decide { chan: 0, table };
    let jump = Instr::Jump { target: 1 };
    draft.role(
        "A",
        0,
        3,
        &[Instr::Set { dst: 1, constant }, decide, offer(1, more), jump, offer(2, done), Instr::Halt {}],
    );
    let start = draft.here();
    let table = draft.table(&[(start, 1), (start + 1, 0)]);
    draft.role("B", 2, 2, &[Instr::Choose { chan: 0, table }, Instr::Halt {}]);
    draft
}
