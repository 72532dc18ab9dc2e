//! Effects that take their time, on a pool's threads: each is performed once, nothing is lost, and what the pool holds is
//! bounded, whatever the host does.

use crate::draft::{Draft, NAT, UNIT};
use crate::script::{Script, accept, done};
use crate::walk::{Run, Setup};
use motet_machine::{CodeImage, EffectHandler, EffectId, EffectOutcome, EffectRequest};
use motet_runtime::{Delivered, GuestRuntime, HostPool, PoolLimits, RunStatus, RuntimeError, Task, TaskBody, Turn};
use motet_types::{Action, EffectFailureKind, EffectKind, Instr, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A, B and C each ask for a number, which may take its time; A then asks for what does not.
fn asking() -> Result<Arc<CodeImage>, String> {
    let mut draft = Draft::new();
    draft.end();
    let (slow, fast) = (draft.effect("slow", UNIT, NAT, true), draft.effect("fast", UNIT, UNIT, false));
    let ask = |effect| Instr::Invoke { arg: 2, dst: 1, effect };
    let codes =
        [&[ask(slow), ask(fast), Instr::Halt {}][..], &[ask(slow), Instr::Halt {}], &[ask(slow), Instr::Halt {}]];
    for (role, code) in (0..).zip(codes) {
        let end = draft.state(role, Action::End, &[]);
        draft.role(["A", "B", "C"][usize::from(role)], end, 3, code);
    }
    draft.image()
}

/// What becomes of an effect: a function of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Answered,
    Slow,
    Failed,
    Panicked,
    /// Taken on, and answered by somebody else.
    Elsewhere,
    /// Answered, and by somebody else as well.
    Twice,
    Never,
}

fn fate(id: EffectId) -> Fate {
    let word = u64::from_le_bytes(id.0.0[..8].try_into().unwrap_or_default());
    match (word % 16, word >> 8) {
        (0, _) => Fate::Failed,
        (1, _) => Fate::Elsewhere,
        (2, _) => Fate::Twice,
        (3, high) if high.is_multiple_of(4) => Fate::Never,
        (4, high) if high.is_multiple_of(64) => Fate::Slow,
        (5, high) if high.is_multiple_of(16) => Fate::Panicked,
        _ => Fate::Answered,
    }
}

/// The outside world: what was performed how often, and a second mouth that answers from elsewhere.
#[derive(Debug)]
struct Outside {
    performed: Mutex<HashMap<EffectId, u32>>,
    elsewhere: Mutex<Sender<EffectId>>,
}

impl Outside {
    fn new() -> (Arc<Self>, Receiver<EffectId>) {
        let (sender, receiver) = channel();
        (Arc::new(Self { performed: Mutex::default(), elsewhere: Mutex::new(sender) }), receiver)
    }

    fn elsewhere(&self, id: EffectId) {
        // Nobody listens any more only when the check has failed already.
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).send(id).unwrap_or_default();
    }

    fn perform(&self, task: &Task) -> EffectOutcome {
        let slow =
            matches!(&task.body, TaskBody::Operation { operation, argument: Value::Unit, .. } if operation == "slow");
        if !slow || !["A", "B", "C"].contains(&task.role_name.as_str()) {
            return EffectOutcome::failure(EffectFailureKind::InvalidInput, format!("{task:?}"));
        }
        *self.performed.lock().unwrap_or_else(PoisonError::into_inner).entry(task.id).or_default() += 1;
        match fate(task.id) {
            Fate::Answered => {}
            Fate::Slow => std::thread::sleep(Duration::from_millis(1)),
            Fate::Failed => return EffectOutcome::failure(EffectFailureKind::Unavailable, "not today"),
            // Without the hook that would print each of them.
            Fate::Panicked => std::panic::resume_unwind(Box::new("an operation that panics")),
            Fate::Elsewhere => {
                self.elsewhere(task.id);
                return EffectOutcome::Pending;
            }
            Fate::Twice => self.elsewhere(task.id),
            Fate::Never => return EffectOutcome::Pending,
        }
        done(Value::Nat(1))
    }
}

/// A's second effect fails in one session of fifty, while B and C may still wait.
fn inner() -> impl EffectHandler {
    Script::new(&[EffectKind::InvokeStep], |request: &EffectRequest<'_>| match request.coordinate.session.0 % 50 {
        7 => EffectOutcome::failure(EffectFailureKind::Unavailable, "A does not want"),
        _ => accept(request),
    })
}

