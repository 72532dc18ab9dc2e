//! The bars: what Motet is to reach, measured in one run and held against it, one table.
//!
//! ```text
//! motet-peer bars [--json] [--rounds N] [--only TEXT] [--parked SESSIONS]
//! ```
//!
//! A round asks every probe once, so that a noisy minute hits all of them alike; a bar that compares two probes is
//! read within each round, and what is shown is the median over the rounds. Nothing is written anywhere.

mod bar;
mod probe;
mod report;
mod round;

use motet_benches::find;

use bar::{Bar, bars};
use probe::probes;
use report::Report;
use round::Round;

pub(crate) const USAGE: &str = "usage: motet-peer bars [--json] [--rounds N] [--only TEXT] [--parked SESSIONS]";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    json: bool,
    rounds: usize,
    only: Option<String>,
    parked: u64,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { json: false, rounds: 5, only: None, parked: 1_000_000 };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            let number = |text: &String| match text.parse::<u32>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("{argument} needs a number above zero, not `{text}`")),
            };
            match argument.as_str() {
                "--json" => options.json = true,
                "--rounds" => options.rounds = number(value()?)? as usize,
                "--parked" => options.parked = number(value()?)?.into(),
                "--only" => options.only = Some(value()?.clone()),
                _ => return Err(format!("`{argument}` is not an option")),
            }
        }
        Ok(options)
    }

    fn takes(&self, bar: &Bar) -> bool {
        self.only.as_ref().is_none_or(|only| bar.name.contains(only.as_str()))
    }
}

/// Measures the bars and prints the table.
///
/// # Errors
///
/// Says what is wrong with the options. A probe that fails is a row, not an error.
pub(crate) fn run(arguments: &[String]) -> Result<String, String> {
    let options = Options::parse(arguments)?;
    let chosen: Vec<Bar> = bars().into_iter().filter(|bar| options.takes(bar)).collect();
    if chosen.is_empty() {
        let names: Vec<String> = bars().into_iter().map(|bar| bar.name).collect();
        return Err(format!("no bar has such a name; there are\n  {}", names.join("\n  ")));
    }
    let needed = |name: &String| chosen.iter().any(|bar| bar.probes.contains(name));
    let probes: Vec<_> = probes(options.parked).into_iter().filter(|probe| needed(&probe.name)).collect();
    let load = report::load();
    let mut rounds: Vec<Round> = Vec::new();
    for at in 1..=options.rounds {
        let mut round = Round::default();
        for probe in &probes {
            eprint!("\rround {at} of {}: {:<40}", options.rounds, probe.name);
            let known = rounds.first().map(|first| first.get(&probe.name));
            let figure = match known {
                // What failed once fails again: it is not asked twice.
                Some(first) if probe.once || first.is_err() => first,
                _ => (probe.run)(),
            };
            round.put(&probe.name, figure);
        }
        rounds.push(round);
    }
    eprintln!();
    let report = Report::new(&chosen, &rounds, load);
    if options.json { report.to_json() } else { Ok(report.to_text()) }
}

/// Opens that many sessions, parks them, and says how many resident bytes each takes: what the probe runs in a process
/// of its own.
///
/// # Errors
///
/// Says what is wrong with the number.
pub(crate) fn parked(arguments: &[String]) -> Result<String, String> {
    let size = match arguments {
        [text] => text.parse().map_err(|_| format!("`{text}` is not a number"))?,
        _ => return Err("usage: motet-peer parked SESSIONS".to_owned()),
    };
    let workload = find("parked").ok_or("there is no workload `parked`")?;
    let measured = workload.run(&motet_benches::Setup { size, ..workload.setup() });
    measured.bytes_per_session.map(|bytes| format!("{bytes}\n")).ok_or_else(|| "nothing was measured".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let options = parse("--json --rounds 7 --only growth --parked 100").expect("valid");
        assert_eq!(options, Options { json: true, rounds: 7, only: Some("growth".to_owned()), parked: 100 });
    }

    #[test]
    fn bad_options_say_what_is_wrong() {
        for (line, part) in
            [("--rounds 0", "above zero"), ("--rounds", "needs a value"), ("--fast", "`--fast`"), ("--parked x", "`x`")]
        {
            let message = parse(line).expect_err(line);
            assert!(message.contains(part), "{message}");
        }
        let nothing = run(&["--only".to_owned(), "no such bar".to_owned()]);
        assert!(nothing.is_err_and(|message| message.contains("typed message")));
    }
}
