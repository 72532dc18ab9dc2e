//! Live objects: equal to those computed again from the whole history, at every step of random ones; every rule has an
//! attempt to break it; and what is exported keeps the invariants of a whole bundle.
// With faults planted, the checks run one by one from `planted.rs`.
#![cfg_attr(feature = "planted", allow(dead_code))]

#[path = "common/history.rs"]
#[allow(missing_docs, clippy::duplicate_mod)]
mod history;
#[path = "common/lives.rs"]
#[allow(missing_docs, clippy::duplicate_mod)]
mod lives;

use history::Happened;
use lives::{Lives, Names, key};
use motet_semantic::*;
use motet_types::Digester;

/// Cases: 200 in every build, as many as `MOTET_CASES` says in a full lane.
fn cases() -> u64 {
    std::env::var("MOTET_CASES").ok().and_then(|text| text.replace('_', "").parse().ok()).unwrap_or(200)
}

fn run(seed: u64, steps: usize, keep: u32, every_step: bool) -> Lives {
    let mut lives = Lives::new(seed, keep);
    for at in 0..steps {
        lives.act();
        if every_step || at + 1 == steps {
            lives.compare(&format!("seed {seed}, step {at}, keeping {keep}"));
        }
    }
    lives
}

/// Incremental objects are those of the whole history, at every step.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn every_step_is_as_computed_again() {
    for seed in 0..cases() {
        let keep = [0, 3, 10, 1000][(seed % 4) as usize];
        run(seed, 20 + (seed % 7).pow(3) as usize * 5 / 6, keep, seed % 4 != 3 || seed % 8 == 3);
    }
}

/// Short bytes are the bytes that were written, however many, one by one or together.
#[cfg_attr(not(feature = "planted"), test)]
fn short_bytes_are_those_that_were_written() {
    let written: Vec<u8> = (0..60).collect();
    for (len, piece) in (0..60).flat_map(|len| [1, 8, 22, 23].map(|piece| (len, piece))) {
        let mut short = ShortBytes::new();
        written[..len].chunks(piece).for_each(|bytes| short.bytes(bytes));
        assert_eq!(short.as_slice(), &written[..len]);
        assert_eq!(short.owned_bytes() > 0, len > 22, "{len}");
        let back: ShortBytes = serde_json::from_value(serde_json::json!(short)).expect("it was written");
        assert_eq!(back.as_slice(), short.as_slice());
        short.clear();
        assert!(short.as_slice().is_empty() && short.owned_bytes() == 0);
    }
}

/// The same in small.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn every_step_in_small() {
    for seed in 0..12 {
        run(seed, 60, [3, 1000][(seed % 2) as usize], true);
    }
}

/// The same at the end of long histories.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn long_histories_end_alike() {
    for seed in 0..4 {
        run(1000 + seed, 600, 20, false);
    }
}

/// Random histories make every kind of object, and every enumeration's every value.
#[cfg_attr(not(feature = "planted"), test)]
fn every_object_is_made() {
    let mut text = String::new();
    for seed in 0..60 {
        let objects = run(seed, 150, 1000, false).export();
        text += &objects.to_json().unwrap();
        check(&objects).unwrap();
    }
    let document: ProtocolMachineSemanticObjects = run(3, 150, 1000, false).export();
    assert!(!document.operation_instances.is_empty());
    let names = [
        OperationPhase::NAMES,
        OutstandingEffectStatus::NAMES,
        AuthoritativeReadKind::NAMES,
        AuthoritativeReadLifecycle::NAMES,
        CanonicalHandleKind::NAMES,
        PublicationObserverClass::NAMES,
        PublicationStatus::NAMES,
        ProgressState::NAMES,
        DelegationStatus::NAMES,
    ];
    let names = names.into_iter().flatten().chain(PUBLICATIONS);
    let missing: Vec<_> = names.filter(|name| !text.contains(&format!("\"{name}\""))).collect();
    assert!(missing.is_empty(), "never made: {missing:?}");
}

