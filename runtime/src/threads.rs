//! Threads: persistent workers that steal chunks from the thread that leads.
//!
//! Waves that are taken on wait on the leading thread until one is asked for. If what is out is worth sharing then, the
//! chunks go into the leader's deque, from which workers steal and the leader takes too, oldest first; if not, the
//! leader runs the wave that was asked for by itself, and nothing has been paid. Nothing about the result depends on
//! who ran what: chunks come back with their wave and index and are put together in pick order. Only *where* work runs
//! may look at the clock, because it changes no result.
//!
//! How jobs are handed over, how workers sleep and how results come back is in `threads/pool.rs`, which knows neither
//! machine nor clock; here is what is worth it. The expectation is what bursts took on the thread that ran them,
//! whether they were shared or not, so a wrong one is corrected by the very waves that it sends the wrong way.
//!
//! Panics. A handler's panic is contained by the runtime and faults its session. Any other panic inside a chunk is a
//! bug: the chunk is lost, and the runtime says so and refuses to go on.

#[allow(unreachable_pub, reason = "the checkers' copies of this module are driven from the tests")]
mod pool;

use crate::contained::Contained;
use crate::executor::{Executor, ExecutorMetrics, Flight, Observed, alone};
use crate::sync;
use motet_machine::{CertifiedWave, EffectHandler, FinishedChunk, FinishedWave, LostChunk, WaveChunk};
use pool::{Pool, Run};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What is out is run by the leader alone when it is expected to take less than this, even while a worker is awake.
const WORTH_SHARING: Duration = Duration::from_micros(20);
/// Work after which a sleeping worker is woken, in the hope of more: waking one costs about as much.
const WORTH_WAKING: Duration = Duration::from_micros(150);
/// What takes this long gains from waking a worker, whatever follows.
const LONG: Duration = Duration::from_micros(300);
/// The most work that goes by before a worker that never stays awake is woken again.
const SELDOM: Duration = Duration::from_millis(10);
/// Waves that are expected to take less than this are timed only now and then: the clock would cost more than it tells.
const TINY_NS: f64 = 5_000.0;

/// How many of them in a row go untimed.
const UNTIMED: u32 = 32;

/// A wave that was taken on.
enum Held {
    /// Nothing of it has been handed out.
    Whole(CertifiedWave),
    /// Its chunks are with the pool, or back from there.
    Shared(Flight),
}

/// The work-stealing executor.
pub struct Threads {
    workers: usize,
    /// Whether everything is shared that can be, and with every worker.
    eager: bool,
    /// How many workers are woken at once; more than there are processors would only stand in each other's way.
    wake: usize,
    pool: Option<Pool<WaveChunk, Timed>>,
    /// What the chunks that are out are run with. It holds the host, so it goes when they are back.
    run: Option<Arc<Run<WaveChunk, Timed>>>,
    held: VecDeque<Held>,
    /// Bursts and chunks of everything that is held.
    bursts: usize,
    chunks: usize,
    returned: Vec<Option<Timed>>,
    pace: Pace,
    alarm: Alarm,
    shared_chunks: u64,
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
            run: None,
            held: VecDeque::new(),
            bursts: 0,
            chunks: 0,
            returned: Vec::new(),
            pace: Pace::default(),
            alarm: Alarm::default(),
            shared_chunks: 0,
            shared_waves: 0,
        })
    }

    /// The same, but whatever is more than one chunk is shared, worth it or not. For tests: nobody's coming may change
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

    /// Whether what is out, expected to take that long, is worth sharing; `next` is what the leader would run alone.
    fn worth_sharing(&mut self, out: Option<Duration>, next: Option<Duration>) -> bool {
        let (Some(out), Some(next)) = (out, next) else {
            // Nothing is known before the first wave.
            return true;
        };
        if self.eager {
            return true;
        }
        if out < WORTH_SHARING {
            return false;
        }
        let awake = self.pool.as_ref().is_some_and(Pool::is_awake);
        out >= LONG || self.alarm.rings(awake, next)
    }

    /// Hands the chunks of every wave that is still whole to the pool.
    fn share<H: EffectHandler + ?Sized + 'static>(&mut self, host: &Arc<H>) {
        let pool = self.pool.get_or_insert_with(|| {
            let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let busy = if self.eager { self.workers } else { self.workers.min(processors) };
            self.wake = busy.saturating_sub(1).max(1);
            Pool::start(self.workers - 1)
        });
        let run = self.run.get_or_insert_with(|| {
            let host = Arc::clone(host);
            Run::new(move |chunk: WaveChunk, lane| timed(|| chunk.run(&Contained(&*host), lane)))
        });
        let mut whole = VecDeque::new();
        while let Some(Held::Whole(_)) = self.held.back()
            && let Some(Held::Whole(wave)) = self.held.pop_back()
        {
            whole.push_front(wave);
        }
        for wave in whole {
            let (frame, chunks) = wave.split();
            self.shared_waves += 1;
            self.shared_chunks += chunks.len() as u64;
            self.held.push_back(Held::Shared(Flight::new(frame)));
            let wake = self.wake.min(chunks.len() + pool.out() - usize::from(pool.out() == 0));
            pool.submit(chunks, run, wake);
        }
    }

    /// Puts what has come back where it belongs.
    fn sort_in(&mut self) {
        let oldest = match self.held.front() {
            Some(Held::Shared(flight)) => flight.frame.wave(),
            _ => return,
        };
        for (chunk, took) in self.returned.drain(..).flatten() {
            self.pace.learn(chunk.len(), took);
            let at = usize::try_from(chunk.wave() - oldest).unwrap_or(usize::MAX);
            if let Some(Held::Shared(flight)) = self.held.get_mut(at) {
                flight.done.push(chunk);
            }
        }
    }

    /// Waits for the oldest wave, and works meanwhile.
    fn collect(&mut self) {
        while let Some(Held::Shared(flight)) = self.held.front()
            && !flight.is_complete()
            && let Some(pool) = self.pool.as_mut()
            && pool.out() > 0
        {
            pool.collect(&mut self.returned);
            self.sort_in();
        }
        if self.pool.as_ref().is_some_and(|pool| pool.out() == 0) {
            self.run = None;
        }
    }
}

