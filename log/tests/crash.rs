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
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A moment of a run: the disk, and what was acknowledged and appended by then.
struct Point {
    platter: Platter,
    acknowledged: u64,
    appended: u64,
}

/// Runs the workload and keeps the moment before every call that changes something. Calls that only read leave the
/// same images as the changing call before them.
fn points(seed: u64, steps: u64) -> (Vec<Point>, u64) {
    let disk = SimDisk::new();
    let points = Arc::new(Mutex::new(Vec::new()));
    let current: Arc<Mutex<Option<Log>>> = Arc::default();
    let (into, log_now) = (points.clone(), current.clone());
    disk.observe(move |_, call, platter| {
        if call.changes() {
            let log = log_now.lock().unwrap();
            let (acknowledged, appended) = log.as_ref().map_or((0, 0), |log| (log.durable().get(), log.end().get()));
            into.lock().unwrap().push(Point { platter: platter.clone(), acknowledged, appended });
        }
    });
    let (log, _) = open(&disk).unwrap();
    *current.lock().unwrap() = Some(log.clone());
    work(&log, &mut dice(seed), steps).unwrap();
    log.flush().unwrap();
    let last = Point { platter: disk.platter(), acknowledged: log.durable().get(), appended: log.end().get() };
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
    fn explore(&mut self, disk: &SimDisk, acknowledged: u64, appended: u64, depth: u32) {
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
        let (end, report) = consistent(recovered);
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
            self.explore(&SimDisk::from_image(&image), acknowledged, appended, depth + 1);
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
    let wanted = cases(100_000);
    let began = Instant::now();
    let (mut calls, mut places, mut runs) = (0, 0, 0);
    let mut explorer = Explorer { dice: dice(seed()), images: 0, torn: 0 };
    while explorer.images < wanted {
        let (points, made) = points(seed().wrapping_add(runs), 24);
        calls += made;
        places += points.len();
        for point in points {
            for number in 0..64 {
                let image = explorer.image(&point.platter, Some(number));
                explorer.explore(&SimDisk::from_image(&image), point.acknowledged, point.appended, 1);
            }
            // Not the machine but the process alone may end: everything pending is there, and still pending.
            let killed = SimDisk::from_platter(point.platter);
            explorer.explore(&killed, point.acknowledged, point.appended, 1);
        }
        runs += 1;
    }
    println!(
        "crash images: {} ({} with a torn tail) from {places} places in {calls} I/O calls of {runs} runs, seed {}, {:.1} s",
        explorer.images,
        explorer.torn,
        seed(),
        began.elapsed().as_secs_f64()
    );
}
