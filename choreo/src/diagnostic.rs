//! Refusals: what rule was broken, where, and the edit that mends it.

use crate::{Code, Source, Span};
use miette::LabeledSpan;
use std::fmt;
use std::sync::Arc;

/// How many diagnostics of one source are kept; a file that is not a choreography at all should not print forever.
pub const MAX_DIAGNOSTICS: usize = 100;

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    /// The rule that was broken.
    pub code: Code,
    /// What is wrong, naming the names.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Other places that matter, each with what it is.
    pub others: Vec<(Span, String)>,
    /// The edit that mends it, where one edit would.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A refusal without help.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, others: Vec::new(), help: None }
    }

    /// The same with the edit that mends it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with one more place.
    pub fn also(mut self, span: Span, what: impl Into<String>) -> Self {
        self.others.push((span, what.into()));
        self
    }
}

// By hand: the derive wants one code per type or variant, and the code here is a value.
impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code.path()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let range = |span: &Span| span.start as usize..span.end as usize;
        let main = LabeledSpan::new_primary_with_span(Some("here".into()), range(&self.span));
        let others = self.others.iter().map(move |(span, what)| LabeledSpan::at(range(span), what.as_str()));
        Some(Box::new(std::iter::once(main).chain(others)))
    }
}

/// All refusals of one source, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    source: Source,
    list: Vec<Diagnostic>,
}

/// One refusal as plain fields, for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// The code in full.
    pub code: &'static str,
    /// What is wrong.
    pub message: &'a str,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The edit that mends it.
    pub help: Option<&'a str>,
}

impl Diagnostics {
    /// The refusals of `source`: sorted by place, each once, at most [`MAX_DIAGNOSTICS`].
    pub fn new(source: Source, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
        list.dedup_by(|a, b| (a.span, a.code, &a.message) == (b.span, b.code, &b.message));
        list.truncate(MAX_DIAGNOSTICS);
        Self { source, list }
    }

    /// The source that they are about.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The refusals.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The refusals as plain fields.
    pub fn located(&self) -> impl Iterator<Item = Located<'_>> {
        self.list.iter().map(|one| Located {
            code: one.code.path(),
            message: &one.message,
            line: self.source.line(one.span.start),
            column: self.source.column(one.span.start),
            help: one.help.as_deref(),
        })
    }

    /// The refusals as reports that carry the source, for a terminal.
    pub fn reports(&self) -> impl Iterator<Item = miette::Report> {
        let source = Arc::new(self.source.clone());
        self.list.iter().map(move |one| miette::Report::new(one.clone()).with_source_code(Arc::clone(&source)))
    }
}

/// One line per refusal, and one for its help.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in self.located() {
            writeln!(f, "error[{}] {}:{} {}", one.code, one.line, one.column, one.message)?;
            if let Some(help) = one.help {
                writeln!(f, "  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl miette::SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let part = self.text().read_span(span, before, after)?;
        let (span, data) = (*part.span(), part.data());
        let (line, column, lines) = (part.line(), part.column(), part.line_count());
        Ok(Box::new(miette::MietteSpanContents::new_named(self.name().to_owned(), data, span, line, column, lines)))
    }
}
