//! The replay fragment of a run: from its record, and the runtime as it stood at the record's end.

use crate::fragment::{
    CanonicalReplayFragment, CommunicationConsumptionArtifact, CommunicationIdentityDocument, EffectTraceEntry,
};
use crate::outcome_json::outcome_json;
use crate::run_document::ProtocolMachineTraceEvent;
use crate::schema::SerializationVersion;
use motet_machine::{
    CodeImage, CommunicationReplayMode, ConsumptionArtifact, EffectCoordinate, EffectOutcome, EffectResponse,
    ProtocolMachineConfig, SemanticsError, TraceError, TraceReader,
};
use motet_runtime::{EffectDeterminismTier, Input, ReplayError, RunRecord, Runtime, SessionImages, replay};
use motet_types::{Digest, Digester, EffectKind, EffectRow, LabelId, LayerId, Planted, RoleId, SessionId, planted};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Why a run has no replay fragment.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FragmentError {
    /// Its events cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It has a session that its record never opens.
    #[error("the record never opens {0}; its inputs are not all there")]
    Unopened(SessionId),
    /// An event has no form among the documents, which is a defect.
    #[error("an event cannot be written: {0}")]
    Event(String),
    /// The record has no end, so nobody knows how the run stood there.
    #[error("the record has no end; a fragment needs a run that was recorded to where it stopped")]
    Endless,
    /// Its replay is not equal to it.
    #[error(transparent)]
    Replay(#[from] Box<ReplayError>),
    /// Not all of what it received is known: the configuration keeps too little.
    #[error(
        "of received messages {kept} are kept, and {lost} were not; let `max_consumptions` be large enough, or take the \
         fragment from the run's record"
    )]
    Consumptions {
        /// How many the configuration keeps.
        kept: u32,
        /// How many were made and not kept.
        lost: u64,
    },
    /// What was committed breaks a rule of semantic objects.
    #[error(transparent)]
    Semantics(#[from] SemanticsError),
}

impl CanonicalReplayFragment {
    /// The fragment of a run: `record` is the run's, and `runtime` is the run itself, or whatever did the same (a replay, a
    /// run that was recovered), as it stands at the record's end. What hosts take out of a runtime (audits, consumptions) must
    /// still be in it, and so must its trace.
    ///
    /// # Errors
    /// See [`FragmentError`].
    pub fn of<E>(record: &RunRecord, runtime: &Runtime<E>) -> Result<Self, FragmentError> {
        let (machine, images) = (runtime.machine(), SessionImages::of(record));
        let (config, topology) = (machine.config(), machine.topology());
        let semantic_objects = match runtime.semantic_objects() {
            Ok(objects) => Some(objects),
            Err(SemanticsError::Off) => None,
            Err(broken) => return Err(broken.into()),
        };
        let (semantic_audit_log, semantic_audit_lost) = match semantic_objects {
            Some(_) => machine.semantic_audit()?,
            None => (Vec::new(), 0),
        };
        let (consumptions, lost) = machine.consumptions();
        let kept = config.max_consumptions;
        if config.communication_replay_mode != CommunicationReplayMode::Off && (lost > 0 || kept == 0) {
            return Err(FragmentError::Consumptions { kept, lost });
        }
        let consumptions: Vec<&ConsumptionArtifact> = consumptions.collect();
        let owned = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
        Ok(Self {
            schema_version: SerializationVersion,
            obs_trace: observed(record, &images)?,
            effect_trace: answered(record, &images)?,
            crashed_sites: topology.crashed().map(str::to_owned).collect(),
            partitioned_edges: topology.cut().map(owned).collect(),
            corrupted_edges: topology.corrupt().map(|(from, to, how)| (owned((from, to)), how)).collect(),
            timed_out_sites: timed_out(runtime),
            effect_determinism_tier: EffectDeterminismTier::of_run(record),
            communication_replay_mode: config.communication_replay_mode,
            communication_replay_root: replay_root(&consumptions).map(|root| root.to_string()),
            communication_consumption_artifacts: consumptions.into_iter().map(artifact).collect(),
            semantic_audit_log,
            semantic_audit_lost,
            semantic_objects,
        })
    }

    /// The fragment of a recorded run, which is run again for it, and held against its record on the way.
    ///
    /// # Errors
    /// [`FragmentError::Endless`] for a record without an end, [`FragmentError::Replay`] where the replay is not equal.
    pub fn replayed(record: &RunRecord) -> Result<Self, FragmentError> {
        if record.end.is_none() {
            return Err(FragmentError::Endless);
        }
        // What is kept of received messages is no part of a run, so a record does not say it.
        let config = ProtocolMachineConfig { max_consumptions: u32::MAX, ..record.config.clone() };
        let record = RunRecord { config, ..record.clone() };
        let replayed = replay(&record, None, |_| {}).map_err(Box::new)?;
        Self::of(&record, &replayed.runtime)
    }
}

/// The events of a run, under the names of the images that its sessions ran.
fn observed(record: &RunRecord, images: &SessionImages) -> Result<Vec<ProtocolMachineTraceEvent>, FragmentError> {
    let mut reader = TraceReader::new(&record.events);
    let mut trace = Vec::new();
    while let Some(event) = reader.next() {
        let event = event?;
        let image = images.image_at(event.session, event.tick).ok_or(FragmentError::Unopened(event.session))?;
        trace.push(ProtocolMachineTraceEvent::of(image, &event, reader.text()).map_err(FragmentError::Event)?);
    }
    Ok(trace)
}

