//! The map from claims to what stands behind them: every name in `docs/claims.md` exists, and everything that proves or
//! tests at length stands behind some claim.

use crate::prove::Reference;
use std::collections::BTreeSet;
use std::path::Path;

/// The columns of the table.
const COLUMNS: [&str; 3] = ["claim", "kind", "by"];
/// Where tests stand that a claim may name.
const TESTS: [&str; 2] = ["tests", "src"];

/// Everything that a claim may name, by kind.
struct Names {
    theorems: BTreeSet<String>,
    obligations: BTreeSet<String>,
    lanes: BTreeSet<String>,
    tests: BTreeSet<String>,
}

impl Names {
    fn of(top: &Path) -> Result<Self, String> {
        let (mut tests, mut sources) = (BTreeSet::new(), Vec::new());
        crate::wrappers::sources(top, &mut sources)?;
        for source in sources {
            let inside = source.strip_prefix(top).unwrap_or(&source);
            if !inside.components().any(|part| TESTS.iter().any(|folder| part.as_os_str() == *folder)) {
                continue;
            }
            let text = std::fs::read_to_string(&source).map_err(|error| format!("{}: {error}", source.display()))?;
            tests.extend(functions(&text).map(str::to_owned));
        }
        Ok(Self {
            theorems: Reference::of(top).theorems()?,
            obligations: motet_semantic::MACHINES.iter().map(|machine| machine.name.to_owned()).collect(),
            lanes: crate::lanes::names().map(str::to_owned).collect(),
            tests,
        })
    }

    /// What a kind of claim names; none for a kind that there is not.
    fn of_kind(&self, kind: &str) -> Option<&BTreeSet<String>> {
        match kind {
            "theorem" => Some(&self.theorems),
            "obligation" => Some(&self.obligations),
            "lane" => Some(&self.lanes),
            "test" | "explored" => Some(&self.tests),
            _ => None,
        }
    }
}

/// The functions without arguments in a text: tests, and checks that tests call.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| {
        let rest = line.trim_start();
        rest.strip_prefix("pub fn ").or_else(|| rest.strip_prefix("fn "))
    });
    names.filter_map(|rest| rest.split_once("()").map(|(name, _)| name))
}

/// What is wrong with a table, and how many claims it makes.
fn read(text: &str, names: &Names) -> (usize, Vec<String>) {
    let (mut claims, mut broken, mut named) = (0, Vec::new(), BTreeSet::new());
    let rows = text.lines().enumerate().filter(|(_, line)| line.starts_with('|'));
    for (at, row) in rows.skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [claim, kind, by] = cells[..] else {
            broken.push(format!("docs/claims.md:{}: {} cells where {} belong", at + 1, cells.len(), COLUMNS.len()));
            continue;
        };
        claims += 1;
        let mut wrong = |what: String| broken.push(format!("docs/claims.md:{}: {what}", at + 1));
        if claim.is_empty() || by.is_empty() {
            wrong("an empty cell".into());
        }
        let Some(known) = names.of_kind(kind) else {
            if kind != "not promised" {
                wrong(format!("there is no kind `{kind}`"));
            }
            continue;
        };
        let by: Vec<&str> = by.split(", ").map(|name| name.trim_matches('`')).collect();
        for name in by {
            if !known.contains(name) {
                wrong(format!("there is no {kind} `{name}`"));
            }
            named.insert((kind, name));
        }
    }
    // Each of these must stand behind something.
    for (kind, known) in [("theorem", &names.theorems), ("obligation", &names.obligations), ("lane", &names.lanes)] {
        let unnamed = known.iter().filter(|name| !named.contains(&(kind, name.as_str())));
        broken.extend(unnamed.map(|name| format!("docs/claims.md: the {kind} `{name}` stands behind no claim")));
    }
    (claims, broken)
}

/// Holds `docs/claims.md` against the tree; answers how many claims there are, and what is wrong.
pub fn check(top: &Path) -> Result<(usize, Vec<String>), String> {
    let path = top.join("docs/claims.md");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(read(&text, &Names::of(top)?))
}

#[cfg(test)]
mod tests {
    use super::{Names, functions, read};

    #[test]
    fn names_must_exist_and_be_used() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let names =
            Names { theorems: set(&["t"]), obligations: set(&["o"]), lanes: set(&["l"]), tests: set(&["a", "b"]) };
        let table = |rows: &str| read(&format!("| claim | kind | by |\n|---|---|---|\n{rows}"), &names);
        let whole = "| x | theorem | `t` |\n| y | obligation | `o` |\n| z | lane | `l` |\n";
        assert_eq!(table(whole), (3, Vec::new()));
        assert_eq!(table(&format!("{whole}| w | test | `a`, `b` |\n| v | not promised | why |\n")), (5, Vec::new()));
        assert_eq!(table(&format!("{whole}| w | test | `a`, `c` |\n")).1.len(), 1);
        assert_eq!(table(&format!("{whole}| w | hope | `a` |\n")).1.len(), 1);
        assert_eq!(table(&format!("{whole}| w | test |\n")).1.len(), 1);
        assert_eq!(table(&format!("{whole}| w | not promised |  |\n")).1.len(), 1);
        assert_eq!(table("| x | theorem | `t` |\n").1.len(), 2);
    }

    #[test]
    fn functions_are_found() {
        let found: Vec<&str> = functions("fn a() {\n    pub fn b() -> X {\nfn c(d: u8) {\nfn e\n").collect();
        assert_eq!(found, ["a", "b"]);
    }
}
