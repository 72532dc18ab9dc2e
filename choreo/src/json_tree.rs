//! JSON to a tree that knows where everything stands. Nesting is bounded before it can cost stack.

use crate::{Code, Diagnostic, Span};

/// How deep brackets may nest: more than a type of the allowed depth with the allowed sorts needs.
const MAX_BRACKETS: u32 = 1024;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Json {
    /// What it is.
    pub(crate) value: Value,
    /// Its place.
    pub(crate) span: Span,
}

/// A JSON value. Numbers and literals keep only what the reader asks about.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// `null`, `true` or `false`.
    Literal,
    /// A number; its text is its span's.
    Number,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, fields in written order, repeated ones included.
    Object(Vec<Field>),
}

/// One field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) span: Span,
    /// Its value.
    pub(crate) value: Json,
}

/// The tree of a JSON text.
pub(crate) fn parse(text: &str) -> Result<Json, Diagnostic> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let tree = parser.value()?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("nothing more is expected"));
    }
    Ok(tree)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.next()
    }

    fn wrong(&mut self, what: &str) -> Diagnostic {
        self.space();
        let width = self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let found = match self.text.get(self.at..self.at + width) {
            Some(found) if !found.is_empty() => format!("`{}` stands", found.escape_debug()),
            _ => "the file ends".to_owned(),
        };
        let place = Span::new(self.at..self.at + width);
        Diagnostic::new(Code::JsonSyntax, place, format!("{what}, but {found} here"))
    }

    fn value(&mut self) -> Result<Json, Diagnostic> {
        let next = self.peek();
        let start = self.at;
        let value = match next {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => match ["null", "true", "false"].iter().find(|word| self.text[start..].starts_with(**word)) {
                Some(word) => {
                    self.at += word.len();
                    Value::Literal
                }
                None => return Err(self.wrong("a JSON value is expected")),
            },
        };
        Ok(Json { value, span: Span::new(start..self.at) })
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Result<Value, Diagnostic>) -> Result<Value, Diagnostic> {
        if self.depth >= MAX_BRACKETS {
            let message = format!("brackets nest deeper than {MAX_BRACKETS} levels");
            return Err(Diagnostic::new(Code::TooDeep, Span::new(self.at..self.at + 1), message));
        }
        self.depth += 1;
        self.at += 1;
        let value = parse(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, Diagnostic> {
        let mut fields = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a field's name in double quotes is expected"));
            }
            let start = self.at;
            let name = self.string()?;
            let span = Span::new(start..self.at);
            if self.peek() != Some(b':') {
                return Err(self.wrong("`:` is expected"));
            }
            self.at += 1;
            fields.push(Field { name, span, value: self.value()? });
            if !self.more(b'}')? {
                return Ok(Value::Object(fields));
            }
        }
    }

    fn list(&mut self) -> Result<Value, Diagnostic> {
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if !self.more(b']')? {
                return Ok(Value::List(items));
            }
        }
    }

    /// Goes past `,` or past the closing bracket; whether it was `,`.
    fn more(&mut self, close: u8) -> Result<bool, Diagnostic> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.wrong(&format!("`,` or `{}` is expected", char::from(close)))),
        }
    }

    /// A string; its escapes are the library's business.
    fn string(&mut self) -> Result<String, Diagnostic> {
        let start = self.at;
        let mut end = start + 1;
        loop {
            match self.text.as_bytes().get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(byte) if *byte >= 0x20 => end += 1,
                _ => {
                    let place = Span::new(start..start + 1);
                    return Err(Diagnostic::new(Code::JsonSyntax, place, "this string is not closed on its line"));
                }
            }
        }
        self.at = end + 1;
        let span = Span::new(start..self.at);
        let bad = |error| Diagnostic::new(Code::JsonSyntax, span, format!("this is not a JSON string: {error}"));
        serde_json::from_str(self.text.get(start..self.at).unwrap_or("")).map_err(bad)
    }

    fn number(&mut self) -> Result<Value, Diagnostic> {
        let start = self.at;
        while matches!(self.next(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        match serde_json::from_str::<serde_json::Number>(text) {
            Ok(_) => Ok(Value::Number),
            Err(_) => {
                let message = format!("`{text}` is not a JSON number");
                Err(Diagnostic::new(Code::JsonSyntax, Span::new(start..self.at), message))
            }
        }
    }
}
