//! The commit: a finished wave comes back, in pick order.

use crate::effect::EffectCoordinate;
use crate::growth::Delegation;
use crate::machine::{GONE, LaneSelection, Place, ProtocolMachine};
use crate::outbox::{Ask, FaultReport};
use crate::session::Session;
use crate::trace::BurstEnd;
use crate::wave::{FinishedWave, IslandId, Pick};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_semantic::{DelegationReceipt, OwnershipScope};
use motet_types::{CoroutineId, Planted, RoleId, SessionId, Terminal, planted};

/// What a commit made known. It is filled again at every commit, so that its buffers are used again.
#[derive(Debug, Default)]
pub struct CommitReport {
    /// Islands that are ready now, in commit order.
    pub ready: Vec<Pick>,
    /// Effects that may be asked now.
    pub asks: Vec<Ask>,
    /// Faults, in commit order.
    pub faults: Vec<FaultReport>,
    /// Recorded answers, in commit order; see [`RecordedEffect`](crate::RecordedEffect).
    pub inputs: Vec<u8>,
    /// Steps that the wave took.
    pub steps: u64,
    /// The wave's number.
    pub wave: u64,
    /// Which lanes ran the bursts, when [`observe_lanes`](crate::ProtocolMachineConfig::observe_lanes) is on.
    pub lanes: Vec<LaneSelection>,
    /// How many sessions the wave's lanes took over from other lanes.
    pub moved: u64,
    /// How many endpoints changed hands between coroutines.
    pub handed: u64,
    /// The wave's picks, in a buffer that the planner may use again.
    pub picks: Vec<Pick>,
}

impl CommitReport {
    fn clear(&mut self) {
        self.ready.clear();
        if !self.asks.is_empty() || !self.faults.is_empty() {
            self.asks.clear();
            self.faults.clear();
        }
        self.inputs.clear();
        self.lanes.clear();
        (self.steps, self.moved, self.handed) = (0, 0, 0);
    }
}

impl ProtocolMachine {
    /// Takes a finished wave back, in pick order. `report` is cleared and says what the wave brought.
    ///
    /// # Panics
    /// When the wave is another machine's, or not the oldest that is out: only a bug in an executor can mix them up,
    /// and going on would mix up sessions.
    pub fn commit(&mut self, wave: FinishedWave, report: &mut CommitReport) {
        let FinishedWave { certificate, mut chunks } = wave;
        let oldest = certificate.wave == self.tally.waves && self.out > 0;
        assert!(oldest, "waves are committed in the order in which they were certified");
        let ours = |chunk: &crate::wave::WaveChunk| Arc::ptr_eq(&chunk.0.images, &self.images);
        assert!(chunks.iter().all(ours), "a wave is committed to the machine it came from");
        report.clear();
        report.wave = certificate.wave;
        let (mut bursts, mut steps, mut messages) = (0, 0, 0);
        if planted(Planted::CommitReversesTrace) {
            chunks.reverse();
        }
        for chunk in &mut chunks {
            let chunk = &mut *chunk.0;
            if self.images.outputs.is_on() {
                self.keep_checks(&chunk.outbox.events);
            }
            if self.semantics.is_some() && (chunk.outbox.has_more() || self.images.outputs.is_on()) {
                self.chunk_happened(&chunk.outbox);
            }
            if chunk.context.trace && self.trace.is_on() {
                self.trace.add(&chunk.outbox.events, chunk.digest.take());
            }
            for (island, burst) in chunk.islands.drain(..).zip(chunk.reports.drain(..)) {
                bursts += 1;
                steps += u64::from(burst.steps);
                messages += u64::from(burst.received);
                let slot = &mut self.slots[island.slot as usize];
                if !planted(Planted::RootForgetsWave) {
                    self.digests.changed(slot, island.slot);
                }
                let lane = chunk.lane;
                report.moved += u64::from(slot.lane != lane);
                if self.config.observe_lanes {
                    let (tick, wave, coro_id) = (chunk.context.tick, certificate.wave, CoroutineId(burst.first));
                    report.lanes.push(LaneSelection { tick, wave, coro_id, session: island.session.id(), lane });
                }
                slot.lane = lane;
                match burst.end {
                    BurstEnd::Ready if planted(Planted::CommitForgetsReady) && bursts % 2 == 0 => {
                        (slot.session, slot.place) = (island.session, Place::Waiting);
                    }
                    BurstEnd::Ready => {
                        let footprint = island.session.id();
                        (slot.session, slot.place) = (island.session, Place::Ready);
                        report.ready.push(Pick { island: IslandId(island.slot), footprint });
                    }
                    BurstEnd::Waiting => (slot.session, slot.place) = (island.session, Place::Waiting),
                    BurstEnd::Ended(terminal) => {
                        let mut island = island;
                        slot.place = Place::Free;
                        self.free.push(island.slot);
                        if let Some(ownership) = island.session.take_ownership() {
                            self.ended_while_owned(island.session.id(), ownership);
                        }
                        self.end(&island.session, terminal);
                    }
                }
            }
            if chunk.outbox.has_more() {
                report.asks.append(&mut chunk.outbox.asks);
                report.faults.append(&mut chunk.outbox.faults);
                report.inputs.append(&mut chunk.outbox.inputs);
                self.tally.dropped += core::mem::take(&mut chunk.outbox.dropped);
                self.topology.count_corrupted(core::mem::take(&mut chunk.outbox.corrupted));
                report.handed += chunk.outbox.delegations.len() as u64;
                for (session, delegation) in chunk.outbox.delegations.drain(..) {
                    self.receipt(session, delegation);
                }
                for artifact in chunk.outbox.consumptions.drain(..) {
                    self.consumptions.keep(artifact, self.config.max_consumptions);
                }
                if let Some(resources) = chunk.outbox.resources.take() {
                    self.spare.overlays.extend(resources.into_overlays());
                }
            }
            chunk.outbox.events.clear();
        }
        if !self.spare.overlays.is_empty() {
            self.fold();
        }
        self.spare.chunks.extend(chunks.drain(..).map(|chunk| chunk.0));
        self.spare.waves.push(chunks);
        for ask in &report.asks {
            if let Some(slot) = self.slot_of(ask.coordinate.session) {
                self.pending.insert(ask.coordinate, ask.clone());
                self.needs_budget(ask.coordinate);
                if self.semantics.is_some() {
                    self.ask_happened(ask, self.slots[slot as usize].session.image);
                }
            }
        }
        if planted(Planted::CommitReversesReady) {
            report.ready.reverse();
        }
        report.picks = certificate.picks;
        report.picks.clear();
        report.steps = steps;
        self.tally.bursts += bursts;
        self.tally.steps += steps;
        self.tally.messages += messages;
        self.tally.waves += 1;
        self.tick.0 += u64::from(!planted(Planted::CommitTickStays));
        self.out -= 1;
    }

