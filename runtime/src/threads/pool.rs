//! The pool: one leader that pushes a wave of jobs and takes part in them, workers that steal, and the way back.
//!
//! Nothing here knows machines or looks at a clock. Every word by which threads speak to each other comes from
//! `super::sync`, and this file is compiled once for each facade of that name; see `docs/concurrency.md` for who may
//! touch what when, and for the argument.
//!
//! Sleeping. A worker that finds nothing and has lost its patience says that it sleeps and looks once more before it
//! parks; the leader pushes its jobs before it looks who sleeps. Whatever the interleaving, one of the two sees the
//! other, so no job waits for a sleeper.
//!
//! Returning. A job's result is stored, and what it ran with let go, before the job is counted; the leader takes the
//! results when it has seen the count at zero. A job that panics is counted and returns nothing.

use super::sync::{
    Arc, AtomicBool, AtomicUsize, Deque, JoinHandle, Mutex, Ordering, Parker, Patience, Steal, Stealer, Unparker,
    contain, fence, slip, spawn,
};
use std::sync::PoisonError;

/// What every job of a wave is run with.
struct Run<J, R>(Box<dyn Fn(J) -> R + Send + Sync>);

/// A job on its way to whoever runs it.
struct Task<J, R> {
    job: J,
    run: Arc<Run<J, R>>,
}

/// How the leader reaches a worker.
struct Bed {
    /// Whether the worker sleeps or is about to: it sets the flag, whoever wakes it takes it down.
    sleeping: AtomicBool,
    unparker: Unparker,
}

/// What leader and workers share.
struct Shared<J, R> {
    stealer: Stealer<Task<J, R>>,
    beds: Vec<Bed>,
    /// What the wave's jobs returned.
    returned: Mutex<Vec<R>>,
    /// How many of the wave's jobs are not counted yet.
    missing: AtomicUsize,
    leader: Unparker,
    stop: AtomicBool,
}

