//! What a release must satisfy, as far as the tree and this build can say it: one list of parts, each with what is wrong.

use super::error::ParityError;
use super::registry::Registry;
use super::shapes::check_shapes;
use super::suite::run_suites;
use super::table::{rows, words};
use super::tree::Tree;
use super::{capability_gates, capability_model, gate_findings};
use crate::{
    HEAP_PARITY_SCHEMA_VERSION, LEAN_BRIDGE_SCHEMA_VERSION, PROTOCOL_BUNDLE_SCHEMA_VERSION,
    SERIALIZATION_SCHEMA_VERSION,
};
use motet_semantic::{DURABILITY_SCHEMA_VERSION, SEMANTIC_OBJECTS_SCHEMA_VERSION};
use serde_json::Value as Json;
use std::collections::BTreeSet;

const CLAIMS: [&str; 3] = ["claim", "kind", "by"];
const CLAIMS_PAGE: &str = "docs/claims.md";
const VERSIONS: [&str; 6] = [
    LEAN_BRIDGE_SCHEMA_VERSION,
    PROTOCOL_BUNDLE_SCHEMA_VERSION,
    SEMANTIC_OBJECTS_SCHEMA_VERSION,
    DURABILITY_SCHEMA_VERSION,
    HEAP_PARITY_SCHEMA_VERSION,
    SERIALIZATION_SCHEMA_VERSION,
];

/// A part of what is asked of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConformancePart {
    /// What is asked.
    pub name: &'static str,
    /// How many things were looked at.
    pub checked: usize,
    /// Why it is not so.
    pub findings: Vec<String>,
}

/// Looks at everything. `month` is the present month, by which deviations are due.
///
/// # Errors
/// The tree cannot be read.
pub fn release_conformance(tree: &Tree, month: &str) -> Result<Vec<ConformancePart>, ParityError> {
    let registry = Registry::read(tree)?;
    let report = check_shapes(tree, &registry)?;
    let part = |name, checked, findings| ConformancePart { name, checked, findings };
    let overdue = registry.overdue(month);
    let due = overdue.map(|late| format!("docs/parity.md:{}: `{}` was due in {}", late.line, late.id, late.revisit));
    let mut parts = vec![
        part("shapes", report.rows.len(), report.findings().cloned().collect()),
        part("registry", registry.deviations.len(), registry.check(tree, &report.named())?),
        part("revisits", registry.deviations.len(), due.collect()),
    ];
    for suite in run_suites(tree)? {
        parts.push(part(suite.name, suite.compared, suite.findings));
    }
    let gates = capability_gates();
    let mut closed = gate_findings(&gates);
    closed.extend(capability_model().err());
    parts.push(part("capability gates", gates.len(), closed));
    parts.extend([schemas(tree)?, claims(tree)?, evidence(tree)?, changelog(tree)?, licences(tree)?]);
    Ok(parts)
}

