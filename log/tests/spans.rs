//! Cuts of a log, from the index and from the records, held against the rule itself tried at every place.

mod common;

use common::{Dice, Letter, cases, paired_cases};
use expect_test::expect;
use motet_log::span::{
    CarriedSpan, Cut, CutError, CutRequest, LogIndex, OpenSpans, SpanEdge, SpanId, SpanKind, SpanSource, Weight,
    scan_cut, select_cut,
};
use motet_log::{Lsn, span::Effect, span::SpanRules, span::SpanTable};

/// A log as its records weigh and what they do to spans.
#[derive(Clone, Debug, Default)]
struct Log {
    begin: Lsn,
    carried: Vec<CarriedSpan>,
    records: Vec<(Weight, Vec<SpanEdge>)>,
}

impl SpanSource for Log {
    type Error = CutError;

    fn bounds(&self) -> (Lsn, Lsn) {
        (self.begin, self.begin.plus(self.records.len() as u64))
    }

    fn carried(&self) -> &[CarriedSpan] {
        &self.carried
    }

    fn visit(&self, mut each: impl FnMut(Lsn, Weight, &[SpanEdge]) -> Result<(), CutError>) -> Result<(), CutError> {
        let mut records = (0..).zip(&self.records);
        records.try_for_each(|(at, (weight, edges))| each(self.begin.plus(at), *weight, edges))
    }
}

impl Log {
    fn index(&self) -> Result<LogIndex, CutError> {
        let mut index = LogIndex::new(self.begin, &self.carried)?;
        self.visit(|lsn, weight, edges| index.push(lsn, weight, edges))?;
        Ok(index)
    }

    fn whole(&self, keep: Weight, open: OpenSpans) -> CutRequest {
        let (from, to) = self.bounds();
        CutRequest { from, to, keep, open }
    }

    /// The spans open before the record at `at`: begun before it, by looking at every record, and not ended there.
    fn open_at(&self, at: Lsn) -> Vec<CarriedSpan> {
        let mut open = self.carried.clone();
        for (lsn, (_, edges)) in (self.begin.get()..at.get()).map(Lsn::new).zip(&self.records) {
            for edge in edges {
                match *edge {
                    SpanEdge::Opens(span) => open.push(CarriedSpan { since: lsn, span }),
                    SpanEdge::Closes(span) => open.retain(|one| one.span != span),
                }
            }
        }
        open.sort();
        open
    }

    fn weight(&self, from: Lsn, to: Lsn) -> Weight {
        let at = |lsn: Lsn| (lsn.get() - self.begin.get()) as usize;
        self.records[at(from)..at(to)].iter().map(|(weight, _)| weight).sum()
    }

    /// Every place is tried, from the last to the first.
    fn oracle(&self, request: &CutRequest) -> Result<Cut, CutError> {
        let nothing = CutError::NothingToDrop { from: request.from };
        let mut last = None;
        for at in (request.from.get() + 1..=request.to.get()).rev().map(Lsn::new) {
            let kept = self.weight(at, request.to);
            if kept < request.keep {
                continue;
            }
            let carried = self.open_at(at);
            let most = match request.open {
                OpenSpans::Pin => 0,
                OpenSpans::Carry { max } => max as usize,
            };
            if carried.len() <= most {
                return Ok(Cut { at, carried, kept });
            }
            last.get_or_insert(carried[0]);
        }
        Err(last.map_or(nothing, |CarriedSpan { since, span }| CutError::Pinned { span, since }))
    }

    /// The log after a cut: what was before is gone, and its open spans are carried.
    fn after(&self, cut: &Cut) -> Log {
        let gone = (cut.at.get() - self.begin.get()) as usize;
        Log { begin: cut.at, carried: cut.carried.clone(), records: self.records[gone..].to_vec() }
    }
}

