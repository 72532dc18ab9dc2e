//! Documents of the bridge, read strictly: the version first, every key known and there once, every error with its place.

use motet_semantic::{SchemaError, ensure_supported_schema_version};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};
use std::fmt;

/// Text that is not the document that is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON, or nests deeper than 128.
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

/// Any JSON, from somebody who keeps every key once.
pub(crate) fn json(text: &str) -> Result<Json, DocumentError> {
    serde_json::from_str(text).map_err(|error| syntax(&error))
}

/// Any JSON in which no key stands twice.
pub(crate) fn unique(text: &str) -> Result<Json, DocumentError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = Unique::deserialize(&mut reader).and_then(|Unique(found)| reader.end().map(|()| found));
    found.map_err(|error| syntax(&error))
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
pub fn read_document<T: DeserializeOwned + Serialize>(
    text: &str,
    version: Option<&'static str>,
) -> Result<T, DocumentError> {
    let found = unique(text)?;
    if let Some(version) = version {
        ensure_supported_schema_version(&found, version)?;
    }
    typed(&found)
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
