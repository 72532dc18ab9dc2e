//! `motet admit`: what an image and a configuration need, held item by item against what contracts grant.

use crate::config::{Document, text, wrong};
use crate::diff::profile;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use motet_runtime::{AdmissionItem, AdmissionRequest, RuntimeContracts, admit};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A choreography, a global type or an image.
    file: PathBuf,
    /// The configuration that it is to run with, as `motet run --config` reads it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What is granted, in TOML; what the file leaves out is not. Without it, what Motet answers for itself.
    #[arg(long, value_name = "FILE")]
    contracts: Option<PathBuf>,
    /// The determinism profile that runs are to claim.
    #[arg(long, value_name = "PROFILE", default_value = "full")]
    profile: String,
}

fn contracts(path: Option<&Path>) -> Outcome<RuntimeContracts> {
    let Some(path) = path else { return Ok(RuntimeContracts::own()) };
    let text = text(path)?;
    toml::from_str(&text).map_err(|error| wrong(path, &text, "list of contracts", "bad_contracts", &error))
}

fn item_json(item: &AdmissionItem) -> Json {
    json!({
        "by": item.by.to_string(),
        "requires": item.requirement.to_string(),
        "why": item.why,
        "granted": item.is_granted(),
        "refused": item.refused,
    })
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let profile = profile(&args.profile)?;
    let contracts = contracts(args.contracts.as_deref())?;
    let Document { schedule, machine, .. } = Document::read(args.config.as_deref(), None)?;
    let bad = |error: String| Failure::usage("bad_configuration", error);
    machine.validate().map_err(|error| bad(error.to_string()))?;
    schedule.validate().map_err(|error| bad(error.to_string()))?;
    let image = input::image(&args.file)?;
    let request = AdmissionRequest { images: vec![&image], config: &machine, schedule: &schedule, profile };
    let admission = admit(&request, &contracts);
    if out.json {
        out.document(&json!({
            "result": admission.result.name(),
            "profile": profile.name(),
            "items": admission.items.iter().map(item_json).collect::<Vec<_>>(),
        }))?;
    } else {
        out.line(admission.result.name())?;
        for item in &admission.items {
            let mark = if item.is_granted() { "granted" } else { "REFUSED" };
            out.line(format_args!("{mark}  {item}"))?;
        }
    }
    admission.enforce().map(drop).map_err(|refusal| {
        let items: Vec<Json> = refusal.items.iter().map(item_json).collect();
        Failure::refused("not_admitted", refusal.to_string())
            .field("result", refusal.result.name())
            .field("items", Json::from(items))
    })
}
