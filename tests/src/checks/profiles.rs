//! Determinism profiles: runs that must be equal under a profile are, runs that must not be are not, and the difference is
//! named.

use crate::dice::Dice;
use crate::drawn::Drawn;
use crate::lane::Lane;
use crate::walk::{Run, Setup};
use motet_choreo::{EmitOptions, Source, compile_with, load};
use motet_machine::{CodeImage, EffectOutcome, EffectResponse, SendDecision, TraceReader};
use motet_runtime::{
    Aspect, DeterminismMode, Input, Observation, RunRecord, RunStatus, RunView, Runtime, Schedule, Seeded, SeededHost,
    Threads, TraceEntry, compare_runs, normal_form, replay,
};
use motet_types::{Event, EventKind, LabelId, SessionId, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use DeterminismMode::{Full, ModuloCommutativity, ModuloEffects, Replay};

/// Steps for each session before a run is stopped.
const STEPS: u64 = 200;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn view(record: &RunRecord) -> Result<RunView, String> {
    RunView::of(record).map_err(text)
}

/// The strictest profile under which two views are equal; none if under none. What is equal under one profile must be so
/// under all that follow it, which is checked here, and so is that equality is that of the normal forms.
fn strictest(left: &RunView, right: &RunView) -> Result<Option<DeterminismMode>, String> {
    let mut strictest = None;
    for mode in DeterminismMode::ALL {
        let difference = compare_runs(mode, left, right);
        let forms = left.normal_form(mode).entries() == right.normal_form(mode).entries();
        ensure!(difference.is_none() == forms, "{mode:?}: the forms are equal: {forms}, and yet {difference:?}");
        let back = compare_runs(mode, right, left);
        ensure!(back.is_none() == difference.is_none(), "{mode:?} is not symmetric: {difference:?}, {back:?}");
        match (strictest, &difference) {
            (None, None) => strictest = Some(mode),
            (Some(before), Some(difference)) => {
                return Err(format!("equal under {before:?} and not under {mode:?}: {difference}"));
            }
            _ => {}
        }
    }
    Ok(strictest)
}

fn equal_from(mode: DeterminismMode, left: &RunView, right: &RunView, what: &str) -> Result<(), String> {
    let found = strictest(left, right)?;
    let why = || compare_runs(mode, left, right).map(|difference| difference.to_string());
    ensure!(found.is_some_and(|found| found <= mode), "{what}: not equal under {mode:?}: {:?}", why());
    Ok(())
}

/// The same run again: on threads, in another order of completion, and replayed.
fn again(drawn: &Drawn, plain: &RunRecord, dice: &mut Dice) -> Result<Vec<(&'static str, RunView)>, String> {
    let host = Arc::new(drawn.host());
    let mut runtime = drawn.setup.start(&drawn.image, Threads::eager(3).map_err(text)?)?;
    runtime.run(&host).map_err(text)?;
    let threads = RunRecord::of(&runtime).ok_or("nothing was recorded")?;
    let seeded = drawn.setup.run_seeded(&drawn.image, &*host, dice.word())?.read_record()?;
    let mut replayed = plain.clone();
    let again = replay(plain, None, |_| {}).map_err(text)?.runtime;
    // What a replay does not write down it has taken from the record: the inputs.
    let tail = again.machine().trace_bytes();
    replayed.events.truncate(replayed.events.len() - tail.len());
    replayed.events.extend_from_slice(&tail);
    Ok(vec![("threads", view(&threads)?), ("another order", view(&seeded)?), ("replayed", view(&replayed)?)])
}

/// The run out of a log: the events.
fn recovered(drawn: &Drawn, whole: &RunRecord, dice: &mut Dice) -> Result<u64, String> {
    let logged = drawn.logged(dice, |_| Ok(()))?;
    let runtime = logged.run.runtime();
    let end = whole.end.ok_or("the record has no end")?;
    ensure!(runtime.trace_digest() == Some(end.trace_digest), "the recovered run has another trace");
    // A log without a checkpoint is taken again from the start, so all events are there.
    let events = runtime.machine().trace_bytes();
    let recovered = RunView::of_events(&events).map_err(text)?;
    let plain = RunView::of_events(&whole.events).map_err(text)?;
    equal_from(Replay, &plain, &recovered, "recovered")?;
    Ok(events.len() as u64)
}

/// The words of a trace by their places: which are events that stand by themselves.
fn event_words(events: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    while at + 16 <= events.len() {
        let word = |at: usize| u32::from_le_bytes(events[at..at + 4].try_into().unwrap_or_default());
        let bursts = word(at);
        at += 16;
        for _ in 0..bursts {
            let count = word(at + 8) as usize;
            at += 16;
            places.extend((0..count).map(|event| at + 8 * event));
            at += 8 * count;
        }
    }
    places
}

fn word_at(events: &[u8], at: usize) -> Option<Event> {
    Event::unpack(u64::from_le_bytes(events.get(at..at + 8)?.try_into().ok()?))
}

/// Two neighbouring events of one session, changed about.
fn swapped(record: &RunRecord) -> Option<RunRecord> {
    let places = event_words(&record.events);
    let differ = |pair: &&[usize]| {
        let (a, b) = (word_at(&record.events, pair[0]), word_at(&record.events, pair[1]));
        pair[1] == pair[0] + 8 && a != b && a.is_some() && b.is_some()
    };
    let pair = places.windows(2).find(differ)?;
    let mut record = record.clone();
    let (a, b) = (pair[0], pair[1]);
    let word: [u8; 8] = record.events[a..a + 8].try_into().ok()?;
    record.events.copy_within(b..b + 8, a);
    record.events[b..b + 8].copy_from_slice(&word);
    Some(record)
}

/// The last message under another label.
fn relabelled(record: &RunRecord) -> Option<RunRecord> {
    let places = event_words(&record.events);
    let at =
        places.into_iter().rfind(|at| word_at(&record.events, *at).is_some_and(|it| it.kind == EventKind::Sent))?;
    let mut record = record.clone();
    let event = word_at(&record.events, at)?;
    let event = Event { label: LabelId(event.label.0 ^ 1), ..event };
    record.events[at..at + 8].copy_from_slice(&event.pack().to_le_bytes());
    Some(record)
}

/// Everything a tick later.
fn later(record: &RunRecord) -> RunRecord {
    let mut record = record.clone();
    let mut at = 0;
    while at + 16 <= record.events.len() {
        let word = |events: &[u8], at: usize| u32::from_le_bytes(events[at..at + 4].try_into().unwrap_or_default());
        let bursts = word(&record.events, at);
        let tick = u64::from_le_bytes(record.events[at + 8..at + 16].try_into().unwrap_or_default()) + 1;
        record.events[at + 8..at + 16].copy_from_slice(&tick.to_le_bytes());
        at += 16;
        for _ in 0..bursts {
            at += 16 + 8 * word(&record.events, at + 8) as usize;
        }
    }
    record
}

/// The first answer of the host, changed.
fn answered_otherwise(record: &RunRecord) -> Option<RunRecord> {
    let mut record = record.clone();
    let effects = record.inputs.iter_mut().filter_map(|(_, input)| match input {
        Input::Effect(effect) => Some(effect),
        _ => None,
    });
    let mut sends = effects.filter(|effect| effect.outcome != deferred());
    sends.next()?.outcome = deferred();
    Some(record)
}

fn deferred() -> EffectOutcome {
    EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Defer))
}

