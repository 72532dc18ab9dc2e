//! Who takes part in a composition and where its roles are: what a plan changes, as a value.

use crate::composition::error::PlanError;
use crate::composition::plan::{LOCAL_MEMBER, Placement, ReconfigurationPlan, ReconfigurationStep, Transport};
use crate::composition::policy::{ReconfigurationPolicy, ReconfigurationRefusal};
use motet_types::{Digest, Digester, Planted, Reader, planted};
use std::collections::{BTreeMap, BTreeSet};

/// Members, placements and transports. Everything runs in this process: a site says which roles fail together, and what
/// happens to a member's site happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionTopology {
    pub(super) epoch: u64,
    pub(super) members: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
    /// Where each role of each bundle is.
    pub(super) roles: BTreeMap<String, Placement>,
    pub(super) transports: BTreeMap<(String, String), Transport>,
}

impl Default for CompositionTopology {
    fn default() -> Self {
        Self {
            epoch: 0,
            members: BTreeSet::from([LOCAL_MEMBER.to_owned()]),
            failed: BTreeSet::new(),
            roles: BTreeMap::new(),
            transports: BTreeMap::new(),
        }
    }
}

impl CompositionTopology {
    /// How many plans were applied.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Who takes part, in order.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(String::as_str)
    }

    /// Where a role is.
    pub fn placement(&self, role: &str) -> Option<&Placement> {
        self.roles.get(role)
    }

    /// At whose site a role is.
    pub fn site(&self, role: &str) -> Option<&str> {
        let mut role = role;
        for _ in 0..=self.roles.len() {
            match self.roles.get(role)? {
                Placement::Local => return Some(LOCAL_MEMBER),
                Placement::Remote { member } => return Some(member),
                Placement::Colocated { with } => role = with,
            }
        }
        None
    }

    /// The roles at a member's site, in order.
    pub fn roles_at(&self, member: &str) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str).filter(move |role| self.site(role) == Some(member))
    }

    /// How messages from one role to another go: as a plan said, or as their sites say.
    pub fn transport(&self, from: &str, to: &str) -> Option<Transport> {
        let together = self.site(from)? == self.site(to)?;
        let fixed = self.transports.get(&(from.to_owned(), to.to_owned())).copied();
        Some(fixed.unwrap_or(if together { Transport::InProcess } else { Transport::Network }))
    }

    /// The digest of all of it.
    pub fn digest(&self) -> Digest {
        let mut into = blake3::Hasher::new();
        into.str("motet.composition.v1");
        self.encode(&mut into);
        Digest(*into.finalize().as_bytes())
    }

    pub(super) fn encode(&self, into: &mut impl Digester) {
        into.u64(self.epoch);
        for set in [&self.members, &self.failed] {
            into.size(set.len());
            set.iter().for_each(|member| into.str(member));
        }
        into.size(self.roles.len());
        for (role, placement) in &self.roles {
            into.str(role);
            placement.encode(into);
        }
        into.size(self.transports.len());
        for ((from, to), transport) in &self.transports {
            into.str(from);
            into.str(to);
            into.u8(*transport as u8);
        }
    }

    /// What was written; none if these bytes are no topology that fits together.
    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let set = |from: &mut Reader<'_>| {
            let mut set = BTreeSet::new();
            for _ in 0..from.u64()? {
                set.insert(from.str()?.to_owned()).then_some(())?;
            }
            Some(set)
        };
        let (epoch, members, failed) = (from.u64()?, set(from)?, set(from)?);
        let (mut roles, mut transports) = (BTreeMap::new(), BTreeMap::new());
        for _ in 0..from.u64()? {
            let role = from.str()?.to_owned();
            roles.insert(role, Placement::decode(from)?).is_none().then_some(())?;
        }
        for _ in 0..from.u64()? {
            let edge = (from.str()?.to_owned(), from.str()?.to_owned());
            transports.insert(edge, Transport::decode(from)?).is_none().then_some(())?;
        }
        let found = Self { epoch, members, failed, roles, transports };
        (found.members.contains(LOCAL_MEMBER) && found.whole().is_ok()).then_some(found)
    }

    /// What a plan makes of it, were it applied: all of it, or why not. `crashed` are roles whose sites are gone, `policies`
    /// what each bundle lets happen.
    pub(super) fn planned(
        &self,
        plan: &ReconfigurationPlan,
        crashed: &BTreeSet<String>,
        policies: &BTreeMap<String, ReconfigurationPolicy>,
    ) -> Result<Self, PlanError> {
        if plan.epoch != self.epoch {
            return Err(PlanError::Epoch { planned: plan.epoch, now: self.epoch });
        }
        if plan.steps.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut next = self.clone();
        next.epoch += 1;
        for (step, what) in plan.steps.iter().enumerate() {
            next.take(step, what, crashed)?;
        }
        next.whole()?;
        if !planted(Planted::PlanIgnoresPolicy) {
            // This process itself always takes part.
            let others = |topology: &'_ Self| -> Vec<String> {
                topology.members.iter().filter(|member| *member != LOCAL_MEMBER).cloned().collect()
            };
            let (before, behind) = (others(self), others(&next));
            for (bundle, policy) in policies {
                policy.allows(&before, &behind).map_err(|refusal| match refusal {
                    ReconfigurationRefusal::Fixed => PlanError::Fixed { bundle: bundle.clone() },
                    ReconfigurationRefusal::NoOverlap => PlanError::NoOverlap { bundle: bundle.clone() },
                })?;
            }
        }
        Ok(next)
    }

    fn known(&self, step: usize, role: &str) -> Result<(), PlanError> {
        match self.roles.contains_key(role) {
            true => Ok(()),
            false => Err(PlanError::NoRole { step, role: role.into() }),
        }
    }

    fn take(&mut self, step: usize, what: &ReconfigurationStep, crashed: &BTreeSet<String>) -> Result<(), PlanError> {
        match what {
            ReconfigurationStep::AddMember { member } => {
                if self.failed.contains(member) {
                    return Err(PlanError::MemberFailed { step, member: member.clone() });
                }
                if !self.members.insert(member.clone()) {
                    return Err(PlanError::MemberTwice { step, member: member.clone() });
                }
            }
            ReconfigurationStep::RemoveMember { member } if member == LOCAL_MEMBER => {
                return Err(PlanError::LocalStays { step });
            }
            ReconfigurationStep::RemoveMember { member } => {
                if !self.members.remove(member) {
                    return Err(PlanError::NoMember { step, member: member.clone() });
                }
            }
            ReconfigurationStep::Place { role, placement } => {
                self.known(step, role)?;
                if crashed.contains(role) {
                    return Err(PlanError::RoleFailed { step, role: role.clone() });
                }
                match placement {
                    Placement::Local => {}
                    Placement::Remote { member } if !self.members.contains(member) => {
                        return Err(PlanError::NoMember { step, member: member.clone() });
                    }
                    Placement::Remote { .. } => {}
                    Placement::Colocated { with } => self.known(step, with)?,
                }
                self.roles.insert(role.clone(), placement.clone());
            }
            ReconfigurationStep::Connect { from, to, transport } => {
                self.known(step, from)?;
                self.known(step, to)?;
                self.transports.insert((from.clone(), to.clone()), *transport);
            }
        }
        Ok(())
    }

    /// Whether all of it fits together in the end.
    fn whole(&self) -> Result<(), PlanError> {
        for role in self.roles.keys() {
            let Some(site) = self.site(role) else { return Err(PlanError::Circle { role: role.clone() }) };
            if !self.members.contains(site) && !self.failed.contains(site) {
                return Err(PlanError::StillPlaced { member: site.into(), role: role.clone() });
            }
        }
        for ((from, to), transport) in &self.transports {
            let together = self.site(from) == self.site(to);
            if !transport.fits(together) {
                let (from, to, transport) = (from.clone(), to.clone(), *transport);
                return Err(PlanError::Transport { from, to, transport, together });
            }
        }
        Ok(())
    }
}
