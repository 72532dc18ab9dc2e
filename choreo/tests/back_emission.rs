//! Code by example.

mod back_common;

use back_common::build::Build;
use back_common::machine;
use motet_choreo::{EmitOptions, emit, emit_with, project};
use motet_types::{GlobalType, ImageParts, Instr, NodeId, ScalarPart, Sort};

fn image(global: &GlobalType, options: EmitOptions) -> ImageParts {
    let image = emit_with(&project(global).expect("projectable"), options).expect("small");
    machine::verify(&image).unwrap_or_else(|bad| panic!("{bad}\n{}", machine::list(&image)));
    image
}

fn ab(make: impl FnOnce(&mut Build) -> NodeId) -> GlobalType {
    let mut build = Build::new(&["A", "B"]);
    let root = make(&mut build);
    build.finish(root)
}

/// One role's code, positions counted from its start.
fn code(image: &ImageParts, role: usize) -> Vec<Instr> {
    let role = &image.roles[role];
    let words = &image.code[role.code_start as usize..role.code_end as usize];
    words.iter().map(|word| Instr::decode(*word).expect("emitted")).collect()
}

#[test]
fn ping_pong_is_a_loop_of_three_instructions() {
    let global = ab(|b| {
        let again = b.go("X", 1);
        let pong = b.comm(1, 0, &[("Pong:nat", again)], 3);
        let ping = b.comm(0, 1, &[("Ping:nat", pong)], 2);
        b.rec("X", ping, 1)
    });
    let image = image(&global, EmitOptions::default());
    let nat = 1;
    let (set, send) = (Instr::Set { dst: nat, constant: 0 }, Instr::Send { chan: 0, val: nat });
    let receive = Instr::Receive { chan: 0, dst: nat };
    assert_eq!(code(&image, 0), [set, send, receive, Instr::Jump { target: 1 }]);
    assert_eq!(code(&image, 1), [set, receive, send, Instr::Jump { target: 5 }]);
    assert_eq!(image.lines, [2, 2, 3, 3, 2, 2, 3, 3]);
    assert_eq!([image.roles[0].registers, image.roles[1].registers], [2, 2]);
    assert_eq!(image.constants[0].scalars, [ScalarPart::Nat(0)]);
    assert_eq!(image.sort_table().and_then(|sorts| sorts.get(motet_types::SortId(0))), Some(Sort::Nat));
}

#[test]
fn a_choice_is_a_table_on_both_sides() {
    let global = ab(|b| {
        let (end, again) = (b.end(), b.go("X", 1));
        let choice = b.comm(0, 1, &[("Done", end), ("More:pair", again)], 2);
        b.rec("X", choice, 1)
    });
    let image = image(&global, EmitOptions::default());
    let (unit, pair) = (1, 2);
    assert_eq!(
        code(&image, 0),
        [
            Instr::Set { dst: pair, constant: 0 },
            Instr::Decide { chan: 0, table: 0 },
            Instr::Offer { chan: 0, val: unit, label: 0 },
            Instr::Halt {},
            Instr::Offer { chan: 0, val: pair, label: 1 },
            Instr::Jump { target: 1 },
        ]
    );
    assert_eq!(code(&image, 1), [Instr::Choose { chan: 0, table: 1 }, Instr::Halt {}]);
    let rows = |table: usize| image.tables[table].iter().map(|row| (row.target, row.dst)).collect::<Vec<_>>();
    assert_eq!(rows(0), [(2, 0), (4, 0)]);
    // The receiver's second row goes straight back, without a jump.
    assert_eq!(rows(1), [(7, unit), (6, pair)]);
    assert_eq!(image.constants[0].scalars, [ScalarPart::Nat(0), ScalarPart::Bool(false)]);
}

#[test]
fn hooks_stand_behind_every_communication() {
    let global = ab(|b| {
        let end = b.end();
        let choice = b.comm(1, 0, &[("Yes:nat", end), ("No:nat", end)], 2);
        b.comm(0, 1, &[("Ask:nat", choice)], 1)
    });
    let image = image(&global, EmitOptions { step_hooks: true });
    let hook = Instr::Invoke { arg: 2, dst: 2, effect: 0 };
    assert_eq!(
        code(&image, 0),
        [
            Instr::Set { dst: 1, constant: 0 },
            Instr::Send { chan: 0, val: 1 },
            hook,
            Instr::Choose { chan: 0, table: 0 },
            hook,
            Instr::Halt {},
            hook,
            Instr::Halt {},
        ]
    );
    let effect = &image.effects[0];
    assert_eq!((effect.interface.as_str(), effect.operation.as_str(), effect.may_block), ("Runtime", "step", false));
    assert_eq!(image.sorts[usize::from(effect.argument)], Sort::Unit);
}

#[test]
fn a_role_without_messages_halts() {
    let mut b = Build::new(&["A", "B", "Idle"]);
    let end = b.end();
    let root = b.comm(0, 1, &[("L:string", end)], 0);
    let image = image(&b.finish(root), EmitOptions::default());
    assert_eq!(code(&image, 2), [Instr::Halt {}]);
    assert_eq!(image.roles[2].registers, 1);
    assert!(image.lines.is_empty());
    // A receiver need not begin with a value.
    assert_eq!(code(&image, 1), [Instr::Receive { chan: 0, dst: 1 }, Instr::Halt {}]);
}

#[test]
fn an_image_is_read_back_as_written() {
    let global = ab(|b| {
        let end = b.end();
        b.comm(0, 1, &[("One:vector", end), ("Two:real", end), ("Three:bool", end)], 4)
    });
    let image = emit(&project(&global).expect("projectable")).expect("small");
    assert_eq!(ImageParts::from_bytes(&image.to_bytes()), Ok(image));
}

#[test]
fn more_sorts_than_registers_are_refused() {
    let mut b = Build::new(&["A", "B"]);
    let mut next = b.end();
    for length in 0..=u32::from(u16::MAX) {
        let sort = motet_types::SortId(length as u16);
        assert_eq!(push_sort(&mut b, length), sort);
        // Interning compares with every label before, so 2^16 of them are put down directly.
        b.names.labels.push(motet_types::Label { name: format!("L{length}"), sort });
        let label = motet_types::LabelId(length as u16);
        let branches = [motet_types::Branch { label, next }].into();
        let (sender, receiver) = (motet_types::RoleId(0), motet_types::RoleId(1));
        next = b.push(motet_types::GlobalNode::Comm { sender, receiver, branches }, 0);
    }
    let refusal = emit(&project(&b.finish(next)).expect("projectable")).unwrap_err();
    assert_eq!(refusal.to_string(), "`A` handles more sorts than a role has registers");
}

fn push_sort(b: &mut Build, length: u32) -> motet_types::SortId {
    b.names.sorts.intern(Sort::Vector(length)).expect("2^16 sorts are possible")
}
