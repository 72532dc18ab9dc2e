//! `motet verify-waves`: a recorded schedule, checked again without running anything: every wave's sessions, the
//! planner step that it was certified at, and that no wave picks what an earlier one still had.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::record;
use crate::summary::plural;
use motet_runtime::verify_waves;
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A trace, as `motet run --trace` writes it.
    file: PathBuf,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let record = record::load(&args.file)?;
    let summary = verify_waves(&record)
        .map_err(|error| Failure::failed("bad_schedule", format!("{}: {error}", args.file.display())))?;
    if out.json {
        return out.document(&json!({
            "certifiable": true,
            "waves": summary.waves,
            "picks": summary.picks,
            "max_width": summary.max_width,
            "steps": summary.steps,
        }));
    }
    let (waves, picks) = (plural(summary.waves, "wave"), plural(summary.picks, "pick"));
    out.line(format_args!(
        "every wave could be certified: {waves}, {picks}, at most {} in a wave, {}",
        summary.max_width,
        plural(summary.steps, "step")
    ))
}
