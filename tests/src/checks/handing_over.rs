//! What becomes of effects that are pending when a session is handed over: they go along, or whoever waits for them is told
//! that they did not.

use super::deadlines::asking;
use super::durable::options;
use crate::owners::objects;
use crate::script::{Script, done};
use crate::walk::{Run, Setup};
use motet_log::sim::SimDisk;
use motet_machine::{EffectCoordinate, EffectOutcome, ImageId, OwnershipOperation};
use motet_runtime::{
    Durable, DurableError, GuestRuntime, Inline, Input, OwnedSession, OwnershipDoor, Runtime, RuntimeError, Threads,
    log_record, replay, verify_waves,
};
use motet_semantic::{
    FinalizationStage, OutstandingEffectStatus, OwnershipReceipt, OwnershipScope, PendingEffectTreatment,
    ProtocolMachineSemanticObjects, PublicationStatus, check,
};
use motet_types::{CoroutineId, EffectFailureKind, EffectKind, Fault, SessionId, Value};
use std::sync::Arc;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn setup() -> Setup {
    let mut setup = Setup::default().schedule(4, 256);
    (setup.config.semantic_objects, setup.config.digest_waves) = (Some(20), 1);
    setup
}

fn pending() -> Script<'static> {
    Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending)
}

fn whole() -> OwnershipScope {
    OwnershipScope::Session
}

fn part() -> OwnershipScope {
    OwnershipScope::Fragments(["A".to_owned()].into())
}

fn at(coroutine: u16) -> EffectCoordinate {
    EffectCoordinate { session: SessionId(0), coroutine: CoroutineId(coroutine), counter: 0 }
}

/// A session whose A and B wait for the host, and that is to be handed over in a scope.
fn begun<D: OwnershipDoor>(door: &mut D, to: &str, scope: OwnershipScope) -> Result<OwnershipReceipt, String>
where
    D::Refusal: std::fmt::Display,
{
    let owner = OwnedSession::claim(door, SessionId(0), "ada", scope).map_err(text)?;
    owner.begin_transfer(door, to).map_err(text)
}

fn waiting() -> Result<GuestRuntime, String> {
    let mut runtime = setup().guest(&asking()?)?;
    for _ in 0..2 {
        runtime.turn(&pending()).map_err(text)?;
    }
    Ok(runtime)
}

fn exported<E>(runtime: &Runtime<E>) -> Result<ProtocolMachineSemanticObjects, String> {
    let exported = runtime.semantic_objects().map_err(text)?;
    check(&exported).map_err(text)?;
    Ok(exported)
}

/// How a coroutine's effect stands, and what was published of it.
fn stands(objects: &ProtocolMachineSemanticObjects, id: &str) -> Result<(OutstandingEffectStatus, String), String> {
    let effect = objects.outstanding_effects.iter().find(|one| one.effect_id == id).ok_or("no such effect")?;
    let operation = objects.operation_instances.iter().find(|one| one.operation_id == effect.operation_id);
    Ok((effect.status, operation.and_then(|one| one.terminal_publication.clone()).unwrap_or_default()))
}

