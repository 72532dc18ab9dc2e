//! What the machine knows of sites and links, by name.

use super::perturbation::{CorruptionType, corruption};
use crate::ownership::AuditTrail;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use motet_semantic::{AuthorityArtifact, AuthorityAuditEvent, AuthorityAuditRecord, TimeoutWitness};
use motet_types::{Digest, Digester, Planted, Reader, planted};

/// Which ids timeout witnesses of sites have: those of sessions are below.
const WITNESSES: u64 = 1 << 63;

type Link = (Box<str>, Box<str>);

/// What has happened to sites and links, as far as it is still of consequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub(super) crashed: BTreeSet<Box<str>>,
    pub(super) cut: BTreeSet<Link>,
    pub(super) corrupt: BTreeMap<Link, CorruptionType>,
    /// Witnesses in force, by id.
    pub(super) timeouts: BTreeMap<u64, TimeoutWitness>,
    /// How many were ever issued.
    pub(super) issued: u64,
    /// Whether a link was ever corrupted: what was sent over it may still be in flight.
    pub(super) tampered: bool,
    /// How many payloads were changed on their way.
    pub(super) changed: u64,
    pub(super) audit: AuditTrail,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            crashed: BTreeSet::new(),
            cut: BTreeSet::new(),
            corrupt: BTreeMap::new(),
            timeouts: BTreeMap::new(),
            issued: 0,
            tampered: false,
            changed: 0,
            audit: AuditTrail::EMPTY,
        }
    }
}

pub(super) fn link(from: &str, to: &str) -> Link {
    (from.into(), to.into())
}

