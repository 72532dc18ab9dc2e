//! An upgrade in phases: staged, admitted, cut over; or rolled back, or failed. Each phase is an artifact.
//!
//! Only cutting over changes anything, and that is [`Runtime::upgrade`]: one input of the run, all sessions or none. What may
//! follow what is the table `transition` of `motet-semantic`.

use crate::admission::needs_more;
use crate::profile::DeterminismMode;
use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::upgrade::StagedUpgrade;
use motet_machine::{
    CodeImage, EffectCoordinate, GivenUp, ImageId, UpgradeDecision, UpgradeMode, UpgradeObstacle, UpgradeOptions,
};
use motet_semantic::{
    CanonicalPublicationContinuity, PendingEffectTreatment, PublicationObserverClass, PublicationStatus,
    ReissuedPublication, RuntimeUpgradeArtifact, RuntimeUpgradeCompatibility, RuntimeUpgradeExecutionConstraint,
    Transition, TransitionArtifactPhase, TransitionError, TransitionEvent, UpgradedSession, ids,
};
use motet_types::{Digest, Digester, Planted, SessionId, planted};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeUpgradeRequest {
    /// To which loaded image.
    pub to: ImageId,
    /// How types are compared.
    pub options: UpgradeOptions,
    /// Which sessions it is about; all that are alive where none are named. Those that may move do.
    pub sessions: Option<Vec<SessionId>>,
    /// What it keeps.
    pub compatibility: RuntimeUpgradeCompatibility,
    /// The profile that runs claim from then on.
    pub profile: DeterminismMode,
}

impl RuntimeUpgradeRequest {
    /// An upgrade of all sessions that keeps everything: profile, owners, pending effects and published truth.
    pub const fn new(to: ImageId, options: UpgradeOptions) -> Self {
        let compatibility = RuntimeUpgradeCompatibility {
            execution_constraint: RuntimeUpgradeExecutionConstraint::PreserveBundleProfile,
            ownership_continuity_required: true,
            pending_effect_treatment: PendingEffectTreatment::PreservePending,
            canonical_publication_continuity: CanonicalPublicationContinuity::Preserve,
        };
        Self { to, options, sessions: None, compatibility, profile: DeterminismMode::Full }
    }
}

/// Why an upgrade does not come into its next phase. The run is as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuntimeUpgradeError {
    /// That phase does not follow this one. The upgrade is as it was, too.
    #[error("the upgrade is {phase}: {error}")]
    Phase {
        /// Where it stands.
        phase: TransitionArtifactPhase,
        /// Why not.
        error: TransitionError,
    },
    /// The runtime refuses.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A session that is named is not alive.
    #[error("{0} is not alive")]
    NotAlive(SessionId),
    /// No session that it is about may move.
    #[error("none of the {sessions} sessions may move; {}", .first.as_deref().unwrap_or("there is none"))]
    NothingMoves {
        /// How many it is about.
        sessions: usize,
        /// What stands in the first one's way.
        first: Option<String>,
    },
    /// Runs would claim another profile.
    #[error(
        "runs claim the profile {}, and would claim {}; preserve_bundle_profile keeps it, mixed_determinism_allowed does \
         not",
        .now.name(), .then.name()
    )]
    Profile {
        /// What they claim.
        now: DeterminismMode,
        /// What they would.
        then: DeterminismMode,
    },
    /// The new image needs what the old ones did not.
    #[error("the new image needs {needs}, which no image needs whose sessions move; mixed_determinism_allowed lets it")]
    NeedsMore {
        /// The capability.
        needs: &'static str,
    },
    /// The contracts allow no mixed profiles.
    #[error("mixed_determinism_allowed needs contracts that allow it: can_use_mixed_determinism_profiles")]
    NotMixed,
    /// A session's owner is changing.
    #[error("{0} is being handed over; commit or roll back the transfer first, or do not require ownership continuity")]
    OwnerChanges(SessionId),
    /// Truth is to be said again, and nothing is known of it.
    #[error("reissue_canonical_truth needs semantic objects, and the configuration keeps none; set `semantic_objects`")]
    NoTruth,
}

/// An upgrade under way, with the artifact of every phase that it has been in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeUpgradeExecution {
    request: RuntimeUpgradeRequest,
    /// What everything that it gives up names.
    id: Digest,
    staged: StagedUpgrade,
    transition: Transition,
    artifacts: Vec<RuntimeUpgradeArtifact>,
}

impl RuntimeUpgradeExecution {
    /// What was asked for.
    pub const fn request(&self) -> &RuntimeUpgradeRequest {
        &self.request
    }

    /// What would become of each session that it is about, as it was when it was staged.
    pub const fn staged(&self) -> &StagedUpgrade {
        &self.staged
    }

