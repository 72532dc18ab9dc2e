//! `motet release-conformance`: all that a release must satisfy, in one report.

use crate::failure::Outcome;
use crate::out::Out;
use crate::parity::{TreeArgs, conclude, month};
use motet_bridge::parity::{ConformancePart, release_conformance};
use serde_json::{Value as Json, json};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    tree: TreeArgs,
}

fn part_json(part: &ConformancePart) -> Json {
    json!({"name": part.name, "checked": part.checked, "findings": part.findings})
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let month = month();
    let parts = release_conformance(&args.tree.open()?, &month)?;
    let findings: Vec<String> =
        parts.iter().flat_map(|part| part.findings.iter().map(|what| format!("{}: {what}", part.name))).collect();
    if out.json {
        out.document(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "month": month,
            "conforms": findings.is_empty(),
            "parts": parts.iter().map(part_json).collect::<Vec<_>>(),
        }))?;
    } else {
        for ConformancePart { name, checked, findings } in &parts {
            let word = if findings.is_empty() { "yes" } else { "no" };
            out.line(format_args!("{word:3}  {name}: {checked} looked at, {} wrong", findings.len()))?;
        }
    }
    conclude("does_not_conform", &findings, out)
}
