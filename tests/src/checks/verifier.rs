//! What the verifier refuses: for each rule an image that breaks it and nothing else.
//!
//! Every check first sees that the image verifies without its flaw, so that it cannot be refused for another reason.

use crate::draft::{BOOL, Draft, NAT, UNIT, letters, stream};
use motet_machine::VerifyError;
use motet_types::{Action, GlobalPart, ImageParts, Instr, ScalarPart};

type By = fn(&VerifyError) -> bool;
type Flaw = fn(&mut ImageParts);

const JUMP: By = |error| matches!(error, VerifyError::Jump { .. });
const REGISTER: By = |error| matches!(error, VerifyError::Register { .. });
const OPERAND: By = |error| matches!(error, VerifyError::Operand { .. });
const FIT: By = |error| matches!(error, VerifyError::Fit { .. });
const TYPE: By = |error| matches!(error, VerifyError::Type { .. });
const HELD: By = |error| matches!(error, VerifyError::Held { .. });
const JOIN: By = |error| matches!(error, VerifyError::Join { .. });

/// Accepted as it is, and refused by a rule that `by` recognises once `flaw` has come in.
fn refused(draft: Draft, by: By, flaw: impl FnOnce(&mut ImageParts)) -> Result<(), String> {
    if let Err(error) = draft.clone().verify() {
        return Err(format!("the image without its flaw was refused: {error}"));
    }
    let mut flawed = draft;
    flaw(&mut flawed.parts);
    match flawed.verify() {
        Err(error) if by(&error) => Ok(()),
        Err(error) => Err(format!("refused for another reason: {error}")),
        Ok(_) => Err("accepted".into()),
    }
}

/// One message; `A`'s code is `Set`, `Send`, `Halt` and a fourth instruction that no path reaches.
fn with_dead_code() -> Draft {
    let mut draft = letters(1);
    let constant = Instr::Set { dst: 1, constant: 0 };
    draft.recode(0, 2, &[constant, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}, Instr::Yield {}]);
    draft
}

/// A register as large as the number of registers, in every operand that names one, whether or not a path leads
/// there.
pub fn registers_in_range() -> Result<(), String> {
    for instr in [
        Instr::Send { chan: 0, val: 2 },
        Instr::Send { chan: 2, val: 1 },
        Instr::Receive { chan: 0, dst: 2 },
        Instr::Set { dst: 2, constant: 0 },
        Instr::Move { dst: 2, src: 1 },
        Instr::Move { dst: 1, src: 2 },
    ] {
        for at in [3, 0] {
            refused(with_dead_code(), REGISTER, |parts| parts.code[at] = instr.encode())
                .map_err(|why| format!("{instr} at {at}: {why}"))?;
        }
    }
    Ok(())
}

/// A jump out of its role's code, whether or not a path leads there.
pub fn jumps_stay_inside() -> Result<(), String> {
    for target in [4, 5, 6, 1 << 20] {
        for at in [3, 0] {
            refused(with_dead_code(), JUMP, |parts| parts.code[at] = Instr::Jump { target }.encode())
                .map_err(|why| format!("to {target} from {at}: {why}"))?;
        }
    }
    Ok(())
}

/// A path that runs over the end of its role's code, into the next role's or out of all code.
pub fn falls_stay_inside() -> Result<(), String> {
    refused(letters(1), JUMP, |parts| parts.code[2] = Instr::Yield {}.encode())?;
    refused(letters(1), JUMP, |parts| parts.code[4] = Instr::Yield {}.encode())
}

/// A jump table whose row leads out of its role's code.
pub fn table_rows_stay_inside() -> Result<(), String> {
    refused(stream(), JUMP, |parts| parts.tables[0][1].target = parts.roles[1].code_start)?;
    refused(stream(), JUMP, |parts| parts.tables[1][0].target = 0)?;
    refused(stream(), JUMP, |parts| parts.tables[1][0].target = u32::MAX)
}

