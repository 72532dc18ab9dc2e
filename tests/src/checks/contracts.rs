//! What operations of durable runs have to agree: declared, held against, exported, and the same after every recovery.

use super::deadlines::asking;
use super::durable::options;
use crate::script::Script;
use crate::walk::Setup;
use motet_log::sim::SimDisk;
use motet_machine::{EffectOutcome, ImageId};
use motet_runtime::semantic::{
    Admitted, AgreementContract, AgreementEvidence, AgreementLevel, AgreementRule, AgreementWalEntry,
    DeclaredAgreement, EvidenceKind, FinalizationOutcome, OperationVisibility, ProtocolMachineSemanticObjects, check,
    ids,
};
use motet_runtime::{Durable, DurableError, DurableGuestRuntime, Inline};
use motet_types::EffectKind;
use std::sync::Arc;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A contract on an operation, in every way that there is, by its number.
pub fn declared(number: usize, operation_id: &str) -> DeclaredAgreement {
    let rule = AgreementRule::ALL[number % AgreementRule::ALL.len()];
    let (people, needed): (&[&str], u64) = match rule {
        AgreementRule::NoAgreement => (&[], 0),
        AgreementRule::AnyParticipant => (&["ada", "bob"], 1),
        AgreementRule::Unanimous => (&["ada", "bob"], 2),
        AgreementRule::Threshold => (&["ada", "bob", "eve"], 2),
        AgreementRule::Named => (&["bob"], 1),
    };
    let none = rule == AgreementRule::NoAgreement;
    let level = |level| if none { AgreementLevel::None } else { level };
    let contract = AgreementContract {
        profile_name: format!("profile {number}"),
        visibility: OperationVisibility::ALL[number % OperationVisibility::ALL.len()],
        rule,
        usable_at: level(AgreementLevel::SoftSafe),
        finalized_at: level(AgreementLevel::Finalized),
        required_evidence_kind: Some(EvidenceKind::ALL[number % EvidenceKind::ALL.len()]),
        contract_name: ids::agreement(operation_id),
        operation_id: operation_id.into(),
        session: Some(0),
        owner_id: None,
    };
    DeclaredAgreement {
        contract,
        participants: people.iter().map(|one| (*one).to_owned()).collect(),
        needed,
        prestate: None,
    }
}

/// Evidence of a participant for a level of a contract's operation.
pub fn evidence(on: &DeclaredAgreement, owner: &str, level: AgreementLevel) -> AgreementWalEntry {
    let operation_id = on.contract.operation_id.clone();
    let evidence = AgreementEvidence {
        evidence_id: format!("{owner} for {level} of {operation_id}"),
        session: Some(0),
        owner_id: Some(owner.into()),
        level,
        kind: on.contract.required_evidence_kind.unwrap_or(EvidenceKind::Witness),
        reference: format!("{operation_id}:receipt"),
        authoritative: true,
        operation_id,
    };
    AgreementWalEntry::EvidenceProduced { evidence, tick: 3 }
}

/// Everything that a contract needs for its next level is written, and the level.
pub fn agree_on(
    run: &mut DurableGuestRuntime,
    on: &DeclaredAgreement,
    previous_level: AgreementLevel,
    new_level: AgreementLevel,
) -> Result<(), String> {
    let mut evidence_id = String::new();
    for owner in &on.participants {
        let entry = evidence(on, owner, new_level);
        if let AgreementWalEntry::EvidenceProduced { evidence, .. } = &entry {
            evidence_id.clone_from(&evidence.evidence_id);
        }
        run.agree(&entry).map_err(text)?;
    }
    let operation_id = on.contract.operation_id.clone();
    let entry = AgreementWalEntry::Escalation { operation_id, previous_level, new_level, evidence_id, tick: 4 };
    run.agree(&entry).map(drop).map_err(text)
}

/// The end of an operation's agreement.
pub fn ended(on: &DeclaredAgreement, outcome: FinalizationOutcome) -> AgreementWalEntry {
    AgreementWalEntry::Finalization {
        operation_id: on.contract.operation_id.clone(),
        outcome,
        materialization_proof_id: None,
        canonical_handle_id: None,
        tick: 5,
    }
}

/// A durable run of so many sessions in which two effects of each wait for the host, and their operations.
pub fn waiting(disk: &SimDisk, sessions: usize) -> Result<(DurableGuestRuntime, Vec<String>), String> {
    let mut setup = Setup::default().schedule(4, 256);
    setup.config.semantic_objects = Some(100);
    let large = super::durable::options(0);
    let storage = Arc::new(disk.clone());
    let mut run = Durable::create(storage, large, setup.config, setup.schedule, Inline::default()).map_err(text)?;
    run.load(asking()?).map_err(text)?;
    for _ in 0..sessions {
        run.open(ImageId(0)).map_err(text)?;
    }
    let host = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    while run.turn(&host).map_err(text)? != motet_runtime::Turn::Idle {}
    let objects = run.semantic_objects().map_err(text)?;
    let all = objects.outstanding_effects.iter().map(|one| one.operation_id.clone()).collect();
    Ok((run, all))
}