/// So many sessions ask at once a pool that holds so many effects, in a machine that may have a budget for them.
fn once(sessions: usize, held: usize, budget: Option<u64>) -> Result<(), String> {
    let image = asking()?;
    let mut setup = Setup { limit: u64::MAX, ..Setup::default() }.sessions(sessions);
    setup.config.effect_budget = budget;
    let mut runtime = setup.guest(&image)?;
    let (outside, elsewhere) = Outside::new();
    let outsider = Arc::clone(&outside);
    let pool = HostPool::new(inner(), PoolLimits { threads: 3, held }, move |task| outsider.perform(task));
    let pool = pool.map_err(text)?;
    let (mut total, mut foreign, mut refused) = (Delivered::default(), 0, 0);
    // Where time is short, some of those who answer from elsewhere do so when it is over.
    let mut tardy = Vec::new();
    // Nothing waits when all has been answered or is never going to be.
    let mut quiet = 0;
    while quiet < 20 {
        while runtime.turn(&pool).map_err(text)? != Turn::Idle {}
        // Whoever answers from elsewhere says everything twice.
        for id in elsewhere.try_iter().flat_map(|id| [id, id]) {
            if budget.is_some() && id.0.0[31].is_multiple_of(4) {
                tardy.push(id);
                continue;
            }
            match runtime.complete(id, done(Value::Nat(2))) {
                Ok(()) => foreign += 1,
                Err(RuntimeError::UnknownEffect(_) | RuntimeError::Answer(_)) => refused += 1,
                Err(error) => return Err(error.to_string()),
            }
        }
        let delivered = pool.deliver(&mut runtime).map_err(text)?;
        (total.taken, total.late) = (total.taken + delivered.taken, total.late + delivered.late);
        while pool.held() > held / 2 && pool.wait(Duration::from_millis(5)) && pool.held() > held / 2 {
            let delivered = pool.deliver(&mut runtime).map_err(text)?;
            (total.taken, total.late) = (total.taken + delivered.taken, total.late + delivered.late);
        }
        let still = delivered == Delivered::default() && pool.held() == 0;
        quiet = if still { quiet + 1 } else { 0 };
        if still {
            std::thread::yield_now();
        }
    }
    let metrics = pool.metrics();
    ensure!(metrics.most_held <= held, "it held {} and may hold {held}", metrics.most_held);
    let performed = outside.performed.lock().unwrap_or_else(PoisonError::into_inner);
    let again = performed.iter().find(|(_, times)| **times != 1);
    ensure!(again.is_none(), "{again:?} was performed as often as that");
    let mut fates: BTreeMap<Fate, usize> = BTreeMap::new();
    performed.keys().for_each(|id| *fates.entry(fate(*id)).or_default() += 1);
    let count = |fate: Fate| fates.get(&fate).copied().unwrap_or_default();
    let cancelled = metrics.cancelled as usize;
    ensure!(
        performed.len() + cancelled <= 3 * sessions && metrics.taken as usize == performed.len() + cancelled,
        "{metrics:?} of {sessions} sessions, {} performed",
        performed.len()
    );
    // Whoever never hears waits; everybody else has ended, whichever way.
    if budget.is_some() {
        let late = over(&mut runtime, &pool, &tardy)?;
        ensure!(late == Delivered::default(), "{late:?}, and nothing was being done");
        refused += tardy.len();
    }
    let waiting = runtime.outstanding().map(|(_, at)| at.session).collect::<BTreeSet<_>>().len();
    ensure!(waiting == runtime.machine().live_sessions(), "{waiting} wait of {}", runtime.machine().live_sessions());
    let for_ever = sessions >= 1_000 && budget.is_none();
    ensure!(waiting <= count(Fate::Never) && (waiting > 0) == for_ever, "{waiting} wait, {fates:?}");
    ensure!(runtime.outstanding().all(|(id, _)| fate(id) == Fate::Never), "somebody waits for what was answered");
    let tally = runtime.machine().tally();
    ensure!(tally.closed + tally.faulted == (sessions - waiting) as u64, "{tally:?}");
    let answers = performed.len() - count(Fate::Never) - count(Fate::Elsewhere);
    ensure!(total.taken + total.late == answers, "{total:?} of {answers} answers");
    ensure!(total.taken + foreign >= 3 * tally.closed as usize, "{total:?}, {foreign} from elsewhere, {tally:?}");
    let mouths = count(Fate::Elsewhere) + count(Fate::Twice);
    ensure!(foreign + refused == 2 * mouths, "{foreign} and {refused} of twice {mouths}");
    println!("{sessions} sessions, {held} held at most: {metrics:?}, {fates:?}, {waiting} wait for ever");
    drop(performed);
    // What the threads did in whatever order is an input like any other.
    Run::of(runtime, &pool)?.replayed().map(drop)
}

/// All that was not answered times out; answers that come behind that are refused, and nothing is kept of any of it.
fn over(
    runtime: &mut GuestRuntime,
    pool: &HostPool<impl EffectHandler>,
    tardy: &[EffectId],
) -> Result<Delivered, String> {
    while runtime.advance_to_deadline().map_err(text)? {
        turn_until_idle(runtime, pool)?;
    }
    for id in tardy {
        let came = runtime.complete(*id, done(Value::Nat(2)));
        ensure!(matches!(came, Err(RuntimeError::UnknownEffect(_) | RuntimeError::Answer(_))), "too late: {came:?}");
    }
    let late = pool.deliver(runtime).map_err(text)?;
    let timed_out = runtime.faults().iter().filter(|one| one.fault.to_string().contains("within its budget")).count();
    let usage = runtime.machine().memory_usage();
    ensure!(timed_out > 0, "nothing has timed out");
    ensure!((usage.effects, usage.retained.effects, usage.sessions) == (0, 0, 0), "{usage:?}");
    println!("{timed_out} sessions ended by a timeout, {} answers came behind that", tardy.len());
    Ok(late)
}

