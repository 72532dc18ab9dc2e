//! A protocol's source: checked text with a name, and where its lines begin.

use std::ops::Range;
use std::str::Utf8Error;

/// The largest source that is read.
pub const MAX_SOURCE_BYTES: usize = 8 << 20;

/// How a source is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A choreography, `.tell`.
    Tell,
    /// A global type in JSON.
    Json,
}

/// A place in a source: byte offsets of its first byte and of the byte behind its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte behind the last.
    pub end: u32,
}

impl Span {
    /// The span of a byte range of a source. Sources are at most 8 MiB, so the cut never cuts.
    pub fn new(range: Range<usize>) -> Self {
        let cut = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: cut(range.start), end: cut(range.end) }
    }

    /// From the beginning of this span to the end of the other.
    pub fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end.max(self.end) }
    }
}

/// Why bytes are not a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum SourceError {
    /// There is nothing, or nothing but white space.
    #[error("{name} is empty")]
    #[diagnostic(code(motet::choreo::empty_file), help("a choreography begins with `protocol NAME =`"))]
    Empty {
        /// The source's name.
        name: String,
    },
    /// The bytes are not UTF-8.
    #[error("{name} is not UTF-8: bad byte at offset {offset}")]
    #[diagnostic(code(motet::choreo::not_utf8), help("save the file as UTF-8"))]
    NotUtf8 {
        /// The source's name.
        name: String,
        /// Where the first bad byte stands.
        offset: usize,
    },
    /// There is too much of it.
    #[error("{name} has {bytes} bytes; at most {MAX_SOURCE_BYTES} are read")]
    #[diagnostic(
        code(motet::choreo::file_too_large),
        help("split the protocol, or shorten repeated parts with `loop repeat`")
    )]
    TooLarge {
        /// The source's name.
        name: String,
        /// How long it is.
        bytes: usize,
    },
    /// A zero byte stands in the text.
    #[error("{name} holds a zero byte at offset {offset}")]
    #[diagnostic(code(motet::choreo::zero_byte), help("this is not a text file"))]
    ZeroByte {
        /// The source's name.
        name: String,
        /// Where it stands.
        offset: usize,
    },
}

/// Checked text with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    /// Byte offsets at which lines begin; the first is 0.
    lines: Vec<u32>,
}

impl Source {
    /// The source in these bytes. `name` is what diagnostics call it, usually the path.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, SourceError> {
        let name = name.into();
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(SourceError::TooLarge { name, bytes: bytes.len() });
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::checked(name, text),
            Err(bad) => Err(SourceError::NotUtf8 { name, offset: Utf8Error::valid_up_to(&bad) }),
        }
    }

    /// The source in this text.
    pub fn from_text(name: impl Into<String>, text: &str) -> Result<Self, SourceError> {
        Self::from_bytes(name, text.as_bytes())
    }

    fn checked(name: String, text: &str) -> Result<Self, SourceError> {
        // A byte order mark is no part of the text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(offset) = text.bytes().position(|byte| byte == 0) {
            return Err(SourceError::ZeroByte { name, offset });
        }
        if text.trim().is_empty() {
            return Err(SourceError::Empty { name });
        }
        let begins = text.bytes().zip(1u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next);
        let lines = std::iter::once(0).chain(begins).collect();
        Ok(Self { name, text: text.to_owned(), lines })
    }

    /// What diagnostics call the source.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text in a span, empty when the span is not one of this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// JSON when the name ends in `.json` or the text begins with `{` that opens no comment; else a choreography.
    pub fn format(&self) -> Format {
        let head = self.text.trim_start();
        if self.name.ends_with(".tell") {
            return Format::Tell;
        }
        let json = self.name.ends_with(".json") || (head.starts_with('{') && !head.starts_with("{-"));
        if json { Format::Json } else { Format::Tell }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, offset: u32) -> u32 {
        u32::try_from(self.lines.partition_point(|begin| *begin <= offset)).unwrap_or(u32::MAX)
    }

    /// The column of a byte offset in characters, from 1.
    pub fn column(&self, offset: u32) -> u32 {
        let line = self.line(offset);
        let begin = self.line_start(line);
        let head = self.text.get(begin as usize..offset as usize).unwrap_or("");
        u32::try_from(head.chars().count()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The byte offset at which a line (from 1) begins; the text's end when there is no such line.
    pub fn line_start(&self, line: u32) -> u32 {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.lines.get((line as usize).wrapping_sub(1)).copied().unwrap_or(end)
    }

    /// What is written on a line (from 1), without indentation: for diagnostics about a node, which knows its line.
    pub fn line_span(&self, line: u32) -> Span {
        let whole = Span { start: self.line_start(line), end: self.line_start(line.saturating_add(1)) };
        let text = self.slice(whole);
        let start = whole.start as usize + (text.len() - text.trim_start().len());
        Span::new(start..(whole.start as usize + text.trim_end().len()).max(start))
    }
}
