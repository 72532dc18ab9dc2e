//! The log against the disk that it is on, and against redb, in the same minutes.
//!
//! `cargo bench -p motet-benches --bench log [-- NAME ...]` with the names `probe`, `single`, `grouped`, `threads` and
//! `recovery`; the files are made in cargo's target folder, or in `MOTET_BENCH_FOLDER`.
//! Runs of what is compared alternate, because a disk's speed changes from one second to the next.

use motet_benches::median;
use motet_log::{Files, Log, Options};
use redb::{Database, TableDefinition};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const RECORD: usize = 128;

struct Rates {
    per_second: f64,
    half: Duration,
    most: Duration,
}

/// Times `count` calls.
fn time(count: usize, mut each: impl FnMut(usize)) -> Rates {
    let mut times = Vec::with_capacity(count);
    let began = Instant::now();
    for number in 0..count {
        let one = Instant::now();
        each(number);
        times.push(one.elapsed());
    }
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    times.sort();
    Rates { per_second, half: times[count / 2], most: times[count * 99 / 100] }
}

/// One way to make bytes durable.
struct Way {
    name: &'static str,
    flags: OFlags,
    zeroed: bool,
    sync: bool,
}

const WAYS: [Way; 5] = [
    Way { name: "append, fdatasync", flags: OFlags::empty(), zeroed: false, sync: true },
    Way { name: "pre-zeroed, fdatasync", flags: OFlags::empty(), zeroed: true, sync: true },
    Way { name: "pre-zeroed, O_DSYNC", flags: OFlags::DSYNC, zeroed: true, sync: false },
    Way { name: "pre-zeroed, O_DIRECT, fdatasync", flags: OFlags::DIRECT, zeroed: true, sync: true },
    Way {
        name: "pre-zeroed, O_DIRECT | O_DSYNC",
        flags: OFlags::DIRECT.union(OFlags::DSYNC),
        zeroed: true,
        sync: false,
    },
];

/// What the log does: the way above with this place.
const OURS: usize = 3;

/// A file that is written in one of the ways.
struct Probe<'a> {
    file: File,
    way: &'a Way,
    bytes: Vec<u8>,
    start: usize,
    size: usize,
}

impl<'a> Probe<'a> {
    fn new(path: &Path, way: &'a Way, size: usize, count: usize) -> Self {
        let made = File::create(path).expect("a file can be made");
        if way.zeroed {
            let zeros = vec![0; 1 << 20];
            for piece in 0..(size * count).div_ceil(zeros.len()) {
                made.write_all_at(&zeros, (piece * zeros.len()) as u64).expect("there is room");
            }
        }
        made.sync_all().expect("it can be synced");
        let flags = way.flags.bits().cast_signed();
        let file = OpenOptions::new().write(true).custom_flags(flags).open(path).expect("the flags are known");
        let bytes = vec![7; size + 4096];
        let start = bytes.as_ptr().addr().next_multiple_of(4096) - bytes.as_ptr().addr();
        Probe { file, way, bytes, start, size }
    }

    fn write(&self, number: usize) {
        let bytes = &self.bytes[self.start..self.start + self.size];
        self.file.write_all_at(bytes, (number * self.size) as u64).expect("the write succeeds");
        if self.way.sync {
            self.file.sync_data().expect("the sync succeeds");
        }
    }
}

fn probe(folder: &Path) {
    println!("raw disk: durable writes, median of {ROUNDS} alternating rounds");
    for (size, count) in [(4096, 500), (65_536, 200), (1 << 20, 30)] {
        let mut rates: [Vec<f64>; WAYS.len()] = Default::default();
        let mut most: [Duration; WAYS.len()] = Default::default();
        for _ in 0..ROUNDS {
            for ((way, rates), most) in WAYS.iter().zip(&mut rates).zip(&mut most) {
                let probe = Probe::new(&folder.join("probe"), way, size, count);
                let found = time(count, |number| probe.write(number));
                rates.push(found.per_second);
                *most = (*most).max(found.most);
            }
        }
        for ((way, rates), most) in WAYS.iter().zip(rates).zip(most) {
            println!("  {size:>8} bytes  {:<32} {:>8.0}/s  worst p99 {most:>9.1?}", way.name, median(rates));
        }
    }
}

fn open(folder: &Path, options: &Options) -> Log {
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("the folder can go");
    }
    let files = Files::open(folder).expect("the folder can be made");
    println!(
        "  ({})",
        if files.is_direct() { "past the cache" } else { "through the cache: O_DIRECT is refused here" }
    );
    Log::open(Arc::new(files), options).expect("a new log").0
}

