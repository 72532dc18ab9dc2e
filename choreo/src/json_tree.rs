//! JSON to a tree that knows where everything stands. Nesting is bounded before it can cost stack.

use crate::{Code, Diagnostic, Span};

/// How deep brackets may nest: more than a type of the allowed depth with the allowed sorts needs.
const MAX_BRACKETS: usize = 1024;

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
    let mut parser = Parser { text, at: 0 };
    let tree = parser.tree()?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("nothing more is expected"));
    }
    Ok(tree)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// An array or object whose closing bracket has not come yet.
enum Open {
    List(Vec<Json>),
    /// The name of the field whose value comes next stands last, with its place.
    Object(Vec<Field>, String, Span),
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

    /// A whole value. A list of what is open instead of recursion: nesting costs no stack.
    fn tree(&mut self) -> Result<Json, Diagnostic> {
        let mut open: Vec<(usize, Open)> = Vec::new();
        loop {
            let next = self.peek();
            let start = self.at;
            let mut value = match next {
                Some(b'{' | b'[') => {
                    if open.len() >= MAX_BRACKETS {
                        let message = format!("brackets nest deeper than {MAX_BRACKETS} levels");
                        return Err(Diagnostic::new(Code::TooDeep, Span::new(start..start + 1), message));
                    }
                    self.at += 1;
                    match (next, self.peek()) {
                        (Some(b'{'), Some(b'}')) => self.closed(Value::Object(Vec::new())),
                        (Some(b'['), Some(b']')) => self.closed(Value::List(Vec::new())),
                        (Some(b'{'), _) => {
                            let (name, span) = self.field_name()?;
                            open.push((start, Open::Object(Vec::new(), name, span)));
                            continue;
                        }
                        _ => {
                            open.push((start, Open::List(Vec::new())));
                            continue;
                        }
                    }
                }
                _ => self.scalar(next)?,
            };
            let mut begin = start;
            // The value is complete; it may complete what it stands in.
            loop {
                let json = Json { value, span: Span::new(begin..self.at) };
                let Some((outer, inside)) = open.pop() else { return Ok(json) };
                begin = outer;
                value = match inside {
                    Open::List(mut items) => {
                        items.push(json);
                        if self.more(b']')? {
                            open.push((begin, Open::List(items)));
                            break;
                        }
                        Value::List(items)
                    }
                    Open::Object(mut fields, name, span) => {
                        fields.push(Field { name, span, value: json });
                        if self.more(b'}')? {
                            let (name, span) = self.field_name()?;
                            open.push((begin, Open::Object(fields, name, span)));
                            break;
                        }
                        Value::Object(fields)
                    }
                };
            }
        }
    }

    /// Goes past a closing bracket.
    fn closed(&mut self, value: Value) -> Value {
        self.at += 1;
        value
    }

    fn scalar(&mut self, next: Option<u8>) -> Result<Value, Diagnostic> {
        match next {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => match ["null", "true", "false"].iter().find(|word| self.text[self.at..].starts_with(**word)) {
                Some(word) => {
                    self.at += word.len();
                    Ok(Value::Literal)
                }
                None => Err(self.wrong("a JSON value is expected")),
            },
        }
    }

    /// A field's name and its colon.
    fn field_name(&mut self) -> Result<(String, Span), Diagnostic> {
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
        Ok((name, span))
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

impl Json {
    /// The JSON path of what stands at a place: `$.branches[0].label`. Found when asked for, since most types are
    /// right and nobody asks.
    pub(crate) fn path_to(&self, place: u32) -> String {
        let mut path = "$".to_owned();
        let mut json = self;
        loop {
            let holds = |child: &Json| child.span.start <= place && place < child.span.end;
            match &json.value {
                Value::List(items) => {
                    // Items stand in order, so the one that holds the place is the last that begins before it.
                    let at = items.partition_point(|item| item.span.start <= place).saturating_sub(1);
                    match items.get(at).filter(|item| holds(item)) {
                        Some(item) => {
                            path.push_str(&format!("[{at}]"));
                            json = item;
                        }
                        None => return path,
                    }
                }
                Value::Object(fields) => match fields.iter().find(|field| holds(&field.value)) {
                    Some(field) => {
                        path.push('.');
                        path.push_str(&field.name);
                        json = &field.value;
                    }
                    None => return path,
                },
                Value::Literal | Value::Number | Value::Text(_) => return path,
            }
        }
    }
}
