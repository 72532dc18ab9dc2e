//! The parser's place in the tokens: looking ahead within a statement, expecting, and going on after an error.
//!
//! Layout is one number, `limit`: inside a statement a line that begins at or left of it is not seen, so a
//! statement ends where the next begins. Brackets set it to zero, and columns count for nothing inside them.

use crate::lexer::{Token, TokenKind};
use crate::report::Report;
use crate::syntax::Name;
use crate::{Code, Diagnostic, Source, Span};

/// How deep blocks, types and calls may nest. Parsing recurses, and this many levels fit the stack of a thread even in
/// a build without optimisation.
pub const MAX_NESTING: u32 = 128;

/// An error that has been reported. What it interrupted is left out of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// What parsing a form gives.
pub(crate) type Parsed<T> = Result<T, Reported>;

/// The place in the tokens, and what was refused so far.
pub(crate) struct Cursor<'a> {
    /// The text.
    pub(crate) source: &'a Source,
    tokens: Vec<Token>,
    at: usize,
    /// Lines that begin at or left of this column are not seen.
    pub(crate) limit: u32,
    /// Where the limit was set. What stands there is seen: it is what the limit is about.
    from: usize,
    /// Open blocks and types.
    pub(crate) depth: u32,
    /// Open choices and parallel compositions: who else could own a `|`.
    pub(crate) bars: u32,
    /// Open brackets around statements: whether a closing one has something to close.
    pub(crate) brackets: u32,
    /// What was refused.
    pub(crate) report: Report,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a source.
    pub(crate) fn new(source: &'a Source) -> Self {
        let mut report = Report::new();
        let tokens = crate::lexer::tokens(source, &mut report);
        Self { source, tokens, at: 0, limit: 0, from: 0, depth: 0, bars: 0, brackets: 0, report }
    }

    /// The next token, whatever its column.
    pub(crate) fn raw(&self) -> Token {
        self.raw_at(0)
    }

    /// The token `ahead` places behind the next, whatever its column.
    pub(crate) fn raw_at(&self, ahead: usize) -> Token {
        // `End` closes the tokens, and nothing moves past it.
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    /// The kind of the next token of this statement, `End` when the statement ends here.
    pub(crate) fn peek(&self) -> TokenKind {
        self.peek_at(0)
    }

    /// As [`Cursor::peek`], `ahead` places further.
    pub(crate) fn peek_at(&self, ahead: usize) -> TokenKind {
        if (0..=ahead).any(|step| self.hidden(step)) { TokenKind::End } else { self.raw_at(ahead).kind }
    }

    /// Whether the token `ahead` places further begins a line that the limit hides.
    fn hidden(&self, ahead: usize) -> bool {
        let token = self.raw_at(ahead);
        token.first && token.column <= self.limit && self.at + ahead > self.from
    }

    /// Whether the next token of this statement is the word.
    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.peek() == TokenKind::Word && self.source.slice(self.raw().span) == word
    }

    /// The text of the next token, whatever its column.
    pub(crate) fn text(&self) -> &'a str {
        self.source.slice(self.raw().span)
    }

    /// Goes past the next token and returns it.
    pub(crate) fn bump(&mut self) -> Token {
        let token = self.raw();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    /// Goes past the next token if it is of this kind.
    pub(crate) fn eat(&mut self, kind: TokenKind) -> bool {
        let there = self.peek() == kind;
        if there {
            self.bump();
        }
        there
    }

    /// Goes past the next token if it is this word.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        if there {
            self.bump();
        }
        there
    }

    /// Goes past a token of this kind, or says that `what` was expected.
    pub(crate) fn expect(&mut self, kind: TokenKind, what: &str) -> Parsed<Token> {
        if self.peek() == kind { Ok(self.bump()) } else { Err(self.expected(what)) }
    }

    /// Goes past this word, or says that it was expected.
    pub(crate) fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(&format!("`{word}`"))) }
    }

    /// A name.
    pub(crate) fn name(&mut self, what: &str) -> Parsed<Name> {
        let token = self.expect(TokenKind::Word, what)?;
        Ok(Name { text: self.source.slice(token.span).to_owned(), span: token.span })
    }

    /// A number that fits 32 bits.
    pub(crate) fn number(&mut self, what: &str) -> Parsed<u32> {
        let token = self.expect(TokenKind::Number, what)?;
        self.source.slice(token.span).parse().map_err(|_| {
            let message = format!("{} is too large", self.source.slice(token.span));
            self.refuse(Diagnostic::new(Code::BadNumber, token.span, message))
        })
    }

    /// Where something is missing: the next token of the statement, or the place behind its last.
    pub(crate) fn here(&self) -> Span {
        match (self.peek(), self.at.checked_sub(1)) {
            (TokenKind::End, Some(last)) => {
                let end = self.tokens[last].span.end;
                Span { start: end, end }
            }
            _ => self.raw().span,
        }
    }

    /// Everything from `start` to the last token passed.
    pub(crate) fn since(&self, start: Span) -> Span {
        self.at.checked_sub(1).map_or(start, |last| start.to(self.tokens[last].span))
    }

    /// Says that `what` was expected here.
    pub(crate) fn expected(&mut self, what: &str) -> Reported {
        let found = match self.peek() {
            TokenKind::End if self.raw().kind == TokenKind::End => "the file ends".to_owned(),
            TokenKind::End => "the line ends".to_owned(),
            _ => format!("`{}` stands", self.text()),
        };
        self.refuse(Diagnostic::new(Code::Syntax, self.here(), format!("{what} expected, but {found} here")))
    }

    /// Reports a refusal.
    pub(crate) fn refuse(&mut self, diagnostic: Diagnostic) -> Reported {
        self.report.push(diagnostic);
        Reported
    }

    /// Runs `parse` one level deeper, or refuses to.
    pub(crate) fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            let message = format!("nested deeper than {MAX_NESTING} levels");
            return Err(self.refuse(Diagnostic::new(Code::TooDeep, self.raw().span, message)));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Runs `parse` with another limit.
    pub(crate) fn within<T>(&mut self, limit: u32, parse: impl FnOnce(&mut Self) -> T) -> T {
        let outer = (self.limit, self.from);
        (self.limit, self.from) = (limit, self.at);
        let result = parse(self);
        (self.limit, self.from) = outer;
        result
    }

    /// Goes past the rest of the statement: up to the next line that is not its own, or to a closing bracket that it
    /// did not open. Brackets that open on the way are passed whole, over as many lines as they take.
    pub(crate) fn skip(&mut self) {
        // Brackets that the statement had opened when it went wrong; their lines may still be other statements.
        let mut left = self.opened();
        let mut open = 0u32;
        loop {
            let kind = self.raw().kind;
            match kind {
                TokenKind::End => return,
                _ if open == 0 && self.hidden(0) => return,
                _ if opens(kind) => open += 1,
                _ if closes(kind) && open > 0 => open -= 1,
                _ if closes(kind) && left > 0 => left -= 1,
                TokenKind::CloseBrace | TokenKind::CloseParen => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// How many brackets are open between the statement's beginning and here.
    fn opened(&self) -> u32 {
        self.tokens[self.from..self.at].iter().fold(0, |open, token| {
            if opens(token.kind) { open + 1 } else { open.saturating_sub(u32::from(closes(token.kind))) }
        })
    }

    /// Goes past a bracketed piece of text whose opening token is next; its closing token is the last passed.
    pub(crate) fn balanced(&mut self, open: TokenKind, close: TokenKind) -> Parsed<Span> {
        let start = self.raw().span;
        let mut depth = 0u32;
        loop {
            let kind = self.peek();
            if kind == TokenKind::End {
                let message = format!("this `{}` is not closed", self.source.slice(start));
                return Err(self.refuse(Diagnostic::new(Code::Syntax, start, message)));
            }
            depth += u32::from(kind == open);
            depth -= u32::from(kind == close);
            self.bump();
            if depth == 0 {
                return Ok(self.since(start));
            }
        }
    }
}

fn opens(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::OpenBrace | TokenKind::OpenParen | TokenKind::OpenBracket)
}

fn closes(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::CloseBrace | TokenKind::CloseParen | TokenKind::CloseBracket)
}
