//! The span index: kept beside a log while it grows, so that a cut is found without reading the log again.

use super::open_set::{Mixer, OpenSet};
use super::request::{CarriedSpan, Cut, CutError, CutRequest, Weight};
use super::{SpanEdge, SpanId};
use crate::Lsn;
use crate::planted::planted;
use std::collections::HashSet;

/// What is known of the spans of a log. A record costs constant time and 16 bytes, a span 72 bytes more while the log
/// holds it, which is the price of telling a second end or a reused name from anything else.
#[derive(Clone, Debug)]
pub struct LogIndex {
    begin: Lsn,
    /// The weight of all records before this one, and how many spans are open before it; one row more than records.
    rows: Vec<Row>,
    /// Every end of a span, in the log's order.
    ends: Vec<End>,
    open: OpenSet<SpanId, Lsn>,
    ended: HashSet<SpanId, Mixer>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    weight: Weight,
    open: u32,
}

#[derive(Clone, Copy, Debug)]
struct End {
    at: Lsn,
    since: Lsn,
    span: SpanId,
}

impl LogIndex {
    /// The index of a log whose first record will be `begin`, before which these spans began and did not end: none for
    /// a new log, and what the last cut carried for one that was cut.
    ///
    /// # Errors
    /// [`CutError::DuplicateSpan`] when one name is carried twice.
    pub fn new(begin: Lsn, carried: &[CarriedSpan]) -> Result<Self, CutError> {
        let mut open = OpenSet::new();
        for &CarriedSpan { since, span } in carried {
            if !open.open(span, since) {
                return Err(CutError::DuplicateSpan { lsn: since, span });
            }
        }
        let rows = vec![Row { weight: 0, open: count(&open) }];
        Ok(Self { begin, rows, ends: Vec::new(), open, ended: HashSet::with_hasher(Mixer::new()) })
    }

    /// The first record.
    pub const fn begin(&self) -> Lsn {
        self.begin
    }

    /// The position behind the last record.
    pub fn end(&self) -> Lsn {
        self.begin.plus(self.rows.len() as u64 - 1)
    }

    /// The spans that are open at the end, in the order in which they began.
    pub fn open_spans(&self) -> Vec<CarriedSpan> {
        self.open.sorted().into_iter().map(|(since, span)| CarriedSpan { since, span }).collect()
    }

    /// Takes the next record: what it weighs, and what it does to spans, in that order.
    ///
    /// # Errors
    /// [`CutError::OutOfOrder`], [`CutError::DanglingClose`], [`CutError::DoubleClose`], [`CutError::DuplicateSpan`] or
    /// [`CutError::WeightOverflow`]. The log is not what it should be then, and so is this index: throw it away.
    pub fn push(&mut self, lsn: Lsn, weight: Weight, edges: &[SpanEdge]) -> Result<(), CutError> {
        if lsn != self.end() {
            return Err(CutError::OutOfOrder { expected: self.end(), found: lsn });
        }
        let before = self.rows.last().map_or(0, |row| row.weight);
        let weight = before.checked_add(weight).ok_or(CutError::WeightOverflow { lsn })?;
        for edge in edges {
            match *edge {
                SpanEdge::Opens(span) => self.begin_span(lsn, span)?,
                SpanEdge::Closes(span) => self.end_span(lsn, span)?,
            }
        }
        self.rows.push(Row { weight, open: count(&self.open) });
        Ok(())
    }

    fn begin_span(&mut self, lsn: Lsn, span: SpanId) -> Result<(), CutError> {
        let reused = self.ended.contains(&span) && !planted("index-allows-reuse");
        match !reused && self.open.open(span, lsn) {
            true => Ok(()),
            false => Err(CutError::DuplicateSpan { lsn, span }),
        }
    }

    fn end_span(&mut self, lsn: Lsn, span: SpanId) -> Result<(), CutError> {
        match self.open.close(&span) {
            Some(since) => {
                self.ends.push(End { at: lsn, since, span });
                self.ended.insert(span);
                Ok(())
            }
            None if self.ended.contains(&span) => match planted("index-accepts-second-end") {
                true => Ok(()),
                false => Err(CutError::DoubleClose { lsn, span }),
            },
            None => Err(CutError::DanglingClose { lsn, span }),
        }
    }

