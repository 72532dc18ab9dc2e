//! Tasks and bounded channels of tokio: what a Rust programmer would write by hand instead of a protocol.
//!
//! Untyped, unmonitored, without a trace: the floor for a message between two tasks, not a rival in kind. Every role
//! is a spawned task, every edge a bounded `mpsc` channel, so that a message costs a wake-up here exactly where it
//! costs one in a protocol.

use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::workload::{MESSAGES_PER_SESSION, Peer, RING_ROLES, Sample, Workload};

/// Room on an edge. One message is in flight at most; a larger bound would only cost memory.
const EDGE_CAPACITY: usize = 4;

/// Tokio as a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokioPair {
    workers: usize,
}

impl TokioPair {
    /// All tasks on the calling thread.
    pub(crate) const CURRENT_THREAD: Self = Self { workers: 1 };
    /// The multi-threaded scheduler with two workers.
    pub(crate) const TWO_WORKERS: Self = Self { workers: 2 };

    fn runtime(self) -> Result<Runtime, String> {
        let mut builder = if self.workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        if self.workers > 1 {
            builder.worker_threads(self.workers);
        }
        builder.build().map_err(|e| format!("runtime: {e}"))
    }
}

impl Peer for TokioPair {
    fn name(&self) -> &'static str {
        if self.workers == 1 { "tokio mpsc, current_thread" } else { "tokio mpsc, 2 workers" }
    }

    fn threads(&self) -> usize {
        self.workers
    }

    fn sizes(&self, workload: Workload) -> Vec<usize> {
        match workload {
            Workload::PingPong => vec![1_000, 10_000, 100_000, 1_000_000],
            Workload::Ring64 => vec![1_024, 10_240, 102_400, 1_024_000],
            Workload::ManySessions => vec![100, 1_000, 10_000, 100_000],
            Workload::Choice | Workload::ChoiceStop if self.workers == 1 => {
                vec![1_000, 10_000, 100_000]
            }
            Workload::Choice | Workload::ChoiceStop => Vec::new(),
        }
    }

    fn run(&self, workload: Workload, size: usize) -> Result<Sample, String> {
        let runtime = self.runtime()?;
        let opening = Instant::now();
        // Several workers start on a task as soon as it is spawned: there the opening is part of the run.
        let separate = self.workers == 1;
        let (messages, started) = runtime.block_on(async {
            let tasks = spawn(workload, size);
            let started = Instant::now();
            let mut messages = 0;
            for task in tasks {
                messages += task.await.map_err(|e| format!("task: {e}"))?;
            }
            Ok::<_, String>((messages, started))
        })?;
        let ended = Instant::now();
        let wanted = workload.messages(size);
        if messages < wanted {
            return Err(format!("ended after {messages} of {wanted} messages"));
        }
        Ok(Sample {
            messages,
            open: separate.then(|| started - opening),
            run: ended - if separate { started } else { opening },
        })
    }
}

/// A task answers how many messages it received.
type Task = JoinHandle<usize>;

fn spawn(workload: Workload, size: usize) -> Vec<Task> {
    match workload {
        Workload::PingPong => pair(size).into(),
        Workload::ManySessions => (0..size).flat_map(|_| pair(MESSAGES_PER_SESSION)).collect(),
        Workload::Ring64 => ring(size),
        Workload::Choice | Workload::ChoiceStop => choosers(size).into(),
    }
}

fn pair(messages: usize) -> [Task; 2] {
    let (to_b, at_b) = channel(EDGE_CAPACITY);
    let (to_a, at_a) = channel(EDGE_CAPACITY);
    let pings = messages.div_ceil(2);
    [tokio::spawn(serve(to_b, at_a, pings, messages - pings)), tokio::spawn(answer(to_a, at_b, messages - pings))]
}

/// Send first, then wait for the answer, until both counts are used up.
async fn serve(to: Sender<u64>, mut at: Receiver<u64>, sends: usize, receives: usize) -> usize {
    let mut value = 7;
    let mut received = 0;
    for _ in 0..sends {
        if to.send(value).await.is_err() {
            break;
        }
        if received < receives {
            match at.recv().await {
                Some(next) => value = next,
                None => break,
            }
            received += 1;
        }
    }
    received
}

/// Receive until the other side hangs up; answer the first `answers` messages.
async fn answer(to: Sender<u64>, mut at: Receiver<u64>, answers: usize) -> usize {
    let mut received = 0;
    while let Some(value) = at.recv().await {
        received += 1;
        if received <= answers && to.send(value).await.is_err() {
            break;
        }
    }
    received
}

/// Role 0 puts the token in; every role passes it on until its share of the messages is used up.
fn ring(messages: usize) -> Vec<Task> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..RING_ROLES).map(|_| channel(EDGE_CAPACITY)).unzip();
    // Message number k travels from role k mod 64 to role k + 1 mod 64.
    let share = |role: usize| {
        let from = (role + RING_ROLES - 1) % RING_ROLES;
        (messages + RING_ROLES - 1 - from) / RING_ROLES
    };
    let mut next = senders;
    next.rotate_left(1);
    receivers
        .into_iter()
        .zip(next)
        .enumerate()
        .map(|(role, (at, to))| {
            let sends = share((role + 1) % RING_ROLES);
            tokio::spawn(pass(role == 0, to, at, sends, share(role)))
        })
        .collect()
}

async fn pass(first: bool, to: Sender<u64>, mut at: Receiver<u64>, mut sends: usize, receives: usize) -> usize {
    if first && sends > 0 {
        if to.send(0).await.is_err() {
            return 0;
        }
        sends -= 1;
    }
    for received in 0..receives {
        let Some(token) = at.recv().await else {
            return received;
        };
        if sends > 0 {
            if to.send(token + 1).await.is_err() {
                return received + 1;
            }
            sends -= 1;
        }
    }
    receives
}

/// What A says in the choice workloads.
enum Choice {
    More,
    Stop,
}

fn choosers(messages: usize) -> [Task; 2] {
    let (to_b, mut at_b) = channel(EDGE_CAPACITY);
    let (to_a, mut at_a) = channel::<()>(EDGE_CAPACITY);
    let a = tokio::spawn(async move {
        let mut acks = 0;
        // Each round is two messages; `stop` is one more, after the measured ones.
        while acks * 2 < messages {
            if to_b.send(Choice::More).await.is_err() || at_a.recv().await.is_none() {
                return acks;
            }
            acks += 1;
        }
        // B may only be gone if it failed, which its own count then shows.
        drop(to_b.send(Choice::Stop).await);
        acks
    });
    let b = tokio::spawn(async move {
        let mut received = 0;
        while let Some(choice) = at_b.recv().await {
            received += 1;
            match choice {
                Choice::More if to_a.send(()).await.is_ok() => {}
                Choice::More | Choice::Stop => break,
            }
        }
        received
    });
    [a, b]
}
