//! `motet upgrade`: which sessions of a log may go on in a new image, and their move there.

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::keys::Keys;
use crate::out::Out;
use crate::recover;
use crate::summary::plural;
use crate::wal;
use motet_machine::{ImageId, UpgradeDecision, UpgradeMode, UpgradeOptions};
use motet_runtime::{Durable, DurableError, DurableOptions, RuntimeUpgradeError, RuntimeUpgradeRequest, StagedUpgrade};
use motet_semantic::{PendingEffectTreatment, RuntimeUpgradeExecutionConstraint};
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
    /// Refuse an image that needs what the old ones did not.
    #[arg(long)]
    preserve_profile: bool,
    /// Refuse to move a session whose owner is changing.
    #[arg(long)]
    keep_owners: bool,
    /// Fail what sessions wait for that stay behind.
    #[arg(long)]
    invalidate_blocked: bool,
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

    /// A log is held to nothing but what Motet answers for itself, so the new image may need more than the old one did.
    fn request(&self, to: ImageId) -> RuntimeUpgradeRequest {
        let mut request = RuntimeUpgradeRequest::new(to, self.options());
        request.sessions = (!self.session.is_empty()).then(|| self.session.iter().copied().map(SessionId).collect());
        request.compatibility.execution_constraint = match self.preserve_profile {
            true => RuntimeUpgradeExecutionConstraint::PreserveBundleProfile,
            false => RuntimeUpgradeExecutionConstraint::MixedDeterminismAllowed,
        };
        request.compatibility.ownership_continuity_required = self.keep_owners;
        if self.invalidate_blocked {
            request.compatibility.pending_effect_treatment = PendingEffectTreatment::InvalidateBlocked;
        }
        request
    }
}

/// The failure for an upgrade that does not come into its next phase.
fn failure(error: RuntimeUpgradeError) -> Failure {
    match error {
        RuntimeUpgradeError::Runtime(error) => wal::durable_failure(&DurableError::Runtime(error)),
        RuntimeUpgradeError::NotAlive(session) => {
            Failure::usage("unknown_session", format!("there is no live session {} in this log", session.0))
        }
        other => Failure::refused("upgrade_refused", other.to_string()),
    }
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
    let mut execution = durable.begin_upgrade(args.request(to)).map_err(failure)?;
    let moved = if args.dry_run {
        execution.roll_back("it was only looked at").map_err(failure)?;
        0
    } else {
        match durable.admit_staged(&mut execution) {
            Ok(()) => durable.cut_over(&mut execution).map_err(failure)?,
            // That is an answer, too.
            Err(RuntimeUpgradeError::NothingMoves { .. }) => 0,
            Err(error) => return Err(failure(error)),
        }
    };
    let staged = execution.staged();
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
            "artifact": execution.artifact(),
            "recovered": recover::plan_json(&plan),
            "state_root": root.to_string(),
        }));
    }
    tell(staged, out)?;
    match (args.dry_run, moved) {
        (true, _) => out.line(format_args!("nothing was moved")),
        (false, moved) => {
            out.line(format_args!("moved {}; `motet recover` goes on with the run", plural(moved, "session")))
        }
    }
}
