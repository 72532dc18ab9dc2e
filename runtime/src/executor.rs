//! Executors: who carries a certified wave out. Planning, certifying, committing and recording do not know which.

use crate::contained::run;
use crate::seeded::mix;
use motet_machine::{CertifiedWave, EffectHandler, FinishedWave, LostChunk};

/// Runs certified waves with hosts of type `H`.
pub trait Executor<H: ?Sized> {
    /// Runs every chunk of the wave and puts it together again.
    fn execute(&mut self, wave: CertifiedWave, host: &H) -> Result<FinishedWave, LostChunk>;
}

/// Runs waves on the calling thread, one chunk after another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inline;

impl<H: EffectHandler + ?Sized> Executor<H> for Inline {
    fn execute(&mut self, wave: CertifiedWave, host: &H) -> Result<FinishedWave, LostChunk> {
        let (frame, chunks) = wave.split();
        frame.join(chunks.into_iter().filter_map(|chunk| run(chunk, host)).collect())
    }
}

/// Runs a wave's chunks in an order drawn from a seed. For tests: no order may change a result.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
}

impl Seeded {
    /// An executor with its own order.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }
}

impl<H: EffectHandler + ?Sized> Executor<H> for Seeded {
    fn execute(&mut self, wave: CertifiedWave, host: &H) -> Result<FinishedWave, LostChunk> {
        let (frame, mut chunks) = wave.split();
        let mut finished = Vec::with_capacity(chunks.len());
        while !chunks.is_empty() {
            self.state = mix(self.state.wrapping_add(1));
            let at = (self.state % chunks.len() as u64) as usize;
            finished.extend(run(chunks.swap_remove(at), host));
        }
        frame.join(finished)
    }
}