/// The cut, after holding it against the rule, and against what must hold of every cut.
fn judged(log: &Log, request: &CutRequest) -> Result<Cut, CutError> {
    let index = log.index().unwrap();
    let found = select_cut(&index, request);
    let told = format!("{log:?} {request:?}: {found:?}");
    assert_eq!(found, log.oracle(request), "{told}: the rule answers otherwise");
    assert_eq!(found, scan_cut(log, request), "{told}: the records answer otherwise");
    let Ok(cut) = &found else { return found };
    assert!(request.from < cut.at && cut.at <= request.to, "{told}");
    assert!(cut.kept >= request.keep.min(log.weight(request.from, request.to)), "{told}: below the budget");
    assert_eq!(cut.carried, log.open_at(cut.at), "{told}: not all open spans are carried");
    // No end is orphaned, and nothing that waits is lost: the rest is a log by itself, with the same open spans.
    let rest = log.after(cut);
    let index_of_rest = rest.index().unwrap_or_else(|error| panic!("{told}: {error}"));
    assert_eq!(index_of_rest.open_spans(), index.open_spans(), "{told}: lost");
    // The index that goes on after the cut knows the same.
    let mut gone_on = index;
    gone_on.drop_before(cut.at).unwrap();
    assert_eq!((gone_on.begin(), gone_on.end(), gone_on.open_spans()), {
        (index_of_rest.begin(), index_of_rest.end(), index_of_rest.open_spans())
    });
    // Asked again with nothing new there is nothing to drop, so no thrash; unless open spans kept the first cut from
    // going further, in which case they still do.
    let again = CutRequest { from: cut.at, ..*request };
    let answers = [select_cut(&index_of_rest, &again), select_cut(&gone_on, &again), scan_cut(&rest, &again)];
    let blocked = cut.at < request.to && log.weight(cut.at.next(), request.to) >= request.keep;
    let expected = if blocked { rest.oracle(&again) } else { Err(CutError::NothingToDrop { from: cut.at }) };
    assert!(expected.is_err() && answers.iter().all(|answer| *answer == expected), "{told}: {answers:?}");
    found
}

fn span(number: u64) -> SpanId {
    SpanId::of_numbers(SpanKind::EFFECT, [number, 0, 0, 0])
}

fn log_of(word: &[Letter]) -> Log {
    let edges = |letter: &Letter| match letter {
        Letter::Call(call) => vec![SpanEdge::Opens(span((*call).into()))],
        Letter::Result(call) => vec![SpanEdge::Closes(span((*call).into()))],
        _ => vec![],
    };
    Log { records: word.iter().map(|letter| (1, edges(letter))).collect(), ..Log::default() }
}

