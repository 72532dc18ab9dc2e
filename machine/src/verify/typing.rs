//! What verification knows at every instruction, for holding a restored session against it.
//!
//! An image does not keep this: it is as large as code times registers, and no step needs it.

use super::flow::paths;
use super::known::{Held, Known};
use super::{VerifyError, Work};
use crate::image::CodeImage;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{Action, EdgeId, Instr, LabelId, Pc, RoleId, SortId, Value};

/// The state of the type and the registers' contents at every instruction that a path reaches.
#[derive(Debug)]
pub(crate) struct Typing {
    points: Vec<Option<Known>>,
    /// Which labels are ever sent on which edge.
    sent: BTreeSet<(u16, u16)>,
}

impl Typing {
    /// Follows every path of the image again. The image was verified, so this ends as it did then.
    pub(crate) fn of(image: &CodeImage) -> Result<Self, VerifyError> {
        let parts = &image.parts;
        let code = parts
            .code
            .iter()
            .zip(0..)
            .map(|(word, pc)| Instr::decode(*word).map_err(|error| VerifyError::Decode { pc: Pc(pc), error }));
        let code: Vec<Instr> = code.collect::<Result<_, _>>()?;
        let mut points: Vec<Option<Known>> = vec![None; code.len()];
        let mut work = Work(Work::LIMIT);
        for role in &parts.roles {
            for (pc, known) in paths(parts, &code, &image.sorts, role, &mut work)? {
                points[pc as usize] = Some(known);
            }
        }
        let mut sent = BTreeSet::new();
        for state in &parts.states {
            if let Action::Send(edge) = state.action {
                sent.extend(state.branches.iter().map(|branch| (edge, branch.label)));
            }
        }
        Ok(Self { points, sent })
    }

    fn at(&self, pc: Pc) -> Option<&Known> {
        self.points.get(pc.index())?.as_ref()
    }

    /// The state of the own type at an instruction that some path reaches with the own endpoint.
    pub(crate) fn state(&self, pc: Pc) -> Option<u32> {
        self.at(pc).filter(|known| known.owns).map(|known| known.state)
    }

    /// The state of the own type at an instruction at which nothing is half done: no speculation is open, and the host has
    /// decided nothing that was not obeyed yet.
    pub(crate) fn rests(&self, pc: Pc) -> Option<u32> {
        let rests = |known: &&Known| known.owns && known.forks.is_empty() && known.decides_nothing();
        self.at(pc).filter(rests).map(|known| known.state)
    }

    /// What every register holds at an instruction; none where no path leads.
    pub(crate) fn registers(&self, pc: Pc) -> Option<&[Held]> {
        self.at(pc).map(|known| &known.registers[..])
    }

    /// Whether some path reaches an instruction, and whether with the own endpoint.
    pub(crate) fn owns(&self, pc: Pc) -> Option<bool> {
        self.at(pc).map(|known| known.owns)
    }

    /// The instructions that began the speculations which are open at an instruction, the outermost first.
    pub(crate) fn forks(&self, pc: Pc) -> Vec<u32> {
        self.at(pc).map_or_else(Vec::new, |known| known.forks.iter().map(|fork| fork.pc).collect())
    }

    /// Whether a register may hold the value at the instruction, in a coroutine of the role.
    pub(crate) fn admits(&self, image: &CodeImage, role: RoleId, pc: Pc, register: usize, value: &Value) -> bool {
        let sorts = &image.sorts;
        let own = matches!(value, Value::Endpoint { session, role: of } if *of == role && session.number() == 0);
        let endpoint = matches!(value, Value::Endpoint { .. });
        match self.at(pc).and_then(|known| known.registers.get(register)) {
            None => false,
            Some(Held::Sort(sort)) => value.has_sort(sorts, *sort),
            Some(Held::Unit) => *value == Value::Unit,
            Some(Held::Own) => own,
            Some(Held::Endpoint) => endpoint,
            Some(Held::Unknown) => {
                let mut all = (0..sorts.rows().len()).map(|at| SortId(at as u16));
                endpoint || *value == Value::Unit || all.any(|sort| value.has_sort(sorts, sort))
            }
        }
    }

    /// Whether the label is ever sent on the edge.
    pub(crate) fn is_sent(&self, edge: EdgeId, label: LabelId) -> bool {
        self.sent.contains(&(edge.0, label.0))
    }
}
