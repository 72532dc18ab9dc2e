//! `docs/isa.md`, from the one table of instructions.

use motet_types::{Family, MAX_OPERAND_C, OPCODES, Operand, Row};
use std::path::Path;

const PLACE: &str = "docs/isa.md";

const FAMILIES: [(Family, &str, &str); 7] = [
    (Family::Communication, "Communication", "Messages on edges."),
    (Family::Invoke, "Invoke", "Effects of the host."),
    (Family::Control, "Control", "Registers and jumps."),
    (Family::Session, "Session", "Sessions that open and close others."),
    (Family::Guard, "Guard", "Guards and their evidence."),
    (Family::Speculation, "Speculation", "Doing something and undoing it."),
    (Family::Ownership, "Ownership", "Endpoints that change hands, and knowledge."),
];

const fn kind(operand: Operand) -> &'static str {
    match operand {
        Operand::Read => "register, read",
        Operand::Write => "register, written",
        Operand::Endpoint => "register, holds the endpoint",
        Operand::Fact => "two registers: this one holds an endpoint, and the next one a text, a fact about it",
        Operand::Target => "position in the role's code",
        Operand::Table => "row of the jump tables",
        Operand::Label => "row of the labels",
        Operand::Constant => "row of the constants",
        Operand::Effect => "row of the effects",
        Operand::Layer => "guard layer, below 2^16",
        Operand::Plan => "row of the plans",
        Operand::Sort => "row of the sorts",
        Operand::Number => "number",
    }
}

/// The slot of an operand: what is left of the word when all other slots are zero tells which bits it has.
fn slot(code: u8, row: &Row, at: usize) -> &'static str {
    // An instruction decodes only if every bit outside its operands is zero, so one bit in a slot that it has is let
    // through, and operands stand in the order of their slots.
    let slots: Vec<&'static str> = [("a", 8), ("b", 24), ("c", 40)]
        .into_iter()
        .filter(|(_, bit)| motet_types::Instr::decode(u64::from(code) | 1 << bit).is_ok())
        .map(|(slot, _)| slot)
        .collect();
    debug_assert_eq!(slots.len(), row.operands.len());
    slots.get(at).copied().unwrap_or("?")
}

/// The page.
pub fn page() -> String {
    let mut text = String::from(
        "# Instructions\n\n\
         Written by `cargo xtask isa` from the table in `types/src/instr.rs`; a test says when it is stale.\n\n",
    );
    text += &format!(
        "An instruction is one 64-bit word: opcode in bits 0..8, operand slot `a` in 8..24, `b` in 24..40, `c` in \
         40..64. Slots `a` and `b` hold numbers up to {}, slot `c` up to {MAX_OPERAND_C}. Bits of slots that an \
         opcode does not use are zero. There are {} opcodes.\n\n",
        u16::MAX,
        OPCODES.len()
    );
    for (family, name, about) in FAMILIES {
        text += &format!("## {name}\n\n{about}\n\n");
        text.push_str("| opcode | instruction | operands | what it does |\n|---|---|---|---|\n");
        for (code, row) in OPCODES.iter().filter(|(_, row)| row.family == family) {
            let operands: Vec<String> = row
                .operands
                .iter()
                .enumerate()
                .map(|(at, (name, operand))| format!("`{name}` ({}: {})", slot(*code, row, at), kind(*operand)))
                .collect();
            let operands = if operands.is_empty() { String::from("none") } else { operands.join("; ") };
            text += &format!("| `{code:#04x}` | `{}` | {operands} | {} |\n", row.name, row.doc);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Where the part begins that tests write: what instructions were seen to do, and which checks show it.
pub const CONDUCT: &str = "## Conduct\n";

/// The page that is there, apart from what tests write, and that.
fn parts(top: &Path) -> Result<(String, String), String> {
    let found = std::fs::read_to_string(top.join(PLACE)).map_err(|error| format!("{PLACE}: {error}"))?;
    let at = found.find(CONDUCT).unwrap_or(found.len());
    Ok((found[..at].to_owned(), found[at..].to_owned()))
}

fn put(top: &Path, page: &str, conduct: &str) -> Result<(), String> {
    let text = format!("{}\n\n{}\n", page.trim_end(), conduct.trim_end());
    std::fs::write(top.join(PLACE), text).map_err(|error| format!("{PLACE}: {error}"))
}

/// Writes the page.
pub fn write(top: &Path) -> Result<(), String> {
    let (_, conduct) = parts(top)?;
    put(top, &page(), &conduct)
}

/// Whether the page that is there is the one that would be written.
pub fn check(top: &Path) -> Result<(), String> {
    let (found, _) = parts(top)?;
    if found.trim_end() == page().trim_end() { Ok(()) } else { Err(format!("{PLACE} is stale: run `cargo xtask isa`")) }
}

/// Whether the part that tests write is this one; writes it if the environment says `UPDATE_EXPECT=1`.
pub fn check_conduct(top: &Path, section: &str) -> Result<(), String> {
    let (page, found) = parts(top)?;
    match found.trim_end() == section.trim_end() {
        true => Ok(()),
        false if std::env::var_os("UPDATE_EXPECT").is_some() => put(top, &page, section),
        false => Err(format!("{PLACE} is stale: run `UPDATE_EXPECT=1 cargo test -p motet-tests --test tidy`")),
    }
}
