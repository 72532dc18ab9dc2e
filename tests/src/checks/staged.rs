//! Upgrades in phases: what may follow what, what is refused by name, and that nothing changes but by cutting over.

use super::upgrades::{asker, config, one_step, protocol};
use crate::draft::NAT;
use crate::script::{Script, done};
use motet_log::sim::SimDisk;
use motet_machine::{CodeImage, EffectOutcome, ImageId, NoHost, OwnershipOperation, UpgradeMode, UpgradeOptions};
use motet_runtime::{
    DeterminismMode, Durable, DurableOptions, GuestRuntime, Inline, Input, RunRecord, RunStatus, Runtime,
    RuntimeCapability, RuntimeContracts, RuntimeError, RuntimeUpgradeError, RuntimeUpgradeExecution,
    RuntimeUpgradeRequest, Schedule, Turn, replay,
};
use motet_semantic::{
    AuthorityArtifact, CanonicalPublicationContinuity, FinalizationStage, OutstandingEffectStatus, OwnershipScope,
    PendingEffectTreatment, RuntimeUpgradeExecutionConstraint, TransitionArtifactPhase as Phase, TransitionError,
    check,
};
use motet_types::{EffectKind, SessionId, Value};
use std::sync::Arc;

const FULL: UpgradeOptions = UpgradeOptions { mode: UpgradeMode::Full, at_start: false };
const LINES: [&str; 2] = ["A -> B : First", "B -> C : Second"];

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A run with one session at its start, and an image with the same protocol under another name.
fn same_protocol() -> Result<(GuestRuntime, SessionId, ImageId), String> {
    let mut runtime = GuestRuntime::new(config(), one_step()).map_err(text)?;
    let old = runtime.load(protocol("Old", &LINES)?).map_err(text)?;
    let session = runtime.open(old).map_err(text)?;
    let to = runtime.load(protocol("New", &LINES)?).map_err(text)?;
    Ok((runtime, session, to))
}

/// Everything that can be seen of a run.
fn seen(runtime: &GuestRuntime) -> Result<(String, Vec<u8>, usize, DeterminismMode), String> {
    let record = RunRecord::of(runtime).ok_or("nothing was recorded")?;
    Ok((runtime.state_root().to_string(), record.events, record.inputs.len(), runtime.determinism_profile()))
}

fn phases(execution: &RuntimeUpgradeExecution) -> Vec<Phase> {
    execution.artifacts().iter().map(|artifact| artifact.phase).collect()
}

