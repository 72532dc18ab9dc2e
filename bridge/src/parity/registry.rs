//! The registry of deviations: `docs/parity.md` has a row for each, whole, once, with something that shows it.

use super::error::ParityError;
use super::table::{quoted, rows};
use super::tree::{Tree, text};
use std::collections::BTreeSet;

/// The columns of the registry.
const COLUMNS: [&str; 8] =
    ["id", "owner", "status", "reason", "impact", "alternatives considered", "revisit", "coverage scope"];
/// The columns of the table of extensions outside parity.
const EXTENSIONS: [&str; 4] = ["extension", "where", "why outside", "shown by"];
/// What a deviation can be.
const STATUS: [&str; 3] = ["intended", "extension", "open"];

/// A deviation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Its id.
    pub id: String,
    /// `intended`, `extension` or `open`.
    pub status: String,
    /// The month in which it is to be looked at again: `2027-06`.
    pub revisit: String,
    /// The line of its row.
    pub line: usize,
    scope: String,
}

/// The registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Its deviations, in order.
    pub deviations: Vec<Deviation>,
    /// How many extensions it has that are outside parity.
    pub extensions: usize,
    /// What is wrong with its form, row by row.
    pub broken: Vec<String>,
    shown: Vec<(usize, String)>,
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
    if !is_id(id) {
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

/// The deviations that a text names, as: deviation `id`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split("deviation `").skip(1).filter_map(|rest| rest.split('`').next()).filter(|id| is_id(id))
}

/// The last part of a path.
fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
}

/// The month of a moment, in seconds since 1970: `2026-11`.
pub fn month_of(seconds: u64) -> String {
    // Days since the first of March of the year 0: a year begins with March, so the odd day of February is its last.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let month = (5 * (day - (365 * year + year / 4 - year / 100)) + 2) / 153;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    format!("{:04}-{month:02}", era * 400 + year)
}

impl Registry {
    /// Reads the registry of a tree.
    ///
    /// # Errors
    /// It cannot be read, or has no table.
    pub fn read(tree: &Tree) -> Result<Self, ParityError> {
        Self::of(&text(tree.registry_path())?)
    }

    fn of(text: &str) -> Result<Self, ParityError> {
        let no_table = || ParityError::NoTable { page: super::DEVIATIONS.into(), columns: COLUMNS.join(", ") };
        let mut registry = Self::default();
        for row in rows(text, &COLUMNS).ok_or_else(no_table)? {
            let faults = faults(&row.cells);
            let whole = faults.is_empty();
            registry.broken.extend(faults.into_iter().map(|fault| format!("docs/parity.md:{}: {fault}", row.line)));
            let id = row.cells[0].trim_matches('`').to_owned();
            if registry.get(&id).is_some() {
                registry.broken.push(format!("docs/parity.md:{}: `{id}` stands twice", row.line));
            }
            if whole {
                let (status, revisit, scope) = (row.cells[2].into(), row.cells[6].into(), row.cells[7].into());
                registry.deviations.push(Deviation { id, status, revisit, scope, line: row.line });
            }
        }
        let no_extensions = || ParityError::NoTable { page: super::DEVIATIONS.into(), columns: EXTENSIONS.join(", ") };
        for row in rows(text, &EXTENSIONS).ok_or_else(no_extensions)? {
            registry.extensions += 1;
            match row.cells[..] {
                [what, place, why, shown] if [what, place, why, shown].iter().all(|cell| !cell.is_empty()) => {
                    registry.shown.extend(quoted(shown).map(|name| (row.line, last(name).to_owned())));
                }
                _ => registry.broken.push(format!(
                    "docs/parity.md:{}: an extension has {} cells, none empty",
                    row.line,
                    EXTENSIONS.len()
                )),
            }
        }
        Ok(registry)
    }

    /// The deviation of an id.
    pub fn get(&self, id: &str) -> Option<&Deviation> {
        self.deviations.iter().find(|deviation| deviation.id == id)
    }

    /// Those whose month has passed. `month` is the present one: `2026-11`.
    pub fn overdue(&self, month: &str) -> impl Iterator<Item = &Deviation> {
        self.deviations.iter().filter(move |deviation| deviation.revisit.as_str() < month)
    }

