//! Instruction counts: what a message, a control instruction, a burst and a wave cost, counted by callgrind.
//!
//! Counts do not depend on the machine's load, so they make a gate where times do not. They say nothing about memory
//! and stalls: a change that keeps the count and doubles the time passes here, which is why times are measured too.
//!
//! Each row runs a workload twice, at two sizes, and divides the difference of the counts by the difference in what
//! is counted: starting, compiling and opening fall out.

use std::path::Path;
use std::process::Command;

/// What a row's count is divided by.
#[derive(Clone, Copy)]
enum Per {
    Message,
    Step,
}

/// One row: a workload at two sizes, under a schedule of its own or the one given.
struct Row {
    name: &'static str,
    workload: &'static str,
    sizes: [u64; 2],
    /// Wave and fuel.
    schedule: Option<(u32, u32)>,
    per: Per,
}

const fn message(name: &'static str, sizes: [u64; 2]) -> Row {
    Row { name, workload: name, sizes, schedule: None, per: Per::Message }
}

/// `wide` under another schedule, by step: the differences between these say what bursts and waves cost.
const fn wide(name: &'static str, wave: u32, fuel: u32) -> Row {
    Row { name, workload: "wide", sizes: [20_000, 60_000], schedule: Some((wave, fuel)), per: Per::Step }
}

const ROWS: &[Row] = &[
    message("ping_pong", [20_000, 60_000]),
    message("ring64", [20_000, 60_000]),
    message("many_sessions", [2_000, 6_000]),
    message("many_shuffled", [2_000, 6_000]),
    message("choice", [20_000, 60_000]),
    message("churn", [2_000, 6_000]),
    message("fan", [20_000, 60_000]),
    message("hosted", [20_000, 60_000]),
    message("hosted_generic", [20_000, 60_000]),
    Row { per: Per::Step, ..message("control", [100_000, 300_000]) },
    Row { per: Per::Step, ..message("canonical", [20_000, 60_000]) },
    wide("step_in_bursts", 256, 256),
    wide("step_a_burst", 256, 1),
    wide("step_a_wave", 1, 1),
];

/// Rows that come of two others: what is left when one is taken from the other.
const DIFFERENCES: &[(&str, &str, &str)] =
    &[("burst", "step_a_burst", "step_in_bursts"), ("wave", "step_a_wave", "step_a_burst")];

/// How much more than recorded is too much.
const TOLERANCE: f64 = 0.02;

const FILE: &str = "benches/instructions.txt";

/// A count under callgrind: instructions, and the workload's own messages and steps.
struct Count {
    instructions: u64,
    messages: u64,
    steps: u64,
}

fn cargo() -> Command {
    Command::new(std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo")))
}

fn build(top: &Path) -> Result<(), String> {
    let built = cargo()
        .current_dir(top)
        .args(["build", "--quiet", "--release", "-p", "motet-benches", "--example", "counted"])
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if built.success() { Ok(()) } else { Err("the workloads do not build".into()) }
}

fn binary(top: &Path) -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), Into::into);
    target.join("release/examples/counted")
}

fn callgrind(top: &Path, row: &Row, size: u64, out: &str) -> Result<Count, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", &format!("--callgrind-out-file={out}")]);
    command.arg(binary(top)).args([row.workload, &size.to_string()]);
    if let Some((wave, fuel)) = row.schedule {
        command.args([wave.to_string(), fuel.to_string()]);
    }
    let output = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => String::from("valgrind is missing: apt-get install valgrind"),
        _ => format!("valgrind: {error}"),
    })?;
    let (said, counts) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let unread = || format!("{}: callgrind said\n{said}{counts}", row.name);
    let instructions = said.lines().find_map(|line| line.split("Collected :").nth(1)).ok_or_else(unread)?;
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok()).ok_or_else(unread);
    let mut counts = counts.split_whitespace();
    Ok(Count {
        instructions: number(Some(instructions.trim()))?,
        messages: number(counts.next())?,
        steps: number(counts.next())?,
    })
}

fn slope(row: &Row, small: &Count, large: &Count) -> f64 {
    let of = |count: &Count| match row.per {
        Per::Message => count.messages,
        Per::Step => count.steps,
    };
    (large.instructions as f64 - small.instructions as f64) / (of(large) as f64 - of(small) as f64)
}

