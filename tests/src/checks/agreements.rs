//! Agreement records of durable runs: what the rules permit is written, what was written survives, and recovery decides by
//! it.

use super::durable::{begin, options};
use crate::dice::Dice;
use crate::lane::Lane;
use crate::world::World;
use motet_log::sim::{SimDisk, Survival};
use motet_log::span::CutError;
use motet_runtime::semantic::{
    Admitted, AgreementEvidence, AgreementLevel, AgreementState, AgreementWalEntry, DurableRecoveryAction,
    DurableRecoveryDecision, EvidenceKind, EvidenceOutcomeCacheEntry, FinalizationOutcome, WalSyncRequest,
};
use motet_runtime::{CutLogError, Durable, DurableError, DurableGuestRuntime, DurableRecoveryPlan, cut_log};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use AgreementLevel::{Finalized, Provisional, SoftSafe};
use AgreementWalEntry::{Escalation, EvidenceProduced, Finalization, VisibilityGateCrossing};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// One operation as the specification's section 6 has it.
#[derive(Clone)]
struct Operation {
    level: AgreementLevel,
    end: Option<FinalizationOutcome>,
    gate: Option<AgreementLevel>,
}

/// The specification's rules, written down once more: which record may follow which others.
#[derive(Clone, Default)]
struct Model {
    operations: BTreeMap<String, Operation>,
    evidence: BTreeMap<String, AgreementEvidence>,
    written: Vec<AgreementWalEntry>,
}

impl Model {
    fn of(entries: &[AgreementWalEntry]) -> Self {
        let mut model = Self::default();
        entries.iter().for_each(|entry| _ = model.take(entry));
        model
    }

    fn at(&self, operation: &str) -> Operation {
        let fresh = Operation { level: Provisional, end: None, gate: None };
        self.operations.get(operation).cloned().unwrap_or(fresh)
    }

    /// Whether the record is new, known, or not permitted.
    fn take(&mut self, entry: &AgreementWalEntry) -> Option<Admitted> {
        if let Some(known) = self.written.iter().find(|known| known.identity() == entry.identity()) {
            return same_fact(known, entry).then_some(Admitted::Known);
        }
        let mut at = self.at(entry.operation_id());
        let permitted = match entry {
            EvidenceProduced { evidence, .. } => {
                self.evidence.insert(evidence.evidence_id.clone(), evidence.clone());
                true
            }
            Escalation { operation_id, previous_level, new_level, evidence_id, .. } => {
                let steps = [(Provisional, SoftSafe), (Provisional, Finalized), (SoftSafe, Finalized)];
                let rests = self.evidence.get(evidence_id);
                let rests = rests.is_some_and(|on| on.authoritative && on.operation_id == *operation_id);
                let right = at.end.is_none() && *previous_level == at.level && rests;
                let legal = right && steps.contains(&(at.level, *new_level));
                at.level = if legal { *new_level } else { at.level };
                legal
            }
            Finalization { outcome, .. } => {
                let legal = at.end.is_none()
                    && match outcome {
                        FinalizationOutcome::Finalized => at.level == Finalized,
                        FinalizationOutcome::Aborted => at.level == Provisional || at.level == SoftSafe,
                        _ => at.level == SoftSafe,
                    };
                at.end = if legal { Some(*outcome) } else { at.end };
                legal
            }
            VisibilityGateCrossing { gate_level, .. } => {
                // Nothing crosses a gate behind an end that is not final, except one that asks for nothing.
                let ended = at.end.is_some_and(|end| end != FinalizationOutcome::Finalized);
                let asks = *gate_level != AgreementLevel::None;
                let legal = gate_level.rank() <= at.level.rank() && !(ended && asks);
                if legal && at.gate.is_none_or(|gate| gate.rank() < gate_level.rank()) {
                    at.gate = Some(*gate_level);
                }
                legal
            }
        };
        if permitted {
            self.operations.insert(entry.operation_id().to_owned(), at);
            self.written.push(entry.clone());
        }
        permitted.then_some(Admitted::New)
    }

