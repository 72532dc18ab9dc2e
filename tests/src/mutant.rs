//! Mutants: image parts with a few things changed, most of them wrong, some of them harmless.

use crate::dice::Dice;
use motet_types::{
    Action, BranchPart, ConstantPart, EdgePart, EffectPart, GlobalPart, ImageParts, Instr, OPCODES, ScalarPart, Sort,
    TableRow,
};

/// A number near `from`, or any below `limit`, or now and then one that is far out of range.
fn near(dice: &mut Dice, from: usize, limit: usize) -> usize {
    match dice.below(12) {
        0..=3 => from.wrapping_add(1),
        4..=6 => from.saturating_sub(1),
        7..=10 => dice.below(limit.max(1)),
        _ => dice.below(1 << 16),
    }
}

/// An instruction with operands that are mostly in range for a role.
pub fn instr(dice: &mut Dice, parts: &ImageParts, role: usize) -> Instr {
    let part = &parts.roles[role];
    let registers = usize::from(part.registers) + usize::from(dice.one_in(30));
    let reg = |dice: &mut Dice| dice.below(registers) as u16;
    let chan = |dice: &mut Dice| if dice.one_in(12) { dice.below(registers) as u16 } else { 0 };
    let row = |dice: &mut Dice, count: usize| {
        let one_more = usize::from(dice.one_in(20));
        dice.below(count + one_more) as u32
    };
    match dice.below(15) {
        13 => Instr::Acquire { dst: reg(dice), layer: row(dice, 3) },
        14 => Instr::Release { evidence: reg(dice), layer: row(dice, 3) },
        0 => Instr::Send { chan: chan(dice), val: reg(dice) },
        1 => Instr::Receive { chan: chan(dice), dst: reg(dice) },
        2 => Instr::Offer { chan: chan(dice), val: reg(dice), label: row(dice, parts.labels.len()) },
        3 => Instr::Choose { chan: chan(dice), table: row(dice, parts.tables.len()) },
        4 => Instr::Decide { chan: chan(dice), table: row(dice, parts.tables.len()) },
        5 => Instr::Invoke { arg: reg(dice), dst: reg(dice), effect: row(dice, parts.effects.len()) },
        6 => Instr::Set { dst: reg(dice), constant: row(dice, parts.constants.len()) },
        7 | 8 => Instr::Move { dst: reg(dice), src: reg(dice) },
        9 => {
            let inside = part.code_end - part.code_start;
            Instr::Jump { target: part.code_start + dice.below(inside as usize + 1) as u32 }
        }
        10 => Instr::Branch { on: reg(dice), table: row(dice, parts.tables.len()) },
        11 => Instr::Yield {},
        _ => Instr::Halt {},
    }
}

fn role_at(parts: &ImageParts, pc: usize) -> usize {
    parts.roles.iter().position(|role| (role.code_start..role.code_end).contains(&(pc as u32))).unwrap_or(0)
}

/// Moves every position at or behind `at` by `by`.
fn shift(parts: &mut ImageParts, at: usize, by: i32) {
    let moved = |target: u32| if target as usize > at { target.saturating_add_signed(by) } else { target };
    for word in &mut parts.code {
        if let Ok(Instr::Jump { target }) = Instr::decode(*word) {
            *word = Instr::Jump { target: moved(target) & 0xff_ffff }.encode();
        }
    }
    parts.tables.iter_mut().flatten().for_each(|row| row.target = moved(row.target));
    for role in &mut parts.roles {
        (role.code_start, role.code_end) = (moved(role.code_start), moved(role.code_end));
    }
}

/// Puts an instruction in front of the one at `at`; every jump there still leads to the old one or to the new one.
fn insert(parts: &mut ImageParts, at: usize, instr: Instr) {
    shift(parts, at, 1);
    parts.code.insert(at, instr.encode());
    if let Some(line) = parts.lines.get(at).copied() {
        parts.lines.insert(at, line);
    }
}

fn remove(parts: &mut ImageParts, at: usize) {
    shift(parts, at, -1);
    parts.code.remove(at);
    if at < parts.lines.len() {
        parts.lines.remove(at);
    }
}

/// Puts a guard in front of an instruction: a role acquires it and, as a rule, gives it back at once. Both stand in the
/// role's code and do no harm to its types.
pub fn guard(dice: &mut Dice, parts: &mut ImageParts) {
    if !parts.sorts.contains(&Sort::String) {
        parts.sorts.push(Sort::String);
    }
    let at = dice.below(parts.code.len());
    let role = role_at(parts, at);
    let (dst, layer) = (parts.roles[role].registers, dice.below(3) as u32);
    parts.roles[role].registers += 1;
    if !dice.one_in(3) {
        insert(parts, at, Instr::Release { evidence: dst, layer });
    }
    insert(parts, at, Instr::Acquire { dst, layer });
}

