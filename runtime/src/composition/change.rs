//! What changes a composition, as an input of the run: bytes of a tape.

use crate::composition::plan::{Placement, ReconfigurationPlan, ReconfigurationStep, Transport};
use crate::composition::policy::ReconfigurationPolicy;
use motet_machine::ImageId;
use motet_types::{Digester, Reader};

/// Something that changed a composition. Each is taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompositionChange {
    /// A bundle became part of it.
    Bundle {
        /// Its image.
        image: ImageId,
        /// How members may change while it is there.
        policy: ReconfigurationPolicy,
    },
    /// A plan was applied.
    Plan(ReconfigurationPlan),
    /// A member's site crashed, and every role that was there.
    MemberFailed {
        /// The member.
        member: String,
    },
}

const BUNDLE: u8 = 0;
const PLAN: u8 = 1;
const MEMBER_FAILED: u8 = 2;

impl CompositionChange {
    /// As bytes, which [`CompositionChange::decode`] reads.
    pub fn encode(&self, into: &mut impl Digester) {
        match self {
            Self::Bundle { image, policy } => {
                into.u8(BUNDLE);
                into.u32(image.0);
                policy.encode(into);
            }
            Self::Plan(plan) => {
                into.u8(PLAN);
                into.u64(plan.epoch);
                into.size(plan.steps.len());
                plan.steps.iter().for_each(|step| step.encode(into));
            }
            Self::MemberFailed { member } => {
                into.u8(MEMBER_FAILED);
                into.str(member);
            }
        }
    }

    /// What was written; none if these bytes are no change.
    pub fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.u8()? {
            BUNDLE => Self::Bundle { image: ImageId(from.u32()?), policy: ReconfigurationPolicy::decode(from)? },
            PLAN => {
                let (epoch, mut steps) = (from.u64()?, Vec::new());
                for _ in 0..from.u64()? {
                    steps.push(ReconfigurationStep::decode(from)?);
                }
                Self::Plan(ReconfigurationPlan { epoch, steps })
            }
            MEMBER_FAILED => Self::MemberFailed { member: from.str()?.to_owned() },
            _ => return None,
        })
    }
}

impl ReconfigurationPolicy {
    pub(super) fn encode(self, into: &mut impl Digester) {
        into.u8(u8::from(self.dynamic_membership) | u8::from(self.overlap_required) << 1);
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let bits = from.u8().filter(|bits| *bits < 4)?;
        Some(Self { dynamic_membership: bits & 1 == 1, overlap_required: bits & 2 == 2 })
    }
}

impl Placement {
    pub(super) fn encode(&self, into: &mut impl Digester) {
        let (kind, at) = match self {
            Self::Local => (0, ""),
            Self::Remote { member } => (1, member.as_str()),
            Self::Colocated { with } => (2, with.as_str()),
        };
        into.u8(kind);
        into.str(at);
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let (kind, at) = (from.u8()?, from.str()?.to_owned());
        match kind {
            0 if at.is_empty() => Some(Self::Local),
            1 => Some(Self::Remote { member: at }),
            2 => Some(Self::Colocated { with: at }),
            _ => None,
        }
    }
}

impl Transport {
    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let kind = from.u8()?;
        [Self::InProcess, Self::SharedMemory, Self::Network].into_iter().find(|one| *one as u8 == kind)
    }
}

impl ReconfigurationStep {
    fn encode(&self, into: &mut impl Digester) {
        match self {
            Self::AddMember { member } => {
                into.u8(0);
                into.str(member);
            }
            Self::RemoveMember { member } => {
                into.u8(1);
                into.str(member);
            }
            Self::Place { role, placement } => {
                into.u8(2);
                into.str(role);
                placement.encode(into);
            }
            Self::Connect { from, to, transport } => {
                into.u8(3);
                into.str(from);
                into.str(to);
                into.u8(*transport as u8);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let text = |from: &mut Reader<'_>| from.str().map(str::to_owned);
        Some(match from.u8()? {
            0 => Self::AddMember { member: text(from)? },
            1 => Self::RemoveMember { member: text(from)? },
            2 => Self::Place { role: text(from)?, placement: Placement::decode(from)? },
            3 => Self::Connect { from: text(from)?, to: text(from)?, transport: Transport::decode(from)? },
            _ => return None,
        })
    }
}
