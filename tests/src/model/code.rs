//! Programs as the model reads them: an image's parts, decoded once and taken literally.

use motet_types::{
    Action, BranchPart, Digest, EdgeId, ImageParts, Instr, LabelId, ScalarPart, Sort, SortId, SortTable, StatePart,
    Value,
};
use std::collections::BTreeSet;

/// A program, and which loaded program each of its plans names.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) parts: ImageParts,
    pub(super) instrs: Vec<Instr>,
    pub(super) sorts: SortTable,
    pub(super) constants: Vec<Value>,
    pub(super) plans: Vec<usize>,
}

impl Code {
    /// Reads an image's parts; `loaded` has the digests of what was loaded before.
    pub(super) fn read(parts: &ImageParts, loaded: &[Digest]) -> Result<Self, String> {
        let instrs = parts.code.iter().map(|word| Instr::decode(*word)).collect::<Result<Vec<_>, _>>();
        let instrs = instrs.map_err(|error| error.to_string())?;
        let sorts = SortTable::from_rows(parts.sorts.clone()).ok_or("the sorts make no table")?;
        let constants = parts.constants.iter().map(|part| {
            let mut scalars = part.scalars.iter();
            constant(&sorts, SortId(part.sort), &mut scalars)
        });
        let constants = constants.collect::<Option<Vec<_>>>().ok_or("a constant has too few scalars")?;
        let place = |image: &[u8; 32]| loaded.iter().position(|digest| digest.0 == *image);
        let plans = parts.plans.iter().map(|plan| place(&plan.image)).collect::<Option<Vec<_>>>();
        let plans = plans.ok_or("a plan's image is not loaded")?;
        Ok(Self { parts: parts.clone(), instrs, sorts, constants, plans })
    }

    pub(super) fn state(&self, at: u32) -> &StatePart {
        &self.parts.states[at as usize]
    }

    pub(super) fn label_sort(&self, label: LabelId) -> SortId {
        SortId(self.parts.labels[label.index()].sort)
    }

    /// Where execution goes on when it goes on at `pc`: jumps on the way are followed and are no steps, a loop of jumps
    /// alone excepted, which is entered.
    pub(super) fn lead(&self, pc: u32) -> u32 {
        let (mut at, mut met) = (pc, BTreeSet::new());
        while let Some(Instr::Jump { target }) = self.instrs.get(at as usize) {
            if !met.insert(at) {
                return at;
            }
            at = *target;
        }
        at
    }

    /// Whether neither end's type can tell one message of this branch more or fewer.
    pub(super) fn is_elastic(&self, state: u32, branch: BranchPart, edge: EdgeId) -> bool {
        let moves = |(at, row): (u32, &StatePart)| {
            row.action == Action::Recv(edge.0)
                && row.branches.iter().any(|other| other.label == branch.label && !self.alike(at, other.next))
        };
        self.alike(state, branch.next) && !(0..).zip(&self.parts.states).any(moves)
    }

    /// Whether two states are the same type: whatever happens from one can happen from the other.
    fn alike(&self, a: u32, b: u32) -> bool {
        let (mut taken, mut todo) = (BTreeSet::new(), vec![(a, b)]);
        while let Some((a, b)) = todo.pop() {
            if a == b || !taken.insert((a, b)) {
                continue;
            }
            let (one, other) = (self.state(a), self.state(b));
            if one.action != other.action || one.branches.len() != other.branches.len() {
                return false;
            }
            for branch in &one.branches {
                match other.branches.iter().find(|row| row.label == branch.label) {
                    Some(row) => todo.push((branch.next, row.next)),
                    None => return false,
                }
            }
        }
        true
    }

    /// This program's label that is what another program calls by that number: of the same name and sort.
    pub(super) fn label_of(&self, other: &Self, label: LabelId) -> Option<LabelId> {
        let wanted = &other.parts.labels[label.index()];
        let same = |row: &motet_types::LabelPart| {
            row.name == wanted.name && same_sort(&self.sorts, SortId(row.sort), &other.sorts, SortId(wanted.sort))
        };
        self.parts.labels.iter().position(same).map(|at| LabelId(at as u16))
    }
}

fn same_sort(a: &SortTable, of_a: SortId, b: &SortTable, of_b: SortId) -> bool {
    match (a.get(of_a), b.get(of_b)) {
        (Some(Sort::Prod(l, r)), Some(Sort::Prod(m, s))) => {
            same_sort(a, SortId(l), b, SortId(m)) && same_sort(a, SortId(r), b, SortId(s))
        }
        (one, other) => one.is_some() && one == other,
    }
}

fn constant<'a>(sorts: &SortTable, sort: SortId, from: &mut impl Iterator<Item = &'a ScalarPart>) -> Option<Value> {
    if let Some(Sort::Prod(left, right)) = sorts.get(sort) {
        let left = constant(sorts, SortId(left), from)?;
        return Some(Value::Prod(Box::new((left, constant(sorts, SortId(right), from)?))));
    }
    Some(match from.next()? {
        ScalarPart::Unit => Value::Unit,
        ScalarPart::Nat(number) => Value::Nat(*number),
        ScalarPart::Bool(truth) => Value::Bool(*truth),
        ScalarPart::Str(text) => Value::Str(text.as_str().into()),
    })
}
