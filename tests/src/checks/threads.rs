//! Threads change the time a run takes and nothing else: random protocols under every kind of schedule, carried out by
//! any number of workers and in any order, with hosts that fail, panic, and answer late.

use super::protocols::{by_role, global, patient, same_sessions};
use super::scheduling::policies;
use crate::dice::Dice;
use crate::grow::converse;
use crate::lane::Lane;
use crate::script::done;
use crate::speculate::speculate;
use crate::walk::{Run, Setup};
use crate::watched::watch;
use crate::witness::{Mood, Moody, place};
use motet_choreo::{EmitOptions, compile_with};
use motet_machine::{BufferMode, CodeImage, EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest};
use motet_runtime::{Executor, Inline, RunStatus, Runtime, RuntimeError, Schedule, Seeded, SeededHost, Threads, Turn};
use motet_types::{EffectFailureKind, EffectKinds, EventKind, GlobalType, Value};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Wave, fuel, chunk, window, turn: one step at a time, waves one by one, windows, all at once.
const SHAPES: [[u32; 5]; 6] = [
    [1, 1, 1, 1, 1],
    [8, 16, 2, 1, 1],
    [8, 16, 1, 4, 9],
    [64, 256, 4, 8, 24],
    [2, 5, 1, 16, 40],
    [1024, 1024, 3, 1, 1],
];
const WORKERS: [usize; 6] = [1, 2, 3, 4, 8, 16];
/// How many orders of completion are drawn for a schedule.
const ORDERS: u64 = 2;
/// Steps for each session before a run is stopped.
const STEPS: u64 = 120;
/// Turns after which a run is taken to go on for ever.
const TURNS: usize = 100_000;

/// When the host answers what may take its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// The protocol asks nothing of that kind.
    AtOnce,
    /// When nothing else can go on, everything at once.
    AtRest,
    /// Some when asked, some after two refusals, some between turns, one at a time.
    AnyTime,
}

/// How a case's host is.
#[derive(Clone, Copy, Debug)]
struct Manner {
    seed: u64,
    mood: Mood,
    /// It panics at one place in so many; 0 for none.
    panics: u32,
    answers: Answers,
}

impl Manner {
    /// Whether some late answers come when the schedule has somebody ask: a panic is one.
    fn answers_when_asked(self) -> bool {
        match self.answers {
            Answers::AtOnce => false,
            Answers::AtRest => self.panics > 0,
            Answers::AnyTime => true,
        }
    }
}

/// A host with that manner. What it says depends on where it is asked, and of a question that it refused on how often.
struct Erratic {
    inner: Moody<SeededHost>,
    manner: Manner,
    refused: Mutex<BTreeMap<EffectCoordinate, u32>>,
}

impl Erratic {
    fn new(manner: Manner) -> Arc<Self> {
        let inner = Moody { inner: SeededHost::new(manner.seed), mood: manner.mood };
        Arc::new(Self { inner, manner, refused: Mutex::default() })
    }

    /// The answer that comes late.
    fn late(&self, at: &EffectCoordinate) -> EffectOutcome {
        match self.manner.mood {
            Mood::Failing(n) if place(at).is_multiple_of(n) => {
                EffectOutcome::failure(EffectFailureKind::Timeout, "too late")
            }
            _ => done(Value::Unit),
        }
    }
}

impl EffectHandler for Erratic {
    fn identity(&self) -> &str {
        "erratic"
    }

    fn wants(&self) -> EffectKinds {
        self.inner.wants()
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let (at, manner) = (request.coordinate, &self.manner);
        if manner.panics > 0 && place(&at) % manner.panics == manner.panics - 1 {
            // Without the hook that prints it.
            resume_unwind(Box::new("as it was told to"));
        }
        if !request.operation().is_some_and(|operation| operation.may_block) {
            return self.inner.handle_effect(request);
        }
        match (manner.answers, place(&at) % 4) {
            (Answers::AtRest, _) | (Answers::AnyTime, 2 | 3) => EffectOutcome::Pending,
            (Answers::AnyTime, 1) => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                let times = refused.entry(at).or_default();
                *times += 1;
                if *times <= 2 { EffectOutcome::Blocked } else { self.late(&at) }
            }
            _ => self.late(&at),
        }
    }
}

