//! Re-entrance: which effects may be out at the same time.
//!
//! Handlers cannot call the machine, so an effect that is answered inside a burst is never inside another. Effects that may
//! block are: several coroutines of a session may wait at once. Every effect belongs to a session and a role, whether it is
//! out or about to go out, so there is one key for both.

use crate::effect::EffectCoordinate;
use crate::outbox::{Ask, Wanted};
use motet_types::{EffectInterfaceMetadata, EffectKind, INVOKE_MAY_BLOCK, ReentrancyPolicy, RoleId, SessionId};

/// What an effect is responsible for, by which re-entrance is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectResponsibilityDomain {
    /// The operation: where the effect was asked for.
    pub operation: EffectCoordinate,
    /// The session of the fragment that it is asked for in.
    pub session: SessionId,
    /// The role of that fragment.
    pub role: RoleId,
}

impl EffectResponsibilityDomain {
    /// Whether an effect of this policy and domain may not go out while that one is out.
    pub fn is_shut_out_by(&self, policy: ReentrancyPolicy, out: &Self) -> bool {
        match policy {
            ReentrancyPolicy::Allow => false,
            ReentrancyPolicy::RejectSameOperation => self.operation == out.operation,
            ReentrancyPolicy::RejectSameFragment => (self.session, self.role) == (out.session, out.role),
        }
    }
}

impl Ask {
    /// What the effect's interface promises.
    pub const fn metadata(&self) -> &'static EffectInterfaceMetadata {
        match self.wanted {
            Wanted::Answer { .. } => &INVOKE_MAY_BLOCK,
            Wanted::Guard(_) => EffectKind::Acquire.metadata(),
        }
    }

    /// What it is responsible for.
    pub const fn responsibility(&self) -> EffectResponsibilityDomain {
        let operation = self.coordinate;
        EffectResponsibilityDomain { operation, session: operation.session, role: self.role }
    }
}
