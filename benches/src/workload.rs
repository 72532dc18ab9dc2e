//! The table of workloads, and how one is run.

use crate::measure::Measured;
use crate::shape::Shape;
use motet_machine::TraceMode;
use motet_runtime::{Schedule, SchedulerPolicy};

/// How a workload is run, besides its own shape.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The schedule.
    pub schedule: Schedule,
    /// How much of the trace is kept.
    pub trace: TraceMode,
    /// Whether the trace is drained during the run, as somebody does who writes it elsewhere. Without, a full trace
    /// stays in memory.
    pub drain: bool,
    /// A state digest is taken after this many waves; 0 for none.
    pub digests: u32,
    /// Whether every turn is timed. Reading the clock costs some 25 ns a turn, which tiny turns feel.
    pub turns: bool,
    /// How many workers carry out the waves; 0 for the cooperative runtime.
    pub workers: usize,
    /// How large the run is: messages for the workloads of one session, sessions for those of many.
    pub size: u64,
}

/// The schedule that belongs to a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Every runtime's default.
    Throughput,
    /// The same, in random order.
    Shuffled,
    /// One step of one island in a round.
    Canonical,
    /// As many islands in a wave, as many steps each.
    Waves(u32, u32),
}

impl Pace {
    fn schedule(self) -> Schedule {
        match self {
            Pace::Throughput => Schedule::throughput(),
            Pace::Shuffled => Schedule { policy: SchedulerPolicy::Random { seed: 1 }, ..Schedule::throughput() },
            Pace::Canonical => Schedule::canonical(),
            Pace::Waves(wave, fuel) => Schedule { wave, fuel, ..Schedule::throughput() },
        }
    }
}

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Its usual size.
    pub size: u64,
    /// What it does.
    pub shape: Shape,
    /// Whether it only makes sense in a process of its own, and so is run only when it is named.
    pub alone: bool,
    pace: Pace,
    trace: TraceMode,
}

const fn row(name: &'static str, size: u64, shape: Shape, pace: Pace, about: &'static str) -> Workload {
    Workload { name, about, size, shape, alone: false, pace, trace: TraceMode::Disabled }
}

/// All workloads.
pub const WORKLOADS: &[Workload] = &[
    row("ping_pong", 2_000_000, Shape::PingPong, Pace::Throughput, "two roles, messages back and forth"),
    row("ring64", 2_000_000, Shape::Ring(64), Pace::Throughput, "64 roles, a token going round"),
    row("many_sessions", 100_000, Shape::Many, Pace::Throughput, "10 messages each, in the order of opening"),
    row("many_shuffled", 100_000, Shape::Many, Pace::Shuffled, "the same, picked in random order"),
    row("many_woken", 100_000, Shape::Woken, Pace::Throughput, "the same, woken in random order"),
    row("choice", 1_000_000, Shape::Choice, Pace::Throughput, "four labels to choose from, host asked for each"),
    row("choice_seeded", 500_000, Shape::ChoiceSeeded, Pace::Throughput, "the same with the built-in seeded host"),
    row("churn", 100_000, Shape::Churn, Pace::Throughput, "open, run 10 messages, end, one after another"),
    row("skewed", 100_000, Shape::Skewed, Pace::Throughput, "10 messages each, one among them as many as all"),
    row("fan", 1_000_000, Shape::Fan(64), Pace::Throughput, "one role sends to 64 and gathers their answers"),
    row("fan1", 1_000_000, Shape::Fan(1), Pace::Throughput, "the same with 1"),
    row("fan8", 1_000_000, Shape::Fan(8), Pace::Throughput, "the same with 8"),
    row("fan256", 1_000_000, Shape::Fan(256), Pace::Throughput, "the same with 256"),
    row("hosted", 1_000_000, Shape::Hosted, Pace::Throughput, "ping_pong, each send and receive asked, through dyn"),
    row("hosted_generic", 1_000_000, Shape::HostedGeneric, Pace::Throughput, "the same, handler's type known"),
    row("control", 10_000_000, Shape::Control, Pace::Throughput, "Set, Move, Branch; read ns/step"),
    row("wide", 5_000_000, Shape::Endless(10_000), Pace::Waves(256, 256), "10,000 endless sessions, long bursts"),
    row("tiny", 2_000_000, Shape::Endless(10_000), Pace::Waves(1024, 4), "10,000 endless sessions, bursts of 4 steps"),
    Workload {
        trace: TraceMode::Full,
        ..row("canonical", 300_000, Shape::Endless(1_000), Pace::Canonical, "one step a round, full trace")
    },
    row("many_sessions_10k", 10_000, Shape::Many, Pace::Throughput, "many_sessions with 10,000"),
    row("many_shuffled_10k", 10_000, Shape::Many, Pace::Shuffled, "many_shuffled with 10,000"),
    row("many_sessions_1m", 1_000_000, Shape::Many, Pace::Throughput, "many_sessions with 1,000,000"),
    row("many_shuffled_1m", 1_000_000, Shape::Many, Pace::Shuffled, "many_shuffled with 1,000,000"),
    row("many_woken_1m", 1_000_000, Shape::Woken, Pace::Throughput, "many_woken with 1,000,000"),
    Workload {
        alone: true,
        ..row("parked", 1_000_000, Shape::Parked, Pace::Throughput, "resident bytes of sessions that wait")
    },
];

/// The workload of that name.
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

impl Workload {
    /// The usual set-up: the workload's own schedule and size, the cooperative runtime, and no trace (but the workload
    /// `canonical` has a full one).
    pub fn setup(&self) -> Setup {
        Setup {
            schedule: self.pace.schedule(),
            trace: self.trace,
            drain: false,
            digests: 0,
            turns: false,
            workers: 0,
            size: self.size,
        }
    }

    /// Runs it once.
    pub fn run(&self, setup: &Setup) -> Measured {
        Measured { name: self.name, workers: setup.workers.max(1), ..self.shape.run(setup) }
    }
}
