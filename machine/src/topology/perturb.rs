//! The one door: what happens to sites and links, taken by the machine between turns; and timeouts that expire.

use super::failure::{Failure, has_site, island_has_link, roles_named, timed_out};
use super::links::Network;
use super::perturbation::{TopologyPerturbation, ordered};
use super::state::{Topology, link};
use crate::image::CodeImage;
use crate::machine::{Place, ProtocolMachine};
use crate::outbox::FaultReport;
use crate::wave::{IslandId, Pick};
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_semantic::TimeoutWitness;
use motet_types::{CoroutineId, Event, Planted, SessionId, Terminal, planted};

/// The most bytes that perturbations which come in together take, as [`TopologyPerturbation::encode`] writes them.
pub const MAX_PERTURBATION_BYTES: usize = 64 * 1024;

/// Why perturbations were not taken. None of them was, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyRefusal {
    /// Sites fail while every island is at home.
    #[error("{out} waves are out; the topology changes between turns")]
    WavesOut {
        /// How many.
        out: u64,
    },
    /// A session that has such a site, or may have opened one that has, is with whoever keeps it.
    #[error("{0} may have a site that fails, and is parked; resume it first")]
    Parked(SessionId),
    /// They are more than can be taken at once.
    #[error("the perturbations take {bytes} bytes; at most {MAX_PERTURBATION_BYTES} are taken at once")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// As many timeouts have been issued as can be numbered.
    #[error("no more timeouts can be numbered")]
    Exhausted,
}

/// What came of perturbations, or of time that went by.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[must_use]
pub struct TopologyOutcome {
    /// How many sessions alive have a site or a link that was named. Those that instructions opened count as one with the session
    /// whose instructions they were.
    pub sessions: u64,
    /// The timeouts that were issued.
    pub witnesses: Vec<TimeoutWitness>,
    /// Coroutines that faulted, in order of their sessions.
    pub faults: Vec<FaultReport>,
    /// Sessions that have ended, and how.
    pub ended: Vec<(SessionId, Terminal)>,
    /// Sessions that were ready and are not any more: those that have ended, and those whose coroutines all wait.
    pub resting: Vec<SessionId>,
    /// Islands that waited for a link, and are ready now.
    pub ready: Vec<Pick>,
}

impl ProtocolMachine {
    /// Takes what has happened to sites and links, between turns. What is given together is taken in the order of
    /// [`TopologyPerturbation`], whatever order it stands in, and each once. Timeouts that are over end first.
    ///
    /// # Errors
    /// See [`TopologyRefusal`].
    pub fn perturb(&mut self, perturbations: &[TopologyPerturbation]) -> Result<TopologyOutcome, TopologyRefusal> {
        if self.out > 0 {
            return Err(TopologyRefusal::WavesOut { out: self.out });
        }
        let mut bytes = Vec::new();
        perturbations.iter().for_each(|one| one.encode(&mut bytes));
        if bytes.len() > MAX_PERTURBATION_BYTES {
            return Err(TopologyRefusal::TooLong { bytes: bytes.len() });
        }
        if self.topology.issued + perturbations.len() as u64 >= u64::from(u32::MAX) {
            return Err(TopologyRefusal::Exhausted);
        }
        let mut list = ordered(perturbations);
        if let Some(parked) = self.parked_at(&list) {
            return Err(TopologyRefusal::Parked(parked));
        }
        let mut outcome = self.expire_timeouts();
        let crashed = &self.topology.crashed;
        // A site that has crashed cannot do so again.
        list.retain(|one| !matches!(one, TopologyPerturbation::Crash { site } if crashed.contains(site.as_str())));
        for one in &list {
            self.take(one, &mut outcome.witnesses);
        }
        self.work_out_links();
        for session in self.sessions().collect::<Vec<_>>() {
            self.look_at(session, &list, &mut outcome);
        }
        Ok(outcome)
    }

