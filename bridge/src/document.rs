//! Documents of the bridge, read strictly: the version first, every key known and there once, every error with its place.

use motet_semantic::{SchemaError, ensure_supported_schema_version};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};
use std::fmt;

/// Text that is not the document that is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON, or nests deeper than [`MAX_DOCUMENT_DEPTH`].
    #[error("line {line}, column {column}: {why}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 at the end of the text.
        column: usize,
        /// What is wrong there.
        why: String,
    },
    /// It is of another schema, or does not say of which.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A key is unknown, missing or there twice, or holds something that it may not hold.
    #[error("`{path}`: {why}")]
    Shape {
        /// The place: `trace[3].tick`; `.` is the whole document.
        path: String,
        /// What is wrong there.
        why: String,
    },
}

/// How deep documents may nest. A type is at most 256 deep, and one of its levels is three of JSON.
pub const MAX_DOCUMENT_DEPTH: usize = 1024;

/// What nests no deeper is read on the caller's stack.
const SHALLOW: usize = 96;
/// The stack on which anything deeper is read: readers call themselves for every level.
const ROOM: usize = 64 << 20;

/// Does something with what nests so deep, on a stack that is large enough.
fn with_room<T: Send>(
    depth: usize,
    work: impl FnOnce() -> Result<T, DocumentError> + Send,
) -> Result<T, DocumentError> {
    if depth <= SHALLOW {
        return work();
    }
    std::thread::scope(|scope| {
        let refused = |why: String| DocumentError::Syntax { line: 1, column: 0, why };
        let reader = std::thread::Builder::new().stack_size(ROOM).spawn_scoped(scope, work);
        let reader = reader.map_err(|error| refused(format!("no stack to read {depth} levels on: {error}")))?;
        reader.join().unwrap_or_else(|_| Err(refused(format!("{depth} levels could not be read"))))
    })
}

/// How deep a text nests, if it is JSON, and no deeper than is read.
fn depth(text: &str) -> Result<usize, DocumentError> {
    let (mut deepest, mut open, mut line, mut since) = (0, 0usize, 1, 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => (line, since) = (line + 1, at + 1),
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_DOCUMENT_DEPTH {
            let why = format!("it nests deeper than {MAX_DOCUMENT_DEPTH}");
            return Err(DocumentError::Syntax { line, column: at + 1 - since, why });
        }
        deepest = deepest.max(open);
    }
    Ok(deepest)
}

/// Reads a text by a reader of its own depth.
fn parse<T: DeserializeOwned + Send>(text: &str) -> Result<T, DocumentError> {
    with_room(depth(text)?, || {
        let mut reader = serde_json::Deserializer::from_str(text);
        // Its own limit is lower than types need; this one is what `depth` has seen to.
        reader.disable_recursion_limit();
        let found = T::deserialize(&mut reader).and_then(|found| reader.end().map(|()| found));
        found.map_err(|error| syntax(&error))
    })
}

/// Any JSON, from somebody who keeps every key once.
pub(crate) fn json(text: &str) -> Result<Json, DocumentError> {
    parse(text)
}

/// Any JSON in which no key stands twice.
pub(crate) fn unique(text: &str) -> Result<Json, DocumentError> {
    parse(text).map(|Unique(found)| found)
}

/// JSON, read so that a key that stands twice is an error.
struct Unique(Json);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique(Json::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unique, A::Error> {
                let mut items = Vec::new();
                while let Some(Unique(item)) = list.next_element()? {
                    items.push(item);
                }
                Ok(Unique(items.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut fields = Map::new();
                while let Some((key, Unique(value))) = map.next_entry::<String, Unique>()? {
                    if fields.contains_key(&key) {
                        return Err(A::Error::custom(format!("the key `{key}` stands twice")));
                    }
                    fields.insert(key, value);
                }
                Ok(Unique(Json::Object(fields)))
            }
        }
        from.deserialize_any(Any)
    }
}

fn syntax(error: &serde_json::Error) -> DocumentError {
    DocumentError::Syntax { line: error.line(), column: error.column(), why: plain(error) }
}

/// What an error says, without the place that it is told beside.
fn plain(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ").map_or(said.clone(), |(said, _)| said.to_owned())
}

/// Reads a document: its version first, where it has one, and then every key.
///
/// # Errors
/// [`DocumentError`] with the place.
pub fn read_document<T: DeserializeOwned + Serialize + Send>(
    text: &str,
    version: Option<&'static str>,
) -> Result<T, DocumentError> {
    let found = unique(text)?;
    if let Some(version) = version {
        ensure_supported_schema_version(&found, version)?;
    }
    with_room(depth(text)?, || typed(&found))
}

