//! Speculations put into images that have none: around instructions, to be kept, or before them, to be undone.

use crate::dice::Dice;
use motet_types::{ConstantPart, ImageParts, Instr, RolePart, ScalarPart, Sort};

/// What is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// `Fork`, some instructions, `Join`.
    Kept,
    /// `Fork`, a copy of some instructions, `Abort`, then the instructions.
    Undone,
}

/// Puts instructions before the one at `at`; who jumped there comes to the first of them, or does `pass` them. Lines
/// go with their code.
pub(crate) fn insert(parts: &mut ImageParts, role: usize, at: u32, code: &[Instr], pass: bool) {
    let by = code.len() as u32;
    let moved = |target: u32| if target > at || pass && target == at { target + by } else { target };
    for word in &mut parts.code {
        match Instr::decode(*word) {
            Ok(Instr::Jump { target }) => *word = Instr::Jump { target: moved(target) }.encode(),
            Ok(Instr::Spawn { args, dst, target }) => {
                *word = Instr::Spawn { args, dst, target: moved(target) }.encode();
            }
            _ => {}
        }
    }
    parts.tables.iter_mut().flatten().for_each(|row| row.target = moved(row.target));
    parts.code.splice(at as usize..at as usize, code.iter().map(|instr| instr.encode()));
    if let Some(line) = parts.lines.get(at as usize).or(parts.lines.last()).copied() {
        parts.lines.splice(at as usize..at as usize, code.iter().map(|_| line));
    }
    for (row, part) in parts.roles.iter_mut().enumerate() {
        let shift = |target: u32| if row > role { target + by } else { target };
        (part.code_start, part.code_end) = (shift(part.code_start), shift(part.code_end) + by * u32::from(row == role));
    }
}

/// Whether an instruction goes on at the next one only, whatever happens.
fn is_straight(instr: Instr) -> bool {
    matches!(
        instr,
        Instr::Send { .. }
            | Instr::Receive { .. }
            | Instr::Offer { .. }
            | Instr::Invoke { .. }
            | Instr::Set { .. }
            | Instr::Move { .. }
            | Instr::Yield {}
            | Instr::Open { .. }
            | Instr::Close { .. }
            | Instr::Cast { .. }
            | Instr::Spawn { .. }
            | Instr::Transfer { .. }
            | Instr::Tag { .. }
            | Instr::Check { .. }
    )
}

/// Straight pieces of a role's code into which nobody jumps, the first instruction aside: (first, length).
pub(crate) fn pieces(parts: &ImageParts, role: &RolePart) -> Vec<(u32, u32)> {
    let instr = |pc: u32| Instr::decode(parts.code[pc as usize]).ok();
    let jumps = (role.code_start..role.code_end).filter_map(instr).filter_map(|instr| match instr {
        Instr::Jump { target } | Instr::Spawn { target, .. } => Some(target),
        _ => None,
    });
    let targets: Vec<u32> = jumps.chain(parts.tables.iter().flatten().map(|row| row.target)).collect();
    let straight = |pc: u32| pc < role.code_end && instr(pc).is_some_and(is_straight);
    let starts = (role.code_start..role.code_end).filter(|pc| straight(*pc));
    let length = |first: u32| {
        let rest = first + 1..role.code_end;
        1 + rest.take_while(|pc| straight(*pc) && !targets.contains(pc)).count() as u32
    };
    starts.map(|first| (first, length(first))).collect()
}

/// Puts up to `count` speculations into one role; how many there are. Some are inside others.
pub fn speculate(parts: &mut ImageParts, dice: &mut Dice, manner: Option<Manner>, count: usize) -> usize {
    let row = |wanted: Sort, parts: &mut ImageParts| match parts.sorts.iter().position(|sort| *sort == wanted) {
        Some(at) => at,
        None => {
            parts.sorts.push(wanted);
            parts.sorts.len() - 1
        }
    };
    let nat = row(Sort::Nat, parts) as u16;
    let role = dice.below(parts.roles.len());
    let ghost = parts.roles[role].registers;
    if ghost >= 250 {
        return 0;
    }
    parts.roles[role].registers += 1;
    let mut put = 0;
    for _ in 0..count {
        let pieces = pieces(parts, &parts.roles[role]);
        if pieces.is_empty() {
            return put;
        }
        let (first, length) = pieces[dice.below(pieces.len())];
        let length = 1 + dice.below(length as usize) as u32;
        parts.constants.push(ConstantPart { sort: nat, scalars: vec![ScalarPart::Nat(put as u64 + 1)] });
        let constant = parts.constants.len() as u32 - 1;
        let begin = [Instr::Set { dst: ghost, constant }, Instr::Fork { ghost }];
        let drawn = if dice.one_in(2) { Manner::Kept } else { Manner::Undone };
        match manner.unwrap_or(drawn) {
            Manner::Kept => {
                insert(parts, role, first + length, &[Instr::Join {}], true);
                insert(parts, role, first, &begin, false);
            }
            Manner::Undone => {
                let copied = (first..first + length).filter_map(|pc| Instr::decode(parts.code[pc as usize]).ok());
                let mut code: Vec<Instr> = begin.into_iter().chain(copied).chain([Instr::Abort {}]).collect();
                // A copy starts its coroutine where the original does, which moves.
                let by = code.len() as u32;
                for instr in &mut code {
                    if let Instr::Spawn { target, .. } = instr
                        && *target > first
                    {
                        *target += by;
                    }
                }
                insert(parts, role, first, &code, false);
            }
        }
        put += 1;
    }
    put
}