/// Bytes bring everything back, and go on alike.
#[cfg_attr(not(feature = "planted"), test)]
fn bytes_go_on() {
    for seed in 0..20 {
        let mut lives = run(seed, 80, 10, false);
        let bytes = lives.live.to_bytes();
        lives.live = Live::from_bytes(&bytes, 10).unwrap();
        assert_eq!(lives.live.to_bytes(), bytes);
        (0..40).for_each(|_| lives.act());
        lives.compare("after bytes");
        let cut = &bytes[..bytes.len() - 1];
        assert!(Live::from_bytes(cut, 10).is_err());
        let more = [&bytes[..], &[0]].concat();
        assert!(Live::from_bytes(&more, 10).is_err());
    }
}

/// What is kept is bounded, whatever happens; what has not ended stays.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn what_has_ended_is_bounded() {
    let mut live = Live::new(8);
    live.apply(0, Occurrence::Opened { session: 0 }, |_| {}).unwrap();
    for counter in 0..10_000 {
        let effect = key(0, 1, counter);
        live.apply(u64::from(counter), Occurrence::Asked(lives::asked(effect, None)), |_| {}).unwrap();
        if counter % 100 != 0 {
            live.apply(u64::from(counter), Occurrence::Cancelled { effect }, |_| {}).unwrap();
        }
    }
    assert_eq!((live.ended_and_kept(), live.len()), (8, 8 + 100 + 1));
    let kept: Vec<u64> =
        live.export(&Names).outstanding_effects.iter().filter_map(|one| one.completed_at_tick).collect();
    assert_eq!(kept.iter().min(), Some(&9_992), "the oldest go first: {kept:?}");
}

fn opened() -> Live {
    let mut live = Live::new(100);
    live.apply(1, Occurrence::Opened { session: 0 }, |_| {}).unwrap();
    live
}