    /// Forgets the records before a cut, as the log does.
    ///
    /// # Errors
    /// [`CutError::BadRange`] when the cut is not within the log.
    pub fn drop_before(&mut self, at: Lsn) -> Result<(), CutError> {
        let first = self.row(at).ok_or(self.bad_range(at, self.end()))?;
        self.rows.drain(..first);
        let dropped = self.rows.first().map_or(0, |row| row.weight);
        self.rows.iter_mut().for_each(|row| row.weight -= dropped);
        let gone = self.ends.partition_point(|end| end.at < at);
        for end in self.ends.drain(..gone) {
            self.ended.remove(&end.span);
        }
        self.begin = at;
        Ok(())
    }

    /// The row of a position between the first record and the end.
    fn row(&self, at: Lsn) -> Option<usize> {
        let row = usize::try_from(at.get().checked_sub(self.begin.get())?).ok()?;
        (row < self.rows.len()).then_some(row)
    }

    fn bad_range(&self, from: Lsn, to: Lsn) -> CutError {
        CutError::BadRange { from, to, begin: self.begin, end: self.end() }
    }

    /// The spans that are open before the record at `at`.
    fn open_at(&self, at: Lsn) -> Vec<CarriedSpan> {
        let since_then = self.ends.partition_point(|end| end.at < at);
        let ended = self.ends.iter().skip(since_then).map(|end| CarriedSpan { since: end.since, span: end.span });
        let mut open: Vec<CarriedSpan> = ended.chain(self.open_spans()).filter(|carried| carried.since < at).collect();
        open.sort_unstable();
        open
    }
}

/// The largest safe cut at which enough stays.
///
/// It is a function of the log and the request alone. At least `min(keep, total)` stays, and every span that is open at
/// the cut is carried. Asked again with no new records, the answer is [`CutError::NothingToDrop`], or
/// [`CutError::Pinned`] where open spans kept the cut from the budget point. Time is that of the records behind the cut.
///
/// # Errors
/// [`CutError::BadRange`], [`CutError::NothingToDrop`] or [`CutError::Pinned`].
pub fn select_cut(index: &LogIndex, request: &CutRequest) -> Result<Cut, CutError> {
    let bad_range = || index.bad_range(request.from, request.to);
    let first = index.row(request.from).ok_or_else(bad_range)?;
    let last = index.row(request.to).ok_or_else(bad_range)?;
    let range = index.rows.get(first..=last).ok_or_else(bad_range)?;
    let nothing = CutError::NothingToDrop { from: request.from };
    let (Some(start), Some(end)) = (range.first(), range.last()) else { return Err(bad_range()) };
    let total = end.weight - start.weight;
    let spare = total.checked_sub(request.keep).ok_or(nothing)?;
    // The budget point is the last row before which no more than can be spared stands.
    let slack = u64::from(planted("cut-below-budget"));
    let point = range.partition_point(|row| row.weight - start.weight <= spare + slack).saturating_sub(1);
    let point = if planted("cut-before-budget-point") { point.saturating_sub(1) } else { point };
    if point == 0 {
        return Err(nothing);
    }
    let allowed = |row: &Row| request.open.allows(row.open as usize) || planted("cut-inside-span");
    let safe = range[1..=point].iter().rposition(allowed).map(|before| before + 1);
    let Some(chosen) = safe else {
        let at = request.from.plus(point as u64);
        let oldest = index.open_at(at).first().copied().ok_or(nothing)?;
        return Err(CutError::Pinned { span: oldest.span, since: oldest.since });
    };
    let at = request.from.plus(chosen as u64);
    let mut carried = index.open_at(at);
    if planted("cut-forgets-carried") {
        carried.pop();
    }
    Ok(Cut { at, carried, kept: end.weight - range[chosen].weight })
}

fn count(open: &OpenSet<SpanId, Lsn>) -> u32 {
    u32::try_from(open.len()).unwrap_or(u32::MAX)
}
