//! Text to tokens. Words are not told apart from keywords here: a role may be called `at`.

use crate::report::Report;
use crate::{Code, Diagnostic, Source, Span};
use logos::{FilterResult, Lexer, Logos};

/// What a token is.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(error = LexError)]
#[logos(skip r"[ \t\r\n]+")]
#[logos(skip(r"--[^\n]*", allow_greedy = true))]
pub(crate) enum TokenKind {
    #[regex(r"[A-Za-z][A-Za-z0-9_]*")]
    Word,
    #[regex(r"[0-9]+")]
    Number,
    #[regex(r"[0-9]+\.[0-9]+")]
    Fraction,
    #[regex(r"[0-9]+(ms|s|m|h)")]
    Duration,
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Text,
    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token("<")]
    Less,
    #[token(">")]
    Greater,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("..")]
    Dots,
    #[token("=")]
    Equals,
    #[token("->")]
    Arrow,
    #[token("->*")]
    Broadcast,
    #[token("=>")]
    FatArrow,
    #[token("|")]
    Bar,
    #[token("*")]
    Star,
    /// What only guards and other expressions use.
    #[regex(r"[-+/%!&;?@#$^~'`_\\]")]
    Operator,
    /// Never produced; carries the rule for nested comments.
    #[token("{-", block_comment)]
    Comment,
    /// Behind the last token, and wherever the parser must not look further.
    End,
}

/// Why a piece of text is no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LexError {
    /// No token begins with this.
    #[default]
    Unknown,
    /// A `{-` without its `-}`.
    OpenComment,
}

/// Skips a comment; `{-` inside it opens another.
fn block_comment(lex: &mut Lexer<'_, TokenKind>) -> FilterResult<(), LexError> {
    let rest = lex.remainder().as_bytes();
    let (mut depth, mut at) = (1u32, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"{-" => (depth, at) = (depth + 1, at + 2),
            b"-}" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            lex.bump(at);
            return FilterResult::Skip;
        }
    }
    lex.bump(rest.len());
    FilterResult::Error(LexError::OpenComment)
}

/// One token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Its place.
    pub(crate) span: Span,
    /// How far it stands from its line's beginning, in bytes, from 1. Layout compares these.
    pub(crate) column: u32,
    /// Whether it is the first on its line.
    pub(crate) first: bool,
}

/// The tokens of a source, closed by `End`. What is no token is reported and left out.
pub(crate) fn tokens(source: &Source, report: &mut Report) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut last_line = 0;
    let mut tabs = false;
    for (kind, range) in TokenKind::lexer(source.text()).spanned() {
        let span = Span::new(range);
        match kind {
            Ok(kind) => {
                let line = source.line(span.start);
                let start = source.line_start(line);
                let first = line != last_line;
                if first && !tabs && source.slice(Span { start, end: span.start }).contains('\t') {
                    // Said once: in such a file it would be every line.
                    tabs = true;
                    report.push(tab(start, span.start));
                }
                tokens.push(Token { kind, span, column: span.start - start + 1, first });
                last_line = line;
            }
            Err(LexError::OpenComment) => {
                let open = Span { start: span.start, end: span.start + 2 };
                let message = "this comment is not closed";
                report.push(Diagnostic::new(Code::Syntax, open, message).help("close it with `-}`"));
            }
            Err(LexError::Unknown) => report.push(unknown(source, span)),
        }
    }
    let end = Span::new(source.text().len()..source.text().len());
    tokens.push(Token { kind: TokenKind::End, span: end, column: 0, first: true });
    tokens
}

fn tab(start: u32, end: u32) -> Diagnostic {
    let message = "a tab in the indentation: its width is not the same everywhere";
    Diagnostic::new(Code::Tab, Span { start, end }, message).help("indent with spaces")
}

fn unknown(source: &Source, span: Span) -> Diagnostic {
    let text = source.slice(span);
    if text.starts_with('"') {
        return Diagnostic::new(Code::Syntax, span, "this string is not closed on its line").help("close it with `\"`");
    }
    let strange = Diagnostic::new(Code::Syntax, span, format!("`{}` has no meaning here", text.escape_debug()));
    match text {
        "→" => strange.help("write `->`"),
        "⇒" => strange.help("write `=>`"),
        _ if text.chars().all(char::is_alphanumeric) => strange.help("names are of the letters a to z, digits and `_`"),
        _ => strange,
    }
}
