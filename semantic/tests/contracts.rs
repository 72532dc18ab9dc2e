//! Agreement contracts: what they permit is what a literal reading of them permits, record by record, at random; and each
//! rule has an attempt to break it.
// With faults planted, the checks run one by one from `planted.rs`.
#![cfg_attr(feature = "planted", allow(dead_code))]

use AgreementLevel::{Finalized, Provisional, SoftSafe};
use motet_semantic::*;
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [&str; 4] = ["ada", "bob", "eve", "zoe"];

/// Operations that have begun.
const IDS: [&str; 2] = ["handoff:a", "handoff:b"];

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

pub(crate) fn declared(operation_id: &str, rule: AgreementRule, people: &[&str], needed: u64) -> DeclaredAgreement {
    let none = rule == AgreementRule::NoAgreement;
    DeclaredAgreement {
        contract: AgreementContract {
            profile_name: format!("{rule}"),
            visibility: OperationVisibility::Pending,
            rule,
            usable_at: if none { AgreementLevel::None } else { SoftSafe },
            finalized_at: if none { AgreementLevel::None } else { Finalized },
            required_evidence_kind: Some(EvidenceKind::Certificate),
            contract_name: format!("agreement:{operation_id}"),
            operation_id: operation_id.into(),
            session: Some(0),
            owner_id: None,
        },
        participants: people.iter().map(|one| String::from(*one)).collect(),
        prestate: None,
        needed,
    }
}

fn evidence(operation_id: &str, id: &str, owner: &str, level: AgreementLevel) -> AgreementEvidence {
    AgreementEvidence {
        evidence_id: id.into(),
        operation_id: operation_id.into(),
        session: Some(0),
        owner_id: Some(owner.into()),
        level,
        kind: EvidenceKind::Certificate,
        reference: "r".into(),
        authoritative: true,
    }
}

fn said(evidence: AgreementEvidence) -> AgreementWalEntry {
    AgreementWalEntry::EvidenceProduced { evidence, tick: 1 }
}

fn escalation(id: &str, previous_level: AgreementLevel, new_level: AgreementLevel, on: &str) -> AgreementWalEntry {
    AgreementWalEntry::Escalation {
        operation_id: id.into(),
        previous_level,
        new_level,
        evidence_id: on.into(),
        tick: 2,
    }
}

fn crossing(id: &str, gate_level: AgreementLevel) -> AgreementWalEntry {
    let downstream_coroutine_id = "coro:1".into();
    AgreementWalEntry::VisibilityGateCrossing { operation_id: id.into(), downstream_coroutine_id, gate_level, tick: 3 }
}

/// What contracts say, read literally, of a log that is a list.
#[derive(Default)]
struct Literal {
    contracts: BTreeMap<String, DeclaredAgreement>,
    written: Vec<AgreementWalEntry>,
}

impl Literal {
    fn level(&self, id: &str) -> AgreementLevel {
        let none = self.contracts.get(id).is_some_and(|one| one.contract.rule == AgreementRule::NoAgreement);
        let raised = self.written.iter().rev().find_map(|one| match one {
            AgreementWalEntry::Escalation { operation_id, new_level, .. } if operation_id == id => Some(*new_level),
            _ => None,
        });
        raised.unwrap_or(if none { AgreementLevel::None } else { Provisional })
    }

    fn evidence(&self, id: &str) -> Vec<&AgreementEvidence> {
        fn of(one: &AgreementWalEntry) -> Option<&AgreementEvidence> {
            match one {
                AgreementWalEntry::EvidenceProduced { evidence, .. } => Some(evidence),
                _ => None,
            }
        }
        self.written.iter().filter_map(of).filter(|one| one.operation_id == id).collect()
    }