/// Staged, admitted, cut over; each once, in this order, and given up only before the end. Every phase has its artifact, and
/// nothing changes before the last.
pub fn phases_follow_each_other() -> Result<(), String> {
    let (mut runtime, session, to) = same_protocol()?;
    let before = seen(&runtime)?;
    let mut execution = runtime.begin_upgrade(RuntimeUpgradeRequest::new(to, FULL)).map_err(text)?;
    let refused = runtime.cut_over(&mut execution);
    let phase = |phase, error| Err(RuntimeUpgradeError::Phase { phase, error });
    ensure!(refused == phase(Phase::Staged, TransitionError::NotAdmitted), "{refused:?}");
    ensure!(execution.phase() == Phase::Staged, "a refused event moved it to {}", execution.phase());
    runtime.admit_staged(&mut execution).map_err(text)?;
    let refused = runtime.admit_staged(&mut execution).map(|()| 0);
    ensure!(refused == phase(Phase::Admitted, TransitionError::AlreadyAdmitted), "{refused:?}");
    ensure!(seen(&runtime)? == before, "something changed before it was cut over");
    let mut given_up = execution.clone();
    let artifact = given_up.roll_back("not today").map_err(text)?;
    ensure!(artifact.reason.as_deref() == Some("not today") && artifact.moved == 0, "{artifact:?}");
    ensure!(phases(&given_up) == [Phase::Staged, Phase::Admitted, Phase::RolledBack], "{:?}", phases(&given_up));
    let refused = runtime.cut_over(&mut given_up);
    ensure!(refused == phase(Phase::RolledBack, TransitionError::Ended), "{refused:?}");
    ensure!(seen(&runtime)? == before, "giving up changed something");
    ensure!(runtime.cut_over(&mut execution).map_err(text)? == 1, "nothing moved");
    ensure!(
        phases(&execution) == [Phase::Staged, Phase::Admitted, Phase::CommittedCutover],
        "{:?}",
        phases(&execution)
    );
    let refused = runtime.cut_over(&mut execution);
    ensure!(refused == phase(Phase::CommittedCutover, TransitionError::Ended), "{refused:?}");
    ensure!(execution.roll_back("too late").is_err(), "what was cut over was rolled back");
    let digest = |image: Option<&Arc<CodeImage>>| image.map(|image| image.digest().to_string());
    let now = digest(runtime.machine().image(to));
    ensure!(digest(runtime.machine().image_of(session)) == now, "it stayed");
    let (first, last) = (&execution.artifacts()[0], execution.artifact());
    ensure!(last.next_members.first() == now.as_ref() && last.next_members.len() == 1, "{last:?}");
    ensure!(first.previous_members == last.previous_members && last.previous_members != last.next_members, "{last:?}");
    ensure!(last.state_root == runtime.state_root().to_string() && last.staged_state_root == before.0, "{last:?}");
    ensure!(execution.artifacts().iter().all(|artifact| artifact.upgrade_id == first.upgrade_id), "another id");
    let status = runtime.run(&NoHost).map_err(text)?;
    ensure!(status == RunStatus::Completed, "{status:?}");
    let record = RunRecord::of(&runtime).ok_or("nothing was recorded")?;
    replay(&record, None, |_| {}).map_err(text)?;
    Ok(())
}