fn measure(top: &Path) -> Result<Vec<(&'static str, f64)>, String> {
    build(top)?;
    let mut found: Vec<(&'static str, f64)> = Vec::new();
    for row in ROWS {
        let counts = row.sizes.map(|size| callgrind(top, row, size, "/dev/null"));
        let [small, large] = counts;
        found.push((row.name, slope(row, &small?, &large?)));
    }
    for (name, more, less) in DIFFERENCES {
        let of = |name: &str| found.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, count)| *count);
        found.push((name, of(more) - of(less)));
    }
    Ok(found)
}

fn unit(name: &str) -> &'static str {
    let by_step = |row: &&Row| row.name == name && matches!(row.per, Per::Step);
    match name {
        "burst" => "burst",
        "wave" => "wave",
        _ if ROWS.iter().any(|row| by_step(&row)) => "step",
        _ => "message",
    }
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// Prints the counts.
///
/// # Errors
/// When valgrind is missing or a workload cannot be counted.
pub fn print(top: &Path) -> Result<(), String> {
    for (name, count) in measure(top)? {
        println!("{name:<16} {count:>8.1} instructions a {}", unit(name));
    }
    Ok(())
}

/// Writes the counts down, for [`check`] to hold later ones against.
///
/// # Errors
/// When valgrind is missing, a workload cannot be counted, or the file cannot be written.
pub fn write(top: &Path) -> Result<(), String> {
    let mut text = format!("# instructions, by `cargo xtask instructions --write`\n# {}\n", rustc());
    for (name, count) in measure(top)? {
        text += &format!("{name} {count:.1}\n");
    }
    std::fs::write(top.join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

/// Holds the counts against those written down: more than 2 % more is refused. Another compiler makes other code, so
/// under another compiler than the one they were taken with the counts are printed and nothing is refused.
///
/// # Errors
/// When a count has grown, or nothing can be counted or compared.
pub fn check(top: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(top.join(FILE))
        .map_err(|error| format!("{FILE}: {error}; write it with `cargo xtask instructions --write`"))?;
    let same = text.lines().any(|line| line == format!("# {}", rustc()));
    if !same {
        println!("{FILE} was taken with another compiler than {}: nothing is refused", rustc());
    }
    let grown = compare(&text, &measure(top)?);
    if grown.is_empty() || !same { Ok(()) } else { Err(grown.join("\n")) }
}

/// Prints every row beside the recorded one; the rows that have grown, or are not recorded.
fn compare(recorded: &str, found: &[(&'static str, f64)]) -> Vec<String> {
    let of = |name: &str| {
        let mut lines = recorded.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(known, _)| *known == name).and_then(|(_, count)| count.parse::<f64>().ok())
    };
    let mut grown = Vec::new();
    for (name, count) in found {
        let Some(before) = of(name) else {
            grown.push(format!("{name}: not recorded; `cargo xtask instructions --write`"));
            continue;
        };
        println!("{name:<16} {count:>8.1} instructions a {:<8} was {before:>8.1}", unit(name));
        // Differences are small and inherit two rows' rounding: an instruction either way is none.
        if *count > before * (1.0 + TOLERANCE) + 1.0 {
            grown.push(format!("{name}: {count:.1} instructions a {}, {before:.1} recorded", unit(name)));
        }
    }
    grown
}

/// Prints callgrind's account of one workload by function.
///
/// # Errors
/// When valgrind is missing or there is no such row.
pub fn profile(top: &Path, name: &str) -> Result<(), String> {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    let row = ROWS.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| format!("there is no row `{name}`; there are {}", names.join(", ")))?;
    build(top)?;
    let out = std::env::temp_dir().join(format!("motet-callgrind-{}", std::process::id()));
    let path = out.display().to_string();
    callgrind(top, row, row.sizes[1], &path)?;
    let shown = Command::new("callgrind_annotate").args(["--auto=no", "--threshold=95", &path]).status();
    let removed = std::fs::remove_file(&out);
    shown.map_err(|error| format!("callgrind_annotate: {error}"))?;
    removed.map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_refused_and_less_is_not() {
        let recorded = "# comment\nping_pong 100.0\nwave 20.0\n";
        assert!(compare(recorded, &[("ping_pong", 102.9), ("wave", 15.0)]).is_empty());
        assert_eq!(compare(recorded, &[("ping_pong", 103.1), ("wave", 20.0)]).len(), 1);
        assert_eq!(compare(recorded, &[("ring64", 1.0)]).len(), 1, "an unrecorded row is not taken for a good one");
    }

    #[test]
    fn starting_up_falls_out() {
        let count = |instructions, messages| Count { instructions, messages, steps: 1 };
        assert_eq!(slope(&ROWS[0], &count(1_000_000, 10), &count(1_000_500, 20)), 50.0);
    }
}