impl Topology {
    /// Whether nothing has ever happened.
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }

    /// Sites that have crashed.
    pub fn crashed(&self) -> impl Iterator<Item = &str> {
        self.crashed.iter().map(|site| &**site)
    }

    /// Links over which nothing can be sent, from and to.
    pub fn cut(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cut.iter().map(|(from, to)| (&**from, &**to))
    }

    /// Links that change what is sent over them.
    pub fn corrupt(&self) -> impl Iterator<Item = (&str, &str, CorruptionType)> {
        self.corrupt.iter().map(|((from, to), how)| (&**from, &**to, *how))
    }

    /// Timeouts that have not expired.
    pub fn timeouts(&self) -> impl Iterator<Item = &TimeoutWitness> {
        self.timeouts.values()
    }

    /// How many payloads were changed on their way.
    pub const fn corrupted_payloads(&self) -> u64 {
        self.changed
    }

    /// The audit of the timeouts, as a count and a chain.
    pub const fn audit(&self) -> &AuditTrail {
        &self.audit
    }

    pub(crate) const fn count_corrupted(&mut self, payloads: u64) {
        self.changed += payloads;
    }

    pub(super) fn is_timed_out(&self, site: &str) -> bool {
        self.timeouts.values().any(|witness| witness.site == site)
    }

    /// Whether coroutines may have failed that others may wait on.
    pub(super) fn has_failures(&self) -> bool {
        !self.crashed.is_empty() || self.issued > 0
    }

    fn say(
        &mut self,
        tick: u64,
        witness: TimeoutWitness,
        event: AuthorityAuditEvent,
        out: &mut Vec<AuthorityAuditRecord>,
    ) {
        let record = AuthorityAuditRecord { tick, artifact: AuthorityArtifact::Timeout(witness), event, reason: None };
        self.audit.add(&record);
        out.push(record);
    }

    /// Issues a timeout.
    pub(super) fn time_out(
        &mut self,
        tick: u64,
        site: &str,
        duration: u64,
        out: &mut Vec<AuthorityAuditRecord>,
    ) -> TimeoutWitness {
        self.issued += 1;
        let until_tick = tick.saturating_add(duration.max(1));
        let witness_id = WITNESSES | self.issued;
        let witness = TimeoutWitness { witness_id, site: site.into(), issued_at_tick: tick, until_tick };
        self.timeouts.insert(witness_id, witness.clone());
        self.say(tick, witness.clone(), AuthorityAuditEvent::Issued, out);
        witness
    }

    /// The earliest tick at which a timeout expires.
    pub(super) fn earliest(&self) -> Option<u64> {
        self.timeouts.values().map(|witness| witness.until_tick).min()
    }

    /// Ends the timeouts that are over at a tick; answers whether there were any.
    pub(super) fn expire(&mut self, tick: u64, over: u64, out: &mut Vec<AuthorityAuditRecord>) -> bool {
        if self.earliest().is_none_or(|earliest| earliest > over) || planted(Planted::TopologyTimeoutsStay) {
            return false;
        }
        let all = core::mem::take(&mut self.timeouts);
        let (gone, stay): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(_, witness)| witness.until_tick <= over);
        self.timeouts = stay;
        gone.into_values().for_each(|witness| self.say(tick, witness, AuthorityAuditEvent::Expired, out));
        true
    }

    /// The digest that the state root covers: nothing as long as nothing has happened.
    pub(crate) fn digest(&self) -> Digest {
        if self.is_untouched() || planted(Planted::TopologyUncounted) {
            return Digest::default();
        }
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        Digest(*blake3::hash(&bytes).as_bytes())
    }

    /// Appends the whole of it.
    pub(crate) fn encode(&self, into: &mut impl Digester) {
        into.u32(self.crashed.len() as u32);
        self.crashed.iter().for_each(|site| into.str(site));
        into.u32(self.cut.len() as u32);
        for (from, to) in &self.cut {
            into.str(from);
            into.str(to);
        }
        into.u32(self.corrupt.len() as u32);
        for ((from, to), how) in &self.corrupt {
            into.str(from);
            into.str(to);
            into.u8(*how as u8);
        }
        into.u32(self.timeouts.len() as u32);
        for witness in self.timeouts.values() {
            into.u64(witness.witness_id);
            into.str(&witness.site);
            into.u64(witness.issued_at_tick);
            into.u64(witness.until_tick);
        }
        into.u64(self.issued);
        into.u8(u8::from(self.tampered));
        into.u64(self.changed);
        into.u64(self.audit.records);
        into.bytes(&self.audit.chain.0);
    }

    /// Reads what [`Topology::encode`] wrote: exactly its bytes, of a state that perturbations can lead to.
    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        fn name(from: &mut Reader<'_>) -> Option<Box<str>> {
            from.str().map(Box::from)
        }
        let mut state = Self::default();
        for _ in 0..from.u32()? {
            let site = name(from)?;
            let ordered = state.crashed.last().is_none_or(|last| *last < site);
            ordered.then(|| state.crashed.insert(site))?;
        }
        for _ in 0..from.u32()? {
            let link = (name(from)?, name(from)?);
            let ordered = state.cut.last().is_none_or(|last| *last < link);
            ordered.then(|| state.cut.insert(link))?;
        }
        for _ in 0..from.u32()? {
            let (link, how) = ((name(from)?, name(from)?), corruption(from)?);
            let ordered = state.corrupt.last_key_value().is_none_or(|(last, _)| *last < link);
            ordered.then(|| state.corrupt.insert(link, how))?;
        }
        for _ in 0..from.u32()? {
            let (witness_id, site) = (from.u64()?, String::from(from.str()?));
            let (issued_at_tick, until_tick) = (from.u64()?, from.u64()?);
            let ordered = state.timeouts.last_key_value().is_none_or(|(last, _)| *last < witness_id);
            let witness = TimeoutWitness { witness_id, site, issued_at_tick, until_tick };
            (ordered && issued_at_tick < until_tick).then(|| state.timeouts.insert(witness_id, witness))?;
        }
        state.issued = from.u64()?;
        state.tampered = from.u8().filter(|flag| *flag <= 1)? == 1;
        state.changed = from.u64()?;
        state.audit = AuditTrail { records: from.u64()?, chain: Digest(from.take(32)?.try_into().ok()?) };
        let ids = state.timeouts.keys().all(|id| (1..=state.issued).contains(&(id ^ WITNESSES)));
        // Each timeout was audited when it was issued, and again when it expired.
        let in_force = state.timeouts.len() as u64;
        let audited = Some(state.audit.records)
            == (2 * u128::from(state.issued)).checked_sub(in_force.into()).and_then(|n| n.try_into().ok());
        let corrupted = state.tampered || state.corrupt.is_empty() && state.changed == 0;
        (ids && audited && corrupted && state.issued < u64::from(u32::MAX)).then_some(state)
    }
}