    /// Where it stands.
    pub const fn phase(&self) -> TransitionArtifactPhase {
        self.transition.phase
    }

    /// The artifacts of the phases that it has been in, in order.
    pub fn artifacts(&self) -> &[RuntimeUpgradeArtifact] {
        &self.artifacts
    }

    /// The artifact of the phase in which it is.
    pub fn artifact(&self) -> &RuntimeUpgradeArtifact {
        // Staging has made the first.
        &self.artifacts[self.artifacts.len() - 1]
    }

    /// Comes into another phase, or says why it cannot.
    fn go(&mut self, event: TransitionEvent) -> Result<(), RuntimeUpgradeError> {
        self.transition = self.next(event)?;
        Ok(())
    }

    /// Where an event leads, if it may come now.
    fn next(&self, event: TransitionEvent) -> Result<Transition, RuntimeUpgradeError> {
        let phase = self.transition.phase;
        self.transition.apply(event).map_err(|error| RuntimeUpgradeError::Phase { phase, error })
    }

    /// Gives it up before anything has changed.
    ///
    /// # Errors
    /// It has ended.
    pub fn roll_back(&mut self, reason: impl Into<String>) -> Result<&RuntimeUpgradeArtifact, RuntimeUpgradeError> {
        self.go(TransitionEvent::RollBack {})?;
        Ok(self.ended(reason.into()))
    }

    /// The artifact of an end in which nothing changed.
    fn ended(&mut self, reason: String) -> &RuntimeUpgradeArtifact {
        let artifact = RuntimeUpgradeArtifact { reason: Some(reason), ..self.artifact().clone() };
        self.push(artifact)
    }

    fn push(&mut self, artifact: RuntimeUpgradeArtifact) -> &RuntimeUpgradeArtifact {
        self.artifacts.push(RuntimeUpgradeArtifact { phase: self.transition.phase, ..artifact });
        self.artifact()
    }

    fn fail(&mut self, error: RuntimeUpgradeError) -> RuntimeUpgradeError {
        match self.go(TransitionEvent::Fail {}) {
            Ok(()) => {
                self.ended(error.to_string());
                error
            }
            Err(ended) => ended,
        }
    }

    /// The sessions that it is about and that stay where they are.
    fn staying(&self) -> impl Iterator<Item = (SessionId, &UpgradeObstacle)> {
        self.staged.decisions.iter().filter_map(|(session, decision)| Some((*session, decision.obstacle()?)))
    }
}

impl<E> Runtime<E> {
    /// Stages an upgrade: what would become of each session, as an artifact. Nothing changes.
    ///
    /// # Errors
    /// No such image, or a named session that is not alive.
    pub fn begin_upgrade(
        &self,
        request: RuntimeUpgradeRequest,
    ) -> Result<RuntimeUpgradeExecution, RuntimeUpgradeError> {
        let mut staged = self.stage_upgrade(request.to, request.options)?;
        if let Some(named) = &request.sessions {
            let alive: BTreeSet<SessionId> = staged.decisions.iter().map(|(session, _)| *session).collect();
            if let Some(gone) = named.iter().find(|session| !alive.contains(session)) {
                return Err(RuntimeUpgradeError::NotAlive(*gone));
            }
            staged.decisions.retain(|(session, _)| named.contains(session));
        }
        let artifact_id = self.artifact_id(request.to);
        let staged_state_root = self.state_root().to_string();
        let decided = |(session, decision): &(SessionId, UpgradeDecision)| UpgradedSession {
            session: session.0,
            decision: decision.name().into(),
            reason: decision.obstacle().map(ToString::to_string),
        };
        let about: BTreeSet<SessionId> = staged.decisions.iter().map(|(session, _)| *session).collect();
        let members = self.members();
        let id = self.upgrade_id(&request, &staged_state_root);
        let first = RuntimeUpgradeArtifact {
            upgrade_id: ids::upgrade(&id.to_string()),
            artifact_id,
            phase: TransitionArtifactPhase::Staged,
            tick: self.machine.tick().0,
            previous_members: members.clone(),
            next_members: members,
            compatibility: request.compatibility,
            sessions: staged.decisions.iter().map(decided).collect(),
            moved: 0,
            carried_publication_ids: Vec::new(),
            invalidated_publication_ids: Vec::new(),
            reissued_publications: Vec::new(),
            carried_obligation_ids: self.obligations(&about),
            invalidated_obligation_ids: Vec::new(),
            state_root: staged_state_root.clone(),
            staged_state_root,
            reason: None,
        };
        Ok(RuntimeUpgradeExecution { request, id, staged, transition: Transition::STAGED, artifacts: vec![first] })
    }

