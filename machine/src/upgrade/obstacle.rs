//! What becomes of a session, and why.

use crate::state::decode::StateError;
use alloc::string::String;
use motet_types::Pc;

/// What stands in a session's way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum UpgradeObstacle {
    /// It has been moved already, or was opened so.
    #[error("it runs the new image")]
    Already,
    /// It is with the host as bytes.
    #[error("it is parked; it can move once it has been resumed")]
    Parked,
    /// It may take back what it has done.
    #[error("it speculates")]
    Speculates,
    /// Its instructions have opened sessions that have not ended.
    #[error("it has opened sessions that go on")]
    Opened,
    /// Its instructions have started coroutines that have not ended.
    #[error("it has started coroutines that go on")]
    Spawned,
    /// One of its endpoints belongs to another coroutine than its role's.
    #[error("an endpoint has changed hands")]
    Delegated,
    /// Somebody in it knows facts about its endpoints.
    #[error("its roles know facts about each other")]
    Knows,
    /// Its messages are signed or counted, and both are bound to its image.
    #[error("its messages are signed, kept or counted, which binds them to its image")]
    Watched,
    /// A coroutine waits for a link.
    #[error("{role} waits for a link that is cut")]
    Link {
        /// Whose coroutine.
        role: String,
    },
    /// A coroutine will never go on.
    #[error("{role} has failed and will not go on")]
    Failed {
        /// Whose coroutine.
        role: String,
    },
    /// A coroutine is in the middle of something that only its own code can finish.
    #[error("{role} is in the middle of something, at {pc}")]
    Busy {
        /// Whose coroutine.
        role: String,
        /// Its next instruction.
        pc: Pc,
    },
    /// No state of the new type may stand where the role's is expected.
    #[error("{role} cannot go on in the new type: {why}")]
    Type {
        /// The role.
        role: String,
        /// Why not in the state that is nearest.
        why: String,
    },
    /// The new code does not do what the coroutine is about to do, or does it in several places.
    #[error("{role} is about to {what}, which the new code does {places} in its state")]
    Point {
        /// The role.
        role: String,
        /// What.
        what: String,
        /// In how many places.
        places: &'static str,
    },
    /// A register of the new code has no one value.
    #[error("the new code of {role} needs one {sort}, and there are several")]
    Register {
        /// The role.
        role: String,
        /// The sort of what it holds.
        sort: String,
    },
    /// A message in flight that the new image has no label or edge for.
    #[error("{label} is in flight from {sender} to {receiver}, and the new image has no such message")]
    InFlight {
        /// Its label.
        label: String,
        /// Who sent it.
        sender: String,
        /// Who is to receive it.
        receiver: String,
    },
    /// What was asked outside would be another question.
    #[error("what {role} has asked would be asked otherwise")]
    Question {
        /// The role.
        role: String,
    },
    /// What came out is no session of the new image.
    #[error("in the new image {0}")]
    Unlike(String),
}

impl UpgradeObstacle {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Already => "already",
            Self::Parked => "parked",
            Self::Speculates => "speculates",
            Self::Opened => "opened",
            Self::Spawned => "spawned",
            Self::Delegated => "delegated",
            Self::Knows => "knows",
            Self::Watched => "watched",
            Self::Link { .. } => "link",
            Self::Failed { .. } => "failed",
            Self::Busy { .. } => "busy",
            Self::Type { .. } => "type",
            Self::Point { .. } => "point",
            Self::Register { .. } => "register",
            Self::InFlight { .. } => "in_flight",
            Self::Question { .. } => "question",
            Self::Unlike(_) => "unlike",
        }
    }

    pub(super) fn unlike(error: StateError) -> UpgradeDecision {
        UpgradeDecision::Finishes(Self::Unlike(alloc::format!("{error}")))
    }
}

/// What becomes of a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpgradeDecision {
    /// It may move now.
    Moves,
    /// Not now; as far as its types tell it may be able to later.
    Waits(UpgradeObstacle),
    /// It has to end as it began.
    Finishes(UpgradeObstacle),
}

impl UpgradeDecision {
    /// A stable name: `moves`, `waits` or `finishes`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Moves => "moves",
            Self::Waits(_) => "waits",
            Self::Finishes(_) => "finishes",
        }
    }

    /// What stands in its way; nothing where it moves.
    pub const fn obstacle(&self) -> Option<&UpgradeObstacle> {
        match self {
            Self::Moves => None,
            Self::Waits(obstacle) | Self::Finishes(obstacle) => Some(obstacle),
        }
    }
}
