//! Operations on ownership as the tape has them.

use super::bytes::{
    decode_capability, decode_readiness, decode_receipt, decode_scope, decode_trace, encode_capability,
    encode_readiness, encode_receipt, encode_scope, encode_trace,
};
use super::operation::{OwnershipOperation, SessionHostMutation};
use motet_semantic::PendingEffectTreatment;
use motet_types::{Digester, EdgeId, Planted, Reader, planted};

const CLAIM: u8 = 0;
const RELEASE: u8 = 1;
const BEGIN: u8 = 2;
const COMMIT: u8 = 3;
const ROLL_BACK: u8 = 4;
const ATTENUATE: u8 = 5;
const MUTATE: u8 = 6;
const ISSUE: u8 = 7;
const CONSUME: u8 = 8;
const DIED: u8 = 9;
const ABANDON: u8 = 10;
const FAIL: u8 = 11;
const TIMEOUT: u8 = 12;
const EXPIRE: u8 = 13;
const COMMIT_INVALIDATING: u8 = 14;

impl OwnershipOperation {
    /// Appends the operation, for the tape.
    pub fn encode(&self, into: &mut impl Digester) {
        match self {
            Self::Claim { owner_id, scope } => {
                into.u8(CLAIM);
                into.str(owner_id);
                encode_scope(into, scope);
            }
            Self::Release { capability } => {
                into.u8(RELEASE);
                encode_capability(into, capability);
            }
            Self::BeginTransfer { capability, to_owner_id } => {
                into.u8(BEGIN);
                encode_capability(into, capability);
                into.str(to_owner_id);
            }
            Self::CommitTransfer { receipt, pending } => {
                into.u8(match pending {
                    PendingEffectTreatment::InvalidateBlocked if !planted(Planted::TapePreservesPending) => {
                        COMMIT_INVALIDATING
                    }
                    _ => COMMIT,
                });
                encode_receipt(into, receipt);
            }
            Self::RollBackTransfer { receipt } => {
                into.u8(ROLL_BACK);
                encode_receipt(into, receipt);
            }
            Self::Attenuate { capability, scope } => {
                into.u8(ATTENUATE);
                encode_capability(into, capability);
                encode_scope(into, scope);
            }
            Self::Mutate { capability, mutation } => {
                into.u8(MUTATE);
                encode_capability(into, capability);
                encode_mutation(into, mutation);
            }
            Self::IssueReadiness { capability, predicate_ref } => {
                into.u8(ISSUE);
                encode_capability(into, capability);
                into.str(predicate_ref);
            }
            Self::ConsumeReadiness { capability, witness } => {
                into.u8(CONSUME);
                encode_capability(into, capability);
                encode_readiness(into, witness);
            }
            Self::OwnerDied { owner_id } => {
                into.u8(DIED);
                into.str(owner_id);
            }
            Self::AbandonTransfer { receipt, reason } => {
                into.u8(ABANDON);
                encode_receipt(into, receipt);
                into.str(reason);
            }
            Self::FailCommit { receipt, reason } => {
                into.u8(FAIL);
                encode_receipt(into, receipt);
                into.str(reason);
            }
            Self::IssueTimeout { site, duration } => {
                into.u8(TIMEOUT);
                into.str(site);
                into.u64(*duration);
            }
            Self::ExpireTimeouts => into.u8(EXPIRE),
        }
    }

    /// Reads an operation; `None` when the bytes are none.
    pub fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.u8()? {
            CLAIM => Self::Claim { owner_id: from.str()?.into(), scope: decode_scope(from)? },
            RELEASE => Self::Release { capability: decode_capability(from)? },
            BEGIN => Self::BeginTransfer { capability: decode_capability(from)?, to_owner_id: from.str()?.into() },
            COMMIT => Self::CommitTransfer {
                receipt: decode_receipt(from)?,
                pending: PendingEffectTreatment::PreservePending,
            },
            COMMIT_INVALIDATING => Self::CommitTransfer {
                receipt: decode_receipt(from)?,
                pending: PendingEffectTreatment::InvalidateBlocked,
            },
            ROLL_BACK => Self::RollBackTransfer { receipt: decode_receipt(from)? },
            ATTENUATE => Self::Attenuate { capability: decode_capability(from)?, scope: decode_scope(from)? },
            MUTATE => Self::Mutate { capability: decode_capability(from)?, mutation: decode_mutation(from)? },
            ISSUE => Self::IssueReadiness { capability: decode_capability(from)?, predicate_ref: from.str()?.into() },
            CONSUME => {
                Self::ConsumeReadiness { capability: decode_capability(from)?, witness: decode_readiness(from)? }
            }
            DIED => Self::OwnerDied { owner_id: from.str()?.into() },
            ABANDON => Self::AbandonTransfer { receipt: decode_receipt(from)?, reason: from.str()?.into() },
            FAIL => Self::FailCommit { receipt: decode_receipt(from)?, reason: from.str()?.into() },
            TIMEOUT => Self::IssueTimeout { site: from.str()?.into(), duration: from.u64()? },
            EXPIRE => Self::ExpireTimeouts,
            _ => return None,
        })
    }
}

fn encode_mutation(into: &mut impl Digester, mutation: &SessionHostMutation) {
    match mutation {
        SessionHostMutation::SetDefaultHandler { handler } => {
            into.u8(0);
            into.str(handler);
        }
        SessionHostMutation::UpdateEdgeHandler { edge, handler } => {
            into.u8(1);
            into.u16(edge.0);
            into.str(handler);
        }
        SessionHostMutation::UpdateTrace { edge, trace } => {
            into.u8(2);
            into.u16(edge.0);
            encode_trace(into, trace);
        }
    }
}

fn decode_mutation(from: &mut Reader<'_>) -> Option<SessionHostMutation> {
    Some(match from.u8()? {
        0 => SessionHostMutation::SetDefaultHandler { handler: from.str()?.into() },
        1 => SessionHostMutation::UpdateEdgeHandler { edge: EdgeId(from.u16()?), handler: from.str()?.into() },
        2 => SessionHostMutation::UpdateTrace { edge: EdgeId(from.u16()?), trace: decode_trace(from)? },
        _ => return None,
    })
}