/// Something that does no harm to a program's types, most of the time.
pub fn harmless(dice: &mut Dice, parts: &mut ImageParts) {
    let at = dice.below(parts.code.len());
    let role = role_at(parts, at);
    let fresh = parts.roles[role].registers;
    let instr = match dice.below(7) {
        6 if fresh < 64 => return guard(dice, parts),
        0 => Instr::Yield {},
        1 if fresh < 64 => {
            parts.roles[role].registers += 1;
            Instr::Move { dst: fresh, src: dice.below(usize::from(fresh)) as u16 }
        }
        2 if !parts.constants.is_empty() => Instr::Set {
            dst: dice.below(usize::from(fresh)) as u16,
            constant: dice.below(parts.constants.len()) as u32,
        },
        3 => {
            // A branch whose table is empty falls through, whatever the number is.
            parts.tables.push(Vec::new());
            Instr::Branch { on: dice.below(usize::from(fresh)) as u16, table: parts.tables.len() as u32 - 1 }
        }
        4 if parts.effects.len() < 4 && !parts.sorts.is_empty() => {
            let (argument, answer) = (dice.below(parts.sorts.len()) as u16, dice.below(parts.sorts.len()) as u16);
            let operation = format!("op{}", parts.effects.len());
            let may_block = dice.one_in(2);
            parts.effects.push(EffectPart { interface: "Mutant".into(), operation, argument, answer, may_block });
            let (arg, dst) = (dice.below(usize::from(fresh)) as u16, dice.below(usize::from(fresh)) as u16);
            Instr::Invoke { arg, dst, effect: parts.effects.len() as u32 - 1 }
        }
        _ => Instr::Jump { target: at as u32 + 1 },
    };
    insert(parts, at, instr);
}

fn code(dice: &mut Dice, parts: &mut ImageParts) {
    let at = dice.below(parts.code.len());
    let role = role_at(parts, at);
    match dice.below(7) {
        0 | 1 => parts.code[at] = instr(dice, parts, role).encode(),
        2 => {
            let other = dice.below(parts.code.len());
            parts.code.swap(at, other);
        }
        3 => {
            let new = instr(dice, parts, role);
            insert(parts, at, new);
        }
        4 if parts.code.len() > 1 => remove(parts, at),
        5 => {
            // One bit of one operand, which keeps the opcode.
            let slot = [8, 24, 40][dice.below(3)];
            parts.code[at] ^= 1 << (slot + dice.below(3));
        }
        _ => {
            let code = OPCODES[dice.below(OPCODES.len())].0;
            parts.code[at] = parts.code[at] & !0xff | u64::from(code);
        }
    }
}

fn tables(dice: &mut Dice, parts: &mut ImageParts) {
    if parts.tables.is_empty() {
        return code(dice, parts);
    }
    let count = parts.code.len();
    let at = dice.below(parts.tables.len());
    let rows = &mut parts.tables[at];
    match (dice.below(6), rows.len()) {
        (0, _) => rows.push(TableRow { target: dice.below(count) as u32, dst: dice.below(4) as u16 }),
        (1, 1..) => drop(rows.remove(dice.below(rows.len()))),
        (2, 2..) => {
            let last = rows.len() - 1;
            rows.swap(0, last);
        }
        (3 | 4, 1..) => {
            let row = dice.below(rows.len());
            rows[row].target = near(dice, rows[row].target as usize, count) as u32;
        }
        (_, 1..) => {
            let row = dice.below(rows.len());
            rows[row].dst = near(dice, usize::from(rows[row].dst), 4) as u16;
        }
        _ => {}
    }
}

fn branches(dice: &mut Dice, rows: &mut Vec<BranchPart>, labels: usize, count: usize) {
    match (dice.below(7), rows.len()) {
        (0, 2..) => drop(rows.remove(dice.below(rows.len()))),
        (1, _) => rows.push(BranchPart { label: dice.below(labels) as u16, next: dice.below(count) as u32 }),
        (2, 2..) => rows.rotate_left(1),
        (3 | 4, 1..) => {
            let row = dice.below(rows.len());
            rows[row].label = near(dice, usize::from(rows[row].label), labels) as u16;
        }
        (_, 1..) => {
            let row = dice.below(rows.len());
            rows[row].next = near(dice, rows[row].next as usize, count) as u32;
        }
        _ => {}
    }
}

fn states(dice: &mut Dice, parts: &mut ImageParts) {
    let (labels, edges, count) = (parts.labels.len(), parts.edges.len(), parts.states.len());
    if dice.one_in(8) {
        let role = dice.below(parts.roles.len());
        parts.roles[role].initial = near(dice, parts.roles[role].initial as usize, count) as u32;
        return;
    }
    let state = dice.below(count);
    let state = &mut parts.states[state];
    let own = |edge: &EdgePart, sends: bool| if sends { edge.sender } else { edge.receiver };
    let other = |dice: &mut Dice, sends| {
        let fits: Vec<u16> =
            (0..).zip(&parts.edges).filter(|(_, edge)| own(edge, sends) == state.role).map(|(at, _)| at).collect();
        if fits.is_empty() { None } else { Some(*dice.pick(&fits)) }
    };
    match dice.below(10) {
        8 => state.action = other(dice, true).map_or(Action::End, Action::Send),
        9 => state.action = other(dice, false).map_or(Action::End, Action::Recv),
        0 => state.action = Action::End,
        1 => state.action = Action::Send(dice.below(edges.max(1)) as u16),
        2 => state.action = Action::Recv(dice.below(edges.max(1)) as u16),
        3 => state.branches.clear(),
        _ => branches(dice, &mut state.branches, labels, count),
    }
}

