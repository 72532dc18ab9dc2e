//! The workloads.

use crate::{AnyRuntime, Measured};
use motet_choreo::{Source, compile, load};
use motet_machine::{CodeImage, EffectHandler, EffectOutcome, EffectRequest, NoHost, TraceMode};
use motet_runtime::{Schedule, SchedulerPolicy, SeededHost};
use motet_types::{EffectKind, EffectKinds};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

/// How a workload is run, besides its own shape.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The schedule.
    pub schedule: Schedule,
    /// How much of the trace is kept.
    pub trace: TraceMode,
    /// How many workers carry out the waves; 0 for the cooperative runtime.
    pub workers: usize,
    /// How large the run is: messages for the workloads of one session, sessions for those of many.
    pub size: u64,
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
    run: fn(&Setup) -> Measured,
}

/// All workloads.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "ping_pong",
        about: "two roles, one session, messages back and forth",
        size: 2_000_000,
        run: ping_pong,
    },
    Workload { name: "ring64", about: "64 roles, one session, a token going round", size: 2_000_000, run: ring64 },
    Workload {
        name: "many_sessions",
        about: "sessions of 10 messages each, in the order they were opened",
        size: 100_000,
        run: many_sessions,
    },
    Workload {
        name: "many_shuffled",
        about: "the same in random order, so that memory is the cost",
        size: 100_000,
        run: many_shuffled,
    },
    Workload { name: "choice", about: "four labels to choose from, host asked for each", size: 1_000_000, run: choice },
    Workload {
        name: "churn",
        about: "open, run 10 messages, close, one session after another",
        size: 100_000,
        run: churn,
    },
    Workload { name: "fan", about: "one role sends to 64 others and gathers their answers", size: 1_000_000, run: fan },
    Workload {
        name: "hosted",
        about: "as ping_pong, the host asked about each send and each receive",
        size: 1_000_000,
        run: hosted,
    },
];

impl Workload {
    /// The usual set-up: throughput schedule, no trace, usual size.
    pub fn setup(&self) -> Setup {
        Setup { schedule: Schedule::throughput(), trace: TraceMode::Disabled, workers: 0, size: self.size }
    }

    /// Runs it once.
    pub fn run(&self, setup: &Setup) -> Measured {
        Measured { name: self.name, workers: setup.workers.max(1), ..(self.run)(setup) }
    }
}

/// The image of a choreography.
///
/// # Panics
/// When the text is not a protocol: the workloads' own texts are.
pub fn image(text: &str) -> CodeImage {
    let source = Source::from_text("workload", text).expect("a workload's text is text");
    let global = load(&source).expect("a workload's text is a protocol");
    CodeImage::verify(compile(&global).expect("a workload can be projected")).expect("a compiled protocol verifies")
}

const PING_PONG: &str = "protocol P =\n  roles A, B\n  loop forever\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";
const TEN: &str = "protocol T =\n  roles A, B\n  loop repeat 5\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";
const CHOICE: &str = "protocol C =\n  roles A, B\n  rec X\n    choice A at\n      | L1 =>\n        A -> B : L1\n        continue X\n      | L2 =>\n        A -> B : L2\n        continue X\n      | L3 =>\n        A -> B : L3\n        continue X\n      | L4 =>\n        A -> B : L4\n        continue X\n";

fn ring(roles: usize) -> String {
    let mut text = String::from("protocol R =\n  roles ");
    let names: Vec<String> = (0..roles).map(|at| format!("R{at}")).collect();
    writeln!(text, "{}\n  loop forever", names.join(", ")).expect("text is writable");
    for at in 0..roles {
        writeln!(text, "    R{at} -> R{} : Token(Nat)", (at + 1) % roles).expect("text is writable");
    }
    text
}

fn fan_out(workers: usize) -> String {
    let mut text = String::from("protocol F =\n  roles Hub");
    (0..workers).for_each(|at| write!(text, ", W{at}").expect("text is writable"));
    text.push_str("\n  loop forever\n");
    (0..workers).for_each(|at| writeln!(text, "    Hub -> W{at} : Work(Nat)").expect("text is writable"));
    (0..workers).for_each(|at| writeln!(text, "    W{at} -> Hub : Done(Nat)").expect("text is writable"));
    text
}

/// One session, run until about `setup.size` messages have gone through.
fn one_session(setup: &Setup, text: &str, steps_per_message: f64, host: Arc<dyn EffectHandler>) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(image(text));
    let session = runtime.open(image);
    runtime.limit_steps((setup.size as f64 * steps_per_message) as u64);
    let start = Instant::now();
    runtime.run(&host);
    measured(&runtime, start, runtime.machine().session_bytes(session))
}

fn measured(runtime: &AnyRuntime, start: Instant, bytes_per_session: Option<usize>) -> Measured {
    let wall = start.elapsed();
    let tally = runtime.machine().tally();
    assert_eq!(tally.faulted, 0, "a workload does not fault");
    Measured { name: "", workers: 1, messages: tally.messages, steps: tally.steps, wall, bytes_per_session }
}

fn ping_pong(setup: &Setup) -> Measured {
    one_session(setup, PING_PONG, 3.0, Arc::new(NoHost))
}

fn ring64(setup: &Setup) -> Measured {
    one_session(setup, &ring(64), 3.0, Arc::new(NoHost))
}

fn choice(setup: &Setup) -> Measured {
    one_session(setup, CHOICE, 3.0, Arc::new(SeededHost::new(7)))
}

fn fan(setup: &Setup) -> Measured {
    one_session(setup, &fan_out(64), 2.5, Arc::new(NoHost))
}

fn hosted(setup: &Setup) -> Measured {
    one_session(setup, PING_PONG, 3.0, Arc::new(Accepting))
}

/// A host that is asked about every send and receive and lets everything through.
struct Accepting;

impl EffectHandler for Accepting {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::SendDecision).with(EffectKind::Receive)
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::accept(request.kind())
    }
}

/// Many sessions of ten messages each.
fn many_sessions(setup: &Setup) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(image(TEN));
    let mut bytes = None;
    for _ in 0..setup.size {
        let session = runtime.open(image);
        bytes = bytes.or(runtime.machine().session_bytes(session));
    }
    let host: Arc<dyn EffectHandler> = Arc::new(NoHost);
    let start = Instant::now();
    runtime.run(&host);
    measured(&runtime, start, bytes)
}

fn many_shuffled(setup: &Setup) -> Measured {
    let schedule = Schedule { policy: SchedulerPolicy::Random { seed: 1 }, ..setup.schedule.clone() };
    many_sessions(&Setup { schedule, ..setup.clone() })
}

fn churn(setup: &Setup) -> Measured {
    let mut runtime = AnyRuntime::new(setup);
    let image = runtime.load(image(TEN));
    let host: Arc<dyn EffectHandler> = Arc::new(NoHost);
    let start = Instant::now();
    for _ in 0..setup.size {
        runtime.open(image);
        runtime.run(&host);
    }
    measured(&runtime, start, None)
}