    /// Whether the contract has something against it.
    fn forbids(&self, entry: &AgreementWalEntry) -> bool {
        let id = entry.operation_id();
        let Some(one) = self.contracts.get(id) else { return false };
        let kind = one.contract.required_evidence_kind;
        match entry {
            AgreementWalEntry::EvidenceProduced { evidence, .. } => {
                evidence.authoritative && kind.is_some_and(|kind| kind != evidence.kind)
            }
            AgreementWalEntry::Escalation { new_level, .. } => {
                let mut people = BTreeSet::new();
                for found in self.evidence(id) {
                    let right = found.authoritative && found.level >= *new_level;
                    let owner = found.owner_id.clone().unwrap_or_default();
                    if right && one.participants.contains(&owner) {
                        people.insert(owner);
                    }
                }
                match one.contract.rule {
                    AgreementRule::NoAgreement => false,
                    AgreementRule::AnyParticipant | AgreementRule::Named => people.is_empty(),
                    AgreementRule::Unanimous => people != one.participants,
                    AgreementRule::Threshold => (people.len() as u64) < one.needed,
                }
            }
            AgreementWalEntry::VisibilityGateCrossing { gate_level, .. } => {
                let level = self.level(id);
                match one.contract.visibility {
                    OperationVisibility::BlockedUntilFinalized => level < one.contract.finalized_at,
                    _ => *gate_level != AgreementLevel::None && level < one.contract.usable_at,
                }
            }
            AgreementWalEntry::Finalization { .. } => false,
        }
    }
}

fn random(dice: &mut Dice, id: &str) -> AgreementWalEntry {
    let level = |dice: &mut Dice| dice.pick(AgreementLevel::ALL);
    match dice.below(8) {
        0..=3 => {
            let (name, owner) = (format!("{id} {}", dice.below(12)), dice.pick(&PEOPLE));
            let level = dice.pick(&[Provisional, SoftSafe, Finalized, Finalized]);
            let mut one = evidence(id, &name, owner, level);
            one.authoritative = dice.below(4) > 0;
            if dice.below(5) == 0 {
                one.kind = EvidenceKind::Witness;
            }
            said(one)
        }
        4 | 5 => {
            let on = format!("{id} {}", dice.below(12));
            let (from, to) = dice.pick(&[(Provisional, SoftSafe), (SoftSafe, Finalized), (Provisional, Finalized)]);
            escalation(id, from, to, &on)
        }
        6 => AgreementWalEntry::Finalization {
            operation_id: id.into(),
            outcome: dice.pick(FinalizationOutcome::ALL),
            materialization_proof_id: None,
            canonical_handle_id: None,
            tick: 4,
        },
        _ => crossing(id, level(dice)),
    }
}

/// A log without contracts permits what the table does; one with contracts permits of that exactly what they do not forbid,
/// and what it exports keeps the invariants of a bundle.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn contracts_permit_what_they_say() {
    let (mut refused, mut escalated) = (0, 0);
    for seed in 1..400_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (mut index, mut plain, mut literal) = (WalIndex::default(), WalIndex::default(), Literal::default());
        for id in IDS {
            let rule = dice.pick(AgreementRule::ALL);
            let people = &PEOPLE[..1 + dice.below(3)];
            let count = people.len() as u64;
            let (people, needed) = match rule {
                AgreementRule::NoAgreement => (&PEOPLE[..0], 0),
                AgreementRule::AnyParticipant => (people, 1),
                AgreementRule::Unanimous => (people, count),
                AgreementRule::Threshold => (people, 1 + dice.below(people.len()) as u64),
                AgreementRule::Named => (&people[..1], 1),
            };
            let mut one = declared(id, rule, people, needed);
            one.contract.profile_name = format!("of {id}");
            one.contract.visibility = dice.pick(OperationVisibility::ALL);
            if rule == AgreementRule::NoAgreement {
                plain.checkpoint(id.into(), Recovery::at_checkpoint(AgreementLevel::None, AgreementEnd::Open, None));
            } else {
                one.contract.usable_at = dice.pick(&[AgreementLevel::None, Provisional, SoftSafe]);
            }
            assert_eq!(index.declare(&one), Ok(Admitted::New));
            assert_eq!(index.declare(&one), Ok(Admitted::Known));
            literal.contracts.insert(id.into(), one);
        }
        for _ in 0..60 {
            let id = dice.pick(&IDS);
            let entry = random(&mut dice, id);
            let (judged, permitted) = (plain.judge(&entry), index.judge(&entry));
            let forbidden = judged == Ok(Admitted::New) && literal.forbids(&entry);
            assert_eq!(permitted.is_err(), judged.is_err() || forbidden, "seed {seed}: {entry:?}: {permitted:?}");
            refused += u64::from(forbidden);
            if permitted == Ok(Admitted::New) {
                assert_eq!(index.admit(&entry), permitted);
                assert_eq!(plain.admit(&entry), permitted);
                escalated += u64::from(matches!(entry, AgreementWalEntry::Escalation { .. }));
                literal.written.push(entry);
            }
        }
        exported(&index, &literal);
    }
    assert!(refused > 100 && escalated > 100, "{refused} forbidden, {escalated} escalated");
}

