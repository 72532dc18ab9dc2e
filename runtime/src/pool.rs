//! A pool of threads for effects that take their time.
//!
//! [`HostPool`] is a handler around another: immediate effects are the inner handler's, those that may block are taken on
//! by the pool and performed on its threads, each once, under its id. The machine does not wait: the answers are handed in
//! by [`HostPool::deliver`], between turns, whenever they are there. When as much is waiting as the pool may hold, it
//! says `Blocked`, and the machine asks again at a later turn; so its memory is bounded, whatever the number of sessions.
//!
//! What became of an effect is not the pool's to decide. An answer for which nobody waits any more, because its session
//! has ended or somebody else has answered, is refused by the machine and counted as late. What has not begun when nobody
//! waits for it any more is not begun.

use crate::contained::panicked;
use crate::durable::{Durable, DurableError};
use crate::rounds::Runtime;
use crate::status::RuntimeError;
use motet_machine::{
    AnswerError, EffectCoordinate, EffectHandler, EffectId, EffectOutcome, EffectRequest, EffectRequestBody,
};
use motet_types::{EffectFailureKind, EffectKinds, LayerId, Planted, RoleId, SessionId, Value, planted};
use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskBody {
    /// An operation of an interface.
    Operation {
        /// The interface.
        interface: String,
        /// Its operation.
        operation: String,
        /// The argument.
        argument: Value,
    },
    /// A guard is wanted.
    Guard(LayerId),
}

/// An effect that a pool has taken on: a request by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its idempotency key, to be handed to the outside world.
    pub id: EffectId,
    /// Where it was asked for.
    pub coordinate: EffectCoordinate,
    /// The session that it is about.
    pub session: SessionId,
    /// The asking role.
    pub role: RoleId,
    /// The role's name.
    pub role_name: String,
    /// What is to be done.
    pub body: TaskBody,
}

impl Task {
    /// The task of a request; none when its kind is never deferred.
    fn of(request: &EffectRequest<'_>, id: EffectId) -> Option<Self> {
        let body = match request.body {
            EffectRequestBody::InvokeStep { argument, .. } => {
                let part = request.operation()?;
                let (interface, operation) = (part.interface.clone(), part.operation.clone());
                TaskBody::Operation { interface, operation, argument: argument.to_value() }
            }
            EffectRequestBody::Acquire { layer } => TaskBody::Guard(layer),
            _ => return None,
        };
        let (coordinate, session, role) = (request.coordinate, request.session, request.role);
        let role_name = request.role_name().to_owned();
        Some(Self { id, coordinate, session, role, role_name, body })
    }
}

/// How much a pool may do and hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Threads; at least 1.
    pub threads: usize,
    /// Effects that wait for a thread, are being performed, or whose answer has not been delivered; at least 1.
    pub held: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { threads: 4, held: 1_024 }
    }
}

/// What a pool has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PoolMetrics {
    /// Effects that it has taken on.
    pub taken: u64,
    /// Times that it refused one for want of room.
    pub refused: u64,
    /// Effects that were performed.
    pub performed: u64,
    /// Effects that were not begun, since nobody waited for them any more.
    pub cancelled: u64,
    /// Answers that the machine took.
    pub delivered: u64,
    /// Answers that came too late: somebody else had answered, or the session had ended.
    pub late: u64,
    /// The most effects that it held at once.
    pub most_held: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Task>,
    /// Effects that are queued, being performed, or answered and not delivered.
    held: HashSet<EffectId>,
    answers: VecDeque<(EffectId, EffectCoordinate, EffectOutcome)>,
    metrics: PoolMetrics,
    closing: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to perform, or the pool closes.
    work: Condvar,
    /// There is something to deliver.
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life: performs what is queued until the pool closes.
    fn work(&self, perform: &(dyn Fn(&Task) -> EffectOutcome + Send + Sync)) {
        let mut state = self.lock();
        loop {
            if state.closing {
                return;
            }
            let Some(task) = state.queue.pop_front() else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let outcome = catch_unwind(AssertUnwindSafe(|| perform(&task))).unwrap_or_else(panicked).bounded();
            state = self.lock();
            state.metrics.performed += 1;
            match outcome {
                // Somebody else will answer, through the runtime.
                EffectOutcome::Pending => {
                    state.held.remove(&task.id);
                }
                EffectOutcome::Blocked => state.answer(&task, too_late_to_refuse()),
                answer => state.answer(&task, answer),
            }
            self.done.notify_all();
        }
    }
}

