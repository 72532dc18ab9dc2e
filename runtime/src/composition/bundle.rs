//! Bundles: a protocol with the certificate of what was found out about it, and how its members may change.

use crate::admission::{AdmissionRequest, RuntimeCapability, RuntimeContracts, admit};
use crate::composition::error::LinkError;
use crate::composition::policy::ReconfigurationPolicy;
use crate::profile::DeterminismMode;
use crate::schedule::Schedule;
use crate::status::RuntimeError;
use motet_machine::{CodeImage, ProtocolMachineConfig};
use motet_types::{EffectPart, Planted, SortId, planted};
use std::sync::Arc;

/// What a bundle may count on, as its contracts say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheoremPack {
    /// The determinism profiles that there is an artifact for.
    pub determinism: Vec<DeterminismMode>,
    /// The policies by which it may be scheduled besides the cooperative one.
    pub relaxed_schedulers: bool,
    /// Whether its outputs may be held back.
    pub output_condition_gating: bool,
}

impl TheoremPack {
    /// What contracts come to.
    pub fn of(contracts: &RuntimeContracts) -> Self {
        let has = |mode: &DeterminismMode| {
            contracts.determinism_artifacts.has(*mode)
                && (*mode == DeterminismMode::Full || contracts.can_use_mixed_determinism_profiles)
        };
        Self {
            determinism: DeterminismMode::ALL.into_iter().filter(has).collect(),
            relaxed_schedulers: contracts.capabilities.contains(&RuntimeCapability::RelaxedReordering),
            output_condition_gating: contracts.capabilities.contains(&RuntimeCapability::OutputConditions),
        }
    }
}

/// What was found out about a bundle's image, and what it is held to.
///
/// Anybody may write one down; a composition computes it again, and refuses one that says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionCertificate {
    /// The image's digest.
    pub artifact_id: String,
    /// Whether the image verifies from its bytes, everything that it opens is there, and its questions are those of the
    /// others, too.
    pub link_ok_full: bool,
    /// What it may count on.
    pub theorem_pack: TheoremPack,
    /// What it is held to besides the runtime's own contracts; none, and it is held to those alone.
    pub runtime_contracts: Option<RuntimeContracts>,
}

/// A protocol that can become part of a composition.
#[derive(Clone, Debug)]
pub struct ProtocolBundle {
    /// The image.
    pub code: Arc<CodeImage>,
    /// What was found out about it.
    pub certificate: CompositionCertificate,
    /// How the composition's members may change while it is part of it.
    pub reconfiguration_policy: ReconfigurationPolicy,
}

impl ProtocolBundle {
    /// A bundle whose certificate is computed: its image is verified from its bytes and linked with others, in their order.
    ///
    /// # Errors
    /// [`LinkError`]: what does not link has no certificate.
    pub fn link(
        code: Arc<CodeImage>,
        others: &[ProtocolBundle],
        runtime_contracts: Option<RuntimeContracts>,
        reconfiguration_policy: ReconfigurationPolicy,
    ) -> Result<Self, LinkError> {
        let certificate = certify(&code, others, runtime_contracts)?;
        Ok(Self { code, certificate, reconfiguration_policy })
    }

    /// The protocol's name.
    pub fn name(&self) -> &str {
        &self.code.parts().name
    }

    /// Computes the certificate anew, and holds this one against it.
    pub(super) fn check(&self, others: &[ProtocolBundle]) -> Result<(), LinkError> {
        let computed = certify(&self.code, others, self.certificate.runtime_contracts.clone())?;
        let CompositionCertificate { artifact_id, link_ok_full, theorem_pack, .. } = &self.certificate;
        let differs = [
            ("artifact_id", *artifact_id != computed.artifact_id),
            ("link_ok_full", *link_ok_full != computed.link_ok_full),
            ("theorem_pack", *theorem_pack != computed.theorem_pack),
        ];
        match differs.into_iter().find(|(_, differs)| *differs && !planted(Planted::LinkTrustsCertificate)) {
            Some((field, _)) => Err(LinkError::Certificate { name: self.name().into(), field }),
            None => Ok(()),
        }
    }

    /// Holds the bundle against its own contracts, under the composition's configuration and schedule.
    pub(super) fn admit(&self, config: &ProtocolMachineConfig, schedule: &Schedule) -> Result<(), LinkError> {
        let Some(contracts) = &self.certificate.runtime_contracts else { return Ok(()) };
        let request = AdmissionRequest { images: vec![&*self.code], config, schedule, profile: DeterminismMode::Full };
        let admitted = admit(&request, contracts).enforce();
        admitted.map(drop).map_err(|refusal| RuntimeError::from(Box::new(refusal)).into())
    }
}

/// Verifies and links.
fn certify(
    code: &CodeImage,
    others: &[ProtocolBundle],
    runtime_contracts: Option<RuntimeContracts>,
) -> Result<CompositionCertificate, LinkError> {
    let name = &code.parts().name;
    let verified =
        CodeImage::load(&code.parts().to_bytes()).map_err(|error| LinkError::Verify { name: name.clone(), error })?;
    linked(&verified, others)?;
    let theorem_pack = TheoremPack::of(runtime_contracts.as_ref().unwrap_or(&RuntimeContracts::own()));
    let artifact_id = verified.digest().to_string();
    Ok(CompositionCertificate { artifact_id, link_ok_full: true, theorem_pack, runtime_contracts })
}

/// Whether an image fits together with those of others.
fn linked(image: &CodeImage, others: &[ProtocolBundle]) -> Result<(), LinkError> {
    let name = &image.parts().name;
    for other in others {
        if other.code.digest() == image.digest() {
            return Err(LinkError::Twice { name: name.clone() });
        }
        if other.name() == name {
            return Err(LinkError::NameTaken { name: name.clone() });
        }
    }
    for plan in &image.parts().plans {
        let found = others.iter().find(|other| other.code.digest().0 == plan.image);
        let Some(found) = found else {
            let image = motet_types::Digest(plan.image).to_string();
            return Err(LinkError::Unlinked { name: name.clone(), image });
        };
        if found.code.role_count() != usize::from(plan.roles) {
            let (expected, roles) = (usize::from(plan.roles), found.code.role_count());
            return Err(LinkError::Roles { name: name.clone(), other: found.name().into(), expected, found: roles });
        }
    }
    if planted(Planted::LinkForgetsEffects) {
        return Ok(());
    }
    for effect in image.effects() {
        for other in others {
            let same =
                |theirs: &&EffectPart| (&theirs.interface, &theirs.operation) == (&effect.interface, &effect.operation);
            let differs = |theirs: &EffectPart| {
                let sort = |image: &CodeImage, sort: u16| image.sorts().display(SortId(sort)).to_string();
                let told = |image: &CodeImage, part: &EffectPart| {
                    (sort(image, part.argument), sort(image, part.answer), part.may_block)
                };
                told(image, effect) != told(&other.code, theirs)
            };
            if other.code.effects().iter().filter(same).any(differs) {
                let effect = format!("{}.{}", effect.interface, effect.operation);
                return Err(LinkError::EffectDiffers { name: name.clone(), other: other.name().into(), effect });
            }
        }
    }
    Ok(())
}
