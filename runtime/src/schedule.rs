//! Schedules: which islands run, how many at a time, and how far. A schedule is a value, and part of a run's inputs.
//! How many workers carry it out is not part of it.

use motet_types::SessionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How islands are preferred when more are ready than a wave takes.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SchedulerPolicy {
    /// First ready, first served.
    #[default]
    Cooperative,
    /// The same order as `Cooperative`; the specification names both.
    RoundRobin,
    /// The highest priority first; among equals, first ready.
    Priority(PriorityPolicy),
    /// Islands with messages in flight before those without; among equals, first ready.
    ProgressAware,
    /// Ready islands in an order drawn from a seed: for tests and for measuring what memory costs.
    Random {
        /// The seed.
        seed: u64,
    },
}

/// What an island's priority is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PriorityPolicy {
    /// A fixed number for each session; 0 for those that are not named.
    FixedMap(#[serde(with = "numbered")] BTreeMap<SessionId, u32>),
    /// One point for each wave it has been waiting, on top of a fixed number: nobody waits for ever.
    Aging(#[serde(with = "numbered")] BTreeMap<SessionId, u32>),
    /// One point for each message in flight.
    TokenWeighted,
}

/// As pairs, since documents have texts for keys.
mod numbered {
    use super::{BTreeMap, Deserialize, Serialize, SessionId};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<SessionId, u32>, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<SessionId, u32>, D::Error> {
        Vec::<(SessionId, u32)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}

/// A schedule.
///
/// As a document it has these fields by these names; what is left out is as in [`Schedule::throughput`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Who goes first.
    pub policy: SchedulerPolicy,
    /// The most islands in one wave.
    pub wave: u32,
    /// The most steps one island takes in one wave.
    pub fuel: u32,
    /// How many islands of a wave are handed out together.
    pub chunk: u32,
    /// The most waves that are out at once. Wave `n + window` is planned exactly when wave `n` has been committed, so
    /// what it picks depends on state alone, and nobody waits at the end of each wave for its slowest part.
    pub window: u32,
    /// The most waves in one turn. At its end all islands are at home; only there can inputs come in.
    pub turn: u32,
}

/// A schedule that cannot run anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}; it must be between 1 and {limit}")]
pub struct ScheduleError {
    /// Which number.
    pub name: &'static str,
    /// What it is.
    pub value: u32,
    /// The largest it may be.
    pub limit: u32,
}

impl Schedule {
    /// The most islands in a wave, and steps in a burst.
    pub const LIMIT: u32 = 1 << 20;

    /// The most waves out at once.
    pub const WINDOW_LIMIT: u32 = 1 << 12;

    /// The default of every runtime: long bursts, and enough waves out to keep many workers busy.
    pub const fn throughput() -> Self {
        Self { policy: SchedulerPolicy::Cooperative, wave: 64, fuel: 256, chunk: 64, window: 32, turn: 128 }
    }

    /// One step of one island in each round, as the specification's documents define it.
    pub const fn canonical() -> Self {
        Self { policy: SchedulerPolicy::Cooperative, wave: 1, fuel: 1, chunk: 1, window: 1, turn: 1 }
    }

    /// Checks the numbers.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        let numbers = [
            ("wave", self.wave, Self::LIMIT),
            ("fuel", self.fuel, Self::LIMIT),
            ("chunk", self.chunk, Self::LIMIT),
            ("window", self.window, Self::WINDOW_LIMIT),
            ("turn", self.turn, Self::LIMIT),
        ];
        for (name, value, limit) in numbers {
            if value == 0 || value > limit {
                return Err(ScheduleError { name, value, limit });
            }
        }
        Ok(())
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::throughput()
    }
}
