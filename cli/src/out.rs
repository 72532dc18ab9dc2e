//! Standard output: text for people, or one JSON document.

use crate::failure::Outcome;
use serde_json::Value as Json;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

/// Standard output and what it is to hold.
pub(crate) struct Out {
    stdout: BufWriter<Stdout>,
    /// One JSON document and nothing else.
    pub(crate) json: bool,
    /// No drawing, no progress.
    pub(crate) quiet: bool,
}

impl Out {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { stdout: BufWriter::new(io::stdout()), json, quiet }
    }

    /// Whether somebody looks on.
    pub(crate) fn is_terminal(&self) -> bool {
        self.stdout.get_ref().is_terminal()
    }

    /// Writes a document.
    pub(crate) fn document(&mut self, document: &Json) -> Outcome<()> {
        serde_json::to_writer(&mut self.stdout, document).map_err(io::Error::from)?;
        Ok(self.stdout.write_all(b"\n")?)
    }

    /// Writes text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Outcome<()> {
        Ok(self.stdout.write_all(text.as_bytes())?)
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: impl std::fmt::Display) -> Outcome<()> {
        Ok(writeln!(self.stdout, "{line}")?)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}
