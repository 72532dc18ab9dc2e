//! Which records begin and end which spans.

use super::{CutError, SpanEdge, SpanId, SpanKind, Weight};
use crate::Record;

/// What a log's owner says about its records. The log itself gives kinds and bytes no meaning, so a new kind of span is a
/// new arm here and nothing else.
pub trait SpanRules {
    /// Appends what the record does to spans, in order.
    ///
    /// # Errors
    /// [`CutError::UnknownRecord`] for a kind that is not known: a record that cannot be read may begin or end
    /// anything. [`CutError::BadRecord`] when its bytes make no sense.
    fn edges(&self, record: &Record, edges: &mut Vec<SpanEdge>) -> Result<(), CutError>;

    /// What the record costs to keep: its bytes, unless the owner knows better.
    fn weight(&self, record: &Record) -> Weight {
        record.bytes.len() as Weight
    }
}

/// What a record of some kind does to spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It begins one of that kind, whose key its first 32 bytes are.
    Opens(SpanKind),
    /// It ends one of that kind, whose key its first 32 bytes are.
    Closes(SpanKind),
}

/// Rules as a table: record kinds, and what each does. Enough where a record's first 32 bytes are its span's key.
#[derive(Clone, Debug, Default)]
pub struct SpanTable {
    rows: std::collections::BTreeMap<u16, Effect>,
}

impl SpanTable {
    /// The table with these rows; the last one of a kind counts.
    pub fn new(rows: impl IntoIterator<Item = (u16, Effect)>) -> Self {
        Self { rows: rows.into_iter().collect() }
    }
}

impl SpanRules for SpanTable {
    fn edges(&self, record: &Record, edges: &mut Vec<SpanEdge>) -> Result<(), CutError> {
        let (lsn, kind) = (record.lsn, record.kind);
        let span = |kind_of_span| match record.bytes.first_chunk::<32>() {
            Some(key) => Ok(SpanId { kind: kind_of_span, key: *key }),
            None => Err(CutError::BadRecord { lsn, kind }),
        };
        match self.rows.get(&kind).ok_or(CutError::UnknownRecord { lsn, kind })? {
            Effect::None => {}
            Effect::Opens(of) => edges.push(SpanEdge::Opens(span(*of)?)),
            Effect::Closes(of) => edges.push(SpanEdge::Closes(span(*of)?)),
        }
        Ok(())
    }
}
