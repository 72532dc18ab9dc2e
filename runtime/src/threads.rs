//! Threads: persistent workers that steal chunks from the thread that leads the wave.
//!
//! The leader puts a wave's chunks into its own deque and takes part in running them; workers steal from the other
//! end. Nothing about the result depends on who ran what: chunks come back with their index and are put together in
//! pick order. Only *where* work runs may look at the clock, because it changes no result.
//!
//! Sleeping. A worker that finds nothing spins for [`SPIN`], then says that it sleeps and looks once more before it
//! parks; the leader pushes its chunks before it looks who sleeps. Whatever the interleaving, one of the two sees the
//! other, so no chunk waits for a sleeper. An idle runtime's workers are all parked.
//!
//! Panics. A handler's panic is contained by the runtime and faults its session. Any other panic inside a chunk is a
//! bug: the chunk is lost, and the runtime says so and refuses to go on.

use crate::contained::Contained;
use crate::executor::Executor;
use crossbeam_deque::{Steal, Stealer, Worker};
use crossbeam_utils::sync::{Parker, Unparker};
use motet_machine::{CertifiedWave, EffectHandler, FinishedChunk, FinishedWave, LostChunk, WaveChunk};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long an idle worker, or a leader that waits for the last chunk, looks before it parks.
const SPIN: Duration = Duration::from_micros(50);
/// Waves that are expected to take less than this are run by the leader alone while the workers sleep: waking one
/// costs about as much.
const WORTH_WAKING: Duration = Duration::from_micros(150);
/// The same while a worker is awake.
const WORTH_SHARING: Duration = Duration::from_micros(20);

type Job = Box<dyn FnOnce() + Send>;

/// What leader and workers share.
struct Shared {
    stealer: Stealer<Job>,
    sleeping: Vec<AtomicBool>,
    unparkers: Vec<Unparker>,
    stop: AtomicBool,
}

impl Shared {
    fn steal(&self) -> Option<Job> {
        loop {
            match self.stealer.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => std::hint::spin_loop(),
            }
        }
    }
}

/// A wave's chunks on their way back.
struct Returns {
    finished: Mutex<Vec<FinishedChunk>>,
    missing: AtomicUsize,
    leader: Unparker,
}

impl Returns {
    fn done(&self, chunk: Option<FinishedChunk>) {
        if let Some(chunk) = chunk {
            self.finished.lock().unwrap_or_else(PoisonError::into_inner).push(chunk);
        }
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.leader.unpark();
        }
    }
}

/// The work-stealing executor.
pub struct Threads {
    workers: usize,
    deque: Worker<Job>,
    parker: Parker,
    shared: Option<Arc<Shared>>,
    threads: Vec<JoinHandle<()>>,
    /// The expected time of one burst, from the waves before.
    burst_ns: f64,
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
            deque: Worker::new_fifo(),
            parker: Parker::new(),
            shared: None,
            threads: Vec::new(),
            burst_ns: 0.0,
            shared_waves: 0,
        })
    }

    /// How many workers carry out a wave, the leading thread included.
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// How many waves were shared with workers; the others ran on the leading thread.
    pub const fn shared_waves(&self) -> u64 {
        self.shared_waves
    }

    /// Starts the threads. When the system gives fewer than asked for, those there are carry on.
    fn start(&mut self) -> Arc<Shared> {
        if let Some(shared) = &self.shared {
            return Arc::clone(shared);
        }
        let parkers: Vec<Parker> = (1..self.workers).map(|_| Parker::new()).collect();
        let shared = Arc::new(Shared {
            stealer: self.deque.stealer(),
            sleeping: parkers.iter().map(|_| AtomicBool::new(false)).collect(),
            unparkers: parkers.iter().map(|parker| parker.unparker().clone()).collect(),
            stop: AtomicBool::new(false),
        });
        for (at, parker) in parkers.into_iter().enumerate() {
            let of = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("motet-{at}")).spawn(move || work(&of, at, &parker));
            self.threads.extend(thread);
        }
        self.shared = Some(Arc::clone(&shared));
        shared
    }

    /// Whether a wave is worth sharing, as far as the waves before tell.
    fn worth_sharing(&self, chunks: usize, bursts: usize) -> bool {
        if self.workers == 1 || chunks < 2 {
            return false;
        }
        let awake = self
            .shared
            .as_ref()
            .is_some_and(|shared| shared.sleeping.iter().any(|sleeping| !sleeping.load(Ordering::Relaxed)));
        let expected = Duration::from_nanos((self.burst_ns * bursts as f64) as u64);
        // Nothing is known before the first wave: share it.
        self.burst_ns == 0.0 || expected >= if awake { WORTH_SHARING } else { WORTH_WAKING }
    }
}

