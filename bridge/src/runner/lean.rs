//! The Lean validator: asked by arguments, with documents in files.

use super::error::{RunnerError, RunnerErrorKind};
use super::process::{RunnerProcess, read_answer};
use super::program::{RunnerKind, RunnerOptions, RunnerProgram};
use super::question;
use crate::lean_document::{LeanFragment, LeanLog, LeanProgram, LeanProjection, LeanProjections, LeanVerdict};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The Lean validator, where somebody has one. Each question is a process, and a folder that goes with it.
#[derive(Debug)]
pub struct LeanRunner {
    program: RunnerProgram,
}

/// The files of one question.
struct Files<'a> {
    program: &'a RunnerProgram,
    folder: TempDir,
}

impl<'a> Files<'a> {
    fn new(program: &'a RunnerProgram) -> Result<Self, RunnerError> {
        match tempfile::Builder::new().prefix("motet-bridge-").tempdir() {
            Ok(folder) => Ok(Self { program, folder }),
            Err(error) => Err(failed(program, &std::env::temp_dir(), &error)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, document: &impl Serialize) -> Result<PathBuf, RunnerError> {
        let path = self.path(name);
        let text = question(self.program, document)?;
        std::fs::write(&path, text).map_err(|error| failed(self.program, &path, &error))?;
        Ok(path)
    }

    /// Runs the program and reads the file that it was to write.
    fn ask<T: DeserializeOwned + Serialize>(&self, arguments: &[&OsStr], answer: &Path) -> Result<T, RunnerError> {
        RunnerProcess::start(self.program, arguments)?.run()?;
        let limit = self.program.options.max_output;
        let length = std::fs::metadata(answer).map_err(|error| failed(self.program, answer, &error))?.len();
        if length > limit as u64 {
            return Err(error(self.program, RunnerErrorKind::Flood { limit }));
        }
        let bytes = std::fs::read(answer).map_err(|error| failed(self.program, answer, &error))?;
        let text = String::from_utf8(bytes)
            .map_err(|bad| error(self.program, RunnerErrorKind::NotUtf8 { offset: bad.utf8_error().valid_up_to() }))?;
        read_answer(self.program, &text, None)
    }
}

fn error(program: &RunnerProgram, kind: RunnerErrorKind) -> RunnerError {
    RunnerError { program: program.path.display().to_string(), kind }
}

fn failed(program: &RunnerProgram, path: &Path, why: &std::io::Error) -> RunnerError {
    error(program, RunnerErrorKind::File { path: path.into(), why: why.to_string() })
}

impl LeanRunner {
    /// The validator that is found: see [`RunnerKind::find`].
    ///
    /// # Errors
    /// It is not there, or the environment's deadline is none.
    pub fn find() -> Result<Self, RunnerError> {
        Ok(Self::new(RunnerKind::LEAN.find()?))
    }

    /// The validator at a path.
    ///
    /// # Errors
    /// As [`LeanRunner::find`].
    pub fn at(path: &Path) -> Result<Self, RunnerError> {
        Ok(Self::new(RunnerKind::LEAN.at(path)?))
    }

    /// The validator that is this program.
    pub const fn new(program: RunnerProgram) -> Self {
        Self { program }
    }

    /// With other limits than the environment's.
    #[must_use]
    pub const fn with_options(mut self, options: RunnerOptions) -> Self {
        self.program.options = options;
        self
    }

    /// Whether a role's program fits a choreography, in the validator's words.
    ///
    /// # Errors
    /// What the process does wrong. So in all questions below.
    pub fn validate(&self, choreography: &Json, program: &LeanProgram) -> Result<LeanLog, RunnerError> {
        let files = Files::new(&self.program)?;
        let choreography = files.write("choreography.json", choreography)?;
        let program = files.write("program.json", program)?;
        let log = files.path("log.json");
        let arguments: [&OsStr; 6] = [
            "--choreography".as_ref(),
            choreography.as_ref(),
            "--program".as_ref(),
            program.as_ref(),
            "--json-log".as_ref(),
            log.as_ref(),
        ];
        files.ask(&arguments, &log)
    }

    /// A mode whose answer goes into the file that `--output` names: the flag, the documents behind it, further arguments.
    fn mode<T: DeserializeOwned + Serialize>(
        &self,
        flag: &str,
        documents: &[&Json],
        further: &[&str],
    ) -> Result<T, RunnerError> {
        let files = Files::new(&self.program)?;
        let mut arguments: Vec<OsString> = vec![flag.into()];
        for (at, document) in documents.iter().enumerate() {
            arguments.push(files.write(&format!("{at}.json"), document)?.into());
        }
        arguments.extend(further.iter().map(OsString::from));
        let answer = files.path("answer.json");
        arguments.extend(["--output".into(), answer.clone().into()]);
        let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
        files.ask(&arguments, &answer)
    }

    /// The projection of a global type to a role.
    ///
    /// # Errors
    /// See [`LeanRunner::validate`].
    pub fn export_projection(&self, global: &Json, role: &str) -> Result<LeanProjection, RunnerError> {
        self.mode("--export-projection", &[global], &["--role", role])
    }

    /// The projections of a global type to all roles.
    ///
    /// # Errors
    /// See [`LeanRunner::validate`].
    pub fn export_all_projections(&self, global: &Json) -> Result<LeanProjections, RunnerError> {
        self.mode("--export-all-projections", &[global], &[])
    }

    /// Whether a local type may stand where the other is expected.
    ///
    /// # Errors
    /// See [`LeanRunner::validate`].
    pub fn check_async_subtype(&self, candidate: &Json, expected: &Json) -> Result<LeanVerdict, RunnerError> {
        self.mode("--check-async-subtype", &[candidate, expected], &[])
    }

    /// Whether every message that a local type is sent is received.
    ///
    /// # Errors
    /// See [`LeanRunner::validate`].
    pub fn check_orphan_free(&self, local: &Json) -> Result<LeanVerdict, RunnerError> {
        self.mode("--check-orphan-free", &[local], &[])
    }

    /// Whether a local type is in the fragment for which progress is decided.
    ///
    /// # Errors
    /// See [`LeanRunner::validate`].
    pub fn check_regular_practical_fragment(&self, local: &Json) -> Result<LeanFragment, RunnerError> {
        self.mode("--check-regular-practical-fragment", &[local], &[])
    }
}
