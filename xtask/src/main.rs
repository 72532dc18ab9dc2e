//! The command line of the project tasks.

use std::process::ExitCode;
use xtask::{
    bars, claims, fuzz, instructions, isa, lanes, performance_gate, prove, reference_faults, smt, tidy, top, wrappers,
};

const USAGE: &str = "\
cargo xtask full NAME     run a full lane, or `all`; without a name, list them
cargo xtask fuzz NAME [--seconds N]
                          run a fuzz target, for a minute unless told otherwise; without a name, list them
cargo xtask planted       the mutation test: every planted fault is caught
cargo xtask bars [--json] [--rounds N] [--only TEXT] [--parked SESSIONS]
                          measure what is to be reached, beside the peers: one table, nothing written
cargo xtask instructions [--check|--write|--profile ROW]
                          count instructions under callgrind; hold them against benches/instructions.txt, or
                          write it; or show one row by function
cargo xtask performance-gate [--base REV] [--rounds N]
                          this tree beside the commit that it comes from: throughput and the slowest turns, with the noise
cargo xtask prove [--coqchk]
                          build, check and extract the reference, and run the differential share beside it
cargo xtask reference-faults [START-OF-NAME]
                          faults planted in the reference are found
cargo xtask isa [--check] write docs/isa.md, or say whether it is stale
cargo xtask smt           prove the tables' claims by z3 and cvc5
cargo xtask tidy          hold the tree against the rules of the house";

fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["full"] => {
            print!("{}", lanes::list());
            Ok(())
        }
        ["full", name] => lanes::run(name),
        ["planted"] => lanes::run("planted"),
        ["fuzz"] => {
            print!("{}", fuzz::list(&top())?);
            Ok(())
        }
        ["fuzz", name] => fuzz::run(&top(), name, 60),
        ["fuzz", name, "--seconds", seconds] => {
            let seconds = seconds.parse().map_err(|error| format!("--seconds {seconds}: {error}"))?;
            fuzz::run(&top(), name, seconds)
        }
        ["bars", options @ ..] => bars::run(&top(), options),
        ["instructions"] => instructions::print(&top()),
        ["instructions", "--check"] => instructions::check(&top()),
        ["instructions", "--write"] => instructions::write(&top()),
        ["instructions", "--profile", row] => instructions::profile(&top(), row),
        ["performance-gate", options @ ..] => performance_gate::run(&top(), options),
        ["prove"] => prove::run(&top(), false),
        ["prove", "--coqchk"] => prove::run(&top(), true),
        ["reference-faults"] => reference_faults::run(&top(), ""),
        ["reference-faults", name] => reference_faults::run(&top(), name),
        ["isa"] => isa::write(&top()),
        ["isa", "--check"] => isa::check(&top()),
        ["smt"] => smt::run(),
        ["tidy"] => {
            let mut broken = tidy::check(&top())?;
            broken.extend(wrappers::check(&top())?.1);
            broken.extend(claims::check(&top())?.1);
            if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
        }
        _ => Err(format!("usage:\n{USAGE}")),
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
