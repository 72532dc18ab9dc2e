//! Ownership: explored to the last state within bounds, and as an input of runs.

use super::durable::{asking, options};
use crate::explore::{Bounds, explore};
use crate::lane::Lane;
use crate::owners::{Owners, Rig, Stand, objects, stand};
use crate::world::World;
use motet_log::sim::SimDisk;
use motet_machine::{
    BurstEnd, BurstReader, CodeImage, EffectHandler, EffectOutcome, EffectRequest, ImageId, OwnershipOperation,
    OwnershipRefusal, ProtocolMachine, ProtocolMachineConfig, RestoreError, RunId, SNAPSHOT_MAGIC, SNAPSHOT_VERSION,
    SessionHostMutation, TraceMode, seal, unseal,
};
use motet_runtime::{
    Durable, GuestRuntime, Inline, Input, OwnedSession, RecordWriter, ReplayError, RunRecord, RunStatus, Runtime,
    RuntimeError, Schedule, Seeded, ThreadedGuestRuntime, Threads, Turn, replay, verify_waves,
};
use motet_semantic::{
    Artifact, ArtifactEvent, AuthorityAuditEvent, AuthorityAuditRecord, OwnershipError, OwnershipReceipt,
    OwnershipScope,
};
use motet_types::{EdgeId, EffectKind, EffectKinds, EventKind, SessionId, Terminal};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Small enough for every build.
const SMALL: Bounds = Bounds { owners: 2, scopes: 3, generations: 1, claims: 2, witnesses: 1, timeouts: 1, ticks: 1 };
/// Where faults are looked for: they are found early, or not at all.
#[cfg(feature = "planted")]
const NEAR: Bounds = Bounds { timeouts: 0, ticks: 0, ..SMALL };
/// What a full lane looks at besides: one bound after the other, wider by one. All of them together have too many states.
const WIDER: [Bounds; 5] = [
    Bounds { owners: 3, ..SMALL },
    Bounds { scopes: 4, ..SMALL },
    Bounds { generations: 2, ..SMALL },
    Bounds { claims: 3, ..SMALL },
    Bounds { witnesses: 2, ..SMALL },
];

/// Every state within bounds: one owner at most, stale capabilities do nothing, witnesses are used once, nothing gets
/// wider, ends last, and the audit has what happened, once. A full lane looks further.
pub fn every_state_is_as_it_must_be() -> Result<(), String> {
    let wider = if Lane::new("ownership-states", 1).cases() > 1_000 { &WIDER[..] } else { &[] };
    for bounds in [SMALL].iter().chain(wider) {
        let explored = explore(bounds)?;
        println!("{bounds:?}: {explored:?}");
        ensure!(explored.states > 500 && explored.ended > 0, "too little was seen: {explored:?}");
    }
    Ok(())
}

/// Every need of the table is needed: without it, some state is reached that must not be, or the wrong thing is said.
#[cfg(feature = "planted")]
pub fn every_need_is_needed() -> Result<(), String> {
    use motet_semantic::{OWNERSHIP, skip_need};
    let mut needs = 0;
    let mut missed = Vec::new();
    for (row, event) in OWNERSHIP.events.iter().enumerate() {
        for at in 0..event.needs.len() {
            skip_need(Some((&OWNERSHIP, row, at)));
            needs += 1;
            let found = explore(&NEAR);
            if found.is_ok() {
                missed.push(format!("`{}` without its need {}", event.name, at + 1));
            }
        }
    }
    skip_need(None);
    println!("{needs} needs, each missed when it is gone");
    ensure!(missed.is_empty(), "not caught: {}", missed.join(", "));
    explore(&NEAR).map(drop)
}

fn config() -> ProtocolMachineConfig {
    let trace = TraceMode::Full;
    let (record, semantic_objects) = (true, Some(24));
    let run_id = RunId([3; 16]);
    ProtocolMachineConfig { record, trace, run_id, digest_waves: 5, semantic_objects, ..Default::default() }
}

