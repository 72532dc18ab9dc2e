//! The semantic audit: what is said of objects as things happen to them, one record for each.

use super::course::Published;
use super::export::Describe;
use super::handoff::Handover;
use super::key::{EffectKey, HandoffKey, OutputKey};
use crate::ids;
use crate::names::names;
use crate::objects::{
    AuthorityAuditRecord, CancellationWitness, DelegationStatus, OutstandingEffectStatus, PublicationObserverClass,
    PublicationStatus, TimeoutWitness,
};
use crate::planted::planted;
use crate::rules::ProgressState;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Something for the audit, at its tick; ids are still numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub(super) tick: u64,
    pub(super) note: Note,
}

impl HandedOver {
    /// Bytes that it holds besides itself.
    pub(super) fn owned_bytes(&self) -> usize {
        let effects = self.transported.capacity() + self.invalidated.capacity();
        self.revoked.capacity() + self.activated.capacity() + effects * size_of::<EffectKey>()
    }
}

impl Noted {
    /// How many records it makes.
    pub fn records(&self) -> u64 {
        match &self.note {
            Note::EffectEnded { from, to, what, observed, .. } => {
                u64::from(from != to) + u64::from(what.is_some()) + u64::from(observed.is_some())
            }
            _ => 1,
        }
    }
}

/// What is noted. Most are of effects that have ended, so those are short, and the others stand behind a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    Authority(Box<AuthorityAuditRecord>),
    Handoff(Box<HandedOver>),
    Obligation(Box<HandedOver>),
    EffectPublication {
        effect: EffectKey,
        what: Published,
        class: PublicationObserverClass,
        status: PublicationStatus,
    },
    HandoffPublication {
        handoff: HandoffKey,
    },
    OutputPublication {
        output: Box<OutputKey>,
        session: u64,
        passed: bool,
    },
    ProgressTransition {
        effect: EffectKey,
        from: ProgressState,
        to: ProgressState,
    },
    /// The transition, the publication if there is one, and the observation if it is one, which says whether it failed.
    EffectEnded {
        effect: EffectKey,
        from: ProgressState,
        to: ProgressState,
        what: Option<Published>,
        observed: Option<bool>,
    },
    FailureBranch {
        session: u64,
        coroutine: u16,
        fault: Box<str>,
    },
    TimeoutIssued(Box<TimeoutWitness>),
    CancellationRequested(Box<CancellationWitness>),
    Cancelled(Box<CancellationWitness>),
    SessionTerminal {
        session: u64,
        terminal: &'static str,
    },
}

/// A handoff that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HandedOver {
    handoff: HandoffKey,
    revoked: String,
    activated: String,
    transported: Vec<EffectKey>,
    invalidated: Vec<EffectKey>,
    status: DelegationStatus,
}

impl Note {
    /// A handoff has ended, and what became of what was pending.
    pub(super) fn handed_over(handoff: HandoffKey, one: &Handover) -> [Self; 2] {
        let over = HandedOver {
            handoff,
            revoked: one.revoked.clone(),
            activated: one.activated.clone(),
            transported: one.affected.iter().filter(|effect| !one.invalidated.contains(effect)).copied().collect(),
            invalidated: one.invalidated.clone(),
            status: if one.is_committed() { DelegationStatus::Committed } else { DelegationStatus::RolledBack },
        };
        [Self::Handoff(Box::new(over.clone())), Self::Obligation(Box::new(over))]
    }
}

names! {
    /// The kinds of audit records, in the order of their rank.
    SemanticAuditKind {
        /// Something happened to an artifact of authority.
        Authority "authority",
        /// A handoff ended.
        Delegation "delegation",
        /// What a handoff owed was settled.
        TransformationObligation "transformation_obligation",
        /// Something was published, or its publication turned down.
        Publication "publication",
        /// An operation's progress changed.
        ProgressTransition "progress_transition",
        /// A coroutine faulted.
        FailureBranch "failure_branch",
        /// A timeout was issued.
        TimeoutIssued "timeout_issued",
        /// A cancellation was asked for.
        CancellationRequested "cancellation_requested",
        /// It was carried out.
        Cancelled "cancelled",
        /// A session ended.
        SessionTerminal "session_terminal",
        /// The host told something.
        EffectObservation "effect_observation",
    }
}