/// Runs to the end, and answers what was put off as the host's manner has it. At the end of every turn nobody but the
/// embedder holds the host.
fn drive<E: Executor<Arc<Erratic>>>(mut runtime: Runtime<E>, manner: Manner) -> Result<Run, String> {
    let host = Erratic::new(manner);
    let failed = |error: RuntimeError| error.to_string();
    for turn in 0..TURNS {
        let idle = runtime.turn(&host).map_err(failed)? == Turn::Idle;
        let held = Arc::strong_count(&host) - 1;
        ensure!(held == 0, "after turn {turn} the host is still held {held} times");
        let mut outstanding: Vec<_> = runtime.outstanding().collect();
        outstanding.sort_unstable_by_key(|(_, at)| *at);
        match manner.answers {
            Answers::AnyTime if !outstanding.is_empty() => {
                let by = turn % outstanding.len();
                outstanding.rotate_left(by);
                outstanding.truncate(1);
            }
            Answers::AtRest if idle => {}
            _ => outstanding.clear(),
        }
        if idle && outstanding.is_empty() && runtime.status() != RunStatus::Waiting {
            return Run::of(runtime, &*host);
        }
        for (id, at) in outstanding {
            if runtime.machine().is_pending(&at) {
                runtime.complete(id, host.late(&at)).map_err(failed)?;
            }
        }
    }
    Err(format!("the run does not end: {}", runtime.status().name()))
}

/// An image, and those that its plans name.
type Images = (Arc<CodeImage>, Vec<Arc<CodeImage>>);

/// The image, with operations that may block behind every communication where the host answers late.
fn image_of(global: &GlobalType, hooks: bool, manner: Manner, dice: &mut Dice) -> Result<Images, String> {
    let late = manner.answers != Answers::AtOnce;
    let parts = compile_with(global, EmitOptions { step_hooks: hooks || late });
    let mut parts = parts.map_err(|error| format!("compile: {error}"))?;
    parts.effects.iter_mut().for_each(|effect| effect.may_block = late);
    // How far a session came before it was taken back is a matter of time where answers come at any time.
    // One role opens all sessions, so that their numbers are no matter of time.
    let plans = if dice.one_in(3) { converse(&mut parts, dice, 2, !manner.answers_when_asked())? } else { Vec::new() };
    if !manner.answers_when_asked() && dice.one_in(3) {
        let count = 1 + dice.below(3);
        speculate(&mut parts, dice, None, count);
    }
    let image = CodeImage::verify(parts).map(Arc::new).map_err(|error| format!("verify: {error}"))?;
    Ok((image, plans))
}

/// Two schedules: equal session by session. Where answers come at any time they come sooner in one schedule than in the
/// other, and then each role still does the same, as far as both go.
fn same_between_schedules(left: &Run, right: &Run, manner: Manner) -> Result<(), String> {
    if !manner.answers_when_asked() {
        return same_sessions(left, right);
    }
    let (a, b) = (by_role(&left.normalised()?), by_role(&right.normalised()?));
    for ((session, role), events) in &a {
        let other = b.get(&(*session, *role)).map_or(&[][..], Vec::as_slice);
        let differs = events.iter().zip(other).position(|(x, y)| x != y);
        ensure!(differs.is_none(), "schedules differ in {session}, role {role}, at event {differs:?}");
    }
    let whole = |run: &Run| run.status == RunStatus::Completed;
    ensure!(!whole(left) || !whole(right) || a == b, "schedules differ in what some role did");
    Ok(())
}

