//! `motet turns`: where conversations may be cut.

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use clap::Subcommand;
use motet_bridge::{TurnCase, TurnsError, cut_point_json, turns_from_json};
use motet_log::turns::{CutPoint, find_cut_point};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Where the published selector cuts each history of a list.
    CutPoints(CutPointsArgs),
}

#[derive(clap::Args)]
struct CutPointsArgs {
    /// The histories, as JSON.
    file: PathBuf,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let Command::CutPoints(args) = &args.command;
    let bytes = input::read_json(&args.file)?;
    let name = args.file.display().to_string();
    let refused = |index: Option<usize>, error: String| {
        Failure::refused("bad_cases", format!("{name}: {error}")).field("file", name.clone()).field("case", index)
    };
    let cases = turns_from_json(&bytes).map_err(|error| {
        let index = match &error {
            TurnsError::Case { index, .. } => Some(*index),
            TurnsError::Syntax(_) | TurnsError::Shape => None,
        };
        refused(index, error.to_string())
    })?;
    let cut = |(index, case): (usize, &TurnCase)| {
        find_cut_point(&case.entries, |at| case.weights[at], case.range.clone(), case.keep)
            .map_err(|error| refused(Some(index), error.to_string()))
    };
    let cuts: Vec<CutPoint> = cases.iter().enumerate().map(cut).collect::<Outcome<_>>()?;
    if out.json {
        return out.document(&json!({"results": cuts.iter().map(cut_point_json).collect::<Vec<_>>()}));
    }
    for (index, cut) in cuts.iter().enumerate() {
        let turn = cut.turn_start.map_or_else(String::new, |start| format!(", within the turn that starts at {start}"));
        out.line(format_args!("case {index}: keep from {}{turn}", cut.first_kept))?;
    }
    Ok(())
}