    /// Admits what was staged: the runtime's contracts grant it, and it keeps what it has to keep. Nothing changes.
    ///
    /// # Errors
    /// [`RuntimeUpgradeError`]; whatever is refused has failed, unless it was not staged any more.
    pub fn admit_staged(&self, execution: &mut RuntimeUpgradeExecution) -> Result<(), RuntimeUpgradeError> {
        execution.next(TransitionEvent::Admit { granted: true })?;
        if let Err(error) = self.compatible(execution) {
            return Err(execution.fail(error));
        }
        execution.go(TransitionEvent::Admit { granted: true })?;
        execution.push(RuntimeUpgradeArtifact {
            tick: self.machine.tick().0,
            state_root: self.state_root().to_string(),
            ..execution.artifact().clone()
        });
        Ok(())
    }

    /// Whether contracts and compatibility allow it.
    fn compatible(&self, execution: &RuntimeUpgradeExecution) -> Result<(), RuntimeUpgradeError> {
        use RuntimeUpgradeExecutionConstraint::{MixedDeterminismAllowed, PreserveBundleProfile};
        let RuntimeUpgradeRequest { to, compatibility, profile, .. } = &execution.request;
        let moving = execution.staged.movable();
        if moving.is_empty() {
            let first = execution.staying().next().map(|(session, obstacle)| format!("{session}: {obstacle}"));
            return Err(RuntimeUpgradeError::NothingMoves { sessions: execution.staged.decisions.len(), first });
        }
        self.admit_upgrade().map_err(RuntimeError::from)?;
        let now = self.determinism_profile();
        match compatibility.execution_constraint {
            PreserveBundleProfile if planted(Planted::UpgradeIgnoresConstraint) => {}
            PreserveBundleProfile => {
                if now != *profile {
                    return Err(RuntimeUpgradeError::Profile { now, then: *profile });
                }
                let old = moving.iter().filter_map(|session| self.machine.image_of(*session));
                let old: BTreeMap<[u8; 32], &CodeImage> = old.map(|image| (image.digest().0, &**image)).collect();
                let more = self.machine.image(*to).and_then(|image| needs_more(image, old.into_values()));
                if let Some(needs) = more {
                    return Err(RuntimeUpgradeError::NeedsMore { needs: needs.name() });
                }
            }
            MixedDeterminismAllowed if !self.contracts().can_use_mixed_determinism_profiles => {
                return Err(RuntimeUpgradeError::NotMixed);
            }
            MixedDeterminismAllowed => self.admit_profile(*profile).map_err(RuntimeError::from)?,
        }
        let changes = |session: &&SessionId| {
            self.machine.ownership(**session).is_some_and(|ownership| ownership.receipt().is_some())
        };
        if compatibility.ownership_continuity_required
            && let Some(session) = moving.iter().find(changes)
        {
            return Err(RuntimeUpgradeError::OwnerChanges(*session));
        }
        let reissued =
            compatibility.canonical_publication_continuity == CanonicalPublicationContinuity::ReissueCanonicalTruth;
        if reissued && self.semantic_objects().is_err() {
            return Err(RuntimeUpgradeError::NoTruth);
        }
        Ok(())
    }

    /// Cuts the run over: moves what was staged, all of it or nothing, and then does with pending effects and published
    /// truth what was asked. Effects of sessions that stay behind are invalidated where that was asked: whoever waits for
    /// one fails with `stale_authority`, and a later answer is refused.
    ///
    /// # Errors
    /// [`RuntimeUpgradeError`]: it was not admitted, and stays what it was; or a session cannot move any more, and it has
    /// failed.
    pub fn cut_over(&mut self, execution: &mut RuntimeUpgradeExecution) -> Result<u64, RuntimeUpgradeError> {
        execution.next(TransitionEvent::CutOver {})?;
        // What was admitted may have been so long ago.
        if let Err(error) = self.compatible(execution) {
            return Err(execution.fail(error));
        }
        let RuntimeUpgradeRequest { to, options, compatibility, profile, .. } = execution.request.clone();
        let moving = execution.staged.movable();
        let given_up = match compatibility.pending_effect_treatment {
            PendingEffectTreatment::PreservePending => None,
            PendingEffectTreatment::InvalidateBlocked => self.left_behind(execution),
        };
        let outcome = match self.cut_to(to, options, &moving, given_up) {
            Ok(outcome) => outcome,
            Err(error) => return Err(execution.fail(error.into())),
        };
        execution.go(TransitionEvent::CutOver {})?;
        self.request_determinism_profile(profile)?;
        let run = self.machine.config().run_id;
        let operations = outcome.invalidated.iter().map(|at| ids::effect_operation(&at.effect_id(&run).0.to_string()));
        let invalidated: BTreeSet<String> = operations.collect();
        let about: BTreeSet<SessionId> = execution.staged.decisions.iter().map(|(session, _)| *session).collect();
        let (carried, reissued) =
            self.truth(&moving.into_iter().collect(), compatibility.canonical_publication_continuity, to);
        let artifact = RuntimeUpgradeArtifact {
            tick: self.machine.tick().0,
            next_members: self.members(),
            moved: outcome.moved,
            carried_publication_ids: carried,
            invalidated_publication_ids: invalidated
                .iter()
                .map(|operation| ids::publication(operation, "effect.succeeded"))
                .collect(),
            reissued_publications: reissued,
            carried_obligation_ids: self.obligations(&about),
            invalidated_obligation_ids: invalidated.into_iter().collect(),
            state_root: self.state_root().to_string(),
            ..execution.artifact().clone()
        };
        execution.push(artifact);
        Ok(outcome.moved)
    }

