//! Cuts of a log on a disk that crashes: whatever becomes of the disk, what is there is the old log or the new one.

mod common;

use common::{Dice, cases};
use motet_log::sim::{Platter, SimDisk, Survival};
use motet_log::span::{
    BadHead, CarriedSpan, CertificateError, CompactError, Cut, CutCertificate, CutError, CutHead, CutRequest, Digest,
    Effect, LogIndex, OpenSpans, SpanId, SpanKind, SpanRules, SpanTable, compact, select_cut, stretch_of,
};
use motet_log::{Log, LogId, Lsn, Options, Record};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const OPEN: u16 = 1;
const CLOSE: u16 = 2;
const NEUTRAL: u16 = 3;

fn rules() -> SpanTable {
    let effect = SpanKind::EFFECT;
    SpanTable::new([(OPEN, Effect::Opens(effect)), (CLOSE, Effect::Closes(effect)), (NEUTRAL, Effect::None)])
}

/// Everything that a run appends, known beforehand: effects of which some take very long.
fn history(seed: u64, count: u64) -> Vec<Record> {
    let mut dice = Dice::new(seed);
    let mut waiting: Vec<[u8; 32]> = Vec::new();
    let record = |at: u64| {
        let (kind, key) = match dice.below(5) {
            0 | 1 => {
                let key = SpanId::of_numbers(SpanKind::EFFECT, [at, seed, 0, 0]).key;
                waiting.push(key);
                (OPEN, key)
            }
            2 | 3 if waiting.len() > 1 => (CLOSE, waiting.swap_remove(dice.below(waiting.len()))),
            _ => (NEUTRAL, [9; 32]),
        };
        Record { lsn: Lsn::new(at), kind, bytes: [&key[..], &vec![at as u8; dice.below(90)]].concat() }
    };
    (0..count).map(record).collect()
}

fn index_of(begin: Lsn, carried: &[CarriedSpan], records: &[Record]) -> Result<LogIndex, CutError> {
    let (rules, mut edges) = (rules(), Vec::new());
    let mut index = LogIndex::new(begin, carried)?;
    for record in records {
        edges.clear();
        rules.edges(record, &mut edges)?;
        index.push(record.lsn, rules.weight(record), &edges)?;
    }
    Ok(index)
}

fn options() -> Options {
    Options {
        block: 512,
        segment: 4096,
        id: Some(LogId(*b"the log of cuts.")),
        spares: 1,
        group: 4096,
        waiting: 1 << 20,
    }
}

/// What stands for the machine before a record.
fn state(at: Lsn) -> (Digest, Vec<u8>) {
    let bytes = at.get().to_le_bytes().repeat(40);
    (Digest(*blake3::hash(&bytes).as_bytes()), bytes)
}

/// A log that is being cut, with what its owner keeps beside it.
struct Owner {
    log: Log,
    last: Option<CutHead>,
    index: LogIndex,
    cuts: u64,
}

impl Owner {
    fn new(disk: &SimDisk) -> Self {
        let (log, _) = Log::open(Arc::new(disk.clone()), &options()).unwrap();
        Self { log, last: None, index: LogIndex::new(Lsn::ZERO, &[]).unwrap(), cuts: 0 }
    }

    fn append(&mut self, record: &Record) {
        let mut edges = Vec::new();
        rules().edges(record, &mut edges).unwrap();
        self.index.push(record.lsn, rules().weight(record), &edges).unwrap();
        assert_eq!(self.log.append(record.kind, &record.bytes).unwrap(), record.lsn);
    }

    fn cut(&mut self, keep: u64) {
        let request = CutRequest {
            from: self.index.begin(),
            to: self.index.end(),
            keep,
            open: OpenSpans::Carry { max: u32::MAX },
        };
        let cut = match select_cut(&self.index, &request) {
            Err(CutError::NothingToDrop { .. }) => return,
            cut => cut.unwrap(),
        };
        self.compact(&cut).unwrap();
        self.index.drop_before(cut.at).unwrap();
        self.cuts += 1;
    }

    fn compact(&mut self, cut: &Cut) -> Result<(), CompactError> {
        let (digest, bytes) = state(cut.at);
        let (head, dropped) = compact(&self.log, self.last.as_ref(), cut, digest, |writer| writer.write(&bytes))?;
        assert!(dropped.first <= cut.at);
        self.last = Some(head);
        Ok(())
    }
}

