//! Slips: wrong turns that the pool takes in a checked build when told to, each to be caught by a named test.

use std::cell::Cell;

/// What the pool can get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// A worker parks without looking once more after saying that it sleeps.
    ParksWithoutSecondLook,
    /// The second look may be older than the word that the worker sleeps.
    NoFenceBeforeSecondLook,
    /// The leader looks who sleeps before it has pushed the jobs.
    WakesBeforePushing,
    /// The leader's look at who sleeps may be older than its push.
    NoFenceBeforeWaking,
    /// The leader says that it woke a worker and does not.
    WakesNobody,
    /// A job's return is announced before it is there.
    CountsBeforeStoring,
    /// A job that panicked returns nothing at all.
    PanicUncounted,
    /// A worker that returns a job tells nobody.
    ReturnsInSilence,
    /// The leader takes a token for the return of all that is out.
    TrustsToken,
    /// The leader takes one result where several have come back.
    TakesOneOfMany,
    /// The leader says that it has taken everything only after it has let the others at it again.
    ResetsOutsideLock,
    /// Jobs that are submitted are not counted.
    SubmitUncounted,
    /// Jobs that the leader ran by itself count as out.
    LeaderUncounted,
    /// The leader leaves all jobs to the workers.
    LeaderOnlyWaits,
    /// The leader wakes nobody while jobs are out.
    WakesFirstSubmitOnly,
    /// The newest job is taken first.
    NewestFirst,
    /// What a job ran with is let go only after its return.
    KeepsRunning,
    /// The workers are told to stop, but not woken.
    StopsWithoutWaking,
    /// The workers are woken before they are told to stop.
    WakesBeforeStopping,
    /// Nobody waits for the workers' end.
    JoinsNobody,
}

thread_local! {
    // Both checkers run all the threads of a model as coroutines of the thread that started it, so this is one cell
    // for each model, and tests that run side by side do not see each other's.
    static SLIP: Cell<Option<Slip>> = const { Cell::new(None) };
}

/// Makes the pools of models on this thread take that wrong turn, or none.
pub fn plant(slip: Option<Slip>) {
    SLIP.set(slip);
}

pub(crate) fn planted(slip: Slip) -> bool {
    SLIP.get() == Some(slip)
}

/// The panic of a job that is meant to panic. Any other panic in a job is the checker's own, and goes on.
#[derive(Clone, Copy, Debug)]
pub struct Planned;