/// Applies all; answers what refused the last one.
fn refused(live: &mut Live, all: &[Occurrence<'_>]) -> LiveViolation {
    let (last, before) = all.split_last().unwrap();
    before.iter().for_each(|one| live.apply(5, *one, |_| {}).unwrap());
    let stood = live.export(&Names);
    let violation = live.apply(5, *last, |_| {}).unwrap_err();
    check(&live.export(&Names)).unwrap();
    if !matches!(violation, LiveViolation::Effect { error: EffectError::LateResult, .. }) {
        assert_eq!(live.export(&Names), stood, "a refusal changes nothing");
    }
    violation
}

fn record(artifact: AuthorityArtifact, event: AuthorityAuditEvent) -> AuthorityAuditRecord {
    AuthorityAuditRecord { tick: 5, artifact, event, reason: None }
}

/// What an owner has of a session.
fn capability(session_id: u64, owner: &str, generation: u64) -> AuthorityArtifact {
    let (owner_id, scope) = (owner.into(), OwnershipScope::Session);
    AuthorityArtifact::OwnershipCapability(OwnershipCapability { session_id, owner_id, generation, scope })
}

/// Ada's transfer of a session to Bob.
fn receipt(session_id: u64) -> AuthorityArtifact {
    AuthorityArtifact::OwnershipReceipt(OwnershipReceipt {
        session_id,
        claim_id: 2,
        from_owner_id: "ada".into(),
        from_generation: 0,
        to_owner_id: "bob".into(),
        to_generation: 1,
        scope: OwnershipScope::Session,
    })
}

/// Every invariant of the specification's section 8 that an occurrence can break, and what is said then.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn every_rule_refuses() {
    let effect = key(0, 1, 0);
    let ask = Occurrence::Asked(lives::asked(effect, None));
    let bounded = Occurrence::Asked(lives::asked(effect, Some(3)));
    let answer = Occurrence::Answered(AnsweredEffect { effect, failure: None, outputs: &*lives::ONE, overdue: false });
    let cancel = Occurrence::Cancelled { effect };
    let overdue = AnsweredEffect { effect, failure: Some("timeout"), outputs: &*lives::ONE, overdue: true };
    let overdue = Occurrence::Answered(overdue);
    let begun = Occurrence::Begun { effect };
    let name = |violation: LiveViolation| violation.to_string();
    let say = |all: &[Occurrence<'_>]| name(refused(&mut opened(), all));
    assert!(say(&[ask, ask]).contains("asked for before"));
    assert!(say(&[answer]).contains("never asked"));
    assert!(say(&[ask, answer, answer]).contains("has its result"));
    assert!(say(&[ask, cancel, answer]).contains("has its result"));
    assert!(say(&[ask, answer, cancel]).contains("has its result"));
    assert!(say(&[ask, overdue]).contains("no budget"));
    assert!(say(&[bounded, overdue]).contains("within its budget"));
    assert!(say(&[begun]).contains("never asked"));
    // Two of its steps are due two ticks later, and giving it up is not: none is taken.
    let mut live = opened();
    live.apply(3, bounded, |_| {}).unwrap();
    assert!(name(refused(&mut live, &[overdue])).contains("within its budget"));
    live.apply(5, Occurrence::Elapsed, |_| {}).unwrap();
    assert_eq!(live.export(&Names).progress_contracts[0].state, ProgressState::NoProgress);
    assert!(say(&[ask, answer, begun]).contains("has ended"));
    assert!(say(&[Occurrence::Opened { session: 0 }]).contains("opened before"));
    let end = Occurrence::Ended { session: 0, terminal: "closed" };
    assert!(say(&[end, ask]).contains("never opened, or has ended"));
    let late = opened().apply(0, ask, |_| {}).unwrap_err();
    assert!(matches!(late, LiveViolation::TickGoesBack { tick: 0, last: 1 }));
    // A result that comes after a handoff has taken its effect away is rejected, and that is on record.
    let capability = |owner: &str, generation| capability(0, owner, generation);
    let receipt = receipt(0);
    let claim = record(capability("ada", 0), AuthorityAuditEvent::Issued);
    let begin = record(receipt.clone(), AuthorityAuditEvent::Issued);
    let commit = record(receipt, AuthorityAuditEvent::Committed);
    let heir = record(capability("bob", 1), AuthorityAuditEvent::Issued);
    let own = |record, transports| Occurrence::Authority { session: Some(0), record, transports };
    let taken = [ask, own(&claim, true), own(&begin, true), own(&commit, false), own(&heir, true), answer];
    let mut live = opened();
    let violation = refused(&mut live, &taken);
    assert!(matches!(violation, LiveViolation::Effect { error: EffectError::LateResult, .. }), "{violation}");
    let objects = live.export(&Names);
    let rejected = objects.publication_events.iter().filter(|one| one.status == PublicationStatus::Rejected).count();
    assert_eq!((rejected, objects.finalization_paths[0].stage), (1, FinalizationStage::Invalidated));
    // The same of what an upgrade gave up, which nobody gives up twice or answers.
    let give_up = Occurrence::GivenUp { effect, upgrade: UpgradeKey([7; 32]) };
    let mut live = opened();
    let violation = refused(&mut live, &[ask, give_up, answer]);
    assert!(matches!(violation, LiveViolation::Effect { error: EffectError::LateResult, .. }), "{violation}");
    let objects = live.export(&Names);
    assert_eq!(objects.outstanding_effects[0].status, OutstandingEffectStatus::Invalidated);
    assert_eq!(objects.operation_instances[0].phase, OperationPhase::Cancelled);
    assert_eq!(objects.finalization_paths[0].invalidated_by_handoff_ids, [UpgradeKey([7; 32]).id()]);
    assert_eq!(live.invalidated().collect::<Vec<_>>(), [effect]);
    assert!(say(&[ask, give_up, give_up]).contains("later is rejected"));
    assert!(say(&[ask, answer, give_up]).contains("has its result"));
    assert!(say(&[give_up]).contains("never asked"));
    // Nobody becomes an owner beside another, and nobody is activated who was not begun to be, or before the old owner is
    // revoked.
    let thief = record(capability("eve", 7), AuthorityAuditEvent::Issued);
    assert!(say(&[own(&claim, true), own(&thief, true)]).contains("was not revoked"));
    assert!(say(&[own(&claim, true), own(&begin, true), own(&heir, true)]).contains("must be revoked first"));
    let mut live = opened();
    let all = [ask, own(&claim, true), own(&begin, true), own(&commit, true), own(&heir, true)];
    all.iter().for_each(|one| live.apply(5, *one, |_| {}).unwrap());
    let objects = live.export(&Names);
    assert_eq!(objects.outstanding_effects[0].owner_id.as_deref(), Some("bob"));
    assert_eq!(objects.transformation_obligations[0].transported_effect_ids.len(), 1);
    // What went along is settled: it is answered under its new owner.
    live.apply(6, answer, |_| {}).unwrap();
    // A witness is used once.
    let witness = AuthorityArtifact::Readiness(ReadinessWitness {
        witness_id: 1,
        session_id: 0,
        owner_id: "ada".into(),
        generation: 0,
        scope: OwnershipScope::Session,
        predicate_ref: "ready".into(),
    });
    let (issue, consume) = (AuthorityAuditEvent::Issued, AuthorityAuditEvent::Consumed);
    let (issue, consume) = (record(witness.clone(), issue), record(witness, consume));
    let twice = [own(&issue, true), own(&consume, true), own(&consume, true)];
    assert!(say(&twice).contains("used up"));
    assert!(say(&[own(&consume, true)]).contains("never issued"));
    // An output that passed cannot fail.
    let check = |passed| {
        let (predicate, witness, digest) = ("p", None, [7; 32]);
        Occurrence::Checked(CheckedOutput { session: 0, predicate, witness, digest, passed })
    };
    assert!(say(&[check(true), check(false)]).contains("came out otherwise"));
}

/// Who gave a session away may claim it anew once it is free; the handoff belongs to an era that is over then.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn a_new_claim_ends_an_era() {
    let capability = |owner: &str, generation| capability(0, owner, generation);
    let receipt = receipt(0);
    let mut released = record(capability("bob", 1), AuthorityAuditEvent::Invalidated);
    released.reason = Some(RELEASED.into());
    let records = [
        record(capability("ada", 0), AuthorityAuditEvent::Issued),
        record(receipt.clone(), AuthorityAuditEvent::Issued),
        record(receipt, AuthorityAuditEvent::Committed),
        record(capability("bob", 1), AuthorityAuditEvent::Issued),
        released,
        record(capability("ada", 2), AuthorityAuditEvent::Issued),
    ];
    let mut live = opened();
    for one in &records {
        live.apply(5, Occurrence::Authority { session: Some(0), record: one, transports: true }, |_| {}).unwrap();
    }
    let objects = live.export(&Names);
    assert_eq!(check(&objects), Ok(()));
    assert!(objects.semantic_handoffs.is_empty() && objects.regions[0].owner_id.as_deref() == Some("ada"));
}