/// Sites that count as failed, each with the latest tick until which.
fn timed_out<E>(runtime: &Runtime<E>) -> Vec<(String, u64)> {
    let mut sites: BTreeMap<String, u64> = BTreeMap::new();
    for witness in runtime.machine().topology().timeouts() {
        let until = sites.entry(witness.site.clone()).or_default();
        *until = witness.until_tick.max(*until);
    }
    sites.into_iter().collect()
}

/// What the host answered, as the tape has it.
fn answered(record: &RunRecord, images: &SessionImages) -> Result<Vec<EffectTraceEntry>, FragmentError> {
    // An answer is of the image that its session had moved to by then.
    let mut moves: BTreeMap<SessionId, u32> = BTreeMap::new();
    let mut trace = Vec::new();
    for (step, input) in &record.inputs {
        let (at, asked, outcome) = match input {
            Input::Effect(effect) => (effect.coordinate, Some((effect.kind, effect.subject)), &effect.outcome),
            Input::Answer { at, outcome } => (*at, None, outcome),
            Input::Upgrade { sessions, .. } => {
                sessions.iter().for_each(|session| *moves.entry(*session).or_default() += 1);
                continue;
            }
            _ => continue,
        };
        let moved = moves.get(&at.session).copied().unwrap_or_default();
        let image = images.image_after(at.session, moved).ok_or(FragmentError::Unopened(at.session))?;
        let mut outputs = outcome_json(image, outcome);
        if planted(Planted::FragmentForgetsAnswers) {
            outputs = Json::Null;
        }
        let kind = asked.map(|(kind, _)| kind).or_else(|| kind_of(outcome));
        let (effect_interface, effect_operation) = operation(image, kind, asked.map(|(_, subject)| subject));
        trace.push(EffectTraceEntry {
            effect_id: at.effect_id(&record.config.run_id).0.to_string(),
            operation_id: format!("{}/{}/{}", at.session.0, at.coroutine.0, at.counter),
            effect_kind: kind,
            effect_interface,
            effect_operation,
            inputs: asked.map_or(Json::Null, |(kind, subject)| about(image, at, kind, subject)),
            outputs,
            handler_identity: record.handler.clone(),
            ordering_key: *step,
        });
    }
    Ok(trace)
}

/// The kind of effect that an answer by itself shows.
const fn kind_of(outcome: &EffectOutcome) -> Option<EffectKind> {
    match outcome {
        EffectOutcome::Success(EffectResponse::InvokeStep(_)) => Some(EffectKind::InvokeStep),
        EffectOutcome::Success(EffectResponse::Acquire(_)) => Some(EffectKind::Acquire),
        _ => None,
    }
}

/// The interface and the operation of an effect. An answer that came later does not say which of the image's it was.
fn operation(image: &CodeImage, kind: Option<EffectKind>, subject: Option<u32>) -> (Option<String>, Option<String>) {
    let Some(kind) = kind else { return (None, None) };
    let own = |row: u32| {
        let row = image.effects().get(EffectRow(row as u16).index())?;
        Some((row.interface.clone(), row.operation.clone()))
    };
    let row = kind.metadata();
    let named = match kind {
        EffectKind::InvokeStep => subject.and_then(own),
        _ => Some((row.interface_name.to_owned(), row.operation_name.to_owned())),
    };
    named.unzip()
}

/// What an effect was about: a partner and a label, a guard, or the output that is to be seen, as far as the tape tells.
fn about(image: &CodeImage, at: EffectCoordinate, kind: EffectKind, subject: u32) -> Json {
    let mut about = json!({});
    let mut put = |key: &str, value: Json| about[key] = value;
    // The first coroutine of role n is coroutine n; those that were started run a role's code, which the tape does not say.
    if usize::from(at.coroutine.0) < image.role_count() {
        put("role", image.role_name(RoleId(at.coroutine.0)).into());
    }
    match kind {
        EffectKind::SendDecision | EffectKind::Receive | EffectKind::Choose => {
            put("partner", image.role_name(RoleId((subject >> 16) as u16)).into());
            put("label", image.label_name(LabelId(subject as u16)).into());
        }
        EffectKind::Acquire | EffectKind::Release => put("layer", LayerId(subject as u16).0.into()),
        EffectKind::OutputConditionHint => put("output", format!("{:08x}", subject.swap_bytes()).into()),
        EffectKind::InvokeStep | EffectKind::TopologyEvents | EffectKind::WalSync => {}
    }
    about
}

/// Where each island's chain of consumptions stands, as one digest.
fn replay_root(artifacts: &[&ConsumptionArtifact]) -> Option<Digest> {
    let last: BTreeMap<u64, Digest> =
        artifacts.iter().map(|artifact| (artifact.identity.sid.host().0, artifact.post_root)).collect();
    let mut into = blake3::Hasher::new();
    into.str("motet.replay_root.v1");
    for (island, root) in &last {
        into.u64(*island);
        into.bytes(&root.0);
    }
    (!last.is_empty()).then(|| Digest(*into.finalize().as_bytes()))
}

fn artifact(artifact: &ConsumptionArtifact) -> CommunicationConsumptionArtifact {
    let identity = &artifact.identity;
    CommunicationConsumptionArtifact {
        tick: artifact.tick.0,
        identity: CommunicationIdentityDocument {
            sid: identity.sid.0,
            sender: identity.sender.clone(),
            receiver: identity.receiver.clone(),
            step_kind: identity.step_kind,
            label: identity.label.clone(),
            payload_digest: identity.payload_digest.to_string(),
            sequence_no: identity.sequence_no,
        },
        mode: artifact.mode,
        pre_root: artifact.pre_root.to_string(),
        post_root: artifact.post_root.to_string(),
    }
}
