//! What is put into a case's code: instructions that change no type, and what roles do besides their messages.

use super::case::Case;
use crate::dice::Dice;
use crate::grow::{busy, converse};
use crate::mutant::{guard, harmless};
use crate::speculate::{insert, speculate};
use motet_bridge::PlanInput;
use motet_machine::CodeImage;
use motet_types::{EffectKind, ImageParts, Instr, TableRow};
use serde_json::{Value as Json, json};
use std::sync::Arc;

impl Case {
    /// Puts instructions into the code that change no type, as long as the image still verifies.
    pub(super) fn padded(&self, mut parts: ImageParts) -> ImageParts {
        let mut dice = Dice::new(!self.seed);
        for _ in 0..self.padding {
            let mut next = parts.clone();
            harmless(&mut dice, &mut next);
            fill_branches(&mut dice, &mut next);
            // A host that does not want to be invoked answers nothing but unit.
            let answered = next.effects.len() == parts.effects.len() || self.wants.contains(EffectKind::InvokeStep);
            if answered && CodeImage::verify(next.clone()).is_ok() {
                parts = next;
            }
        }
        parts
    }

    /// Puts in what roles do besides their messages, as long as the image still verifies; and the images of which sessions are
    /// opened.
    pub(super) fn grown(&self, mut parts: ImageParts) -> Result<(ImageParts, Vec<Arc<CodeImage>>), String> {
        let mut plans = Vec::new();
        let mut dice = Dice::new(self.seed ^ 0x636f_6e76_6572_7365);
        for _ in 0..self.besides[4] {
            let (mut next, count) = (parts.clone(), 1 + dice.below(2));
            let named = converse(&mut next, &mut dice, count, true)?;
            if CodeImage::verify(next.clone()).is_ok() {
                (parts, plans) = (next, named);
            }
        }
        let mut put = |count: usize, salt: u64, one: &dyn Fn(&mut ImageParts, &mut Dice)| {
            let mut dice = Dice::new(self.seed ^ salt);
            for _ in 0..count {
                let mut next = parts.clone();
                one(&mut next, &mut dice);
                if CodeImage::verify(next.clone()).is_ok() {
                    parts = next;
                }
            }
        };
        let [besides, speculations, guards, ends, _] = self.besides;
        put(besides, 0x6265_7369_6465_7331, &|parts, dice| {
            let count = 1 + dice.below(2);
            busy(parts, dice, count);
        });
        put(speculations, 0x7370_6563_756c_6131, &|parts, dice| {
            let count = 1 + dice.below(2);
            speculate(parts, dice, None, count);
        });
        put(guards, 0x6775_6172_6473_3131, &|parts, dice| {
            guard(dice, parts);
            release_wrongly(parts, dice);
        });
        put(ends.min(1), 0x656e_6473_6561_7231, &|parts, dice| {
            let role = dice.below(parts.roles.len());
            let (start, end) = (parts.roles[role].code_start, parts.roles[role].code_end);
            let pc = start + dice.below((end - start) as usize) as u32;
            insert(parts, role, pc, &[Instr::Close { session: 0 }], false);
        });
        Ok((parts, plans))
    }
}

/// Gives branches without rows two, both to the next instruction but one of the same role, or to the next.
fn fill_branches(dice: &mut Dice, parts: &mut ImageParts) {
    for role in parts.roles.clone() {
        for pc in role.code_start..role.code_end {
            let Ok(Instr::Branch { table, .. }) = Instr::decode(parts.code[pc as usize]) else { continue };
            let next = TableRow { target: (pc + 1).min(role.code_end - 1), dst: 0 };
            if let Some(rows) = parts.tables.get_mut(table as usize)
                && rows.is_empty()
                && dice.one_in(2)
            {
                rows.extend([next, next]);
            }
        }
    }
}

/// Now and then a guard is given back twice, or as one of another layer.
fn release_wrongly(parts: &mut ImageParts, dice: &mut Dice) {
    let role = dice.below(parts.roles.len());
    let (start, end) = (parts.roles[role].code_start, parts.roles[role].code_end);
    for pc in start..end {
        let Ok(Instr::Release { evidence, layer }) = Instr::decode(parts.code[pc as usize]) else { continue };
        match dice.below(6) {
            0 => parts.code[pc as usize] = Instr::Release { evidence, layer: layer + 1 }.encode(),
            1 => return insert(parts, role, pc + 1, &[Instr::Release { evidence, layer }], false),
            _ => {}
        }
    }
}

/// The protocol of the sessions that are opened (`checks::opening::talk`), as it is written for runners.
pub(super) fn conversation() -> PlanInput {
    let label = |name: &str, sort: &str| json!({"name": name, "sort": sort});
    let branch = |label: Json, continuation: Json| json!({"label": label, "continuation": continuation});
    let comm = |sender: &str, receiver: &str, branches: Vec<Json>| json!({"kind": "comm", "sender": sender, "receiver": receiver, "branches": branches});
    let end = json!({"kind": "end"});
    let answers = vec![branch(label("Say", "nat"), end.clone()), branch(label("No", "unit"), end)];
    let global_type = comm("P", "Q", vec![branch(label("Ask", "string"), comm("Q", "P", answers))]);
    PlanInput { global_type, roles: vec!["P".into(), "Q".into()] }
}
