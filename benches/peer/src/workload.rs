//! The workloads, and what a peer must offer to be measured on them.
//!
//! A workload is stated once, in words, here; every peer drives it with its own public interface. Sizes run along one
//! axis, so that a growth exponent means something.

use std::time::Duration;

use serde::Serialize;

/// Messages that each session of [`Workload::ManySessions`] exchanges.
pub(crate) const MESSAGES_PER_SESSION: usize = 10;

/// Roles around the ring of [`Workload::Ring64`].
pub(crate) const RING_ROLES: usize = 64;

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// Two roles in one session pass a number to and fro for ever; measured for `size` messages.
    PingPong,
    /// Sixty-four roles in one session pass a token around for ever; measured for `size` messages.
    Ring64,
    /// `size` two-role sessions are open at once and exchange ten messages each, to their end.
    ManySessions,
    /// A says `more`, B acknowledges, again and again; `size` messages, the same label each time.
    Choice,
    /// The same protocol, but the host takes the other label, `stop`, when `size` messages have passed.
    ChoiceStop,
}

impl Workload {
    /// All of them, in the order in which they are run and printed.
    pub(crate) const ALL: [Self; 5] =
        [Self::PingPong, Self::Ring64, Self::ManySessions, Self::Choice, Self::ChoiceStop];

    /// Name on the command line and in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PingPong => "ping_pong",
            Self::Ring64 => "ring64",
            Self::ManySessions => "many_sessions",
            Self::Choice => "choice",
            Self::ChoiceStop => "choice_stop",
        }
    }

    /// What grows along the axis of sizes.
    pub(crate) const fn axis(self) -> &'static str {
        match self {
            Self::ManySessions => "sessions",
            _ => "messages",
        }
    }

    /// Whether the protocol comes to an end by itself, and so must be seen to.
    pub(crate) const fn ends(self) -> bool {
        matches!(self, Self::ManySessions | Self::ChoiceStop)
    }

    /// How many sessions are open when the workload has this size.
    pub(crate) const fn sessions(self, size: usize) -> usize {
        match self {
            Self::ManySessions => size,
            _ => 1,
        }
    }

    /// How many messages must have been received for the workload to count as done.
    pub(crate) const fn messages(self, size: usize) -> usize {
        match self {
            Self::ManySessions => size * MESSAGES_PER_SESSION,
            _ => size,
        }
    }
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Messages received; at least what the workload asks for.
    pub(crate) messages: usize,
    /// Opening all sessions, before the first message; `None` where a peer cannot open without running.
    pub(crate) open: Option<Duration>,
    /// From the first message to the last; contains the opening where `open` is `None`.
    pub(crate) run: Duration,
}

impl Sample {
    /// Time per message in nanoseconds, opening excluded where it can be.
    pub(crate) fn ns_per_message(&self) -> f64 {
        self.run.as_secs_f64() * 1e9 / self.messages.max(1) as f64
    }

    /// Time per message in nanoseconds, opening included.
    pub(crate) fn ns_per_message_with_open(&self) -> f64 {
        let total = self.open.unwrap_or_default() + self.run;
        total.as_secs_f64() * 1e9 / self.messages.max(1) as f64
    }
}

/// Something that can run workloads.
pub(crate) trait Peer {
    /// Name in tables.
    fn name(&self) -> &'static str;

    /// Threads that run coroutines or tasks. Ratios compare like with like.
    fn threads(&self) -> usize {
        1
    }

    /// Sizes to run, ascending; empty where the workload says nothing about this peer.
    fn sizes(&self, workload: Workload) -> Vec<usize>;

    /// Run once.
    ///
    /// # Errors
    ///
    /// Says why the peer cannot run the workload; the reason becomes a row of the table.
    fn run(&self, workload: Workload, size: usize) -> Result<Sample, String>;
}