fn global(dice: &mut Dice, parts: &mut ImageParts) {
    let (labels, edges, count) = (parts.labels.len(), parts.edges.len(), parts.global.len());
    let at = dice.below(count);
    if dice.one_in(8) {
        let starts = (0..dice.below(3)).map(|_| dice.below(count) as u32).collect();
        parts.global[at] = GlobalPart::Par { parts: starts, next: dice.below(count) as u32 };
        return;
    }
    match &mut parts.global[at] {
        GlobalPart::Comm { edge, branches: rows } => match dice.below(6) {
            0 => *edge = dice.below(edges.max(1)) as u16,
            1 => parts.global[at] = GlobalPart::End,
            _ => branches(dice, rows, labels, count),
        },
        GlobalPart::Par { parts: starts, next } => match dice.below(4) {
            0 => *next = dice.below(count) as u32,
            1 => starts.push(dice.below(count) as u32),
            2 => drop(starts.pop()),
            _ => starts.reverse(),
        },
        GlobalPart::End => {
            let row = BranchPart { label: dice.below(labels) as u16, next: dice.below(count) as u32 };
            parts.global[at] = GlobalPart::Comm { edge: dice.below(edges.max(1)) as u16, branches: vec![row] };
        }
    }
}

fn small_tables(dice: &mut Dice, parts: &mut ImageParts) {
    let (sorts, roles) = (parts.sorts.len(), parts.roles.len());
    match dice.below(9) {
        0 | 1 if !parts.labels.is_empty() => {
            let at = dice.below(parts.labels.len());
            parts.labels[at].sort = near(dice, usize::from(parts.labels[at].sort), sorts) as u16;
        }
        2 if parts.labels.len() > 1 => {
            let (at, other) = (dice.below(parts.labels.len()), dice.below(parts.labels.len()));
            parts.labels[at].name = parts.labels[other].name.clone();
        }
        3 if sorts > 0 => {
            let wild = [Sort::Unit, Sort::Nat, Sort::Bool, Sort::String, Sort::Real, Sort::Vector(3), Sort::Prod(0, 1)];
            let at = dice.below(sorts);
            parts.sorts[at] = *dice.pick(&wild);
        }
        4 if !parts.constants.is_empty() => {
            let at = dice.below(parts.constants.len());
            let wild = [ScalarPart::Unit, ScalarPart::Nat(dice.word()), ScalarPart::Bool(true)];
            let scalars = vec![dice.pick(&wild).clone()];
            parts.constants[at] = ConstantPart { sort: dice.below(sorts) as u16, scalars };
        }
        5 => {
            let at = dice.below(roles);
            parts.roles[at].registers = near(dice, usize::from(parts.roles[at].registers), 8) as u16;
        }
        6 => {
            let at = dice.below(roles);
            let role = &mut parts.roles[at];
            let end = if dice.one_in(2) { &mut role.code_start } else { &mut role.code_end };
            *end = near(dice, *end as usize, 64) as u32;
        }
        7 if !parts.edges.is_empty() => {
            let at = dice.below(parts.edges.len());
            let EdgePart { sender, receiver } = parts.edges[at];
            parts.edges[at] = match dice.one_in(2) {
                true => EdgePart { sender: receiver, receiver: sender },
                false => EdgePart { sender, receiver: near(dice, usize::from(receiver), roles) as u16 },
            };
        }
        _ if !parts.effects.is_empty() => {
            let at = dice.below(parts.effects.len());
            parts.effects[at].answer = near(dice, usize::from(parts.effects[at].answer), sorts) as u16;
        }
        _ => code(dice, parts),
    }
}

/// Changes one thing.
pub fn mutate(dice: &mut Dice, parts: &mut ImageParts) {
    if parts.code.is_empty() || parts.roles.is_empty() || parts.states.is_empty() || parts.global.is_empty() {
        return;
    }
    match dice.below(16) {
        0..=4 => harmless(dice, parts),
        5..=8 => code(dice, parts),
        9 | 10 => tables(dice, parts),
        11 | 12 => states(dice, parts),
        13 | 14 => global(dice, parts),
        _ => small_tables(dice, parts),
    }
}

/// All of one role's code at random.
pub fn scramble(dice: &mut Dice, parts: &mut ImageParts) {
    let role = dice.below(parts.roles.len());
    for at in parts.roles[role].code_start..parts.roles[role].code_end {
        parts.code[at as usize] = instr(dice, parts, role).encode();
    }
}
