//! Histories to be cut, and their cuts, as JSON: `{"cases":[{"entries","weights","start","end","keep"}]}` and
//! `{"results":[{"first_kept","turn_start","split"}]}`.

use motet_log::turns::{CutPoint, Entry};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::ops::Range;

/// A document that is no list of histories.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnsError {
    /// It is not JSON.
    #[error("the cases are not JSON: {0}")]
    Syntax(String),
    /// It is JSON of another shape.
    #[error("the cases must be an object with the one field `cases` that holds a list")]
    Shape,
    /// One case is not what it should be.
    #[error("case {index}: {why}")]
    Case {
        /// Its position, from 0.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// A history, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnCase {
    /// The entries.
    pub entries: Vec<Entry>,
    /// What each costs; 0 for whatever is no message.
    pub weights: Vec<u64>,
    /// Which entries are looked at. It is within the history.
    pub range: Range<usize>,
    /// What the messages that stay have to cost.
    pub keep: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with entries, weights, start, end and keep")]
struct Line {
    entries: Vec<String>,
    weights: Vec<Json>,
    start: u64,
    end: u64,
    keep: u64,
}

fn case(json: Json) -> Result<TurnCase, String> {
    let line: Line = serde_json::from_value(json).map_err(|error| error.to_string())?;
    let (count, prices) = (line.entries.len(), line.weights.len());
    if count != prices {
        return Err(format!("there are {count} entries but {prices} weights"));
    }
    let (mut entries, mut weights) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (at, (name, price)) in line.entries.iter().zip(&line.weights).enumerate() {
        let entry = Entry::from_name(name).map_err(|error| format!("entry {at}: {error}"))?;
        let price = match entry.is_message() {
            true => price.as_u64().ok_or_else(|| format!("weight {at}: {price} is no whole number below 2^64"))?,
            false => 0,
        };
        entries.push(entry);
        weights.push(price);
    }
    match (usize::try_from(line.start), usize::try_from(line.end)) {
        (Ok(start), Ok(end)) if start <= end && end <= count => {
            Ok(TurnCase { entries, weights, range: start..end, keep: line.keep })
        }
        _ => Err(format!("the range {}..{} is not within a history of {count} entries", line.start, line.end)),
    }
}

/// Reads a list of histories.
///
/// # Errors
/// [`TurnsError`] says which case is wrong, and why: an unknown kind or role, a range that is not within the entries, as
/// many weights as entries missing, or a message's weight that is no whole number.
pub fn turns_from_json(bytes: &[u8]) -> Result<Vec<TurnCase>, TurnsError> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| TurnsError::Syntax(error.to_string()))?;
    let cases = match json {
        Json::Object(mut fields) if fields.len() == 1 => fields.remove("cases"),
        _ => None,
    };
    let Some(Json::Array(cases)) = cases else { return Err(TurnsError::Shape) };
    let read = |(index, json)| case(json).map_err(|why| TurnsError::Case { index, why });
    cases.into_iter().enumerate().map(read).collect()
}

/// A cut, as JSON.
pub fn cut_point_json(cut: &CutPoint) -> Json {
    json!({"first_kept": cut.first_kept, "turn_start": cut.turn_start, "split": cut.split})
}
