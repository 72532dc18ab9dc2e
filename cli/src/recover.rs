//! `motet recover`: what is in a log, and on to the end.

use crate::failure::{Failure, Outcome};
use crate::keys::Keys;
use crate::out::Out;
use crate::run::Started;
use crate::settings::{Answers, MAX_THREADS, count};
use crate::summary::plural;
use crate::wal;
use motet_runtime::log::{Report, SlotState, Tail};
use motet_runtime::{Durable, DurableGuestRuntime, DurableOptions, DurableRecoveryPlan, Threads};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log's folder, as `motet run --wal` made it.
    folder: PathBuf,
    /// How many threads carry out the waves; no result depends on it.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    threads: u64,
    /// Another process that answers: `exec:COMMAND`. Without it the run's own host goes on.
    #[arg(long, value_name = "exec:COMMAND")]
    host: Option<String>,
    /// Stop after so many steps in all, those before included; without it the run's own limit holds.
    #[arg(long, value_name = "MAX")]
    steps: Option<u64>,
    #[command(flatten)]
    checkpoints: wal::Checkpoints,
    #[command(flatten)]
    keys: Keys,
}

fn tail_json(tail: &Tail) -> Json {
    match tail {
        Tail::Clean => json!({"torn": false}),
        Tail::Torn { segment, offset, damage } => {
            json!({"torn": true, "segment": segment, "offset": offset, "damage": damage.to_string()})
        }
    }
}

fn report_json(report: &Report) -> Json {
    let slots = |slots: &[SlotState; 2]| slots.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cleared: Vec<Json> =
        report.cleared.iter().map(|cleared| json!({"file": cleared.file, "offset": cleared.offset})).collect();
    json!({
        "first": report.first.get(),
        "end": report.end.get(),
        "segments": report.segments,
        "tail": tail_json(&report.tail),
        "heads": slots(&report.heads),
        "checkpoints": slots(&report.checkpoints),
        "cleared": cleared,
    })
}

/// What recovery found and did, as JSON.
pub(crate) fn plan_json(plan: &DurableRecoveryPlan) -> Json {
    json!({
        "log": report_json(&plan.found),
        "checkpoint": plan.checkpoint.map(|lsn| lsn.get()),
        "checkpoint_waves": plan.checkpoint_waves,
        "waves": plan.waves,
        "steps_replayed": plan.steps,
        "inputs": plan.inputs,
        "reused": plan.reused,
        "reasked": plan.reasked.iter().map(|intent| intent.id.0.to_string()).collect::<Vec<_>>(),
        "digests": plan.digests,
        "state_root": plan.state_root.to_string(),
        "metadata": plan.metadata,
        "decisions": plan.decisions,
    })
}

/// The same for people.
pub(crate) fn tell(plan: &DurableRecoveryPlan, out: &mut Out) -> Outcome<()> {
    for line in plan.found.to_string().lines() {
        out.line(format_args!("{line}"))?;
    }
    let from = match plan.checkpoint {
        Some(lsn) => format!("from the checkpoint below record {}", lsn.get()),
        None => String::from("from the beginning"),
    };
    let (steps, inputs) = (plural(plan.steps, "step"), plural(plan.inputs, "input"));
    out.line(format_args!(
        "recovered {from}: {steps} taken again, {inputs}, {} found equal",
        plural(plan.digests, "state")
    ))?;
    if !plan.reasked.is_empty() {
        let effects = plural(plan.reasked.len() as u64, "effect");
        out.line(format_args!("{effects} without an answer: asked again under the same ids"))?;
    }
    for decision in &plan.decisions {
        let ended = decision.finalization.map_or("open", |outcome| outcome.name());
        let gate = decision.gate_level.map_or("none", |level| level.name());
        let (operation, level) = (&decision.operation_id, decision.level.name());
        let action = decision.action.name();
        out.line(format_args!("agreement on {operation}: level {level}, {ended}, gate {gate}: {action}"))?;
    }
    Ok(())
}

/// The host that the run was begun with.
pub(crate) fn answers(durable: &DurableGuestRuntime) -> Outcome<Answers> {
    let note = durable.notes().next().and_then(|note| serde_json::from_slice(note).ok());
    note.as_ref().and_then(Answers::from_json).ok_or_else(|| {
        Failure::refused("no_host", "the log does not say which host the run was begun with")
            .help("it was not begun by `motet run --wal`")
    })
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let threads = count("threads", args.threads, MAX_THREADS)? as usize;
    let storage = wal::storage(&args.folder, false)?;
    let options = DurableOptions { keys: args.keys.read()?, ..args.checkpoints.options() };
    let recovered = Durable::recover(storage, options);
    let (mut durable, plan) = recovered.map_err(|error| wal::recover_failure(&error))?;
    if let Some(steps) = args.steps {
        durable.limit_steps(steps);
    }
    let answers = answers(&durable)?;
    let answers = match &args.host {
        Some(host) => answers.with_host(host)?,
        None => answers,
    };
    let Some(image) = durable.runtime().machine().images().first().map(Arc::clone) else {
        return Err(Failure::refused("no_run", "the log ends before the run has an image"));
    };
    if !out.json {
        tell(&plan, out)?;
    }
    let found = plan_json(&plan);
    if threads == 1 {
        return Started::recovered(durable, image, threads, found).answered(&answers, out);
    }
    let executor = Threads::new(threads).map_err(|error| Failure::usage("bad_count", error.to_string()))?;
    Started::recovered(durable.with_executor(executor), image, threads, found).answered(&answers, out)
}
