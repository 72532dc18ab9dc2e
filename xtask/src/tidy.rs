//! The rules of the house that a machine can see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most lines of a source file outside tests and benches.
const MOST_LINES: usize = 600;
/// Folders in which the rules about source files do not hold, or where there is nothing of ours.
const OUTSIDE: [&str; 4] = ["target", "tests", "benches", "examples"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !OUTSIDE.contains(&name.as_str()) {
                sources(&path, found)?;
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Code without comments and text: enough to look for macros in it.
fn bare(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The names that a `lib.rs` makes public by `pub use`, and the modules it makes public.
fn exports(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut names, mut modules, mut from) = (Vec::new(), Vec::new(), Vec::new());
    let code: String = text.lines().map(bare).collect::<Vec<_>>().join("\n");
    for statement in code.split(';') {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let statement = statement
            .rsplit_once('}')
            .filter(|(_, rest)| rest.contains("pub "))
            .map_or(statement.clone(), |(_, rest)| rest.to_owned());
        if let Some((_, used)) = statement.split_once("pub use ") {
            let (path, list) = match used.split_once('{') {
                Some((path, list)) => (path, list.trim_end_matches('}').to_owned()),
                None => used.rsplit_once("::").map_or(("", used.to_owned()), |(path, name)| (path, name.to_owned())),
            };
            from.push(path.split("::").next().unwrap_or_default().to_owned());
            let last = |item: &str| item.rsplit([' ', ':']).next().unwrap_or_default().trim().to_owned();
            names.extend(list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(last));
        } else if let Some((_, module)) = statement.split_once("pub mod ") {
            modules.push(module.split([' ', '{']).next().unwrap_or_default().to_owned());
        }
    }
    (names, modules, from)
}

/// Every broken rule, with its file.
pub fn check(top: &Path) -> Result<Vec<String>, String> {
    let (mut files, mut broken) = (Vec::new(), Vec::new());
    sources(top, &mut files)?;
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.strip_prefix(top).unwrap_or(&file).display().to_string();
        let lines = text.lines().count();
        if lines > MOST_LINES {
            broken.push(format!("{name}: {lines} lines; {MOST_LINES} are the most"));
        }
        for (at, line) in text.lines().enumerate() {
            let line = bare(line);
            for word in ["include!(", "todo!("] {
                // This file has to name what it looks for.
                if line.contains(word) && !line.contains('"') {
                    broken.push(format!("{name}:{}: `{word}` has no place here", at + 1));
                }
            }
        }
        if name.ends_with("src/lib.rs") {
            let local = ["#![deny(", "#![allow(", "#![warn(", "#![forbid("];
            if let Some(line) = text.lines().find(|line| local.iter().any(|lint| line.starts_with(lint))) {
                broken.push(format!("{name}: `{line}`; lints stand in the workspace"));
            }
            let (names, modules, from) = exports(&text);
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
            for (twice, _) in counts.into_iter().filter(|(_, count)| *count > 1) {
                broken.push(format!("{name}: `{twice}` is exported twice"));
            }
            for module in modules.iter().filter(|module| from.contains(module)) {
                broken.push(format!("{name}: `{module}` is public and its items are exported as well"));
            }
        }
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::exports;

    #[test]
    fn exports_are_read() {
        let text = "mod a;\npub mod b;\npub use a::{One, Two as Other};\n// pub use a::One;\npub use c::deep::Three;\n";
        let (names, modules, from) = exports(text);
        assert_eq!(names, ["One", "Other", "Three"]);
        assert_eq!(modules, ["b"]);
        assert_eq!(from, ["a", "c"]);
    }

    #[test]
    fn broken_rules_are_found() {
        let folder = std::env::temp_dir().join(format!("motet-tidy-{}", std::process::id()));
        let source = folder.join("x/src");
        std::fs::create_dir_all(&source).unwrap();
        let long = "fn f() {}\n".repeat(601);
        std::fs::write(source.join("long.rs"), long).unwrap();
        std::fs::write(source.join("glued.rs"), "include!(\n    \"x\");\nfn f() { todo!() }\n").unwrap();
        let lib = "#![deny(missing_docs)]\npub mod a;\npub use a::One;\npub use b::{One, Two};\n";
        std::fs::write(source.join("lib.rs"), lib).unwrap();
        let broken = super::check(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let found = |what: &str| broken.iter().filter(|line| line.contains(what)).count();
        assert_eq!(found("601 lines"), 1, "{broken:?}");
        assert_eq!(found("has no place"), 2, "{broken:?}");
        assert_eq!(found("lints stand"), 1, "{broken:?}");
        assert_eq!(found("`One` is exported twice"), 1, "{broken:?}");
        assert_eq!(found("is public and its items"), 1, "{broken:?}");
        assert_eq!(broken.len(), 6, "{broken:?}");
    }
}
