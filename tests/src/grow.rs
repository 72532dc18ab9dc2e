//! Sessions put into images that open none: conversations in opened sessions, whole or closed in the middle, at random
//! places of a role's code; and what their roles learn and ask meanwhile. Also what a role does besides its messages within
//! its own session: it learns, asks, casts, starts coroutines, and gives its endpoint away.

use crate::checks::opening::talk;
use crate::dice::Dice;
use crate::speculate::{insert, pieces};
use motet_machine::CodeImage;
use motet_types::{ConstantPart, ImageParts, Instr, LabelPart, PlanPart, ScalarPart, Sort, TableRow};
use std::sync::Arc;

/// The row of a sort, made when it is not there.
fn sort_row(parts: &mut ImageParts, wanted: Sort) -> u16 {
    let found = parts.sorts.iter().position(|sort| *sort == wanted);
    found.unwrap_or_else(|| {
        parts.sorts.push(wanted);
        parts.sorts.len() - 1
    }) as u16
}

fn label_row(parts: &mut ImageParts, name: &str, sort: Sort) -> u32 {
    let sort = sort_row(parts, sort);
    let found = parts.labels.iter().position(|label| label.name == name && label.sort == sort);
    found.unwrap_or_else(|| {
        parts.labels.push(LabelPart { name: name.into(), sort });
        parts.labels.len() - 1
    }) as u32
}

fn constant_row(parts: &mut ImageParts, sort: Sort, scalar: ScalarPart) -> u32 {
    let sort = sort_row(parts, sort);
    parts.constants.push(ConstantPart { sort, scalars: vec![scalar] });
    parts.constants.len() as u32 - 1
}

/// The registers and constants of a role that learns and asks.
struct Knows {
    /// An endpoint, a fact about it, the name of a role, and an answer.
    registers: [u16; 4],
    facts: [u32; 3],
    targets: [u32; 3],
}

impl Knows {
    fn new(parts: &mut ImageParts, dice: &mut Dice, base: u16) -> Self {
        sort_row(parts, Sort::Bool);
        let other = parts.roles[dice.below(parts.roles.len())].name.clone();
        let mut text = |text: &str| constant_row(parts, Sort::String, ScalarPart::Str(text.into()));
        let facts = ["", "paid", "it is secret: 42"].map(&mut text);
        let targets = ["Q", "P", &other].map(text);
        Self { registers: [base, base + 1, base + 2, base + 3], facts, targets }
    }

    /// Learns a fact about one of the endpoints, or asks for one.
    fn some(&self, dice: &mut Dice, endpoints: &[u16]) -> Vec<Instr> {
        let [about, fact, target, said] = self.registers;
        let mut code = vec![
            Instr::Move { dst: about, src: *dice.pick(endpoints) },
            Instr::Set { dst: fact, constant: *dice.pick(&self.facts) },
        ];
        if dice.one_in(3) {
            code.push(Instr::Set { dst: target, constant: *dice.pick(&self.targets) });
            code.push(Instr::Check { knowledge: about, target, dst: u32::from(said) });
        } else {
            code.push(Instr::Tag { fact: about, dst: said });
        }
        code
    }
}

/// Puts up to `count` conversations into one role; with `children`, some with a coroutine of their own at the other end.
/// Answers the images that must be loaded first.
pub fn converse(
    parts: &mut ImageParts,
    dice: &mut Dice,
    count: usize,
    children: bool,
) -> Result<Vec<Arc<CodeImage>>, String> {
    let other = talk()?;
    let role = dice.below(parts.roles.len());
    let base = parts.roles[role].registers;
    if base >= 200 {
        return Ok(Vec::new());
    }
    parts.roles[role].registers += 9;
    let [text, got, p, q, child] = [base, base + 1, base + 2, base + 3, base + 4];
    let knows = Knows::new(parts, dice, base + 5);
    let (say, no) = (label_row(parts, "Say", Sort::Nat), label_row(parts, "No", Sort::Unit));
    let question = constant_row(parts, Sort::String, ScalarPart::Str("what is it?".into()));
    let answer = constant_row(parts, Sort::Nat, ScalarPart::Nat(42));
    let (nat, unit) = (u32::from(sort_row(parts, Sort::Nat)), constant_row(parts, Sort::Unit, ScalarPart::Unit));
    let planned = parts.plans.iter().position(|plan| plan.image == other.digest().0);
    let plan = planned.unwrap_or_else(|| {
        parts.plans.push(PlanPart { image: other.digest().0, roles: other.role_count() as u16 });
        parts.plans.len() - 1
    }) as u32;
    for _ in 0..count {
        let pieces = pieces(parts, &parts.roles[role]);
        if pieces.is_empty() {
            break;
        }
        let (first, length) = pieces[dice.below(pieces.len())];
        let at = first + dice.below(length as usize) as u32;
        let (label, value) = if dice.one_in(3) { (no, unit) } else { (say, answer) };
        parts.tables.push(Vec::new());
        let table = parts.tables.len() - 1;
        let mut talk = vec![
            Instr::Set { dst: text, constant: question },
            Instr::Open { dst: p, plan },
            Instr::Send { chan: p, val: text },
            Instr::Receive { chan: q, dst: got },
            Instr::Set { dst: got, constant: value },
            Instr::Offer { chan: q, val: got, label },
            Instr::Choose { chan: p, table: table as u32 },
        ];
        if children && dice.one_in(2) {
            // The other end is another's: what it does stands behind the role's code.
            let target = parts.roles[role].code_end;
            let mut answers = vec![talk[3], Instr::Yield {}, talk[4], talk[5], Instr::Halt {}];
            for _ in 0..dice.below(3) {
                answers.splice(1..1, knows.some(dice, &[q]));
            }
            insert(parts, role, target, &answers, true);
            let give = [
                Instr::Spawn { args: child, dst: child, target },
                Instr::Transfer { endpoint: q, target: child, bundle: 0 },
            ];
            talk.splice(3..6, []);
            talk.splice(2..2, give);
            if dice.one_in(4) {
                talk.pop();
                talk.push(Instr::Close { session: p });
            } else if label == say {
                talk.push(Instr::Cast { val: got, sort: nat });
            }
        } else if dice.one_in(3) {
            talk.truncate(2 + dice.below(5));
            talk.push(Instr::Close { session: *dice.pick(&[p, q]) });
        } else if label == say {
            talk.push(Instr::Cast { val: got, sort: nat });
        }
        for _ in 0..dice.below(3) {
            let place = 1 + dice.below(talk.len());
            talk.insert(place, Instr::Yield {});
        }
        for _ in 0..dice.below(4) {
            // Behind the opening, and before what ends the session.
            let ends = |instr: &Instr| matches!(instr, Instr::Choose { .. } | Instr::Close { .. });
            let opened = talk.iter().position(|instr| matches!(instr, Instr::Open { .. }));
            let (Some(opened), Some(last)) = (opened, talk.iter().position(ends)) else { break };
            let place = opened + 1 + dice.below(last - opened);
            let asked = knows.some(dice, &[p, q]);
            talk.splice(place..place, asked);
        }
        // What is put in moves the code that a child begins at, which stands behind it.
        let by = talk.len() as u32;
        for instr in &mut talk {
            if let Instr::Spawn { target, .. } = instr {
                *target += by;
            }
        }
        insert(parts, role, at, &talk, false);
        let chooses = talk.iter().position(|instr| matches!(instr, Instr::Choose { .. }));
        // A table that no instruction names leads where it can.
        let behind = at + chooses.map_or(0, |at| at as u32 + 1);
        parts.tables[table] = vec![TableRow { target: behind, dst: got }; 2];
    }
    Ok(vec![other])
}

