//! Waves: which islands run together, and the certificate without which none does.
//!
//! A planner proposes a [`WavePlan`]: a certificate as it thinks it should be. [`ProtocolMachine::certify`] holds every
//! word of it against the machine and moves the islands out by value into a [`CertifiedWave`]; there is no other way to
//! get hold of one, so nothing runs uncertified. The wave is split into chunks, each chunk is run by whoever holds it,
//! and [`ProtocolMachine::commit`] takes the finished wave back. Several waves may be out at once; they are committed
//! in the order in which they were certified.
//!
//! [`ProtocolMachine::certify`]: crate::ProtocolMachine::certify
//! [`ProtocolMachine::commit`]: crate::ProtocolMachine::commit

use crate::burst::{BurstReport, burst, burst_closely};
use crate::frame::BurstContext;
use crate::images::Images;
use crate::outbox::Outbox;
use crate::reply::{Erased, Respondent};
use crate::session::Session;
use crate::trace::{ARENA_BYTES, arena_digest};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_types::{Digest, Planted, SessionId, planted};

/// An island's place in its machine: what a planner plans with. Places are reused; sessions' ids are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IslandId(pub u32);

/// One island of a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Which.
    pub island: IslandId,
    /// Its footprint: the session that it consists of. Nothing else can be touched by running it.
    pub footprint: SessionId,
}

/// The last point at which the whole state was digested. Digests are taken between turns, when every island is home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Boundary {
    /// Waves committed before it.
    pub wave: u64,
    /// The state root there.
    pub state: Digest,
}

/// What the certifier vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WaveCertificate {
    /// The wave's number.
    pub wave: u64,
    /// The planner's step: how many waves had been committed when it was planned. The waves between are still out.
    pub planner_step: u64,
    /// The last state digest before it.
    pub boundary: Boundary,
    /// Its islands, in pick order: all distinct, all at home and ready, each with its footprint.
    pub picks: Vec<Pick>,
}

/// What a planner proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WavePlan {
    /// The certificate as the planner believes it should be.
    pub claim: WaveCertificate,
    /// How many steps each island may take.
    pub fuel: u32,
    /// How many picks make a chunk.
    pub chunk: u32,
}

/// Why a plan is not certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The plan claims to be another wave than the next.
    #[error("the plan is for wave {planned}, the next is {current}")]
    Wave {
        /// The plan's wave.
        planned: u64,
        /// The machine's next wave.
        current: u64,
    },
    /// The plan was made for another step.
    #[error("the plan is for step {planned}, the machine is at step {current}")]
    Stale {
        /// The plan's step.
        planned: u64,
        /// The machine's step.
        current: u64,
    },
    /// The plan starts from another state.
    #[error("the plan starts from the state after wave {}, the last that was digested stands after wave {}", .planned.wave, .current.wave)]
    Boundary {
        /// The plan's.
        planned: Boundary,
        /// The machine's.
        current: Boundary,
    },
    /// No picks, no fuel, too much fuel, or no chunk size.
    #[error("the plan picks nothing, or gives no fuel, or more than a burst can take")]
    Empty,
    /// So many waves are out that their number does not fit into a trace.
    #[error("{out} waves are out already, and no more can be")]
    Window {
        /// How many are out.
        out: u64,
    },
    /// A pick that is not an island.
    #[error("there is no island {}", .0.0)]
    Unknown(IslandId),
    /// A pick that is not ready, is out already, or stands in the plan twice.
    #[error("island {} is not ready, or is picked twice", .0.0)]
    NotReady(IslandId),
    /// A pick whose footprint is another.
    #[error("island {} consists of {found}, not of {claimed}", .island.0)]
    Footprint {
        /// The island.
        island: IslandId,
        /// What the plan claims.
        claimed: SessionId,
        /// What it is.
        found: SessionId,
    },
}

/// A refused plan, given back to its planner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The plan, unchanged.
    pub plan: WavePlan,
}

/// One island, moved out of the machine: the unit of ownership. Who holds it may step it.
#[derive(Debug)]
pub(crate) struct Island {
    pub(crate) slot: u32,
    pub(crate) session: Session,
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

    /// How many chunks it has.
    pub const fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Runs the whole wave here and now, chunk by chunk.
    pub fn run<H: Respondent + ?Sized>(self, host: &H) -> FinishedWave {
        let Self { certificate, mut chunks } = self;
        chunks.iter_mut().for_each(|chunk| chunk.0.run(host));
        FinishedWave { certificate, chunks }
    }

