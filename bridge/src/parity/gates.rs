//! Which operations need which capability, and whether what checks them does: every need of the tables of rules, seen to let
//! something through and to turn something away; and the ways on which truth becomes final and an artifact ends.
//!
//! Admission by runtime contracts will be a table like these; until there is one, its class has no gate.

use crate::operation::{CapabilityModel, FinalizationPaths, UpgradeArtifacts};
use crate::schema::BridgeVersion;
use motet_choreo::{Source, compile, load};
use motet_machine::{CodeImage, ProtocolMachineConfig, UpgradeOptions};
use motet_runtime::{GuestRuntime, RuntimeUpgradeExecution, RuntimeUpgradeRequest, Schedule};
use motet_semantic::table::{Machine, Refused, Sort};
use motet_semantic::{Finalization, FinalizationEvent, MACHINES};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeSet, VecDeque};

/// What a capability is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapabilityClass {
    /// What may run at all.
    Admission,
    /// Who may act for a session.
    Ownership,
    /// What shows that something is so.
    Evidence,
    /// What may become of something that was begun.
    Transition,
}

impl CapabilityClass {
    /// The class of a table of rules.
    fn of(machine: &Machine) -> Self {
        match machine.name {
            "ownership" => Self::Ownership,
            "artifact" | "agreement" | "finalization" => Self::Evidence,
            _ => Self::Transition,
        }
    }

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Ownership => "ownership",
            Self::Evidence => "evidence",
            Self::Transition => "transition",
        }
    }
}

/// A need of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilityGate {
    /// What it is about.
    pub class: CapabilityClass,
    /// The table of rules that checks it.
    pub table: &'static str,
    /// The operation.
    pub operation: &'static str,
    /// The refusal of whoever does not meet it.
    pub refusal: &'static str,
    /// What that one is told.
    pub says: &'static str,
    /// How often it let something through, in all small states.
    pub passed: u64,
    /// How often it turned something away.
    pub refused: u64,
}

/// The most states of one table that are looked at.
const MOST_STATES: usize = 20_000;
/// The numbers that stand for all numbers.
const COUNTS: u64 = 3;

fn small(sort: Sort) -> u64 {
    match sort {
        Sort::Flag => 2,
        Sort::Count => COUNTS,
        Sort::Choice(names) => names.len() as u64,
    }
}

/// Every list of small values of these sorts, at most as many as states are looked at.
fn lists(sorts: &[Sort]) -> impl Iterator<Item = Vec<u64>> + '_ {
    let most = sorts.iter().fold(1_u64, |all, sort| all.saturating_mul(small(*sort)));
    (0..most.min(1 << 20)).map(|mut number| {
        let digit = |sort: &Sort| {
            let digit = number % small(*sort);
            number /= small(*sort);
            digit
        };
        sorts.iter().map(digit).collect()
    })
}

/// Walks through the small states of a table, the nearest first, and counts what each need does.
fn walk(machine: &'static Machine) -> Vec<CapabilityGate> {
    let class = CapabilityClass::of(machine);
    let mut gates = Vec::new();
    for event in machine.events {
        gates.extend(event.needs.iter().map(|need| {
            let (refusal, says) = machine.refusals[need.refusal];
            CapabilityGate { class, table: machine.name, operation: event.name, refusal, says, passed: 0, refused: 0 }
        }));
    }
    let sorts: Vec<Sort> = machine.fields.iter().map(|field| field.sort).collect();
    let mut todo: VecDeque<Vec<u64>> =
        lists(&sorts).filter(|state| machine.may_start(state)).take(MOST_STATES).collect();
    let mut seen: BTreeSet<Vec<u64>> = todo.iter().cloned().collect();
    while let Some(state) = todo.pop_front() {
        let mut first = 0;
        for (at, event) in machine.events.iter().enumerate() {
            let given: Vec<Sort> = event.given.iter().map(|field| field.sort).collect();
            for given in lists(&given) {
                let mut after = state.clone();
                let outcome = machine.apply(&state, at, &given, &mut after);
                let stopped = match outcome {
                    Err(Refused::Need(refusal)) => event.needs.iter().position(|need| need.refusal == refusal),
                    _ => None,
                };
                let passed = stopped.unwrap_or(if outcome.is_ok() { event.needs.len() } else { 0 });
                for gate in &mut gates[first..first + passed] {
                    gate.passed += 1;
                }
                if let Some(stopped) = stopped {
                    gates[first + stopped].refused += 1;
                }
                let near = after.iter().zip(&sorts).all(|(value, sort)| *value < small(*sort) + 1);
                if outcome.is_ok() && near && seen.len() < MOST_STATES && seen.insert(after.clone()) {
                    todo.push_back(after);
                }
            }
            first += event.needs.len();
        }
    }
    gates
}

/// All gates, as they are seen to act.
pub fn capability_gates() -> Vec<CapabilityGate> {
    MACHINES.iter().copied().flat_map(walk).collect()
}

