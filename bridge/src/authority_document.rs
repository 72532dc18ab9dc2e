//! What runners are told of owners, and what they say comes of it.

use crate::schema::documents;
use motet_machine::OwnershipOperation;
use motet_semantic::{AuthorityArtifact, AuthorityAuditEvent};
use serde_json::{Value as Json, json};

documents! {
    /// Something that comes to a session's authority between rounds: an operation of an owner, or a result that comes too late.
    pub struct ScriptedAuthority {
        /// How many rounds were over.
        pub tick: u64,
        /// How many of the host's words about effects that may block had come before.
        pub answers: u64,
        /// How much had happened to sites and links before.
        pub perturbations: u64,
        /// The session.
        pub session: u64,
        /// What: an operation as [`ownership_json`] writes it, or `{"kind": "late_result", "operation_id", "outcome"}`.
        pub operation: Json,
    }

    /// What came of an operation.
    pub struct AuthorityResult {
        /// What it issued.
        pub issued: Option<AuthorityArtifact>,
        /// The rule that refuses it.
        pub refused: Option<String>,
        /// What is on record of it, in order.
        pub audit: Vec<AuthorityEntry>,
    }

    /// What became of an artifact.
    pub struct AuthorityEntry {
        /// The artifact.
        pub artifact: AuthorityArtifact,
        /// What became of it.
        pub event: AuthorityAuditEvent,
        /// Why.
        pub reason: Option<String>,
    }
}

/// An operation on a session's ownership, as runners read it; none of those that they do not have: mutations of the session, which
/// change what hosts are told, and timeouts.
pub fn ownership_json(operation: &OwnershipOperation) -> Option<Json> {
    Some(match operation {
        OwnershipOperation::Claim { owner_id, scope } => json!({"kind": "claim", "owner_id": owner_id, "scope": scope}),
        OwnershipOperation::Release { capability } => json!({"kind": "release", "capability": capability}),
        OwnershipOperation::BeginTransfer { capability, to_owner_id } => {
            json!({"kind": "begin_transfer", "capability": capability, "to_owner_id": to_owner_id})
        }
        OwnershipOperation::CommitTransfer { receipt, pending } => {
            json!({"kind": "commit_transfer", "receipt": receipt, "pending": pending})
        }
        OwnershipOperation::RollBackTransfer { receipt } => json!({"kind": "roll_back_transfer", "receipt": receipt}),
        OwnershipOperation::Attenuate { capability, scope } => {
            json!({"kind": "attenuate", "capability": capability, "scope": scope})
        }
        OwnershipOperation::IssueReadiness { capability, predicate_ref } => {
            json!({"kind": "issue_readiness", "capability": capability, "predicate_ref": predicate_ref})
        }
        OwnershipOperation::ConsumeReadiness { capability, witness } => {
            json!({"kind": "consume_readiness", "capability": capability, "witness": witness})
        }
        OwnershipOperation::OwnerDied { owner_id } => json!({"kind": "owner_died", "owner_id": owner_id}),
        OwnershipOperation::FailCommit { receipt, reason } => {
            json!({"kind": "fail_commit", "receipt": receipt, "reason": reason})
        }
        OwnershipOperation::AbandonTransfer { receipt, reason } => {
            json!({"kind": "abandon_transfer", "receipt": receipt, "reason": reason})
        }
        OwnershipOperation::Mutate { .. }
        | OwnershipOperation::IssueTimeout { .. }
        | OwnershipOperation::ExpireTimeouts => return None,
    })
}