/// Two operations, so that what is exported has something to stand for.
fn operations(ids: [&str; 2]) -> ProtocolMachineSemanticObjects {
    let operation = |id: &str| OperationInstance {
        operation_id: id.into(),
        session: Some(0),
        owner_id: None,
        kind: "handoff".into(),
        phase: OperationPhase::Pending,
        handler_identity: None,
        effect_ids: Vec::new(),
        dependent_operation_ids: Vec::new(),
        terminal_publication: None,
        budget_ticks: None,
        requires_proof: false,
    };
    ProtocolMachineSemanticObjects {
        operation_instances: ids.map(operation).into(),
        ..ProtocolMachineSemanticObjects::default()
    }
}

fn exported(index: &WalIndex, literal: &Literal) {
    let mut objects = operations(IDS);
    index.export(&mut objects);
    check(&objects).unwrap();
    assert_eq!((objects.agreement_contracts.len(), objects.agreement_profiles.len()), (2, 2));
    for state in &objects.agreement_states {
        let id = &state.operation_id;
        let ended = literal
            .written
            .iter()
            .any(|one| one.operation_id() == id && matches!(one, AgreementWalEntry::Finalization { .. }));
        // The last level and the end are one step.
        let before = literal.written.iter().rev().find_map(|one| match one {
            AgreementWalEntry::Escalation { operation_id, previous_level, .. } if operation_id == id => {
                Some(*previous_level)
            }
            _ => None,
        });
        let level = literal.level(id);
        let level = if level == Finalized && !ended { before.unwrap() } else { level };
        assert_eq!(state.level, level);
        let mut names: Vec<&str> = literal.evidence(id).iter().map(|one| one.evidence_id.as_str()).collect();
        names.sort();
        assert_eq!(state.evidence_ids, names);
        let changed = |one: &&AgreementWalEntry| {
            one.operation_id() == id && !matches!(one, AgreementWalEntry::VisibilityGateCrossing { .. })
        };
        assert_eq!(state.last_updated_tick, literal.written.iter().rfind(changed).map(AgreementWalEntry::tick));
    }
    // An operation that is not in the document has nothing there.
    let mut nothing = ProtocolMachineSemanticObjects::default();
    index.export(&mut nothing);
    assert_eq!(nothing, ProtocolMachineSemanticObjects::default());
}