/// What is wrong with gates: one that lets nothing through, or turns nobody away, guards nothing.
pub fn gate_findings(gates: &[CapabilityGate]) -> Vec<String> {
    let finding = |gate: &CapabilityGate| {
        let what = match (gate.passed, gate.refused) {
            (0, _) => "lets nothing through",
            (_, 0) => "turns nobody away",
            _ => return None,
        };
        Some(format!("{}.{}: `{}` {what} in any small state", gate.table, gate.operation, gate.refusal))
    };
    gates.iter().filter_map(finding).collect()
}

fn finalization(events: &[FinalizationEvent]) -> Result<Json, String> {
    let mut state = Finalization::new(true);
    let mut stages = vec![state.stage.name()];
    for event in events {
        state = state.apply(*event).map_err(|error| format!("finalization.{}: {error}", event.name()))?;
        stages.push(state.stage.name());
    }
    let events: Vec<&str> = events.iter().map(|event| event.name()).collect();
    Ok(json!({"read_class": state.read_class.name(), "stage": state.stage.name(), "stages": stages, "events": events}))
}

/// An upgrade of a session that has begun, to its own protocol under another name: cut over, and rolled back.
fn upgrade_artifacts() -> Result<UpgradeArtifacts, String> {
    fn text(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
    let image = |name: &str| -> Result<CodeImage, String> {
        let source = format!("protocol {name} =\n  roles A, B\n  A -> B : Ask\n  B -> A : Answer\n");
        let source = Source::from_text(format!("{name}.tell"), &source).map_err(text)?;
        let global = load(&source).map_err(|error| format!("{error:?}"))?;
        CodeImage::verify(compile(&global).map_err(text)?).map_err(text)
    };
    let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), Schedule::canonical()).map_err(text)?;
    let old = runtime.load(image("Before")?).map_err(text)?;
    runtime.open(old).map_err(text)?;
    let to = runtime.load(image("After")?).map_err(text)?;
    let request = RuntimeUpgradeRequest::new(to, UpgradeOptions::default());
    let before = runtime.state_root();
    let mut given_up = runtime.begin_upgrade(request.clone()).map_err(text)?;
    runtime.admit_staged(&mut given_up).map_err(text)?;
    given_up.roll_back("somebody gave it up").map_err(text)?;
    if runtime.cut_over(&mut given_up).is_ok() || runtime.state_root() != before {
        return Err(String::from("transition.roll_back: what was rolled back is cut over"));
    }
    let mut execution = runtime.begin_upgrade(request).map_err(text)?;
    if runtime.cut_over(&mut execution).is_ok() {
        return Err(String::from("transition.cut_over: what was not admitted is cut over"));
    }
    runtime.admit_staged(&mut execution).map_err(text)?;
    runtime.cut_over(&mut execution).map_err(text)?;
    let document = |execution: &RuntimeUpgradeExecution| serde_json::to_value(execution.artifact()).map_err(text);
    Ok(UpgradeArtifacts { committed_cutover: document(&execution)?, rolled_back: document(&given_up)? })
}

/// The capability model of this build, as a runner tells its own: a path of each kind, gone through the tables, and an upgrade
/// of each kind, of a run.
///
/// # Errors
/// A table refuses a step that it must take, or takes one that it must refuse; a run does.
pub fn capability_model() -> Result<CapabilityModel, String> {
    use FinalizationEvent::{Authorize, Invalidate, Materialize, Observe, Publish};
    let way = [Observe {}, Authorize { authoritative: true }, Materialize { passed: true }];
    let canonical = finalization(&[&way[..], &[Publish {}]].concat())?;
    let invalidated = finalization(&[&way[..], &[Invalidate {}]].concat())?;
    if finalization(&[&way[..], &[Invalidate {}, Publish {}]].concat()).is_ok() {
        return Err(String::from("finalization.publish: what was invalidated is published"));
    }
    Ok(CapabilityModel {
        schema_version: BridgeVersion,
        finalization_paths: FinalizationPaths { canonical, invalidated },
        upgrade_artifacts: upgrade_artifacts()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gate_opens_and_closes() {
        let gates = capability_gates();
        assert!(gates.len() > 40, "only {} gates", gates.len());
        assert_eq!(gate_findings(&gates), [""; 0]);
        let mut broken = gates;
        broken[0].refused = 0;
        broken[1].passed = 0;
        assert_eq!(gate_findings(&broken).len(), 2);
    }

    #[test]
    fn paths_go_through_the_tables() {
        let model = capability_model().unwrap();
        assert_eq!(model.finalization_paths.canonical["stage"], "canonical");
        assert_eq!(model.finalization_paths.invalidated["stage"], "invalidated");
        let UpgradeArtifacts { committed_cutover, rolled_back } = &model.upgrade_artifacts;
        assert_eq!(
            (&committed_cutover["phase"], &committed_cutover["moved"]),
            (&json!("committed_cutover"), &json!(1))
        );
        assert_eq!((&rolled_back["phase"], &rolled_back["moved"]), (&json!("rolled_back"), &json!(0)));
        assert_eq!(rolled_back["state_root"], rolled_back["staged_state_root"]);
        assert_ne!(committed_cutover["next_members"], committed_cutover["previous_members"]);
    }
}
