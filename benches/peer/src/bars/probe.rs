//! Probes: each measures one figure once, and is asked again in every round.

use std::process::Command;

use motet_benches::{Setup, exponent, find, phases};
use motet_machine::TraceMode;
use motet_runtime::Schedule;

use crate::erlang::Erlang;
use crate::measure::turn;
use crate::motet::Motet;
use crate::rumpsteak_pair::Rumpsteak;
use crate::telltale::Telltale;
use crate::tokio_pair::TokioPair;
use crate::workload::{Peer, Sample, Workload};

/// Workloads whose threaded run is held against the inline one.
pub(crate) const THREADED: [&str; 13] = [
    "ping_pong",
    "ring64",
    "many_sessions",
    "many_shuffled",
    "choice",
    "churn",
    "skewed",
    "fan",
    "hosted",
    "control",
    "wide",
    "tiny",
    "canonical",
];

/// Comparisons with the predecessor: its smallest and largest size in each workload it finishes.
pub(crate) const PREDECESSOR: [(Workload, usize); 8] = [
    (Workload::PingPong, 50),
    (Workload::PingPong, 1_600),
    (Workload::Ring64, 64),
    (Workload::Ring64, 512),
    (Workload::ManySessions, 8),
    (Workload::ManySessions, 128),
    (Workload::Choice, 50),
    (Workload::Choice, 800),
];

/// Measures one figure.
pub(crate) struct Probe {
    pub(crate) name: String,
    /// Measured in the first round only: it takes long and does not depend on the clock.
    pub(crate) once: bool,
    pub(crate) run: Box<dyn Fn() -> Result<f64, String>>,
}

fn probe(name: impl Into<String>, run: impl Fn() -> Result<f64, String> + 'static) -> Probe {
    Probe { name: name.into(), once: false, run: Box::new(run) }
}

/// The usual set-up of a workload of Motet's, changed.
fn own(name: &str, change: impl Fn(Setup) -> Setup) -> Result<motet_benches::Measured, String> {
    let workload = find(name).ok_or_else(|| format!("there is no workload `{name}`"))?;
    Ok(workload.run(&change(workload.setup())))
}

fn message(probe_name: &'static str, workload: &'static str, change: fn(Setup) -> Setup) -> Probe {
    probe(probe_name, move || Ok(own(workload, change)?.ns_per_message()))
}

fn step(probe_name: &'static str, workload: &'static str, change: fn(Setup) -> Setup) -> Probe {
    probe(probe_name, move || Ok(own(workload, change)?.ns_per_step()))
}

fn waves(setup: Setup, wave: u32, fuel: u32) -> Setup {
    Setup { schedule: Schedule { wave, fuel, ..setup.schedule }, size: 300_000, ..setup }
}

fn peer(name: &'static str, peer: impl Peer + 'static, workload: Workload, size: usize) -> Probe {
    probe(name, move || turn(&peer, workload, size).map(|sample| sample.ns_per_message()))
}

/// Numbers of workers that are held against the inline runtime.
pub(crate) const WORKERS: [usize; 3] = [1, 2, 4];

/// Time a step inline over the time on that many workers: inline before and after, so that a host that becomes slower
/// does so for both.
fn threaded(workload: &'static str, workers: usize) -> Probe {
    probe(threaded_name(workload, workers), move || {
        let on = |workers| own(workload, |setup| Setup { workers, ..setup }).map(|m| m.ns_per_step());
        let (before, first, second, after) = (on(0)?, on(workers)?, on(workers)?, on(0)?);
        Ok((before + after) / (first + second))
    })
}

pub(crate) fn threaded_name(workload: &str, workers: usize) -> String {
    format!("{workload} on {workers}")
}

/// The predecessor's time a message over that of Motet doing what the predecessor does.
fn predecessor((workload, size): (Workload, usize)) -> Probe {
    probe(predecessor_name((workload, size)), move || {
        let ns = |peer: &dyn Peer| turn(peer, workload, size).map(|sample: Sample| sample.ns_per_message());
        Ok(ns(&Telltale::DEFAULT)? / ns(&Motet::FULL)?)
    })
}

pub(crate) fn predecessor_name((workload, size): (Workload, usize)) -> String {
    format!("telltale {} {size}", workload.name())
}

