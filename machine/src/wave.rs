//! Waves: which islands run together, and the certificate without which none does.
//!
//! A planner proposes a [`WavePlan`]. [`ProtocolMachine::certify`] checks it and moves the islands out by value into a
//! [`CertifiedWave`]; there is no other way to get hold of one, so nothing runs uncertified. The wave is split into
//! chunks, each chunk is run by whoever holds it, and [`ProtocolMachine::commit`] takes the finished wave back.
//!
//! [`ProtocolMachine::certify`]: crate::ProtocolMachine::certify
//! [`ProtocolMachine::commit`]: crate::ProtocolMachine::commit

use crate::burst::{BurstReport, burst};
use crate::effect::EffectHandler;
use crate::frame::BurstContext;
use crate::image::CodeImage;
use crate::outbox::Outbox;
use crate::session::Session;
use crate::trace::{ARENA_BYTES, arena_digest};
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_types::Digest;

/// An island's place in its machine: what a planner plans with. Places are reused; sessions' ids are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IslandId(pub u32);

/// What a planner proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WavePlan {
    /// The planner step that the plan was made for: the machine's count of waves.
    pub planner_step: u64,
    /// The islands, in pick order.
    pub picks: Vec<IslandId>,
    /// How many steps each may take.
    pub fuel: u32,
    /// How many picks make a chunk.
    pub chunk: u32,
}

/// Why a plan is not certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The plan was made for another step.
    #[error("the plan is for step {planned}, the machine is at step {current}")]
    Stale {
        /// The plan's step.
        planned: u64,
        /// The machine's step.
        current: u64,
    },
    /// No picks, no fuel, too much fuel, or no chunk size.
    #[error("the plan picks nothing, or gives no fuel, or more than a burst can take")]
    Empty,
    /// A pick that is not an island.
    #[error("there is no island {}", .0.0)]
    Unknown(IslandId),
    /// A pick that is not ready, or stands in the plan twice.
    #[error("island {} is not ready, or is picked twice", .0.0)]
    NotReady(IslandId),
}

/// One island, moved out of the machine: the unit of ownership. Who holds it may step it.
#[derive(Debug)]
pub(crate) struct Island {
    pub(crate) slot: u32,
    pub(crate) session: Session,
}

/// What the certifier vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveCertificate {
    /// The wave's number.
    pub wave: u64,
    /// The planner step it was planned for.
    pub planner_step: u64,
    /// How many islands it moves; all distinct, all ready before the wave.
    pub picks: usize,
}

/// A wave that may run.
#[derive(Debug)]
pub struct CertifiedWave {
    pub(crate) certificate: WaveCertificate,
    pub(crate) chunks: Vec<WaveChunk>,
}

impl CertifiedWave {
    /// The certificate.
    pub const fn certificate(&self) -> &WaveCertificate {
        &self.certificate
    }

    /// Takes the wave apart for an executor. Chunks may run in any order, on any thread.
    pub fn split(self) -> (WaveFrame, Vec<WaveChunk>) {
        let expected = self.chunks.len();
        (WaveFrame { certificate: self.certificate, expected }, self.chunks)
    }
}

/// What remains of a wave whose chunks are being run.
#[derive(Debug)]
pub struct WaveFrame {
    certificate: WaveCertificate,
    expected: usize,
}

/// A finished wave could not be put together: chunks are missing, twice there, or another wave's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wave {wave} has {expected} chunks; {found} of its own came back")]
pub struct LostChunk {
    /// The wave.
    pub wave: u64,
    /// How many chunks it has.
    pub expected: usize,
    /// How many came back.
    pub found: usize,
}

impl WaveFrame {
    /// Puts the finished chunks back in pick order, whatever order they were finished in.
    pub fn join(self, mut chunks: Vec<FinishedChunk>) -> Result<FinishedWave, LostChunk> {
        chunks.sort_by_key(|chunk| chunk.0.index);
        let wave = self.certificate.wave;
        let found = chunks.iter().enumerate().filter(|(at, c)| c.0.wave == wave && c.0.index == *at).count();
        if found != self.expected || chunks.len() != self.expected {
            return Err(LostChunk { wave, expected: self.expected, found });
        }
        Ok(FinishedWave { certificate: self.certificate, chunks })
    }
}

/// Some islands of a certified wave.
#[derive(Debug)]
pub struct WaveChunk {
    pub(crate) wave: u64,
    pub(crate) index: usize,
    pub(crate) islands: Vec<Island>,
    pub(crate) reports: Vec<BurstReport>,
    pub(crate) outbox: Outbox,
    pub(crate) digest: Option<Digest>,
    pub(crate) images: Arc<Vec<Arc<CodeImage>>>,
    pub(crate) context: BurstContext,
}

impl WaveChunk {
    /// How many islands it has.
    pub fn len(&self) -> usize {
        self.islands.len()
    }

    /// Whether it has none; never, in a certified wave.
    pub fn is_empty(&self) -> bool {
        self.islands.is_empty()
    }

    /// Runs one burst of each island, in pick order.
    pub fn run<H: EffectHandler + ?Sized>(mut self, host: &H) -> FinishedChunk {
        if self.context.trace {
            self.outbox.begin_chunk(self.islands.len(), true, self.context.tick);
        }
        for island in &mut self.islands {
            let image = &self.images[island.session.image as usize];
            let report = burst(&mut island.session, image, &self.context, host, &mut self.outbox);
            self.reports.push(report);
        }
        if self.outbox.events.len() >= ARENA_BYTES {
            self.digest = Some(arena_digest(&self.outbox.events));
        }
        FinishedChunk(self)
    }
}

/// A chunk that has run.
#[derive(Debug)]
pub struct FinishedChunk(pub(crate) WaveChunk);

/// A wave that has run and waits for its commit.
#[derive(Debug)]
pub struct FinishedWave {
    pub(crate) certificate: WaveCertificate,
    pub(crate) chunks: Vec<FinishedChunk>,
}
