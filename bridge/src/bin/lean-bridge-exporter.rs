//! `lean-bridge-exporter`: a choreography as the documents that other implementations read.

use motet_bridge::{GoldenBundle, projections};
use motet_choreo::{Source, global_to_json, load};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: lean-bridge-exporter FILE\n\
    writes one document: the global type of a choreography (.tell, or a global type in JSON) and the local type of each role";

fn export(path: &Path) -> Result<String, Box<dyn Error>> {
    let source = Source::from_bytes(path.display().to_string(), &std::fs::read(path)?)?;
    let global_type = serde_json::from_str(&global_to_json(&load(&source).map_err(|error| error.to_string())?)?)?;
    let local_types = projections(&global_type)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let bundle = GoldenBundle { schema_version: Default::default(), name, global_type, local_types };
    Ok(serde_json::to_string_pretty(&bundle)?)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file] = &words[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match export(Path::new(file)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("lean-bridge-exporter: {file}: {error}");
            ExitCode::from(1)
        }
    }
}
