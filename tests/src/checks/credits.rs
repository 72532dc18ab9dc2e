//! Credits: a coroutine executes what it can pay for and not one instruction more, whatever the schedule.

use super::opening::{CHILD, FORK, HALT, REGISTERS, SEVEN, TELL, YIELD, opener, setup};
use crate::draft::letters;
use crate::walk::Setup;
use motet_machine::{
    BackpressurePolicy, BufferMode, CodeImage, ConfigError, NoHost, ProtocolMachine, RestoreError, SNAPSHOT_MAGIC,
    SNAPSHOT_VERSION, SessionState, seal, unseal,
};
use motet_runtime::{GuestRuntime, RunStatus};
use motet_types::{CoroutineId, Fault, Instr, RoleId, SessionId, Side};
use std::sync::Arc;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn with(credits: u64, cost: u64) -> Setup {
    let mut setup = Setup::default();
    (setup.config.credits, setup.config.instruction_cost) = (Some(credits), cost);
    setup
}

/// Who faulted for want of credits, at which instruction; none when the run completed.
fn broke(setup: &Setup, image: &Arc<CodeImage>) -> Result<Option<(u16, u32)>, String> {
    let mut found = None;
    for fuel in [256, 1, 2, 3] {
        let run = setup.clone().schedule(4, fuel).run(image, &NoHost)?;
        run.replayed().map_err(|why| format!("fuel {fuel}: {why}"))?;
        let place = match &run.faults[..] {
            [] => None,
            [one] if matches!(one.fault, Fault::OutOfCredits { .. }) => Some((one.coroutine.0, one.pc.0)),
            other => return Err(format!("fuel {fuel}: {other:?}")),
        };
        ensure!(place.is_some() || run.status == RunStatus::Completed, "fuel {fuel}: {:?}", run.status);
        let seen = (place, run.tally.steps, run.tally.messages, run.normalised()?);
        let first = found.get_or_insert_with(|| seen.clone());
        ensure!(*first == seen, "fuel {fuel}: {seen:?}, not {first:?}");
    }
    Ok(found.and_then(|(place, ..)| place))
}

/// The last instruction that is paid for is executed, and the next one is not; its fault says whose it is.
pub fn credits_are_exact() -> Result<(), String> {
    // A sets and sends three times and ends: seven instructions. B takes four.
    let image = letters(3).image()?;
    for cost in [1, 3] {
        for budget in 0..8 * cost {
            let expected = (budget < 7 * cost).then_some((0, (budget / cost) as u32));
            let found = broke(&with(budget, cost), &image)?;
            ensure!(found == expected, "{budget} credits at {cost}: {found:?}, not {expected:?}");
        }
    }
    let run = with(2, 1).run(&image, &NoHost)?;
    let report = run.faults.first().ok_or("it has no fault")?;
    ensure!(report.fault.class().code() == "machine.fault.credits", "{report:?}");
    ensure!(report.fault.blame(report.role) == Side::Role(RoleId(0)), "{report:?}");
    let free = with(7, 0).config.validate();
    ensure!(free == Err(ConfigError::Zero("instruction_cost")), "{free:?}");
    // Where nothing is counted, nothing is kept.
    let mut uncounted = Setup::default().schedule(1, 1).guest(&image)?;
    let _ = uncounted.turn(&NoHost).map_err(text)?;
    ensure!(state(&mut uncounted)?.credits.is_empty(), "something is counted");
    Ok(())
}

/// Whoever waits pays for the instruction when it is done.
pub fn waiting_is_free() -> Result<(), String> {
    let image = letters(3).image()?;
    for budget in [7, 6] {
        let setup = with(budget, 1).buffer(BufferMode::Fifo, 1, BackpressurePolicy::Block);
        let found = broke(&setup, &image)?;
        let expected = (budget == 6).then_some((0, 6));
        ensure!(found == expected, "{budget} credits: {found:?}");
    }
    Ok(())
}

