//! `motet bench`: the built-in workloads, as a table.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::settings::{MAX_THREADS, count};
use clap::ValueEnum;
use motet_benches::{Measured, Setup, WORKLOADS, Workload, find};
use motet_machine::TraceMode;
use motet_runtime::Schedule;
use serde_json::{Value as Json, json};

/// The largest workload that anybody could mean.
const MAX_SIZE: u64 = 1_000_000_000;

/// Events that a capped trace keeps.
const CAPPED: usize = 100_000;

/// How much of the trace a run keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Trace {
    /// No events.
    Disabled,
    /// The digest and the last 100,000 events.
    Capped,
    /// The digest and every event, in memory.
    Full,
    /// The digest and every event, taken out as the run goes on.
    Drained,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this workload.
    name: Option<String>,
    /// How many workers carry out the waves.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    workers: u64,
    /// How large each run is: messages, or sessions where a workload has many; each has its own usual size.
    #[arg(long, visible_alias = "sessions", allow_negative_numbers = true)]
    size: Option<u64>,
    /// How much of the trace is kept; each workload has its own, mostly `disabled`.
    #[arg(long, value_enum)]
    trace: Option<Trace>,
    /// List the workloads and do not run.
    #[arg(long)]
    list: bool,
}

fn chosen(name: Option<&str>) -> Outcome<Vec<&'static Workload>> {
    let Some(name) = name else { return Ok(WORKLOADS.iter().filter(|workload| !workload.alone).collect()) };
    match find(name) {
        Some(workload) => Ok(vec![workload]),
        None => {
            let known: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
            let message = format!("there is no workload `{name}`; there are {}", known.join(", "));
            Err(Failure::usage("unknown_workload", message).field("known", known))
        }
    }
}

const fn trace_name(setup: &Setup) -> &'static str {
    match setup.trace {
        TraceMode::Disabled => "disabled",
        TraceMode::Capped(_) => "capped",
        TraceMode::Full if setup.drain => "drained",
        TraceMode::Full => "full",
    }
}

/// A run of one workload: once for the time it takes, and once more one wave a turn with every turn timed, since the
/// clock itself takes time. A workload that stands alone is run once.
fn measure(workload: &Workload, setup: &Setup) -> Measured {
    let mut measured = workload.run(setup);
    if !workload.alone {
        let schedule = Schedule { window: 1, turn: 1, ..setup.schedule.clone() };
        measured.turns = workload.run(&Setup { turns: true, schedule, ..setup.clone() }).turns;
    }
    measured
}

fn row_json(measured: &Measured, setup: &Setup) -> Json {
    let mut row = json!({
        "name": measured.name,
        "workers": measured.workers,
        "size": setup.size,
        "trace": trace_name(setup),
        "messages": measured.messages,
        "steps": measured.steps,
        "bursts": measured.bursts,
        "waves": measured.waves,
        "wall_s": measured.wall.as_secs_f64(),
        "messages_per_s": measured.messages_per_s(),
        "ns_per_message": measured.ns_per_message(),
        "ns_per_step": measured.ns_per_step(),
        "bytes_per_session": measured.bytes_per_session,
    });
    if let Some(times) = measured.turns {
        for (name, time) in [
            ("turn_p50_ns", times.turn_p50),
            ("turn_p99_ns", times.turn_p99),
            ("burst_p50_ns", times.burst_p50),
            ("burst_p99_ns", times.burst_p99),
        ] {
            row[name] = json!(time.as_nanos() as u64);
        }
    }
    row
}

fn row_text(measured: &Measured) -> String {
    let bytes = measured.bytes_per_session.map_or_else(|| "-".into(), |bytes| bytes.to_string());
    let micros = |pick: fn(&motet_benches::TurnTimes) -> std::time::Duration| {
        measured.turns.as_ref().map_or_else(|| "-".into(), |times| format!("{:.2}", pick(times).as_secs_f64() * 1e6))
    };
    format!(
        "{:17}  {:>7}  {:>9}  {:>6.2}s  {:>8.2}  {:>8.1}  {:>7.2}  {:>8}  {:>8}  {:>9}  {:>8}  {bytes:>13}",
        measured.name,
        measured.workers,
        measured.messages,
        measured.wall.as_secs_f64(),
        measured.messages_per_s() / 1e6,
        measured.ns_per_message(),
        measured.ns_per_step(),
        micros(|times| times.turn_p50),
        micros(|times| times.turn_p99),
        micros(|times| times.burst_p50),
        micros(|times| times.burst_p99),
    )
}

/// The columns' names; turns and bursts are in microseconds.
const HEAD: &str = "workload           workers   messages     wall   M msg/s    ns/msg  ns/step  turn p50  turn p99  \
                    burst p50       p99  bytes/session";

fn list(out: &mut Out) -> Outcome<()> {
    if out.json {
        let rows = WORKLOADS.iter().map(|workload| json!({"name": workload.name, "about": workload.about}));
        return out.document(&json!({ "workloads": rows.collect::<Vec<_>>() }));
    }
    WORKLOADS.iter().try_for_each(|workload| out.line(format_args!("{:17}  {}", workload.name, workload.about)))
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let workers = count("workers", args.workers, MAX_THREADS)? as usize;
    let size = args.size.map(|size| count("size", size, MAX_SIZE)).transpose()?;
    let chosen = chosen(args.name.as_deref())?;
    if args.list {
        return list(out);
    }
    let mut rows = Vec::with_capacity(chosen.len());
    if !out.json {
        out.line(HEAD)?;
    }
    for workload in chosen {
        let mut setup = workload.setup();
        setup.size = size.unwrap_or(setup.size);
        // One worker is the cooperative runtime.
        setup.workers = if workers > 1 { workers } else { 0 };
        if let Some(trace) = args.trace {
            setup.drain = trace == Trace::Drained;
            setup.trace = match trace {
                Trace::Disabled => TraceMode::Disabled,
                Trace::Capped => TraceMode::Capped(CAPPED),
                Trace::Full | Trace::Drained => TraceMode::Full,
            };
        }
        let measured = measure(workload, &setup);
        if out.json {
            rows.push(row_json(&measured, &setup));
            continue;
        }
        out.line(row_text(&measured))?;
        // A row is worth reading while the next one is still being measured.
        out.flush()?;
    }
    if out.json { out.document(&json!({ "results": rows })) } else { Ok(()) }
}