/// A transfer that does not take along what is pending invalidates it, in its scope and nowhere else: whoever waits has
/// failed for want of authority, an answer that comes later is refused, and the objects say so, here, in a replay, on threads
/// and after a recovery.
pub fn what_is_pending_is_invalidated() -> Result<(), String> {
    use PendingEffectTreatment::{InvalidateBlocked, PreservePending};
    for (scope, treatment, to, lost) in [
        (whole(), InvalidateBlocked, "bob", &[0, 1][..]),
        (part(), InvalidateBlocked, "bob", &[0]),
        (whole(), PreservePending, "bob", &[]),
        // Nothing is handed over to who has it.
        (whole(), InvalidateBlocked, "ada", &[]),
    ] {
        let mut runtime = waiting()?;
        let receipt = begun(&mut runtime, to, scope.clone())?;
        let operation = OwnershipOperation::CommitTransfer { receipt, pending: treatment };
        let outcome = runtime.own(SessionId(0), operation).map_err(text)?;
        let found: Vec<EffectCoordinate> = outcome.invalidated;
        let expected: Vec<EffectCoordinate> = lost.iter().map(|coroutine| at(*coroutine)).collect();
        ensure!(found == expected, "{scope:?} by {treatment} to {to}: {found:?} are invalidated");
        let run_id = runtime.machine().config().run_id;
        let objects_now = exported(&runtime)?;
        let obligations = &objects_now.transformation_obligations;
        let ids: Vec<String> = expected.iter().map(|at| at.effect_id(&run_id).0.to_string()).collect();
        let said: Vec<String> = obligations.iter().flat_map(|one| one.invalidated_effect_ids.clone()).collect();
        let sorted = |mut ids: Vec<String>| {
            ids.sort();
            ids
        };
        ensure!(sorted(said) == sorted(ids.clone()), "the obligation says otherwise: {obligations:?}");
        for coroutine in 0..2 {
            let effect = at(coroutine).effect_id(&run_id);
            let (status, published) = stands(&objects_now, &effect.0.to_string())?;
            let answered = runtime.complete(effect, done(Value::Nat(3)));
            if lost.contains(&coroutine) {
                let right = status == OutstandingEffectStatus::Invalidated && published == "effect.invalidated";
                ensure!(right, "{coroutine} is {status}, {published}");
                ensure!(matches!(answered, Err(RuntimeError::LateResult(_))), "a late answer: {answered:?}");
            } else {
                ensure!(status == OutstandingEffectStatus::Pending, "{coroutine} is {status}");
                answered.map_err(text)?;
            }
        }
        let paths = exported(&runtime)?.finalization_paths;
        let gone = paths.iter().filter(|one| one.stage == FinalizationStage::Invalidated).count();
        ensure!(gone == lost.len(), "{gone} paths are invalidated");
        runtime.run(&pending()).map_err(text)?;
        // The first that faults ends the session, and with it the other.
        let faults = runtime.drain_faults();
        let stale = |fault: &Fault| matches!(fault, Fault::Invoke { kind: EffectFailureKind::StaleAuthority, .. });
        ensure!(faults.is_empty() == lost.is_empty() && faults.iter().all(|one| stale(&one.fault)), "{faults:?}");
        let (meant, host) = (objects(&runtime), pending());
        let run = Run::of(runtime, &host)?;
        let again = run.replayed()?;
        ensure!(objects(&again.runtime) == meant, "the replay has other semantic objects");
        verify_waves(&run.read_record()?).map_err(text)?;
        elsewhere(scope, treatment, to, lost.is_empty())?;
    }
    Ok(())
}

/// What was rejected of a run's operations, by what would have been published.
fn rejected<E>(runtime: &Runtime<E>) -> Result<Vec<String>, String> {
    let events = exported(runtime)?.publication_events.into_iter();
    Ok(events.filter(|one| one.status == PublicationStatus::Rejected).map(|one| one.publication).collect())
}

/// What comes for an effect that was invalidated is refused and on record, once for each thing that it would have said, and
/// also when its session has ended; in replays, recoveries and behind checkpoints as well. What comes for an effect that
/// ended otherwise leaves nothing, and neither does anything where no objects are kept.
pub fn late_results_are_on_record() -> Result<(), String> {
    let failed = || EffectOutcome::failure(EffectFailureKind::Unavailable, "no");
    for ends_first in [false, true] {
        let disk = SimDisk::default();
        let storage = || Arc::new(disk.clone());
        let Setup { config, schedule, .. } = setup();
        let mut run = Durable::create(storage(), options(0), config, schedule, Inline::default()).map_err(text)?;
        run.load(asking()?).map_err(text)?;
        run.open(ImageId(0)).map_err(text)?;
        for _ in 0..2 {
            run.turn(&pending()).map_err(text)?;
        }
        let id = at(0).effect_id(&run.runtime().machine().config().run_id);
        let receipt = begun(&mut run, "bob", whole())?;
        let treatment = PendingEffectTreatment::InvalidateBlocked;
        drop(OwnedSession::commit_transfer_with(&mut run, &receipt, treatment).map_err(text)?);
        if ends_first {
            run.run(&pending()).map_err(text)?;
            ensure!(run.runtime().machine().live_sessions() == 0, "the session goes on");
        }
        let root = run.runtime().state_root();
        let blocked = run.complete(id, EffectOutcome::Blocked);
        ensure!(blocked.is_err() && rejected(run.runtime())?.is_empty(), "no result is on record: {blocked:?}");
        for (outcome, expected) in [
            (done(Value::Nat(3)), &["effect.succeeded"][..]),
            (done(Value::Nat(4)), &["effect.succeeded"]),
            (failed(), &["effect.failed", "effect.succeeded"]),
        ] {
            let found = run.complete(id, outcome);
            let late = matches!(found, Err(DurableError::Runtime(RuntimeError::LateResult(late))) if late == id);
            ensure!(late, "a late result: {found:?}");
            ensure!(rejected(run.runtime())? == expected, "on record: {:?}", rejected(run.runtime())?);
        }
        ensure!(run.runtime().state_root() == root, "a late result is in the state");
        let before = objects(run.runtime());
        run.sync().map_err(text)?;
        let record = log_record(storage(), &options(0)).map_err(text)?;
        let late = record.inputs.iter().filter(|(_, input)| matches!(input, Input::Late { .. })).count();
        ensure!(late == 2, "{late} late results are inputs");
        let again = replay(&record, None, |_| {}).map_err(text)?;
        ensure!(rejected(&again.runtime)?.len() == 2, "the replay rejected {:?}", rejected(&again.runtime)?);
        drop(run);
        let (mut run, _) = Durable::recover(storage(), options(0)).map_err(text)?;
        ensure!(objects(run.runtime()) == before, "recovered: other semantic objects");
        run.checkpoint().map_err(text)?;
        run.sync().map_err(text)?;
        drop(run);
        let (mut run, _) = Durable::recover(storage(), options(0)).map_err(text)?;
        ensure!(objects(run.runtime()) == before, "behind a checkpoint: other semantic objects");
        let found = run.complete(id, failed());
        ensure!(matches!(found, Err(DurableError::Runtime(RuntimeError::LateResult(_)))), "{found:?}");
        ensure!(objects(run.runtime()) == before, "the same is on record twice");
    }
    let mut runtime = waiting()?;
    let id = at(0).effect_id(&runtime.machine().config().run_id);
    runtime.complete(id, done(Value::Nat(3))).map_err(text)?;
    let twice = runtime.complete(id, done(Value::Nat(3)));
    ensure!(twice == Err(RuntimeError::UnknownEffect(id)), "{twice:?}");
    ensure!(rejected(&runtime)?.is_empty(), "it was answered, and not invalidated");
    Ok(())
}