    /// What recovery must decide; how far the checkpoint had got, nobody is told here.
    fn decisions(&self, outcomes: &BTreeSet<String>) -> Vec<Decided> {
        let decided = |(id, at): (&String, &Operation)| {
            let action = match at.end {
                Some(FinalizationOutcome::Finalized) => DurableRecoveryAction::ReuseFinalized,
                Some(_) => DurableRecoveryAction::PreserveTerminal,
                None if at.level == Provisional => DurableRecoveryAction::ReexecuteFromScratch,
                None => DurableRecoveryAction::ResumeFromEvidenceBoundary,
            };
            let mine = self.evidence.values().filter(|one| one.operation_id == *id);
            let cached = mine.map(|one| one.evidence_id.clone()).filter(|id| outcomes.contains(id)).collect();
            (id.clone(), at.level, at.end, at.gate, action, cached)
        };
        self.operations.iter().map(decided).collect()
    }
}

type Decided =
    (String, AgreementLevel, Option<FinalizationOutcome>, Option<AgreementLevel>, DurableRecoveryAction, Vec<String>);

fn decided(decision: &DurableRecoveryDecision) -> Decided {
    let DurableRecoveryDecision { operation_id, level, finalization, gate_level, action, cached_evidence_ids, .. } =
        decision.clone();
    (operation_id, level, finalization, gate_level, action, cached_evidence_ids)
}

/// The same but for when it was.
fn same_fact(one: &AgreementWalEntry, other: &AgreementWalEntry) -> bool {
    let timeless = |entry: &AgreementWalEntry| {
        let mut entry = entry.clone();
        match &mut entry {
            Escalation { tick, .. }
            | EvidenceProduced { tick, .. }
            | Finalization { tick, .. }
            | VisibilityGateCrossing { tick, .. } => *tick = 0,
        }
        entry
    };
    timeless(one) == timeless(other)
}

fn evidence(operation_id: &str, evidence_id: &str, level: AgreementLevel, authoritative: bool) -> AgreementEvidence {
    AgreementEvidence {
        evidence_id: evidence_id.into(),
        operation_id: operation_id.into(),
        session: Some(0),
        owner_id: None,
        level,
        kind: EvidenceKind::ALL[0],
        reference: "receipt".into(),
        authoritative,
    }
}

/// A record that may be right or wrong.
fn random(dice: &mut Dice, tick: u64) -> AgreementWalEntry {
    let number = dice.below(3);
    let operation_id = format!("operation {number}");
    let evidence_id = format!("evidence {}", dice.below(6));
    let level = |dice: &mut Dice| *dice.pick(AgreementLevel::ALL);
    match dice.below(8) {
        0 | 1 => {
            let (level, authoritative) = (level(dice), !dice.one_in(4));
            EvidenceProduced { evidence: evidence(&operation_id, &evidence_id, level, authoritative), tick }
        }
        2..=4 => {
            let (previous_level, new_level) = (level(dice), level(dice));
            Escalation { operation_id, previous_level, new_level, evidence_id, tick }
        }
        5 => Finalization {
            operation_id,
            outcome: *dice.pick(FinalizationOutcome::ALL),
            materialization_proof_id: None,
            canonical_handle_id: None,
            tick,
        },
        _ => VisibilityGateCrossing {
            operation_id,
            downstream_coroutine_id: format!("coro:{}", dice.below(2)),
            gate_level: level(dice),
            tick,
        },
    }
}