impl<J, R> Shared<J, R> {
    fn steal(&self) -> Option<Task<J, R>> {
        loop {
            match self.stealer.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                // Somebody else was faster.
                Steal::Retry => std::hint::spin_loop(),
            }
        }
    }

    /// Runs a task and returns it; true when it was the wave's last.
    fn carry_out(&self, task: Task<J, R>) -> bool {
        let Task { job, run } = task;
        let result = contain(|| (run.0)(job));
        if slip!(PanicUncounted) && result.is_none() {
            return false;
        }
        if slip!(CountsBeforeStoring) {
            let last = self.missing.fetch_sub(1, Ordering::AcqRel) == 1;
            self.store(result);
            return last;
        }
        let kept = slip!(KeepsRunning).then(|| Arc::clone(&run));
        // When the leader has all it asked for, nobody holds the host any more.
        drop(run);
        self.store(result);
        let last = self.missing.fetch_sub(1, Ordering::AcqRel) == 1;
        drop(kept);
        last
    }

    fn store(&self, result: Option<R>) {
        if let Some(result) = result {
            self.returned.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    }

    /// A worker's life.
    fn work(&self, bed: &Bed, parker: &Parker) {
        let mut patience = Patience::new();
        loop {
            if let Some(task) = self.steal() {
                if self.carry_out(task) && !slip!(LastStaysSilent) {
                    self.leader.unpark();
                }
                patience = Patience::new();
                continue;
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            if patience.is_left() {
                continue;
            }
            bed.sleeping.store(true, Ordering::Relaxed);
            if !slip!(NoFenceBeforeSecondLook) {
                // Against the fence in `wake`: one of the two sees what the other did before its own.
                fence(Ordering::SeqCst);
            }
            if self.stealer.is_empty() || slip!(ParksWithoutSecondLook) {
                // A token from an earlier wave only makes the worker look once more.
                parker.park();
            }
            bed.sleeping.store(false, Ordering::Relaxed);
            patience = Patience::new();
        }
    }

    /// Wakes up to `count` workers that sleep or are about to.
    fn wake(&self, count: usize) {
        if !slip!(NoFenceBeforeWaking) {
            // Against the fence in `work`.
            fence(Ordering::SeqCst);
        }
        let mut left = count;
        for bed in &self.beds {
            // The load spares the awake ones the swap's write.
            if left > 0 && bed.sleeping.load(Ordering::Relaxed) && bed.sleeping.swap(false, Ordering::Relaxed) {
                if !slip!(WakesNobody) {
                    bed.unparker.unpark();
                }
                left -= 1;
            }
        }
    }
}

/// A leader's pool of workers.
pub struct Pool<J, R> {
    deque: Deque<Task<J, R>>,
    parker: Parker,
    shared: Arc<Shared<J, R>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// Starts that many workers beside the calling thread. When the system gives fewer threads, those carry on.
    pub fn start(workers: usize) -> Self {
        let (deque, parker) = (Deque::new_lifo(), Parker::new());
        let parkers: Vec<Parker> = (0..workers).map(|_| Parker::new()).collect();
        let bed = |parker: &Parker| Bed { sleeping: AtomicBool::new(false), unparker: parker.unparker().clone() };
        let shared = Arc::new(Shared {
            stealer: deque.stealer(),
            beds: parkers.iter().map(bed).collect(),
            returned: Mutex::new(Vec::new()),
            missing: AtomicUsize::new(0),
            leader: parker.unparker().clone(),
            stop: AtomicBool::new(false),
        });
        let start = |(at, parker): (usize, Parker)| {
            let shared = Arc::clone(&shared);
            spawn(format!("motet-{at}"), move || shared.work(&shared.beds[at], &parker))
        };
        // After one refusal the others would be refused too.
        let threads = parkers.into_iter().enumerate().map_while(start).collect();
        Self { deque, parker, shared, threads }
    }

    /// Whether a worker is awake, as far as can be seen without asking.
    pub fn is_awake(&self) -> bool {
        self.started().any(|bed| !bed.sleeping.load(Ordering::Relaxed))
    }

    fn started(&self) -> impl Iterator<Item = &Bed> {
        self.shared.beds.iter().take(self.threads.len())
    }

    /// Runs every job, on the calling thread and on workers, of which at most `wake` are woken; returns what they
    /// returned, in no order. A job that panicked is missing from it.
    pub fn share(
        &mut self,
        jobs: impl ExactSizeIterator<Item = J>,
        wake: usize,
        run: impl Fn(J) -> R + Send + Sync + 'static,
    ) -> Vec<R> {
        let shared = &*self.shared;
        let run = Arc::new(Run(Box::new(run)));
        let tasks: Vec<Task<J, R>> = jobs.map(|job| Task { job, run: Arc::clone(&run) }).collect();
        // Nobody else looks at these two between waves; the push passes them on.
        shared.missing.store(tasks.len(), Ordering::Relaxed);
        shared.returned.lock().unwrap_or_else(PoisonError::into_inner).reserve(tasks.len());
        if slip!(WakesBeforePushing) {
            shared.wake(wake);
        }
        for task in tasks {
            self.deque.push(task);
        }
        if !slip!(WakesBeforePushing) {
            shared.wake(wake);
        }
        while let Some(task) = self.deque.pop() {
            shared.carry_out(task);
        }
        let patience = Patience::new();
        while shared.missing.load(Ordering::Acquire) > 0 {
            if !patience.is_left() {
                // The last job's worker unparks. A token that an earlier wave left only makes this look once more.
                self.parker.park();
                if slip!(TrustsToken) {
                    break;
                }
            }
        }
        std::mem::take(&mut *shared.returned.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<J, R> Drop for Pool<J, R> {
    fn drop(&mut self) {
        let wake = || {
            if !slip!(StopsWithoutWaking) {
                self.shared.beds.iter().for_each(|bed| bed.unparker.unpark());
            }
        };
        if slip!(WakesBeforeStopping) {
            wake();
        }
        // The token passes it on: a worker that takes it sees this.
        self.shared.stop.store(true, Ordering::Release);
        if !slip!(WakesBeforeStopping) {
            wake();
        }
        for thread in self.threads.drain(..) {
            if !slip!(JoinsNobody) {
                // A job's own panic has been contained; there is nothing left to report.
                drop(thread.join());
            }
        }
    }
}
