//! Motet, driven through its public interface: a choreography as text, compiled, verified, run by a `GuestRuntime` with
//! the schedule that every runtime has by default.
//!
//! Two set-ups on one thread, because the peers differ in what they do for each message. Against channels the bare one counts: types
//! monitored, no trace, the host asked for nothing but choices. Against the predecessor the full one is fair, which
//! does what the predecessor does: every event goes into a digested trace, and the host is asked about every send
//! (where it supplies the payload) and every receive. Against peers with two threads stands the bare set-up on two
//! workers.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use motet_choreo::{Source, compile, load};
use motet_machine::{
    CodeImage, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, ProtocolMachineConfig,
    SendDecision, TraceMode,
};
use motet_runtime::{Executor, GuestRuntime, RunStatus, Runtime, RuntimeError, Schedule, ThreadedGuestRuntime, Turn};
use motet_types::{EffectFailureKind, EffectKind, EffectKinds, Value};

use crate::workload::{MESSAGES_PER_SESSION, Peer, RING_ROLES, Sample, Workload};

/// The full set-up keeps its whole trace in memory: larger runs would measure the allocator.
const LARGEST_TRACED: usize = 1_024_000;

/// Motet as a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motet {
    full: bool,
    workers: usize,
}

impl Motet {
    /// Monitored, no trace, no host effects that the protocol does not need.
    pub(crate) const BARE: Self = Self { full: false, workers: 1 };
    /// With a digested trace and a host effect for each send and each receive.
    pub(crate) const FULL: Self = Self { full: true, workers: 1 };
    /// As [`Self::BARE`], on the threaded runtime with two workers.
    pub(crate) const TWO_WORKERS: Self = Self { full: false, workers: 2 };

    fn config(self) -> ProtocolMachineConfig {
        let trace = if self.full { TraceMode::Full } else { TraceMode::Disabled };
        ProtocolMachineConfig { trace, ..ProtocolMachineConfig::default() }
    }
}

impl Peer for Motet {
    fn name(&self) -> &'static str {
        match (self.full, self.workers) {
            (true, _) => "motet, trace and effects",
            (false, 1) => "motet",
            (false, _) => "motet, 2 workers",
        }
    }

    fn threads(&self) -> usize {
        self.workers
    }

    // The sizes of every other peer, so that each has its ratio, and beyond them.
    fn sizes(&self, workload: Workload) -> Vec<usize> {
        let sizes: &[usize] = match workload {
            Workload::PingPong => &[50, 100, 200, 400, 800, 1_000, 1_600, 10_000, 100_000, 1_000_000, 10_000_000],
            Workload::Ring64 => &[64, 128, 256, 512, 1_024, 10_240, 102_400, 1_024_000],
            Workload::ManySessions => &[8, 16, 32, 64, 100, 128, 1_000, 10_000, 100_000],
            Workload::Choice if self.workers == 1 => &[50, 100, 200, 400, 800, 1_000, 10_000, 100_000],
            Workload::ChoiceStop if self.workers == 1 => &[100, 1_000, 10_000, 100_000],
            Workload::Choice | Workload::ChoiceStop => &[],
        };
        let fits = |size: &&usize| !self.full || workload.messages(**size) <= LARGEST_TRACED;
        sizes.iter().filter(fits).copied().collect()
    }

    fn run(&self, workload: Workload, size: usize) -> Result<Sample, String> {
        let image = image(&protocol(workload))?;
        let host = Host::new(self.full, workload, size);
        let (config, schedule) = (self.config(), Schedule::throughput());
        let opening = Instant::now();
        match self.workers {
            1 => drive(GuestRuntime::new(config, schedule), image, &host, opening, workload, size).map(|(it, _)| it),
            workers => {
                let runtime = ThreadedGuestRuntime::with_workers(config, schedule, workers);
                drive(runtime, image, &Arc::new(host), opening, workload, size).map(|(it, _)| it)
            }
        }
    }
}

impl Motet {
    /// The times that a thread found a lock taken in a run on two threads.
    pub(crate) fn contended(workload: Workload, size: usize) -> Result<(Sample, u64), String> {
        let image = image(&protocol(workload))?;
        let host = Arc::new(Host::new(false, workload, size));
        let runtime = ThreadedGuestRuntime::with_workers(
            Self::TWO_WORKERS.config(),
            Schedule::throughput(),
            Self::TWO_WORKERS.workers,
        );
        let (sample, runtime) = drive(runtime, image, &host, Instant::now(), workload, size)?;
        Ok((sample, runtime.contention().lock_contention_events))
    }
}