fn schedule() -> Schedule {
    Schedule { wave: 2, fuel: 2, chunk: 1, window: 2, turn: 3, ..Schedule::default() }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn image() -> Result<Arc<CodeImage>, String> {
    asking().image()
}

fn guest() -> Result<GuestRuntime, String> {
    GuestRuntime::new(config(), schedule()).map_err(text)
}

fn fragments(roles: &[&str]) -> OwnershipScope {
    OwnershipScope::Fragments(roles.iter().map(|role| String::from(*role)).collect())
}

fn handler(name: &str) -> SessionHostMutation {
    SessionHostMutation::SetDefaultHandler { handler: name.into() }
}

/// Through every door a session is owned, used, handed over and given up.
fn lives<R: Rig>(rig: &mut R, owned: OwnedSession) -> Result<Vec<AuthorityAuditRecord>, String>
where
    R::Refusal: std::fmt::Display,
{
    let session = owned.session();
    owned.apply_host_mutation(rig, handler("mine")).map_err(text)?;
    let narrow = owned.attenuate(rig, fragments(&["A", "B"])).map_err(text)?;
    let edge = SessionHostMutation::UpdateEdgeHandler { edge: EdgeId(0), handler: "edge".into() };
    narrow.apply_host_mutation(rig, edge).map_err(text)?;
    let refused = |result: Result<(), R::Refusal>, expected: OwnershipError| match result {
        Ok(()) => Err(format!("taken, where it must be refused: {expected}")),
        Err(error) => R::refusal(error).and_then(|found| {
            if found == expected { Ok(()) } else { Err(format!("refused for {found}, not {expected}")) }
        }),
    };
    refused(narrow.apply_host_mutation(rig, handler("wide")), OwnershipError::ScopeViolation)?;
    refused(narrow.release(rig), OwnershipError::ScopeViolation)?;
    let witness = owned.issue_readiness(rig, "ready").map_err(text)?;
    refused(narrow.consume_readiness(rig, &witness), OwnershipError::ScopeViolation)?;
    owned.consume_readiness(rig, &witness).map_err(text)?;
    refused(owned.consume_readiness(rig, &witness), OwnershipError::WitnessConsumed)?;
    let receipt = owned.begin_transfer(rig, "bob").map_err(text)?;
    refused(owned.release(rig), OwnershipError::TransferPending)?;
    owned.roll_back_transfer(rig, &receipt).map_err(text)?;
    refused(OwnedSession::commit_transfer(rig, &receipt).map(drop), OwnershipError::TransferNotPending)?;
    let receipt = owned.begin_transfer(rig, "bob").map_err(text)?;
    let bobs = OwnedSession::commit_transfer(rig, &receipt).map_err(text)?;
    ensure!(bobs.capability().generation == 1 && receipt.claim_id == 3, "{bobs:?} by {receipt:?}");
    refused(owned.apply_host_mutation(rig, handler("stale")), OwnershipError::StaleCapability)?;
    refused(narrow.attenuate(rig, fragments(&["A"])).map(drop), OwnershipError::StaleCapability)?;
    let bindings = rig.runtime().machine().ownership(session).map(|ownership| ownership.bindings().clone());
    let bindings = bindings.unwrap_or_default();
    ensure!(bindings.default_handler.as_deref() == Some("mine") && bindings.handlers.len() == 1, "{bindings:?}");
    bobs.release(rig).map_err(text)?;
    let again = OwnedSession::claim(rig, session, "ada", OwnershipScope::Session).map_err(text)?;
    refused(owned.release(rig), OwnershipError::StaleCapability)?;
    ensure!(again.capability().generation == 2, "{again:?}");
    Ok(rig.runtime().machine().audit().to_vec())
}

/// A host owns sessions on a cooperative, a threaded and a durable runtime alike.
pub fn owners_act_on_every_runtime() -> Result<(), String> {
    let image = image()?;
    let mut cooperative = guest()?;
    let owned = cooperative.load_choreography_owned(Arc::clone(&image), "ada").map_err(text)?;
    let audit = lives(&mut cooperative, owned)?;
    let mut threaded = ThreadedGuestRuntime::with_workers(config(), schedule(), 2).map_err(text)?;
    let owned = threaded.load_choreography_owned(Arc::clone(&image), "ada").map_err(text)?;
    ensure!(lives(&mut threaded, owned)? == audit, "threads audit otherwise");
    let storage = Arc::new(SimDisk::default());
    let mut durable = Durable::create(storage, options(0), config(), schedule(), Inline::default()).map_err(text)?;
    let owned = durable.load_choreography_owned(image, "ada").map_err(text)?;
    ensure!(lives(&mut durable, owned)? == audit, "a durable run audits otherwise");
    ensure!(stand(&cooperative).root == stand(&durable).root, "another state root");
    well_formed(&audit)
}

/// Every artifact's records are what the table of artifacts allows. What is refused before it was issued was made up,
/// and is another artifact, though it may look like one that is issued later.
fn well_formed(audit: &[AuthorityAuditRecord]) -> Result<(), String> {
    let mut lives: BTreeMap<String, Artifact> = BTreeMap::new();
    for record in audit {
        let event = match record.event {
            AuthorityAuditEvent::Issued => ArtifactEvent::Issue {},
            AuthorityAuditEvent::Consumed => ArtifactEvent::Consume {},
            AuthorityAuditEvent::Invalidated => ArtifactEvent::Invalidate {},
            AuthorityAuditEvent::Committed => ArtifactEvent::Commit {},
            AuthorityAuditEvent::RolledBack => ArtifactEvent::RollBack {},
            AuthorityAuditEvent::Rejected => ArtifactEvent::Reject {},
            AuthorityAuditEvent::Expired => ArtifactEvent::Expire {},
        };
        let known = lives.contains_key(&format!("{:?}", record.artifact));
        if !known && record.event == AuthorityAuditEvent::Rejected {
            continue;
        }
        let life = lives.entry(format!("{:?}", record.artifact)).or_insert(Artifact::new(record.artifact.kind()));
        *life = life.apply(event).map_err(|error| format!("{record:?}: {error}"))?;
    }
    Ok(())
}

/// An event's kind, detail and label.
type Told = (EventKind, u8, u16);

/// The events of a session, and how its last burst ended.
fn told(runtime: &GuestRuntime, session: SessionId) -> Result<(Vec<Told>, Option<BurstEnd>), String> {
    let bytes = runtime.machine().trace_bytes();
    let mut reader = BurstReader::new(&bytes);
    let (mut events, mut end) = (Vec::new(), None);
    while let Some(burst) = reader.burst().map_err(text)? {
        for _ in 0..burst.events {
            let event = reader.event().map_err(text)?;
            if burst.session == session {
                events.push((event.kind, event.detail, event.label.0));
                end = Some(burst.end);
            }
        }
    }
    Ok((events, end))
}

fn transfer(runtime: &mut GuestRuntime, owned: &OwnedSession) -> Result<OwnershipReceipt, String> {
    owned.begin_transfer(runtime, "bob").map_err(text)
}

/// Abandoned transfers cancel their session, dead owners and failed commits fault it; each says so in order, once, and
/// the session is gone.
pub fn ends_are_told_in_order() -> Result<(), String> {
    let mut runtime = guest()?;
    let image = runtime.load(image()?).map_err(text)?;
    let owned: Vec<OwnedSession> =
        (0..4).map(|_| runtime.open_owned(image, "ada").map_err(text)).collect::<Result<_, _>>()?;
    let abandoned = transfer(&mut runtime, &owned[0])?;
    let failed = transfer(&mut runtime, &owned[2])?;
    let witness = OwnedSession::cancel_abandoned_transfer(&mut runtime, &abandoned, "bob is away").map_err(text)?;
    ensure!(witness.owner_id == "ada" && witness.witness_id == 1 && witness.reason == "bob is away", "{witness:?}");
    owned[1].mark_owner_died(&mut runtime).map_err(text)?;
    OwnedSession::fault_failed_commit(&mut runtime, &failed, "no quorum").map_err(text)?;
    let terminal = |terminal: Terminal, why| (EventKind::SessionTerminal, terminal as u8, why);
    let expected = [
        vec![(EventKind::CancellationRequested, 0, 0), (EventKind::Cancelled, 0, 0), terminal(Terminal::Cancelled, 2)],
        vec![terminal(Terminal::Faulted, 1)],
        vec![terminal(Terminal::Faulted, 3)],
    ];
    for (session, expected) in (0..).map(SessionId).zip(expected) {
        let (events, end) = told(&runtime, session)?;
        ensure!(events[1..] == expected, "{session}: {events:?}");
        ensure!(matches!(end, Some(BurstEnd::Ended(_))), "{session} does not end: {end:?}");
    }
    let tally = *runtime.machine().tally();
    ensure!((tally.cancelled, tally.faulted, tally.closed) == (1, 2, 0), "{tally:?}");
    ensure!(runtime.machine().live_sessions() == 1, "{} live", runtime.machine().live_sessions());
    for handle in &owned[..3] {
        let refused = handle.release(&mut runtime);
        let terminal =
            matches!(&refused, Err(RuntimeError::Ownership(error)) if error.rule() == Some(OwnershipError::Terminal));
        ensure!(terminal, "an ended session answers {refused:?}");
    }
    // What was to run has gone from the queue: nothing that is planned is refused, and new sessions take their places.
    let more = runtime.open(image).map_err(text)?;
    let world = Arc::new(World::default());
    ensure!(runtime.run(&world).map_err(text)? == RunStatus::Faulted, "{:?}", runtime.status());
    let conflicts = runtime.contention().planner_conflict_events;
    ensure!(conflicts == 0, "{conflicts} plans were refused");
    ensure!(runtime.machine().tally().closed == 2, "{more} did not end");
    // The last owner's session ended by itself, and so did its capability.
    let last = runtime.machine().audit().last().map(|record| (record.event, record.reason.clone()));
    let expected = Some((AuthorityAuditEvent::Invalidated, Some(String::from("session_ended"))));
    ensure!(last == expected, "the end of an owned session: {last:?}");
    well_formed(runtime.machine().audit())
}

/// What names no role, no edge, or no session is refused and leaves nothing behind.
pub fn nonsense_leaves_no_trace() -> Result<(), String> {
    let mut runtime = guest()?;
    let image = runtime.load(image()?).map_err(text)?;
    let owned = runtime.open_owned(image, "ada").map_err(text)?;
    let before = (runtime.state_root(), runtime.tape().map(|tape| tape.bytes().len()));
    let session = owned.session();
    let capability = owned.capability().clone();
    let edge = SessionHostMutation::UpdateTrace { edge: EdgeId(99), trace: Vec::new() };
    let long = OwnershipOperation::IssueReadiness { capability: capability.clone(), predicate_ref: "x".repeat(70_000) };
    let refusals = [
        runtime
            .own(session, OwnershipOperation::Attenuate { capability: capability.clone(), scope: fragments(&["Z"]) }),
        runtime.own(session, OwnershipOperation::Mutate { capability, mutation: edge }),
        runtime.own(session, OwnershipOperation::IssueTimeout { site: "Z".into(), duration: 1 }),
        runtime.own(session, long),
        runtime.own(SessionId(9), OwnershipOperation::ExpireTimeouts),
    ];
    for refusal in refusals {
        let Err(RuntimeError::Ownership(refusal)) = refusal else { return Err(format!("{refusal:?}")) };
        ensure!(!refusal.is_input(), "{refusal} is an input");
    }
    ensure!(before == (runtime.state_root(), runtime.tape().map(|tape| tape.bytes().len())), "something was left");
    Ok(())
}

/// Roots kept in small are roots computed anew; snapshots have what was owned when they began; parked sessions keep
/// their owners.
pub fn roots_snapshots_and_parks_have_owners() -> Result<(), String> {
    let mut runtime = guest()?;
    let verified = image()?;
    let image = runtime.load(Arc::clone(&verified)).map_err(text)?;
    let world = Arc::new(World::answering_later(1));
    let owned = runtime.open_owned(image, "ada").map_err(text)?;
    runtime.open(image).map_err(text)?;
    while runtime.turn(&world).map_err(text)? != Turn::Idle {}
    let before = runtime.settle_root();
    runtime.begin_snapshot().map_err(text)?;
    let receipt = transfer(&mut runtime, &owned)?;
    let kept = runtime.settle_root();
    ensure!(kept == runtime.machine().recomputed_root(), "the root forgets an owner");
    ensure!(kept != before, "the root does not know of the transfer");
    while !runtime.snapshot_slice(1) {}
    let snapshot = runtime.take_snapshot().ok_or("no snapshot")?;
    ensure!(snapshot.state_root() == before, "the snapshot has another root than when it began");
    let resumed = |bytes: &[u8]| {
        GuestRuntime::resume_from(config(), Inline::default(), &[Arc::clone(&verified)], bytes).map_err(text)
    };
    let mut earlier = resumed(&snapshot.to_bytes())?;
    ensure!(earlier.state_root() == before, "what was resumed is not what was copied");
    ensure!(transfer(&mut earlier, &owned)? == receipt, "the copy hands over otherwise");
    ensure!(earlier.settle_root() == kept, "the copy goes on otherwise");
    // Parked, with a transfer begun: the same, wherever it is.
    let bytes = runtime.park(owned.session()).map_err(text)?;
    ensure!(runtime.settle_root() == kept, "parking shows");
    let refused = OwnedSession::commit_transfer(&mut runtime, &receipt);
    let parked = RuntimeError::Ownership(OwnershipRefusal::Parked(owned.session()));
    ensure!(refused == Err(parked), "a parked session answers {refused:?}");
    runtime.resume(&bytes).map_err(text)?;
    let bobs = OwnedSession::commit_transfer(&mut runtime, &receipt).map_err(text)?;
    ensure!(OwnedSession::commit_transfer(&mut earlier, &receipt).map_err(text)? == bobs, "bob is another");
    ensure!(runtime.settle_root() == earlier.settle_root(), "parking changed what came after");
    ensure!(runtime.settle_root() == runtime.machine().recomputed_root(), "the root forgets bob");
    Ok(())
}

/// Ownership that belongs to another session, or to roles that there are not, is no session's.
pub fn forged_ownership_is_refused() -> Result<(), String> {
    let verified = image()?;
    let mut machine = ProtocolMachine::new(config()).map_err(text)?;
    let id = machine.load(Arc::clone(&verified)).map_err(text)?;
    let session = machine.open(id).map_err(text)?.footprint;
    let owned = OwnedSession::claim(&mut machine, session, "ada", OwnershipScope::Session).map_err(text)?;
    owned.attenuate(&mut machine, fragments(&["A", "B"])).map_err(text)?;
    let ownership = machine.ownership(session).ok_or("nobody owns it")?.to_bytes();
    let sealed = machine.snapshot().map_err(text)?.to_bytes();
    let restore = |bytes: &[u8]| ProtocolMachine::restore(config(), &[Arc::clone(&verified)], bytes);
    ensure!(restore(&sealed).is_ok(), "the snapshot itself is refused");
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &sealed).map_err(text)?;
    let at =
        body.windows(ownership.len()).position(|bytes| bytes == ownership).ok_or("no ownership in the snapshot")?;
    // The scope's second role, `B`: its name stands last before what follows the capabilities.
    let role = ownership.iter().rposition(|byte| *byte == b'B').ok_or("no role B")?;
    let mut forged = body.to_vec();
    forged[at + role] = b'Z';
    let found = restore(&seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &forged));
    ensure!(matches!(found, Err(RestoreError::Session { .. })), "a role that is not there: {:?}", found.err());
    Ok(())
}

