//! The published predecessor, `telltale-machine` 22.0.0, driven through its public interface.
//!
//! How it wants to be driven: build a `GlobalType`, project it with `telltale-theory`, compile the local types with
//! `CodeImage::from_local_types`, open sessions with `load_choreography_owned`, then call `step_round` until the
//! handler has seen enough messages. A round executes one instruction of one coroutine.
//!
//! Its default limits (256 sessions, 1,024 coroutines) are raised, otherwise the many-session workload is refused at
//! size 257. Its default configuration is its *fastest* one: with a capped or disabled history each effect walks three
//! record lists in order to prune them, and finds that records of live sessions may not be pruned. So the default is
//! the main row, the `strict_minimal` preset is shown beside it, and so is the threaded runtime in its wave mode.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use telltale_machine::coroutine::Value;
use telltale_machine::model::effects::{EffectFailure, EffectHandler, EffectResult};
use telltale_machine::runtime::loader::CodeImage;
use telltale_machine::{
    GuestRuntime, ProtocolMachineConfig, ProtocolMachineError, StepResult, ThreadedGuestRuntime, ThreadedRoundSemantics,
};
use telltale_types::{GlobalType, Label};

use crate::workload::{MESSAGES_PER_SESSION, Peer, RING_ROLES, Sample, Workload};

/// More rounds than any workload here needs: one message takes five or six.
const ROUNDS_PER_MESSAGE_LIMIT: usize = 16;

/// How the predecessor is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setup {
    /// `GuestRuntime`, default configuration.
    Default,
    /// `GuestRuntime`, the `strict_minimal` preset: history capped, effect trace off.
    Minimal,
    /// `ThreadedGuestRuntime` with two workers and `WaveParallelExtension`, without which it runs one step per round.
    Threads2,
}

/// The predecessor as a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telltale {
    setup: Setup,
}

impl Telltale {
    /// The cooperative runtime with its default configuration, its fastest.
    pub(crate) const DEFAULT: Self = Self { setup: Setup::Default };
    /// The cooperative runtime with the preset that retains least.
    pub(crate) const MINIMAL: Self = Self { setup: Setup::Minimal };
    /// The threaded runtime with two workers.
    pub(crate) const THREADS2: Self = Self { setup: Setup::Threads2 };

    fn config(self, workload: Workload, size: usize) -> ProtocolMachineConfig {
        let base = match self.setup {
            Setup::Default => ProtocolMachineConfig::default(),
            Setup::Minimal => ProtocolMachineConfig::strict_minimal(),
            Setup::Threads2 => ProtocolMachineConfig {
                threaded_round_semantics: ThreadedRoundSemantics::WaveParallelExtension,
                ..ProtocolMachineConfig::default()
            },
        };
        ProtocolMachineConfig {
            max_sessions: base.max_sessions.max(workload.sessions(size)),
            max_coroutines: base.max_coroutines.max(workload.sessions(size) * 2),
            ..base
        }
    }
}

impl Peer for Telltale {
    fn name(&self) -> &'static str {
        match self.setup {
            Setup::Default => "telltale 22",
            Setup::Minimal => "telltale 22 strict_minimal",
            Setup::Threads2 => "telltale 22, 2 workers",
        }
    }

    fn threads(&self) -> usize {
        match self.setup {
            Setup::Threads2 => 2,
            _ => 1,
        }
    }

    // The cost is quadratic: each ladder ends where the next step would take seconds.
    fn sizes(&self, workload: Workload) -> Vec<usize> {
        match (self.setup, workload) {
            (Setup::Default, Workload::PingPong) => vec![50, 100, 200, 400, 800, 1600],
            (Setup::Minimal, Workload::PingPong) => vec![50, 100, 200, 400],
            (Setup::Threads2, Workload::PingPong) => vec![50, 100, 200, 400, 800],
            (Setup::Minimal, Workload::ManySessions) => vec![8, 16, 32],
            (_, Workload::ManySessions) => vec![8, 16, 32, 64, 128],
            (Setup::Default, Workload::Ring64) => vec![64, 128, 256, 512],
            (Setup::Default, Workload::Choice) => vec![50, 100, 200, 400, 800],
            (Setup::Default, Workload::ChoiceStop) => vec![100],
            _ => Vec::new(),
        }
    }

    fn run(&self, workload: Workload, size: usize) -> Result<Sample, String> {
        self.driven(workload, size).map(|(sample, _)| sample)
    }
}

impl Telltale {
    /// The times that a thread found a lock taken in a run on two threads, as the predecessor counts them.
    pub(crate) fn contended(workload: Workload, size: usize) -> Result<(Sample, u64), String> {
        match Self::THREADS2.driven(workload, size)? {
            (sample, Machine::Threaded(machine)) => {
                Ok((sample, machine.machine().contention_metrics().lock_contention_events))
            }
            (_, Machine::Cooperative(_)) => Err("two threads make a threaded machine".to_owned()),
        }
    }

