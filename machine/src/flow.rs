//! Which knowledge may flow where: the policy, its predicates, and their bytes.
//!
//! ```text
//! policy     u8 version | u8 kind: 0 all, 1 none, 2 to these roles, 3 to others than these, 4 what the host says, 5 as said
//!            2, 3: u32 roles, names in ascending order | 4: name | 5: predicate
//! predicate  u8 kind: 0 the target's name begins with: text, 1 the fact contains: text, 2 the target is the endpoint's
//!            own role, 3 all of: u32, predicates, 4 any of: u32, predicates
//! ```

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use motet_types::{Digester, Planted, Reader, SessionId, planted};
use serde::{Deserialize, Serialize};

/// The version of a policy's bytes, their first.
const VERSION: u8 = 1;
/// Predicates nest at most this deep, and have at most this many parts.
const MAX_DEPTH: usize = 32;
const MAX_PARTS: usize = 4096;

/// A fact, as a predicate looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnowledgeFact<'a> {
    /// The session of the endpoint that it is about.
    pub session: SessionId,
    /// The name of that endpoint's role.
    pub role: &'a str,
    /// What is known of it.
    pub fact: &'a str,
}

/// Which knowledge may flow to which role. Roles are meant by their names, in whichever session.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowPolicy {
    /// Everything may flow everywhere.
    #[default]
    AllowAll,
    /// Nothing may flow.
    DenyAll,
    /// Everything may flow to these roles, and nothing to others.
    AllowRoles(BTreeSet<String>),
    /// Nothing may flow to these roles, and everything to others.
    DenyRoles(BTreeSet<String>),
    /// What the host says. It is no bytes: a machine that is made from bytes must be given it again.
    Predicate(HostPredicate),
    /// What a predicate says.
    PredicateExpr(FlowPredicate),
}

/// A condition on a fact and the role that it would flow to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowPredicate {
    /// The target's name begins with this.
    TargetRolePrefix(String),
    /// The fact contains this.
    FactContains(String),
    /// The target is the role whose endpoint the fact is about.
    EndpointRoleMatchesTarget,
    /// All of these; so always, if there are none.
    All(Vec<FlowPredicate>),
    /// At least one of these; so never, if there are none.
    Any(Vec<FlowPredicate>),
}

type Holds = dyn Fn(&KnowledgeFact<'_>, &str) -> bool + Send + Sync;

/// A condition that the host decides. Two of the same name are taken for the same one.
///
/// It is asked in the middle of a burst, by whichever thread runs it, and again in every replay: it must answer the same
/// to the same question and look at nothing else. Where it panics, the session that asked faults.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct HostPredicate {
    name: String,
    /// None when it was read from bytes, which have only its name.
    holds: Option<Arc<Holds>>,
}

impl HostPredicate {
    /// A condition and the name by which it is told from others.
    pub fn new(
        name: impl Into<String>,
        holds: impl Fn(&KnowledgeFact<'_>, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), holds: Some(Arc::new(holds)) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl From<HostPredicate> for String {
    fn from(predicate: HostPredicate) -> Self {
        predicate.name
    }
}

/// As it stands in a document: no machine can have it until it is given again.
impl From<String> for HostPredicate {
    fn from(name: String) -> Self {
        Self { name, holds: None }
    }
}

impl fmt::Debug for HostPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostPredicate").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for HostPredicate {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for HostPredicate {}

impl FlowPolicy {
    /// Whether a fact may flow to the role of that name.
    pub fn allows(&self, fact: &KnowledgeFact<'_>, target: &str) -> bool {
        match self {
            Self::AllowAll => true,
            Self::DenyAll => false,
            Self::AllowRoles(roles) => roles.contains(target),
            Self::DenyRoles(roles) => roles.contains(target) == planted(Planted::FlowDenyAllows),
            Self::Predicate(predicate) => predicate.holds.as_ref().is_some_and(|holds| holds(fact, target)),
            Self::PredicateExpr(predicate) => predicate.holds(fact, target),
        }
    }

    /// Why no machine can have it, if none can.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        match self {
            Self::AllowAll | Self::DenyAll => Ok(()),
            Self::AllowRoles(roles) | Self::DenyRoles(roles) if roles.contains("") => Err("a role without a name"),
            Self::AllowRoles(_) | Self::DenyRoles(_) => Ok(()),
            Self::Predicate(predicate) if predicate.holds.is_none() => {
                Err("a predicate of the host's, which no bytes have: it must be given again")
            }
            Self::Predicate(_) => Ok(()),
            Self::PredicateExpr(predicate) => match predicate.parts(MAX_DEPTH, MAX_PARTS) {
                Some(_) => Ok(()),
                None => Err("a predicate that is nested deeper than 32, or has more than 4096 parts"),
            },
        }
    }