    /// What sessions wait for that stay behind, if they do for anything. A parked session is the host's, and is left alone.
    fn left_behind(&self, execution: &RuntimeUpgradeExecution) -> Option<GivenUp> {
        let behind = execution.staying().filter(|(_, obstacle)| **obstacle != UpgradeObstacle::Parked);
        let waits = behind.flat_map(|(session, _)| self.machine.asks_of(session).map(|ask| ask.coordinate));
        let effects: Vec<EffectCoordinate> = waits.filter(|at| self.machine.is_pending(at)).collect();
        let none = effects.is_empty() || planted(Planted::UpgradeLeavesBlocked);
        (!none).then_some(GivenUp { upgrade: execution.id, effects })
    }

    /// Canonical publications of sessions: as they stand, or said again.
    fn truth(
        &self,
        sessions: &BTreeSet<SessionId>,
        continuity: CanonicalPublicationContinuity,
        to: ImageId,
    ) -> (Vec<String>, Vec<ReissuedPublication>) {
        let Ok(objects) = self.semantic_objects() else { return (Vec::new(), Vec::new()) };
        let canonical = objects.publication_events.into_iter().filter(|event| {
            event.observer_class == PublicationObserverClass::Canonical
                && event.status == PublicationStatus::Published
                && event.session.is_some_and(|session| sessions.contains(&SessionId(session)))
        });
        if continuity == CanonicalPublicationContinuity::Preserve {
            return (canonical.map(|event| event.publication_id).collect(), Vec::new());
        }
        let artifact_id = self.artifact_id(to);
        let reissued = canonical.map(|event| {
            let mut into = blake3::Hasher::new();
            into.str("motet.reissued.v1");
            into.str(&event.publication_id);
            into.str(event.proof_ref.as_deref().unwrap_or_default());
            into.str(event.handle_ref.as_deref().unwrap_or_default());
            into.str(&artifact_id);
            let digest = Digest(*into.finalize().as_bytes()).to_string();
            ReissuedPublication { publication_id: event.publication_id, artifact_id: artifact_id.clone(), digest }
        });
        (Vec::new(), reissued.collect())
    }

    /// The operations whose effects these sessions wait for, in order.
    fn obligations(&self, sessions: &BTreeSet<SessionId>) -> Vec<String> {
        let run = self.machine.config().run_id;
        let of = self.machine.pending_effects().map(|ask| ask.coordinate);
        let of = of.filter(|at| sessions.contains(&at.session));
        let ids: BTreeSet<String> = of.map(|at| ids::effect_operation(&at.effect_id(&run).0.to_string())).collect();
        ids.into_iter().collect()
    }

    /// The images that live sessions run, by their digests, in order.
    fn members(&self) -> Vec<String> {
        let images = self.machine.sessions().filter_map(|session| self.machine.image_of(session));
        let ids: BTreeSet<String> = images.map(|image| image.digest().to_string()).collect();
        ids.into_iter().collect()
    }

    fn artifact_id(&self, image: ImageId) -> String {
        self.machine.image(image).map(|image| image.digest().to_string()).unwrap_or_default()
    }

    fn upgrade_id(&self, request: &RuntimeUpgradeRequest, root: &str) -> Digest {
        let RuntimeUpgradeRequest { to, options, sessions, compatibility, profile } = request;
        let mut into = blake3::Hasher::new();
        into.str("motet.upgrade.v1");
        into.bytes(&self.machine.config().run_id.0);
        into.str(root);
        into.u64(self.machine.tick().0);
        into.str(&self.artifact_id(*to));
        into.u8(u8::from(options.mode == UpgradeMode::Full) | u8::from(options.at_start) << 1);
        into.u8(u8::from(sessions.is_some()));
        sessions.iter().flatten().for_each(|session| into.u64(session.0));
        into.str(compatibility.execution_constraint.name());
        into.u8(u8::from(compatibility.ownership_continuity_required));
        into.str(compatibility.pending_effect_treatment.name());
        into.str(compatibility.canonical_publication_continuity.name());
        into.str(profile.name());
        Digest(*into.finalize().as_bytes())
    }
}