    fn driven(self, workload: Workload, size: usize) -> Result<(Sample, Machine), String> {
        let image = image(&protocol(workload))?;
        let stop_after = match workload {
            Workload::ChoiceStop => size,
            _ => usize::MAX,
        };
        let handler = Host::new(stop_after);
        let config = self.config(workload, size);
        let sessions = workload.sessions(size);
        let opening = Instant::now();
        let mut machine = Machine::new(self.setup, config);
        for index in 0..sessions {
            machine.open(&image, index).map_err(|e| format!("open: {e}"))?;
        }
        let open = opening.elapsed();

        let wanted = workload.messages(size);
        let running = Instant::now();
        let mut budget = wanted * ROUNDS_PER_MESSAGE_LIMIT + sessions * ROUNDS_PER_MESSAGE_LIMIT;
        let ended = loop {
            // Protocols without an end are measured up to the message count; the others, and `ChoiceStop`, must end.
            if handler.received() >= wanted && !workload.ends() {
                break true;
            }
            if budget == 0 {
                break false;
            }
            budget -= 1;
            match machine.round(&handler).map_err(|e| format!("round: {e}"))? {
                StepResult::Continue => {}
                StepResult::AllDone => break true,
                StepResult::Stuck => return Err("stuck: no coroutine is ready".to_owned()),
            }
        };
        let run = running.elapsed();
        let messages = handler.received();
        if !ended {
            return Err(format!(
                "the host wants `stop` after {size} messages; {messages} were exchanged and the host was asked {} \
                 times: the compiler emits Offer of the first label only",
                handler.asked()
            ));
        }
        if messages < wanted {
            return Err(format!("ended after {messages} of {wanted} messages"));
        }
        Ok((Sample { messages, open: Some(open), run }, machine))
    }
}

/// Either runtime: they share no trait.
enum Machine {
    Cooperative(Box<GuestRuntime>),
    Threaded(Box<ThreadedGuestRuntime>),
}

impl Machine {
    fn new(setup: Setup, config: ProtocolMachineConfig) -> Self {
        match setup {
            Setup::Threads2 => Self::Threaded(Box::new(ThreadedGuestRuntime::with_workers(config, 2))),
            Setup::Default | Setup::Minimal => Self::Cooperative(Box::new(GuestRuntime::new(config))),
        }
    }

    // The owner's handle is dropped: the session stays open without it, and nothing here mutates it from outside.
    fn open(&mut self, image: &CodeImage, index: usize) -> Result<(), ProtocolMachineError> {
        let owner = format!("peer/{index}");
        match self {
            Self::Cooperative(machine) => machine.load_choreography_owned(image, owner),
            Self::Threaded(machine) => machine.load_choreography_owned(image, owner),
        }
        .map(drop)
    }

    // `n` is the wave's width; the cooperative machine advances one coroutine whatever it is.
    fn round(&mut self, handler: &Host) -> Result<StepResult, ProtocolMachineError> {
        match self {
            Self::Cooperative(machine) => machine.step_round(handler, 1),
            Self::Threaded(machine) => machine.step_round(handler, 2),
        }
    }
}

/// A host that does as little as it may: constant payloads, nothing to keep, and one counter.
struct Host {
    received: AtomicUsize,
    asked: AtomicUsize,
    stop_after: usize,
}

impl Host {
    const fn new(stop_after: usize) -> Self {
        Self { received: AtomicUsize::new(0), asked: AtomicUsize::new(0), stop_after }
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl EffectHandler for Host {
    fn handle_send(&self, _role: &str, _partner: &str, _label: &str, _state: &[Value]) -> EffectResult<Value> {
        EffectResult::success(Value::Nat(7))
    }

    fn handle_recv(
        &self,
        _role: &str,
        _partner: &str,
        _label: &str,
        _state: &mut Vec<Value>,
        _payload: &Value,
    ) -> EffectResult<()> {
        self.received.fetch_add(1, Ordering::Relaxed);
        EffectResult::success(())
    }

    fn handle_choose(&self, _role: &str, _partner: &str, labels: &[String], _state: &[Value]) -> EffectResult<String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let wanted = if self.received() < self.stop_after { "more" } else { "stop" };
        match labels.iter().find(|label| *label == wanted) {
            Some(label) => EffectResult::success(label.clone()),
            None => EffectResult::failure(EffectFailure::invalid_input("label is not on offer")),
        }
    }

    fn step(&self, _role: &str, _state: &mut Vec<Value>) -> EffectResult<()> {
        EffectResult::success(())
    }
}

/// Project and compile, as the crate's own loader expects it.
fn image(global: &GlobalType) -> Result<CodeImage, String> {
    let local_types =
        telltale_theory::projection::project_all(global).map_err(|e| format!("projection: {e}"))?.into_iter().collect();
    Ok(CodeImage::from_local_types(&local_types, global))
}

fn protocol(workload: Workload) -> GlobalType {
    match workload {
        Workload::PingPong => GlobalType::mu("again", exchange(2, GlobalType::var("again"))),
        Workload::ManySessions => exchange(MESSAGES_PER_SESSION, GlobalType::End),
        Workload::Ring64 => {
            let lap = (0..RING_ROLES).rev().fold(GlobalType::var("again"), |rest, from| {
                let to = (from + 1) % RING_ROLES;
                GlobalType::send(format!("R{from}"), format!("R{to}"), Label::new("token"), rest)
            });
            GlobalType::mu("again", lap)
        }
        Workload::Choice | Workload::ChoiceStop => {
            let more = GlobalType::send("B", "A", Label::new("ack"), GlobalType::var("again"));
            let branches = vec![(Label::new("more"), more), (Label::new("stop"), GlobalType::End)];
            GlobalType::mu("again", GlobalType::comm("A", "B", branches))
        }
    }
}

/// `count` messages, A to B and back in turn, then `rest`.
fn exchange(count: usize, rest: GlobalType) -> GlobalType {
    (0..count).rev().fold(rest, |rest, index| {
        if index % 2 == 0 {
            GlobalType::send("A", "B", Label::new("ping"), rest)
        } else {
            GlobalType::send("B", "A", Label::new("pong"), rest)
        }
    })
}