/// Every short log of the published alphabet, every budget, none, one or two spans carried.
#[test]
pub(crate) fn every_short_log() {
    let (mut all, mut cut, mut carried) = (0, 0, 0);
    paired_cases(|word, keep| {
        let log = log_of(word);
        for max in 0..=2 {
            all += 1;
            let open = if max == 0 { OpenSpans::Pin } else { OpenSpans::Carry { max } };
            if let Ok(found) = judged(&log, &log.whole(keep, open)) {
                cut += 1;
                carried += found.carried.len();
            }
        }
    });
    let told = format!("{all} cases: {cut} cut, {carried} spans carried, 0 orphans, 0 lost, none below the budget\n");
    print!("{told}");
    expect![[r#"
        275799 cases: 206351 cut, 97214 spans carried, 0 orphans, 0 lost, none below the budget
    "#]]
    .assert_eq(&told);
}

/// A random log: several kinds, several edges to a record, spans long and short, some never ended.
fn random_log(dice: &mut Dice, length: usize) -> Log {
    let mut log = Log { begin: Lsn::new(dice.below(50) as u64), ..Log::default() };
    let (mut next, mut open) = (0, Vec::new());
    for number in 0..dice.below(3) as u64 {
        let carried = CarriedSpan { since: Lsn::ZERO, span: SpanId::of_numbers(SpanKind::GATE, [number, 0, 0, 0]) };
        open.push(carried.span);
        log.carried.push(carried);
    }
    if log.begin == Lsn::ZERO {
        (log.carried, open) = (Vec::new(), Vec::new());
    }
    let busy = 1 + dice.below(6);
    for _ in 0..length {
        let mut edges = Vec::new();
        while dice.below(10) < busy && edges.len() < 4 {
            if open.is_empty() || dice.below(2) == 0 {
                let kind = dice.of(&[SpanKind::EFFECT, SpanKind::MESSAGE, SpanKind::CHECKPOINT, SpanKind::FLUSH]);
                let span = SpanId::of_numbers(kind, [next, 0, 0, 0]);
                next += 1;
                open.push(span);
                edges.push(SpanEdge::Opens(span));
            } else {
                edges.push(SpanEdge::Closes(open.swap_remove(dice.below(open.len()))));
            }
        }
        log.records.push((dice.below(5) as u64, edges));
    }
    log
}

fn random_request(dice: &mut Dice, log: &Log) -> CutRequest {
    let length = log.records.len();
    let to = dice.below(length + 1);
    let from = dice.below(to + 1);
    let (from, to) = if dice.below(2) == 0 { (0, length) } else { (from, to) };
    let at = |at: usize| log.begin.plus(at as u64);
    let open = dice.of(&[
        OpenSpans::Pin,
        OpenSpans::Carry { max: 1 },
        OpenSpans::Carry { max: 3 },
        OpenSpans::Carry { max: u32::MAX },
    ]);
    CutRequest { from: at(from), to: at(to), keep: dice.below(2 * length + 2) as u64, open }
}

#[test]
pub(crate) fn random_logs() {
    let (count, mut cut) = (cases(3_000), 0);
    for seed in 0..count {
        let mut dice = Dice::new(seed);
        let length = dice.below(80);
        let log = random_log(&mut dice, length);
        let request = random_request(&mut dice, &log);
        cut += u64::from(judged(&log, &request).is_ok());
    }
    println!("{count} random logs, {cut} cut");
    assert!(cut > count / 4, "most logs were not cut");
}

/// Fifty cuts one after the other, with new records between them: nothing open is ever lost.
#[test]
pub(crate) fn fifty_cuts_in_sequence() {
    let mut dice = Dice::new(50);
    let whole = random_log(&mut dice, 5_000);
    let (mut log, mut cuts) = (Log { records: Vec::new(), ..whole.clone() }, 0);
    for chunk in whole.records.chunks(100) {
        log.records.extend_from_slice(chunk);
        let request = log.whole(40, OpenSpans::Carry { max: u32::MAX });
        let cut = judged(&log, &request).unwrap();
        log = log.after(&cut);
        cuts += 1;
    }
    assert_eq!(cuts, 50);
    assert_eq!(log.index().unwrap().open_spans(), whole.open_at(whole.bounds().1));
}

/// Under `Pin` the cut goes back before the whole group of overlapping spans at the budget point.
#[test]
pub(crate) fn pinned_cuts_go_before_the_group() {
    let (one, two) = (Letter::Call(1), Letter::Call(2));
    let word = [Letter::User, one, two, Letter::Result(1), Letter::User, Letter::Result(2), Letter::User];
    let log = log_of(&word);
    assert_eq!(judged(&log, &log.whole(2, OpenSpans::Pin)).map(|cut| (cut.at.get(), cut.kept)), Ok((1, 6)));
    let carried = judged(&log, &log.whole(2, OpenSpans::Carry { max: 1 })).unwrap();
    assert_eq!((carried.at.get(), carried.carried[0].since.get()), (5, 2));
}

/// The edges of the log and of numbers, and spans that make no sense: what is said, and that both ways say the same.
#[test]
pub(crate) fn refusals() {
    let letters = |word: &[Letter]| log_of(word);
    let (user, call, result) = (Letter::User, Letter::Call(1), Letter::Result(1));
    let said = |log: &Log, request: &CutRequest| {
        let scanned = scan_cut(log, request).unwrap_err();
        let indexed = log.index().and_then(|index| select_cut(&index, request)).unwrap_err();
        assert_eq!(scanned, indexed);
        indexed.to_string()
    };
    let all = |log: &Log| said(log, &log.whole(1, OpenSpans::Pin));
    let range = |from, to| CutRequest { from: Lsn::new(from), to: Lsn::new(to), keep: 0, open: OpenSpans::Pin };
    let three = Log { begin: Lsn::new(7), ..letters(&[user; 3]) };
    let mut heavy = letters(&[user, user]);
    heavy.records[0].0 = u64::MAX;
    let twice = CarriedSpan { since: Lsn::ZERO, span: span(1) };
    let carried_twice = Log { begin: Lsn::new(7), carried: vec![twice, twice], ..letters(&[user]) };
    let told = [
        said(&three, &range(8, 7)),
        said(&three, &range(6, 9)),
        said(&three, &range(7, 11)),
        said(&three, &range(11, 11)),
        said(&three, &range(8, 8)),
        said(&three, &three.whole(3, OpenSpans::Pin)),
        said(&three, &three.whole(4, OpenSpans::Pin)),
        all(&letters(&[])),
        all(&letters(&[call, user, result])),
        all(&letters(&[user, result])),
        all(&letters(&[call, result, user, result])),
        all(&letters(&[call, call])),
        all(&heavy),
        all(&carried_twice),
    ];
    let told = told.join("\n").replace(&"0".repeat(48), "…");
    expect![[r#"
        the range 8..7 is not within the log, which holds 7..10
        the range 6..9 is not within the log, which holds 7..10
        the range 7..11 is not within the log, which holds 7..10
        the range 11..11 is not within the log, which holds 7..10
        nothing can be dropped: what has to stay begins at 8, the first record there is
        nothing can be dropped: what has to stay begins at 7, the first record there is
        nothing can be dropped: what has to stay begins at 7, the first record there is
        nothing can be dropped: what has to stay begins at 0, the first record there is
        every cut is blocked by open spans; at the last one effect 0000000000000001… is open since record 0: wait, or carry
        record 1 ends effect 0000000000000001…, which never began
        record 3 ends effect 0000000000000001… for the second time
        record 1 begins effect 0000000000000001…, a name that was given before
        the records up to 1 weigh more than 18446744073709551615
        record 0 begins effect 0000000000000001…, a name that was given before
    "#]].assert_eq(&(told + "\n"));
}

/// A name that is given again after its span has ended: the index remembers, the reader of records cannot.
#[test]
pub(crate) fn names_are_given_once() {
    let log = log_of(&[Letter::Call(1), Letter::Result(1), Letter::Call(1)]);
    assert_eq!(log.index().unwrap_err(), CutError::DuplicateSpan { lsn: Lsn::new(2), span: span(1) });
    let cut = scan_cut(&log, &log.whole(1, OpenSpans::Pin)).unwrap();
    assert_eq!((cut.at, cut.carried), (Lsn::new(2), vec![]));
    // Records come one after the other.
    let mut index = LogIndex::new(Lsn::new(3), &[]).unwrap();
    let skipped = index.push(Lsn::new(4), 1, &[]);
    assert_eq!(skipped, Err(CutError::OutOfOrder { expected: Lsn::new(3), found: Lsn::new(4) }));
    assert!(matches!(index.drop_before(Lsn::new(2)), Err(CutError::BadRange { .. })));
}

/// Rules as a table: a kind that is not there is refused by name, never skipped.
#[test]
pub(crate) fn unknown_kinds_are_refused() {
    let rules = SpanTable::new([
        (1, Effect::None),
        (2, Effect::Opens(SpanKind::EFFECT)),
        (3, Effect::Closes(SpanKind::EFFECT)),
    ]);
    let read = |kind, bytes: Vec<u8>| {
        let mut edges = Vec::new();
        rules.edges(&motet_log::Record { lsn: Lsn::new(9), kind, bytes }, &mut edges).map(|()| edges)
    };
    let key = span(1).key;
    assert_eq!(read(1, vec![]), Ok(vec![]));
    assert_eq!(read(2, key.to_vec()), Ok(vec![SpanEdge::Opens(span(1))]));
    assert_eq!(read(3, [&key[..], b"outcome"].concat()), Ok(vec![SpanEdge::Closes(span(1))]));
    let told = [read(3, vec![0; 31]), read(4, key.to_vec())].map(|refused| refused.unwrap_err().to_string());
    expect![[r#"
        record 9 of kind 3 cannot be read
        record 9 is of kind 4, which this version does not know; it cannot be skipped"#]]
    .assert_eq(&told.join("\n"));
}
