//! The certifier: the one place where a session leaves its machine.
//!
//! It shares no code with any planner. It looks at the machine alone and holds every word of the proposed certificate
//! against it: the wave is the next one, planned for this step and from the last digested state; every pick is an
//! island that is at home and ready, none is picked twice, and each consists of the session that the plan claims. An
//! island is owned by value, so distinct islands have disjoint footprints, and waves that are out cannot share one.

use crate::edge::BufferMode;
use crate::frame::{BurstContext, Close};
use crate::images::Images;
use crate::machine::{Place, ProtocolMachine};
use crate::outbox::Outbox;
use crate::resources::Resources;
use crate::trace::{MAX_FUEL, MAX_LAG};
use crate::wave::{CertifiedWave, Chunk, Island, Refusal, Refused, WaveChunk, WavePlan};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use motet_heap::Overlay;
use motet_types::{EffectKind, EffectKinds, Planted, Tick, planted};

impl ProtocolMachine {
    /// Checks a plan and moves its islands out. This is the only place where a session leaves the machine.
    ///
    /// It is independent of the planner: it looks at the machine alone. A refused plan changes nothing and comes back.
    #[expect(clippy::result_large_err, reason = "a refused plan comes back by value: it is reused, and never common")]
    pub fn certify(&mut self, plan: WavePlan, wants: EffectKinds) -> Result<CertifiedWave, Refused> {
        match self.check(&plan) {
            Ok(()) => Ok(self.move_out(plan, wants)),
            Err(refusal) => Err(Refused { refusal, plan }),
        }
    }

    /// Checks the claim, and marks its islands as out when all of it is true.
    fn check(&mut self, plan: &WavePlan) -> Result<(), Refusal> {
        let claim = &plan.claim;
        let (step, wave) = (self.planner_step(), self.next_wave());
        if claim.wave != wave && !planted(Planted::CertifierTrustsWave) {
            return Err(Refusal::Wave { planned: claim.wave, current: wave });
        }
        if claim.planner_step != step && !planted(Planted::CertifierTrustsStep) {
            return Err(Refusal::Stale { planned: claim.planner_step, current: step });
        }
        if claim.boundary != self.boundary && !planted(Planted::CertifierTrustsBoundary) {
            return Err(Refusal::Boundary { planned: claim.boundary, current: self.boundary });
        }
        if claim.picks.is_empty() || !(1..=MAX_FUEL).contains(&plan.fuel) || plan.chunk == 0 {
            return Err(Refusal::Empty);
        }
        if wave - step > MAX_LAG {
            return Err(Refusal::Window { out: wave - step });
        }
        for (at, pick) in claim.picks.iter().enumerate() {
            let refusal = match self.slots.get_mut(pick.island.0 as usize) {
                None => Refusal::Unknown(pick.island),
                Some(slot) if slot.place == Place::Ready || planted(Planted::CertifierTrustsReadiness) => {
                    let found = slot.session.id();
                    if found == pick.footprint || planted(Planted::CertifierTrustsFootprint) {
                        // Marked as it is checked, so a second pick of the same island is not ready any more.
                        slot.place = Place::Out;
                        continue;
                    }
                    Refusal::Footprint { island: pick.island, claimed: pick.footprint, found }
                }
                Some(_) => Refusal::NotReady(pick.island),
            };
            let marked = if planted(Planted::CertifierKeepsRefused) { 0 } else { at };
            for pick in &claim.picks[..marked] {
                self.slots[pick.island.0 as usize].place = Place::Ready;
            }
            return Err(refusal);
        }
        Ok(())
    }

    fn move_out(&mut self, plan: WavePlan, wants: EffectKinds) -> CertifiedWave {
        let WavePlan { claim, fuel, chunk: size } = plan;
        let (watch, network) = (&self.images.watch, &self.images.network);
        let usual = Close {
            capacity: self.config.buffer.holds(),
            latest: self.config.buffer.mode == BufferMode::LatestValue,
            watched: watch.on(),
            tampered: network.tampered,
        };
        let close = (watch.on() || network.is_watched()).then_some(usual);
        let context = BurstContext {
            policy: self.config.buffer.policy,
            capacity: if close.is_some() { 0 } else { usual.capacity },
            latest: usual.latest && close.is_none(),
            close,
            attended: wants.contains(EffectKind::Receive) || close.is_some(),
            max_payload: self.config.max_payload_bytes,
            wants,
            run: self.config.run_id,
            tick: Tick(self.tick.0 + self.out),
            lag: self.out as u32,
            fuel,
            trace: self.trace.is_on() || self.images.outputs.is_on(),
            record: self.config.record,
            speculation: self.config.speculation_depth,
            guests: self.config.max_guest_sessions,
            coroutines: self.config.max_coroutines,
            cancels: self.images.network.cancels(),
        };
        self.copy_picks(&claim.picks);
        // Runs without resources pay for nothing.
        let touched = !self.heap.is_untouched();
        let mut chunks = self.spare.waves.pop().unwrap_or_default();
        for (index, picks) in claim.picks.chunks(size as usize).enumerate() {
            let mut chunk = self.spare.chunk(&self.images, context);
            (chunk.wave, chunk.index) = (claim.wave, index);
            if touched {
                chunk.outbox.resources = Some(Resources::over(&self.heap));
            }
            for pick in picks {
                let session = mem::take(&mut self.slots[pick.island.0 as usize].session);
                chunk.islands.push(Island { slot: pick.island.0, session });
            }
            chunks.push(WaveChunk(chunk));
        }
        self.out += 1;
        CertifiedWave { certificate: claim, chunks }
    }
}

/// Boxes and buffers of waves that have been committed, for the next ones.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    #[expect(clippy::vec_box, reason = "chunks travel between threads in their boxes, and come back in them")]
    pub(crate) chunks: Vec<Box<Chunk>>,
    pub(crate) waves: Vec<Vec<WaveChunk>>,
    /// What sessions of the wave that is being committed did to the heap.
    pub(crate) overlays: Vec<Overlay>,
}

impl Spare {
    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let waves = self.waves.iter().map(|wave| wave.capacity() * 8).sum::<usize>();
        let lists = self.chunks.capacity() * 8 + self.waves.capacity() * size_of::<Vec<WaveChunk>>() + waves;
        lists + self.chunks.iter().map(|chunk| chunk.bytes()).sum::<usize>()
    }

    fn chunk(&mut self, images: &Arc<Images>, context: BurstContext) -> Box<Chunk> {
        match self.chunks.pop() {
            Some(mut chunk) => {
                (chunk.context, chunk.lane) = (context, 0);
                if !Arc::ptr_eq(&chunk.images, images) {
                    chunk.images = Arc::clone(images);
                }
                chunk
            }
            None => Box::new(Chunk {
                wave: 0,
                index: 0,
                islands: Vec::new(),
                reports: Vec::new(),
                outbox: Outbox::default(),
                digest: None,
                images: Arc::clone(images),
                context,
                lane: 0,
            }),
        }
    }
}
