//! The selector that pairs calls and results by identifier.

use super::cut_point::{BadRange, CutPoint};
use super::entry::Entry;
use crate::planted::planted;
use crate::span::{OpenSet, OpenSpans};
use core::fmt::Debug;
use core::hash::Hash;
use core::ops::Range;

/// One entry of a history whose calls are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a, Id> {
    /// What it is.
    pub entry: Entry,
    /// Its price, in whatever unit the budget has. Only what a model is shown has one ([`Entry::is_shown`]); summaries
    /// and custom messages are shown.
    pub weight: u64,
    /// The calls that it makes.
    pub calls: &'a [Id],
    /// The call whose result it is. A tool's result must name one.
    pub answers: Option<Id>,
}

/// Where a history may be cut, and what has to be copied to the kept part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The cut. It divides a turn only if something of that turn is dropped and something is kept.
    pub point: CutPoint,
    /// The entries with calls that are without a result where the cut is: the kept part needs a copy of them.
    pub carried: Vec<usize>,
    /// What the kept entries of the range cost.
    pub kept: u64,
}

/// Why there is no cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError<Id: Debug> {
    /// The range is not within the history.
    #[error(transparent)]
    BadRange(#[from] BadRange),
    /// What must be kept begins where the range begins: keep everything.
    #[error("nothing of {start}..{end} can be dropped: all of it is to be kept")]
    NothingToDrop {
        /// Where the range starts.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// At every place where one might cut, more calls wait for their result than may be carried.
    #[error("every cut is blocked, the last one by call {call:?} of entry {since}: wait for its result, or carry it")]
    Pinned {
        /// The call that has waited longest at the last of those places.
        call: Id,
        /// The entry that makes it.
        since: usize,
    },
    /// A tool's result whose call is not in the range, or that names none.
    #[error("entry {at} is the result of a call that is not before it in the range")]
    Orphan {
        /// The entry.
        at: usize,
    },
    /// A call has two results.
    #[error("entry {at} is the second result of call {call:?}")]
    SecondResult {
        /// The entry.
        at: usize,
        /// The call.
        call: Id,
    },
    /// Two calls have one identifier.
    #[error("entry {at} makes call {call:?}, which was made before")]
    SecondCall {
        /// The entry.
        at: usize,
        /// The call.
        call: Id,
    },
    /// The entries cost more than a number can say.
    #[error("the entries up to {at} cost more than {}", u64::MAX)]
    WeightOverflow {
        /// The entry at which it became too much.
        at: usize,
    },
}

/// The longest part at the beginning of the range that may be dropped such that entries worth `keep` stay.
///
/// The answer keeps at least `keep`; no kept result is without its call, except of calls that are carried; no call
/// without a result is dropped uncarried; what is kept does not start with a tool's result; and among all such cuts it
/// is the last, so a history that can shrink does.
///
/// # Errors
/// [`SelectError`]; a history whose calls and results do not pair is refused before anything is chosen.
pub fn select<Id>(
    items: &[Item<'_, Id>],
    range: Range<usize>,
    keep: u64,
    open: OpenSpans,
) -> Result<Selected, SelectError<Id>>
where
    Id: Copy + Debug + Eq + Hash + Ord,
{
    BadRange::check(&range, items.len())?;
    let (start, end) = (range.start, range.end);
    let total = pairs_and_costs(items, &range)?;
    let nothing = || SelectError::NothingToDrop { start, end };
    let spare = total.checked_sub(keep).ok_or_else(nothing)?;

    let (mut waiting, mut dropped) = (OpenSet::new(), 0_u64);
    let mut best: Option<Selected> = None;
    let mut blocked = None;
    // The first of the entries nobody is shown that stand directly before this one: they go with it.
    let mut first = start;
    for at in range {
        let item = &items[at];
        if dropped > spare {
            break;
        }
        if item.entry.is_valid_cut() && first > start {
            if open.allows(waiting.len()) || planted("select-ignores-calls") {
                let point = point(items, first..at, start);
                best = Some(Selected { point, carried: carried(&waiting), kept: total - dropped });
            } else {
                blocked = waiting.oldest();
            }
        }
        follow(&mut waiting, item, at);
        dropped += cost(item);
        if item.entry.is_shown() {
            first = at + 1;
        }
    }
    best.ok_or_else(|| blocked.map_or_else(nothing, |(since, call)| SelectError::Pinned { call, since }))
}

fn cost<Id>(item: &Item<'_, Id>) -> u64 {
    let shown = if planted("select-summaries-are-free") { item.entry.is_message() } else { item.entry.is_shown() };
    if shown { item.weight } else { 0 }
}

fn follow<Id: Copy + Eq + Hash + Ord>(waiting: &mut OpenSet<Id, usize>, item: &Item<'_, Id>, at: usize) {
    if let Some(call) = &item.answers {
        waiting.close(call);
    }
    for call in item.calls {
        waiting.open(*call, at);
    }
}

fn carried<Id: Copy + Eq + Hash + Ord>(waiting: &OpenSet<Id, usize>) -> Vec<usize> {
    let mut entries: Vec<usize> = waiting.sorted().into_iter().map(|(at, _)| at).collect();
    entries.dedup();
    entries
}

/// The cut before `notes`, the entries that nobody is shown and that go with the entry behind them.
fn point<Id>(items: &[Item<'_, Id>], notes: Range<usize>, start: usize) -> CutPoint {
    let first_kept = notes.start;
    if items[notes.end].entry.starts_turn() {
        return CutPoint { first_kept, turn_start: None, split: false };
    }
    let turn_start = (start..first_kept).rev().find(|&at| items[at].entry.starts_turn());
    CutPoint { first_kept, turn_start, split: turn_start.is_some() }
}

/// What the range costs, if its calls and results pair.
fn pairs_and_costs<Id>(items: &[Item<'_, Id>], range: &Range<usize>) -> Result<u64, SelectError<Id>>
where
    Id: Copy + Debug + Eq + Hash + Ord,
{
    let mut seen = std::collections::HashMap::new();
    let mut total = 0_u64;
    for at in range.clone() {
        let item = &items[at];
        total = total.checked_add(cost(item)).ok_or(SelectError::WeightOverflow { at })?;
        match item.answers {
            None if item.entry.is_tool_result() => return Err(SelectError::Orphan { at }),
            None => {}
            Some(call) => match seen.get_mut(&call) {
                None => return Err(SelectError::Orphan { at }),
                Some(true) => return Err(SelectError::SecondResult { at, call }),
                Some(answered) => *answered = true,
            },
        }
        for call in item.calls {
            if seen.insert(*call, false).is_some() {
                return Err(SelectError::SecondCall { at, call: *call });
            }
        }
    }
    Ok(total)
}