/// A crash: what was on the disk, and how many records were acknowledged by then.
struct Point {
    platter: Platter,
    durable: u64,
    appended: u64,
}

/// Appends the history with a cut now and then, and keeps the moment before every call that changes the disk.
fn run(history: &[Record], seed: u64) -> (Vec<Point>, u64) {
    let disk = SimDisk::new();
    let (points, current) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None::<Log>)));
    let (into, log_now) = (points.clone(), current.clone());
    disk.observe(move |_, call, platter| {
        if call.changes() {
            let log = log_now.lock().unwrap();
            let (durable, appended) = log.as_ref().map_or((0, 0), |log| (log.durable().get(), log.end().get()));
            into.lock().unwrap().push(Point { platter: platter.clone(), durable, appended });
        }
    });
    let mut owner = Owner::new(&disk);
    *current.lock().unwrap() = Some(owner.log.clone());
    let mut dice = Dice::new(seed);
    for record in history {
        owner.append(record);
        match dice.below(24) {
            0..=3 => drop(owner.log.flush().unwrap()),
            4 => owner.cut(dice.below(1_500) as u64),
            _ => {}
        }
    }
    owner.cut(200);
    disk.look_away();
    assert!(owner.cuts > 0, "no cut");
    let points = std::mem::take(&mut *points.lock().unwrap());
    (points, owner.cuts)
}

/// What is on the disk is the log up to some record, whole, with all its open spans; the newest cut is in force or the one
/// before it, and says the truth about everything since the log began.
fn holds(disk: &SimDisk, history: &[Record], durable: u64, appended: u64) {
    let (log, recovered) = Log::open(Arc::new(disk.clone()), &options()).unwrap();
    let records: Vec<Record> = recovered.records.map(Result::unwrap).collect();
    let end = log.end().get();
    assert!((durable..=appended).contains(&end), "{end} records, {durable} were durable, {appended} appended");
    let whole = &history[..end as usize];
    let head = recovered.checkpoint.map(|checkpoint| {
        let payload = checkpoint.read().unwrap();
        let (head, length) = CutHead::decode(&payload).unwrap();
        assert_eq!((checkpoint.lsn, &payload[length..]), (head.certificate.cut, &state(head.certificate.cut).1[..]));
        head
    });
    let begin = head.as_ref().map_or(Lsn::ZERO, |head| head.certificate.cut);
    assert_eq!(records, &whole[begin.get() as usize..], "every record from the cut on, and nothing else");
    let carried = head.as_ref().map_or(&[][..], |head| head.carried.as_slice());
    let index = index_of(begin, carried, &records).unwrap();
    assert_eq!(index.open_spans(), index_of(Lsn::ZERO, &[], whole).unwrap().open_spans(), "open spans");
    if let Some(head) = head {
        for (span, record) in head.carried.iter().zip(&head.opening) {
            assert_eq!(record, &history[span.since.get() as usize], "the record that opened {}", span.span);
        }
        let mut dropped = head.dropped.clone();
        dropped.append(&stretch_of(begin, &records).unwrap()).unwrap();
        assert_eq!(dropped.root(), stretch_of(Lsn::ZERO, whole).unwrap().root(), "all since the log began");
        let kept = &history[begin.get() as usize..head.certificate.end.get() as usize];
        head.certificate.verify_kept(&stretch_of(begin, kept).unwrap()).unwrap();
    }
}

/// Crashes at every call that changes the disk, each in several ways. The full lane takes a hundred histories.
#[test]
pub(crate) fn crashes_leave_the_old_log_or_the_new_one() {
    let (mut images, mut cuts, mut places) = (0, 0, 0);
    for seed in 0..cases(2) {
        let history = history(seed, 260);
        let (points, made) = run(&history, seed);
        cuts += made;
        places += points.len();
        let mut dice = Dice::new(seed + 77);
        for point in &points {
            for survival in [
                Survival::Nothing,
                Survival::Everything,
                Survival::Chance(128),
                Survival::Chance(40),
                Survival::Chance(216),
                Survival::First(dice.below(1 + point.platter.pending())),
            ] {
                let image = point.platter.crash(survival, &mut || dice.below(256) as u8);
                holds(&SimDisk::from_image(&image), &history, point.durable, point.appended);
                images += 1;
            }
        }
    }
    assert!(cuts > 3 * cases(2), "too few cuts: {cuts}");
    println!("crash images of cuts: {images} from {places} places, {cuts} cuts");
}

