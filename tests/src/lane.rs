//! Lanes: how many random cases a check looks at, from which seed on, and what it says meanwhile.
//!
//! Case number `n` of a lane has the seed `first + n`, so `MOTET_SEED=s MOTET_CASES=1` runs one case again.
//! `MOTET_CASES` sets the count; without it a lane takes the share that continuous integration can afford.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a long lane says how far it is.
const PROGRESS: Duration = Duration::from_secs(5);
/// Lanes below this many cases stay on one thread: other tests run beside them.
const ALONE: u64 = 2_000;

/// A number of random cases.
#[derive(Debug)]
pub struct Lane {
    name: &'static str,
    first: u64,
    cases: u64,
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.trim().replace('_', "").parse().unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`")))
}

impl Lane {
    /// A lane of `share` cases unless the environment says otherwise. It prints its seed and count.
    pub fn new(name: &'static str, share: u64) -> Self {
        let first = number("MOTET_SEED").unwrap_or(1);
        let cases = number("MOTET_CASES").unwrap_or(share);
        println!("{name}: {cases} cases from seed {first}");
        Self { name, first, cases }
    }

    /// A lane whose size the environment does not change: for checks that must stay small.
    pub const fn fixed(name: &'static str, cases: u64) -> Self {
        Self { name, first: 1, cases }
    }

    /// How many cases there are.
    pub const fn cases(&self) -> u64 {
        self.cases
    }

    /// The lane whose every case stands for `share` of this one's.
    #[must_use]
    pub const fn per(&self, share: u64) -> Self {
        Self { name: self.name, first: self.first, cases: self.cases.div_ceil(share) }
    }

    /// Runs every case, large lanes on all processors; answers the first refusal with the seed that repeats it.
    pub fn run(&self, case: impl Fn(u64) -> Result<(), String> + Sync) -> Result<(), String> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if self.cases < ALONE { 1 } else { processors };
        let (next, failed) = (AtomicU64::new(0), Mutex::new(None));
        let told = Mutex::new(Instant::now());
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= self.cases {
                    return;
                }
                let seed = self.first.wrapping_add(at);
                if let Err(why) = case(seed) {
                    // Nothing further is begun; the lowest failing case is not sought.
                    next.store(self.cases, Ordering::Relaxed);
                    let repeat = format!("{}: seed {seed} (MOTET_SEED={seed} MOTET_CASES=1): {why}", self.name);
                    failed.lock().expect("no case panics while it holds the lock").get_or_insert(repeat);
                    return;
                }
                if let Ok(mut told) = told.try_lock()
                    && told.elapsed() >= PROGRESS
                {
                    *told = Instant::now();
                    eprintln!("{}: {} of {} cases", self.name, at + 1, self.cases);
                }
            }
        };
        std::thread::scope(|scope| {
            (1..workers).for_each(|_| {
                scope.spawn(work);
            });
            work();
        });
        failed.into_inner().expect("no case panics while it holds the lock").map_or(Ok(()), Err)
    }
}
