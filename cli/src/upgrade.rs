//! `motet upgrade`: which sessions of a log may go on in a new image, and their move there.

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::keys::Keys;
use crate::out::Out;
use crate::recover;
use crate::summary::plural;
use crate::wal;
use motet_machine::{UpgradeDecision, UpgradeMode, UpgradeOptions};
use motet_runtime::{Durable, DurableOptions, StagedUpgrade};
use motet_types::SessionId;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log's folder, as `motet run --wal` made it.
    folder: PathBuf,
    /// What sessions are to go on in: a choreography, a global type or an image.
    new: PathBuf,
    /// How a role's new type is held against the state that it is in: the same phases with the same labels, or
    /// asynchronous subtyping.
    #[arg(long, value_enum, default_value_t = Mode::Full)]
    mode: Mode,
    /// Let sessions that stand at their beginning, with nothing in flight, take any new type.
    #[arg(long)]
    at_start: bool,
    /// Say what would become of each session, and move none.
    #[arg(long)]
    dry_run: bool,
    /// Say what becomes of this session only, and move no other; may be given several times.
    #[arg(long, value_name = "N")]
    session: Vec<u64>,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Conservative,
    Full,
}

impl Args {
    fn options(&self) -> UpgradeOptions {
        let mode = match self.mode {
            Mode::Conservative => UpgradeMode::Conservative,
            Mode::Full => UpgradeMode::Full,
        };
        UpgradeOptions { mode, at_start: self.at_start }
    }
}

/// Leaves the sessions that were asked for, or all.
fn only(staged: &mut StagedUpgrade, wanted: &[u64]) -> Outcome<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let live = |wanted: &&u64| staged.decisions.iter().all(|(session, _)| session.0 != **wanted);
    if let Some(gone) = wanted.iter().find(live) {
        let message = format!("there is no live session {gone} in this log");
        return Err(Failure::usage("unknown_session", message));
    }
    staged.decisions.retain(|(session, _)| wanted.contains(&session.0));
    Ok(())
}

fn decision_json(session: SessionId, decision: &UpgradeDecision) -> Json {
    let mut json = json!({"session": session.0, "decision": decision.name()});
    if let Some(obstacle) = decision.obstacle() {
        json["code"] = obstacle.code().into();
        json["why"] = obstacle.to_string().into();
    }
    json
}

fn tell(staged: &StagedUpgrade, out: &mut Out) -> Outcome<()> {
    for (decision, count) in staged.reasons() {
        let verb = |one: &str, several: &str| if count == 1 { one.to_owned() } else { several.to_owned() };
        let word = match decision {
            UpgradeDecision::Moves => verb("moves", "move"),
            UpgradeDecision::Waits(_) => verb("waits", "wait"),
            UpgradeDecision::Finishes(_) => verb("finishes", "finish"),
        };
        match decision.obstacle() {
            None => out.line(format_args!("{count:>6} {word}"))?,
            Some(obstacle) => out.line(format_args!("{count:>6} {word}: {obstacle}"))?,
        }
    }
    Ok(())
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let new = input::image(&args.new)?;
    let storage = wal::storage(&args.folder, false)?;
    let options = DurableOptions { keys: args.keys.read()?, ..DurableOptions::default() };
    let recovered = Durable::recover(storage, options);
    let (mut durable, plan) = recovered.map_err(|error| wal::recover_failure(&error))?;
    if durable.runtime().machine().images().is_empty() {
        return Err(Failure::refused("no_run", "the log ends before the run has an image"));
    }
    if !out.json {
        recover::tell(&plan, out)?;
    }
    let digest = new.digest();
    let failed = |error: motet_runtime::DurableError| wal::durable_failure(&error);
    let to = durable.load(new).map_err(failed)?;
    let mut staged = durable.stage_upgrade(to, args.options()).map_err(failed)?;
    only(&mut staged, &args.session)?;
    let movable = staged.movable();
    let moved = match args.dry_run || movable.is_empty() {
        true => 0,
        false => durable.upgrade(to, args.options(), &movable).map_err(failed)?,
    };
    let root = durable.runtime().state_root();
    if moved > 0 {
        durable.close().map_err(failed)?;
    }
    if out.json {
        let sessions = staged.decisions.iter().map(|(session, decision)| decision_json(*session, decision));
        return out.document(&json!({
            "image_digest": digest.to_string(),
            "mode": if args.mode == Mode::Full { "full" } else { "conservative" },
            "at_start": args.at_start,
            "dry_run": args.dry_run,
            "moved": moved,
            "sessions": sessions.collect::<Vec<_>>(),
            "recovered": recover::plan_json(&plan),
            "state_root": root.to_string(),
        }));
    }
    tell(&staged, out)?;
    match (args.dry_run, moved) {
        (true, _) => out.line(format_args!("nothing was moved")),
        (false, moved) => {
            out.line(format_args!("moved {}; `motet recover` goes on with the run", plural(moved, "session")))
        }
    }
}