fn exported(run: &DurableGuestRuntime) -> Result<ProtocolMachineSemanticObjects, String> {
    let objects = run.semantic_objects().map_err(text)?;
    check(&objects).map_err(text)?;
    Ok(objects)
}

/// Contracts are declared before their operation's first record and hold: what they do not permit is not written. What was
/// declared and what has been agreed is in the run's objects, and there are the same ones after a recovery, from the log or
/// from a checkpoint.
pub fn agreements_are_objects() -> Result<(), String> {
    let disk = SimDisk::new();
    let (mut run, operations) = waiting(&disk, 3)?;
    let all: Vec<DeclaredAgreement> = operations.iter().enumerate().map(|(number, id)| declared(number, id)).collect();
    for one in &all {
        ensure!(run.declare_agreement(one).map_err(text)? == Admitted::New, "it was declared before");
        ensure!(run.declare_agreement(one).map_err(text)? == Admitted::Known, "it was not declared before");
    }
    let end = run.log().end();
    let other = DeclaredAgreement { needed: all[3].needed + 1, ..all[3].clone() };
    let early = ended(&all[1], FinalizationOutcome::Finalized);
    let lonely = AgreementWalEntry::Escalation {
        operation_id: all[2].contract.operation_id.clone(),
        previous_level: AgreementLevel::Provisional,
        new_level: AgreementLevel::SoftSafe,
        evidence_id: "none".into(),
        tick: 4,
    };
    ensure!(matches!(run.declare_agreement(&other), Err(DurableError::Agreement(_))), "another contract is taken");
    for entry in [&early, &lonely] {
        ensure!(matches!(run.agree(entry), Err(DurableError::Agreement(_))), "{entry:?} is taken");
    }
    ensure!(run.log().end() == end, "something was refused, and written");
    use AgreementLevel::{Finalized, Provisional, SoftSafe};
    agree_on(&mut run, &all[1], Provisional, Finalized)?;
    run.agree(&early).map_err(text)?;
    agree_on(&mut run, &all[2], Provisional, SoftSafe)?;
    let changed = run.agree(&ended(&all[1], FinalizationOutcome::Aborted));
    ensure!(matches!(changed, Err(DurableError::Agreement(_))), "a terminal state changes: {changed:?}");
    run.sync().map_err(text)?;
    let expected = exported(&run)?;
    let levels: Vec<AgreementLevel> = all.iter().map(|one| level_of(&expected, one)).collect();
    ensure!(levels[..4] == [AgreementLevel::None, Finalized, SoftSafe, Provisional], "{levels:?}");
    let lists =
        [expected.agreement_profiles.len(), expected.agreement_contracts.len(), expected.agreement_states.len()];
    // The contracts name session 0: of that one's operations, and of no other, the state is bound.
    let first = expected.operation_instances.iter().filter(|one| one.session == Some(0));
    let (first, bound) = (first.count(), &expected.prestate_bindings);
    ensure!(first > 0 && bound.len() == first, "states on which something is agreed are not bound: {bound:?}");
    ensure!(lists == [all.len(); 3] && !expected.agreement_evidence.is_empty(), "{lists:?}");
    drop(run);
    // Declared by a run that was recovered, and kept by its own checkpoint alone.
    let mut late = all[3].clone();
    late.contract.operation_id = "later".into();
    late.contract.contract_name = "agreement:later".into();
    for checkpointed in [false, true, true] {
        let (mut again, _) = Durable::recover(Arc::new(disk.clone()), options(0)).map_err(text)?;
        let found = again.semantic_objects().map_err(text)?;
        ensure!(found == expected, "recovered (from a checkpoint: {checkpointed}) there are other objects");
        let refused = again.declare_agreement(&other);
        ensure!(matches!(refused, Err(DurableError::Agreement(_))), "recovered, another contract is taken");
        let known = again.declare_agreement(&late).map_err(text)?;
        ensure!((known == Admitted::Known) == checkpointed, "{known:?} from a checkpoint: {checkpointed}");
        // A checkpoint needs something to drop.
        again.note(b"on").map_err(text)?;
        again.checkpoint().map_err(text)?;
    }
    Ok(())
}

fn level_of(objects: &ProtocolMachineSemanticObjects, on: &DeclaredAgreement) -> AgreementLevel {
    let state = objects.agreement_states.iter().find(|one| one.operation_id == on.contract.operation_id);
    state.map_or(AgreementLevel::None, |state| state.level)
}