/// What an audit record says. Kinds stand in the order of their rank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs, reason = "the fields are those of the objects with these names")]
pub enum SemanticAuditEntry {
    /// Something happened to an artifact of authority.
    Authority { record: AuthorityAuditRecord },
    /// A handoff ended.
    Delegation {
        handoff_id: String,
        session: u64,
        revoked_owner_id: String,
        activated_owner_id: String,
        status: DelegationStatus,
    },
    /// What a handoff owed was settled.
    TransformationObligation {
        obligation_id: String,
        handoff_id: String,
        session: u64,
        transported_effect_ids: Vec<String>,
        invalidated_effect_ids: Vec<String>,
        status: DelegationStatus,
    },
    /// Something was published, or its publication turned down.
    Publication {
        publication_id: String,
        session: u64,
        observer_class: PublicationObserverClass,
        status: PublicationStatus,
    },
    /// An operation's progress changed.
    ProgressTransition { operation_id: String, session: u64, from_state: ProgressState, to_state: ProgressState },
    /// A coroutine faulted.
    FailureBranch { session: u64, coro_id: u64, fault: String },
    /// A timeout was issued.
    TimeoutIssued { witness_id: u64, site: String, until_tick: u64 },
    /// A cancellation was asked for.
    CancellationRequested { session: u64, witness_id: u64, owner_id: String, reason: String },
    /// It was carried out.
    Cancelled { session: u64, witness_id: u64, reason: String },
    /// A session ended.
    SessionTerminal { session: u64, reason: String },
    /// The host told something.
    EffectObservation { session: u64, effect_id: String, status: OutstandingEffectStatus },
}

/// One record of the semantic audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SemanticAuditRecord {
    /// When.
    pub tick: u64,
    /// What.
    pub entry: SemanticAuditEntry,
}

impl SemanticAuditEntry {
    /// Its kind, whose order is the rank.
    pub const fn kind(&self) -> SemanticAuditKind {
        match self {
            Self::Authority { .. } => SemanticAuditKind::Authority,
            Self::Delegation { .. } => SemanticAuditKind::Delegation,
            Self::TransformationObligation { .. } => SemanticAuditKind::TransformationObligation,
            Self::Publication { .. } => SemanticAuditKind::Publication,
            Self::ProgressTransition { .. } => SemanticAuditKind::ProgressTransition,
            Self::FailureBranch { .. } => SemanticAuditKind::FailureBranch,
            Self::TimeoutIssued { .. } => SemanticAuditKind::TimeoutIssued,
            Self::CancellationRequested { .. } => SemanticAuditKind::CancellationRequested,
            Self::Cancelled { .. } => SemanticAuditKind::Cancelled,
            Self::SessionTerminal { .. } => SemanticAuditKind::SessionTerminal,
            Self::EffectObservation { .. } => SemanticAuditKind::EffectObservation,
        }
    }
}

impl SemanticAuditRecord {
    /// The records of what was noted, in canonical order: tick, rank, content. The content is what the record is as
    /// JSON; each is written once.
    pub fn all(noted: Vec<Noted>, describe: &dyn Describe) -> Vec<Self> {
        let mut records = Vec::new();
        for Noted { tick, note } in noted {
            note.entries(describe, &mut |entry| records.push(Self { tick, entry }));
        }
        if !planted("audit-in-order-of-arrival") {
            records.sort_by_cached_key(|one| {
                (one.tick, one.entry.kind(), serde_json::to_string(&one.entry).unwrap_or_default())
            });
        }
        records
    }
}