/// The exponent of the whole run's time against size.
fn growth(name: &'static str, peer: impl Peer + 'static, workload: Workload, sizes: &'static [usize]) -> Probe {
    probe(name, move || {
        let point = |size: &usize| {
            let sample = turn(&peer, workload, *size)?;
            Ok((*size as f64, sample.ns_per_message() * workload.messages(*size) as f64))
        };
        let points: Vec<(f64, f64)> = sizes.iter().map(point).collect::<Result<_, String>>()?;
        exponent(&points).ok_or_else(|| "too few sizes".to_owned())
    })
}

/// Resident bytes of a session that waits with a message in flight: measured by a process of its own, because memory
/// that this one has given back would be taken for none.
fn parked(sessions: u64) -> Probe {
    let run = move || {
        let this = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let output = Command::new(this).args(["parked", &sessions.to_string()]).output();
        let output = output.map_err(|error| format!("this program: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        said.trim().parse().map_err(|_| format!("it ended with {} and said `{}`", output.status, said.trim()))
    };
    Probe { once: true, ..probe("parked", run) }
}

/// All probes.
pub(crate) fn probes(parked_sessions: u64) -> Vec<Probe> {
    let traced = |setup| Setup { trace: TraceMode::Full, size: 1_000_000, ..setup };
    let untraced = |setup| Setup { trace: TraceMode::Disabled, ..setup };
    let mut all = vec![
        message("message", "ping_pong", |setup| setup),
        message("message, trace kept", "ping_pong", traced),
        message("message, trace drained", "ping_pong", |setup| Setup {
            trace: TraceMode::Full,
            drain: true,
            size: 1_000_000,
            ..setup
        }),
        message("message, dyn effects", "hosted", |setup| setup),
        message("message, generic effects", "hosted_generic", |setup| setup),
        step("control", "control", |setup| setup),
        message("100,000 sessions", "many_sessions", |setup| setup),
        message("1,000,000 shuffled", "many_shuffled_1m", |setup| setup),
        message("1,000,000 woken", "many_woken_1m", |setup| setup),
        step("canonical", "canonical", |setup| setup),
        step("canonical, digests", "canonical", |setup| Setup { digests: 1_024, ..setup }),
        step("canonical, no trace", "canonical", untraced),
        step("wide", "wide", |setup| setup),
        step("wide, 2 workers", "wide", |setup| Setup { workers: 2, ..setup }),
        step("tiny", "tiny", |setup| setup),
        step("tiny, 2 workers", "tiny", |setup| Setup { workers: 2, ..setup }),
        step("steps in bursts", "wide", |setup| waves(setup, 256, 256)),
        step("a step a burst", "wide", |setup| waves(setup, 256, 1)),
        step("a step a wave", "wide", |setup| waves(setup, 1, 1)),
        probe("certifier share", || Ok(100.0 * phases(10_000, 256, 64, 5_000_000).certifier_share())),
        probe("scheduling share", || Ok(100.0 * phases(10_000, 256, 64, 5_000_000).scheduling_share())),
        peer("tokio pair", TokioPair::CURRENT_THREAD, Workload::PingPong, 1_000_000),
        peer("tokio 100,000 pairs", TokioPair::CURRENT_THREAD, Workload::ManySessions, 100_000),
        peer("tokio ring of 64", TokioPair::CURRENT_THREAD, Workload::Ring64, 1_024_000),
        peer("erlang pair", Erlang::ONE, Workload::PingPong, 1_000_000),
        peer("erlang 100,000 pairs", Erlang::ONE, Workload::ManySessions, 100_000),
        peer("erlang ring of 64", Erlang::ONE, Workload::Ring64, 1_024_000),
        peer("rumpsteak pair", Rumpsteak, Workload::PingPong, 1_000_000),
        message("ring of 64", "ring64", |setup| setup),
        growth("growth in messages", Motet::BARE, Workload::PingPong, &[1_000, 10_000, 100_000, 1_000_000]),
        growth("growth in sessions", Motet::BARE, Workload::ManySessions, &[100, 1_000, 10_000, 100_000]),
        growth("telltale in messages", Telltale::DEFAULT, Workload::PingPong, &[200, 400, 800, 1_600]),
        growth("telltale in sessions", Telltale::DEFAULT, Workload::ManySessions, &[16, 32, 64, 128]),
        parked(parked_sessions),
    ];
    for workload in THREADED {
        all.extend(WORKERS.map(|workers| threaded(workload, workers)));
    }
    all.extend(PREDECESSOR.map(predecessor));
    all
}
