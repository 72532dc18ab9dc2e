//! Ownership as canonical bytes: the artifacts, a session's state, and an audit record as its chain hashes it.
//!
//! Reading is strict, as everywhere: exactly the bytes that are written, and memory in proportion to them.

use super::audit::AuditTrail;
use super::state::{HostBindings, SessionOwnership};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use motet_semantic::table::Word;
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditRecord, CancellationWitness, Ownership, OwnershipCapability, OwnershipPhase,
    OwnershipReceipt, OwnershipScope, ReadinessWitness, TimeoutWitness,
};
use motet_types::{Digest, Digester, EdgeId, Reader, ValType};

pub(super) fn encode_scope(into: &mut impl Digester, scope: &OwnershipScope) {
    match scope {
        OwnershipScope::Session => into.u8(0),
        OwnershipScope::Fragments(roles) => {
            into.u8(1);
            into.u32(roles.len() as u32);
            roles.iter().for_each(|role| into.str(role));
        }
    }
}

pub(super) fn decode_scope(from: &mut Reader<'_>) -> Option<OwnershipScope> {
    match from.u8()? {
        0 => Some(OwnershipScope::Session),
        1 => Some(OwnershipScope::Fragments(ascending(from, |from| from.str().map(String::from))?)),
        _ => None,
    }
}

