//! Random protocols, run in every way, judged by the global type alone.

use crate::dice::Dice;
use crate::generate::{Size, protocol, wild};
use crate::lane::Lane;
use crate::monitor::{Monitor, Verdict};
use crate::walk::{Run, Setup, image_of};
use crate::witness::{Mood, Moody, Witness, choices_are_obeyed};
use motet_choreo::project;
use motet_machine::{BackpressurePolicy, BufferMode, CodeImage};
use motet_runtime::{NormalForm, RunStatus, SeededHost};
use motet_types::{Event, EventKind, FaultClass, GlobalNode, GlobalType, SessionId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Steps for each session before a run is stopped.
const STEPS: u64 = 400;

/// What a lane has seen, so that it cannot pass without having looked.
#[derive(Debug, Default)]
struct Seen {
    runs: AtomicU64,
    completed: AtomicU64,
    unfinished: AtomicU64,
    faulted: AtomicU64,
    messages: AtomicU64,
    choices: AtomicU64,
    looped: AtomicU64,
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// A case's protocol: from two roles and four messages to seven roles, forty messages and loops in loops. One in four
/// is a well-formed type that nobody has thought about, if one of a few happens to project.
pub fn global(dice: &mut Dice) -> GlobalType {
    let size = Size {
        min_roles: 2,
        max_roles: 2 + dice.below(6) as u16,
        messages: 4 + dice.below(37),
        depth: 1 + dice.below(4),
        parallel: dice.one_in(3),
        endless: dice.one_in(2),
        careless: 24,
    };
    if dice.one_in(4) {
        for _ in 0..16 {
            let global = wild(dice.rng(), &size);
            if project(&global).is_ok() {
                return global;
            }
        }
    }
    protocol(dice.rng(), &size)
}

/// Buffers in which no message can be refused: the sender waits, or the edge grows.
pub(crate) fn patient(dice: &mut Dice) -> (u16, BackpressurePolicy) {
    let capacity = *dice.pick(&[1, 2, 64]);
    let grows = BackpressurePolicy::Resize { max: 4096 };
    (capacity, if dice.one_in(3) { grows } else { BackpressurePolicy::Block })
}

/// Each role's events, whatever the others did in between, each with its text.
pub(super) fn by_role(trace: &NormalForm) -> BTreeMap<(SessionId, u16), Vec<(Event, String)>> {
    let mut roles: BTreeMap<_, Vec<(Event, String)>> = BTreeMap::new();
    for entry in trace.entries() {
        if let Some((event, text)) = entry.event().filter(|(event, _)| event.kind != EventKind::SessionTerminal) {
            roles.entry((entry.of(), event.coroutine.0)).or_default().push((event, text.to_owned()));
        }
    }
    roles
}

/// Equal session by session; where one run was cut earlier than the other, as far as both go.
pub(super) fn same_sessions(left: &Run, right: &Run) -> Result<(), String> {
    let (a, b) = (left.normalised()?, right.normalised()?);
    let whole = left.status != RunStatus::MaxSteps && right.status != RunStatus::MaxSteps;
    if whole {
        let difference = a.difference(&b);
        ensure!(difference.is_none(), "schedules differ: {difference:?}");
        return Ok(());
    }
    let others = b.sessions();
    for (session, events) in &a.sessions() {
        // Where one run was stopped, it may not have opened a session yet that the other has.
        let Some(other) = others.get(session) else {
            ensure!(session.number() > 0, "{session} is missing");
            continue;
        };
        let differs = events.iter().zip(other).position(|(x, y)| x != y);
        ensure!(differs.is_none(), "schedules differ in {session} at event {differs:?}");
    }
    Ok(())
}

fn case(seed: u64, seen: &Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let global = global(&mut dice);
    let image = image_of(&global, dice.one_in(4))?;
    let reloaded = CodeImage::load(&image.parts().to_bytes()).map_err(|error| format!("loading: {error}"))?;
    ensure!(reloaded.digest() == image.digest(), "the file has another digest than the image");
    let monitor = Monitor::new(&global)?;
    let mood = match dice.below(12) {
        0..=7 => Mood::Reliable,
        8 => Mood::Failing(11 + dice.below(60) as u32),
        9 | 10 => Mood::Deferring(2 + dice.below(9) as u32),
        _ => Mood::Dropping(5 + dice.below(30) as u32),
    };
    let host = Witness::new(Moody { inner: SeededHost::new(seed), mood });
    let (capacity, policy) = match dice.below(6) {
        0 => (1 + dice.below(3) as u16, *dice.pick(&[BackpressurePolicy::Drop, BackpressurePolicy::Error])),
        _ => patient(&mut dice),
    };
    let lossy = matches!(policy, BackpressurePolicy::Drop | BackpressurePolicy::Error);
    let sessions = 1 + dice.below(4);
    let base = Setup::default().sessions(sessions).limit(STEPS * sessions as u64);
    let setup = base.clone().buffer(BufferMode::Fifo, capacity, policy);
    let check = |run: &Run, told: &str| -> Result<Vec<Verdict>, String> {
        let shown = host.take();
        let verdicts = monitor.judge(&image, run, &shown).map_err(|why| format!("{told}: {why}"))?;
        if !matches!(mood, Mood::Dropping(_)) {
            choices_are_obeyed(&shown).map_err(|why| format!("{told}: {why}"))?;
        }
        let expected = match run.status {
            RunStatus::Completed | RunStatus::MaxSteps => true,
            RunStatus::Faulted => !run.faults.is_empty(),
            RunStatus::Stuck | RunStatus::Waiting => false,
        };
        ensure!(expected, "{told}: the run ended {}", run.status.name());
        for report in &run.faults {
            let class = report.fault.class();
            let allowed = match class {
                FaultClass::Buffer => lossy || matches!(mood, Mood::Dropping(_)),
                FaultClass::Invoke => matches!(mood, Mood::Failing(_)),
                _ => false,
            };
            ensure!(allowed, "{told}: {report:?}");
        }
        Ok(verdicts)
    };
    let wide = setup.run(&image, &host)?;
    let verdicts = check(&wide, "throughput")?;
    wide.replayed()?;
    add(&seen.runs, 1);
    add(&seen.messages, wide.tally.messages);
    let count = |verdict| verdicts.iter().filter(|v| **v == verdict).count() as u64;
    add(&seen.completed, count(Verdict::Completed));
    add(&seen.unfinished, count(Verdict::Unfinished));
    add(&seen.faulted, count(Verdict::Faulted));
    let is = |kind| move |event: &motet_machine::TraceEvent| event.event.kind == kind;
    add(&seen.choices, wide.trace()?.into_iter().filter(is(EventKind::Offered)).count() as u64);
    add(&seen.looped, u64::from(global.nodes().iter().any(|n| matches!(n, GlobalNode::Rec { .. }))));
    for (wave, fuel) in [(1, 1), (8, 16), (64, 256), (1024, 1024)] {
        let mut setup = setup.clone().schedule(wave, fuel);
        setup.schedule.policy = dice.pick(&super::scheduling::policies()).clone();
        setup.schedule.chunk = *dice.pick(&[1, 2, 64]);
        let told = format!("({wave}, {fuel}) {:?}", setup.schedule.policy);
        let run = setup.run(&image, &host)?;
        check(&run, &told)?;
        same_sessions(&wide, &run).map_err(|why| format!("{told}: {why}"))?;
        ensure!(
            run.metrics.planner_conflict_events == 0,
            "{told}: {} plans were refused",
            run.metrics.planner_conflict_events
        );
        let seeded = setup.run_seeded(&image, &host, dice.word())?;
        host.take();
        run.same_as(&seeded).map_err(|why| format!("{told}, completion in another order: {why}"))?;
        run.replayed().map_err(|why| format!("{told}: {why}"))?;
        add(&seen.runs, 2);
    }
    if mood == Mood::Reliable && !lossy {
        // Buffers decide when things happen, and nothing else.
        let (capacity, policy) = patient(&mut dice);
        let run = base.buffer(BufferMode::Fifo, capacity, policy).run(&image, &host)?;
        check(&run, "other buffers")?;
        add(&seen.runs, 1);
        if (run.status, wide.status) == (RunStatus::Completed, RunStatus::Completed) {
            let same = by_role(&run.normalised()?) == by_role(&wide.normalised()?);
            ensure!(same, "buffers of {capacity}, {policy:?}: some role did something else");
        }
    }
    Ok(())
}

fn lane(lane: &Lane) -> Result<(), String> {
    let seen = Seen::default();
    lane.run(|seed| case(seed, &seen))?;
    let [runs, completed, unfinished, faulted, messages, choices, looped] =
        [&seen.runs, &seen.completed, &seen.unfinished, &seen.faulted, &seen.messages, &seen.choices, &seen.looped]
            .map(|count| count.load(Ordering::Relaxed));
    println!(
        "{runs} runs, each replayed or compared; of the first run of each case {completed} sessions completed, \
         {unfinished} stopped at the limit, {faulted} faulted; {messages} messages, {choices} choices; {looped} \
         protocols with loops"
    );
    if lane.cases() >= 100 {
        let enough = completed > lane.cases() && unfinished > 0 && faulted > 0 && choices > 0;
        ensure!(enough && looped * 4 > lane.cases(), "the lane saw too little");
    }
    Ok(())
}

/// The property lane.
pub fn follow_their_global_type() -> Result<(), String> {
    lane(&Lane::new("protocols", 500))
}

/// A few cases of the property lane, for the mutation test.
pub fn follow_their_global_type_in_small() -> Result<(), String> {
    lane(&Lane::fixed("protocols", 60))
}