/// Records that the rules permit are written, and no others; whatever crashes and cuts come, recovery finds those that were
/// synced and perhaps some of the others, and decides about every operation as the rule says.
pub fn agreements_survive() -> Result<(), String> {
    let lane = Lane::new("agreements", 60);
    let refused = std::sync::atomic::AtomicU64::new(0);
    lane.run(|seed| {
        refused.fetch_add(one_run(seed)?, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    })?;
    println!("{} runs, {} records refused", lane.cases(), refused.into_inner());
    Ok(())
}

fn one_run(seed: u64) -> Result<u64, String> {
    let (mut dice, world) = (Dice::new(seed), World::default());
    let checkpoint_records = [0, 5][seed as usize % 2];
    let mut disk = SimDisk::new();
    let mut run = begin(&disk, checkpoint_records)?;
    let (mut model, mut synced, mut refused) = (Model::default(), 0, 0);
    let (mut outcomes, mut kept) = (BTreeSet::new(), 0);
    for tick in 0..120 {
        let entry = random(&mut dice, tick);
        let (end, wanted) = (run.log().end(), model.take(&entry));
        let found = run.agree(&entry);
        match (&found, wanted) {
            (Ok(found), Some(wanted)) if *found == wanted => {}
            (Err(DurableError::Agreement(_)), None) => {
                refused += 1;
                ensure!(run.log().end() == end, "{entry:?} was refused, and written");
            }
            _ => return Err(format!("{entry:?}: {found:?}, and not {wanted:?}")),
        }
        match dice.below(14) {
            0 | 1 => drop(run.turn(&world).map_err(text)?),
            2 | 3 => {
                run.sync().map_err(text)?;
                (synced, kept) = (model.written.len(), outcomes.len());
            }
            4 if synced == model.written.len() && kept == outcomes.len() => {
                let evidence_id = format!("evidence {}", dice.below(6));
                let outcome = serde_json::json!({"receipt": tick});
                let (interface_name, operation_name) = ("bank".into(), "charge".into());
                let entry = EvidenceOutcomeCacheEntry {
                    evidence_id: evidence_id.clone(),
                    interface_name,
                    operation_name,
                    outcome,
                };
                run.keep_outcome(entry).map_err(text)?;
                run.sync().map_err(text)?;
                outcomes.insert(evidence_id);
                kept = outcomes.len();
            }
            5 | 6 => {
                let survival = Survival::Chance(dice.below(256) as u8);
                let image = disk.platter().crash(survival, &mut || dice.below(256) as u8);
                disk = SimDisk::from_image(&image);
                (run, model) = recovered(&disk, checkpoint_records, &model, synced, &outcomes)?;
                synced = model.written.len();
            }
            7 => {
                run.close().map_err(text)?;
                match cut_log(Arc::new(disk.clone()), &options(checkpoint_records), dice.below(600) as u64) {
                    Ok(_) | Err(CutLogError::Cut(CutError::NothingToDrop { .. })) => {}
                    Err(error) => return Err(text(error)),
                }
                let all = model.written.len();
                (run, model) = recovered(&disk, checkpoint_records, &model, all, &outcomes)?;
                synced = all;
            }
            _ => {}
        }
    }
    Ok(refused)
}

/// Recovers, and holds the decisions against the records from the synced ones to all of them.
fn recovered(
    disk: &SimDisk,
    checkpoint_records: u64,
    model: &Model,
    synced: usize,
    outcomes: &BTreeSet<String>,
) -> Result<(DurableGuestRuntime, Model), String> {
    let (run, plan) = Durable::recover(Arc::new(disk.clone()), options(checkpoint_records)).map_err(text)?;
    sound(&plan)?;
    let found: Vec<Decided> = plan.decisions.iter().map(decided).collect();
    let mut prefixes = (synced..=model.written.len()).rev().map(|until| Model::of(&model.written[..until]));
    let whole = prefixes.find(|model| {
        let knows = model.written.iter().all(|entry| run.agreements().knows(&entry.identity()));
        knows && model.decisions(outcomes) == found
    });
    let told = || format!("{found:?} after {synced} synced of {:?}", model.written);
    let model = whole.ok_or_else(told)?;
    let cached: BTreeSet<String> = plan.evidence_cache.iter().map(|entry| entry.evidence_id.clone()).collect();
    ensure!(cached == *outcomes, "{cached:?} were kept, and not {outcomes:?}");
    Ok((run, model))
}

/// Every decision follows from what it says.
fn sound(plan: &DurableRecoveryPlan) -> Result<(), String> {
    for decision in &plan.decisions {
        decision.check().map_err(|error| format!("{decision:?}: {error}"))?;
    }
    let ended = plan.decisions.iter().filter(|decision| decision.finalization.is_some()).count();
    ensure!(plan.metadata.terminal_operation_ids.len() == ended, "{:?}", plan.metadata);
    Ok(())
}

/// A gate writes what the log lacks in its order, once, and synced; one above what was agreed writes nothing.
pub fn gates_write_in_their_order() -> Result<(), String> {
    let disk = SimDisk::new();
    let mut run = begin(&disk, 0)?;
    let operation_id = String::from("payment");
    let state = AgreementState {
        operation_id: operation_id.clone(),
        session: Some(0),
        owner_id: None,
        contract_name: "two of three".into(),
        level: SoftSafe,
        finalization: None,
        evidence_ids: vec!["b".into(), "a".into()],
        last_updated_tick: None,
        reason: None,
    };
    let request = WalSyncRequest {
        operation_id: operation_id.clone(),
        downstream_coroutine_id: "coro:1".into(),
        gate_level: SoftSafe,
        agreement_state: Some(state.clone()),
        agreement_evidence: vec![
            evidence(&operation_id, "b", SoftSafe, true),
            evidence(&operation_id, "a", Provisional, false),
        ],
        tick: 5,
    };
    let above = WalSyncRequest { gate_level: Finalized, ..request.clone() };
    let end = run.log().end();
    let refused = run.agree_through(&above, None, None);
    ensure!(matches!(refused, Err(DurableError::Agreement(_))), "a gate above the level: {refused:?}");
    ensure!(run.log().end() == end, "a gate was refused, and something was written");

    let written = run.agree_through(&request, None, None).map_err(text)?;
    let kinds: Vec<&str> = written.iter().map(|entry| entry.kind().name()).collect();
    let wanted = ["evidence_produced", "evidence_produced", "escalation", "visibility_gate_crossing"];
    ensure!(kinds == wanted, "{kinds:?}");
    ensure!(run.log().durable() == run.log().end(), "the gate was passed before the log was synced");
    let last = AgreementState { level: Finalized, finalization: Some(FinalizationOutcome::Finalized), ..state };
    let last = WalSyncRequest {
        gate_level: Finalized,
        agreement_state: Some(last),
        agreement_evidence: vec![evidence(&operation_id, "c", Finalized, true)],
        ..request.clone()
    };
    let again = run.agree_through(&request, None, None).map_err(text)?;
    ensure!(again.is_empty(), "written twice: {again:?}");
    let written = run.agree_through(&last, Some("proof"), Some("handle")).map_err(text)?;
    let kinds: Vec<&str> = written.iter().map(|entry| entry.kind().name()).collect();
    let wanted = ["evidence_produced", "escalation", "finalization", "visibility_gate_crossing"];
    ensure!(kinds == wanted, "{kinds:?}");
    run.checkpoint().map_err(text)?;
    drop(run);
    let (run, plan) = Durable::recover(Arc::new(disk), options(0)).map_err(text)?;
    ensure!(plan.wal_suffix.is_empty() && plan.checkpoint.is_some(), "behind the checkpoint: {:?}", plan.wal_suffix);
    let [decision] = &plan.decisions[..] else { return Err(format!("{:?}", plan.decisions)) };
    let right = (Finalized, Some(Finalized), DurableRecoveryAction::ReuseFinalized);
    ensure!((decision.checkpoint_level, decision.gate_level, decision.action) == right, "{decision:?}");
    let level = run.agreements().operation(&operation_id).level;
    ensure!(level == Finalized, "{level}");
    Ok(())
}
