//! The reduced lane of semantic effects: a send that waits, a send whose output is published, the hint of an output condition,
//! and the gate in the log, each made by real runs of both sides and held against each other.

use super::both::Outcome;
use super::case::Case;
use super::tell::tell;
use crate::checks::durable::{begin, options};
use crate::dice::Dice;
use crate::witness::Mood;
use motet_bridge::runner::ProtocolMachineRunner;
use motet_log::sim::SimDisk;
use motet_machine::{BackpressurePolicy, BufferConfig, BufferMode, FlowPolicy, OutputConditionPolicy};
use motet_runtime::semantic::{
    AgreementEvidence, AgreementLevel, AgreementState, AgreementWalEntry, EvidenceKind, FinalizationOutcome,
    WalSyncRequest,
};
use motet_runtime::{Durable, DurableError};
use motet_types::{EffectKind, EffectKinds};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// How many logs with gates are compared.
const LOGS: u64 = 400;

fn case(outputs: OutputConditionPolicy, wants: EffectKinds, limit: u64, seed: u64) -> Case {
    let message = |label: &str, then: Json| {
        let label = json!({"name": label, "sort": "nat"});
        json!({"kind": "comm", "sender": "A", "receiver": "B", "branches": [{"label": label, "continuation": then}]})
    };
    Case {
        global: message("First", message("Second", json!({"kind": "end"}))),
        hooks: false,
        padding: 0,
        besides: [0; 5],
        slow: false,
        fails: false,
        owns: false,
        seed,
        mood: Mood::Reliable,
        wants: wants.with(EffectKind::Choose),
        buffer: BufferConfig { mode: BufferMode::Fifo, capacity: 1, policy: BackpressurePolicy::Block },
        outputs,
        flow: FlowPolicy::AllowAll,
        tight: false,
        sessions: 1,
        wave: 1,
        limit,
    }
}

fn both(case: &Case, runner: &mut ProtocolMachineRunner) -> Result<Outcome, String> {
    case.run(runner)?.map_err(|difference| tell(case, &difference))
}

/// The objects of one list.
fn objects<'a>(outcome: &'a Outcome, list: &'a str) -> impl Iterator<Item = &'a Json> {
    outcome.objects.iter().filter_map(move |one| one.get(list))
}

fn blocked_send(runner: &mut ProtocolMachineRunner) -> Result<(), String> {
    let seen = both(&case(OutputConditionPolicy::Disabled, EffectKinds::NONE, 3, 1), runner)?;
    let sent = seen.events.iter().filter(|event| event["kind"] == "sent").count();
    ensure!(sent == 1, "one message has room: {:?}", seen.events);
    ensure!(seen.states[0][0] == "send_wait", "the sender waits for room: {:?}", seen.states);
    // A send that waits is no effect that is outstanding: row `effects-that-wait` of docs/parity.md.
    let regions = objects(&seen, "regions").count();
    ensure!(regions == 1 && seen.objects.len() == 1, "nothing but the region: {:?}", seen.objects);
    Ok(())
}

fn published_send(runner: &mut ProtocolMachineRunner) -> Result<(), String> {
    let wants = EffectKinds::NONE.with(EffectKind::SendDecision);
    let seen = both(&case(OutputConditionPolicy::AllowAll, wants, 100, 1), runner)?;
    ensure!(seen.completed, "the run ends: {:?}", seen.events);
    let delivered = seen.exchanges.iter().filter(|one| one["body"]["kind"] == "send_decision").count();
    ensure!(delivered == 2, "the host is asked about both messages: {:?}", seen.exchanges);
    let published: Vec<&Json> = objects(&seen, "publication_events").collect();
    // Two messages sent, two received, two roles at their ends.
    ensure!(published.len() == 6, "every output is published once: {published:?}");
    for one in published {
        let whole = one["status"] == "published" && one["publication"] == "materialization.succeeded";
        ensure!(whole && one["proof_ref"].is_string() && one["handle_ref"].is_string(), "{one}");
    }
    ensure!(objects(&seen, "canonical_handles").count() == 6, "a handle each: {:?}", seen.objects);
    Ok(())
}

fn hinted_output(runner: &mut ProtocolMachineRunner) -> Result<(), String> {
    let wants = EffectKinds::NONE.with(EffectKind::OutputConditionHint);
    let (mut witnessed, mut refused) = (0, 0);
    for seed in 0..40 {
        let some = OutputConditionPolicy::AllowList(vec!["paid".into(), "receipt.signed".into()]);
        let seen = both(&case(some, wants, 100, seed), runner)?;
        let of_kind = |kind: &'static str| seen.events.iter().filter(move |event| event["kind"] == kind);
        let asked = seen.exchanges.iter().filter(|one| one["body"]["kind"] == "output_condition_hint").count();
        ensure!(asked > 0 && asked >= of_kind("output_condition_checked").count(), "seed {seed}: {:?}", seen.exchanges);
        witnessed += of_kind("output_condition_checked").filter(|event| event["witness_ref"].is_string()).count();
        let failed = objects(&seen, "publication_events").filter(|one| one["status"] == "rejected").count();
        let told = of_kind("output_condition_checked").filter(|event| event["passed"] == false).count();
        ensure!(failed == told, "seed {seed}: what is refused is told: {:?}", seen.objects);
        refused += failed;
    }
    ensure!(witnessed > 10 && refused > 5, "{witnessed} with a witness, {refused} refused: too few");
    Ok(())
}