/// Items in ascending order, each once, behind their number.
fn ascending<T: Ord>(from: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<BTreeSet<T>> {
    let mut items = BTreeSet::new();
    for _ in 0..from.u32()? {
        let next = item(from)?;
        if items.last().is_some_and(|last| *last >= next) {
            return None;
        }
        items.insert(next);
    }
    Some(items)
}

/// The same with a key for each.
fn table<K: Ord, T>(from: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Option<(K, T)>) -> Option<BTreeMap<K, T>> {
    let mut items = BTreeMap::new();
    for _ in 0..from.u32()? {
        let (key, value) = item(from)?;
        if items.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        items.insert(key, value);
    }
    Some(items)
}

pub(super) fn encode_capability(into: &mut impl Digester, capability: &OwnershipCapability) {
    let OwnershipCapability { session_id, owner_id, generation, scope } = capability;
    into.u64(*session_id);
    into.str(owner_id);
    into.u64(*generation);
    encode_scope(into, scope);
}

pub(super) fn decode_capability(from: &mut Reader<'_>) -> Option<OwnershipCapability> {
    let (session_id, owner_id, generation) = (from.u64()?, from.str()?.into(), from.u64()?);
    Some(OwnershipCapability { session_id, owner_id, generation, scope: decode_scope(from)? })
}

pub(super) fn encode_receipt(into: &mut impl Digester, receipt: &OwnershipReceipt) {
    let OwnershipReceipt { session_id, claim_id, from_owner_id, from_generation, to_owner_id, to_generation, scope } =
        receipt;
    into.u64(*session_id);
    into.u64(*claim_id);
    into.str(from_owner_id);
    into.u64(*from_generation);
    into.str(to_owner_id);
    into.u64(*to_generation);
    encode_scope(into, scope);
}

pub(super) fn decode_receipt(from: &mut Reader<'_>) -> Option<OwnershipReceipt> {
    Some(OwnershipReceipt {
        session_id: from.u64()?,
        claim_id: from.u64()?,
        from_owner_id: from.str()?.into(),
        from_generation: from.u64()?,
        to_owner_id: from.str()?.into(),
        to_generation: from.u64()?,
        scope: decode_scope(from)?,
    })
}

/// A witness of an owner: its id, what a capability says, and a text.
fn encode_witness(
    into: &mut impl Digester,
    (id, session, owner, generation): (u64, u64, &str, u64),
    scope: &OwnershipScope,
    text: &str,
) {
    into.u64(id);
    into.u64(session);
    into.str(owner);
    into.u64(generation);
    encode_scope(into, scope);
    into.str(text);
}

pub(super) fn encode_readiness(into: &mut impl Digester, witness: &ReadinessWitness) {
    let ReadinessWitness { witness_id, session_id, owner_id, generation, scope, predicate_ref } = witness;
    encode_witness(into, (*witness_id, *session_id, owner_id, *generation), scope, predicate_ref);
}

pub(super) fn decode_readiness(from: &mut Reader<'_>) -> Option<ReadinessWitness> {
    Some(ReadinessWitness {
        witness_id: from.u64()?,
        session_id: from.u64()?,
        owner_id: from.str()?.into(),
        generation: from.u64()?,
        scope: decode_scope(from)?,
        predicate_ref: from.str()?.into(),
    })
}

fn encode_timeout(into: &mut impl Digester, witness: &TimeoutWitness) {
    let TimeoutWitness { witness_id, site, issued_at_tick, until_tick } = witness;
    into.u64(*witness_id);
    into.str(site);
    into.u64(*issued_at_tick);
    into.u64(*until_tick);
}

fn decode_timeout(from: &mut Reader<'_>) -> Option<TimeoutWitness> {
    let (witness_id, site) = (from.u64()?, from.str()?.into());
    Some(TimeoutWitness { witness_id, site, issued_at_tick: from.u64()?, until_tick: from.u64()? })
}

/// Appends an audit record, as its chain hashes it.
pub(super) fn audit_record(into: &mut impl Digester, record: &AuthorityAuditRecord) {
    let AuthorityAuditRecord { tick, artifact, event, reason } = record;
    into.u64(*tick);
    into.u8(artifact.kind().word() as u8);
    match artifact {
        AuthorityArtifact::OwnershipCapability(capability) => encode_capability(into, capability),
        AuthorityArtifact::OwnershipReceipt(receipt) => encode_receipt(into, receipt),
        AuthorityArtifact::Readiness(witness) => encode_readiness(into, witness),
        AuthorityArtifact::Cancellation(witness) => {
            let CancellationWitness { witness_id, session_id, owner_id, generation, scope, reason } = witness;
            encode_witness(into, (*witness_id, *session_id, owner_id, *generation), scope, reason);
        }
        AuthorityArtifact::Timeout(witness) => encode_timeout(into, witness),
    }
    into.u8(event.word() as u8);
    into.u8(u8::from(reason.is_some()));
    into.str(reason.as_deref().unwrap_or_default());
}

pub(super) fn encode_trace(into: &mut impl Digester, trace: &[ValType]) {
    into.u32(trace.len() as u32);
    trace.iter().for_each(|one| into.u8(*one as u8));
}

pub(super) fn decode_trace(from: &mut Reader<'_>) -> Option<Vec<ValType>> {
    let count = from.u32()? as usize;
    let all = [ValType::Unit, ValType::Nat, ValType::Bool, ValType::Endpoint, ValType::Str, ValType::Prod];
    from.take(count)?.iter().map(|code| all.get(usize::from(*code)).copied()).collect()
}

/// Appends a session's ownership.
pub(crate) fn encode_ownership(into: &mut impl Digester, ownership: &SessionOwnership) {
    let SessionOwnership {
        rule,
        names,
        scope,
        capabilities,
        receipt,
        readiness,
        next_witness,
        first_witness,
        timeouts,
        next_timeout,
        bindings,
        audit,
    } = ownership;
    rule.words().into_iter().for_each(|word| into.u64(word));
    names.iter().for_each(|name| into.str(name));
    encode_scope(into, scope);
    into.u32(capabilities.len() as u32);
    capabilities.iter().for_each(|scope| encode_scope(into, scope));
    into.u8(u8::from(receipt.is_some()));
    if let Some(receipt) = receipt {
        encode_receipt(into, receipt);
    }
    into.u64(*next_witness);
    into.u64(*first_witness);
    into.u32(readiness.len() as u32);
    readiness.values().for_each(|witness| encode_readiness(into, witness));
    into.u64(*next_timeout);
    into.u32(timeouts.len() as u32);
    timeouts.values().for_each(|witness| encode_timeout(into, witness));
    into.u8(u8::from(bindings.default_handler.is_some()));
    if let Some(handler) = &bindings.default_handler {
        into.str(handler);
    }
    into.u32(bindings.handlers.len() as u32);
    for (edge, handler) in &bindings.handlers {
        into.u16(edge.0);
        into.str(handler);
    }
    into.u32(bindings.traces.len() as u32);
    for (edge, trace) in &bindings.traces {
        into.u16(edge.0);
        encode_trace(into, trace);
    }
    into.u64(audit.records);
    into.bytes(&audit.chain.0);
}

fn option<T>(from: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Option<T>> {
    match from.u8()? {
        0 => Some(None),
        1 => item(from).map(Some),
        _ => None,
    }
}

/// Reads a session's ownership; `None` when the bytes are none, or none that operations lead to.
pub(crate) fn decode_ownership(from: &mut Reader<'_>) -> Option<SessionOwnership> {
    let mut words = Ownership::NEW.words();
    for word in &mut words {
        *word = from.u64()?;
    }
    let rule = Ownership::from_words(&words)?;
    let names = [from.str()?.into(), from.str()?.into()];
    let scope = decode_scope(from)?;
    let capabilities = ascending(from, decode_scope)?;
    let receipt = option(from, decode_receipt)?.map(Box::new);
    let (next_witness, first_witness) = (from.u64()?, from.u64()?);
    let readiness = table(from, |from| decode_readiness(from).map(|witness| (witness.witness_id, witness)))?;
    let next_timeout = from.u64()?;
    let timeouts = table(from, |from| decode_timeout(from).map(|witness| (witness.witness_id, witness)))?;
    let bindings = HostBindings {
        default_handler: option(from, |from| from.str().map(String::from))?,
        handlers: table(from, |from| Some((EdgeId(from.u16()?), from.str()?.into())))?,
        traces: table(from, |from| Some((EdgeId(from.u16()?), decode_trace(from)?)))?,
    };
    let audit = AuditTrail { records: from.u64()?, chain: Digest(from.take(32)?.try_into().ok()?) };
    let ownership = SessionOwnership {
        rule,
        names,
        scope,
        capabilities,
        receipt,
        readiness,
        next_witness,
        first_witness,
        timeouts,
        next_timeout,
        bindings,
        audit,
    };
    ownership.is_possible().then_some(ownership)
}

impl SessionOwnership {
    /// Whether operations can lead here, as far as that can be seen: the table's invariants hold, and what is in force
    /// belongs to whom the table names.
    fn is_possible(&self) -> bool {
        let Ownership { phase, owner, heir, generation, receipt, .. } = self.rule;
        let live = matches!(phase, OwnershipPhase::Unclaimed | OwnershipPhase::Claimed | OwnershipPhase::Transferring);
        let named = (1..).zip(&self.names).all(|(number, name)| name.is_empty() != (number == owner || number == heir));
        let owned = phase != OwnershipPhase::Unclaimed;
        let scopes = owned != self.capabilities.is_empty()
            && (!owned || self.capabilities.contains(&self.scope))
            && self.capabilities.iter().all(|scope| self.scope.contains(scope));
        let staged = self.receipt.as_ref().is_none_or(|staged| {
            staged.claim_id == receipt && staged.from_generation == generation && staged.scope == self.scope
        });
        let ids = 0 < self.first_witness && self.first_witness <= self.next_witness;
        let ids = ids && (1..=u64::from(u32::MAX)).contains(&self.next_timeout);
        let readiness = self.readiness.values().all(|witness| {
            (self.first_witness..self.next_witness).contains(&witness.witness_id)
                && witness.generation == generation
                && self.capabilities.contains(&witness.scope)
        });
        let timeouts = self.timeouts.keys().all(|id| (1..self.next_timeout).contains(&(id & u64::from(u32::MAX))));
        *self != Self::default()
            && self.rule.broken_invariant().is_none()
            && live
            && owner < 3
            && heir < 3
            && named
            && scopes
            && (phase == OwnershipPhase::Transferring) == self.receipt.is_some()
            && staged
            && ids
            && readiness
            && timeouts
    }
}
