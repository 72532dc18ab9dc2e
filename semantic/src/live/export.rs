//! Live objects as documents: linear in their number, but for sorting.

use super::Live;
use super::effect::{Effect, Transition};
use super::export_views::Regions;
use super::handoff::Handover;
use super::key::{EffectKey, HandoffKey};
use super::occurrence::Wanted;
use crate::ids;
use crate::objects::{DelegationStatus, OwnershipScope};
use crate::objects::{
    FORBID_LATE_RESULTS, ObservedRead, OperationInstance, OutstandingEffect, ProgressContract, ProgressTransition,
    ProtocolMachineSemanticObjects, SemanticHandoff, TransformationObligation,
};
use crate::rules::{HandoffPhase, ProgressState};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use serde_json::Value as Json;

/// What becomes of witnesses at a handoff: those of the one who gives lose their force.
const WITNESS_POLICY: &str = "withdrawn";

/// A value as documents show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Null,
    /// A whole number.
    Number(u64),
    /// A truth value.
    Flag(bool),
    /// A text.
    Text(String),
    /// The text of JSON, which stands for itself where writing that JSON again gives the same text.
    Written(String),
    /// Some values.
    List(Vec<Shown>),
    /// Values with names.
    Named(Vec<(&'static str, Shown)>),
}

impl From<Shown> for Json {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Null => Json::Null,
            Shown::Number(number) => Json::from(number),
            Shown::Flag(flag) => Json::from(flag),
            Shown::Text(text) => Json::from(text),
            Shown::Written(text) => {
                let read: Option<Json> = serde_json::from_str(&text).ok();
                read.filter(|json| format!("{json}") == text).unwrap_or_else(|| Json::from(text))
            }
            Shown::List(all) => all.into_iter().map(Json::from).collect(),
            Shown::Named(all) => Json::Object(all.into_iter().map(|(name, one)| (name.into(), one.into())).collect()),
        }
    }
}

/// What only the machine knows about its numbers.
pub trait Describe {
    /// The effect's id.
    fn effect_id(&self, effect: EffectKey) -> String;
    /// Who answers a session's effects.
    fn handler(&self, session: u64) -> String;
    /// Interface and operation of what is wanted, where it has them.
    fn interface(&self, image: u32, wanted: Wanted) -> Option<(String, String)>;
    /// What was asked.
    fn inputs(&self, image: u32, wanted: Wanted, bytes: &[u8]) -> Shown;
    /// What came of it.
    fn outputs(&self, image: u32, wanted: Wanted, bytes: &[u8]) -> Shown;
}

impl Live {
    /// Everything as a document, each list sorted by its ids.
    pub fn export(&self, describe: &dyn Describe) -> ProtocolMachineSemanticObjects {
        let mut into = ProtocolMachineSemanticObjects::default();
        let mut regions = Regions::default();
        for (_, effect) in self.effects.sorted() {
            self.export_effect(effect, describe, &mut into, &mut regions);
        }
        for (key, handover) in &self.handoffs {
            export_handoff(*key, handover, describe, &mut into, &mut regions);
        }
        for (key, output) in &self.outputs {
            super::export_views::output(key, output, &mut into, &mut regions);
        }
        for (key, read) in &self.reads {
            super::export_views::read(key, read, &mut into, &mut regions);
        }
        for (session, _) in self.sessions.iter() {
            into.regions.push(regions.take(session, self.session(session)));
        }
        into.sort();
        into
    }

