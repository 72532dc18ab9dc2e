//! Executors: who carries certified waves out. Planning, certifying, committing and recording do not know which.

use crate::contained::{Contained, run};
use crate::seeded::mix;
use crate::sync;
use motet_machine::{CertifiedWave, EffectHandler, FinishedChunk, FinishedWave, LostChunk, WaveChunk, WaveFrame};
use motet_types::{Planted, planted};
use std::collections::VecDeque;

/// What an executor has done: observables of one run, equal between no two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ExecutorMetrics {
    /// Chunks that were offered to workers.
    pub shared_chunks: u64,
    /// Chunks that another worker than the leader ran.
    pub steals: u64,
    /// Times that a thread lay down to sleep.
    pub parks: u64,
    /// Times that the leader woke a worker.
    pub wakes: u64,
    /// Times that a thread found a lock taken.
    pub contended_locks: u64,
}

/// What every executor can tell of itself.
pub trait Observed {
    /// What it has done so far.
    fn metrics(&self) -> ExecutorMetrics {
        ExecutorMetrics::default()
    }
}

impl Observed for Inline {}
impl Observed for Seeded {}

/// Runs certified waves with hosts of type `H`.
///
/// Several waves may be taken on before the first is asked for. When each is run, and by whom, is the executor's
/// business; they come back in the order in which they were taken on. As long as any is out, every call names the same
/// host; when none is, the executor holds no host.
pub trait Executor<H: ?Sized>: Observed {
    /// Takes a wave on.
    fn submit(&mut self, wave: CertifiedWave, host: &H);

    /// Answers the oldest wave that was taken on and not answered, when all of it has run; none when there is none.
    fn finish(&mut self, host: &H) -> Option<Result<FinishedWave, LostChunk>>;
}

/// Runs waves on the calling thread, one after another, each when it is asked for.
#[derive(Debug, Default)]
pub struct Inline {
    waves: VecDeque<CertifiedWave>,
}

impl<H: EffectHandler + ?Sized> Executor<H> for Inline {
    fn submit(&mut self, wave: CertifiedWave, _host: &H) {
        self.waves.push_back(wave);
    }

    fn finish(&mut self, host: &H) -> Option<Result<FinishedWave, LostChunk>> {
        let oldest = match planted(Planted::ExecutorNewestFirst) {
            true => self.waves.pop_back(),
            false => self.waves.pop_front(),
        };
        oldest.map(|wave| alone(wave, host))
    }
}

impl Inline {
    /// As `finish`, but stops after so many steps; what is left of the wave takes none.
    pub(crate) fn finish_at_most<H: EffectHandler + ?Sized>(
        &mut self,
        host: &H,
        steps: u64,
    ) -> Option<Result<FinishedWave, LostChunk>> {
        let wave = self.waves.pop_front()?;
        let lost = LostChunk { wave: wave.certificate().wave, expected: wave.chunks(), found: 0 };
        Some(sync::contain(|| wave.run_at_most(&Contained(host), steps)).ok_or(lost))
    }
}

/// Runs a whole wave on the calling thread. It is lost when it panics, which no handler can cause.
pub(crate) fn alone<H: EffectHandler + ?Sized>(wave: CertifiedWave, host: &H) -> Result<FinishedWave, LostChunk> {
    let lost = LostChunk { wave: wave.certificate().wave, expected: wave.chunks(), found: 0 };
    sync::contain(|| wave.run(&Contained(host))).ok_or(lost)
}

/// A wave that is taken on and not finished, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) frame: WaveFrame,
    pub(crate) done: Vec<FinishedChunk>,
}

impl Flight {
    pub(crate) fn new(frame: WaveFrame) -> Self {
        let done = Vec::with_capacity(frame.expected());
        Self { frame, done }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.done.len() >= self.frame.expected()
    }

    pub(crate) fn join(self) -> Result<FinishedWave, LostChunk> {
        self.frame.join(self.done)
    }
}

/// Runs the chunks of all waves that are out in an order drawn from a seed. For tests: no order may change a result.
#[derive(Debug)]
pub struct Seeded {
    state: u64,
    chunks: Vec<WaveChunk>,
    flights: VecDeque<Flight>,
}

impl Seeded {
    /// An executor with its own order.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, chunks: Vec::new(), flights: VecDeque::new() }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.state = mix(self.state.wrapping_add(1));
        (self.state % below as u64) as usize
    }
}

impl<H: EffectHandler + ?Sized> Executor<H> for Seeded {
    fn submit(&mut self, wave: CertifiedWave, host: &H) {
        let (frame, chunks) = wave.split();
        self.flights.push_back(Flight::new(frame));
        self.chunks.extend(chunks);
        // Some chunks are run before anybody asks for their wave.
        while !self.chunks.is_empty() && self.draw(3) == 0 {
            self.run_any(host);
        }
    }

    fn finish(&mut self, host: &H) -> Option<Result<FinishedWave, LostChunk>> {
        while !self.flights.front()?.is_complete() && !self.chunks.is_empty() {
            self.run_any(host);
        }
        self.flights.pop_front().map(Flight::join)
    }
}

impl Seeded {
    fn run_any<H: EffectHandler + ?Sized>(&mut self, host: &H) {
        let at = self.draw(self.chunks.len());
        let lane = self.draw(16);
        let finished = run(self.chunks.swap_remove(at), host, lane);
        if planted(Planted::ExecutorLosesChunk) && self.draw(8) == 0 {
            return;
        }
        let flight = finished.and_then(|chunk| {
            let flight = self.flights.iter_mut().find(|flight| flight.frame.wave() == chunk.wave())?;
            Some((flight, chunk))
        });
        if let Some((flight, chunk)) = flight {
            flight.done.push(chunk);
        }
    }
}