/// An operand that names a row which does not exist, whether or not a path leads there.
pub fn operands_in_range() -> Result<(), String> {
    for instr in [
        Instr::Set { dst: 1, constant: 1 },
        Instr::Branch { on: 1, table: 0 },
        Instr::Choose { chan: 0, table: 0 },
        Instr::Decide { chan: 0, table: 0 },
        Instr::Offer { chan: 0, val: 1, label: 1 },
        Instr::Invoke { arg: 1, dst: 1, effect: 0 },
        Instr::Open { dst: 1, plan: 0 },
        Instr::Cast { val: 1, sort: 99 },
    ] {
        for at in [3, 0] {
            refused(with_dead_code(), OPERAND, |parts| parts.code[at] = instr.encode())
                .map_err(|why| format!("{instr} at {at}: {why}"))?;
        }
    }
    Ok(())
}

/// A word that is no instruction is refused as such.
pub fn words_are_instructions() -> Result<(), String> {
    let decode: By = |error| matches!(error, VerifyError::Decode { .. });
    refused(with_dead_code(), decode, |parts| parts.code[3] = 0xff)?;
    refused(with_dead_code(), decode, |parts| parts.code[3] = Instr::Yield {}.encode() | 1 << 60)
}

/// A receiver whose automaton listens on another edge, or for another label, than the protocol says.
pub fn receivers_fit() -> Result<(), String> {
    let mut draft = letters(1);
    let other = draft.edge(2, 1);
    let end = draft.state(2, Action::End, &[]);
    draft.role("C", end, 1, &[Instr::Halt {}]);
    draft.label("N", NAT);
    let first_of_b = 2;
    refused(draft.clone(), FIT, |parts| parts.states[first_of_b].action = Action::Recv(other))?;
    refused(draft, FIT, |parts| parts.states[first_of_b].branches[0].label = 1)
}

/// A sender whose automaton sends more, less or other than the protocol says, or ends where it goes on.
pub fn senders_fit() -> Result<(), String> {
    let mut draft = stream();
    draft.label("Else", NAT);
    refused(draft.clone(), FIT, |parts| parts.states[0].branches[0].label = 2)?;
    refused(draft.clone(), FIT, |parts| parts.states[0].branches.truncate(1))?;
    let more = |parts: &mut ImageParts| {
        let mut branch = parts.states[0].branches[0];
        branch.label = 2;
        parts.states[0].branches.push(branch);
    };
    refused(draft, FIT, more)?;
    refused(letters(1), FIT, |parts| parts.roles[0].initial = 1)?;
    refused(letters(1), FIT, |parts| parts.roles[1].initial = 3)?;
    refused(letters(2), FIT, |parts| parts.global[1] = GlobalPart::End)
}

