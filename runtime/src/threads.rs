//! Threads: persistent workers that steal chunks from the thread that leads the wave.
//!
//! The leader puts a wave's chunks into its own deque and takes part in running them; workers steal from the other
//! end. Nothing about the result depends on who ran what: chunks come back with their index and are put together in
//! pick order. Only *where* work runs may look at the clock, because it changes no result.
//!
//! How jobs are handed over, how workers sleep and how results come back is in `threads/pool.rs`, which knows neither
//! machine nor clock; here is which waves are worth it. A wave is shared when running it alone is expected to take
//! longer than sharing costs. The expectation is what bursts took on the thread that ran them, whether they were
//! shared or not, so a wrong one is corrected by the very waves that it sends the wrong way.
//!
//! Panics. A handler's panic is contained by the runtime and faults its session. Any other panic inside a chunk is a
//! bug: the chunk is lost, and the runtime says so and refuses to go on.

#[allow(unreachable_pub, reason = "the checkers' copies of this module are driven from the tests")]
mod pool;

use crate::contained::Contained;
use crate::executor::Executor;
use crate::sync;
use motet_machine::{CertifiedWave, EffectHandler, FinishedChunk, FinishedWave, LostChunk, WaveChunk};
use pool::Pool;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Waves that are expected to take less than this are run by the leader alone, even while a worker is awake.
const WORTH_SHARING: Duration = Duration::from_micros(20);
/// Work after which a sleeping worker is woken, in the hope of more: waking one costs about as much.
const WORTH_WAKING: Duration = Duration::from_micros(150);
/// Waves that take this long gain from waking a worker, whatever follows.
const LONG: Duration = Duration::from_micros(300);
/// The most work that goes by before a worker that never stays awake is woken again.
const SELDOM: Duration = Duration::from_millis(10);
/// Waves that are expected to take less than this are timed only now and then: the clock would cost more than it tells.
const TINY: Duration = Duration::from_micros(5);

/// The work-stealing executor.
pub struct Threads {
    workers: usize,
    /// Whether every wave is shared that can be, and with every worker.
    eager: bool,
    /// How many workers are woken for one wave; more than there are processors would only stand in each other's way.
    wake: usize,
    pool: Option<Pool<WaveChunk, Timed>>,
    pace: Pace,
    alarm: Alarm,
    /// How many waves were shared with workers.
    shared_waves: u64,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threads").field("workers", &self.workers).field("shared_waves", &self.shared_waves).finish()
    }
}

/// No threads could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{workers} workers were asked for; there must be between 1 and {limit}")]
pub struct WorkersError {
    /// How many were asked for.
    pub workers: usize,
    /// The most there may be.
    pub limit: usize,
}

impl Threads {
    /// The most workers.
    pub const LIMIT: usize = 1024;

    /// An executor with `workers` workers, the leading thread included. Threads start when they are first needed.
    pub fn new(workers: usize) -> Result<Self, WorkersError> {
        if workers == 0 || workers > Self::LIMIT {
            return Err(WorkersError { workers, limit: Self::LIMIT });
        }
        Ok(Self {
            workers,
            eager: false,
            wake: 0,
            pool: None,
            pace: Pace::default(),
            alarm: Alarm::default(),
            shared_waves: 0,
        })
    }

    /// The same, but every wave of more than one chunk is shared, worth it or not. For tests: nobody's coming may change
    /// a result.
    pub fn eager(workers: usize) -> Result<Self, WorkersError> {
        Ok(Self { eager: true, ..Self::new(workers)? })
    }

    /// How many workers carry out a wave, the leading thread included.
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// How many waves were shared with workers; the others ran on the leading thread.
    pub const fn shared_waves(&self) -> u64 {
        self.shared_waves
    }

    /// Whether a wave that is expected to take that long is worth sharing.
    fn worth_sharing(&mut self, expected: Option<Duration>) -> bool {
        match expected {
            // Nothing is known before the first wave.
            None => true,
            Some(_) if self.eager => true,
            Some(expected) if expected < WORTH_SHARING => false,
            Some(expected) => {
                let awake = self.pool.as_ref().is_some_and(Pool::is_awake);
                expected >= LONG || self.alarm.rings(awake, expected)
            }
        }
    }

    fn share<H: EffectHandler + ?Sized + 'static>(&mut self, chunks: Vec<WaveChunk>, host: &Arc<H>) -> Vec<Timed> {
        self.shared_waves += 1;
        let pool = self.pool.get_or_insert_with(|| {
            let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let busy = if self.eager { self.workers } else { self.workers.min(processors) };
            self.wake = busy.saturating_sub(1).max(1);
            Pool::start(self.workers - 1)
        });
        let (wake, host) = (self.wake.min(chunks.len() - 1), Arc::clone(host));
        pool.share(chunks.into_iter(), wake, move |chunk| timed(|| chunk.run(&Contained(&*host))))
    }
}

impl<H: EffectHandler + ?Sized + 'static> Executor<Arc<H>> for Threads {
    fn execute(&mut self, wave: CertifiedWave, host: &Arc<H>) -> Result<FinishedWave, LostChunk> {
        let (frame, chunks) = wave.split();
        // One chunk, or nobody to share with: there is nothing to learn either.
        if self.workers == 1 || chunks.len() < 2 {
            return frame.join(alone(chunks, &**host));
        }
        let bursts: usize = chunks.iter().map(WaveChunk::len).sum();
        let expected = self.pace.expected(bursts);
        let finished = if self.worth_sharing(expected) {
            let (finished, took): (Vec<_>, Vec<_>) = self.share(chunks, host).into_iter().unzip();
            self.pace.learn(bursts, took.into_iter().sum());
            finished
        } else if expected.is_some_and(|expected| expected < TINY) && !self.pace.is_due() {
            alone(chunks, &**host)
        } else {
            let (finished, took) = timed(|| alone(chunks, &**host));
            self.pace.learn(bursts, took);
            finished
        };
        frame.join(finished)
    }
}

