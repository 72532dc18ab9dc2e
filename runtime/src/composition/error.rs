//! Why a bundle, a plan or a run of a composition is refused. Nothing has changed then.

use crate::composition::budget::BudgetPart;
use crate::composition::plan::Transport;
use crate::status::RuntimeError;
use motet_machine::VerifyError;

/// Why a bundle does not become part of a composition, or the composition takes no turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The bundle's image does not verify from its bytes.
    #[error("the image of {name} does not verify: {error}")]
    Verify {
        /// The protocol's name.
        name: String,
        /// Why.
        error: VerifyError,
    },
    /// The same image is part of the composition.
    #[error("{name} is part of the composition")]
    Twice {
        /// The protocol's name.
        name: String,
    },
    /// Another protocol has the name.
    #[error("another protocol of the composition is called {name}; rename one, since reports name protocols")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// It opens sessions of a protocol that is not there.
    #[error("{name} opens sessions of the image {image}, which is not part of the composition; admit that one first")]
    Unlinked {
        /// The protocol's name.
        name: String,
        /// The digest of the other image.
        image: String,
    },
    /// It opens sessions of a protocol with another number of roles than that one has.
    #[error("{name} opens sessions of {other} with {expected} roles; it has {found}")]
    Roles {
        /// The protocol's name.
        name: String,
        /// The other one's.
        other: String,
        /// How many roles the plan says.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// One host would have to answer two questions under one name.
    #[error("{name} and {other} ask {effect} with other sorts, or one of them waits for it; one host answers both")]
    EffectDiffers {
        /// The protocol's name.
        name: String,
        /// The other one's.
        other: String,
        /// Interface and operation.
        effect: String,
    },
    /// The certificate says something else than what was computed.
    #[error("the certificate of {name} has another {field} than its image and the composition come to")]
    Certificate {
        /// The protocol's name.
        name: String,
        /// The field.
        field: &'static str,
    },
    /// The runtime's contracts, or the bundle's, do not cover it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// It would take more memory than there may be, or the composition has taken more.
    #[error("{used} bytes are held for {}, and {limit} is the most; take out what is kept, or allow more", part.name())]
    Budget {
        /// Of what.
        part: BudgetPart,
        /// How many are held, or would be.
        used: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no such bundle.
    #[error("the composition has no bundle {0}")]
    NoBundle(String),
}

/// Why a plan is refused. No step of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It was made for another state.
    #[error("the plan is for epoch {planned}; the composition is in epoch {now}")]
    Epoch {
        /// The plan's.
        planned: u64,
        /// The composition's.
        now: u64,
    },
    /// It does nothing.
    #[error("the plan has no steps")]
    Empty,
    /// A step names a role that no bundle has.
    #[error("step {step}: no bundle has the role {role}")]
    NoRole {
        /// Which step, from 0.
        step: usize,
        /// The role.
        role: String,
    },
    /// A step names somebody who does not take part.
    #[error("step {step}: {member} does not take part")]
    NoMember {
        /// Which step, from 0.
        step: usize,
        /// Who.
        member: String,
    },
    /// A step adds somebody who takes part.
    #[error("step {step}: {member} takes part")]
    MemberTwice {
        /// Which step, from 0.
        step: usize,
        /// Who.
        member: String,
    },
    /// Somebody who has failed does not come back under the same name.
    #[error("step {step}: {member} has failed")]
    MemberFailed {
        /// Which step, from 0.
        step: usize,
        /// Who.
        member: String,
    },
    /// This process itself cannot go.
    #[error("step {step}: this process itself takes part, always")]
    LocalStays {
        /// Which step, from 0.
        step: usize,
    },
    /// A role that has failed with its site stays there.
    #[error("step {step}: the site of {role} has crashed; a crash is for good")]
    RoleFailed {
        /// Which step, from 0.
        step: usize,
        /// The role.
        role: String,
    },
    /// Somebody is to go at whom a role still is in the end.
    #[error("{member} is to go, and {role} is placed there")]
    StillPlaced {
        /// Who.
        member: String,
        /// The role.
        role: String,
    },
    /// Roles that are placed beside each other, in a circle.
    #[error("{role} is placed beside itself")]
    Circle {
        /// One of them.
        role: String,
    },
    /// A transport does not fit where both ends are in the end.
    #[error("{from} and {to} are {}, which {} does not do", if *.together { "at one site" } else { "at two sites" }, transport.name())]
    Transport {
        /// From.
        from: String,
        /// To.
        to: String,
        /// How.
        transport: Transport,
        /// Whether they are at one site.
        together: bool,
    },
    /// A bundle's policy lets nobody come or go.
    #[error("{bundle} does not let its members change: dynamic_membership is off")]
    Fixed {
        /// The bundle.
        bundle: String,
    },
    /// A bundle's policy wants somebody to stay, besides this process.
    #[error("{bundle} wants members before and behind to overlap, and nobody stays")]
    NoOverlap {
        /// The bundle.
        bundle: String,
    },
    /// The runtime refuses: its contracts do not let roles be elsewhere.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}