/// The audit says what happened in canonical order: tick, rank, content.
#[cfg_attr(not(feature = "planted"), test)]
pub(crate) fn audits_are_in_order() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut lives = run(seed, 150, 1000, false);
        let records = SemanticAuditRecord::all(std::mem::take(&mut lives.said), &Names);
        let rank = |one: &SemanticAuditRecord| (one.tick, one.entry.kind(), serde_json::to_string(&one.entry).unwrap());
        assert!(records.iter().map(rank).is_sorted(), "seed {seed}");
        kinds.extend(records.iter().map(|one| one.entry.kind()));
        let ended = lives.history.iter().filter(|(_, one)| matches!(one, Happened::Ended(_))).count();
        let told = records.iter().filter(|one| one.entry.kind() == SemanticAuditKind::SessionTerminal).count();
        assert_eq!(told, ended, "each end is told once");
    }
    assert_eq!(kinds.len(), SemanticAuditKind::ALL.len() - 1, "all but faults, which only a machine has: {kinds:?}");
}

/// Names, and how often one was asked for.
#[derive(Default)]
struct Counted(core::cell::Cell<u64>);

impl Counted {
    fn one(&self) -> &Names {
        self.0.set(self.0.get() + 1);
        &Names
    }
}

impl Describe for Counted {
    fn effect_id(&self, effect: EffectKey) -> String {
        self.one().effect_id(effect)
    }

