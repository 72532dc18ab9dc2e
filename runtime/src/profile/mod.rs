//! Determinism profiles: what two runs must have in common to count as the same, and where they first do not.
//!
//! A profile is a [`DeterminismMode`]. Each has one normal form ([`normal_form`]), and two runs are equal under it exactly
//! when their normal forms are. Replay, the envelope, `motet diff` and the audits of the bridge go through it.
//!
//! The profiles are a chain: what is equal under [`DeterminismMode::Full`] is equal under `Replay`, what is equal there is
//! equal under `ModuloEffects`, and that under `ModuloCommutativity`.

mod difference;
mod entry;
mod form;
mod line;
mod names;
mod view;

pub use difference::{NormalForm, ProfileDifference, compare_runs};
pub use entry::{Aspect, Observation, TraceEntry};
pub use form::normal_form;
pub use names::{EventWords, SessionImages};
pub use view::RunView;

use motet_types::{Planted, planted};
use serde::{Deserialize, Serialize};

/// What two runs must have in common to count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeterminismMode {
    /// Everything that was observed and every exchange with the host: the same, in the same order, at the same ticks.
    #[default]
    Full,
    /// Everything that was observed: exactly what the recording has, ticks and waves included.
    Replay,
    /// The same events in the same order. When they were, and what the host answered, does not count.
    ModuloEffects,
    /// The same events in each session. How sessions interleave does not count either; what belongs to no session stays
    /// where it is, and nothing moves past it.
    ModuloCommutativity,
}

impl DeterminismMode {
    /// All of them, the strictest first: what is equal under one is equal under all that follow.
    pub const ALL: [Self; 4] = [Self::Full, Self::Replay, Self::ModuloEffects, Self::ModuloCommutativity];

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Replay => "replay",
            Self::ModuloEffects => "modulo_effects",
            Self::ModuloCommutativity => "modulo_commutativity",
        }
    }

    /// The profile of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether the profile looks at this.
    fn looks_at(self, aspect: Aspect) -> bool {
        match aspect {
            Aspect::Event => true,
            Aspect::Layout => self.is_exact(),
            Aspect::Exchange => matches!(self, Self::Full) && !planted(Planted::ProfileForgetsEffects),
        }
    }

    /// Whether the profile holds runs to their ticks and waves.
    const fn is_exact(self) -> bool {
        matches!(self, Self::Full | Self::Replay)
    }
}
