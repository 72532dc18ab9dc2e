//! The first check: every row of every table is in range, unique where it must be, and every word an instruction.

use super::{Checked, VerifyError};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use motet_types::{
    Action, ConstantPart, GlobalPart, ImageParts, Instr, MAX_VALUE_DEPTH, Operand, Pc, Planted, Reg, ScalarPart, Sort,
    SortId, SortTable, Value, planted,
};

/// The most scalars a sort may consist of, so that no value grows without bound.
const MAX_SORT_SCALARS: u64 = 65_536;
/// The most branches one state may have.
const MAX_BRANCHES: usize = 1 << 14;
/// The most registers a role may use.
const MAX_REGISTERS: u16 = 4096;

fn refuse(table: &'static str, row: usize, rule: &'static str) -> VerifyError {
    VerifyError::Table { table, row, rule }
}

fn ensure(ok: bool, table: &'static str, row: usize, rule: &'static str) -> Result<(), VerifyError> {
    if ok { Ok(()) } else { Err(refuse(table, row, rule)) }
}

pub(super) fn check(parts: &ImageParts) -> Result<Checked, VerifyError> {
    let sorts = sorts(parts)?;
    names(parts)?;
    edges(parts)?;
    states(parts)?;
    global(parts)?;
    effects(parts)?;
    plans(parts)?;
    let mut constants = Vec::with_capacity(parts.constants.len());
    for (row, part) in parts.constants.iter().enumerate() {
        let value = constant(&sorts, part);
        constants.push(value.ok_or_else(|| refuse("constant", row, "its scalars do not make up its sort"))?);
    }
    let code = code(parts)?;
    Ok(Checked { sorts, code, constants })
}

fn sorts(parts: &ImageParts) -> Result<SortTable, VerifyError> {
    let mut sizes: Vec<(u64, usize)> = Vec::with_capacity(parts.sorts.len());
    for (row, sort) in parts.sorts.iter().enumerate() {
        sizes.push(match sort {
            Sort::Prod(a, b) => {
                let (Some(a), Some(b)) = (sizes.get(usize::from(*a)), sizes.get(usize::from(*b))) else {
                    return Err(refuse("sort", row, "a product must be made of earlier sorts"));
                };
                (a.0.saturating_add(b.0), 1 + a.1.max(b.1))
            }
            _ => (1, 0),
        });
        let (size, depth) = sizes[row];
        ensure(size <= MAX_SORT_SCALARS && depth <= MAX_VALUE_DEPTH, "sort", row, "it is too large")?;
    }
    parts.sort_table().ok_or_else(|| refuse("sort", 0, "the same sort stands twice, or there are too many"))
}

fn names(parts: &ImageParts) -> Result<(), VerifyError> {
    ensure(!parts.roles.is_empty(), "role", 0, "a protocol needs at least one role")?;
    ensure(parts.roles.len() <= usize::from(u16::MAX), "role", 0, "there are too many roles")?;
    let mut seen = BTreeSet::new();
    let mut end = 0;
    for (row, role) in parts.roles.iter().enumerate() {
        ensure(!role.name.is_empty() && seen.insert(&role.name), "role", row, "its name is empty or taken")?;
        ensure((1..=MAX_REGISTERS).contains(&role.registers), "role", row, "it needs 1 to 4096 registers")?;
        ensure(role.code_start == end, "role", row, "its code does not start where the last role's ends")?;
        ensure(role.code_end > role.code_start, "role", row, "it has no code")?;
        let first = parts.states.get(role.initial as usize);
        ensure(
            first.is_some_and(|state| usize::from(state.role) == row),
            "role",
            row,
            "its first state is not its own",
        )?;
        end = role.code_end;
    }
    ensure(end as usize == parts.code.len(), "role", parts.roles.len() - 1, "the roles' code is not all the code")?;
    let mut seen = BTreeSet::new();
    for (row, label) in parts.labels.iter().enumerate() {
        ensure(usize::from(label.sort) < parts.sorts.len(), "label", row, "its sort does not exist")?;
        ensure(!label.name.is_empty(), "label", row, "its name is empty")?;
        ensure(seen.insert((&label.name, label.sort)), "label", row, "it stands twice")?;
    }
    ensure(parts.labels.len() <= usize::from(u16::MAX), "label", 0, "there are too many labels")?;
    let lines = parts.lines.len();
    ensure(lines == 0 || lines == parts.code.len(), "line", lines, "there must be none or one for each instruction")
}

