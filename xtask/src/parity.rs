//! The registry of deviations: `docs/parity.md` has a row for each, whole, once, and every deviation that is named elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

/// The columns of the registry, as the specification demands them.
const COLUMNS: [&str; 8] =
    ["id", "owner", "status", "reason", "impact", "alternatives considered", "revisit", "coverage scope"];
/// What a deviation can be.
const STATUS: [&str; 3] = ["intended", "extension", "open"];

fn cells(line: &str) -> Option<Vec<&str>> {
    Some(line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect())
}

/// `2027-01`, a month to come back in.
fn is_month(text: &str) -> bool {
    let parts = text.split_once('-').map(|(year, month)| (year.parse::<u32>(), month.parse::<u32>()));
    matches!(parts, Some((Ok(2026..), Ok(1..=12)))) && text.len() == 7
}

/// What is wrong with one row.
fn faults(row: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    if row.len() != COLUMNS.len() {
        return vec![format!("{} cells where there are {} columns", row.len(), COLUMNS.len())];
    }
    for (column, cell) in COLUMNS.iter().zip(row) {
        if cell.is_empty() {
            faults.push(format!("nothing under `{column}`"));
        }
    }
    let id = row[0].strip_prefix('`').and_then(|id| id.strip_suffix('`')).unwrap_or_default();
    if id.is_empty() || !id.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-') {
        faults.push(String::from("the id is no `kebab-case`"));
    }
    if !STATUS.contains(&row[2]) {
        faults.push(format!("the status is `{}`, and there are {}", row[2], STATUS.join(", ")));
    }
    if !is_month(row[6]) {
        faults.push(format!("`{}` is no month to come back in", row[6]));
    }
    faults
}

/// The ids of a registry, and what is wrong with it, line by line.
fn read(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut ids, mut broken) = (BTreeSet::new(), Vec::new());
    let mut lines = (1..).zip(text.lines());
    if !lines.any(|(_, line)| cells(line).is_some_and(|cells| cells == COLUMNS)) {
        return (ids, vec![format!("there is no table of {}", COLUMNS.join(", "))]);
    }
    let rows = lines.skip(1).map_while(|(at, line)| Some((at, cells(line)?)));
    for (at, row) in rows {
        broken.extend(faults(&row).into_iter().map(|fault| format!("docs/parity.md:{at}: {fault}")));
        if !ids.insert(row[0].trim_matches('`').to_owned()) {
            broken.push(format!("docs/parity.md:{at}: {} stands twice", row[0]));
        }
    }
    (ids, broken)
}

/// The deviations that a text names, as: deviation `id`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split("deviation `").skip(1).filter_map(|rest| rest.split('`').next())
}

/// Checks the registry of the tree; answers how many rows it has, and what is wrong.
pub fn check(top: &Path) -> Result<(usize, Vec<String>), String> {
    let path = top.join("docs/parity.md");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (ids, mut broken) = read(&text);
    let mut sources = Vec::new();
    crate::wrappers::sources(top, &mut sources)?;
    for document in std::fs::read_dir(top.join("docs")).map_err(|error| error.to_string())? {
        sources.push(document.map_err(|error| error.to_string())?.path());
    }
    for source in sources {
        let Ok(text) = std::fs::read_to_string(&source) else { continue };
        let unknown = named(&text).filter(|id| !ids.contains(*id));
        broken.extend(unknown.map(|id| format!("{}: the deviation `{id}` is not in the registry", source.display())));
    }
    Ok((ids.len(), broken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_held_to_their_form() {
        let table = |rows: &str| {
            let rule = "|---".repeat(COLUMNS.len());
            read(&format!("# Deviations\n\n| {} |\n{rule}|\n{rows}\nbehind it", COLUMNS.join(" | "))).1
        };
        assert_eq!(table("| `a-b` | heap | intended | r | i | none | 2027-01 | all |\n"), [""; 0]);
        assert_eq!(table("| `a` | heap | intended | r | i | none | 2027-01 |\n").len(), 1);
        assert_eq!(table("| `a` | heap | intended | r |  | none | 2027-01 | all |\n").len(), 1);
        assert_eq!(table("| a_b | heap | perhaps | r | i | none | soon | all |\n").len(), 3);
        let row = "| `a` | heap | open | r | i | none | 2027-13 | all |\n";
        assert_eq!(table(&row.repeat(2)).len(), 3);
        assert_eq!(read("no table").1.len(), 1);
        assert_eq!(named("the deviation `x` and deviation `y-z`.").collect::<Vec<_>>(), ["x", "y-z"]);
    }
}