fn request(dice: &mut Dice, tick: u64) -> WalSyncRequest {
    let operation_id = String::from("payment");
    let evidence = |dice: &mut Dice| {
        let number = dice.below(5);
        AgreementEvidence {
            evidence_id: format!("evidence {number}"),
            operation_id: operation_id.clone(),
            session: Some(0),
            owner_id: None,
            // Now and then what contradicts the evidence of the same name.
            level: if dice.one_in(6) { *dice.pick(AgreementLevel::ALL) } else { AgreementLevel::ALL[2 + number % 2] },
            kind: EvidenceKind::Witness,
            reference: "receipt".into(),
            authoritative: number != 4,
        }
    };
    let mut agreement_evidence: Vec<AgreementEvidence> = (0..dice.below(4)).map(|_| evidence(dice)).collect();
    agreement_evidence.dedup_by(|left, right| left.evidence_id == right.evidence_id);
    let state = |dice: &mut Dice| AgreementState {
        operation_id: operation_id.clone(),
        session: Some(0),
        owner_id: None,
        contract_name: "agreement:payment".into(),
        level: AgreementLevel::ALL[1 + dice.below(3)],
        finalization: dice.one_in(2).then(|| *dice.pick(FinalizationOutcome::ALL)),
        evidence_ids: agreement_evidence.iter().map(|one| one.evidence_id.clone()).collect(),
        last_updated_tick: Some(tick),
        reason: None,
    };
    WalSyncRequest {
        agreement_state: (!dice.one_in(4)).then(|| state(dice)),
        downstream_coroutine_id: format!("coro:{}", dice.below(2)),
        gate_level: *dice.pick(AgreementLevel::ALL),
        agreement_evidence,
        operation_id: operation_id.clone(),
        tick,
    }
}

/// Evidence as far as the rules look at it.
fn bare_evidence(one: &AgreementEvidence) -> Json {
    json!({"evidence_id": one.evidence_id, "level": one.level, "authoritative": one.authoritative})
}

fn bare(entry: &AgreementWalEntry) -> Json {
    match entry {
        AgreementWalEntry::EvidenceProduced { evidence, .. } => {
            json!({"kind": "evidence_produced", "evidence": bare_evidence(evidence)})
        }
        AgreementWalEntry::Escalation { previous_level, new_level, evidence_id, .. } => json!({
            "kind": "escalation", "previous_level": previous_level, "new_level": new_level, "evidence_id": evidence_id,
        }),
        AgreementWalEntry::Finalization { outcome, .. } => json!({"kind": "finalization", "outcome": outcome}),
        AgreementWalEntry::VisibilityGateCrossing { downstream_coroutine_id, gate_level, .. } => json!({
            "kind": "visibility_gate_crossing",
            "downstream_coroutine_id": downstream_coroutine_id,
            "gate_level": gate_level,
        }),
    }
}

/// Gates of durable runs, and of the reference: the same records in the same order, or a refusal of both. What was written is
/// there after recovery.
fn synced(runner: &mut ProtocolMachineRunner) -> Result<(u64, u64), String> {
    let (mut written, mut refused) = (0, 0);
    for seed in 1..=LOGS {
        let (mut dice, disk) = (Dice::new(seed), SimDisk::new());
        let mut run = begin(&disk, 0)?;
        let (mut log, mut last): (Vec<Json>, _) = (Vec::new(), None);
        for tick in 0..8 {
            let request = request(&mut dice, tick);
            let state = request.agreement_state.as_ref();
            let mut payload = json!({
                "log": log,
                "downstream_coroutine_id": request.downstream_coroutine_id,
                "gate_level": request.gate_level,
                "agreement_state": state.map(|state| json!({"level": state.level, "finalization": state.finalization})),
                "agreement_evidence": request.agreement_evidence.iter().map(bare_evidence).collect::<Vec<_>>(),
            });
            let question =
                json!({"schema_version": "lean_bridge.v1", "operation": "walSync", "payload": payload.take()});
            let theirs = runner.ask(&question).map_err(|error| error.to_string())?;
            let theirs: Json = serde_json::from_str(&theirs).map_err(|error| error.to_string())?;
            let here = match run.agree_through(&request, None, None) {
                Ok(entries) => {
                    last = entries.last().cloned().or(last);
                    json!(entries.iter().map(bare).collect::<Vec<_>>())
                }
                Err(DurableError::Agreement(_)) => Json::Null,
                Err(error) => return Err(error.to_string()),
            };
            ensure!(theirs.get("written") == Some(&here), "seed {seed}: {question}: {here} here, {theirs} there");
            refused += u64::from(here.is_null());
            let new = here.as_array().cloned().unwrap_or_default();
            written += new.len() as u64;
            log.extend(new);
        }
        drop(run);
        let (run, _) = Durable::recover(Arc::new(disk), options(0)).map_err(|error| error.to_string())?;
        let run: motet_runtime::DurableGuestRuntime = run;
        ensure!(last.is_none_or(|entry| run.agreements().knows(&entry.identity())), "seed {seed}: a record was lost");
    }
    Ok((written, refused))
}

/// The whole lane.
pub fn effects() -> Result<(), String> {
    let mut runner = ProtocolMachineRunner::find().map_err(|error| error.to_string())?.kept();
    blocked_send(&mut runner)?;
    published_send(&mut runner)?;
    hinted_output(&mut runner)?;
    let (written, refused) = synced(&mut runner)?;
    ensure!(written > LOGS && refused > LOGS / 2, "{written} records, {refused} refusals: too few");
    println!(
        "a send that waits, published outputs, 40 runs with hints; {LOGS} logs, {written} records, {refused} refusals"
    );
    Ok(())
}
