//! The pool: one leader that pushes jobs and takes part in them, workers that steal, and the way back.
//!
//! Nothing here knows machines or looks at a clock. Every word by which threads speak to each other comes from
//! `super::sync`, and this file is compiled once for each facade of that name; see `docs/concurrency.md` for who may
//! touch what when, and for the argument.
//!
//! Sleeping. A worker that finds nothing and has lost its patience says that it sleeps and looks once more before it
//! parks; the leader pushes its jobs before it looks who sleeps. Whatever the interleaving, one of the two sees the
//! other, so no job waits for a sleeper.
//!
//! Returning. What a job ran with is let go before its result is stored, and every result is stored before the leader
//! is told; the leader knows how many jobs it has handed out and not seen again. A job that panics returns `None`.

use super::sync::{
    Arc, AtomicBool, AtomicUsize, Deque, JoinHandle, Mutex, MutexGuard, Ordering, Parker, Patience, Steal, Stealer,
    Unparker, contain, fence, lock, slip, spawn,
};

/// What jobs are run with; the second argument is the lane, 0 for the leader.
pub struct Run<J, R>(Box<dyn Fn(J, usize) -> R + Send + Sync>);

impl<J, R> Run<J, R> {
    /// Shared by the jobs that are run with it.
    pub fn new(run: impl Fn(J, usize) -> R + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self(Box::new(run)))
    }
}

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
    /// What workers' jobs returned and the leader has not taken yet.
    returned: Mutex<Vec<Option<R>>>,
    /// How many those are, for a look without the lock.
    arrived: AtomicUsize,
    leader: Unparker,
    stop: AtomicBool,
    counts: Counts,
}

/// What happened, for those who want to know. Nobody acts on it, so it is plain relaxed counting, and not the
/// facade's: the checkers do not step it.
#[derive(Debug, Default)]
struct Counts {
    steals: std::sync::atomic::AtomicU64,
    parks: std::sync::atomic::AtomicU64,
    wakes: std::sync::atomic::AtomicU64,
    contended: std::sync::atomic::AtomicU64,
}

fn count(what: &std::sync::atomic::AtomicU64) {
    what.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
}