/// Runs a wave on the calling thread; nothing comes back when it panicked, which no handler can cause.
fn alone<H: EffectHandler + ?Sized>(chunks: Vec<WaveChunk>, host: &H) -> Vec<FinishedChunk> {
    sync::contain(|| chunks.into_iter().map(|chunk| chunk.run(&Contained(host))).collect()).unwrap_or_default()
}

/// A chunk that has run, and how long that took on the thread that ran it.
type Timed = (FinishedChunk, Duration);

fn timed<R>(body: impl FnOnce() -> R) -> (R, Duration) {
    let since = Instant::now();
    let result = body();
    (result, since.elapsed())
}

/// How long a burst takes on one thread, from the waves before; the latest counts a quarter.
///
/// A wave's time is the sum over its chunks, each on its own thread. The time that a shared wave took by the clock
/// would say more about how many workers came, and how late, than about the work in it.
#[derive(Debug, Default)]
struct Pace {
    burst_ns: Option<f64>,
    /// Waves since the last one that was timed.
    untimed: u32,
}

impl Pace {
    /// What that many bursts are expected to take on one thread; none before anything was learnt.
    fn expected(&self, bursts: usize) -> Option<Duration> {
        self.burst_ns.map(|burst_ns| Duration::from_nanos((burst_ns * bursts as f64) as u64))
    }

    /// Whether one more wave untimed would be too many.
    fn is_due(&mut self) -> bool {
        self.untimed += 1;
        self.untimed >= 8
    }

    fn learn(&mut self, bursts: usize, took: Duration) {
        self.untimed = 0;
        let latest = took.as_nanos() as f64 / bursts.max(1) as f64;
        self.burst_ns = Some(self.burst_ns.map_or(latest, |before| before * 0.75 + latest * 0.25));
    }
}

/// When to wake workers for waves that are not worth it one by one.
///
/// A worker that is awake stays so while waves follow each other closely, so waking it once pays for all of them; but
/// nobody knows whether more will follow. As with skis, hire until hiring has cost what buying would: the worker is
/// woken once as much work has gone by unshared as waking it is worth. If it is asleep again at the next wave, the
/// price doubles.
#[derive(Debug)]
struct Alarm {
    unshared: Duration,
    price: Duration,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { unshared: Duration::ZERO, price: WORTH_WAKING }
    }
}

impl Alarm {
    /// Whether to share a wave that is expected to take that long.
    fn rings(&mut self, awake: bool, expected: Duration) -> bool {
        if awake {
            *self = Self::default();
            return true;
        }
        self.unshared += expected;
        if self.unshared < self.price {
            return false;
        }
        *self = Self { unshared: Duration::ZERO, price: (self.price * 2).min(SELDOM) };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(1);
    const SLOW: Duration = Duration::from_millis(10);

    /// Whether a wave of that many bursts is shared after waves of 16 bursts that took so long.
    fn shares(waves: impl IntoIterator<Item = Duration>, bursts: usize) -> bool {
        let mut threads = Threads::new(4).unwrap();
        waves.into_iter().for_each(|took| threads.pace.learn(16, took));
        let expected = threads.pace.expected(bursts);
        threads.worth_sharing(expected)
    }

    #[test]
    fn the_first_wave_is_shared() {
        assert!(shares([], 2));
    }

    #[test]
    fn an_unlucky_measurement_keeps_nobody_from_work_for_ever() {
        assert!(!shares([SHORT], 16));
        assert!(shares([SHORT, SLOW], 16));
        assert!(!shares([SLOW].into_iter().chain([SHORT; 40]), 16));
        // A wave that is too short to be timed each time is timed now and then all the same.
        let mut pace = Pace::default();
        assert!((0..8).any(|_| pace.is_due()));
    }

    #[test]
    fn wide_waves_are_shared_where_narrow_ones_are_not() {
        assert!(!shares([SHORT; 4], 16) && shares([SHORT; 4], 16 * 1000));
    }

    #[test]
    fn a_worker_is_woken_for_waves_that_follow_each_other() {
        let mut alarm = Alarm::default();
        let until_it_rings = |alarm: &mut Alarm| (1..).find(|_| alarm.rings(false, WORTH_SHARING)).unwrap();
        let first = until_it_rings(&mut alarm);
        assert!(WORTH_SHARING * first >= WORTH_WAKING);
        // It stayed awake: share.
        assert!(alarm.rings(true, WORTH_SHARING));
        assert_eq!(until_it_rings(&mut alarm), first);
        // It did not: wait for longer, but not for ever.
        assert!(until_it_rings(&mut alarm) >= 2 * first - 1);
        assert!((0..20).all(|_| until_it_rings(&mut alarm) > 0));
        assert!(WORTH_SHARING * until_it_rings(&mut alarm) <= SELDOM + WORTH_SHARING);
    }

    #[test]
    fn workers_come_when_jobs_end_only_together() {
        // The checkers step a model of the deque; this is the real one. A lost wake-up hangs.
        let mut pool = Pool::start(3);
        for wave in 0..2_000_u32 {
            let all = std::sync::Barrier::new(4);
            let leaders = pool.share(0..4_u32, 3, move |_| all.wait().is_leader());
            assert_eq!(leaders.into_iter().filter(|leader| *leader).count(), 1);
            if wave % 16 == 0 {
                // Time to lose patience: the next wave finds them parked, or on their way.
                thread::sleep(Duration::from_micros(u64::from(wave % 128)));
            }
        }
    }
}
