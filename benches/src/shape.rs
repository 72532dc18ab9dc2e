//! Shapes: what a workload does, apart from schedule, trace and size.

use crate::any::AnyRuntime;
use crate::hosts::{Accepting, InTurn, Later};
use crate::measure::{Measured, resident_bytes};
use crate::protocols::{CHOICE, PING_PONG, TEN, control, fan, image, ring, woken};
use crate::workload::Setup;
use motet_machine::{CodeImage, EffectHandler, EffectOutcome, IslandId, NoHost};
use motet_runtime::{Schedule, SeededHost};
use motet_types::{EffectKind, SessionId};
use std::sync::Arc;
use std::time::Instant;

/// Steps that a session of ten messages takes at most.
const STEPS_OF_TEN: u64 = 40;

/// What is run, and what its size counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two roles, one session; size is messages.
    PingPong,
    /// As many roles, one session, a token going round; size is messages.
    Ring(usize),
    /// One role sends to as many others and gathers their answers; size is messages.
    Fan(usize),
    /// Four labels to choose from, the host taking them in turn; size is messages.
    Choice,
    /// The same, with the built-in seeded host, which is asked for payloads too.
    ChoiceSeeded,
    /// [`PingPong`](Self::PingPong), the host asked about each send and each receive through `dyn EffectHandler`.
    Hosted,
    /// The same through a handler whose type is known.
    HostedGeneric,
    /// Control instructions, one message in a lap of them; size is instructions.
    Control,
    /// As many endless two-role sessions taking turns; size is messages in all.
    Endless(u32),
    /// Sessions of ten messages each; size is sessions.
    Many,
    /// Sessions of ten messages each that wait for the outside world and are woken in random order; only what follows
    /// is timed. Size is sessions.
    Woken,
    /// Open a session, run its ten messages, let it end, and again; size is sessions.
    Churn,
    /// Sessions of ten messages each, and among them one with as many messages as all others; size is sessions.
    Skewed,
    /// Sessions that each have a message in flight and then stay; size is sessions.
    Parked,
}

impl Shape {
    /// Whether the size of such a workload counts sessions.
    pub const fn counts_sessions(self) -> bool {
        matches!(self, Shape::Many | Shape::Woken | Shape::Churn | Shape::Skewed | Shape::Parked)
    }

    /// Runs it once.
    pub(crate) fn run(self, setup: &Setup) -> Measured {
        let limit = |steps: f64| (setup.size as f64 * steps) as u64;
        match self {
            Shape::PingPong => endless(setup, image(PING_PONG), 1, limit(3.0), Arc::new(NoHost)),
            Shape::Ring(roles) => endless(setup, image(&ring(roles)), 1, limit(3.0), Arc::new(NoHost)),
            Shape::Fan(workers) => endless(setup, image(&fan(workers)), 1, limit(2.5), Arc::new(NoHost)),
            Shape::Choice => endless(setup, image(CHOICE), 1, limit(3.0), public(InTurn)),
            Shape::ChoiceSeeded => endless(setup, image(CHOICE), 1, limit(3.0), public(SeededHost::new(7))),
            Shape::Hosted => endless(setup, image(PING_PONG), 1, limit(3.0), public(Accepting)),
            Shape::HostedGeneric => endless(setup, image(PING_PONG), 1, limit(3.0), Arc::new(Accepting)),
            Shape::Control => endless(setup, control(), 1, limit(1.0), Arc::new(NoHost)),
            Shape::Endless(sessions) => endless(setup, image(PING_PONG), sessions, limit(3.0), Arc::new(NoHost)),
            Shape::Many => many(setup),
            Shape::Woken => from_outside(setup),
            Shape::Churn => churn(setup),
            Shape::Skewed => skewed(setup),
            Shape::Parked => parked(setup),
        }
    }
}

/// A handler as the public interface hands it on.
fn public(host: impl EffectHandler + 'static) -> Arc<dyn EffectHandler> {
    Arc::new(host)
}

/// Sessions without an end, run for so many steps.
fn endless<H: EffectHandler + ?Sized + 'static>(
    setup: &Setup,
    image: CodeImage,
    sessions: u32,
    steps: u64,
    host: Arc<H>,
) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(image);
    let opened: Vec<_> = (0..sessions).map(|_| runtime.open(image)).collect();
    runtime.limit_steps(steps);
    let mut measured = timed(&mut runtime, setup, &host);
    measured.bytes_per_session = opened.first().and_then(|session| runtime.machine().session_bytes(*session));
    measured
}

/// Runs and times; what the machine had done before does not count.
fn timed<H: EffectHandler + ?Sized + 'static>(runtime: &mut AnyRuntime, setup: &Setup, host: &Arc<H>) -> Measured {
    let before = *runtime.machine().tally();
    let start = Instant::now();
    let turns = runtime.run_as(setup, host);
    let wall = start.elapsed();
    let tally = runtime.machine().tally();
    assert_eq!(tally.faulted, 0, "a workload does not fault");
    Measured {
        name: "",
        workers: 1,
        messages: tally.messages - before.messages,
        steps: tally.steps - before.steps,
        bursts: tally.bursts - before.bursts,
        waves: tally.waves - before.waves,
        wall,
        bytes_per_session: None,
        turns,
    }
}

fn many(setup: &Setup) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(image(TEN));
    let mut bytes = None;
    for _ in 0..setup.size {
        let session = runtime.open(image);
        bytes = bytes.or_else(|| runtime.machine().session_bytes(session));
    }
    Measured { bytes_per_session: bytes, ..timed(&mut runtime, setup, &Arc::new(NoHost)) }
}

