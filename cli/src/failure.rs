//! What a command says when it does not end well: one code, one message, and where one can look it up.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::{Map, Value as Json, json};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// The input was refused.
pub(crate) const REFUSED: u8 = 1;
/// The command was not understood.
pub(crate) const USAGE: u8 = 2;
/// The run itself failed.
pub(crate) const FAILED: u8 = 3;

/// What commands answer.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// A failure. It is boxed because it is rare and results are not.
#[derive(Debug)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: u8,
    code: String,
    message: String,
    help: Option<String>,
    fields: Map<String, Json>,
    /// Reports with source excerpts, which say on a terminal what the fields say in JSON.
    reports: Vec<miette::Report>,
    /// The reader of our output has gone: nobody is left to tell.
    unheard: bool,
}

impl Failure {
    fn new(status: u8, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            message: message.into(),
            help: None,
            fields: Map::new(),
            reports: Vec::new(),
            unheard: false,
        }))
    }

    /// The input was refused.
    pub(crate) fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(REFUSED, code, message)
    }

    /// The command asks for something that makes no sense.
    pub(crate) fn usage(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(USAGE, code, message)
    }

    /// The run itself failed.
    pub(crate) fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FAILED, code, message)
    }

    /// With the remedy.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// With a field for tools.
    pub(crate) fn field(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.fields.insert(name.into(), value.into());
        self
    }

    /// With reports for people.
    pub(crate) fn reports(mut self, reports: Vec<miette::Report>) -> Self {
        self.0.reports = reports;
        self
    }

    /// Something could not be written.
    pub(crate) fn unwritable(what: &str, error: &io::Error) -> Self {
        Self::failed("cannot_write", format!("{what} cannot be written: {error}"))
    }

    /// Says it, and answers the exit status.
    pub(crate) fn report(self, as_json: bool) -> ExitCode {
        if self.0.unheard {
            return ExitCode::SUCCESS;
        }
        let status = ExitCode::from(self.0.status);
        let text = if as_json { self.json() } else { self.text() };
        // There is no other place left to complain at.
        io::stderr().write_all(text.as_bytes()).ok();
        status
    }

    fn json(self) -> String {
        let mut error = Map::new();
        error.insert("code".into(), self.0.code.into());
        error.insert("message".into(), self.0.message.into());
        if let Some(help) = self.0.help {
            error.insert("help".into(), help.into());
        }
        error.extend(self.0.fields);
        format!("{}\n", json!({ "error": error }))
    }

    fn text(self) -> String {
        if self.0.reports.is_empty() {
            let mut text = format!("error[{}]: {}\n", self.0.code, self.0.message);
            if let Some(help) = self.0.help {
                text.push_str(&format!("  help: {help}\n"));
            }
            return text;
        }
        let theme = match io::stderr().is_terminal() {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        let mut text = String::new();
        for report in &self.0.reports {
            let diagnostic: &dyn Diagnostic = report.as_ref();
            if handler.render_report(&mut text, diagnostic).is_err() {
                text.push_str(&format!("{diagnostic}\n"));
            }
        }
        text
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let mut failure = Self::unwritable("the output", &error);
        failure.0.unheard = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }
}