fn edges(parts: &ImageParts) -> Result<(), VerifyError> {
    ensure(parts.edges.len() <= usize::from(u16::MAX), "edge", 0, "there are too many edges")?;
    let mut seen = BTreeSet::new();
    for (row, edge) in parts.edges.iter().enumerate() {
        let roles = parts.roles.len();
        let there = usize::from(edge.sender) < roles && usize::from(edge.receiver) < roles;
        ensure(there, "edge", row, "it joins a role that does not exist")?;
        ensure(edge.sender != edge.receiver, "edge", row, "it joins a role to itself")?;
        ensure(seen.insert((edge.sender, edge.receiver)), "edge", row, "it stands twice")?;
    }
    Ok(())
}

/// Label rows in range, and no *name* twice: a receiver tells branches apart by what was said, not by its payload.
fn labels(
    parts: &ImageParts,
    branches: &[motet_types::BranchPart],
    table: &'static str,
    row: usize,
) -> Result<(), VerifyError> {
    ensure(!branches.is_empty(), table, row, "it has no branches")?;
    ensure(branches.len() <= MAX_BRANCHES, table, row, "it has too many branches")?;
    let mut seen = BTreeSet::new();
    for branch in branches {
        let label = parts.labels.get(usize::from(branch.label));
        let label = label.ok_or_else(|| refuse(table, row, "a branch's label does not exist"))?;
        ensure(seen.insert(&label.name), table, row, "two branches have the same label")?;
    }
    Ok(())
}

fn states(parts: &ImageParts) -> Result<(), VerifyError> {
    for (row, state) in parts.states.iter().enumerate() {
        ensure(usize::from(state.role) < parts.roles.len(), "state", row, "its role does not exist")?;
        let (edge, sends) = match state.action {
            Action::End => {
                ensure(state.branches.is_empty(), "state", row, "it is at its end but has branches")?;
                continue;
            }
            Action::Send(edge) => (edge, true),
            Action::Recv(edge) => (edge, false),
        };
        let edge = parts.edges.get(usize::from(edge));
        let edge = edge.ok_or_else(|| refuse("state", row, "its edge does not exist"))?;
        let own = if sends { edge.sender } else { edge.receiver };
        ensure(own == state.role, "state", row, "its edge is another role's")?;
        labels(parts, &state.branches, "state", row)?;
        for branch in &state.branches {
            let next = parts.states.get(branch.next as usize);
            let ok = next.is_some_and(|next| next.role == state.role);
            ensure(ok, "state", row, "a branch leads to a state that does not exist or is another role's")?;
        }
    }
    Ok(())
}

fn global(parts: &ImageParts) -> Result<(), VerifyError> {
    let count = parts.global.len();
    ensure(count > 0, "global node", 0, "there is no global type")?;
    for (row, node) in parts.global.iter().enumerate() {
        match node {
            GlobalPart::End => {}
            GlobalPart::Comm { edge, branches } => {
                ensure(usize::from(*edge) < parts.edges.len(), "global node", row, "its edge does not exist")?;
                labels(parts, branches, "global node", row)?;
                let there = branches.iter().all(|branch| (branch.next as usize) < count);
                ensure(there, "global node", row, "a branch leads to a node that does not exist")?;
            }
            GlobalPart::Par { parts, next } => {
                let there = parts.iter().chain([next]).all(|node| (*node as usize) < count);
                ensure(there, "global node", row, "it leads to a node that does not exist")?;
            }
        }
    }
    Ok(())
}

fn effects(parts: &ImageParts) -> Result<(), VerifyError> {
    ensure(parts.effects.len() <= usize::from(u16::MAX), "effect", 0, "there are too many effects")?;
    let mut seen = BTreeSet::new();
    for (row, effect) in parts.effects.iter().enumerate() {
        let named = !effect.interface.is_empty() && !effect.operation.is_empty();
        ensure(named, "effect", row, "its interface or operation has no name")?;
        ensure(seen.insert((&effect.interface, &effect.operation)), "effect", row, "it stands twice")?;
        let there = usize::from(effect.argument.max(effect.answer)) < parts.sorts.len();
        ensure(there, "effect", row, "its sorts do not exist")?;
    }
    Ok(())
}