/// Every published schema is JSON, and has a version that this build reads; every version has a schema.
fn schemas(tree: &Tree) -> Result<ConformancePart, ParityError> {
    let (mut findings, mut seen, mut checked) = (Vec::new(), BTreeSet::new(), 0);
    let folder = tree.path("docs/schema");
    for entry in std::fs::read_dir(&folder).map_err(|error| ParityError::file(&folder, &error))? {
        let path = entry.map_err(|error| ParityError::file(&folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        checked += 1;
        let Ok(schema) = serde_json::from_str::<Json>(&super::tree::text(&path)?) else {
            findings.push(format!("docs/schema/{name} is not JSON"));
            continue;
        };
        match schema["properties"]["schema_version"]["const"].as_str() {
            Some(version) if VERSIONS.contains(&version) => drop(seen.insert(version.to_owned())),
            Some(version) => {
                findings.push(format!("docs/schema/{name} is of `{version}`, which this build does not read"))
            }
            None => {}
        }
    }
    let missing = VERSIONS.iter().filter(|version| !seen.contains(**version));
    findings.extend(missing.map(|version| format!("docs/schema has no document of `{version}`")));
    Ok(ConformancePart { name: "schema versions", checked, findings })
}

/// Every claim names something that is there; a lane is there when it has evidence.
fn claims(tree: &Tree) -> Result<ConformancePart, ParityError> {
    let (page, lanes) = (tree.page(CLAIMS_PAGE)?, tree.lanes()?);
    let proofs = tree.proofs(&tree.sources()?)?;
    let no_table = || ParityError::NoTable { page: CLAIMS_PAGE.into(), columns: CLAIMS.join(", ") };
    let rows = rows(&page, &CLAIMS).ok_or_else(no_table)?;
    let mut findings = Vec::new();
    for row in &rows {
        let [_, kind, by] = row.cells[..] else {
            findings.push(format!("{CLAIMS_PAGE}:{}: {} cells where 3 belong", row.line, row.cells.len()));
            continue;
        };
        let names = words(by).unwrap_or_default();
        let missing: Vec<&str> = match kind {
            "lane" => names.into_iter().filter(|name| !lanes.contains(*name)).collect(),
            "test" | "explored" | "theorem" => names.into_iter().filter(|name| !proofs.contains(*name)).collect(),
            _ => Vec::new(),
        };
        findings.extend(missing.into_iter().map(|name| match kind {
            "lane" => format!("{CLAIMS_PAGE}:{}: the lane `{name}` has no row in docs/EVIDENCE.md", row.line),
            _ => format!("{CLAIMS_PAGE}:{}: there is no {kind} `{name}`", row.line),
        }));
    }
    Ok(ConformancePart { name: "claims", checked: rows.len(), findings })
}

/// Every row of evidence says by which command, seed and count, and what came of it.
fn evidence(tree: &Tree) -> Result<ConformancePart, ParityError> {
    let page = tree.page(super::EVIDENCE)?;
    let columns = super::EVIDENCE_COLUMNS;
    let no_table = || ParityError::NoTable { page: super::EVIDENCE.into(), columns: columns.join(", ") };
    let rows = rows(&page, &columns).ok_or_else(no_table)?;
    let whole = |cells: &[&str]| cells.len() == columns.len() && cells.iter().all(|cell| !cell.is_empty());
    let broken = rows.iter().filter(|row| !whole(&row.cells));
    let findings =
        broken.map(|row| format!("docs/EVIDENCE.md:{}: a row has {} cells, none empty", row.line, columns.len()));
    Ok(ConformancePart { name: "evidence", checked: rows.len(), findings: findings.collect() })
}

/// The value of a line `key = "value"` of the workspace's manifest.
fn setting(manifest: &str, key: &str) -> Option<String> {
    let line = manifest.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(line.trim().trim_matches('"').to_owned())
}

/// The changelog has the version of this build and of the tree, which are one.
fn changelog(tree: &Tree) -> Result<ConformancePart, ParityError> {
    let (version, page) =
        (setting(&tree.page("Cargo.toml")?, "version").unwrap_or_default(), tree.page("CHANGELOG.md")?);
    let mut findings = Vec::new();
    if version != env!("CARGO_PKG_VERSION") {
        findings.push(format!("the tree is {version}, and this build is {}", env!("CARGO_PKG_VERSION")));
    }
    if !page.lines().any(|line| line.split(' ').take(2).eq(["##", version.as_str()])) {
        findings.push(format!("CHANGELOG.md has no `## {version}`"));
    }
    Ok(ConformancePart { name: "changelog", checked: 2, findings })
}

/// Every licence that the manifest names is in the tree.
fn licences(tree: &Tree) -> Result<ConformancePart, ParityError> {
    let named = setting(&tree.page("Cargo.toml")?, "license").unwrap_or_default();
    let files =
        named.split(" OR ").map(|name| format!("LICENSE-{}", name.split('-').next().unwrap_or(name).to_uppercase()));
    let files: Vec<String> = files.collect();
    let missing = files.iter().filter(|file| !tree.path(file).is_file());
    let findings = missing.map(|file| format!("there is no {file} for `{named}`")).collect();
    Ok(ConformancePart { name: "licences", checked: files.len(), findings })
}

#[cfg(test)]
mod tests {
    #[test]
    fn settings_are_read() {
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\nlicense = \"MIT OR Apache-2.0\"\n";
        assert_eq!(super::setting(manifest, "version").unwrap(), "0.1.0");
        assert_eq!(super::setting(manifest, "license").unwrap(), "MIT OR Apache-2.0");
        assert_eq!(super::setting(manifest, "name"), None);
    }
}
