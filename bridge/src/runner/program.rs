//! Which program a runner is, where it is looked for, and what it may take.

use super::error::{RunnerError, RunnerErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A kind of runner: what its program is called, and what the environment says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerKind {
    /// The program's file name.
    pub binary: &'static str,
    /// The environment variable that names the program.
    pub variable: &'static str,
    /// Whether that variable names another program, beside which this one stands.
    pub beside: bool,
    /// The environment variable that holds the deadline, in milliseconds.
    pub deadline_variable: &'static str,
    /// The deadline where that variable is not set.
    pub deadline: Duration,
    /// How the program is had.
    pub build: &'static str,
}

impl RunnerKind {
    /// `protocol_machine_runner`.
    pub const MACHINE: Self = Self {
        binary: "protocol_machine_runner",
        variable: "MOTET_REFERENCE",
        beside: false,
        deadline_variable: "TELLTALE_PROTOCOL_MACHINE_TIMEOUT_MS",
        deadline: Duration::from_secs(300),
        build: "`cargo xtask prove` builds it, and needs `apt-get install -y --no-install-recommends coq ocaml-nox \
                ocaml-findlib`; or MOTET_REFERENCE names one",
    };
    /// `heap_parity_runner`.
    pub const HEAP: Self = Self {
        binary: "heap_parity_runner",
        variable: "MOTET_REFERENCE",
        beside: true,
        deadline_variable: Self::MACHINE.deadline_variable,
        deadline: Self::MACHINE.deadline,
        build: "`cargo xtask prove` builds it, and needs `apt-get install -y --no-install-recommends coq ocaml-nox \
                ocaml-findlib`; or it stands beside the one that MOTET_REFERENCE names",
    };
    /// `telltale_validator`. The project has none of its own.
    pub const LEAN: Self = Self {
        binary: "telltale_validator",
        variable: "MOTET_LEAN_VALIDATOR",
        beside: false,
        deadline_variable: "TELLTALE_LEAN_TIMEOUT_MS",
        deadline: Duration::from_secs(120),
        build: "it is built by `lake build telltale_validator` where somebody has Lean; or MOTET_LEAN_VALIDATOR names one",
    };

    fn failed(&self, kind: RunnerErrorKind) -> RunnerError {
        RunnerError { program: self.binary.into(), kind }
    }

    /// Looks for the program: the one that the variable names; else `lean/.lake/build/bin` and then `target/reference`
    /// (or that of `CARGO_TARGET_DIR`) in the current folder, and so on upwards.
    ///
    /// # Errors
    /// [`RunnerErrorKind::Missing`] says where it was looked for, [`RunnerErrorKind::Setting`] that the deadline is none.
    pub fn find(&self) -> Result<RunnerProgram, RunnerError> {
        if let Some(named) = std::env::var_os(self.variable) {
            let named = Path::new(&named);
            return if self.beside { self.at(&named.with_file_name(self.binary)) } else { self.at(named) };
        }
        let mut looked = Vec::new();
        if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
            looked.push(Path::new(&target).join("reference").join(self.binary));
        }
        let here = std::env::current_dir().unwrap_or_default();
        for folder in here.ancestors() {
            looked.push(folder.join("lean/.lake/build/bin").join(self.binary));
            looked.push(folder.join("target/reference").join(self.binary));
        }
        match looked.iter().find(|path| path.is_file()) {
            Some(path) => self.at(path),
            None => Err(self.failed(RunnerErrorKind::Missing { looked, build: self.build })),
        }
    }

    /// The program at a path.
    ///
    /// # Errors
    /// As [`RunnerKind::find`].
    pub fn at(&self, path: &Path) -> Result<RunnerProgram, RunnerError> {
        if !path.is_file() {
            return Err(self.failed(RunnerErrorKind::Missing { looked: vec![path.into()], build: self.build }));
        }
        Ok(RunnerProgram { path: path.into(), build: self.build, options: self.options()? })
    }

    /// What the environment says that the program may take.
    ///
    /// # Errors
    /// [`RunnerErrorKind::Setting`] where the deadline is not a number of milliseconds above 0.
    pub fn options(&self) -> Result<RunnerOptions, RunnerError> {
        let deadline = match std::env::var_os(self.deadline_variable) {
            None => self.deadline,
            Some(found) => milliseconds(&found.to_string_lossy()).ok_or_else(|| {
                self.failed(RunnerErrorKind::Setting {
                    variable: self.deadline_variable,
                    found: found.to_string_lossy().into_owned(),
                    needed: "a whole number of milliseconds above 0",
                })
            })?,
        };
        Ok(RunnerOptions { deadline, max_output: RunnerOptions::MAX_OUTPUT })
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

/// What a runner may take for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerOptions {
    /// How long.
    pub deadline: Duration,
    /// How many bytes it may write.
    pub max_output: usize,
}

impl RunnerOptions {
    /// How many bytes a runner may write when nothing else is said: 64 MiB.
    pub const MAX_OUTPUT: usize = 64 << 20;
}

/// A program that is a runner, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerProgram {
    /// The program.
    pub path: PathBuf,
    /// How such a program is had, for the error when it is not there any more.
    pub build: &'static str,
    /// What it may take.
    pub options: RunnerOptions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_whole_and_not_zero() {
        assert_eq!(milliseconds("1500"), Some(Duration::from_millis(1500)));
        assert_eq!(milliseconds(" 1 "), Some(Duration::from_millis(1)));
        for bad in ["", "0", "-1", "1.5", "1s"] {
            assert_eq!(milliseconds(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = RunnerKind::MACHINE.at(Path::new("/nowhere/runner")).unwrap_err();
        assert_eq!(error.code(), "runner_missing");
        let said = error.to_string();
        assert!(
            said.contains("/nowhere/runner") && said.contains("cargo xtask prove") && said.contains("apt-get"),
            "{said}"
        );
        let lean = RunnerKind::LEAN.at(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(lean.contains("lake build telltale_validator"), "{lean}");
    }
}