/// A coroutine that an instruction starts begins with what every other begins with; what a speculation used is used.
pub fn started_coroutines_have_their_own() -> Result<(), String> {
    let spawn = Instr::Spawn { args: REGISTERS - 1, dst: CHILD, target: 8 };
    let mains = [spawn, YIELD, spawn, SEVEN, TELL, HALT];
    let run = |length: usize, budget: u64| {
        let child = [vec![SEVEN; length], vec![HALT]].concat();
        let image = opener(&[&mains[..], &child].concat())?.image()?;
        let mut setup = setup()?.sessions(1);
        setup.config.credits = Some(budget);
        broke(&setup, &image)
    };
    ensure!(run(7, 8)?.is_none(), "eight instructions of each");
    let found = run(8, 8)?;
    ensure!(found == Some((2, 16)), "a started coroutine's ninth: {found:?}");
    let found = run(1, 7)?;
    ensure!(found == Some((0, 7)), "the main one's eighth: {found:?}");
    let speculation = [FORK, SEVEN, Instr::Abort {}, SEVEN, TELL, HALT];
    let image = opener(&speculation)?.image()?;
    for (budget, expected) in [(8, None), (7, Some((0, 7)))] {
        let mut setup = setup()?.sessions(1);
        setup.config.credits = Some(budget);
        let found = broke(&setup, &image)?;
        ensure!(found == expected, "{budget} credits with a speculation: {found:?}");
    }
    Ok(())
}

fn state(runtime: &mut GuestRuntime) -> Result<SessionState, String> {
    let root = runtime.settle_root();
    let proof = runtime.prove_session(SessionId(0)).map_err(text)?;
    Ok(proof.verify(root, SessionId(0)).map_err(text)?.1)
}

/// What was used is in a session's state and in its root, goes with snapshots, and is not believed when it cannot be.
pub fn credits_are_state() -> Result<(), String> {
    let image = letters(3).image()?;
    let setup = with(8, 2).schedule(1, 1);
    let begin = |setup: &Setup, turns: usize| {
        let mut runtime = setup.guest(&image)?;
        for _ in 0..turns {
            let _ = runtime.turn(&NoHost).map_err(text)?;
        }
        Ok::<_, String>(runtime)
    };
    let mut runtime = begin(&setup, 3)?;
    let used = state(&mut runtime)?.credits;
    ensure!(used == [(CoroutineId(0), 6)], "{used:?}");
    // The same steps at another price are another state.
    let other = begin(&with(8, 1).schedule(1, 1), 3)?;
    ensure!(other.state_root() != runtime.state_root(), "what was used is in no root");
    let bytes = runtime.snapshot().map_err(text)?.machine().to_bytes();
    let images = [Arc::clone(&image)];
    let restored = ProtocolMachine::restore(setup.config.clone(), &images, &bytes).map_err(text)?;
    ensure!(restored.state_root() == runtime.state_root(), "a restored machine is another");
    for (credits, cost) in [(9, 2), (8, 1)] {
        let refused = ProtocolMachine::restore(with(credits, cost).config, &images, &bytes);
        ensure!(matches!(refused, Err(RestoreError::OtherConfig { .. })), "{:?}", refused.err());
    }
    let refused = ProtocolMachine::restore(Setup::default().config, &images, &bytes);
    ensure!(matches!(refused, Err(RestoreError::OtherConfig { .. })), "uncounted: {:?}", refused.err());
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &bytes).map_err(text)?;
    let rows = |coroutine: u16, used: u64| [&[1, 0][..], &coroutine.to_le_bytes(), &used.to_le_bytes()].concat();
    let real = rows(0, 6);
    let mut places = body.windows(real.len()).enumerate().filter(|(_, window)| *window == real);
    let (at, _) = places.next().ok_or("what was used is not in the snapshot")?;
    for (coroutine, used) in [(0, 0), (0, 7), (0, 10), (2, 6)] {
        let mut forged = body.clone();
        forged[at..at + real.len()].copy_from_slice(&rows(coroutine, used));
        let sealed = seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &forged);
        match ProtocolMachine::restore(setup.config.clone(), &images, &sealed) {
            Err(RestoreError::Session { session: SessionId(0), .. }) => {}
            other => return Err(format!("coroutine {coroutine} has used {used}: {:?}", other.err())),
        }
    }
    Ok(())
}
