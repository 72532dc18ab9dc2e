//! The project's tree, as far as parity is read from it: its pages, its sources' functions, and its theorems.

use super::error::ParityError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders in which nothing of ours stands.
const OUTSIDE: [&str; 2] = ["target", "artifacts"];

/// A tree of the project.
#[derive(Clone, Debug)]
pub struct Tree {
    top: PathBuf,
    registry: PathBuf,
}

impl Tree {
    /// The tree at a folder.
    ///
    /// # Errors
    /// [`ParityError::NoTree`] where it has no `docs/shapes.md`.
    pub fn at(top: impl Into<PathBuf>) -> Result<Self, ParityError> {
        let top = top.into();
        if !top.join(super::SHAPES).is_file() {
            return Err(ParityError::NoTree { path: top });
        }
        Ok(Self { registry: top.join(super::DEVIATIONS), top })
    }

    /// With another registry of deviations than the tree's.
    #[must_use]
    pub fn with_registry(mut self, registry: impl Into<PathBuf>) -> Self {
        self.registry = registry.into();
        self
    }

    /// A path inside the tree.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.top.join(inside)
    }

    pub(super) fn registry_path(&self) -> &Path {
        &self.registry
    }

    pub(super) fn page(&self, inside: &str) -> Result<String, ParityError> {
        text(&self.path(inside))
    }

    /// All sources, in order, each with its path inside the tree.
    pub(super) fn sources(&self) -> Result<Vec<(String, String)>, ParityError> {
        let mut paths = Vec::new();
        walk(&self.top, &mut paths)?;
        paths.sort_unstable();
        let read = |path: PathBuf| {
            let name = path.strip_prefix(&self.top).unwrap_or(&path).display().to_string();
            Ok((name, text(&path)?))
        };
        paths.into_iter().map(read).collect()
    }

    /// What tests and theorems there are, by name: what a scope of coverage may name.
    ///
    /// # Errors
    /// Something cannot be read.
    pub(super) fn proofs(&self, sources: &[(String, String)]) -> Result<BTreeSet<String>, ParityError> {
        let mut names = BTreeSet::new();
        for (_, text) in sources {
            names.extend(functions(text).map(str::to_owned));
        }
        let checks = self.page("reference/theories/Checks.v")?;
        let theorems = checks.lines().filter_map(|line| line.trim().strip_prefix("Print Assumptions "));
        names.extend(theorems.map(|name| name.trim_end_matches('.').to_owned()));
        names.extend(self.lanes()?);
        Ok(names)
    }

    /// The full lanes of which the evidence says something: the first column of its table, and what `cargo xtask full`
    /// was asked for.
    pub(super) fn lanes(&self) -> Result<BTreeSet<String>, ParityError> {
        let page = self.page(super::EVIDENCE)?;
        let rows = super::table::rows(&page, &super::EVIDENCE_COLUMNS).unwrap_or_default();
        let mut lanes = BTreeSet::new();
        for row in rows.iter().filter(|row| row.cells.len() == super::EVIDENCE_COLUMNS.len()) {
            lanes.insert(row.cells[0].to_owned());
            let asked = row.cells[1].split("cargo xtask full ").skip(1);
            lanes.extend(asked.filter_map(|rest| rest.split(['`', ' ', ',']).next()).map(str::to_owned));
        }
        Ok(lanes)
    }
}

/// The functions without arguments in a source: tests, and checks that tests call.
pub(super) fn functions(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| {
        let rest = line.trim_start();
        rest.strip_prefix("pub(crate) ").or_else(|| rest.strip_prefix("pub ")).unwrap_or(rest).strip_prefix("fn ")
    });
    names.filter_map(|rest| rest.split_once("()").map(|(name, _)| name))
}

pub(super) fn text(path: &Path) -> Result<String, ParityError> {
    std::fs::read_to_string(path).map_err(|error| ParityError::file(path, &error))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ParityError> {
    for entry in std::fs::read_dir(folder).map_err(|error| ParityError::file(folder, &error))? {
        let path = entry.map_err(|error| ParityError::file(folder, &error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !OUTSIDE.contains(&name.as_str()) {
                walk(&path, found)?;
            }
        } else if name.ends_with(".rs") || name.ends_with(".v") || name.ends_with(".ml") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn functions_are_found() {
        let text = "fn a() {\n    pub fn b() -> X {\npub(crate) fn f() {}\nfn c(d: u8) {\nfn e\n";
        assert_eq!(super::functions(text).collect::<Vec<_>>(), ["a", "b", "f"]);
    }
}
