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

/// Waves that are expected to take less than this are run by the leader alone while the workers sleep: waking one
/// costs about as much.
const WORTH_WAKING: Duration = Duration::from_micros(150);
/// The same while a worker is awake.
const WORTH_SHARING: Duration = Duration::from_micros(20);

/// The work-stealing executor.
pub struct Threads {
    workers: usize,
    /// Whether every wave is shared that can be, and with every worker.
    eager: bool,
    /// How many workers are woken for one wave; more than there are processors would only stand in each other's way.
    wake: usize,
    pool: Option<Pool<WaveChunk, Timed>>,
    pace: Pace,
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
        Ok(Self { workers, eager: false, wake: 0, pool: None, pace: Pace::default(), shared_waves: 0 })
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

    /// Whether a wave of that many bursts is worth sharing, as far as the waves before tell.
    fn worth_sharing(&self, bursts: usize) -> bool {
        if self.eager {
            return true;
        }
        let awake = self.pool.as_ref().is_some_and(Pool::is_awake);
        self.pace.expected(bursts).is_none_or(|time| time >= if awake { WORTH_SHARING } else { WORTH_WAKING })
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
        let run = |chunk: WaveChunk| chunk.run(&Contained(&**host));
        if self.workers == 1 || chunks.len() < 2 {
            // Nothing to share and nothing to learn: the clock alone would cost a tenth of the smallest waves.
            return frame.join(chunks.into_iter().filter_map(|chunk| sync::contain(|| run(chunk))).collect());
        }
        let bursts: usize = chunks.iter().map(WaveChunk::len).sum();
        if self.worth_sharing(bursts) {
            let (finished, took): (Vec<_>, Vec<_>) = self.share(chunks, host).into_iter().unzip();
            self.pace.learn(bursts, took.into_iter().sum());
            frame.join(finished)
        } else {
            let (finished, took) =
                timed(|| chunks.into_iter().filter_map(|chunk| sync::contain(|| run(chunk))).collect());
            self.pace.learn(bursts, took);
            frame.join(finished)
        }
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
/// A wave's time is the sum over its chunks, each on its own thread. The time that a shared wave took by the clock
/// would say more about how many workers came, and how late, than about the work in it.
#[derive(Debug, Default)]
struct Pace {
    burst_ns: Option<f64>,
}

impl Pace {
    /// What that many bursts are expected to take on one thread; none before anything was learnt.
    fn expected(&self, bursts: usize) -> Option<Duration> {
        self.burst_ns.map(|burst_ns| Duration::from_nanos((burst_ns * bursts as f64) as u64))
    }

    fn learn(&mut self, bursts: usize, took: Duration) {
        let latest = took.as_nanos() as f64 / bursts.max(1) as f64;
        self.burst_ns = Some(self.burst_ns.map_or(latest, |before| before * 0.75 + latest * 0.25));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(1);
    const LONG: Duration = Duration::from_millis(10);

    fn threads_that_saw(waves: &[Duration]) -> Threads {
        let mut threads = Threads::new(4).unwrap();
        waves.iter().for_each(|took| threads.pace.learn(16, *took));
        threads
    }

    #[test]
    fn the_first_wave_is_shared() {
        assert!(threads_that_saw(&[]).worth_sharing(2));
    }

    #[test]
    fn an_unlucky_measurement_keeps_nobody_from_work_for_ever() {
        assert!(!threads_that_saw(&[SHORT]).worth_sharing(16));
        assert!(threads_that_saw(&[SHORT, LONG]).worth_sharing(16));
        assert!(!threads_that_saw(&[LONG].into_iter().chain([SHORT; 20]).collect::<Vec<_>>()).worth_sharing(16));
    }

    #[test]
    fn wide_waves_are_shared_where_narrow_ones_are_not() {
        let threads = threads_that_saw(&[SHORT; 4]);
        assert!(!threads.worth_sharing(16) && threads.worth_sharing(16 * 1000));
    }
}