/// `A` tells `B` either `L` or `R`; `C`, who is told nothing, has a message for `B` after `L`, and after `R` too when
/// `even`.
fn untold(even: bool) -> Draft {
    let mut draft = Draft::new();
    let (left, right, note) = (draft.label("L", UNIT), draft.label("R", UNIT), draft.label("N", UNIT));
    let (ab, cb) = (draft.edge(0, 1), draft.edge(2, 1));
    draft.comm(ab, &[(left, 1), (right, if even { 1 } else { 2 })]);
    draft.comm(cb, &[(note, 2)]);
    draft.end();
    draft.state(0, Action::Send(ab), &[(left, 1), (right, 1)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(ab), &[(left, 3), (right, if even { 3 } else { 4 })]);
    draft.state(1, Action::Recv(cb), &[(note, 4)]);
    draft.state(1, Action::End, &[]);
    draft.state(2, Action::Send(cb), &[(note, 6)]);
    draft.state(2, Action::End, &[]);
    let table = draft.table(&[(1, 0), (3, 0)]);
    let offer = |label: u16| Instr::Offer { chan: 0, val: 1, label: u32::from(label) };
    let decide = Instr::Decide { chan: 0, table };
    draft.role("A", 0, 2, &[decide, offer(left), Instr::Jump { target: 4 }, offer(right), Instr::Halt {}]);
    let start = draft.here();
    let table = draft.table(&[(start + 1, 1), (if even { start + 1 } else { start + 2 }, 1)]);
    draft.role("B", 2, 2, &[Instr::Choose { chan: 0, table }, Instr::Receive { chan: 0, dst: 1 }, Instr::Halt {}]);
    draft.role("C", 5, 2, &[Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
    draft
}

/// A role that is not told of a choice must do the same after every branch of it.
pub fn every_branch_is_followed() -> Result<(), String> {
    untold(true).image()?;
    match untold(false).verify() {
        Err(error) if FIT(&error) => Ok(()),
        other => Err(format!("C acts after one branch only: {other:?}")),
    }
}

/// `A` and `B` say `Hi` for ever; `C` and `D`, of whom the global type says nothing, are given types of their own, in
/// which `D` expects another label than `C` sends.
fn bystanders() -> Draft {
    let mut draft = Draft::new();
    let (hi, nat, truth) = (draft.label("Hi", UNIT), draft.label("N", NAT), draft.label("T", BOOL));
    let (ab, cd) = (draft.edge(0, 1), draft.edge(2, 3));
    draft.comm(ab, &[(hi, 0)]);
    draft.state(0, Action::Send(ab), &[(hi, 0)]);
    draft.state(1, Action::Recv(ab), &[(hi, 1)]);
    draft.state(2, Action::Send(cd), &[(nat, 4)]);
    draft.state(3, Action::Recv(cd), &[(truth, 5)]);
    draft.state(2, Action::End, &[]);
    draft.state(3, Action::End, &[]);
    let constant = draft.nat(1);
    draft.role("A", 0, 2, &[Instr::Send { chan: 0, val: 1 }, Instr::Jump { target: 0 }]);
    draft.role("B", 1, 2, &[Instr::Receive { chan: 0, dst: 1 }, Instr::Jump { target: 2 }]);
    draft.role("C", 2, 2, &[Instr::Set { dst: 1, constant }, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
    draft.role("D", 3, 2, &[Instr::Receive { chan: 0, dst: 1 }, Instr::Halt {}]);
    draft
}

/// A protocol that never ends says nothing about a role that takes no part in it: such a role must be at its end.
pub fn bystanders_of_loops_do_nothing() -> Result<(), String> {
    for nodes in [vec![], vec![GlobalPart::Par { parts: vec![], next: 0 }]] {
        let mut draft = bystanders();
        if !nodes.is_empty() {
            draft.parts.global = nodes.clone();
        }
        match draft.verify() {
            Err(error) if FIT(&error) => {}
            other => return Err(format!("C and D do what no protocol says, with {nodes:?}: {other:?}")),
        }
    }
    // Those who do nothing, while the others go on for ever, are let in.
    let mut draft = bystanders();
    (draft.parts.roles[2].initial, draft.parts.roles[3].initial) = (4, 5);
    draft.recode(2, 1, &[Instr::Halt {}]);
    draft.recode(3, 1, &[Instr::Halt {}]);
    draft.image().map(drop)
}

/// Parallel parts inside each other can make a small image have more ways through it than anybody can follow. It is
/// refused for that, before it has taken much memory.
pub fn small_images_stay_small() -> Result<(), String> {
    let nested = |levels: u32| {
        let mut draft = Draft::new();
        let (left, right) = (draft.label("L", UNIT), draft.label("R", UNIT));
        let edge = draft.edge(0, 1);
        // On each level a choice leads into one of two compositions that differ in what follows them.
        for level in 0..levels {
            let at = 3 * level;
            draft.comm(edge, &[(left, at + 1), (right, at + 2)]);
            for next in [3 * levels, 3 * levels + 1] {
                draft.parts.global.push(GlobalPart::Par { parts: vec![at + 3], next });
            }
        }
        draft.parts.global.extend([GlobalPart::End, GlobalPart::End]);
        for role in 0..2u16 {
            let first = u32::from(role) * (levels + 1);
            let action = if role == 0 { Action::Send(edge) } else { Action::Recv(edge) };
            for next in first + 1..=first + levels {
                draft.state(role, action, &[(left, next), (right, next)]);
            }
            draft.state(role, Action::End, &[]);
        }
        let mut code = vec![Instr::Offer { chan: 0, val: 1, label: 0 }; levels as usize];
        code.push(Instr::Halt {});
        draft.role("A", 0, 2, &code);
        let here = draft.here();
        let tables: Vec<u32> = (here + 1..=here + levels).map(|to| draft.table(&[(to, 1), (to, 1)])).collect();
        let mut code: Vec<Instr> = tables.into_iter().map(|table| Instr::Choose { chan: 0, table }).collect();
        code.push(Instr::Halt {});
        draft.role("B", levels + 1, 2, &code);
        draft
    };
    nested(8).image()?;
    match nested(60).verify() {
        Err(VerifyError::TooLarge { .. }) => Ok(()),
        other => Err(format!("sixty levels: {other:?}")),
    }
}

/// Two paths that meet must be in the same state of the type.
pub fn paths_meet_in_one_state() -> Result<(), String> {
    let mut draft = letters(2);
    let table = draft.table(&[(3, 0)]);
    // r1 holds a number at the second `Set`, so a branch may stand there; it must not lead over the second `Send`.
    draft.parts.code[2] = Instr::Branch { on: 1, table }.encode();
    refused(draft.clone(), JOIN, |parts| parts.tables[0][0].target = 4)?;
    refused(draft, JOIN, |parts| parts.tables[0][0].target = 0)
}

/// A register about which two paths differ holds nothing in particular.
pub fn paths_meet_with_what_both_know() -> Result<(), String> {
    let mut draft = letters(1);
    draft.constant(UNIT, &[ScalarPart::Unit]);
    let table = draft.table(&[(4, 0)]);
    let set = |dst| Instr::Set { dst, constant: 0 };
    let send = Instr::Send { chan: 0, val: 1 };
    draft.recode(0, 3, &[set(1), set(2), Instr::Branch { on: 2, table }, set(1), send, Instr::Halt {}]);
    // One path leaves unit in r1 where the other leaves a number, whichever of them is looked at first.
    let unit = Instr::Set { dst: 1, constant: 1 }.encode();
    refused(draft.clone(), HELD, |parts| parts.code[3] = unit)?;
    refused(draft, HELD, |parts| parts.code[0] = unit)
}

/// `Receive` may only stand where one label can come, and `Send` where one can go, also when all labels lead to the
/// same place.
pub fn receive_needs_one_label() -> Result<(), String> {
    let mut draft = Draft::new();
    let (left, right) = (draft.label("L", UNIT), draft.label("R", UNIT));
    let edge = draft.edge(0, 1);
    draft.comm(edge, &[(left, 1), (right, 1)]);
    draft.end();
    for role in 0..2u16 {
        let end = draft.state(role, Action::End, &[]);
        let action = if role == 0 { Action::Send(edge) } else { Action::Recv(edge) };
        draft.state(role, action, &[(left, end), (right, end)]);
    }
    let offer = Instr::Offer { chan: 0, val: 1, label: u32::from(left) };
    draft.role("A", 1, 2, &[offer, Instr::Halt {}]);
    let table = draft.table(&[(3, 1), (3, 1)]);
    draft.role("B", 3, 2, &[Instr::Choose { chan: 0, table }, Instr::Halt {}]);
    refused(draft.clone(), TYPE, |parts| parts.code[0] = Instr::Send { chan: 0, val: 1 }.encode())?;
    refused(draft, TYPE, |parts| parts.code[2] = Instr::Receive { chan: 0, dst: 1 }.encode())
}

/// A jump table has a row for every label, and no other.
pub fn jump_tables_are_complete() -> Result<(), String> {
    for table in 0..2 {
        refused(stream(), TYPE, |parts| parts.tables[table].truncate(1))?;
        let again = |parts: &mut ImageParts| {
            let row = parts.tables[table][0];
            parts.tables[table].push(row);
        };
        refused(stream(), TYPE, again)?;
    }
    Ok(())
}

/// `Halt` may only stand at the end of the type.
pub fn halt_stands_at_the_end() -> Result<(), String> {
    refused(letters(2), TYPE, |parts| parts.code[2] = Instr::Halt {}.encode())?;
    refused(letters(2), TYPE, |parts| parts.code[6] = Instr::Halt {}.encode())
}

/// A receiver's jump table writes to registers that the role has.
pub fn jump_tables_write_to_registers() -> Result<(), String> {
    refused(stream(), REGISTER, |parts| parts.tables[1][0].dst = 2)?;
    refused(stream(), REGISTER, |parts| parts.tables[1][1].dst = u16::MAX)
}

/// Messages go through the role's own endpoint; who has overwritten it can send nothing more.
pub fn messages_need_the_endpoint() -> Result<(), String> {
    refused(letters(1), HELD, |parts| parts.code[1] = Instr::Send { chan: 1, val: 1 }.encode())?;
    refused(letters(1), HELD, |parts| parts.code[3] = Instr::Receive { chan: 1, dst: 1 }.encode())?;
    let mut draft = stream();
    draft.parts.roles[0].registers = 4;
    refused(draft, HELD, |parts| parts.code[0] = Instr::Set { dst: 0, constant: 0 }.encode())
}

/// A payload has the sort of its label, a host effect's argument the sort that the effect declares, and a branch
/// looks at a number.
pub fn payloads_have_their_sort() -> Result<(), String> {
    let mut draft = letters(1);
    let truth = draft.constant(BOOL, &[ScalarPart::Bool(true)]);
    let set = |dst, constant| Instr::Set { dst, constant };
    refused(draft.clone(), HELD, |parts| parts.code[0] = set(1, truth).encode())?;
    refused(draft.clone(), HELD, |parts| parts.code[0] = Instr::Move { dst: 1, src: 0 }.encode())?;
    let effect = draft.effect("ask", BOOL, NAT, false);
    let invoke = Instr::Invoke { arg: 1, dst: 1, effect };
    let table = draft.table(&[]);
    let branch = Instr::Branch { on: 1, table };
    draft.recode(0, 2, &[set(1, truth), invoke, branch, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
    refused(draft.clone(), HELD, |parts| parts.code[0] = set(1, 0).encode())?;
    refused(draft.clone(), HELD, |parts| parts.code[1] = Instr::Yield {}.encode())?;
    refused(draft, HELD, |parts| parts.effects[0].answer = UNIT)
}

/// The digest covers every part of an image but its source lines.
pub fn digest_covers_everything() -> Result<(), String> {
    let mut draft = stream();
    draft.effect("ask", UNIT, UNIT, false);
    draft.parts.lines = vec![1; draft.parts.code.len()];
    let plain = draft.parts.digest();
    let changes: [(&str, Flaw); 15] = [
        ("name", |parts| parts.name.push('x')),
        ("role", |parts| parts.roles[0].name.push('x')),
        ("registers", |parts| parts.roles[0].registers += 1),
        ("label", |parts| parts.labels[0].sort += 1),
        ("sort", |parts| parts.sorts.truncate(4)),
        ("edge", |parts| parts.edges[0].receiver += 1),
        ("global type", |parts| parts.global.push(GlobalPart::End)),
        ("parallel part", |parts| parts.global[1] = GlobalPart::Par { parts: vec![], next: 0 }),
        ("state", |parts| parts.states[0].branches[0].next += 1),
        ("action", |parts| parts.states[1].action = Action::Recv(0)),
        ("effect", |parts| parts.effects[0].may_block = true),
        ("constant", |parts| parts.constants[0].scalars[0] = ScalarPart::Nat(2)),
        ("table", |parts| parts.tables[0][0].dst += 1),
        ("code", |parts| parts.code[0] ^= 1 << 8),
        ("length of the code", |parts| parts.code.truncate(1)),
    ];
    for (what, change) in changes {
        let mut parts = draft.parts.clone();
        change(&mut parts);
        ensure!(parts.digest() != plain, "the digest does not cover the {what}");
    }
    draft.parts.lines[0] = 2;
    ensure!(draft.parts.digest() == plain, "a source line changed the digest");
    Ok(())
}

/// What the host decides is what is sent: an arm may not offer another label, nor may arms meet before they offer.
pub fn host_decisions_are_obeyed() -> Result<(), String> {
    let decides = |parts: &ImageParts| {
        parts.code.iter().find_map(|word| match Instr::decode(*word) {
            Ok(Instr::Decide { table, .. }) => Some(table as usize),
            _ => None,
        })
    };
    let by: By = |error| matches!(error, VerifyError::Decision { .. });
    let mut swapped = Err("the image has no choice of two labels".into());
    refused(stream(), by, |parts| {
        if let Some(table) = decides(parts) {
            parts.tables[table].swap(0, 1);
            swapped = Ok(());
        }
    })?;
    swapped.and(refused(stream(), by, |parts| {
        if let Some(table) = decides(parts) {
            let first = parts.tables[table][0];
            parts.tables[table].fill(first);
        }
    }))
}