/// What a lane has seen, so that it cannot pass without having looked.
#[derive(Debug, Default)]
struct Seen {
    runs: AtomicU64,
    shared: AtomicU64,
    stolen: AtomicU64,
    messages: AtomicU64,
    late: AtomicU64,
    speculations: AtomicU64,
    opened: AtomicU64,
    faulted: AtomicU64,
    limited: AtomicU64,
    whole: AtomicU64,
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn case(seed: u64, seen: &Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let global = global(&mut dice);
    let answers = match seed % 3 {
        0 => *dice.pick(&[Answers::AtRest, Answers::AnyTime]),
        _ => Answers::AtOnce,
    };
    let mood = match dice.below(6) {
        0 | 1 => Mood::Failing(23 + dice.below(60) as u32),
        // A host that defers a send and answers late makes the order of a role's acts a matter of time.
        2 if answers == Answers::AtOnce => Mood::Deferring(3 + dice.below(9) as u32),
        _ => Mood::Reliable,
    };
    let panics = if dice.one_in(6) { 19 + dice.below(60) as u32 } else { 0 };
    let manner = Manner { seed, mood, panics, answers };
    let (image, plans) = image_of(&global, dice.one_in(4), manner, &mut dice)?;
    let (capacity, policy) = patient(&mut dice);
    let sessions = 3 + dice.below(10);
    let base = Setup::default().sessions(sessions).limit(STEPS * sessions as u64).plans(&plans);
    let mut base = base.buffer(BufferMode::Fifo, capacity, policy);
    base.config.speculation_depth = 2;
    base.config = watch(&mut dice, base.config);
    let order = dice.word();
    let policy = dice.pick(&policies()).clone();
    let mut first: Option<Run> = None;
    for [wave, fuel, chunk, window, turn] in SHAPES {
        let schedule = Schedule { policy: policy.clone(), wave, fuel, chunk, window, turn };
        let setup = Setup { schedule, ..base.clone() };
        let expected = drive(setup.start(&image, Inline::default())?, manner);
        let expected = expected.map_err(|why| format!("{:?}: {why}", setup.schedule))?;
        let same = |run: Result<Run, String>, by: &dyn Fn() -> String| {
            let run = run.and_then(|run| expected.same_as(&run).map(|()| run));
            run.map_err(|why| format!("{manner:?}, {:?}, {}: {why}", setup.schedule, by()))
        };
        for workers in WORKERS {
            // Shared whether it is worth it or not, so that there is something to see.
            let threads = Threads::eager(workers).map_err(|error| error.to_string())?;
            let run = same(drive(setup.start(&image, threads)?, manner), &|| format!("{workers} workers"))?;
            add(&seen.shared, run.metrics.executor.shared_chunks);
            add(&seen.stolen, run.metrics.executor.steals);
        }
        for order in (0..ORDERS).map(|at| order ^ at) {
            same(drive(setup.start(&image, Seeded::new(order))?, manner), &|| format!("completion order {order}"))?;
        }
        add(&seen.runs, 1 + WORKERS.len() as u64 + ORDERS);
        match &first {
            Some(first) => same_between_schedules(first, &expected, manner)
                .map_err(|why| format!("{manner:?}, {:?}: {why}", setup.schedule))?,
            None => {
                add(&seen.messages, expected.tally.messages);
                let forks = expected.trace()?.iter().filter(|event| event.event.kind == EventKind::Forked).count();
                add(&seen.speculations, forks as u64);
                let guests = expected.trace()?.iter().filter(|event| event.session.number() > 0).count();
                add(&seen.opened, guests as u64);
                add(&seen.faulted, expected.tally.faulted);
                add(&seen.late, u64::from(answers != Answers::AtOnce));
                add(&seen.limited, u64::from(expected.status == RunStatus::MaxSteps));
                add(&seen.whole, u64::from(expected.status == RunStatus::Completed));
                first = Some(expected);
            }
        }
    }
    Ok(())
}

fn lane(lane: &Lane) -> Result<(), String> {
    let seen = Seen::default();
    lane.run(|seed| case(seed, &seen))?;
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let [runs, shared, stolen, messages] = [&seen.runs, &seen.shared, &seen.stolen, &seen.messages].map(count);
    let [late, faulted, limited, whole] = [&seen.late, &seen.faulted, &seen.limited, &seen.whole].map(count);
    let [speculations, opened] = [&seen.speculations, &seen.opened].map(count);
    println!(
        "{runs} runs, each equal to the one on a single thread; {shared} chunks shared, {stolen} of them run by workers; \
         of the first run of each case {whole} completed, {limited} stopped at the limit, {late} with answers that come \
         late, {faulted} sessions faulted, {messages} messages, {speculations} speculations, {opened} events of opened sessions"
    );
    if lane.cases() >= 60 {
        let enough = speculations > 0
            && opened > 0
            && shared > 0
            && stolen > 0
            && late > 0
            && faulted > 0
            && limited > 0
            && whole > 0;
        ensure!(enough, "the lane saw too little");
    }
    Ok(())
}

/// The property lane.
pub fn change_the_time_and_nothing_else() -> Result<(), String> {
    lane(&Lane::new("threads", 300))
}

/// A few cases of the property lane, for the mutation test.
pub fn change_nothing_in_small() -> Result<(), String> {
    lane(&Lane::fixed("threads", 24))
}
