//! Finding a cut by reading a log, for whoever has no index. Memory is that of the open spans.

use super::open_set::OpenSet;
use super::request::{CarriedSpan, Cut, CutError, CutRequest, Weight};
use super::{SpanEdge, SpanId};
use crate::Lsn;

/// A log as it is read for a cut: again from the start each time it is asked.
pub trait SpanSource {
    /// What reading may fail with; a cut's own errors are among it.
    type Error: From<CutError>;

    /// The first record there is, and the position behind the last.
    fn bounds(&self) -> (Lsn, Lsn);

    /// The spans that began before the first record and did not end there.
    fn carried(&self) -> &[CarriedSpan];

    /// Shows every record in order to `each`: its position, its weight, and what it does to spans. Stops at the first
    /// error, its own or that of `each`.
    ///
    /// # Errors
    /// What reading the log fails with, and what `each` answers.
    fn visit(&self, each: impl FnMut(Lsn, Weight, &[SpanEdge]) -> Result<(), Self::Error>) -> Result<(), Self::Error>;
}

/// What [`select_cut`](super::select_cut) answers, from the records themselves: twice read, nothing kept but what is
/// open. Answers are equal, and so are errors, but for one: a name that is given again after its span has ended is
/// refused by the index and not here, because here nobody remembers it. A cut is safe either way.
///
/// # Errors
/// Those of `select_cut`, those of [`LogIndex::push`](super::LogIndex::push), and the source's own.
pub fn scan_cut<S: SpanSource>(source: &S, request: &CutRequest) -> Result<Cut, S::Error> {
    let (begin, end) = source.bounds();
    let CutRequest { from, to, keep, open: allowed } = *request;
    if from > to || from < begin || to > end {
        return Err(CutError::BadRange { from, to, begin, end }.into());
    }
    let total = total(source, from, to)?;
    let spare = total.checked_sub(keep).ok_or(CutError::NothingToDrop { from })?;

    let mut walk = Walk { open: open_set(source.carried())?, best: None, dropped: 0, last: from };
    let mut over = false;
    source.visit(|lsn, weight, edges| {
        // What stands before `from` can be spared in any case: it is not there to be kept.
        let weight = if lsn < from { 0 } else { weight };
        over = over || lsn >= to || weight > spare - walk.dropped;
        if !over {
            edges.iter().for_each(|edge| walk.edge(lsn, *edge));
            walk.dropped += weight;
            if lsn >= from && allowed.allows(walk.open.len()) {
                walk.best = Some((lsn.next(), walk.dropped, Vec::new()));
            }
            walk.last = lsn.next();
        }
        Ok(())
    })?;
    // The walk ends at the last cut that leaves enough, so what is open then is what blocks it.
    let blocked = walk.open.oldest().filter(|_| walk.last > from);
    walk.cut(total).ok_or_else(|| match blocked {
        Some((since, span)) => CutError::Pinned { span, since }.into(),
        None => CutError::NothingToDrop { from }.into(),
    })
}

fn open_set(carried: &[CarriedSpan]) -> Result<OpenSet<SpanId, Lsn>, CutError> {
    let mut open = OpenSet::new();
    match carried.iter().find(|carried| !open.open(carried.span, carried.since)) {
        Some(&CarriedSpan { since, span }) => Err(CutError::DuplicateSpan { lsn: since, span }),
        None => Ok(open),
    }
}

/// The weight of the range; on the way, whether all spans of the log begin before they end.
fn total<S: SpanSource>(source: &S, from: Lsn, to: Lsn) -> Result<Weight, S::Error> {
    let mut open = open_set(source.carried())?;
    let (mut total, mut all) = (0, 0_u64);
    let mut unmatched = None;
    let walked = source.visit(|lsn, weight, edges| {
        all = all.checked_add(weight).ok_or(CutError::WeightOverflow { lsn })?;
        if lsn >= from && lsn < to {
            total += weight;
        }
        for edge in edges {
            match *edge {
                SpanEdge::Opens(span) if !open.open(span, lsn) => {
                    return Err(CutError::DuplicateSpan { lsn, span }.into());
                }
                SpanEdge::Closes(span) if open.close(&span).is_none() => {
                    unmatched = Some((lsn, span));
                    return Err(CutError::DanglingClose { lsn, span }.into());
                }
                SpanEdge::Opens(_) | SpanEdge::Closes(_) => {}
            }
        }
        Ok(())
    });
    match unmatched {
        Some((lsn, span)) if ended_before(source, lsn, span)? => Err(CutError::DoubleClose { lsn, span }.into()),
        _ => walked.map(|()| total),
    }
}

/// Whether the span ended before, which is asked only when it ends without being open.
fn ended_before<S: SpanSource>(source: &S, lsn: Lsn, span: SpanId) -> Result<bool, S::Error> {
    let (mut times, mut reached) = (0, false);
    let stopped = source.visit(|at, _, edges| {
        times += edges.iter().filter(|edge| **edge == SpanEdge::Closes(span)).count();
        reached = at >= lsn;
        match reached {
            true => Err(CutError::DanglingClose { lsn, span }.into()),
            false => Ok(()),
        }
    });
    stopped.or_else(|error| if reached { Ok(()) } else { Err(error) })?;
    Ok(times > 1)
}

/// The second reading, up to the budget point.
struct Walk {
    open: OpenSet<SpanId, Lsn>,
    /// The best cut so far, with the spans that were open there and have ended since. They were open at the same time,
    /// so this is no more than what is open.
    best: Option<(Lsn, Weight, Vec<CarriedSpan>)>,
    dropped: Weight,
    /// The position up to which it went.
    last: Lsn,
}

impl Walk {
    fn edge(&mut self, lsn: Lsn, edge: SpanEdge) {
        match edge {
            SpanEdge::Opens(span) => {
                self.open.open(span, lsn);
            }
            SpanEdge::Closes(span) => {
                if let (Some(since), Some((at, _, ended))) = (self.open.close(&span), &mut self.best)
                    && since < *at
                {
                    ended.push(CarriedSpan { since, span });
                }
            }
        }
    }

    fn cut(&self, total: Weight) -> Option<Cut> {
        let (at, dropped, ended) = self.best.as_ref()?;
        let still = self.open.sorted().into_iter().map(|(since, span)| CarriedSpan { since, span });
        let mut carried: Vec<CarriedSpan> = ended.iter().copied().chain(still).filter(|one| one.since < *at).collect();
        carried.sort_unstable();
        Some(Cut { at: *at, carried, kept: total - dropped })
    }
}
