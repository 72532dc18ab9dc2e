//! Plans: who takes part, where roles are, and how their edges go.

/// The member that this process is. It is always there.
pub const LOCAL_MEMBER: &str = "local";

/// Where a role is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Placement {
    /// In this process.
    #[default]
    Local,
    /// At a member's site.
    Remote {
        /// The member.
        member: String,
    },
    /// Wherever another role is.
    Colocated {
        /// The other role.
        with: String,
    },
}

/// How messages of an edge go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Within one process: both ends are at one site.
    InProcess,
    /// Through memory that both ends have: they are at one site.
    SharedMemory,
    /// Between two sites.
    Network,
}

impl Transport {
    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in_process",
            Self::SharedMemory => "shared_memory",
            Self::Network => "network",
        }
    }

    /// Whether it connects roles that are at one site, or those at two.
    pub const fn fits(self, together: bool) -> bool {
        matches!(self, Self::Network) != together
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReconfigurationStep {
    /// Somebody comes.
    AddMember {
        /// Who.
        member: String,
    },
    /// Somebody goes.
    RemoveMember {
        /// Who.
        member: String,
    },
    /// A role is placed.
    Place {
        /// The role.
        role: String,
        /// Where.
        placement: Placement,
    },
    /// An edge's transport is fixed; otherwise it follows from where both ends are.
    Connect {
        /// From.
        from: String,
        /// To.
        to: String,
        /// How.
        transport: Transport,
    },
}

/// Several steps that are taken together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconfigurationPlan {
    /// The epoch of the composition for which it was made.
    pub epoch: u64,
    /// The steps, in order.
    pub steps: Vec<ReconfigurationStep>,
}