fn work(shared: &Shared, at: usize, parker: &Parker) {
    let mut idle_since = Instant::now();
    loop {
        if let Some(job) = shared.steal() {
            job();
            idle_since = Instant::now();
            continue;
        }
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        if idle_since.elapsed() < SPIN {
            std::hint::spin_loop();
            continue;
        }
        shared.sleeping[at].store(true, Ordering::SeqCst);
        std::sync::atomic::fence(Ordering::SeqCst);
        if shared.stealer.is_empty() && !shared.stop.load(Ordering::SeqCst) {
            parker.park();
        }
        shared.sleeping[at].store(false, Ordering::SeqCst);
        idle_since = Instant::now();
    }
}

impl<H: EffectHandler + ?Sized + 'static> Executor<Arc<H>> for Threads {
    fn execute(&mut self, wave: CertifiedWave, host: &Arc<H>) -> Result<FinishedWave, LostChunk> {
        let (frame, chunks) = wave.split();
        let bursts: usize = chunks.iter().map(WaveChunk::len).sum();
        let started = Instant::now();
        let finished = if self.worth_sharing(chunks.len(), bursts) {
            self.share(chunks, host)
        } else {
            chunks.into_iter().filter_map(|chunk| run(chunk, host)).collect()
        };
        let burst_ns = started.elapsed().as_nanos() as f64 / bursts.max(1) as f64;
        self.burst_ns = if self.burst_ns == 0.0 { burst_ns } else { self.burst_ns * 0.75 + burst_ns * 0.25 };
        frame.join(finished)
    }
}

/// Runs a chunk; none when it panicked, which no handler can cause.
fn run<H: EffectHandler + ?Sized>(chunk: WaveChunk, host: &Arc<H>) -> Option<FinishedChunk> {
    catch_unwind(AssertUnwindSafe(|| chunk.run(&Contained(&**host)))).ok()
}

impl Threads {
    fn share<H: EffectHandler + ?Sized + 'static>(&mut self, chunks: Vec<WaveChunk>, host: &Arc<H>) -> Vec<FinishedChunk> {
        let shared = self.start();
        self.shared_waves += 1;
        let count = chunks.len();
        let returns = Arc::new(Returns {
            finished: Mutex::new(Vec::with_capacity(count)),
            missing: AtomicUsize::new(count),
            leader: self.parker.unparker().clone(),
        });
        for chunk in chunks {
            let (returns, host) = (Arc::clone(&returns), Arc::clone(host));
            self.deque.push(Box::new(move || returns.done(run(chunk, &host))));
        }
        std::sync::atomic::fence(Ordering::SeqCst);
        let mut to_wake = count - 1;
        for (sleeping, unparker) in shared.sleeping.iter().zip(&shared.unparkers) {
            if to_wake > 0 && sleeping.swap(false, Ordering::SeqCst) {
                unparker.unpark();
                to_wake -= 1;
            }
        }
        while let Some(job) = self.deque.pop() {
            job();
        }
        let waiting = Instant::now();
        while returns.missing.load(Ordering::Acquire) > 0 {
            if waiting.elapsed() < SPIN {
                std::hint::spin_loop();
            } else {
                // The last chunk's worker unparks; a token from an earlier wave only makes this look once more.
                self.parker.park();
            }
        }
        std::mem::take(&mut *returns.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.stop.store(true, Ordering::SeqCst);
            shared.unparkers.iter().for_each(Unparker::unpark);
        }
        for thread in self.threads.drain(..) {
            // A worker's own panic has been turned into a lost chunk; there is nothing left to report.
            drop(thread.join());
        }
    }
}