/// Runs a task; none when it panicked. What it ran with is let go first: when the leader has all it asked for, nobody
/// holds the host any more.
fn carry_out<J, R>(task: Task<J, R>, lane: usize) -> Option<R> {
    let Task { job, run } = task;
    contain(|| (run.0)(job, lane))
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

    /// Runs a stolen task and returns it.
    fn serve(&self, task: Task<J, R>, lane: usize) {
        count(&self.counts.steals);
        let kept = slip!(KeepsRunning).then(|| Arc::clone(&task.run));
        let result = carry_out(task, lane);
        if slip!(PanicUncounted) && result.is_none() {
            return;
        }
        if slip!(CountsBeforeStoring) {
            self.arrived.fetch_add(1, Ordering::Release);
            self.returned().push(result);
        } else {
            let mut returned = self.returned();
            returned.push(result);
            self.arrived.store(returned.len(), Ordering::Release);
        }
        if !slip!(ReturnsInSilence) {
            self.leader.unpark();
        }
        drop(kept);
    }

    fn returned(&self) -> MutexGuard<'_, Vec<Option<R>>> {
        let (returned, contended) = lock(&self.returned);
        if contended {
            count(&self.counts.contended);
        }
        returned
    }

    /// A worker's life.
    fn work(&self, at: usize, parker: &Parker) {
        let bed = &self.beds[at];
        // Begins with the first look that finds nothing: who is busy looks at no clock.
        let mut patience = None;
        loop {
            if let Some(task) = self.steal() {
                self.serve(task, at + 1);
                patience = None;
                continue;
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            if patience.get_or_insert_with(Patience::new).is_left() {
                continue;
            }
            bed.sleeping.store(true, Ordering::Relaxed);
            if !slip!(NoFenceBeforeSecondLook) {
                // Against the fence in `wake`: one of the two sees what the other did before its own.
                fence(Ordering::SeqCst);
            }
            if self.stealer.is_empty() || slip!(ParksWithoutSecondLook) {
                // A stale token only makes the worker look once more.
                count(&self.counts.parks);
                parker.park();
            }
            bed.sleeping.store(false, Ordering::Relaxed);
            patience = None;
        }
    }

    /// Wakes up to `most` workers that sleep or are about to.
    fn wake(&self, most: usize) {
        if !slip!(NoFenceBeforeWaking) {
            // Against the fence in `work`.
            fence(Ordering::SeqCst);
        }
        let mut left = most;
        for bed in &self.beds {
            // The load spares the awake ones the swap's write.
            if left > 0 && bed.sleeping.load(Ordering::Relaxed) && bed.sleeping.swap(false, Ordering::Relaxed) {
                if !slip!(WakesNobody) {
                    count(&self.counts.wakes);
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
    /// Jobs that were submitted and have not been collected.
    out: usize,
    /// Results on their way from the shared buffer, which takes this one's room in exchange.
    taken: Vec<Option<R>>,
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// Starts that many workers beside the calling thread. When the system gives fewer threads, those carry on.
    pub fn start(workers: usize) -> Self {
        // Oldest first at both ends: the wave that is waited for is the oldest.
        let deque = if slip!(NewestFirst) { Deque::new_lifo() } else { Deque::new_fifo() };
        let parker = Parker::new();
        let parkers: Vec<Parker> = (0..workers).map(|_| Parker::new()).collect();
        let bed = |parker: &Parker| Bed { sleeping: AtomicBool::new(false), unparker: parker.unparker().clone() };
        let shared = Arc::new(Shared {
            stealer: deque.stealer(),
            beds: parkers.iter().map(bed).collect(),
            returned: Mutex::new(Vec::new()),
            arrived: AtomicUsize::new(0),
            leader: parker.unparker().clone(),
            stop: AtomicBool::new(false),
            counts: Counts::default(),
        });
        let start = |(at, parker): (usize, Parker)| {
            let shared = Arc::clone(&shared);
            spawn(format!("motet-{at}"), move || shared.work(at, &parker))
        };
        // After one refusal the others would be refused too.
        let threads = parkers.into_iter().enumerate().map_while(start).collect();
        Self { deque, parker, shared, threads, out: 0, taken: Vec::new() }
    }

    /// Whether a worker is awake, as far as can be seen without asking.
    pub fn is_awake(&self) -> bool {
        self.started().any(|bed| !bed.sleeping.load(Ordering::Relaxed))
    }

    fn started(&self) -> impl Iterator<Item = &Bed> {
        self.shared.beds.iter().take(self.threads.len())
    }

    /// How many jobs are out: submitted and not collected.
    pub const fn out(&self) -> usize {
        self.out
    }

    /// Hands jobs out, and wakes at most `wake` workers that sleep.
    pub fn submit(&mut self, jobs: impl IntoIterator<Item = J>, run: &Arc<Run<J, R>>, wake: usize) {
        let wake = if slip!(WakesFirstSubmitOnly) && self.out > 0 { 0 } else { wake };
        if slip!(WakesBeforePushing) {
            self.shared.wake(wake);
        }
        for job in jobs {
            self.out += usize::from(!slip!(SubmitUncounted));
            self.deque.push(Task { job, run: Arc::clone(run) });
        }
        if !slip!(WakesBeforePushing) {
            self.shared.wake(wake);
        }
    }

    /// Takes what has come back. When nothing has, runs the oldest job that nobody has taken, or waits. Each of `into`
    /// is a job's result, none for one that panicked. Returns at once when nothing is out.
    pub fn collect(&mut self, into: &mut Vec<Option<R>>) {
        let shared = &*self.shared;
        let mut patience = None;
        while self.out > 0 {
            if shared.arrived.load(Ordering::Acquire) > 0 {
                let mut returned = shared.returned();
                if slip!(TakesOneOfMany) {
                    self.taken.extend(returned.pop());
                } else {
                    std::mem::swap(&mut *returned, &mut self.taken);
                }
                if !slip!(ResetsOutsideLock) {
                    shared.arrived.store(0, Ordering::Relaxed);
                }
                drop(returned);
                if slip!(ResetsOutsideLock) {
                    shared.arrived.store(0, Ordering::Relaxed);
                }
                self.out -= self.taken.len();
                into.append(&mut self.taken);
                return;
            }
            if !slip!(LeaderOnlyWaits)
                && let Some(task) = self.deque.pop()
            {
                into.push(carry_out(task, 0));
                self.out -= usize::from(!slip!(LeaderUncounted));
                return;
            }
            if !patience.get_or_insert_with(Patience::new).is_left() {
                // Every result that is stored is followed by a token. A stale one only makes this look once more.
                count(&shared.counts.parks);
                self.parker.park();
                if slip!(TrustsToken) {
                    self.out = 0;
                }
            }
        }
    }

    /// Chunks run by workers, times that a thread slept, times that one was woken, times that a lock was taken.
    pub fn counts(&self) -> [u64; 4] {
        let Counts { steals, parks, wakes, contended } = &self.shared.counts;
        [steals, parks, wakes, contended].map(|count| count.load(std::sync::atomic::Ordering::Relaxed))
    }
}

impl<J, R> Drop for Pool<J, R> {
    /// What nobody has begun is let go, what has been begun is waited for.
    fn drop(&mut self) {
        while let Some(task) = self.deque.pop() {
            drop(task);
        }
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
