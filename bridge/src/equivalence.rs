//! Projections held against golden files, and against another implementation.
//!
//! A golden folder has a folder for each case: `input.json`, a global type, and `<Role>.expected.json` for each role.

use crate::document::{self, DocumentError};
use crate::schema::{BridgeVersion, documents};
use crate::validator::{ProjectionDifference, Validator, ValidatorError, projections};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The ending of a golden file's name.
const EXPECTED: &str = ".expected.json";

documents! {
    /// A golden case.
    pub struct GoldenBundle {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// The case.
        pub name: String,
        /// The global type.
        pub global_type: Json,
        /// Each role's local type.
        pub local_types: BTreeMap<String, Json>,
    }
}

/// Golden files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EquivalenceError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A file is not JSON.
    #[error("{path}: {error}")]
    Document {
        /// Which.
        path: PathBuf,
        /// Why.
        error: DocumentError,
    },
    /// A case's global type has no projection.
    #[error("{case}: {error}")]
    Types {
        /// The case.
        case: String,
        /// Why.
        error: Box<ValidatorError>,
    },
    /// The folder has no case.
    #[error("{path} has no golden case: a folder with an input.json")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EquivalenceReport {
    /// How many cases were looked at.
    pub cases: usize,
    /// How many local types were compared.
    pub compared: usize,
    /// What differs, with its case.
    pub differences: Vec<(String, ProjectionDifference)>,
}

impl EquivalenceReport {
    /// Whether nothing differs.
    pub fn equivalent(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares this implementation's projections with golden files.
#[derive(Clone, Debug)]
pub struct EquivalenceChecker {
    golden: PathBuf,
    strict: bool,
}

impl EquivalenceChecker {
    /// A checker of a golden folder. A strict one asks for a file for each role; another takes a role without a file as
    /// one about which nothing is said. A file for a role that is not there is a difference to both.
    pub fn new(golden: impl Into<PathBuf>, strict: bool) -> Self {
        Self { golden: golden.into(), strict }
    }

    /// The names of the cases, sorted.
    ///
    /// # Errors
    /// The folder cannot be read, or has none.
    pub fn cases(&self) -> Result<Vec<String>, EquivalenceError> {
        let mut cases = Vec::new();
        for path in list(&self.golden)? {
            if path.join("input.json").is_file()
                && let Some(name) = path.file_name()
            {
                cases.push(name.to_string_lossy().into_owned());
            }
        }
        if cases.is_empty() {
            return Err(EquivalenceError::Empty { path: self.golden.clone() });
        }
        Ok(cases)
    }

    /// Reads a case.
    ///
    /// # Errors
    /// A file cannot be read or is not JSON.
    pub fn bundle(&self, case: &str) -> Result<GoldenBundle, EquivalenceError> {
        let folder = self.golden.join(case);
        let global_type = read(&folder.join("input.json"))?;
        let mut local_types = BTreeMap::new();
        for path in list(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(role) = name.strip_suffix(EXPECTED) {
                local_types.insert(role.to_owned(), read(&path)?);
            }
        }
        Ok(GoldenBundle { schema_version: BridgeVersion, name: case.into(), global_type, local_types })
    }

    fn differences(&self, bundle: &GoldenBundle) -> Result<Vec<ProjectionDifference>, EquivalenceError> {
        let types = |error| EquivalenceError::Types { case: bundle.name.clone(), error: Box::new(error) };
        let mut found = Validator.compare_projections(&bundle.global_type, &bundle.local_types).map_err(types)?;
        found.retain(|difference| self.strict || difference.stated.is_some());
        Ok(found)
    }

    /// Compares every case with its files.
    ///
    /// # Errors
    /// A case cannot be read or has no projection.
    pub fn check_golden(&self) -> Result<EquivalenceReport, EquivalenceError> {
        let mut report = EquivalenceReport::default();
        for case in self.cases()? {
            let bundle = self.bundle(&case)?;
            report.compared += bundle.local_types.len();
            report.differences.extend(self.differences(&bundle)?.into_iter().map(|found| (case.clone(), found)));
            report.cases += 1;
        }
        Ok(report)
    }

    /// Compares every case with what another implementation projects; the files are not looked at.
    ///
    /// # Errors
    /// A case cannot be read or has no projection; `E` where the other does not answer.
    pub fn check_live<E: From<EquivalenceError>>(
        &self,
        mut project: impl FnMut(&GoldenBundle) -> Result<BTreeMap<String, Json>, E>,
    ) -> Result<EquivalenceReport, E> {
        let mut report = EquivalenceReport::default();
        for case in self.cases()? {
            let mut bundle = self.bundle(&case)?;
            bundle.local_types = project(&bundle)?;
            report.compared += bundle.local_types.len();
            report.differences.extend(self.differences(&bundle)?.into_iter().map(|found| (case.clone(), found)));
            report.cases += 1;
        }
        Ok(report)
    }

    /// Writes a case's files anew from this implementation's projections, and answers how many.
    ///
    /// # Errors
    /// The case cannot be read, has no projection, or cannot be written.
    pub fn renew(&self, case: &str) -> Result<usize, EquivalenceError> {
        let bundle = self.bundle(case)?;
        let types = |error| EquivalenceError::Types { case: case.into(), error: Box::new(error) };
        let all = projections(&bundle.global_type).map_err(types)?;
        let path = |role: &str| self.golden.join(case).join(format!("{role}{EXPECTED}"));
        for role in bundle.local_types.keys().filter(|role| !all.contains_key(*role)) {
            let path = path(role);
            std::fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
        for (role, local) in &all {
            let path = path(role);
            std::fs::write(&path, format!("{local:#}\n")).map_err(|error| failed(&path, &error))?;
        }
        Ok(all.len())
    }
}

fn failed(path: &Path, error: &std::io::Error) -> EquivalenceError {
    EquivalenceError::File { path: path.into(), why: error.to_string() }
}

/// What a folder holds, sorted.
fn list(folder: &Path) -> Result<Vec<PathBuf>, EquivalenceError> {
    let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| failed(folder, &error)));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.sort_unstable();
    Ok(paths)
}

fn read(path: &Path) -> Result<Json, EquivalenceError> {
    let text = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    document::unique(&text).map_err(|error| EquivalenceError::Document { path: path.into(), error })
}
