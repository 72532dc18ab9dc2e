//! The spans of a run's log. An effect that may block is open from the record that says it is asked to the one that has
//! its answer, or that says that nobody waits for it any more. A piece of a long tape is open until the next record that
//! is none.

use super::entry::{Intent, PIECE};
use motet_log::Lsn;
use motet_log::span::{CarriedSpan, Cut, CutError, CutRequest, LogIndex, OpenSpans, SpanEdge, SpanId, SpanKind};

/// What a record weighs besides its bytes: its header.
const HEADER: u64 = 12;

pub(crate) fn opens(intent: &Intent) -> SpanEdge {
    SpanEdge::Opens(span(intent))
}

pub(crate) fn closes(intent: &Intent) -> SpanEdge {
    SpanEdge::Closes(span(intent))
}

pub(crate) fn span(intent: &Intent) -> SpanId {
    SpanId::of_digest(SpanKind::EFFECT, intent.id.0.0)
}

fn piece(lsn: Lsn) -> SpanId {
    SpanId::of_numbers(TAPE, [lsn.get(), 0, 0, 0])
}

/// A piece of a tape, until the rest of it.
const TAPE: SpanKind = SpanKind(64);

/// The index, kept beside the log while it grows.
#[derive(Debug)]
pub(crate) struct Spans {
    index: LogIndex,
    pieces: Vec<Lsn>,
}

impl Spans {
    /// Of a log that begins there, with what the last cut carried.
    pub(crate) fn new(begin: Lsn, carried: &[CarriedSpan]) -> Result<Self, CutError> {
        let pieces = carried.iter().filter(|one| one.span.kind == TAPE).map(|one| one.since).collect();
        Ok(Self { index: LogIndex::new(begin, carried)?, pieces })
    }

    pub(crate) fn push(&mut self, lsn: Lsn, kind: u16, bytes: usize, edges: &[SpanEdge]) -> Result<(), CutError> {
        let weight = bytes as u64 + HEADER;
        if kind == PIECE {
            self.pieces.push(lsn);
            return self.index.push(lsn, weight, &[SpanEdge::Opens(piece(lsn))]);
        }
        if self.pieces.is_empty() {
            return self.index.push(lsn, weight, edges);
        }
        let mut all: Vec<SpanEdge> = self.pieces.drain(..).map(|at| SpanEdge::Closes(piece(at))).collect();
        all.extend_from_slice(edges);
        self.index.push(lsn, weight, &all)
    }

    /// The cut at the log's end, if so many spans may be open there.
    pub(crate) fn cut_at_end(&self, open: OpenSpans) -> Result<Cut, CutError> {
        let (from, to) = (self.index.begin(), self.index.end());
        let carried = self.index.open_spans();
        let allowed = match open {
            OpenSpans::Pin => carried.is_empty(),
            OpenSpans::Carry { max } => carried.len() <= max as usize,
        };
        match (from == to, carried.first()) {
            (true, _) => Err(CutError::NothingToDrop { from }),
            (false, Some(oldest)) if !allowed => Err(CutError::Pinned { span: oldest.span, since: oldest.since }),
            _ => Ok(Cut { at: to, carried, kept: 0 }),
        }
    }

    /// The cut that keeps so many bytes of records.
    pub(crate) fn select(&self, keep: u64, open: OpenSpans) -> Result<Cut, CutError> {
        let request = CutRequest { from: self.index.begin(), to: self.index.end(), keep, open };
        motet_log::span::select_cut(&self.index, &request)
    }

    pub(crate) fn drop_before(&mut self, at: Lsn) -> Result<(), CutError> {
        self.index.drop_before(at)
    }
}