/// The order in which sessions stand in a trace, and at which ticks.
fn order(record: &RunRecord) -> (Vec<SessionId>, Vec<Tick>) {
    TraceReader::new(&record.events).filter_map(Result::ok).map(|event| (event.session, event.tick)).unzip()
}

#[derive(Debug, Default)]
struct Seen {
    equal: AtomicU64,
    swapped: AtomicU64,
    relabelled: AtomicU64,
    later: AtomicU64,
    answered: AtomicU64,
    interleaved: AtomicU64,
    recovered: AtomicU64,
    lines: AtomicU64,
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn idempotent(view: &RunView) -> Result<(), String> {
    for mode in DeterminismMode::ALL {
        let form = view.normal_form(mode);
        let again = form.clone().again();
        ensure!(form.entries() == again.entries() && form == again, "{mode:?}: the form has another form");
        let kept = view.entries().iter().filter(|entry| entry.event().is_some()).count();
        let told = form.entries().iter().filter(|entry| entry.event().is_some()).count();
        ensure!(kept == told, "{mode:?}: {kept} events, {told} in the form");
    }
    Ok(())
}

/// Holds a changed record against the one it was made of: the strictest profile under which both are equal.
fn held(plain: &RunView, changed: &RunRecord, expected: Option<DeterminismMode>, what: &str) -> Result<(), String> {
    let found = strictest(plain, &view(changed)?)?;
    ensure!(found == expected, "{what}: equal from {found:?}, and not from {expected:?}");
    Ok(())
}

fn case(seed: u64, seen: &Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0x9e37);
    let drawn = Drawn::of(seed, &mut Dice::new(seed), STEPS)?;
    let run: Run = drawn.setup.run(&drawn.image, &drawn.host())?;
    let record = run.read_record()?;
    let plain = view(&record)?;
    idempotent(&plain)?;
    for (what, other) in again(&drawn, &record, &mut dice)? {
        equal_from(Full, &plain, &other, what)?;
        add(&seen.equal, 1);
    }
    add(&seen.recovered, u64::from(recovered(&drawn, &record, &mut dice)? > 0));
    // Ticks are a matter of the two strict profiles.
    held(&plain, &later(&record), Some(ModuloEffects), "everything later")?;
    add(&seen.later, 1);
    if let Some(changed) = answered_otherwise(&record) {
        held(&plain, &changed, Some(Replay), "another answer")?;
        add(&seen.answered, 1);
    }
    if let Some(changed) = swapped(&record) {
        held(&plain, &changed, None, "two events of a session changed about")?;
        add(&seen.swapped, 1);
    }
    if let Some(changed) = relabelled(&record) {
        held(&plain, &changed, None, "another label")?;
        let found = compare_runs(ModuloEffects, &plain, &view(&changed)?).ok_or("no difference")?;
        let named = found.role.is_some() && found.edge.is_some() && found.expected != found.found;
        ensure!(named, "the difference is not named: {found:?}");
        add(&seen.relabelled, 1);
        add(&seen.lines, u64::from(found.line.is_some()));
    }
    // Another schedule: each session does the same, in another order of sessions.
    let mut other = drawn.setup.clone();
    (other.schedule.wave, other.schedule.fuel) = (other.schedule.wave % 4 + 1, other.schedule.fuel % 9 + 1);
    let other = other.run(&drawn.image, &drawn.host())?;
    let whole = |run: &Run| run.status != RunStatus::MaxSteps;
    if whole(&run) && whole(&other) {
        let other = other.read_record()?;
        let ((sessions, ticks), (others, later)) = (order(&record), order(&other));
        let expected = match (sessions == others, ticks == later) {
            // The host may have been asked at other ticks, or not.
            (true, true) if compare_runs(Full, &plain, &view(&other)?).is_none() => Full,
            (true, _) => ModuloEffects,
            (false, _) => ModuloCommutativity,
        };
        held(&plain, &other, Some(expected), "another schedule")?;
        add(&seen.interleaved, u64::from(expected == ModuloCommutativity));
    }
    Ok(())
}

