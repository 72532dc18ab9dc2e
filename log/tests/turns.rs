//! The published selector: a second, literal transcription, its theorems, and the counts of what it does badly.

mod common;

use common::{Dice, Letter, cases, paired_cases, words};
use expect_test::expect;
use motet_log::turns::{CutPoint, Entry, Note, Role, find_cut_point, find_turn_start, find_valid_cut_points};
use std::fmt::Write;

/// The source once more, word for word: loops, indices and -1 as there.
mod literal {
    use super::{Entry, Note, Role};

    fn cut_points(entries: &[Entry], start: i64, end: i64) -> Vec<i64> {
        let mut cuts = Vec::new();
        let mut i = start;
        while i < end {
            match entries[i as usize] {
                Entry::Message(Role::BashExecution) => cuts.push(i),
                Entry::Message(Role::Custom) => cuts.push(i),
                Entry::Message(Role::BranchSummary) => cuts.push(i),
                Entry::Message(Role::CompactionSummary) => cuts.push(i),
                Entry::Message(Role::User) => cuts.push(i),
                Entry::Message(Role::Assistant) => cuts.push(i),
                Entry::Message(Role::ToolResult) => {}
                Entry::Note(Note::ThinkingLevelChange) => {}
                Entry::Note(Note::ModelChange) => {}
                Entry::Note(Note::ActiveToolsChange) => {}
                Entry::Note(Note::Compaction) => {}
                Entry::Note(Note::BranchSummary) => cuts.push(i),
                Entry::Note(Note::Custom) => {}
                Entry::Note(Note::CustomMessage) => cuts.push(i),
                Entry::Note(Note::Label) => {}
                Entry::Note(Note::SessionInfo) => {}
                Entry::Note(Note::Leaf) => {}
            }
            i += 1;
        }
        cuts
    }

    fn turn_start(entries: &[Entry], at: i64, start: i64) -> i64 {
        let mut i = at;
        while i >= start {
            match entries[i as usize] {
                Entry::Note(Note::BranchSummary) => return i,
                Entry::Note(Note::CustomMessage) => return i,
                Entry::Message(Role::User) => return i,
                Entry::Message(Role::BashExecution) => return i,
                _ => {}
            }
            i -= 1;
        }
        -1
    }

    /// The first entry kept, the turn's start or -1, and whether the turn is divided.
    pub(crate) fn cut_point(entries: &[Entry], weights: &[u64], start: i64, end: i64, keep: u64) -> (i64, i64, bool) {
        let cuts = cut_points(entries, start, end);
        if cuts.is_empty() {
            return (start, -1, false);
        }
        let mut sum = 0;
        let mut cut = cuts[0];
        let mut i = end - 1;
        while i >= start {
            if let Entry::Message(_) = entries[i as usize] {
                sum += weights[i as usize];
            }
            if sum >= keep {
                for &one in &cuts {
                    if one >= i {
                        cut = one;
                        break;
                    }
                }
                break;
            }
            i -= 1;
        }
        while cut > start {
            match entries[(cut - 1) as usize] {
                Entry::Message(_) => break,
                Entry::Note(Note::Compaction) => break,
                Entry::Note(_) => cut -= 1,
            }
        }
        if entries[cut as usize] == Entry::Message(Role::User) {
            return (cut, -1, false);
        }
        let turn = turn_start(entries, cut, start);
        (cut, turn, turn != -1)
    }
}

/// The nine kinds that stand for all: one of every behaviour, and two of some.
const NINE: [Entry; 9] = [
    Entry::Message(Role::User),
    Entry::Message(Role::BashExecution),
    Entry::Message(Role::Assistant),
    Entry::Message(Role::CompactionSummary),
    Entry::Message(Role::ToolResult),
    Entry::Note(Note::BranchSummary),
    Entry::Note(Note::CustomMessage),
    Entry::Note(Note::Compaction),
    Entry::Note(Note::Label),
];

fn all_entries() -> Vec<Entry> {
    let messages = Role::ALL.iter().map(|role| Entry::Message(*role));
    messages.chain(Note::ALL.iter().map(|note| Entry::Note(*note))).collect()
}

