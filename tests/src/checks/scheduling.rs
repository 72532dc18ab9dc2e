//! Schedules, plans and certificates: who runs, how far, and that nobody runs uncertified.

use crate::draft::{Draft, UNIT, letters, stream};
use crate::script::{Script, choose};
use crate::walk::Setup;
use motet_machine::{
    CertifiedWave, CodeImage, CommitReport, ConfigError, FinishedChunk, FinishedWave, ImageId, IslandId, NoHost,
    OpenError, Pick, ProtocolMachine, ProtocolMachineConfig, Refusal, WaveCertificate, WaveChunk, WavePlan,
};
use motet_runtime::{GuestRuntime, PriorityPolicy, RunStatus, Schedule, SchedulerPolicy, Turn};
use motet_types::{Action, EffectKind, EffectKinds, EventKind, Instr, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

fn plan(machine: &ProtocolMachine, picks: &[u32]) -> WavePlan {
    let footprint = |island| machine.session_of(island).unwrap_or(SessionId(99));
    let pick = |at: &u32| Pick { island: IslandId(*at), footprint: footprint(IslandId(*at)) };
    let picks = picks.iter().map(pick).collect();
    let (wave, planner_step, boundary) = (machine.next_wave(), machine.planner_step(), machine.boundary());
    WavePlan { claim: WaveCertificate { wave, planner_step, boundary, picks }, fuel: 4, chunk: 2 }
}

fn certified(machine: &mut ProtocolMachine, plan: WavePlan) -> Result<CertifiedWave, String> {
    machine.certify(plan, EffectKinds::NONE).map_err(|refused| refused.refusal.to_string())
}

fn refusal(machine: &mut ProtocolMachine, plan: WavePlan) -> Option<Refusal> {
    machine.certify(plan, EffectKinds::NONE).err().map(|refused| refused.refusal)
}

fn commit(machine: &mut ProtocolMachine, finished: FinishedWave) -> CommitReport {
    let mut report = CommitReport::default();
    machine.commit(finished, &mut report);
    report
}

/// A machine with that many sessions of [`letters`].
fn machine(sessions: usize) -> Result<ProtocolMachine, String> {
    let mut machine = ProtocolMachine::new(ProtocolMachineConfig::default()).map_err(|error| error.to_string())?;
    let image = machine.load(letters(3).image()?).map_err(|error| error.to_string())?;
    for _ in 0..sessions {
        machine.open(image).map_err(|error| error.to_string())?;
    }
    Ok(machine)
}

fn run_chunks(chunks: Vec<WaveChunk>) -> Vec<FinishedChunk> {
    chunks.into_iter().map(|chunk| chunk.run(&NoHost, 0)).collect()
}

/// Each way in which a plan may be wrong is refused by its name, and a refused plan changes nothing.
pub fn wrong_plans_are_refused() -> Result<(), String> {
    let mut machine = machine(4)?;
    let sound = plan(&machine, &[0, 1, 2]);
    let root = machine.state_root();
    let empty = WavePlan { claim: WaveCertificate { picks: vec![], ..sound.claim.clone() }, ..sound.clone() };
    let wrong: [(&str, WavePlan, Refusal); 6] = [
        ("empty", empty, Refusal::Empty),
        ("no fuel", WavePlan { fuel: 0, ..sound.clone() }, Refusal::Empty),
        ("no chunk", WavePlan { chunk: 0, ..sound.clone() }, Refusal::Empty),
        ("unknown", plan(&machine, &[0, 4]), Refusal::Unknown(IslandId(4))),
        ("twice", plan(&machine, &[1, 0, 1]), Refusal::NotReady(IslandId(1))),
        ("last twice", plan(&machine, &[0, 1, 2, 3, 3]), Refusal::NotReady(IslandId(3))),
    ];
    for (what, plan, refused) in wrong {
        let found = refusal(&mut machine, plan);
        ensure!(found == Some(refused), "{what}: {found:?}, not {refused:?}");
        ensure!(machine.state_root() == root, "{what}: the refused plan changed the state");
        ensure!((0..4).all(|at| machine.is_ready(IslandId(at))), "{what}: an island is no longer ready");
    }
    // While a wave is out its islands are nobody else's; the others may go out beside it.
    let wave = certified(&mut machine, sound.clone())?;
    let mut overlapping = plan(&machine, &[3]);
    overlapping.claim.picks.push(sound.claim.picks[2]);
    let found = refusal(&mut machine, overlapping);
    ensure!(found == Some(Refusal::NotReady(IslandId(2))), "out: {found:?}");
    let beside = plan(&machine, &[3]);
    let beside = certified(&mut machine, beside)?;
    ensure!(wave.certificate() == &sound.claim, "{:?}", wave.certificate());
    ensure!(machine.open(ImageId(0)) == Err(OpenError::WavesOut { out: 2 }), "a session is opened while waves are out");
    let (frame, chunks) = wave.split();
    ensure!(chunks.len() == 2, "three picks in chunks of two make {} chunks", chunks.len());
    let finished = frame.join(run_chunks(chunks)).map_err(|error| error.to_string())?;
    commit(&mut machine, finished);
    commit(&mut machine, beside.run(&NoHost));
    let stale = refusal(&mut machine, sound);
    ensure!(stale == Some(Refusal::Wave { planned: 0, current: 2 }), "committed: {stale:?}");
    Ok(())
}

/// Every single word of a certificate matters: whatever is changed, the certifier refuses.
pub fn every_word_of_a_certificate_is_checked() -> Result<(), String> {
    let mut machine = machine(6)?;
    // A wave is out and one is committed, so that wave and step differ; and a boundary was taken.
    for _ in 0..3 {
        let plan = plan(&machine, &[4, 5]);
        let wave = certified(&mut machine, plan)?;
        commit(&mut machine, wave.run(&NoHost));
    }
    machine.take_boundary();
    let first = plan(&machine, &[3]);
    let out = certified(&mut machine, first)?;
    let sound = plan(&machine, &[0, 1, 2]);
    ensure!(sound.claim.wave == 4 && sound.claim.planner_step == 3, "{:?}", sound.claim);
    let mut tried = 0;
    let mut refuse = |what: &str, change: &dyn Fn(&mut WaveCertificate)| {
        let mut plan = sound.clone();
        change(&mut plan.claim);
        tried += 1;
        match plan == sound {
            true => Err(format!("{what}: nothing was changed")),
            false if refusal(&mut machine, plan).is_some() => Ok(()),
            false => Err(format!("{what}: the changed certificate was accepted")),
        }
    };
    for by in (0..64).map(|bit| 1u64 << bit).chain([2, 3, u64::MAX]) {
        refuse("wave", &|claim| claim.wave = claim.wave.wrapping_add(by))?;
        refuse("planner step", &|claim| claim.planner_step = claim.planner_step.wrapping_add(by))?;
        refuse("boundary's wave", &|claim| claim.boundary.wave = claim.boundary.wave.wrapping_add(by))?;
        for at in 0..3 {
            refuse("footprint", &|claim| claim.picks[at].footprint.0 = claim.picks[at].footprint.0.wrapping_add(by))?;
            let by = by as u32;
            if by != 0 {
                // Islands 0 to 5 are all there: four are ready, and each is something else than the plan claims.
                refuse("island", &|claim| claim.picks[at].island.0 = claim.picks[at].island.0.wrapping_add(by))?;
            }
        }
    }
    for bit in 0..256 {
        refuse("boundary's digest", &|claim| claim.boundary.state.0[bit / 8] ^= 1 << (bit % 8))?;
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        refuse("a pick for another", &|claim| claim.picks[one] = claim.picks[other])?;
        refuse("islands exchanged", &|claim| {
            let island = claim.picks[one].island;
            claim.picks[one].island = claim.picks[other].island;
            claim.picks[other].island = island;
        })?;
    }
    ensure!(tried > 700, "{tried} changes");
    // And unchanged it is still accepted: none of the refusals changed anything.
    certified(&mut machine, sound)?;
    commit(&mut machine, out.run(&NoHost));
    Ok(())
}

/// Waves are committed oldest first; nothing else is taken.
pub fn waves_are_committed_in_order() -> Result<(), String> {
    let mut machine = machine(4)?;
    let first = plan(&machine, &[0, 1]);
    let first = certified(&mut machine, first)?;
    let second = plan(&machine, &[2, 3]);
    let second = certified(&mut machine, second)?;
    let committed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        commit(&mut machine, second.run(&NoHost));
    }));
    ensure!(committed.is_err(), "the newer wave was committed first");
    commit(&mut machine, first.run(&NoHost));
    Ok(())
}