/// What each of the errors is said of.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn every_contract_refuses() {
    let two = declared("a", AgreementRule::Threshold, &PEOPLE[..3], 2);
    let begun = |one: &DeclaredAgreement| {
        let mut index = WalIndex::default();
        index.declare(one).unwrap();
        index
    };
    let spoilt = |spoil: fn(&mut DeclaredAgreement)| {
        let mut one = declared("a", AgreementRule::Threshold, &PEOPLE[..3], 2);
        spoil(&mut one);
        WalIndex::default().declare(&one).unwrap_err().to_string()
    };
    assert!(spoilt(|one| one.contract.contract_name = "mine".into()).contains("must be named `agreement:a`"));
    assert!(spoilt(|one| one.contract.finalized_at = Provisional).contains("may be used first"));
    assert!(spoilt(|one| one.contract.rule = AgreementRule::NoAgreement).contains("stands at some level"));
    assert!(spoilt(|one| one.needed = 0).contains("some of its participants"));
    assert!(spoilt(|one| one.needed = 4).contains("of whom 4 are needed"));
    assert!(spoilt(|one| one.contract.rule = AgreementRule::Unanimous).contains("needs all"));
    assert!(spoilt(|one| one.contract.rule = AgreementRule::Named).contains("the one that is named"));
    // It is declared once, before the first record; and profiles of one name say one thing.
    let mut index = begun(&two);
    let other = DeclaredAgreement { needed: 3, ..two.clone() };
    assert!(matches!(index.declare(&other), Err(WalError::Conflict { what: "contract", .. })));
    let mut other = declared("b", AgreementRule::Threshold, &PEOPLE[..3], 2);
    other.contract.usable_at = Provisional;
    assert!(matches!(index.declare(&other), Err(WalError::Conflict { what: "profile", .. })));
    index.admit(&said(evidence("c", "c 1", "ada", SoftSafe))).unwrap();
    let late = declared("c", AgreementRule::Named, &["ada"], 1);
    assert!(matches!(index.declare(&late), Err(WalError::Undeclared { .. })));
    // Evidence of another kind is none, whoever gives it; one person is one voice; strangers have none.
    let wrong = AgreementEvidence { kind: EvidenceKind::Witness, ..evidence("a", "w", "ada", SoftSafe) };
    assert!(matches!(index.admit(&said(wrong)), Err(WalError::EvidenceKind { .. })));
    for (id, owner) in [("1", "ada"), ("2", "ada"), ("3", "zoe")] {
        index.admit(&said(evidence("a", id, owner, SoftSafe))).unwrap();
    }
    let up = escalation("a", Provisional, SoftSafe, "1");
    assert!(matches!(index.admit(&up), Err(WalError::TooFew { voices: 1, needed: 2, .. })), "{:?}", index.judge(&up));
    // Nothing may rely on it before it is usable, and seeing it is not relying.
    let needs = |found| matches!(found, Err(WalError::NotVisible { visible_from: SoftSafe, level: Provisional, .. }));
    assert!(needs(index.admit(&crossing("a", Provisional))));
    index.admit(&crossing("a", AgreementLevel::None)).unwrap();
    index.admit(&said(evidence("a", "4", "bob", SoftSafe))).unwrap();
    index.admit(&up).unwrap();
    index.admit(&crossing("a", Provisional)).unwrap();
    let further = escalation("a", SoftSafe, Finalized, "1");
    assert!(matches!(index.admit(&further), Err(WalError::TooFew { voices: 0, .. })));
    // What is blocked until it stands is not even seen.
    let mut hidden = declared("a", AgreementRule::Named, &["ada"], 1);
    hidden.contract.visibility = OperationVisibility::BlockedUntilFinalized;
    let mut index = begun(&hidden);
    let early = index.admit(&crossing("a", AgreementLevel::None));
    assert!(matches!(early, Err(WalError::NotVisible { visible_from: Finalized, .. })), "{early:?}");
    // A terminal state does not change.
    index.admit(&said(evidence("a", "1", "ada", Finalized))).unwrap();
    index.admit(&escalation("a", Provisional, Finalized, "1")).unwrap();
    let end = |outcome| AgreementWalEntry::Finalization {
        operation_id: "a".into(),
        outcome,
        materialization_proof_id: None,
        canonical_handle_id: None,
        tick: 5,
    };
    index.admit(&end(FinalizationOutcome::Finalized)).unwrap();
    let again = index.admit(&end(FinalizationOutcome::Aborted));
    assert!(matches!(again, Err(WalError::Conflict { what: "end", .. })), "{again:?}");
    // A gate's state names the contract that was declared.
    let mut objects = operations(["a", "b"]);
    index.export(&mut objects);
    let state = AgreementState { contract_name: "another".into(), ..objects.agreement_states[0].clone() };
    let request = WalSyncRequest {
        operation_id: "a".into(),
        downstream_coroutine_id: "coro:2".into(),
        gate_level: Finalized,
        agreement_state: Some(state),
        agreement_evidence: Vec::new(),
        tick: 6,
    };
    let refused = request.records(&mut index.about(&request), None, None);
    assert!(matches!(refused, Err(WalError::OtherContract { .. })), "{refused:?}");
    let right = WalSyncRequest { agreement_state: Some(objects.agreement_states[0].clone()), ..request };
    assert_eq!(right.records(&mut index.about(&right), None, None).unwrap().len(), 1, "only the crossing is new");
    // Text brings it back.
    assert_eq!(DeclaredAgreement::from_json(&two.to_json().unwrap()).unwrap(), two);
}
