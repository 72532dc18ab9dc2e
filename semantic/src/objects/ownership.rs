//! Ownership as documents: scopes, capabilities, receipts, witnesses and their audit.

use crate::names::names;
use crate::planted::planted;
use crate::rules::AuthorityAuditEvent;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What an owner owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OwnershipScope {
    /// The whole session.
    Session,
    /// These roles of it.
    Fragments(BTreeSet<String>),
}

impl OwnershipScope {
    /// Whether everything in `other` is in `self`. No set of roles contains the whole session, because the session is
    /// more than its roles.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Session, _) => true,
            (Self::Fragments(_), Self::Session) => planted("scope-widens"),
            (Self::Fragments(mine), Self::Fragments(theirs)) => theirs.is_subset(mine),
        }
    }
}

/// The audit's reason where a capability lost its force because its owner gave the session up.
pub const RELEASED: &str = "released";

names! {
    /// Why ownership ended.
    OwnershipTerminalReason {
        /// The owner died.
        OwnerDied "owner_died",
        /// A transfer was abandoned.
        TransferAbandoned "transfer_abandoned",
        /// A transfer could not be committed.
        TransferCommitFailed "transfer_commit_failed",
    }
}

/// The right to act as a session's owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnershipCapability {
    /// The session.
    pub session_id: u64,
    /// The owner.
    pub owner_id: String,
    /// The generation; any other than the session's is stale.
    pub generation: u64,
    /// What it covers.
    pub scope: OwnershipScope,
}

/// A transfer that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnershipReceipt {
    /// The session.
    pub session_id: u64,
    /// The claim's id.
    pub claim_id: u64,
    /// Who gives.
    pub from_owner_id: String,
    /// The generation before.
    pub from_generation: u64,
    /// Who takes.
    pub to_owner_id: String,
    /// The generation after.
    pub to_generation: u64,
    /// What is transferred.
    pub scope: OwnershipScope,
}

/// A witness that an owner found a predicate to hold. It is used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadinessWitness {
    /// Its id.
    pub witness_id: u64,
    /// The session.
    pub session_id: u64,
    /// The owner.
    pub owner_id: String,
    /// The owner's generation.
    pub generation: u64,
    /// What it covers.
    pub scope: OwnershipScope,
    /// The predicate.
    pub predicate_ref: String,
}

/// A witness that an owner cancelled. It is used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancellationWitness {
    /// Its id.
    pub witness_id: u64,
    /// The session.
    pub session_id: u64,
    /// The owner.
    pub owner_id: String,
    /// The owner's generation.
    pub generation: u64,
    /// What it covers.
    pub scope: OwnershipScope,
    /// Why.
    pub reason: String,
}

/// A witness that a site timed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeoutWitness {
    /// Its id.
    pub witness_id: u64,
    /// The site.
    pub site: String,
    /// When it was issued.
    pub issued_at_tick: u64,
    /// Until when it holds.
    pub until_tick: u64,
}

/// Something by which authority was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AuthorityArtifact {
    /// A capability.
    OwnershipCapability(OwnershipCapability),
    /// A receipt.
    OwnershipReceipt(OwnershipReceipt),
    /// A readiness witness.
    Readiness(ReadinessWitness),
    /// A cancellation witness.
    Cancellation(CancellationWitness),
    /// A timeout witness.
    Timeout(TimeoutWitness),
}

/// What happened to an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorityAuditRecord {
    /// When.
    pub tick: u64,
    /// The artifact.
    pub artifact: AuthorityArtifact,
    /// What happened.
    pub event: AuthorityAuditEvent,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

/// An endpoint that was handed from a coroutine to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DelegationReceipt {
    /// Its id.
    pub receipt_id: u64,
    /// The session.
    pub session: u64,
    /// Whose endpoint: the role.
    pub endpoint: String,
    /// Who gave.
    pub from_coro: u64,
    /// Who took.
    pub to_coro: u64,
    /// What was handed over.
    pub scope: OwnershipScope,
    /// How many progress tokens went along.
    #[serde(default)]
    pub progress_tokens: u64,
    /// The facts about the endpoint that went along, in order.
    #[serde(default)]
    pub knowledge: Vec<String>,
}

impl AuthorityArtifact {
    /// Its kind, as the table of artifacts names it.
    pub const fn kind(&self) -> crate::rules::AuthorityArtifactKind {
        use crate::rules::AuthorityArtifactKind as Kind;
        match self {
            Self::OwnershipCapability(_) => Kind::OwnershipCapability,
            Self::OwnershipReceipt(_) => Kind::OwnershipReceipt,
            Self::Readiness(_) => Kind::Readiness,
            Self::Cancellation(_) => Kind::Cancellation,
            Self::Timeout(_) => Kind::Timeout,
        }
    }
}
