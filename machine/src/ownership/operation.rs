//! What a host may do with a session's ownership, and what came of it.

use crate::effect::EffectCoordinate;
use crate::wave::Pick;
use alloc::string::String;
use alloc::vec::Vec;
use motet_semantic::{
    AuthorityArtifact, OwnershipCapability, OwnershipReceipt, OwnershipScope, OwnershipTerminalReason,
    PendingEffectTreatment, ReadinessWitness,
};
use motet_types::{EdgeId, ValType};

/// What an owner may change about a session. It changes what the host is told, never what the protocol does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionHostMutation {
    /// Names the handler of every edge that has none of its own. Needs the whole session.
    SetDefaultHandler {
        /// The handler's name.
        handler: String,
    },
    /// Names the handler of an edge. Needs both of its ends.
    UpdateEdgeHandler {
        /// The edge, by its row in the image.
        edge: EdgeId,
        /// The handler's name.
        handler: String,
    },
    /// Sets the trace that the host keeps of an edge: the types of what went over it. Needs both of its ends.
    UpdateTrace {
        /// The edge, by its row in the image.
        edge: EdgeId,
        /// The types, oldest first.
        trace: Vec<ValType>,
    },
}

impl SessionHostMutation {
    /// The edge that it is about; none when it is about the session.
    pub const fn edge(&self) -> Option<EdgeId> {
        match self {
            Self::SetDefaultHandler { .. } => None,
            Self::UpdateEdgeHandler { edge, .. } | Self::UpdateTrace { edge, .. } => Some(*edge),
        }
    }
}

/// An operation on a session's ownership: an input of the run, like an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnershipOperation {
    /// A session that nobody owns gets an owner. Issues the owner's capability.
    Claim {
        /// The owner.
        owner_id: String,
        /// What is claimed.
        scope: OwnershipScope,
    },
    /// The owner gives the session up; what it holds loses its force. Needs all that was claimed.
    Release {
        /// The owner's.
        capability: OwnershipCapability,
    },
    /// The owner begins to hand the session over. Issues the receipt. Needs all that was claimed.
    BeginTransfer {
        /// The owner's.
        capability: OwnershipCapability,
        /// To whom.
        to_owner_id: String,
    },
    /// The transfer is done: what the old owner holds loses its force. Issues the new owner's capability.
    CommitTransfer {
        /// The transfer's.
        receipt: OwnershipReceipt,
        /// What becomes of what is pending in its scope. A transfer to the owner itself hands nothing over, and leaves it.
        pending: PendingEffectTreatment,
    },
    /// The transfer is undone: everything is as before it.
    RollBackTransfer {
        /// The transfer's.
        receipt: OwnershipReceipt,
    },
    /// Makes a capability of a narrower scope from one in force, which stays in force. Issues the narrower one, unless
    /// it is in force already.
    Attenuate {
        /// What is made narrower.
        capability: OwnershipCapability,
        /// To what.
        scope: OwnershipScope,
    },
    /// Changes something about the session.
    Mutate {
        /// Of a scope that covers what is changed.
        capability: OwnershipCapability,
        /// What.
        mutation: SessionHostMutation,
    },
    /// Says that the owner found a predicate to hold. Issues a witness of the capability's scope.
    IssueReadiness {
        /// The owner's.
        capability: OwnershipCapability,
        /// The predicate.
        predicate_ref: String,
    },
    /// Uses a readiness witness, which can be done once.
    ConsumeReadiness {
        /// Of a scope that covers the witness's.
        capability: OwnershipCapability,
        /// The witness.
        witness: ReadinessWitness,
    },
    /// The host says that the owner died. The session faults.
    OwnerDied {
        /// The owner.
        owner_id: String,
    },
    /// A transfer that was begun will never be committed. The session is cancelled. Issues a cancellation witness,
    /// which the session's end consumes.
    AbandonTransfer {
        /// The transfer's.
        receipt: OwnershipReceipt,
        /// Why.
        reason: String,
    },
    /// A transfer could not be committed. The session faults.
    FailCommit {
        /// The transfer's.
        receipt: OwnershipReceipt,
        /// Why.
        reason: String,
    },
    /// The host says that a site will be waited for so long. Issues a timeout witness; owned or not.
    IssueTimeout {
        /// The site: a role of the session.
        site: String,
        /// How many ticks the witness holds.
        duration: u64,
    },
    /// Ends the timeout witnesses whose time is over. Every other operation does so first as well.
    ExpireTimeouts,
}

impl OwnershipOperation {
    /// The scope in which it invalidates what is pending, if it does.
    pub(crate) fn invalidates(&self) -> Option<&OwnershipScope> {
        match self {
            Self::CommitTransfer { receipt, pending: PendingEffectTreatment::InvalidateBlocked } => {
                (receipt.from_owner_id != receipt.to_owner_id).then_some(&receipt.scope)
            }
            _ => None,
        }
    }

    /// The artifact that is shown, if one is: what is refused then is in the audit.
    pub fn shown(&self) -> Option<AuthorityArtifact> {
        match self {
            Self::Release { capability }
            | Self::BeginTransfer { capability, .. }
            | Self::Attenuate { capability, .. }
            | Self::Mutate { capability, .. }
            | Self::IssueReadiness { capability, .. } => {
                Some(AuthorityArtifact::OwnershipCapability(capability.clone()))
            }
            Self::CommitTransfer { receipt, .. }
            | Self::RollBackTransfer { receipt }
            | Self::AbandonTransfer { receipt, .. }
            | Self::FailCommit { receipt, .. } => Some(AuthorityArtifact::OwnershipReceipt(receipt.clone())),
            Self::ConsumeReadiness { witness, .. } => Some(AuthorityArtifact::Readiness(witness.clone())),
            Self::Claim { .. } | Self::OwnerDied { .. } | Self::IssueTimeout { .. } | Self::ExpireTimeouts => None,
        }
    }
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct OwnershipOutcome {
    /// What it issued, or, of an attenuation to what was in force already, that.
    pub issued: Option<AuthorityArtifact>,
    /// Why the session has ended, when it has.
    pub ended: Option<OwnershipTerminalReason>,
    /// The effects that it invalidated, in order.
    pub invalidated: Vec<EffectCoordinate>,
    /// The session's island, if it is ready now and was not before: to be planned once.
    pub woken: Option<Pick>,
}
