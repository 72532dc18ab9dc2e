//! The selector that pairs by identifier, held against the rule itself tried at every place.

mod common;

use common::{Dice, LETTERS, Letter, cases, is_paired, paired_cases};
use expect_test::expect;
use motet_log::span::OpenSpans;
use motet_log::turns::{Entry, Item, Note, Role, SelectError, Selected, find_cut_point, select};

const CALLS: [u8; 3] = [0, 1, 2];

/// One entry a letter; everything weighs one, as for the published selector, but labels.
fn items(word: &[Letter]) -> Vec<Item<'static, u8>> {
    let item = |letter: &Letter| match *letter {
        Letter::User => Item { entry: Entry::Message(Role::User), weight: 1, calls: &[], answers: None },
        Letter::Assistant => Item { entry: Entry::Message(Role::Assistant), weight: 1, calls: &[], answers: None },
        Letter::Call(call) => {
            let calls = &CALLS[usize::from(call)..=usize::from(call)];
            Item { entry: Entry::Message(Role::Assistant), weight: 1, calls, answers: None }
        }
        Letter::Result(call) => {
            Item { entry: Entry::Message(Role::ToolResult), weight: 1, calls: &[], answers: Some(call) }
        }
        Letter::Label => Item { entry: Entry::Note(Note::Label), weight: 1, calls: &[], answers: None },
    };
    word.iter().map(item).collect()
}

/// Notes that stand for something a model is shown.
const SHOWN: [Note; 3] = [Note::Compaction, Note::BranchSummary, Note::CustomMessage];

fn hidden(item: &Item<'_, u8>) -> bool {
    matches!(item.entry, Entry::Note(note) if !SHOWN.contains(&note))
}

