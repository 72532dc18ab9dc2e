//! Parsing a file: its headers, declarations and protocols.

use crate::cursor::{Cursor, Parsed};
use crate::lexer::TokenKind;
use crate::refused;
use crate::report::Report;
use crate::syntax::{File, Import, Name, Protocol, RoleDecl, TypeDecl};
use crate::{Code, Diagnostic, Source};

/// Words that begin a declaration; recovery stops at them.
const TOP: &[&str] = &["module", "import", "type", "protocol", "where"];

/// What a file holds while it is read.
#[derive(Default)]
struct Contents {
    module: Option<Name>,
    imports: Vec<Import>,
    types: Vec<TypeDecl>,
    protocols: Vec<Protocol>,
    /// Whether the file's protocol was reported and left out. Then there is no tree, but still errors to find.
    lost: bool,
}

/// The file's tree, as far as it could be read, and what was refused in it.
pub(crate) fn file(source: &Source) -> (Option<File>, Report) {
    let mut cursor = Cursor::new(source);
    let mut contents = Contents::default();
    while cursor.raw().kind != TokenKind::End {
        let (start, head) = (cursor.raw().span, cursor.raw().column);
        let failed = cursor.within(head, |cursor| cursor.top(head, &mut contents).is_err());
        if failed || cursor.raw().span == start {
            cursor.find_declaration(start == cursor.raw().span);
        }
    }
    let mut protocols = contents.protocols.into_iter();
    let main = protocols.next().filter(|_| !contents.lost);
    let tree = main.map(|protocol| File {
        module: contents.module,
        imports: contents.imports,
        types: contents.types,
        protocol,
        helpers: protocols.collect(),
    });
    if tree.is_none() && cursor.report.is_empty() {
        let place = cursor.here();
        let missing = Diagnostic::new(Code::EmptyProtocol, place, "the file declares no protocol");
        cursor.refuse(missing.help("write `protocol NAME =` and its roles and messages below"));
    }
    (tree, cursor.report)
}