/// Puts up to `count` things into one role's code that are about no other session: facts about its own endpoint, casts, and
/// coroutines that it starts, some of which are given its endpoint and go on in its place.
pub fn busy(parts: &mut ImageParts, dice: &mut Dice, count: usize) {
    let role = dice.below(parts.roles.len());
    let base = parts.roles[role].registers;
    if base >= 200 {
        return;
    }
    parts.roles[role].registers += 6;
    let knows = Knows::new(parts, dice, base);
    let [child, number] = [base + 4, base + 5];
    let (nat, text) = (u32::from(sort_row(parts, Sort::Nat)), u32::from(sort_row(parts, Sort::String)));
    let own = constant_row(parts, Sort::Nat, ScalarPart::Nat(role as u64));
    for _ in 0..count {
        let pieces = pieces(parts, &parts.roles[role]);
        if pieces.is_empty() {
            return;
        }
        let (first, length) = pieces[dice.below(pieces.len())];
        let at = first + dice.below(length as usize) as u32;
        let behind = parts.roles[role].code_end;
        let give = Instr::Transfer { endpoint: 0, target: child, bundle: 0 };
        let mut branch = None;
        let mut code = match dice.below(8) {
            0..=2 => (0..1 + dice.below(3)).flat_map(|_| knows.some(dice, &[0])).collect(),
            3 => {
                // Now and then it holds no such value.
                let sort = if dice.one_in(6) { text } else { nat };
                vec![Instr::Set { dst: number, constant: own }, Instr::Cast { val: number, sort }]
            }
            7 if dice.one_in(2) => {
                // A branch over a turn of the others; its rows are filled below.
                branch = Some(parts.tables.len());
                parts.tables.push(Vec::new());
                let table = parts.tables.len() as u32 - 1;
                vec![Instr::Set { dst: number, constant: own }, Instr::Branch { on: number, table }, Instr::Yield {}]
            }
            4 => {
                // It does something of its own and ends.
                let mut does = knows.some(dice, &[0]);
                does.extend([Instr::Yield {}, Instr::Halt {}]);
                insert(parts, role, behind, &does, true);
                vec![Instr::Spawn { args: child, dst: child, target: behind }]
            }
            5 => {
                // It gives the endpoint back, to whoever waits for it long enough.
                let does = [
                    Instr::Set { dst: number, constant: own },
                    Instr::Transfer { endpoint: 0, target: number, bundle: 0 },
                    Instr::Halt {},
                ];
                insert(parts, role, behind, &does, true);
                let mut code = vec![Instr::Spawn { args: child, dst: child, target: behind }, give];
                code.extend((0..dice.below(3)).map(|_| Instr::Yield {}));
                code
            }
            // It goes on in place of who started it.
            _ if dice.one_in(8) => vec![Instr::Spawn { args: child, dst: child, target: at + 2 }, Instr::Halt {}],
            _ => vec![Instr::Spawn { args: child, dst: child, target: at + 3 }, give, Instr::Halt {}],
        };
        // What is put in moves the code behind it.
        let by = code.len() as u32;
        for instr in &mut code {
            if let Instr::Spawn { target, .. } = instr
                && *target == behind
            {
                *target += by;
            }
        }
        insert(parts, role, at, &code, false);
        if let Some(table) = branch {
            parts.tables[table] = vec![TableRow { target: at + by, dst: 0 }; parts.roles.len()];
        }
    }
}