/// Every refusal has a name, leaves the run as it was, and its upgrade failed with the reason.
pub fn refused_upgrades_change_nothing() -> Result<(), String> {
    use RuntimeUpgradeExecutionConstraint::{MixedDeterminismAllowed, PreserveBundleProfile};
    type Check = fn(&RuntimeUpgradeError) -> bool;
    type Change = fn(&mut GuestRuntime, &mut RuntimeUpgradeRequest) -> Result<(), String>;
    let cases: [(&str, Change, Check); 7] = [
        (
            "a capability",
            |runtime, _| {
                let mut contracts = RuntimeContracts::own();
                contracts.capabilities.remove(&RuntimeCapability::SessionUpgrade);
                runtime.hold_to(contracts).map(drop).map_err(text)
            },
            |error| matches!(error, RuntimeUpgradeError::Runtime(RuntimeError::Admission(_))),
        ),
        (
            "another profile",
            |_, request| {
                request.profile = DeterminismMode::Replay;
                Ok(())
            },
            |error| matches!(error, RuntimeUpgradeError::Profile { then: DeterminismMode::Replay, .. }),
        ),
        (
            "mixed profiles",
            |runtime, request| {
                request.compatibility.execution_constraint = MixedDeterminismAllowed;
                let contracts =
                    RuntimeContracts { can_use_mixed_determinism_profiles: false, ..RuntimeContracts::own() };
                runtime.hold_to(contracts).map(drop).map_err(text)
            },
            |error| *error == RuntimeUpgradeError::NotMixed,
        ),
        (
            "an artifact of the profile",
            |runtime, request| {
                request.compatibility.execution_constraint = MixedDeterminismAllowed;
                request.profile = DeterminismMode::Replay;
                let mut contracts = RuntimeContracts::own();
                contracts.determinism_artifacts.replay = false;
                runtime.hold_to(contracts).map(drop).map_err(text)
            },
            |error| matches!(error, RuntimeUpgradeError::Runtime(RuntimeError::Admission(_))),
        ),
        (
            "an owner that stays",
            |runtime, _| {
                let session = SessionId(0);
                let claim = OwnershipOperation::Claim { owner_id: "one".into(), scope: OwnershipScope::Session };
                let claimed = runtime.own(session, claim).map_err(text)?;
                let Some(AuthorityArtifact::OwnershipCapability(capability)) = claimed.issued else {
                    return Err(format!("nobody owns it: {claimed:?}"));
                };
                let begin = OwnershipOperation::BeginTransfer { capability, to_owner_id: "other".into() };
                let _begun = runtime.own(session, begin).map_err(text)?;
                Ok(())
            },
            |error| *error == RuntimeUpgradeError::OwnerChanges(SessionId(0)),
        ),
        (
            "truth",
            |_, request| {
                request.compatibility.canonical_publication_continuity =
                    CanonicalPublicationContinuity::ReissueCanonicalTruth;
                Ok(())
            },
            |error| *error == RuntimeUpgradeError::NoTruth,
        ),
        (
            "something that moves",
            |runtime, request| {
                request.to =
                    runtime.load(protocol("Longer", &[LINES[0], LINES[1], "C -> A : Third"])?).map_err(text)?;
                Ok(())
            },
            |error| matches!(error, RuntimeUpgradeError::NothingMoves { sessions: 1, first: Some(_) }),
        ),
    ];
    for (what, change, check) in cases {
        let (mut runtime, _, to) = same_protocol()?;
        let mut request = RuntimeUpgradeRequest::new(to, FULL);
        ensure!(request.compatibility.execution_constraint == PreserveBundleProfile, "another default");
        change(&mut runtime, &mut request)?;
        let before = seen(&runtime)?;
        let mut execution = runtime.begin_upgrade(request).map_err(text)?;
        let Err(error) = runtime.admit_staged(&mut execution) else {
            return Err(format!("without {what} it was admitted"));
        };
        ensure!(check(&error), "without {what}: {error:?}");
        ensure!(phases(&execution) == [Phase::Staged, Phase::Failed], "{what}: {:?}", phases(&execution));
        ensure!(execution.artifact().reason == Some(error.to_string()), "{what}: {:?}", execution.artifact().reason);
        ensure!(seen(&runtime)? == before, "without {what} something changed");
    }
    // What needs more than the old image did.
    let mut runtime = GuestRuntime::new(config(), one_step()).map_err(text)?;
    let old = runtime.load(protocol("Old", &["A -> B : End"])?).map_err(text)?;
    let session = runtime.open(old).map_err(text)?;
    let request = RuntimeUpgradeRequest { sessions: Some(vec![SessionId(9)]), ..RuntimeUpgradeRequest::new(old, FULL) };
    let found = runtime.begin_upgrade(request).map(|_| ());
    ensure!(found == Err(RuntimeUpgradeError::NotAlive(SessionId(9))), "{found:?}");
    // What could move when it was staged, and cannot any more.
    let to = runtime.load(protocol("New", &["A -> B : End"])?).map_err(text)?;
    let mut execution = runtime.begin_upgrade(RuntimeUpgradeRequest::new(to, FULL)).map_err(text)?;
    runtime.admit_staged(&mut execution).map_err(text)?;
    while runtime.turn(&NoHost).map_err(text)? != Turn::Idle {}
    let before = seen(&runtime)?;
    let found = runtime.cut_over(&mut execution);
    ensure!(matches!(found, Err(RuntimeUpgradeError::Runtime(RuntimeError::Upgrade(_)))), "{session}: {found:?}");
    ensure!(phases(&execution) == [Phase::Staged, Phase::Admitted, Phase::Failed], "{:?}", phases(&execution));
    ensure!(seen(&runtime)? == before, "a failed cutover changed something");
    Ok(())
}

/// How a run's effects stand in its objects, and what was rejected of them, in order.
fn effects<E>(runtime: &Runtime<E>) -> Result<Vec<(Option<u64>, OutstandingEffectStatus)>, String> {
    let objects = runtime.semantic_objects().map_err(text)?;
    check(&objects).map_err(text)?;
    let mut all: Vec<_> = objects.outstanding_effects.iter().map(|one| (one.session, one.status)).collect();
    all.sort_by_key(|one| one.0);
    Ok(all)
}

