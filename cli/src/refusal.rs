//! Refusals of choreographies and images: every one with its code, its place and, where one edit would do, its remedy.

use crate::failure::Failure;
use miette::{LabeledSpan, NamedSource};
use motet_choreo::{CompileError, Diagnostics, IllFormed, ProjectionError, Source, SourceError, Span};
use motet_machine::VerifyError;
use motet_types::ImageBytesError;
use serde_json::{Value as Json, json};
use std::fmt;
use std::path::Path;

/// The last part of a code.
fn short(code: &str) -> &str {
    code.rsplit("::").next().unwrap_or(code)
}

/// Bytes that are no source.
pub(crate) fn bad_source(path: &Path, error: &SourceError) -> Failure {
    let code = miette::Diagnostic::code(error).map_or_else(String::new, |code| code.to_string());
    let failure = Failure::refused(short(&code), error.to_string()).field("file", path.display().to_string());
    match miette::Diagnostic::help(error) {
        Some(help) => failure.help(help.to_string()),
        None => failure,
    }
}

/// One refusal with its place, for those that the front end does not word itself.
#[derive(Debug)]
struct Note {
    code: &'static str,
    message: String,
    label: String,
    span: Option<Span>,
    help: Option<String>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Note {}

impl miette::Diagnostic for Note {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("motet::choreo::{}", self.code)))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span?;
        let range = span.start as usize..span.end as usize;
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(Some(self.label.clone()), range))))
    }
}

/// What a source may claim; the tiers of the language.
fn tier(codes: &[&str]) -> Option<&'static str> {
    let only = |code: &str| codes.iter().all(|other| *other == code);
    (only("not_executable") || only("not_projectable")).then_some("specification_only")
}

fn refuse(source: &Source, listed: Vec<Json>, reports: Vec<miette::Report>) -> Failure {
    let text = |key: &str| listed.first().and_then(|first| first[key].as_str()).unwrap_or_default().to_owned();
    let codes: Vec<&str> = listed.iter().filter_map(|one| one["code"].as_str()).collect();
    let tier = tier(&codes);
    let more = match listed.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let failure = Failure::refused(text("code"), format!("{}{more}", text("message")))
        .field("file", source.name())
        .field("diagnostics", listed)
        .reports(reports);
    match tier {
        Some(tier) => failure.field("tier", tier),
        None => failure,
    }
}

/// What is wrong with a source.
pub(crate) fn refuse_diagnostics(source: &Source, diagnostics: &Diagnostics) -> Failure {
    let listed = diagnostics.located().map(|one| {
        json!({"code": short(one.code), "message": one.message, "line": one.line, "column": one.column,
            "help": one.help})
    });
    refuse(source, listed.collect(), diagnostics.reports().collect())
}

fn refuse_notes(source: &Source, notes: Vec<Note>) -> Failure {
    let listed = notes.iter().map(|note| {
        let place = note.span.map(|span| (source.line(span.start), source.column(span.start)));
        json!({"code": note.code, "message": note.message, "line": place.map(|place| place.0),
            "column": place.map(|place| place.1), "help": note.help})
    });
    let listed = listed.collect();
    let named = || NamedSource::new(source.name(), source.text().to_owned());
    let reports = notes.into_iter().map(|note| miette::Report::new(note).with_source_code(named()));
    refuse(source, listed, reports.collect())
}

fn ill_formed(source: &Source, error: &IllFormed) -> Note {
    Note {
        code: "ill_formed",
        message: error.to_string(),
        label: "here".into(),
        span: span_of(source, error.line()),
        help: None,
    }
}

fn span_of(source: &Source, line: u32) -> Option<Span> {
    (line > 0).then(|| source.line_span(line))
}

/// What is wrong with a protocol that reads well, as reports with places.
pub(crate) fn refuse_compile(source: &Source, error: &CompileError) -> Failure {
    let plain = |code, message: String| Note { code, message, label: String::new(), span: None, help: None };
    let notes = match error {
        CompileError::IllFormed(all) => all.iter().map(|one| ill_formed(source, one)).collect(),
        CompileError::Projection(all) => all
            .iter()
            .map(|one| match one {
                ProjectionError::IllFormed(one) => ill_formed(source, one),
                ProjectionError::Choice { line, repair, decider, .. } => Note {
                    code: "not_projectable",
                    message: one.to_string(),
                    label: format!("{decider} chooses here"),
                    span: span_of(source, *line),
                    help: Some(repair.clone()),
                },
            })
            .collect(),
        CompileError::Emit(error) => vec![plain("too_large", error.to_string())],
        CompileError::Graph(error) => vec![plain("too_large", error.to_string())],
    };
    refuse_notes(source, notes)
}

/// An image that was refused.
pub(crate) fn refuse_image(path: &Path, error: &VerifyError) -> Failure {
    let (code, help) = match error {
        VerifyError::Bytes(error) => match error {
            ImageBytesError::Magic => ("not_an_image", "`motet compile` makes images"),
            ImageBytesError::Version { .. } => ("wrong_version", "compile the protocol again with this version"),
            ImageBytesError::Length { .. } => ("wrong_length", "the file was cut or added to: compile it again"),
            ImageBytesError::TooLarge(_) => ("file_too_large", "split the protocol"),
            ImageBytesError::Reserved(_)
            | ImageBytesError::Checksum
            | ImageBytesError::Archive
            | ImageBytesError::Content => ("damaged_image", "the file was changed: compile it again"),
        },
        _ => ("image_refused", "the image does not do what its types say: compile it again, or ask who made it"),
    };
    Failure::refused(code, format!("{}: {error}", path.display())).field("file", path.display().to_string()).help(help)
}