    fn handler(&self, session: u64) -> String {
        self.one().handler(session)
    }

    fn interface(&self, image: u32, wanted: Wanted) -> Option<(String, String)> {
        self.one().interface(image, wanted)
    }

    fn inputs(&self, image: u32, wanted: Wanted, bytes: &[u8]) -> Shown {
        self.one().inputs(image, wanted, bytes)
    }

    fn outputs(&self, image: u32, wanted: Wanted, bytes: &[u8]) -> Shown {
        self.one().outputs(image, wanted, bytes)
    }
}

/// So many sessions, each with effects that wait, that were answered, that were handed over and that were given up.
fn peopled(sessions: u64) -> Live {
    let mut live = Live::new(u32::MAX);
    for session in 10_000..10_000 + sessions {
        live.apply(session, Occurrence::Opened { session }, |_| {}).unwrap();
        let capability = |owner: &str, generation| capability(session, owner, generation);
        let receipt = receipt(session);
        for counter in 0..8 {
            live.apply(session, Occurrence::Asked(lives::asked(key(session, 1, counter), None)), |_| {}).unwrap();
        }
        for counter in 0..3 {
            let effect = key(session, 1, counter);
            let answered = AnsweredEffect { effect, failure: None, outputs: &*lives::ONE, overdue: false };
            live.apply(session, Occurrence::Answered(answered), |_| {}).unwrap();
        }
        let given_up = Occurrence::GivenUp { effect: key(session, 1, 3), upgrade: UpgradeKey([7; 32]) };
        live.apply(session, given_up, |_| {}).unwrap();
        for (artifact, event) in [
            (capability("ada", 0), AuthorityAuditEvent::Issued),
            (receipt.clone(), AuthorityAuditEvent::Issued),
            (receipt, AuthorityAuditEvent::Committed),
            (capability("bob", 1), AuthorityAuditEvent::Issued),
        ] {
            let record = AuthorityAuditRecord { tick: session, artifact, event, reason: None };
            let happened = Occurrence::Authority { session: Some(session), record: &record, transports: true };
            live.apply(session, happened, |_| {}).unwrap();
        }
    }
    live
}

/// An export asks for as many names and writes as many bytes for each object, however many there are.
#[cfg_attr(not(feature = "planted"), test)]
fn exports_are_linear() {
    let cost = |sessions: u64| {
        let (live, names) = (peopled(sessions), Counted::default());
        let objects = live.export(&names);
        check(&objects).unwrap();
        assert_eq!(objects.operation_instances.len() as u64, 9 * sessions);
        (names.0.get(), objects.to_json().unwrap().len() as u64)
    };
    let (names, bytes) = cost(10);
    for sessions in [100, 1000] {
        let (now, long) = cost(sessions);
        assert_eq!(now * 10, names * sessions, "names asked for, {sessions} sessions");
        // Places among all effects have more digits, and there is one document around all of them.
        let (each, at_first) = (long / sessions, bytes / 10);
        assert!(each.abs_diff(at_first) * 100 <= at_first, "{each} bytes a session, and {at_first} among ten");
    }
    println!("{} names and {} bytes for each operation", names / 90, bytes / 90);
}