    /// Makes out the receipt of an endpoint that changed hands.
    fn receipt(&mut self, island: SessionId, delegation: Delegation) {
        let role = self.images[delegation.image as usize].role_name(RoleId(delegation.role));
        self.delegations.push(DelegationReceipt {
            receipt_id: u64::from(delegation.number),
            session: island.guest(delegation.guest).0,
            endpoint: String::from(role),
            from_coro: u64::from(delegation.from),
            to_coro: u64::from(delegation.to),
            scope: OwnershipScope::Fragments([String::from(role)].into()),
            progress_tokens: u64::from(delegation.token),
            knowledge: delegation.facts.into_iter().map(String::from).collect(),
        });
    }

    /// Takes the receipts of endpoints that changed hands since they were last taken, in commit order. Receipts are
    /// numbered in each island from 1.
    pub fn drain_delegations(&mut self) -> Vec<DelegationReceipt> {
        core::mem::take(&mut self.delegations)
    }

    /// Folds what sessions did to the heap into it, in pick order.
    ///
    /// # Panics
    /// When two sessions have touched one resource: each makes and consumes only its own, so only a bug can do that, and
    /// going on would lose a resource or consume it twice.
    #[cold]
    fn fold(&mut self) {
        let mut overlays = core::mem::take(&mut self.spare.overlays);
        if planted(Planted::CommitForgetsOverlay) {
            overlays.pop();
        }
        let folded = self.heap.fold_all(&mut overlays.iter_mut().collect::<Vec<_>>());
        let broken = folded.into_iter().find_map(Result::err);
        assert!(broken.is_none(), "sessions touch their own resources only: {broken:?}");
    }

    /// Counts a session that has ended, and forgets it. Its slot is free already.
    pub(crate) fn end(&mut self, ended: &Session, terminal: Terminal) {
        self.summarise(ended, terminal);
        let session = ended.id();
        match terminal {
            Terminal::Faulted if !planted(Planted::CommitFaultUncounted) => self.tally.faulted += 1,
            Terminal::Cancelled | Terminal::Aborted => self.tally.cancelled += 1,
            _ => self.tally.closed += 1,
        }
        self.index.set(session.0, GONE);
        self.digests.ended(session.0);
        if self.semantics.is_some() {
            self.end_happened(session, terminal);
        }
        let first = EffectCoordinate { session, coroutine: CoroutineId(0), counter: 0 };
        while let Some((at, _)) = self.pending.range(first..).next()
            && at.session == session
            && !planted(Planted::CommitKeepsPending)
        {
            let at = *at;
            self.pending.remove(&at);
            self.deadlines.remove(&at);
        }
    }
}