fn too_late_to_refuse() -> EffectOutcome {
    EffectOutcome::failure(EffectFailureKind::ContractViolation, "an effect that was taken on cannot be put off")
}

impl State {
    fn answer(&mut self, task: &Task, outcome: EffectOutcome) {
        if !planted(Planted::PoolLosesAnswers) || !self.metrics.performed.is_multiple_of(16) {
            self.answers.push_back((task.id, task.coordinate, outcome));
        }
    }

    /// Takes an effect on, if there is room. One that is held already is not taken on twice.
    fn take(&mut self, request: &EffectRequest<'_>, held: usize) -> Option<EffectOutcome> {
        let id = request.effect_id();
        if self.held.contains(&id) && !planted(Planted::PoolPerformsTwice) {
            return Some(EffectOutcome::Pending);
        }
        if self.held.len() >= held && !planted(Planted::PoolWithoutLimit) {
            self.metrics.refused += 1;
            return Some(EffectOutcome::Blocked);
        }
        let task = Task::of(request, id)?;
        self.held.insert(id);
        self.queue.push_back(task);
        self.metrics.taken += 1;
        self.metrics.most_held = self.metrics.most_held.max(self.held.len());
        Some(EffectOutcome::Pending)
    }
}

/// Where answers are handed in: a runtime, with or without a log.
pub trait AnswerDoor: sealed::Sealed {
    /// Why it may refuse.
    type Error: From<RuntimeError>;

    /// Whether an effect that was asked for waits for its answer.
    fn waits_for(&self, at: &EffectCoordinate) -> bool;

    /// Hands an answer in.
    fn hand_in(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), Self::Error>;

    /// The runtime's own reason, when that is what it refused for.
    fn reason(error: &Self::Error) -> Option<&RuntimeError>;
}

mod sealed {
    pub trait Sealed {}
    impl<E> Sealed for crate::rounds::Runtime<E> {}
    impl<E> Sealed for crate::durable::Durable<E> {}
}

impl<E> AnswerDoor for Runtime<E> {
    type Error = RuntimeError;

    fn waits_for(&self, at: &EffectCoordinate) -> bool {
        self.machine().is_pending(at)
    }

    fn hand_in(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        self.complete(effect, outcome)
    }

    fn reason(error: &RuntimeError) -> Option<&RuntimeError> {
        Some(error)
    }
}

impl<E> AnswerDoor for Durable<E> {
    type Error = DurableError;

    fn waits_for(&self, at: &EffectCoordinate) -> bool {
        self.runtime().machine().is_pending(at)
    }

    fn hand_in(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), DurableError> {
        self.complete(effect, outcome)
    }

    fn reason(error: &DurableError) -> Option<&RuntimeError> {
        match error {
            DurableError::Runtime(reason) => Some(reason),
            _ => None,
        }
    }
}

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Answers that were taken.
    pub taken: usize,
    /// Answers for which nobody waited any more.
    pub late: usize,
    /// Answers for sessions that are parked: they are kept, and handed in again at the next delivery.
    pub parked: usize,
}

/// A handler whose effects that may block are performed by threads of its own.
#[derive(Debug)]
pub struct HostPool<H> {
    host: H,
    shared: Arc<Shared>,
    limits: PoolLimits,
    threads: Vec<JoinHandle<()>>,
}

