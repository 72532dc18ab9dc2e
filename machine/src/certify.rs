//! The certifier: the one place where a session leaves its machine.
//!
//! It shares no code with any planner. It looks at the machine alone and vouches for three things: the plan was made
//! for this step, every pick is an island that is ready, and no island is picked twice. An island is owned by value, so
//! distinct islands have disjoint footprints.

use crate::edge::BufferMode;
use crate::frame::BurstContext;
use crate::machine::{Place, ProtocolMachine};
use crate::outbox::Outbox;
use crate::trace::MAX_FUEL;
use crate::wave::{CertifiedWave, Island, Refusal, WaveCertificate, WaveChunk, WavePlan};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use motet_types::EffectKinds;

impl ProtocolMachine {
    /// Checks a plan and moves its islands out. This is the only place where a session leaves the machine.
    ///
    /// It is independent of the planner: it looks at the machine alone. A refused plan changes nothing.
    pub fn certify(&mut self, plan: &WavePlan, wants: EffectKinds) -> Result<CertifiedWave, Refusal> {
        if plan.planner_step != self.planner_step {
            return Err(Refusal::Stale { planned: plan.planner_step, current: self.planner_step });
        }
        if plan.picks.is_empty() || !(1..=MAX_FUEL).contains(&plan.fuel) || plan.chunk == 0 {
            return Err(Refusal::Empty);
        }
        for (at, pick) in plan.picks.iter().enumerate() {
            let refusal = match self.slots.get_mut(pick.0 as usize) {
                None => Refusal::Unknown(*pick),
                Some(slot) if slot.place == Place::Ready => {
                    // Marked as it is checked, so a second pick of the same island is not ready any more.
                    slot.place = Place::Out;
                    continue;
                }
                Some(_) => Refusal::NotReady(*pick),
            };
            for pick in &plan.picks[..at] {
                self.slots[pick.0 as usize].place = Place::Ready;
            }
            return Err(refusal);
        }
        let context = BurstContext {
            policy: self.config.buffer.policy,
            capacity: self.config.buffer.holds(),
            latest: self.config.buffer.mode == BufferMode::LatestValue,
            max_payload: self.config.max_payload_bytes,
            wants,
            run: self.config.run_id,
            tick: self.tick,
            fuel: plan.fuel,
            trace: self.trace.is_on(),
            record: self.config.record,
        };
        let wave = self.tally.waves;
        let mut chunks = Vec::with_capacity(plan.picks.len().div_ceil(plan.chunk as usize));
        for (index, picks) in plan.picks.chunks(plan.chunk as usize).enumerate() {
            let mut chunk = self.pool.pop().unwrap_or_else(|| WaveChunk {
                wave,
                index,
                islands: Vec::new(),
                reports: Vec::new(),
                outbox: Outbox::default(),
                digest: None,
                images: Arc::clone(&self.images),
                context,
            });
            (chunk.wave, chunk.index, chunk.context) = (wave, index, context);
            if !Arc::ptr_eq(&chunk.images, &self.images) {
                chunk.images = Arc::clone(&self.images);
            }
            for pick in picks {
                let session = mem::take(&mut self.slots[pick.0 as usize].session);
                chunk.islands.push(Island { slot: pick.0, session });
            }
            chunks.push(chunk);
        }
        let certificate = WaveCertificate { wave, planner_step: plan.planner_step, picks: plan.picks.len() };
        Ok(CertifiedWave { certificate, chunks })
    }
}
