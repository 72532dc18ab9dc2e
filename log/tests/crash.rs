//! The crash explorer: every I/O call of a run, at least 64 ways in which a crash there may end, and crashes of the
//! recovery to depth 3.
//!
//! What must hold of every image: recovery succeeds (nothing rots here, so nothing may be called rotten); every record
//! that was acknowledged before the crash is there (D1); nothing is there that was never appended, and records are
//! what was appended (D2, D3); recovering again, also after crashes of the recovery, gives the same (D4); a tail is
//! only cut where a write was in flight (D6).

mod disk;

use disk::*;
use motet_log::sim::{Image, Platter, SimDisk, Survival};
use motet_log::{Log, Lsn, Tail};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A moment of a run: the disk, and what was acknowledged and appended by then.
struct Point {
    platter: Platter,
    must: Must,
}

/// What must be there behind a crash.
#[derive(Clone, Copy, Default)]
struct Must {
    /// Records below were acknowledged.
    acknowledged: u64,
    /// Records from there on were never appended.
    appended: u64,
    /// The newest finished checkpoint covers the records below.
    covered: u64,
}

/// Runs the workload and keeps the moment before every call that changes something. Calls that only read leave the
/// same images as the changing call before them.
fn points(seed: u64, steps: u64) -> (Vec<Point>, u64) {
    let disk = SimDisk::new();
    let points = Arc::new(Mutex::new(Vec::new()));
    let current: Arc<Mutex<Option<Log>>> = Arc::default();
    let newest: Arc<AtomicU64> = Arc::default();
    let (into, log_now, newest_now) = (points.clone(), current.clone(), newest.clone());
    let must = |log: &Log, newest: &AtomicU64| Must {
        acknowledged: log.durable().get(),
        appended: log.end().get(),
        covered: newest.load(Ordering::SeqCst),
    };
    disk.observe(move |_, call, platter| {
        if call.changes() {
            let must = log_now.lock().unwrap().as_ref().map_or(Must::default(), |log| must(log, &newest_now));
            into.lock().unwrap().push(Point { platter: platter.clone(), must });
        }
    });
    let (log, _) = open(&disk).unwrap();
    *current.lock().unwrap() = Some(log.clone());
    work_noting(&log, &mut dice(seed), steps, &newest).unwrap();
    // Whatever the dice said: every run has a cut.
    for _ in 0..2 {
        append(&log, 9).unwrap();
        let end = log.end();
        checkpoint(&log, end).unwrap();
        newest.store(end.get(), Ordering::SeqCst);
    }
    let cut = log.end().get() - 9;
    log.drop_before(Lsn::new(cut), b"the last cut").unwrap();
    append(&log, 5).unwrap();
    log.flush().unwrap();
    let last = Point { platter: disk.platter(), must: must(&log, &newest) };
    disk.look_away();
    let mut points = std::mem::take(&mut *points.lock().unwrap());
    points.push(last);
    (points, disk.calls())
}

struct Explorer {
    dice: ChaCha8Rng,
    images: u64,
    torn: u64,
}

