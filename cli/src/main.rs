//! `motet`: the command line, a thin reader of library calls.
//!
//! Exit status: 0 ok, 1 refused input, 2 usage, 3 the run itself failed. With `--json` every command writes one JSON
//! document to standard output, and errors as `{"error":{"code","message",…}}` to standard error.

mod admit;
mod bench;
mod capability_gates;
mod check;
mod compact;
mod compile;
mod config;
mod diff;
mod draw;
mod failure;
mod heap;
mod heap_proof;
mod input;
mod inspect;
mod keys;
mod out;
mod output_file;
mod parity;
mod progress;
mod project;
mod record;
mod recover;
mod refusal;
mod release_conformance;
mod replay;
mod run;
mod settings;
mod subtype;
mod summary;
mod topology;
mod trace;
mod turns;
mod upgrade;
mod verify_waves;
mod wal;

use clap::{Parser, Subcommand};
use failure::{Failure, Outcome};
use out::Out;
use std::process::ExitCode;

/// Choreographies: check, project, compile, run and replay them.
#[derive(Parser)]
#[command(name = "motet", version, arg_required_else_help = true)]
struct Cli {
    /// One JSON document on standard output, errors as JSON on standard error.
    #[arg(long, global = true)]
    json: bool,
    /// No drawing and no progress.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Parse, check and project a choreography; say what is wrong with it, and where.
    Check(check::Args),
    /// Show the local type of every role.
    Project(project::Args),
    /// Compile to an image.
    Compile(compile::Args),
    /// Show an image: its tables, its code, its digest.
    Inspect(inspect::Args),
    /// Run a choreography or an image.
    Run(Box<settings::Args>),
    /// Recover a run from its log: say what was found, and go on to the end.
    Recover(recover::Args),
    /// Cut the log of a run that is not going on.
    Compact(compact::Args),
    /// Run again from a trace or a log; say whether everything was equal, or where it first was not.
    Replay(replay::Args),
    /// Compare two traces session by session and show the first difference.
    Diff(diff::Args),
    /// Print the events of a trace.
    Trace(trace::Args),
    /// Check a trace's schedule: could every wave have been certified, at its step, beside those that were out?
    VerifyWaves(verify_waves::Args),
    /// Say what a protocol and a configuration need, and what contracts grant of it.
    Admit(admit::Args),
    /// Measure the built-in workloads.
    Bench(bench::Args),
    /// Resources, commitments and proofs.
    Heap(heap::Args),
    /// Where conversations may be cut.
    Turns(turns::Args),
    /// May the roles of a new protocol stand where those of an old one are expected?
    Subtype(subtype::Args),
    /// Move the sessions of a log that may go on in a new image there; say of the others why not.
    Upgrade(upgrade::Args),
    /// What is published of shapes and documents, held against this build.
    Parity(parity::Args),
    /// Which operation needs which capability, and whether what checks them does.
    CapabilityGates(capability_gates::Args),
    /// All that a release must satisfy, in one report.
    ReleaseConformance(release_conformance::Args),
}

fn dispatch(command: &Command, out: &mut Out) -> Outcome<()> {
    match command {
        Command::Check(args) => check::run(args, out),
        Command::Project(args) => project::run(args, out),
        Command::Compile(args) => compile::run(args, out),
        Command::Inspect(args) => inspect::run(args, out),
        Command::Run(args) => run::run(args, out),
        Command::Recover(args) => recover::run(args, out),
        Command::Compact(args) => compact::run(args, out),
        Command::Replay(args) => replay::run(args, out),
        Command::Diff(args) => diff::run(args, out),
        Command::Trace(args) => trace::run(args, out),
        Command::VerifyWaves(args) => verify_waves::run(args, out),
        Command::Admit(args) => admit::run(args, out),
        Command::Bench(args) => bench::run(args, out),
        Command::Heap(args) => heap::run(args, out),
        Command::Turns(args) => turns::run(args, out),
        Command::Subtype(args) => subtype::run(args, out),
        Command::Upgrade(args) => upgrade::run(args, out),
        Command::Parity(args) => parity::run(args, out),
        Command::CapabilityGates(args) => capability_gates::run(args, out),
        Command::ReleaseConformance(args) => release_conformance::run(args, out),
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let mut out = Out::new(cli.json, cli.quiet);
    let done = dispatch(&cli.command, &mut out);
    // What was written before a failure belongs to the reader too.
    let done = out.flush().map_err(Failure::from).and(done);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(cli.json),
    }
}

/// Help and version are no errors; everything else that the parser has to say is one.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Whoever closed the pipe does not want the help.
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    let json = std::env::args_os().any(|arg| arg == "--json");
    if !json {
        error.print().ok();
        return ExitCode::from(failure::USAGE);
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|tail| text.find(tail)).min();
    let message = text[..end.unwrap_or(text.len())].trim();
    Failure::usage("usage", message).help("`motet help` lists the commands").report(true)
}