fn lane(lane: &Lane) -> Result<(), String> {
    let seen = Seen::default();
    lane.run(|seed| case(seed, &seen))?;
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let Seen { equal, swapped, relabelled, later, answered, interleaved, recovered, lines } = &seen;
    println!(
        "{} runs again that are equal under every profile, {} out of a log; {} with later ticks, {} with another answer, \
         {} with two events changed about, {} with another label ({} differences with a line), {} with sessions in another \
         order",
        count(equal),
        count(recovered),
        count(later),
        count(answered),
        count(swapped),
        count(relabelled),
        count(lines),
        count(interleaved)
    );
    if lane.cases() >= 60 {
        let all = [equal, swapped, relabelled, later, answered, interleaved, recovered];
        ensure!(all.iter().all(|it| count(it) > 0), "the lane saw too little: {seen:?}");
    }
    Ok(())
}

/// The property lane.
pub fn profiles_say_what_is_the_same() -> Result<(), String> {
    lane(&Lane::new("profiles", 120))
}

/// A few cases of the property lane, for the mutation test.
pub fn profiles_say_the_same_in_small() -> Result<(), String> {
    lane(&Lane::fixed("profiles", 20))
}

/// A thing of some session or of none, with a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing(Option<u64>, &'static str, u64);

impl Observation for Thing {
    fn aspect(&self) -> Aspect {
        Aspect::Event
    }

    fn session(&self) -> Option<u64> {
        self.0
    }

    fn count(&mut self, number: u64) {
        self.2 = number;
    }
}