impl<H: EffectHandler + ?Sized + 'static> Executor<Arc<H>> for Threads {
    fn submit(&mut self, wave: CertifiedWave, _host: &Arc<H>) {
        self.bursts += wave.certificate().picks.len();
        self.chunks += wave.chunks();
        self.held.push_back(Held::Whole(wave));
    }

    fn finish(&mut self, host: &Arc<H>) -> Option<Result<FinishedWave, LostChunk>> {
        if self.workers > 1 && self.chunks > 1 && matches!(self.held.back()?, Held::Whole(_)) {
            let expected = self.pace.expected(self.bursts);
            let next = match self.held.front()? {
                Held::Whole(wave) => self.pace.expected(wave.certificate().picks.len()),
                Held::Shared(_) => Some(Duration::ZERO),
            };
            if self.worth_sharing(expected, next) {
                self.share(host);
            }
        }
        if let Held::Shared(_) = self.held.front()? {
            self.collect();
        }
        let finished = match self.held.pop_front()? {
            Held::Shared(flight) => flight.join(),
            Held::Whole(wave) if self.workers == 1 || self.is_tiny(&wave) => alone(wave, &**host),
            Held::Whole(wave) => {
                let bursts = wave.certificate().picks.len();
                let (finished, took) = timed(|| alone(wave, &**host));
                self.pace.learn(bursts, took);
                finished
            }
        };
        if let Ok(wave) = &finished {
            self.bursts -= wave.width();
            self.chunks -= wave.chunks();
        }
        Some(finished)
    }
}

impl Observed for Threads {
    fn metrics(&self) -> ExecutorMetrics {
        let [steals, parks, wakes, contended_locks] = self.pool.as_ref().map_or([0; 4], Pool::counts);
        ExecutorMetrics { shared_chunks: self.shared_chunks, steals, parks, wakes, contended_locks }
    }
}

impl Threads {
    /// Whether timing the wave would cost more than it tells; now and then it is done all the same.
    fn is_tiny(&mut self, wave: &CertifiedWave) -> bool {
        self.pace.is_tiny(wave.certificate().picks.len()) && !self.pace.is_due()
    }
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
/// Every chunk is timed on the thread that ran it. The time that shared waves take by the clock would say more about
/// how many workers came, and how late, than about the work in them.
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

    /// Whether that many bursts are known to take less than [`TINY_NS`].
    fn is_tiny(&self, bursts: usize) -> bool {
        self.burst_ns.is_some_and(|burst_ns| burst_ns * (bursts as f64) < TINY_NS)
    }

    /// Whether one more wave untimed would be too many.
    fn is_due(&mut self) -> bool {
        self.untimed += 1;
        self.untimed >= UNTIMED
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
        threads.worth_sharing(expected, expected)
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
        assert!((0..UNTIMED).any(|_| pace.is_due()));
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
            let run = Run::new(move |_: u32, _| all.wait().is_leader());
            pool.submit(0..4, &run, 3);
            let mut leaders = Vec::new();
            while pool.out() > 0 {
                pool.collect(&mut leaders);
            }
            assert_eq!(leaders.into_iter().flatten().filter(|leader| *leader).count(), 1);
            if wave % 16 == 0 {
                // Time to lose patience: the next wave finds them parked, or on their way.
                thread::sleep(Duration::from_micros(u64::from(wave % 128)));
            }
        }
    }
}
