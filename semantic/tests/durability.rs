//! Durability records: the order of writes, what may follow what, recovery and the envelope.
// With faults planted, the checks run one by one from `planted.rs`.
#![cfg_attr(feature = "planted", allow(dead_code))]

use motet_semantic::*;
use serde_json::json;
use std::collections::BTreeMap;

const OP: &str = "effect:e1";

fn evidence(id: &str, level: AgreementLevel, authoritative: bool) -> AgreementEvidence {
    AgreementEvidence {
        evidence_id: id.into(),
        operation_id: OP.into(),
        session: Some(0),
        owner_id: None,
        level,
        kind: EvidenceKind::Certificate,
        reference: "r1".into(),
        authoritative,
    }
}

fn request(
    level: AgreementLevel,
    finalization: Option<FinalizationOutcome>,
    gate_level: AgreementLevel,
    agreement_evidence: Vec<AgreementEvidence>,
) -> WalSyncRequest {
    WalSyncRequest {
        operation_id: OP.into(),
        downstream_coroutine_id: ids::coroutine(3),
        gate_level,
        agreement_state: Some(AgreementState {
            operation_id: OP.into(),
            session: Some(0),
            owner_id: None,
            contract_name: ids::agreement(OP),
            level,
            finalization,
            evidence_ids: agreement_evidence.iter().map(|one| one.evidence_id.clone()).collect(),
            last_updated_tick: Some(5),
            reason: None,
        }),
        agreement_evidence,
        tick: 5,
    }
}

fn finalizing() -> WalSyncRequest {
    let evidence =
        vec![evidence("v2", AgreementLevel::Finalized, true), evidence("v1", AgreementLevel::SoftSafe, false)];
    request(AgreementLevel::Finalized, Some(FinalizationOutcome::Finalized), AgreementLevel::Finalized, evidence)
}

fn kinds(entries: &[AgreementWalEntry]) -> Vec<WalEntryKind> {
    entries.iter().map(AgreementWalEntry::kind).collect()
}

pub(crate) fn writes_are_in_order_and_once() {
    use WalEntryKind::*;
    let mut index = WalIndex::default();
    let first = finalizing().records(&mut index, Some("p"), Some("h")).unwrap();
    let order = [EvidenceProduced, EvidenceProduced, Escalation, Finalization, VisibilityGateCrossing];
    assert_eq!(kinds(&first), order);
    match &first[2] {
        AgreementWalEntry::Escalation { evidence_id, previous_level, .. } => {
            assert_eq!((evidence_id.as_str(), *previous_level), ("v2", AgreementLevel::Provisional));
        }
        other => panic!("{other:?}"),
    }
    // The same again, at a later tick: nothing is new. Another coroutine: its crossing alone is.
    let mut later = finalizing();
    later.tick = 9;
    assert_eq!(later.records(&mut index, Some("p"), Some("h")), Ok(vec![]));
    later.downstream_coroutine_id = ids::coroutine(4);
    assert_eq!(kinds(&later.records(&mut index, Some("p"), Some("h")).unwrap()), [VisibilityGateCrossing]);
}

pub(crate) fn contradictions_are_found() {
    let mut index = WalIndex::default();
    finalizing().records(&mut index, Some("p"), Some("h")).unwrap();
    let conflict = |what| Err(WalError::Conflict { operation_id: OP.into(), what });
    assert_eq!(finalizing().records(&mut index.clone(), Some("q"), Some("h")), conflict("end"));
    let mut other = finalizing();
    other.agreement_evidence[0].reference = "r2".into();
    assert_eq!(other.records(&mut index, Some("p"), Some("h")), conflict("evidence"));
}

fn refused(request: &WalSyncRequest) -> WalError {
    request.records(&mut WalIndex::default(), None, None).unwrap_err()
}

pub(crate) fn the_rules_hold_before_anything_is_written() {
    use AgreementLevel::{Finalized, Provisional, SoftSafe};
    let none = AgreementLevel::None;
    let open_gate = request(SoftSafe, None, Finalized, vec![evidence("v1", SoftSafe, true)]);
    assert!(matches!(refused(&open_gate), WalError::Refused { refusal: RecoveryError::GateClosed, .. }));
    let unbacked = request(SoftSafe, None, none, vec![]);
    assert!(matches!(refused(&unbacked), WalError::NoEvidence { .. }));
    let observed = request(SoftSafe, None, SoftSafe, vec![evidence("v1", SoftSafe, false)]);
    assert!(matches!(refused(&observed), WalError::NotAuthoritative { .. }));
    let rejected = request(Provisional, Some(FinalizationOutcome::Rejected), none, vec![]);
    assert!(matches!(refused(&rejected), WalError::Refused { refusal: RecoveryError::Illegal, .. }));
    let aborted = request(Provisional, Some(FinalizationOutcome::Aborted), Provisional, vec![]);
    assert!(matches!(refused(&aborted), WalError::Refused { refusal: RecoveryError::Ended, .. }));
    let aborted = request(Provisional, Some(FinalizationOutcome::Aborted), none, vec![]);
    assert!(aborted.records(&mut WalIndex::default(), None, None).is_ok());
    let mut no_agreement = request(none, None, none, vec![]);
    no_agreement.agreement_state = None;
    assert_eq!(no_agreement.records(&mut WalIndex::default(), None, None).unwrap().len(), 1);
}