/// A run in which one session waits for an answer and can move, and another one cannot; the one to which.
fn waiting() -> Result<(GuestRuntime, [SessionId; 2], ImageId), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let mut config = config();
    config.semantic_objects = Some(100);
    let mut runtime = GuestRuntime::new(config, Schedule::default()).map_err(text)?;
    let stays = runtime.load(asker("Old", "ask", 5, NAT)?).map_err(text)?;
    let moves = runtime.load(asker("Second", "tell", 5, NAT)?).map_err(text)?;
    let sessions = [runtime.open(stays).map_err(text)?, runtime.open(moves).map_err(text)?];
    while runtime.turn(&later).map_err(text)? != Turn::Idle {}
    let to = runtime.load(asker("New", "tell", 6, NAT)?).map_err(text)?;
    Ok((runtime, sessions, to))
}

/// What becomes of effects whose sessions stay behind: they wait on, or are invalidated, and then their answers are refused.
pub fn blocked_effects_are_treated_as_asked() -> Result<(), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    for treatment in [PendingEffectTreatment::PreservePending, PendingEffectTreatment::InvalidateBlocked] {
        let (mut runtime, [stays, moves], to) = waiting()?;
        let mut request = RuntimeUpgradeRequest::new(to, FULL);
        request.compatibility.pending_effect_treatment = treatment;
        let mut execution = runtime.begin_upgrade(request).map_err(text)?;
        ensure!(execution.staged().movable() == [moves], "{:?}", execution.staged());
        ensure!(execution.artifact().carried_obligation_ids.len() == 2, "{:?}", execution.artifact());
        runtime.admit_staged(&mut execution).map_err(text)?;
        runtime.cut_over(&mut execution).map_err(text)?;
        let artifact = execution.artifact();
        let invalidates = treatment == PendingEffectTreatment::InvalidateBlocked;
        let gone = usize::from(invalidates);
        ensure!(artifact.invalidated_obligation_ids.len() == gone, "{artifact:?}");
        ensure!(artifact.invalidated_publication_ids.len() == gone, "{artifact:?}");
        ensure!(artifact.carried_obligation_ids.len() == 2 - gone, "{artifact:?}");
        ensure!(artifact.state_root == runtime.state_root().to_string(), "another root");
        let waits = |session| runtime.machine().asks_of(session).count();
        ensure!((waits(stays), waits(moves)) == (1 - gone, 1), "{treatment}");
        let outstanding: Vec<_> = runtime.outstanding().collect();
        ensure!(outstanding.len() == 2 - gone, "{outstanding:?}");
        let (open, of) = (OutstandingEffectStatus::Pending, |session: SessionId| Some(session.0));
        let left = if invalidates { OutstandingEffectStatus::Invalidated } else { open };
        ensure!(effects(&runtime)? == [(of(stays), left), (of(moves), open)], "{:?}", effects(&runtime)?);
        let objects = runtime.semantic_objects().map_err(text)?;
        let paths = objects.finalization_paths.iter().filter(|one| one.stage == FinalizationStage::Invalidated);
        let by: Vec<&String> = paths.flat_map(|one| &one.invalidated_by_handoff_ids).collect();
        ensure!(by.len() == gone && by.iter().all(|id| **id == execution.artifact().upgrade_id), "{by:?}");
        let record = RunRecord::of(&runtime).ok_or("nothing was recorded")?;
        let last = record.inputs.last().map(|(_, input)| input);
        let whole = matches!(last, Some(Input::Upgrade { given_up, .. }) if given_up.is_some() == invalidates);
        ensure!(whole, "the cutover is not one input: {last:?}");
        for (id, _) in outstanding {
            runtime.complete(id, done(Value::Nat(9))).map_err(text)?;
        }
        let status = runtime.run(&later).map_err(text)?;
        let expected = if invalidates { RunStatus::Faulted } else { RunStatus::Completed };
        ensure!(status == expected, "{treatment}: {status:?} {:?}", runtime.faults());
        let told = runtime.faults().iter().all(|fault| fault.fault.to_string().contains("the upgrade invalidated"));
        ensure!(told, "{:?}", runtime.faults());
        let record = RunRecord::of(&runtime).ok_or("nothing was recorded")?;
        let again = replay(&record, None, |_| {}).map_err(text)?;
        ensure!(again.runtime.state_root() == runtime.state_root(), "the replay ends elsewhere");
        ensure!(effects(&again.runtime)? == effects(&runtime)?, "the replay has other objects");
    }
    Ok(())
}

