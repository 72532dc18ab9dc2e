//! Motet beside its published predecessor (`telltale-machine` 22.0.0), beside tokio's channels, Erlang's processes and
//! rumpsteak's checked channels, in one run.
//!
//! ```text
//! cargo run --release --manifest-path benches/peer/Cargo.toml -- [--json] [--quick] [--turns N] [--only WORKLOAD]
//! ```
//!
//! | option | does |
//! |---|---|
//! | `--json` | one JSON document on stdout instead of tables |
//! | `--quick` | sizes up to 10,000 and one turn: seconds, for trying out |
//! | `--turns N` | interleaved turns per row, 5 unless told; a row that has taken two seconds makes no more |
//! | `--only W` | one of `ping_pong`, `ring64`, `many_sessions`, `choice`, `choice_stop` |
//!
//! `motet-peer contention` counts how often threads find locks taken, beside the predecessor; `cargo xtask performance-gate`
//! asks for it. `motet-peer bars` measures everything that Motet is to reach and says what it reaches; `cargo xtask bars` is the same.
//!
//! The crate stands outside the workspace, with its own lock file, so that the predecessor's dependencies are never
//! part of a build of Motet. Nothing of the predecessor is copied: it is called through its public interface.
//!
//! Absolute times depend on the machine; read the ratios and the exponents, and run it on an idle one.

use std::process::ExitCode;

mod bars;
mod contention;
mod erlang;
mod growth;
mod measure;
mod motet;
mod ratio;
mod rumpsteak_pair;
mod table;
mod telltale;
mod tokio_pair;
mod workload;

use erlang::Erlang;
use measure::measure;
use motet::Motet;
use rumpsteak_pair::Rumpsteak;
use table::Report;
use telltale::Telltale;
use tokio_pair::TokioPair;
use workload::{Peer, Workload};

const USAGE: &str =
    "usage: motet-peer [--json] [--quick] [--turns N] [--only ping_pong|ring64|many_sessions|choice|choice_stop]";

/// Sizes above this are left out by `--quick`.
const QUICK_LARGEST: usize = 10_000;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    json: bool,
    turns: usize,
    largest: usize,
    workloads: Vec<Workload>,
}

impl Options {
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { json: false, turns: 5, largest: usize::MAX, workloads: Workload::ALL.to_vec() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--json" => options.json = true,
                "--quick" => (options.turns, options.largest) = (1, QUICK_LARGEST),
                "--turns" => {
                    let text = value()?;
                    options.turns = match text.parse() {
                        Ok(turns) if turns > 0 => turns,
                        _ => return Err(format!("--turns needs a number above zero, not `{text}`")),
                    };
                }
                "--only" => {
                    let text = value()?;
                    let found = Workload::ALL.into_iter().find(|w| w.name() == text);
                    options.workloads = vec![found.ok_or_else(|| format!("no workload is called `{text}`"))?];
                }
                _ => return Err(format!("`{argument}` is not an option")),
            }
        }
        Ok(options)
    }
}

fn peers() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(Motet::BARE),
        Box::new(Motet::FULL),
        Box::new(Motet::TWO_WORKERS),
        Box::new(Telltale::DEFAULT),
        Box::new(Telltale::MINIMAL),
        Box::new(Telltale::THREADS2),
        Box::new(TokioPair::CURRENT_THREAD),
        Box::new(TokioPair::TWO_WORKERS),
        Box::new(Erlang::ONE),
        Box::new(Erlang::TWO),
        Box::new(Rumpsteak),
    ]
}

fn finish(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\n{}", bars::USAGE);
            ExitCode::from(2)
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "bars" => return finish(bars::run(rest)),
        Some((first, [])) if first == "contention" => return finish(contention::run()),
        Some((first, rest)) if first == "parked" => return finish(bars::parked(rest)),
        _ => {}
    }
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let peers = peers();
    let mut measurements = Vec::new();
    for workload in &options.workloads {
        eprintln!("{} ...", workload.name());
        measurements.extend(measure(*workload, &peers, options.turns, options.largest));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let report = Report::new(cores, options.turns, &measurements);
    if !options.json {
        print!("{}", report.to_text());
        return ExitCode::SUCCESS;
    }
    match report.to_json() {
        Ok(document) => println!("{document}"),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        let options = parse("--json --turns 7 --only choice").expect("valid");
        assert!(options.json);
        assert_eq!(options.turns, 7);
        assert_eq!(options.workloads, [Workload::Choice]);
        assert_eq!(parse("--quick").expect("valid").turns, 1);
    }

    #[test]
    fn bad_options_say_what_is_wrong() {
        for (line, part) in [
            ("--turns 0", "above zero"),
            ("--turns", "needs a value"),
            ("--only nothing", "`nothing`"),
            ("--fast", "`--fast`"),
        ] {
            let message = parse(line).expect_err(line);
            assert!(message.contains(part), "{message}");
        }
    }
}