/// Open and run, whoever carries the waves out.
fn drive<E: Executor<H>, H: EffectHandler>(
    runtime: Result<Runtime<E>, RuntimeError>,
    image: CodeImage,
    host: &H,
    opening: Instant,
    workload: Workload,
    size: usize,
) -> Result<(Sample, Runtime<E>), String> {
    let wanted = workload.messages(size);
    let mut runtime = runtime.map_err(|e| format!("runtime: {e}"))?;
    let id = runtime.load(image).map_err(|e| format!("load: {e}"))?;
    for _ in 0..workload.sessions(size) {
        runtime.open(id).map_err(|e| format!("open: {e}"))?;
    }
    let open = opening.elapsed();

    let running = Instant::now();
    let received = |runtime: &Runtime<E>| runtime.machine().tally().messages as usize;
    let idle = loop {
        if runtime.turn(host).map_err(|e| format!("turn: {e}"))? == Turn::Idle {
            break true;
        }
        // Protocols without an end are measured up to the message count; a turn may go beyond it.
        if received(&runtime) >= wanted && !workload.ends() {
            break false;
        }
    };
    let run = running.elapsed();

    let messages = received(&runtime);
    if idle && runtime.status() != RunStatus::Completed {
        let status = runtime.status().name();
        let first = runtime.faults().first().map(|fault| format!(": {fault:?}")).unwrap_or_default();
        return Err(format!("ended {status} after {messages} of {wanted} messages{first}"));
    }
    if messages < wanted {
        return Err(format!("completed after {messages} of {wanted} messages"));
    }
    Ok((Sample { messages, open: Some(open), run }, runtime))
}

/// A host that does as little as it may: constant payloads, and a count of the choices it was asked for.
struct Host {
    wants: EffectKinds,
    /// The choice workloads have one session and one role that chooses, so this is state of that role.
    chosen: AtomicUsize,
    stop_after: usize,
}

impl Host {
    fn new(full: bool, workload: Workload, size: usize) -> Self {
        let mut wants = EffectKinds::NONE;
        if full {
            wants = wants.with(EffectKind::SendDecision).with(EffectKind::Receive);
        }
        if matches!(workload, Workload::Choice | Workload::ChoiceStop) {
            wants = wants.with(EffectKind::Choose);
        }
        let stop_after = match workload {
            // One choice leads to two messages.
            Workload::ChoiceStop => size.div_ceil(2),
            _ => usize::MAX,
        };
        Self { wants, chosen: AtomicUsize::new(0), stop_after }
    }
}

impl EffectHandler for Host {
    fn wants(&self) -> EffectKinds {
        self.wants
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::Success(match request.body {
            EffectRequestBody::SendDecision { .. } => {
                EffectResponse::SendDecision(SendDecision::Replace(Value::Nat(7)))
            }
            EffectRequestBody::Receive { .. } => EffectResponse::Receive(None),
            EffectRequestBody::Choose { labels, .. } => {
                // Only this thread counts: no need for one indivisible addition.
                let chosen = self.chosen.load(Ordering::Relaxed);
                self.chosen.store(chosen + 1, Ordering::Relaxed);
                let wanted = if chosen < self.stop_after { "More" } else { "Stop" };
                match labels.iter().position(|label| request.image.label_name(label) == wanted) {
                    Some(at) => EffectResponse::Choose(at),
                    None => {
                        let reason = "label is not on offer";
                        return EffectOutcome::failure(EffectFailureKind::InvalidInput, reason);
                    }
                }
            }
            _ => return EffectOutcome::accept(request.kind()),
        })
    }
}

/// Parse, project, compile and verify.
fn image(text: &str) -> Result<CodeImage, String> {
    let source = Source::from_text("workload", text).map_err(|e| format!("source: {e}"))?;
    let global = load(&source).map_err(|e| format!("choreography: {e}"))?;
    let parts = compile(&global).map_err(|e| format!("compile: {e}"))?;
    CodeImage::verify(parts).map_err(|e| format!("verify: {e}"))
}

fn protocol(workload: Workload) -> String {
    match workload {
        Workload::PingPong => {
            let body = "  loop forever\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";
            format!("protocol PingPong =\n  roles A, B\n{body}")
        }
        Workload::ManySessions => {
            let rounds = MESSAGES_PER_SESSION / 2;
            let body = "    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";
            format!("protocol Ten =\n  roles A, B\n  loop repeat {rounds}\n{body}")
        }
        Workload::Ring64 => {
            let mut text = format!("protocol Ring =\n  roles R[{RING_ROLES}]\n  loop forever\n");
            for from in 0..RING_ROLES {
                let to = (from + 1) % RING_ROLES;
                if writeln!(text, "    R[{from}] -> R[{to}] : Token(Nat)").is_err() {
                    break; // Writing to a `String` cannot fail.
                }
            }
            text
        }
        Workload::Choice | Workload::ChoiceStop => "\
protocol Choice =
  roles A, B
  rec Again
    choice A at
      | More =>
        A -> B : More(Nat)
        B -> A : Ack(Nat)
        continue Again
      | Stop =>
        A -> B : Stop(Nat)
"
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_runs_in_every_way() {
        for motet in [Motet::BARE, Motet::FULL, Motet::TWO_WORKERS] {
            for workload in Workload::ALL {
                let messages = motet.run(workload, 100).map(|sample| sample.messages);
                let enough = messages.as_ref().is_ok_and(|got| *got >= workload.messages(100));
                assert!(enough, "{}: {messages:?}", workload.name());
            }
        }
    }

    #[test]
    fn the_host_ends_the_choice() {
        let sample = Motet::BARE.run(Workload::ChoiceStop, 100).expect("runs");
        assert_eq!(sample.messages, 101, "a hundred, and `Stop`");
    }
}