    /// Changes what is known of the sites.
    fn take(&mut self, one: &TopologyPerturbation, witnesses: &mut Vec<TimeoutWitness>) {
        let (tick, topology) = (self.tick.0, &mut self.topology);
        match one {
            TopologyPerturbation::Crash { site } => {
                topology.crashed.insert(site.as_str().into());
            }
            TopologyPerturbation::Partition { from, to } => {
                topology.cut.insert(link(from, to));
            }
            TopologyPerturbation::Heal { from, to } => {
                let whole = link(from, to);
                topology.cut.remove(&whole);
                if !planted(Planted::TopologyHealKeepsCorrupt) {
                    topology.corrupt.remove(&whole);
                }
            }
            TopologyPerturbation::Corrupt { from, to, corruption } => {
                topology.corrupt.insert(link(from, to), *corruption);
                topology.tampered = true;
            }
            TopologyPerturbation::Timeout { site, duration } => {
                let told = self.audit.len();
                witnesses.push(topology.time_out(tick, site, *duration, &mut self.audit));
                if self.semantics.is_some() {
                    self.audit_happened(told, None, true);
                }
            }
        }
    }

    /// Works out what sites and links mean for the images that are loaded.
    pub(crate) fn work_out_links(&mut self) {
        let images = self.images.iter().map(|image| &**image);
        let network = Network::of(&self.topology, self.config.cancellation, images);
        Arc::make_mut(&mut self.images).network = network;
    }

    /// A parked session that has a site which fails, or whose instructions may have opened a session that has.
    fn parked_at(&self, list: &[TopologyPerturbation]) -> Option<SessionId> {
        let fails = |image: &CodeImage| {
            list.iter().filter_map(TopologyPerturbation::fails).any(|site| image.role(site).is_some())
        };
        let may = |place: u32| {
            let Some(image) = self.images.get(place as usize) else { return false };
            let plans = 0..image.parts.plans.len() as u16;
            let planned = plans.filter_map(|plan| self.images.get(self.images.plan_of(place, plan)?.image as usize));
            fails(image) || planned.into_iter().any(|image| fails(image))
        };
        self.parked.iter().find(|(_, parked)| may(parked.image)).map(|(id, _)| SessionId(*id))
    }

    /// What perturbations mean for one session.
    fn look_at(&mut self, id: SessionId, list: &[TopologyPerturbation], outcome: &mut TopologyOutcome) {
        let Some(at) = self.slot_of(id) else { return };
        let images = Arc::clone(&self.images);
        let session = &self.slots[at as usize].session;
        let named = |one: &TopologyPerturbation| match (one.fails(), one.link()) {
            (Some(site), _) if matches!(one, TopologyPerturbation::Crash { .. }) => has_site(session, &images, site),
            (Some(site), _) => roles_named(session, &images, site).next().is_some(),
            (_, Some((from, to))) => island_has_link(session, &images, from, to),
            _ => false,
        };
        let touched: Vec<&TopologyPerturbation> = list.iter().filter(|one| named(one)).collect();
        outcome.sessions += u64::from(!touched.is_empty());
        let issued = outcome.witnesses.iter().flat_map(|witness| {
            let roles = roles_named(session, &images, &witness.site);
            roles.flat_map(move |(number, role)| timed_out(number, role, witness.witness_id))
        });
        let events: Vec<Event> = issued.collect();
        if touched.iter().any(|one| one.fails().is_some()) {
            let crashes = touched.iter().any(|one| matches!(one, TopologyPerturbation::Crash { .. }));
            self.fail_session(at, id, events, crashes, outcome);
        }
        self.wake_links(id, outcome);
    }

    /// Looks for coroutines of a session that have failed, or wait on one that has.
    fn fail_session(
        &mut self,
        at: u32,
        id: SessionId,
        mut events: Vec<Event>,
        crashes: bool,
        outcome: &mut TopologyOutcome,
    ) {
        self.copy_first(at);
        let images = Arc::clone(&self.images);
        let slot = &mut self.slots[at as usize];
        self.digests.changed(slot, at);
        let mut failure = Failure::default();
        if crashes || images.network.cancels() {
            failure = Failure::of(&mut slot.session, &images, crashes);
            failure.end(&mut slot.session);
        }
        let was_ready = slot.place == Place::Ready;
        let ready = failure.ended.is_none() && slot.session.is_ready(&images[slot.session.image as usize].layout);
        if was_ready && !ready {
            slot.place = Place::Waiting;
            outcome.resting.push(id);
        }
        events.append(&mut failure.events);
        if self.semantics.is_some() {
            self.faults_happened(&failure.faults);
        }
        outcome.faults.append(&mut failure.faults);
        if !events.is_empty() || was_ready && !ready {
            self.tell(id, &events, failure.ended);
        }
        for coroutine in failure.gone {
            self.forget_asks(id, coroutine);
        }
        if let Some(terminal) = failure.ended {
            outcome.ended.push((id, terminal));
            self.retire(at, id, terminal);
        }
    }

