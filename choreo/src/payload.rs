//! Parsing what messages carry: payload types and their declarations.

use crate::Span;
use crate::cursor::{Cursor, Parsed};
use crate::lexer::TokenKind;
use crate::syntax::{Name, TypeBody, TypeDecl, TypeExpr, TypeKind};

impl Cursor<'_> {
    /// The payload behind a message's name.
    pub(crate) fn payload(&mut self) -> Parsed<Vec<TypeExpr>> {
        match self.peek() {
            TokenKind::OpenParen => {
                self.bump();
                self.type_list()
            }
            TokenKind::OpenBrace => Ok(vec![self.type_expr()?]),
            _ if self.eat_word("of") => Ok(vec![self.type_expr()?]),
            _ => Ok(Vec::new()),
        }
    }

    /// Types up to the closing parenthesis, the opening one passed. Each may have a name, `(amount : Int)`.
    fn type_list(&mut self) -> Parsed<Vec<TypeExpr>> {
        let mut types = Vec::new();
        while self.peek() != TokenKind::CloseParen {
            if self.peek() == TokenKind::Word && self.peek_at(1) == TokenKind::Colon {
                self.bump();
                self.bump();
            }
            types.push(self.type_expr()?);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::CloseParen, "`,` or `)`")?;
        Ok(types)
    }

    fn type_expr(&mut self) -> Parsed<TypeExpr> {
        self.deeper(|cursor| {
            let start = cursor.raw().span;
            let kind = match cursor.peek() {
                TokenKind::OpenParen => {
                    cursor.bump();
                    let mut parts = cursor.type_list()?;
                    match parts.pop() {
                        // Parentheses around one type only group it.
                        Some(single) if parts.is_empty() => single.kind,
                        last => TypeKind::Tuple(parts.into_iter().chain(last).collect()),
                    }
                }
                TokenKind::OpenBrace => cursor.record()?,
                _ => cursor.path_type()?,
            };
            Ok(TypeExpr { kind, span: cursor.since(start) })
        })
    }

    fn record(&mut self) -> Parsed<TypeKind> {
        self.bump();
        while self.peek() == TokenKind::Word {
            self.bump();
            self.expect(TokenKind::Colon, "`:` and the field's type")?;
            self.type_expr()?;
            self.eat(TokenKind::Comma);
        }
        self.expect(TokenKind::CloseBrace, "a field `name : Type` or `}`")?;
        Ok(TypeKind::Record)
    }

    fn path_type(&mut self) -> Parsed<TypeKind> {
        let mut path = self.name("a type")?.text;
        while self.eat(TokenKind::Dot) {
            path.push('.');
            path.push_str(&self.name("a name behind `.`")?.text);
        }
        let mut applied = false;
        if self.eat(TokenKind::Less) {
            applied = true;
            self.type_expr()?;
            while self.eat(TokenKind::Comma) {
                self.type_expr()?;
            }
            self.expect(TokenKind::Greater, "`,` or `>`")?;
        }
        let arguments = match path.as_str() {
            "Result" if !applied => 2,
            "Maybe" if !applied => 1,
            _ => 0,
        };
        for _ in 0..arguments {
            applied = true;
            self.type_expr()?;
        }
        Ok(TypeKind::Path { path, applied })
    }

    /// `type N = …` or `type alias N = …`, at `type`, which stands in column `head`.
    pub(crate) fn type_decl(&mut self, head: u32) -> Parsed<TypeDecl> {
        self.bump();
        let alias = self.at_word("alias") && self.peek_at(1) == TokenKind::Word;
        if alias {
            self.bump();
        }
        let name = self.name("the type's name")?;
        self.expect(TokenKind::Equals, "`=`")?;
        // The body may stand in the column of `type`: neither `|` nor `{` could begin a declaration.
        let next = self.raw();
        let body = match next.kind {
            _ if self.opens_union() => {
                let open = self.bump();
                self.bracketed(open, |cursor| cursor.constructors(0)).map(TypeBody::Union)?
            }
            TokenKind::OpenBrace if next.column >= head => self.within(0, Cursor::type_expr).map(TypeBody::Alias)?,
            TokenKind::Bar if next.column >= head => self.constructors(head).map(TypeBody::Union)?,
            _ if alias => TypeBody::Alias(self.type_expr()?),
            _ => self.constructors(head).map(TypeBody::Union)?,
        };
        Ok(TypeDecl { name, body })
    }

    fn opens_union(&self) -> bool {
        matches!(self.raw().kind, TokenKind::OpenBrace | TokenKind::OpenParen) && self.raw_at(1).kind == TokenKind::Bar
    }

    fn constructors(&mut self, head: u32) -> Parsed<Vec<Name>> {
        let mut names = Vec::new();
        loop {
            let bar = self.raw();
            let more = bar.kind == TokenKind::Bar && (!bar.first || bar.column >= head);
            if more {
                self.bump();
            } else if !names.is_empty() {
                return Ok(names);
            }
            names.push(self.name("a constructor")?);
            self.payload()?;
        }
    }

    /// Names in parentheses, or `..`; for `exposing (…)`.
    pub(crate) fn exposed(&mut self) -> Parsed<Vec<Name>> {
        self.expect(TokenKind::OpenParen, "`(` and names")?;
        let mut names = Vec::new();
        while self.peek() != TokenKind::CloseParen {
            if !self.eat(TokenKind::Dots) {
                names.push(self.name("a name")?);
                if self.peek() == TokenKind::OpenParen {
                    self.balanced(TokenKind::OpenParen, TokenKind::CloseParen)?;
                }
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::CloseParen, "`,` or `)`")?;
        Ok(names)
    }

    /// A module's name, dots included.
    pub(crate) fn module_name(&mut self) -> Parsed<Name> {
        let mut name = self.name("a module's name")?;
        while self.eat(TokenKind::Dot) {
            let part = self.name("a name behind `.`")?;
            name.text = format!("{}.{}", name.text, part.text);
            name.span = Span { start: name.span.start, end: part.span.end };
        }
        Ok(name)
    }
}