fn from_outside(setup: &Setup) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(woken());
    let mut bytes = None;
    for _ in 0..setup.size {
        let session = runtime.open(image);
        bytes = bytes.or_else(|| runtime.machine().session_bytes(session));
    }
    let host = Arc::new(Later);
    runtime.run(&host);
    // They are kept by their digests, and digests are in no order: the wake-ups come shuffled.
    let waiting = runtime.outstanding();
    assert_eq!(waiting.len() as u64, setup.size, "every session waits");
    for effect in waiting {
        runtime.complete(effect, EffectOutcome::accept(EffectKind::InvokeStep));
    }
    Measured { bytes_per_session: bytes, ..timed(&mut runtime, setup, &host) }
}

fn churn(setup: &Setup) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(image(TEN));
    let host = Arc::new(NoHost);
    let start = Instant::now();
    for _ in 0..setup.size {
        runtime.open(image);
        runtime.run(&host);
    }
    let wall = start.elapsed();
    // Nothing is ready any more: this only reads the counters.
    let idle = timed(&mut runtime, &Setup { turns: false, drain: false, ..setup.clone() }, &host);
    let tally = runtime.machine().tally();
    let (messages, steps, bursts, waves) = (tally.messages, tally.steps, tally.bursts, tally.waves);
    Measured { messages, steps, bursts, waves, wall, ..idle }
}

fn skewed(setup: &Setup) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let (ten, endless) = (runtime.load(image(TEN)), runtime.load(image(PING_PONG)));
    for at in 0..setup.size {
        if at == setup.size / 2 {
            runtime.open(endless);
        }
        runtime.open(ten);
    }
    // The others end, whoever goes first: the limit holds their steps and as many for the one that does not end.
    runtime.limit_steps(2 * STEPS_OF_TEN * setup.size);
    timed(&mut runtime, setup, &Arc::new(NoHost))
}

/// How many steps an endless session takes until it stands in the middle of its loop with a message in flight.
fn steps_to_flight(setup: &Setup) -> u32 {
    let (first, last) = (8, 64);
    let in_flight = |steps: u32| {
        let mut runtime = AnyRuntime::new(&Setup { workers: 0, ..setup.clone() });
        let image = runtime.load(image(PING_PONG));
        runtime.open(image);
        runtime.limit_steps(u64::from(steps));
        runtime.run(&Arc::new(NoHost));
        runtime.machine().in_flight(IslandId(0))
    };
    (first..last).find(|steps| in_flight(*steps) == 1).unwrap_or(first)
}

fn parked(setup: &Setup) -> Measured {
    let fuel = steps_to_flight(setup);
    let setup = Setup { schedule: Schedule { fuel, ..setup.schedule.clone() }, ..setup.clone() };
    let before = resident_bytes();
    let mut runtime = AnyRuntime::new(&setup);
    let image = runtime.load(image(PING_PONG));
    for _ in 0..setup.size {
        runtime.open(image);
    }
    // One burst each.
    runtime.limit_steps(u64::from(fuel) * setup.size);
    let mut measured = timed(&mut runtime, &setup, &Arc::new(NoHost));
    let own = runtime.machine().session_bytes(SessionId(0));
    let resident = before.zip(resident_bytes()).map(|(before, after)| after.saturating_sub(before));
    measured.bytes_per_session = resident.map(|bytes| bytes / setup.size.max(1) as usize).or(own);
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{WORKLOADS, find};

    #[test]
    fn every_workload_runs_on_every_runtime() {
        for workload in WORKLOADS {
            for workers in [0, 1, 3] {
                let setup = Setup { workers, size: 300, turns: workers == 1, ..workload.setup() };
                let measured = workload.run(&setup);
                let wanted = if workload.shape.counts_sessions() { 1 } else { 0 } * setup.size;
                assert!(measured.messages >= wanted, "{}: {measured:?}", workload.name);
                assert!(measured.steps > 0 && measured.bursts > 0 && measured.waves > 0, "{measured:?}");
            }
        }
    }

    #[test]
    fn workers_change_no_count() {
        for workload in WORKLOADS {
            let counts = |workers| {
                let got = workload.run(&Setup { workers, size: 300, ..workload.setup() });
                (got.messages, got.steps, got.bursts, got.waves)
            };
            assert_eq!(counts(0), counts(3), "{}", workload.name);
        }
    }

    #[test]
    fn sessions_end_with_all_their_messages() {
        for name in ["many_sessions", "many_shuffled", "many_woken", "churn"] {
            let workload = find(name).expect("the workload exists");
            let measured = workload.run(&Setup { size: 50, ..workload.setup() });
            assert_eq!(measured.messages, 500, "{name}");
        }
    }

    #[test]
    fn a_parked_session_holds_a_message() {
        let setup = find("parked").expect("the workload exists").setup();
        let mut runtime = AnyRuntime::new(&setup);
        let image = runtime.load(image(PING_PONG));
        runtime.open(image);
        runtime.limit_steps(u64::from(steps_to_flight(&setup)));
        runtime.run(&Arc::new(NoHost));
        assert_eq!(runtime.machine().in_flight(IslandId(0)), 1);
    }

    #[test]
    fn the_clock_and_the_drain_change_nothing() {
        let workload = find("many_sessions").expect("the workload exists");
        let plain = Setup { size: 500, trace: motet_machine::TraceMode::Full, ..workload.setup() };
        let other = Setup { turns: true, drain: true, ..plain.clone() };
        let (plain, other) = (workload.run(&plain), workload.run(&other));
        assert_eq!((plain.messages, plain.steps, plain.waves), (other.messages, other.steps, other.waves));
        assert_eq!(plain.turns, None);
        assert!(other.turns.is_some_and(|times| (1..=other.waves).contains(&times.turns)));
    }
}
