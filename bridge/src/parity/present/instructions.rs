//! The shapes of instructions: their operands, from the instruction table, and what they do, from the page that the tests of
//! conduct write.

use super::Present;
use crate::parity::error::ParityError;
use crate::parity::table::{quoted, rows};
use crate::parity::tree::Tree;
use motet_types::OPCODES;
use std::collections::BTreeMap;

const PAGE: &str = "docs/isa.md";
const COLUMNS: [&str; 3] = ["instruction", "what", "shown by"];

pub(super) fn put(present: &mut Present, tree: &Tree) -> Result<(), ParityError> {
    present.put("types::Instr", OPCODES.iter().map(|(_, row)| row.name));
    for (_, row) in OPCODES {
        present.put(format!("Instr {}", row.name), row.operands.iter().map(|(name, _)| *name));
    }
    let page = tree.page(PAGE)?;
    let no_table = || ParityError::NoTable { page: PAGE.into(), columns: COLUMNS.join(", ") };
    let mut conduct: BTreeMap<String, Vec<String>> =
        OPCODES.iter().map(|(_, row)| (format!("conduct {}", row.name), Vec::new())).collect();
    let mut at = String::new();
    for row in rows(&page, &COLUMNS).ok_or_else(no_table)? {
        if let Some(name) = quoted(row.cells[0]).next() {
            at = format!("conduct {name}");
        }
        let Some(what) = row.cells.get(1) else { continue };
        let word = quoted(what).next().unwrap_or_default();
        let member = if what.starts_with("tells") {
            format!("tells:{word}")
        } else if what.starts_with("faults") {
            format!("faults:{}", word.trim_start_matches("machine.fault."))
        } else if let Some(gate) = what.strip_prefix("waits for ") {
            format!("waits:{}", gate.replace(' ', "_"))
        } else {
            continue;
        };
        conduct.entry(at.clone()).or_default().push(member);
    }
    conduct.into_iter().for_each(|(place, members)| present.put(place, members));
    Ok(())
}
