//! What an instruction asks of its registers, and how it is said that they do not hold it.

use super::VerifyError;
use super::flow::Flow;
use super::known::{Held, Known};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use motet_types::{Action, Instr, Pc, Planted, Reg, Sort, SortId, StatePart, planted};

impl Flow<'_> {
    /// A fact: an endpoint, whosoever, and a text in the register behind it, which the role has.
    pub(super) fn fact(&self, pc: u32, known: &Known, register: u16) -> Result<(), VerifyError> {
        match known.registers[usize::from(register)] {
            _ if planted(Planted::VerifyFact) => Ok(()),
            Held::Own | Held::Endpoint => self.string(pc, known, register + 1),
            held => Err(self.holds(pc, register, held, String::from("an endpoint"))),
        }
    }

    pub(super) fn string(&self, pc: u32, known: &Known, register: u16) -> Result<(), VerifyError> {
        match known.registers[usize::from(register)] {
            Held::Sort(sort) if self.sorts.get(sort) == Some(Sort::String) => Ok(()),
            held => Err(self.holds(pc, register, held, String::from("string"))),
        }
    }

    /// What a register holds that was told whether something is so.
    pub(super) fn truth(&self) -> Result<Held, VerifyError> {
        let at = self.sorts.rows().iter().position(|sort| *sort == Sort::Bool);
        at.and_then(|at| u16::try_from(at).ok()).map(|at| Held::Sort(SortId(at))).ok_or(VerifyError::Table {
            table: "sort",
            row: self.sorts.rows().len(),
            rule: "a role asks what it knows, and there is no sort `bool` for the answer",
        })
    }

    /// The sort of a guard's evidence.
    pub(super) fn text(&self) -> Option<SortId> {
        let at = self.sorts.rows().iter().position(|sort| *sort == Sort::String)?;
        u16::try_from(at).ok().map(SortId)
    }

    pub(super) fn speculates(&self, pc: u32, what: &'static str) -> VerifyError {
        VerifyError::Speculation { pc: Pc(pc), role: self.role.name.clone(), what }
    }

    pub(super) fn nat(&self, pc: u32, known: &Known, register: u16) -> Result<(), VerifyError> {
        match known.registers[usize::from(register)] {
            Held::Sort(sort) if self.sorts.get(sort) == Some(Sort::Nat) => Ok(()),
            held => Err(self.holds(pc, register, held, String::from("nat"))),
        }
    }

    /// What a register holds that was given a value of the sort.
    pub(super) fn sorted(&self, sort: SortId) -> Held {
        if self.sorts.get(sort) == Some(Sort::Unit) { Held::Unit } else { Held::Sort(sort) }
    }

    /// Whether a register holds an endpoint of which only the step knows more.
    pub(super) fn is_through(&self, known: &Known, chan: u16) -> bool {
        known.registers[usize::from(chan)] == Held::Endpoint
    }

    pub(super) fn register(&self, pc: u32, register: u16) -> Result<(), VerifyError> {
        if register < self.role.registers || planted(Planted::VerifyTableRegister) {
            return Ok(());
        }
        let (role, count) = (self.role.name.clone(), self.role.registers);
        Err(VerifyError::Register { pc: Pc(pc), register: Reg(register), role, count })
    }

    pub(super) fn own(&self, pc: u32, known: &Known, chan: u16) -> Result<(), VerifyError> {
        match known.registers[usize::from(chan)] {
            Held::Own => Ok(()),
            _ if planted(Planted::VerifyEndpoint) => Ok(()),
            held => Err(self.holds(pc, chan, held, format!("the endpoint of {}", self.role.name))),
        }
    }

    pub(super) fn payload(&self, pc: u32, known: &Known, val: u16, label: u16) -> Result<(), VerifyError> {
        self.held(pc, known, val, SortId(self.parts.labels[usize::from(label)].sort))
    }

    pub(super) fn held(&self, pc: u32, known: &Known, register: u16, sort: SortId) -> Result<(), VerifyError> {
        let held = known.registers[usize::from(register)];
        let ok = match held {
            Held::Sort(held) => held == sort,
            Held::Unit => self.sorts.get(sort) == Some(Sort::Unit),
            Held::Own | Held::Endpoint | Held::Unknown => false,
        };
        if ok || planted(Planted::VerifyPayloadSort) {
            return Ok(());
        }
        Err(self.holds(pc, register, held, self.sorts.display(sort).to_string()))
    }

    pub(super) fn holds(&self, pc: u32, register: u16, held: Held, needed: String) -> VerifyError {
        let held = match held {
            Held::Sort(sort) => self.sorts.display(sort).to_string(),
            Held::Unit => String::from("unit"),
            Held::Own => format!("the endpoint of {}", self.role.name),
            Held::Endpoint => String::from("an endpoint of some session"),
            Held::Unknown => String::from("anything"),
        };
        VerifyError::Held { pc: Pc(pc), role: self.role.name.clone(), register: Reg(register), held, needed }
    }

    pub(super) fn not_allowed(&self, pc: u32, instr: Instr, state: &StatePart) -> VerifyError {
        let (verb, edge) = match state.action {
            Action::End => ("is at its end", None),
            Action::Send(edge) => ("sends", Some(edge)),
            Action::Recv(edge) => ("receives", Some(edge)),
        };
        let mut allows = String::from(verb);
        if let Some(edge) = edge {
            let edge = self.parts.edges[usize::from(edge)];
            let name = |role: u16| self.parts.roles[usize::from(role)].name.as_str();
            let labels: Vec<&str> =
                state.branches.iter().map(|b| self.parts.labels[usize::from(b.label)].name.as_str()).collect();
            allows = format!("{verb} {{{}}} on {} -> {}", labels.join(", "), name(edge.sender), name(edge.receiver));
        }
        VerifyError::Type { pc: Pc(pc), role: self.role.name.clone(), instr: instr.to_string(), allows }
    }
}
