//! `motet bench`: the built-in workloads, as a table.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::settings::{MAX_THREADS, count};
use motet_benches::{Measured, WORKLOADS, Workload};
use serde_json::{Value as Json, json};

/// The largest workload that anybody could mean.
const MAX_SIZE: u64 = 1_000_000_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this workload.
    name: Option<String>,
    /// How many workers carry out the waves.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    workers: u64,
    /// How large each run is: messages, or sessions where a workload has many; each has its own usual size.
    #[arg(long, allow_negative_numbers = true)]
    size: Option<u64>,
}

fn chosen(name: Option<&str>) -> Outcome<Vec<&'static Workload>> {
    let Some(name) = name else { return Ok(WORKLOADS.iter().collect()) };
    match WORKLOADS.iter().find(|workload| workload.name == name) {
        Some(workload) => Ok(vec![workload]),
        None => {
            let known: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
            let message = format!("there is no workload `{name}`; there are {}", known.join(", "));
            Err(Failure::usage("unknown_workload", message).field("known", known))
        }
    }
}

fn row_json(measured: &Measured) -> Json {
    json!({
        "name": measured.name,
        "workers": measured.workers,
        "messages": measured.messages,
        "wall_s": measured.wall.as_secs_f64(),
        "ns_per_message": measured.ns_per_message(),
        "bytes_per_session": measured.bytes_per_session,
    })
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let workers = count("workers", args.workers, MAX_THREADS)? as usize;
    let size = args.size.map(|size| count("size", size, MAX_SIZE)).transpose()?;
    let chosen = chosen(args.name.as_deref())?;
    let mut rows = Vec::with_capacity(chosen.len());
    if !out.json {
        out.line("workload       workers   messages     wall  ns/message  bytes/session")?;
    }
    for workload in chosen {
        let mut setup = workload.setup();
        setup.size = size.unwrap_or(setup.size);
        // One worker is the cooperative runtime.
        setup.workers = if workers > 1 { workers } else { 0 };
        let measured = workload.run(&setup);
        if out.json {
            rows.push(row_json(&measured));
            continue;
        }
        let bytes = measured.bytes_per_session.map_or_else(|| "-".into(), |bytes| bytes.to_string());
        out.line(format_args!(
            "{:13}  {:>7}  {:>9}  {:>6.2}s  {:>10.1}  {bytes:>13}",
            measured.name,
            measured.workers,
            measured.messages,
            measured.wall.as_secs_f64(),
            measured.ns_per_message(),
        ))?;
        // A row is worth reading while the next one is still being measured.
        out.flush()?;
    }
    if out.json { out.document(&json!({ "results": rows })) } else { Ok(()) }
}