    /// What is wrong between the registry and the tree: deviations that are named and not registered; and those that are
    /// registered while no row of shapes has them and nothing shows them any more. `in_rows` is what rows name.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn check(&self, tree: &Tree, in_rows: &BTreeSet<String>) -> Result<Vec<String>, ParityError> {
        let mut sources = tree.sources()?;
        let proofs = tree.proofs(&sources)?;
        let folder = tree.path("docs");
        for entry in std::fs::read_dir(&folder).map_err(|error| ParityError::file(&folder, &error))? {
            let path = entry.map_err(|error| ParityError::file(&folder, &error))?.path();
            if path.extension().is_some_and(|ending| ending == "md") {
                sources.push((path.display().to_string(), text(&path)?));
            }
        }
        let mut broken = self.broken.clone();
        // What is said here about deviations names none.
        for (name, text) in sources.iter().filter(|(name, _)| !name.starts_with("bridge/src/parity")) {
            let unknown = named(text).filter(|id| self.get(id).is_none());
            broken.extend(unknown.map(|id| format!("{name}: the deviation `{id}` is not in the registry")));
        }
        let gone = self.shown.iter().filter(|(_, name)| !proofs.contains(name));
        broken.extend(
            gone.map(|(line, name)| format!("docs/parity.md:{line}: there is no test, theorem or lane `{name}`")),
        );
        for deviation in &self.deviations {
            broken.extend(deviation.unshown(&proofs, in_rows.contains(&deviation.id)));
        }
        Ok(broken)
    }
}

impl Deviation {
    /// What is wrong with its scope of coverage. Names in it are of tests, theorems or lanes; `module::name` counts by its
    /// last part.
    fn unshown(&self, proofs: &BTreeSet<String>, in_row: bool) -> Vec<String> {
        let at = |what: String| format!("docs/parity.md:{}: {what}", self.line);
        let mut named = quoted(&self.scope).map(last).peekable();
        if named.peek().is_none() && !in_row {
            return vec![at(format!(
                "`{}` is stale: no row of docs/shapes.md has it, and its scope names no test, theorem or lane; delete it, or say \
                 what shows it",
                self.id
            ))];
        }
        let gone = named.filter(|name| !proofs.contains(*name));
        gone.map(|name| at(format!("`{}`: there is no test, theorem or lane `{name}` to show it", self.id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &str) -> Registry {
        let rule = "|---".repeat(COLUMNS.len());
        let extensions =
            format!("| {} |\n|---|---|---|---|\n| e | w | y | `t` |\n| e | w |  | `t` |", EXTENSIONS.join(" | "));
        let columns = COLUMNS.join(" | ");
        let mut registry =
            Registry::of(&format!("# Deviations\n\n| {columns} |\n{rule}|\n{rows}\n{extensions}\nbehind it")).unwrap();
        // One of the two has an empty cell.
        assert_eq!((registry.extensions, registry.shown.len()), (2, 1));
        assert!(registry.broken.pop().unwrap().contains("an extension has 4 cells"));
        registry
    }

    #[test]
    fn rows_are_held_to_their_form() {
        let broken = |rows: &str| table(rows).broken;
        assert_eq!(broken("| `a-b` | heap | intended | r | i | none | 2027-01 | all |\n"), [""; 0]);
        assert_eq!(broken("| `a` | heap | intended | r | i | none | 2027-01 |\n").len(), 1);
        assert_eq!(broken("| `a` | heap | intended | r |  | none | 2027-01 | all |\n").len(), 1);
        assert_eq!(broken("| a_b | heap | perhaps | r | i | none | soon | all |\n").len(), 3);
        assert_eq!(broken(&"| `a` | heap | open | r | i | none | 2027-13 | all |\n".repeat(2)).len(), 2);
        assert_eq!(broken(&"| `a` | heap | open | r | i | none | 2027-12 | all |\n".repeat(2)).len(), 1);
        assert!(Registry::of("no table").is_err());
        assert_eq!(named("the deviation `x` and deviation `y-z`.").collect::<Vec<_>>(), ["x", "y-z"]);
    }

    #[test]
    fn what_nothing_shows_is_stale() {
        let proofs = BTreeSet::from([String::from("shown")]);
        let unshown = |scope: &str, in_row| {
            let registry = table(&format!("| `a` | heap | open | r | i | none | 2027-01 | {scope} |\n"));
            registry.deviations[0].unshown(&proofs, in_row)
        };
        assert_eq!(unshown("`checks::shown`", false), [""; 0]);
        assert_eq!(unshown("nothing", true), [""; 0]);
        assert!(unshown("nothing", false)[0].contains("stale"));
        assert!(unshown("`checks::gone`", true)[0].contains("`gone`"));
    }

    #[test]
    fn months_pass() {
        assert_eq!(
            [0, 951_782_399, 951_868_800, 1_795_368_000].map(month_of),
            ["1970-01", "2000-02", "2000-03", "2026-11"]
        );
        let registry = table("| `a` | heap | open | r | i | none | 2027-01 | all |\n");
        assert_eq!(registry.overdue("2027-01").count(), 0);
        assert_eq!(registry.overdue("2027-02").next().unwrap().id, "a");
    }
}