impl Cursor<'_> {
    /// Goes on to the next line that begins with a word that begins a declaration.
    fn find_declaration(&mut self, past: bool) {
        if past {
            self.bump();
        }
        loop {
            let token = self.raw();
            let word = token.kind == TokenKind::Word && token.first;
            let known = word && (TOP.contains(&self.text()) || refused::declaration(self.text()).is_some());
            if token.kind == TokenKind::End || known {
                return;
            }
            self.bump();
        }
    }

    /// One declaration or protocol.
    fn top(&mut self, head: u32, contents: &mut Contents) -> Parsed<()> {
        // The head's own line is always seen; `limit` hides only the lines from `head` on.
        let token = self.raw();
        if token.kind != TokenKind::Word {
            return Err(self.unexpected_top());
        }
        match self.text() {
            "module" => {
                self.bump();
                contents.module = Some(self.module_name()?);
                if self.eat_word("exposing") {
                    self.exposed()?;
                }
                Ok(())
            }
            "import" => self.import().map(|import| contents.imports.push(import)),
            "type" => self.type_decl(head).map(|decl| contents.types.push(decl)),
            "protocol" => {
                if let Some(first) = contents.protocols.first() {
                    let message = format!("a second protocol: the file already holds `{}`", first.name.text);
                    let second = Diagnostic::new(Code::Syntax, token.span, message);
                    let second = second.also(first.name.span, "the first");
                    self.refuse(second.help("put protocols that others call under `where`"));
                }
                let first = contents.protocols.is_empty();
                if let Err(reported) = self.protocol(head, contents) {
                    contents.lost |= first;
                    return Err(reported);
                }
                self.helpers(contents)
            }
            "where" if contents.lost || !contents.protocols.is_empty() => self.helpers(contents),
            word => match refused::declaration(word) {
                Some(construct) => Err(self.refuse(construct.at(token.span))),
                None => Err(self.unexpected_top()),
            },
        }
    }

    fn unexpected_top(&mut self) -> crate::cursor::Reported {
        let token = self.raw();
        let message = format!("`{}` stands where a declaration or `protocol` is expected", self.text());
        let known = TOP.iter().copied().chain(["effect", "operation", "profile"]);
        let help = match self.report.near(self.text(), known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "indent statements deeper than `protocol`".to_owned(),
        };
        self.refuse(Diagnostic::new(Code::Syntax, token.span, message).help(help))
    }

    fn import(&mut self) -> Parsed<Import> {
        self.bump();
        let module = self.module_name()?;
        let alias = if self.eat_word("as") { Some(self.name("a name")?) } else { None };
        let exposed = if self.eat_word("exposing") { self.exposed()? } else { Vec::new() };
        Ok(Import { module, alias, exposed })
    }

    /// `where` and its protocols, as often as it stands.
    fn helpers(&mut self, contents: &mut Contents) -> Parsed<()> {
        while self.raw().kind == TokenKind::Word && self.text() == "where" {
            let place = self.bump();
            let found = match self.open() {
                None => self.protocols(place.column, contents),
                Some(open) => self.bracketed(open, |cursor| Ok(cursor.protocols(0, contents)))?,
            };
            if !found {
                let missing = Diagnostic::new(Code::Syntax, place.span, "no protocol stands behind `where`");
                return Err(self.refuse(missing.help("write `where protocol NAME =` and its messages below")));
            }
        }
        Ok(())
    }

    /// Protocols, one after another; whether there are any. One that cannot be read does not hide the next.
    fn protocols(&mut self, column: u32, contents: &mut Contents) -> bool {
        let mut some = false;
        while self.raw().kind == TokenKind::Word && self.text() == "protocol" {
            some = true;
            let next = self.raw();
            let head = if next.first && self.brackets == 0 { next.column } else { column };
            if self.within(head, |cursor| cursor.protocol(head, contents)).is_err() {
                self.find_declaration(false);
            }
        }
        some
    }

    fn protocol(&mut self, head: u32, contents: &mut Contents) -> Parsed<()> {
        self.bump();
        let name = self.name("the protocol's name")?;
        let mut roles = Vec::new();
        let mut roles_read = true;
        if self.eat(TokenKind::OpenParen) {
            if self.peek() != TokenKind::CloseParen {
                roles_read &= self.role_list(&mut roles).is_ok();
            }
            self.expect(TokenKind::CloseParen, "`,` or `)`")?;
        }
        while self.peek() == TokenKind::Word {
            match refused::clause(self.text()) {
                Some(clause) => {
                    self.refuse(clause.at(self.raw().span));
                    self.bump();
                    while !matches!(self.peek(), TokenKind::Equals | TokenKind::End)
                        && refused::clause(self.text()).is_none()
                    {
                        self.bump();
                    }
                }
                None => return Err(self.expected("`=`")),
            }
        }
        self.expect(TokenKind::Equals, "`=`")?;
        let mut parse = |cursor: &mut Self, head: u32| {
            let read = cursor.roles(head, &mut roles);
            (read, cursor.statements(head))
        };
        let (read, body) = match self.open() {
            None => parse(self, head),
            Some(open) => self.bracketed(open, |cursor| Ok(parse(cursor, 0)))?,
        };
        contents.protocols.push(Protocol { name, roles, roles_read: roles_read && read, body });
        Ok(())
    }

    /// The `roles` lines at the beginning of a protocol; whether all of them could be read.
    fn roles(&mut self, head: u32, roles: &mut Vec<RoleDecl>) -> bool {
        let mut read = true;
        loop {
            let token = self.raw();
            let here = token.kind == TokenKind::Word && self.text() == "roles" && (!token.first || token.column > head);
            if !here || self.raw_at(1).kind != TokenKind::Word {
                return read;
            }
            self.bump();
            let limit = if token.first { token.column } else { head };
            read &= self.within(limit, |cursor| {
                let result = cursor.role_list(roles);
                if result.is_err() {
                    cursor.skip();
                }
                result.is_ok()
            });
        }
    }

    fn role_list(&mut self, roles: &mut Vec<RoleDecl>) -> Parsed<()> {
        let mut result = Ok(());
        loop {
            let name = self.name("a role")?;
            let mut size = None;
            if self.eat(TokenKind::OpenBracket) {
                if self.peek() == TokenKind::Number {
                    size = Some(self.number("a size")?);
                    self.expect(TokenKind::CloseBracket, "`]`")?;
                } else {
                    // The other roles are still worth reading.
                    result = Err(self.symbolic("size"));
                }
            }
            roles.push(RoleDecl { name, size });
            if !self.eat(TokenKind::Comma) {
                return result;
            }
        }
    }
}