fn price(items: &[Item<'_, u8>]) -> u64 {
    items.iter().filter(|item| !hidden(item)).map(|item| item.weight).sum()
}

/// The calls before `at` whose result is not before it, by looking at all of them.
fn waiting_at(items: &[Item<'_, u8>], start: usize, at: usize) -> Vec<usize> {
    let answered = |call: &u8| items[start..at].iter().any(|item| item.answers == Some(*call));
    (start..at).filter(|&from| items[from].calls.iter().any(|call| !answered(call))).collect()
}

/// The answer that the rule gives: every place is tried, from the last to the first.
fn oracle(items: &[Item<'_, u8>], start: usize, end: usize, keep: u64, open: OpenSpans) -> Option<usize> {
    let most = match open {
        OpenSpans::Pin => 0,
        OpenSpans::Carry { max } => max as usize,
    };
    let fits = |first: &usize| {
        let first = *first;
        // Notes go with the entry behind them, and one never cuts between them.
        let shown = (first..end).find(|&at| !hidden(&items[at]));
        let whole = !hidden(&items[first - 1]);
        let calls = |at: usize| items[start..at].iter().flat_map(|item| item.calls).count();
        let results = |at: usize| items[start..at].iter().filter(|item| item.answers.is_some()).count();
        shown.is_some_and(|shown| items[shown].entry.is_valid_cut())
            && whole
            && price(&items[first..end]) >= keep
            && calls(first) - results(first) <= most
    };
    (start + 1..end).rev().find(fits)
}

/// The answer, after holding it against the rule and against what must hold of every answer.
fn judged(items: &[Item<'_, u8>], start: usize, end: usize, keep: u64, open: OpenSpans) -> Option<Selected> {
    let told = format!("{items:?} {start}..{end} keep {keep} {open:?}");
    let found = match select(items, start..end, keep, open) {
        Ok(found) => found,
        Err(SelectError::NothingToDrop { .. } | SelectError::Pinned { .. }) => {
            assert_eq!(oracle(items, start, end, keep, open), None, "{told}: a cut was missed");
            return None;
        }
        Err(error) => panic!("{told}: {error}"),
    };
    let told = format!("{told}: {found:?}");
    let first = found.point.first_kept;
    assert_eq!(oracle(items, start, end, keep, open), Some(first), "(ii) {told}");
    assert_eq!(found.kept, price(&items[first..end]), "{told}");
    assert!(found.kept >= keep, "{told}");
    assert_eq!(found.carried, waiting_at(items, start, first), "(i) {told}");
    let has = |call: u8| {
        let copied = found.carried.iter().map(|&at| &items[at]);
        copied.chain(&items[first..end]).any(|item| item.calls.contains(&call))
    };
    assert!(items[first..end].iter().filter_map(|item| item.answers).all(has), "(i) {told}");
    assert!(!items[first].entry.is_tool_result(), "(iii) {told}");
    let shown = items[first..end].iter().find(|item| !hidden(item));
    let starts = shown.is_some_and(|item| item.entry.starts_turn());
    let turn = (start..first).rev().find(|&at| items[at].entry.starts_turn());
    assert_eq!(found.point.turn_start, turn.filter(|_| !starts), "(iv) {told}");
    assert_eq!(found.point.split, found.point.turn_start.is_some(), "(iv) {told}");
    Some(found)
}

/// Every short history whose calls and results pair, every budget, none, one or two calls carried.
#[test]
pub(crate) fn every_short_history() {
    let (mut all, mut cut, mut shorter, mut published) = (0, 0, 0, 0);
    paired_cases(|word, keep| {
        let items = items(word);
        let entries: Vec<Entry> = items.iter().map(|item| item.entry).collect();
        for max in 0..=2 {
            all += 1;
            let open = if max == 0 { OpenSpans::Pin } else { OpenSpans::Carry { max } };
            let found = judged(&items, 0, items.len(), keep, open);
            let theirs = find_cut_point(&entries, |_| 1, 0..items.len(), keep).unwrap().first_kept;
            published += u64::from(theirs > 0);
            cut += u64::from(found.is_some());
            shorter += u64::from(found.is_some_and(|found| found.point.first_kept > theirs));
        }
    });
    let told = format!("{all} cases; {cut} cut, {published} by the published selector, {shorter} of them further\n");
    print!("{told}");
    expect![[r#"
        275799 cases; 144730 cut, 154854 by the published selector, 10250 of them further
    "#]]
    .assert_eq(&told);
}

/// (ii) A last result above the budget keeps nearly everything with the published selector, and not here.
#[test]
pub(crate) fn a_large_last_result_does_not_keep_everything() {
    let turn = [Letter::User, Letter::Assistant];
    let mut items = items(&[turn, turn, turn, [Letter::Call(1), Letter::Result(1)]].concat());
    items[7].weight = 1_000;
    let entries: Vec<Entry> = items.iter().map(|item| item.entry).collect();
    let weights: Vec<u64> = items.iter().map(|item| item.weight).collect();
    assert_eq!(find_cut_point(&entries, |at| weights[at], 0..8, 100).unwrap().first_kept, 0);
    let found = judged(&items, 0, 8, 100, OpenSpans::Pin).unwrap();
    assert_eq!((found.point.first_kept, found.kept), (6, 1_001));
}

/// (v) Summaries and custom messages cost what they cost.
#[test]
pub(crate) fn summaries_cost() {
    let note = |note, weight| Item { entry: Entry::Note(note), weight, calls: &[], answers: None };
    let user = || items(&[Letter::User, Letter::Assistant]);
    for dear in SHOWN {
        let items = [user(), vec![note(dear, 50)], user()].concat();
        let found = judged(&items, 0, 5, 50, OpenSpans::Pin).map(|found| found.point.first_kept);
        assert_eq!(found, Some(if dear == Note::Compaction { 1 } else { 2 }), "{dear:?}");
    }
    // What nobody is shown costs nothing.
    let items = [user(), vec![note(Note::Label, 50)], user()].concat();
    assert_eq!(judged(&items, 0, 5, 3, OpenSpans::Pin).map(|found| found.point.first_kept), Some(1));
}

/// Histories whose calls and results do not pair, and those in which nothing can be cut.
#[test]
pub(crate) fn refusals() {
    let (user, call, result) = (Letter::User, Letter::Call(1), Letter::Result(1));
    let refused =
        |word: &[Letter], keep| select(&items(word), 0..word.len(), keep, OpenSpans::Pin).unwrap_err().to_string();
    let mut heavy = items(&[user, user]);
    heavy.iter_mut().for_each(|item| item.weight = u64::MAX);
    let mut nameless = items(&[call, result]);
    nameless[1].answers = None;
    let told = [
        refused(&[user, result], 1),
        select(&nameless, 0..2, 1, OpenSpans::Pin).unwrap_err().to_string(),
        select(&items(&[call, user, result]), 1..3, 1, OpenSpans::Pin).unwrap_err().to_string(),
        refused(&[call, result, result], 1),
        refused(&[call, result, call], 1),
        refused(&[call, user, user], 1),
        refused(&[user, user], 2),
        refused(&[user, user], 3),
        refused(&[], 0),
        select(&heavy, 0..2, 1, OpenSpans::Pin).unwrap_err().to_string(),
        select(&heavy, 0..3, 1, OpenSpans::Pin).unwrap_err().to_string(),
    ];
    expect![[r#"
        entry 1 is the result of a call that is not before it in the range
        entry 1 is the result of a call that is not before it in the range
        entry 2 is the result of a call that is not before it in the range
        entry 2 is the second result of call 1
        entry 2 makes call 1, which was made before
        every cut is blocked, the last one by call 1 of entry 0: wait for its result, or carry it
        nothing of 0..2 can be dropped: all of it is to be kept
        nothing of 0..2 can be dropped: all of it is to be kept
        nothing of 0..0 can be dropped: all of it is to be kept
        the entries up to 1 cost more than 18446744073709551615
        the range 0..3 is not within a history of 2 entries
    "#]]
    .assert_eq(&(told.join("\n") + "\n"));
}

/// Random histories of all kinds, several calls to a message, weights and ranges drawn.
#[test]
pub(crate) fn random_histories() {
    let notes = Note::ALL;
    let (count, mut cut) = (cases(3_000), 0);
    for seed in 0..count {
        let mut dice = Dice::new(seed);
        let ids: Vec<u8> = (0..200).collect();
        let (mut next, mut waiting, mut items) = (0, Vec::new(), Vec::new());
        for _ in 0..dice.below(60) {
            let weight = dice.below(10) as u64;
            let note = Item { entry: Entry::Note(dice.of(notes)), weight, calls: &[][..], answers: None };
            items.push(match dice.below(6) {
                0 => note,
                1 => Item { entry: Entry::Message(dice.of(&[Role::User, Role::BashExecution, Role::Custom])), ..note },
                2 => {
                    let calls = &ids[next..next + dice.below(4)];
                    next += calls.len();
                    waiting.extend_from_slice(calls);
                    Item { entry: Entry::Message(Role::Assistant), calls, ..note }
                }
                _ if waiting.is_empty() => Item { entry: Entry::Message(Role::Assistant), ..note },
                _ => {
                    let answers = Some(waiting.swap_remove(dice.below(waiting.len())));
                    Item { entry: Entry::Message(Role::ToolResult), answers, ..note }
                }
            });
        }
        let open = dice.of(&[OpenSpans::Pin, OpenSpans::Carry { max: 1 }, OpenSpans::Carry { max: 4 }]);
        let keep = dice.below(150) as u64;
        cut += u64::from(judged_in_parts(&items, keep, open));
    }
    println!("{count} random histories, {cut} cut");
    assert!(cut > count / 4, "most histories were not cut");
}

/// The whole history; and then what a first cut left of it, once more: a second cut drops nothing.
fn judged_in_parts(items: &[Item<'_, u8>], keep: u64, open: OpenSpans) -> bool {
    let Some(found) = judged(items, 0, items.len(), keep, open) else { return false };
    let kept = [found.carried.iter().map(|&at| items[at].clone()).collect(), items[found.point.first_kept..].to_vec()]
        .concat();
    if found.carried.is_empty() {
        assert!(matches!(
            select(&kept, 0..kept.len(), keep, open),
            Err(SelectError::NothingToDrop { .. } | SelectError::Pinned { .. })
        ));
    }
    true
}

/// The enumerated histories are those of the published figures.
#[test]
pub(crate) fn the_alphabet_is_the_published_one() {
    let mut cases = 0;
    paired_cases(|_, _| cases += 3);
    assert_eq!((LETTERS.len(), cases), (7, 275_799));
    assert!(is_paired(&[Letter::Call(1), Letter::Result(1)]) && !is_paired(&[Letter::Result(1), Letter::Call(1)]));
}