/// Sessions take turns between things that are of none, and nothing moves past those.
pub fn nothing_moves_past_what_is_of_no_session() -> Result<(), String> {
    let things = |told: &[(Option<u64>, &'static str)]| -> Vec<Thing> {
        told.iter().zip(100..).map(|((session, what), tick)| Thing(*session, what, tick)).collect()
    };
    let form = |told: &[(Option<u64>, &'static str)]| normal_form(ModuloCommutativity, things(told));
    let (a, b) = (Some(1), Some(2));
    let told = [(b, "x"), (a, "p"), (a, "q"), (a, "r"), (b, "y"), (None, "!"), (b, "z"), (a, "s")];
    let expected = [
        Thing(a, "p", 0),
        Thing(b, "x", 0),
        Thing(a, "q", 1),
        Thing(b, "y", 1),
        Thing(a, "r", 2),
        Thing(None, "!", 0),
        Thing(a, "s", 3),
        Thing(b, "z", 2),
    ];
    ensure!(form(&told) == expected, "{:?}", form(&told));
    ensure!(normal_form(ModuloCommutativity, expected.to_vec()) == expected, "the form has another form");
    let other = [(a, "p"), (a, "q"), (b, "x"), (b, "y"), (a, "r"), (None, "!"), (a, "s"), (b, "z")];
    ensure!(form(&other) == expected, "another interleaving has another form");
    let moved = [(b, "x"), (a, "p"), (a, "q"), (b, "y"), (None, "!"), (a, "r"), (b, "z"), (a, "s")];
    ensure!(form(&moved) != expected, "an event moved past what is of no session");
    ensure!(
        normal_form(ModuloEffects, things(&other)) != normal_form(ModuloEffects, things(&told)),
        "the order is lost"
    );
    Ok(())
}

const CHOICE: &str = "protocol Two =\n  roles A, B\n  A -> B : First\n  B -> A : Second\n  A -> B : Third\n";

/// The first difference has its role, edge, labels, source line and place, from either side.
pub fn differences_are_named() -> Result<(), String> {
    let source = Source::from_text("two.tell", CHOICE).map_err(text)?;
    let global = load(&source).map_err(|error| format!("{error:?}"))?;
    let parts = compile_with(&global, EmitOptions { step_hooks: false }).map_err(text)?;
    let image = Arc::new(CodeImage::verify(parts).map_err(text)?);
    let record = Setup::default().sessions(2).run(&image, &SeededHost::new(3))?.read_record()?;
    let plain = view(&record)?;
    let places = event_words(&record.events);
    let second = places.into_iter().rfind(|at| {
        word_at(&record.events, *at)
            .is_some_and(|it| it.kind == EventKind::Received && image.label_name(it.label) == "Second")
    });
    let second = second.ok_or("nobody receives Second")?;
    let mut changed = record.clone();
    let event = word_at(&record.events, second).ok_or("no event")?;
    let third = (0..4).map(LabelId).find(|label| image.label_name(*label) == "Third").ok_or("no Third")?;
    changed.events[second..second + 8].copy_from_slice(&Event { label: third, ..event }.pack().to_le_bytes());
    let changed = view(&changed)?;
    let mut told = BTreeMap::new();
    for mode in DeterminismMode::ALL {
        let found = compare_runs(mode, &plain, &changed).ok_or("no difference")?;
        let named = (found.role.as_deref(), found.edge.as_deref()) == (Some("A"), Some("B -> A"));
        ensure!(named && found.session == SessionId(1) && found.line == Some(4), "{mode:?}: {found:?}");
        let labels = (found.expected_label.as_deref(), found.found_label.as_deref());
        ensure!(labels == (Some("Second"), Some("Third")), "{mode:?}: {found:?}");
        let form = plain.normal_form(mode);
        let compared = form.compared(found.session);
        let there = compared.get(found.at).and_then(|entry| entry.event()).map(|(event, _)| event);
        ensure!(there == Some(event), "{mode:?}: {there:?} stands at {}", found.at);
        let before = compared[..found.at].iter().filter(|entry| !matches!(entry, TraceEntry::Burst(_))).count();
        ensure!(before as u64 == found.position, "{mode:?}: {before} before it, {} are said", found.position);
        told.insert(mode, found.position);
    }
    ensure!(told[&ModuloCommutativity] < told[&Full], "positions do not count within the session: {told:?}");
    // One that ends early.
    let mut short = record.clone();
    short.events.clear();
    let found = compare_runs(ModuloEffects, &view(&short)?, &plain).ok_or("no difference")?;
    ensure!(found.expected == "no further event" && found.position == 0, "{found}");
    Ok(())
}

/// A run that goes on has the record that it would have when written.
pub fn a_live_run_has_a_record() -> Result<(), String> {
    for seed in 1..6 {
        let drawn = Drawn::of(seed, &mut Dice::new(seed), STEPS)?;
        let mut runtime = Runtime::with_executor(drawn.setup.config.clone(), Schedule::default(), Seeded::new(seed));
        let runtime = runtime.as_mut().map_err(|error| error.to_string())?;
        let image = runtime.load(Arc::clone(&drawn.image)).map_err(text)?;
        (0..3).try_for_each(|_| runtime.open(image).map(drop)).map_err(text)?;
        runtime.limit_steps(300);
        for _ in 0..3 {
            runtime.turn(&drawn.host()).map_err(text)?;
            let record = RunRecord::of(runtime).ok_or("nothing is recorded")?;
            let replayed = replay(&record, None, |_| {}).map_err(|error| format!("seed {seed}: {error}"))?;
            ensure!(replayed.runtime.state_root() == runtime.state_root(), "seed {seed}: another state");
        }
    }
    Ok(())
}
