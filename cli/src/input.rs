//! Reading what a command was given: choreographies, images and records, each within its limit.

use crate::failure::{Failure, Outcome};
use crate::refusal::{bad_source, refuse_compile, refuse_diagnostics, refuse_image};
use motet_choreo::{CompileError, MAX_SOURCE_BYTES, Projection, Source, SourceError, check_and_project, emit, load};
use motet_machine::CodeImage;
use motet_runtime::RECORD_MAGIC;
use motet_types::{GlobalType, IMAGE_MAGIC, ImageParts, MAX_IMAGE_BYTES, global_parts};
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
        parts.global = global_parts(&global, &mut parts.edges)?;
        Ok(parts)
    };
    let parts = sealed().map_err(|error| refuse_compile(source, &error).field("tier", "session_projectable"))?;
    let image = CodeImage::verify(parts).map_err(|error| {
        refuse_image(Path::new(source.name()), &error).help("this is a fault in the compiler: please report it")
    })?;
    Ok((projection, image))
}

/// The image in a file: an image, or what the source in it compiles to.
pub(crate) fn image(path: &Path) -> Outcome<CodeImage> {
    match read(path)? {
        Input::Image(bytes) => CodeImage::load(&bytes).map_err(|error| refuse_image(path, &error)),
        Input::Source(source) => compile(&source).map(|(_, image)| image),
    }
}