/// Every prefix of a log recovers to a sound decision; with the whole log it is the one that stands.
pub(crate) fn every_prefix_recovers_soundly() {
    let log = finalizing().records(&mut WalIndex::default(), Some("p"), Some("h")).unwrap();
    let cache = [EvidenceOutcomeCacheEntry {
        evidence_id: "v2".into(),
        interface_name: "Guard".into(),
        operation_name: "acquire".into(),
        outcome: json!({"status": "success"}),
    }];
    let mut actions = Vec::new();
    for length in 0..=log.len() {
        // A checkpoint that stands anywhere before says the same as none.
        for cut in 0..=length {
            let mut index = WalIndex::default();
            for entry in &log[..cut] {
                assert_eq!(index.admit(entry), Ok(Admitted::New));
            }
            let at = |(id, state): (&str, Recovery)| {
                let gate_level = state.gate_crossed.then_some(state.gate_level);
                let at = CheckpointedOperation { level: state.level, finalization: state.end.outcome(), gate_level };
                (String::from(id), at)
            };
            let checkpoint: BTreeMap<_, _> = index.operations().map(at).collect();
            let recovered = recover_agreements(4, &checkpoint, &log[..cut], &log[cut..length], &cache).unwrap();
            for decision in &recovered.decisions {
                assert_eq!(decision.check(), Ok(()), "{length} {cut}");
            }
            let found = recovered.decisions.first().map(|decision| decision.action);
            if cut == 0 {
                actions.push(found);
                assert_eq!(recovered.metadata.highest_recovered_tick, if length == 0 { 4 } else { 5 });
                assert_eq!(recovered.metadata.cached_evidence_ids, ["v2"]);
                if length >= 2 {
                    assert_eq!(recovered.decisions[0].cached_evidence_ids, ["v2"]);
                }
            }
            assert_eq!(found, actions[length], "{length} {cut}");
        }
    }
    use DurableRecoveryAction::*;
    let wanted = [
        None,
        Some(ReexecuteFromScratch),
        Some(ReexecuteFromScratch),
        Some(ResumeFromEvidenceBoundary),
        Some(ReuseFinalized),
        Some(ReuseFinalized),
    ];
    assert_eq!(actions, wanted);
}

/// All 4 × 4 × 5 × 5 × 4 decisions: those that pass are those that follow the published consequences and the rule.
pub(crate) fn unsound_decisions_are_refused() {
    let gates = [None].into_iter().chain(AgreementLevel::ALL.iter().copied().map(Some));
    let mut sound = 0;
    for gate_level in gates {
        for &checkpoint_level in AgreementLevel::ALL {
            for &level in AgreementLevel::ALL {
                for &end in AgreementEnd::ALL {
                    for &action in DurableRecoveryAction::ALL {
                        let decision = DurableRecoveryDecision {
                            operation_id: OP.into(),
                            checkpoint_level,
                            level,
                            recovered_level: level,
                            gate_level,
                            gate_crossed: gate_level.is_some(),
                            finalization: end.outcome(),
                            action,
                            cached_evidence_ids: vec![],
                        };
                        let follows = checkpoint_level <= level
                            && gate_level.is_none_or(|gate| gate <= level)
                            && match end {
                                AgreementEnd::Finalized => {
                                    level == AgreementLevel::Finalized
                                        && action == DurableRecoveryAction::ReuseFinalized
                                }
                                AgreementEnd::Open if level >= AgreementLevel::SoftSafe => {
                                    action == DurableRecoveryAction::ResumeFromEvidenceBoundary
                                }
                                AgreementEnd::Open => action == DurableRecoveryAction::ReexecuteFromScratch,
                                _ => action == DurableRecoveryAction::PreserveTerminal,
                            };
                        assert_eq!(decision.check().is_ok(), follows, "{decision:?}");
                        sound += u32::from(follows);
                    }
                }
            }
        }
    }
    println!("{sound} of 1600 decisions are sound");
    assert!(sound > 0);
}