/// Canonical truth goes along as it is, or is said again, bound to the new image.
pub fn published_truth_goes_along() -> Result<(), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let staged = |continuity| -> Result<_, String> {
        let mut config = config();
        config.semantic_objects = Some(100);
        let mut runtime = GuestRuntime::new(config, one_step()).map_err(text)?;
        let old = runtime.load(asker("Second", "ask", 5, NAT)?).map_err(text)?;
        let session = runtime.open(old).map_err(text)?;
        while runtime.turn(&later).map_err(text)? != Turn::Idle {}
        let asked: Vec<_> = runtime.outstanding().map(|(id, _)| id).collect();
        runtime.complete(*asked.first().ok_or("nothing was asked")?, done(Value::Nat(9))).map_err(text)?;
        let to = runtime.load(asker("New", "ask", 6, NAT)?).map_err(text)?;
        let mut request = RuntimeUpgradeRequest::new(to, FULL);
        request.compatibility.canonical_publication_continuity = continuity;
        while runtime.begin_upgrade(request.clone()).map_err(text)?.staged().movable() != [session] {
            ensure!(runtime.turn(&later).map_err(text)? != Turn::Idle, "it never may move");
        }
        let mut execution = runtime.begin_upgrade(request).map_err(text)?;
        runtime.admit_staged(&mut execution).map_err(text)?;
        runtime.cut_over(&mut execution).map_err(text)?;
        Ok(execution.artifact().clone())
    };
    let kept = staged(CanonicalPublicationContinuity::Preserve)?;
    let said = staged(CanonicalPublicationContinuity::ReissueCanonicalTruth)?;
    ensure!(kept.carried_publication_ids.len() == 1 && kept.reissued_publications.is_empty(), "{kept:?}");
    ensure!(said.carried_publication_ids.is_empty() && said.reissued_publications.len() == 1, "{said:?}");
    let again = &said.reissued_publications[0];
    ensure!(again.publication_id == kept.carried_publication_ids[0], "{again:?}");
    ensure!(again.artifact_id == said.artifact_id && again.digest.len() == 64, "{again:?}");
    Ok(())
}

/// A log has a cutover as one entry: what was not synced never happened, what was is all there.
pub fn cutovers_are_recovered_whole() -> Result<(), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    for synced in [false, true] {
        let (disk, options) = (SimDisk::new(), DurableOptions { beside: false, ..DurableOptions::default() });
        let begun =
            Durable::create(Arc::new(disk.clone()), options.clone(), config(), Schedule::default(), Inline::default());
        let mut run = begun.map_err(text)?;
        let stays = run.load(asker("Old", "ask", 5, NAT)?).map_err(text)?;
        let moves = run.load(asker("Second", "tell", 5, NAT)?).map_err(text)?;
        for image in [stays, moves] {
            run.open(image).map_err(text)?;
        }
        run.run(&later).map_err(text)?;
        let to = run.load(asker("New", "tell", 6, NAT)?).map_err(text)?;
        run.sync().map_err(text)?;
        let before = run.runtime().state_root();
        let mut request = RuntimeUpgradeRequest::new(to, FULL);
        request.compatibility.pending_effect_treatment = PendingEffectTreatment::InvalidateBlocked;
        let mut execution = run.begin_upgrade(request).map_err(text)?;
        run.admit_staged(&mut execution).map_err(text)?;
        run.cut_over(&mut execution).map_err(text)?;
        let after = run.runtime().state_root();
        if synced {
            run.sync().map_err(text)?;
        }
        drop(run);
        let (run, _) = Durable::recover(Arc::new(disk), options).map_err(text)?;
        let found = run.runtime().state_root();
        ensure!(found == if synced { after } else { before }, "synced {synced}: something between both");
    }
    Ok(())
}