/// The selector's answer, after holding it against the transcription and against the three theorems.
fn judged(entries: &[Entry], weights: &[u64], start: usize, end: usize, keep: u64) -> CutPoint {
    let found = find_cut_point(entries, |at| weights[at], start..end, keep).unwrap();
    let told = format!("{entries:?} {weights:?} {start}..{end} keep {keep}: {found:?}");

    let (first, turn, split) = literal::cut_point(entries, weights, start as i64, end as i64, keep);
    let same = (found.first_kept as i64, found.turn_start.map_or(-1, |at| at as i64), found.split);
    assert_eq!(same, (first, turn, split), "the transcription differs: {told}");

    // 1. The cuts are in the range, none is a tool's result; so is a turn's start, which starts a turn.
    let cuts = find_valid_cut_points(entries, start..end).unwrap();
    assert!(cuts.iter().all(|&at| (start..end).contains(&at) && !entries[at].is_tool_result()), "{told}");
    if found.first_kept < end {
        let turn = find_turn_start(entries, found.first_kept, start).unwrap();
        assert!(turn.is_none_or(|at| (start..=found.first_kept).contains(&at) && entries[at].starts_turn()), "{told}");
    }
    // 2. What is kept first is in the range and not a tool's result, or the start; and where every result directly
    // follows a message, no result is kept without that message, or everything is.
    let first = found.first_kept;
    assert!(first == start || (first < end && !entries[first].is_tool_result()), "{told}");
    let result = |at: usize| entries[at].is_tool_result();
    let follows = |at: usize| at > start && entries[at - 1].is_message();
    if (start..end).filter(|&at| result(at)).all(follows) {
        assert!(first == start || (first..end).filter(|&at| result(at)).all(|at| at > first), "{told}");
    }
    // 3. A divided turn has a start, which starts a turn and is not behind the cut.
    let starter = |at: usize| (start..=first).contains(&at) && entries[at].starts_turn();
    assert!(!found.split || found.turn_start.is_some_and(starter), "{told}");
    found
}