/// JSON as a document.
pub(crate) fn typed<T: DeserializeOwned + Serialize>(found: &Json) -> Result<T, DocumentError> {
    let document: T = serde_path_to_error::deserialize(found)
        .map_err(|error| DocumentError::Shape { path: error.path().to_string(), why: plain(error.inner()) })?;
    let written = serde_json::to_value(&document).map_err(|error| syntax(&error))?;
    match positional(&written, found, &mut String::new()) {
        Some(path) => Err(DocumentError::Shape { path, why: "must be an object".into() }),
        None => Ok(document),
    }
}

/// Where something that is written as an object stands as a list of its fields, which a derived reader takes as well.
fn positional(written: &Json, found: &Json, path: &mut String) -> Option<String> {
    let length = path.len();
    let mut within = |step: String, written: &Json, found: &Json| {
        path.push_str(&step);
        let answer = positional(written, found, path);
        path.truncate(length);
        answer
    };
    match (written, found) {
        (Json::Object(written), Json::Object(found)) => written
            .iter()
            .filter_map(|(key, written)| Some((key, written, found.get(key)?)))
            .find_map(|(key, written, found)| {
                within(if length == 0 { key.clone() } else { format!(".{key}") }, written, found)
            }),
        (Json::Array(written), Json::Array(found)) => {
            let mut both = written.iter().zip(found).enumerate();
            both.find_map(|(at, (written, found))| within(format!("[{at}]"), written, found))
        }
        (Json::Object(_), _) => Some(if path.is_empty() { ".".into() } else { path.clone() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        one: u64,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        schema_version: String,
        list: Vec<Inner>,
    }

    fn refused(text: &str) -> String {
        read_document::<Outer>(text, Some("v1")).unwrap_err().to_string()
    }

    #[test]
    fn keys_stand_once() {
        let text = r#"{"a":[1,-2,2.5,true,null,"x",{"b":{}}],"c":{"a":1}}"#;
        assert_eq!(unique(text), json(text));
        let twice = unique(r#"{"a":[{"b":1,"c":2,"b":3}]}"#).unwrap_err().to_string();
        assert!(twice.contains("the key `b` stands twice"), "{twice}");
        assert!(unique("{} {}").is_err() && unique("").is_err());
    }

    #[test]
    fn deep_documents_are_read_or_refused() {
        #[derive(Serialize, Deserialize)]
        struct Deep {
            types: Json,
        }
        let nested = |levels: usize| format!("{{\"types\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        for levels in [1, SHALLOW, SHALLOW + 1, MAX_DOCUMENT_DEPTH - 1] {
            let text = nested(levels);
            let read: Deep = read_document(&text, None).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text, "{levels} levels");
        }
        let refused = |text: &str| read_document::<Deep>(text, None).err().map(|error| error.to_string());
        let expected = format!("line 1, column {}: it nests deeper than 1024", MAX_DOCUMENT_DEPTH + 9);
        assert_eq!(refused(&nested(MAX_DOCUMENT_DEPTH)), Some(expected));
        // Brackets in texts are none.
        assert!(refused(&format!("{{\"types\":\"\\\"{}\"}}", "[".repeat(5000))).is_none());
        assert!(refused(&"[".repeat(1 << 20)).is_some());
    }

    #[test]
    fn places_are_named() {
        assert!(read_document::<Outer>(r#"{"schema_version":"v1","list":[{"one":1}]}"#, Some("v1")).is_ok());
        assert_eq!(refused("{\"schema_version\":\n\"v1\",}"), "line 2, column 6: trailing comma");
        assert_eq!(refused("{}"), "schema_version is missing; this build reads `v1`");
        assert_eq!(refused(r#"{"schema_version":"v2","list":[]}"#), "schema_version is \"v2\"; this build reads `v1`");
        let within = |inner: &str| refused(&format!(r#"{{"schema_version":"v1","list":[{{"one":1}},{inner}]}}"#));
        assert_eq!(within(r#"{"one":1,"two":2}"#), "`list[1].two`: unknown field `two`, expected `one`");
        assert_eq!(within(r#"{"one":1,"one":1}"#), "line 1, column 58: the key `one` stands twice");
        assert_eq!(within("{}"), "`list[1]`: missing field `one`");
        assert_eq!(within("[1]"), "`list[1]`: must be an object");
        assert_eq!(within(r#"{"one":-1}"#), "`list[1].one`: invalid value: integer `-1`, expected u64");
    }
}
