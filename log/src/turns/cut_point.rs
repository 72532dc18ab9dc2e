//! The published selector, ported exactly, with what it does badly.
//!
//! It looks at kinds and never at which result answers which call. [`select`](super::select) is what to use on a
//! history whose calls are known; this one is here so that others' cuts can be reproduced.

use super::Entry;
use crate::planted::planted;
use core::ops::Range;

/// Where to cut a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CutPoint {
    /// The first entry that is kept.
    pub first_kept: usize,
    /// The entry that starts the turn which the cut divides.
    pub turn_start: Option<usize>,
    /// Whether the cut divides a turn.
    pub split: bool,
}

/// A range that is not within the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range {start}..{end} is not within a history of {entries} entries")]
pub struct BadRange {
    /// Where the range starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// How many entries there are.
    pub entries: usize,
}

impl BadRange {
    /// Whether the range is within that many entries.
    ///
    /// # Errors
    /// When it ends behind them, or before it starts.
    pub(super) const fn check(range: &Range<usize>, entries: usize) -> Result<(), Self> {
        match range.start <= range.end && range.end <= entries {
            true => Ok(()),
            false => Err(Self { start: range.start, end: range.end, entries }),
        }
    }
}

/// The entries of a range at which one may cut, in order. All are in the range, and none is a tool's result.
///
/// # Errors
/// [`BadRange`] when the range is not within the history.
pub fn find_valid_cut_points(entries: &[Entry], range: Range<usize>) -> Result<Vec<usize>, BadRange> {
    BadRange::check(&range, entries.len())?;
    let result = |entry: Entry| planted("turns-cuts-at-result") && entry.is_tool_result();
    Ok(range.filter(|&at| entries[at].is_valid_cut() || result(entries[at])).collect())
}

/// The entry that starts the turn in which entry `at` stands, looking back from `at` itself to `start`. It is within
/// `start..=at`, and starts a turn.
///
/// # Errors
/// [`BadRange`] when `at` is not an entry or stands before `start`.
pub fn find_turn_start(entries: &[Entry], at: usize, start: usize) -> Result<Option<usize>, BadRange> {
    let range = start..at.saturating_add(1);
    if at < start {
        return Err(BadRange { start, end: at, entries: entries.len() });
    }
    BadRange::check(&range, entries.len())?;
    let mut range = range;
    Ok(range.rfind(|&index| entries[index].starts_turn()))
}

/// Where to cut the entries of a range so that messages worth `keep` stay, or nearly so.
///
/// `weight` prices a message; nothing else has a price. What holds of the answer: `first_kept` is in the range and not
/// a tool's result, or it is the range's start; where every tool's result directly follows a message, a result that is
/// kept has that message kept with it, or `first_kept` is the range's start; a divided turn's start is in the range,
/// starts a turn, and is not behind the cut.
///
/// What does not hold: that a result's call is kept; that anything is dropped when it could be; that a turn which is
/// called divided is.
///
/// # Errors
/// [`BadRange`] when the range is not within the history.
pub fn find_cut_point(
    entries: &[Entry],
    mut weight: impl FnMut(usize) -> u64,
    range: Range<usize>,
    keep: u64,
) -> Result<CutPoint, BadRange> {
    let start = range.start;
    let cuts = find_valid_cut_points(entries, range.clone())?;
    let Some(&oldest) = cuts.first() else {
        return Ok(CutPoint { first_kept: start, turn_start: None, split: false });
    };
    let mut sum = 0_u64;
    let budget_point = range.rev().find(|&at| {
        if entries[at].is_message() {
            // A sum that does not fit is more than any budget.
            sum = sum.saturating_add(weight(at));
        }
        if planted("turns-budget-off-by-one") { sum > keep } else { sum >= keep }
    });
    let behind = budget_point.and_then(|point| cuts.get(cuts.partition_point(|&cut| cut < point)).copied());
    let mut first_kept = behind.unwrap_or(oldest);
    while first_kept > start && steps_over(entries[first_kept - 1]) {
        first_kept -= 1;
    }
    if entries[first_kept].is_user() {
        return Ok(CutPoint { first_kept, turn_start: None, split: false });
    }
    let turn_start = find_turn_start(entries, first_kept, start)?;
    Ok(CutPoint { first_kept, turn_start, split: turn_start.is_some() })
}

/// Whether the step back goes over that entry.
fn steps_over(entry: Entry) -> bool {
    let compaction = matches!(entry, Entry::Note(super::Note::Compaction)) && !planted("turns-steps-over-compaction");
    !entry.is_message() && !compaction
}
