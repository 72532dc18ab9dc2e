//! A small machine for images: it checks that code follows its automata, and runs it on queues.

use super::tree::Dice;
use motet_types::{Action, ImageParts, Instr, SortTable, StatePart};
use std::collections::{BTreeMap, VecDeque};

type Sorts = Vec<Option<u16>>;

/// The code as text.
pub fn list(image: &ImageParts) -> String {
    let code = image.code.iter().enumerate();
    let lines =
        code.map(|(at, word)| format!("{at:3} {}\n", Instr::decode(*word).map_or("?".into(), |i| i.to_string())));
    format!("{}{:?}", lines.collect::<String>(), image.tables)
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// Follows every path of every role's code beside its automaton.
pub fn verify(image: &ImageParts) -> Result<(), String> {
    ensure(SortTable::from_rows(image.sorts.clone()).is_some(), "bad sorts")?;
    ensure(image.lines.is_empty() || image.lines.len() == image.code.len(), "lines do not fit the code")?;
    let mut start = 0;
    for role in &image.roles {
        ensure(role.code_start == start && role.code_end > start, "code is not contiguous")?;
        start = role.code_end;
    }
    ensure(start as usize == image.code.len(), "code behind the last role")?;
    for (at, role) in image.roles.iter().enumerate() {
        let unit = image.sorts.iter().position(|sort| *sort == motet_types::Sort::Unit).map(|at| at as u16);
        let entry: Sorts = vec![unit; usize::from(role.registers)];
        let mut seen: BTreeMap<u32, (u32, Sorts)> = BTreeMap::new();
        let mut todo = vec![(role.code_start, role.initial, entry)];
        while let Some((pc, state, mut sorts)) = todo.pop() {
            ensure((role.code_start..role.code_end).contains(&pc), "position outside the role's code")?;
            if let Some((before, known)) = seen.get(&pc) {
                ensure(*before == state, "two states at one position")?;
                let joined: Sorts = known.iter().zip(&sorts).map(|(a, b)| if a == b { *a } else { None }).collect();
                if joined == *known {
                    continue;
                }
                sorts = joined;
            }
            seen.insert(pc, (state, sorts.clone()));
            let part: &StatePart = &image.states[state as usize];
            ensure(usize::from(part.role) == at, "a state of another role")?;
            let instr = Instr::decode(image.code[pc as usize]).map_err(|bad| bad.to_string())?;
            let mut registers = [0u16; 2];
            match instr {
                Instr::Send { chan, val } | Instr::Offer { chan, val, .. } => registers = [chan, val],
                Instr::Receive { chan, dst } => registers = [chan, dst],
                Instr::Invoke { arg, dst, .. } => registers = [arg, dst],
                Instr::Set { dst, .. } => registers[1] = dst,
                _ => {}
            }
            ensure(registers.iter().all(|r| *r < role.registers), "no such register")?;
            let sort = |label: u16| image.labels[usize::from(label)].sort;
            let sends = matches!(part.action, Action::Send(_));
            match instr {
                Instr::Send { val, .. } => {
                    ensure(sends && part.branches.len() == 1, "Send where the type does not send one label")?;
                    let branch = part.branches[0];
                    ensure(sorts[usize::from(val)] == Some(sort(branch.label)), "Send of another sort")?;
                    todo.push((pc + 1, branch.next, sorts));
                }
                Instr::Offer { val, label, .. } => {
                    let branch = part.branches.iter().find(|b| u32::from(b.label) == label);
                    let branch = branch.filter(|_| sends).ok_or("Offer of a label that the type does not have")?;
                    ensure(sorts[usize::from(val)] == Some(sort(branch.label)), "Offer of another sort")?;
                    todo.push((pc + 1, branch.next, sorts));
                }
                Instr::Receive { dst, .. } => {
                    let receives = matches!(part.action, Action::Recv(_)) && part.branches.len() == 1;
                    ensure(receives, "Receive where the type does not receive one label")?;
                    ensure(dst != 0, "the endpoint is overwritten")?;
                    sorts[usize::from(dst)] = Some(sort(part.branches[0].label));
                    todo.push((pc + 1, part.branches[0].next, sorts));
                }
                Instr::Choose { table, .. } => {
                    ensure(matches!(part.action, Action::Recv(_)), "Choose where the type does not receive")?;
                    let rows = &image.tables[table as usize];
                    ensure(rows.len() == part.branches.len(), "a table of another length")?;
                    for (row, branch) in rows.iter().zip(&part.branches) {
                        ensure(row.dst != 0 && row.dst < role.registers, "a row without register")?;
                        let mut sorts = sorts.clone();
                        sorts[usize::from(row.dst)] = Some(sort(branch.label));
                        todo.push((row.target, branch.next, sorts));
                    }
                }
                Instr::Decide { table, .. } => {
                    ensure(sends, "Decide where the type does not send")?;
                    let rows = &image.tables[table as usize];
                    ensure(rows.len() == part.branches.len(), "a table of another length")?;
                    for (row, branch) in rows.iter().zip(&part.branches) {
                        let offer = Instr::decode(image.code[row.target as usize]).map_err(|bad| bad.to_string())?;
                        let right = matches!(offer, Instr::Offer { label, .. } if label == u32::from(branch.label));
                        ensure(right && row.dst == 0, "an arm that does not offer its row's label")?;
                        todo.push((row.target, state, sorts.clone()));
                    }
                }
                Instr::Set { dst, constant } => {
                    sorts[usize::from(dst)] = Some(image.constants[constant as usize].sort);
                    todo.push((pc + 1, state, sorts));
                }
                Instr::Invoke { arg, dst, effect } => {
                    let effect = &image.effects[effect as usize];
                    ensure(sorts[usize::from(arg)] == Some(effect.argument), "an argument of another sort")?;
                    sorts[usize::from(dst)] = Some(effect.answer);
                    todo.push((pc + 1, state, sorts));
                }
                Instr::Jump { target } => {
                    ensure((role.code_start..role.code_end).contains(&target), "a jump out of the role's code")?;
                    let there = Instr::decode(image.code[target as usize]);
                    ensure(!matches!(there, Ok(Instr::Jump { .. })), "a jump to a jump")?;
                    todo.push((target, state, sorts));
                }
                Instr::Halt {} => ensure(part.action == Action::End, "Halt before the type's end")?,
                other => return Err(format!("unexpected {other}")),
            }
        }
        let all = (role.code_start..role.code_end).all(|pc| seen.contains_key(&pc));
        ensure(all, "code that nothing reaches")?;
    }
    Ok(())
}

/// Runs the image under a random schedule with random decisions; whether it ended within the step limit.
pub fn run(image: &ImageParts, dice: &mut Dice) -> Result<bool, String> {
    let mut queues: BTreeMap<(u16, u16), VecDeque<(u32, u16)>> = BTreeMap::new();
    let mut at: Vec<(u32, u32)> = image.roles.iter().map(|role| (role.code_start, role.initial)).collect();
    let mut idle = vec![false; at.len()];
    for _ in 0..400 {
        if idle.iter().all(|idle| *idle) {
            let halted = at.iter().all(|(pc, _)| image.code[*pc as usize] == Instr::Halt {}.encode());
            ensure(halted, "stuck: every role waits")?;
            ensure(queues.values().all(VecDeque::is_empty), "a message was never received")?;
            return Ok(true);
        }
        let role = dice.below(at.len());
        let (pc, state) = at[role];
        let part = &image.states[state as usize];
        let edge = |number: u16| (image.edges[usize::from(number)].sender, image.edges[usize::from(number)].receiver);
        let instr = Instr::decode(image.code[pc as usize]).map_err(|bad| bad.to_string())?;
        at[role] = match (instr, part.action) {
            (Instr::Send { .. } | Instr::Offer { .. }, Action::Send(number)) => {
                let label = match instr {
                    Instr::Offer { label, .. } => label,
                    _ => u32::from(part.branches[0].label),
                };
                let branch = part.branches.iter().find(|b| u32::from(b.label) == label).ok_or("no such label")?;
                queues.entry(edge(number)).or_default().push_back((label, image.labels[label as usize].sort));
                idle.fill(false);
                (pc + 1, branch.next)
            }
            (Instr::Decide { table, .. }, _) => {
                let rows = &image.tables[table as usize];
                (rows[dice.below(rows.len())].target, state)
            }
            (Instr::Receive { .. } | Instr::Choose { .. }, Action::Recv(number)) => {
                let Some((label, _)) = queues.get_mut(&edge(number)).and_then(VecDeque::pop_front) else {
                    idle[role] = true;
                    continue;
                };
                let row = part.branches.iter().position(|b| u32::from(b.label) == label);
                let row = row.ok_or("a label that the receiver does not know")?;
                let target = match instr {
                    Instr::Choose { table, .. } => image.tables[table as usize][row].target,
                    _ => pc + 1,
                };
                (target, part.branches[row].next)
            }
            (Instr::Halt {}, _) => {
                idle[role] = true;
                continue;
            }
            (Instr::Jump { target }, _) => (target, state),
            (Instr::Set { .. } | Instr::Invoke { .. }, _) => (pc + 1, state),
            (other, action) => return Err(format!("{other} at a state that allows {action:?}")),
        };
    }
    Ok(false)
}