fn single(folder: &Path) {
    println!("single durable commits of one {RECORD}-byte record, against the same kind of raw write (4096 bytes)");
    let count = 1500;
    let options = Options { spares: 4, ..Options::default() };
    let log = open(&folder.join("single"), &options);
    let record = [5; RECORD];
    let (mut raw, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut half, mut most) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let probe = Probe::new(&folder.join("probe"), &WAYS[OURS], 4096, count);
        log.prepare().expect("there is room");
        let one = time(count, |number| probe.write(number));
        let two = time(count, |_| {
            let lsn = log.append(1, &record).expect("the log takes it");
            log.sync(lsn).expect("it is durable");
        });
        ratios.push(two.per_second / one.per_second);
        raw.push(one.per_second);
        ours.push(two.per_second);
        half.push(two.half.as_secs_f64() * 1e6);
        most.push(two.most.as_secs_f64() * 1e6);
    }
    let (raw, ours, ratio) = (median(raw), median(ours), median(ratios));
    println!("  raw {raw:.0}/s, log {ours:.0}/s: {:.1} % (bar: 90 %)", 100.0 * ratio);
    println!("  log p50 {:.1} us, p99 {:.1} us", median(half), median(most));
}

/// Commits `groups` groups of `size` records; returns records per second and p99 of a commit.
fn grouped_log(log: &Log, groups: usize, size: usize) -> Rates {
    let record = [5; RECORD];
    time(groups, |_| {
        for _ in 0..size {
            log.append(1, &record).expect("the log takes it");
        }
        log.flush().expect("it is durable");
    })
}

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

fn grouped_redb(database: &Database, groups: usize, size: usize, next: &mut u64) -> Rates {
    let record = [5; RECORD];
    time(groups, |_| {
        let write = database.begin_write().expect("a transaction");
        {
            let mut table = write.open_table(TABLE).expect("the table");
            for _ in 0..size {
                table.insert(*next, record.as_slice()).expect("it is taken");
                *next += 1;
            }
        }
        write.commit().expect("it is durable");
    })
}

fn grouped(folder: &Path) {
    println!("grouped durable commits of {RECORD}-byte records, against redb (one transaction per group)");
    for size in [100, 1000, 5000] {
        let options = Options { spares: 64, ..Options::default() };
        let log = open(&folder.join("grouped"), &options);
        let database = Database::create(folder.join("redb")).expect("a database");
        let (mut ours, mut theirs, mut growing, mut ratios, mut most) = (vec![], vec![], vec![], vec![], vec![]);
        let mut next = 0;
        for _ in 0..3 {
            let groups = 200_000 / size;
            // With room made beforehand, as a cut or an idle moment leaves it; and with every segment made meanwhile.
            let few = Options { spares: 0, ..Options::default() };
            let bare = open(&folder.join("growing"), &few);
            growing.push(grouped_log(&bare, groups, size).per_second * size as f64);
            log.prepare().expect("there is room");
            let one = grouped_log(&log, groups, size);
            let two = grouped_redb(&database, groups / 10, size, &mut next);
            ours.push(one.per_second * size as f64);
            most.push(one.most.as_secs_f64() * 1e3);
            theirs.push(two.per_second * size as f64);
            ratios.push(one.per_second / two.per_second);
        }
        println!(
            "  {size:>5} per group: log {:.2} M/s (p99 of a commit {:.2} ms; {:.2} M/s making segments), redb {:.3} M/s: \
             {:.1}x (bar: 2 M/s or 3x)",
            median(ours) / 1e6,
            median(most),
            median(growing) / 1e6,
            median(theirs) / 1e6,
            median(ratios)
        );
        drop(database);
        std::fs::remove_file(folder.join("redb")).expect("it is there");
    }
}

fn threads(folder: &Path) {
    println!("threads that each wait for every record of theirs");
    for threads in [1, 4, 16, 64] {
        let log = open(&folder.join("threads"), &Options::default());
        log.prepare().expect("there is room");
        let each = 4000 / threads;
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..each {
                        let lsn = log.append(1, &[5; RECORD]).expect("the log takes it");
                        log.sync(lsn).expect("it is durable");
                    }
                });
            }
        });
        println!("  {threads:>3} threads: {:.0} records/s", (threads * each) as f64 / began.elapsed().as_secs_f64());
    }
}

fn recovery(folder: &Path) {
    println!("opening a log and reading it");
    let place = folder.join("recovery");
    let log = open(&place, &Options::default());
    grouped_log(&log, 1000, 1000);
    log.close().expect("it ends cleanly");
    let began = Instant::now();
    let files = Arc::new(Files::open(&place).expect("the folder"));
    let (_, recovered) = Log::open(files, &Options::default()).expect("the log");
    let opened = began.elapsed();
    let count = recovered.records.filter(Result::is_ok).count();
    let read = began.elapsed() - opened;
    println!("  {count} records: checked in {opened:.1?}, read in {read:.1?}, {:.2} M records/s in all", {
        count as f64 / began.elapsed().as_secs_f64() / 1e6
    });
}

fn main() {
    let top = std::env::var_os("MOTET_BENCH_FOLDER")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = top.join(format!("motet-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wants = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    wants("probe").then(|| probe(&folder));
    wants("single").then(|| single(&folder));
    wants("grouped").then(|| grouped(&folder));
    wants("threads").then(|| threads(&folder));
    wants("recovery").then(|| recovery(&folder));
    std::fs::remove_dir_all(&folder).expect("it is there");
}
