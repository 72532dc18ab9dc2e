//! `motet parity`: what is published, held against what there is.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use motet_bridge::parity::{
    ParityError, Registry, ShapeReport, SuiteReport, Tree, check_shapes, month_of, run_reference_suite, run_suites,
};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// The tree of the project.
#[derive(clap::Args)]
pub(crate) struct TreeArgs {
    /// The project's tree: the pages, golden files and the reference that this build is held against.
    #[arg(long, default_value = ".")]
    tree: PathBuf,
    /// Another registry of deviations than the tree's docs/parity.md.
    #[arg(long)]
    registry: Option<PathBuf>,
}

impl TreeArgs {
    pub(crate) fn open(&self) -> Outcome<Tree> {
        let tree = Tree::at(&self.tree)?;
        Ok(match &self.registry {
            Some(registry) => tree.with_registry(registry),
            None => tree,
        })
    }
}

#[derive(clap::Args)]
#[group(id = "what", required = true, multiple = true, args = ["types", "suite", "all"])]
pub(crate) struct Args {
    /// Hold the tables of docs/shapes.md against this build and against the reference, and the registry against the tree.
    #[arg(long)]
    types: bool,
    /// Compare what this build does with golden files, published vectors, and the reference where it is built.
    #[arg(long)]
    suite: bool,
    /// Both.
    #[arg(long)]
    all: bool,
    /// The runner of another implementation for the suites; without it the one that is found, if any.
    #[arg(long, value_name = "PATH")]
    runner: Option<PathBuf>,
    #[command(flatten)]
    tree: TreeArgs,
}

impl From<ParityError> for Failure {
    fn from(error: ParityError) -> Self {
        let code = match &error {
            ParityError::NoTree { .. } => "no_tree",
            ParityError::File { .. } => "cannot_read",
            ParityError::NoTable { .. } => "no_table",
            ParityError::Defect { .. } => "defect",
        };
        Self::refused(code, error.to_string())
    }
}

/// The present month.
pub(crate) fn month() -> String {
    month_of(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Says the findings, and fails if there are any.
pub(crate) fn conclude(code: &str, findings: &[String], out: &mut Out) -> Outcome<()> {
    if findings.is_empty() {
        return Ok(());
    }
    if !out.json {
        findings.iter().try_for_each(|finding| out.line(finding))?;
    }
    let message = format!("{} findings", findings.len());
    Err(Failure::refused(code, message).field("findings", findings.to_vec()))
}

fn shapes_json(report: &ShapeReport, registry: &Registry, overdue: &[&str]) -> Json {
    let (green, registered) = report.counts();
    let row = |row: &motet_bridge::parity::ShapeRow| json!({"shape": row.shape, "place": row.place, "deviations": row.deviations, "green": row.broken.is_empty() && row.deviations.is_empty()});
    json!({
        "as_published": green,
        "registered": registered,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "deviations": registry.deviations.len(),
        "overdue": overdue,
    })
}

fn suite_json(suite: &SuiteReport) -> Json {
    json!({"name": suite.name, "compared": suite.compared, "findings": suite.findings, "absent": suite.absent})
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let tree = args.tree.open()?;
    let (mut document, mut findings) = (json!({}), Vec::new());
    if args.types || args.all {
        let registry = Registry::read(&tree)?;
        let report = check_shapes(&tree, &registry)?;
        findings.extend(report.findings().cloned());
        findings.extend(registry.check(&tree, &report.named())?);
        let month = month();
        let overdue: Vec<&str> = registry.overdue(&month).map(|deviation| deviation.id.as_str()).collect();
        let (green, registered) = report.counts();
        document["types"] = shapes_json(&report, &registry, &overdue);
        if !out.json {
            out.line(format_args!("types: {green} rows as published, {registered} registered"))?;
            out.line(format_args!("deviations: {}", registry.deviations.len()))?;
            overdue.iter().try_for_each(|id| out.line(format_args!("overdue: `{id}` was to be looked at again")))?;
        }
    }
    if args.suite || args.all {
        let mut suites = run_suites(&tree)?;
        suites.push(run_reference_suite(&tree, args.runner.as_deref())?);
        document["suites"] = suites.iter().map(suite_json).collect();
        for suite in &suites {
            findings.extend(suite.findings.iter().map(|finding| format!("{}: {finding}", suite.name)));
            match &suite.absent {
                _ if out.json => {}
                None => out.line(format_args!("{}: {} compared", suite.name, suite.compared))?,
                Some(why) => out.line(format_args!("{}: not run: {why}", suite.name))?,
            }
        }
    }
    document["findings"] = findings.clone().into();
    if out.json {
        out.document(&document)?;
    }
    conclude("drift", &findings, out)
}