    /// Runs the wave until so many steps have been taken, in pick order; what is left of it takes none. For looking at a
    /// run in the middle of a wave.
    pub fn run_at_most<H: Respondent + ?Sized>(self, host: &H, mut steps: u64) -> FinishedWave {
        let Self { certificate, mut chunks } = self;
        chunks.iter_mut().for_each(|chunk| chunk.0.run_at_most(host, &mut steps));
        FinishedWave { certificate, chunks }
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
    /// The wave's number.
    pub const fn wave(&self) -> u64 {
        self.certificate.wave
    }

    /// How many chunks it has.
    pub const fn expected(&self) -> usize {
        self.expected
    }

    /// Puts the finished chunks back in pick order, whatever order they were finished in.
    pub fn join(self, finished: Vec<FinishedChunk>) -> Result<FinishedWave, LostChunk> {
        let mut chunks: Vec<WaveChunk> = finished.into_iter().map(|chunk| chunk.0).collect();
        if !planted(Planted::JoinUnsorted) {
            chunks.sort_by_key(|chunk| chunk.0.index);
        }
        let wave = self.certificate.wave;
        let found = chunks
            .iter()
            .enumerate()
            .filter(|(at, c)| c.0.wave == wave && (c.0.index == *at || planted(Planted::JoinUnsorted)))
            .count();
        let lost = found != self.expected || chunks.len() != self.expected;
        if lost && !planted(Planted::JoinTrustsCount) {
            return Err(LostChunk { wave, expected: self.expected, found });
        }
        Ok(FinishedWave { certificate: self.certificate, chunks })
    }
}

/// What a chunk holds. It is boxed, and its boxes and buffers are used again, so handing one over costs a word.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) wave: u64,
    pub(crate) index: usize,
    pub(crate) islands: Vec<Island>,
    pub(crate) reports: Vec<BurstReport>,
    pub(crate) outbox: Outbox,
    pub(crate) digest: Option<Digest>,
    pub(crate) images: Arc<Images>,
    pub(crate) context: BurstContext,
    /// The worker that runs it.
    pub(crate) lane: u8,
}

impl Chunk {
    /// Bytes of its buffers, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let islands = self.islands.capacity() * size_of::<Island>();
        let reports = self.reports.capacity() * size_of::<BurstReport>();
        size_of::<Self>() + islands + reports + self.outbox.bytes()
    }

    fn run<H: Respondent + ?Sized>(&mut self, host: &H) {
        let mut unlimited = u64::MAX;
        self.run_at_most(host, &mut unlimited);
    }

    fn run_at_most<H: Respondent + ?Sized>(&mut self, host: &H, steps: &mut u64) {
        if self.context.trace {
            self.outbox.begin_chunk(self.islands.len(), Some(self.context.lag), self.context.tick);
        }
        let mut context = self.context;
        let closely = self.images.is_close();
        for island in &mut self.islands {
            if *steps < u64::from(context.fuel) {
                context.fuel = *steps as u32;
            }
            let report = if closely {
                burst_closely(&mut island.session, &self.images, &context, &Erased(host), &mut self.outbox)
            } else {
                burst::<H, false>(&mut island.session, &self.images, &context, host, &mut self.outbox)
            };
            *steps -= u64::from(report.steps);
            self.reports.push(report);
        }
        if self.outbox.events.len() >= ARENA_BYTES {
            self.digest = Some(arena_digest(&self.outbox.events));
        }
    }
}

/// Some islands of a certified wave.
#[derive(Debug)]
pub struct WaveChunk(pub(crate) Box<Chunk>);

impl WaveChunk {
    /// How many islands it has.
    pub fn len(&self) -> usize {
        self.0.islands.len()
    }

    /// Whether it has none; never, in a certified wave.
    pub fn is_empty(&self) -> bool {
        self.0.islands.is_empty()
    }

    /// Runs one burst of each island, in pick order. `lane` says which worker does: it is only observed.
    pub fn run<H: Respondent + ?Sized>(mut self, host: &H, lane: usize) -> FinishedChunk {
        self.0.lane = u8::try_from(lane).unwrap_or(u8::MAX);
        self.0.run(host);
        FinishedChunk(self)
    }
}

/// A chunk that has run.
#[derive(Debug)]
pub struct FinishedChunk(pub(crate) WaveChunk);

impl FinishedChunk {
    /// The number of the wave that it belongs to.
    pub const fn wave(&self) -> u64 {
        self.0.0.wave
    }

    /// How many islands it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none; never, in a certified wave.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A wave that has run and waits for its commit.
#[derive(Debug)]
pub struct FinishedWave {
    pub(crate) certificate: WaveCertificate,
    pub(crate) chunks: Vec<WaveChunk>,
}

impl FinishedWave {
    /// How many chunks it has.
    pub const fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The number of picks.
    pub const fn width(&self) -> usize {
        self.certificate.picks.len()
    }

    /// The wave's number.
    pub const fn wave(&self) -> u64 {
        self.certificate.wave
    }
}