pub(crate) fn envelopes_are_read_strictly() {
    let log = finalizing().records(&mut WalIndex::default(), Some("p"), Some("h")).unwrap();
    let metadata = recover_agreements(4, &BTreeMap::new(), &[], &log, &[]).unwrap().metadata;
    let cached = EvidenceOutcomeCacheEntry {
        evidence_id: "v2".into(),
        interface_name: "Guard".into(),
        operation_name: "acquire".into(),
        outcome: json!({"status": "success", "response": [1, null, "x"]}),
    };
    let payloads = [
        DurabilityPayload::AgreementWal { entries: log },
        DurabilityPayload::EvidenceOutcomeCache { entries: vec![cached] },
        DurabilityPayload::RecoveryMetadata { metadata },
    ];
    for payload in payloads {
        let artifact = PersistedDurabilityArtifact::new(payload);
        let bytes = artifact.to_bytes().unwrap();
        assert_eq!(PersistedDurabilityArtifact::from_bytes(&bytes), Ok(artifact.clone()));
        let text = serde_json::to_string(&artifact).unwrap();
        assert_eq!(serde_json::from_str::<PersistedDurabilityArtifact>(&text).unwrap(), artifact);
        for length in 0..bytes.len() {
            assert!(PersistedDurabilityArtifact::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
        }
        let more = [bytes.as_slice(), &[0]].concat();
        assert_eq!(PersistedDurabilityArtifact::from_bytes(&more), Err(ArtifactBytesError::Trailing { bytes: 1 }));
        // Changed bytes are read as something or refused; nothing panics.
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                drop(PersistedDurabilityArtifact::from_bytes(&changed));
            }
        }
        let other = PersistedDurabilityArtifact { schema_version: "telltale.machine.durability.v2".into(), ..artifact };
        let refused = PersistedDurabilityArtifact::from_bytes(&other.to_bytes().unwrap());
        assert!(matches!(refused, Err(ArtifactBytesError::Schema(SchemaError::Unsupported { .. }))));
        // Unknown fields at both depths.
        for (path, field) in [("", "surplus"), ("payload", "surplus")] {
            let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
            let place = if path.is_empty() { &mut document } else { &mut document[path] };
            place[field] = json!(1);
            let mut bytes = Vec::new();
            ciborium::into_writer(&document, &mut bytes).unwrap();
            let refused = PersistedDurabilityArtifact::from_bytes(&bytes);
            assert!(matches!(refused, Err(ArtifactBytesError::Shape(_))), "{path}: {refused:?}");
        }
    }
    let mut bytes = Vec::new();
    ciborium::into_writer(&json!({"payload": 1}), &mut bytes).unwrap();
    let refused = PersistedDurabilityArtifact::from_bytes(&bytes);
    assert!(matches!(refused, Err(ArtifactBytesError::Schema(SchemaError::Missing { .. }))));
    // Hostile depth and hostile lengths.
    assert!(PersistedDurabilityArtifact::from_bytes(&[0x81; 100_000]).is_err());
    assert!(PersistedDurabilityArtifact::from_bytes(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
}

/// Unknown fields are refused in every tagged record too.
#[cfg_attr(not(feature = "planted"), test)]
fn tagged_records_are_strict() {
    let good = json!({"kind": "immediate"});
    assert_eq!(serde_json::from_value::<WalSyncMode>(good).unwrap(), WalSyncMode::Immediate {});
    for bad in [json!({"kind": "immediate", "x": 1}), json!({"kind": "failure"}), json!({"kind": "later"}), json!({})] {
        assert!(serde_json::from_value::<WalSyncMode>(bad.clone()).is_err(), "{bad}");
    }
}

pub(crate) fn reports_name_what_is_broken() {
    let log = finalizing().records(&mut WalIndex::default(), Some("p"), Some("h")).unwrap();
    assert!(DurablePropertyReport::of(&log, true).holds());
    let report = |order: &[usize]| {
        let entries: Vec<_> = order.iter().map(|&at| log[at].clone()).collect();
        DurablePropertyReport::of(&entries, true)
    };
    let early = report(&[0, 1, 4, 2, 3]);
    assert!(!early.write_ahead && early.monotonic_wal_levels && early.evidence_consistency, "{early:?}");
    let unbacked = report(&[0, 2]);
    assert!(unbacked.write_ahead && !unbacked.evidence_consistency, "{unbacked:?}");
    let ended = report(&[0, 1, 3]);
    assert!(!ended.monotonic_wal_levels && ended.violations.len() == 1, "{ended:?}");
    let twice = report(&[0, 0]);
    assert!(!twice.holds() && twice.violations.len() == 1, "{twice:?}");
    assert!(!DurablePropertyReport::of(&log, false).holds());
}

#[cfg_attr(not(feature = "planted"), test)]
fn wal_sync() {
    writes_are_in_order_and_once();
    contradictions_are_found();
    the_rules_hold_before_anything_is_written();
}

#[cfg_attr(not(feature = "planted"), test)]
fn recovery() {
    every_prefix_recovers_soundly();
    unsound_decisions_are_refused();
}

#[cfg_attr(not(feature = "planted"), test)]
fn envelopes() {
    envelopes_are_read_strictly();
}

#[cfg_attr(not(feature = "planted"), test)]
fn reports() {
    reports_name_what_is_broken();
}
