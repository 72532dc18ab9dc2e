//! What live objects hold in memory: every container by its capacity, and what their entries point to.

use super::Live;
use super::audit::{HandedOver, Note, Noted};
use super::authority::Read;
use super::handoff::{Handover, Staged};
use super::key::{EffectKey, HandoffKey, OutputKey, ReadKey};
use super::output::Output;
use super::session::Session;
use crate::objects::{AuthorityArtifact, AuthorityAuditRecord, CancellationWitness, OwnershipScope, TimeoutWitness};
use alloc::string::String;

/// What a tree of the standard library takes for so many entries: nodes are filled to about two thirds.
const fn in_btree<K, V>(entries: usize) -> usize {
    entries * size_of::<(K, V)>() * 3 / 2
}

fn text(text: Option<&String>) -> usize {
    text.map_or(0, String::capacity)
}

fn scope(scope: &OwnershipScope) -> usize {
    match scope {
        OwnershipScope::Session => 0,
        OwnershipScope::Fragments(roles) => {
            in_btree::<String, ()>(roles.len()) + roles.iter().map(String::capacity).sum::<usize>()
        }
    }
}

impl AuthorityAuditRecord {
    /// Bytes that it holds besides itself.
    pub fn owned_bytes(&self) -> usize {
        let artifact = match &self.artifact {
            AuthorityArtifact::OwnershipCapability(one) => one.owner_id.capacity() + scope(&one.scope),
            AuthorityArtifact::OwnershipReceipt(one) => {
                one.from_owner_id.capacity() + one.to_owner_id.capacity() + scope(&one.scope)
            }
            AuthorityArtifact::Readiness(one) => {
                one.owner_id.capacity() + one.predicate_ref.capacity() + scope(&one.scope)
            }
            AuthorityArtifact::Cancellation(one) => cancellation(one),
            AuthorityArtifact::Timeout(one) => one.site.capacity(),
        };
        artifact + text(self.reason.as_ref())
    }
}

fn cancellation(one: &CancellationWitness) -> usize {
    one.owner_id.capacity() + one.reason.capacity() + scope(&one.scope)
}

impl Session {
    fn owned_bytes(&self) -> usize {
        let staged = if self.staged.is_some() { size_of::<Staged>() } else { 0 };
        text(self.owner.as_ref()) + scope(&self.scope) + staged + self.guests.capacity() * size_of::<u64>()
    }
}

impl Handover {
    fn owned_bytes(&self) -> usize {
        let texts = self.revoked.capacity() + self.activated.capacity() + scope(&self.scope);
        let effects = (self.affected.capacity() + self.invalidated.capacity()) * size_of::<EffectKey>();
        texts + text(self.owner.as_ref()) + text(self.reason.as_ref()) + effects
    }
}

impl Read {
    fn owned_bytes(&self) -> usize {
        text(self.owner.as_ref()) + text(self.predicate.as_ref()) + text(self.reason.as_ref())
    }
}

impl Output {
    fn owned_bytes(&self) -> usize {
        text(self.owner.as_ref()) + text(self.witness.as_ref())
    }
}

impl Noted {
    /// Bytes that it holds besides itself.
    pub fn owned_bytes(&self) -> usize {
        match &self.note {
            Note::Authority(one) => size_of::<AuthorityAuditRecord>() + one.owned_bytes(),
            Note::Handoff(one) | Note::Obligation(one) => size_of::<HandedOver>() + one.owned_bytes(),
            Note::OutputPublication { output, .. } => size_of::<OutputKey>() + output.predicate.len(),
            Note::FailureBranch { fault, .. } => fault.len(),
            Note::TimeoutIssued(one) => size_of::<TimeoutWitness>() + one.site.capacity(),
            Note::CancellationRequested(one) | Note::Cancelled(one) => {
                size_of::<CancellationWitness>() + cancellation(one)
            }
            Note::EffectPublication { .. }
            | Note::HandoffPublication { .. }
            | Note::ProgressTransition { .. }
            | Note::EffectEnded { .. }
            | Note::SessionTerminal { .. } => 0,
        }
    }
}

impl Live {
    /// Bytes that the objects hold. Counting looks at each of them.
    pub fn retained_bytes(&self) -> usize {
        let effects = self.effects.bytes() + self.effects.iter().map(|(_, one)| one.owned_bytes()).sum::<usize>();
        let owned = in_btree::<u64, Session>(self.sessions.owned.len())
            + self.sessions.owned.values().map(Session::owned_bytes).sum::<usize>();
        let handoffs = in_btree::<HandoffKey, Handover>(self.handoffs.len())
            + self.handoffs.values().map(Handover::owned_bytes).sum::<usize>();
        let outputs = in_btree::<OutputKey, Output>(self.outputs.len())
            + self.outputs.iter().map(|(key, one)| key.predicate.len() + one.owned_bytes()).sum::<usize>();
        let reads =
            in_btree::<ReadKey, Read>(self.reads.len()) + self.reads.values().map(Read::owned_bytes).sum::<usize>();
        let roles = in_btree::<(u32, u16), alloc::boxed::Box<str>>(self.roles.len())
            + self.roles.values().map(|name| name.len()).sum::<usize>();
        let lists = self.sessions.bytes() + self.due.bytes() + self.ended.bytes();
        let late = in_btree::<EffectKey, u32>(self.late.len());
        effects + owned + handoffs + outputs + reads + roles + lists + late
    }
}
