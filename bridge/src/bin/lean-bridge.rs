//! `lean-bridge`: types held against this build, and against another implementation.

use motet_bridge::runner::ProtocolMachineRunner;
use motet_bridge::{
    CoherenceBundle, GoldenBundle, LEAN_BRIDGE_SCHEMA_VERSION, ProjectPayload, Validator, global_from_json,
    read_document,
};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: lean-bridge check FILE | compare FILE RUNNER\n\
    check    a document of lean-bridge-exporter: is every local type the projection, and what holds of the global type\n\
    compare  the same document: does the runner project its global type alike";

fn read(file: &str) -> Result<GoldenBundle, Box<dyn Error>> {
    Ok(read_document(&std::fs::read_to_string(file)?, Some(LEAN_BRIDGE_SCHEMA_VERSION))?)
}

fn check(file: &str) -> Result<bool, Box<dyn Error>> {
    let bundle = read(file)?;
    let coherence = CoherenceBundle::of(&global_from_json(0, &bundle.global_type)?);
    println!("{}", serde_json::to_string(&coherence)?);
    let found = Validator.compare_projections(&bundle.global_type, &bundle.local_types)?;
    found.iter().for_each(|difference| println!("{}: is not the projection", difference.role));
    Ok(coherence.good && found.is_empty())
}

fn compare(file: &str, runner: &str) -> Result<bool, Box<dyn Error>> {
    let bundle = read(file)?;
    let roles = bundle.local_types.keys().cloned().collect();
    let payload = ProjectPayload { global_type: bundle.global_type, roles };
    let reply = ProtocolMachineRunner::at(Path::new(runner))?.project(&payload)?;
    let differs = bundle.local_types.iter().filter(|(role, local)| reply.local_types.get(*role) != Some(*local));
    let differs: Vec<&String> = differs.map(|(role, _)| role).collect();
    differs.iter().for_each(|role| println!("{role}: is projected otherwise there"));
    Ok(differs.is_empty() && reply.local_types.len() == bundle.local_types.len())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["check", file] => check(file),
        ["compare", file, runner] => compare(file, runner),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("lean-bridge: {error}");
            ExitCode::from(1)
        }
    }
}
