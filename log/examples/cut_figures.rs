//! How long finding a cut takes: `cargo run --release -p motet-log --example cut_figures`.
//!
//! Times are the thread's time on the processor where the system tells it, so that a busy machine disturbs them less.

use motet_log::Lsn;
use motet_log::span::{
    CarriedSpan, CutError, CutRequest, LogIndex, OpenSpans, SpanEdge, SpanId, SpanKind, SpanSource, Stretch, Weight,
    record_digest, scan_cut, select_cut,
};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

const RECORDS: u64 = 1_000_000;
/// Effects whose outcome is on its way at any time.
const IN_FLIGHT: u64 = 1_000;

fn span(number: u64) -> SpanId {
    SpanId { kind: SpanKind::EFFECT, key: *blake3::hash(&number.to_le_bytes()).as_bytes() }
}

fn edge(spans: &[SpanId], at: u64) -> Option<SpanEdge> {
    let number = at / 2;
    if at.is_multiple_of(2) {
        return spans.get(number as usize).copied().map(SpanEdge::Opens);
    }
    let opened = number.checked_sub(IN_FLIGHT).filter(|opened| !opened.is_multiple_of(10_000))?;
    spans.get(opened as usize).copied().map(SpanEdge::Closes)
}

/// Requests and outcomes in turn, each outcome a thousand requests after its own; one span in ten thousand stays open.
struct Raw<'a>(&'a [SpanId]);

impl SpanSource for Raw<'_> {
    type Error = CutError;

    fn bounds(&self) -> (Lsn, Lsn) {
        (Lsn::ZERO, Lsn::new(RECORDS))
    }

    fn carried(&self) -> &[CarriedSpan] {
        &[]
    }

    fn visit(&self, mut each: impl FnMut(Lsn, Weight, &[SpanEdge]) -> Result<(), CutError>) -> Result<(), CutError> {
        (0..RECORDS).try_for_each(|at| each(Lsn::new(at), 64, edge(self.0, at).as_slice()))
    }
}

/// What this thread has used of the processor, or the time of day.
fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match text.split(' ').next().and_then(|nanos| nanos.parse().ok()) {
        Some(nanos) => Duration::from_nanos(nanos),
        None => START.get_or_init(Instant::now).elapsed(),
    }
}

/// The mean of sixteen, in milliseconds: the clock ticks too slowly for one.
fn mean<T>(mut work: impl FnMut() -> Result<T, CutError>) -> Result<f64, CutError> {
    let began = clock();
    for _ in 0..16 {
        black_box(work()?);
    }
    Ok((clock() - began).as_secs_f64() * 1e3 / 16.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let spans: Vec<SpanId> = (0..RECORDS / 2).map(span).collect();
    let raw = Raw(&spans);
    let build = || {
        let mut index = LogIndex::new(Lsn::ZERO, &[])?;
        raw.visit(|lsn, weight, edges| index.push(lsn, weight, edges)).map(|()| index)
    };
    let index = build()?;
    println!("{RECORDS} records, {} spans open at the end; milliseconds, mean of sixteen", index.open_spans().len());
    println!("{:44} {:8.2}", "index, all records pushed", mean(build)?);
    for (name, keep, max) in [
        ("keep a tenth, carry", RECORDS / 10, u32::MAX),
        ("keep nine tenths, carry", RECORDS / 10 * 9, u32::MAX),
        ("keep a tenth, at most 1000 carried", RECORDS / 10, 1_000),
    ] {
        let (from, to) = raw.bounds();
        let request = CutRequest { from, to, keep: keep * 64, open: OpenSpans::Carry { max } };
        let cut = select_cut(&index, &request)?;
        assert_eq!(cut, scan_cut(&raw, &request)?);
        let carried = cut.carried.len();
        println!(
            "{:44} {:8.2}  cut at {}, {carried} carried",
            format!("index: {name}"),
            mean(|| select_cut(&index, &request))?,
            cut.at
        );
        println!("{:44} {:8.2}", format!("records: {name}"), mean(|| scan_cut(&raw, &request))?);
    }
    // A cut that every record blocks: the worst that the index can be asked.
    let (from, to) = raw.bounds();
    let pinned = CutRequest { from: from.next(), to, keep: 0, open: OpenSpans::Pin };
    assert!(matches!(select_cut(&index, &pinned), Err(CutError::Pinned { .. })));
    println!("{:44} {:8.2}", "index: every cut blocked", mean(|| Ok(select_cut(&index, &pinned)))?);
    println!("{:44} {:8.2}", "records: every cut blocked", mean(|| Ok(scan_cut(&raw, &pinned)))?);

    let record = |at| motet_log::Record { lsn: Lsn::new(at), kind: 1, bytes: vec![7; 64] };
    let began = clock();
    let mut stretch = Stretch::new(Lsn::ZERO);
    for at in 0..100_000 {
        stretch.push(Lsn::new(at), record_digest(&record(at)))?;
    }
    black_box(stretch.root());
    println!(
        "digest of a record of 64 bytes, with its share of the tree: {:.0} ns",
        (clock() - began).as_secs_f64() * 1e4
    );
    Ok(())
}