    /// A session has ended between turns.
    fn retire(&mut self, at: u32, id: SessionId, terminal: Terminal) {
        let slot = &mut self.slots[at as usize];
        let ownership = slot.session.take_ownership();
        let session = core::mem::take(&mut slot.session);
        slot.place = Place::Free;
        self.free.push(at);
        if let Some(ownership) = ownership {
            self.ended_while_owned(id, ownership);
        }
        self.end(&session, terminal);
    }

    /// Nobody waits any more for what a coroutine asked.
    fn forget_asks(&mut self, session: SessionId, coroutine: CoroutineId) {
        let asked = self.asks_of(session).map(|ask| ask.coordinate).filter(|at| at.coroutine == coroutine);
        for at in asked.collect::<Vec<_>>() {
            if !planted(Planted::TopologyKeepsAsks) {
                self.pending.remove(&at);
                self.deadlines.remove(&at);
                if self.semantics.is_some() {
                    self.cancel_happened(at);
                }
            }
        }
    }

    /// Wakes the coroutines of a session that wait for a link which is whole.
    fn wake_links(&mut self, id: SessionId, outcome: &mut TopologyOutcome) {
        let Some(at) = self.slot_of(id) else { return };
        let images = Arc::clone(&self.images);
        let slot = &self.slots[at as usize];
        let image = &images[slot.session.image as usize];
        if !slot.session.has_link_back(image, &images) || planted(Planted::TopologyHealWakesNobody) {
            return;
        }
        self.copy_first(at);
        let slot = &mut self.slots[at as usize];
        self.digests.changed(slot, at);
        slot.session.wake_links(image, &images);
        if slot.place == Place::Waiting && slot.session.is_ready(&image.layout) {
            slot.place = Place::Ready;
            outcome.ready.push(Pick { island: IslandId(at), footprint: id });
            self.tell(id, &[], None);
        }
    }

    /// Whether a timeout is over.
    pub fn has_expired_timeouts(&self) -> bool {
        self.topology.earliest().is_some_and(|earliest| earliest <= self.tick.0)
    }

    /// Ends the timeouts that are over, and wakes who waited for that. Call it at the end of every turn.
    pub fn expire_timeouts(&mut self) -> TopologyOutcome {
        self.expire(self.tick.0)
    }

    /// Whether only time can bring the machine on: nothing is ready, nobody is waited for outside, and a timeout is open.
    pub fn waits_for_time(&self) -> bool {
        self.topology.earliest().is_some() && self.pending.is_empty() && self.ready_islands().next().is_none()
    }

    /// Ends the timeouts that are over first, though their tick has not come: where nothing can happen before it, it is as good as
    /// there. It is an input of the run.
    pub fn elapse(&mut self) -> TopologyOutcome {
        match self.topology.earliest() {
            Some(earliest) if self.out == 0 => self.expire(earliest.max(self.tick.0)),
            _ => TopologyOutcome::default(),
        }
    }

    fn expire(&mut self, over: u64) -> TopologyOutcome {
        let mut outcome = TopologyOutcome::default();
        let told = self.audit.len();
        if self.topology.expire(self.tick.0, over, &mut self.audit) {
            if self.semantics.is_some() {
                self.audit_happened(told, None, true);
            }
            self.work_out_links();
            for session in self.sessions().collect::<Vec<_>>() {
                self.wake_links(session, &mut outcome);
            }
        }
        outcome
    }

    /// What has happened to sites and links.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }
}