/// A hundred thousand effects at once, a host that is slow, fails, panics, answers twice, late, from elsewhere or never:
/// everything is performed once under its id, nothing is lost, and the pool holds no more than it may.
pub fn effects_are_performed_once() -> Result<(), String> {
    once(35_000, 4_096, None)?;
    once(35_000, 200_000, None)?;
    // With time for all that is going to come, and with too little of it.
    once(35_000, 200_000, Some(1_000_000))?;
    once(4_000, 256, Some(150))
}

/// The same in small.
pub fn effects_are_performed_once_in_small() -> Result<(), String> {
    once(2_000, 64, None)?;
    once(2_000, 64, Some(200))
}

/// A pool that does nothing before it is told to, and the way to tell it.
fn held_back() -> Result<(HostPool<impl EffectHandler>, Sender<()>), String> {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let perform = move |_: &Task| {
        // When nobody can tell any more, everything goes on.
        wait.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap_or_default();
        done(Value::Nat(3))
    };
    HostPool::new(inner(), PoolLimits { threads: 1, held: 100 }, perform).map(|pool| (pool, go)).map_err(text)
}

fn turn_until_idle(runtime: &mut GuestRuntime, host: &impl EffectHandler) -> Result<(), String> {
    while runtime.turn(host).map_err(text)? != Turn::Idle {}
    Ok(())
}

/// What is asked again while the pool holds it, as after a recovery in one process, is not taken on twice.
pub fn effects_that_are_held_are_not_taken_on_again() -> Result<(), String> {
    let (image, setup) = (asking()?, Setup::default().sessions(3));
    let (pool, go) = held_back()?;
    let mut first = setup.guest(&image)?;
    turn_until_idle(&mut first, &pool)?;
    // The run that goes on in its place asks everything again, under the same ids.
    let mut second = setup.guest(&image)?;
    turn_until_idle(&mut second, &pool)?;
    ensure!(pool.metrics().taken == 9, "{:?}", pool.metrics());
    drop(go);
    let mut taken = 0;
    while taken < 9 {
        ensure!(pool.wait(Duration::from_secs(60)), "nothing comes: {:?}", pool.metrics());
        let delivered = pool.deliver(&mut second).map_err(text)?;
        ensure!(delivered.late == 0, "{delivered:?}");
        taken += delivered.taken;
    }
    turn_until_idle(&mut second, &pool)?;
    ensure!(second.status() == RunStatus::Completed, "{:?}", second.status());
    ensure!(pool.metrics().performed == 9 && pool.held() == 0, "{:?}", pool.metrics());
    Ok(())
}

/// What has not begun when its session ends is not begun, and an answer that comes too late changes nothing; an answer for
/// a session that is parked is kept until it is back.
pub fn what_nobody_waits_for_is_not_begun() -> Result<(), String> {
    let (image, setup) = (asking()?, Setup::default().sessions(9));
    let (pool, go) = held_back()?;
    let mut runtime = setup.guest(&image)?;
    turn_until_idle(&mut runtime, &pool)?;
    ensure!(pool.held() == 27, "{:?}", pool.metrics());
    // Everything of sessions 0 to 6, and the first of session 7, which then fails: its second runs, its third is queued.
    for performed in 1..=22 {
        go.send(()).map_err(text)?;
        while pool.metrics().performed < performed {
            std::thread::yield_now();
        }
    }
    let delivered = pool.deliver(&mut runtime).map_err(text)?;
    ensure!(delivered == Delivered { taken: 22, late: 0, parked: 0 }, "{delivered:?}");
    turn_until_idle(&mut runtime, &pool)?;
    let tally = *runtime.machine().tally();
    ensure!((tally.closed, tally.faulted) == (7, 1), "{tally:?}");
    let session = runtime.machine().sessions().next().ok_or("one is there")?;
    let parked = runtime.park(session).map_err(text)?;
    // Who is parked still waits; who has ended does not.
    ensure!(pool.deliver(&mut runtime).map_err(text)? == Delivered::default(), "nothing was performed");
    ensure!(pool.metrics().cancelled == 1 && pool.held() == 4, "{:?}", pool.metrics());
    drop(go);
    while pool.metrics().performed < 26 {
        std::thread::yield_now();
    }
    let delivered = pool.deliver(&mut runtime).map_err(text)?;
    ensure!(delivered == Delivered { taken: 0, late: 1, parked: 3 }, "{delivered:?}");
    runtime.resume(&parked).map_err(text)?;
    let delivered = pool.deliver(&mut runtime).map_err(text)?;
    ensure!(delivered == Delivered { taken: 3, late: 0, parked: 0 }, "{delivered:?}");
    turn_until_idle(&mut runtime, &pool)?;
    ensure!(runtime.machine().tally().closed == 8 && pool.held() == 0, "{:?}", runtime.machine().tally());
    Ok(())
}