/// Chunks and waves may be finished in any order, by anybody: nothing that can be seen changes.
pub fn completion_order_changes_nothing() -> Result<(), String> {
    let image = letters(6).image()?;
    for (wave, chunk, window) in [(8, 1, 1), (3, 1, 4), (4, 2, 3)] {
        let mut setup = Setup::default().sessions(9).schedule(wave, 2).window(window, 7);
        setup.schedule.chunk = chunk;
        let expected = setup.run(&image, &NoHost)?;
        ensure!(expected.status == RunStatus::Completed, "{:?}", expected.status);
        for seed in 0..8 {
            let seen = setup.run_seeded(&image, &NoHost, seed)?;
            ensure!(seen.trace_digest == expected.trace_digest, "({wave}, {chunk}, {window}), order {seed}: trace");
            ensure!(seen.state_root == expected.state_root, "({wave}, {chunk}, {window}), order {seed}: root");
            ensure!(seen.tape == expected.tape, "({wave}, {chunk}, {window}), order {seed}: tape");
        }
    }
    Ok(())
}

/// The trace has the bursts of a wave in pick order, chunk after chunk, and its ticks go up by one a wave.
pub fn traces_stand_in_pick_order() -> Result<(), String> {
    let mut setup = Setup::default().sessions(4).schedule(4, 1);
    setup.schedule.chunk = 2;
    let run = setup.run(&one_message()?, &NoHost)?;
    let kinds = [EventKind::Sent, EventKind::Received, EventKind::Halted];
    let steps: Vec<_> = run.trace()?.into_iter().filter(|event| kinds.contains(&event.event.kind)).collect();
    let sessions: Vec<u64> = steps.iter().map(|event| event.session.0).collect();
    ensure!(sessions == [0, 1, 2, 3].repeat(4), "{sessions:?}");
    let ticks: Vec<u64> = steps.iter().map(|event| event.tick.0).collect();
    ensure!(ticks == (0..16).map(|at| at / 4).collect::<Vec<_>>(), "{ticks:?}");
    Ok(())
}