impl<H> HostPool<H> {
    /// A pool that performs what may block by `perform`, and leaves everything else to `host`.
    ///
    /// `perform` is called once for each effect that was taken on, and answers with what came of it. `Pending` says that
    /// the answer will be handed in by somebody else, through the runtime; a panic is a failure. After a restart the
    /// machine asks again under the same id, so the outside world should know ids.
    pub fn new(
        host: H,
        limits: PoolLimits,
        perform: impl Fn(&Task) -> EffectOutcome + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let limits = PoolLimits { threads: limits.threads.max(1), held: limits.held.max(1) };
        let (shared, perform) = (Arc::new(Shared::default()), Arc::new(perform));
        let mut pool = Self { host, shared, limits, threads: Vec::new() };
        for number in 0..limits.threads {
            let (shared, perform) = (Arc::clone(&pool.shared), Arc::clone(&perform));
            let thread = std::thread::Builder::new().name(format!("motet-host-{number}"));
            pool.threads.push(thread.spawn(move || shared.work(&*perform))?);
        }
        Ok(pool)
    }

    /// Hands in the answers that are there, in the order in which they came. To be called between turns; whether it is
    /// enters the run as its inputs do. An error of the log ends it; what was not handed in is kept.
    pub fn deliver<D: AnswerDoor>(&self, door: &mut D) -> Result<Delivered, D::Error> {
        let mut delivered = Delivered::default();
        self.cancel(door);
        let there = self.shared.lock().answers.len();
        for _ in 0..there {
            let Some((id, at, outcome)) = self.shared.lock().answers.pop_front() else { break };
            match door.hand_in(id, outcome.clone()) {
                Ok(()) => delivered.taken += 1,
                Err(error) => match D::reason(&error) {
                    Some(RuntimeError::Answer(AnswerError::Parked(_))) => {
                        delivered.parked += 1;
                        self.shared.lock().answers.push_back((id, at, outcome));
                        continue;
                    }
                    Some(RuntimeError::UnknownEffect(_) | RuntimeError::LateResult(_) | RuntimeError::Answer(_)) => {
                        delivered.late += 1;
                    }
                    _ => {
                        self.shared.lock().answers.push_front((id, at, outcome));
                        return Err(error);
                    }
                },
            }
            self.shared.lock().held.remove(&id);
        }
        let mut state = self.shared.lock();
        state.metrics.delivered += delivered.taken as u64;
        state.metrics.late += delivered.late as u64;
        Ok(delivered)
    }

    /// Lets go of what has not begun and for which nobody waits any more.
    fn cancel<D: AnswerDoor>(&self, door: &D) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let (held, metrics) = (&mut state.held, &mut state.metrics);
        state.queue.retain(|task| {
            let waits = door.waits_for(&task.coordinate) || planted(Planted::PoolNeverCancels);
            if !waits {
                held.remove(&task.id);
                metrics.cancelled += 1;
            }
            waits
        });
    }

    /// Waits until there is something to deliver, or nothing is being done, or so much time has passed; whether there is
    /// something.
    pub fn wait(&self, most: Duration) -> bool {
        let idle = |state: &mut State| state.answers.is_empty() && !state.held.is_empty();
        let waited = self.shared.done.wait_timeout_while(self.shared.lock(), most, idle);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.answers.is_empty()
    }

    /// What it has done so far.
    pub fn metrics(&self) -> PoolMetrics {
        self.shared.lock().metrics
    }

    /// How many effects it holds: waiting, being performed, or answered and not delivered.
    pub fn held(&self) -> usize {
        self.shared.lock().held.len()
    }
}

impl<H: EffectHandler> EffectHandler for HostPool<H> {
    fn identity(&self) -> &str {
        self.host.identity()
    }

    fn wants(&self) -> EffectKinds {
        self.host.wants()
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if !request.may_block() {
            return self.host.handle_effect(request);
        }
        let taken = self.shared.lock().take(&request, self.limits.held);
        self.shared.work.notify_one();
        taken.unwrap_or_else(|| self.host.handle_effect(request))
    }
}

impl<H> Drop for HostPool<H> {
    /// What is being performed is waited for, what has not begun never does. Of both a durable run asks again.
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to say: what it performed was contained.
            drop(thread.join());
        }
    }
}