impl Note {
    /// What it says, one after the other.
    fn entries(self, describe: &dyn Describe, say: &mut dyn FnMut(SemanticAuditEntry)) {
        match self {
            Self::EffectEnded { effect, from, to, what, observed } => {
                let (class, status) = (PublicationObserverClass::Canonical, PublicationStatus::Published);
                let all = [
                    (from != to).then_some(Self::ProgressTransition { effect, from, to }),
                    what.map(|what| Self::EffectPublication { effect, what, class, status }),
                ];
                all.into_iter().flatten().for_each(|one| say(one.entry(describe)));
                if let Some(failed) = observed {
                    let failed =
                        if failed { OutstandingEffectStatus::Failed } else { OutstandingEffectStatus::Succeeded };
                    let (session, effect_id) = (effect.session, describe.effect_id(effect));
                    say(SemanticAuditEntry::EffectObservation { session, effect_id, status: failed });
                }
            }
            one => say(one.entry(describe)),
        }
    }

    fn entry(self, describe: &dyn Describe) -> SemanticAuditEntry {
        use SemanticAuditEntry as Entry;
        let operation = |effect: EffectKey| ids::effect_operation(&describe.effect_id(effect));
        let all = |effects: Vec<EffectKey>| {
            let mut ids: Vec<String> = effects.into_iter().map(|effect| describe.effect_id(effect)).collect();
            ids.sort();
            ids
        };
        match self {
            Self::Authority(record) => Entry::Authority { record: *record },
            Self::Handoff(one) => Entry::Delegation {
                handoff_id: one.handoff.id(),
                session: one.handoff.session,
                revoked_owner_id: one.revoked,
                activated_owner_id: one.activated,
                status: one.status,
            },
            Self::Obligation(one) => Entry::TransformationObligation {
                obligation_id: one.handoff.obligation_id(),
                handoff_id: one.handoff.id(),
                session: one.handoff.session,
                transported_effect_ids: all(one.transported),
                invalidated_effect_ids: all(one.invalidated),
                status: one.status,
            },
            Self::EffectPublication { effect, what, class, status } => Entry::Publication {
                publication_id: ids::publication(&operation(effect), what.name()),
                session: effect.session,
                observer_class: class,
                status,
            },
            Self::HandoffPublication { handoff } => Entry::Publication {
                publication_id: ids::publication(&handoff.operation_id(), "handoff.committed"),
                session: handoff.session,
                observer_class: PublicationObserverClass::Canonical,
                status: PublicationStatus::Published,
            },
            Self::OutputPublication { output, session, passed } => Entry::Publication {
                publication_id: ids::publication(&output.proof_id(), super::output::publication(passed)),
                session,
                observer_class: PublicationObserverClass::Canonical,
                status: if passed { PublicationStatus::Published } else { PublicationStatus::Rejected },
            },
            Self::ProgressTransition { effect, from, to } | Self::EffectEnded { effect, from, to, .. } => {
                Entry::ProgressTransition {
                    operation_id: operation(effect),
                    session: effect.session,
                    from_state: from,
                    to_state: to,
                }
            }
            Self::FailureBranch { session, coroutine, fault } => {
                Entry::FailureBranch { session, coro_id: u64::from(coroutine), fault: fault.into() }
            }
            Self::TimeoutIssued(one) => {
                let TimeoutWitness { witness_id, site, until_tick, .. } = *one;
                Entry::TimeoutIssued { witness_id, site, until_tick }
            }
            Self::CancellationRequested(one) => {
                let CancellationWitness { witness_id, session_id: session, owner_id, reason, .. } = *one;
                Entry::CancellationRequested { session, witness_id, owner_id, reason }
            }
            Self::Cancelled(one) => {
                let CancellationWitness { witness_id, session_id: session, reason, .. } = *one;
                Entry::Cancelled { session, witness_id, reason }
            }
            Self::SessionTerminal { session, terminal } => {
                Entry::SessionTerminal { session, reason: terminal.to_string() }
            }
        }
    }
}