/// Fifty cuts one after the other: nothing that was open is lost, and the certificate speaks of all since the start.
#[test]
pub(crate) fn fifty_cuts_in_sequence() {
    let history = history(50, 2_500);
    let disk = SimDisk::new();
    let mut owner = Owner::new(&disk);
    for records in history.chunks(50) {
        records.iter().for_each(|record| owner.append(record));
        owner.cut(500);
    }
    assert_eq!(owner.cuts, 50);
    let first = owner.log.first();
    assert!(first.get() > 2_300, "the log did not shrink: it begins at {first}");
    let certificate = CutCertificate::decode(&owner.log.certificate().try_into().unwrap());
    assert_eq!(certificate, owner.last.as_ref().map(|head| head.certificate));
    drop(owner);
    holds(&disk, &history, 2_500, 2_500);
}

/// Whatever a cut is waiting for, the disk at any of its calls, appends are taken meanwhile: none waits for the cut.
#[test]
pub(crate) fn appends_go_on_at_every_call_of_a_cut() {
    let history = history(9, 400);
    let disk = SimDisk::new();
    let mut owner = Owner::new(&disk);
    history.iter().for_each(|record| owner.append(record));
    let log = owner.log.clone();
    let ((ask, asked), (done, answered)) = (mpsc::channel(), mpsc::channel());
    let appender = std::thread::spawn(move || {
        for () in asked {
            let taken = log.append(NEUTRAL, &[9; 32]).is_ok();
            done.send(taken).unwrap();
        }
    });
    let calls = Arc::new(Mutex::new((0, 0)));
    let into = calls.clone();
    disk.observe(move |_, _, _| {
        ask.send(()).unwrap();
        // Nobody measures time here: an append that waits for this call would never come back.
        let taken = answered.recv_timeout(Duration::from_secs(20)).unwrap_or(false);
        let mut calls = into.lock().unwrap();
        *calls = (calls.0 + 1, calls.1 + u64::from(taken));
    });
    owner.cut(300);
    disk.look_away();
    appender.join().unwrap();
    let (calls, taken) = *calls.lock().unwrap();
    assert!(owner.cuts == 1 && calls > 10, "{calls} calls");
    assert_eq!(taken, calls, "appends waited for a cut");
}

/// Every bit of what a cut leaves; every length of it; versions to come.
#[test]
pub(crate) fn every_altered_bit_of_a_head_is_noticed() {
    let history = history(3, 120);
    let mut owner = Owner::new(&SimDisk::new());
    history.iter().for_each(|record| owner.append(record));
    owner.cut(1_000);
    let head = owner.last.unwrap();
    assert!(!head.opening.is_empty(), "nothing is carried");
    let bytes = head.encode();
    assert_eq!(CutHead::decode(&bytes), Ok((head, bytes.len())));
    for bit in 0..8 * bytes.len() {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(CutHead::decode(&altered).is_err(), "bit {bit}");
    }
    assert!((0..bytes.len()).all(|length| CutHead::decode(&bytes[..length]).is_err()));
    let mut later = bytes;
    later[8] = 2;
    assert_eq!(CutHead::decode(&later), Err(BadHead::UnknownVersion { found: 2 }));
    assert_eq!(CutHead::decode(b"something else"), Err(BadHead::Magic));
}

/// Cuts that do not fit the log change nothing.
#[test]
pub(crate) fn cuts_that_do_not_fit_are_refused() {
    let history = history(4, 60);
    let mut owner = Owner::new(&SimDisk::new());
    history.iter().for_each(|record| owner.append(record));
    let cut = |at: u64, carried| Cut { at: Lsn::new(at), carried, kept: 0 };
    let span = SpanId::of_numbers(SpanKind::EFFECT, [1, 2, 3, 4]);
    assert!(matches!(owner.compact(&cut(61, vec![])), Err(CompactError::BadCut { .. })));
    // A span whose opening record would stay, so it is not carried but kept.
    let late = owner.compact(&cut(20, vec![CarriedSpan { since: Lsn::new(40), span }]));
    assert!(matches!(late, Err(CompactError::Certificate(CertificateError::NotCarried { .. }))));
    assert!(owner.last.is_none() && owner.log.first() == Lsn::ZERO && owner.log.certificate().is_empty());
    owner.cut(500);
    let last = owner.index.begin();
    assert!(matches!(owner.compact(&cut(last.get() - 1, vec![])), Err(CompactError::BadCut { .. })));
}