    pub(crate) fn encode(&self, into: &mut impl Digester) {
        into.u8(VERSION);
        match self {
            Self::AllowAll => into.u8(0),
            Self::DenyAll => into.u8(1),
            Self::AllowRoles(roles) | Self::DenyRoles(roles) => {
                into.u8(if matches!(self, Self::AllowRoles(_)) { 2 } else { 3 });
                into.u32(roles.len() as u32);
                roles.iter().for_each(|role| into.str(role));
            }
            Self::Predicate(predicate) => {
                into.u8(4);
                into.str(&predicate.name);
            }
            Self::PredicateExpr(predicate) => {
                into.u8(5);
                predicate.encode(into);
            }
        }
    }

    /// Reads what [`FlowPolicy::encode`] wrote.
    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        if from.u8()? != VERSION {
            return None;
        }
        Some(match from.u8()? {
            0 => Self::AllowAll,
            1 => Self::DenyAll,
            kind @ (2 | 3) => {
                let mut roles = BTreeSet::new();
                for _ in 0..from.u32()? {
                    let role = from.str()?;
                    if roles.last().is_some_and(|last: &String| **last >= *role) {
                        return None;
                    }
                    roles.insert(String::from(role));
                }
                if kind == 2 { Self::AllowRoles(roles) } else { Self::DenyRoles(roles) }
            }
            4 => Self::Predicate(HostPredicate { name: from.str()?.into(), holds: None }),
            5 => Self::PredicateExpr(FlowPredicate::decode(from, MAX_DEPTH)?),
            _ => return None,
        })
    }
}

impl FlowPredicate {
    /// Whether it holds of a fact that would flow to the role of that name.
    pub fn holds(&self, fact: &KnowledgeFact<'_>, target: &str) -> bool {
        match self {
            Self::TargetRolePrefix(prefix) => target.starts_with(prefix.as_str()),
            Self::FactContains(part) => fact.fact.contains(part.as_str()),
            Self::EndpointRoleMatchesTarget => fact.role == target,
            Self::Any(parts) if !planted(Planted::FlowAnyIsAll) => parts.iter().any(|part| part.holds(fact, target)),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|part| part.holds(fact, target)),
        }
    }

    /// How many parts are left of `parts` when its own are counted; none if that is too few, or it is deeper than `depth`.
    fn parts(&self, depth: usize, parts: usize) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        let left = parts.checked_sub(1)?;
        match self {
            Self::All(all) | Self::Any(all) => all.iter().try_fold(left, |left, part| part.parts(depth, left)),
            _ => Some(left),
        }
    }

    fn encode(&self, into: &mut impl Digester) {
        match self {
            Self::TargetRolePrefix(text) | Self::FactContains(text) => {
                into.u8(u8::from(matches!(self, Self::FactContains(_))));
                into.str(text);
            }
            Self::EndpointRoleMatchesTarget => into.u8(2),
            Self::All(parts) | Self::Any(parts) => {
                into.u8(if matches!(self, Self::All(_)) { 3 } else { 4 });
                into.u32(parts.len() as u32);
                parts.iter().for_each(|part| part.encode(into));
            }
        }
    }

    fn decode(from: &mut Reader<'_>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        Some(match from.u8()? {
            0 => Self::TargetRolePrefix(from.str()?.into()),
            1 => Self::FactContains(from.str()?.into()),
            2 => Self::EndpointRoleMatchesTarget,
            kind @ (3 | 4) => {
                // Every part has a byte at least, so what remains bounds the memory.
                let count = usize::try_from(from.u32()?).ok().filter(|count| *count <= MAX_PARTS)?;
                let mut parts = Vec::with_capacity(count.min(from.remaining()));
                for _ in 0..count {
                    parts.push(Self::decode(from, depth)?);
                }
                if kind == 3 { Self::All(parts) } else { Self::Any(parts) }
            }
            _ => return None,
        })
    }
}