/// All histories of up to six entries over nine kinds, each entry weighing one, with budgets 1 to 3.
#[test]
pub(crate) fn every_short_history() {
    let (mut all, mut no_progress, mut starts_with_result, mut own_start, mut before_start) = (0, 0, 0, 0, 0);
    for length in 0..=6 {
        words(&NINE, length, |entries| {
            for keep in 1..=3 {
                all += 1;
                let found = judged(entries, &[1; 6], 0, length, keep);
                let cuts: Vec<usize> = (0..length).filter(|&at| entries[at].is_valid_cut()).collect();
                let behind = |at: usize| entries[at..].iter().filter(|entry| entry.is_message()).count() as u64;
                let budget_point = (0..length).rev().find(|&at| behind(at) >= keep);
                // (ii) No cut stands behind the budget point, so it goes back to the oldest, though there are later ones.
                let fell_back = budget_point.is_some_and(|point| cuts.last().is_some_and(|&last| last < point));
                no_progress += u64::from(fell_back && cuts.len() > 1);
                // (iii) What is kept starts with a result.
                starts_with_result += u64::from(entries.get(found.first_kept).is_some_and(|one| one.is_tool_result()));
                // (iv) A turn is called divided at its own start, or before it.
                own_start += u64::from(found.split && found.turn_start == Some(found.first_kept));
                let note = |entry: &&Entry| **entry == Entry::Note(Note::Label);
                let notes = entries[found.first_kept..].iter().take_while(note).count();
                let next = entries.get(found.first_kept + notes);
                before_start += u64::from(found.split && notes > 0 && next.is_some_and(|one| one.starts_turn()));
            }
        });
    }
    let told = format!(
        "{all} cases\n(ii) {no_progress} go back to the oldest cut\n(iii) {starts_with_result} keep a result first\n\
         (iv) {own_start} divide a turn at its start, {before_start} before it\n"
    );
    print!("{told}");
    expect![[r#"
        1793613 cases
        (ii) 88128 go back to the oldest cut
        (iii) 1092 keep a result first
        (iv) 752376 divide a turn at its start, 42724 before it
    "#]]
    .assert_eq(&told);
}

/// A call is an assistant's message, to the published selector.
fn entry_of(letter: Letter) -> Entry {
    match letter {
        Letter::User => Entry::Message(Role::User),
        Letter::Assistant | Letter::Call(_) => Entry::Message(Role::Assistant),
        Letter::Result(_) => Entry::Message(Role::ToolResult),
        Letter::Label => Entry::Note(Note::Label),
    }
}

/// The precondition of the theorem about results does not keep results with their calls.
#[test]
pub(crate) fn orphans_that_the_theorem_allows() {
    let (mut all, mut orphans) = (0, 0);
    let mut smallest: Option<Vec<Letter>> = None;
    paired_cases(|word, keep| {
        let entries: Vec<Entry> = word.iter().map(|letter| entry_of(*letter)).collect();
        let follows = |at: usize| at > 0 && entries[at - 1].is_message();
        if !(0..entries.len()).filter(|&at| entries[at].is_tool_result()).all(follows) {
            return;
        }
        all += 1;
        let kept = &word[judged(&entries, &[1; 6], 0, entries.len(), keep).first_kept..];
        let orphan = |letter: &Letter| matches!(letter, Letter::Result(call) if !kept.contains(&Letter::Call(*call)));
        if kept.iter().any(orphan) {
            orphans += 1;
            smallest.get_or_insert_with(|| word.to_vec());
        }
    });
    let mut told = format!("{orphans} of {all} cases orphan a result\n");
    writeln!(told, "(i) smallest: {:?}", smallest.unwrap_or_default()).unwrap();
    print!("{told}");
    expect![[r#"
        6544 of 83347 cases orphan a result
        (i) smallest: [Call(1), User, Result(1)]
    "#]]
    .assert_eq(&told);
}

/// Random long histories over all kinds, with random weights, ranges and budgets. The full lane takes a million.
#[test]
pub(crate) fn random_long_histories() {
    let kinds = all_entries();
    let count = cases(5_000);
    for seed in 0..count {
        let mut dice = Dice::new(seed);
        let length = dice.below(120);
        // Some histories are mostly messages, some mostly notes.
        let few: Vec<Entry> = (0..1 + dice.below(12)).map(|_| dice.of(&kinds)).collect();
        let entries: Vec<Entry> = (0..length).map(|_| dice.of(&few)).collect();
        let weights: Vec<u64> = (0..length).map(|_| dice.below(50) as u64).collect();
        let end = dice.below(length + 1);
        let start = dice.below(end + 1);
        let keep = dice.below(1_200) as u64;
        judged(&entries, &weights, start, end, keep);
    }
    println!("{count} random histories");
}

/// What the issue says of the command line's words.
#[test]
pub(crate) fn names_are_those_of_the_source() {
    let kinds = all_entries();
    let names: Vec<String> = kinds.iter().map(Entry::to_string).collect();
    for (kind, name) in kinds.iter().zip(&names) {
        assert_eq!(Entry::from_name(name).as_ref(), Ok(kind));
    }
    let refused = ["message", "message:", "message:tool", "user", "User", "label ", ""].map(Entry::from_name);
    assert!(refused.iter().all(Result::is_err));
    expect![[r#"
        message:bashExecution message:custom message:branchSummary message:compactionSummary message:user message:assistant message:toolResult thinkingLevelChange modelChange activeToolsChange compaction branchSummary custom customMessage label sessionInfo leaf"#]]
    .assert_eq(&names.join(" "));
}

/// Ranges that are not there.
#[test]
pub(crate) fn ranges_are_held_against_the_history() {
    let entries = [Entry::Message(Role::User)];
    let refused = |range| find_cut_point(&entries, |_| 1, range, 1).map_err(|error| error.to_string());
    expect!["the range 0..2 is not within a history of 1 entries"].assert_eq(&refused(0..2).unwrap_err());
    expect!["the range 1..0 is not within a history of 1 entries"]
        .assert_eq(&refused(std::ops::Range { start: 1, end: 0 }).unwrap_err());
    assert!(find_turn_start(&entries, 1, 0).is_err() && find_turn_start(&entries, 0, 1).is_err());
    assert_eq!(refused(1..1), Ok(CutPoint { first_kept: 1, turn_start: None, split: false }));
    // A sum that does not fit is more than any budget.
    let found = find_cut_point(&[entries[0]; 3], |_| u64::MAX, 0..3, u64::MAX);
    assert_eq!(found.map(|found| found.first_kept), Ok(2));
}