/// A host that remembers which handlers it was told to use.
#[derive(Default)]
struct Listening(World, Mutex<BTreeSet<(&'static str, Option<String>)>>);

impl EffectHandler for Listening {
    fn wants(&self) -> EffectKinds {
        self.0.wants()
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if matches!(request.kind(), EffectKind::InvokeStep | EffectKind::Receive) {
            let told = (request.kind().name(), request.bound_handler().map(String::from));
            self.1.lock().unwrap_or_else(PoisonError::into_inner).insert(told);
        }
        self.0.handle_effect(request)
    }
}

/// Hosts are told which handler an owner named: of the edge, else of the session, else none.
pub fn hosts_are_told_the_owners_handlers() -> Result<(), String> {
    let edge = SessionHostMutation::UpdateEdgeHandler { edge: EdgeId(0), handler: "edge".into() };
    for (mutations, ask, receive) in [
        (vec![], None, None),
        (vec![handler("all")], Some("all"), Some("all")),
        (vec![edge.clone()], None, Some("edge")),
        (vec![edge, handler("all")], Some("all"), Some("edge")),
    ] {
        let mut runtime = guest()?;
        let owned = runtime.load_choreography_owned(image()?, "ada").map_err(text)?;
        for mutation in mutations {
            owned.apply_host_mutation(&mut runtime, mutation).map_err(text)?;
        }
        let host = Listening::default();
        ensure!(runtime.run(&host).map_err(text)? == RunStatus::Completed, "{:?}", runtime.status());
        let told = host.1.into_inner().unwrap_or_else(PoisonError::into_inner);
        let expected = [(EffectKind::InvokeStep.name(), ask), (EffectKind::Receive.name(), receive)];
        let expected: BTreeSet<_> = expected.map(|(kind, name)| (kind, name.map(String::from))).into();
        ensure!(told == expected, "the host was told {told:?}, not {expected:?}");
    }
    Ok(())
}

/// Where a random run stands in the end, and what it said.
fn ends<R: Rig>(rig: &mut R, seed: u64, moves: usize, world: &Arc<World>) -> Result<(Stand, Owners), String> {
    let image = ImageId(0);
    let mut owners = Owners::new(seed, image);
    rig.open(image)?;
    for at in 0..moves {
        owners.act(rig, world, recovers(seed, at))?;
    }
    Ok((stand(rig), owners))
}

const MOVES: usize = 60;

/// Whether the durable run is recovered before this move.
fn recovers(seed: u64, at: usize) -> bool {
    (at as u64 + seed).is_multiple_of(7)
}

fn one_case(seed: u64) -> Result<(), String> {
    let (verified, world) = (image()?, World::answering_later(2));
    let load = |runtime: &mut GuestRuntime| runtime.load(Arc::clone(&verified)).map(drop).map_err(text);
    let mut recorded = guest()?;
    load(&mut recorded)?;
    let (expected, owners) = ends(&mut recorded, seed, MOVES, &Arc::new(world.apart()))?;
    let audit = recorded.machine().audit().to_vec();
    well_formed(&audit)?;
    let said = expected.objects.as_deref().unwrap_or_default();
    ensure!(said.starts_with('{') && said.contains("session:"), "the semantic objects: {said}");
    // On threads, and in any order.
    let workers = 2 + (seed % 3) as usize;
    let executor = Threads::new(workers).map_err(text)?;
    let mut threaded = Runtime::with_executor(config(), schedule(), executor).map_err(text)?;
    threaded.load(Arc::clone(&verified)).map_err(text)?;
    let (found, others) = ends(&mut threaded, seed, MOVES, &Arc::new(world.apart()))?;
    ensure!(found == expected && others.came == owners.came, "threads: {found:?}, not {expected:?}");
    ensure!(threaded.machine().audit() == audit, "threads audit otherwise");
    let mut seeded = Runtime::with_executor(config(), schedule(), Seeded::new(seed)).map_err(text)?;
    seeded.load(Arc::clone(&verified)).map_err(text)?;
    let (found, _) = ends(&mut seeded, seed, MOVES, &Arc::new(world.apart()))?;
    ensure!(found == expected, "another order: {found:?}, not {expected:?}");
    replayed(recorded, &expected, &audit)?;
    recovered(&verified, seed, &expected, &owners, &world)
}

/// The record, replayed, comes to the same; a record that says otherwise of an operation does not.
fn replayed(mut recorded: GuestRuntime, expected: &Stand, audit: &[AuthorityAuditRecord]) -> Result<(), String> {
    let mut writer = RecordWriter::new(Vec::new()).map_err(text)?;
    let (handler, wants) = (recorded.handler().unwrap_or("world").to_owned(), recorded.wants());
    writer.header(&recorded, &handler, wants).map_err(text)?;
    let bytes = writer.finish(&mut recorded).map_err(text)?;
    let record = RunRecord::from_bytes(&bytes).map_err(text)?;
    verify_waves(&record).map_err(text)?;
    let again = replay(&record, None, |_| {}).map_err(text)?;
    ensure!(again.runtime.state_root() == expected.root, "the replay ends in another state");
    ensure!(again.runtime.machine().audit() == audit, "the replay audits otherwise");
    ensure!(objects(&again.runtime) == expected.objects, "the replay has other semantic objects");
    let mut forged = record;
    let refused = forged.inputs.iter_mut().find_map(|(_, input)| match input {
        Input::Own { refused, .. } => Some(refused),
        _ => None,
    });
    let Some(refused) = refused else { return Ok(()) };
    *refused = if refused.is_none() { Some(OwnershipError::Terminal) } else { None };
    match replay(&forged, None, |_| {}) {
        Err(ReplayError::Input { error: RuntimeError::OwnershipDiffers { .. }, .. }) => Ok(()),
        other => Err(format!("a forged refusal: {:?}", other.err())),
    }
}

/// The same moves on a durable run that is recovered again and again.
fn recovered(
    image: &Arc<CodeImage>,
    seed: u64,
    expected: &Stand,
    owners: &Owners,
    world: &World,
) -> Result<(), String> {
    let (disk, world) = (SimDisk::default(), Arc::new(world.apart()));
    let options = || options(if seed.is_multiple_of(2) { 6 } else { 0 });
    let storage = || Arc::new(disk.clone());
    let mut run = Durable::create(storage(), options(), config(), schedule(), Inline::default()).map_err(text)?;
    run.load(Arc::clone(image)).map_err(text)?;
    let mut again = Owners::new(seed, ImageId(0));
    run.open(ImageId(0)).map_err(text)?;
    for at in 0..MOVES {
        if recovers(seed, at) {
            run.sync().map_err(text)?;
            let before = stand(&run);
            drop(run);
            (run, _) = Durable::recover(storage(), options()).map_err(text)?;
            let after = stand(&run);
            ensure!((after.root, after.tally) == (before.root, before.tally), "recovered: {after:?}, not {before:?}");
            // Before its first turn a run may have no handler, which effects name.
            let blank = |objects: Option<String>| objects.map(|text| text.replace("\"world\"", "\"\""));
            ensure!(blank(after.objects) == blank(before.objects), "recovered: other semantic objects");
        }
        again.act(&mut run, &world, recovers(seed, at))?;
    }
    let found = stand(&run);
    ensure!(again.came == owners.came, "recovered owners were answered otherwise");
    ensure!(found == *expected, "recovered: {found:?}, not {expected:?}");
    Ok(())
}

/// Random owners: threads, other orders, replays and recoveries all come to the same.
pub fn runs_with_owners_are_runs() -> Result<(), String> {
    Lane::new("ownership", 40).run(one_case)
}

/// The same in small.
pub fn runs_with_owners_are_runs_in_small() -> Result<(), String> {
    Lane::fixed("ownership", 12).run(one_case)
}

/// What the lane's owners come to: everything that can be said is said.
pub fn owners_try_everything() -> Result<(), String> {
    let (mut said, mut events) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..200 {
        let mut runtime = guest()?;
        runtime.load(image()?).map_err(text)?;
        let (_, owners) = ends(&mut runtime, seed, MOVES, &Arc::new(World::answering_later(2)))?;
        said.extend(owners.came.iter().filter_map(|came| came.as_ref().err().map(|error| format!("{error:?}"))));
        events.extend(runtime.machine().audit().iter().map(|record| record.event));
    }
    ensure!(events.len() == AuthorityAuditEvent::ALL.len(), "only {events:?}");
    // Sessions that never were are asked for elsewhere.
    ensure!(said.len() >= OwnershipError::ALL.len() - 1, "only {said:?}");
    Ok(())
}
