//! Reading what a command was given: choreographies, images and records, each within its limit.

use crate::failure::{Failure, Outcome};
use miette::{LabeledSpan, NamedSource};
use motet_choreo::{CompileError, Diagnostics, Projection, Source, Span, check_and_project, emit, load};
use motet_choreo::{IllFormed, MAX_SOURCE_BYTES, ProjectionError, SourceError};
use motet_machine::{CodeImage, VerifyError};
use motet_runtime::RECORD_MAGIC;
use motet_types::{GlobalType, IMAGE_MAGIC, ImageBytesError, ImageParts, MAX_IMAGE_BYTES, global_parts};
use serde_json::{Value as Json, json};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A file that holds a program.
pub(crate) enum Input {
    Source(Source),
    Image(Vec<u8>),
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::refused("unreadable", format!("{} cannot be read: {error}", path.display()))
        .field("file", path.display().to_string())
}

/// The first eight bytes, and a reader that starts over with them. Whoever knows what a file is knows its limit.
fn open(path: &Path) -> Outcome<(Vec<u8>, File)> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut head = Vec::with_capacity(8);
    file.by_ref().take(8).read_to_end(&mut head).map_err(|error| unreadable(path, &error))?;
    Ok((head, file))
}

fn rest(path: &Path, head: Vec<u8>, file: File, limit: usize) -> Outcome<Vec<u8>> {
    let mut bytes = head;
    let left = (limit as u64 + 1).saturating_sub(bytes.len() as u64);
    file.take(left).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn bad_source(path: &Path, error: &SourceError) -> Failure {
    let code = miette::Diagnostic::code(error).map_or_else(String::new, |code| code.to_string());
    let failure = Failure::refused(short(&code), error.to_string()).field("file", path.display().to_string());
    match miette::Diagnostic::help(error) {
        Some(help) => failure.help(help.to_string()),
        None => failure,
    }
}

/// The last part of a code.
fn short(code: &str) -> &str {
    code.rsplit("::").next().unwrap_or(code)
}

/// Reads a choreography, a global type or an image.
pub(crate) fn read(path: &Path) -> Outcome<Input> {
    let (head, file) = open(path)?;
    if head == RECORD_MAGIC {
        return Err(Failure::refused("is_a_trace", format!("{} is the trace of a run", path.display()))
            .help("`motet replay`, `motet trace` and `motet diff` read traces"));
    }
    if head == IMAGE_MAGIC {
        return Ok(Input::Image(rest(path, head, file, MAX_IMAGE_BYTES)?));
    }
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let bytes = rest(path, head, file, MAX_SOURCE_BYTES)?;
    let name = path.display().to_string();
    if bytes.len() > MAX_SOURCE_BYTES {
        let bytes = usize::try_from(size).unwrap_or(usize::MAX).max(bytes.len());
        return Err(bad_source(path, &SourceError::TooLarge { name, bytes }));
    }
    Source::from_bytes(name, &bytes).map(Input::Source).map_err(|error| bad_source(path, &error))
}

/// Reads a choreography or a global type; an image will not do.
pub(crate) fn read_source(path: &Path) -> Outcome<Source> {
    match read(path)? {
        Input::Source(source) => Ok(source),
        Input::Image(_) => Err(Failure::refused("is_an_image", format!("{} is a compiled image", path.display()))
            .help("`motet inspect` and `motet run` read images")),
    }
}

/// Reads a record.
pub(crate) fn read_record(path: &Path) -> Outcome<Vec<u8>> {
    let (mut bytes, mut file) = open(path)?;
    // A record has no size limit, so nothing that is not one is read to its end.
    if bytes == RECORD_MAGIC {
        file.read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    }
    Ok(bytes)
}

/// Reads a JSON document.
pub(crate) fn read_json(path: &Path) -> Outcome<Vec<u8>> {
    let (head, file) = open(path)?;
    let bytes = rest(path, head, file, MAX_IMAGE_BYTES)?;
    if bytes.len() > MAX_IMAGE_BYTES {
        let message = format!("{} has more than {MAX_IMAGE_BYTES} bytes", path.display());
        return Err(Failure::refused("file_too_large", message).field("file", path.display().to_string()));
    }
    Ok(bytes)
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

fn refuse_diagnostics(source: &Source, diagnostics: &Diagnostics) -> Failure {
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

/// The global type of a source.
pub(crate) fn global(source: &Source) -> Outcome<GlobalType> {
    load(source).map_err(|diagnostics| refuse_diagnostics(source, &diagnostics))
}

/// The local types of a source.
pub(crate) fn project(source: &Source) -> Outcome<(GlobalType, Projection)> {
    let global = global(source)?;
    let projection = check_and_project(&global).map_err(|error| refuse_compile(source, &error))?;
    Ok((global, projection))
}

/// The image of a source: projected, emitted, and verified as anybody's image is.
pub(crate) fn compile(source: &Source) -> Outcome<(Projection, CodeImage)> {
    let (global, projection) = project(source)?;
    let sealed = || -> Result<ImageParts, CompileError> {
        let mut parts = emit(&projection)?;
        parts.global = global_parts(&global, &parts.edges)?;
        Ok(parts)
    };
    let parts = sealed().map_err(|error| refuse_compile(source, &error).field("tier", "session_projectable"))?;
    let image = CodeImage::verify(parts).map_err(|error| {
        refuse_image(Path::new(source.name()), &error).help("this is a fault in the compiler: please report it")
    })?;
    Ok((projection, image))
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

/// The image in a file: an image, or what the source in it compiles to.
pub(crate) fn image(path: &Path) -> Outcome<CodeImage> {
    match read(path)? {
        Input::Image(bytes) => CodeImage::load(&bytes).map_err(|error| refuse_image(path, &error)),
        Input::Source(source) => compile(&source).map(|(_, image)| image),
    }
}
