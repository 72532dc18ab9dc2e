//! What the bursts of one chunk leave behind: events, inputs, asks, faults. One arena a chunk, recycled.

use crate::auth::identity::ConsumptionArtifact;
use crate::effect::EffectCoordinate;
use crate::growth::Delegation;
use crate::resources::Resources;
use crate::trace::BurstEnd;
use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_types::{CoroutineId, EffectRow, Event, Fault, LayerId, Pc, RoleId, SessionId, Tick, Value};

/// An effect that may block, waiting to be asked outside the wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Where it was asked for.
    pub coordinate: EffectCoordinate,
    /// The asking role.
    pub role: RoleId,
    /// What it asks for.
    pub wanted: Wanted,
}

impl Ask {
    /// Bytes of memory that it holds outside of itself.
    pub fn retained_bytes(&self) -> usize {
        match &self.wanted {
            Wanted::Answer { argument, .. } => argument.retained_bytes(),
            Wanted::Guard(_) => 0,
        }
    }
}

/// What an effect that may block asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A host operation.
    Answer {
        /// Its row in the image's effect table.
        effect: EffectRow,
        /// Its argument.
        argument: Value,
    },
    /// A guard.
    Guard(LayerId),
}

/// A fault and where it happened. It ends its session, except for that of a crashed site, which may end its coroutine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// The session.
    pub session: SessionId,
    /// The coroutine that faulted.
    pub coroutine: CoroutineId,
    /// Its role.
    pub role: RoleId,
    /// The instruction.
    pub pc: Pc,
    /// The source line, when the image knows it.
    pub line: Option<u32>,
    /// What went wrong.
    pub fault: Fault,
}

/// Bytes before a burst's events.
const BURST_HEADER: usize = 16;

/// The arena. `events` is the trace's encoding:
///
/// ```text
/// chunk   u32 bursts | u32 kind | u64 tick              then its bursts; kind 0: between waves, n + 1: of a wave that
///                                                       was certified while n were out
/// burst   u64 session | u32 events | u30 steps, u2 end  then its events, 8 bytes each; end as in [`BurstEnd`]
/// ```
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) events: Vec<u8>,
    pub(crate) inputs: Vec<u8>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) faults: Vec<FaultReport>,
    pub(crate) dropped: u64,
    /// Payloads that were changed on their way.
    pub(crate) corrupted: u64,
    /// Endpoints that changed hands, and in whose islands.
    pub(crate) delegations: Vec<(SessionId, Delegation)>,
    /// Messages that were received, where that is kept.
    pub(crate) consumptions: Vec<ConsumptionArtifact>,
    /// The heap as the chunk's sessions see it, and what they did to it; none where no resource ever was.
    pub(crate) resources: Option<Box<Resources>>,
}

impl Outbox {
    /// Bytes of its buffers.
    pub(crate) fn bytes(&self) -> usize {
        let asks = self.asks.capacity() * size_of::<Ask>() + self.faults.capacity() * size_of::<FaultReport>();
        let artifacts = self.consumptions.capacity() * size_of::<ConsumptionArtifact>();
        let delegations = self.delegations.capacity() * size_of::<(SessionId, Delegation)>();
        self.events.capacity() + self.inputs.capacity() + asks + artifacts + delegations
    }

    /// Whether there is more than events: nearly never, so it is asked once.
    pub(crate) fn has_more(&self) -> bool {
        let told = !self.inputs.is_empty() || !self.asks.is_empty() || !self.faults.is_empty();
        told || self.dropped > 0
            || self.corrupted > 0
            || self.resources.is_some()
            || !self.delegations.is_empty()
            || !self.consumptions.is_empty()
    }

    /// `lag` says how many waves were out when this chunk's was certified; none for what happens between waves.
    pub(crate) fn begin_chunk(&mut self, bursts: usize, lag: Option<u32>, tick: Tick) {
        let kind = lag.map_or(0, |lag| u64::from(lag) + 1);
        self.events.extend_from_slice(&(bursts as u64 | kind << 32).to_le_bytes());
        self.events.extend_from_slice(&tick.0.to_le_bytes());
    }

    /// Starts a burst's record; its counts are filled in at its end.
    pub(crate) fn begin_burst(&mut self, session: SessionId) -> usize {
        let at = self.events.len();
        self.events.extend_from_slice(&session.0.to_le_bytes());
        self.events.extend_from_slice(&[0; 8]);
        at
    }

    pub(crate) fn end_burst(&mut self, at: usize, steps: u32, end: BurstEnd) {
        let events = (self.events.len() - at - BURST_HEADER) / 8;
        let counts = events as u64 | u64::from(steps) << 32 | end.code() << 62;
        self.events[at + 8..at + 16].copy_from_slice(&counts.to_le_bytes());
    }

    #[inline(always)]
    pub(crate) fn event(&mut self, event: Event) {
        self.events.extend_from_slice(&event.pack().to_le_bytes());
    }
}
