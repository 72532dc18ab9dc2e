//! What of a composition belongs to the run: its bundles' images and policies, and where roles are. It changes by inputs, so
//! replays and recoveries have it, and it is in snapshots.

use crate::composition::change::CompositionChange;
use crate::composition::error::PlanError;
use crate::composition::plan::{LOCAL_MEMBER, Placement, ReconfigurationPlan, ReconfigurationStep};
use crate::composition::policy::ReconfigurationPolicy;
use crate::composition::topology::CompositionTopology;
use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::Input;
use motet_machine::{ImageId, OpenError, TopologyOutcome, TopologyPerturbation};
use motet_types::{Digester, Reader, RoleId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A run's composition.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Composition {
    pub(super) bundles: Vec<(ImageId, ReconfigurationPolicy)>,
    pub(super) topology: CompositionTopology,
}

impl Composition {
    /// The bundles' images and policies, in the order in which they came.
    pub fn bundles(&self) -> &[(ImageId, ReconfigurationPolicy)] {
        &self.bundles
    }

    /// Who takes part, and where roles are.
    pub const fn topology(&self) -> &CompositionTopology {
        &self.topology
    }

    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        into.size(self.bundles.len());
        for (image, policy) in &self.bundles {
            into.u32(image.0);
            policy.encode(into);
        }
        self.topology.encode(into);
    }

    /// What was written; none if these bytes are no composition of so many images.
    pub(crate) fn decode(from: &mut Reader<'_>, images: usize) -> Option<Self> {
        let mut bundles = Vec::new();
        for _ in 0..from.u64()? {
            let image = from.u32().filter(|image| (*image as usize) < images)?;
            bundles.push((ImageId(image), ReconfigurationPolicy::decode(from)?));
        }
        Some(Self { bundles, topology: CompositionTopology::decode(from)? })
    }
}

/// What a run is without bundles and plans.
static NOTHING: LazyLock<Composition> = LazyLock::new(Composition::default);

impl<E> Runtime<E> {
    /// The run's composition: without bundles where it is none.
    pub fn composition(&self) -> &Composition {
        self.composition.as_deref().unwrap_or(&NOTHING)
    }

    /// An image that is loaded becomes a bundle of the run's composition.
    pub(crate) fn join(&mut self, image: ImageId, policy: ReconfigurationPolicy) -> Result<(), RuntimeError> {
        let code = self.machine.image(image).ok_or(OpenError::NoImage(image))?;
        let roles: Vec<String> =
            (0..code.role_count()).map(|role| code.role_name(RoleId(role as u16)).to_owned()).collect();
        let composition = self.composition.get_or_insert_default();
        composition.bundles.push((image, policy));
        for role in roles {
            composition.topology.roles.entry(role).or_default();
        }
        self.record(|| Input::Compose(CompositionChange::Bundle { image, policy }));
        Ok(())
    }

    /// What a plan would come to, where the runtime's contracts grant it. Nothing changes.
    pub(super) fn planned(&self, plan: &ReconfigurationPlan) -> Result<CompositionTopology, PlanError> {
        let remote = |step: &ReconfigurationStep| match step {
            ReconfigurationStep::Place { placement: Placement::Remote { member }, .. } => member != LOCAL_MEMBER,
            _ => false,
        };
        if plan.steps.iter().any(remote) {
            self.admit_placement().map_err(RuntimeError::from)?;
        }
        self.comes_to(plan)
    }

    fn comes_to(&self, plan: &ReconfigurationPlan) -> Result<CompositionTopology, PlanError> {
        let Composition { bundles, topology } = self.composition();
        let named = |(image, policy): &(ImageId, ReconfigurationPolicy)| {
            Some((self.machine.image(*image)?.parts().name.clone(), *policy))
        };
        let policies: BTreeMap<String, ReconfigurationPolicy> = bundles.iter().filter_map(named).collect();
        let crashed: BTreeSet<String> = self.machine.topology().crashed().map(str::to_owned).collect();
        topology.planned(plan, &crashed, &policies)
    }

    /// A plan is on the tape. What it comes to is not in force before [`Runtime::install`].
    pub(crate) fn note_plan(&mut self, plan: ReconfigurationPlan) {
        self.record(|| Input::Compose(CompositionChange::Plan(plan)));
    }

    /// What a plan comes to is in force. Answers the new epoch.
    pub(crate) fn install(&mut self, next: CompositionTopology) -> u64 {
        let composition = self.composition.get_or_insert_default();
        composition.topology = next;
        composition.topology.epoch
    }

    /// A member's site has crashed, with every role that is there.
    pub(super) fn fail_member(&mut self, member: &str) -> Result<TopologyOutcome, PlanError> {
        if member == LOCAL_MEMBER {
            return Err(PlanError::LocalStays { step: 0 });
        }
        self.takes_part(member)?;
        let topology = self.composition().topology();
        let sites = topology.roles_at(member).map(|role| TopologyPerturbation::Crash { site: role.into() });
        let outcome = self.take_perturbations(&sites.collect::<Vec<_>>())?;
        let topology = &mut self.composition.get_or_insert_default().topology;
        topology.members.remove(member);
        topology.failed.insert(member.into());
        self.record(|| Input::Compose(CompositionChange::MemberFailed { member: member.into() }));
        Ok(outcome)
    }

    /// The links that are cut when nothing can be sent from one member's site to another's.
    pub(super) fn links(&self, from: &str, to: &str) -> Result<Vec<TopologyPerturbation>, PlanError> {
        self.takes_part(from)?;
        self.takes_part(to)?;
        if from == to {
            return Err(PlanError::Circle { role: from.into() });
        }
        let topology = self.composition().topology();
        let receivers: Vec<&str> = topology.roles_at(to).collect();
        let links = topology.roles_at(from).flat_map(|from| receivers.iter().map(move |to| (from, *to)));
        let cut = links.map(|(from, to)| TopologyPerturbation::Partition { from: from.into(), to: to.into() });
        Ok(cut.collect())
    }

    fn takes_part(&self, member: &str) -> Result<(), PlanError> {
        match self.composition().topology.members.contains(member) {
            true => Ok(()),
            false => Err(PlanError::NoMember { step: 0, member: member.into() }),
        }
    }

    /// Gives a recorded change again. What contracts said of it when it was recorded stands.
    pub(crate) fn compose_again(&mut self, change: CompositionChange) -> Result<(), RuntimeError> {
        match change {
            CompositionChange::Bundle { image, policy } => self.join(image, policy),
            CompositionChange::Plan(plan) => {
                let next = self.comes_to(&plan)?;
                self.note_plan(plan);
                self.install(next);
                Ok(())
            }
            CompositionChange::MemberFailed { member } => Ok(self.fail_member(&member).map(drop)?),
        }
    }
}

impl From<PlanError> for RuntimeError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Runtime(error) => error,
            other => Self::Plan(Box::new(other)),
        }
    }
}