fn plans(parts: &ImageParts) -> Result<(), VerifyError> {
    ensure(parts.plans.len() <= usize::from(u16::MAX), "plan", 0, "there are too many plans")?;
    let mut seen = BTreeSet::new();
    for (row, plan) in parts.plans.iter().enumerate() {
        ensure(plan.roles > 0, "plan", row, "a protocol needs at least one role")?;
        ensure(seen.insert(plan.image), "plan", row, "it stands twice")?;
    }
    Ok(())
}

/// The value of a constant, when its scalars are exactly those of its sort.
fn constant(sorts: &SortTable, part: &ConstantPart) -> Option<Value> {
    let mut scalars = part.scalars.iter();
    let value = assemble(sorts, SortId(part.sort), &mut scalars)?;
    scalars.next().is_none().then_some(value)
}

/// Recursion is bounded by the depth of sorts, which has been checked.
fn assemble<'a>(sorts: &SortTable, sort: SortId, scalars: &mut impl Iterator<Item = &'a ScalarPart>) -> Option<Value> {
    if let Sort::Prod(a, b) = sorts.get(sort)? {
        let first = assemble(sorts, SortId(a), scalars)?;
        return Some(Value::Prod(Box::new((first, assemble(sorts, SortId(b), scalars)?))));
    }
    let value = match scalars.next()? {
        ScalarPart::Unit => Value::Unit,
        ScalarPart::Nat(n) => Value::Nat(*n),
        ScalarPart::Bool(b) => Value::Bool(*b),
        ScalarPart::Str(text) => Value::Str(text.clone()),
    };
    value.has_sort(sorts, sort).then_some(value)
}

fn code(parts: &ImageParts) -> Result<Vec<Instr>, VerifyError> {
    let mut code = Vec::with_capacity(parts.code.len());
    for role in &parts.roles {
        for at in role.code_start..role.code_end {
            let pc = Pc(at);
            let instr = Instr::decode(parts.code[at as usize]).map_err(|error| VerifyError::Decode { pc, error })?;
            for (kind, value) in instr.operands() {
                let (what, limit) = match kind {
                    Operand::Read | Operand::Write | Operand::Endpoint | Operand::Fact => {
                        let bound = u32::from(role.registers);
                        let bound = if planted(Planted::VerifyRegisterBound) { bound + 1 } else { bound };
                        // A fact's text stands in the register behind its endpoint's.
                        let last = value + u32::from(kind == Operand::Fact);
                        if last >= bound {
                            let (register, count) = (Reg(last.min(u32::from(u16::MAX)) as u16), role.registers);
                            return Err(VerifyError::Register { pc, register, role: role.name.clone(), count });
                        }
                        continue;
                    }
                    Operand::Target => {
                        let inside = (role.code_start..role.code_end).contains(&value);
                        if !inside && !planted(Planted::VerifyJumpRange) {
                            return Err(VerifyError::Jump { pc, target: value, role: role.name.clone() });
                        }
                        continue;
                    }
                    Operand::Table => ("table", parts.tables.len()),
                    Operand::Label => ("label", parts.labels.len()),
                    Operand::Constant => ("constant", parts.constants.len()),
                    Operand::Effect => ("effect", parts.effects.len()),
                    Operand::Plan => ("plan", parts.plans.len()),
                    Operand::Sort => ("sort", parts.sorts.len()),
                    Operand::Layer => {
                        if value > u32::from(u16::MAX) && !planted(Planted::VerifyLayerRange) {
                            return Err(VerifyError::Operand { pc, what: "guard layer", row: value });
                        }
                        continue;
                    }
                    Operand::Number => continue,
                };
                if value as usize >= limit && !planted(Planted::VerifyOperandRange) {
                    return Err(VerifyError::Operand { pc, what, row: value });
                }
            }
            code.push(instr);
        }
    }
    Ok(code)
}