/// With a window, the next wave is planned as soon as the oldest is committed, and not before: its session is out.
pub fn windows_depend_on_commits_alone() -> Result<(), String> {
    let setup = Setup::default().sessions(5).schedule(2, 1).window(2, 100);
    let run = setup.run(&one_message()?, &NoHost)?;
    let kinds = [EventKind::Sent, EventKind::Received, EventKind::Halted];
    let trace = run.trace()?;
    let picks: Vec<(u64, u64)> =
        trace.iter().filter(|e| kinds.contains(&e.event.kind)).map(|e| (e.tick.0, e.session.0)).collect();
    // Waves 0 and 1 go out with sessions 0 to 3; when 0 is back, session 4 goes first, and session 0 follows.
    let expected = [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 0), (3, 1), (3, 2), (4, 3), (4, 4), (5, 0), (5, 1)];
    ensure!(picks[..12] == expected, "{picks:?}");
    run.replayed().map(drop)
}

/// An island that waits, or whose session has ended, is not ready.
pub fn waiting_islands_are_not_ready() -> Result<(), String> {
    let mut draft = letters(1);
    // `A` first asks for something that takes time, so that everybody waits.
    let effect = draft.effect("ask", 1, 1, true);
    let (set, invoke) = (Instr::Set { dst: 1, constant: 0 }, Instr::Invoke { arg: 1, dst: 1, effect });
    draft.recode(0, 2, &[set, invoke, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
    let mut machine = ProtocolMachine::new(ProtocolMachineConfig::default()).map_err(|error| error.to_string())?;
    let (asking, plain) = (machine.load(draft.image()?), machine.load(letters(1).image()?));
    for image in [asking, plain] {
        machine.open(image.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    let both = WavePlan { fuel: 64, ..plan(&machine, &[0, 1]) };
    let wave = certified(&mut machine, both)?;
    let report = commit(&mut machine, wave.run(&NoHost));
    ensure!(report.ready.is_empty() && report.asks.len() == 1, "{report:?}");
    for at in [0, 1] {
        let plan = plan(&machine, &[at]);
        let found = refusal(&mut machine, plan);
        ensure!(found == Some(Refusal::NotReady(IslandId(at))), "island {at}: {found:?}");
    }
    ensure!(machine.live_sessions() == 1 && machine.tally().closed == 1, "{:?}", machine.tally());
    Ok(())
}

/// Chunks that are missing, or another wave's, do not make a finished wave.
pub fn lost_chunks_are_noticed() -> Result<(), String> {
    let (mut first, mut second) = (machine(4)?, machine(4)?);
    let wave = |machine: &mut ProtocolMachine| {
        let plan = plan(machine, &[0, 1, 2, 3]);
        certified(machine, plan).map(CertifiedWave::split)
    };
    let (frame, chunks) = wave(&mut first)?;
    let mut finished = run_chunks(chunks);
    finished.pop();
    let lost = frame.join(finished);
    ensure!(lost.as_ref().is_err_and(|lost| (lost.expected, lost.found) == (2, 1)), "{lost:?}");
    // The second machine's chunks of another wave.
    let (frame, chunks) = wave(&mut second)?;
    let report = commit(&mut second, frame.join(run_chunks(chunks)).map_err(|error| error.to_string())?);
    ensure!(!report.ready.is_empty(), "{report:?}");
    let (_, others) = wave(&mut second)?;
    let (frame, _) = wave(&mut machine(4)?)?;
    let lost = frame.join(run_chunks(others));
    ensure!(lost.is_err(), "another wave's chunks were taken");
    Ok(())
}

/// The planner's waves are certified as they are: distinct, ready, at the current step, as wide as there is to do.
pub fn plans_are_certified_as_they_are() -> Result<(), String> {
    let image = letters(3).image()?;
    for policy in policies() {
        let mut setup = Setup::default().sessions(5).schedule(3, 2);
        setup.schedule.policy = policy.clone();
        let run = setup.run(&image, &NoHost)?;
        ensure!(run.status == RunStatus::Completed, "{policy:?}: {:?}", run.status);
        ensure!(
            run.metrics.planner_conflict_events == 0,
            "{policy:?}: {} plans were refused",
            run.metrics.planner_conflict_events
        );
        ensure!(run.metrics.max_wave_width == 3, "{policy:?}: waves of {}", run.metrics.max_wave_width);
        ensure!(run.metrics.max_ready_queue_depth == 5, "{policy:?}: {} ready", run.metrics.max_ready_queue_depth);
    }
    Ok(())
}

/// All policies.
pub fn policies() -> Vec<SchedulerPolicy> {
    let map: BTreeMap<SessionId, u32> = [(SessionId(2), 7), (SessionId(0), 3)].into();
    vec![
        SchedulerPolicy::Cooperative,
        SchedulerPolicy::RoundRobin,
        SchedulerPolicy::Priority(PriorityPolicy::FixedMap(map.clone())),
        SchedulerPolicy::Priority(PriorityPolicy::Aging(map)),
        SchedulerPolicy::Priority(PriorityPolicy::TokenWeighted),
        SchedulerPolicy::ProgressAware,
        SchedulerPolicy::Random { seed: 11 },
    ]
}

/// The sessions in the order in which they took their steps, one step a wave.
fn order(policy: SchedulerPolicy, sessions: usize, image: &Arc<CodeImage>) -> Result<Vec<u64>, String> {
    let mut setup = Setup::default().sessions(sessions).schedule(1, 1);
    setup.schedule.policy = policy;
    let run = setup.run(image, &NoHost)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.status);
    let kinds = [EventKind::Sent, EventKind::Received, EventKind::Halted];
    Ok(run.trace()?.iter().filter(|e| kinds.contains(&e.event.kind)).map(|e| e.session.0).collect())
}

/// `A` sends one message and halts, `B` takes it and halts: four steps with an event each.
fn one_message() -> Result<Arc<CodeImage>, String> {
    let mut draft = letters(1);
    draft.parts.labels[0].sort = UNIT;
    draft.recode(0, 2, &[Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
    draft.image()
}

/// First ready, first served: the sessions take turns.
pub fn cooperative_takes_turns() -> Result<(), String> {
    for policy in [SchedulerPolicy::Cooperative, SchedulerPolicy::RoundRobin] {
        let order = order(policy, 3, &one_message()?)?;
        ensure!(order == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], "{order:?}");
    }
    Ok(())
}

/// The highest fixed priority goes first, to its end; equals take turns.
pub fn priorities_are_kept() -> Result<(), String> {
    let map = [(SessionId(2), 7), (SessionId(0), 3)].into();
    let order = order(SchedulerPolicy::Priority(PriorityPolicy::FixedMap(map)), 4, &one_message()?)?;
    ensure!(order == [2, 2, 2, 2, 0, 0, 0, 0, 1, 3, 1, 3, 1, 3, 1, 3], "{order:?}");
    Ok(())
}

/// With aging, a session of low priority comes to its turn while one of high priority still has something to do.
pub fn aging_lets_nobody_wait_for_ever() -> Result<(), String> {
    let map: BTreeMap<SessionId, u32> = [(SessionId(1), 3)].into();
    let image = letters(20).image()?;
    let fixed = order(SchedulerPolicy::Priority(PriorityPolicy::FixedMap(map.clone())), 2, &image)?;
    let aging = order(SchedulerPolicy::Priority(PriorityPolicy::Aging(map)), 2, &image)?;
    let last_of_1 = |order: &[u64]| order.iter().rposition(|session| *session == 1);
    let first_of_0 = |order: &[u64]| order.iter().position(|session| *session == 0);
    ensure!(first_of_0(&fixed) > last_of_1(&fixed), "without aging the first session is let in: {fixed:?}");
    ensure!(first_of_0(&aging) < Some(4), "with aging the first session waits: {aging:?}");
    ensure!(aging.first() == Some(&1), "with aging the higher priority begins: {aging:?}");
    Ok(())
}

/// Sessions with messages in flight go before those without; by number of messages when that is the policy.
pub fn messages_in_flight_go_first() -> Result<(), String> {
    let order_of = |policy| order(policy, 2, &one_message()?);
    let order = order_of(SchedulerPolicy::ProgressAware)?;
    // Session 0 sends first, has a message in flight, and goes on until it is taken; then session 1 is older.
    ensure!(order == [0, 0, 0, 1, 1, 1, 0, 1], "{order:?}");
    let order = order_of(SchedulerPolicy::Priority(PriorityPolicy::TokenWeighted))?;
    ensure!(order == [0, 0, 0, 1, 1, 1, 0, 1], "{order:?}");
    Ok(())
}

/// A random order is drawn from its seed: the same again, another with another seed.
pub fn random_orders_have_seeds() -> Result<(), String> {
    let image = one_message()?;
    let draw = |seed| order(SchedulerPolicy::Random { seed }, 6, &image);
    ensure!(draw(1)? == draw(1)?, "one seed has two orders");
    ensure!((2..12).any(|seed| draw(seed) != draw(1)), "all seeds have one order");
    Ok(())
}

/// A run takes exactly as many steps as it may, in every schedule, and goes on from there when it may take more.
pub fn limits_are_exact() -> Result<(), String> {
    let image = stream().image()?;
    let host = Script::new(&[EffectKind::Choose], |request| choose(request, "More"));
    for (wave, fuel, window) in [(1, 1, 1), (8, 16, 1), (64, 256, 8), (3, 7, 1), (2, 5, 3), (1 << 20, 1 << 20, 1)] {
        for limit in [0, 1, 2, 17, 100, 255, 256, 257, 1000] {
            let setup = Setup::default().sessions(5).schedule(wave, fuel).window(window, 4).limit(limit);
            let mut runtime = setup.guest(&image)?;
            for limit in [limit, limit + 33] {
                runtime.limit_steps(limit);
                // Not `run`: without a limit this goes on for ever.
                while runtime.turn(&host).map_err(|error| error.to_string())? != Turn::Idle {
                    let steps = runtime.machine().tally().steps;
                    ensure!(steps <= limit, "({wave}, {fuel}): {steps} steps of {limit}");
                }
                ensure!(runtime.status() == RunStatus::MaxSteps, "({wave}, {fuel}), {limit}: {:?}", runtime.status());
                let steps = runtime.machine().tally().steps;
                ensure!(steps == limit, "({wave}, {fuel}): {steps} steps of {limit}");
            }
        }
    }
    Ok(())
}

/// Schedules and configurations that make no sense are refused, and limits on sessions and registers hold.
pub fn senseless_settings_are_refused() -> Result<(), String> {
    let config = ProtocolMachineConfig::default();
    for (wave, fuel, chunk) in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (Schedule::LIMIT + 1, 1, 1), (1, u32::MAX, 1)] {
        let schedule = Schedule { wave, fuel, chunk, ..Schedule::default() };
        ensure!(GuestRuntime::new(config.clone(), schedule).is_err(), "({wave}, {fuel}, {chunk}) was accepted");
    }
    for (window, turn) in [(0, 1), (1, 0), (Schedule::WINDOW_LIMIT + 1, 1), (1, u32::MAX)] {
        let schedule = Schedule { window, turn, ..Schedule::default() };
        ensure!(GuestRuntime::new(config.clone(), schedule).is_err(), "window {window}, turn {turn} was accepted");
    }
    let setup = |change: fn(&mut ProtocolMachineConfig)| {
        let mut config = ProtocolMachineConfig::default();
        change(&mut config);
        ProtocolMachine::new(config)
    };
    let refused = setup(|config| config.buffer.capacity = 0).err();
    ensure!(refused == Some(ConfigError::NoBuffer), "{refused:?}");
    let refused = setup(|config| config.max_sessions = 0).err();
    ensure!(refused == Some(ConfigError::Zero("max_sessions")), "{refused:?}");
    let mut machine = setup(|config| config.max_sessions = 2).map_err(|error| error.to_string())?;
    let image = machine.load(letters(1).image()?).map_err(|error| error.to_string())?;
    let opened = [(); 3].map(|()| machine.open(image).map(drop));
    ensure!(opened == [Ok(()), Ok(()), Err(OpenError::TooManySessions { limit: 2 })], "{opened:?}");
    let mut machine = setup(|config| config.max_registers = 1).map_err(|error| error.to_string())?;
    let refused = machine.load(letters(1).image()?).err();
    ensure!(refused == Some(OpenError::Registers { needed: 2, limit: 1 }), "{refused:?}");
    Ok(())
}

/// A protocol whose every role does nothing ends in one step a role.
pub fn empty_protocols_end() -> Result<(), String> {
    let mut draft = Draft::new();
    draft.end();
    for role in 0..70u16 {
        let end = draft.state(role, Action::End, &[]);
        draft.role(&format!("R{role}"), end, 1, &[Instr::Halt {}]);
    }
    let image = draft.image()?;
    for fuel in [1, 256] {
        let run = Setup::default().schedule(2, fuel).sessions(2).run(&image, &NoHost)?;
        ensure!(run.status == RunStatus::Completed && run.tally.steps == 140, "{:?} {:?}", run.status, run.tally);
    }
    Ok(())
}
