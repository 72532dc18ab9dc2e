//! Schedules, plans and certificates: who runs, how far, and that nobody runs uncertified.

use crate::draft::{Draft, UNIT, letters, stream};
use crate::script::{Script, choose};
use crate::walk::Setup;
use motet_machine::{
    CodeImage, ConfigError, FinishedChunk, IslandId, NoHost, OpenError, ProtocolMachine, ProtocolMachineConfig,
    Refusal, WaveChunk, WavePlan,
};
use motet_runtime::{GuestRuntime, PriorityPolicy, RunStatus, Schedule, SchedulerPolicy};
use motet_types::{Action, EffectKind, EffectKinds, EventKind, Instr, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

fn plan(machine: &ProtocolMachine, picks: &[u32]) -> WavePlan {
    let picks = picks.iter().map(|at| IslandId(*at)).collect();
    WavePlan { planner_step: machine.planner_step(), picks, fuel: 4, chunk: 2 }
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
    chunks.into_iter().map(|chunk| chunk.run(&NoHost)).collect()
}

/// Each way in which a plan may be wrong is refused by its name, and a refused plan changes nothing.
pub fn wrong_plans_are_refused() -> Result<(), String> {
    let mut machine = machine(4)?;
    let wants = EffectKinds::NONE;
    // Island 3 waits: its session is stepped until nothing in it is ready, with nobody to answer it.
    let step = machine.planner_step();
    let sound = plan(&machine, &[0, 1, 2]);
    let root = machine.state_root();
    let wrong: [(&str, WavePlan, Refusal); 8] = [
        (
            "stale",
            WavePlan { planner_step: step + 1, ..sound.clone() },
            Refusal::Stale { planned: step + 1, current: step },
        ),
        (
            "long stale",
            WavePlan { planner_step: u64::MAX, ..sound.clone() },
            Refusal::Stale { planned: u64::MAX, current: step },
        ),
        ("empty", WavePlan { picks: vec![], ..sound.clone() }, Refusal::Empty),
        ("no fuel", WavePlan { fuel: 0, ..sound.clone() }, Refusal::Empty),
        ("no chunk", WavePlan { chunk: 0, ..sound.clone() }, Refusal::Empty),
        ("unknown", plan(&machine, &[0, 4]), Refusal::Unknown(IslandId(4))),
        ("twice", plan(&machine, &[1, 0, 1]), Refusal::NotReady(IslandId(1))),
        ("last twice", plan(&machine, &[0, 1, 2, 3, 3]), Refusal::NotReady(IslandId(3))),
    ];
    for (what, plan, refusal) in wrong {
        let found = machine.certify(&plan, wants).err();
        ensure!(found == Some(refusal), "{what}: {found:?}, not {refusal:?}");
        ensure!(machine.state_root() == root, "{what}: the refused plan changed the state");
        ensure!((0..4).all(|at| machine.is_ready(IslandId(at))), "{what}: an island is no longer ready");
    }
    // While a wave is out its islands are nobody else's; the others are not ready to be taken at another step either.
    let wave = machine.certify(&sound, wants).map_err(|error| error.to_string())?;
    let found = machine.certify(&plan(&machine, &[2]), wants).err();
    ensure!(found == Some(Refusal::NotReady(IslandId(2))), "out: {found:?}");
    ensure!(wave.certificate().picks == 3 && wave.certificate().planner_step == step, "{:?}", wave.certificate());
    let (frame, chunks) = wave.split();
    ensure!(chunks.len() == 2, "three picks in chunks of two make {} chunks", chunks.len());
    let finished = frame.join(run_chunks(chunks)).map_err(|error| error.to_string())?;
    machine.commit(finished);
    let stale = machine.certify(&sound, wants).err();
    ensure!(stale == Some(Refusal::Stale { planned: step, current: step + 1 }), "committed: {stale:?}");
    Ok(())
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
    let wave = machine.certify(&both, EffectKinds::NONE).map_err(|error| error.to_string())?;
    let (frame, chunks) = wave.split();
    let report = machine.commit(frame.join(run_chunks(chunks)).map_err(|error| error.to_string())?);
    ensure!(report.ready.is_empty() && report.asks.len() == 1, "{report:?}");
    for at in [0, 1] {
        let found = machine.certify(&plan(&machine, &[at]), EffectKinds::NONE).err();
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
        machine.certify(&plan, EffectKinds::NONE).map(|wave| wave.split()).map_err(|error| error.to_string())
    };
    let (frame, chunks) = wave(&mut first)?;
    let mut finished = run_chunks(chunks);
    finished.pop();
    let lost = frame.join(finished);
    ensure!(lost.as_ref().is_err_and(|lost| (lost.expected, lost.found) == (2, 1)), "{lost:?}");
    // The second machine's chunks of another wave.
    let (frame, chunks) = wave(&mut second)?;
    let report = second.commit(frame.join(run_chunks(chunks)).map_err(|error| error.to_string())?);
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
        ensure!(run.metrics.fallbacks == 0, "{policy:?}: {} plans were refused", run.metrics.fallbacks);
        ensure!(run.metrics.max_wave_width == 3, "{policy:?}: waves of {}", run.metrics.max_wave_width);
        ensure!(run.metrics.max_ready_depth == 5, "{policy:?}: {} ready", run.metrics.max_ready_depth);
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
    for (wave, fuel) in [(1, 1), (8, 16), (64, 256), (3, 7), (1 << 20, 1 << 20)] {
        for limit in [0, 1, 2, 17, 100, 255, 256, 257, 1000] {
            let setup = Setup::default().sessions(5).schedule(wave, fuel).limit(limit);
            let mut runtime = setup.guest(&image)?;
            let status = runtime.run(&host).map_err(|error| error.to_string())?;
            ensure!(status == RunStatus::MaxSteps, "({wave}, {fuel}), {limit}: {status:?}");
            let steps = runtime.machine().tally().steps;
            ensure!(steps == limit, "({wave}, {fuel}): {steps} steps of {limit}");
            runtime.limit_steps(limit + 33);
            runtime.run(&host).map_err(|error| error.to_string())?;
            let steps = runtime.machine().tally().steps;
            ensure!(steps == limit + 33, "({wave}, {fuel}): {steps} steps of {limit} and 33 more");
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
