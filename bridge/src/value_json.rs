//! Values as JSON, guided by their sort.
//!
//! | sort | JSON |
//! |---|---|
//! | unit | `null` |
//! | nat | a whole number below 2^64 |
//! | bool | `true`, `false` |
//! | string | a string |
//! | real | a number; a string with the number's text where writing the number again would change the text |
//! | vector of n | an array of n numbers; a string with its text, as for a real |
//! | product | an array of two |
//!
//! The machine carries reals and vectors as their JSON text, and this form never changes that text.

use motet_machine::{CodeImage, ValueRef};
use motet_types::{Sort, SortId, SortTable, Value};
use serde_json::{Value as Json, json};

/// JSON that is not a value of the sort that is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{at}` must be {needed}, not {found}")]
pub struct ValueError {
    /// Where, as a path: `payload[0][1]`.
    pub at: String,
    /// The sort, in words.
    pub needed: String,
    /// What stands there, shortened.
    pub found: String,
}

/// At most this much of a wrong value is shown.
const SHOWN: usize = 60;

/// Text for people: control characters escaped, and cut where it grows long.
pub(crate) fn shortened(text: &str) -> String {
    let mut shown = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at == SHOWN {
            shown.push('…');
            break;
        }
        match letter.is_control() {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

/// The JSON of a text that is JSON itself, if writing that JSON gives the same text again.
fn exact(text: &str, fits: impl Fn(&Json) -> bool) -> Json {
    let json = serde_json::from_str::<Json>(text).ok().filter(fits);
    let written = json.as_ref().map(Json::to_string);
    json.filter(|_| written.as_deref() == Some(text)).unwrap_or_else(|| Json::from(text))
}

fn is_vector(json: &Json, length: u32) -> bool {
    json.as_array().is_some_and(|all| all.len() == length as usize && all.iter().all(Json::is_number))
}

/// A value of the sort as JSON. What the sort does not describe is written by its own form.
pub fn value_json(image: &CodeImage, sort: SortId, value: ValueRef<'_>) -> Json {
    let sorts = image.sorts();
    match (value, sorts.get(sort)) {
        (ValueRef::Str(text), Some(Sort::Real)) => exact(text, Json::is_number),
        (ValueRef::Str(text), Some(Sort::Vector(length))) => exact(text, |json| is_vector(json, length)),
        (ValueRef::Prod(pair), Some(Sort::Prod(a, b))) => {
            json!([value_json(image, SortId(a), (&pair.0).into()), value_json(image, SortId(b), (&pair.1).into())])
        }
        (value, _) => plain_json(image, value),
    }
}

/// A value whose sort nobody knows, such as a register's.
pub(crate) fn plain_json(image: &CodeImage, value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Unit => Json::Null,
        ValueRef::Nat(n) => Json::from(n),
        ValueRef::Bool(b) => Json::from(b),
        ValueRef::Str(text) => Json::from(text),
        ValueRef::Prod(pair) => json!([plain_json(image, (&pair.0).into()), plain_json(image, (&pair.1).into())]),
        ValueRef::Endpoint { session, role } => json!({"session": session.0, "role": image.role_name(role)}),
    }
}

/// The value of the sort that the JSON stands for. `at` is what errors call the place.
pub fn value_from_json(sorts: &SortTable, sort: SortId, json: &Json, at: &str) -> Result<Value, ValueError> {
    let refuse = || ValueError {
        at: at.to_owned(),
        needed: sorts.display(sort).to_string(),
        found: shortened(&json.to_string()),
    };
    Ok(match (sorts.get(sort), json) {
        (Some(Sort::Unit), Json::Null) => Value::Unit,
        (Some(Sort::Nat), Json::Number(n)) => Value::Nat(n.as_u64().ok_or_else(refuse)?),
        (Some(Sort::Bool), Json::Bool(b)) => Value::Bool(*b),
        (Some(Sort::String), Json::String(text)) => Value::Str(text.clone()),
        (Some(Sort::Real), Json::Number(_)) => Value::Str(json.to_string()),
        (Some(Sort::Real), Json::String(text)) if is_json(text, Json::is_number) => Value::Str(text.clone()),
        (Some(Sort::Vector(length)), Json::Array(_)) if is_vector(json, length) => Value::Str(json.to_string()),
        (Some(Sort::Vector(length)), Json::String(text)) if is_json(text, |json| is_vector(json, length)) => {
            Value::Str(text.clone())
        }
        (Some(Sort::Prod(a, b)), Json::Array(all)) => match all.as_slice() {
            [first, second] => Value::Prod(Box::new((
                value_from_json(sorts, SortId(a), first, &format!("{at}[0]"))?,
                value_from_json(sorts, SortId(b), second, &format!("{at}[1]"))?,
            ))),
            _ => return Err(refuse()),
        },
        _ => return Err(refuse()),
    })
}

fn is_json(text: &str, fits: impl Fn(&Json) -> bool) -> bool {
    serde_json::from_str::<Json>(text).is_ok_and(|json| fits(&json))
}