    fn export_effect(
        &self,
        effect: &Effect,
        describe: &dyn Describe,
        into: &mut ProtocolMachineSemanticObjects,
        regions: &mut Regions,
    ) {
        let key = effect.key;
        let (session, effect_id) = (Some(key.session), describe.effect_id(key));
        let operation_id = ids::effect_operation(&effect_id);
        let (course, end) = (effect.course(), effect.end());
        let owner = if end.is_some() { effect.last_owner() } else { self.owner_of_effect(effect) };
        let owner = owner.map(String::from);
        let interface = describe.interface(effect.image, effect.wanted);
        let (effect_interface, effect_operation) = interface.unzip();
        let handler_identity = describe.handler(key.session);
        let kind: String = effect.wanted.effect_kind().into();
        let budget = effect.budget;
        let state = course.progress.state;
        into.operation_instances.push(OperationInstance {
            operation_id: operation_id.clone(),
            session,
            owner_id: owner.clone(),
            kind: kind.clone(),
            phase: state.operation_phase(),
            handler_identity: Some(handler_identity.clone()),
            effect_ids: vec![effect_id.clone()],
            dependent_operation_ids: Vec::new(),
            terminal_publication: super::export_views::terminal(effect),
            budget_ticks: budget,
            requires_proof: false,
        });
        let shown = |bytes: &[u8]| describe.outputs(effect.image, effect.wanted, bytes).into();
        into.outstanding_effects.push(OutstandingEffect {
            effect_id: effect_id.clone(),
            operation_id: operation_id.clone(),
            session,
            owner_id: owner.clone(),
            effect_interface: effect_interface.clone(),
            effect_operation: effect_operation.clone(),
            effect_kind: kind,
            handler_identity: handler_identity.clone(),
            status: course.life.status,
            ordering_key: effect.order,
            budget_ticks: budget,
            retry_policy: FORBID_LATE_RESULTS.into(),
            invalidation_token: ids::invalidation_token(&effect_id),
            completed_at_tick: end.map(|end| end.tick),
            inputs: describe.inputs(effect.image, effect.wanted, effect.inputs.as_slice()).into(),
            outputs: effect.outputs.as_ref().map_or(Json::Null, |bytes| shown(bytes.as_slice())),
        });
        let mut observed = Vec::new();
        if effect.wanted.is_observed() {
            let read_id = format!("observed:{effect_id}");
            observed.push(read_id.clone());
            into.observed_reads.push(ObservedRead {
                read_id,
                session,
                effect_id: effect_id.clone(),
                effect_interface,
                effect_operation,
                handler_identity,
                status: course.life.status,
            });
        }
        let escalated = |one: &&Transition| {
            let states =
                [ProgressState::Blocked, ProgressState::NoProgress, ProgressState::Degraded, ProgressState::TimedOut];
            states.contains(&one.to)
        };
        let transitions: Vec<Transition> = effect.transitions().collect();
        into.progress_contracts.push(ProgressContract {
            operation_id: operation_id.clone(),
            session,
            state,
            last_ordering_key: Some(effect.order),
            bounded: course.progress.bounded,
            budget_ticks: budget,
            last_progress_tick: Some(course.progress.last_progress_tick),
            escalated_at_tick: transitions.iter().rfind(escalated).map(|one| one.tick),
            reason: transitions.last().and_then(|one| one.reason.clone()),
        });
        into.progress_transitions.extend(transitions.into_iter().map(|one| ProgressTransition {
            operation_id: operation_id.clone(),
            session,
            from_state: one.from,
            to_state: one.to,
            tick: one.tick,
            reason: one.reason,
        }));
        super::export_views::effect(effect, &operation_id, session, owner, observed, into, regions);
        regions.of(session).effects.push(effect_id);
        regions.of(session).operations.push(operation_id);
    }
}

/// A handoff that has ended; one that has begun is an operation only.
fn export_handoff(
    key: HandoffKey,
    one: &Handover,
    describe: &dyn Describe,
    into: &mut ProtocolMachineSemanticObjects,
    regions: &mut Regions,
) {
    super::export_views::handoff(key, one, into, regions);
    let status = match one.rule.phase {
        HandoffPhase::Begun | HandoffPhase::Revoked => return,
        HandoffPhase::Committed => DelegationStatus::Committed,
        HandoffPhase::RolledBack | HandoffPhase::Failed => DelegationStatus::RolledBack,
    };
    let all = |keys: &mut dyn Iterator<Item = &EffectKey>| {
        let mut all: Vec<String> = keys.map(|key| describe.effect_id(*key)).collect();
        all.sort();
        all
    };
    let affected_effect_ids = all(&mut one.affected.iter());
    let mut affected_operation_ids: Vec<String> =
        affected_effect_ids.iter().map(|id| ids::effect_operation(id)).collect();
    affected_operation_ids.sort();
    into.semantic_handoffs.push(SemanticHandoff {
        handoff_id: key.id(),
        session: key.session,
        from_coro: one.from_coro,
        to_coro: one.to_coro,
        revoked_owner_id: one.revoked.clone(),
        activated_owner_id: one.activated.clone(),
        scope: one.scope.clone(),
        status,
        tick: one.tick,
        reason: one.reason.clone(),
    });
    into.transformation_obligations.push(TransformationObligation {
        obligation_id: key.obligation_id(),
        handoff_id: key.id(),
        session: key.session,
        transformed_fragments: match &one.scope {
            OwnershipScope::Session => Vec::new(),
            OwnershipScope::Fragments(roles) => roles.iter().cloned().collect(),
        },
        affected_operation_ids,
        affected_effect_ids,
        transported_effect_ids: all(&mut one.affected.iter().filter(|key| !one.invalidated.contains(key))),
        invalidated_effect_ids: all(&mut one.invalidated.iter()),
        witness_policy: WITNESS_POLICY.into(),
        publication_revoked_from: one.revoked.clone(),
        publication_activated_to: one.activated.clone(),
        scope: one.scope.clone(),
        status,
        tick: one.tick,
        reason: one.reason.clone(),
    });
}
