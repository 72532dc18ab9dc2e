//! `motet compact`: cut the log of a run that is not going on.

use crate::failure::Outcome;
use crate::keys::Keys;
use crate::out::Out;
use crate::summary::plural;
use crate::wal;
use motet_runtime::log::span::OpenSpans;
use motet_runtime::{DurableOptions, cut_log};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log's folder.
    folder: PathBuf,
    /// Keep the newest records, of at least so many bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    keep: u64,
    /// Cut only where no effect is open.
    #[arg(long, conflicts_with = "carry")]
    pin: bool,
    /// The most open effects that the cut carries into its checkpoint.
    #[arg(long, value_name = "MAX")]
    carry: Option<u32>,
    #[command(flatten)]
    keys: Keys,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let mut options = DurableOptions { keys: args.keys.read()?, ..DurableOptions::default() };
    if args.pin || args.carry.is_some() {
        options.open = args.carry.map_or(OpenSpans::Pin, |max| OpenSpans::Carry { max });
    }
    let storage = wal::storage(&args.folder, false)?;
    let (head, dropped) = cut_log(storage, &options, args.keep).map_err(|error| wal::cut_failure(&error))?;
    let certificate = &head.certificate;
    let hex = |digest: &motet_runtime::log::span::Digest| -> String {
        digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let carried: Vec<String> = head.carried.iter().map(|carried| carried.span.to_string()).collect();
    if out.json {
        return out.document(&json!({
            "cut": certificate.cut.get(),
            "end": certificate.end.get(),
            "carried": carried,
            "dropped_root": hex(&certificate.dropped_root),
            "kept_root": hex(&certificate.kept_root),
            "carried_root": hex(&certificate.carried_root),
            "state": hex(&certificate.state),
            "segments_dropped": dropped.segments,
        }));
    }
    let records = plural(certificate.cut.get(), "record");
    out.line(format_args!("cut before record {}: {records} stand in its checkpoint", certificate.cut.get()))?;
    out.line(format_args!("carried {}", plural(carried.len() as u64, "open effect")))?;
    out.line(format_args!("dropped {}", plural(dropped.segments as u64, "segment")))?;
    out.line(format_args!("state root   {}", hex(&certificate.state)))
}
