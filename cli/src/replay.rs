//! `motet replay`: the same run again, held against its record.

use crate::failure::{Failure, Outcome};
use crate::keys::Keys;
use crate::out::Out;
use crate::output_file::OutputFile;
use crate::progress::Progress;
use crate::record;
use crate::settings::count;
use crate::summary::plural;
use crate::wal;
use motet_bridge::{CanonicalReplayFragment, FragmentError};
use motet_machine::{Gate, TraceReader};
use motet_runtime::{DurableOptions, GuestRuntime, ReplayError, RunRecord, log_record, replay, replay_log};
use motet_types::{CoroutineId, RoleId};
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A trace, as `motet run --trace` writes it, or the folder of a log, as `motet run --wal` makes it.
    file: PathBuf,
    /// Stop after this many steps.
    #[arg(long, value_name = "STEP", allow_negative_numbers = true)]
    until: Option<u64>,
    /// Write the run's replay fragment: the document that every run, replay and recovery of the same has alike.
    #[arg(long, value_name = "FILE", conflicts_with = "until")]
    fragment: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
}

fn failure(error: &ReplayError) -> Failure {
    match error {
        ReplayError::Diverged(at) => Failure::failed("diverged", error.to_string())
            .field("position", at.position)
            .field("session", at.session.0)
            .field("role", at.role.as_deref())
            .field("edge", at.edge.as_deref())
            .field("line", at.line)
            .field("expected", at.expected.as_str())
            .field("found", at.found.as_str()),
        ReplayError::End { what, expected, found } => Failure::failed("diverged", error.to_string())
            .field("what", *what)
            .field("expected", expected.as_str())
            .field("found", found.as_str()),
        ReplayError::Input { step, .. } => Failure::refused("bad_record", error.to_string()).field("step", *step),
        ReplayError::Runtime(_) => Failure::refused("bad_record", error.to_string()),
    }
}

/// Writes the fragment where it is wanted, and answers its digest.
fn fragment(args: &Args, record: impl FnOnce() -> Outcome<RunRecord>) -> Outcome<Option<String>> {
    let Some(path) = &args.fragment else { return Ok(None) };
    let fragment = CanonicalReplayFragment::replayed(&record()?).map_err(|error| match &error {
        FragmentError::Replay(replay) => failure(replay),
        _ => Failure::refused("no_fragment", error.to_string()),
    })?;
    let mut file = OutputFile::create(path)?;
    file.write_all(&fragment.to_bytes()).map_err(|error| file.unwritable(&error))?;
    file.finish()?;
    Ok(Some(fragment.digest().to_string()))
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    args.until.map(|until| count("until", until, u64::MAX)).transpose()?;
    if args.file.is_dir() {
        return log(args, out);
    }
    let mut record = record::load(&args.file)?;
    args.keys.give(&mut record.config.authentication)?;
    let total = args.until.or(record.end.map(|end| end.tally.steps));
    let mut progress = Progress::new(!out.json && !out.quiet, total);
    let replayed = replay(&record, args.until, |steps| progress.at(steps, 0)).map_err(|error| failure(&error))?;
    drop(progress);
    let runtime = &replayed.runtime;
    let tally = *runtime.machine().tally();
    let stopped = args.until.is_some_and(|until| tally.steps >= until);
    if replayed.end.is_none() && !stopped {
        return Err(endless(&record, args));
    }
    let events = TraceReader::new(&record.events).count();
    let digest = runtime.trace_digest().unwrap_or_default().to_string();
    let root = runtime.state_root().to_string();
    let fragment = fragment(args, || Ok(record.clone()))?;
    if out.json {
        return out.document(&json!({
            "fragment_digest": fragment,
            "equal": true,
            "complete": replayed.end.is_some(),
            "status": runtime.status().name(),
            "sessions": tally.opened,
            "steps": tally.steps,
            "messages": tally.messages,
            "events": events,
            "trace_digest": digest,
            "state_root": root,
        }));
    }
    let how_far = match replayed.end {
        Some(_) => format!("to its end, {}", runtime.status().name()),
        None => String::from("as far as it was replayed"),
    };
    let (steps, messages) = (plural(tally.steps, "step"), plural(tally.messages, "message"));
    out.line(format_args!("equal {how_far}: {}, {messages}, {steps}", plural(tally.opened, "session")))?;
    out.line(format_args!("trace digest {digest}"))?;
    out.line(format_args!("state root   {root}"))?;
    fragment.map_or(Ok(()), |digest| out.line(format_args!("fragment     {digest}")))
}

