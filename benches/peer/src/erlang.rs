//! Erlang's processes, measured by Erlang's own clock: `erlang/motet_peer.erl`, compiled when it is first needed and
//! run in a system of its own each time, so that its schedulers do not spin while others are measured.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::workload::{Peer, Sample, Workload};

/// Where the program is, and where its compiled form goes.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// Room for the processes of the largest workload.
const PROCESSES: &str = "1000000";

/// Erlang as a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Erlang {
    schedulers: usize,
}

impl Erlang {
    /// One scheduler.
    pub(crate) const ONE: Self = Self { schedulers: 1 };
    /// Two.
    pub(crate) const TWO: Self = Self { schedulers: 2 };
}

impl Peer for Erlang {
    fn name(&self) -> &'static str {
        if self.schedulers == 1 { "erlang, 1 scheduler" } else { "erlang, 2 schedulers" }
    }

    fn threads(&self) -> usize {
        self.schedulers
    }

    fn sizes(&self, workload: Workload) -> Vec<usize> {
        match workload {
            Workload::PingPong => vec![100_000, 1_000_000],
            Workload::Ring64 => vec![102_400, 1_024_000],
            Workload::ManySessions => vec![10_000, 100_000],
            Workload::Choice | Workload::ChoiceStop => Vec::new(),
        }
    }

    fn run(&self, workload: Workload, size: usize) -> Result<Sample, String> {
        let compiled = compiled()?;
        let mut child = Command::new("erl")
            .args(["+S", &self.schedulers.to_string(), "+P", PROCESSES, "-noshell", "-pa"])
            .arg(compiled)
            .args(["-run", "motet_peer", "main", "-run", "init", "stop"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| missing("erl", &error))?;
        if let Some(mut input) = child.stdin.take() {
            writeln!(input, "{} {size}", workload.name()).map_err(|error| format!("erl: {error}"))?;
        }
        let output = child.wait_with_output().map_err(|error| format!("erl: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [messages, nanoseconds] => Ok(Sample {
                messages: messages as usize,
                open: Some(Duration::ZERO),
                run: Duration::from_nanos(nanoseconds),
            }),
            _ => Err(format!("erl ended with {} and said `{}`", output.status, said.trim())),
        }
    }
}

fn missing(tool: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("{tool} is missing: apt-get install erlang-base"),
        _ => format!("{tool}: {error}"),
    }
}

/// The folder of the compiled program; compiled once.
fn compiled() -> Result<&'static Path, String> {
    static COMPILED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let compile = || {
        let folder = Path::new(FOLDER).join("target/erlang");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let source = Path::new(FOLDER).join("erlang/motet_peer.erl");
        let output = Command::new("erlc").arg("-o").arg(&folder).arg(&source).output();
        let output = output.map_err(|error| missing("erlc", &error))?;
        match output.status.success() {
            true => Ok(folder),
            false => Err(format!("erlc: {}", String::from_utf8_lossy(&output.stdout).trim())),
        }
    };
    COMPILED.get_or_init(compile).as_deref().map_err(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_or_says_what_is_missing() {
        match Erlang::ONE.run(Workload::PingPong, 1_000) {
            Ok(sample) => assert!(sample.messages >= 1_000 && sample.run > Duration::ZERO),
            Err(reason) => assert!(reason.contains("apt-get install erlang-base"), "{reason}"),
        }
    }
}
