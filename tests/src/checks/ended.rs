//! Sessions that have ended: their memory comes back at once, and a summary stays of them where one was asked for.

use super::opening::{self, HALT, SEVEN, TALK, TELL, YIELD};
use super::topology::protocol;
use crate::draft::letters;
use crate::walk::Setup;
use motet_machine::{Cancellation, CodeImage, ImageId, IslandId, NoHost, ProtocolMachineConfig, TopologyPerturbation};
use motet_runtime::{GuestRuntime, OwnedSession};
use motet_types::{EventKind, SessionId, Terminal, Tick};
use std::sync::Arc;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn keeping(max_summaries: u32) -> Setup {
    let setup = Setup::default();
    Setup { config: ProtocolMachineConfig { max_summaries, ..setup.config.clone() }, ..setup }
}

fn ask() -> Result<Arc<CodeImage>, String> {
    protocol("protocol Ping =\n  roles A, B\n  A -> B : Ping(Nat)\n  B -> A : Pong(Nat)\n")
}

/// Takes the summaries and answers `session terminal discarded opened`, an ended session each.
fn told(runtime: &mut GuestRuntime) -> (Vec<String>, u64) {
    let (summaries, lost) = runtime.drain_summaries();
    let line = |one: motet_machine::ClosedSessionSummary| {
        format!("{} {} {} {}", one.session.0, one.terminal.name(), one.discarded, one.opened)
    };
    (summaries.into_iter().map(line).collect(), lost)
}

/// Sessions are summarised in the order in which they ended, as many as may be kept; those that are taken are gone. Nobody pays for
/// what was not asked for.
pub fn ends_are_summarised() -> Result<(), String> {
    for (most, expected, lost) in [
        (0, vec![], 0),
        (2, vec!["3 closed 0 0", "4 closed 0 0"], 3),
        (9, vec!["0 closed 0 0", "1 closed 0 0", "2 closed 0 0", "3 closed 0 0", "4 closed 0 0"], 0),
    ] {
        let mut runtime = keeping(most).sessions(5).schedule(1, 99).guest(&ask()?)?;
        runtime.run(&NoHost).map_err(text)?;
        let found = told(&mut runtime);
        ensure!(found == (expected.iter().map(ToString::to_string).collect(), lost), "{most}: {found:?}");
        ensure!(told(&mut runtime) == (Vec::new(), 0), "{most}: they were not taken");
    }
    let mut runtime = keeping(1).schedule(1, 1).guest(&ask()?)?;
    runtime.run(&NoHost).map_err(text)?;
    let (last, ticks) = (runtime.drain_summaries().0, runtime.machine().tick());
    let all = matches!(last[..], [one] if one.image == ImageId(0) && one.tick == Tick(ticks.0 - 1));
    ensure!(all, "{last:?} at tick {ticks:?}");
    ends_of_every_kind()
}

/// What a fault leaves undelivered, what instructions had opened, and who ended it.
fn ends_of_every_kind() -> Result<(), String> {
    let crash = |site: &str| [TopologyPerturbation::Crash { site: site.into() }];
    for cancellation in [Cancellation::Coarse, Cancellation::Fine] {
        let mut setup = keeping(9).schedule(1, 1);
        setup.config.cancellation = cancellation;
        let mut runtime = setup.guest(&letters(3).image()?)?;
        while runtime.machine().in_flight(IslandId(0)) == 0 {
            let _ = runtime.turn(&NoHost).map_err(text)?;
        }
        let before = runtime.machine().in_flight(IslandId(0));
        drop(runtime.perturb(&crash("B")).map_err(text)?);
        runtime.run(&NoHost).map_err(text)?;
        // By the finer rule A goes on, and is cancelled at its next message.
        let how = if cancellation == Cancellation::Fine { "cancelled" } else { "faulted" };
        let found = told(&mut runtime);
        ensure!(before > 0 && found == (vec![format!("0 {how} {before} 0")], 0), "{cancellation:?}: {found:?}");
    }
    let image = opening::opener(&[&TALK[..], &[TELL, HALT]].concat())?.image()?;
    let mut setup = opening::setup()?.sessions(1);
    setup.config.max_summaries = 9;
    let mut runtime = setup.guest(&image)?;
    runtime.run(&NoHost).map_err(text)?;
    let found = told(&mut runtime);
    ensure!(found == (vec![String::from("0 closed 0 1")], 0), "{found:?}");

    let mut runtime = keeping(9).sessions(0).guest(&ask()?)?;
    let owned: OwnedSession = runtime.open_owned(ImageId(0), "ada").map_err(text)?;
    owned.mark_owner_died(&mut runtime).map_err(text)?;
    let last = runtime.drain_summaries().0;
    let died = matches!(last[..], [one] if one.session == SessionId(0) && one.terminal == Terminal::Faulted);
    ensure!(died, "{last:?}");
    Ok(())
}

/// An island that ends between turns ends with all sessions that its instructions had opened, and each is told of, whoever
/// ended it.
pub fn islands_end_whole() -> Result<(), String> {
    let image = opening::opener(&[&TALK[..2], &[SEVEN, YIELD, YIELD, TELL, HALT]].concat())?.image()?;
    for by_owner in [true, false] {
        let mut setup = opening::setup()?.sessions(0).schedule(1, 4);
        setup.config.cancellation = Cancellation::Coarse;
        let mut runtime = setup.guest(&image)?;
        let owned = runtime.open_owned(ImageId(setup.plans.len() as u32), "ada").map_err(text)?;
        let _ = runtime.turn(&NoHost).map_err(text)?;
        match by_owner {
            true => owned.mark_owner_died(&mut runtime).map_err(text)?,
            false => drop(runtime.perturb(&[TopologyPerturbation::Crash { site: "A".into() }]).map_err(text)?),
        }
        let ended = runtime.machine().events().into_iter().filter(|at| at.event.kind == EventKind::SessionTerminal);
        let ended: Vec<SessionId> = ended.map(|at| at.session).collect();
        ensure!(ended == [SessionId(0).guest(1), SessionId(0)], "by its owner {by_owner}: {ended:?} ended");
    }
    Ok(())
}