/// The same on threads, and on a durable run that is recovered behind the transfer.
fn elsewhere(scope: OwnershipScope, treatment: PendingEffectTreatment, to: &str, kept: bool) -> Result<(), String> {
    let (image, setup) = (asking()?, setup());
    let mut plain = waiting()?;
    let receipt = begun(&mut plain, to, scope.clone())?;
    drop(OwnedSession::commit_transfer_with(&mut plain, &receipt, treatment).map_err(text)?);
    let before = objects(&plain);
    let executor = Threads::new(2).map_err(text)?;
    let mut threaded = Runtime::with_executor(setup.config.clone(), setup.schedule.clone(), executor).map_err(text)?;
    threaded.load(Arc::clone(&image)).map_err(text)?;
    threaded.open(ImageId(0)).map_err(text)?;
    let host = Arc::new(pending());
    for _ in 0..2 {
        threaded.turn(&host).map_err(text)?;
    }
    let receipt = begun(&mut threaded, to, scope.clone())?;
    drop(OwnedSession::commit_transfer_with(&mut threaded, &receipt, treatment).map_err(text)?);
    ensure!(objects(&threaded) == before, "threads have other semantic objects");
    plain.turn(&*host).map_err(text)?;
    threaded.turn(&host).map_err(text)?;
    ensure!(objects(&threaded) == objects(&plain), "threads go on otherwise");
    let disk = SimDisk::default();
    let storage = || Arc::new(disk.clone());
    let config = setup.config.clone();
    let mut run = Durable::create(storage(), options(0), config, setup.schedule, Inline::default()).map_err(text)?;
    run.load(image).map_err(text)?;
    run.open(ImageId(0)).map_err(text)?;
    for _ in 0..2 {
        run.turn(&*host).map_err(text)?;
    }
    let receipt = begun(&mut run, to, scope)?;
    drop(OwnedSession::commit_transfer_with(&mut run, &receipt, treatment).map_err(text)?);
    run.sync().map_err(text)?;
    drop(run);
    let (mut run, _) = Durable::recover(storage(), options(0)).map_err(text)?;
    ensure!(objects(run.runtime()) == before, "recovered: other semantic objects");
    // It goes on: where nothing was kept, the failure is taken.
    run.turn(&*host).map_err(text)?;
    let alive = run.runtime().machine().live_sessions();
    ensure!(alive == usize::from(kept), "recovered, {alive} sessions are alive");
    ensure!(objects(run.runtime()) == objects(&plain), "recovered, it goes on otherwise");
    Ok(())
}