impl Explorer {
    /// Recovers `image` and holds it against what must be there. Then crashes the recovery, and the time behind it.
    fn explore(&mut self, disk: &SimDisk, must: Must, depth: u32) {
        let Must { acknowledged, appended, covered } = must;
        self.images += 1;
        // One of the recovery's changing calls, each with the same chance.
        let chosen: Arc<Mutex<(u64, Option<Platter>)>> = Arc::default();
        if depth < 3 {
            let (into, mut coin) = (chosen.clone(), dice(below(&mut self.dice, u64::MAX)));
            disk.observe(move |_, call, platter| {
                if call.changes() {
                    let mut chosen = into.lock().unwrap();
                    chosen.0 += 1;
                    if below(&mut coin, chosen.0) == 0 {
                        chosen.1 = Some(platter.clone());
                    }
                }
            });
        }
        let (log, recovered) = open(disk).unwrap_or_else(|error| panic!("a crash alone is never damage: {error}"));
        disk.look_away();
        let checkpoint = recovered.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.lsn.get());
        let (end, report) = consistent(recovered);
        assert!(checkpoint >= covered, "the checkpoint below {covered} was finished and is gone: {report}");
        assert!(end >= acknowledged, "record {end} was acknowledged and is gone: {report}");
        assert!(end <= appended, "record {} was never appended: {report}", end - 1);
        assert_eq!(log.durable(), Lsn::new(end), "what was handed out counts as durable");
        if report.tail != Tail::Clean {
            self.torn += 1;
            assert!(acknowledged < appended, "nothing was in flight, and the tail is torn: {report}");
        }
        // What was handed out stays, whatever comes.
        if depth == 1 || below(&mut self.dice, 4) == 0 {
            let nothing = crash(&disk.platter(), Survival::Nothing, &mut self.dice);
            self.again(&nothing, end);
        }
        if below(&mut self.dice, 8) == 0 {
            append(&log, 3).unwrap();
            log.flush().unwrap();
            let nothing = crash(&disk.platter(), Survival::Nothing, &mut self.dice);
            self.again(&nothing, end + 3);
        }
        let nested = chosen.lock().unwrap().1.take();
        if let Some(platter) = nested {
            let image = self.image(&platter, None);
            self.explore(&SimDisk::from_image(&image), must, depth + 1);
        }
    }

    /// Recovers once more: the same end, and nothing left to put in order.
    fn again(&mut self, image: &Image, end: u64) {
        self.images += 1;
        let (_, recovered) =
            open(&SimDisk::from_image(image)).unwrap_or_else(|error| panic!("the second time: {error}"));
        let (again, report) = consistent(recovered);
        assert_eq!(again, end, "recovering again gives the same: {report}");
        assert!(report.tail == Tail::Clean && report.cleared.is_empty(), "put in order already: {report}");
    }

    fn image(&mut self, platter: &Platter, number: Option<u64>) -> Image {
        let number = number.unwrap_or_else(|| below(&mut self.dice, 64));
        let survival = survival(number, platter.pending(), &mut self.dice);
        crash(platter, survival, &mut self.dice)
    }
}

#[test]
pub(crate) fn crashes_lose_nothing() {
    explore(cases(100_000));
}

/// The same, for the test of the planted faults: one run.
#[allow(dead_code)]
pub(crate) fn one_run_loses_nothing() {
    explore(1);
}

/// How often a long run says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// Runs are independent of each other, each with dice of its own, so a long exploration takes all processors, and finds
/// the same with any number of them, but for the runs that were under way when there were enough images.
fn explore(wanted: u64) {
    let began = Instant::now();
    let workers = match wanted {
        0..1_000_000 => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let [images, torn, calls, places, runs] = [const { AtomicU64::new(0) }; 5];
    let told = Mutex::new(Instant::now());
    let work = || {
        while images.load(Ordering::Relaxed) < wanted {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            let (points, made) = points(seed().wrapping_add(run), 20);
            calls.fetch_add(made, Ordering::Relaxed);
            places.fetch_add(points.len() as u64, Ordering::Relaxed);
            let mut explorer = Explorer { dice: dice(seed().wrapping_add(run) ^ 0xc0de), images: 0, torn: 0 };
            for point in points {
                for number in 0..64 {
                    let image = explorer.image(&point.platter, Some(number));
                    explorer.explore(&SimDisk::from_image(&image), point.must, 1);
                }
                // Not the machine but the process alone may end: everything pending is there, and still pending.
                let killed = SimDisk::from_platter(point.platter);
                explorer.explore(&killed, point.must, 1);
            }
            torn.fetch_add(explorer.torn, Ordering::Relaxed);
            let so_far = images.fetch_add(explorer.images, Ordering::Relaxed) + explorer.images;
            if let Ok(mut told) = told.try_lock()
                && told.elapsed() >= PROGRESS
            {
                *told = Instant::now();
                eprintln!("crash images: {so_far} of {wanted}, {:.0} s", began.elapsed().as_secs_f64());
            }
        }
    };
    std::thread::scope(|scope| {
        (1..workers).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "crash images: {} ({} with a torn tail) from {} places in {} I/O calls of {} runs, seed {}, {:.1} s",
        count(&images),
        count(&torn),
        count(&places),
        count(&calls),
        count(&runs),
        seed(),
        began.elapsed().as_secs_f64()
    );
}
