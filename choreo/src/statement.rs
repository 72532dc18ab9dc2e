//! Parsing statements and the blocks around them.
//!
//! A block is what stands on the rest of its head's line and on the lines below that are indented deeper than the
//! head, or the same statements in braces or parentheses.

use crate::cursor::{Cursor, Parsed};
use crate::lexer::{Token, TokenKind};
use crate::refused;
use crate::syntax::{ChoiceBranch, Index, LoopKind, Name, RoleRef, Send, Statement, StatementKind};
use crate::{Code, Diagnostic, Span};

impl Cursor<'_> {
    /// The block behind a head that stands in column `head`. It may be empty.
    pub(crate) fn block(&mut self, head: u32) -> Parsed<Vec<Statement>> {
        match self.open() {
            None => Ok(self.statements(head)),
            Some(open) => self.bracketed(open, |cursor| Ok(cursor.statements(0))),
        }
    }

    /// A block that must not be empty.
    fn full_block(&mut self, head: u32, what: &Span) -> Parsed<Vec<Statement>> {
        let body = self.block(head)?;
        if body.is_empty() {
            let message = format!("nothing stands in this `{}`", self.source.slice(*what));
            let help = "indent its statements deeper than its first word";
            return Err(self.refuse(Diagnostic::new(Code::Syntax, *what, message).help(help)));
        }
        Ok(body)
    }

    /// Goes past a bracket that opens a block. No statement begins with one, so its column does not matter.
    pub(crate) fn open(&mut self) -> Option<Token> {
        matches!(self.raw().kind, TokenKind::OpenBrace | TokenKind::OpenParen).then(|| self.bump())
    }

    /// What stands between `open`, which has been passed, and its closing token. Columns count for nothing.
    pub(crate) fn bracketed<T>(&mut self, open: Token, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let brace = open.kind == TokenKind::OpenBrace;
        let (close, text) = if brace { (TokenKind::CloseBrace, "}") } else { (TokenKind::CloseParen, ")") };
        // An opened bracket owns its `|`: none of them can belong to a choice outside.
        let bars = std::mem::take(&mut self.bars);
        self.brackets += 1;
        let result = self.within(0, |cursor| {
            let result = parse(cursor)?;
            if cursor.raw().kind == close {
                cursor.bump();
                return Ok(result);
            }
            let message = format!("this `{}` is not closed", cursor.source.slice(open.span));
            let place = cursor.raw().span;
            let missing = Diagnostic::new(Code::Syntax, open.span, message).also(place, "not closed before this");
            Err(cursor.refuse(missing.help(format!("close it with `{text}`"))))
        });
        self.bars = bars;
        self.brackets -= 1;
        result
    }

    /// Statements up to a line that is not deeper than `head`, a closing bracket, or a `|` of a choice around.
    pub(crate) fn statements(&mut self, head: u32) -> Vec<Statement> {
        let mut list = Vec::new();
        let mut column = None;
        loop {
            let token = self.raw();
            let inside = self.limit == 0;
            match token.kind {
                TokenKind::End => return list,
                _ if token.first && token.column <= head => return list,
                TokenKind::Bar if self.bars > 0 => return list,
                TokenKind::CloseBrace | TokenKind::CloseParen if self.brackets > 0 => return list,
                TokenKind::CloseBrace | TokenKind::CloseParen => {
                    let message = format!("this `{}` closes nothing", self.text());
                    self.refuse(Diagnostic::new(Code::Syntax, token.span, message).help("take it out"));
                    self.bump();
                    continue;
                }
                TokenKind::Word if self.ends_body() => return list,
                _ => {}
            }
            if token.first && !inside && *column.get_or_insert(token.column) != token.column {
                let message = "this line stands neither in the column of its block nor in that of a block around it";
                let help = "begin all statements of a block in one column";
                self.refuse(Diagnostic::new(Code::Indentation, token.span, message).help(help));
                // Said once per jump: what follows in the new column is taken as meant.
                column = Some(token.column);
            }
            let limit = if token.first { token.column } else { head };
            let place = self.raw().span;
            let parsed = self.within(limit, |cursor| {
                let result = cursor.deeper(|cursor| cursor.statement(limit, token.first));
                if result.is_err() {
                    cursor.skip();
                }
                result
            });
            if self.raw().span == place {
                // Nothing could be made of this token, not even something to skip.
                self.bump();
            }
            list.push(parsed.unwrap_or(broken(place)));
        }
    }

    /// Whether a protocol ends here: at `where`, or at the head of another protocol.
    fn ends_body(&self) -> bool {
        match self.text() {
            "where" => !self.sends_at(1) || self.source.slice(self.raw_at(2).span) == "protocol",
            "protocol" => self.raw_at(1).kind == TokenKind::Word && !self.sends_at(1),
            _ => false,
        }
    }

    /// Whether the token `ahead` makes the word before it a sender.
    fn sends_at(&self, ahead: usize) -> bool {
        use TokenKind::{Arrow, Broadcast, OpenBrace, OpenBracket};
        matches!(self.raw_at(ahead).kind, Arrow | Broadcast | OpenBrace | OpenBracket)
    }

    /// One statement whose head stands in column `head`; `own_line` when it is the first on its line.
    fn statement(&mut self, head: u32, own_line: bool) -> Parsed<Statement> {
        let start = self.raw().span;
        if self.peek() != TokenKind::Word {
            return Err(self.expected("a statement"));
        }
        let word = self.text();
        let bracket_follows = matches!(self.peek_at(1), TokenKind::OpenBrace | TokenKind::OpenParen);
        let kind = match word {
            "par" if bracket_follows => self.par(head, own_line)?,
            "loop" if bracket_follows => self.looping(head)?,
            _ if self.sends_at(1) => self.send()?,
            "choice" => self.choice(head, own_line)?,
            "rec" => self.rec(head)?,
            "loop" => self.looping(head)?,
            "par" => self.par(head, own_line)?,
            "continue" => {
                self.bump();
                StatementKind::Continue(self.name("the name of a `rec` around")?)
            }
            "call" => {
                self.bump();
                let mut name = self.name("the name of a protocol under `where`")?;
                while self.eat(TokenKind::Dot) {
                    let part = self.name("a name behind `.`")?;
                    name = Name { text: format!("{}.{}", name.text, part.text), span: name.span.to(part.span) };
                }
                StatementKind::Call(name)
            }
            "roles" => {
                let message = "`roles` stands behind the first statement";
                let help = "declare all roles at the protocol's beginning";
                return Err(self.refuse(Diagnostic::new(Code::Syntax, start, message).help(help)));
            }
            _ => match refused::statement(word) {
                Some(construct) => return Err(self.refused_statement(construct, head)),
                None => self.send()?,
            },
        };
        Ok(Statement { kind, span: self.head_of(start) })
    }

    /// The place to underline for a statement: what stands on its first line.
    fn head_of(&self, start: Span) -> Span {
        let line_end = self.source.line_span(self.source.line(start.start)).end;
        Span { start: start.start, end: self.since(start).end.min(line_end) }
    }

    /// Refuses a construct and goes past it, past the clauses that belong to it too.
    fn refused_statement(&mut self, construct: &refused::Refused, head: u32) -> crate::cursor::Reported {
        let timeout = self.text() == "timeout";
        let reported = self.refuse(construct.at(self.raw().span));
        self.bump();
        self.skip();
        while timeout && self.raw().column >= head && self.text() == "on" && !self.sends_at(1) {
            self.bump();
            self.skip();
        }
        reported
    }

    fn send(&mut self) -> Parsed<StatementKind> {
        let sender = self.role_ref("a statement or a role that sends")?;
        if self.peek() == TokenKind::OpenBrace {
            // Metadata is for other readers; no message depends on it.
            self.balanced(TokenKind::OpenBrace, TokenKind::CloseBrace)?;
        }
        let receiver = match self.peek() {
            TokenKind::Broadcast => {
                self.bump();
                None
            }
            TokenKind::Arrow => {
                self.bump();
                if self.eat(TokenKind::Star) { None } else { Some(self.role_ref("a role that receives")?) }
            }
            _ => {
                let word = &sender.name;
                let near = self.report.near(&word.text, KEYWORDS.iter().copied());
                let hint = near.map(|keyword| format!("did you mean `{keyword}`?"));
                let reported = self.expected(&format!("`->` behind the role `{}`", word.text));
                if let (Some(hint), Some(last)) = (hint, self.report.last_mut()) {
                    last.help = Some(hint);
                }
                return Err(reported);
            }
        };
        self.expect(TokenKind::Colon, "`:` and the message")?;
        let label = self.name("the message's name")?;
        let payload = self.payload()?;
        Ok(StatementKind::Send(Send { sender, receiver, label, payload }))
    }

    /// A role, with its index if there is one.
    pub(crate) fn role_ref(&mut self, what: &str) -> Parsed<RoleRef> {
        let name = self.name(what)?;
        let start = name.span;
        if self.peek() != TokenKind::OpenBracket {
            return Ok(RoleRef { name, index: Index::None, span: start });
        }
        self.bump();
        let index = match self.peek() {
            TokenKind::Star => {
                self.bump();
                Index::All
            }
            TokenKind::Number => {
                let first = self.number("an index")?;
                if self.eat(TokenKind::Dots) {
                    if self.peek() != TokenKind::Number {
                        return Err(self.symbolic("index"));
                    }
                    Index::Range(first, self.number("an index")?)
                } else {
                    Index::At(first)
                }
            }
            _ => return Err(self.symbolic("index")),
        };
        if self.peek() != TokenKind::CloseBracket {
            return Err(self.symbolic("index"));
        }
        self.bump();
        Ok(RoleRef { name, index, span: self.since(start) })
    }

    /// Refuses a size or index that is no number, and goes past its bracket.
    pub(crate) fn symbolic(&mut self, what: &str) -> crate::cursor::Reported {
        if !matches!(self.peek(), TokenKind::Word | TokenKind::Star | TokenKind::Operator) {
            return self.expected("a number");
        }
        let span = self.here();
        let message = format!("a symbolic {what} is a load parameter, which this version does not support");
        let reported = self.refuse(Diagnostic::new(Code::SymbolicSize, span, message).help("write the number"));
        while !matches!(self.peek(), TokenKind::CloseBracket | TokenKind::End) {
            self.bump();
        }
        self.eat(TokenKind::CloseBracket);
        reported
    }

    fn rec(&mut self, head: u32) -> Parsed<StatementKind> {
        let word = self.bump().span;
        let name = self.name("the loop's name")?;
        let body = self.full_block(head, &word)?;
        Ok(StatementKind::Rec { name, body })
    }

    fn looping(&mut self, head: u32) -> Parsed<StatementKind> {
        let word = self.bump().span;
        let until = if self.eat_word("decide") {
            self.expect_word("by")?;
            LoopKind::DecideBy(self.role_ref("the role that decides")?)
        } else if self.eat_word("repeat") {
            self.repeat()?
        } else if self.eat_word("while") {
            self.expect(TokenKind::Text, "the condition in double quotes")?;
            LoopKind::While
        } else if self.eat_word("forever") {
            LoopKind::Forever
        } else {
            return Err(self.expected("`decide by ROLE`, `repeat N`, `while \"…\"` or `forever`"));
        };
        let body = self.full_block(head, &word)?;
        Ok(StatementKind::Loop { until, body })
    }

    fn repeat(&mut self) -> Parsed<LoopKind> {
        let place = self.here();
        if self.peek() == TokenKind::Word {
            return Err(self.symbolic("count"));
        }
        let count = self.number("how often")?;
        if count == 0 {
            let zero = Diagnostic::new(Code::BadNumber, place, "a loop that repeats 0 times does nothing");
            return Err(self.refuse(zero.help("leave the loop out, or repeat it at least once")));
        }
        Ok(LoopKind::Repeat(count))
    }

    fn choice(&mut self, head: u32, own_line: bool) -> Parsed<StatementKind> {
        self.bump();
        if self.at_word("at") && self.peek_at(1) == TokenKind::Word {
            let message = "the role stands before `at`";
            let wrong = Diagnostic::new(Code::Syntax, self.raw().span, message).help("write `choice ROLE at`");
            return Err(self.refuse(wrong));
        }
        let decider = self.role_ref("the role that decides")?;
        self.expect_word("at")?;
        let branches = self.barred(head, own_line, |cursor, head| {
            let span = cursor.raw().span;
            cursor.branch(head).unwrap_or_else(|_| {
                cursor.skip();
                // No label can be written like this, so it is nobody's duplicate.
                let label = Name { text: format!("|{}", span.start), span };
                ChoiceBranch { label, body: vec![broken(span)] }
            })
        })?;
        Ok(StatementKind::Choice { decider, branches })
    }

    /// One branch behind its `|`, which stands in column `head`.
    fn branch(&mut self, head: u32) -> Parsed<ChoiceBranch> {
        let label = self.name("the branch's label")?;
        if self.at_word("when") {
            self.guard()?;
        }
        self.expect(TokenKind::FatArrow, "`=>` and what follows the branch's label")?;
        Ok(ChoiceBranch { label, body: self.block(head)? })
    }

    /// A guard. Only `when (true)` says nothing that would have to be evaluated.
    fn guard(&mut self) -> Parsed<()> {
        let word = self.bump().span;
        if self.peek() == TokenKind::OpenParen {
            let span = self.balanced(TokenKind::OpenParen, TokenKind::CloseParen)?;
            let text = self.source.slice(span).trim_matches(['(', ')', ' ', '\n', '\r']);
            if text != "true" {
                self.refuse(refused::GUARD.at(word.to(span)));
            }
            return Ok(());
        }
        while !matches!(self.peek(), TokenKind::FatArrow | TokenKind::End) {
            self.bump();
        }
        self.refuse(refused::GUARD.at(self.since(word)));
        Ok(())
    }

    fn par(&mut self, head: u32, own_line: bool) -> Parsed<StatementKind> {
        let word = self.bump().span;
        let parts = self.barred(head, own_line, |cursor, head| {
            cursor.full_block(head, &word).unwrap_or_else(|_| {
                cursor.skip();
                vec![broken(word)]
            })
        })?;
        Ok(StatementKind::Par(parts))
    }

    /// Parts that each begin with `|`, in brackets or not. Without brackets a `|` belongs here when it stands on the
    /// same line, deeper than the head, or below the head's first word.
    fn barred<T>(&mut self, head: u32, own_line: bool, part: impl FnMut(&mut Self, u32) -> T) -> Parsed<Vec<T>> {
        let left = head.saturating_sub(u32::from(own_line));
        match self.open() {
            Some(open) => self.bracketed(open, |cursor| cursor.bars_from(0, part)),
            None => self.bars_from(left, part),
        }
    }

    fn bars_from<T>(&mut self, left: u32, mut part: impl FnMut(&mut Self, u32) -> T) -> Parsed<Vec<T>> {
        let mut parts = Vec::new();
        self.bars += 1;
        loop {
            let bar = self.raw();
            if bar.kind != TokenKind::Bar || (bar.first && bar.column <= left) {
                break;
            }
            self.bump();
            let head = if bar.first { bar.column } else { self.limit };
            parts.push(self.within(head, |cursor| part(cursor, head)));
        }
        self.bars -= 1;
        if parts.is_empty() { Err(self.expected("`|` and a part")) } else { Ok(parts) }
    }
}

/// What stands for statements that were reported and left out.
fn broken(span: Span) -> Statement {
    Statement { kind: StatementKind::Broken, span }
}

/// Words that begin statements, for a hint when a statement begins with something near one.
const KEYWORDS: &[&str] = &["choice", "rec", "continue", "loop", "par", "call", "roles", "where"];