/// How many sessions are shown where a replay was told to stop.
const SHOWN: usize = 4;

/// The same from a log.
fn log(args: &Args, out: &mut Out) -> Outcome<()> {
    let storage = wal::storage(&args.file, false)?;
    let options = DurableOptions { keys: args.keys.read()?, ..DurableOptions::default() };
    let replayed = replay_log(storage, &options, args.until);
    let (runtime, plan) = replayed.map_err(|error| wal::recover_failure(&error))?;
    let tally = *runtime.machine().tally();
    let again = || log_record(wal::storage(&args.file, false)?, &options).map_err(|error| wal::recover_failure(&error));
    let fragment = fragment(args, again)?;
    let places = if args.until.is_some() { places(&runtime) } else { Vec::new() };
    if out.json {
        return out.document(&json!({
            "fragment_digest": fragment,
            "equal": true,
            "status": runtime.status().name(),
            "sessions": tally.opened,
            "steps": tally.steps,
            "messages": tally.messages,
            "trace_digest": runtime.trace_digest().map(|digest| digest.to_string()),
            "state_root": plan.state_root.to_string(),
            "found": crate::recover::plan_json(&plan),
            "places": places.iter().map(|(session, role, gate)| json!({
                "session": session, "role": role, "waits": gate})).collect::<Vec<_>>(),
        }));
    }
    crate::recover::tell(&plan, out)?;
    let (steps, messages) = (plural(tally.steps, "step"), plural(tally.messages, "message"));
    out.line(format_args!("equal as far as it goes: {}, {messages}, {steps}", plural(tally.opened, "session")))?;
    for (session, role, gate) in places {
        out.line(format_args!("session {session}, {role}: {gate}"))?;
    }
    out.line(format_args!("state root   {}", plan.state_root))?;
    fragment.map_or(Ok(()), |digest| out.line(format_args!("fragment     {digest}")))
}

/// Where the roles of the first sessions stand.
fn places(runtime: &GuestRuntime) -> Vec<(u64, String, String)> {
    let machine = runtime.machine();
    let mut places = Vec::new();
    for session in machine.sessions().take(SHOWN) {
        let Some(image) = machine.image_of(session) else { continue };
        for role in 0..image.role_count() as u16 {
            let Some(gate) = machine.gate(session, CoroutineId(role)) else { continue };
            let edge = |edge| match image.edge(edge) {
                Some(ends) => {
                    format!("{} -> {}", image.role_name(RoleId(ends.sender)), image.role_name(RoleId(ends.receiver)))
                }
                None => String::from("?"),
            };
            let gate = match gate {
                Gate::Open => String::from("runs"),
                Gate::Message(at) => format!("waits for a message on {}", edge(at)),
                Gate::Room(at) => format!("waits for room on {}", edge(at)),
                Gate::GuestMessage(number, _) => {
                    format!("waits for a message in the session opened as number {number}")
                }
                Gate::GuestRoom(number, _) => format!("waits for room in the session opened as number {number}"),
                Gate::Link(at) => format!("waits for the link {} to be whole", edge(at)),
                Gate::GuestLink(number, _) => format!("waits for a link in the session opened as number {number}"),
                Gate::Answer => String::from("waits for the host's answer"),
                Gate::Guard(layer) => format!("waits for the guard {layer}"),
                Gate::NextBurst => String::from("waits for its next turn"),
                Gate::Halted => String::from("has ended"),
                Gate::Crashed => String::from("is gone: its site crashed"),
                Gate::Cancelled => String::from("was cancelled"),
            };
            places.push((session.0, image.role_name(RoleId(role)).to_owned(), gate));
        }
    }
    places
}

/// A record whose end frame is missing: equality so far is no equality.
fn endless(record: &RunRecord, args: &Args) -> Failure {
    let events = TraceReader::new(&record.events).count();
    let message = format!(
        "{}: the trace is cut short: it has no end frame; its {events} events are equal as far as they go",
        args.file.display()
    );
    Failure::refused("cut_short", message).field("frame", "end").field("events", events)
}
