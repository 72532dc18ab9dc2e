//! `motet compile`: seal an image.

use crate::failure::Outcome;
use crate::input;
use crate::out::Out;
use crate::output_file::OutputFile;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A choreography (`.tell`) or a global type (`.json`).
    file: PathBuf,
    /// Where the image goes.
    #[arg(short, long)]
    output: PathBuf,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let source = input::read_source(&args.file)?;
    let (_, image) = input::compile(&source)?;
    let bytes = image.parts().to_bytes();
    let mut file = OutputFile::create(&args.output)?;
    file.write_all(&bytes).map_err(|error| file.unwritable(&error))?;
    file.finish()?;
    let parts = image.parts();
    if out.json {
        return out.document(&json!({
            "image": args.output.display().to_string(),
            "protocol": parts.name,
            "digest": image.digest().to_string(),
            "bytes": bytes.len(),
            "roles": parts.roles.len(),
            "instructions": parts.code.len(),
        }));
    }
    out.line(format_args!(
        "{}: {}, {} roles, {} instructions, {} bytes",
        args.output.display(),
        parts.name,
        parts.roles.len(),
        parts.code.len(),
        bytes.len()
    ))?;
    out.line(format_args!("digest {}", image.digest()))
}
